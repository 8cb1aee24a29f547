"""The lead's work: a pupil's file is read, proved and copied; and what does not concern others is hidden at once."""

import hashlib
import json
import re
import subprocess

import pytest
from person import HOSTILE, SCANS
from school import PASSWORD

PDF, DOCX, TEXT, ACTIVE = (
    SCANS / "case-conference-2016-11-17.pdf",
    SCANS / "agency-meeting-2017-09-19.docx",
    SCANS / "telephone-call-2016-06-03.txt",
    HOSTILE / "javascript.pdf",
)
SUMMARIES = {PDF: "Minutes of the first conference", DOCX: "Meeting with Early Help", ACTIVE: "A form that came by e-mail"}
PUPIL = "Noah Kettleby"


@pytest.fixture(scope="module")
def filed(lasting_person, school):
    """What the office filed for a pupil: the clerk, and the receipts by file."""
    clerk = lasting_person("admin")
    receipts = clerk.file(school.pupil(PUPIL), SUMMARIES)
    return clerk.name, {path: receipts[path.name] for path in SUMMARIES}


@pytest.fixture
def lead(person, filed):
    return person("deputy")


def test_the_chronology_has_exactly_what_was_filed(lead, filed, school):
    clerk, receipts = filed
    page = lead.page
    page.get_by_label("Name or reference").fill("kettle")
    lead.press("Find")
    lead.follow(PUPIL)
    assert lead.heading == f"Pupil file {school.pupil(PUPIL)}"
    banner = page.get_by_role("region", name="The pupil").inner_text()
    assert PUPIL in banner and "27 January 2004" in banner and school.pupil(PUPIL) in banner
    page.get_by_text("Who can read this file").click()
    readers = page.locator(".readers li").all_inner_texts()
    assert f"{lead.name}, Deputy safeguarding lead: holds the safeguarding team’s key" in readers
    assert not [line for line in readers if clerk in line]

    entries = page.get_by_role("list", name="Chronology").get_by_role("listitem").all()
    newest_first = [entry.locator(".summary").inner_text() for entry in entries]
    assert sorted(newest_first) == sorted(SUMMARIES.values())
    for entry in entries:
        said = entry.inner_text()
        assert said.startswith("November 2016") and "Letter or e-mail" in said
        assert re.search(rf"Recorded \d+ \w+ \d{{4}} at \d\d:\d\d by {clerk}", said)
        assert ("Quarantined" in said) == (SUMMARIES[ACTIVE] in said)
    lead.follow("Oldest first")
    assert page.locator(".summary").all_inner_texts() == newest_first[::-1]
    lead.follow("Also readings and refusals")
    assert lead.name in page.locator("ol.chronology").inner_text(), "that the file is being read stands in it too"
    kinds = page.locator("ol.chronology .kind").all_inner_texts()
    assert kinds and not [kind for kind in kinds if re.fullmatch(r"[a-z-]+\.[a-z-]+", kind)], "each in words, none by its code"


def test_an_entry_carries_what_proves_it(lead, filed, school):
    clerk, receipts = filed
    index = receipts[PDF]["Place in the ledger"]
    lead.go(f"/pupils/{school.pupil(PUPIL)}")
    lead.follow(SUMMARIES[PDF])
    page = lead.page
    assert lead.path == f"/entries/{index}" and page.locator(".lead").inner_text() == SUMMARIES[PDF]
    times = page.locator("dl.times").inner_text()
    assert times.index("Happened") < times.index("Recorded") and "about" in times and "years later" in times
    facts = page.locator("dl.facts-list").inner_text()
    assert clerk in facts and PDF.name in facts and "PDF, 3 pages" in facts
    statement = page.get_by_label("Statement", exact=True)
    assert not statement.is_visible()
    page.get_by_text("How to prove this").click()
    said = json.loads(statement.inner_text())
    assert str(said["index"]) == index
    assert receipts[PDF]["Document"] in statement.inner_text() and clerk not in statement.inner_text()
    assert re.fullmatch("[0-9a-f]{64}", page.locator("h2:has-text('Leaf hash') + p").inner_text())
    assert page.get_by_label("Proof", exact=True).inner_text().startswith("c2sp.org/tlog-proof@v1\n")


def test_pages_are_pictures_that_say_who_looks_at_them(lead, filed, school):
    _, receipts = filed
    page, reference = lead.page, receipts[PDF]["Reference"]
    lead.go(f"/pupils/{school.pupil(PUPIL)}")
    lead.follow(f"Look at {reference}")
    for number in (1, 2, 3):
        assert page.title().startswith(f"Document {reference}, page {number} of 3")
        assert_seen(lead, f"Page {number} of 3 of {reference}", reference, width=900)
        assert page.get_by_role("link", name="Previous page").count() == (number > 1)
        if number < 3:
            lead.follow("Next page")
    assert page.get_by_role("link", name="Next page").count() == 0
    page.get_by_label("Go to page").fill("2")
    lead.press("Go")
    lead.follow("Largest")
    assert_seen(lead, f"Page 2 of 3 of {reference}", reference, width=2200)
    sheet = page.locator(".sheet")
    assert sheet.evaluate("e => e.scrollWidth > e.clientWidth"), "what is larger than the window moves within its frame"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    lead.follow("Smaller")
    assert_seen(lead, f"Page 2 of 3 of {reference}", reference, width=600)


def assert_seen(lead, alternative: str, reference: str, width: int) -> None:
    """The picture is there, of the width that was asked for, and who looks at it and when stands over and under it."""
    picture = lead.page.get_by_role("img", name=alternative)
    picture.evaluate("e => e.decode()")
    assert picture.evaluate("e => e.naturalWidth") == width
    assert picture.evaluate("e => e.naturalHeight") > width
    when = r"\d+ \w+ \d{4} at \d\d:\d\d"
    assert re.fullmatch(rf"Seen by {lead.name}, {when}, {reference}", lead.page.locator("figcaption").inner_text())
    marks = lead.page.locator(".marks span")
    assert marks.count() >= 4
    edges = picture.bounding_box()
    for mark in marks.all():
        assert re.fullmatch(rf"{lead.name} · {when} · {reference}", mark.get_attribute("data-mark"))
        assert lead.name in mark.evaluate("e => getComputedStyle(e, '::before').content")
        box = mark.bounding_box()
        assert edges["y"] < box["y"] + box["height"] / 2 < edges["y"] + edges["height"], "over the picture"


def test_whatever_part_of_a_page_a_small_screen_shows_carries_the_mark(lead, filed):
    _, receipts = filed
    page = lead.page
    page.set_viewport_size({"width": 400, "height": 700})
    lead.go(f"/documents/{receipts[PDF]['Document']}")
    for size in ("Smaller", "Larger", "Very large", "Largest"):
        lead.follow(size)
        page.get_by_role("img").evaluate("e => e.decode()")
        for across, down in ((0, 0), (0, 0.5), (1, 0.5), (0.5, 0.9)):
            page.locator(".sheet").evaluate("(e, x) => e.scrollLeft = x * (e.scrollWidth - e.clientWidth)", across)
            to = "(e, y) => scrollBy(0, e.getBoundingClientRect().top + y * e.clientHeight)"
            page.locator(".paper").evaluate(to, down)
            marked = page.screenshot()
            page.locator(".marks").evaluate("e => e.style.visibility = 'hidden'")
            assert page.screenshot() != marked, (size, across, down)
            page.locator(".marks").evaluate("e => e.style.visibility = 'visible'")


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_page_prints_on_one_sheet_with_who_and_when(lead, filed, tmp_path, paper):
    _, receipts = filed
    lead.go(f"/documents/{receipts[PDF]['Document']}")
    lead.page.get_by_role("img").evaluate("e => e.decode()")
    lead.page.pdf(path=tmp_path / "printed.pdf", format=paper)

    def asked(*command) -> str:
        return subprocess.run([*command], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    facts, sheet, *more = asked("pdftotext", "printed.pdf", "-").split("\f")
    assert more == [""] and PUPIL in facts
    assert lead.page.locator("figcaption").inner_text() in sheet
    pictures = asked("pdfimages", "-list", "printed.pdf").splitlines()[2:]
    assert [line.split()[0] for line in pictures if " image " in line] == ["2"], "on the second sheet, once"


def test_a_word_document_is_read_as_text(lead, filed):
    _, receipts = filed
    lead.go(f"/documents/{receipts[DOCX]['Document']}")
    text = lead.page.locator(".sheet pre").inner_text()
    assert "Mrs Kettleby said that things at home are calmer since the summer." in text
    assert "Noah said: “I don’t want to be in the small room" in text
    assert lead.page.locator(".sheet img").count() == 0
    assert lead.name in lead.page.locator("figcaption").inner_text() and lead.page.locator(".marks span").count() >= 4


@pytest.mark.parametrize("path", [PDF, DOCX], ids=lambda path: path.suffix)
def test_the_original_comes_out_as_it_went_in(lead, filed, school, path):
    _, receipts = filed
    receipt = receipts[path]
    lead.go(f"/documents/{receipt['Document']}")
    assert receipt["SHA-256"] in lead.page.inner_text("main")
    with lead.page.expect_download() as download:
        lead.button("Download the original").click()
    assert download.value.suggested_filename == receipt["Reference"] + path.suffix
    assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == receipt["SHA-256"]
    assert download.value.path().read_bytes() == path.read_bytes()
    lead.go(f"/pupils/{school.pupil(PUPIL)}?show=everything")
    taken = lead.page.get_by_role("listitem").filter(has_text=f"The original of document {receipt['Reference']} was taken.")
    assert lead.name in taken.inner_text()


def test_what_is_in_quarantine_is_never_shown(lead, filed):
    clerk, receipts = filed
    page = lead.page
    lead.follow(re.compile(r"^\d+ documents? in quarantine$"))
    assert lead.heading == "Quarantine"
    section = page.locator(".row").filter(has_text=SUMMARIES[ACTIVE])
    assert PUPIL in section.inner_text() and clerk in section.inner_text()
    lead.follow(SUMMARIES[ACTIVE])
    lead.follow(f"Look at document {receipts[ACTIVE]['Reference']}")
    assert "In quarantine." in page.inner_text("main") and page.locator(".sheet").count() == 0
    answer = lead.go(f"/documents/{receipts[ACTIVE]['Document']}/pages/1")
    assert answer.status == 422 and lead.heading == "This file is kept as evidence and is not shown."


def test_why_a_file_is_in_quarantine_is_said_in_words(lead, filed):
    _, receipts = filed
    document, index = receipts[ACTIVE]["Document"], receipts[ACTIVE]["Place in the ledger"]
    for path in ("/quarantine", f"/documents/{document}", f"/entries/{index}"):
        lead.go(path)
        assert "type.active-content" not in lead.page.inner_text("main"), path


def test_a_document_that_was_changed_on_the_disk_is_not_shown(lead, person, school):
    before = set(school.vault.glob("blobs/*/*"))
    receipt = person("admin").file(school.pupil("Priya Raman-Holt"), {TEXT: "Telephone call"})[TEXT.name]
    (blob,) = set(school.vault.glob("blobs/*/*")) - before
    stored = bytearray(blob.read_bytes())
    stored[40] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(stored)
    answer = lead.go(f"/documents/{receipt['Document']}")
    assert answer.status == 500
    said = lead.page.inner_text("main")
    assert lead.heading == "Something in the vault differs from its record, so it was not used."
    assert "Tell the safeguarding lead at once" in said and "the school office" in said
    for inside in ("!", "swift", "sql", "error:", str(school.vault), blob.name):
        assert inside not in said.lower()
    lead.follow("Go to your home page")
    assert lead.heading == "Home"


def joins(one, code: str, password: str, again: str | None = None) -> str:
    """Joins with an invitation, from the page that is open; gives what was wrong."""
    for label, value in (
        ("Your name", one.name),
        ("The invitation’s code", code),
        ("New password", password),
        ("The same password again", password if again is None else again),
    ):
        one.page.get_by_label(label).fill(value)
    one.press("Make my keys")
    return problem(one)


def problem(one) -> str:
    summary = one.page.get_by_role("alert")
    return summary.inner_text() if summary.count() else ""


def tries(one, code: str) -> str:
    one.page.get_by_label("The code it shows now").fill(code)
    one.press("Try this code")
    return problem(one)


def words(one) -> list:
    return one.page.locator(".words li").all_inner_texts()


def give_keys(lead, one) -> None:
    lead.page.get_by_label(f"I spoke with {one.name}, and all eight words are the same").check()
    lead.press(f"Give {one.name} their keys")


OWN, OTHER = "violet harbour ladder", "copper meadow trumpet"


def test_a_new_person_makes_the_account_their_own(person, school):
    lead, newcomer = person("dsl"), person()
    page = newcomer.page
    lead.follow("People")
    newcomer.name = "Beatrix Lorne"
    lead.page.get_by_label("Name").fill(newcomer.name)
    lead.page.get_by_label("Office staff").check()
    lead.press("Invite this person")
    assert lead.heading == "Invitation" and newcomer.name in lead.page.inner_text("main")
    code = lead.page.locator("#invitation-code").inner_text()
    lead.follow("Back to people")
    assert "Invited until" in lead.page.get_by_role("row").filter(has_text=newcomer.name).inner_text()

    newcomer.go("/sign-in")
    newcomer.follow("Join with an invitation")
    assert "no invitation with that name and code" in joins(newcomer, code[:-1] + ("0" if code[-1] != "0" else "4"), OWN)
    assert "fewer than 15 characters" in joins(newcomer, code, "short")
    assert "made of your own or the school's name" in joins(newcomer, code, "harrowdale school")
    assert "not the same" in joins(newcomer, code, OWN, "violet harbour")
    assert page.get_by_label("New password").input_value() == ""
    assert page.get_by_label("The invitation’s code").input_value() == code, "it need not be typed again"
    assert joins(newcomer, code.lower().replace("-", " "), OWN) == ""

    assert newcomer.path == "/first-time" and newcomer.heading == "Set up your authenticator"
    newcomer.go("/file")
    assert newcomer.path == "/first-time", "nothing else is possible until then"
    secret = page.locator(".secret").inner_text()
    assert page.get_by_role("img", name=re.compile("^QR code")).bounding_box()["width"] > 150
    school.learn(newcomer.name, secret)
    assert "code is not the one" in tries(newcomer, "000000")
    assert page.locator(".secret").inner_text() == secret, "it is the same authenticator still"
    used = school.code(newcomer.name)
    assert tries(newcomer, used) == ""

    assert newcomer.heading == "Your recovery codes"
    recovery = page.locator(".recovery-codes li").all_inner_texts()
    assert len(set(recovery)) == 10 and all(re.fullmatch("[0-9A-Z]{5}-[0-9A-Z]{5}", one) for one in recovery)
    newcomer.follow("I have them on paper: go on")
    assert newcomer.path == "/policy" and "need to know" in page.inner_text("main")
    newcomer.press("Acknowledge the policy")
    assert "Tick the box" in problem(newcomer)
    page.get_by_label("I have read this policy and keep to it").check()
    newcomer.press("Acknowledge the policy")
    assert newcomer.heading == "Compare your keys" and len(words(newcomer)) == 8
    newcomer.go("/file")
    assert newcomer.heading == "Compare your keys"

    lead.go("/")
    lead.follow(re.compile("^\\d+ (person waits|people wait) for their keys$"))
    assert "Waits for their keys" in lead.page.get_by_role("row").filter(has_text=newcomer.name).inner_text()
    lead.follow(newcomer.name)
    assert words(lead) == words(newcomer)
    lead.press(f"Give {newcomer.name} their keys")
    assert "Compare them with the person, then tick the box." in problem(lead)
    newcomer.follow("The lead has confirmed: go on")
    assert newcomer.heading == "Compare your keys", "not yet"
    give_keys(lead, newcomer)
    assert "No training that counts" in lead.page.locator(".facts-list").inner_text() and not words(lead)
    newcomer.follow("The lead has confirmed: go on")
    assert newcomer.heading == "Home" and "no training of yours" in page.inner_text("main")
    assert newcomer.go("/file").status == 403 and "no training of yours" in page.inner_text("main")
    for day, wrong in (("tomorrow", "not a day"), ("3 September 2999", "future"), ("3 September 2019", "counts no more")):
        lead.page.get_by_label("The day they completed their safeguarding training").fill(day)
        lead.press("Record this training")
        assert wrong in problem(lead), day
    school.train(newcomer.name)
    lead.go(lead.path.removesuffix("/training"))
    assert "counts until" in lead.page.locator(".facts-list").inner_text()
    newcomer.go("/")
    assert "File scanned records" in page.inner_text("main") and "no training" not in page.inner_text("main")
    assert newcomer.go("/file").ok

    # Signing in from now on, with the authenticator or, once each, without it.
    newcomer.press("Sign out")
    for password, tried in ((OTHER, recovery[1]), (OWN, used), (OWN, ""), (OWN, "00000-00000")):
        newcomer.sign_in(password, tried)
        assert "The name, password or code is not right." in problem(newcomer)
        assert page.get_by_label("Password").input_value() == ""
    newcomer.sign_in(OWN, recovery[3].lower())
    assert newcomer.heading == "Home"
    newcomer.press("Sign out")
    newcomer.sign_in(OWN, recovery[3])
    assert "The name, password or code is not right." in problem(newcomer)
    newcomer.sign_in(OWN)
    assert newcomer.heading == "Home"
    lead.go(lead.path)
    assert "9 recovery codes left" in lead.page.locator(".facts-list").inner_text()
    newcomer.follow(f"{newcomer.name}: your sign-ins")
    newcomer.follow("Your recovery codes")
    page.get_by_label("Code from your authenticator").fill("000000")
    newcomer.press("Show my recovery codes")
    assert "code is not the one" in problem(newcomer)
    page.get_by_label("Code from your authenticator").fill(school.code(newcomer.name))
    newcomer.press("Show my recovery codes")
    shown = page.locator(".recovery-codes li").all_inner_texts()
    assert shown == [one + " used" if one == recovery[3] else one for one in recovery]

    # A lost phone: they are made to join again.
    lead.press(f"Make {newcomer.name} join again")
    assert lead.heading == "A new invitation"
    second = lead.page.locator("#invitation-code").inner_text()
    assert second != code
    newcomer.go("/")
    assert newcomer.path == "/sign-in", "they are out at once"
    newcomer.sign_in(OWN)
    assert "Join again with the new invitation" in problem(newcomer)
    newcomer.follow("Join with an invitation")
    assert "no invitation with that name and code" in joins(newcomer, code, OTHER)
    assert joins(newcomer, second, OTHER) == ""
    assert page.locator(".secret").inner_text() != secret
    school.learn(newcomer.name, page.locator(".secret").inner_text())
    assert tries(newcomer, school.code(newcomer.name)) == ""
    assert not set(recovery) & set(page.locator(".recovery-codes li").all_inner_texts())
    newcomer.follow("I have them on paper: go on")
    assert newcomer.heading == "Compare your keys", "policy and training stay theirs"
    lead.go("/people")
    lead.follow(newcomer.name)
    assert words(lead) == words(newcomer)
    give_keys(lead, newcomer)
    newcomer.follow("The lead has confirmed: go on")
    assert newcomer.go("/file").ok
    newcomer.press("Sign out")
    newcomer.sign_in(OWN)
    assert "The name, password or code is not right." in problem(newcomer)
    newcomer.sign_in(OTHER)
    assert newcomer.heading == "Home"


def test_an_account_manager_invites_and_gives_nobody_keys(person, school):
    manager = person("account-manager")
    manager.follow("People")
    roles = manager.page.get_by_role("group", name="Role").get_by_role("checkbox")
    labels = [manager.page.locator(f"label[for={one.get_attribute('id')}]").inner_text().split(":")[0] for one in roles.all()]
    assert labels == ["Office staff", "Staff", "Account manager"]
    name = "Ignatius Peverell"
    manager.page.get_by_label("Name").fill(name)
    manager.page.get_by_label("Office staff").check()
    manager.press("Invite this person")
    school.joined(name, manager.page.locator("#invitation-code").inner_text())[0].dispose()
    manager.go("/people")
    manager.follow(name)
    assert "A safeguarding lead has to compare their keys" in manager.page.inner_text("main") and not words(manager)
    school.give_keys(name)
    manager.go(manager.path)
    assert "Has to read the policy" in manager.page.locator(".facts-list").inner_text()
    assert manager.go("/pupils").status == 403


def test_escape_twice_hides_the_screen_and_the_session(lead, school):
    lead.go("/pupils")
    page = lead.page
    lead.follow(PUPIL)
    place = lead.path
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_url("**/hidden")
    assert page.title() == "Harrowdale School"
    assert_hidden(lead)
    # The page is gone from the browser's history, and nothing of it is kept.
    page.go_back()
    assert not lead.heading.startswith("Pupil file")
    # Nor does any page say more, in this tab or in another.
    for path in ("/", place, "/pupils", "/file", "/sign-ins"):
        lead.go(path)
        assert_hidden(lead)
    picture = lead.context.request.get("/documents/" + "0" * 26 + "/pages/1")
    assert picture.status == 403 and PUPIL not in picture.text()
    comes_back(lead)
    assert lead.path == place and lead.heading == f"Pupil file {school.pupil(PUPIL)}"


def assert_hidden(one) -> None:
    """Whoever passes by sees the school's name, and not whose screen it is."""
    said = one.page.inner_text("body").split()
    assert one.path == "/hidden" and said == "Harrowdale School Your password Show the screen again Sign out".split()


def comes_back(one) -> None:
    one.page.get_by_label("Your password").fill("not the password of theirs")
    one.press("Show the screen again")
    assert one.heading == "Harrowdale School" and "That is not your password." in one.page.inner_text("main")
    one.page.get_by_label("Your password").fill(PASSWORD)
    one.press("Show the screen again")


def test_a_button_hides_the_screen(person, lead, school):
    for one in (lead, person("admin", java_script_enabled=False)):
        one.go("/policy")
        one.press("Hide screen")
        assert_hidden(one)
        comes_back(one)
        assert one.path == "/policy"
        one.press("Hide screen")
        one.press("Sign out")
        assert one.heading == "Sign in"
        one.sign_in(code=school.recovery_code(one.name, 1))
        assert one.heading == "Home", "a hidden session is over with it"


def test_escape_once_hides_nothing(lead):
    asked = []
    lead.page.on("request", lambda request: asked.append(request.url))
    for keys in (["Escape"], ["Escape", "a", "Escape"]):
        lead.go("/pupils")
        for key in keys:
            lead.page.keyboard.press(key)
    lead.go("/")
    assert not [url for url in asked if url.endswith("/hidden")]


def test_a_page_left_alone_warns_and_then_hides_itself(lead, school):
    lead.page.clock.install()
    lead.go(f"/pupils/{school.pupil(PUPIL)}")
    assert "Signed in until" in lead.page.locator("#time-left").inner_text()
    lead.page.clock.fast_forward("13:01")
    assert "signed out in 2 minutes" in lead.page.get_by_role("status").inner_text()
    lead.page.clock.fast_forward("02:00")
    lead.page.wait_for_url("**/hidden")
    assert "Kettleby" not in lead.page.content()
    assert_hidden(lead)


def test_after_signing_out_nothing_is_shown_again(lead, school):
    lead.go(f"/pupils/{school.pupil(PUPIL)}")
    lead.press("Sign out")
    assert lead.heading == "Sign in"
    lead.page.go_back()
    assert lead.heading == "Sign in" and "Kettleby" not in lead.page.content()
    lead.go("/pupils")
    assert lead.path == "/sign-in"
