"""A scan station at work, over HTTPS: what its token opens, and that it opens nothing else."""

import html
import itertools
import json
import re
import time
import urllib.parse

import pytest
from service import BYTES, UNDER_WAY, UPLOADS, Service, answer_on, cut

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NUMBERS = itertools.count(1)
NOTE = b"A letter home, scanned at the copier.\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = Service(tmp_path_factory.mktemp("stations"))
    yield made
    made.stop()
    assert made.verify() == []


class Station:
    """Asks as a program does: with its token, and with no cookie."""

    def __init__(self, service: Service, **said: str):
        self.service = service
        said = {"name": f"Copier {next(NUMBERS)}", "pupils": service.pupil, "days": "3", **said}
        answer = post(service, "/stations", **said)
        assert answer.status == 200, answer.text
        self.token = html.unescape(re.search(r">(station-[0-9a-z]{52})<", answer.text)[1])
        self.name = said["name"]
        page = service.ask("GET", "/stations").text
        self.id = re.search(rf'href="/stations/([0-9a-z]{{26}})">{re.escape(self.name)}<', page)[1]

    def ask(self, method, path, headers=None, body=None):
        own = self.service.connect()
        try:
            own.request(
                method,
                path,
                body=body,
                headers={"Authorization": f"Bearer {self.token}", "Tus-Resumable": "1.0.0", **(headers or {})},
            )
            answer = own.getresponse()
            answer.bytes = answer.read()
            answer.text = answer.bytes.decode(errors="replace")
            return answer
        finally:
            own.close()

    def create(self, data: bytes, batch: str | None = None, **said: str):
        said = {**said, **({"batch": batch} if batch else {})}
        words = self.service.metadata(data, **said)
        if said.get("pupil") == "":
            words = ",".join(word for word in words.split(",") if not word.startswith("pupil "))
        return self.ask("POST", UPLOADS, {"Upload-Length": str(len(data)), "Upload-Metadata": words})

    def send(self, data: bytes, batch: str | None = None, **said: str):
        begun = self.create(data, batch, **said)
        assert begun.status == 201, begun.text
        place = begun.getheader("Location")
        sent = self.ask("PATCH", place, {"Upload-Offset": "0", **BYTES}, data)
        assert sent.status == 204, sent.text
        return place

    def file(self, place: str, **more) -> dict:
        body = json.dumps([{"upload": place.rpartition("/")[2], **more}])
        answer = self.ask("POST", "/api/v1/documents", {"Content-Type": "application/json"}, body)
        assert answer.status == 200, answer.text
        return json.loads(answer.text)[0]


def post(service: Service, path: str, **fields: str):
    return service.ask("POST", path, FORM, urllib.parse.urlencode({"csrf": service._token, **fields}))


def open_batch(service: Service) -> str:
    return post(service, "/batches").getheader("Location").rpartition("/")[2]


def code(answer) -> tuple:
    return answer.status, json.loads(answer.text)["code"]


def test_it_files_into_the_open_batch_of_who_is_signed_in(service):
    station, batch = Station(service), open_batch(service)
    place = station.send(NOTE, batch)
    receipt = station.file(place)["receipt"]
    assert station.file(place)["receipt"] == receipt, "again gives the same receipt"
    assert service.download(receipt["document"]) == NOTE
    chronology = service.ask("GET", f"/pupils/{service.pupil}").text
    assert f"through {station.name}" in html.unescape(chronology)
    assert receipt["document"][:5].upper() in service.ask("GET", f"/batches/{batch}").text.replace("-", "")
    assert station.ask("HEAD", place).status == 410


def test_its_token_opens_uploading_and_nothing_else(service):
    station = Station(service)
    for path in ("/api/v1/uploads", "/api/v1/openapi.json", "/api/v1/health"):
        assert station.ask("GET", path).status == 200, path
    for path in ("/", "/pupils", "/stations", f"/pupils/{service.pupil}", "/intake", "/ledger"):
        answer = station.ask("GET", path)
        assert (answer.status, answer.getheader("Location")) == (303, "/sign-in"), path
    assert code(station.create(NOTE)) == (422, "batch.not-open")
    assert code(station.create(NOTE, pupil="P-00000")) == (404, "pupil.unknown")
    assert code(station.create(NOTE, pupil="")) == (403, "access.not-entitled")


@pytest.mark.parametrize("word", ["Bearer station-" + "0" * 52, "Bearer x", "Bearer", "Basic dXNlcjpwYXNz", ""])
def test_another_token_opens_nothing(service, word):
    connection = service.connect()
    connection.request("GET", UPLOADS, headers={"Authorization": word})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert (answer.status, json.loads(text)["code"]) == (401, "station.unknown")
    assert answer.getheader("WWW-Authenticate") == "Bearer"


def test_a_session_beside_a_bad_token_does_not_count(service):
    answer = service.ask("GET", UPLOADS, {"Authorization": "Bearer station-" + "1" * 52})
    assert code(answer) == (401, "station.unknown")


def test_what_one_station_sends_no_other_sees(service):
    one, two, batch = Station(service), Station(service), open_batch(service)
    place = one.create(NOTE, batch).getheader("Location")
    assert code(two.ask("DELETE", place)) == (404, "not-found")
    assert service.ask("HEAD", place).status == 404, "nor does who is signed in"
    assert json.loads(two.ask("GET", UPLOADS).text) == []
    assert [upload["pupil"] for upload in json.loads(one.ask("GET", UPLOADS).text)] == [service.pupil]
    assert one.ask("DELETE", place).status == 204


def test_the_intake_queue(service):
    station = Station(service, pupils="", intake="yes")
    outcome = station.file(station.send(NOTE + b"Whose is it?\n", pupil="", summary="Found in a drawer"))
    assert set(outcome) == {"upload", "queued"} and outcome["queued"]["size"] == len(NOTE) + 13
    page = service.ask("GET", "/intake").text
    assert "Found in a drawer" in page and station.name in page
    assert code(station.create(NOTE)) == (404, "pupil.unknown")


def test_withdrawn_while_it_sends(service):
    station, batch = Station(service, intake="yes"), open_batch(service)
    kept = station.file(station.send(NOTE + b"kept\n", batch))["receipt"]
    whole = station.send(NOTE + b"whole\n", batch)
    half = station.create(NOTE, batch).getheader("Location")
    assert post(service, f"/stations/{station.id}/withdraw").status == 303
    for answer in (
        station.ask("PATCH", half, {"Upload-Offset": "0", **BYTES}, NOTE),
        station.ask("POST", "/api/v1/documents", {"Content-Type": "application/json"}, json.dumps([{"upload": whole.rpartition("/")[2]}])),
        station.ask("GET", UPLOADS),
    ):
        assert code(answer) == (403, "station.ended")
    page = service.ask("GET", f"/stations/{station.id}").text
    assert "What it filed: 1 scan<" in page and "withdrawn" in page
    assert str(kept["index"]) in page.replace(" ", "").replace("\u00a0", "").replace(",", "")
    assert post(service, f"/stations/{station.id}/withdraw").status == 404


def test_withdrawn_in_the_middle_of_a_piece(service):
    station = Station(service, pupils="", intake="yes")
    data = NOTE * 60_000
    place = station.create(data, pupil="").getheader("Location")
    before = service.headers
    service.headers = lambda path: {"Authorization": f"Bearer {station.token}", "Tus-Resumable": "1.0.0"}
    try:
        connection = service.begin_piece(place, 0, data, 800_000)
    finally:
        service.headers = before
    service.wait_until_staged(800_000 - UNDER_WAY)
    assert post(service, f"/stations/{station.id}/withdraw").status == 303
    # What comes is kept every five seconds, and asked then whether it still may come.
    time.sleep(5.5)
    connection.sendall(data[800_000:1_000_000])
    answer = answer_on(connection)
    assert code(answer) == (403, "station.ended")


def test_who_signed_out_is_nobodys_operator(service):
    station, batch = Station(service), open_batch(service)
    place = station.send(NOTE + b"before\n", batch)
    post(service, "/sign-out")
    assert station.file(place)["refusal"]["code"] == "batch.not-open"
    service.sign_in()
    assert station.file(place)["receipt"]["size"] == len(NOTE) + 7


def test_the_same_again_waits_for_a_person_or_program_to_say_so(service):
    station, batch = Station(service), open_batch(service)
    first = station.file(station.send(NOTE + b"twice\n", batch))["receipt"]
    assert "earlier" not in first
    place = station.send(NOTE + b"twice\n", batch, file="now")
    assert station.ask("HEAD", place).status == 200, "it was not filed, though it said file: now"
    assert station.file(place)["refusal"]["code"] == "upload.repeated"
    assert station.file(place, again=True)["receipt"]["earlier"] == first["document"]
    meant = station.send(NOTE + b"twice\n", batch, file="now", again="yes")
    assert station.file(meant)["receipt"]["earlier"] == first["document"], "it said that it was meant, and now"


def test_cut_and_killed_it_goes_on(service):
    station = Station(service)
    batch = open_batch(service)
    data = NOTE * 4000
    place = station.create(data, batch).getheader("Location")
    before = service.headers
    service.headers = lambda path: {"Authorization": f"Bearer {station.token}", "Tus-Resumable": "1.0.0"}
    try:
        cut(service.begin_piece(place, 0, data, 70_000))
        offset = service.offset(place)
        assert 0 <= offset <= 70_000, "what had not arrived when it was cut is sent again"
        service.kill()
        service.begin()
        assert service.offset(place) == offset
        assert service.patch(place, offset, data[offset:]).status == 204
    finally:
        service.headers = before
    service.sign_in()
    assert service.download(station.file(place)["receipt"]["document"]) == data


def test_the_token_is_nowhere_on_the_disk(service):
    station = Station(service)
    station.send(NOTE + b"canary\n", open_batch(service))
    secret = station.token[-26:].encode()
    found = [path for path in service.folder.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert found == []
