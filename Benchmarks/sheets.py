"""Which library reads sheets: every wear of a copier over printed sheets and over ordinary pages, through each of them and
through what strongroom-inspector does.

For each kind and reader: how many sheets were recognised, by one of their codes at least, and how many of the four; then what
ordinary pages were taken for, and milliseconds a page. The figure is the inspector's, beside the better of the others.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, namedtuple
from pathlib import Path

import numpy
from PIL import Image, ImageDraw

from tools.measuring import figure, program, size

import copier

HERE = Path(__file__).parent
SHIM = HERE.parent / "Sources/CZXing"
SEED = size("SEED")
INSPECTING = program("bench-sheets")
OURS = "strongroom-inspector"
A4 = (210, 297)


def rendered(pdf: Path, dpi: int) -> list:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["pdftoppm", "-q", "-gray", "-r", str(dpi), pdf, f"{folder}/page"], check=True)
        return [Image.open(path).convert("L").copy() for path in sorted(Path(folder).glob("page*"))]


def ordinary(dpi: int) -> list:
    """The fixtures' scans, which hold no sheet."""
    pages = []
    for path in sorted((HERE.parent / "fixtures/scans").iterdir()):
        if path.suffix == ".pdf":
            pages += rendered(path, dpi)
        if path.suffix in (".tif", ".jpg"):
            with Image.open(path) as picture:
                for frame in range(getattr(picture, "n_frames", 1)):
                    picture.seek(frame)
                    grey = picture.convert("L")
                    pages.append(grey.resize((round(A4[0] / 25.4 * dpi), round(grey.height * A4[0] / 25.4 * dpi / grey.width))))
    return pages


def all_of_it(page, random):
    page = copier.punched(copier.copy_of_copies(page, random, 2), random)
    page = copier.faint(copier.turned(page, random, random.uniform(-10, 10)), random, 0.4)
    return copier.squeezed(copier.noisy(page, random, 8), random, 30)


# At 200 dpi unless a kind says otherwise. What each does to a page, given random numbers.
KINDS = {
    "as printed": lambda p, r: p,
    "askew, up to 10°": lambda p, r: copier.turned(p, r, r.uniform(-10, 10)),
    "askew, 10° either way": lambda p, r: copier.turned(p, r, float(r.choice([-10, 10]))),
    "askew, 10°, 150 dpi": lambda p, r: copier.turned(copier.at(p, 200, 150), r, float(r.choice([-10, 10]))),
    "askew, 10°, 300 dpi": lambda p, r: copier.turned(copier.at(p, 200, 300), r, float(r.choice([-10, 10]))),
    "upside down, askew": lambda p, r: copier.turned(p, r, 180 + r.uniform(-10, 10)),
    "on its side": lambda p, r: p.rotate(float(r.choice([90, 270])), expand=True),
    "faint: a fifth of the ink": lambda p, r: copier.faint(p, r, 0.2),
    "faint: a tenth, noisy": lambda p, r: copier.noisy(copier.faint(p, r, 0.1), r, 4),
    "noise": lambda p, r: copier.noisy(p, r, 45),
    "specks": lambda p, r: copier.specks(p, r, 0.06),
    "blur": lambda p, r: copier.blurred(p, r, r.uniform(2, 3.5)),
    "pulled in crookedly": lambda p, r: copier.sheared(p, r, r.uniform(-0.12, 0.12)),
    "JPEG, quality 10": lambda p, r: copier.squeezed(p, r, 10),
    "black border": lambda p, r: copier.turned(copier.black_border(p, r, 0.06), r, r.uniform(-5, 5), 8),
    "punched and stapled": lambda p, r: copier.turned(copier.punched(p, r), r, r.uniform(-5, 5)),
    "a corner torn off": lambda p, r: copier.turned(copier.torn(p, r), r, r.uniform(-5, 5)),
    "uneven light": lambda p, r: copier.shaded(p, r, 0.75),
    "copy of a copy (3)": lambda p, r: copier.copy_of_copies(p, r, 3),
    "copy of copies (6), askew": lambda p, r: copier.turned(copier.copy_of_copies(p, r, 6), r, r.uniform(-10, 10)),
    "fax, fine (204 × 196)": lambda p, r: copier.faxed(copier.turned(p, r, r.uniform(-5, 5)), r, 200, 196),
    "fax (204 × 98)": lambda p, r: copier.faxed(copier.turned(p, r, r.uniform(-5, 5)), r, 200),
    "fax of a copy, askew": lambda p, r: copier.faxed(copier.turned(copier.copy_of_copies(p, r, 2), r, r.uniform(-10, 10)), r, 200),
    "all of it": all_of_it,
}


drawn = defaultdict(list)
Answer = namedtuple("Answer", "seconds texts unread")


class Readers:
    """All libraries in one program, which takes pictures and answers in lines. Each page goes the way of a real scan: as a PDF
    through poppler, at two resolutions."""

    def __init__(self, folder: str):
        program = f"{folder}/readers"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "zbar", "zxing"], check=True, capture_output=True, text=True)
        sources = [HERE / "tools/readers.cpp", SHIM / "codes.cpp", f"-I{SHIM}/include"]
        subprocess.run(["c++", "-std=c++17", "-O2", *sources, "-o", program, *flags.stdout.split()], check=True)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read(self, picture: Image.Image) -> dict:
        pdf, answers = copier.scanned(picture), {}
        for dpi, height in (("200 dpi", 2400), ("100 dpi", 1200)):
            drawing = ["pdftoppm", "-q", "-gray", "-scale-to", str(height), "-"]
            began = time.monotonic()
            page = subprocess.run(drawing, input=pdf, stdout=subprocess.PIPE, check=True).stdout
            drawn[dpi].append(time.monotonic() - began)
            self.process.stdin.write(page)
            self.process.stdin.flush()
            for name, one in json.loads(self.process.stdout.readline()).items():
                answers[f"{name}, {dpi}"] = Answer(one["seconds"], [bytes.fromhex(text) for text in one["texts"]], 0)
        said = json.loads(subprocess.run([INSPECTING], input=page, stdout=subprocess.PIPE, check=True).stdout)
        codes = [code["text"].encode() for code in said["pages"][0]["codes"]]
        answers[OURS] = Answer(said["seconds"], codes, said["pages"][0]["unreadCodes"])
        return answers


def spoilt(picture, random):
    """A thick pen went through every code: nothing can be read, and that must be noticed."""
    draw = ImageDraw.Draw(picture := picture.copy())
    mm = picture.width / 210
    for x in (42, 168):
        for y in (57, 240):
            across, down = random.uniform(-22, 22, 2)
            ends = [(x - 23) * mm, (y - across) * mm, (x + 23) * mm, (y + across) * mm]
            if random.random() < 0.5:
                ends = [(x - down) * mm, (y - 23) * mm, (x + down) * mm, (y + 23) * mm]
            draw.line(ends, fill=20, width=round(14 * mm))
    return picture


def main():
    draws, sheets, pages = size("BENCH_DRAWS"), rendered(HERE.parent / "fixtures/stacks/sheets.pdf", 200), ordinary(200)
    began = time.monotonic()
    names, looked = [], 0
    right, codes, wrong, false, unread, noticed = (defaultdict(int) for _ in range(6))
    seconds = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        readers = Readers(folder)
        expected = []
        for sheet in sheets:
            said = readers.read(sheet)
            names, texts = list(said), {text for _, found, _ in said.values() for text in found}
            if len(texts) != 1:
                sys.exit(f"error: a sheet as printed says {texts}")
            expected += texts
        for kind, wear in KINDS.items():
            random = numpy.random.default_rng(SEED)
            for draw in range(draws):
                which = draw % len(sheets)
                for name, (took, texts, _) in readers.read(wear(sheets[which], random)).items():
                    right[kind, name] += expected[which] in texts
                    codes[kind, name] += texts.count(expected[which])
                    wrong[name] += any(text != expected[which] for text in texts)
                    seconds["sheet", name].append(took)
            for page in pages:
                looked += 1
                for name, (took, texts, shapes) in readers.read(wear(page, random)).items():
                    false[name] += len(texts)
                    unread[name] += shapes > 0
                    seconds["page", name].append(took)
        random, readable = numpy.random.default_rng(SEED), defaultdict(int)
        for draw in range(draws):
            for name, (_, texts, shapes) in readers.read(spoilt(sheets[draw % len(sheets)], random)).items():
                readable[name] += bool(texts)
                noticed[name] += bool(texts) or shapes > 0

    def row(title, one):
        print(f"{title:36}" + "".join(f"{one(name):>24}" for name in names))

    row("", lambda name: name)
    for kind in KINDS:
        row(kind, lambda name: f"{right[kind, name]} of {draws}, {codes[kind, name] / draws:.1f} codes")
    row("a pen through every code", lambda name: f"{readable[name]} of {draws}")
    row("read, or noticed as unreadable", lambda name: f"{noticed[name]} of {draws}")
    row("sheets read as another", lambda name: wrong[name])
    row(f"readings on {looked} ordinary pages", lambda name: false[name])
    row("ordinary pages called unreadable", lambda name: unread[name])
    for what in ("sheet", "page"):
        row(f"ms a {what}, median", lambda name: f"{1000 * numpy.median(seconds[what, name]):.1f}")
        row(f"ms a {what}, at most", lambda name: f"{1000 * max(seconds[what, name]):.1f}")
    for dpi, times in drawn.items():
        print(f"drawn by poppler at {dpi}: {1000 * numpy.median(times):.0f} ms, median, with its start")
    print(f"{time.monotonic() - began:.0f} s")
    recognised = sum(right[kind, OURS] for kind in KINDS) / (draws * len(KINDS))
    figure("sheets recognised", 100 * recognised, " %", "100 %", recognised == 1)
    figure("sheets read as another", wrong[OURS], "", "0", wrong[OURS] == 0)
    figure(f"readings on {looked} ordinary pages", false[OURS], "", "0", false[OURS] == 0)


main()
