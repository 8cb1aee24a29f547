"""The text of scans, which a search in a pupil's file looks through: over the pages, with the server killed and traced."""

import os
import re
import signal
import sqlite3
import time
import urllib.parse
from contextlib import closing
from pathlib import Path

import reader
import service as programs
from colleagues import colleague
from service import PASSWORD, Service
from vault import DSL, FIXTURES

SCAN = FIXTURES / "scans/transfer-record-2013-07-22.tif"
LETTER = FIXTURES / "scans/attendance-letter-2016-02-09.pdf"
NOTES = FIXTURES / "scans/agency-meeting-2017-09-19.docx"
# They stand in it compressed.
WORDS = b"Early Help"
# Uploads are scanned for viruses, by what knows one string.
SCANNED = (
    ("inspection.yaml", "antivirus: off", "antivirus: required"),
    ("file-types.yaml", "largest-mib: 2048", "largest-mib: 2047"),
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OFFICE = "Maud Tranter"


class Searched(Service):
    """A service that reads texts, with its lead at the page of searching."""

    def __init__(self, folder: Path, trace: Path | None = None, **more):
        self._trace = trace
        super().__init__(folder, recognises=True, **more)

    def _start(self, *arguments, extra: dict | None = None):
        if self._trace and arguments[0] == "serve":
            return self._traced(*arguments, extra=extra)
        return super()._start(*arguments, extra=extra)

    def _traced(self, *arguments, extra: dict | None = None):
        program = programs.PROGRAM
        calls = "open,openat,?openat2,creat,write,pwrite64,writev,pwritev,sendto,sendmsg,execve"
        wrapper = self.folder / "traced"
        wrapper.write_text(
            f"#!/bin/sh\nexec strace --follow-forks --seccomp-bpf --decode-fds=path -xx --string-limit=1200000 "
            f"--trace={calls} -o '{self._trace}' '{program}' \"$@\"\n"
        )
        wrapper.chmod(0o755)
        programs.PROGRAM = str(wrapper)
        try:
            return super()._start(*arguments, extra=extra)
        finally:
            programs.PROGRAM = program

    def stop(self) -> bytes:
        if self._trace:
            # strace keeps such signals to itself; the program is its only child.
            child = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
            os.kill(int(child), signal.SIGTERM)
            _, log = self.process.communicate(timeout=60)
            return log
        return super().stop()

    def bring(self, path: Path) -> str:
        """Files a document; gives its id."""
        place = self.create(path.read_bytes(), filename=path.name, summary="A paper")
        self.patch(place, 0, path.read_bytes())
        return self.file(place, summary="A paper", category="letter", date="2016-02")["document"]

    def search(self, words: str) -> str:
        answer = self.ask("POST", f"/pupils/{self.pupil}/search", FORM, urllib.parse.urlencode({"csrf": self._token, "words": words}))
        assert answer.status == 200, answer.text
        return answer.text

    def texts(self) -> int:
        with closing(sqlite3.connect(f"file:{self.vault}/workspace.sqlite?mode=ro", uri=True)) as workspace:
            return workspace.execute("SELECT count(*) FROM text").fetchone()[0]

    def wait_for_texts(self, count: int) -> None:
        deadline = time.monotonic() + 120
        while self.texts() < count:
            assert time.monotonic() < deadline, f"{self.texts()} of {count} texts were read"
            time.sleep(0.1)
        assert self.texts() == count


def pages_in(page: str, document: str) -> list:
    return [int(number) for number in re.findall(rf'href="/documents/{document}\?page=(\d+)"', page)]


def test_a_search_leads_to_the_page_and_the_text_opens_by_the_format_alone(tmp_path):
    service = Searched(tmp_path / "service")
    try:
        colleague(service, OFFICE, "admin")
        document = service.bring(SCAN)
        service.wait_for_texts(1)
        page = service.search("list contents")
        assert pages_in(page, document) == [2] and "1 entry found" in page
        assert service.ask("GET", f"/documents/{document}?page=2").status == 200
        assert "has not been read" not in page
        assert pages_in(service.search("registered post"), document) == [1]
        assert "Nothing has all these words" in service.search("registered contents")
    finally:
        service.stop()
    opened, secrets = reader.Vault(service.vault), service.vault.with_name("vault.secrets")
    text = reader.Person(opened, secrets, DSL, PASSWORD).text(document)
    assert len(text) == 3 and "registered post" in text[0] and "LIST OF CONTENTS" in text[1]
    assert reader.check(service.vault) == []


def test_what_a_killed_server_had_not_read_is_read_for_who_searches(tmp_path):
    service = Searched(tmp_path / "service")
    try:
        documents = [service.bring(path) for path in (LETTER, SCAN)]
        service.kill()
        before = service.texts()
        service.begin()
        service.sign_in()
        assert before < 2, "all was read before the kill: nothing is shown by this"
        page = service.search("attendance")
        assert "has not been read yet" in page and "It is being read now" in page
        service.wait_for_texts(2)
        assert pages_in(service.search("attendance term"), documents[0]) == [1]
        assert pages_in(service.search("list contents"), documents[1]) == [2]
    finally:
        service.stop()
    opened = reader.Vault(service.vault).ledger
    manners = [one.act["manner"] for one in opened.statements if one.kind == "document.opened"]
    assert manners == ["recognition"] * (2 - before)
    assert [one.act["complete"] for one in opened.statements if one.kind == "document.closed"] == [True] * (2 - before)
    assert reader.check(service.vault) == [] and service.verify() == []


# What stands in a call's own words, with every string in hexadecimal: `openat(AT_FDCWD</x>, "\x2f", O_RDWR|O_CREAT, 0600) = 3</y>`.
CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
OPENED = re.compile(r'"((?:\\x[0-9a-f]{2})*)", (O_[A-Z_|0-9a-fx]+).* = \d+<(.*?)>(?:\(deleted\))?$')
TARGET = re.compile(r"^\d+<(.*?)>")


def plain(hexadecimal: str) -> str:
    return bytes.fromhex(hexadecimal.replace("\\x", "")).decode(errors="replace")


def test_nothing_of_a_document_is_written_where_it_can_be_found(tmp_path):
    """From the first byte to the last word that is recognised: of every process, which files it opened to write to, and where
    it wrote what."""
    trace = tmp_path / "trace"
    signatures = tmp_path / "signatures"
    signatures.mkdir()
    (signatures / "test.ndb").write_text(f"Strongroom.Test:0:*:{b'only this string of ours'.hex()}\n")
    service = Searched(
        tmp_path / "service", trace=trace, policies=SCANNED, extra={"STRONGROOM_SIGNATURES": str(signatures)})
    try:
        document, *_ = [service.bring(path) for path in (SCAN, LETTER, NOTES)]
        service.wait_for_texts(3)
        assert service.ask("GET", f"/documents/{document}/pages/1?width=600").status == 200
        assert pages_in(service.search("list contents"), document) == [2]
    finally:
        service.stop()
    content = SCAN.read_bytes()
    middle = content[len(content) // 2 :][:24]
    secrets = ["".join(f"\\x{byte:02x}" for byte in secret) for secret in (middle, b"CONTENTS", b"attendance this term", WORDS)]
    opened, wrote, ran = set(), {}, set()
    with open(trace, errors="replace") as lines:
        for line in lines:
            call = CALL.match(line.rstrip("\n"))
            if not call:
                continue
            name, rest = call.groups()
            if name == "execve":
                ran.add(plain(rest.split('"')[1]).rpartition("/")[2])
            elif name in ("open", "openat", "openat2", "creat"):
                found = OPENED.search(rest)
                if found and re.search("O_WRONLY|O_RDWR|O_CREAT", found[2]):
                    opened.add(plain(found[3]))
            else:
                target = TARGET.match(rest)
                # What is sent goes to a socket, also where strace cannot say to which.
                to = "socket:" if name in ("sendto", "sendmsg") else plain(target[1]) if target else rest[:40]
                for place, secret in enumerate(secrets):
                    if secret in rest:
                        wrote.setdefault(to, set()).add(place)
    assert {"bwrap", "strongroom-inspector", "tesseract", "vipsthumbnail", "pdftotext", "clamd"} <= ran, ran
    vault, ours = str(service.vault), str(tmp_path / "service")
    # What bubblewrap opens to make its namespaces is in /proc; what clamd unpacks, in a file system in memory that only it has.
    own = rf"{re.escape(vault)}(\.secrets/|\.newest-checkpoint|/)"
    allowed = re.compile(rf"{own}|/dev/null$|/proc/|/memfd:|/unpacked/|/dev/shm/strongroom-clamd-\w+/lock$")
    assert not [path for path in opened if not allowed.match(path)], sorted(opened)
    assert vault + "/catalogue.sqlite" in opened and not [path for path in opened if path.startswith(ours + "/tmp")]
    # Its bytes and words went through memory, pipes and the connection, and were seen on their way: else this shows nothing.
    assert {0, 1, 2, 3} == set().union(*wrote.values()), wrote
    assert not [target for target in wrote if not re.match(r"/memfd:|pipe:|socket:|TCP|UNIX|/unpacked/", target)], wrote
