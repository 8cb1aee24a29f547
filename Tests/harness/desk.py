"""The checking desk as people use it: a batch of paper from its first facts until it is sealed, by the forms of the pages.

Every address, field and mark of these pages that a test or a measurement goes by stands in this file and nowhere else. Pages
are read as HTML, by their `data-` attributes.
"""

import html.parser
import json
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from agencies import FORM, Officer
from archive import Folder, Stack, numbers

NEW, CHECKS = "/batches/new", "/checks"
# A width at which a page is read, and not only known again.
WIDTH = 800
MEDIA = {"pdf": "application/pdf", "tif": "image/tiff", "jpg": "image/jpeg", "png": "image/png"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Node:
    def __init__(self, tag: str, attributes: dict):
        self.tag, self.attributes, self.children = tag, attributes, []

    def __getitem__(self, name: str) -> str:
        assert name in self.attributes, f"<{self.tag}> has no {name}: {self.attributes}"
        return self.attributes[name] or ""

    def walk(self) -> Iterator["Node"]:
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def all(self, tag: str, *names: str) -> list:
        """Every element inside it of that kind that has these attributes."""
        return [one for one in self.walk() if one.tag == tag and all(name in one.attributes for name in names)]

    @property
    def text(self) -> str:
        return " ".join("".join(child.text if isinstance(child, Node) else child for child in self.children).split())


class Page(html.parser.HTMLParser, Node):
    """A page as a tree."""

    def __init__(self, source: str):
        html.parser.HTMLParser.__init__(self)
        Node.__init__(self, "page", {})
        self.source, self._open = source, [self]
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        node = Node(tag, dict(attrs))
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self._open[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in (one.tag for one in self._open[1:]):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    @property
    def problems(self) -> list:
        return [one["data-problem"] for one in self.all("li", "data-problem")]


class Person:
    """Somebody at a browser of their own, who is signed in."""

    def __init__(self, name: str, browser: Officer):
        self.name, self.browser = name, browser
        self.token = ""

    def ask(self, path: str, status: int = 200):
        answer = self.browser.ask("GET", path)
        assert answer.status == status, f"GET {path}: {answer.status}\n{answer.text}"
        # Each page is asked for as often as it takes: what was sent is not kept.
        self.browser.sent.clear()
        return answer

    def look(self, path: str) -> Page:
        page = Page(self.ask(path).text)
        for one in page.all("input", "name", "value"):
            if one["name"] == "csrf":
                self.token = one["value"]
        return page

    def post(self, path: str, fields: dict, status: int = 303, sent: tuple | None = None) -> str | Page:
        """Sends a form: gives where it leads, or the page with what is wrong."""
        if sent is None:
            sent = (FORM, urllib.parse.urlencode({"csrf": self.token, **fields}, doseq=True))
        headers, body = sent
        cookies = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        answer = self.browser.service.ask("POST", path, {"Cookie": cookies, **headers}, body)
        assert answer.status == status, f"POST {path}: {answer.status}, not {status}\n{answer.text}"
        return answer.getheader("Location") if status == 303 else Page(answer.text)

    def bring(self, path: str, fields: dict, files: Iterable) -> str:
        """Sends a form with files: of each its field, name and bytes."""
        edge = "edge-of-a-part-of-a-form"
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in {"csrf": self.token, **fields}.items()
        ]
        for name, filename, data in files:
            kind = MEDIA[filename.rpartition(".")[2]]
            head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'
            parts += [head.encode(), data, b"\r\n"]
        body = b"".join([*parts, f"--{edge}--\r\n".encode()])
        return self.post(path, {}, sent=({"Content-Type": f"multipart/form-data; boundary={edge}"}, body))


def until(done: Callable, what: str, seconds: float):
    """The first answer that is something, of what is asked again and again."""
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, f"{what}: not after {seconds:.0f} s"
        time.sleep(0.1)
    return found


@dataclass(frozen=True)
class Line:
    """A separator as it is planned."""

    pupil: str
    category: str
    pages: int | None = None


@dataclass(frozen=True)
class PieceAtDesk:
    piece: str
    pupil: str
    category: str
    stack: str
    pages: tuple
    findings: tuple
    is_looked_at: bool

    def is_of(self, line: Line) -> bool:
        return (self.pupil, self.category) == (line.pupil, line.category)


@dataclass(frozen=True)
class Run:
    """Pages that are in no piece, and why."""

    stack: str
    pages: tuple
    reason: str


@dataclass
class View:
    """What stands at the desk."""

    pieces: list
    aside: list
    left: list
    problems: list = field(default_factory=list)
    checkers: dict = field(default_factory=dict)  # ids by name
    missing: list = field(default_factory=list)  # codes of printed sheets that were not found

    def places(self) -> list:
        """(stack, page, what it is in) of each page, as often as it stands there."""
        return [(one.stack, page, one) for one in (*self.pieces, *self.aside, *self.left) for page in one.pages]

    def with_pages(self) -> list:
        return [one for one in self.pieces if one.pages]


def view_of(page: Page) -> View:
    pieces = [_piece(one) for one in page.all("section", "data-piece")]
    aside, left = (
        [Run(one["data-stack"], tuple(numbers(one["data-pages"])), one["data-reason"]) for one in page.all("section", kind)]
        for kind in ("data-aside", "data-left")
    )
    people = {
        option.text: option["value"]
        for select in page.all("select", "name") if select["name"] == "checker"
        for option in select.all("option", "value") if option["value"]
    }  # fmt: skip
    sheets = [one for section in page.all("section", "id") if section["id"] == "missing" for one in section.all("input", "name")]
    return View(pieces, aside, left, page.problems, people, [one["value"] for one in sheets if one["name"] == "sheet"])


def _piece(one: Node) -> PieceAtDesk:
    said = [one[f"data-{name}"] for name in ("piece", "pupil", "category", "stack")]
    return PieceAtDesk(*said, tuple(numbers(one["data-pages"])), tuple(one["data-findings"].split()), one["data-looked"] == "yes")


class PaperBatch:
    """A batch of paper, as its operator works at it."""

    def __init__(self, operator: Person, path: str):
        self.operator, self.path = operator, path
        self.stacks: dict[str, Stack] = {}  # by upload

    @classmethod
    def opened(cls, operator: Person, place: tuple, documents: int, pages: int, dpi: int, colour: str) -> "PaperBatch":
        operator.look(NEW)
        cabinet, drawer, folder = place
        facts = {
            "cabinet": cabinet, "drawer": drawer, "folder": folder, "documents": documents, "pages": pages,
            "scanner": "The copier in the office", "dpi": dpi, "colour": colour, "condition": "Yellowed; holes torn out",
        }  # fmt: skip
        return cls(operator, operator.post(NEW, facts))

    @property
    def id(self) -> str:
        return self.path.rpartition("/")[2]

    def page(self) -> Page:
        return self.operator.look(self.path)

    @property
    def number(self) -> int:
        """What people call it."""
        return int(self.page().all("h1")[0].text.removeprefix("Batch "))

    @property
    def state(self) -> str:
        (main,) = self.page().all("div", "data-batch-state")
        return main["data-batch-state"]

    # Sheets

    def plan(self, lines: Iterable[Line], pages: int | None) -> bytes:
        """Plans the separators in this order and prints them; gives the PDF: cover, separators, end."""
        path, lines = f"{self.path}/sheets", list(lines)
        self.operator.look(path)
        for line in lines:
            counted = "" if line.pages is None else line.pages
            self.operator.post(path, {"do": "add", "pupil": line.pupil, "category": line.category, "pages": counted})
        planned = self.operator.look(path).all("tr", "data-sheet")
        said = [(one["data-pupil"], one["data-category"], one["data-pages"]) for one in planned]
        assert said == [(line.pupil, line.category, "" if line.pages is None else str(line.pages)) for line in lines], said
        self.operator.post(path, {"do": "print", "folder-pages": "" if pages is None else pages})
        printed = self.operator.ask(f"{path}.pdf").bytes
        assert printed.startswith(b"%PDF-"), printed[:40]
        return printed

    # Scans

    def bring(self, *stacks: Stack) -> None:
        """Uploads stacks, one after the other, and waits until each is read."""
        for stack in stacks:
            before = set(self._states())
            self.operator.bring(f"{self.path}/scans", {"sides": stack.sides}, [("files", stack.name, stack.data)])
            (new,) = set(self._states()) - before
            self.stacks[new] = stack
        seconds = 60 + sum(len(stack.pages) for stack in self.stacks.values())
        until(lambda: "reading" not in self._states().values(), "reading the stacks", seconds)
        assert set(self._states().values()) == {"read"}, self._states()

    def _states(self) -> dict:
        return {one["data-stack"]: one["data-stack-state"] for one in self.page().all("li", "data-stack")}

    # The desk

    def desk(self) -> View:
        return view_of(self.operator.look(f"{self.path}/desk"))

    def act(self, do: str, **fields: str | int) -> None:
        self.operator.post(f"{self.path}/desk", {"do": do, **fields})

    def move(self, stack: str, first: int, last: int, piece: str) -> None:
        self.act("move", stack=stack, first=first, last=last, piece=piece)

    def start(self, stack: str, first: int, last: int, line: Line) -> None:
        self.act("start", stack=stack, first=first, last=last, pupil=line.pupil, category=line.category)

    def leave(self, stack: str, first: int, last: int, reason: str) -> None:
        self.act("leave", stack=stack, first=first, last=last, reason=reason)

    def describe(self, pieces: Iterable[PieceAtDesk], date: str, summary: Callable[[PieceAtDesk], str]) -> None:
        fields = {}
        for one in pieces:
            fields |= {f"date.{one.piece}": date, f"summary.{one.piece}": summary(one), f"signed.{one.piece}": "unknown"}
        self.act("save", **fields)

    # Two people

    def present(self, checker: str, difference: str = "") -> None:
        """Gives it to a second person, by name."""
        (chosen,) = (id for name, id in self.desk().checkers.items() if checker in name)
        self.operator.post(f"{self.path}/present", {"checker": chosen, "staff": "no", "difference": difference})
        assert self.state == "presented", self.state

    def seal(self, status: int = 303) -> None:
        self.operator.post(f"{self.path}/seal", {}, status)

    def wait_until_sealed(self, seconds: float) -> None:
        until(lambda: self.state == "sealed", "sealing", seconds)

    def picture(self, stack: str, page: int, status: int = 200) -> bytes:
        return self.operator.ask(f"{self.path}/scans/{stack}/{page}?width={WIDTH}", status).bytes


class Check:
    """The same batch, as the second person looks at it."""

    def __init__(self, checker: Person, batch: PaperBatch):
        self.checker, self.path = checker, f"{CHECKS}/{batch.id}"
        asked = [one["href"] for one in checker.look(CHECKS).all("a", "href")]
        assert self.path in asked, f"{checker.name} is not asked to check {batch.id}: {asked}"

    def pages(self) -> Iterator[tuple]:
        """Each piece with (page, picture) of all its pages, as they are shown."""
        shown = self.checker.look(self.path)
        for section in shown.all("section", "data-piece"):
            piece = _piece(section)
            sources = [one["src"].partition("?")[0] for one in section.all("img", "src")]
            wanted = [f"{self.path}/scans/{piece.stack}/{page}" for page in piece.pages]
            assert [one for one in sources if one in wanted] == wanted, (sources, wanted)
            pictures = (self.checker.ask(f"{source}?width={WIDTH}").bytes for source in wanted)
            yield piece, list(zip(piece.pages, pictures, strict=True))

    def right(self) -> None:
        self.checker.post(self.path, {"answer": "right", "looked": "all"})

    def wrong(self, note: str, pages: Iterable) -> None:
        """What is wrong: (stack, page) each."""
        self.checker.post(self.path, {"answer": "wrong", "note": note, "wrong": [f"{stack}.{page}" for stack, page in pages]})


@dataclass(frozen=True)
class Origin:
    """What a document says of the scan that it was cut from."""

    batch: int
    checker: str
    stack: str
    pages: tuple
    qualities: int

    @classmethod
    def of(cls, details: dict) -> "Origin | None":
        """From the fields of a document's detail; nil where it was not cut from a scan."""
        if not details.get("scan"):
            return None
        said = json.loads(details["scan"])
        return cls(said["batch"], said["checker"], said["stack"], tuple(numbers(said["stack_pages"])), len(details["quality"].splitlines()))


# MARK: somebody who knows what is right


def lines_of(folder: Folder, references: list) -> list:
    """What is planned for a folder, a line for each piece; references are the pupils', in the archive's order."""
    return [Line(references[piece.pupil], piece.category, len(piece.tokens)) for piece in folder.pieces]


def unaccounted(view: View, stacks: dict) -> list:
    """Pages of these stacks that stand at the desk in no place or in two, and such as no stack has."""
    times = Counter((stack, page) for stack, page, _ in view.places())
    there = {(upload, page) for upload, stack in stacks.items() for page in range(1, len(stack.pages) + 1)}
    return sorted(one for one in there | set(times) if times[one] != 1 or one not in there)


def strays(view: View, stacks: dict, lines: list) -> list:
    """(piece, page) where a page stands in a piece of another pupil or category than it belongs to."""
    pages = ((piece, page, stacks[piece.stack].pages[page - 1]) for piece in view.pieces for page in piece.pages)
    return [(piece, page) for piece, page, seen in pages if seen.token is not None and not piece.is_of(lines[seen.piece])]


def left_wrongly(view: View, stacks: dict) -> list:
    """Pages with something on them that are left out."""
    return [(one, page) for one in view.left for page in one.pages if stacks[one.stack].pages[page - 1].token is not None]


def next_step(view: View, stacks: dict, lines: list) -> tuple | None:
    """What a careful operator does next: (do, fields), the first of the things that are still wrong; nil where nothing is."""
    for upload, stack in stacks.items():
        place = {page: one for where, page, one in view.places() if where == upload}

        def is_wrong(page: int, stack=stack, place=place) -> bool:
            seen, one = stack.pages[page - 1], place[page]
            if seen.token is None:
                return one in view.aside
            return not (isinstance(one, PieceAtDesk) and one.is_of(lines[seen.piece]))

        for first in range(1, len(stack.pages) + 1):
            if not is_wrong(first):
                continue
            seen, last = stack.pages[first - 1], first
            # As far as pages of the same piece lie in the same place: blank backs go with their papers.
            while last < len(stack.pages) and place[last + 1] == place[first] and stack.pages[last].piece == seen.piece:
                if seen.token is None and stack.pages[last].token is not None:
                    break
                last += 1
            run = {"stack": upload, "first": first, "last": last}
            if seen.token is None:
                return "leave", {**run, "reason": "Nothing is on it" if seen.is_blank else "A sheet"}
            if place[first] in view.left:
                return "back", run
            line = lines[seen.piece]
            target = next((one for one in view.pieces if one.stack == upload and one.is_of(line)), None)
            if target:
                return "move", {**run, "piece": target.piece}
            return "start", {**run, "pupil": line.pupil, "category": line.category}
    for piece in view.pieces:
        if not piece.pages:
            return "remove", {"piece": piece.piece}
    for sheet in view.missing:
        return "absent", {"sheet": sheet}
    for piece in view.pieces:
        if piece.findings and not piece.is_looked_at:
            return "looked", {"piece": piece.piece}
    return None


def put_right(batch: PaperBatch, lines: list) -> Counter:
    """Does that until nothing is wrong any more; gives how often what was done."""
    done: Counter = Counter()
    while step := next_step(batch.desk(), batch.stacks, lines):
        do, fields = step
        batch.act(do, **fields)
        done[do] += 1
        assert done.total() < 500, f"it does not come to an end: {done}"
    return done
