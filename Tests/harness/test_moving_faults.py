"""Moving a document is killed, or a call of it fails, at each of its file system calls in turn: the old one is whole, or it
is moved, and never both or neither."""

import json
import signal
from pathlib import Path

import canary
import pytest
from shim import Shim, assert_survives
from sizes import size
from vault import DSL, PASSWORDS, Vault

NAME = "quokka-meets-narwhal.txt"
SUMMARY = "Wombat shouted at the axolotl"
LEFT = "Bandicoot Pangolin"
CONTENT = b"The okapi hit the numbat beside the aardwolf.\n" * 3000
CANARIES = ["quokka-meets-narwhal", SUMMARY, LEFT, "okapi hit the numbat", PASSWORDS[DSL]]
SAID = json.dumps({"concerns_others": LEFT})
MODES = {
    "kill-before": {"mode": "kill-before"},
    "kill-after": {"mode": "kill-after"},
    "kill-torn": {"mode": "kill-torn"},
    "EIO": {"mode": "fail", "error": "EIO"},
    "ENOSPC": {"mode": "fail", "error": "ENOSPC"},
}


@pytest.fixture(scope="module")
def filed(template, tmp_path_factory) -> tuple:
    """A vault with the document in a pupil's file, and the document."""
    folder = tmp_path_factory.mktemp("filed")
    vault = template.copy(folder / "copy")
    (folder / NAME).write_bytes(CONTENT)
    (line,) = vault.file(folder / NAME, details={NAME: {"summary": SUMMARY}}).ok().lines
    (folder / NAME).unlink()
    return vault, line["document"]


def move(vault: Vault, document: str, **fault):
    shim = Shim(vault.folders, vault.path.with_name("calls"), **fault) if fault else None
    extra = {"extra": shim.environment()} if shim else {}
    return vault.run_as(DSL, "restricted", "move", document, "--details=-", "--confirm", "--json", typed=SAID, **extra)


@pytest.fixture(scope="module")
def calls(filed, tmp_path_factory) -> int:
    """How many calls moving makes that nothing befalls."""
    vault, document = filed
    vault = vault.copy(tmp_path_factory.mktemp("counted") / "copy")
    shim = Shim(vault.folders, vault.path.with_name("calls"))
    vault.run_as(
        DSL, "restricted", "move", document, "--details=-", "--confirm", "--json", typed=SAID, extra=shim.environment()
    ).ok()
    names = {call.name for call in shim.calls()}
    assert {"open", "write", "pwrite", "fsync", "fdatasync", "rename"} <= names, names
    assert not canary.search(CANARIES, vault.folders)
    return len(shim.calls())


def suffer(filed: tuple, folder: Path, fault: dict) -> list:
    """One moving with one fault; what is wrong afterwards."""
    vault, document = filed
    vault = vault.copy(folder)
    result = move(vault, document, **fault)
    wrong = []
    if result.code not in (0, 1, -signal.SIGKILL):
        wrong.append(f"exit {result.code}: {result.err}")
    if result.code == 1 and not (result.err.startswith(("error: ", "refused: ")) and "\nhint: " in result.err):
        wrong.append(f"no clear words: {result.err!r}")
    wrong += [f"in clear: {one}" for one in canary.search(CANARIES, vault.folders)]
    code, findings = vault.verify()
    if code != 0 or not {one["code"] for one in findings} <= {"blob.orphan", "witness.behind"}:
        wrong.append(f"verify: {findings}")
    ordinary = [entry["document"] for entry in vault.chronology()]
    restricted = [line["document"] for line in vault.run_as(DSL, "restricted", "--json").ok().lines]
    if sorted((len(ordinary), len(restricted))) != [0, 1]:
        wrong.append(f"in the file {ordinary}, and apart {restricted}")
    elif vault.open(*ordinary, *restricted) != CONTENT:
        wrong.append("the content is another")
    if result.code == 0 and result.lines and not restricted:
        wrong.append("it was said to be moved")
    if ordinary and move(vault, document).code != 0:
        wrong.append("it cannot be moved afterwards")
    return wrong


@pytest.mark.parametrize("mode", MODES)
def test_whatever_call_it_befalls(filed, calls, tmp_path, mode):
    def trial(at: int) -> list:
        return suffer(filed, tmp_path / str(at), {**MODES[mode], "at": at})

    assert_survives(f"move {mode}", calls, size("FAULT_STRIDE"), trial)
