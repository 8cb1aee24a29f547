"""What a session may do after five minutes: go on reading, and give access or keys only with another code."""

import time

from looks import Looks
from person import SCANS
from test_access import day, given, problem

SUMMARIES = {
    SCANS / "telephone-call-2016-06-03.txt": "Call about the bench",
    SCANS / "agency-meeting-2017-09-19.docx": "Meeting about the bench",
}
PUPIL = "Isla Penhallow"


def test_a_code_is_asked_for_again_after_five_minutes(early, person, school):
    (lead, since), member, looks = early, person("staff"), Looks()
    page, pupil = lead.page, school.pupil(PUPIL)
    for path, summary in SUMMARIES.items():
        person("admin").file(pupil, {path: summary})
    time.sleep(max(0, since + 301 - time.monotonic()))
    lead.go(f"/pupils/{pupil}/access")
    page.get_by_label("Who needs to read").select_option(label=f"{member.name}, Staff")
    for summary in SUMMARIES.values():
        page.get_by_label(summary).check()
    page.get_by_label("Last day").fill(day(3))
    page.get_by_label("Why they need to read it").fill("„Übung“ — so it is")
    lead.press_alone("Give access")
    assert lead.heading == "Confirm with a code"
    looks.at(lead, "dsl", "a code is asked for")
    kept = page.locator("input[type=hidden]").evaluate_all("all => all.map(e => e.name)")
    assert kept.count("document") == 2 and {"person", "until", "reason", "what"} <= set(kept)
    for code in ("", "000000", school.recovery_code(lead.name, 3)):
        page.get_by_label("Code from your authenticator").fill(code)
        lead.press_alone("Confirm and go on")
        assert lead.heading == "Confirm with a code", code
        assert bool(problem(lead)) == bool(code)
    looks.at(lead, "dsl", "a wrong code")
    page.get_by_label("Code from your authenticator").fill(school.code(lead.name))
    lead.press_alone("Confirm and go on")
    (line,) = given(lead, member.name)
    assert "2 documents" in line and "„Übung“ — so it is" in line
    # For five minutes it is good for more.
    page.get_by_label("Who needs to read").select_option(label=f"{member.name}, Staff")
    page.get_by_label("The whole file").check()
    page.get_by_label("Last day").fill(day(3))
    page.get_by_label("Why they need to read it").fill("And the whole")
    lead.press_alone("Give access")
    assert len(given(lead, member.name)) == 2
    assert not {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
