"""Documents go to police or social care: the lead records what was asked for, gives and withdraws permissions, and sees in
the registers what became of it."""

import csv
import io
import re

import pytest
from disclosing import ABOUT_A_VICTIM, ASKED, SUSPECT, asks, choose, day, fill, permits, problem, shown
from looks import SHOTS, Looks
from person import HOSTILE, SCANS

PUPIL = "Leander Oakhurst"
NOTE, LETTER, HEALTH = "Call about the swimming lessons", "Written request of the police", "Report of the school nurse"
SEEN, EVIDENCE = "He sat alone by the gate", "A form that runs a program"
FORMULA = "=HYPERLINK(\"https://elsewhere.example\",\"An enquiry\")"
OFFICER = "Ann Exley, Detective constable (4411), Harrow Vale Police"


@pytest.fixture(scope="module")
def pupil(school):
    answer = school.act("/pupils/add", **{"name": PUPIL, "date-of-birth": "2004-02-03", "upn": "", "enrolled": ""})
    return re.search(r"P-\w{5}", answer.url)[0]


@pytest.fixture(scope="module")
def lead(lasting_person, pupil, school):
    """With three documents in the pupil's file, one of which is warned of."""
    lead = lasting_person("dsl")
    health = school.folder / "nurse.txt"
    health.write_text("The school nurse saw him on 4 March 2016 and spoke with him about swimming.\n")
    active = HOSTILE / "javascript.pdf"
    lead.add(pupil, SCANS / "telephone-call-2016-06-03.txt", SCANS / "referral-letter-2015-03-04.pdf", health, active)
    for file, summary in (
        (active.name, EVIDENCE),
        ("telephone-call-2016-06-03.txt", NOTE),
        ("referral-letter-2015-03-04.pdf", LETTER),
        ("nurse.txt", HEALTH),
    ):
        lead.row(file).get_by_label("Summary").fill(summary)
    lead.row("nurse.txt").get_by_label("Category").select_option(label="Health report")
    lead.press("File 4 documents")
    assert len(lead.receipts()) == 4
    lead.go(f"/record/{pupil}?kind=observation")
    lead.page.locator("[name=account]").fill(SEEN)
    lead.page.locator("[name=date]").fill("12 June 2016")
    lead.page.get_by_label("Fact").check()
    lead.press("Add this entry")  # Late: it asks why, and for that opens the field.
    lead.page.locator("[name=late-reason]").fill("On paper until now")
    lead.press("Add this entry")
    assert lead.path.startswith("/entries/"), problem(lead)
    return lead


@pytest.fixture(scope="module")
def request_path(lead, pupil):
    return asks(lead, pupil, LETTER)


@pytest.fixture
def looks():
    """What is looked at must be usable by everyone, also in a narrow window; no page is in the way of paper."""
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)
    assert not [look for look in looks.all if PUPIL.split()[1] in look.title or PUPIL.split()[1] in look.path]


def test_the_letter_is_filed_first(lead, school, looks):
    answer = school.act("/pupils/add", **{"name": "Ottilie Brand", "date-of-birth": "2005-02-03", "upn": "", "enrolled": ""})
    other = re.search(r"P-\w{5}", answer.url)[0]
    lead.go(f"/pupils/{other}")
    lead.follow("What agencies asked for")
    looks.at(lead, "dsl", "nothing was asked for")
    lead.follow("Record a request")
    assert "File the letter first." in lead.page.inner_text("main") and not lead.page.locator("[name=officer]").count()
    looks.at(lead, "dsl", "a request without a letter")
    lead.follow("File the letter")
    assert lead.path == f"/file/{other}"


def test_a_request_is_recorded_when_everything_is_said(lead, pupil, looks):
    page = lead.page
    lead.go(f"/pupils/{pupil}/requests/new")
    looks.at(lead, "dsl", "a request to be recorded")
    lead.press("Record this request")
    assert "The written request is not chosen" in problem(lead)
    choose(lead, "The written request", LETTER)
    for wrong in ("Choose the agency", *ASKED, "Day on which the school was asked", "Say whether it asks about a victim"):
        if "optional" in wrong:
            fill(lead, {wrong: ASKED[wrong]})
            continue
        lead.press("Record this request")
        link = page.get_by_role("alert").get_by_role("link")
        assert link.count() == 1, page.inner_text("main")
        if wrong == "Choose the agency":
            looks.at(lead, "dsl", "a request without an agency")
        link.click()
        focused = page.evaluate("() => document.activeElement.id")
        assert "#" + focused == link.get_attribute("href"), wrong
        # The vault says what is missing in an order of its own.
        if focused == "agency":
            choose(lead, "Agency", "Police")
        elif focused == "received":
            fill(lead, {"Day on which the school was asked": day(0)})
        elif focused.startswith("victim"):
            page.locator("#victim-yes").check()
        else:
            label = page.locator(f"label[for={focused}]").inner_text()
            fill(lead, {label: ASKED[label]})
    assert page.locator("#enquiry").is_visible(), "what belongs to an answer is unfolded"

    # A victim: whoever is to be notified is compared with the suspects.
    fill(lead, ABOUT_A_VICTIM)
    page.locator("#notice-not-given").check()
    lead.press("Record this request")
    assert "why no notice was given" in problem(lead)
    fill(lead, {"If no notice was given: why": "It would warn him"})
    assert not page.locator("[name=confirmed]").count()
    lead.press("Record this request")
    assert "a name like one of the suspects" in problem(lead)
    looks.at(lead, "dsl", "who is to be notified may be a suspect")
    page.get_by_role("alert").get_by_role("link").click()
    assert page.evaluate("() => document.activeElement.id") == "confirmed"
    page.get_by_label("It is somebody else").check()
    lead.press("Record this request")
    assert re.fullmatch(r"/requests/\w{26}", lead.path), problem(lead)
    said = page.inner_text("main")
    assert SUSPECT in said and "Not given. It would go to Mrs J Thackeray" in said and "Waits for a decision" in said
    looks.at(lead, "dsl", "a request about a victim")

    # It is refused, with reasons, once.
    request = lead.path
    lead.follow("Refuse")
    lead.press("Refuse this request")
    assert lead.path == f"{request}/refuse" and problem(lead)
    looks.at(lead, "dsl", "a refusal without reasons")
    fill(lead, {"Why nothing is given": "The letter names another child"})
    lead.press("Refuse this request")
    assert lead.path == request and "The letter names another child" in page.inner_text("main")
    assert not page.get_by_role("link", name="Give permission").count()
    looks.at(lead, "dsl", "a request that was refused")
    lead.go(f"{request}/permit")
    assert "was refused" in page.inner_text("main") and not page.locator("[name=document]").count()
    looks.at(lead, "dsl", "no permission for what was refused")
    lead.go(f"{request}/refuse")
    assert "decided already" in page.inner_text("main")
    looks.at(lead, "dsl", "refused already")


def test_a_permission_is_given_and_its_code_is_shown_once(lead, request_path, looks):
    page = lead.page
    lead.go(request_path)
    looks.at(lead, "dsl", "a request that waits")
    lead.follow("Give permission")
    assert page.get_by_label(HEALTH).count() == 1 and "counselling" in page.locator(".warned").first.inner_text()
    looks.at(lead, "dsl", "a permission to be given")
    # The chronology, oldest first: what can be given has a box, and what lies between is in view.
    lines = page.locator(".exhibits > *").all_inner_texts()
    for words in (SEEN, EVIDENCE):
        (line,) = [line for line in lines if words in line]
        assert ("Written here" if words == SEEN else "Kept apart as evidence") in line, line
        assert not page.get_by_label(words).count()
    dated = [line for line in lines if "2016" in line]
    assert len(lines) == 5 and len(dated) == 5 and SEEN in lines[0], lines
    assert page.get_by_text("0 of 3 ticked").count() == 1
    lead.button("Tick all").click()
    assert page.locator("[name=document]:checked").count() == 3
    lead.button("Tick none").click()
    assert page.locator("[name=document]:checked").count() == 0

    def ticked_after_the_look():
        """As one is whose warnings were not shown beside the box that says that they were looked at."""
        page.locator("[name=warned]").evaluate_all("all => all.forEach(one => one.remove())")

    # One thing after the other is asked for, and what was filled in stays.
    for wrong, then in (
        ("not said what the officer may do", lambda: page.locator("#manner-copies").check()),
        ("how many times copies", lambda: fill(lead, {"If copies: how many times they may be taken": "2"})),
        ("not said what the child is told", lambda: page.locator("#child-untold").check()),
        ("No document is chosen", lambda: page.get_by_label(HEALTH).check()),
        ("There are warnings", lambda: (page.get_by_label("I have looked at the warnings").check(), ticked_after_the_look())),
        ("There are warnings", lambda: page.get_by_label("I have looked at the warnings").check()),
        ("not a day", lambda: fill(lead, {"Last day": "soon"})),
        ("not a day", lambda: fill(lead, {"Last day": day(400)})),
        ("more than half a year", lambda: fill(lead, {"Last day": day(7), "Conditions (optional)": "Not to be shown on."})),
        ("not said why the child was not told", lambda: fill(lead, {"Why not": "It would warn somebody"})),
        ("looked at again", lambda: fill(lead, {"On which day this is looked at again": day(3)})),
    ):
        lead.press("Give this permission")
        assert wrong in problem(lead), (wrong, problem(lead))
        link = page.get_by_role("alert").get_by_role("link")
        link.click()
        assert "#" + page.evaluate("() => document.activeElement.id") == link.get_attribute("href"), wrong
        if wrong in ("No document is chosen", "There are warnings", "looked at again"):
            looks.at(lead, "dsl", f"a permission: {wrong}")
        then()
    # One more, of which nothing is warned.
    page.get_by_label(NOTE).check()
    lead.press("Give this permission")
    given = shown(lead)
    assert re.fullmatch(rf"{lead.school.address}/agency/[0-9a-z]{{26}}", given["link"]), given
    assert re.fullmatch(r"[0-9A-Z]+(-[0-9A-Z]+)+", given["code"]) and len(given["exhibits"]) == 2
    looks.at(lead, "dsl", "a permission given")
    if SHOTS:
        page.emulate_media(media="print")
        page.pdf(path=f"{SHOTS}/permission-given.pdf", format="A4")
        page.emulate_media(media="screen")
    lead.follow("I have passed on link and code: back to the request")
    said = page.content()
    assert given["code"] not in said and given["link"].split("/")[-1] not in said, "shown once"
    for words in (OFFICER, given["exhibits"][0], "Not to be shown on.", "taken 0 times", "It would warn somebody", "Open"):
        assert words in page.inner_text("main"), words
    looks.at(lead, "dsl", "a request with a permission")
    # The same form sent once more gives no second permission by accident.
    first = lead.path
    lead.go(f"{first}/permit")
    page.locator("[name=given-before]").evaluate("one => { one.value = '0' }")
    lead.press("Give this permission")
    assert "was given meanwhile" in problem(lead)
    looks.at(lead, "dsl", "a permission given meanwhile")
    lead.go(first)
    assert page.locator("section.row").count() == 1


def test_what_the_child_was_told_visits_and_a_withdrawal(lead, pupil, request_path, looks):
    page = lead.page
    permits(lead, request_path, NOTE, copies="")
    lead.follow("I have passed on link and code: back to the request")
    block = page.locator("section.row").last
    assert "Nothing was recorded yet." in block.inner_text()
    anchor = block.get_attribute("id")
    lead.go("/")
    assert page.get_by_role("link", name=re.compile("without what the child was told")).count() == 1
    looks.at(lead, "dsl", "home with something about agencies")
    lead.go(request_path)

    block.get_by_role("link", name=re.compile("Record what the child was told")).click()
    lead.press("Record this")
    assert "not said what the child is told" in problem(lead)
    looks.at(lead, "dsl", "nothing said of the child")
    page.locator("#child-told").check()
    fill(lead, {"What they were told": "That the police asked for the notes of the calls", "By whom": lead.name, "On which day": day(1)})
    lead.press("Record this")
    assert "lies in the future" in problem(lead)
    looks.at(lead, "dsl", "a child told tomorrow")
    fill(lead, {"On which day": day(0)})
    lead.press("Record this")
    assert f"Told on {day(0)} by {lead.name}" in block.inner_text() and "Nothing was recorded yet." not in block.inner_text()

    block.get_by_role("link", name=re.compile("Record a visit")).click()
    looks.at(lead, "dsl", "a visit to be recorded")
    lead.press("Record this visit")
    assert problem(lead)
    looks.at(lead, "dsl", "a visit without its times")
    fill(lead, {"From when to when": "10:15 to 11:40", "Who was with them": lead.name, "What they read": "The note of the call"})
    lead.press("Record this visit")
    assert "Not closed" in block.inner_text()
    looks.at(lead, "dsl", "a visit that is not closed")
    block.get_by_role("link", name=re.compile("^Close visit")).click()
    close = lead.path
    lead.press("Close this visit")
    assert "took notes" in problem(lead)
    looks.at(lead, "dsl", "a visit closed without a word of notes")
    page.locator("#taken-yes").check()
    lead.press("Close this visit")
    assert "not chosen" in problem(lead)
    page.locator("#taken-no").check()
    lead.press("Close this visit")
    assert problem(lead)
    looks.at(lead, "dsl", "a visit without notes, and without a word")
    fill(lead, {"Anything to add (if none were taken: how you know)": "I sat beside them the whole time"})
    lead.press("Close this visit")
    assert "No notes were taken" in block.inner_text() and "I sat beside them" in block.inner_text()
    lead.go(close)
    assert "It is closed" in page.inner_text("main")
    looks.at(lead, "dsl", "a visit that is closed")
    lead.go(request_path)
    block.get_by_role("link", name=re.compile("Record a visit")).click()
    fill(lead, {"From when to when": "14:00 to 14:30", "Who was with them": lead.name, "What they read": "The same"})
    lead.press("Record this visit")
    block.get_by_role("link", name=re.compile("^Close visit")).click()
    page.locator("#taken-yes").check()
    choose(lead, "If yes: the copy of their notes", NOTE)
    lead.press("Close this visit")
    assert "A copy of their notes is filed" in block.inner_text()

    block.get_by_role("link", name=re.compile("^Withdraw")).click()
    withdraw = lead.path
    assert "cannot be taken back" in page.inner_text("main")
    lead.press("Withdraw it now")
    assert lead.path == withdraw and problem(lead)
    looks.at(lead, "dsl", "a withdrawal without a reason")
    fill(lead, {"Why it is withdrawn": "The case was closed"})
    lead.press("Withdraw it now")
    assert "Withdrawn" in block.inner_text() and "The case was closed" in block.inner_text()
    assert block.get_attribute("id") == anchor and not block.get_by_role("link", name=re.compile("^Withdraw")).count()
    looks.at(lead, "dsl", "a permission withdrawn")
    lead.go(withdraw)
    assert "opens nothing any more" in page.inner_text("main")
    looks.at(lead, "dsl", "a permission withdrawn already")
    lead.go(f"/pupils/{pupil}/requests")
    looks.at(lead, "dsl", "what agencies asked for")


def rows(one, link: str) -> list:
    answer = one.context.request.get(one.page.get_by_role("link", name=link).get_attribute("href"))
    assert answer.ok and answer.headers["content-type"].startswith("text/csv") and answer.body().startswith(b"\xef\xbb\xbf")
    name = re.search(r'filename="(agencies-[a-z]+-\d{4}-\d\d-\d\d\.csv)"', answer.headers["content-disposition"])
    assert name, answer.headers
    return list(csv.reader(io.StringIO(answer.body().decode("utf-8-sig"), newline="")))


def test_the_registers_and_their_tables(lead, pupil, looks):
    page = lead.page
    asks(lead, pupil, LETTER, **{"What it is for": FORMULA})
    lead.go("/")
    lead.follow("Given to agencies")
    assert lead.path == "/disclosures"
    looks.at(lead, "dsl", "registers")
    lead.go("/disclosures?kind=requests")
    assert re.search("requests? waits? for a decision", page.inner_text("main"))
    head, *lines = rows(lead, "These lines for a spreadsheet (CSV)")
    purposes = [line[head.index("Purpose")] for line in lines]
    assert "'" + FORMULA in purposes and FORMULA not in purposes
    assert all(len(line) == len(head) for line in lines) and len(lines) >= 3
    assert pupil in {line[head.index("Pupil")] for line in lines} and PUPIL not in str(lines)
    count = page.locator("tbody tr").count()
    lead.follow("Only those that wait for a decision")
    assert 1 <= page.locator("tbody tr").count() < count
    looks.at(lead, "dsl", "requests that wait")
    for kind in ("permissions", "visits", "informed", "issues"):
        lead.go(f"/disclosures?kind={kind}")
        shown = page.locator("tbody tr").count()
        if shown:
            head, *lines = rows(lead, "These lines for a spreadsheet (CSV)")
            assert all(len(line) == len(head) for line in lines) and len(lines) >= shown
        looks.at(lead, "dsl", f"register of {kind}")
    lead.go("/disclosures?kind=permissions")
    page.get_by_text("Choose what is shown").click()
    choose(lead, "Pupil", PUPIL)
    choose(lead, "Agency", "Harrow Vale Police")
    page.get_by_label("From", exact=True).fill("one day")
    lead.press("Show these")
    assert problem(lead) and page.get_by_label("From", exact=True).input_value() == "one day"
    looks.at(lead, "dsl", "a register of no days")
    page.get_by_label("From", exact=True).fill(day(0))
    lead.press("Show these")
    assert page.locator("tbody tr").count() >= 2 and PUPIL.split()[1] not in page.url
    page.get_by_label("To", exact=True).fill("2001")
    page.get_by_label("From", exact=True).fill("")
    lead.press("Show these")
    assert "Nothing." in page.inner_text("main")
    looks.at(lead, "dsl", "a register with nothing in it")
    assert lead.go("/disclosures?kind=everything").status == 404


def test_a_deputy_gives_permissions_only_while_it_is_delegated(lead, person, pupil, looks):
    deputy = person("deputy", java_script_enabled=False)
    request = asks(deputy, pupil, LETTER)
    assert "Only the safeguarding lead gives documents" in deputy.page.inner_text("main")
    assert not deputy.page.get_by_role("link", name="Give permission").count()
    deputy.go(f"{request}/permit")
    assert not deputy.page.locator("[name=document]").count() and not deputy.page.locator("#delegations").count()

    page = lead.page
    lead.go("/disclosures")
    lead.press("Let them give permissions")
    assert "Nobody is chosen" in problem(lead)
    looks.at(lead, "dsl", "delegated to nobody")
    choose(lead, "Which deputy", deputy.name)
    lead.press("Let them give permissions")
    assert "not a day" in problem(lead)
    choose(lead, "Which deputy", deputy.name)
    fill(lead, {"Last day": day(2)})
    lead.press("Let them give permissions")
    assert f"until the end of {day(2)}" in page.locator(".sign-ins").inner_text()
    looks.at(lead, "dsl", "delegated to a deputy")

    # Without a script: what belongs to an answer is unfolded by hand, and all is ticked one by one.
    deputy.go(request)
    assert deputy.page.get_by_role("link", name="Give permission").count() == 1
    given = permits(deputy, request, NOTE)
    assert len(given["exhibits"]) == 1
    lead.go("/disclosures")
    lead.press(f"End what is delegated to {deputy.name}")
    assert not page.get_by_role("button", name=f"End what is delegated to {deputy.name}").count()
    deputy.go(f"{request}/permit")
    assert "Only the safeguarding lead" in deputy.page.inner_text("main")


def test_who_does_not_read_sees_nothing_of_it(person, pupil, request_path):
    clerk = person("admin")
    for path in (f"/pupils/{pupil}/requests", request_path, f"{request_path}/permit", "/disclosures", "/disclosures/register.csv"):
        assert clerk.go(path).status == 403 and "Harrow Vale" not in clerk.page.content(), path
    missing = clerk.go("/requests/" + "0" * 26).status
    assert missing == 403
