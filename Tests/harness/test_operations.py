"""docs/operations.md is true: its blocks for the user strongroom are run, from the first to the last, as they stand there but for the
folders and the port; the checks and figures that it explains are those that there are."""

import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from test_doctor import CHECKS
from vault import CHECKOUT, PROGRAM

TEXT = (CHECKOUT / "docs/operations.md").read_text()
PASSWORD = "violet harbour ladder 42"
PROMPTS = ("New password of Dana Okafor, at least 15 characters: ", "The same again: ")


def blocks() -> tuple:
    """The blocks for root, and those for strongroom."""
    found = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(found) == TEXT.count("```sh\n") == TEXT.count("```") // 2
    return [block for block in found if block.startswith("# as root\n")], [block for block in found if not block.startswith("# as root\n")]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def machine(tmp_path):
    """Folders in place of the machine's, and what stands for what."""
    other = Path(f"/dev/shm/strongroom-operations-{os.getpid()}")
    for folder in ("var", "etc", "run", "media/safe/strongroom", "checkout"):
        (tmp_path / folder).mkdir(parents=True)
    (other / "backup").mkdir(parents=True)
    (tmp_path / "var").chmod(0o700)
    shutil.copytree(CHECKOUT / "policies", tmp_path / "checkout/policies")
    policy = tmp_path / "checkout/policies/sessions.yaml"
    policy.write_text(policy.read_text().replace("argon2-memory-mib: 256", "argon2-memory-mib: 64"))
    places = {
        "/var/lib/strongroom": tmp_path / "var", "/etc/strongroom": tmp_path / "etc", "/run/strongroom": tmp_path / "run",
        "/media/safe": tmp_path / "media/safe", "/mnt/backup": other / "backup", "localhost:8443": f"localhost:{free_port()}",
    }  # fmt: skip
    places["port: 8443"] = "port: " + str(places["localhost:8443"]).rpartition(":")[2]
    places["host: 0.0.0.0"] = "host: 127.0.0.1"
    settings = (CHECKOUT / "scripts/systemd/strongroom.yaml").read_text()
    (tmp_path / "etc/strongroom.yaml").write_text(replaced(settings, places))
    yield tmp_path, places
    shutil.rmtree(other)


def replaced(text: str, places: dict) -> str:
    for place, instead in places.items():
        text = text.replace(place, str(instead))
    return text


def typed(script: str, folder: Path) -> tuple:
    """Runs a script of bash at a terminal, at which passwords are typed when they are asked for; gives its code, and what it showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder / "checkout")
        path = f"{Path(PROGRAM).parent}:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "dumb"}
        os.execve("/bin/bash", ["bash", "-euo", "pipefail", "-c", script], environment)
    shown, answered, until = "", 0, time.monotonic() + 300
    try:
        while time.monotonic() < until:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece.decode(errors="replace")
            while any(shown[answered:].find(prompt) >= 0 for prompt in PROMPTS):
                answered = min(at + len(prompt) for prompt in PROMPTS if (at := shown.find(prompt, answered)) >= 0)
                os.write(terminal, f"{PASSWORD}\n".encode())
        else:
            os.kill(child, signal.SIGKILL)
            raise AssertionError(f"it goes on for ever:\n{shown}")
    finally:
        # Before the terminal is closed, which would end what is at its last step.
        status = os.waitpid(child, 0)[1]
        os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown


def test_the_document_is_rehearsed(machine):
    folder, places = machine
    said = {}
    for number, block in enumerate(blocks()[1]):
        code, shown = typed(replaced(block, places), folder)
        assert code == 0, f"block {number}, exit {code}:\n{block}\n{shown}"
        said[number] = shown
    every = "\n".join(said.values())
    assert "Enter this in Dana Okafor's authenticator app" in said[0]
    assert '"checks":[{"check":"sandbox","well":true}' in every
    assert "LOOK  secrets: " in every and every.count("Backed up and verified") == 2
    # What it says of the first day.
    assert "LOOK  recovery: There is no recovery key" in every and "LOOK  backup: No verified backup" in every
    assert not Path(places["/run/strongroom"], "strongroom.prom").exists()


def test_a_block_that_fails_would_be_seen(machine):
    folder, _ = machine
    assert typed("true\nfalse\ntrue\n", folder)[0] == 1
    assert typed("strongroom verify --vault nowhere | cat\n", folder)[0] != 0


def test_blocks_for_root_are_shell_and_name_what_there_is():
    root, mine = blocks()
    assert len(root) >= 3 and len(mine) >= 8
    for block in root + mine:
        assert subprocess.run(["bash", "-n", "-c", block]).returncode == 0, block
    named = set(re.findall(r"scripts/[a-z/.-]*[a-z]", "\n".join(root)))
    for name in named:
        assert (CHECKOUT / name).exists() or list(CHECKOUT.glob(name + "*")), name
    for unit in set(re.findall(r"strongroom[a-z-]*@?[.](?:service|timer)", TEXT)):
        assert (CHECKOUT / "scripts/systemd" / unit).exists(), unit


def test_every_check_and_every_figure_is_explained():
    table = TEXT.partition("## What doctor looks at")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(name for cell in cells for name in re.findall("`([a-z-]+)`", cell)) == sorted(CHECKS)
    figures = set(re.findall("strongroom_[a-z_]+", (CHECKOUT / "Sources/Web/Measures.swift").read_text()))
    figures = {re.sub("_(bucket|sum|count)$", "", name) for name in figures} - {"strongroom_password_hashes_most"}
    explained = TEXT.partition("| figure |")[2].partition("\n## ")[0]
    assert figures == set(re.findall("`(strongroom_[a-z_]+)", explained)), figures ^ set(re.findall("`(strongroom_[a-z_]+)", explained))
