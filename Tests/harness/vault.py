"""A vault used through the command line: every call with a clock of its own that never goes backwards."""

import atexit
import ctypes
import functools
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import totp

CHECKOUT = Path(__file__).parents[2]
FIXTURES = CHECKOUT / "fixtures"
SCANS = sorted(path for path in (FIXTURES / "scans").iterdir() if path.suffix not in (".md", ".py") and path.is_file())
PROGRAM = os.environ.get("STRONGROOM_TEST_BIN", "")
INSPECTOR = os.environ.get("STRONGROOM_TEST_INSPECTOR", "")
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), Path("libfaketime.so.1"))
# More than the 30 s for which one code stands, so that every call has a fresh one.
SECONDS_BETWEEN_CALLS = 40

DSL = "Dana Okafor"
ADMIN = "Sam Patel"
STAFF = "Amir Oakley"
DEPUTY = "Nell Vasey"
PASSWORDS = {
    DSL: "violet harbour ladder 42", ADMIN: "copper meadow trumpet 77", STAFF: "seven purple wheelbarrows 19",
    DEPUTY: "borrowed lantern gravel 58",
}  # fmt: skip


@functools.cache
def clock_memory() -> str:
    """The shared memory that libfaketime otherwise makes itself, telling its process by setenv before main: that moves
    the environment away from the arguments, where Swift's runtime looks for them."""
    name = f"/strongroom-tests-{os.getpid()}"
    libc = ctypes.CDLL(None)
    libc.sem_open.restype = ctypes.c_void_p
    libc.sem_open(name.encode(), os.O_CREAT, 0o600, 1)
    memory, semaphore = Path(f"/dev/shm{name}"), Path(f"/dev/shm/sem.{name[1:]}")
    memory.write_bytes(bytes(4096))
    atexit.register(memory.unlink)
    atexit.register(semaphore.unlink)
    return f"{name} {name}"


@dataclass
class Result:
    """What a call came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list:
        # A line ends with a line feed alone: other ends of lines may stand in what somebody said.
        return [json.loads(line) for line in self.out.split("\n") if line]

    def ok(self) -> "Result":
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass
class Vault:
    path: Path
    temporary: Path
    authenticators: dict = field(default_factory=dict)
    joined: dict = field(default_factory=dict)  # by name, what joining showed: invitation, recovery_codes, words
    pupils: list = field(default_factory=list)
    offset: int = 0

    @property
    def secrets(self) -> Path:
        return self.path.with_name(self.path.name + ".secrets")

    @property
    def known(self) -> Path:
        """The newest checkpoint, as it is known beside the folder."""
        return self.path.with_name(self.path.name + ".newest-checkpoint")

    @property
    def folders(self) -> list:
        """Everything that a call may write."""
        return [self.path, self.secrets, self.temporary]

    def copy(self, folder: Path) -> "Vault":
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", self.path, self.secrets, self.known, folder], check=True)
        other = replace(self, path=folder / self.path.name, temporary=folder / "tmp")
        other.temporary.mkdir()
        return other

    def start(self, *arguments, extra: dict | None = None, secrets: bytes = b"", keep_open: bool = False, **options):
        """Starts a call; gives the process and the end that secrets are written to (closed unless kept open)."""
        self.offset += SECONDS_BETWEEN_CALLS
        extra = dict(extra or {})
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.temporary),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            "STRONGROOM_VAULT": str(self.path),
            "FAKETIME": f"{self.offset:+}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_SHARED": clock_memory(),
            "LD_PRELOAD": " ".join([*filter(None, [extra.pop("LD_PRELOAD", "")]), str(FAKETIME)]),
            **extra,
        }
        reader, writer = os.pipe()
        os.write(writer, secrets)
        if not keep_open:
            os.close(writer)
        command = [PROGRAM, *map(str, arguments)]
        if secrets:
            command += ["--secrets-fd", str(reader)]
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=[reader],
                cwd=self.temporary,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **options,
            )
        finally:
            os.close(reader)
        return process, writer

    def run(self, *arguments, typed: str = "", **options) -> Result:
        process, _ = self.start(*arguments, **options)
        out, err = process.communicate(typed.encode(), timeout=120)
        return Result(process.returncode, out.decode(), err.decode(errors="replace"))

    def code(self, name: str, algorithm: str = "sha1") -> str:
        """What the authenticator will show when the next call is made."""
        step = totp.step_at(time.time() + self.offset + SECONDS_BETWEEN_CALLS)
        return totp.code(self.authenticators[name], step, algorithm)

    def run_as(self, name: str, *arguments, password: str | None = None, code: str | None = None, **options) -> Result:
        line = json.dumps({"password": password or PASSWORDS.get(name), "code": code or self.code(name)}) + "\n"
        return self.run(*arguments, "--as", name, secrets=line.encode(), **options)

    def file(
        self, *paths, details: dict | None = None, who: str = ADMIN, pupil: str | None = None, more: tuple = (), **options
    ) -> Result:
        """Files documents; `details` has what is said of each, by file name."""
        said = "".join(json.dumps({"file": name, **one}) + "\n" for name, one in (details or {}).items())
        arguments = ["file", *paths, "--pupil", pupil or self.pupils[0], "--category", "letter", "--date", "2016-11-17"]
        if details:
            arguments.append("--details=-")
        return self.run_as(who, *arguments, "--json", *more, typed=said, **options)

    def day(self, days: int = 0) -> str:
        """The day so many days from the vault's now."""
        return str(datetime.fromtimestamp(time.time() + self.offset, UTC).date() + timedelta(days))

    def give_access(self, name: str, *documents: str, pupil: str | None = None, reason: str = "Prepares a talk") -> str:
        """To documents, or to the whole file; gives the access."""
        chosen = [word for document in documents for word in ("--document", document)]
        given = self.run_as(
            DSL, "access", "give", name, "--pupil", pupil or self.pupils[0], *chosen, "--until", self.day(30), "--json",
            typed=f"{reason}\n")  # fmt: skip
        return given.ok().lines[0]["access"]

    def chronology(self, pupil: str | None = None, *more) -> list:
        return self.run_as(DSL, "chronology", "--pupil", pupil or self.pupils[0], "--json", *more).ok().lines

    def open(self, document: str) -> bytes:
        target = self.temporary / "opened"
        self.run_as(DSL, "open", document, "--output", target).ok()
        try:
            return target.read_bytes()
        finally:
            target.unlink()

    def verify(self) -> tuple:
        """Exit code, and what was found."""
        result = self.run("verify", "--json")
        assert result.code in (0, 4), result
        found = result.lines[0]
        assert found["holds"] == (result.code == 0)
        return result.code, found["findings"]

    def assert_holds(self, notes: tuple = ()) -> None:
        code, findings = self.verify()
        assert code == 0 and all(one["code"] in notes for one in findings), findings

    def stored(self) -> list:
        """Payloads, filed or staged."""
        return [path for folder in ("blobs", "staging", "orphans") for path in (self.path / folder).rglob("*") if path.is_file()]


def invite(vault: Vault, name: str, role: str) -> None:
    """Somebody more, who has done all that is to be done before they work."""
    invited = vault.run_as(DSL, "person", "invite", "--name", name, "--role", role, "--json").ok()
    join(vault, name, invited.lines[0]["code"])
    ready(vault, name)


def found(folder: Path, offset: int = 0, changed: tuple = ()) -> Vault:
    """A vault with a lead, a member of the office staff and three pupils; its hashing as cheap as policy allows, and its
    policies otherwise changed as said: (file, what stands there, what instead)."""
    assert PROGRAM, "STRONGROOM_TEST_BIN is not set: run scripts/test"
    vault = Vault(folder / "vault", folder / "tmp", offset=offset)
    vault.temporary.mkdir(parents=True)
    policies = folder / "policies"
    shutil.copytree(CHECKOUT / "policies", policies)
    for name, line, other in (
        ("sessions.yaml", "argon2-memory-mib: 256", "argon2-memory-mib: 64"),
        ("inspection.yaml", "recognise-languages: [eng]", "recognise-languages: []"),
        ("limits.yaml", "keep-free-mib: 1024", "keep-free-mib: 1"),
        ("limits.yaml", "keep-free-percent: 5", "keep-free-percent: 0"),
        *changed,
    ):
        text = (policies / name).read_text()
        assert line in text
        (policies / name).write_text(text.replace(line, other))
    line = json.dumps({"password": PASSWORDS[DSL]}) + "\n"
    made = vault.run("init", "--name", DSL, "--policies", policies, "--json", secrets=line.encode()).ok()
    vault.authenticators[DSL] = made.lines[0]["authenticator"]
    ready(vault, DSL)
    invite(vault, ADMIN, "admin")
    register = folder / "pupils.csv"
    register.write_text("".join((FIXTURES / "register/pupils.csv").read_text().splitlines(keepends=True)[:4]))
    vault.run_as(DSL, "pupil", "import", register, "--json").ok()
    listed = vault.run_as(DSL, "pupil", "list", "--json").ok().lines
    vault.pupils = [pupil["reference"] for pupil in listed]
    return vault


def join(vault: Vault, name: str, invitation: str) -> None:
    """Somebody invited makes their own keys, which the lead compares with them and confirms."""
    make_keys(vault, name, invitation)
    give_keys(vault, name).ok()


def give_keys(vault: Vault, name: str) -> Result:
    """The lead compares somebody's words with them, and gives them their keys."""
    return vault.run_as(DSL, "person", "keys", name, "--words", " ".join(vault.joined[name]["words"]))


def make_keys(vault: Vault, name: str, invitation: str) -> None:
    """Somebody invited makes their own keys. The code needs the secret that the same call shows."""
    line = json.dumps({"invitation": invitation, "password": PASSWORDS[name]}) + "\n"
    process, writer = vault.start("person", "join", "--name", name, "--json", secrets=line.encode(), keep_open=True)
    made = prove(vault, name, process, writer).lines[0]
    vault.joined = {**vault.joined, name: {"invitation": invitation, **made}}


def prove(vault: Vault, name: str, process: subprocess.Popen, writer: int) -> Result:
    """Answers a call that makes keys with a code, which needs the secret that the call shows; gives what else it says."""
    shown = process.stdout.readline()
    secret = json.loads(shown)["authenticator"] if shown else ""
    code = totp.code(secret, totp.step_at(time.time() + vault.offset))
    os.write(writer, (json.dumps({"code": code}) + "\n").encode())
    os.close(writer)
    out, err = process.communicate(timeout=60)
    vault.authenticators = {**vault.authenticators, name: secret}
    return Result(process.returncode, out.decode(), err.decode()).ok()


def recover(vault: Vault, name: str, *sheets: str) -> None:
    """Somebody becomes lead by these sheets of the recovery key."""
    lines = [*({"share": sheet} for sheet in sheets), {"password": PASSWORDS[name]}]
    secrets = "".join(json.dumps(line) + "\n" for line in lines).encode()
    process, writer = vault.start("recover", "open", "--name", name, "--json", secrets=secrets, keep_open=True)
    prove(vault, name, process, writer)


def ready(vault: Vault, name: str) -> None:
    """They acknowledge the policy in force, and the lead records a training that they completed today."""
    vault.run_as(name, "person", "acknowledge", "--policy-version", policy_version(vault)).ok()
    # The day in London, where the school is, has begun when it has in UTC.
    vault.run_as(DSL, "person", "training", name, "--completed", vault.day()).ok()


def policy_version(vault: Vault) -> str:
    """The version of the acceptable-use policy in force."""
    text = (vault.path / "policies/acceptable-use.yaml").read_text()
    return re.search('^version: "(.*)"$', text, re.MULTILINE)[1]
