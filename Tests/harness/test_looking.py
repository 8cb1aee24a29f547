"""Looking at pages, as a browser does that flips through them: over HTTP/2, and gone before a page is drawn."""

import subprocess
import time
from pathlib import Path

import pytest
from agencies import Officer, asked, filed, permitted
from service import Service
from vault import FIXTURES

BOMB = FIXTURES / "hostile/bomb-in-page.pdf"
NOTES = FIXTURES / "scans/agency-meeting-2017-09-19.docx"
# Of bomb-in-page.pdf poppler reads two gigabytes of spaces: twenty seconds where nothing ends it.
SOON = 5


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Service(tmp_path_factory.mktemp("looking") / "service")
    yield one
    one.stop()


def parents(process: int) -> list:
    """The process that started it, and so on."""
    found = []
    while process > 1:
        try:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        found.append(process)
    return found


def drawing(service: Service) -> list:
    """The processes of this service that draw pages."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            is_drawing = process.name.isdigit() and (process / "cmdline").read_bytes().startswith(b"pdftoppm\0")
        except OSError:
            continue
        if is_drawing and service.process.pid in parents(int(process.name)):
            found.append(process.name)
    return found


def wait_until(what, seconds: float) -> float:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it did not come to that"
        time.sleep(0.02)
    return time.monotonic() - began


def looking(service: Service, document: str) -> subprocess.Popen:
    """A browser that wants a page."""
    address = f"https://localhost:{service.port}/documents/{document}/pages/1?width=1600"
    quiet = ("--silent", "--output", "/dev/null", "--write-out", "%{http_code} %{http_version}")
    command = ["curl", "--http2", "--insecure", *quiet, "--config", "-", address]
    browser = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    browser.stdin.write(f'cookie = "{service.headers("/")["Cookie"]}"\n'.encode())
    browser.stdin.flush()
    browser.stdin.close()
    browser.stdin = None
    return browser


def test_a_page_that_its_reader_no_longer_waits_for_is_not_drawn_to_its_end(service):
    slow = filed(service, BOMB.read_bytes(), filename="bomb-in-page.pdf", summary="A page of spaces")
    sound = filed(service, (FIXTURES / "hostile/good/three-pages.pdf").read_bytes(), filename="three.pdf", summary="Three pages")
    # Two are drawn at once, and a third waits for its turn.
    readers = [looking(service, slow) for _ in range(3)]
    wait_until(lambda: len(drawing(service)) == 2, 10)
    for reader in readers:
        reader.kill()
        reader.wait()
    assert wait_until(lambda: not drawing(service), SOON) < SOON
    last = looking(service, sound)
    assert last.communicate(timeout=SOON)[0] == b"200 2"


def test_a_word_document_is_shown_as_pages_to_the_lead_and_to_an_officer(service):
    document = filed(service, NOTES.read_bytes(), filename="notes.docx", summary="Notes of a meeting")
    page = service.ask("GET", f"/documents/{document}").text
    assert "Team around the family" in page and f'href="/documents/{document}?as=pages#sheet"' in page
    page = service.ask("GET", f"/documents/{document}?as=pages").text
    assert f"/documents/{document}/pages/1?width=900" in page and "Look at its text" in page and "<pre>" not in page
    assert service.ask("GET", f"/documents/{document}/pages/1?width=900").bytes.startswith(b"\xff\xd8")
    assert service.ask("GET", f"/documents/{document}/pages/2?width=900").status == 404
    officer = Officer(service)
    officer.enter(permitted(service, asked(service, document), document, manner="view", copies=""))
    assert officer.ask("GET", "/agency/exhibits/1/pages/1?width=900").bytes.startswith(b"\xff\xd8")
    assert "/agency/exhibits/1/pages/1?width=900" in officer.ask("GET", "/agency/exhibits/1?as=pages").text
    assert officer.ask("GET", "/agency/exhibits/1/pages/2?width=900").status == 404


def test_a_photograph_of_a_telephone_is_shown(service):
    for name, pages in (("photograph.heic", 1), ("two-pictures.heif", 2)):
        data = (FIXTURES / "hostile/good" / name).read_bytes()
        document = filed(service, data, filename=name, summary="A photograph of a note")
        for number in range(1, pages + 1):
            assert service.ask("GET", f"/documents/{document}/pages/{number}?width=900").bytes.startswith(b"\xff\xd8")
        assert service.ask("GET", f"/documents/{document}/pages/{pages + 1}?width=900").status == 404
