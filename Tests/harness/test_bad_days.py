"""Uploads on a bad day: the disk is full, read-only or failing, the clock is set back. No acknowledged byte is lost,
nothing is filed twice, each is explained in words for people, and it goes on once it is put right."""

import json
import os
import shutil
from pathlib import Path

import pytest
from service import UNDER_WAY, UPLOADS, Service, answer_on
from shim import Shim
from test_bad_input import assert_clear, fill
from test_uploads import documents, note, receipt_of
from vault import FAKETIME, clock_memory

ROOM = (("limits.yaml", "keep-free-mib: 1024", "keep-free-mib: 1"), ("limits.yaml", "keep-free-percent: 5", "keep-free-percent: 0"))


def explained(answer, *statuses: int) -> str:
    """A refusal in clear sentences; gives its code."""
    assert answer.status in statuses, (answer.status, answer.text)
    assert answer.getheader("Content-Type") == "application/problem+json", answer.text
    problem = json.loads(answer.text)
    assert problem["status"] == answer.status
    assert_clear(problem["title"].rstrip(".") + ".")
    assert_clear(problem["detail"])
    return problem["code"]


def went_well(service: Service) -> None:
    """The service ends without a complaint, and its vault holds."""
    uploads = [upload for upload, _ in documents(service)]
    assert len(uploads) == len(set(uploads))
    service.stop()
    assert not set(service.verify()) - {"witness.behind", "blob.orphan"}


@pytest.fixture
def small():
    """A service on the disk that can be filled."""
    place = os.environ.get("STRONGROOM_TEST_SMALL_DISK")
    assert place, "STRONGROOM_TEST_SMALL_DISK is not set: scripts/test mounts it"
    folder = Path(place) / "uploads"
    shutil.rmtree(folder, ignore_errors=True)
    service = Service(folder, ROOM)
    yield service
    service.kill()
    shutil.rmtree(folder)


@pytest.mark.parametrize("left_kib", [1500, 1100, 100, 0])
def test_a_disk_that_fills_in_the_middle_of_a_piece(small, left_kib):
    data = note(4 << 20, f"full {left_kib}")
    place = small.create(data, file="now")
    assert small.patch(place, 0, data[: 1 << 20]).status == 204
    filler = small.folder / "filler"
    connection = small.begin_piece(place, 1 << 20, data[1 << 20 :], 900_000)
    small.wait_until_staged((1 << 20) + 900_000 - UNDER_WAY)
    fill(filler, left_kib << 10)
    connection.sendall(data[(1 << 20) + 900_000 :])
    explained(answer_on(connection), 507)
    # As a client goes on that knows nothing of disks: what was acknowledged is there.
    answer = small.ask("HEAD", place)
    assert answer.status == 200 and int(answer.getheader("Upload-Offset")) >= 1 << 20
    offset = int(answer.getheader("Upload-Offset"))
    explained(small.patch(place, offset, data[offset:]), 507, 503)
    assert not documents(small)
    filler.unlink()
    offset = small.offset(place)
    assert offset >= 1 << 20
    assert small.patch(place, offset, data[offset:]).status == 204
    assert small.download(receipt_of(small, place)["document"]) == data
    went_well(small)


def test_a_disk_that_is_full_when_an_upload_begins(small):
    data = note(100_000, "begun full")
    filler = small.folder / "filler"
    fill(filler, 0)
    answer = small.ask("POST", UPLOADS, {"Upload-Length": str(len(data)), "Upload-Metadata": small.metadata(data, file="now")})
    # The announcement itself may still have found room in a page that is there.
    if answer.status == 201:
        place = answer.getheader("Location")
        explained(small.patch(place, 0, data), 507, 503)
    else:
        explained(answer, 507, 503)
    filler.unlink()
    place = small.create(data, file="now")
    assert small.patch(place, 0, data).status == 204
    assert small.download(receipt_of(small, place)["document"]) == data
    assert len(documents(small)) == 1
    went_well(small)


@pytest.mark.parametrize(("error", "status"), [("EROFS", 503), ("EIO", 503), ("ENOSPC", 507)])
@pytest.mark.parametrize("anew", [False, True], ids=["same server", "server started anew"])
def test_a_disk_that_cannot_be_written_for_a_while(tmp_path, error, status, anew):
    switch, folder = tmp_path / "switch", tmp_path / "service"
    places = [folder / "vault", folder / "vault.secrets"]
    shim = Shim(places, tmp_path / "calls", "fail", 1, error, lasting=True, only_while=switch)
    service = Service(folder, extra=shim.environment())
    data, other = note(300_000, f"{error} {anew}"), note(1000, f"other {error} {anew}")
    place, whole = service.create(data, file="now"), service.create(other)
    assert service.patch(place, 0, data[:100_000]).status == 204
    assert service.patch(whole, 0, other).status == 204
    switch.touch()
    explained(service.patch(place, 100_000, data[100_000:]), status, 503)
    announced = {"Upload-Length": "1", "Upload-Metadata": service.metadata(b"x")}
    explained(service.ask("POST", UPLOADS, announced), status, 503)
    filing = json.dumps([{"upload": whole.rpartition("/")[2]}])
    explained(service.ask("POST", "/api/v1/documents", {"Content-Type": "application/json"}, filing), status, 503)
    assert service.offset(place) >= 100_000
    assert not documents(service)
    if anew:
        service.kill()
    switch.unlink()
    if anew:
        service.begin()
        service.sign_in()
    offset = service.offset(place)
    assert offset >= 100_000
    assert service.patch(place, offset, data[offset:]).status == 204
    for upload, bytes_ in ((place, data), (whole, other)):
        receipt = receipt_of(service, upload)
        assert service.download(receipt["document"]) == bytes_
        assert receipt_of(service, upload) == receipt
    assert len(documents(service)) == 2
    went_well(service)


@pytest.mark.parametrize("anew", [False, True], ids=["same server", "server started anew"])
def test_a_clock_that_is_set_back(tmp_path, anew):
    clock = tmp_path / "clock"
    clock.write_text("+0s")
    faking = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_SHARED": clock_memory(),
    }
    service = Service(tmp_path / "service", extra=faking)
    data = note(300_000, f"clock {anew}")
    place = service.create(data, file="now")
    assert service.patch(place, 0, data[:100_000]).status == 204
    clock.write_text("-3600s")
    if anew:
        service.kill()
        service.begin()
        answer = service.ask("GET", "/sign-in")
        assert answer.status == 200, answer.text
        clock.write_text("+0s")
        service.sign_in()
        clock.write_text("-3600s")
    code = explained(service.patch(place, 100_000, data[100_000:]), 503)
    assert code == "clock.behind"
    assert not documents(service)
    offset = service.offset(place)
    assert offset >= 100_000
    clock.write_text("+0s")
    offset = service.offset(place)
    if offset < len(data):
        assert service.patch(place, offset, data[offset:]).status == 204
    receipt = receipt_of(service, place)
    assert service.download(receipt["document"]) == data
    assert receipt_of(service, place) == receipt and len(documents(service)) == 1
    went_well(service)
