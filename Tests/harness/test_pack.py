"""A pack is checked where there is no vault: by sha256sum, by the program that lies in it, by openssl by hand, and by ours.
One changed byte in any of its files is found, and the file is named."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from agencies import Officer, asked, filed, permitted
from service import Service
from vault import PROGRAM

PAPERS = {"call.txt": b"Mrs Penhallow rang at 9.12.\n" * 40, "note.txt": b"Seen at the gate, in tears.\n"}
ELSEWHERE = b"Of another pupil, who is nobody's business here.\n"


@pytest.fixture(scope="module")
def taken(tmp_path_factory) -> tuple:
    """A pack as an officer took it, and the id of a document of another pupil."""
    folder = tmp_path_factory.mktemp("pack")
    service = Service(folder / "service")
    page = service.ask("GET", "/pupils").text
    other = re.findall(r'class="figures ref">(P-[0-9A-Z]{5})<', page)[1]
    elsewhere = filed(service, ELSEWHERE, pupil=other)
    letter = filed(service, b"We ask for notes of telephone calls.\n", summary="Written request")
    papers = [filed(service, data, filename=name, summary=f"Paper {name[:-4]}") for name, data in PAPERS.items()]
    given = permitted(service, asked(service, letter), *papers, copies="2")
    officer = Officer(service)
    officer.enter(given)
    answer = officer.send("/agency/copies")
    assert answer.status == 200 and answer.getheader("Content-Length") == str(len(answer.bytes))
    pack = folder / re.search(r'filename="([^"]+)"', answer.getheader("Content-Disposition"))[1]
    pack.write_bytes(answer.bytes)
    service.stop()
    return pack, elsewhere


@pytest.fixture
def unpacked(taken, tmp_path) -> Path:
    with zipfile.ZipFile(taken[0]) as archive:
        archive.extractall(tmp_path)
    (inside,) = tmp_path.iterdir()
    return inside


def check(program: Path, folder: Path):
    return subprocess.run([sys.executable, program, folder], capture_output=True, text=True)


def files(folder: Path) -> list:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_bare_machine_finds_nothing_wrong(taken, unpacked):
    subprocess.run(["unzip", "-tq", taken[0]], check=True, capture_output=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=unpacked, check=True)
    checked = check(unpacked / "check.py", unpacked)
    assert checked.returncode == 0 and checked.stdout.startswith("Nothing is wrong."), checked.stdout
    assert sorted(path.read_bytes() for path in (unpacked / "exhibits").iterdir()) == sorted(PAPERS.values())
    assert (unpacked / "request-letter.txt").read_bytes().startswith(b"We ask for")
    ours = subprocess.run([PROGRAM, "verify", "--pack", taken[0]], capture_output=True, text=True)
    assert ours.returncode == 0, ours.stdout + ours.stderr
    assert re.search(r"(?:[0-9a-f]{4} ){3}", checked.stdout)[0] in ours.stdout, "the same fingerprint"


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
    with zipfile.ZipFile(taken[0]) as archive:
        places = {one.filename: one.header_offset + 30 + len(one.filename) + one.file_size // 2 for one in archive.infolist()}
    pack = Path(shutil.copy(taken[0], tmp_path / "pack.zip"))
    for name, place in places.items():
        flip(pack, place)
        checked = subprocess.run([PROGRAM, "verify", "--pack", pack, "--json"], capture_output=True, text=True)
        found = json.loads(checked.stdout)
        assert checked.returncode == 4 and name.partition("/")[2] in checked.stdout, f"{name}: {found}"
        flip(pack, place)
    pack.write_bytes(pack.read_bytes()[:-1])
    assert subprocess.run([PROGRAM, "verify", "--pack", pack], capture_output=True).returncode == 4


def test_nothing_of_another_pupil_is_in_it(taken, unpacked):
    for path in files(unpacked):
        assert taken[1] not in path.read_text(errors="replace") and ELSEWHERE not in path.read_bytes()
    about = {json.loads(path.read_bytes()).get("pupil_file") for path in (unpacked / "ledger").glob("*[0-9].json")}
    assert len(about - {None}) == 1
