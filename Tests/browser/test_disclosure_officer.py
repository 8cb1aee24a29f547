"""An officer with a link and an access code: enters, accepts the terms, looks, takes copies, says so, and leaves."""

import hashlib
import re
import socket
import ssl
import subprocess
import sys
import zipfile

import pytest
from disclosing import NUMBER, OFFICER, asks, enter, permits
from looks import SHOTS, Looks
from person import SCANS, assert_strict
from school import form_token

PUPIL = "Perpetua Lindqvist"
NOTE, LETTER, MINUTES = "Call about the swimming lessons", "Written request of the police", "Minutes of a meeting"
FILES = {
    NOTE: SCANS / "telephone-call-2016-06-03.txt",
    LETTER: SCANS / "referral-letter-2015-03-04.pdf",
    MINUTES: SCANS / "transfer-record-2013-07-22.tif",
}


@pytest.fixture(scope="module")
def pupil(school):
    answer = school.act("/pupils/add", **{"name": PUPIL, "date-of-birth": "2004-02-03", "upn": "", "enrolled": ""})
    return re.search(r"P-\w{5}", answer.url)[0]


@pytest.fixture(scope="module")
def lead(lasting_person, pupil):
    lead = lasting_person("dsl")
    lead.file(pupil, {path: summary for summary, path in FILES.items()})
    return lead


@pytest.fixture(scope="module")
def request_path(lead, pupil):
    return asks(lead, pupil, LETTER)


@pytest.fixture
def permit(lead, request_path):
    """Gives a permission: link, code, exhibits."""
    return lambda *summaries, **terms: permits(lead, request_path, *(summaries or (NOTE, MINUTES)), **terms)


@pytest.fixture
def looks():
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)
    assert not [look for look in looks.all if "lindqvist" in (look.title + look.path).lower()]


@pytest.fixture
def officer(person):
    """Somebody at a browser without a script, in a window of 1024 pixels."""
    return person(java_script_enabled=False, viewport={"width": 1024, "height": 768})


@pytest.fixture
def watched(person):
    """The same with scripts, which axe needs; the pages have none of their own."""
    return person(viewport={"width": 1024, "height": 768})


def accept(one, given: dict) -> None:
    enter(one, given)
    assert one.heading == "Before you go on", one.page.inner_text("main")
    one.press_alone("I accept and go on")


def problem(one) -> str:
    return one.page.get_by_role("alert").inner_text() if one.page.get_by_role("alert").count() else ""


def wrong(code: str) -> str:
    """Another code of the same form."""
    return ("A" if code[0] != "A" else "B") + code[1:]


def take(one, folder):
    with one.page.expect_download() as waiting:
        one.button("Take the copies").click()
    assert re.fullmatch(r"pack-PM-\w{8}\.zip", waiting.value.suggested_filename)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_link_code_name_and_number_are_needed_and_tries_are_counted(permit, watched, looks):
    given = permit()
    watched.go(given["link"])
    assert watched.heading == "Documents from Harrowdale School"
    looks.at(watched, "officer", "the door")
    left = []
    for code, name, number in (
        (wrong(given["code"]), OFFICER, NUMBER),
        (given["code"], "Somebody Else", NUMBER),
        (given["code"], OFFICER, "9999"),
    ):
        enter(watched, given, code, name, number)
        said = problem(watched)
        assert "is not right" in said, said
        left.append(int(re.search(r"(\d+) tries are left", said)[1]))
        assert watched.page.get_by_label("Your full name").input_value() == name
    assert left == [left[0] - place for place in range(3)] and left[0] < 20
    looks.at(watched, "officer", "a wrong code")
    enter(watched, given, given["code"], "")
    assert "did not count" in problem(watched)
    watched.go("/agency")
    assert watched.heading == "Open the link again"
    looks.at(watched, "officer", "no session")
    enter(watched, given, f" {given['code'].lower().replace('-', ' ')} ", OFFICER.upper())
    assert watched.heading == "Before you go on", "case, blanks and hyphens do not matter"
    # A link that is not whole, and one of nobody's, look alike.
    pages = set()
    for link in (given["link"][:-1], given["link"][:-4] + "0000"):
        assert watched.go(link).status == 404
        pages.add(watched.page.inner_text("main"))
    assert len(pages) == 1 and "the school office" in pages.pop()
    looks.at(watched, "officer", "a link that opens nothing")


def test_after_too_many_tries_only_the_school_can_help(permit, officer):
    given = permit()
    for _ in range(30):
        enter(officer, given, wrong(given["code"]))
        if not officer.page.get_by_label("Access code").count():
            break
    assert officer.heading == "This link opens nothing"
    assert officer.go(given["link"]).status == 404, "the right code does not help any more"


def test_without_a_script_from_the_link_to_the_receipt(permit, officer, lead, request_path, tmp_path):
    given = permit(copies="1")
    enter(officer, given)
    # Nothing is shown before the terms are accepted.
    for path in ("/agency/exhibits/1", "/agency/exhibits/1/pages/1", "/agency/copies", "/agency/received"):
        officer.go(path)
        assert officer.path == "/agency" and officer.heading == "Before you go on", path
    terms = officer.page.locator("ol.terms li")
    assert terms.count() == 6 and OFFICER in officer.page.inner_text("main")
    assert not officer.page.locator("script").count()
    officer.press_alone("I accept and go on")
    assert officer.heading == "2 documents"
    lines = officer.page.locator(".permitted li").all_inner_texts()
    assert [re.match(r"\w+/\d+", line)[0] for line in lines] == sorted(given["exhibits"], key=lambda e: int(e.split("/")[1]))
    # Text as text, a scan as pictures, each with who, when and which over it.
    (note,) = [place for place, line in enumerate(lines, 1) if NOTE in line]
    (scan,) = [place for place, line in enumerate(lines, 1) if MINUTES in line]
    officer.go(f"/agency/exhibits/{note}")
    assert officer.page.locator(".paper.text pre").inner_text().strip() == FILES[NOTE].read_text().strip()
    officer.go(f"/agency/exhibits/{scan}")
    picture = officer.page.locator(".paper img")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 500")
    marks = officer.page.locator(".marks span")
    assert marks.count() == 6
    exhibit = re.match(r"\w+/\d+", lines[scan - 1])[0]
    assert re.fullmatch(rf"{OFFICER}, {NUMBER} · \d+ \w+ \d{{4}} at \d\d:\d\d · {exhibit}", marks.first.get_attribute("data-mark"))
    assert officer.page.locator("figcaption").inner_text().startswith(f"Seen by {OFFICER}, {NUMBER}")
    pages = officer.page.locator(".turn strong").first.inner_text()
    count = int(re.search(r"of (\d+)", pages)[1])
    for page in range(2, count + 1):
        officer.follow("Next page")
        assert f"Page {page} of {count}" in officer.page.inner_text("main")
    assert not officer.page.get_by_role("link", name="Next page").count()
    assert officer.go(f"/agency/exhibits/{len(lines) + 1}").status == 404
    assert officer.page.get_by_role("link", name="Go to the documents").count() == 1
    officer.follow("Go to the documents")
    officer.follow("Take copies")
    said = officer.page.inner_text("main")
    for summary in (NOTE, MINUTES):
        assert hashlib.sha256(FILES[summary].read_bytes()).hexdigest() in said
    pack = take(officer, tmp_path)
    checked(pack, tmp_path)
    officer.go("/agency/copies")
    assert officer.path == "/agency" and officer.heading == "This permission is over"
    officer.press_alone("I received these")
    assert officer.heading == "Done" and "the school office" in officer.page.inner_text("main")
    officer.page.locator("main").get_by_role("button", name="Leave").click()
    officer.page.get_by_role("heading", name="Open the link again").wait_for()
    for path in ("/agency", "/agency/copies", f"/agency/exhibits/{scan}", "/agency/received"):
        officer.go(path)
        assert officer.heading == "Open the link again", path
    assert officer.context.request.get(f"/agency/exhibits/{scan}/pages/1").status == 403
    # The register has it: looked at, taken once and whole, received.
    lead.go(request_path)
    said = lead.page.inner_text("main")
    digest = hashlib.sha256(pack.read_bytes()).hexdigest()
    assert digest in lead.page.locator("main").text_content() and "The officer said they received it" in said


def checked(pack, folder) -> None:
    """A bare machine, and the pack's own program, find nothing wrong."""
    out = folder / "unpacked"
    with zipfile.ZipFile(pack) as archive:
        assert archive.testzip() is None
        archive.extractall(out)
    (inside,) = out.iterdir()
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=inside, capture_output=True, text=True)
    assert sums.returncode == 0, sums.stdout + sums.stderr
    check = subprocess.run([sys.executable, "check.py"], cwd=inside, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    originals = {path.read_bytes() for path in FILES.values()}
    assert sum(path.read_bytes() in originals for path in (inside / "exhibits").iterdir()) == 2
    (draft,) = inside.glob("section-9*.pdf")
    words = subprocess.run(["pdftotext", draft, "-"], check=True, capture_output=True, text=True).stdout
    assert "DRAFT – NOT SIGNED" in words and "Criminal Justice Act 1967" in words
    if SHOTS:
        subprocess.run(["pdftoppm", "-r", "70", "-png", draft, f"{SHOTS}/section-9"], check=True)


def test_every_page_is_usable_by_everyone(permit, watched, looks, tmp_path):
    given = permit(copies="2")
    enter(watched, given)
    looks.at(watched, "officer", "the terms")
    watched.press_alone("I accept and go on")
    looks.at(watched, "officer", "the documents")
    for number in (1, 2):
        watched.go(f"/agency/exhibits/{number}")
        looks.at(watched, "officer", f"exhibit {number}")
    assert watched.go("/agency/exhibits/99").status == 404
    looks.at(watched, "officer", "no such exhibit")
    watched.go("/agency/copies")
    looks.at(watched, "officer", "copies")
    first = take(watched, tmp_path).read_bytes()
    watched.go("/agency/copies")
    assert "1 time more of 2 times in all" in watched.page.inner_text("main")
    watched.press_alone("I received these")
    looks.at(watched, "officer", "received")
    watched.go("/agency")
    looks.at(watched, "officer", "the documents when they were received")
    watched.go("/agency/copies")
    assert take(watched, tmp_path).read_bytes() == first, "the same permission makes the same bytes"
    watched.go("/agency/copies")
    assert watched.heading == "This permission is over"
    looks.at(watched, "officer", "all copies taken")


def test_to_look_is_not_to_copy(permit, watched, looks):
    given = permit(NOTE, copies="")
    accept(watched, given)
    looks.at(watched, "officer", "documents to look at")
    assert not watched.page.get_by_role("link", name="Take copies").count()
    watched.go("/agency/copies")
    assert "Copies cannot be taken" in watched.page.inner_text("main")
    looks.at(watched, "officer", "copies not permitted")
    answer = watched.context.request.post("/agency/copies", form={"csrf": form_token(watched.context.request.get("/agency"))})
    assert answer.status == 422 and answer.headers["content-type"].startswith("text/html")


def test_not_once_more_than_permitted_however_many_ask(permit, officer):
    accept(officer, permit(copies="1"))
    request = officer.context.request
    token = form_token(request.get("/agency"))
    answers = [request.post("/agency/copies", form={"csrf": token}) for _ in range(3)]
    assert [answer.status for answer in answers][0] == 200 and answers[0].body()[:2] == b"PK"
    assert all(answer.body()[:2] != b"PK" for answer in answers[1:])


def test_an_officer_is_nobody_in_the_school_and_a_lead_nobody_here(permit, officer, lead, person):
    given = permit()
    accept(officer, given)
    for path in ("/", "/pupils", "/requests", "/file", "/disclosures"):
        officer.go(path)
        assert officer.heading in ("Sign in", "There is nothing at this address"), path
    deputy = person("deputy")
    deputy.go("/agency")
    assert deputy.heading == "Open the link again" and not deputy.page.get_by_role("button", name="Sign out").count()
    # Both at one browser: neither is the other, and each form takes its own session's token alone.
    accept(deputy, given)
    assert deputy.page.get_by_role("button", name="Leave").count() and not deputy.page.get_by_text(deputy.name).count()
    request = deputy.context.request
    theirs, own = form_token(request.get("/agency")), form_token(request.get("/"))
    assert theirs != own
    for path, token in (("/agency/received", own), ("/sign-out", theirs), ("/agency/leave", "")):
        answer = request.post(path, form={"csrf": token}, max_redirects=0)
        assert answer.status == 403, path
        assert_strict(answer.headers, path)
    deputy.go("/agency")
    deputy.press_alone("Leave")
    deputy.go("/")
    assert deputy.heading == "Home", "the person is signed in still"


def test_what_is_withdrawn_is_gone_at_once(permit, watched, lead, request_path, looks):
    given = permit()
    accept(watched, given)
    withdraw(lead, request_path, given)
    for path in ("/agency", "/agency/exhibits/1", "/agency/copies"):
        watched.go(path)
        assert watched.heading == "This permission is over" and NOTE not in watched.page.inner_text("main"), path
    looks.at(watched, "officer", "a permission that is over")
    assert watched.context.request.get("/agency/exhibits/1/pages/1", max_redirects=0).status == 303
    assert watched.go(given["link"]).status == 404


def withdraw(lead, request_path, given) -> None:
    lead.go(request_path)
    section = lead.page.locator("section.row").filter(has=lead.page.get_by_text(given["exhibits"][0], exact=True))
    section.get_by_role("link", name=re.compile("^Withdraw this permission")).click()
    lead.page.get_by_label("Why it is withdrawn").fill("The case was closed")
    lead.press("Withdraw it now")


@pytest.fixture(scope="module")
def long_scan(school, lead, pupil) -> str:
    """A scan of 20 MB, padded as copiers pad: more than lies between server and browser."""
    path = school.folder / "long-scan.pdf"
    path.write_bytes(FILES[LETTER].read_bytes() + b"\n" * 20_000_000)
    lead.file(pupil, {path: "A long scan"})
    return "A long scan"


class Slow:
    """A connection that takes a pack as slowly as it is asked to."""

    def __init__(self, school, officer):
        host, port = school.address.removeprefix("https://").split(":")
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        plain.connect((host, int(port)))
        self.socket = ssl._create_unverified_context().wrap_socket(plain, server_hostname=host)
        cookies = "; ".join(f"{each['name']}={each['value']}" for each in officer.context.cookies())
        body = "csrf=" + form_token(officer.context.request.get("/agency")).replace("+", "%2B").replace("/", "%2F")
        head = f"POST /agency/copies HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookies}\r\nSec-Fetch-Site: same-origin\r\n"
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.socket.sendall((head + body).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(1 << 12)
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), answer
        self.length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        self.count = len(rest)

    def read(self, most: int) -> None:
        """Reads until that many bytes are here, or the connection ends."""
        while self.count < most:
            try:
                piece = self.socket.recv(1 << 16)
            except (ssl.SSLError, ConnectionError):
                return
            if not piece:
                return
            self.count += len(piece)


def test_a_pack_is_cut_when_its_permission_is_withdrawn(permit, officer, lead, request_path, school, long_scan):
    given = permit(long_scan, copies="2")
    accept(officer, given)
    slow = Slow(school, officer)
    assert slow.length > 20_000_000
    slow.read(1_000_000)
    withdraw(lead, request_path, given)
    slow.read(slow.length)
    assert slow.count < 6_000_000, slow.count
    assert "not all of it went out" in issued(lead, request_path, given)


def test_a_pack_whose_reader_goes_away_is_recorded_and_counted(permit, officer, lead, request_path, school, long_scan):
    given = permit(long_scan, copies="2")
    accept(officer, given)
    slow = Slow(school, officer)
    slow.read(1_000_000)
    slow.socket.close()
    for _ in range(40):
        if "not all of it went out" in issued(lead, request_path, given):
            break
        lead.page.wait_for_timeout(250)
    else:
        raise AssertionError(issued(lead, request_path, given))
    officer.go("/agency/copies")
    assert "1 time more of 2 times in all" in officer.page.inner_text("main")
    # One that takes nothing keeps nobody else waiting.
    stuck = [Slow(school, officer)]
    officer.go("/agency")
    assert officer.heading == "1 document"
    stuck[0].socket.close()


def issued(lead, request_path, given) -> str:
    lead.go(request_path)
    section = lead.page.locator("section.row").filter(has=lead.page.get_by_text(given["exhibits"][0], exact=True))
    return section.text_content().lower()
