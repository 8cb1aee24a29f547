"""`strongroom upload`, as a scan station's computer runs it: over lines that break, to servers that die, again and again."""

import hashlib
import json
import os
import pty
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.parse
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import canary
import pytest
from service import UPLOADS, Service, cut
from sizes import size
from vault import CHECKOUT, DSL, FIXTURES, PROGRAM, SCANS

STATION = "Office copier"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MIB = 1 << 20


@dataclass
class Result:
    code: int
    out: str
    err: str
    # KiB
    peak: int

    @property
    def lines(self) -> list:
        return [json.loads(line) for line in self.out.splitlines()]

    def ok(self) -> list:
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        # No terminal, no progress.
        assert self.err == ""
        return self.lines

    def refused(self, code: str, exit: int = 3) -> str:
        assert self.code == exit, f"exit {self.code}\n{self.out}\n{self.err}"
        assert re.search(rf"^code: {re.escape(code)}$", self.err, re.MULTILINE), self.err
        return self.err


class Copier:
    """A scan station beside a service where the operator is signed in and has a batch open."""

    def __init__(self, folder: Path):
        self.service = Service(folder / "service")
        self.folder = folder / "copier"
        self.folder.mkdir()
        self.token = self.add_station(STATION)[0]
        self.open_batch()

    def form(self, path: str, **fields: str):
        fields = {"csrf": self.service._token, **fields}
        return self.service.ask("POST", path, FORM, urllib.parse.urlencode(fields))

    def add_station(self, name: str) -> tuple:
        """Token and id."""
        page = self.form("/stations", name=name, pupils=self.service.pupil, intake="yes", days="2").text
        token = re.search(r">(station-[0-9a-z]{52})<", page)[1]
        return token, token[8:34]

    def open_batch(self) -> None:
        answer = self.form("/batches")
        assert answer.status == 303, answer.text
        self.batch = answer.getheader("Location").rpartition("/")[2]

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def command(self, *paths, details: dict | None = None, port: int | None = None, intake: bool = False, more: tuple = ()) -> tuple:
        """The arguments, and what is typed: `details` is what is said of each file, else the same of all."""
        said = details if details is not None else {Path(path).name: {"summary": "A scan of paper"} for path in paths}
        arguments = [PROGRAM, "upload", *map(str, paths), "--server", f"https://localhost:{port or self.service.port}", "--details", "-", "--json"]
        if intake:
            arguments.append("--intake")
        else:
            arguments += ["--pupil", self.service.pupil, "--category", "letter", "--date", "2016-11-17", "--batch", self.batch]
        if "--ca-file" not in more:
            arguments += ["--ca-file", str(self.service.folder / "certificate.pem")]
        typed = "".join(json.dumps({"file": name, **one}) + "\n" for name, one in said.items())
        return [*arguments, *more], typed.encode()

    def start(self, *paths, token: str | None = None, **options) -> subprocess.Popen:
        arguments, typed = self.command(*paths, **options)
        reader, writer = os.pipe()
        os.write(writer, json.dumps({"token": self.token if token is None else token}).encode() + b"\n")
        os.close(writer)
        try:
            process = subprocess.Popen(
                [*arguments, "--secrets-fd", str(reader)],
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"},
                pass_fds=[reader],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        finally:
            os.close(reader)
        process.stdin.write(typed)
        process.stdin.close()
        process.stdin = None
        return process

    def upload(self, *paths, **options) -> Result:
        return ended(self.start(*paths, **options))

    def documents(self) -> list:
        """The documents' places in the ledger, as the catalogue has them."""
        with closing(sqlite3.connect(self.service.vault / "catalogue.sqlite")) as db:
            return [row[0] for row in db.execute("SELECT idx FROM document ORDER BY idx")]


def ended(process: subprocess.Popen) -> Result:
    # What hangs fails.
    watch = threading.Timer(60, lambda: os.kill(process.pid, signal.SIGKILL))
    watch.start()
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Result(process.returncode, out.decode(), err.decode(), usage.ru_maxrss)


class Wire:
    """Stands between the command and the server, counts bytes, and is cut where it is told."""

    def __init__(self, port: int):
        self._target = port
        self._listening = socket.create_server(("localhost", 0))
        self.port = self._listening.getsockname()[1]
        self._pairs: list = []
        self._lock = threading.Lock()
        self.up = 0
        # Bytes sent up, or bursts come down, at which it is cut, once each.
        self.cuts: list = []
        self.answers_lost: list = []
        self.bursts = 0
        self.dead = threading.Event()
        self.was_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self.dead.is_set():
                cut(near)
                continue
            try:
                far = socket.create_connection(("localhost", self._target))
            except OSError:
                cut(near)
                continue
            with self._lock:
                self._pairs.append((near, far))
            threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        try:
            while data := source.recv(65_536):
                with self._lock:
                    if is_up:
                        self.up += len(data)
                        due, reached = self.cuts, self.up
                    else:
                        self.bursts += 1
                        due, reached = self.answers_lost, self.bursts
                    is_due = bool(due) and reached >= due[0]
                    if is_due:
                        due.pop(0)
                if is_due:
                    self.was_cut.set()
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def kill(self) -> None:
        """From now on nothing gets through."""
        self.dead.set()
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

    def close(self) -> None:
        self._listening.close()
        self.kill()


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    copier = Copier(tmp_path_factory.mktemp("upload"))
    yield copier
    log = copier.service.stop()
    assert not set(copier.service.verify()) - {"witness.behind", "blob.orphan"}
    assert copier.token.encode() not in log
    service = copier.service
    secrets = service.vault.with_name(service.vault.name + ".secrets")
    assert canary.search([copier.token], [service.vault, secrets, service.folder / "tmp", copier.folder]) == []


@contextmanager
def wire(copier: Copier):
    wire = Wire(copier.service.port)
    try:
        yield wire
    finally:
        wire.close()


def note(count: int, seed: str) -> bytes:
    """Plain text of so many bytes, like no other."""
    line = f"{seed} {size('SEED')}: the class went to the river and came back before lunch.\n"
    return (line * (count // len(line) + 1))[:count].encode()


def test_several_files_are_filed_for_the_operator_through_the_station(copier):
    scans = [path for path in SCANS if path.suffix in (".pdf", ".tif", ".txt")][:5]
    details = {path.name: {"summary": f"Summary {number}", "date": path.stem[-10:], "signed": "yes"} for number, path in enumerate(scans)}
    receipts = copier.upload(*scans, details=details).ok()
    assert [receipt["file"] for receipt in receipts] == [path.name for path in scans]
    for path, receipt in zip(scans, receipts):
        data = path.read_bytes()
        assert receipt["sha256"] == hashlib.sha256(data).hexdigest() and receipt["size"] == len(data)
        assert receipt["pupil"] == copier.service.pupil and not receipt["quarantined"] and "earlier" not in receipt
        assert receipt["index"] < int(receipt["checkpoint"].splitlines()[1])
        assert copier.service.download(receipt["document"]) == data
    # The batch's own lines: among others they share one.
    chronology = copier.service.ask("GET", f"/pupils/{copier.service.pupil}?batch={copier.batch}").text
    assert chronology.count(f"{DSL} through {STATION}") == len(scans)
    assert all(f"Summary {number}" in chronology for number in range(len(scans)))


def test_a_line_that_is_cut_again_and_again_brings_one_document(copier):
    data = note(5 * MIB, "cuts")
    path = copier.write("cuts.txt", data)
    with wire(copier) as line:
        line.cuts = [2_000, 700_000, 1_900_000, 3_000_000, 4_500_000, 6_000_000]
        (receipt,) = copier.upload(path, port=line.port).ok()
        assert line.cuts == [] and line.up > len(data) + 700_000, "it was not cut"
    assert copier.service.download(receipt["document"]) == data
    assert receipt["size"] == len(data)


# Small enough to go with its beginning, or not.
@pytest.mark.parametrize("count", [3_000, MIB + 1])
def test_whichever_answer_is_lost_there_is_one_document(copier, count):
    before = len(copier.documents())
    burst, was_cut = 0, True
    while was_cut:
        burst += 1
        data = note(count, f"answer {burst}")
        path = copier.write(f"answer-{burst}.txt", data)
        with wire(copier) as line:
            line.answers_lost = [burst]
            (receipt,) = copier.upload(path, port=line.port).ok()
            was_cut = line.was_cut.is_set()
        assert receipt["sha256"] == hashlib.sha256(data).hexdigest() and "earlier" not in receipt
    # The handshake's, the list's twice, the beginning's, and the receipt's.
    assert burst > 5
    assert len(copier.documents()) == before + burst


def test_a_server_that_is_killed_and_started_again_has_one_document(copier):
    data = note(10 * MIB, "server")
    small = note(2_000, "after the server")
    paths = [copier.write("server.txt", data), copier.write("after.txt", small)]
    before = len(copier.documents())
    with wire(copier) as line:
        line.cuts = [9 * MIB]
        process = copier.start(*paths, port=line.port)
        assert line.was_cut.wait(30)
        line.kill()
        copier.service.kill()
        copier.service.begin()
        copier.service.sign_in()
        at = line.up
        line.dead.clear()
        receipts = ended(process).ok()
        # The first 8 MiB were durable, and did not come again.
        assert line.up - at < 2.5 * MIB
    assert [copier.service.download(receipt["document"]) for receipt in receipts] == [data, small]
    assert len(copier.documents()) == before + 2


def test_a_command_that_is_killed_and_run_again_goes_on_where_it_was(copier):
    data = note(10 * MIB, "killed")
    first = note(4_000, "before the kill")
    paths = [copier.write("before.txt", first), copier.write("killed.txt", data)]
    before = len(copier.documents())
    with wire(copier) as line:
        line.cuts = [9 * MIB]
        process = copier.start(*paths, port=line.port)
        assert line.was_cut.wait(30)
        line.kill()
        process.kill()
        process.communicate()
    with wire(copier) as line:
        result = copier.upload(*paths, port=line.port)
        assert line.up < 2.5 * MIB
    # The one that was filed is told, and not sent; the other is filed.
    assert "before.txt" in result.refused("upload.repeated")
    told, receipt = result.lines
    assert told["refused"] == "upload.repeated" and copier.service.download(receipt["document"]) == data
    assert len(copier.documents()) == before + 2


def test_what_is_all_there_and_was_not_filed_is_filed_without_being_sent(copier):
    data = note(3 * MIB, "whole")
    path = copier.write("whole.txt", data)
    service, said = copier.service, {"filename": "whole.txt", "summary": "Said before", "batch": copier.batch}
    own = {"Authorization": f"Bearer {copier.token}", "Cookie": "", "Upload-Length": str(len(data))}
    answer = service.ask("POST", UPLOADS, {**own, "Upload-Metadata": service.metadata(data, **said)})
    assert answer.status == 201, answer.text
    assert service.patch(answer.getheader("Location"), 0, data, own).status == 204
    # A person has a page for that; a station has this.
    assert json.loads(service.ask("GET", UPLOADS).text) == []
    (listed,) = json.loads(service.ask("GET", UPLOADS, own).text)
    assert listed["offset"] == listed["length"] == len(data)
    with wire(copier) as line:
        (receipt,) = copier.upload(path, port=line.port, details={"whole.txt": {"summary": "Said now"}}).ok()
        assert line.up < 20_000
    assert service.download(receipt["document"]) == data
    chronology = service.ask("GET", f"/pupils/{service.pupil}?batch={copier.batch}").text
    assert "Said now" in chronology and "Said before" not in chronology
    assert json.loads(service.ask("GET", UPLOADS, own).text) == []


def test_a_refused_file_does_not_stop_the_others(copier):
    hostile = FIXTURES / "hostile/empty.pdf"
    good = [copier.write("one.txt", note(900, "one")), copier.write("two.txt", note(900, "two"))]
    silent = copier.write("silent.txt", note(900, "silent"))
    program = copier.write("program.exe", note(900, "program"))
    said = {path.name: {"summary": "A scan of paper"} for path in [hostile, program, *good]}
    result = copier.upload(good[0], hostile, silent, program, good[1], details=said)
    err = result.refused("type.empty")
    assert "refused: empty.pdf: " in err and "\nhint: " in err
    assert [line.get("refused") for line in result.lines] == [None, "type.empty", "summary.blank", "type.not-accepted", None]
    assert [line["file"] for line in result.lines] == ["one.txt", "empty.pdf", "silent.txt", "program.exe", "two.txt"]
    assert all(line["message"] and line["hint"] for line in result.lines if "refused" in line)


def test_wrong_tokens_ended_stations_and_closed_batches_are_told_plainly(copier):
    path = copier.write("never.txt", note(2 * MIB, "never"))
    before = len(copier.documents())
    wrong = copier.token[:-1] + ("0" if copier.token[-1] != "0" else "1")
    for token in (wrong, "guessed", "", "two words"):
        assert "token" in copier.upload(path, token=token).refused("station.unknown")
    token, station = copier.add_station("Old copier")
    assert copier.form(f"/stations/{station}/withdraw").status == 303
    result = copier.upload(path, path, token=token)
    result.refused("station.ended")
    assert [line["stopped"] for line in result.lines] == ["station.ended"]
    assert copier.form(f"/batches/{copier.batch}/close").status == 303
    with wire(copier) as line:
        copier.upload(path, port=line.port).refused("batch.not-open")
        assert line.up < MIB, "it was sent before it was refused"
    copier.open_batch()
    assert len(copier.documents()) == before


def test_what_was_begun_for_a_batch_that_is_closed_begins_anew_for_another(copier):
    data = note(2 * MIB, "batches")
    path = copier.write("batches.txt", data)
    with wire(copier) as line:
        line.cuts = [MIB]
        process = copier.start(path, port=line.port)
        assert line.was_cut.wait(30)
        line.kill()
        process.kill()
        process.communicate()
    old = copier.batch
    assert copier.form(f"/batches/{old}/close").status == 303
    copier.open_batch()
    assert copier.batch != old
    (receipt,) = copier.upload(path).ok()
    assert copier.service.download(receipt["document"]) == data
    assert "1 document filed" in copier.service.ask("GET", f"/batches/{copier.batch}").text
    own = {"Authorization": f"Bearer {copier.token}", "Cookie": ""}
    assert json.loads(copier.service.ask("GET", UPLOADS, own).text) == []


def test_nothing_is_sent_to_a_server_that_is_not_trusted_or_not_there(copier, tmp_path):
    path = copier.write("distrust.txt", note(900, "distrust"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out", tmp_path / "other.pem", "-subj", "/CN=localhost"],
        check=True,
        capture_output=True,
    )
    with wire(copier) as line:
        began = time.monotonic()
        copier.upload(path, port=line.port, more=("--ca-file", str(tmp_path / "other.pem"))).refused("server.certificate", 1)
        assert time.monotonic() - began < 10 and line.up < 3_000
    with closing(socket.create_server(("localhost", 0))) as nobody:
        port = nobody.getsockname()[1]
    copier.upload(path, port=port, more=("--give-up-after", "1")).refused("server.unreachable", 5)
    for address in ("http://localhost:1", "localhost:8443", "https://u:p@localhost", "https://localhost/vault"):
        arguments, _ = copier.command(path)
        arguments[arguments.index("--server") + 1] = address
        assert subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True).returncode == 64


def test_scans_without_a_pupil_go_into_the_intake_queue(copier):
    data = note(2 * MIB, "intake")
    path = copier.write("whose.txt", data)
    before = len(copier.documents())
    (receipt,) = copier.upload(path, intake=True, details={}).ok()
    assert receipt["sha256"] == hashlib.sha256(data).hexdigest() and "document" not in receipt and "pupil" not in receipt
    queue = copier.service.ask("GET", "/intake").text
    assert queue.count("whose.txt") == 1 and STATION in queue
    with wire(copier) as line:
        assert "intake queue before" in copier.upload(path, intake=True, details={}, port=line.port).refused("upload.repeated")
        assert line.up < 100_000
    copier.upload(path, intake=True, details={}, more=("--again",)).ok()
    assert copier.service.ask("GET", "/intake").text.count("whose.txt") == 2
    assert len(copier.documents()) == before


def test_a_repeat_is_told_before_it_is_sent_and_filed_only_on_purpose(copier):
    data = note(2 * MIB, "repeat")
    path, other = copier.write("repeat.txt", data), copier.write("another-name.txt", data)
    (first,) = copier.upload(path).ok()
    with wire(copier) as line:
        result = copier.upload(other, path, port=line.port)
        assert line.up < 100_000
    assert first["document"] in result.refused("upload.repeated")
    assert [line["refused"] for line in result.lines] == ["upload.repeated"] * 2
    (again,) = copier.upload(other, more=("--again",)).ok()
    assert again["earlier"] == first["document"] != again["document"]
    # Nothing is left waiting.
    own = {"Authorization": f"Bearer {copier.token}", "Cookie": ""}
    assert json.loads(copier.service.ask("GET", UPLOADS, own).text) == []


def test_the_token_is_in_no_process_list(copier):
    path = copier.write("list.txt", note(3 * MIB, "list"))
    with wire(copier) as line:
        line.cuts = [MIB]
        process = copier.start(path, port=line.port)
        assert line.was_cut.wait(30)
        seen = b""
        for place in Path("/proc").glob("[0-9]*"):
            try:
                seen += (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
            except OSError:
                continue
        assert b"list.txt" in seen and copier.token.encode() not in seen
        ended(process).ok()


def test_on_a_terminal_the_token_is_not_echoed_and_progress_is_drawn(copier):
    path = copier.write("terminal.txt", note(6 * MIB, "terminal"))
    arguments, typed = copier.command(path)
    said = copier.write("said.jsonl", typed)
    arguments[arguments.index("-")] = str(said)
    arguments.remove("--json")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, arguments, {"PATH": os.environ["PATH"], "HOME": str(copier.folder), "TERM": "xterm"})
    shown = b""
    while b"Token of the scan station: " not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, copier.token.encode() + b"\n")
    try:
        while data := os.read(terminal, 65_536):
            shown += data
    except OSError:
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert copier.token.encode() not in shown
    text = shown.decode()
    assert re.search(r"\r█*░* \d+ %  0 of 1 files, \d+ (B|KiB|MiB) of 6144 KiB · terminal\.txt \d+ %", text), text
    assert re.search(r"terminal\.txt: filed\r\n +document [0-9a-z]{26} · statement \d+ · .*\r\n +SHA-256 [0-9a-f]{64}", text), text


def test_memory_does_not_grow_with_the_file(copier):
    small = copier.write("small.pdf", b"%PDF-1.4\n" + bytes(100))
    large = copier.folder / "large.pdf"
    with large.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        file.truncate(192 * MIB)
    peaks = [copier.upload(path) for path in (small, large)]
    assert all(result.code == 3 and result.lines[0]["refused"].startswith("type.") for result in peaks), peaks
    assert peaks[1].peak - peaks[0].peak < 64 * 1024, peaks
    large.unlink()


def test_the_certificate_that_the_demo_made_itself_can_be_named(copier, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "TMPDIR": str(tmp_path)}
    command = [PROGRAM, "demo", "--directory", tmp_path / "demo", "--port", "0"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            port = int(next(line for line in process.stdout if line.startswith("https://")).rpartition(":")[2])
            named = ("--ca-file", str(tmp_path / "demo/vault.secrets/tls-certificate.pem"))
            result = copier.upload(copier.write("demo.txt", note(100, "demo")), port=port, intake=True, more=named)
            # It came through to the service, to which the token is a stranger's.
            assert "station.unknown" in result.err and "server.certificate" not in result.err
            result = copier.upload(copier.write("demo.txt", note(100, "demo")), port=port, intake=True)
            assert "server.certificate" in result.err, "another certificate is not trusted"
            # A second demo at the same port leaves the first one's school as it is.
            second = subprocess.run([*command[:-1], str(port)], cwd=CHECKOUT, env=environment, capture_output=True, text=True)
            assert second.returncode == 6 and f"Port {port} is in use" in second.stderr and not second.stdout
        finally:
            process.terminate()
