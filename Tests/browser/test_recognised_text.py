"""What is read of scans, at the office's desk and for who searches."""

import re

import pytest
from person import SCANS, Person, another_school
from playwright.sync_api import expect

PUPIL, OTHER = "Alfie Thornbury", "Kofi Ansah-Bell"
TRANSFER = SCANS / "transfer-record-2013-07-22.tif"
PHOTOGRAPH = SCANS / "note-photographed-2017-06-12.jpg"


@pytest.fixture(scope="module")
def reading(playwright, chromium, tmp_path_factory):
    """A school whose service reads the text of scans, and what makes people of a role there."""
    with another_school(tmp_path_factory.mktemp("reading"), playwright, chromium, recognises=True) as one:
        yield one


def test_a_summary_comes_by_itself_where_nothing_was_typed(reading, tmp_path):
    school, person = reading
    again = tmp_path / "again.tif"
    # Padded, as copiers do: the same content twice would be left out.
    again.write_bytes(TRANSFER.read_bytes() + bytes(4))
    clerk = person("admin")
    clerk.add(school.pupil(PUPIL), TRANSFER, again, PHOTOGRAPH)
    summary, typed, unread = (clerk.row(path.name).get_by_label("Summary") for path in (TRANSFER, again, PHOTOGRAPH))
    typed.fill("Typed at once")
    expect(summary).to_have_value(re.compile("HOLM FARM PRIMARY SCHOOL"), timeout=60_000)
    expect(clerk.page.locator("[data-reading]")).to_have_count(0, timeout=60_000)
    assert typed.input_value() == "Typed at once"
    # Handwriting is read too badly to be proposed.
    assert unread.input_value() == ""
    unread.fill("Note of a talk at break time")
    hint = clerk.row(TRANSFER.name).locator("p.hint").first.inner_text()
    assert hint == "Proposed by the system from the document’s own words. Change it if it is not right."
    clerk.press("File 3 documents")
    assert set(clerk.receipts()) == {TRANSFER.name, again.name, PHOTOGRAPH.name}


def test_a_search_leads_to_the_page_that_has_the_words(reading):
    school, person = reading
    clerk = person("admin")
    clerk.file(school.pupil(OTHER), {TRANSFER: "A paper", SCANS / "case-conference-2016-11-17.pdf": "Another"})
    lead = person("dsl")
    lead.go(f"/pupils/{school.pupil(OTHER)}")
    for _ in range(60):
        search(lead, "list of contents")
        if not lead.page.get_by_text("has not been read yet").count():
            break
        lead.page.wait_for_timeout(1000)
    assert lead.page.locator("#found").inner_text() == "1 entry found"
    lead.follow("page 2")
    assert lead.page.get_by_text("Page 2 of 3").count()
    lead.button("Turn the page").click()
    assert "rotate(90deg)" in lead.page.locator(".sheet img").get_attribute("style")
    assert lead.page.locator(".summary, .lead").first.inner_text() == "A paper"
    lead.go("/search")
    search(lead, "list of contents")
    assert lead.page.locator("#found").inner_text() == "0 entries found"
    assert lead.page.get_by_text("search in a pupil’s file for that").count() == 1


def search(lead: Person, words: str) -> None:
    box = lead.page.get_by_role("searchbox")
    box.fill(words)
    box.press("Enter")
    lead.page.locator("#found").wait_for()
