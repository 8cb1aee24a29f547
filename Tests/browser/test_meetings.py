"""Notes of meetings with agencies: written or attached, kept while they are written, filed for several pupils at once."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from looks import Looks
from person import SCANS

PRIYA = "Priya Raman-Holt"
SCAN = SCANS / "note-photographed-2017-06-12.jpg"
# Markup, template marks, right to left, decomposed, blanks at the ends.
NOTES = "  <b>Agreed</b> {{title}}: “\u202Bمرحبا\u202C”, cafe\u0301\n\n  1. School sends attendance  "


def day(days: int = 0) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).strftime("%-d %B %Y")


@pytest.fixture(scope="module")
def other(school) -> tuple:
    """Another pupil, whose name finds nobody else."""
    return next((name, reference) for (name, _), reference in school.references.items() if name != PRIYA)


@pytest.fixture
def looks():
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


def fill(one, **fields: str) -> None:
    for name, value in fields.items():
        one.page.locator(f"[name={name.replace('_', '-')}]").fill(value)


def meeting(one, agency: str, **fields: str) -> None:
    one.page.get_by_label("Which agency").select_option(label=agency)
    fill(one, **{"attendees": "R. Sands, social worker\nJ. Ormerod, school nurse", **fields})


def add_pupil(one, name: str, reference: str) -> None:
    fill(one, words=name)
    one.press_alone("Find")
    one.press_alone(f"Add {name}, {reference}")


def test_notes_for_two_pupils_are_filed_in_under_two_minutes_and_found_on_the_timeline(person, school, other, looks):
    lead = person("dsl")
    page, pupil = lead.page, school.pupil(PRIYA)
    lead.go(f"/pupils/{pupil}")
    began = time.monotonic()
    lead.follow("Add meeting notes")
    assert PRIYA in page.get_by_role("region", name=re.compile("pupil for whom")).inner_text()
    meeting(lead, "Children’s social care", time="0:01")
    fill(lead, text=NOTES)
    add_pupil(lead, *other)
    page.get_by_label(re.compile(f"in the file of {PRIYA}")).fill("Plan agreed: attendance to be sent")
    page.get_by_label(re.compile(f"in the file of {other[0]}")).fill("Spoken of as a friend; nothing to be done")
    spent = time.monotonic() - began
    looks.at(lead, "dsl", "notes for two pupils")
    began = time.monotonic() - spent
    lead.press("File these notes for 2 pupils")
    assert lead.heading == "2 documents filed" and time.monotonic() - began < 120
    looks.at(lead, "dsl", "a receipt for two pupils")
    assert pupil in page.inner_text(".done") and other[1] in page.inner_text(".done")

    for reference, mine, others in (
        (pupil, "Plan agreed: attendance to be sent", "Spoken of as a friend"),
        (other[1], "Spoken of as a friend; nothing to be done", "Plan agreed"),
    ):
        lead.go(f"/pupils/{reference}")
        assert mine in page.inner_text("main") and others not in page.inner_text("main")
        mark = f"Meeting: Notes of a meeting with another agency, {day()}"
        assert page.locator("svg a").filter(has=page.locator("rect.meeting")).first.get_attribute("aria-label") == mark
        looks.at(lead, "dsl", f"the timeline of {'the first' if reference == pupil else 'the other'} pupil")
        lead.follow(mine)
        said = page.inner_text("main")
        assert lead.heading == "Notes of a meeting with another agency"
        for words in ("Children’s social care", "R. Sands, social worker", "00:01", "Typed", "Yes, by " + lead.name):
            assert words in said, words
        assert "Late" not in said and "stands in other pupils’ files" in said
        looks.at(lead, "dsl", f"notes of a meeting of {'the first' if reference == pupil else 'the other'} pupil")
        lead.follow(re.compile("^Look at document"))
        assert NOTES.strip() in page.locator("pre").inner_text() and page.title().find("Agreed") < 0
        looks.at(lead, "dsl", "typed notes as a document")

    lead.go(f"/pupils/{pupil}?agency=social-care")
    assert "Only: meetings with Children’s social care" in page.inner_text("main")
    assert "Plan agreed" in page.inner_text("main")
    lead.go(f"/pupils/{pupil}")
    page.get_by_text("Choose what is shown").click()
    page.get_by_label("Meetings with").select_option(label="Children’s social care")
    lead.press_alone("Show these")
    assert "agency=social-care" in lead.path
    school.person("staff")
    lead.go(f"/pupils/{pupil}/access")
    assert f"It is also about {other[0]} ({other[1]})" in page.inner_text("main")


def test_what_is_typed_is_kept_and_there_again_after_signing_out(person, school, looks):
    lead = person("dsl")
    page, pupil = lead.page, school.pupil(PRIYA)
    lead.go(f"/file/{pupil}/meeting")
    meeting(lead, "Police", time="9am")
    page.locator("[name=text]").press_sequentially("He told the officer that")
    page.get_by_text(re.compile(r"^Saved at \d\d:\d\d")).wait_for(timeout=15_000)
    assert lead.path.startswith("/meeting-notes/"), "loaded again it is the same notes"
    looks.at(lead, "dsl", "notes that are being written")
    lead.press_alone("Sign out")
    lead.sign_in()
    lead.go("/")
    lead.follow("Continue: notes of a meeting")
    assert page.locator("[name=text]").input_value() == "He told the officer that"
    assert page.get_by_label("Which agency").input_value() == "police"
    looks.at(lead, "dsl", "notes gone on with")

    # What is wrong is said, each link leads to its field, and what was typed is there.
    page.locator("[name=time]").fill("soon")
    lead.press("File these notes")
    problems = page.get_by_role("alert").get_by_role("link")
    assert any("when the meeting began" in line for line in problems.all_inner_texts())
    for link in problems.all():
        link.click()
        assert "#" + page.evaluate("() => document.activeElement.id") == link.get_attribute("href")
    looks.at(lead, "dsl", "notes with what is wrong")
    assert page.locator("[name=text]").input_value() == "He told the officer that"
    lead.follow("Discard these notes")
    looks.at(lead, "dsl", "notes to be discarded")
    lead.press("Discard these notes")
    assert "notes of a meeting" not in page.inner_text("main")


def test_a_scan_is_attached_and_filed_late_with_a_reason_without_a_script(person, school, other, looks):
    clerk = person("admin", java_script_enabled=False)
    page, pupil = clerk.page, school.pupil(PRIYA)
    clerk.go(f"/file/{pupil}")
    clerk.follow("Notes of a meeting")
    meeting(clerk, "Another agency", agency_name="Harbour Family Trust", date=day(-3), time="2.05pm")
    clerk.press_alone("Attach a scan or file instead")
    assert clerk.heading == "Attach the notes"
    clerk.press_alone("Attach this file")
    assert "Select a file" in page.inner_text("main")
    page.locator("[name=files]").set_input_files(SCAN)
    clerk.press_alone("Attach this file")
    assert SCAN.name in page.inner_text("main") and page.locator("[name=time]").input_value() == "2.05pm"
    page.get_by_label("Handwritten").check()
    fill(clerk, summary="Family support offered")
    clerk.press("File these notes")
    assert "The meeting was not today" in page.inner_text("main")
    assert "3 days later than the meeting" in page.inner_text("main")
    fill(clerk, late_reason="They came by post")
    add_pupil(clerk, *other)
    fill(clerk, also_summary="Brother’s part of it")
    clerk.press("File these notes for 2 pupils")
    assert clerk.heading == "2 documents filed"

    lead = person("dsl")
    for reference, summary in ((pupil, "Family support offered"), (other[1], "Brother’s part of it")):
        lead.go(f"/pupils/{reference}?agency=other")
        lead.follow(summary)
        said = lead.page.inner_text("main")
        for words in ("Harbour Family Trust", "Handwritten", "They came by post", "Late", clerk.name):
            assert words in said, words


def test_on_the_checking_page_notes_of_a_meeting_need_what_the_policy_says(person, school, looks):
    clerk = person("admin")
    pupil = school.pupil(PRIYA)
    clerk.choose(pupil, SCAN, category="Notes of a meeting with another agency", date=day())
    clerk.button("Add files and check them").click()
    clerk._checking.wait_for()
    row = clerk.row(SCAN.name)
    row.get_by_label("Summary").fill("Minutes from the nurse")
    assert row.locator("details.meeting").get_attribute("open") is not None
    clerk.press(re.compile("^File"))
    assert "which agency" in clerk.page.get_by_role("alert").inner_text()
    looks.at(clerk, "admin", "checking notes of a meeting")
    row.get_by_label("Agency").select_option(label="Police")
    row.get_by_label("When it began").fill("0:01")
    row.get_by_label("Who attended").fill("PC Ida Lorrimer")
    row.get_by_label("Handwritten").check()
    if row.get_by_label("File it again").count():
        row.get_by_label("File it again").check()
    clerk.press(re.compile("^File"))
    assert clerk.heading == "Filed"
