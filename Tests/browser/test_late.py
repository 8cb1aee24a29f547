"""A form that is sent when the session has ended (A-05), without the script: in a school where that is after a minute."""

import pytest
from looks import Looks
from person import SCANS
from school import PASSWORD, School

PUPIL = "Kofi Ansah-Bell"
LETTER = SCANS / "referral-letter-2015-03-04.pdf"
SUMMARY = "A letter that took long to describe"


@pytest.fixture(scope="module")
def school(playwright, tmp_path_factory):
    school = School(tmp_path_factory.mktemp("hasty"), playwright, idle_minutes=1)
    try:
        school.open()
        yield school
    finally:
        log = school.stop().lower()
    assert not [word for word in school.personal() if word in log], log


def test_what_was_filled_in_comes_again_after_signing_in(person, school):
    looks, clerk, pupil = Looks(), person("admin"), school.pupil(PUPIL)
    clerk.context.route("**/static/*.js", lambda route: route.abort())
    clerk.add(pupil, LETTER)
    clerk.row(LETTER.name).get_by_label("Summary").fill(SUMMARY)
    clerk.page.locator("#staff-no").check()
    sends_too_late(clerk, school, looks, "File 1 document", SUMMARY)
    clerk.press_alone("Send it now")
    assert clerk.heading == "Filed" and list(clerk.receipts()) == [LETTER.name]
    clerk.go(f"/record/{pupil}?kind=words")
    clerk.page.get_by_label("The child’s own words").fill("“cafe\u0301”,  he said  ")
    clerk.page.get_by_label("Fact").check()
    sends_too_late(clerk, school, looks, "Add this entry", "he said")
    assert clerk.page.locator("[name=account]").input_value() == "“cafe\u0301”,  he said  "
    clerk.press_alone("Send it now")
    assert clerk.heading == "Entry recorded"
    for look in looks.all:
        assert not look.faults, f"{look}: {look.faults}"
        assert not look.sticks_out, f"{look}: {look.sticks_out}"


def sends_too_late(clerk, school, looks, button: str, words: str) -> None:
    """And signs in again, and finds what was filled in."""
    clerk.page.wait_for_timeout(62_000)
    clerk.press_alone(button)
    assert clerk.heading == "Sign in" and "What you had filled in is kept" in clerk.page.locator(".notice").inner_text()
    assert words not in clerk.page.content(), "it is sealed"
    looks.at(clerk, "admin", "a form sent too late")
    clerk.page.get_by_label("Your name").fill(clerk.name)
    clerk.page.get_by_label("Password").fill(PASSWORD)
    clerk.page.get_by_label("Code from your authenticator").fill(school.code(clerk.name))
    clerk.press_alone("Sign in")
    assert clerk.path == "/late" and words in clerk.page.locator(".facts-list").inner_text()
    looks.at(clerk, "admin", "what was filled in")
