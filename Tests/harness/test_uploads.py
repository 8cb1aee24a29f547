"""Uploads that are cut, killed, raced and begun again: no acknowledged byte is lost, and nothing is filed twice."""

import hashlib
import json
import os
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import canary
import pytest
from service import UPLOADS, Service, answer_on, cut
from sizes import size
from tusclient import client as tus

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


def wait_until_staged(service: Service, count: int):
    """The one staged file, once it has so many bytes."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in (service.vault / "staging").iterdir():
            if path.stat().st_size >= count:
                return path
        time.sleep(0.01)
    raise AssertionError("nothing was staged")


def receipt_of(service: Service, place: str) -> dict:
    receipt = service.file(place)
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
    first, other = note(300_000, "first"), note(300_000, "other")
    place = service.create(first, sha256=hashlib.sha256(first[:70_000] + other[70_000:]).hexdigest(), file="now")
    assert service.patch(place, 0, first[:70_000]).status == 204
    connection = service.begin_piece(place, 70_000, first[70_000:], 229_000)
    staged = wait_until_staged(service, 200_000)
    service.kill()
    cut(connection)
    torn = staged.read_bytes()
    assert len(torn) >= 200_000
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
    data = note(400_000, "two")
    place = service.create(data, file="now")
    # One hangs in the middle of its piece; the other asks, and goes on.
    hanging = service.begin_piece(place, 0, data, 100_000)
    wait_until_staged(service, 65_536)
    offset = service.offset(place)
    assert 0 < offset <= 100_000
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


def test_a_client_without_a_session_or_its_token_gets_nothing(service):
    data = note(100, "stranger")
    place = service.create(data)
    for headers in ({"Cookie": ""}, {"Strongroom-Token": "guessed"}, {"Sec-Fetch-Site": "cross-site"}):
        assert service.patch(place, 0, data, headers).status == 403
    assert service.offset(place) == 0
    assert service.ask("DELETE", place).status == 204
    assert service.ask("HEAD", place).status == 410
    assert os.listdir(service.vault / "staging") == []
