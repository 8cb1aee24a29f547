"""A folder of paper from the copier's file to sealed documents: upload, splitting at its sheets, desk, second person, sealing.

Beside the same steps by hand over the same stack, in turns: pdftoppm draws each page at 200 dpi, grey, zbarimg reads each
picture, qpdf cuts each piece, age seals it, all of it in /dev/shm, nothing synced. Ours is over HTTPS, sealed and durable at
each step, drawn and read in sandboxes; the desk is worked by a script that knows what is right, and nobody waits for a person
on either side: no picture is looked at. No text is recognised. RssAnon of the server is sampled every 50 ms.
"""

import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tools.measuring import Anonymous, busy, figure, shown, size

from archive import Archive, Manner, Stack, drawn  # noqa: E402  (of Tests/harness, which tools.measuring named)
from colleagues import colleague  # noqa: E402
from desk import Check, PaperBatch, Person, lines_of, put_right  # noqa: E402
from service import Service  # noqa: E402

PAGES, ROUNDS = size("BENCH_STACK_PAGES"), size("BENCH_ROUNDS")
LEAST, MOST_MEMORY = 1, 150
OPERATOR, CHECKER = "Hester Quill", "Anselm Brade"
SEPARATOR = "SR1S"


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


def by_hand(stack: Stack, recipient: str, count: int) -> dict:
    """Seconds of each step by programs that everybody has."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        memory = Path(memory)
        pdf = memory / "stack.pdf"
        pdf.write_bytes(stack.data)
        begun = time.monotonic()
        subprocess.run(["pdftoppm", "-q", "-gray", "-r", "200", pdf, memory / "page"], check=True)
        pictures = sorted(memory.glob("page-*"))
        drew = time.monotonic()
        pieces: list[list] = []
        for number, picture in enumerate(pictures, 1):
            # It ends with 4 where there is none.
            command = ["zbarimg", "--quiet", "--nodbus", "--raw", "-Sdisable", "-Sqrcode.enable", picture]
            zbar = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            codes = set(zbar.stdout.split())
            if any(code.startswith(SEPARATOR) for code in codes):
                pieces.append([])
            elif pieces and not codes:
                pieces[-1].append(number)
        read = time.monotonic()
        for number, pages in enumerate(pieces):
            piece = memory / f"piece-{number}.pdf"
            subprocess.run(["qpdf", pdf, "--pages", ".", f"{pages[0]}-{pages[-1]}", "--", piece], check=True)
            subprocess.run(["age", "-r", recipient, "-o", f"{piece}.age", piece], check=True)
        sealed = time.monotonic()
        assert len(pieces) == count and len(pictures) == len(stack.pages), f"{len(pieces)} pieces, not {count}: zbar misses a sheet"
    return {"drawn": drew - begun, "codes read": read - drew, "cut and sealed": sealed - read, "all": sealed - begun}


with tempfile.TemporaryDirectory() as disk:
    disk = Path(disk)
    key = disk / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True).stdout.strip()
    archive = Archive(size("SEED"), ROUNDS + 1, 12, PAGES * (ROUNDS + 1))
    service = Service(disk / "school")
    try:
        office = Office(service, archive)
        measured = []
        time.sleep(1)
        anonymous = Anonymous(service.process.pid)
        rest = anonymous.now()
        for number, folder in enumerate(archive.folders):
            folder = replace(folder, manner=Manner(dpi=200))
            batch, lines, stack = office.prepared(folder)
            taken = {}
            for name in ("ours", "by hand") if number % 2 else ("by hand", "ours"):
                taken[name] = office.take(batch, lines, stack) if name == "ours" else by_hand(stack, recipient, len(lines))
            # The first pair warms both.
            if number:
                measured.append((len(stack.pages), taken))
                print(f"   pair {number}: {len(stack.pages)} pages in {len(lines)} pieces; {busy()}")
                for name, steps in taken.items():
                    print(f"      {name}: " + ", ".join(f"{what} {seconds:.3g} s" for what, seconds in steps.items()))
        anonymous.stop()
    finally:
        service.stop()
    assert service.verify() == []

for name in ("ours", "by hand"):
    print(f"   {name}: {shown([60 * pages / taken[name]['all'] for pages, taken in measured], 'pages a minute')}")
ratios = sorted(taken["by hand"]["all"] / taken["ours"]["all"] for _, taken in measured)
most = max(value for _, value in anonymous.samples) - rest
print(f"   memory: {rest / 2**20:.1f} MiB at rest, {most / 2**20:.1f} above it at most; {len(anonymous.samples)} samples")
ratio = ratios[len(ratios) // 2]
what = f"folders of about {PAGES} pages, uploaded, split, checked and sealed"
figure(f"{what}, of the speed of pdftoppm, zbarimg, qpdf and age by hand", ratio, "", f"at least {LEAST}", ratio >= LEAST)
figure(f"{what}, memory of the server above rest", most / 2**20, " MiB", f"under {MOST_MEMORY} MiB", most < MOST_MEMORY << 20)
