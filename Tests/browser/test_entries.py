"""Entries without a file: made by the lead and by staff, corrected, and followed up; usable by everyone, and inert."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from looks import Looks
from person import SCANS

PUPIL = "Priya Raman-Holt"
LETTER = SCANS / "telephone-call-2016-06-03.txt"
SUMMARY = "A letter about the swimming lessons"
# Markup and template marks, right to left, composed and decomposed, an emoji of several parts, blanks at the end.
WORDS = "<b onclick=alert(1)>he</b> {{title}} said “\u202Bهو ضربني\u202C” cafe\u0301 café 👩‍👧‍👦\n\n  and then <script>document.title='x'</script>  "


def day(days: int = 0) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).strftime("%-d %B %Y")


@pytest.fixture(scope="module")
def filed(lasting_person, school) -> str:
    """A document of the pupil, filed by the office."""
    receipts = lasting_person("admin").file(school.pupil(PUPIL), {LETTER: SUMMARY})
    return receipts[LETTER.name]["Place in the ledger"]


@pytest.fixture
def lead(person, filed):
    return person("dsl")


@pytest.fixture
def looks():
    """What is looked at must be usable by everyone, also in a narrow window."""
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert looks.all and not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


def begin(one, pupil: str, kind: str) -> None:
    """From the pupil's file, or where papers are filed, to the form of a kind."""
    one.follow("Add an entry" if one.path.startswith("/pupils/") else "Write it here, without a file")
    one.follow(kind)
    assert one.heading == kind and PUPIL in one.page.get_by_role("region", name="The pupil").inner_text()


def fill(one, **fields: str) -> None:
    for name, value in fields.items():
        one.page.locator(f"[name={name.replace('_', '-')}]").fill(value)


def facts(one) -> str:
    return one.page.locator("dl.facts-list").first.inner_text()


def test_a_telephone_call_is_made_from_the_pupils_file(lead, school, looks):
    page, pupil = lead.page, school.pupil(PUPIL)
    lead.go(f"/pupils/{pupil}")
    lead.follow("Add an entry")
    looks.at(lead, "dsl", "kinds of entries")
    lead.follow("Telephone call")
    looks.at(lead, "dsl", "a telephone call")
    # Nothing filled in: everything that is wrong is said, each link leads to its field, and what was typed is kept.
    fill(lead, time="quarter past", organisation="Harrowdale Children’s Services")
    lead.press("Add this entry")
    problems = page.get_by_role("alert").get_by_role("link")
    said = problems.all_inner_texts()
    for words in ("fact, opinion or hearsay", "with whom", "not a time", "says nothing yet"):
        assert [line for line in said if words in line], (words, said)
    for link in problems.all():
        link.click()
        assert "#" + page.evaluate("() => document.activeElement.id") == link.get_attribute("href")
    assert page.locator("[name=organisation]").input_value() == "Harrowdale Children’s Services"
    assert page.locator("[name=time]").input_value() == "quarter past" and page.title().startswith("Error: ")
    looks.at(lead, "dsl", "a call with what is wrong")

    fill(lead, time="0:01", ended="0:02", number="01632 960 983", account="She asked for the attendance of the last month.")
    page.locator("[name=with]").fill("Dana Okafor, social worker")
    page.get_by_label("Fact").check()
    page.get_by_text("Something is to be done next").click()
    fill(lead, follow_up="Send the attendance", follow_up_due=day(1))
    lead.press("Add this entry")
    assert lead.path.startswith("/entries/") and lead.heading == "Telephone call"
    assert page.locator(".lead").inner_text() == "Telephone call with Dana Okafor, social worker (Harrowdale Children’s Services)"
    times = page.locator("dl.times").inner_text()
    assert times.index("Happened") < times.index("Received") < times.index("Recorded")
    assert f"{day()} at 00:01" in times and "at the same time" in times and "later" in times and "Late" not in times
    assert page.locator(".said").inner_text() == "She asked for the attendance of the last month."
    for words in ("Dana Okafor", "01632 960 983", "00:02", "Fact", "Send the attendance", day(1), lead.name):
        assert words in page.inner_text("main"), words
    statement = page.get_by_label("Statement", exact=True)
    assert not statement.is_visible() and "Okafor" not in statement.inner_text() and "call" not in statement.inner_text()
    looks.at(lead, "dsl", "an entry")
    call = lead.path

    lead.go("/")
    looks.at(lead, "dsl", "home with a follow-up")
    lead.follow(re.compile("follow-up"))
    assert "Send the attendance" in page.inner_text("main") and day(1) in page.inner_text("main")
    looks.at(lead, "dsl", "follow-ups")
    lead.follow(re.compile("Say what was done"))
    assert lead.heading == "Action taken" and "Telephone call with Dana Okafor" in page.inner_text("main")
    page.get_by_label("Another agency contacted").check()
    page.get_by_label("Fact").check()
    fill(lead, account="Sent by e-mail.", outcome="She has it.")
    looks.at(lead, "dsl", "the outcome of a follow-up")
    lead.press("Add this entry")
    assert "Another agency contacted" in facts(lead) and "She has it." in facts(lead)
    lead.go("/follow-ups")
    assert "Send the attendance" not in page.inner_text("main")
    lead.go(call)
    lead.follow(re.compile("^Done: see entry"))


def test_the_childs_own_words_are_kept_and_inert_and_the_questions_apart(lead, school, looks):
    page, pupil = lead.page, school.pupil(PUPIL)
    lead.go(f"/pupils/{pupil}")
    begin(lead, pupil, "The child’s own words")
    fill(lead, account=WORDS, questions="What happened? <img src=x onerror=alert(1)>", date=day(-3))
    page.get_by_label("Fact").check()
    lead.press("Add this entry")
    # More than 24 hours: a reason is asked for, and nothing that was typed is lost.
    assert "more than 24 hours ago" in page.get_by_role("alert").inner_text()
    assert page.locator("[name=account]").input_value() == WORDS
    assert page.locator("details[open] [name=late-reason]").is_visible()
    looks.at(lead, "dsl", "late without a reason")
    fill(lead, late_reason="She spoke of it on the way home")
    lead.press("Add this entry")
    assert page.locator(".said").evaluate("e => e.textContent") == WORDS
    assert "What happened? <img src=x onerror=alert(1)>" in facts(lead)
    assert page.locator(".tag", has_text="Late").count() == 1 and "She spoke of it on the way home" in facts(lead)
    assert not page.locator("main b, main script, main img").count() and page.title().startswith("Entry ")
    looks.at(lead, "dsl", "words that are kept")
    lead.go(f"/pupils/{pupil}?order=oldest")
    assert page.locator(".summary").all_inner_texts()[0] == SUMMARY
    assert "The child’s own words, written down as they were said" in page.locator(".summary").all_inner_texts()


def test_an_action_is_made_with_the_keyboard_alone(lead, school):
    page, pupil = lead.page, school.pupil(PUPIL)
    lead.go(f"/record/{pupil}?kind=action")

    def to(id: str) -> None:
        for _ in range(120):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement.id") == id:
                return
        raise AssertionError(f"the keyboard does not come to {id}")

    to("action-talk")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert page.locator("#action-social-care").is_checked()
    to("account")
    page.keyboard.insert_text("Referred by telephone.")
    to("basis-fact")
    page.keyboard.press("Space")
    to("summary")
    page.keyboard.insert_text("Referral made")
    with page.expect_navigation():
        page.keyboard.press("Tab")
        while page.evaluate("() => document.activeElement.innerText") != "Add this entry":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    assert "whether the parents were contacted" in page.get_by_role("alert").inner_text()
    page.get_by_role("alert").get_by_role("link").click()
    assert page.evaluate("() => document.activeElement.id") == "parents-contacted"
    page.keyboard.press("Space")
    page.locator("#summary").focus()
    with page.expect_navigation():
        while page.evaluate("() => document.activeElement.innerText") != "Add this entry":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    assert page.locator(".lead").inner_text() == "Referral made"
    assert "The parent or carer was contacted first" in facts(lead)


def test_a_correction_is_added_and_both_show(lead, filed, school, looks):
    page, pupil = lead.page, school.pupil(PUPIL)
    lead.go(f"/entries/{filed}")
    lead.follow("Correct this")
    assert lead.heading == "Correct this" and SUMMARY in page.inner_text("main")
    looks.at(lead, "dsl", "a correction")
    lead.press("Add the correction")
    assert "what was wrong" in page.get_by_role("alert").inner_text()
    looks.at(lead, "dsl", "a correction with what is wrong")
    fill(lead, account="It is about the riding lessons.", reasons="The stable rang.")
    page.get_by_label("Fact").check()
    lead.press("Add the correction")
    first = lead.path
    assert first != f"/entries/{filed}" and f"Corrects entry {filed}" in page.inner_text("main")
    lead.follow("Correct this")
    fill(lead, account="It is about both.", reasons="Her mother said so.")
    page.get_by_label("Hearsay").check()
    lead.press("Add the correction")
    lead.go(f"/entries/{filed}")
    corrections = page.locator("section.correction")
    assert corrections.count() == 2 and page.locator(".lead").inner_text() == SUMMARY
    assert "It is about the riding lessons." in corrections.nth(0).inner_text() and "The stable rang." in corrections.nth(0).inner_text()
    assert "was corrected" in corrections.nth(1).inner_text() and "It is about both." in corrections.nth(1).inner_text()
    looks.at(lead, "dsl", "an entry with corrections")
    lead.go(f"/pupils/{pupil}?order=oldest")
    lines = page.locator("ol.chronology > li")
    wanted = lines.filter(has=page.locator(".summary", has_text=SUMMARY))
    assert wanted.locator(".correction").count() == 2 and wanted.count() == 1
    assert page.locator(".summary", has_text="It is about the riding lessons.").count() == 1, "in its own place, once"
    assert page.locator(".summary", has_text="It is about both.").count() == 1
    looks.at(lead, "dsl", "a chronology with corrections")


def test_staff_make_an_entry_and_get_a_receipt_and_read_nothing(person, filed, school, looks):
    member, pupil = person("staff"), school.pupil(PUPIL)
    member.go(f"/file/{pupil}")
    begin(member, pupil, "Observation")
    fill(member, account="A bruise on the left arm, seen in swimming.")
    member.page.get_by_label("Fact").check()
    looks.at(member, "staff", "an observation")
    # Without the script, twice: the second press makes no second entry.
    form = {one.get_attribute("name"): one.input_value() for one in member.page.locator("#entry-form [name]:not([type=radio])").all()}
    member.press("Add this entry")
    assert member.heading == "Entry recorded" and "bruise" not in member.page.content()
    looks.at(member, "staff", "an entry recorded")
    receipt = member.path
    again = member.context.request.post(f"/record/{pupil}", form={**form, "basis": "fact"}, max_redirects=0)
    assert (again.status, again.headers["location"]) == (303, receipt)
    index = member.page.locator("dd.figures").nth(1).inner_text().replace(",", "")
    for path in (f"/entries/{index}", f"/entries/{index}/correct", f"/pupils/{pupil}", "/follow-ups"):
        assert member.go(path).status == 403, path
    lead = person("deputy")
    lead.go(f"/entries/{index}")
    assert "A bruise on the left arm" in lead.page.inner_text("main") and member.name in facts(lead)
