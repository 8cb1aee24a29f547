"""A whole paper archive through the copier, the desk and two people's hands: every page ends in the right pupil's file, once, as it
was scanned, and of what it was scanned in nothing is left (S-04, S-06).

The archive is made (archive.py), so that of each page it is known whose it is. What stands at the desk before anybody acts, and
what the files hold when all is sealed, is held beside that; the bars on each page tell which one it is.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import archive
import pytest
import reader
from archive import Archive, Found, Picture, Truth, faults, pictures_in
from colleagues import colleague
from desk import Check, Line, Origin, PaperBatch, Person, PieceAtDesk, Run, View
from desk import left_wrongly, lines_of, next_step, put_right, strays, unaccounted
from PIL import Image
from service import PASSWORD, Service
from sizes import size
from test_attack import Thief
from vault import DSL, FIXTURES

OPERATOR, CHECKER = "Hester Quill", "Anselm Brade"
# Scanned long after it was written.
LEGACY = "2014-05-06"
AGE = b"age-encryption.org/v1\n"
SHEETS = FIXTURES / "stacks/sheets.pdf"


def made() -> Archive:
    return Archive(size("SEED"), size("ARCHIVE_FOLDERS"), size("ARCHIVE_PUPILS"), size("ARCHIVE_PAGES"))


# MARK: what holds truth and files beside one another


def printed(count: int) -> list:
    """So many sheets of no batch, as a cover, separators and an end look."""
    cover, one, other, end = archive.drawn(SHEETS)
    return [cover, *([one, other] * count)[: count - 2], end]


@pytest.fixture(scope="module")
def scanned() -> list:
    """Three small folders, scanned: every kind of mishap."""
    small = Archive(size("SEED"), 3, 4, 45)
    return [(folder, folder.scanned(printed(len(folder.pieces) + 2))) for folder in small.folders]


@pytest.fixture
def truth(scanned) -> Truth:
    truth = Truth()
    for folder, one in scanned:
        truth.add(folder, one)
    return truth


@pytest.fixture
def right(truth) -> list:
    """The documents that should come of it: of each stack, one for each piece that it has pages of."""
    found = []
    for digest, (folder, stack) in truth.stacks.items():
        for number, piece in enumerate(folder.pieces):
            pages = tuple(page for page, seen in enumerate(stack.pages, 1) if seen.piece == number)
            if pages:
                pictures = tuple(Picture(stack.pages[page - 1].token, stack.pages[page - 1].picture) for page in pages)
                found.append(Found(f"{stack.name} {number}", piece.pupil, piece.category, digest, pages, pictures))
    return found


def test_an_archive_of_a_seed_is_the_same_bytes_each_time_and_another_of_another(scanned):
    again = Archive(size("SEED"), 3, 4, 45).folders[0]
    other = Archive(size("SEED") + 1, 3, 4, 45).folders[0]
    digests = [[stack.digest for stack in one.scanned(printed(len(one.pieces) + 2)).all] for one in (again, other)]
    assert digests[0] == [stack.digest for stack in scanned[0][1].all] and digests[0] != digests[1]


def test_every_page_that_was_scanned_is_known_again_from_its_picture(scanned):
    for _, one in scanned:
        for stack in one.all:
            assert pictures_in(stack.data) == [Picture(page.token, page.picture) for page in stack.pages], stack.name


def test_every_page_of_a_folder_was_scanned_or_is_known_to_be_missed(scanned):
    for folder, one in scanned:
        there = Counter(page.token for stack in one.stacks for page in stack.pages if page.token is not None)
        missed = [token for wrong in one.wrong for token in wrong.tokens]
        assert there + Counter(missed) == Counter(folder.tokens), folder.title
        assert sorted(missed) == [page.token for page in one.again.pages] if one.again else not missed
    kinds = {wrong.what for _, one in scanned for wrong in one.wrong}
    assert kinds >= {"separator-under-page", "page-under-page", "page-under-sheet", "sheet-upside-down", "stack-upside-down", "two-runs"}


def test_documents_as_they_should_be_have_no_fault(truth, right):
    assert faults(truth, right) == []


def changed(right: list, number: int, **others) -> list:
    return [replace(one, **others) if at == number else one for at, one in enumerate(right)]


def test_a_page_that_was_swapped_in_the_truth_is_found(truth, right):
    # The first and the last token are of different pieces.
    first, *_, last = truth.tokens
    truth.tokens[first], truth.tokens[last] = truth.tokens[last], truth.tokens[first]
    found = faults(truth, right)
    assert len(found) == 2 and f"token {first} " in found[0] and f"token {last} " in found[1], found


def test_every_other_way_to_be_wrong_is_found(truth, right):
    one, number = right[0], 0
    cases = {
        "is in 0 documents": changed(right, number, pages=one.pages[1:], stack_pages=one.stack_pages[1:]),
        "in 2 documents": [*right, replace(one, document="again")],
        "in 0 documents": right[1:],
        "picture is another": changed(right, number, pages=(replace(one.pages[0], digest="0" * 64), *one.pages[1:])),
        "was scanned": changed(right, number, pages=(replace(one.pages[0], token=right[-1].pages[0].token), *one.pages[1:])),
        "not (": changed(right, number, pupil=one.pupil + 1),
        "from no stack": changed(right, number, stack="0" * 64),
        "out of order": changed(right, number, stack_pages=one.stack_pages[::-1], pages=one.pages[::-1]),
        "no such page": changed(right, number, stack_pages=(*one.stack_pages[:-1], 999)),
        "and has": changed(right, number, stack_pages=one.stack_pages[:-1]),
    }
    for words, documents in cases.items():
        found = faults(truth, documents)
        assert any(words in fault for fault in found), (words, found)


# MARK: the operator's steps, at a desk that is a list


class ListedDesk:
    """What the desk does, as far as next_step goes: stacks split at their sheets by the truth, and the acts on them."""

    def __init__(self, stacks: dict, lines: list):
        self.stacks, self.lines, self.view = stacks, lines, View([], [], [])
        for upload, stack in stacks.items():
            self.split(upload, stack)

    def split(self, upload: str, stack: archive.Stack) -> None:
        place: PieceAtDesk | str = "before-first-sheet"
        for page, seen in enumerate(stack.pages, 1):
            if seen.sheet is not None and not seen.is_back_of_sheet:
                self.view.left.append(Run(upload, (page,), "sheet"))
                place = "behind-cover" if seen.sheet == 0 else "behind-end"
                if 0 < seen.sheet <= len(self.lines):
                    line = self.lines[seen.sheet - 1]
                    place = f"{upload}-{seen.sheet}"
                    self.view.pieces.append(PieceAtDesk(place, line.pupil, line.category, upload, (), (), False))
            elif place in ("before-first-sheet", "behind-cover", "behind-end"):
                self.view.aside.append(Run(upload, (page,), place))
            elif stack.sides == "both" and page % 2 == 0 and stack.pages[page - 2].sheet is not None and seen.is_blank:
                self.view.left.append(Run(upload, (page,), "sheet"))
            else:
                self.put(page, place)
        found = {seen.sheet for stack in self.stacks.values() for seen in stack.pages if not seen.is_back_of_sheet}
        for number, one in enumerate(self.view.pieces):
            written = sum(self.stacks[one.stack].pages[page - 1].token is not None for page in one.pages)
            line = int(one.piece.rpartition("-")[2])
            findings = [] if self.lines[line - 1].pages == written else ["count"]
            if line + 1 not in found:
                findings.append("may-hold-pages")
            self.view.pieces[number] = replace(one, findings=tuple(findings))

    def put(self, page: int, place: str) -> None:
        for number, one in enumerate(self.view.pieces):
            if one.piece == place:
                self.view.pieces[number] = replace(one, pages=tuple(sorted((*one.pages, page))))

    def take(self, stack: str, pages: range) -> None:
        def rest(one):
            return replace(one, pages=tuple(page for page in one.pages if one.stack != stack or page not in pages))

        self.view.pieces = [rest(one) for one in self.view.pieces]
        self.view.aside = [one for one in map(rest, self.view.aside) if one.pages]
        self.view.left = [one for one in map(rest, self.view.left) if one.pages]

    def desk(self) -> View:
        return self.view

    def act(self, do: str, **fields: str | int) -> None:
        if do == "remove":
            self.view.pieces = [one for one in self.view.pieces if one.piece != fields["piece"]]
        if do == "looked":
            self.view.pieces = [replace(one, is_looked_at=one.is_looked_at or one.piece == fields["piece"]) for one in self.view.pieces]
        if "first" not in fields:
            return
        pages, stack = range(fields["first"], fields["last"] + 1), fields["stack"]
        self.take(stack, pages)
        if do == "start":
            new = PieceAtDesk(f"started-{len(self.view.pieces)}", fields["pupil"], fields["category"], stack, tuple(pages), (), False)
            self.view.pieces.append(new)
        elif do == "move":
            for page in pages:
                self.put(page, fields["piece"])
        else:
            (self.view.aside if do == "back" else self.view.left).append(Run(stack, tuple(pages), fields.get("reason", "")))


def listed(folder: archive.Folder, one: archive.Scanned) -> tuple:
    references = [f"P-{number}" for number in range(len(folder.archive.pupils))]
    lines = lines_of(folder, references)
    return ListedDesk({f"upload{number}": stack for number, stack in enumerate(one.all)}, lines), lines


def test_a_careful_operator_puts_right_whatever_went_wrong(scanned):
    done, strayed = Counter(), 0
    for folder, one in scanned:
        desk, lines = listed(folder, one)
        assert not unaccounted(desk.view, desk.stacks)
        strayed += len(strays(desk.view, desk.stacks, lines))
        assert all(piece.findings for piece, _ in strays(desk.view, desk.stacks, lines))
        done += put_right(desk, lines)
        assert not unaccounted(desk.view, desk.stacks) and not strays(desk.view, desk.stacks, lines)
        assert not desk.view.aside and not left_wrongly(desk.view, desk.stacks) and next_step(desk.view, desk.stacks, lines) is None
    assert strayed > 0 and done["start"] > 0 and done["looked"] > 0, done


def test_a_page_that_stands_wrongly_at_the_desk_is_found(scanned):
    folder, one = scanned[0]
    desk, lines = listed(folder, one)
    put_right(desk, lines)
    first, *_, last = desk.view.pieces
    page = next(page for page in first.pages if desk.stacks[first.stack].pages[page - 1].token is not None)
    # In another's piece, then in none, then in two, then left out.
    desk.act("move", stack=first.stack, first=page, last=page, piece=last.piece)
    assert [found for _, found in strays(desk.view, desk.stacks, lines)] == [page]
    assert next_step(desk.view, desk.stacks, lines)[0] == "move"
    desk.take(first.stack, range(page, page + 1))
    assert unaccounted(desk.view, desk.stacks) == [(first.stack, page)]
    desk.put(page, first.piece)
    desk.put(page, last.piece)
    assert unaccounted(desk.view, desk.stacks) == [(first.stack, page)]
    desk.act("leave", stack=first.stack, first=page, last=page, reason="Blank")
    assert [found for _, found in left_wrongly(desk.view, desk.stacks)] == [page]
    assert next_step(desk.view, desk.stacks, lines)[0] == "back"
    put_right(desk, lines)
    assert not strays(desk.view, desk.stacks, lines) and not left_wrongly(desk.view, desk.stacks)


# MARK: the whole of it


@dataclass
class Batch:
    """One folder on its way, and what was seen of it."""

    folder: archive.Folder
    scanned: archive.Scanned
    paper: PaperBatch
    lines: list
    first: View = field(default_factory=lambda: View([], [], []))  # before any person's act
    last: View = field(default_factory=lambda: View([], [], []))  # as it was sealed
    steps: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)  # pages that the checker called wrong


@dataclass
class School:
    """An archive that was scanned, checked and sealed, and the vault as it stood while it was and after."""

    folder: Path
    service: Service
    archive: Archive
    references: list
    truth: Truth = field(default_factory=Truth)
    batches: list = field(default_factory=list)
    during: Path = Path()
    after: Path = Path()
    details: dict = field(default_factory=dict)  # by document: pupil's reference, and the fields of its detail
    documents: list = field(default_factory=list)


def read_and_split(school: School, operator: Person, folder: archive.Folder) -> Batch:
    """Sheets are planned and printed, the folder goes through the copier, and the desk says what it found."""
    colour = "black" if folder.manner.is_fax else "grey"
    paper = PaperBatch.opened(operator, folder.place, len(folder.pieces), len(folder.tokens), folder.manner.dpi, colour)
    lines = lines_of(folder, school.references)
    sheets = archive.drawn(paper.plan(lines, len(folder.tokens)))
    assert len(sheets) == len(lines) + 2
    scanned = folder.scanned(sheets)
    school.truth.add(folder, scanned)
    paper.bring(*scanned.stacks)
    batch = Batch(folder, scanned, paper, lines)
    batch.first = paper.desk()
    # Before anybody acts; so that nothing that comes later hides it.
    assert not unaccounted(batch.first, paper.stacks), folder.title
    assert not silent(batch), folder.title
    return batch


def stray(batch: Batch) -> list:
    return strays(batch.first, batch.paper.stacks, batch.lines)


def silent(batch: Batch) -> list:
    """Pages in the piece of another, where nothing tells of it."""
    return [(piece, page) for piece, page in stray(batch) if not piece.findings]


def difference(batch: Batch) -> str:
    """Pages are all there when it is presented; of pieces there are more where a piece is in two stacks."""
    more = len(batch.last.pieces) != len(batch.lines)
    return "The folder was scanned in more than one run, so one document became two." if more else ""


def present(batch: Batch) -> None:
    batch.last = batch.paper.desk()
    why = difference(batch)
    # What is asked of who presents it: why there are more documents than were counted.
    assert batch.last.problems == (["document-count"] if why else []) and not batch.last.aside, batch.last
    batch.paper.present(CHECKER, why)


def seen_wrong(batch: Batch, check: Check) -> list:
    """What somebody who looks at every page finds in another's piece: (stack, page) each."""
    found, looked = [], 0
    for piece, pictures in check.pages():
        stack = batch.paper.stacks[piece.stack]
        for page, picture in pictures:
            token, seen = archive.token_of(Image.open(io.BytesIO(picture))), stack.pages[page - 1]
            assert token == seen.token, f"{stack.name}, page {page}: {token} is shown, and {seen.token} was scanned"
            looked += 1
            if token is not None and not piece.is_of(batch.lines[seen.piece]):
                found.append((piece.stack, page))
    assert looked == sum(len(piece.pages) for piece in batch.last.pieces)
    return found


def mistake(batch: Batch) -> tuple:
    """The operator puts a page into the piece of another pupil, and says that it is right."""
    pieces = batch.paper.desk().with_pages()
    one, other = next((one, other) for one in pieces for other in pieces if one.stack == other.stack and one.pupil != other.pupil)
    stack = batch.paper.stacks[one.stack]
    page = next(page for page in one.pages if stack.pages[page - 1].token is not None)
    batch.paper.move(one.stack, page, page, other.piece)
    for piece in batch.paper.desk().pieces:
        if piece.findings and not piece.is_looked_at:
            batch.paper.act("looked", piece=piece.piece)
    return one.stack, page


def work(school: School, operator: Person, checker: Person, folder: archive.Folder) -> None:
    batch = read_and_split(school, operator, folder)
    school.batches.append(batch)
    paper = batch.paper
    if batch.scanned.again:
        paper.bring(batch.scanned.again)
    batch.steps = put_right(paper, batch.lines)
    view = paper.desk()
    paper.describe(view.pieces, LEGACY, lambda piece: f"Papers of {folder.title} from page {piece.pages[0]}, {piece.category}")
    is_first = folder.number == 0
    wrong = mistake(batch) if is_first else None
    present(batch)
    paper.seal(422)
    batch.wrong = seen_wrong(batch, check := Check(checker, paper))
    if is_first:
        assert batch.wrong == [wrong]
        check.wrong("This page is another pupil's", batch.wrong)
        assert paper.state == "open"
        paper.seal(422)
        batch.steps += put_right(paper, batch.lines)
        present(batch)
        batch.wrong = seen_wrong(batch, check := Check(checker, paper))
    assert batch.wrong == []
    check.right()
    assert paper.state == "checked"
    if is_first:
        school.during = school.service.kept(school.folder / "during")
    paper.seal()
    paper.wait_until_sealed(120 + 2 * sum(len(stack.pages) for stack in paper.stacks.values()))


def gather(school: School) -> None:
    """Every document of each pupil's file as the lead opens it, and what the vault says of it."""
    references = {reference: number for number, reference in enumerate(school.references)}
    with closing(reader.Vault(school.after / "vault")) as opened:
        lead = reader.Person(opened, school.after / "vault.secrets", DSL, PASSWORD)
        for document, statement in opened.ledger.documents.items():
            pupil = opened.ledger.pupils[statement.pupil_file]["reference"]
            school.details[document] = pupil, lead.details(document)
    for document, (pupil, said) in school.details.items():
        origin = Origin.of(said)
        pages = tuple(pictures_in(school.service.download(document)))
        school.documents.append(Found(document, references[pupil], said["category"], origin.stack, origin.pages, pages))


def references_of(service: Service, archive: Archive) -> list:
    """The references of its pupils, who are put on the register."""
    page = service.form("/pupils/import", archive.register)
    row = r'<th scope="row">{}</th><td class="figures">[^<]*</td><td class="figures ref">(P-[0-9A-Z]{{5}})<'
    return [re.search(row.format(pupil.name), page)[1] for pupil in archive.pupils]


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("archive")
    service = Service(folder / "service")
    one = made()
    school = School(folder, service, one, references_of(service, one))
    operator, checker = (Person(name, colleague(service, name, "admin")) for name in (OPERATOR, CHECKER))
    for papers in one.folders:
        work(school, operator, checker, papers)
    school.after = service.kept(folder / "after")
    # The lead's session has rested meanwhile.
    service.sign_in()
    gather(school)
    yield school
    service.stop()
    assert service.verify() == []


def test_before_anybody_acts_every_page_stands_in_one_place(school):
    for batch in school.batches:
        there = {upload: stack for upload, stack in batch.paper.stacks.items() if stack in batch.scanned.stacks}
        assert len(there) == len(batch.scanned.stacks) and not unaccounted(batch.first, there), batch.folder.title
        assert not left_wrongly(batch.first, there), batch.folder.title


def test_no_page_stands_in_the_piece_of_another_without_a_finding(school):
    found = [one for batch in school.batches for one in stray(batch)]
    unsaid = [one for batch in school.batches for one in silent(batch)]
    print(f"{len(found)} pages stood in a piece of another before anybody acted, {len(unsaid)} of them without a finding")
    assert not unsaid
    # A separator that is lost leaves its pages in the piece before it: so there are some.
    lost = [wrong for batch in school.batches for wrong in batch.scanned.wrong if wrong.what.startswith("separator")]
    assert lost and found


def test_what_went_wrong_at_the_copier_is_told(school):
    for batch in school.batches:
        pieces = batch.first.pieces
        for wrong in batch.scanned.wrong:
            if wrong.tokens:
                both = list(zip(batch.lines, batch.folder.pieces, strict=True))
                whose = {line for line, piece in both if set(wrong.tokens) & set(piece.tokens)}
                assert whose and all(piece.findings for line in whose for piece in pieces if piece.is_of(line)), (batch.folder.title, wrong)
            if wrong.sheet is not None:
                before = batch.lines[wrong.sheet - 2]
                assert all(piece.findings for piece in pieces if piece.is_of(before)), (batch.folder.title, wrong)


def test_every_page_is_in_the_right_file_once_as_it_was_scanned(school):
    assert faults(school.truth, school.documents) == []
    assert {picture.token for one in school.documents for picture in one.pages} >= set(range(size("ARCHIVE_PAGES")))


def test_every_document_says_where_it_is_from(school):
    batches = {batch.paper.number: {stack.digest for stack in batch.scanned.all} for batch in school.batches}
    for document, (_, said) in school.details.items():
        origin = Origin.of(said)
        assert origin.stack in batches[origin.batch] and origin.checker == CHECKER, document
        assert origin.qualities == len(origin.pages) == int(said["pages"]) and said["uploader"] == OPERATOR, document


def test_the_report_balances(school):
    filed = Counter()
    for one in school.documents:
        filed[one.stack] += len(one.stack_pages)
    total: Counter = Counter()
    for batch in school.batches:
        for upload, stack in batch.paper.stacks.items():
            left: Counter = Counter()
            for run in batch.last.left:
                if run.stack == upload:
                    for page in run.pages:
                        seen = stack.pages[page - 1]
                        left["sheets" if seen.sheet is not None else "blank" if seen.is_blank else "with a reason"] += 1
            assert len(stack.pages) == filed[stack.digest] + left.total(), (stack.name, filed[stack.digest], left)
            total += left + Counter(scanned=len(stack.pages), filed=filed[stack.digest])
    print(f"{total['scanned']} pages scanned = {total['filed']} in {len(school.documents)} documents, and left out: "
          f"{total['sheets']} of sheets, {total['blank']} blank, {total['with a reason']} with a reason")  # fmt: skip
    assert total["with a reason"] == 0


# MARK: what is left of the stacks


class Copy:
    """A copy of the vault's files, as test_attack's thief has it."""

    def __init__(self, folder: Path):
        self.path, self.secrets, self.vault, self.code = folder / "vault", folder / "vault.secrets", self, ""

    def files(self) -> Iterator[tuple[Path, bytes]]:
        for path in sorted(path for one in (self.path, self.secrets) for path in one.rglob("*") if path.is_file()):
            yield path, path.read_bytes()

    def secret(self, name: str) -> bytes:
        return (self.secrets / name).read_bytes()

    def person(self, name: str) -> reader.Person:
        return reader.Person(reader.Vault(self.path), self.secrets, name, PASSWORD)

    def headers(self) -> set:
        """Everything that the workspace has of headers of uploads."""
        with closing(reader.open_database(self.path / "workspace.sqlite")) as workspace:
            tables = [name for (name,) in workspace.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            rows = [row for table in tables for row in workspace.execute(f"SELECT * FROM {table}")]
        return {cell for row in rows for cell in row if isinstance(cell, bytes) and cell.startswith(AGE)}

    def opened_with(self, keys: set) -> set:
        """SHA-256 of whatever payload opens with one of these file keys."""
        found = set()
        for path in (path for folder in ("staging", "blobs", "orphans") for path in (self.path / folder).rglob("*") if path.is_file()):
            sealed = path.read_bytes()
            for key in keys:
                try:
                    found.add(reader.sha256(b"".join(reader.open_payload(key, [sealed], len(sealed)))).hex())
                except reader.Broken:
                    continue
        return found


@pytest.fixture(scope="module")
def keys_before(school) -> set:
    """The file keys that the operator's password gave while the first batch was not yet sealed."""
    thief = Thief(Copy(school.during), OPERATOR)
    return {plain for (kind, _), plain in thief.opened.items() if kind == "staged"}


def test_before_sealing_the_operators_password_opens_the_stacks(school, keys_before):
    """So that the next tests can fail."""
    before = Copy(school.during)
    assert before.headers() and {stack.digest for stack in school.batches[0].paper.stacks.values()} <= before.opened_with(keys_before)


@pytest.mark.parametrize("name", [OPERATOR, CHECKER])
def test_after_sealing_the_password_of_neither_opens_anything_of_what_was_scanned(school, name):
    thief = Thief(Copy(school.after), name)
    assert not thief.payloads and not {"header", "staged"} & thief.kinds(), thief.kinds()


def test_after_sealing_nothing_is_left_of_stacks_and_their_keys(school, keys_before):
    before, after = Copy(school.during), Copy(school.after)
    assert not after.headers() and not [path for path in (after.path / "staging").rglob("*") if path.is_file()]
    assert not after.opened_with(keys_before), "who kept a key from before has nothing to open with it"
    assert not [path for path, data in after.files() if any(header in data for header in before.headers())]
    # Nor in what lies there while it runs, where an older page of the database might still stand.
    live = [path for path in school.service.vault.glob("workspace.sqlite*")]
    assert live and not [path for path in live if any(header in path.read_bytes() for header in before.headers())]


def test_after_sealing_the_pages_show_the_operator_no_picture(school):
    batch = school.batches[0]
    stack, page = next(iter(batch.paper.stacks)), 1
    batch.paper.picture(stack, page, 404)
