"""The policy register (A-06): who acknowledged what and is trained, what is missing, and the yearly review with the panel."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from looks import Looks

REGISTER = "/policy-register"
# Found by a spreadsheet at the beginning of a cell, it would reckon.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture(scope="module")
def looks():
    looks = Looks()
    yield looks
    for look in looks.all:
        assert not look.faults, f"{look}: {look.faults}"
        assert not look.sticks_out, f"{look}: {look.sticks_out}"


def row_of(one, name: str) -> str:
    rows = one.page.locator("table").first.locator("tbody tr")
    return rows.filter(has=one.page.get_by_role("rowheader", name=re.compile(f"^{re.escape(name)}"))).inner_text()


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_review_with_the_panel_is_recorded_and_everybody_sees_it(person, looks, script):
    lead, panel = person("dsl", java_script_enabled=script), person("panel")
    page = lead.page

    def look(name: str) -> None:
        # axe runs on the page's own timers, which stand still without scripts.
        if script:
            looks.at(lead, "dsl", name)

    lead.go("/")
    lead.follow("Policy register")
    assert lead.path == REGISTER and lead.heading == "Policy register"
    look("policy register")
    lead.press("Record this review")
    assert "That is not a day that can be read." in lead.page.get_by_role("alert").inner_text()
    today = datetime.now(UTC).date()
    page.get_by_label("The day of the review").fill(f"{today.day}/{today.month}/{today.year}")
    page.get_by_label("The next review is due on").fill(str(today + timedelta(500)))
    lead.press("Record this review")
    assert "The next review cannot be due on that day." in lead.page.get_by_role("alert").inner_text()
    assert page.get_by_label("The day of the review").input_value() == f"{today.day}/{today.month}/{today.year}"
    page.get_by_label("The next review is due on").fill("")
    lead.press("Record this review")
    assert "A review is made together with the advisory panel." in lead.page.get_by_role("alert").inner_text()
    look("a review without the panel")
    page.get_by_label(panel.name, exact=True).check()
    lead.press("Record this review")
    assert page.get_by_role("alert").count() == 0
    look("policy register with a review")
    assert f"{lead.name}, {panel.name}" in page.locator("main").inner_text()

    panel.go("/")
    panel.follow("Policy register")
    words = panel.page.locator("main").inner_text()
    assert f"{lead.name}, {panel.name}" in words and "Record a review" not in words
    assert "In force" in words
    looks.at(panel, "panel", "policy register")


def test_what_is_missing_stands_beside_each_name(person, school, looks):
    lead = person("dsl")
    name, code = school.newcomer("staff")
    school.joined(name, code)[0].dispose()
    school.give_keys(name)
    lead.go(REGISTER)
    words = row_of(lead, name)
    assert "Missing." in words and "Never acknowledged the policy" in words and "No training" in words
    assert "Nothing." in row_of(lead, lead.name)
    invited, _ = school.newcomer("staff")
    lead.go(REGISTER)
    assert "Has to join with their invitation first." in row_of(lead, invited)
    lead.follow(name)
    assert lead.heading == name
    deputy, manager = person("deputy"), person("account-manager")
    for one, who in ((deputy, "deputy"), (manager, "account-manager")):
        assert one.go(REGISTER).ok
        assert "Missing." in row_of(one, name)
        looks.at(one, who, "policy register")
    assert deputy.page.get_by_role("link", name=name).count() == 0, "a deputy has no page of a person"
    assert manager.page.get_by_role("link", name=name).count() == 1


def test_the_table_for_spreadsheets_is_whole_and_reckons_nothing(person, school):
    lead, clerk = person("dsl"), person("admin")
    with lead.page.expect_download() as table:
        lead.go(REGISTER)
        lead.page.get_by_role("link", name="This table for a spreadsheet").click()
    assert re.fullmatch(r"policy-register-\d{4}-\d\d-\d\d\.csv", table.value.suggested_filename)
    rows = list(csv.DictReader(io.StringIO(table.value.path().read_bytes().decode("utf-8-sig"))))
    row = next(one for one in rows if one["Name"] == lead.name)
    assert row["Version acknowledged"] == row["Version in force"] and row["What is missing"] == "Nothing."
    assert row["Training completed"] == str(datetime.now(UTC).date())
    assert not [cell for one in rows for cell in one.values() if cell.startswith(FORMULAS)]
    assert clerk.go(REGISTER).status == 403
    assert clerk.context.request.get(REGISTER + "/people.csv").status == 403


def test_on_paper_the_whole_table_stands_and_no_form(person):
    lead, _ = person("dsl"), person("panel")
    lead.go(REGISTER)
    assert lead.page.locator("form.unprinted").is_visible()
    lead.page.emulate_media(media="print")
    assert lead.page.locator("table").first.is_visible()
    assert not lead.page.locator("form.unprinted").is_visible()
    assert lead.page.evaluate("getComputedStyle(document.querySelector('.scrolls')).overflowX") == "visible"
