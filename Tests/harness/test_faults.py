"""A filing is killed, or a call of it fails, at each of its file system calls in turn: what was said stays true.

Afterwards the vault verifies, or has an orphan payload more; a printed receipt has its document; and no word of what
was filed lies anywhere in clear.
"""

import signal
from pathlib import Path

import canary
import pytest
from shim import Shim, assert_survives
from sizes import size
from vault import ADMIN, PASSWORDS, Vault

NAME = "quokka-visits-narwhal.txt"
SAID = {"summary": "Wombat met the axolotl", "signed_by": "Bandicoot Pangolin", "late_reason": "Found behind the capybara"}
CONTENT = "The okapi told the numbat about the aardwolf.\n" * 3000
CANARIES = ["quokka-visits-narwhal", *SAID.values(), "okapi told the numbat", PASSWORDS[ADMIN]]
MODES = {
    "kill-before": {"mode": "kill-before"},
    "kill-after": {"mode": "kill-after"},
    "kill-torn": {"mode": "kill-torn"},
    "EIO": {"mode": "fail", "error": "EIO"},
    # A disk that fails in the moment of recording, and then the power: whether it was recorded shows afterwards.
    "EIO, then killed": {"mode": "fail", "error": "EIO", "then_kill": 2},
    "ENOSPC": {"mode": "fail", "error": "ENOSPC"},
    "ENOSPC from then on": {"mode": "fail-torn", "error": "ENOSPC", "lasting": True},
}


@pytest.fixture(scope="module")
def paper(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("papers") / NAME
    path.write_text(CONTENT)
    return path


def file_it(vault: Vault, paper: Path, **fault):
    shim = Shim(vault.folders, vault.path.with_name("calls"), **fault)
    details = {NAME: {**SAID, "received": "2016-11-18"}}
    return vault.file(paper, details=details, extra=shim.environment()), shim.calls()


@pytest.fixture(scope="module")
def calls(template, tmp_path_factory, paper) -> int:
    """How many calls a filing makes that nothing befalls."""
    vault = template.copy(tmp_path_factory.mktemp("counted") / "copy")
    result, calls = file_it(vault, paper)
    result.ok()
    names = {call.name for call in calls}
    assert {"open", "write", "pwrite", "fsync", "fdatasync", "rename"} <= names, names
    assert not canary.search(CANARIES, vault.folders)
    return len(calls)


def suffer(template: Vault, folder: Path, paper: Path, fault: dict) -> list:
    """One filing with one fault; what is wrong afterwards."""
    vault = template.copy(folder)
    result, _ = file_it(vault, paper, **fault)
    killed = result.code == -signal.SIGKILL
    receipts = [line for line in result.lines if "document" in line]
    wrong = []
    if not killed and result.code not in (0, 1):
        wrong.append(f"exit {result.code}: {result.err}")
    if result.code == 0 and not receipts:
        wrong.append(f"exit 0 without a receipt: {result.err}")
    if result.code == 1 and not (result.err.startswith(("error: ", "refused: ")) and "\nhint: " in result.err):
        wrong.append(f"no clear words: {result.err!r}")
    wrong += [f"in clear: {one}" for one in canary.search(CANARIES, vault.folders)]
    code, findings = vault.verify()
    if code != 0 or not {one["code"] for one in findings} <= {"blob.orphan", "witness.behind"}:
        wrong.append(f"verify: {findings}")
    if receipts:
        filed = [entry["document"] for entry in vault.chronology()]
        if filed != [receipts[0]["document"]]:
            wrong.append(f"the receipt of {receipts[0]['document']} beside the chronology {filed}")
    if killed:
        # Recorded or not, it can be filed again on purpose; without, exactly what was recorded is told.
        once_more = vault.file(paper, details={NAME: SAID})
        recorded = len(vault.chronology()) > 0 if once_more.code == 3 else False
        if once_more.code == 3 and not (recorded and once_more.lines[0]["refused"] == "upload.repeated"):
            wrong.append(f"the next filing: exit 3: {once_more.err}")
        again = vault.file(paper, details={NAME: SAID}, more=("--again",))
        if again.code != 0:
            wrong.append(f"the next filing: exit {again.code}: {again.err}")
    return wrong


@pytest.mark.parametrize("mode", MODES)
def test_whatever_call_it_befalls(template, calls, paper, tmp_path, mode):
    def trial(at: int) -> list:
        return suffer(template, tmp_path / str(at), paper, {**MODES[mode], "at": at})

    assert_survives(f"{mode}", calls, size("FAULT_STRIDE"), trial)
