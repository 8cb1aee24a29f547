"""A pack is checked where there is no vault: by sha256sum, by the program that lies in it, by openssl by hand, and by ours.
One changed byte in any of its files is found, and the file is named."""

import hashlib
import http.client
import io
import json
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from agencies import Given, Officer, asked, day, filed, permitted, submit
from service import Service
from vault import FIXTURES, PROGRAM

FORM = FIXTURES / "hostile/javascript.pdf"
PAPERS = {"call.txt": b"Mrs Penhallow rang at 9.12.\n" * 40, "note.txt": b"Seen at the gate, in tears.\n"}
ELSEWHERE = b"Of another pupil, who is nobody's business here.\n"


@dataclass
class School:
    """A service with papers of two pupils, and an officer's request for those of one."""

    service: Service
    papers: list
    letter: str
    request: str
    elsewhere: str


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> Iterator[School]:
    service = Service(tmp_path_factory.mktemp("pack") / "service")
    page = service.ask("GET", "/pupils").text
    other = re.findall(r'class="figures ref">(P-[0-9A-Z]{5})<', page)[1]
    elsewhere = filed(service, ELSEWHERE, pupil=other)
    letter = filed(service, b"We ask for notes of telephone calls.\n", summary="Written request")
    papers = [filed(service, data, filename=name, summary=f"Paper {name[:-4]}") for name, data in PAPERS.items()]
    yield School(service, papers, letter, asked(service, letter), elsewhere)
    service.stop()
    assert service.verify() == []


def take(service: Service, given: Given, folder: Path) -> Path:
    officer = Officer(service)
    officer.enter(given)
    answer = officer.send("/agency/copies")
    assert answer.status == 200, answer.text
    pack = folder / re.search(r'filename="([^"]+)"', answer.getheader("Content-Disposition"))[1]
    # What is sealed on its way has no length that is known before; then it comes in pieces, the last of which says so.
    known = answer.getheader("Content-Length")
    assert known == (None if pack.suffix == ".age" else str(len(answer.bytes)))
    pack.write_bytes(answer.bytes)
    return pack


@pytest.fixture(scope="module")
def given(school) -> Given:
    return permitted(school.service, school.request, *school.papers, copies="4")


@pytest.fixture(scope="module")
def taken(school, given, tmp_path_factory) -> Path:
    """A pack as an officer took it."""
    return take(school.service, given, tmp_path_factory.mktemp("taken"))


@pytest.fixture
def unpacked(taken, tmp_path) -> Path:
    return unpack(taken, tmp_path / "unpacked")


def unpack(pack: Path, folder: Path) -> Path:
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(folder)
    (inside,) = folder.iterdir()
    return inside


def check(program: Path, folder: Path):
    return subprocess.run([sys.executable, program, folder], capture_output=True, text=True)


def files(folder: Path) -> list:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def assert_whole(pack: Path, folder: Path) -> None:
    """As on a bare machine: nothing is wrong with it, and it holds what was given."""
    subprocess.run(["unzip", "-tq", pack], check=True, capture_output=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    checked = check(folder / "check.py", folder)
    assert checked.returncode == 0 and checked.stdout.startswith("Nothing is wrong."), checked.stdout
    assert sorted(path.read_bytes() for path in (folder / "exhibits").iterdir()) == sorted(PAPERS.values())
    assert (folder / "request-letter.txt").read_bytes().startswith(b"We ask for")
    ours = subprocess.run([PROGRAM, "verify", "--pack", pack], capture_output=True, text=True)
    assert ours.returncode == 0, ours.stdout + ours.stderr
    assert re.search(r"(?:[0-9a-f]{4} ){3}", checked.stdout)[0] in ours.stdout, "the same fingerprint"


def test_a_bare_machine_finds_nothing_wrong(taken, unpacked):
    assert_whole(taken, unpacked)


def test_each_signature_is_checked_by_hand_with_openssl(unpacked):
    signatures = sorted((unpacked / "ledger").glob("*.sig"))
    assert len(signatures) > 4
    for signature in signatures:
        key, message = (signature.with_suffix(suffix) for suffix in (".key.pem", ".message"))
        verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", message, "-sigfile", signature]
        assert "Verified Successfully" in subprocess.run(verify, check=True, capture_output=True, text=True).stdout


def test_one_changed_byte_of_any_file_is_found_and_named(unpacked, tmp_path):
    program = shutil.copy(unpacked / "check.py", tmp_path / "own-check.py")
    for path in files(unpacked):
        name = path.relative_to(unpacked).as_posix()
        at = path.stat().st_size // 2
        flip(path, at)
        checked = check(program, unpacked)
        # Where the list itself has another sum, which of the two is wrong cannot be told: both are named.
        named = name if name == "SHA256SUMS" else f"{name}: "
        assert checked.returncode == 1 and named in checked.stdout, f"{name}: {checked.stdout}"
        flip(path, at)
        path.rename(path.with_name("elsewhere"))
        checked = check(program, unpacked)
        assert checked.returncode == 1 and f"{name}: is missing" in checked.stdout, f"{name}: {checked.stdout}"
        path.with_name("elsewhere").rename(path)
    (unpacked / "exhibits/one-more.txt").write_bytes(b"More.\n")
    assert "exhibits/one-more.txt: " in check(program, unpacked).stdout
    (unpacked / "exhibits/one-more.txt").unlink()
    assert check(program, unpacked).returncode == 0


def test_our_program_names_the_file_too(taken, tmp_path):
    with zipfile.ZipFile(taken) as archive:
        places = {one.filename: one.header_offset + 30 + len(one.filename) + one.file_size // 2 for one in archive.infolist()}
    pack = Path(shutil.copy(taken, tmp_path / "pack.zip"))
    for name, place in places.items():
        flip(pack, place)
        checked = subprocess.run([PROGRAM, "verify", "--pack", pack, "--json"], capture_output=True, text=True)
        found = json.loads(checked.stdout)
        assert checked.returncode == 4 and name.partition("/")[2] in checked.stdout, f"{name}: {found}"
        flip(pack, place)
    pack.write_bytes(pack.read_bytes()[:-1])
    assert subprocess.run([PROGRAM, "verify", "--pack", pack], capture_output=True).returncode == 4


def test_nothing_of_another_pupil_is_in_it(school, unpacked):
    for path in files(unpacked):
        assert school.elsewhere not in path.read_text(errors="replace") and ELSEWHERE not in path.read_bytes()
    about = {json.loads(path.read_bytes()).get("pupil_file") for path in (unpacked / "ledger").glob("*[0-9].json")}
    assert len(about - {None}) == 1


# MARK: the same again, sealed, and too large


def test_the_same_permission_gives_the_same_bytes_again_also_after_a_restart(school, given, taken, tmp_path):
    whole = taken.read_bytes()
    assert take(school.service, given, tmp_path).read_bytes() == whole
    school.service.kill()
    school.service.begin()
    school.service.sign_in()
    assert take(school.service, given, tmp_path).read_bytes() == whole
    # Another permission for the same says so.
    other = permitted(school.service, school.request, *school.papers)
    assert take(school.service, other, tmp_path).read_bytes() != whole


def test_a_pack_that_is_sealed_to_the_agency_is_opened_by_age_and_is_whole(school, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    recipient = re.search("public key: (age1[0-9a-z]+)", key.read_text())[1]
    given = permitted(school.service, school.request, *school.papers, recipient=recipient)
    sealed = take(school.service, given, tmp_path)
    data = sealed.read_bytes()
    assert sealed.name.endswith(".zip.age") and data.startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert not [content for content in PAPERS.values() if content[:20] in data] and b"PK\x03\x04" not in data
    pack = tmp_path / sealed.stem
    subprocess.run(["age", "--decrypt", "--identity", key, "--output", pack, sealed], check=True)
    assert_whole(pack, unpack(pack, tmp_path / "unpacked"))
    # What the register has is what left the school, byte for byte: the sealed file.
    register = school.service.ask("GET", "/disclosures/register.csv").text
    assert hashlib.sha256(data).hexdigest() in register and hashlib.sha256(pack.read_bytes()).hexdigest() not in register
    sealed.write_bytes(data[:-1])
    cut = subprocess.run(["age", "--decrypt", "--identity", key, sealed], capture_output=True)
    assert cut.returncode != 0


def picture(rows: int) -> bytes:
    """A TIFF of white rows, 8,000 bytes each, that nothing is packed in."""
    width, fields = 8000, 8
    tags = {256: width, 257: rows, 258: 8, 259: 1, 262: 1, 273: 8 + 2 + 12 * fields + 4, 278: rows, 279: width * rows}
    head = b"II*\0" + struct.pack("<IH", 8, fields)
    return head + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()) + bytes(4) + b"\xff" * (width * rows)


def test_a_written_request_over_64_MiB_is_refused_in_words_that_say_what_to_do(school):
    service = school.service
    letter = filed(service, picture((64 << 20) // 8000), filename="just.tif", summary="A request that just fits")
    large = filed(service, picture((64 << 20) // 8000 + 1), filename="large.tif", summary="A large request")

    def kept() -> tuple:
        with closing(sqlite3.connect(service.vault / "catalogue.sqlite")) as catalogue:
            given = catalogue.execute("SELECT count(*) FROM act WHERE kind = 'permission.given'").fetchone()
            headers = catalogue.execute("SELECT count(*) FROM item WHERE kind IN ('header', 'terms')").fetchone()
        with closing(sqlite3.connect(service.vault / "workspace.sqlite")) as workspace:
            return given, headers, workspace.execute("SELECT count(*) FROM permission_key").fetchone()

    for copies in ("1", ""):
        request = asked(service, large)
        before = kept()
        terms = {"until": day(7), "manner": "copies" if copies else "view", "copies": copies, "child": "later", "given_before": "0"}
        page = submit(service, f"{request}/permit", 422, document=school.papers, **terms)
        assert "The written request is larger than 64 MiB, so it cannot be put into a pack." in page
        assert "File a smaller scan of it, and record the request anew with that." in page
        assert "permission-link" not in page and "permission-code" not in page and kept() == before
    assert permitted(service, asked(service, letter), *school.papers).link


def test_what_is_put_back_into_quarantine_goes_to_an_agency_no_more(school):
    """Released it is given like any other; kept again, nothing of it goes out, whatever was permitted and entered before."""
    service = school.service
    document = filed(service, FORM.read_bytes(), filename="form.pdf", summary="A form of the council")

    def decide(what: str) -> None:
        submit(service, f"/documents/{document}/quarantine", decision=what, reason="Asked the council")

    assert document not in service.ask("GET", f"{school.request}/permit").text
    decide("release")
    assert document in service.ask("GET", f"{school.request}/permit").text
    # A pack that is cut off is counted too, and the permission ends with its last.
    given = permitted(service, school.request, document, copies="3")
    officer = Officer(service)
    officer.enter(given)
    picture = "/agency/exhibits/1/pages/1?width=800"
    assert officer.ask("GET", picture).bytes.startswith(b"\xff\xd8")
    assert officer.send("/agency/copies").status == 200
    decide("keep")
    assert officer.ask("GET", picture).status >= 400
    try:
        late = officer.send("/agency/copies").bytes
    except http.client.IncompleteRead as cut:
        late = cut.partial
    assert not zipfile.is_zipfile(io.BytesIO(late)) and FORM.read_bytes() not in late
    decide("release")
    assert officer.ask("GET", picture).bytes.startswith(b"\xff\xd8")
