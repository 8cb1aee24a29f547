"""The second person's look where the policy has a stated sample looked at, and not every page."""

import re

import pytest
from person import another_school
from test_desk import LOADED, PAGES, Desk, heading, thumb


@pytest.fixture(scope="module")
def sampling(playwright, chromium, tmp_path_factory):
    """A school in which half of the pages are looked at, and what makes people of a role there."""
    with another_school(tmp_path_factory.mktemp("sampling"), playwright, chromium, sample=50) as one:
        yield one


def test_keys_go_through_the_sample_and_a_page_outside_of_it_opens_beside_the_others(sampling):
    school, person = sampling
    # Who may be asked stands on the desk as it is opened.
    checker = person("dsl")
    desk = Desk(person("admin"), school)
    desk.settle()
    desk.present(checker)
    checker.go("/checks")
    checker.follow(re.compile("^Batch [0-9]"))
    page, check = checker.page, checker.path
    chosen = [int(one.get_attribute("data-page")) for one in page.locator(".thumb[data-look=yes]").all()]
    others = [number for number in range(1, PAGES + 1) if number not in chosen]
    assert {1, 7, 8, 14} <= set(chosen) and len(chosen) == PAGES // 2, chosen
    seen = []
    for count in range(1, len(chosen) + 1):
        page.keyboard.press("n")
        page.get_by_text(f"{count} of {len(chosen)} looked at.", exact=True).wait_for()
        seen.append(int(heading(page).partition(" – ")[0].removeprefix("Page ")))
    assert seen == chosen
    page.keyboard.press("x")
    # One that nobody has to look at: it is shown here, counts for nothing, and nothing that was marked is lost.
    thumb(page, others[0]).locator("a").click()
    page.locator("#large").evaluate(LOADED)
    assert checker.path == check and heading(page).startswith(f"Page {others[0]} – ")
    assert page.get_by_text(f"{len(chosen)} of {len(chosen)} looked at.", exact=True).count() == 1
    page.keyboard.press("x")
    assert page.locator("[name=wrong]:checked").count() == 2
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert int(heading(page).partition(" – ")[0].removeprefix("Page ")) in chosen
