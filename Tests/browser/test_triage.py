"""A deputy's day: what waits, what follows from it, and what is done about it; usable by everyone, inert, and quick in a batch."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from looks import Looks
from person import SCANS

PUPIL = "Jude Averill"
NAMES = ("attendance-letter-2016-02-09.pdf", "note-photographed-2017-06-12.jpg", "school-nurse-2017-05-11.eml")
LETTERS = [SCANS / name for name in NAMES]
LATER = SCANS / "telephone-call-2016-06-03.txt"
WORDS = "<b onclick=alert(1)>he</b> {{title}} is to be asked"


def day(days: int = 0) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).strftime("%-d %B %Y")


@pytest.fixture(scope="module")
def filed(lasting_person, school) -> list:
    """Documents of a pupil, filed by the office; gives their summaries."""
    summaries = {path: f"Scan {number} about the swimming lessons" for number, path in enumerate(LETTERS)}
    lasting_person("admin").file(school.pupil(PUPIL), summaries)
    return list(summaries.values())


@pytest.fixture
def looks():
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert looks.all and not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


def duties(one) -> str:
    one.go("/")
    return one.page.get_by_role("main").locator("ul.tasks").first.inner_text()


def test_a_deputy_looks_at_one_record_and_follows_it_up(person, filed, school, looks):
    deputy = person("deputy")
    page, pupil = deputy.page, school.pupil(PUPIL)
    person("admin").file(pupil, {LATER: "A call about the swimming lessons"})
    said = duties(deputy)
    assert "wait to be looked at" in said and "1 record is new since you were last here" in said and "neither lead nor deputy" in said
    assert "for longer than a working day" not in said
    looks.at(deputy, "deputy", "home with what waits")
    deputy.follow(re.compile("wait to be looked at"))
    assert deputy.path == "/waiting" and deputy.heading == "Waiting to be looked at"
    section = page.locator("section.row").filter(has_text=filed[0])
    assert f"{PUPIL}, born " in section.inner_text() and pupil in section.inner_text()
    looks.at(deputy, "deputy", "what waits")
    section.get_by_role("link", name=filed[0], exact=True).click()
    assert "Neither the lead nor a deputy has looked at this" in page.get_by_role("main").inner_text()
    looks.at(deputy, "deputy", "an entry that waits")
    deputy.follow("Say what follows")
    assert deputy.heading == "Say what follows" and PUPIL in page.get_by_role("region", name="The pupil").inner_text()
    looks.at(deputy, "deputy", "say what follows of one")

    # Nothing filled in, and then what does not go together: all is said, each link leads to its field, nothing typed is lost.
    deputy.press("Record what follows")
    problems = page.get_by_role("alert").get_by_role("link")
    assert len(problems.all()) == 3 and page.title().startswith("Error: ")
    page.get_by_label("Nothing further").check()
    page.get_by_label("Contact the police").check()
    page.get_by_label("What is to be done").fill(WORDS)
    page.get_by_label("By which day").fill("soon")
    deputy.press("Record what follows")
    assert page.get_by_label("Contact the police").is_checked() and page.get_by_label("By which day").input_value() == "soon"
    assert page.get_by_label("What is to be done").input_value() == WORDS
    for link in page.get_by_role("alert").get_by_role("link").all():
        link.click()
        assert "#" + page.evaluate("() => document.activeElement.id") == link.get_attribute("href")
    looks.at(deputy, "deputy", "what follows with what is wrong")

    page.get_by_label("Nothing further").uncheck()
    page.get_by_label("Contact the police").uncheck()
    page.get_by_label("Refer to children’s social care").check()
    page.get_by_label("It is child on child").check()
    page.get_by_label("By which day").fill(day(1))
    deputy.press("Record what follows")
    assert deputy.path.startswith("/entries/") and deputy.heading == "Looked at"
    looked, block = deputy.path, page.get_by_role("region", name="What follows")
    assert WORDS in block.inner_text() and "do the same in the other child’s file" in block.inner_text()
    assert len(block.get_by_role("listitem").all()) == 2 and deputy.name in block.inner_text()
    looks.at(deputy, "deputy", "what was said to follow")
    block.get_by_role("link", name=re.compile("^Entry ")).first.click()
    assert WORDS in page.get_by_role("region", name="What follows").inner_text()

    # The referral's outcome says whether the parents were contacted first; the contact with the parents is waived.
    deputy.go("/follow-ups")
    looks.at(deputy, "deputy", "follow-ups of what was looked at")
    for section in page.locator("section.row").all():
        assert WORDS in section.inner_text() and f"By {day(1)}" in section.inner_text()
    page.get_by_role("link", name=re.compile("Say what was done.*social care")).click()
    assert page.get_by_label("Referral to children’s social care").is_checked()
    page.get_by_label("What was done").fill("The form was sent.")
    page.get_by_label("Fact").check()
    page.get_by_label("Police contacted").check()
    deputy.press("Add this entry")
    assert "This follow-up is a referral" in page.get_by_role("alert").inner_text()
    page.get_by_label("Referral to children’s social care").check()
    deputy.press("Add this entry")
    assert "whether the parents were contacted before" in page.get_by_role("alert").inner_text()
    looks.at(deputy, "deputy", "the outcome of a referral without the parents")
    page.get_by_label("would put the child at greater risk").check()
    page.get_by_label("If they were not contacted first").fill("He is afraid to go home.")
    deputy.press("Add this entry")
    assert deputy.path.startswith("/entries/") and deputy.heading == "Action taken"
    deputy.go("/follow-ups")
    page.get_by_role("link", name=re.compile("It will not be done.*child on child")).click()
    assert deputy.heading == "Follow-up waived"
    page.get_by_label("Why it will not be done").fill("The mother was here with both children.")
    page.get_by_label("Fact").check()
    looks.at(deputy, "deputy", "a follow-up waived")
    deputy.press("Add this entry")
    assert deputy.heading == "Follow-up waived"
    deputy.follow(re.compile("Pupil file"))
    assert "Follow-up waived" in page.get_by_role("main").inner_text()
    deputy.go(looked)
    said = page.get_by_role("region", name="What follows").inner_text()
    assert "Done: see entry" in said and "Waived: see entry" in said and "Open" not in said
    looks.at(deputy, "deputy", "what followed, done and waived")


def test_a_batch_is_looked_at_in_one_act_without_a_script(person, filed, school, looks):
    deputy = person("deputy", java_script_enabled=False)
    page, pupil = deputy.page, school.pupil(PUPIL)
    deputy.go("/waiting")
    deputy.follow(re.compile(rf"Say what follows: \d records of {PUPIL}"))
    assert deputy.path == f"/waiting/{pupil}"
    deputy.press_alone("Record what follows")
    assert "Choose what you have looked at" in page.get_by_role("alert").inner_text()
    page.get_by_label(re.compile(r"^All \d records of this list")).check()
    page.get_by_label("Nothing further").check()
    page.get_by_label("What is to be done, or why nothing is").fill("Legacy archive, read while it was scanned")
    # Meanwhile, somebody else is quicker with one of them.
    other = person("dsl")
    other.go(f"/waiting/{pupil}")
    looks.at(other, "dsl", "say what follows of several")
    other.page.get_by_label(re.compile(filed[1])).check()
    other.page.get_by_label("Nothing further").check()
    other.page.get_by_label("What is to be done, or why nothing is").fill("I know of it")
    other.press("Record what follows")
    assert other.heading == "Looked at"
    deputy.press_alone("Record what follows")
    assert f"{other.name} has looked at this already" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("What is to be done, or why nothing is").input_value().startswith("Legacy archive")
    assert not page.get_by_label(re.compile(filed[1])).count()
    deputy.press_alone("Record what follows")
    assert "Nothing further" in page.get_by_role("main").inner_text()
    deputy.go(f"/waiting/{pupil}")
    assert "Nothing waits in this pupil’s file" in page.get_by_role("main").inner_text()


def test_lists_that_are_empty_and_who_may_not_see_them(person, looks):
    deputy = person("deputy")
    for name in ("late", "new", "unread"):
        deputy.go(f"/waiting?list={name}")
        looks.at(deputy, "deputy", f"list of {name}")
    assert deputy.go("/waiting?list=others").status == 404
    for role in ("admin", "staff"):
        assert person(role).go("/waiting").status == 403
