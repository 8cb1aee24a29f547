"""What concerns a member of staff (A-08): asked before filing, kept from whom it concerns, read by those who are left."""

import re

import pytest
from looks import Looks
from person import SCANS

PUPIL = "Kofi Ansah-Bell"
NOTE = SCANS / "agency-meeting-2017-09-19.docx"
LETTER = SCANS / "referral-letter-2015-03-04.pdf"
SUMMARY = "What was said about a teacher"


@pytest.fixture(scope="module")
def looks():
    looks = Looks()
    yield looks
    for look in looks.all:
        assert not look.faults, f"{look}: {look.faults}"
        assert not look.sticks_out, f"{look}: {look.sticks_out}"


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def clerk(person, request):
    return person("admin", java_script_enabled=request.param)


def problem(one) -> str:
    return one.page.get_by_role("alert", name="There is a problem").inner_text()


def names_of(one, name: str):
    """The box of somebody in the list of those with an account."""
    if one.page.locator("details.if-yes").get_attribute("open") is None:
        one.page.get_by_text(re.compile("^If yes: whom")).click()
    return one.page.get_by_label(name, exact=True)


def test_filing_asks_first_and_takes_no_silence_for_an_answer(person, school, looks):
    clerk, pupil = person("admin"), school.pupil(PUPIL)
    page = clerk.page
    clerk.add(pupil, NOTE, LETTER)
    clerk.row(NOTE.name).get_by_label("Summary").fill(SUMMARY)
    clerk.row(LETTER.name).get_by_label("Summary").fill("A letter")
    assert page.locator("[name=staff]:checked").count() == 0, "nothing is answered for anybody"
    looks.at(clerk, "admin", "is a member of staff concerned")
    clerk.press_alone("File 2 documents")
    assert "Say whether any of these documents concerns a member of staff." in problem(clerk)
    assert clerk.row(NOTE.name).get_by_label("Summary").input_value() == SUMMARY, "what was typed is kept"
    looks.at(clerk, "admin", "it was not said")
    page.locator("#staff-yes").check()
    clerk.press_alone("File 2 documents")
    assert "Say which member of staff it concerns." in problem(clerk)
    page.get_by_label("Others, by name").fill("Mr Fenn, who left in 2016")
    clerk.press_alone("File 2 documents")
    assert "Say which of these documents concern a member of staff." in problem(clerk)
    clerk.row(NOTE.name).get_by_label("Concerns a member of staff").check()
    page.locator("#staff-no").check()
    clerk.press_alone("File 2 documents")
    assert "A document is ticked as concerning a member of staff." in problem(clerk)
    page.locator("#staff-yes").check()
    looks.at(clerk, "admin", "a member of staff is concerned")
    clerk.press_alone("File 2 documents")
    receipts = clerk.receipts()
    assert {name: receipt.get("Kept") for name, receipt in receipts.items()} == {NOTE.name: "Restricted", LETTER.name: None}
    looks.at(clerk, "admin", "receipt of what is restricted")


def test_those_who_are_left_read_it_and_whom_it_concerns_finds_nothing(clerk, person, school, looks):
    pupil, (deputy, panel, lead) = school.pupil(PUPIL), (person(role) for role in ("deputy", "panel", "dsl"))
    page = clerk.page
    clerk.add(pupil, NOTE)
    clerk.row(NOTE.name).get_by_label("Summary").fill(SUMMARY)
    page.locator("#staff-yes").check()
    names_of(clerk, deputy.name).check()
    clerk.press_alone("File 1 document")
    assert "nobody whom it concerns can open it" in page.locator("main").inner_text()
    document = clerk.receipts()[NOTE.name]["Document"]
    assert clerk.go(f"/documents/{document}").status == 403

    for keeper in (panel, lead):
        keeper.go("/")
        assert "restricted document" in keeper.page.locator("main").inner_text()
        keeper.follow("Restricted documents")
        looks.at(keeper, "panel" if keeper is panel else "dsl", "restricted documents")
        row = keeper.page.locator(".tasks li").filter(has=keeper.page.locator(f'a[href="/documents/{document}"]'))
        words = row.inner_text()
        assert PUPIL in words and deputy.name in words and "New" in words and panel.name in words
        with keeper.page.expect_navigation():
            row.get_by_role("link").first.click()
        assert f"It concerns {deputy.name}" in keeper.page.locator(".notice").inner_text()
        assert PUPIL in keeper.page.locator(".pupil-name").inner_text()
        assert "Early Help" in keeper.page.locator("main").inner_text(), "its own words"
        looks.at(keeper, "panel" if keeper is panel else "dsl", "a restricted document")
        with keeper.page.expect_download() as copy:
            keeper.button("Download the original").click()
        assert copy.value.path().read_bytes() == NOTE.read_bytes()
        keeper.go("/restricted")
        assert "New" not in row.inner_text()
    lead.go(f"/pupils/{pupil}")
    assert SUMMARY not in lead.page.locator(".chronology").inner_text(), "it stands in no chronology"
    assert lead.page.get_by_role("link", name=re.compile("restricted document.* about this pupil")).count() == 1

    assert deputy.go(f"/documents/{document}").status == 404
    for path in ("/", "/restricted", f"/pupils/{pupil}?show=everything", "/ledger"):
        assert deputy.go(path).ok
        words = deputy.page.locator("main").inner_text()
        assert SUMMARY not in words and document[:8].upper() not in words
    deputy.go("/restricted")
    looks.at(deputy, "deputy", "no restricted document")
    assert f'href="/documents/{document}"' not in deputy.page.content()


def test_where_fewer_than_two_are_left_it_says_whom_to_turn_to(person, school, looks):
    clerk, keeper, pupil = person("admin"), person("panel"), school.pupil(PUPIL)
    clerk.add(pupil, LETTER)
    clerk.row(LETTER.name).get_by_label("Summary").fill("A letter about everybody")
    clerk.page.locator("#staff-yes").check()
    names_of(clerk, keeper.name)
    for box in clerk.page.locator("[name=about]").all():
        box.check()
    clerk.press_alone("File 1 document")
    assert "Nobody who may keep such documents would be left" in problem(clerk)
    looks.at(clerk, "admin", "nobody would be left")
    names_of(clerk, keeper.name).uncheck()
    clerk.press_alone("File 1 document")
    assert "Fewer than two people can decide" in clerk.page.locator(".notice").first.inner_text()
    looks.at(clerk, "admin", "receipt of what one person keeps")
    keeper.go("/restricted")
    assert "You are the only one who can decide about it." in keeper.page.locator("main").inner_text()
    looks.at(keeper, "panel", "a restricted document that is theirs alone")


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_what_turns_out_to_concern_a_deputy_is_moved_out_of_the_file(person, school, looks, script):
    lead, clerk = person("dsl", java_script_enabled=script), person("admin")
    deputy, panel, pupil = person("deputy"), person("panel"), school.pupil(PUPIL)
    # Axe is a script itself: the pages are the same without.
    look = looks.at if script else lambda *_: None
    summary = f"What was found out later {'with' if script else 'without'}"
    clerk.add(pupil, NOTE)
    clerk.row(NOTE.name).get_by_label("Summary").fill(summary)
    if clerk.page.get_by_label("File it again").count():
        clerk.page.get_by_label("File it again").check()
    clerk.press(re.compile("^File "))
    document = clerk.receipts()[NOTE.name]["Document"]
    clerk.go(f"/receipt/{document}")
    receipt = clerk.path
    deputy.go(f"/documents/{document}")
    assert summary in deputy.page.locator("main").inner_text()
    with deputy.page.expect_download() as copy:
        deputy.button("Download the original").click()
    assert copy.value.path().read_bytes() == NOTE.read_bytes()

    lead.go(f"/documents/{document}")
    lead.follow("This concerns a member of staff")
    look(lead, "dsl", "whom a document concerns")
    lead.press_alone("Continue")
    assert "Say which member of staff it concerns." in problem(lead)
    look(lead, "dsl", "it was not said whom it concerns")
    lead.page.get_by_label(lead.name, exact=True).check()
    lead.press_alone("Continue")
    assert "It concerns yourself" in problem(lead)
    assert lead.page.get_by_label(lead.name, exact=True).is_checked(), "what was answered is kept"
    lead.page.get_by_label(lead.name, exact=True).uncheck()
    lead.page.get_by_label(deputy.name, exact=True).check()
    lead.page.get_by_label("Others, by name").fill("Mr Fenn, who left in 2016")
    lead.press_alone("Continue")
    words = lead.page.locator("main").inner_text()
    before, after = words.split("Who will be able to open it")
    opened = before.split("Who has opened it")[1]
    assert f"{deputy.name}, " in before and "took 1 copy" in opened and deputy.name in opened
    assert deputy.name not in after and lead.name in after and panel.name in after
    assert "This cannot be undone." in after and f"It concerns {deputy.name}, Mr Fenn" in before
    look(lead, "dsl", "check before moving")
    assert deputy.go(f"/documents/{document}").ok, "nothing has happened yet"

    lead.press("Move it out of the pupil’s file")
    moved = lead.path.removeprefix("/documents/")
    assert moved != document and lead.path == f"/documents/{moved}"
    words = lead.page.locator("main").inner_text()
    assert f"It concerns {deputy.name}, Mr Fenn, who left in 2016" in words and f"{lead.name} moved it here" in words
    assert "These people had opened it" in words and clerk.name in words, "as it was filed"
    look(lead, "dsl", "a document that was moved")
    with lead.page.expect_download() as copy:
        lead.button("Download the original").click()
    assert copy.value.path().read_bytes() == NOTE.read_bytes()
    panel.go("/restricted")
    row = panel.page.locator(".tasks li").filter(has=panel.page.locator(f'a[href="/documents/{moved}"]'))
    assert summary in row.inner_text() and "New" in row.inner_text() and "moved here" in row.inner_text()
    looks.at(panel, "panel", "restricted documents with one that was moved")

    for one in (deputy, lead):
        for path in (f"/documents/{document}", f"/documents/{document}/move", f"/documents/{document}/pages/1"):
            assert one.go(path).status == 404
        for path in ("/", f"/pupils/{pupil}", f"/pupils/{pupil}?show=everything", "/ledger", "/quarantine"):
            assert one.go(path).ok
            words = one.page.locator("main").inner_text()
            assert summary not in words and document[:8].upper() not in words, path
            assert document not in one.page.content(), path
    for path in (f"/documents/{moved}", f"/documents/{moved}/move"):
        assert deputy.go(path).status == 404
    deputy.go("/restricted")
    assert moved not in deputy.page.content()
    assert clerk.go(receipt).status == 404
    assert lead.go(f"/documents/{moved}/move").ok and lead.path == f"/documents/{moved}", "there is nothing left to move"
