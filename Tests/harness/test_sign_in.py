"""Signing in over HTTPS as a school does it: another program's codes, bursts of wrong passwords, and what stops with the
session of somebody who is suspended."""

import html
import http.client
import random
import re
import socket
import ssl
import string
import subprocess
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import reader
import totp
import vault as vaults
from tls import certificate
from vault import ADMIN, DSL, PASSWORDS, STAFF, Vault

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHUNK = 65_536
ARGON2_MIB = 64
# Of sessions.yaml; the tests' vaults hash with the least memory that it may say.
AT_ONCE, WAITING = 2, 20
SIZE = 9 << 20
# What the service reads of a document at once.
PIECE = 1 << 20


class Server:
    """The service on a vault, its clock where the vault's is."""

    def __init__(self, vault: Vault, folder: Path):
        folder.mkdir()
        self.vault, self.used, self.certificate = vault, {}, certificate(folder)
        self.begin()

    def begin(self) -> None:
        self.process, _ = self.vault.start("serve", "--port", "0", *self.certificate)
        self.offset = self.vault.offset
        self.port = int(self.process.stdout.readline().rpartition(b":")[2])

    def now(self) -> float:
        return time.time() + self.offset

    def code(self, name: str, late: int = 0) -> str:
        """What Debian's oathtool shows, or showed so many steps before; never one that this test has used."""
        while True:
            step, left = totp.step_at(self.now()) - late, totp.STEP - self.now() % totp.STEP
            if left > 5 and step > self.used.get(name, 0):
                break
            time.sleep(min(left, 1) + 0.1)
        instant = datetime.fromtimestamp(step * totp.STEP + 7, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        command = ["oathtool", "--totp", "--base32", "--now", instant, "-"]
        secret = self.vault.authenticators[name]
        shown = subprocess.run(command, input=secret + "\n", capture_output=True, text=True, check=True).stdout.strip()
        assert re.fullmatch("[0-9]{6}", shown)
        return shown

    def use(self, name: str, late: int = 0) -> str:
        code = self.code(name, late)
        self.used[name] = totp.step_at(self.now()) - late
        return code

    def anonymous(self) -> int:
        """Bytes of memory that no file is behind."""
        return int(re.search(r"^RssAnon:\s+(\d+) kB$", Path(f"/proc/{self.process.pid}/status").read_text(), re.MULTILINE)[1]) << 10


@pytest.fixture
def server(running) -> Server:
    """It, started again where a test has ended it: that is this test's failure, and not the next one's."""
    if running.process.poll() is not None:
        running.begin()
    return running


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Server]:
    """With a large document that a member of staff may read."""
    folder = tmp_path_factory.mktemp("sign-in")
    vault = vaults.found(folder)
    vaults.invite(vault, STAFF, "staff")
    letters = random.Random(7)
    note = folder / "long.txt"
    note.write_text("".join("".join(letters.choices(string.ascii_letters, k=95)) + "\n" for _ in range(SIZE // 96)))
    (line,) = vault.file(note, details={note.name: {"summary": "A long note"}}).ok().lines
    vault.give_access(STAFF)
    server = Server(vault, folder / "tls")
    server.document, server.content = line["document"], note.read_bytes()
    yield server
    server.process.terminate()
    _, log = server.process.communicate(timeout=60)
    assert b"unexpected" not in log, log
    vault.assert_holds()


class Visitor:
    """A browser without pages."""

    def __init__(self, server: Server):
        self.server, self.cookies, self.csrf = server, {}, ""

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, context=ssl._create_unverified_context(), timeout=60)

    def ask(self, method: str, path: str, fields: dict | None = None, connection=None):
        body = urllib.parse.urlencode({"csrf": self.csrf, **fields}) if fields is not None else None
        own = connection or self.connect()
        try:
            own.request(method, path, body, {"Cookie": self.cookie(), "Host": f"localhost:{self.server.port}", **(FORM if body else {})})
            answer = own.getresponse()
            answer.text = answer.read().decode(errors="replace")
        finally:
            if connection is None:
                own.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if token := re.search(r'name="csrf" value="([^"]+)"', answer.text):
            self.csrf = html.unescape(token[1])
        return answer

    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def at_door(self) -> "Visitor":
        assert self.ask("GET", "/sign-in").status == 200 and self.csrf
        return self

    def sign_in(self, name: str, code: str, password: str | None = None, connection=None):
        return self.ask("POST", "/sign-in", {"name": name, "password": password or PASSWORDS[name], "code": code}, connection)


def is_in(answer) -> bool:
    assert (answer.status == 303) == (answer.getheader("Location") == "/"), (answer.status, answer.text)
    return answer.status == 303


def together(count: int, work: Callable[[int], object]) -> list:
    """What so many threads come to that begin at one moment."""
    results: list = [None] * count
    ready = threading.Barrier(count)

    def one(number: int) -> None:
        ready.wait()
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [one for one in results if isinstance(one, Exception)], results[:3]
    return results


# MARK: codes


def test_a_code_of_another_authenticator_signs_in_once(server):
    code = server.use(ADMIN)
    visitor = Visitor(server).at_door()
    assert is_in(visitor.sign_in(ADMIN, code))
    assert f"{ADMIN}" in visitor.ask("GET", "/").text
    again = Visitor(server).at_door().sign_in(ADMIN, code)
    assert not is_in(again) and again.status == 403


def test_a_code_is_good_for_one_step_more_and_not_for_two(server):
    for late, wanted in ((2, False), (1, True)):
        assert is_in(Visitor(server).at_door().sign_in(STAFF, server.code(STAFF, late))) == wanted, late
    # Nor is the one before, when a later one was used.
    assert not is_in(Visitor(server).at_door().sign_in(STAFF, server.code(STAFF, 1)))
    server.used[STAFF] = totp.step_at(server.now()) - 1


def test_a_code_that_is_tried_fifty_times_at_once_signs_in_once(server):
    visitors = [Visitor(server).at_door() for _ in range(50)]
    code = server.use(DSL)
    answers = together(50, lambda number: visitors[number].sign_in(DSL, code))
    statuses = Counter(answer.status for answer in answers)
    assert sum(is_in(answer) for answer in answers) == 1, statuses
    # The others were wrong, or too many at once, or too many wrong ones.
    assert set(statuses) <= {303, 403, 429, 503}, statuses
    assert all(answer.getheader("Retry-After") for answer in answers if answer.status in (429, 503))


# MARK: a burst


@dataclass
class Seen:
    rest: int
    most: int = 0
    slowest: float = 0
    checks: int = 0


def watch_memory(server: Server, seen: Seen, over: threading.Event) -> None:
    while not over.wait(0.05):
        seen.most = max(seen.most, server.anonymous())


def watch_health(server: Server, seen: Seen, over: threading.Event) -> None:
    visitor = Visitor(server)
    with closing(visitor.connect()) as connection:
        while not over.wait(0.05):
            began = time.monotonic()
            assert visitor.ask("GET", "/healthz", connection=connection).text == "ok\n"
            seen.slowest = max(seen.slowest, time.monotonic() - began)
            seen.checks += 1


def test_a_burst_of_wrong_passwords_is_bounded_and_then_it_is_as_before(server):
    count = 200
    visitor = Visitor(server).at_door()
    connections = [visitor.connect() for _ in range(count)]
    for connection in connections:
        connection.connect()
    time.sleep(1)
    seen, over = Seen(server.anonymous()), threading.Event()
    watchers = [threading.Thread(target=one, args=(server, seen, over)) for one in (watch_memory, watch_health)]
    for watcher in watchers:
        watcher.start()
    ended: list = []

    def one(number: int):
        # Names that are nobody's cost as much; each its own, so that none of them is slowed.
        own = Visitor(server)
        own.cookies, own.csrf = dict(visitor.cookies), visitor.csrf
        answer = own.sign_in(f"Nobody {number}", "123456", "seven wrong lanterns drift", connections[number])
        ended.append(answer.status)
        return answer

    answers = together(count, one)
    over.set()
    for watcher in watchers:
        watcher.join()
    for connection in connections:
        connection.close()
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) == {403, 503} and sum(statuses.values()) == count, statuses
    assert all(int(answer.getheader("Retry-After")) > 0 for answer in answers if answer.status == 503)
    # While the last was turned away the gate was full: behind it are those that were through by then.
    last = count - 1 - ended[::-1].index(503)
    through = ended[: last + 1].count(403)
    assert statuses[403] <= AT_ONCE + WAITING + through + AT_ONCE, (statuses, through)
    assert statuses[503] > count // 2, statuses
    assert seen.checks > 5 and seen.slowest < 1, seen
    grown = (seen.most - seen.rest) / (1 << 20)
    assert grown < AT_ONCE * ARGON2_MIB + 150, f"{grown:.0f} MiB above rest"
    assert is_in(Visitor(server).at_door().sign_in(ADMIN, server.use(ADMIN)))


def test_one_session_that_asks_much_at_once_is_answered(server):
    lead = Visitor(server).at_door()
    assert is_in(lead.sign_in(ADMIN, server.use(ADMIN)))
    until = time.monotonic() + 15

    def one(number: int) -> int:
        own, asked = Visitor(server), 0
        own.cookies = dict(lead.cookies)
        with closing(own.connect()) as connection:
            while time.monotonic() < until:
                assert own.ask("GET", "/hidden", connection=connection).status == 200
                asked += 1
        return asked

    assert sum(together(16, one)) > 1000


# MARK: what stops


class SlowReader:
    """A download over a connection whose own buffer is as small as it may be; counts what comes, sealed and opened."""

    def __init__(self, visitor: Visitor, path: str):
        self.raw = socket.socket()
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.raw.settimeout(30)
        self.raw.connect(("127.0.0.1", visitor.server.port))
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.secure = ssl._create_unverified_context().wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.sealed, self.opened, self.is_over = 0, b"", False
        while True:
            try:
                self.secure.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.raw.sendall(self.outgoing.read())
                self.take()
        body = urllib.parse.urlencode({"csrf": visitor.csrf})
        lines = [f"POST {path} HTTP/1.1", f"Host: localhost:{visitor.server.port}", f"Cookie: {visitor.cookie()}"]
        lines += [f"{name}: {value}" for name, value in FORM.items()] + [f"Content-Length: {len(body)}"]
        self.secure.write("\r\n".join([*lines, "", body]).encode())
        self.raw.sendall(self.outgoing.read())

    def take(self) -> None:
        try:
            data = self.raw.recv(16_384)
        except ConnectionError:
            data = b""
        self.sealed += len(data)
        self.is_over = not data
        self.incoming.write(data)

    def read(self) -> None:
        """A little more."""
        self.take()
        while True:
            try:
                data = self.secure.read(CHUNK)
            except (ssl.SSLWantReadError, ssl.SSLError):
                return
            if not data:
                return
            self.opened += data

    def on_its_way(self) -> int:
        """Sealed bytes that the server's kernel took and that are not read yet: in either end's queue."""
        ports = self.raw.getsockname()[1], self.raw.getpeername()[1]
        waiting = 0
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            ends = int(local.partition(":")[2], 16), int(remote.partition(":")[2], 16)
            sending, received = (int(one, 16) for one in queues.split(":"))
            if ends == ports:
                waiting += received
            elif ends == ports[::-1]:
                waiting += sending
        return waiting

    def at_rest(self) -> int:
        """How many sealed bytes the kernel has taken in all, once it takes no more: for three seconds, since a machine that has
        much to do may well pause for one."""
        last, same = -1, 0
        while same < 30:
            time.sleep(0.1)
            now = self.sealed + self.on_its_way()
            last, same = now, same + 1 if now == last else 0
        return last

    @property
    def body(self) -> bytes:
        return self.opened.partition(b"\r\n\r\n")[2]


def closing_of(server: Server) -> dict:
    opened = reader.Vault(server.vault.path)
    assert not opened.findings
    (said,) = [one for one in opened.ledger.statements if one.kind == "document.closed"]
    opened.close()
    return said.act


def test_a_download_stops_at_its_readers_suspension(server):
    """From then on nothing is taken out of the vault for them. What was on its way is in the connection's own memory and
    comes yet: by what its kernel had taken, and what had come in the end, less than a piece and a chunk."""
    staff, lead = Visitor(server).at_door(), Visitor(server).at_door()
    assert is_in(staff.sign_in(STAFF, server.use(STAFF)))
    assert is_in(lead.sign_in(DSL, server.use(DSL)))
    assert staff.ask("GET", "/reading").status == 200
    download = SlowReader(staff, f"/documents/{server.document}/download")
    while len(download.body) < 3 * CHUNK:
        download.read()
    assert download.opened.startswith(b"HTTP/1.1 200 ")
    person = re.search(rf'href="(/people/[0-9a-z]{{26}})">{STAFF}<', lead.ask("GET", "/people").text)[1]
    lead.ask("GET", person)
    taken = download.at_rest()
    assert lead.ask("POST", f"{person}/suspend", {}).status == 303
    while not download.is_over:
        download.read()
    assert download.sealed - taken < PIECE + 2 * CHUNK
    assert server.content.startswith(download.body) and len(download.body) < SIZE - PIECE
    act = closing_of(server)
    # Pieces that were taken out are counted whole.
    assert not act["complete"] and len(download.body) <= act["bytes"] < len(download.body) + PIECE
    assert staff.ask("GET", "/reading").status == 303
