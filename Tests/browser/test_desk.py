"""The checking desk in a browser: pages by keys and by mouse, and the second person's look at each of them."""

import io
import os
import re

import pytest
from archive import drawn
from vault import FIXTURES

FOLDER = FIXTURES / "stacks/folder.pdf"
PAGES = 14
PUPILS = ("Amira Siddiq-Lowe", "Isla Penhallow")
SHOTS = os.environ.get("STRONGROOM_TEST_SHOTS")

# When the first key was pressed and when each large picture had come, by the page's own clock.
WATCH = """() => {
    window.keyed = [];
    window.came = [];
    document.addEventListener('keydown', () => window.keyed.push(performance.now()), true);
    document.getElementById('large').addEventListener('load', () => window.came.push(performance.now()));
}"""
LOADED = "e => e.complete || new Promise(done => e.addEventListener('load', done))"
WITHIN = """() => {
    const [of, large] = ['looking', 'large'].map(id => document.getElementById(id).getBoundingClientRect());
    return large.width > large.height && large.left >= of.left && large.right <= of.right;
}"""
SHOWN = "e => e.complete && e.naturalWidth > 0 && [e.getAttribute('alt'), e.src, e.className]"


class Desk:
    """A batch of paper at the desk: fourteen pages of one scan, seven each in the documents of two pupils."""

    def __init__(self, office, school):
        self.office, self.page = office, office.page
        office.go("/batches/new")
        for label, value in (("Cabinet", "2"), ("Drawer", "1"), ("Folder", "17")):
            self.page.get_by_label(label).fill(value)
        office.press("Begin the batch")
        self.batch = office.path
        office.go(f"{self.batch}/scans")
        self.page.get_by_label("Choose scans").set_input_files(FOLDER)
        office.press("Add the scans")
        self.page.locator("[data-stack-state=read]").wait_for(timeout=60_000)
        self.stack = self.page.locator("[data-stack-state=read]").get_attribute("data-stack")
        self.open()
        # No sheet of the scan is of this batch, so that all its pages are to be decided.
        for pupil, first, last in ((PUPILS[0], 1, 7), (PUPILS[1], 8, PAGES)):
            put = self.page.locator("form[data-put]")
            put.get_by_label("First page").fill(str(first))
            put.get_by_label("Last page").fill(str(last))
            put.get_by_label("Pupil").select_option(school.pupil(pupil))
            put.get_by_label("What it is").select_option("letter")
            office.press("Make a document of them")
        self.page.get_by_label("A date for all that have none").fill("17 November 2016")
        office.press("Save dates and summaries")

    def open(self) -> None:
        self.office.go(self.batch)
        self.office.follow(re.compile("at the desk$|the checking desk$"))
        assert self.office.path == f"{self.batch}/desk"

    @property
    def documents(self) -> list:
        """The pages of each document, as they stand at the desk."""
        return [one.get_attribute("data-pages") for one in self.page.locator("section[data-piece]").all()]

    def drag(self, number: int, document: int) -> None:
        """By the mouse, a page's thumbnail onto a document."""
        onto = self.page.get_by_role("region", name=f"Document {document}", exact=True)
        mouse, picture = self.page.mouse, thumb(self.page, number).locator("img")
        picture.hover()
        picture.evaluate(LOADED)
        place = picture.bounding_box()
        mouse.down()
        # A drag begins before anything is scrolled.
        mouse.move(place["x"] + place["width"] / 2 + 20, place["y"] + place["height"] / 2)
        # Of what it comes over, an element hears at the second move.
        for x in (10, 14):
            onto.get_by_role("heading").hover(position={"x": x, "y": 10})
        self.page.locator("section.over").and_(onto).wait_for()
        with self.page.expect_navigation():
            mouse.up()

    def settle(self) -> None:
        """Says of each document that is questioned that it is right."""
        right = self.page.get_by_role("button", name=re.compile("^Document . is right as it is"))
        while right.count():
            with self.page.expect_navigation():
                right.first.click()

    def present(self, to) -> None:
        self.page.get_by_label("Who looks at its pages?").select_option(label=to.name)
        self.office.press("Ask them to check it")
        assert self.state == "presented"

    @property
    def state(self) -> str:
        return self.page.locator("[data-batch-state]").get_attribute("data-batch-state")

    def assert_seals_not(self) -> None:
        """No button seals the batch, and the form is refused as well."""
        self.office.go(self.batch)
        assert self.page.get_by_role("button", name=re.compile("seal the batch")).count() == 0
        token = self.page.locator("[name=csrf]").first.get_attribute("value")
        answer = self.page.request.post(f"{self.batch}/seal", form={"csrf": token})
        assert answer.status == 422, answer.text()
        self.office.go(self.batch)
        assert self.state in ("open", "presented")


def thumb(page, number: int):
    return page.locator(f".thumb[data-page='{number}']")


def heading(page) -> str:
    return page.locator("#looking-at").inner_text()


def assert_shows(page, number: int, pupil: str, turn: int = 0) -> None:
    """One page is large, its own picture, with whose it is beside it."""
    thumb(page, number).and_(page.locator(".current")).wait_for()
    assert page.locator(".thumb.current").count() == 1
    large = page.locator("#large")
    large.evaluate(LOADED)
    assert re.match(rf"Page {number} – \d\. {pupil}, born ", heading(page)), heading(page)
    alternative, source, turned = large.evaluate(SHOWN)
    assert alternative == f"Page {number}, large" and turned == f"r{turn}"
    assert re.search(rf"/scans/[0-9a-z]{{26}}/{number}\?width=1000$", source)


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


@pytest.fixture(scope="module")
def desk(lasting_person, school) -> Desk:
    return Desk(lasting_person("admin"), school)


@pytest.fixture(scope="module")
def checker(lasting_person):
    return lasting_person("dsl")


def stack_of(sheets: bytes) -> bytes:
    """A folder as it is scanned: two documents of three pages and one behind the sheets that were printed for them."""
    papers, (cover, *separators, end) = drawn(FOLDER)[4:7], drawn(sheets)
    pages = [cover, separators[0], *papers, separators[1], papers[0], end]
    out = io.BytesIO()
    pages[0].save(out, "PDF", resolution=200, save_all=True, append_images=pages[1:])
    return out.getvalue()


def test_a_stack_is_split_at_its_sheets_and_put_right_without_a_script(person, school):
    clerk = person("admin", java_script_enabled=False)
    page = clerk.page
    clerk.go("/batches/new")
    for label, value in (("Cabinet", "2"), ("Drawer", "1"), ("Folder", "18")):
        page.get_by_label(label).fill(value)
    clerk.press("Begin the batch")
    batch = clerk.path
    clerk.go(f"{batch}/sheets")
    for pupil, count in ((PUPILS[0], "3"), (PUPILS[1], "1")):
        page.locator("[name=pupil]").select_option(school.pupil(pupil))
        page.get_by_label("What these papers are").select_option("letter")
        page.get_by_label("Pages under this sheet").fill(count)
        clerk.press("Add the line")
    clerk.press("Make 4 sheets")
    sheets = page.request.get(f"{batch}/sheets.pdf").body()
    clerk.go(f"{batch}/scans")
    file = {"name": "folder.pdf", "mimeType": "application/pdf", "buffer": stack_of(sheets)}
    page.get_by_label("One side of each").check()
    page.get_by_label("Choose scans").set_input_files(file)
    clerk.press("Add the scans")
    page.locator("[data-stack-state=read]").wait_for(timeout=60_000)
    clerk.follow(re.compile("at the desk$|the checking desk$"))

    def documents() -> list:
        return [(one.get_attribute("data-pupil"), one.get_attribute("data-pages")) for one in page.locator("section[data-piece]").all()]

    def move(first: str, last: str) -> None:
        page.get_by_label("First page").fill(first)
        page.get_by_label("Last page").fill(last)
        page.get_by_label("To a document that is there").select_option(index=2)
        clerk.press("Move")

    one, two = (school.pupil(name) for name in PUPILS)
    as_printed = [(one, "3-5"), (two, "7")]
    assert documents() == as_printed
    assert page.get_by_text("8 pages scanned: 4 in documents, 4 on sheets, 0 left out, 0 to decide.").first.is_visible()
    assert page.locator("#keys").is_hidden() and page.locator("#looking").is_hidden()
    move("4", "5")
    assert documents() == [(one, "3"), (two, "4-5,7")]
    assert page.locator("[data-problem=questioned]").count() == 2, "neither document has the pages that its sheet counts"
    shot(page, "desk-without-a-script")
    clerk.press("Undo the last change")
    assert documents() == as_printed and page.locator("[data-problem=questioned]").count() == 0
    move("4", "9")
    assert page.get_by_text("The scan has no such pages.").first.is_visible()
    assert documents() == as_printed
    page.get_by_label("First page").fill("7")
    page.get_by_label("Not filed, because").fill("A copy")
    clerk.press("Leave out")
    assert documents()[0] == as_printed[0]
    assert page.get_by_text("8 pages scanned: 3 in documents, 4 on sheets, 1 left out, 0 to decide.").first.is_visible()


def test_pages_are_walked_turned_and_parted_by_keys(desk):
    desk.open()
    page, first, second = desk.page, *PUPILS
    assert desk.documents == ["1-7", "8-14"]
    assert page.locator("#looking").is_hidden() and page.locator("#keys").is_visible()
    for key, number, pupil in (("n", 1, first), ("n", 2, first), ("N", 3, first), ("p", 2, first), ("p", 1, first), ("p", 1, first)):
        page.keyboard.press(key)
        assert_shows(page, number, pupil)
    thumb(page, 8).locator("a").click()
    assert_shows(page, 8, second)
    page.keyboard.press("p")
    assert_shows(page, 7, first)

    # The view is turned, of this page alone and as long as somebody looks.
    page.keyboard.press("r")
    assert_shows(page, 7, first, turn=90)
    assert page.evaluate(WITHIN), "a page that lies on its side covers nothing else"
    shot(page, "desk-turned")
    page.keyboard.press("n")
    assert_shows(page, 8, second)
    page.keyboard.press("p")
    assert_shows(page, 7, first, turn=90)
    for turn in (180, 270, 0):
        page.keyboard.press("r")
        assert_shows(page, 7, first, turn)

    # From this page to the end of its document.
    for _ in range(2):
        page.keyboard.press("p")
    page.keyboard.press("m")
    put = page.locator("form[data-put]")
    assert [put.get_by_label(label).input_value() for label in ("First page", "Last page")] == ["5", "7"]
    assert put.get_by_label("Pupil").evaluate("e => e === document.activeElement")
    assert put.get_by_label("Pupil").input_value() == "", "the key chooses nobody"
    shot(page, "desk-missed-sheet")

    # Whoever writes or chooses is not walking.
    page.keyboard.press("p")
    for label in ("Not filed, because", "A date for all that have none"):
        page.get_by_label(label).fill("")
        page.get_by_label(label).press_sequentially("nprm")
        assert page.get_by_label(label).input_value() == "nprm"
    assert_shows(page, 5, first)
    assert put.get_by_label("First page").input_value() == "5"
    desk.open()
    assert desk.documents == ["1-7", "8-14"], "looking changes nothing"


def test_a_page_is_dragged_onto_another_document_and_brought_back(desk):
    desk.open()
    page = desk.page
    desk.drag(3, 2)
    assert desk.documents == ["1-2,4-7", "3,8-14"]
    second = page.get_by_role("region", name="Document 2", exact=True)
    assert second.locator(".thumb[data-page='3']").count() == 1
    # The desk goes on where something changed.
    assert_shows(page, 3, PUPILS[1])
    page.keyboard.press("n")
    assert_shows(page, 8, PUPILS[1])
    assert page.locator("#looking").get_by_text(f"{PAGES} pages scanned: {PAGES} in documents", exact=False).is_visible()
    shot(page, "desk-dragged")
    desk.office.press("Undo the last change")
    assert desk.documents == ["1-7", "8-14"]


def test_what_was_typed_at_a_document_is_kept_when_a_page_is_moved(desk):
    desk.open()
    page = desk.page
    page.get_by_label("Summary, if you can say more").first.fill("A letter of three sheets")
    page.get_by_label("A date for all that have none").fill("1999")
    desk.drag(9, 1)
    assert desk.documents == ["1-7,9", "8,10-14"]
    assert page.get_by_label("Summary, if you can say more").first.input_value() == "A letter of three sheets"
    assert page.get_by_label("A date for all that have none").input_value() == ""
    desk.office.press("Undo the last change")
    assert desk.documents == ["1-7", "8-14"]


def test_a_second_person_sees_every_page_by_keys_and_marks_the_wrong_one(desk, checker):
    desk.open()
    desk.settle()
    desk.present(checker)
    desk.assert_seals_not()

    checker.go("/checks")
    checker.follow(re.compile("^Batch [0-9]"))
    page, check, seen = checker.page, checker.path, []
    page.evaluate(WATCH)
    for number in range(1, PAGES + 1):
        page.keyboard.press("n")
        page.get_by_text(f"{number} of {PAGES} looked at.", exact=True).wait_for()
        seen.append(heading(page).partition(" – ")[0])
    assert seen == [f"Page {number}" for number in range(1, PAGES + 1)]
    began, ended = page.evaluate("() => [window.keyed[0], window.came.at(-1)]")
    assert len(page.evaluate("() => window.came")) == PAGES
    print(f"{PAGES} pages by keys in {(ended - began) / 1000:.2f} s: {PAGES * 1000 / (ended - began):.1f} pages a second")
    asked = [one.url for one in checker.responses if one.url.endswith("?width=1000")]
    assert len(asked) == len(set(asked)) == PAGES, "what was fetched ahead is what is shown"
    page.keyboard.press("n")
    assert_shows(page, PAGES, PUPILS[1])

    wrong = page.get_by_label(f"Wrong: page {PAGES}", exact=True)
    for is_wrong in (True, False):
        page.keyboard.press("x")
        assert wrong.is_checked() == is_wrong
        assert thumb(page, PAGES).and_(page.locator(".doubted")).count() == is_wrong
        assert heading(page).endswith(" – marked as wrong") == is_wrong
    thumb(page, 4).locator("a").click()
    page.keyboard.press("x")
    assert page.locator("[name=wrong]:checked").count() == 1
    shot(page, "checking-wrong")
    page.get_by_label("What is wrong?").press_sequentially("next: x, not r")
    assert page.get_by_label("What is wrong?").input_value() == "next: x, not r"
    assert page.locator("[name=wrong]:checked").count() == 1
    assert_shows(page, 4, PUPILS[0])
    assert heading(page).endswith(" – marked as wrong")
    # Not right and wrong at once; what was marked and written is still there.
    page.get_by_label("I have looked at all").check()
    checker.press("Everything is in the right place")
    assert page.get_by_text("Pages are marked as wrong.").first.is_visible()
    assert [one.get_attribute("value")[-2:] for one in page.locator("[name=wrong]:checked").all()] == [".4"]
    assert page.get_by_label("What is wrong?").input_value() == "next: x, not r"
    checker.press("Something is wrong: send it back")
    assert checker.path == "/checks" and checker.go(check).status == 404

    # Whoever scanned it sees which page, and what was written; nothing is sealed meanwhile.
    desk.assert_seals_not()
    desk.office.follow("Put it right at the desk")
    page = desk.page
    assert page.get_by_text("next: x, not r", exact=True).is_visible()
    assert page.get_by_text("Marked as wrong: page 4 of folder.pdf.", exact=True).is_visible()
    assert [one.get_attribute("data-page") for one in page.locator(".thumb.doubted").all()] == ["4"]
    shot(page, "desk-doubted")
    desk.drag(4, 2)
    assert desk.documents == ["1-3,5-7", "4,8-14"]
    desk.settle()
    desk.present(checker)
    desk.assert_seals_not()

    checker.go(check)
    assert checker.page.locator("section[data-piece]").nth(1).get_attribute("data-pages") == "4,8-14"
    assert checker.page.locator("[name=wrong]:checked").count() == 0
    # By keys alone, to the answer: after the last page comes what was not looked at, and then what is to be said.
    page = checker.page
    page.locator(".thumb a").nth(1).click()
    assert_shows(page, 2, PUPILS[0])
    for number in range(2, PAGES):
        page.keyboard.press("n")
        page.get_by_text(f"{number} of {PAGES} looked at.", exact=True).wait_for()
    shot(page, "checking-last")
    page.keyboard.press("n")
    page.get_by_text(f"{PAGES} of {PAGES} looked at.", exact=True).wait_for()
    assert_shows(page, 1, PUPILS[0])
    thumb(page, PAGES).locator("a").click()
    assert_shows(page, PAGES, PUPILS[1])
    page.keyboard.press("n")
    for key in ("Space", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**/checks")
    desk.office.go(desk.batch)
    assert desk.state == "checked"
    desk.office.press("File 2 documents and seal the batch")
    desk.page.locator("[data-batch-state=sealed]").wait_for(timeout=60_000)
