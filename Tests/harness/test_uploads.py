"""Uploads that are cut, killed, raced and begun again: no acknowledged byte is lost, and nothing is filed twice."""

import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import canary
import pytest
from service import BYTES, UNDER_WAY, UPLOADS, Service, answer_on, cut
from sizes import size
from tusclient import client as tus
from vault import CHECKOUT

sys.path.append(str(CHECKOUT / "Benchmarks"))

from tools.papers import write_tiff  # noqa: E402

CANARIES = ["quokka-visits-narwhal", "Wombat met the axolotl", "okapi told the numbat"]
SAID = {"filename": "quokka-visits-narwhal.txt", "summary": "Wombat met the axolotl", "file": "now"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("service"))
    yield service
    service.stop()
    assert not set(service.verify()) - {"witness.behind", "blob.orphan"}
    assert not canary.search(CANARIES, [service.vault, service.folder / "tmp"])


def note(count: int, seed: str) -> bytes:
    """Plain text of so many bytes, like no other."""
    chance = random.Random(f"{size('SEED')} {seed}")
    words = ["okapi told the numbat", "river", "garden", "bench", "window", "morning", "teacher", "ladder"]
    lines, length = [], 0
    while length < count:
        lines.append(" ".join(chance.choices(words, k=9)) + ".\n")
        length += len(lines[-1])
    return "".join(lines)[:count].encode()


def documents(service: Service) -> list:
    """Upload and document of each filing, as the catalogue has them."""
    with closing(sqlite3.connect(service.vault / "catalogue.sqlite")) as db:
        return db.execute("SELECT upload, id FROM document").fetchall()


def receipt_of(service: Service, place: str, **more) -> dict:
    receipt = service.file(place, **more)
    assert isinstance(receipt, dict), receipt
    return receipt


def test_cut_anywhere_any_number_of_times_across_kills(service):
    cuts, kills = size("UPLOAD_CUTS"), size("UPLOAD_KILLS")
    chance = random.Random(f"{size('SEED')} cuts")
    data = note(900_000, "cuts")
    place = service.create(data, **SAID)
    deadly = set(chance.sample(range(1, cuts), kills))
    for number in range(cuts):
        offset = service.offset(place)
        left = len(data) - offset
        # The last piece is for the end: so many cuts fit before it.
        count = min(chance.choice([0, 1, 15, 65_535, 65_536, 65_537, chance.randrange(1, 200_000)]), max(left * 2 // (cuts - number + 1), 1), left - 1)
        connection = service.begin_piece(place, offset, data[offset:], count)
        if number in deadly:
            time.sleep(chance.random() / 20)
            service.kill()
            cut(connection)
            assert not canary.search(CANARIES, [service.vault, service.folder / "tmp"])
            service.begin()
            service.sign_in()
        else:
            cut(connection)
        assert offset <= service.offset(place) <= offset + count
    offset = service.offset(place)
    assert service.patch(place, offset, data[offset:]).status == 204
    receipt = receipt_of(service, place)
    assert receipt["sha256"] == hashlib.sha256(data).hexdigest()
    assert service.download(receipt["document"]) == data
    # Again and again, the same receipt.
    assert all(receipt_of(service, place) == receipt for _ in range(5))


def test_every_chunk_is_sealed_once_also_when_other_bytes_come_after_a_kill(service):
    first, other = note(1_000_000, "first"), note(1_000_000, "other")
    place = service.create(first, sha256=hashlib.sha256(first[:70_000] + other[70_000:]).hexdigest(), file="now")
    assert service.patch(place, 0, first[:70_000]).status == 204
    connection = service.begin_piece(place, 70_000, first[70_000:], 929_000)
    staged = service.wait_until_staged(999_000 - UNDER_WAY)
    service.kill()
    cut(connection)
    torn = staged.read_bytes()
    assert len(torn) >= 999_000 - UNDER_WAY
    service.begin()
    service.sign_in()
    assert service.offset(place) == 70_000
    assert service.patch(place, 70_000, other[70_000:150_000]).status == 204
    (anew,) = (service.vault / "staging").iterdir()
    # Another file, another nonce: no chunk of it lies at the same place under the same key.
    assert anew != staged and anew.read_bytes()[:16] != torn[:16]
    assert service.patch(place, 150_000, other[150_000:]).status == 204
    assert service.download(receipt_of(service, place)["document"]) == first[:70_000] + other[70_000:]


def test_two_clients_on_one_upload(service):
    data = note(1_000_000, "two")
    place = service.create(data, file="now")
    # One hangs in the middle of its piece; the other asks, and goes on.
    hanging = service.begin_piece(place, 0, data, 800_000)
    service.wait_until_staged(800_000 - UNDER_WAY)
    offset = service.offset(place)
    assert 0 < offset <= 800_000
    assert service.patch(place, offset, data[offset:]).status == 204
    # The first is told that another goes on with it, which is nothing to give up for.
    answer = answer_on(hanging)
    assert (answer.status, json.loads(answer.text)["code"]) == (423, "upload.locked"), answer.text
    receipt = receipt_of(service, place)
    # And many at once, from the same place: one of them brings it, the others change nothing.
    other = note(200_000, "race")
    place = service.create(other, file="now")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: service.patch(place, 0, other).status, range(6)))
    assert 204 in answers and set(answers) <= {204, 409, 410, 423}, answers
    again = receipt_of(service, place)
    assert service.download(again["document"]) == other
    # Nothing was filed twice, now or before.
    uploads = [upload for upload, _ in documents(service)]
    assert receipt["document"] != again["document"] and len(uploads) == len(set(uploads))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("count", [1, 65_536, 65_537, 1_000_000])
@pytest.mark.parametrize("chunk", [65_536, 99_991])
def test_the_public_client_uploads(service, tmp_path, count, chunk):
    data = note(count, f"tuspy {count} {chunk}")
    path = tmp_path / "note.txt"
    path.write_bytes(data)
    client = tus.TusClient(f"https://localhost:{service.port}{UPLOADS}", headers=service.headers(UPLOADS))
    said = {"filename": "note.txt", "pupil": service.pupil, "category": "letter", "date": "2016", "summary": "By tuspy", "file": "now"}
    uploader = client.uploader(str(path), chunk_size=chunk, metadata=said, verify_tls_cert=False, upload_checksum=True)
    uploader.upload()
    receipt = receipt_of(service, uploader.url)
    assert receipt["sha256"] == hashlib.sha256(data).hexdigest() and receipt["size"] == count


@pytest.fixture
def roomy(tmp_path):
    """A service with a vault of its own, of which nothing is left."""
    service = Service(tmp_path / "service")
    try:
        yield service
        service.stop()
        assert not set(service.verify()) - {"witness.behind", "blob.orphan"}
    finally:
        shutil.rmtree(tmp_path)


class Curl:
    """Resumable uploads as somebody does them by hand."""

    def __init__(self, service: Service, folder: Path):
        self.service = service
        self.folder = folder

    def start(self, method: str, place: str, headers: dict, *arguments: str, piece: bytes | None = None) -> subprocess.Popen:
        settings = self.folder / "curl.conf"
        lines = {**self.service.headers(place), **headers}
        settings.write_text("".join(f"header = {json.dumps(f'{name}: {value}')}\n" for name, value in lines.items()))
        command = ["curl", "--silent", "--insecure", "--config", settings, "--request", method, *arguments]
        if piece is not None:
            (self.folder / "piece").write_bytes(piece)
            command += ["--data-binary", f"@{self.folder}/piece"]
        address = f"https://localhost:{self.service.port}{place}"
        return subprocess.Popen([*command, address], stdout=subprocess.PIPE, text=True)

    def ask(self, method: str, place: str, headers: dict, *arguments: str, **more) -> tuple:
        """Status, and the headers that came."""
        process = self.start(method, place, headers, "--dump-header", "-", "--output", os.devnull, *arguments, **more)
        out, _ = process.communicate(timeout=600)
        assert process.returncode == 0, (process.returncode, out)
        # With an interim answer, the last head is the one that counts.
        status, *lines = out.strip().rpartition("HTTP/")[2].splitlines()
        return int(status.split()[1]), {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_large_document_by_the_public_client_and_one_by_curl_cut_and_across_a_kill(roomy, tmp_path):
    service, mib = roomy, size("UPLOAD_LARGE_MIB")
    scan = tmp_path / "scan.tif"
    write_tiff(scan, mib << 20)
    count = scan.stat().st_size
    # Odd, and not in step with the chunks that are sealed.
    piece = min(count // 3, 9_999_991)

    def part(offset: int, length: int = piece) -> bytes:
        with open(scan, "rb") as file:
            file.seek(offset)
            return file.read(length)

    said = {"filename": scan.name, "pupil": service.pupil, "category": "letter", "date": "2016", "summary": "A whole folder", "file": "now"}

    def client(url: str | None = None):
        server = tus.TusClient(f"https://localhost:{service.port}{UPLOADS}", headers=service.headers(UPLOADS))
        return server.uploader(str(scan), url=url, chunk_size=piece, metadata=said, verify_tls_cert=False, upload_checksum=True)

    curl = Curl(service, tmp_path)

    def bytes_from(offset: int) -> dict:
        return {**BYTES, "Upload-Offset": str(offset)}

    made = {"Upload-Length": str(count), "Upload-Metadata": service.metadata(b"", **said, sha256=None)}
    status, headers = curl.ask("POST", UPLOADS, made)
    assert status == 201
    by_curl = headers["location"]

    def stands_at() -> int:
        status, headers = curl.ask("HEAD", by_curl, {}, "--head")
        assert status == 200 and int(headers["upload-length"]) == count
        return int(headers["upload-offset"])

    uploader = client()
    uploader.upload_chunk()
    place = uploader.url[uploader.url.index(UPLOADS) :]
    assert uploader.offset == service.offset(place) == piece
    # Both cut in the middle of a piece.
    cut(service.begin_piece(place, piece, part(piece), piece // 2))
    running = curl.start("PATCH", by_curl, bytes_from(0), "--limit-rate", str(piece // 2), piece=part(0))
    service.wait_until_staged(piece // 4, beside=1)
    running.kill()
    running.wait()
    offset = stands_at()
    assert 0 < offset < piece
    # The server killed while pieces come for both.
    running = curl.start("PATCH", by_curl, bytes_from(offset), "--limit-rate", str(piece // 2), piece=part(offset))
    at = service.offset(place)
    assert piece <= at <= piece + piece // 2
    hanging = service.begin_piece(place, at, part(at), piece // 3)
    time.sleep(0.3)
    service.kill()
    cut(hanging)
    assert running.wait() != 0
    service.begin()
    service.sign_in()
    uploader = client(uploader.url)
    assert at <= uploader.offset <= at + piece // 3
    uploader.upload()
    at, offset = offset, stands_at()
    assert at <= offset <= at + piece
    while offset < count:
        more = part(offset)
        status, headers = curl.ask("PATCH", by_curl, bytes_from(offset), piece=more)
        assert status == 204 and int(headers["upload-offset"]) == offset + len(more)
        offset += len(more)
    with open(scan, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    for place in (place, by_curl):
        receipt = receipt_of(service, place, again=True)
        assert receipt["sha256"] == digest and receipt["size"] == count
        assert service.digest_of(receipt["document"]) == digest
    assert len({document for _, document in documents(service)}) == 2


def test_a_client_without_a_session_or_its_token_gets_nothing(service):
    data = note(100, "stranger")
    place = service.create(data)
    for headers in ({"Cookie": ""}, {"Strongroom-Token": "guessed"}, {"Sec-Fetch-Site": "cross-site"}):
        assert service.patch(place, 0, data, headers).status == 403
    assert service.offset(place) == 0
    assert service.ask("DELETE", place).status == 204
    assert service.ask("HEAD", place).status == 410
    assert os.listdir(service.vault / "staging") == []
