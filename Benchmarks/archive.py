"""A folder of paper from the copier's file to sealed documents: upload, splitting at its sheets, desk, second person, sealing.

Beside the same steps by hand over the same stack, in turns, all of it in /dev/shm and nothing synced: pdftoppm draws each page,
grey; zbarimg reads each picture; qpdf cuts each piece; age seals it. At 200 dpi, which is how the stack was scanned, and at 100,
which is how ours reads it and where zbar reads more; one after the other, as somebody would write it down, and, with no target,
with all cores. Ours is over HTTPS, sealed and durable at each step, drawn and read in sandboxes; the desk is worked by a script
that knows what is right, and nobody waits for a person on either side: no picture is looked at. No text is recognised.

Then the same with text recognition, over folders of some fifty pages, until the last page's text is there: by hand tesseract reads
each page that is no sheet, one after the other and with one thread each, which is faster by far than what it does unasked.

RssAnon of the server is sampled every 50 ms, and then again while a folder goes through that is several times as thick: memory
files, of which a scan that is read is one, are not in it.
"""

import os
import sqlite3
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tools.measuring import Anonymous, busy, figure, shown, size

from archive import Archive, Manner, Stack, drawn  # noqa: E402  (of Tests/harness, which tools.measuring named)
from colleagues import colleague  # noqa: E402
from desk import Check, PaperBatch, Person, lines_of, put_right  # noqa: E402
from service import Service  # noqa: E402

PAGES, THICK, ROUNDS = size("BENCH_STACK_PAGES"), size("BENCH_THICK_PAGES"), size("BENCH_ROUNDS")
RECOGNISED = size("BENCH_RECOGNISED_PAGES")
LEAST, MOST_MEMORY, MOST_GROWTH = 2, 50, 10
OPERATOR, CHECKER = "Hester Quill", "Anselm Brade"
SEPARATOR = "SR1S"
# Dots to the inch, and how many programs run at once.
HANDS = {"by hand at 200 dpi": (200, 1), "by hand at 100 dpi": (100, 1), "by hand at 100 dpi, all cores": (100, os.cpu_count() or 1)}


class Office:
    """Two people of the office at a service."""

    def __init__(self, service: Service, archive: Archive):
        said = service.form("/pupils/import", archive.register)
        rows = {row.partition("</th>")[0]: row.partition('ref">')[2][:7] for row in said.split('<th scope="row">')[1:]}
        self.references = [rows[pupil.name] for pupil in archive.pupils]
        self.operator, self.checker = (Person(name, colleague(service, name, "admin")) for name in (OPERATOR, CHECKER))

    def prepared(self, folder) -> tuple:
        """A batch with its sheets, and the stack as the copier sends it."""
        lines = lines_of(folder, self.references)
        batch = PaperBatch.opened(self.operator, folder.place, len(lines), len(folder.tokens), folder.manner.dpi, "grey")
        (stack,) = folder.scanned(drawn(batch.plan(lines, len(folder.tokens)))).stacks
        return batch, lines, stack

    def take(self, batch: PaperBatch, lines: list, stack: Stack) -> dict:
        """Seconds of each step until its documents are filed and durable."""
        begun = time.monotonic()
        batch.bring(stack)
        read = time.monotonic()
        put_right(batch, lines)
        pieces = batch.desk().pieces
        assert [len(piece.pages) for piece in pieces] == [line.pages for line in lines], pieces
        batch.describe(pieces, "2014-05-06", lambda piece: f"Papers from page {piece.pages[0]}, {piece.category}")
        batch.present(CHECKER)
        Check(self.checker, batch).right()
        checked = time.monotonic()
        batch.seal()
        batch.wait_until_sealed(600)
        sealed = time.monotonic()
        return {"uploaded and read": read - begun, "desk": checked - read, "sealed": sealed - checked, "all": sealed - begun}

    def take_with_texts(self, service: Service, batch: PaperBatch, lines: list, stack: Stack) -> dict:
        """The same until the text of every document is there as well."""
        with closing(sqlite3.connect(f"file:{service.vault}/workspace.sqlite?mode=ro", uri=True)) as workspace:

            def texts() -> tuple:
                return workspace.execute("SELECT count(*), total(unreadable) FROM text").fetchone()

            before, _ = texts()
            steps = self.take(batch, lines, stack)
            begun = time.monotonic()
            while texts()[0] < before + len(lines):
                assert time.monotonic() < begun + 600
                time.sleep(0.05)
            assert texts() == (before + len(lines), 0)
        recognised = time.monotonic() - begun
        return {**steps, "texts, after that": recognised, "all": steps["all"] + recognised}


def by_hand(stack: Stack, recipient: str, count: int, dpi: int, at_once: int, recognises: bool = False) -> dict:
    """Seconds of each step by programs that everybody has."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory, ThreadPoolExecutor(at_once) as threads:
        memory = Path(memory)
        pdf = memory / "stack.pdf"
        pdf.write_bytes(stack.data)

        def draw(part: int) -> None:
            first, last = (len(stack.pages) * one // at_once for one in (part, part + 1))
            which = ["-f", str(first + 1), "-l", str(last)]
            subprocess.run(["pdftoppm", "-q", "-gray", "-r", str(dpi), *which, pdf, memory / "page"], check=True)

        def codes_of(picture: Path) -> set:
            # It ends with 4 where there is none.
            command = ["zbarimg", "--quiet", "--nodbus", "--raw", "-Sdisable", "-Sqrcode.enable", picture]
            return set(subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.split())

        def seal(pages: list) -> None:
            piece = memory / f"piece-{pages[0]}.pdf"
            subprocess.run(["qpdf", pdf, "--pages", ".", f"{pages[0]}-{pages[-1]}", "--", piece], check=True)
            subprocess.run(["age", "-r", recipient, "-o", f"{piece}.age", piece], check=True)

        begun = time.monotonic()
        list(threads.map(draw, range(at_once)))
        pictures = sorted(memory.glob("page-*"))
        drew = time.monotonic()
        pieces: list[list] = []
        for number, codes in enumerate(threads.map(codes_of, pictures), 1):
            if any(code.startswith(SEPARATOR) for code in codes):
                pieces.append([])
            elif pieces and not codes:
                pieces[-1].append(number)
        read = time.monotonic()
        list(threads.map(seal, pieces))
        sealed = time.monotonic()
        for page in [page for piece in pieces for page in piece] if recognises else []:
            subprocess.run(
                ["tesseract", pictures[page - 1], memory / f"text-{page}", "-l", "eng"], check=True, stderr=subprocess.DEVNULL,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        recognised = time.monotonic()
        assert len(pieces) == count and len(pictures) == len(stack.pages), f"{len(pieces)} pieces, not {count}: zbar misses a sheet"
    return {"drawn": drew - begun, "codes read": read - drew, "cut and sealed": sealed - read,
            **({"texts": recognised - sealed} if recognises else {}), "all": recognised - begun}


with tempfile.TemporaryDirectory() as disk:
    disk = Path(disk)
    key = disk / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True).stdout.strip()
    archive = Archive(size("SEED"), ROUNDS + 1, 12, PAGES * (ROUNDS + 1))
    # The same pupils.
    (thick,) = Archive(size("SEED"), 1, 12, THICK).folders
    service = Service(disk / "school")
    try:
        office = Office(service, archive)
        measured = []
        time.sleep(1)
        anonymous = Anonymous(service.process.pid)
        rest = anonymous.now()
        for number, folder in enumerate(archive.folders):
            batch, lines, stack = office.prepared(replace(folder, manner=Manner(dpi=200)))
            names, taken = ["ours", *HANDS], {}
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if name == "ours":
                    taken[name] = office.take(batch, lines, stack)
                else:
                    taken[name] = by_hand(stack, recipient, len(lines), *HANDS[name])
            # The first turn warms all.
            if number:
                measured.append((len(stack.pages), taken))
                print(f"   turn {number}: {len(stack.pages)} pages in {len(lines)} pieces; {busy()}")
                for name, steps in taken.items():
                    print(f"      {name}: " + ", ".join(f"{what} {seconds:.3g} s" for what, seconds in steps.items()))
        thin = max(value for _, value in anonymous.samples) - rest
        batch, lines, stack = office.prepared(replace(thick, manner=Manner(dpi=200)))
        begun = time.monotonic()
        steps = office.take(batch, lines, stack)
        grown = max(value for moment, value in anonymous.samples if moment >= begun) - rest
        anonymous.stop()
        thickness = len(stack.pages)
        print(f"   then {len(stack.pages)} pages of {len(stack.data) / 2**20:.0f} MiB: {60 * len(stack.pages) / steps['all']:.3g} a minute")
    finally:
        service.stop()
    assert service.verify() == []

recognised = []
with tempfile.TemporaryDirectory() as disk:
    archive = Archive(size("SEED"), ROUNDS, 12, RECOGNISED * ROUNDS)
    service = Service(Path(disk) / "school", recognises=True)
    try:
        office = Office(service, archive)
        for number, folder in enumerate(archive.folders):
            batch, lines, stack = office.prepared(replace(folder, manner=Manner(dpi=200)))
            turns = {
                "ours": lambda: office.take_with_texts(service, batch, lines, stack),
                "by hand": lambda: by_hand(stack, recipient, len(lines), 200, 1, recognises=True),
            }
            names = list(turns) if number % 2 else list(turns)[::-1]
            taken = {name: turns[name]() for name in names}
            recognised.append((len(stack.pages), taken))
            print(f"   with texts, turn {number + 1}: {len(stack.pages)} pages in {len(lines)} pieces; {busy()}")
            for name, steps in taken.items():
                print(f"      {name}: " + ", ".join(f"{what} {seconds:.3g} s" for what, seconds in steps.items()))
    finally:
        service.stop()
    assert service.verify() == []

for name in ("ours", *HANDS):
    print(f"   {name}: {shown([60 * pages / taken[name]['all'] for pages, taken in measured], 'pages a minute')}")
print(f"   memory: {rest / 2**20:.1f} MiB at rest; {len(anonymous.samples)} samples")
what = f"folders of about {PAGES} pages, uploaded, split, checked and sealed"
for name, (_, at_once) in HANDS.items():
    ratio = statistics.median(taken[name]["all"] / taken["ours"]["all"] for _, taken in measured)
    if at_once == 1:
        figure(f"{what}, of the speed {name}", ratio, "", f"at least {LEAST}", ratio >= LEAST)
    else:
        print(f"   of the speed {name}: {ratio:.3g}")
figure(f"{what}, memory of the server above rest", thin / 2**20, " MiB", f"under {MOST_MEMORY} MiB", thin < MOST_MEMORY << 20)
figure(
    f"a folder of {thickness} pages, memory of the server above rest, more than that", (grown - thin) / 2**20, " MiB",
    f"under {MOST_GROWTH} MiB", grown - thin < MOST_GROWTH << 20,
)
ratio = statistics.median(taken["by hand"]["all"] / taken["ours"]["all"] for _, taken in recognised)
what = f"folders of about {RECOGNISED} pages, the same and their text recognised, of the speed by hand at 200 dpi"
figure(what, ratio, "", f"at least {LEAST}", ratio >= LEAST)
