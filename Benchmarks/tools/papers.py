"""Papers in numbers and sizes that no fixture has: made from the sample scans, or drawn as noise on paper."""

import struct
from pathlib import Path

import numpy

from .measuring import CHECKOUT

# A4 at 300 dpi, in colour.
WIDTH, HEIGHT, SAMPLES = 2480, 3508, 3
ROWS_IN_STRIP = 64


def write_tiff(path: Path, size: int) -> None:
    """An uncompressed TIFF of colour pages, of at least `size` bytes and little more: the last page is cut where that is
    reached. What is on the pages is the grain of white paper."""
    row = WIDTH * SAMPLES
    paper = numpy.random.default_rng(20180301).integers(176, 256, HEIGHT * row, dtype=numpy.uint8)
    with open(path, "wb") as file:
        file.write(b"II*\0\0\0\0\0")
        pointer = 4
        while file.tell() < size:
            rows = min(HEIGHT, -(-(size - file.tell()) // row))
            strips = [(first, min(ROWS_IN_STRIP, rows - first)) for first in range(0, rows, ROWS_IN_STRIP)]
            begin = file.tell()
            file.write(memoryview(paper)[: rows * row])
            offsets = [begin + first * row for first, _ in strips]
            counts = [count * row for _, count in strips]
            places = {}
            for name, values, kind in (("offsets", offsets, "I"), ("counts", counts, "I"), ("bits", [8] * SAMPLES, "H")):
                file.write(b"\0" * (file.tell() % 2))
                places[name] = file.tell()
                file.write(struct.pack(f"<{len(values)}{kind}", *values))
            resolution = file.tell()
            file.write(struct.pack("<2I", 300, 1))
            file.write(b"\0" * (file.tell() % 2))
            directory = file.tell()
            short, long, rational = 3, 4, 5

            def place(name, values):
                return values[0] if len(values) == 1 else places[name]

            entries = [
                (256, long, 1, WIDTH),
                (257, long, 1, rows),
                (258, short, SAMPLES, places["bits"]),
                (259, short, 1, 1),  # not compressed
                (262, short, 1, 2),  # RGB
                (273, long, len(strips), place("offsets", offsets)),
                (277, short, 1, SAMPLES),
                (278, long, 1, ROWS_IN_STRIP),
                (279, long, len(strips), place("counts", counts)),
                (282, rational, 1, resolution),
                (283, rational, 1, resolution),
                (296, short, 1, 2),  # to the inch
            ]
            file.write(struct.pack("<H", len(entries)))
            for entry in entries:
                file.write(struct.pack("<HHII", *entry))
            next_pointer = file.tell()
            file.write(struct.pack("<I", 0))
            end = file.tell()
            file.seek(pointer)
            file.write(struct.pack("<I", directory))
            file.seek(end)
            pointer = next_pointer


def write_scans(folder: Path, count: int) -> int:
    """So many one-page PDFs of 200 KB, as a copier gives them: the sample referral letter, each scanned at another
    second. Gives the bytes of one."""
    sample = (CHECKOUT / "fixtures" / "scans" / "referral-letter-2015-03-04.pdf").read_bytes()
    mark = b"/CreationDate (D:20260112093512)"
    assert sample.count(mark) == 1, "the sample letter has another date than it had"
    for number in range(count):
        minutes, seconds = divmod(number, 60)
        hours, minutes = divmod(minutes, 60)
        date = b"/CreationDate (D:20260112%02d%02d%02d)" % (8 + hours, minutes, seconds)
        (folder / f"letter-{number:05}.pdf").write_bytes(sample.replace(mark, date))
    return len(sample)
