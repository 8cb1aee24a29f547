"""A school's paper archive that nobody ever had, as it goes through the copier with sheets between the papers.

From a seed and sizes: pupils, folders, and in each folder papers of one to four pupils in several categories. Each side that
has something on it carries its number, a *token*, in clear digits and as two rows of bars that `token_of` reads back, whichever
way up. The bars are no code that the product looks for: an ordinary page has none.

`Folder.scanned` lays the papers between the sheets that were printed for them and gives the stacks as the copier sends them,
with what stands on each of their pages (`Seen`) and what went wrong (`Wrong`). `faults` holds what became of it all beside that.
The same seed gives the same bytes.
"""

import functools
import hashlib
import io
import math
import re
import struct
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import copier
import numpy
from PIL import Image, ImageDraw, ImageFont

A4 = (210, 297)
FONTS = Path("/usr/share/fonts/truetype")

# Nobody's: neither fixture nor scenario of a browser has any of them.
GIVEN = ("Rowan", "Tamsin", "Idris", "Bettany", "Caspian", "Lowenna", "Ewan", "Marisol", "Perran", "Sunniva", "Dorian", "Ailsa")
FAMILY = ("Hollowell", "Trevanion", "Quenby", "Marchbank", "Oddie", "Starkadder", "Pellow", "Winterbourne")
CATEGORIES = ("referral", "conference", "concern", "letter", "telephone", "health", "attendance", "plan", "file-note")


@dataclass(frozen=True)
class Pupil:
    name: str
    born: date
    enrolled: date


@dataclass(frozen=True)
class Paper:
    """One leaf; on its back is something or nothing."""

    front: int
    back: int | None = None

    @property
    def tokens(self) -> list:
        return [self.front] if self.back is None else [self.front, self.back]


@dataclass(frozen=True)
class Piece:
    """What lies behind one separator."""

    pupil: int
    category: str
    papers: tuple

    @property
    def tokens(self) -> list:
        return [token for paper in self.papers for token in paper.tokens]


@dataclass(frozen=True)
class Manner:
    """How a folder goes through the copier, and what happens to it there."""

    dpi: int = 100
    sides: str = "unknown"  # or both
    is_fax: bool = False  # black and white, in a TIFF; else JPEG in a PDF
    mishaps: tuple = ()


# Folders take these in turn; the first three have every kind of mishap that is not the same to a reader as another of them.
MANNERS = (
    Manner(sides="both", mishaps=("separator-under-page", "sheet-upside-down")),
    Manner(dpi=200, mishaps=("two-runs", "page-under-page")),
    Manner(sides="both", is_fax=True, mishaps=("stack-upside-down", "page-under-sheet")),
    Manner(mishaps=("separator-forgotten", "page-upside-down")),
    Manner(sides="both"),
    Manner(),
    Manner(sides="both", mishaps=("page-under-sheet",)),
    Manner(mishaps=("two-runs", "separator-forgotten")),
    Manner(sides="both", mishaps=("page-under-page", "sheet-upside-down")),
    Manner(),
)


@dataclass(frozen=True)
class Seen:
    """What stands on one page of a stack: a sheet, or the other side of one's paper (by its place in what was printed); a token;
    or nothing, and then it is the back of a paper of a piece."""

    sheet: int | None = None
    token: int | None = None
    piece: int | None = None
    is_back_of_sheet: bool = False
    picture: str = ""  # SHA-256 of the picture as it lies in the file

    @property
    def is_blank(self) -> bool:
        return self.token is None and (self.sheet is None or self.is_back_of_sheet)


@dataclass(frozen=True)
class Wrong:
    """What went wrong, and where it shows: a page of a stack, or 0 where it is all of it or nothing is left."""

    what: str
    stack: int
    page: int
    tokens: tuple = ()  # what it keeps from being scanned
    sheet: int | None = None  # the sheet that is not in the scan


@dataclass
class Stack:
    """A file as the copier sends it."""

    name: str
    sides: str
    data: bytes
    pages: list

    @functools.cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Scanned:
    """A folder after the copier. `again` is what was missed, put on the glass once more when somebody noticed."""

    stacks: list
    wrong: list
    again: Stack | None = None

    @property
    def all(self) -> list:
        return [*self.stacks, *([self.again] if self.again else [])]


@dataclass
class Folder:
    archive: "Archive"
    number: int
    pieces: list
    manner: Manner

    @property
    def title(self) -> str:
        return f"Folder {self.number + 1:02}"

    @property
    def place(self) -> tuple:
        """Cabinet, drawer, folder."""
        return f"Cabinet {self.number // 12 + 1}", f"Drawer {self.number // 4 % 3 + 1}", self.title

    @property
    def tokens(self) -> list:
        return [token for piece in self.pieces for token in piece.tokens]

    def random(self, *more: int):
        return numpy.random.default_rng([self.archive.seed, self.number, *more])

    def scanned(self, sheets: list) -> Scanned:
        """Through the copier: sheets are the cover, a separator for each piece in their order, and the end, as `drawn`."""
        assert len(sheets) == len(self.pieces) + 2, f"{len(sheets)} sheets for {len(self.pieces)} pieces"
        return _Feeder(self, sheets).scanned()


class Archive:
    def __init__(self, seed: int, folders: int, pupils: int, pages: int):
        assert pages >= 12 * folders and pupils >= 4, "a folder has at least 12 pages, and there are four pupils"
        assert pages < 1 << TOKEN_BITS, "so many tokens there are not"
        self.seed = seed
        random = numpy.random.default_rng([seed, folders, pupils, pages])
        self.pupils = [_pupil(number, random) for number in range(pupils)]
        # Folders differ in thickness by a third either way, and make up what was asked for.
        bounds = numpy.cumsum(random.uniform(0.75, 1.25, folders))
        ends = [0, *(round(pages * one / bounds[-1]) for one in bounds)]
        self.folders = []
        for number in range(folders):
            pieces = _pieces(range(ends[number], ends[number + 1]), pupils, random)
            self.folders.append(Folder(self, number, pieces, MANNERS[number % len(MANNERS)]))

    @property
    def register(self) -> bytes:
        """The pupils, as a register is imported."""
        lines = ["name,date_of_birth,upn,enrolled", *(f"{one.name},{one.born},,{one.enrolled}" for one in self.pupils)]
        return ("\n".join(lines) + "\n").encode()


def _pupil(number: int, random) -> Pupil:
    name = f"{GIVEN[number % len(GIVEN)]} {FAMILY[(number + number // len(GIVEN)) % len(FAMILY)]}"
    born = date(2000, 9, 1) + timedelta(days=int(random.integers(0, 2000)))
    return Pupil(name, born, date(born.year + 11, 9, 5))


def _pieces(tokens: range, pupils: int, random) -> list:
    """Papers of two to four pupils (of one now and then), each pupil's lying together, each piece of another category."""
    count = 1 if len(tokens) > 24 and random.random() < 0.1 else int(random.integers(2, min(4, len(tokens) // 6) + 1))
    whose = [int(one) for one in random.choice(pupils, count, replace=False)]
    spare = max(0, min(len(tokens) // 4, 8) - 2 * count)
    shares = [2 + int(random.integers(0, spare // count + 1)) for _ in whose]
    kinds = [
        (pupil, str(category))
        for pupil, share in zip(whose, shares, strict=True)
        for category in random.choice(CATEGORIES, share, replace=False)
    ]
    # Three sides at least in each, so that one that is lost leaves some.
    cuts = numpy.cumsum(random.uniform(0.6, 1.4, len(kinds)))
    extra = len(tokens) - 3 * len(kinds)
    ends = [0, *(3 * number + 3 + round(extra * one / cuts[-1]) for number, one in enumerate(cuts))]
    return [
        Piece(pupil, category, tuple(_papers(tokens[ends[number] : ends[number + 1]], random)))
        for number, (pupil, category) in enumerate(kinds)
    ]


def _papers(tokens: range, random) -> list:
    """The first and the last of a piece have nothing on the back; of the others every fourth has."""
    papers, left = [], list(tokens)
    while left:
        is_written_behind = papers and len(left) > 2 and random.random() < 0.25
        papers.append(Paper(left.pop(0), left.pop(0) if is_written_behind else None))
    return papers


# MARK: tokens as bars

TOKEN_BITS, CHECK_BITS = 14, 8
BITS = TOKEN_BITS + CHECK_BITS
# A thick bar, the bits (thin bar and wide gap, or the other way round), a thicker bar: so it is told which way up it is.
FIRST, GAP, LAST, MODULES = 4, 2, 6, 4 + 2 + 3 * BITS + 6
RUNS = 2 + 2 * BITS + 1
MODULE_MM, BAR_MM = 1.9, 12
STRIPS_MM = (17, 268)


def _check(token: int) -> int:
    """CRC-8 of two bytes, begun with ones, so that no token is all the same bar."""
    crc = 0xFF
    for byte in token.to_bytes(2, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x107) if crc & 0x80 else crc << 1
    return crc


def _bars(token: int) -> list:
    """Modules of black and white in turn, black first."""
    bits = f"{token:0{TOKEN_BITS}b}{_check(token):0{CHECK_BITS}b}"
    return [FIRST, GAP, *(run for bit in bits for run in ((2, 1) if bit == "1" else (1, 2))), LAST]


def _draw_bars(draw: ImageDraw.ImageDraw, token: int, mm: float) -> None:
    left = (A4[0] - MODULES * MODULE_MM) / 2
    for top in STRIPS_MM:
        at = left
        for number, run in enumerate(_bars(token)):
            if number % 2 == 0:
                right = at + run * MODULE_MM
                draw.rectangle([round(at * mm), round(top * mm), round(right * mm) - 1, round((top + BAR_MM) * mm)], fill=25)
            at += run * MODULE_MM


def token_of(picture: Image.Image) -> int | None:
    """The token of a page, however it lies on its two ends; nil where there is none. Two lines across at least agree."""
    pixels = numpy.asarray(picture.convert("L"))
    paper, ink = numpy.median(pixels[::4, ::4]), numpy.percentile(pixels[::4, ::4], 2)
    step = max(1, round(pixels.shape[0] / A4[1]))
    count = pixels.shape[0] // step
    # The mean of a millimetre's lines: dust and grain are less than that.
    lines = pixels[: count * step].reshape(count, step, -1).mean(axis=1)
    dark = lines < (paper + ink) / 2
    read: Counter = Counter()
    for line in dark:
        if (token := _read_line(line)) is not None:
            read[token] += 1
    (found, times), *others = [*read.most_common(2), (None, 0)]
    return found if times > 1 and others[0][1] < times else None


def _read_line(dark) -> int | None:
    edges = numpy.flatnonzero(dark[1:] != dark[:-1])
    if len(edges) <= RUNS:
        return None
    total = edges[RUNS:] - edges[:-RUNS]
    runs = numpy.diff(edges)
    first, last = runs[: len(total)] * MODULES / total, runs[RUNS - 1 :] * MODULES / total
    upright = (abs(first - FIRST) < 1) & (abs(last - LAST) < 1)
    turned = (abs(first - LAST) < 1) & (abs(last - FIRST) < 1)
    for start in numpy.flatnonzero(upright | turned):
        if not dark[edges[start] + 1]:
            continue
        modules = runs[start : start + RUNS] * MODULES / total[start]
        bars = modules if upright[start] else modules[::-1]
        bits = (bars[2:-1:2] > 1.5).astype(int)
        wanted = numpy.array([FIRST, GAP, *(run for bit in bits for run in ((2, 1) if bit else (1, 2))), LAST])
        if (abs(bars - wanted) > 0.75).any():
            continue
        value = int("".join(map(str, bits)), 2)
        token = value >> CHECK_BITS
        if _check(token) == value & 0xFF:
            return token
    return None


# MARK: papers

WORDS = """
    absent again after afternoon agreed appointment arrived asked attended autumn before brother brought called care children class
    clinic clothes coat collected concern could dinner discussed doctor during evening father followed friend gate grandmother
    health helped home hospital hungry informed kept lately lesson letter library lunch meeting missed monday morning mother nurse
    office offered parents playground promised quiet reading report returned said school seemed seen sister spoke spring summer
    teacher telephoned term thursday tired today told tuesday uncle visit week winter worried written yesterday
    """.split()
FACES = {
    "typed": "freefont/FreeMono.ttf", "printed": "freefont/FreeSerif.ttf", "bold": "freefont/FreeSansBold.ttf",
    "written": "freefont/FreeSerifItalic.ttf", "worn": "freefont/FreeMonoBold.ttf",
}  # fmt: skip


@functools.cache
def _face(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / FACES[name], pixels, layout_engine=ImageFont.Layout.BASIC)


class _Side:
    """A side while it is written on."""

    def __init__(self, token: int, pupil: Pupil, random, dpi: int):
        self.random, self.mm, self.pupil = random, dpi / 25.4, pupil
        # Not white: each paper has yellowed in its own way.
        size = (round(A4[0] * self.mm), round(A4[1] * self.mm))
        self.picture = Image.new("L", size, int(random.integers(226, 250)))
        self.draw = ImageDraw.Draw(self.picture)
        _draw_bars(self.draw, token, self.mm)
        self.text(f"PAGE {token:05}", 22, 33, "bold", 7)
        self.text(str(date(2008, 1, 7) + timedelta(days=int(random.integers(0, 3500)))), 150, 35, "typed", 4)

    def text(self, words: str, x: float, y: float, face: str, size: float, ink: int = 40) -> None:
        self.draw.text((x * self.mm, y * self.mm), words, font=_face(face, round(size * self.mm)), fill=ink)

    def words(self, count: int) -> str:
        return " ".join(WORDS[one] for one in self.random.integers(0, len(WORDS), count))

    def letter(self) -> None:
        self.text("Westfold Family Support, Quay Street", 60, 46, "printed", 5)
        self.text(f"Re: {self.pupil.name}, born {self.pupil.born}", 24, 58, "typed", 4)
        for line in range(int(self.random.integers(10, 30))):
            if line % 7 != 6:
                self.text(self.words(8), 24, 68 + 6 * line, "typed", 3.8, int(self.random.integers(30, 90)))
        self.text("Yours sincerely", 120, 250, "typed", 4)

    def note(self) -> None:
        """By hand on ruled paper: no word keeps the line."""
        for line in range(24):
            y = 55 + 8.4 * line
            self.draw.line([20 * self.mm, y * self.mm, 190 * self.mm, y * self.mm], fill=170)
        drift = 0.0
        for line in range(int(self.random.integers(6, 23))):
            x, ink = 24.0, int(self.random.integers(40, 100))
            for word in self.words(7).split() if line else [self.pupil.name, "-"]:
                drift = 0.7 * drift + self.random.normal(0, 0.5)
                self.text(word, x, 48.5 + 8.4 * line + drift, "written", 6.5, ink)
                x += 3.1 * len(word) + self.random.uniform(2, 4)

    def form(self) -> None:
        self.text("RECORD OF CONCERN", 24, 46, "bold", 6)
        y = 58.0
        for label in ("Pupil", "Date of birth", "Seen by", "What was seen", "What was said", "What was done", "Told"):
            height = 12.0 if label in ("Pupil", "Date of birth", "Seen by", "Told") else 46.0
            for left, right in ((24, 66), (66, 188)):
                box = [left * self.mm, y * self.mm, right * self.mm, (y + height) * self.mm]
                self.draw.rectangle(box, outline=60, width=max(1, round(0.3 * self.mm)))
            self.text(label, 26, y + 3, "printed", 4.5)
            said = {"Pupil": self.pupil.name, "Date of birth": str(self.pupil.born)}.get(label)
            for line in range(1 if height == 12 else int(self.random.integers(2, 6))):
                self.text(said or self.words(5), 69, y + 3 + 8 * line, "written", 5.5, int(self.random.integers(40, 110)))
            y += height

    def fax(self) -> None:
        """It came by fax once: half the lines are lost, and what is left is black or white."""
        self.letter()
        self.text("FROM 01632 960140   P.02/03", 24, 40, "worn", 4)
        band = self.picture.crop((0, round(42 * self.mm), self.picture.width, round(264 * self.mm)))
        coarse = band.resize((band.width * 9 // 10, round(band.height * 98 / 25.4 / self.mm)), Image.BOX)
        coarse = coarse.point(lambda value: 235 if value > 150 else 20)
        self.picture.paste(coarse.resize(band.size, Image.NEAREST), (0, round(42 * self.mm)))


KINDS = (_Side.letter, _Side.note, _Side.form, _Side.fax)


def drawn_side(token: int, pupil: Pupil, random, dpi: int) -> Image.Image:
    """A side as it lies in the folder."""
    side = _Side(token, pupil, random, dpi)
    KINDS[int(random.integers(0, len(KINDS)))](side)
    return side.picture


def drawn(pdf: Path | bytes, dpi: int = 200) -> list:
    """The pages of a PDF, as a printer prints them."""
    with tempfile.TemporaryDirectory() as folder:
        data = pdf if isinstance(pdf, bytes) else pdf.read_bytes()
        subprocess.run(["pdftoppm", "-q", "-gray", "-r", str(dpi), "-", f"{folder}/page"], input=data, check=True)
        return [Image.open(path).convert("L").copy() for path in sorted(Path(folder).glob("page*"))]


# MARK: the copier


@functools.cache
def _grain(size: tuple) -> numpy.ndarray:
    """The grain of a glass, of which each picture has its own part."""
    rows, columns = size
    return numpy.random.default_rng(98).normal(0, 3, (rows + 64, columns + 64)).astype("int16")


def worn(picture: Image.Image, random, skew: float) -> Image.Image:
    """As the copier sees a side: askew by up to so many degrees (0: nothing is on it), more or less faint, in uneven light,
    with the grain of the glass; the binder's holes in some."""
    if random.random() < 0.3:
        picture = copier.punched(picture, random)
    # What has nothing on it is as good without smoothing.
    smooth = Image.BILINEAR if skew else Image.NEAREST
    picture = copier.turned(picture, random, float(random.uniform(-1, 1)) * (skew or 2.5), int(random.choice([8, copier.WHITE])), smooth)
    # What copier.faint and copier.shaded make of each value, once for all pixels: of 1,500 pages in a minute each has 40 ms.
    ink = float(random.uniform(0.55, 1))
    values = numpy.asarray(picture.point([round(255 - (255 - value) * ink) for value in range(256)]), dtype="int16")
    top, left = (int(one) for one in random.integers(0, 64, 2))
    rows, columns = values.shape
    values = values + _grain(values.shape)[top : top + rows, left : left + columns]
    if random.random() < 0.25:
        values = values - numpy.linspace(0, float(random.uniform(10, 45)), columns).astype("int16")
    return Image.fromarray(numpy.clip(values, 0, 255).astype("uint8"))


@dataclass(eq=False)
class _Leaf:
    """What goes through the feeder at once: its front and its back, each a page and which way up it lies."""

    front: Seen
    back: Seen
    is_upside_down: bool = False


class _Feeder:
    """Lays a folder's papers and sheets on the feeder."""

    def __init__(self, folder: Folder, sheets: list):
        self.folder, self.manner = folder, folder.manner
        self.random = folder.random(1)
        self.sheets = sheets
        self.whose = {token: piece for piece in folder.pieces for token in piece.tokens}
        self.wrong: list[Wrong] = []

    def leaves(self) -> list:
        """Cover, separators and papers, end: one list for each sheet."""
        end = len(self.sheets) - 1
        runs = [[self.sheet(0)]]
        for number, piece in enumerate(self.folder.pieces):
            papers = [_Leaf(Seen(token=paper.front, piece=number), Seen(token=paper.back, piece=number)) for paper in piece.papers]
            runs.append([self.sheet(number + 1), *papers])
        return [*runs, [self.sheet(end)]]

    @staticmethod
    def sheet(number: int) -> _Leaf:
        return _Leaf(Seen(sheet=number), Seen(sheet=number, is_back_of_sheet=True))

    def scanned(self) -> Scanned:
        runs = self.leaves()
        mishaps = self.manner.mishaps
        taken = {0, len(runs) - 1}
        second = len(runs)  # the first run of the second file, and how many of its leaves are still in the first
        cut = 0
        notes: list = []  # what went wrong: with the leaf at which it shows, where one is left
        # A sheet is lost where another pupil's papers follow, so that it matters.
        pieces = self.folder.pieces
        borders = [number for number in range(2, len(pieces) + 1) if pieces[number - 1].pupil != pieces[number - 2].pupil]
        for mishap in mishaps:
            if mishap.startswith("separator"):
                # Of one pupil's folder, or where the only border is another mishap's, none is lost.
                if not set(borders) - taken:
                    continue
                number = self.choose(borders, taken)
                before = runs[number - 1][-1]
                if mishap == "separator-under-page":
                    # Two at once: the front of the one above, the back of the one beneath.
                    before.back = Seen(sheet=number, is_back_of_sheet=True)
                runs[number].pop(0)
                taken.add(number - 1)
                notes.append((mishap, before, (), number))
            elif mishap == "page-under-sheet":
                number = self.choose(range(1, len(runs) - 1), taken)
                sheet, paper = runs[number][0], runs[number].pop(1)
                sheet.back = paper.back
                notes.append((mishap, sheet, self.lost(paper.front), None))
            elif mishap == "page-under-page":
                number = self.choose(range(1, len(runs) - 1), taken)
                above, beneath = runs[number][1], runs[number].pop(2)
                notes.append((mishap, above, self.lost(above.back, beneath.front), None))
                above.back = beneath.back
            elif mishap == "sheet-upside-down":
                number = self.choose(range(1, len(runs) - 1), taken)
                runs[number][0].is_upside_down = True
                notes.append((mishap, runs[number][0], (), None))
            elif mishap == "page-upside-down":
                number = self.choose(range(1, len(runs) - 1), taken)
                runs[number][-1].is_upside_down = True
                notes.append((mishap, runs[number][-1], (), None))
            elif mishap == "stack-upside-down":
                for leaf in (leaf for run in runs for leaf in run):
                    leaf.is_upside_down = True
                number = 0
                notes.append((mishap, None, (), None))
            elif mishap == "two-runs":
                # Somebody took the first half away in the middle of a pupil's papers.
                second = len(pieces) // 2 + 1
                cut = len(runs[second]) - 1
                number = second
                notes.append((mishap, runs[second][cut], (), None))
            taken.add(number)
        halves = [[leaf for run in runs[:second] for leaf in run]]
        if second < len(runs):
            halves[0] += runs[second][:cut]
            halves.append([*runs[second][cut:], *(leaf for run in runs[second + 1 :] for leaf in run)])
        stacks = [self.through(leaves, number) for number, leaves in enumerate(halves)]
        each = 2 if self.manner.sides == "both" else 1
        for what, at, tokens, sheet in notes:
            places = [(number, each * leaves.index(at) + 1) for number, leaves in enumerate(halves) if at in leaves]
            self.wrong.append(Wrong(what, *(places or [(0, 0)])[0], tokens, sheet))
        return Scanned(stacks, self.wrong, self.again(stacks))

    def choose(self, numbers: Iterable, taken: set) -> int:
        free = [number for number in numbers if number not in taken and number - 1 not in taken - {0}] or [
            number for number in numbers if number not in taken
        ]
        return int(self.random.choice(free))

    @staticmethod
    def lost(*sides: Seen) -> tuple:
        return tuple(side.token for side in sides if side.token is not None)

    def again(self, stacks: list) -> Stack | None:
        """What is on no page of a stack, put on the glass page by page."""
        there = {page.token for stack in stacks for page in stack.pages}
        missed = [token for token in self.folder.tokens if token not in there]
        if not missed:
            return None
        pages = [Seen(token=token, piece=self.folder.pieces.index(self.whose[token])) for token in missed]
        return self.file([(page, False) for page in pages], "unknown", "again")

    def through(self, leaves: list, number: int) -> Stack:
        sides = []
        for leaf in leaves:
            sides.append((leaf.front, leaf.is_upside_down))
            if self.manner.sides == "both" or leaf.back.token is not None:
                sides.append((leaf.back, leaf.is_upside_down))
        return self.file(sides, self.manner.sides, f"run-{number + 1}")

    def file(self, sides: list, which: str, name: str) -> Stack:
        pictures = [self.side(page, is_upside_down) for page, is_upside_down in sides]
        writes = _tiff if self.manner.is_fax else _pdf
        data, digests = writes(pictures, self.manner.dpi)
        pages = [replace(page, picture=digest) for (page, _), digest in zip(sides, digests, strict=True)]
        suffix = "tif" if self.manner.is_fax else "pdf"
        return Stack(f"folder-{self.folder.number + 1:02}-{name}.{suffix}", which, data, pages)

    def side(self, page: Seen, is_upside_down: bool) -> Image.Image:
        dpi = 200 if self.manner.is_fax else self.manner.dpi
        skew = 2.5
        if page.is_blank:
            skew = 0
            picture = Image.new("L", tuple(round(one * dpi / 25.4) for one in A4), int(self.random.integers(232, 250)))
        elif page.token is not None:
            pupil = self.folder.archive.pupils[self.whose[page.token].pupil]
            picture = drawn_side(page.token, pupil, self.folder.random(2, page.token), dpi)
        else:
            sheet = self.sheets[page.sheet]
            picture, skew = sheet.reduce(2) if dpi == 100 else copier.at(sheet, 200, dpi), 6
        picture = worn(picture, self.random, skew)
        return picture.transpose(Image.ROTATE_180) if is_upside_down else picture


# MARK: files as a copier makes them


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=45)
    return out.getvalue()


def _pdf(pictures: Iterable, dpi: int) -> tuple:
    """A PDF of one JPEG a page; and the SHA-256 of each."""
    out, places, kids, digests = io.BytesIO(), [], [], []
    out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(body: bytes) -> None:
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (len(places), body))

    tree = 2
    add(b"<< /Type /Catalog /Pages 2 0 R >>")
    places.append(0)  # the tree of pages, which is written last
    for picture in pictures:
        data, number = _jpeg(picture), len(places) + 1
        digests.append(hashlib.sha256(data).hexdigest())
        width, height = (f"{one * 72 / dpi:.2f}".encode() for one in picture.size)
        add(
            b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode"
            b" /Length %d >>\nstream\n%s\nendstream" % (*picture.size, len(data), data)
        )
        drawing = b"q %s 0 0 %s 0 0 cm /P Do Q" % (width, height)
        add(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing))
        add(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %s %s] /Resources << /XObject << /P %d 0 R >> >> /Contents %d 0 R >>"
            % (width, height, number, number + 1)
        )
        kids.append(b"%d 0 R" % (number + 2))
    places[tree - 1] = out.tell()
    out.write(b"2 0 obj\n<< /Type /Pages /Count %d /Kids [%s] >>\nendobj\n" % (len(kids), b" ".join(kids)))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1) + b"".join(b"%010d 00000 n \n" % one for one in places))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, table))
    return out.getvalue(), digests


def _tiff(pictures: Iterable, dpi: int) -> tuple:
    """A TIFF as a fax sends it, fine, CCITT group 4, a strip for each page; and the SHA-256 of each strip."""
    faxed = [copier.faxed(picture, None, 200, 196) for picture in pictures]
    out = io.BytesIO()
    # Rows in a strip: all of them.
    options = {"compression": "group4", "dpi": (204, 196), "tiffinfo": {278: faxed[0].height}}
    faxed[0].save(out, "TIFF", save_all=True, append_images=faxed[1:], **options)
    data = out.getvalue()
    return data, [hashlib.sha256(strips).hexdigest() for strips in tiff_strips(data)]


def tiff_strips(data: bytes) -> list:
    """The strips of each page of a TIFF, joined."""
    order = "<" if data[:2] == b"II" else ">"
    pages, (at,) = [], struct.unpack_from(f"{order}I", data, 4)
    while at:
        (count,) = struct.unpack_from(f"{order}H", data, at)
        fields = {}
        for number in range(count):
            tag, kind, length = struct.unpack_from(f"{order}HHI", data, at + 2 + 12 * number)
            size = {3: "H", 4: "I"}.get(kind)
            if tag in (273, 279):
                place = at + 2 + 12 * number + 8
                if struct.calcsize(f"{order}{length}{size}") > 4:
                    (place,) = struct.unpack_from(f"{order}I", data, place)
                fields[tag] = struct.unpack_from(f"{order}{length}{size}", data, place)
        pages.append(b"".join(data[begin : begin + length] for begin, length in zip(fields[273], fields[279], strict=True)))
        (at,) = struct.unpack_from(f"{order}I", data, at + 2 + 12 * count)
    return pages


# MARK: what became of it


@dataclass(frozen=True)
class Picture:
    """A page of a document: the token that stands on it, and the SHA-256 of its picture as it lies in the file."""

    token: int | None
    digest: str


def pictures_in(data: bytes) -> list:
    """The pages of a document."""
    if data[:2] in (b"II", b"MM"):
        strips = tiff_strips(data)
        with Image.open(io.BytesIO(data)) as file:
            found = []
            for number, strip in enumerate(strips):
                file.seek(number)
                found.append(Picture(token_of(_square(file)), hashlib.sha256(strip).hexdigest()))
        return found
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "document.pdf"
        pdf.write_bytes(data)
        subprocess.run(["pdfimages", "-all", "-p", pdf, f"{folder}/picture"], check=True, capture_output=True)
        found = {}
        for path in sorted(Path(folder).glob("picture-*")):
            page = int(path.name.split("-")[1])
            if path.suffix == ".params":
                continue
            assert page not in found, f"two pictures on page {page}"
            found[page] = path
        assert sorted(found) == list(range(1, len(found) + 1)), f"pages with pictures: {sorted(found)}"
        return [_picture(pdf, page, path) for page, path in sorted(found.items())]


def _picture(pdf: Path, page: int, path: Path) -> Picture:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path.suffix == ".jpg":
        return Picture(token_of(Image.open(path)), digest)
    command = ["pdftoppm", "-q", "-gray", "-r", "100", "-f", str(page), "-l", str(page), pdf]
    return Picture(token_of(Image.open(io.BytesIO(subprocess.run(command, check=True, capture_output=True).stdout))), digest)


def _square(file: Image.Image) -> Image.Image:
    """A page whose pixels are not square, as it looks."""
    across, down = file.info.get("dpi", (1, 1))
    picture = file.convert("L")
    return picture if across == down else picture.resize((picture.width, round(picture.height * across / down)))


def numbers(text: str) -> list:
    """`3-7,9` as 3, 4, 5, 6, 7, 9."""
    found = []
    for part in text.split(",") if text else []:
        assert re.fullmatch(r"[1-9]\d*(-[1-9]\d*)?", part), text
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


@dataclass(frozen=True)
class Found:
    """A document as it was opened: whose it is, what it is called, what it says of where it is from, and its pages."""

    document: str
    pupil: int
    category: str
    stack: str  # the SHA-256 of what it was cut from
    stack_pages: tuple
    pages: tuple


@dataclass
class Truth:
    """What was scanned, all of it: by the SHA-256 of each stack, the folder and its pages."""

    stacks: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)  # by token, the piece that it belongs to

    def add(self, folder: Folder, scanned: Scanned) -> None:
        self.tokens |= {token: piece for piece in folder.pieces for token in piece.tokens}
        self.stacks |= {stack.digest: (folder, stack) for stack in scanned.all}

    def piece(self, stack: str, page: int) -> Piece | None:
        """The piece that a page of a stack belongs to, blank or not; of a sheet none."""
        folder, scanned = self.stacks[stack]
        number = scanned.pages[page - 1].piece
        return None if number is None else folder.pieces[number]


def faults(truth: Truth, documents: Iterable) -> list:
    """What is wrong with the documents that were made of what was scanned; empty where all is as it should be."""
    found, times = [], Counter()
    for one in documents:
        if one.stack not in truth.stacks:
            found.append(f"{one.document}: is from no stack that was scanned")
            continue
        _, stack = truth.stacks[one.stack]
        if len(one.stack_pages) != len(one.pages):
            found.append(f"{one.document}: names {len(one.stack_pages)} pages and has {len(one.pages)}")
        if sorted(set(one.stack_pages)) != list(one.stack_pages):
            found.append(f"{one.document}: its pages are out of order or double")
        for number, picture in zip(one.stack_pages, one.pages, strict=False):
            at = f"{one.document}, page {number} of {stack.name}"
            if not 1 <= number <= len(stack.pages):
                found.append(f"{at}: there is no such page")
                continue
            seen = stack.pages[number - 1]
            if picture.digest != seen.picture:
                found.append(f"{at}: the picture is another than the one scanned")
            if picture.token != seen.token:
                found.append(f"{at}: token {picture.token}, and {seen.token} was scanned")
            if seen.sheet is not None and not seen.is_blank:
                found.append(f"{at}: a sheet was filed")
            if picture.token is not None:
                times[picture.token] += 1
                piece = truth.tokens.get(picture.token)
                whose = piece and (piece.pupil, piece.category)
                if whose != (one.pupil, one.category):
                    found.append(f"{at}: token {picture.token} is of {whose}, not {(one.pupil, one.category)}")
    for token in truth.tokens:
        if times[token] != 1:
            found.append(f"token {token} is in {times[token]} documents")
    return found
