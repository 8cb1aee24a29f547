"""Many files go in by page, on a bad day: the network cut, the service started anew, a file among them that is none."""

import hashlib
import json
import shutil

import pytest
from person import HOSTILE
from service import Service, cut
from vault import FIXTURES

LETTER = FIXTURES / "scans/attendance-letter-2016-02-09.pdf"
COUNT = 60


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path / "service")
    yield service
    service.stop()
    assert not set(service.verify()) - {"witness.behind", "blob.orphan"}


@pytest.fixture
def page(chromium, service):
    context = chromium.new_context(base_url=f"https://localhost:{service.port}", ignore_https_errors=True)
    context.set_default_timeout(60_000)
    sign_in(context, service)
    page = context.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    yield page
    context.close()
    assert not troubles, troubles


def sign_in(context, service) -> None:
    """As in another tab: this browser has the session that the service knows."""
    name, _, value = service.headers("/")["Cookie"].partition("=")
    context.add_cookies([{"name": name, "value": value, "url": f"https://localhost:{service.port}", "secure": True}])


def papers(folder, count: int) -> list:
    """So many scans, no two alike, and in their middle a text that poses as a PDF."""
    folder.mkdir()
    paths = []
    for number in range(count):
        path = folder / f"scan-{number:03}.pdf"
        # White space after the end is what copiers write too.
        path.write_bytes(LETTER.read_bytes() + b"\n" * (number + 1))
        paths.append(path)
    bad = folder / "scan-bad.pdf"
    shutil.copy(HOSTILE / "text-posing.pdf", bad)
    paths[count // 2] = bad
    return paths


def test_sixty_files_with_the_network_cut_twice_the_service_anew_and_one_bad(service, page, tmp_path):
    paths = papers(tmp_path / "in", COUNT)
    page.goto(f"/file/{service.pupil}")
    page.get_by_label("The document’s own date").fill("2016-02-09")
    page.get_by_label("What are they?").select_option("letter")
    page.get_by_label("Summary, if one fits all").fill("Letter about attendance")
    # A school's line, so that there is something to cut.
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": 3_000_000},
    )
    page.locator("#files").set_input_files(paths)
    page.get_by_role("button", name="Add files and check them").click()
    here = page.locator("#sending li", has_text="Here, encrypted and checked")
    for cut_at in (5, 15):
        here.nth(cut_at).wait_for()
        session.send("Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0})
        page.locator("#sending li", has_text="Waiting for the network").first.wait_for()
        session.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": 3_000_000},
        )
    here.nth(25).wait_for()
    service.kill()
    service.begin()
    page.locator("#signed-out").wait_for()
    page.get_by_role("button", name="Go on sending").click()
    page.locator("#still-out").wait_for()
    service.sign_in()
    sign_in(page.context, service)
    page.get_by_role("button", name="Go on sending").click()
    page.locator("#after").wait_for()
    assert here.count() == COUNT - 1
    assert page.locator("#overall").inner_text() == f"{COUNT - 1} of {COUNT} files taken"
    failed = page.locator("#sending li.attention")
    assert failed.count() == 1 and "scan-bad.pdf" in failed.inner_text()
    assert "plain text that begins like a PDF" in failed.inner_text()
    page.locator("#after").get_by_role("link", name=f"Check {COUNT - 1} files").click()
    page.locator("#staff-no").check()
    page.get_by_role("button", name=f"File {COUNT - 1} documents").click()
    page.get_by_role("heading", name=f"{COUNT - 1} documents filed").wait_for()
    shown = page.locator("dd.code").all_inner_texts()
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.name != "scan-bad.pdf"}
    assert hashes <= set(shown)
    chronology = service.ask("GET", f"/pupils/{service.pupil}").text
    assert f"{COUNT - 1}</span> entries" in chronology or f"{COUNT - 1} entries" in chronology


def test_a_page_that_was_closed_goes_on_with_the_same_file(service, page, tmp_path):
    path = tmp_path / "long.pdf"
    # Larger than one piece, so that there is a middle to stop in.
    path.write_bytes(LETTER.read_bytes() + b"\n" * (12 << 20))
    data = path.read_bytes()
    place = service.create(data, filename="long.pdf")
    connection = service.begin_piece(place, 0, data, 5 << 20)
    # What is cut before the server read it is not there.
    service.wait_until_staged(1 << 20)
    cut(connection)
    offset = service.offset(place)
    assert offset > 0
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url, request.headers.get("upload-offset"))))
    page.goto(f"/file/{service.pupil}")
    page.locator("#files").set_input_files(path)
    page.get_by_role("button", name="Add files and check them").click()
    page.wait_for_url(f"**/check/{service.pupil}")
    pieces = [(url.rpartition("/")[2], at) for method, url, at in sent if method == "PATCH"]
    assert pieces[0] == (place.rpartition("/")[2], str(offset))
    assert json.loads(service.ask("GET", "/api/v1/uploads").text) == []


def test_two_tabs_that_send_the_same_file_at_once(service, page, tmp_path):
    path = tmp_path / "long.pdf"
    # Some pieces of 8 MiB each, on a line that takes seconds for one: both tabs are in the middle of it.
    path.write_bytes(LETTER.read_bytes() + b"\n" * (20 << 20))
    tabs = [page, page.context.new_page()]
    for tab in tabs:
        session = tab.context.new_cdp_session(tab)
        session.send("Network.enable")
        line = {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": 6_000_000}
        session.send("Network.emulateNetworkConditions", line)
        tab.goto(f"/file/{service.pupil}")
        tab.get_by_label("The document’s own date").fill("2016-02-09")
        tab.get_by_label("What are they?").select_option("letter")
        tab.get_by_label("Summary, if one fits all").fill("Letter about attendance")
        tab.locator("#files").set_input_files(path)
    tabs[0].get_by_role("button", name="Add files and check them").click()
    # The second finds what the first has begun.
    while not json.loads(service.ask("GET", "/api/v1/uploads").text):
        tabs[0].wait_for_timeout(50)
    tabs[1].get_by_role("button", name="Add files and check them").click()
    for tab in tabs:
        tab.wait_for_url(f"**/check/{service.pupil}")
        assert tab.get_by_role("button", name="File 1 document").count() == 1, "one upload waits, whoever brought it"
    # Filed in one tab, it is not filed again by the other: that shows the same receipt.
    for tab in tabs:
        tab.locator("#staff-no").check()
        tab.get_by_role("button", name="File 1 document").click()
        tab.get_by_role("heading", name="Filed", exact=True).wait_for()
        assert hashlib.sha256(path.read_bytes()).hexdigest() in tab.locator("dd.code").all_inner_texts()
    assert tabs[0].url == tabs[1].url
    chronology = service.ask("GET", f"/pupils/{service.pupil}").text
    assert "1</span> entry" in chronology or "1 entry" in chronology
