"""Taking a pack is killed, or a call of it fails, at each of its file system calls in turn: never a byte out without its
statement before it, never once more than permitted, and what was interrupted is said to be."""

import copy
import json
import shutil
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import canary
import pytest
from agencies import Officer, asked, filed, permitted
from service import Service
from shim import Shim, assert_survives
from sizes import size

CONTENT = b"The okapi hit the numbat beside the aardwolf.\n" * 6000
CANARIES = ["okapi hit the numbat", "Wombat shouted at the axolotl"]
MODES = {
    "kill-before": {"mode": "kill-before"},
    "kill-after": {"mode": "kill-after"},
    "EIO": {"mode": "fail", "error": "EIO"},
    "ENOSPC": {"mode": "fail", "error": "ENOSPC"},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> tuple:
    """A service that stands still, with a permission to take one copy."""
    service = Service(tmp_path_factory.mktemp("issue") / "service")
    letter = filed(service, b"We ask for the notes.\n", summary="Written request")
    paper = filed(service, CONTENT, summary="Wombat shouted at the axolotl")
    given = permitted(service, asked(service, letter), paper, copies="1")
    service.stop()
    return service, given


def begin(prepared: tuple, folder: Path, **fault) -> tuple:
    """A copy of it that is running, with an officer who has entered; and what befalls it from then on."""
    service, given = prepared
    shutil.copytree(service.folder, folder)
    one = copy.copy(service)
    one.folder, one.vault, one.port = folder, folder / "vault", 0
    flag = folder / "tmp" / "now"
    shim = Shim([one.vault, folder / "vault.secrets"], folder / "calls", only_while=flag, **fault)
    one._extra = shim.environment()
    one.begin()
    officer = Officer(one)
    officer.enter(given)
    return one, officer, flag, shim


def take(officer: Officer, flag: Path) -> bytes:
    """What comes of asking for the pack, whole or not."""
    token = officer.ask("GET", "/agency").text.split('name="csrf" value="')[1].split('"')[0]
    flag.touch()
    cookies = "; ".join(f"{name}={value}" for name, value in officer.cookies.items())
    connection, got = officer.service.connect(), b""
    with suppress(OSError, ValueError, Exception):
        form = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/agency/copies", f"csrf={token.replace('/', '%2F').replace('+', '%2B').replace('=', '%3D')}", form)
        answer = connection.getresponse()
        while answer.status == 200 and (piece := answer.read1(1 << 16)):
            got += piece
    connection.close()
    flag.unlink(missing_ok=True)
    return got


def said(vault: Path) -> dict:
    """How many statements there are of each kind, as the catalogue has them."""
    database = sqlite3.connect(f"file:{vault}/catalogue.sqlite?mode=ro", uri=True)
    try:
        return dict(database.execute("SELECT kind, count(*) FROM act GROUP BY kind").fetchall())
    finally:
        database.close()


@pytest.fixture(scope="module")
def calls(prepared, tmp_path_factory) -> int:
    """How many calls taking it makes that nothing befalls."""
    one, officer, flag, shim = begin(prepared, tmp_path_factory.mktemp("counted") / "copy")
    assert take(officer, flag)[:2] == b"PK"
    deadline = time.monotonic() + 20
    while said(one.vault).get("permission.ended") != 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    one.stop()
    assert said(one.vault)["issue.closed"] == 1
    return len(shim.calls())


def suffer(prepared: tuple, folder: Path, fault: dict) -> list:
    """One taking with one fault; what is wrong afterwards."""
    one, officer, flag, _ = begin(prepared, folder, **fault)
    got = take(officer, flag)
    wrong = [f"in clear: {found}" for found in canary.search(CANARIES, [one.vault, folder / "tmp"])]
    one.kill()
    opened = said(one.vault).get("issue.opened", 0)
    if got and not opened:
        wrong.append(f"{len(got)} bytes without a statement")
    # Afterwards nothing befalls it: what was on its way is said to have been interrupted, and the count stands.
    one._extra, one.port = None, 0
    one.begin()
    deadline = time.monotonic() + 30
    while said(one.vault).get("issue.closed", 0) < opened and time.monotonic() < deadline:
        time.sleep(0.2)
    if said(one.vault).get("issue.closed", 0) != opened:
        wrong.append(f"{said(one.vault)}: not said how it ended")
    again = b""
    with suppress(AssertionError, TypeError):
        second = Officer(one)
        second.enter(prepared[1])
        again = take(second, flag)
    if opened and again:
        wrong.append("once more than permitted")
    if not opened and again[:2] != b"PK":
        wrong.append("it cannot be taken afterwards")
    one.kill()
    process = one._start("verify", "--json")
    found = json.loads(process.communicate()[0])
    if not found["holds"]:
        wrong.append(f"verify: {found['findings']}")
    shutil.rmtree(folder)
    return wrong


@pytest.mark.parametrize("mode", MODES)
def test_whatever_call_it_befalls(prepared, calls, tmp_path, mode):
    def trial(at: int) -> list:
        return suffer(prepared, tmp_path / str(at), {**MODES[mode], "at": at})

    assert_survives(f"issue {mode}", calls, size("ISSUE_FAULT_STRIDE"), trial)
