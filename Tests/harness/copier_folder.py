"""A folder that a copier scans to, watched: what is dropped into it, and where all of it is afterwards."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import reader
from vault import DSL, FIXTURES, PASSWORDS, Vault

# What a day's work needs, quicker.
SPEED = ("--poll", "0.2", "--settle", "0.3", "--patience", "2")
PROGRAM_FILE = (FIXTURES / "hostile/windows-program.pdf").read_bytes()
LOCKED = (FIXTURES / "hostile/password.pdf").read_bytes()
CUT_SHORT = (FIXTURES / "hostile/cut-short.pdf").read_bytes()
SCAN = (FIXTURES / "scans/referral-letter-2015-03-04.pdf").read_bytes()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def new_station(vault: Vault, name: str = "Office copier", days: int = 30) -> tuple:
    """A scan station that fills the intake queue: its token and its id."""
    made = vault.run_as(DSL, "station", "add", "--name", name, "--intake", "--days", str(days), "--json").ok().lines[0]
    return made["token"], made["station"]


@dataclass
class Watcher:
    """A running `strongroom watch`, with what it has said so far."""

    process: subprocess.Popen
    lines: list = field(default_factory=list)
    errors: list = field(default_factory=list)

    def __post_init__(self):
        self._readers = [
            threading.Thread(target=self._read, args=one, daemon=True)
            for one in (
                (self.process.stdout, lambda text: self.lines.append(json.loads(text))),
                (self.process.stderr, self.errors.append),
            )
        ]
        for one in self._readers:
            one.start()

    @staticmethod
    def _read(stream, take) -> None:
        for line in stream:
            # A line that a kill cut short is none.
            with contextlib.suppress(json.JSONDecodeError):
                take(line.decode())

    def said(self, event: str) -> list:
        return [line for line in list(self.lines) if line["event"] == event]

    def wait_for(self, done, seconds: float = 60) -> None:
        """Until it has said something, or something is so."""
        end = time.monotonic() + seconds
        while not (self.said(done) if isinstance(done, str) else done()):
            assert time.monotonic() < end, f"{self.lines[-20:]}\n{''.join(self.errors)}"
            assert self.process.poll() is None or isinstance(done, str) and self.said(done), (self.lines, self.errors)
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self, number: int = signal.SIGTERM) -> dict:
        """Ends it in order; gives the balance."""
        self.process.send_signal(number)
        self._end()
        assert self.process.returncode == 0, (self.process.returncode, self.lines[-5:], self.errors)
        (balance,) = self.said("balance")
        return balance

    def _end(self) -> None:
        self.process.wait(timeout=60)
        for one in self._readers:
            one.join()


class CopierFolder:
    """A scan folder of a vault. Every file that is dropped into it is remembered by its content."""

    def __init__(self, vault: Vault, folder: Path, token: str):
        self.vault, self.folder, self.token = vault, folder, token
        folder.mkdir(exist_ok=True)
        self.dropped: list = []
        self.watchers: list = []

    def end(self) -> None:
        """Of a test that failed: nothing goes on."""
        for watcher in self.watchers:
            watcher.process.kill()
            watcher.process.wait()

    def drop(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.dropped.append(digest(data))
        return path

    def arguments(self, *more) -> tuple:
        return ("watch", self.folder, "--station", "--json", *SPEED, *more)

    def start(self, *more, **options) -> Watcher:
        secrets = json.dumps({"token": self.token}).encode() + b"\n"
        # The tests' clock moves what some of the calls say of a file's times, and not what others say.
        options["extra"] = {"NO_FAKE_STAT": "1", **options.get("extra", {})}
        process, _ = self.vault.start(*self.arguments(*more), secrets=secrets, **options)
        self.watchers.append(Watcher(process))
        return self.watchers[-1]

    def watch(self, *more, **options) -> Watcher:
        watcher = self.start(*more, **options)
        watcher.wait_for("watching")
        return watcher

    def status(self) -> dict:
        result = self.vault.run("watch", self.folder, "--status", "--json")
        assert result.code in (0, 4), (result.out, result.err)
        (balance,) = result.lines
        assert balance["even"] == (result.code == 0)
        return balance

    # Where everything is

    def files(self, *below: str) -> list:
        """Files below a part of the folder, notes, journal and lock left out."""
        found = []
        for root, _, names in os.walk(self.folder.joinpath(*below)):
            for name in names:
                path = Path(root, name)
                if path.parent == self.folder / ".strongroom" or self.is_note(path):
                    continue
                found.append(path)
        return found

    def is_note(self, path: Path) -> bool:
        is_beside = path.name.endswith(".txt") and path.parent.name in ("refused", "held")
        return is_beside and path.read_bytes().startswith(b"Strongroom scan folder")

    def note(self, path: Path) -> str:
        return path.with_name(path.name + ".txt").read_text()

    def in_vault(self) -> list:
        """SHA-256 of each item of the intake queue, its content opened by the independent reader."""
        opened = reader.Vault(self.vault.path)
        lead = reader.Person(opened, self.vault.secrets, DSL, PASSWORDS[DSL])
        found = []
        for upload in opened.ledger.intake:
            fields, content = lead.intake_item(upload)
            assert fields["sha256"] == digest(content)
            found.append(fields["sha256"])
        return found

    def assert_all_is_there(self, is_over: bool = True) -> tuple:
        """Every file that was ever dropped is in the vault once, or lies in the folder; gives what is where, by SHA-256.

        Until it is over, one that was queued may be claimed still: it is recorded before it is removed."""
        stored = self.in_vault()
        assert len(stored) == len(set(stored)), "something is in the queue twice"
        lying = {place: [digest(path.read_bytes()) for path in self.files(place)] for place in ("refused", "held", ".strongroom")}
        everywhere = [digest(path.read_bytes()) for path in self.files()]
        missing = [one for one in self.dropped if one not in stored and one not in everywhere]
        assert not missing, f"{len(missing)} of {len(self.dropped)} are nowhere"
        twice = [one for one in stored if one in lying["refused"] or (is_over and one in lying[".strongroom"])]
        assert not twice, "something was queued and is still refused or claimed"
        return stored, lying
