"""Every page there is, as each person comes to it: usable by everyone, and strict towards whoever asks."""

import http.client
import json
import re
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from disclosing import asks, enter, fill, permits
from looks import Looks
from person import HOSTILE, SCANS, assert_strict
from school import PASSWORD, REGISTER, form_token
from vault import CHECKOUT

PUPIL = "Amira Siddiq-Lowe"
# Addresses that answer with something else than a page; and one that takes a minute to come to, which test_late looks at.
NO_PAGES = re.compile(r"/static/|/api/|/healthz|/pages/|/picture/|/check/{pupil}/proposals|/scans/.+/{page}|/passkeys/(new-)?question|^/late$|\.(csv|pdf)$")
LONG = "Scan" + "ned" * 36 + ".txt"


@pytest.fixture(scope="module")
def people(lasting_person, school):
    """One of each: a clerk, a lead, who reads what was shared with them, who sees figures, who looks after people, who has
    still something to do, who is new, nobody, and two officers of an agency, one of whom has not entered."""
    people = {role: lasting_person(role) for role in ("admin", "dsl", "staff", "panel", "account-manager")}
    people |= {who: lasting_person() for who in ("untrained", "newcomer", "nobody", "officer", "at the door")}
    name, code = school.newcomer("deputy")
    school.joined(name, code)[0].dispose()
    school.give_keys(name)
    people["untrained"].name = name
    people["untrained"].sign_in()
    return people


@pytest.fixture(scope="module")
def looks(people, school) -> Looks:
    """Every page, looked at once; the tests ask what was found."""
    looks = Looks()
    signing_in(looks, people["nobody"])
    joining(looks, people["newcomer"], school)
    still_to_do(looks, people["untrained"])
    scan_stations(looks, people["dsl"], school)
    documents = filing(looks, people["admin"], school)
    leading(looks, people["dsl"], school, documents)
    entries(looks, people["admin"], people["dsl"], school)
    meeting_notes(looks, people["dsl"], school)
    recovery_key(looks, people["dsl"])
    sharing(looks, people["dsl"], people["staff"], school)
    given = disclosing_documents(looks, people["dsl"], school)
    an_agency(looks, people["officer"], people["at the door"], given)
    restricting(looks, people["dsl"], school)
    the_paper_archive(looks, people["admin"], people["dsl"], school)
    looking_after_people(looks, people["dsl"], school)
    for role in ("panel", "account-manager"):
        looks.walk(people[role], role, "/")
    return looks


def signing_in(looks, person) -> None:
    looks.walk(person, "nobody", "/sign-in", "/join", "/hidden")
    person.go("/sign-in")
    person.page.get_by_label("Your name").fill("Nobody at all")
    person.press("Sign in")
    looks.at(person, "nobody", "failed to sign in")
    assert person.go("/nothing/here").status == 404
    looks.at(person, "nobody", "no such page")


def joining(looks, person, school) -> None:
    person.name, code = school.newcomer("admin")
    page = person.page
    for name, said, password, again in (
        ("wrong invitation", code[:-1], PASSWORD, PASSWORD),
        ("short password", code, "short", "short"),
        ("different passwords", code, PASSWORD, PASSWORD + "s"),
        ("", code, PASSWORD, PASSWORD),
    ):
        person.go("/join")
        page.get_by_label("Your name").fill(person.name)
        page.get_by_label("The invitation’s code").fill(said)
        page.get_by_label("New password").fill(password)
        page.get_by_label("The same password again").fill(again)
        person.press("Make my keys")
        if name:
            looks.at(person, "nobody", name)
    looks.walk(person, "newcomer", "/first-time")
    person.go("/first-time")
    school.learn(person.name, page.locator(".secret").inner_text())
    page.get_by_label("The code it shows now").fill("000000")
    person.press("Try this code")
    looks.at(person, "newcomer", "wrong code")
    page.get_by_label("The code it shows now").fill(school.code(person.name))
    person.press("Try this code")
    assert person.heading == "Your recovery codes"
    looks.walk(person, "newcomer", person.path, "/policy")
    person.go("/policy")
    person.press("Acknowledge the policy")
    looks.at(person, "newcomer", "policy not acknowledged")
    page.get_by_label("I have read this policy and keep to it").check()
    person.press("Acknowledge the policy")
    assert person.heading == "Compare your keys"
    looks.at(person, "newcomer", "keys to be compared")


def still_to_do(looks, person) -> None:
    """Has keys, and has neither acknowledged the policy nor a training."""
    for path, status in (("/", 200), ("/pupils", 403), ("/policy", 200)):
        assert person.go(path).status == status
        looks.at(person, "untrained", f"with policy and training missing {path}")


def the_paper_archive(looks, office, lead, school) -> None:
    page = office.page
    office.go("/archive")
    office.follow("Begin with a folder")
    looks.at(office, "admin", "a folder to begin with")
    office.press("Begin the batch")
    looks.at(office, "admin", "a folder of no place")
    page.get_by_label("Cabinet").fill("2")
    page.get_by_label("Drawer").fill("1")
    page.get_by_label("Folder").fill("17")
    page.get_by_label("Pages", exact=True).fill("2")
    office.press("Begin the batch")
    batch = office.path
    looks.at(office, "admin", "a batch of paper")
    office.follow("Choose and print")
    looks.at(office, "admin", "no sheets yet")
    office.press("Add the line")
    looks.at(office, "admin", "a sheet for nobody")
    page.get_by_label("Pupil", exact=True).select_option(school.pupil(PUPIL))
    page.get_by_label("What these papers are").select_option("letter")
    office.press("Add the line")
    office.press(re.compile("Make 3 sheets"))
    looks.at(office, "admin", "sheets to print")
    office.go(batch)
    page.get_by_label("Where is it now").fill("On the desk in the office")
    office.press("I have taken it out")
    office.go(f"{batch}/scans")
    office.press("Add the scans")
    looks.at(office, "admin", "no scan chosen")
    page.get_by_label("Choose scans").set_input_files(SCANS / "case-conference-2016-11-17.pdf")
    office.press("Add the scans")
    page.locator("[data-stack-state=read]").wait_for(timeout=60_000)
    looks.at(office, "admin", "a batch with a scan")
    office.go(f"{batch}/desk")
    looks.at(office, "admin", "the desk with pages to decide")
    put = page.locator("form[data-put]")
    office.press("Move")
    looks.at(office, "admin", "pages moved nowhere")
    pages = int(page.locator("[data-aside] .thumb").last.get_attribute("data-page"))
    put.get_by_label("First page").fill("1")
    put.get_by_label("Last page").fill(str(pages))
    put.get_by_label("Pupil").select_option(school.pupil(PUPIL))
    put.get_by_label("What it is").select_option("letter")
    office.press("Make a document of them")
    office.press(re.compile("It is not there"))
    page.get_by_label("Its own date").fill("last spring")
    office.press("Save dates and summaries")
    looks.at(office, "admin", "the desk with a date that cannot be read")
    page.get_by_label("Its own date").fill("17 November 2016")
    office.press("Save dates and summaries")
    looks.at(office, "admin", "the desk, ready")
    office.press("Ask them to check it")
    looks.at(office, "admin", "the desk with nobody chosen")
    page.get_by_label("Who looks at its pages?").select_option(label=lead.name)
    page.get_by_label("The counts are not as expected").fill("Some sides are blank")
    page.get_by_label("Nothing here is about").check()
    office.press("Ask them to check it")
    looks.at(office, "admin", "a batch that waits for a second person")

    lead.go("/")
    looks.at(lead, "dsl", "home with a batch to check")
    lead.follow(re.compile("for you to check"))
    looks.at(lead, "dsl", "batches to check")
    lead.follow(re.compile("^Batch [0-9]"))
    check = lead.path
    lead.press("Everything is in the right place")
    looks.at(lead, "dsl", "a batch that was not looked at")
    lead.press("Something is wrong: send it back")
    looks.at(lead, "dsl", "nothing said to be wrong")
    lead.page.get_by_label("What is wrong?").fill("The second page is another child’s")
    lead.page.get_by_label("Wrong: page 2").check()
    lead.press("Something is wrong: send it back")
    looks.at(lead, "dsl", "no batch to check any more")
    office.go(batch)
    looks.at(office, "admin", "a batch that was sent back")
    office.go(f"{batch}/desk")
    looks.at(office, "admin", "the desk with a page that is doubted")
    page.get_by_label("Who looks at its pages?").select_option(label=lead.name)
    page.get_by_label("Nothing here is about").check()
    office.press("Ask them to check it")
    lead.go(check)
    lead.page.get_by_label("I have looked at all").check()
    lead.press("Everything is in the right place")
    office.go(batch)
    looks.at(office, "admin", "a batch that was checked")
    office.press(re.compile("and seal the batch"))
    page.locator("[data-batch-state=sealed]").wait_for(timeout=60_000)
    looks.at(office, "admin", "a batch that is sealed")
    for who, person in (("admin", office), ("dsl", lead)):
        looks.walk(person, who, "/archive", "/checks")
    the_end_of_paper(looks, lead, school, f"/archive/{batch.rpartition('/')[2]}")


def the_end_of_paper(looks, lead, school, folder) -> None:
    page = lead.page
    lead.go(folder)
    looks.at(lead, "dsl", "paper that is not compared")
    lead.press(re.compile("^Compare 1 document"))
    page.get_by_text("1 of 1 document opened").wait_for(timeout=60_000)
    looks.at(lead, "dsl", "paper that is in no backup")
    school.back_up()
    lead.go(folder)
    looks.at(lead, "dsl", "paper that may be destroyed")
    page.get_by_label("How was it destroyed?").fill("Cross-cut shredder in the office, P-4")
    page.get_by_label("By whom?").fill("Maud Tranter, with the caretaker")
    page.get_by_label("On which day?").fill("last week")
    page.get_by_label(re.compile("is destroyed$")).check()
    lead.press("Record it and make the certificate")
    looks.at(lead, "dsl", "paper destroyed on no day")
    page.get_by_label("How was it destroyed?").fill("Cross-cut shredder in the office, P-4")
    page.get_by_label("By whom?").fill("Maud Tranter, with the caretaker")
    page.get_by_label("On which day?").fill(f"{datetime.now(UTC).date()}")
    lead.press("Record it and make the certificate")
    looks.at(lead, "dsl", "paper destroyed, and nobody says so")
    page.get_by_label("How was it destroyed?").fill("Cross-cut shredder in the office, P-4")
    page.get_by_label("By whom?").fill("Maud Tranter, with the caretaker")
    page.get_by_label(re.compile("is destroyed$")).check()
    lead.press("Record it and make the certificate")
    assert page.get_by_text("The paper is destroyed, and that stands in the record").count() == 1
    looks.at(lead, "dsl", "paper that is destroyed")


def looking_after_people(looks, lead, school) -> None:
    page = lead.page
    lead.go("/people")
    lead.press("Invite this person")
    looks.at(lead, "dsl", "a person without a name")
    page.get_by_label("Name").fill("Clement Ashdown-Forthergill")
    lead.press("Invite this person")
    looks.at(lead, "dsl", "a person without a role")
    page.get_by_label("Deputy").check()
    lead.press("Invite this person")
    assert lead.heading == "Invitation"
    looks.at(lead, "dsl", "a person invited")
    lead.go("/people")
    lead.follow("Clement Ashdown-Forthergill")
    looks.at(lead, "dsl", "a person who has not joined")
    lead.press("Suspend Clement Ashdown-Forthergill")
    looks.at(lead, "dsl", "a person suspended")

    name, code = school.newcomer("staff")
    own, token = school.joined(name, code)
    lead.go("/")
    looks.at(lead, "dsl", "home with people who wait")
    lead.go("/people")
    looks.at(lead, "dsl", "people at every step")
    lead.follow(name)
    looks.at(lead, "dsl", "a person whose keys wait")
    lead.press(f"Give {name} their keys")
    looks.at(lead, "dsl", "keys not compared")
    page.get_by_label("all eight words are the same").check()
    lead.press(f"Give {name} their keys")
    looks.at(lead, "dsl", "a person who has not read the policy")
    page.get_by_label("The day they completed").fill("yesterday")
    lead.press("Record this training")
    looks.at(lead, "dsl", "a training of no day")
    school.acknowledge(own, token)
    own.dispose()
    school.train(name)
    lead.go("/people")
    lead.follow(name)
    looks.at(lead, "dsl", "a person who can work")
    lead.press(f"Make {name} join again")
    looks.at(lead, "dsl", "a person made to join again")
    lead.go("/people")
    lead.follow(name)
    looks.at(lead, "dsl", "a person who is to join again")

    lead.go("/recovery-codes")
    for code in ("000000", school.code(lead.name)):
        page.get_by_label("Code from your authenticator").fill(code)
        lead.press("Show my recovery codes")
        looks.at(lead, "dsl", f"recovery codes{' with a wrong code' if code == '000000' else ''}")


def scan_stations(looks, lead, school) -> None:
    page, pupil = lead.page, school.pupil(PUPIL)
    lead.go("/stations")
    lead.press("Make this scan station")
    looks.at(lead, "dsl", "a scan station without a name")
    page.get_by_label("Name").fill("Office copier")
    lead.press("Make this scan station")
    looks.at(lead, "dsl", "a scan station for nobody")
    page.get_by_label("Pupils it files for").fill(pupil)
    page.get_by_label("It may put scans into the intake queue").check()
    lead.press("Make this scan station")
    assert lead.heading == "Scan station made" and re.fullmatch("station-[0-9a-z]{52}", page.get_by_label("The token").inner_text())
    looks.at(lead, "dsl", "a scan station made")
    lead.go("/stations")
    lead.follow("Office copier")
    looks.at(lead, "dsl", "a scan station")
    lead.press("Withdraw this scan station")
    looks.at(lead, "dsl", "a scan station withdrawn")
    lead.go("/stations")
    page.get_by_label("Name").fill("Library scanner")
    page.get_by_label("It may put scans into the intake queue").check()
    lead.press("Make this scan station")


def filing(looks, clerk, school) -> list:
    page, pupil = clerk.page, school.pupil(PUPIL)
    looks.walk(clerk, "admin", "/", f"/check/{pupil}")
    for words in ("whit", "nobody of that name"):
        clerk.go("/file")
        page.get_by_label("Pupil’s name or reference").fill(words)
        clerk.press("Find")
        looks.at(clerk, "admin", f"search for {words}")
    clerk.go(f"/file/{pupil}")
    clerk.press("Add files and check them")
    looks.at(clerk, "admin", "no files chosen")
    receipts = clerk.file(
        pupil,
        {
            SCANS / "transfer-record-2013-07-22.tif": "Transfer record",
            SCANS / "agency-meeting-2017-09-19.docx": "Meeting with Early Help",
            HOSTILE / "javascript.pdf": "A form that came by e-mail",
            HOSTILE / "launch.pdf": "A form that came by e-mail",
        },
    )
    looks.at(clerk, "admin", "receipt")
    clerk.page.get_by_role("link", name=re.compile("^Batch ")).click()
    looks.at(clerk, "admin", "an open batch")
    clerk.press(re.compile("^Close Batch "))
    looks.at(clerk, "admin", "a closed batch")
    clerk.go("/")
    clerk.press("Open a batch")
    looks.at(clerk, "admin", "a batch with nothing in it")
    clerk.send(pupil, SCANS / "transfer-record-2013-07-22.tif")
    clerk.go(f"/check/{pupil}")
    looks.at(clerk, "admin", "what was filed before")
    page.get_by_role("link", name="Discard transfer-record-2013-07-22.tif").click()
    clerk.press("Discard the file")
    clerk.go(f"/receipt/{','.join(receipt['Document'] for receipt in receipts.values())}")
    looks.walk(clerk, "admin", clerk.path)
    notes = [school.folder / name for name in ("a.txt", "b.txt", "c.txt", "d.txt", LONG)]
    for note in notes:
        note.write_text(f"Notes of a telephone call, {note.name[0]}.\nShe will write on Friday.\n")
    clerk.send(pupil, *notes, HOSTILE / "script.txt")
    looks.at(clerk, "admin", "one of several files refused")
    clerk.context.route("**/static/*.js", lambda route: route.abort())
    clerk.send(pupil, HOSTILE / "macro.docx", HOSTILE / "script.txt")
    looks.at(clerk, "admin", "one of two files refused, without the script")
    clerk.context.unroute("**/static/*.js")
    looks.walk(clerk, "admin", f"/check/{pupil}", f"/file/{pupil}")
    clerk.go(f"/check/{pupil}")
    for name, field, value in (
        ("a.txt", "Summary", ""),
        ("b.txt", "Document’s own date", "yesterday"),
        ("c.txt", "Received on", "2019-05-01"),
        (LONG, "Summary", "Long" + "er and longer" * 30),
    ):
        if field == "Received on":
            clerk.row(name).get_by_text("When the school received it").click()
        clerk.row(name).get_by_label(field).fill(value)
    clerk.row("d.txt").get_by_label("Category").select_option("")
    clerk.press("File 6 documents")
    assert page.locator(".field.wrong").count() == 5
    looks.at(clerk, "admin", "details that are wrong")
    clerk.go("/")
    looks.at(clerk, "admin", "home with unfinished work")
    assert clerk.go(f"/pupils/{pupil}").status == 403
    looks.at(clerk, "admin", "not this role's")
    return [receipt["Document"] for receipt in receipts.values()]


def leading(looks, lead, school, documents) -> None:
    page, pupil = lead.page, school.pupil(PUPIL)
    looks.walk(lead, "dsl", f"/pupils/{pupil}", *(f"/documents/{one}" for one in documents), "/stations", "/intake", "/")
    lead.go(f"/documents/{documents[2]}")
    lead.follow("Release it, or keep it")
    looks.at(lead, "dsl", "a decision about quarantine")
    lead.press("Record the decision")
    looks.at(lead, "dsl", "nothing decided about quarantine")
    page.get_by_label(re.compile("^Release it")).check()
    lead.press("Record the decision")
    looks.at(lead, "dsl", "released from quarantine without a reason")
    page.get_by_label("Why?").fill("The council’s own form; asked them by telephone")
    lead.press("Record the decision")
    assert lead.heading == "Quarantine" and page.locator("h2").all_inner_texts() == ["Kept", "Released"]
    looks.at(lead, "dsl", "quarantine with one released")
    lead.go(f"/documents/{documents[2]}")
    looks.at(lead, "dsl", "a document that was released")
    assert page.locator(".sheet img").count() >= 1
    for words in ("whit", "nobody of that name"):
        lead.go("/")
        page.get_by_label("Name or reference").fill(words)
        lead.press("Find")
        looks.at(lead, "dsl", f"search for {words}")
    lead.go(f"/pupils/{pupil}")
    lead.follow("Meeting with Early Help")
    for folded in page.locator("summary").all():
        folded.click()
    looks.at(lead, "dsl", "how to prove an entry")
    lead.go(f"/pupils/{pupil}/print")
    lead.press("Show a page to print")
    looks.at(lead, "dsl", "a page to print")
    elsewhere = school.visitor()
    school.sign_in(elsewhere, lead.name, PASSWORD, school.code(lead.name))
    lead.go("/sign-ins")
    looks.at(lead, "dsl", "signed in elsewhere too")
    elsewhere.dispose()
    lead.go("/pupils/add")
    fields = ("Full name", "Date of birth", "UPN (if known)", "Enrolled on (if known)")
    for values in (
        ("", "", "", ""),
        ("Hester Quill", "4 May 2005", "", ""),
        ("Hester Quill", "2005-05-04", "12", ""),
        ("Hester Quill", "2005-05-04", "", "x"),
    ):
        for field, value in zip(fields, values, strict=True):
            page.get_by_label(field).fill(value)
        lead.press("Add this pupil")
        looks.at(lead, "dsl", f"a pupil with a wrong field ({' '.join(values)})")
    lead.go("/pupils/import")
    lead.press("Import the register")
    looks.at(lead, "dsl", "no register chosen")
    header, *_, known = REGISTER.read_text().splitlines()
    register = school.folder / "register.csv"
    register.write_text(f"{header}\nOttilie Verran,2005-02-01,,\nNo Date,sometime,,\n{known}\n")
    page.get_by_label("The register").set_input_files(register)
    lead.press("Import the register")
    assert lead.heading == "1 pupil added to the register"
    looks.at(lead, "dsl", "a register imported")


def entries(looks, clerk, lead, school) -> None:
    """Without a file: test_entries looks at them filled in."""
    pupil = school.pupil(PUPIL)
    clerk.go(f"/record/{pupil}?kind=observation")
    clerk.page.get_by_label("What was seen or heard").fill("A bruise, seen in swimming.")
    clerk.page.get_by_label("Fact").check()
    clerk.press("Add this entry")
    looks.at(clerk, "admin", "an entry recorded")
    looks.walk(clerk, "admin", clerk.path)
    lead.go(f"/pupils/{pupil}")
    lead.follow("A bruise, seen in swimming.")
    looks.walk(lead, "dsl", lead.path, "/follow-ups", "/waiting", f"/record/{pupil}")


def meeting_notes(looks, lead, school) -> None:
    """Begun, kept, with a file to be attached, and to be discarded: test_meetings looks at them filed."""
    lead.go(f"/file/{school.pupil(PUPIL)}/meeting")
    looks.at(lead, "dsl", "notes of a meeting")
    lead.page.locator("[name=words]").fill("Nobody of this name")
    lead.press_alone("Find")
    looks.at(lead, "dsl", "notes with no pupil found")
    lead.press_alone("Save, and go on later")
    notes = lead.path
    looks.walk(lead, "dsl", notes, f"{notes}/file", f"{notes}/discard")


def recovery_key(looks, lead) -> None:
    lead.go("/recovery")
    looks.at(lead, "dsl", "no recovery key yet")
    lead.press("Make the sheets")
    looks.at(lead, "dsl", "recovery sheets for nobody")
    lead.page.get_by_label("Who keeps a sheet").fill("Ines Marlowe\nTobias Quill\nRuth Abernathy")
    lead.press("Make the sheets")
    assert lead.heading == "Recovery sheets"
    looks.at(lead, "dsl", "recovery sheets")
    sheets = [" ".join(sheet.locator("li").all_inner_texts()) for sheet in lead.page.locator(".share").all()]
    looks.walk(lead, "dsl", "/recovery", "/recovery/drill", "/keeping")
    lead.go("/keeping")
    lead.press("Make a sheet of today’s checkpoint")
    looks.at(lead, "dsl", "a checkpoint sheet to print")
    lead.go("/recovery/drill")
    lead.press("Try these sheets")
    looks.at(lead, "dsl", "a drill without words")
    for number, words in enumerate(sheets[:2], 1):
        lead.page.locator(f"#sheet{number}").fill(words)
    lead.press("Try these sheets")
    looks.at(lead, "dsl", "a drill that was passed")


def sharing(looks, lead, member, school) -> None:
    page, pupil = lead.page, school.pupil(PUPIL)
    lead.go(f"/pupils/{pupil}/access")
    page.get_by_label("Who needs to read").select_option(label=f"{member.name}, Staff")
    page.get_by_label("The whole file").check()
    page.get_by_label("Last day").fill(str(datetime.now(UTC).date() + timedelta(7)))
    page.get_by_label("Why they need to read it").fill("Writes the plan for the summer")
    lead.press("Give access")
    looks.walk(lead, "dsl", lead.path, "/security")
    looks.walk(member, "staff", "/", "/reading")


def disclosing_documents(looks, lead, school) -> dict:
    """Each page once: test_disclosure_lead looks at what goes wrong on them."""
    request = asks(lead, school.pupil(PUPIL), "Transfer record")
    looks.walk(lead, "dsl", request)
    given = permits(lead, request, "Transfer record")
    looks.at(lead, "dsl", "a permission given")
    looks.walk(lead, "dsl", request)
    lead.go(request)
    lead.page.get_by_role("link", name=re.compile("^Record a visit")).click()
    fill(lead, {"From when to when": "10:15 to 11:40", "Who was with them": lead.name, "What they read": "All of it"})
    lead.press("Record this visit")
    looks.walk(lead, "dsl", request, "/disclosures", "/")
    return given


def restricting(looks, lead, school) -> None:
    """Each page once: test_restricted_requests looks at what goes wrong on them."""
    heard, letter = (school.folder / f"{name}.txt" for name in ("heard", "asked"))
    heard.write_text("He shut the door, she said, and it was not the first time.\n")
    letter.write_text("We ask for what was written down about him.\n")
    lead.add(school.pupil(PUPIL), heard, letter)
    for file in (heard, letter):
        lead.row(file.name).get_by_label("Summary").fill("What was heard about somebody who left")
        lead.row(file.name).get_by_label("Concerns a member of staff").check()
    lead.page.locator("#staff-yes").check()
    if lead.page.locator("details.if-yes").get_attribute("open") is None:
        lead.page.get_by_text(re.compile("^If yes: whom")).click()
    lead.page.get_by_label("Others, by name").fill("Mr Fenn, who left in 2016")
    lead.press_alone("File 2 documents")
    document = lead.receipts()[heard.name]["Document"]
    looks.walk(lead, "dsl", f"/documents/{document}", f"/restricted/{document}", f"/restricted/{document}/ask")


def an_agency(looks, officer, visitor, given) -> None:
    """Each page once, and all of them as they are when the officer has accepted the terms and received what they needed."""
    looks.walk(visitor, "at the door", given["link"].removeprefix(visitor.school.address), "/agency/ended")
    enter(officer, given)
    looks.at(officer, "officer", "terms that are not accepted")
    officer.press("I accept and go on")
    officer.press("I received these")
    looks.walk(officer, "officer", "/agency")


def test_axe_finds_nothing(looks):
    assert not {str(look): look.faults for look in looks.all if look.faults}


def test_nothing_sticks_out_of_a_narrow_window(looks):
    assert not {str(look): look.sticks_out for look in looks.all if look.sticks_out}


def test_titles_tell_pages_apart_and_name_no_child(looks, school):
    headings: dict = {}
    for look in looks.all:
        assert look.title.endswith("Harrowdale School"), look
        assert not [word for word in school.personal() if word in look.title.lower()], look
        headings.setdefault((look.who, look.title), set()).add(look.heading)
    assert not {title: found for title, found in headings.items() if len(found) > 1}


def test_no_address_was_left_out(looks):
    swift = "".join(path.read_text() for path in sorted((CHECKOUT / "Sources/Web").glob("*.swift")))
    routes = set(re.findall(r'Route\(\s*\.get,\s*"([^"]+)"', swift))
    assert len(routes) > 20
    paths = {look.path.split("?")[0] for look in looks.all}
    for route in sorted(route for route in routes if not NO_PAGES.search(route)):
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route))
        assert [path for path in paths if re.fullmatch(pattern, path)], f"no page of {route} was looked at"


def statements(people) -> dict:
    """The figures of the record, read by who reads nothing else; not the room on the disk, which is others' too."""
    page = people["panel"].page
    people["panel"].go("/ledger")
    figures = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    del figures["Room left for uploads"]
    return figures


def test_asking_for_a_page_changes_nothing(looks, people, school):
    """That a person read is recorded once in a session; asking again, or for what a form does, leaves no trace."""
    before = statements(people)
    for who, path in sorted(looks.addresses):
        for method in ("GET", "HEAD"):
            answer = people[who].context.request.fetch(path, method=method)
            assert answer.ok, (who, method, path)
            assert_strict(answer.headers, path)
            assert not (method == "HEAD" and answer.body())
    for who, action, _ in sorted(looks.forms):
        answer = people[who].context.request.get(action, max_redirects=0)
        # Notes that were begun and not kept yet have an address of their own already, and nothing there; a batch that is sealed
        # has no desk, no sheets and nothing to check any more.
        gone = {"meeting-notes": (404,), "batches": (303, 404), "checks": (404,)}.get(action.split("/")[1], ())
        assert answer.status in (200, 405, *gone), (who, action)
        assert_strict(answer.headers, action)
    assert statements(people) == before
    people["admin"].go(f"/check/{school.pupil(PUPIL)}")
    assert people["admin"].page.locator("fieldset.row").count() > 0


def test_forms_take_only_what_is_theirs(looks, people):
    """From this site, with this session's token, and no field more than they have."""
    before = statements(people)
    wanted = {"/sign-in", "/join", "/first-time", "/policy", "/recovery-codes", "/sign-out", "/file", "/people", "/pupils/import"}
    assert wanted < {form[1] for form in looks.forms}
    for who, action, enctype in sorted(looks.forms):
        request = people[who].context.request
        start = {"nobody": "/sign-in", "newcomer": "/first-time", "officer": "/agency", "at the door": action}
        token = form_token(request.get(start.get(who, "/")))
        kind = "multipart" if enctype.startswith("multipart") else "form"
        for expected, fields, headers in (
            (403, {}, {}),
            (403, {"csrf": ""}, {}),
            (403, {"csrf": token[:-2] + "AA"}, {}),
            (403, {"csrf": token}, {"Sec-Fetch-Site": "cross-site"}),
            (403, {"csrf": token}, {"Origin": "https://elsewhere.example"}),
            (400, {"csrf": token, "flavour": "red"}, {}),
        ):
            answer = request.post(action, headers=headers, max_redirects=0, **{kind: fields})
            assert answer.status == expected, (who, action, fields, headers, answer.text())
            assert_strict(answer.headers, action)
        assert request.get(action + "?flavour=red").status in (400, 405), action
    assert statements(people) == before, "and none of it changed anything"


def test_other_methods_are_told_what_is_allowed(looks, people):
    for who, path in sorted(looks.addresses | {(who, action) for who, action, _ in looks.forms}):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = people[who].context.request.fetch(path, method=method)
            assert answer.status == 405, (who, method, path)
            assert set(answer.headers["allow"].split(", ")) <= {"GET", "HEAD", "POST"}
            assert_strict(answer.headers, path)


def test_what_no_browser_sends_is_answered_strictly_too(school):
    host, port = school.address.removeprefix("https://").split(":")
    context = ssl._create_unverified_context()
    for method, path, status in (
        ("TRACE", "/", 405),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", "/static/../../etc/passwd", 404),
        ("GET", "/static/none.css", 404),
        ("GET", "/documents/" + "0" * 26, 303),
        ("GET", "/?%00", 400),
        ("POST", "/sign-in", 400),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/healthz", 200),
    ):
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        assert answer.status == status, (method, path, answer.status)
        assert_strict(headers, f"{method} {path}")
        body = answer.read()
        connection.close()
        if path.startswith("/api/"):
            assert headers["content-type"] == "application/problem+json"
            assert json.loads(body)["status"] == status


@pytest.mark.parametrize(("who", "button"), [("nobody", "Go to sign in"), ("admin", "Go to your home page")])
def test_a_page_that_is_not_there_says_what_to_do_now(people, who, button):
    person = people[who]
    assert person.go("/nothing").status == 404
    assert person.heading == "There is nothing at this address"
    said = person.page.inner_text("main")
    assert "Nothing was changed." in said and "the school office" in said and "!" not in said
    assert person.page.get_by_role("button", name="Sign out").count() == (who == "admin"), "one stays signed in"
    person.follow(button)
    assert person.heading in ("Sign in", "Home")
