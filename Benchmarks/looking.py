"""What people wait for of a scanned page: its verdict as it is uploaded, and its picture as it is looked at.

The verdict is a whole upload of a one-page scan in one request over HTTPS (received, sealed, durable, judged in the sandbox by a worker
that is ready, and read back by nobody), beside one run of `qpdf --show-npages` on the same file, which does nothing but count.
The picture is the first view of a page at 1,000 pixels by somebody who has not opened the document before (recorded, durable, read and
authenticated, drawn in a sandbox of its own), beside one run of pdftoppm on the same page. In turns, on documents that are each
another; all in /dev/shm, so that syncing costs next to nothing on either side.
"""

import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from tools.measuring import busy, figure, shown, size, timed

from service import Service  # noqa: E402  (of Tests/harness, which tools.measuring named)
from vault import FIXTURES  # noqa: E402

DOCUMENTS, MOST = size("BENCH_LOOKED_AT"), 3
STACK = FIXTURES / "stacks/folder.pdf"


def pages(folder: Path) -> list:
    """One-page scans, each another file."""
    made = []
    for number in range(DOCUMENTS + 1):
        path = folder / f"page-{number}.pdf"
        subprocess.run(["qpdf", STACK, "--pages", ".", str(5 + number % 2), "--", path], check=True)
        made.append(path)
    return made


def quiet(*command) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
    folder = Path(memory)
    service = Service(folder / "school")
    try:
        verdicts, counts, views, draws = [], [], [], []
        connection = service.connect()
        for number, path in enumerate(pages(folder)):
            data = path.read_bytes()
            headers = {
                "Upload-Length": str(len(data)), "Content-Type": "application/offset+octet-stream",
                "Upload-Metadata": service.metadata(data, filename=path.name, summary="A page"),
            }
            answers = []

            def upload() -> None:
                answers.append(service.ask("POST", "/api/v1/uploads", headers, data, connection))

            took = timed(upload)
            assert answers[0].status == 201, answers[0].text
            counted = timed(lambda: quiet("qpdf", "--show-npages", path))
            document = service.file(answers[0].getheader("Location"))["document"]
            seen = timed(lambda: answers.append(service.ask("GET", f"/documents/{document}/pages/1?width=1000", connection=connection)))
            assert answers[1].status == 200 and answers[1].bytes.startswith(b"\xff\xd8"), answers[1].text
            drawn = timed(lambda: quiet("pdftoppm", "-q", "-jpeg", "-scale-to-x", "1000", "-scale-to-y", "-1", "-singlefile", path, folder / "out"))
            # The first warms all.
            if number:
                for times, one in ((verdicts, took), (counts, counted), (views, seen), (draws, drawn)):
                    times.append(one)
    finally:
        service.stop()

print(f"   {DOCUMENTS} documents; {busy()}; {os.cpu_count()} cores")
for name, times in (("an upload with its verdict", verdicts), ("qpdf", counts), ("a first view", views), ("pdftoppm", draws)):
    print(f"   {name}: {shown([1000 * one for one in times], 'ms')}")
for name, ours, theirs in (
    ("an upload of a page with its verdict, beside qpdf --show-npages", verdicts, counts),
    ("the first view of a page at 1,000 pixels, beside pdftoppm", views, draws),
):
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    figure(name, ratio, " times as long", f"under {MOST}", ratio < MOST)
