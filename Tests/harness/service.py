"""The service as programs use it: over HTTPS, with a session, on the real clock, killed and started again at will."""

import base64
import hashlib
import html
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import totp
from tls import certificate
from vault import CHECKOUT, DSL, FIXTURES, PASSWORDS, PROGRAM, Vault

PASSWORD = "seven quiet lanterns drift"
UPLOADS = "/api/v1/uploads"
BYTES = {"Content-Type": "application/offset+octet-stream"}
# Of the bytes that came so many may be in memory yet: a room of InflowLanes that is not full, and the chunk held back.
UNDER_WAY = (512 + 64) << 10


class Service:
    def __init__(self, folder: Path, policies: tuple = (), extra: dict | None = None, recognises: bool = False):
        """A service in a new folder; policies: (file, line, the line instead), beside the cheapest hashing; extra: what
        the server's environment has beside; recognises: whether it reads the text of what is filed, which takes a core."""
        assert PROGRAM, "STRONGROOM_TEST_BIN is not set: run scripts/test"
        self.folder = folder
        self.vault = folder / "vault"
        (folder / "tmp").mkdir(parents=True)
        shutil.copytree(CHECKOUT / "policies", folder / "policies")
        lowered = [("sessions.yaml", "argon2-memory-mib: 256", "argon2-memory-mib: 64")]
        if not recognises:
            lowered.append(("inspection.yaml", "recognise-languages: [eng]", "recognise-languages: []"))
        for name, line, other in (*lowered, *policies):
            policy = folder / "policies" / name
            assert line in policy.read_text(), line
            policy.write_text(policy.read_text().replace(line, other))
        self._tls = certificate(folder)
        arguments = ("init", "--name", DSL, "--policies", "policies", "--json", "--secrets-fd", "0")
        made, error = self._start(*arguments).communicate(json.dumps({"password": PASSWORD}).encode() + b"\n")
        assert made, error.decode()
        self._secret = json.loads(made)["authenticator"]
        self._used = self._ahead = 0
        self._password = PASSWORD
        self.port = 0
        self._extra = extra
        self.begin()
        self.sign_in()
        self.ready()
        register = (FIXTURES / "register/pupils.csv").read_bytes()
        self.form("/pupils/import", register)
        page = self.ask("GET", "/pupils").text
        self.pupil = re.search(r'class="figures ref">(P-[0-9A-Z]{5})<', page)[1]

    @classmethod
    @contextmanager
    def over(cls, vault: Vault, folder: Path) -> "Iterator[Service]":
        """A service over a vault that is otherwise used by command line, on that vault's clock, with its lead signed in."""
        folder.mkdir()
        one = cls.__new__(cls)
        one.folder, one.vault, one.pupil = folder, vault.path, vault.pupils[0]
        one.process, _ = vault.start("serve", "--port", "0", *certificate(folder))
        try:
            one.port = int(one.process.stdout.readline().rpartition(b":")[2])
            one._secret, one._password, one._ahead = vault.authenticators[DSL], PASSWORDS[DSL], vault.offset
            # The call before may have used the code of the step before.
            one._used = totp.step_at(time.time() + one._ahead) - 1
            one.sign_in()
            yield one
        finally:
            one.stop()

    @classmethod
    def visited(cls, port: int, password: str, code: str) -> "Service":
        """A service that somebody else began, with its lead signed in."""
        one = cls.__new__(cls)
        one.port, one._password = port, password
        one.sign_in(code)
        return one

    # The program

    def _start(self, *arguments, extra: dict | None = None):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "TMPDIR": str(self.folder / "tmp")}
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env={**environment, "STRONGROOM_VAULT": str(self.vault), **(extra or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def begin(self) -> None:
        # The same port again, as a school's service has it.
        self.process = self._start("serve", "--port", str(self.port), *self._tls, extra=self._extra)
        line = self.process.stdout.readline().decode()
        assert line.startswith("https://localhost:"), self.process.communicate()
        self.port = int(line.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> bytes:
        """Ends it in order; gives its log."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=60)
        assert self.process.returncode == 0 and b"unexpected" not in log, log
        return log

    def kept(self, folder: Path) -> Path:
        """A copy of all its files while it runs."""
        names = [path.name for path in self.vault.glob("*.sqlite")]
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.sqlite*"))
        for name in names:
            with closing(sqlite3.connect(self.vault / name)) as source, closing(sqlite3.connect(folder / "vault" / name)) as kept:
                source.backup(kept)
        return folder

    def verify(self) -> list:
        process = self._start("verify", "--json")
        found = json.loads(process.communicate()[0])
        assert found["holds"], found
        return [one["code"] for one in found["findings"]]

    def inspection_memory(self) -> int:
        """MiB that memory files may take together."""
        return int(re.search(r"^inspection-memory-mib: (\d+)$", (self.folder / "policies/limits.yaml").read_text(), re.MULTILINE)[1])

    # Asking

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, context=ssl._create_unverified_context(), timeout=60)

    def ask(self, method: str, path: str, headers: dict | None = None, body=None, connection=None):
        own = connection or self.connect()
        try:
            own.request(method, path, body=body, headers={**self.headers(path), **(headers or {})})
            answer = own.getresponse()
            answer.bytes = answer.read()
            answer.text = answer.bytes.decode(errors="replace")
            return answer
        finally:
            if connection is None:
                own.close()

    def headers(self, path: str) -> dict:
        """What this session's requests carry."""
        headers = {"Cookie": self._cookie} if self._cookie else {}
        if path.startswith("/api/"):
            headers |= {"Strongroom-Token": self._token, "Tus-Resumable": "1.0.0"}
        return headers

    def sign_in(self, code: str | None = None) -> None:
        self._cookie = self._token = ""
        page = self.ask("GET", "/sign-in")
        self._cookie = _cookie(page)
        fields = {"csrf": _token(page), "name": DSL, "password": self._password, "code": code or self.next_code()}
        answer = self.ask("POST", "/sign-in", {"Content-Type": "application/x-www-form-urlencoded"}, urllib.parse.urlencode(fields))
        assert answer.status == 303 and answer.getheader("Location") == "/", answer.text
        self._cookie = _cookie(answer)
        self._token = _token(self.ask("GET", "/"))

    def ready(self) -> None:
        """The lead acknowledges the policy, and records a training that they completed today."""
        version = re.search(r'name="version" value="([^"]+)"', self.ask("GET", "/policy").text)[1]
        own = re.search(rf'href="(/people/[0-9a-z]{{26}})">{DSL}<', self.ask("GET", "/people").text)[1]
        for path, fields in (
            ("/policy", {"version": version, "acknowledged": "yes"}),
            (f"{own}/training", {"day": str(datetime.now(UTC).date())}),
        ):
            form = urllib.parse.urlencode({"csrf": self._token, **fields})
            answer = self.ask("POST", path, {"Content-Type": "application/x-www-form-urlencoded"}, form)
            assert answer.status == 303, answer.text

    def next_code(self, wait: bool = True) -> str:
        """One that is not used yet: of the step before, or of this one; else the next is waited for, or none given."""
        while True:
            now = time.time() + self._ahead
            left = totp.STEP - now % totp.STEP
            step = max(totp.step_at(now) - 1, self._used + 1)
            if left > 4 and step <= totp.step_at(now):
                self._used = step
                return totp.code(self._secret, step)
            if not wait:
                return ""
            time.sleep(left)

    def form(self, path: str, file: bytes) -> str:
        """Sends a register; gives the page that says what became of it."""
        edge = "edge-of-a-part"
        body = (
            f'--{edge}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{self._token}\r\n--{edge}\r\n'
            f'Content-Disposition: form-data; name="register"; filename="r.csv"\r\nContent-Type: text/csv\r\n\r\n'
        ).encode() + file + f"\r\n--{edge}--\r\n".encode()
        answer = self.ask("POST", path, {"Content-Type": f"multipart/form-data; boundary={edge}"}, body)
        assert answer.status == 200, answer.text
        return answer.text

    # Uploading

    def metadata(self, data: bytes, **said: str | None) -> str:
        """What is said of an upload; with None, nothing of that."""
        said = {
            "filename": "note.txt",
            "pupil": self.pupil,
            "category": "letter",
            "date": "2016-11-17",
            "summary": "A note",
            "sha256": hashlib.sha256(data).hexdigest(),
            **said,
        }
        return ",".join(f"{key} {_base64(value)}" for key, value in said.items() if value is not None)

    def create(self, data: bytes, **said: str) -> str:
        answer = self.ask("POST", UPLOADS, {"Upload-Length": str(len(data)), "Upload-Metadata": self.metadata(data, **said)})
        assert answer.status == 201, answer.text
        return answer.getheader("Location")

    def offset(self, place: str) -> int:
        answer = self.ask("HEAD", place)
        assert answer.status == 200, answer.status
        return int(answer.getheader("Upload-Offset"))

    def patch(self, place: str, offset: int, data: bytes, headers: dict | None = None):
        return self.ask("PATCH", place, {"Upload-Offset": str(offset), **BYTES, **(headers or {})}, data)

    def begin_piece(self, place: str, offset: int, data: bytes, count: int) -> socket.socket:
        """Announces a piece, sends so many bytes of it, and leaves the connection as it is."""
        raw = socket.create_connection(("localhost", self.port), timeout=60)
        secure = ssl._create_unverified_context().wrap_socket(raw, server_hostname="localhost")
        lines = {
            "Host": f"localhost:{self.port}",
            **self.headers(place),
            **BYTES,
            "Upload-Offset": str(offset),
            "Content-Length": str(len(data)),
        }
        head = f"PATCH {place} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        secure.sendall(head.encode() + data[:count])
        return secure

    def wait_until_staged(self, count: int, beside: int = 0) -> Path:
        """The one staged file that has so many bytes, once it has them; or one beside so many others that have."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = [path for path in (self.vault / "staging").iterdir() if path.stat().st_size >= count]
            if len(found) > beside:
                return found[0]
            time.sleep(0.01)
        raise AssertionError("nothing was staged")

    def download(self, document: str) -> bytes:
        return b"".join(self.pieces_of(document))

    def digest_of(self, document: str) -> str:
        """SHA-256 of what is downloaded, however large."""
        hasher = hashlib.sha256()
        for piece in self.pieces_of(document):
            hasher.update(piece)
        return hasher.hexdigest()

    def pieces_of(self, document: str):
        connection, path = self.connect(), f"/documents/{document}/download"
        form = {**self.headers(path), "Content-Type": "application/x-www-form-urlencoded"}
        with closing(connection):
            connection.request("POST", path, f"csrf={urllib.parse.quote(self._token)}", form)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            while piece := answer.read(1 << 20):
                yield piece

    def file(self, place: str, **more):
        """Files a whole upload; gives the receipt, or the refusal's code."""
        upload = place.rpartition("/")[2]
        answer = self.ask("POST", "/api/v1/documents", {"Content-Type": "application/json"}, json.dumps([{"upload": upload, **more}]))
        assert answer.status == 200, answer.text
        (outcome,) = json.loads(answer.text)
        return outcome.get("receipt") or outcome["refusal"]["code"]


def anonymous(process: int) -> int:
    """Bytes of a process's memory that no file is behind."""
    return int(re.search(r"^RssAnon:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)[1]) << 10


def answer_on(connection: socket.socket) -> http.client.HTTPResponse:
    """The answer to a piece that was begun, with its text; closes the connection."""
    answer = http.client.HTTPResponse(connection, method="PATCH")
    answer.begin()
    answer.text = answer.read().decode(errors="replace")
    connection.close()
    return answer


def cut(connection: socket.socket) -> None:
    """As a cable that is pulled: no farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _cookie(answer) -> str:
    return answer.getheader("Set-Cookie").partition(";")[0]


def _token(answer) -> str:
    return html.unescape(re.search(r'name="csrf" value="([^"]+)"', answer.text)[1])


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
