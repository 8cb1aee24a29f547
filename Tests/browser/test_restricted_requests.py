"""A document that concerns a member of staff goes to an agency where two of those who keep it agree (A-08)."""

import re

import pytest
from disclosing import ASKED, choose, day, fill, problem
from looks import Looks
from person import SCANS

PUPIL = "Kofi Ansah-Bell"
NOTE = SCANS / "agency-meeting-2017-09-19.docx"
LETTER = SCANS / "referral-letter-2015-03-04.pdf"


@pytest.fixture
def looks():
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_an_agency_gets_one_copy_where_two_agree(person, school, looks, script):
    lead, panel = (person(role, java_script_enabled=script) for role in ("dsl", "panel"))
    clerk, deputy, pupil = person("admin"), person("deputy"), school.pupil(PUPIL)
    look = looks.at if script else lambda *_: None
    which = "with" if script else "without"
    clerk.add(pupil, NOTE, LETTER)
    for file, summary in ((NOTE, f"What was said of him {which} a script"), (LETTER, f"The police ask {which} a script")):
        clerk.row(file.name).get_by_label("Summary").fill(summary)
        clerk.row(file.name).get_by_label("Concerns a member of staff").check()
    clerk.page.locator("#staff-yes").check()
    if clerk.page.locator("details.if-yes").get_attribute("open") is None:
        clerk.page.get_by_text(re.compile("^If yes: whom")).click()
    clerk.page.get_by_label(deputy.name, exact=True).check()
    clerk.press_alone(re.compile("^File "))
    document = clerk.receipts()[NOTE.name]["Document"]

    lead.go(f"/documents/{document}")
    lead.follow("What agencies ask for")
    assert "No agency has asked for it." in lead.page.inner_text("main")
    look(lead, "dsl", "no agency asked for a restricted document")
    lead.follow("Record what an agency asks for")
    look(lead, "dsl", "an agency asks for a restricted document")
    lead.press("Record this request")
    assert "The written request is not chosen." in problem(lead)
    choose(lead, "The written request", f"The police ask {which}")
    choose(lead, "Agency", "Police")
    fill(lead, {**ASKED, "Day on which the school was asked": day(0)})
    lead.press("Record this request")
    assert "whether this asks about a victim" in problem(lead)
    lead.page.locator("#victim-no").check()
    lead.press("Record this request")
    assert lead.path == f"/restricted/{document}"
    words = lead.page.inner_text("main")
    assert "Waits for a second person" in words and "Another of those who can open the document has to agree." in words
    assert not lead.button("Agree that they get one copy").count() and not lead.button("Take the copy").count()
    look(lead, "dsl", "a restricted document waits for a second person")

    for path in (f"/restricted/{document}", f"/restricted/{document}/ask"):
        assert deputy.go(path).status == 404 and clerk.go(path).status == 403
    panel.go(f"/restricted/{document}")
    look(panel, "panel", "somebody asks to agree")
    panel.press("Agree that they get one copy")
    assert f"{lead.name} takes the copy." in panel.page.inner_text("main")

    lead.go(f"/restricted/{document}")
    lead.press("Take the copy")
    assert "Say what the child was told" in problem(lead)
    look(lead, "dsl", "what the child was told of a restricted document")
    lead.page.get_by_label("What the child was told of it").fill("That the police have what he wrote down.")
    with lead.page.expect_download() as copy:
        lead.button("Take the copy").click()
        if lead.page.locator("[name=authenticator-code]").count():
            lead.page.get_by_label("Code from your authenticator").fill(school.code(lead.name))
            lead.button("Confirm and go on").click()
    assert copy.value.path().read_bytes() == NOTE.read_bytes()
    assert re.fullmatch(r"\w+-R\d+\.docx", copy.value.suggested_filename)
    for one in (lead, panel):
        one.go(f"/restricted/{document}")
        words = one.page.inner_text("main")
        assert "Given" in words and f"taken by {lead.name}" in words and "That the police have" in words
        assert not one.button("Take the copy").count() and not one.page.get_by_text("Give nothing").count()
    look(panel, "panel", "a restricted document was given")
    for path in ("/disclosures", f"/pupils/{pupil}?show=everything"):
        deputy.go(path)
        assert "Harrow Vale" not in deputy.page.inner_text("main")
