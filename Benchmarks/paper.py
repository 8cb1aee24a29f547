"""A long chronology as a PDF (strongroom chronology --pdf) in a large vault: time, and memory of the program and of its tools.

Beside WeasyPrint over as many lines of the same PDF's words in one go, as somebody would without parts. make-vault makes
the vault.
"""

import html
import json
import os
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from tools.measuring import Anonymous, busy, figure, program, size, timed

import reader
import totp

ENTRIES = size("BENCH_ENTRIES")
PAGE = """<!doctype html><html lang="en-GB"><meta charset="utf-8"><title>Beside</title><style>
@page { size: A4; margin: 24mm 18mm 22mm; @bottom-right { content: "Page " counter(page) " of " counter(pages) } }
html { font: 9.5pt/1.4 "DejaVu Sans" } p { margin: 0 } table { width: 100%; border-collapse: collapse; table-layout: fixed }
th { width: 34mm; text-align: left } td, th { vertical-align: top; padding: 2mm 0 } tr { break-inside: avoid }
</style><table>"""


class Largest(threading.Thread):
    """The largest resident set of any process that works for one process, every 50 ms."""

    def __init__(self, process: int):
        super().__init__(daemon=True)
        self.process, self.most, self.ended = process, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.05):
            parents, sizes = {}, {}
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    said = dict(line.split(":", 1) for line in status.read_text().splitlines())
                except (FileNotFoundError, ProcessLookupError):
                    continue
                parents[int(said["Pid"])] = int(said["PPid"])
                sizes[int(said["Pid"])] = int(said.get("VmRSS", "0").split()[0]) * 1024
            for one, bytes in sizes.items():
                above = parents[one]
                while above in parents and above != self.process:
                    above = parents[above]
                if above == self.process:
                    self.most = max(self.most, bytes)

    def stop(self) -> int:
        self.ended.set()
        self.join()
        return self.most


def code(person: dict) -> str:
    return totp.code(person["authenticator"], totp.step_at(time.time()))


with tempfile.TemporaryDirectory() as disk:
    school = Path(disk) / "school"
    numbers = [f"--{name}={size(f'BENCH_{name.upper()}')}" for name in ("statements", "entries", "people", "sessions")]
    subprocess.run([program("make-vault"), school, *numbers], check=True, capture_output=True)
    said = json.loads((school / "school.json").read_text())
    lead, pdf = said["lead"], Path(disk) / "chronology.pdf"
    with closing(sqlite3.connect(school / "vault/catalogue.sqlite")) as catalogue:
        file = (reader.id_bytes(said["pupilFile"]),)
        (pupil,) = catalogue.execute("SELECT reference FROM pupil WHERE pupil_file = ?", file).fetchone()
    ends = os.pipe()
    os.write(ends[1], json.dumps({"password": lead["password"], "code": code(lead)}).encode() + b"\n")
    os.close(ends[1])
    began = time.monotonic()
    process = subprocess.Popen(
        [program("strongroom"), "chronology", "--vault", school / "vault", "--pupil", pupil, "--pdf", pdf,
         "--json", "--as", lead["name"], "--secrets-fd", str(ends[0])],
        pass_fds=[ends[0]], stdout=subprocess.PIPE,
    )  # fmt: skip
    memory, tools = Anonymous(process.pid), Largest(process.pid)
    printed = json.loads(process.communicate()[0])
    seconds = time.monotonic() - began
    memory.stop()
    most_of_tools = tools.stop()
    assert process.returncode == 0 and printed["lines"] == ENTRIES, printed
    # Argon2id's own block comes first, and is counted apart: from the first line that is set on.
    half = [bytes for at, bytes in memory.samples if at > began + seconds / 2]
    first = [bytes for at, bytes in memory.samples if began + seconds / 4 < at <= began + seconds / 2]
    print(f"   {printed['lines']} lines on {printed['pages']} pages in {seconds:.0f} s; {busy()}")
    words = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True).stdout.decode().splitlines()
    rows = [f"<tr><th>{n}<td>" + "".join(f"<p>{html.escape(word)}" for word in words[n * 5 : n * 5 + 5]) for n in range(ENTRIES)]
    beside = Path(disk) / "beside.html"
    beside.write_text(PAGE + "".join(rows))
    once = subprocess.Popen(["weasyprint", "--quiet", "--pdf-variant", "pdf/a-3b", beside, Path(disk) / "beside.pdf"])
    most = Anonymous(once.pid)
    alone = timed(once.wait)
    most.stop()

grown = (max(half) - max(first)) / 2**20
print(f"   beside: WeasyPrint in one go took {alone:.0f} s and {max(bytes for _, bytes in most.samples) / 2**20:.0f} MiB")
print(f"   a PDF of {printed['lines']} lines takes {seconds / alone:.3g} of the time that WeasyPrint takes over as many in one go")
figure("memory that the program gains in the second half of it", grown, " MiB", "under 8 MiB", grown < 8)
figure("memory of its largest tool", most_of_tools / 2**20, " MiB", "under 400 MiB", most_of_tools < 400 << 20)
