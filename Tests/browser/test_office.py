"""The office's work: scans go in through the pages, with JavaScript and without, by mouse and by keyboard."""

import hashlib
import re

import pytest
from person import HOSTILE, SCANS
from school import PASSWORD

PDF, TIFF, JPEG, DOCX = [
    SCANS / name
    for name in (
        "case-conference-2016-11-17.pdf",
        "transfer-record-2013-07-22.tif",
        "note-photographed-2017-06-12.jpg",
        "agency-meeting-2017-09-19.docx",
    )
]
# What the checking page says was found in each.
FOUND = {PDF: "PDF, 3 pages", TIFF: "TIFF, 3 pages", JPEG: "JPEG, 1 page", DOCX: "Word (DOCX)"}


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def script(request) -> bool:
    return request.param


@pytest.fixture
def clerk(person, script):
    return person("admin", java_script_enabled=script)


def test_scans_are_chosen_checked_and_filed(clerk, school, script):
    page = clerk.page
    clerk.follow("File scanned records")
    page.get_by_label("Pupil’s name or reference").fill("thorn")
    clerk.press("Find")
    assert page.locator("h2").all_inner_texts() == ["2 pupils found"]
    found = page.locator("tbody tr").first.inner_text().split()
    assert found == ["Alfie", "Thornbury", "2004", school.pupil("Alfie Thornbury")]
    clerk.follow("Alfie Thornbury")

    assert_banner(page, "Alfie Thornbury", school.pupil("Alfie Thornbury"))
    page.get_by_label("What are they?").select_option(label="Note of concern")
    page.get_by_label("The document’s own date").fill("2016-11-17")
    page.get_by_label("Choose files").set_input_files(list(FOUND))
    assert page.locator("#chosen").inner_text() == ("4 files chosen" if script else "")
    clerk.press("Add files and check them")

    assert clerk.path == f"/check/{school.pupil('Alfie Thornbury')}"
    assert_banner(page, "Alfie Thornbury", school.pupil("Alfie Thornbury"))
    assert page.locator("fieldset.row").count() == len(FOUND)
    for path, found in FOUND.items():
        assert found in clerk.row(path.name).locator(".facts").inner_text()
        assert clerk.row(path.name).get_by_label("Document’s own date").input_value() == "2016-11-17"
    # A photograph has no words of its own, so nothing was proposed for it; and one proposal is emptied.
    assert clerk.row(JPEG.name).get_by_label("Summary").input_value() == ""
    assert clerk.row(DOCX.name).get_by_label("Summary").input_value() != ""
    for path in (PDF, TIFF, DOCX):
        clerk.row(path.name).get_by_label("Summary").fill(f"Summary of {path.suffix}")
    clerk.press("File 4 documents")

    # One blank summary leaves that file behind, and only that one.
    assert page.title().startswith("Error: ")
    summary = page.get_by_role("alert", name="There is a problem")
    assert summary.inner_text().count(JPEG.name) == 1 and "The summary is blank." in summary.inner_text()
    assert summary.get_by_role("link").count() == 1
    assert not script or summary.evaluate("e => e === document.activeElement"), "a screen reader starts at the summary"
    assert page.locator("fieldset.row").count() == 1
    summary.get_by_role("link").click()
    field = clerk.row(JPEG.name).get_by_label("Summary")
    assert field.evaluate("e => e === document.activeElement"), "the link leads to the field itself"
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby").split()
    assert any("The summary is blank." in page.locator(f'[id="{one}"]').inner_text() for one in described)
    others = page.get_by_role("link", name="3 documents filed: see the receipt").get_attribute("href")
    field.fill("Summary of .jpg")
    clerk.press("File 1 document")

    assert clerk.heading == "Filed"
    receipts = clerk.receipts()
    clerk.go(others)
    assert clerk.heading == "3 documents filed"
    receipts |= clerk.receipts()
    assert set(receipts) == {path.name for path in FOUND}
    for path, found in FOUND.items():
        receipt = receipts[path.name]
        assert receipt["SHA-256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert receipt["Reference"] == "D-" + receipt["Document"][:8].upper()
        assert receipt["Found"].startswith(found)
    assert "\n\n— " in page.get_by_label("Signed checkpoint").inner_text(), "a signed note"
    assert clerk.name in page.locator(".done").inner_text()
    assert "Thornbury" not in page.content(), "a receipt says what was filed, not about whom"

    # What is filed is no longer the uploader's to read.
    for receipt in receipts.values():
        path = f"/documents/{receipt['Document']}"
        for forbidden in (path, path + "/pages/1", f"/entries/{receipt['Place in the ledger']}"):
            assert clerk.go(forbidden).status in (403, 404)
            assert "Summary of" not in page.content() and "Thornbury" not in page.content()
    assert clerk.go(f"/pupils/{school.pupil('Alfie Thornbury')}").status in (403, 404)
    assert clerk.go(f"/check/{school.pupil('Alfie Thornbury')}").ok and page.locator("fieldset.row").count() == 0


def test_hostile_files_are_explained_and_stop_no_other(clerk, school):
    page, pupil = clerk.page, school.pupil("Kofi Ansah-Bell")
    good, acting = SCANS / "referral-letter-2015-03-04.pdf", HOSTILE / "javascript.pdf"
    program, archive = clerk.add(pupil, HOSTILE / "windows-program.pdf", good, HOSTILE / "archive.zip", acting)
    assert "windows-program.pdf" in program and "program, not a document" in program
    assert "archive.zip" in archive and "Files that end in .zip are not accepted." in archive
    assert all("PDF, TIFF, JPEG, PNG" in words and "Nothing was stored." in words for words in (program, archive))
    assert page.locator("fieldset.row").count() == 2
    assert "This will be kept in quarantine." in clerk.row(acting.name).inner_text()
    clerk.row(good.name).get_by_label("Summary").fill("Referral letter")
    clerk.row(acting.name).get_by_label("Summary").fill("A form that came by e-mail")
    clerk.press("File 2 documents")
    receipts = clerk.receipts()
    assert receipts[acting.name]["Found"].endswith("kept in quarantine")
    assert "quarantine" not in receipts[good.name]["Found"]


def test_file_names_are_only_words(clerk, school):
    names = ["../../etc/passwd.txt", "letter\u202egpj.txt", "-rf *.txt", "CON.txt", "<b>bold</b>.txt", "a" * 300 + ".txt"]
    texts = [f"Notes of telephone call {number}.\nShe will write on Friday.\n" for number in range(len(names))]
    files = [{"name": name, "mimeType": "text/plain", "buffer": text.encode()} for name, text in zip(names, texts)]
    clerk.add(school.pupil("Isla Penhallow"), *files)
    visible = [name.replace("\u202e", "\ufffd")[:120] for name in names]
    shown = [heading.split(". ", 1)[1] for heading in clerk.page.locator("fieldset.row h2").all_inner_texts()]
    assert sorted(shown) == sorted(visible)
    assert clerk.page.locator("h2 b").count() == 0 and "\u202e" not in clerk.page.content()
    for field in clerk.page.get_by_label("Summary").all():
        field.fill("Telephone call")
    clerk.press(f"File {len(names)} documents")
    assert set(clerk.receipts()) == {name.split("/")[-1] for name in visible}
    files = list(school.folder.rglob("*"))
    assert files and not [path for path in files if re.search("passwd|\u202e|-rf|CON|bold|aaaaaaaa", path.name)]


def test_files_of_the_same_content_are_all_taken(clerk, school):
    names = [f"{number}.pdf" for number in range(8)]
    content = PDF.read_bytes()
    clerk.add(
        school.pupil("Zoë O'Dwyer-Núñez"),
        *({"name": name, "mimeType": "application/pdf", "buffer": content} for name in names),
    )
    assert [name for name in names if clerk.row(name).count() != 1] == []


def test_what_was_filed_before_is_said_and_left_out_unless_it_is_ticked(clerk, school):
    pupil, page = school.pupil("Zoë O'Dwyer-Núñez"), clerk.page
    clerk.go(f"/check/{pupil}")
    while (discard := page.get_by_role("link", name=re.compile("^Discard "))).count():
        discard.first.click()
        clerk.press("Discard the file")
    letter = {"name": "letter.txt", "mimeType": "text/plain", "buffer": f"A letter, {clerk.page.url}, {id(clerk)}.\n".encode()}
    clerk.add(pupil, letter)
    clerk.row("letter.txt").get_by_label("Summary").fill("A letter")
    clerk.press("File 1 document")
    (first,) = clerk.receipts().values()
    clerk.add(pupil, letter, {**letter, "name": "new.txt", "buffer": letter["buffer"] + b"And more.\n"})
    row, other = clerk.row("letter.txt"), clerk.row("new.txt")
    assert "You filed this same content before, as" in row.inner_text() and "before" not in other.inner_text()
    row.get_by_label("Summary").fill("The letter again")
    other.get_by_label("Summary").fill("Another letter")
    clerk.press("File 1 document")
    assert set(clerk.receipts()) == {"new.txt"}
    clerk.go(f"/check/{pupil}")
    row.get_by_label("Summary").fill("The letter again")
    row.get_by_label("File it again").check()
    clerk.press("File what is ticked")
    assert set(clerk.receipts()) == {"letter.txt"} and clerk.receipts()["letter.txt"]["Document"] != first["Document"]


def test_a_file_can_be_thrown_away_before_it_is_filed(clerk, school):
    pupil = school.pupil("Jude Averill")
    clerk.add(pupil, JPEG, DOCX)
    clerk.follow(f"Discard {JPEG.name}")
    assert clerk.heading == "Discard this file?" and JPEG.name in clerk.page.inner_text("main")
    clerk.follow("Keep it")
    clerk.follow(f"Discard {JPEG.name}")
    clerk.press("Discard the file")
    assert clerk.page.locator("fieldset.row").count() == 1 and clerk.row(JPEG.name).count() == 0
    clerk.go("/")
    assert "Jude Averill, born 2005" in clerk.page.get_by_role("listitem").filter(has_text="Continue: 1 file").inner_text()


def test_nothing_chosen_is_said_at_the_field(clerk, school, script):
    clerk.go(f"/file/{school.pupil('Jude Averill')}")
    clerk.press("Add files and check them")
    link = clerk.page.get_by_role("alert").get_by_role("link")
    assert link.inner_text() == "Select at least one file"
    link.click()
    assert clerk.page.evaluate("document.activeElement.id") == "files"


def assert_banner(page, name: str, reference: str) -> None:
    banner = page.get_by_role("region", name="The pupil these papers are filed for")
    assert name in banner.inner_text() and reference in banner.inner_text()
    assert banner.get_by_role("link", name="Not this pupil?").count() == 1
    size = "e => parseFloat(getComputedStyle(e).fontSize)"
    assert banner.locator(".pupil-name").evaluate(size) > 1.4 * page.locator("body").evaluate(size), "it stands large"


# By keyboard

# What has the focus: what it is called, and whether it can be seen to have it.
FOCUSED = """() => {
    const focused = document.activeElement, style = getComputedStyle(focused), box = focused.getBoundingClientRect();
    const label = focused.labels?.[0] ?? focused;
    const seen = colour => colour !== 'rgba(0, 0, 0, 0)' && !colour.startsWith('transparent');
    const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && seen(style.outlineColor);
    const top = document.elementFromPoint(box.x + Math.min(box.width, innerWidth) / 2, box.y + Math.min(box.height, 8) / 2);
    return {
        name: focused.getAttribute('aria-label') ?? label.innerText.trim(),
        outlined: ring || style.boxShadow !== 'none',
        inView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        uncovered: top !== null && (focused.contains(top) || top.contains(focused)),
    };
}"""


def tab_to(page, name: str) -> None:
    """Presses Tab until something of that name has the focus; wherever it rests on the way can be seen."""
    passed = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["outlined"] and focused["inView"] and focused["uncovered"], focused
        if focused["name"] == name:
            return
        passed.append(focused["name"])
    raise AssertionError(f"Tab never came to {name!r}: {passed}")


def test_a_document_is_filed_with_the_keyboard_alone(person, school):
    clerk = person("admin", signed_in=False)
    page, keys = clerk.page, clerk.page.keyboard
    page.on("filechooser", lambda chooser: chooser.set_files(SCANS / "referral-letter-2015-03-04.pdf"))
    clerk.go("/")
    keys.press("Tab")
    assert page.evaluate(FOCUSED)["name"] == "Skip to main content"
    keys.press("Enter")
    tab_to(page, "Your name")
    keys.type(clerk.name)
    tab_to(page, "Password")
    keys.type(PASSWORD)
    tab_to(page, "Code from your authenticator")
    keys.type(school.code(clerk.name))
    keys.press("Enter")
    page.wait_for_url("**/")
    tab_to(page, "File scanned records")
    keys.press("Enter")
    page.wait_for_url("**/file")
    tab_to(page, "Pupil’s name or reference")
    keys.type("wisn")
    keys.press("Enter")
    page.get_by_text("1 pupil found").wait_for()
    tab_to(page, "Tomasz Wiśniewski")
    keys.press("Enter")
    page.get_by_role("heading", name="Add the scans").wait_for()
    tab_to(page, "What are they?")
    keys.type("Letter")
    tab_to(page, "The document’s own date")
    keys.type("2015-03-04")
    tab_to(page, "Not known")
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    assert page.evaluate(FOCUSED)["name"] == "Yes"
    tab_to(page, "Choose files")
    keys.press("Enter")
    page.get_by_text("1 file chosen").wait_for()
    tab_to(page, "Add files and check them")
    keys.press("Space")
    page.get_by_role("heading", name="Check before filing").wait_for()
    assert page.get_by_label("Category").input_value() == "letter"
    assert page.locator("fieldset.row").get_by_role("radio", name="Yes").is_checked()
    tab_to(page, "No")
    keys.press("Space")
    tab_to(page, "If yes: whom does it concern?")
    tab_to(page, "Summary")
    keys.press("Control+A")
    keys.type("Referral letter to social care")
    tab_to(page, "When the school received it (optional)")
    keys.press("Enter")
    tab_to(page, "Received on")
    tab_to(page, "File 1 document")
    keys.press("Enter")
    page.get_by_role("heading", name="Filed").wait_for()
    assert list(clerk.receipts()) == ["referral-letter-2015-03-04.pdf"]
