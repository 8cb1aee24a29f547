"""Access for a member of staff: the lead gives it, they read what it is to and nothing else, and then it is over."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from looks import Looks
from person import HOSTILE, SCANS
from vault import DSL

NOTE, LETTER, ACTIVE = SCANS / "telephone-call-2016-06-03.txt", SCANS / "referral-letter-2015-03-04.pdf", HOSTILE / "javascript.pdf"
SUMMARIES = {NOTE: "Call about the swimming lessons", LETTER: "Referral to Early Help", ACTIVE: "A form with a program in it"}
LATER = SCANS / "agency-meeting-2017-09-19.docx"
PUPIL = "Priya Raman-Holt"
REASON = "Plans the Thursday talk"


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).strftime("%-d %B %Y")


@pytest.fixture(scope="module")
def filed(lasting_person, school):
    clerk = lasting_person("admin")
    receipts = clerk.file(school.pupil(PUPIL), SUMMARIES)
    return clerk, {path: receipts[path.name]["Document"] for path in SUMMARIES}


@pytest.fixture
def lead(person):
    return person("dsl")


@pytest.fixture(scope="module")
def member(lasting_person):
    return lasting_person("staff")


@pytest.fixture
def looks():
    """What is looked at must be usable by everyone, also in a narrow window."""
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert looks.all and not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


def problem(one) -> str:
    return one.page.get_by_role("alert").inner_text() if one.page.get_by_role("alert").count() else ""


def gives(lead, member: str = "", until: str = "", reason: str = "", whole: bool = False, *summaries: str) -> str:
    """Fills in the form that is open, and sends it; gives what was wrong."""
    page = lead.page
    if member:
        page.get_by_label("Who needs to read").select_option(label=f"{member}, Staff")
    page.get_by_label("The whole file" if whole else "Only the documents ticked").check()
    for summary in summaries:
        page.get_by_label(summary).check()
    page.get_by_label("Last day").fill(until)
    page.get_by_label("Why they need to read it").fill(reason)
    lead.press("Give access")
    return problem(lead)


def given(lead, name: str) -> list:
    return lead.page.locator(".sign-ins li").filter(has_text=name).all_inner_texts()


def test_single_documents_are_given_and_read_and_are_over(lead, member, filed, school, looks):
    clerk, documents = filed
    page, pupil = lead.page, school.pupil(PUPIL)
    looks.walk(member, "staff", "/")
    assert not member.page.get_by_role("link", name=re.compile("may read")).count()
    assert member.go(f"/documents/{documents[NOTE]}").status in (403, 404)
    lead.go(f"/pupils/{pupil}")
    page.get_by_text("Who can read this file").click()
    with page.expect_navigation():
        page.locator(".readers a").click()
    assert lead.path == f"/pupils/{pupil}/access"
    looks.at(lead, "dsl", "nothing given")
    offered = page.get_by_role("group").filter(has=page.get_by_text("What they may read")).inner_text()
    assert SUMMARIES[NOTE] in offered and SUMMARIES[ACTIVE] not in offered, "what is kept as evidence is shared with nobody"
    people = page.get_by_label("Who needs to read").locator("option").all_inner_texts()
    assert not [one for one in people if lead.name in one or DSL in one or "lead" in one.lower()]

    for wrong, values in (
        ("Nobody is chosen.", ("", day(30), REASON)),
        ("No document is chosen.", (member.name, day(30), REASON)),
        ("not a day that can be read", (member.name, "soon", REASON)),
        ("not a day that can be read", (member.name, "undated", REASON)),
        ("not a day that can be read", (member.name, "2099", REASON)),
        ("over, or too far away", (member.name, day(-2), REASON)),
        ("over, or too far away", (member.name, day(400), REASON)),
        ("The reason is missing", (member.name, day(30), "")),
    ):
        lead.go(f"/pupils/{pupil}/access")
        said = gives(lead, *values, False, *([] if "No document" in wrong else [SUMMARIES[NOTE]]))
        assert wrong in said, (wrong, said)
        assert page.get_by_label("Why they need to read it").input_value() == values[2], "what was filled in is kept"
        assert page.get_by_label("Last day").input_value() == values[1]
        link = page.get_by_role("alert").get_by_role("link")
        link.click()
        focused = page.evaluate("() => document.activeElement.id")
        assert "#" + focused == link.get_attribute("href"), wrong
        looks.at(lead, "dsl", f"access: {wrong}")
    lead.go(f"/pupils/{pupil}/access")
    assert gives(lead, member.name, day(30), REASON, False, SUMMARIES[NOTE]) == ""
    (line,) = given(lead, member.name)
    assert "1 document" in line and REASON in line and day(30) in line
    looks.at(lead, "dsl", "a document given")

    member.go("/")
    looks.at(member, "staff", "home with something to read")
    member.follow(re.compile("may read"))
    assert member.path == "/reading" and SUMMARIES[NOTE] in member.page.inner_text("main")
    assert SUMMARIES[LETTER] not in member.page.content() and REASON not in member.page.content()
    looks.at(member, "staff", "what they may read")
    member.follow(SUMMARIES[NOTE])
    assert member.path == f"/documents/{documents[NOTE]}"
    said = member.page.inner_text("main")
    assert PUPIL in said and NOTE.read_text().split("\n")[0].strip() in said
    assert member.name in member.page.locator("figcaption").inner_text()
    assert not member.page.get_by_role("link", name=re.compile("entry in the chronology")).count()
    looks.at(member, "staff", "a document that is shared")
    with member.page.expect_download() as download:
        member.button("Download the original").click()
    assert download.value.path().read_bytes() == NOTE.read_bytes()
    for path in (f"/documents/{documents[LETTER]}", f"/documents/{documents[ACTIVE]}", f"/pupils/{pupil}", f"/pupils/{pupil}/access"):
        assert member.go(path).status in (403, 404) and SUMMARIES[LETTER] not in member.page.content(), path

    # Who can read it is said where the lead looks, of the file and of the person.
    lead.go(f"/pupils/{pupil}")
    page.get_by_text("Who can read this file").click()
    assert [line for line in page.locator(".readers li").all_inner_texts() if member.name in line]
    looks.at(lead, "dsl", "who can read the file")
    for wanted in ("Access given", REASON, "1 document"):
        assert wanted in page.locator("ol.chronology").inner_text() or lead.go(f"/pupils/{pupil}?show=everything")
        assert wanted in page.locator("ol.chronology").inner_text(), wanted
    lead.go(school.page_of(member.name))
    assert lead.page.get_by_role("heading", name="What they can read").count() == 1
    assert pupil in page.inner_text("main") and page.get_by_role("img").first.get_attribute("aria-label")
    looks.at(lead, "dsl", "what a person can read")

    lead.go(f"/pupils/{pupil}/access")
    lead.press(f"End the access of {member.name}")
    (line,) = given(lead, member.name)
    assert "Over" in line and "ended" in line and not lead.button(f"End the access of {member.name}").count()
    looks.at(lead, "dsl", "an access that is over")
    assert member.go(f"/documents/{documents[NOTE]}").status in (403, 404)
    assert NOTE.read_text()[:20] not in member.page.content()
    member.go("/reading")
    assert SUMMARIES[NOTE] not in member.page.content()
    looks.at(member, "staff", "nothing to read any more")


def test_the_whole_file_is_given_with_what_is_filed_later(lead, person, filed, school, looks):
    clerk, documents = filed
    member, pupil = person("staff"), school.pupil(PUPIL)
    lead.go(f"/pupils/{pupil}/access")
    assert gives(lead, member.name, day(10), REASON, True) == ""
    (line,) = given(lead, member.name)
    assert "The whole file" in line
    (later,) = clerk.file(pupil, {LATER: "Meeting about the summer"}).values()
    member.go("/reading")
    said = member.page.inner_text("main")
    assert all(summary in said for summary in (SUMMARIES[NOTE], SUMMARIES[LETTER], "Meeting about the summer"))
    assert SUMMARIES[ACTIVE] not in said
    looks.at(member, "staff", "the whole file")
    member.follow("Meeting about the summer")
    assert member.path == f"/documents/{later['Document']}"
    member.go(f"/documents/{documents[LETTER]}")
    assert member.page.get_by_role("img", name=re.compile("Page 1")).first.evaluate("e => e.decode().then(() => e.naturalWidth)") > 300
    looks.at(member, "staff", "pages that are shared")
    lead.go(school.page_of(member.name))
    looks.at(lead, "dsl", "who can read a whole file")
    lead.go(f"/pupils/{pupil}/access")
    lead.press(f"End the access of {member.name}")
    assert member.go(f"/documents/{later['Document']}").status in (403, 404)


def test_the_security_page_shows_what_happened(lead, person, school, looks):
    page = lead.page
    stranger = person()
    stranger.name = lead.name
    stranger.sign_in("seven wrong lanterns drift", "123456")
    lead.go("/")
    lead.follow("Security")
    assert lead.path == "/security" and page.locator(".lane").count() == 5
    looks.at(lead, "dsl", "security")
    page.get_by_text("The same as a table").click()
    assert page.locator("tbody tr").count() == 14
    looks.at(lead, "dsl", "security as a table")
    everything = page.locator(".tasks li").all_inner_texts()
    for show in ("Failed sign-ins", "Refusals", "Documents read", "Access and people"):
        lead.go("/security")
        lead.follow(show)
        lines = page.locator(".tasks li").all_inner_texts()
        assert page.locator(".filters [aria-current=true]").inner_text() == show
        assert lines or "Nothing." in page.inner_text("main")
        assert len(lines) <= len(everything)
        looks.at(lead, "dsl", f"security: {show}")
    assert lead.go("/security?show=everything").status == 404
    assert person("deputy").go("/security").status == 403


def test_a_hidden_screen_is_usable_by_everyone(lead, looks):
    lead.go("/pupils")
    lead.press("Hide screen")
    looks.at(lead, "dsl", "hidden")
    lead.page.get_by_label("Your password").fill("something else entirely")
    lead.press("Show the screen again")
    looks.at(lead, "dsl", "hidden, and a wrong password")
