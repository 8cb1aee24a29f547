"""That something waits is told by e-mail: through the real msmtp, to a server that keeps what it is sent. That, and nothing else."""

import re
import socketserver
import threading
import time

import pytest
from service import Service
from test_stations import NOTE, Station, open_batch

TO = ("lead@harrowdale.example", "deputy@harrowdale.example")
ON = (
    ("notices.yaml", "send: false", "send: true"),
    ("notices.yaml", "to: []", f"to: [{', '.join(TO)}]"),
    ("notices.yaml", "after-working-days: 1", "after-working-days: 0"),
)
# The whole message, but for the two lines that msmtp adds: its date, and an id of random digits.
MESSAGE = f"""From: strongroom@school.example
To: {", ".join(TO)}
Subject: Something waits for you
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

Something has waited for longer than the school's policy says.
Please sign in to the school's records and look at your home page.

This message is made by a program and says nothing more on purpose.
Please do not answer it.
"""


class Sink(socketserver.ThreadingTCPServer):
    """As much of SMTP as a message needs; keeps sender, recipients and text of each."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.messages: list = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait(self, seconds: float = 20) -> tuple:
        until = time.monotonic() + seconds
        while not self.messages and time.monotonic() < until:
            time.sleep(0.1)
        return self.messages[0]


class Conversation(socketserver.StreamRequestHandler):
    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 sink ready")
        sender, recipients = "", []
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            verb = line.upper()
            if verb.startswith("MAIL FROM:"):
                sender = re.search("<(.*?)>", line)[1]
            elif verb.startswith("RCPT TO:"):
                recipients.append(re.search("<(.*?)>", line)[1])
            elif verb == "DATA":
                self.say("354 go on")
                text = []
                while (one := self.rfile.readline().decode()) != ".\r\n":
                    text.append(one.replace("\r\n", "\n").removeprefix("." if one.startswith("..") else ""))
                self.server.messages.append((sender, recipients, "".join(text)))
            elif verb == "QUIT":
                self.say("221 bye")
                return
            self.say("250 yes")


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.shutdown()
    sink.server_close()


def configure(service: Service, port: int) -> None:
    """Where msmtp looks, beside the service's other secrets."""
    file = service.folder / "vault.secrets/msmtp.conf"
    file.write_text(f"account default\nhost 127.0.0.1\nport {port}\nauth off\ntls off\ndomain localhost\n")
    file.chmod(0o600)


def file_one(service: Service) -> None:
    """By somebody else than the lead: a scan station's filing waits for them."""
    station = Station(service)
    assert "receipt" in station.file(station.send(NOTE, open_batch(service)))


def restart(service: Service) -> bytes:
    log = service.stop()
    service.begin()
    return log


def test_it_says_that_something_waits_and_nothing_else(tmp_path, sink):
    service = Service(tmp_path / "on", ON)
    configure(service, sink.server_address[1])
    restart(service)
    time.sleep(2)
    assert not sink.messages, "nothing waits yet"
    service.sign_in()
    file_one(service)
    restart(service)
    sender, recipients, text = sink.wait()
    assert (sender, tuple(recipients)) == ("strongroom@school.example", TO)
    added = r"^(Date: [A-Z][a-z]{2}, [0-9A-Za-z :+]+|Message-ID: <[0-9a-f]+\.strongroom@school\.example>)\n"
    assert re.sub(added, "", text, flags=re.MULTILINE) == MESSAGE
    # At most once in the policy's hours, also of a server that is started again.
    log = restart(service)
    time.sleep(3)
    assert len(sink.messages) == 1 and b"notice" not in log + service.stop()


def test_it_is_off_unless_the_school_turns_it_on(tmp_path, sink):
    service = Service(tmp_path / "off")
    configure(service, sink.server_address[1])
    file_one(service)
    restart(service)
    time.sleep(3)
    assert not sink.messages
    service.stop()


def test_what_cannot_be_sent_is_shown_to_the_lead_and_not_tried_again_at_once(tmp_path, sink):
    service = Service(tmp_path / "failing", ON)
    file_one(service)  # and no configuration of msmtp
    restart(service)
    until = time.monotonic() + 20
    service.sign_in()
    while "could not be sent" not in (page := service.ask("GET", "/").text) and time.monotonic() < until:
        time.sleep(0.2)
    assert "The e-mail that something waits could not be sent" in page
    configure(service, sink.server_address[1])
    log = restart(service)
    assert log.count(b"notice.not-sent") == 1 and b"harrowdale" not in log and b"@" not in log
    time.sleep(3)
    assert not sink.messages and b"notice" not in service.stop()
