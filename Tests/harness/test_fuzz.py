"""Thousands of changed documents through the whole path: each is filed, kept apart or refused with a code, and the service is as
before. SEED says which they are; a number in a failure is that file's, and `changed(number)` makes it again."""

import io
import json
import random
import re
import struct
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from service import BYTES, UPLOADS, Service, anonymous
from sizes import size
from vault import FIXTURES

SOUND = [
    path
    for path in sorted([*(FIXTURES / "scans").iterdir(), *(FIXTURES / "hostile/good").iterdir()])
    if path.suffix in (".pdf", ".tif", ".tiff", ".docx")
]
AT_ONCE = 25
# No file takes the inspection's 15 s but one that hangs it.
MOST_SECONDS = 14.0
# What a server may have more after many files than after a few: its index and journal grow with what is filed.
MOST_MEMORY = 48 << 20
CODES = {
    *("type.truncated", "type.damaged", "type.encrypted", "type.bomb", "type.unknown", "type.archive", "type.program", "type.empty"),
    *("type.magic-differs", "type.extension-differs", "type.text-posing-as-pdf", "type.too-many-pages", "type.too-many-pixels"),
}


def changed(number: int) -> tuple:
    """The name, the bytes and the changes of the file of this number."""
    chance = random.Random(f"{size('SEED')} fuzz {number}")
    source = chance.choice(SOUND)
    data = source.read_bytes()
    done = []
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        change = chance.choice([flip, flip, flip_in_structure, cut, splice, double, swap, number_in_text, number_in_bytes, repack, lengthen])
        data = change(data, chance) or data
        done.append(change)
    ending = source.suffix if chance.random() < 0.97 else chance.choice([".pdf", ".tif", ".docx", ".txt", ".eml", ".jpg"])
    return f"{number}-{source.stem}"[:60] + ending, data, [change.__name__ for change in done]


def place(data: bytes, chance: random.Random) -> int:
    """Anywhere, but more often near the start or the end, where a format's structure is."""
    kind = chance.randrange(3)
    if kind == 0:
        return chance.randrange(len(data))
    near = chance.randrange(min(2048, len(data)))
    return near if kind == 1 else len(data) - 1 - near


def flip(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice([1, 2, 8, 64])):
        out[place(data, chance)] ^= 1 << chance.randrange(8)
    return bytes(out)


def flip_in_structure(data: bytes, chance: random.Random) -> bytes | None:
    """A byte of a word that a format is made of."""
    words = [found.start() for found in re.finditer(rb"obj|stream|xref|/[A-Z]\w+|PK|rels|II\*|MM\0\*|<w:\w+", data)]
    if not words:
        return None
    at = chance.choice(words) + chance.randrange(4)
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: place(data, chance)]


def splice(data: bytes, chance: random.Random) -> bytes:
    """The start of this and the end of another."""
    other = chance.choice(SOUND).read_bytes()
    return data[: place(data, chance)] + other[place(other, chance) :]


def double(data: bytes, chance: random.Random) -> bytes:
    start = place(data, chance)
    piece = data[start : start + chance.choice([1, 16, 200, 4096])]
    return data[:start] + piece * chance.choice([2, 2, 3, 100]) + data[start + len(piece) :]


def swap(data: bytes, chance: random.Random) -> bytes:
    first, second = sorted([place(data, chance), place(data, chance)])
    count = chance.choice([1, 4, 12, 300])
    a, b = data[first : first + count], data[second : second + count]
    if first + count > second:
        return data
    return data[:first] + b + data[first + count : second] + a + data[second + count :]


EDGES = [0, 1, 2, 7, 255, 65_535, 65_536, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 40]


def number_in_text(data: bytes, chance: random.Random) -> bytes | None:
    found = list(re.finditer(rb"(?<![\w.])-?\d{1,10}(?![\w.])", data))
    if not found:
        return None
    one = chance.choice(found)
    value = chance.choice([*EDGES, -1, int(one[0]) + 1, int(one[0]) - 1, int(one[0]) * 2])
    return data[: one.start()] + str(value).encode() + data[one.end() :]


def number_in_bytes(data: bytes, chance: random.Random) -> bytes | None:
    """One of the numbers of a TIFF's directory or of a ZIP's, wherever it lies."""
    format = chance.choice(["<H", "<I", ">H", ">I", "<Q"])
    count = struct.calcsize(format)
    if len(data) < count:
        return None
    at = min(place(data, chance), len(data) - count)
    return data[:at] + struct.pack(format, chance.choice(EDGES) & ((1 << 8 * count) - 1)) + data[at + count :]


def repack(data: bytes, chance: random.Random) -> bytes | None:
    """A packed stream whose plain bytes are changed, packed again: what a flipped bit of packed data never reaches."""
    streams = [one for one in re.finditer(rb"stream\r?\n", data) if data[one.end() : one.end() + 1] == b"x"]
    if not streams:
        return None
    start = chance.choice(streams).end()
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data[start:], 4 << 20)
    except zlib.error:
        return None
    if not plain or not unpacker.eof:
        return None
    end = len(data) - len(unpacker.unused_data)
    packed = zlib.compress(chance.choice([flip, number_in_text, double, cut])(plain, chance) or plain, 9)
    # Where it fits, no place moves.
    return data[:start] + packed.ljust(end - start, b"\n") + data[end:]


def lengthen(data: bytes, chance: random.Random) -> bytes:
    more = chance.choice([b"\0" * 700, b"\n\n", b"%%EOF\n", b"PK\5\6" + bytes(18), b"9 0 obj\n", b"\xff" * 50])
    return data + more


def put(service: Service, connection, name: str, data: bytes) -> str:
    """Uploads a file in one request; gives its place, or the code it is refused with."""
    headers = {"Upload-Length": str(len(data)), "Upload-Metadata": service.metadata(data, filename=name), **BYTES}
    answer = service.ask("POST", UPLOADS, headers, data, connection)
    if answer.status == 201:
        return answer.getheader("Location")
    problem = json.loads(answer.text)
    assert answer.status == 422 and problem["code"].startswith(("type.", "inspection.")), (name, answer.status, problem)
    return problem["code"]


def end_of(outcome: dict) -> str:
    if "receipt" in outcome:
        return "kept apart" if outcome["receipt"]["quarantined"] else "filed"
    return outcome["refusal"]["code"]


def is_readable(data: bytes) -> bool:
    """Whether other programs, too, take it for one whole file of its kind."""
    try:
        if data.startswith(b"%PDF-"):
            whole = data.rstrip(b"\0\t\n\f\r ").endswith(b"%%EOF")
            return whole and b"/JavaScript" not in data and b"/Launch" not in data
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return archive.testzip() is None and not archive.comment
        # A TIFF's tags may ask for what no program decodes: that is seen by who looks at it.
        if data.startswith((b"II", b"MM")):
            return True
        return b"\0" not in data or data[:2] in (b"\xff\xfe", b"\xfe\xff")
    except Exception as error:
        print(error)
        return False


def descendants(process: int) -> Iterator[int]:
    """Every process that it began, and that they began."""
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from descendants(child)


def runs(process: int) -> bool:
    """Whether it does; one that has ended, and that nobody has asked about, does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path / "service", (("limits.yaml", "keep-free-mib: 1024", "keep-free-mib: 1"),))
    yield service
    if service.process.poll() is None:
        service.kill()


def test_no_changed_document_stops_the_service_or_is_left_without_an_answer(service):
    count, seed = size("FUZZ_FILES"), size("SEED")
    server, outcomes, slowest = service.process.pid, Counter(), (0.0, "")
    early, wrong = 0, []
    connection = service.connect()
    for first in range(0, count, AT_ONCE):
        files = [changed(number) for number in range(first, min(first + AT_ONCE, count))]
        uploads = {}
        for name, data, done in files:
            began = time.monotonic()
            place = put(service, connection, name, data)
            took = time.monotonic() - began
            assert took < MOST_SECONDS, (seed, name, done, took)
            slowest = max(slowest, (took, name))
            if place.startswith("/"):
                uploads[place.rpartition("/")[2]] = name, data, done
            else:
                outcomes[place] += 1
                if place not in CODES:
                    wrong.append((name, done, place))
        if uploads:
            body = json.dumps([{"upload": upload, "again": True} for upload in uploads])
            answer = service.ask("POST", "/api/v1/documents", {"Content-Type": "application/json"}, body, connection)
            assert answer.status == 200, answer.text
            for outcome, (name, data, done) in zip(json.loads(answer.text), uploads.values(), strict=True):
                end = end_of(outcome)
                outcomes[end] += 1
                if end not in CODES and end not in ("filed", "kept apart"):
                    wrong.append((name, done, end))
                if end == "filed" and not is_readable(data):
                    wrong.append((name, done))
        assert service.process.poll() is None, (seed, first)
        if not early and first + AT_ONCE >= count // 3:
            early = anonymous(server)
    late, workers = anonymous(server), list(descendants(server))
    print(f"{count} files, seed {seed}: {dict(outcomes.most_common())}; slowest {slowest[0]:.2f} s ({slowest[1]}); "
          f"RssAnon {early >> 20} to {late >> 20} MiB; {len(workers)} workers")  # fmt: skip
    assert not wrong, wrong
    assert sum(outcomes.values()) == count
    # Some of each, or the changes are too strong or too weak to find anything.
    assert min(outcomes["filed"], outcomes["kept apart"], outcomes["type.truncated"], outcomes["type.damaged"]) >= count // 100, outcomes
    assert late - early < MOST_MEMORY, (early, late)
    connection.close()
    service.stop()
    deadline = time.monotonic() + 10
    while left := [one for one in workers if runs(one)]:
        assert time.monotonic() < deadline, ("outlive the service", left)
        time.sleep(0.05)
    assert not set(service.verify()) - {"witness.behind", "blob.orphan"}
