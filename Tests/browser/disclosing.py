"""What a lead does before an agency sees anything: records what was asked for, and gives a permission."""

import re
from datetime import UTC, datetime, timedelta

ASKED = {
    "Force, council or team": "Harrow Vale Police",
    "Full name of who asks": "Ann Exley",
    "Their rank or role": "Detective constable",
    "Their number (optional)": "4411",
    "How they can be reached (optional)": "01632 960111",
    "How you made sure who they are": "Called back through the switchboard of the force",
    "What it is for": "An enquiry into an assault",
    "On what legal ground": "The order that is named in the letter",
    "What is sought": "Notes of telephone calls in 2016",
}
OFFICER, NUMBER = ASKED["Full name of who asks"], ASKED["Their number (optional)"]
SUSPECT = "Rowan Thackeray"
ABOUT_A_VICTIM = {
    "To which reasonable line of enquiry is it relevant?": "Whether he was seen before",
    "Why is it necessary and proportionate, and not to be had otherwise?": "Nobody else wrote it down",
    "To whom notice was given, or would have to be": "Mrs J Thackeray",
    "The suspects, as far as the school knows (optional)": SUSPECT,
}


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days)).strftime("%-d %B %Y")


def fill(one, fields: dict) -> None:
    for label, value in fields.items():
        one.page.get_by_label(label, exact=True).fill(value)


def choose(one, label: str, words: str) -> None:
    """The first answer of a list that has these words."""
    option = one.page.get_by_label(label, exact=True).locator("option").filter(has_text=words).first
    one.page.get_by_label(label, exact=True).select_option(option.get_attribute("value"))


def asks(one, pupil: str, letter: str, **others) -> str:
    """Records a request by a letter that is filed; gives its address."""
    one.go(f"/pupils/{pupil}/requests/new")
    choose(one, "Agency", "Police")
    choose(one, "The written request", letter)
    fill(one, {**ASKED, "Day on which the school was asked": day(0), **others})
    one.page.locator("#victim-no").check()
    one.press("Record this request")
    assert re.fullmatch(r"/requests/\w{26}", one.path), problem(one)
    return one.path


def permits(one, request: str, *summaries: str, copies: str = "1", until: int = 7) -> dict:
    """Gives a permission for documents; gives link, code and the exhibits' references, as they are shown."""
    one.go(f"{request}/permit")
    for summary in summaries:
        one.page.get_by_label(summary).check()
    fill(one, {"Last day": day(until)})
    one.page.locator("#manner-copies" if copies else "#manner-view").check()
    fill(one, {"If copies: how many times they may be taken": copies})
    one.page.locator("#child-later").check()
    one.press("Give this permission")
    return shown(one)


def shown(one) -> dict:
    """What is shown once of a permission."""
    assert one.page.locator("#permission-link").count(), problem(one) or one.heading
    return {
        "link": one.page.locator("#permission-link").inner_text(),
        "code": one.page.locator("#permission-code").inner_text(),
        "exhibits": one.page.locator(".references li").all_inner_texts(),
    }


def enter(one, given: dict, code: str | None = None, name: str = OFFICER, number: str = NUMBER) -> None:
    """An officer opens the link, and enters."""
    one.go(given["link"])
    one.page.get_by_label("Access code").fill(given["code"] if code is None else code)
    one.page.get_by_label("Your full name").fill(name)
    one.page.get_by_label("Your collar, warrant or staff number").fill(number)
    one.press_alone("Enter")


def problem(one) -> str:
    return one.page.get_by_role("alert").inner_text() if one.page.get_by_role("alert").count() else ""
