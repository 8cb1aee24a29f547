"""A pupil's history as a picture, what is significant in it, what is chosen of it, and what is found."""

import re

import pytest
from looks import SHOTS, Looks

PUPIL = "Abel Quillfeather"
MARKUP = "<img src=x onerror=alert(1)> <b>bold</b> & \"quoted\" </textarea>"
# Date, category and summary: a batch of the office's over years, with two meetings and a long silence.
SCANS = [
    ("4/3/2009", "Letter or e-mail", "Letter from the first school"),
    ("9/3/2009", "Note of concern", "Came to school without a coat"),
    ("2009-05", "Note of concern", "Tired on Mondays"),
    ("2010", "Attendance and exclusion", "Attendance of the year"),
    ("12/1/2011", "Police report or notification", "Police were called to the home"),
    ("3/2/2011", "Child protection conference or core group", "First conference"),
    ("8/2/2011", "Letter or e-mail", "Letter to Zoe\u0308 Amberley\u2019s aunt"),
    ("20/2/2011", "Letter or e-mail", "Second letter to the aunt"),
    ("1/4/2011", "Letter or e-mail", "Third letter to the aunt"),
    ("2/4/2011", "Letter or e-mail", "Fourth letter to the aunt"),
    ("5/4/2011", "Letter or e-mail", "Fifth letter to the aunt"),
    ("7/9/2014", "Notes of a meeting with another agency", "Meeting with Early Help"),
    ("10/10/2016", "Health report", MARKUP),
    ("undated", "File note", "A note on the back of an envelope"),
]


@pytest.fixture(scope="module")
def pupil(school):
    answer = school.act("/pupils/add", **{"name": PUPIL, "date-of-birth": "2004-02-03", "upn": "", "enrolled": ""})
    return re.search(r"P-\w{5}", answer.url)[0]


@pytest.fixture(scope="module")
def clerk(lasting_person, pupil):
    clerk = lasting_person("admin")
    clerk.add(pupil, *({"name": f"scan-{n}.txt", "mimeType": "text/plain", "buffer": f"{s}\n".encode()} for n, (*_, s) in enumerate(SCANS)))
    for number, (date, category, summary) in enumerate(SCANS):
        row = clerk.row(f"scan-{number}.txt")
        row.get_by_label("Summary").fill(summary)
        row.get_by_label("Category").select_option(label=category)
        row.get_by_label("Document’s own date").fill(date)
    clerk.press(re.compile(r"^File \d+ document"))
    return clerk


@pytest.fixture(scope="module")
def lead(lasting_person, clerk):
    return lasting_person("dsl")


@pytest.fixture
def looks():
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


def marks(one) -> list:
    return [mark.get_attribute("aria-label") for mark in one.page.locator(".picture svg a:has(title)").all()]


def summaries(one) -> list:
    return one.page.locator("ol.chronology .summary").all_inner_texts()


def rows(one) -> list:
    one.page.get_by_text("Show the timeline as a table").click()
    return [row.inner_text().split("\t") for row in one.page.locator(".as-table tbody tr").all()]


def test_the_whole_history_is_one_picture_and_a_table_says_the_same(lead, pupil, looks):
    lead.go(f"/pupils/{pupil}?order=oldest")
    names = marks(lead)
    assert "Meeting: Child protection conference or core group, 3 February 2011" in names
    assert "Meeting: Notes of a meeting with another agency, 7 September 2014" in names
    assert any(re.fullmatch(r"3 documents of batch \d+, January 2011 to March 2011", name) for name in names), names
    assert any(name.startswith("Document: Health report, 10 October 2016") for name in names)
    gaps = lead.page.locator(".gap text").all_text_contents()
    assert "nothing for 3 years" in gaps and "nothing for 2 years" not in gaps
    assert lead.page.locator("a[href^='#line-']", has_text="1 item without a date").count() == 1
    looks.at(lead, "dsl", "timeline of the whole history")
    table = rows(lead)
    said = [f"{what}, {when}" if kind == "Several" else f"{kind}: {what}, {when}" for when, kind, what in table if what.strip()]
    assert sorted(said) == sorted(names)
    silences = [(when, kind) for when, kind, what in table if not what.strip()]
    assert ("After 5 April 2011", "Nothing for 3 years") in silences, silences
    looks.at(lead, "dsl", "timeline as a table")


def test_a_mark_leads_to_its_row_by_keyboard(lead, pupil):
    page = lead.page
    lead.go(f"/pupils/{pupil}?order=oldest")
    for mark in page.locator(".picture svg a:has(title)").all():
        href, name = mark.get_attribute("href"), mark.get_attribute("aria-label")
        mark.focus()
        assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == name
        page.keyboard.press("Enter")
        row = page.locator(href)
        assert row.count() == 1 and page.evaluate("() => location.hash") == href
        if name.startswith(("Document", "Meeting")):
            assert name.rsplit(", ", 1)[1] in row.inner_text() or "of batch" in row.inner_text(), name
    # From the heading on, the picture can be passed over.
    page.get_by_role("link", name="Skip the picture").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => location.hash") == "#after-timeline"


def test_it_is_looked_at_closer_by_plain_links_alone(lead, pupil, looks, school, chromium):
    lead.go(f"/pupils/{pupil}?order=oldest")
    lead.follow("2011")
    assert "period=2011" in lead.path
    assert len(summaries(lead)) == 3, "police, conference, and what is folded of the batch"
    assert lead.page.locator(".picture .tick").all_text_contents()[:3] == ["Jan", "Feb", "Mar"]
    looks.at(lead, "dsl", "timeline of a year")
    lead.follow("Only February 2011")
    assert "period=2011-02" in lead.path
    assert [mark for mark in marks(lead) if "3 February 2011" in mark]
    looks.at(lead, "dsl", "timeline of a month")
    lead.follow("Later: March 2011")
    assert "period=2011-03" in lead.path and "Nothing" in lead.page.inner_text("main")
    looks.at(lead, "dsl", "timeline of a month without anything")
    lead.follow("2005 to 2009") if lead.page.get_by_role("link", name="2005 to 2009").count() else lead.follow("2009")
    assert any("2009" in mark for mark in marks(lead))
    lead.follow("Whole history")
    assert len(marks(lead)) > 6
    # The same without the script.
    context = chromium.new_context(base_url=school.address, ignore_https_errors=True, java_script_enabled=False)
    context.add_cookies(lead.context.cookies())
    page = context.new_page()
    page.goto(f"/pupils/{pupil}")
    page.get_by_role("link", name="Only 2011").click()
    assert "period=2011" in page.url and page.locator(".picture svg a:has(title)").count() >= 3
    context.close()


def test_it_is_printed_with_who_and_when(lead, pupil, tmp_path):
    page = lead.page
    lead.go(f"/pupils/{pupil}")
    page.emulate_media(media="print")
    box = page.locator(".picture svg").bounding_box()
    assert box and box["width"] <= page.viewport_size["width"]
    assert page.locator("p.print").is_visible() and lead.name in page.locator("p.print").inner_text()
    assert not page.get_by_text("Choose what is shown").is_visible()
    if SHOTS:
        (page.context.pages[0]).pdf(path=f"{SHOTS}/timeline.pdf")
    page.emulate_media(media="screen")


def test_a_lead_marks_what_is_significant_and_takes_it_back(lead, person, pupil, looks):
    page, deputy = lead.page, person("deputy")
    lead.go(f"/pupils/{pupil}?order=oldest&show=significant")
    assert "Nothing is marked as a significant event yet" in page.inner_text("main")
    looks.at(lead, "dsl", "no significant event yet")
    lead.go(f"/pupils/{pupil}?order=oldest&period=2011")
    lead.follow("Police were called to the home")
    entry = lead.path
    looks.at(lead, "dsl", "an entry that can be marked")
    lead.press("Mark as a significant event")
    assert lead.path == entry and page.get_by_text("Significant event", exact=True).is_visible()
    looks.at(lead, "dsl", "an entry that is marked")
    lead.go(f"/pupils/{pupil}?order=oldest&show=significant")
    assert summaries(lead) == ["Police were called to the home"]
    assert marks(lead) == ["Significant event: Police report or notification, 12 January 2011"]
    assert page.locator("[aria-current=true]", has_text="Significant events (1)").count() == 1
    looks.at(lead, "dsl", "significant events alone")
    lead.follow("Documents and entries")
    assert "Significant event: Police report or notification, 12 January 2011" in marks(lead)
    looks.at(lead, "dsl", "timeline with a significant event")
    deputy.go(entry)
    deputy.press("No longer a significant event")
    deputy.go(f"/pupils/{pupil}?show=everything")
    said = deputy.page.locator("ol.chronology").inner_text()
    number = entry.rsplit("/", 1)[1]
    assert f"Entry {number} was marked as a significant event." in said
    assert f"Entry {number} is no longer marked as a significant event." in said and deputy.name in said
    looks.at(deputy, "deputy", "everything of a chronology")
    lead.go(entry)
    lead.press("Mark as a significant event")


def test_what_is_shown_is_chosen_by_a_form_and_nothing_personal_is_in_its_address(lead, clerk, pupil, looks, school):
    page = lead.page
    lead.go(f"/pupils/{pupil}?order=oldest")
    page.get_by_text("Choose what is shown").click()
    page.get_by_label("Category").select_option(label="Note of concern")
    page.get_by_label("Filed by").select_option(label=clerk.name)
    page.get_by_label("From", exact=True).fill("1/4/2009")
    page.get_by_label("To", exact=True).fill("2012")
    lead.press("Show these")
    assert summaries(lead) == ["Tired on Mondays"]
    assert not [word for word in {*school.personal(), *clerk.name.lower().split()} if word in page.url.lower()], page.url
    assert "Only: Note of concern, filed by" in page.inner_text(".notice")
    looks.at(lead, "dsl", "a chronology narrowed down")
    lead.follow("Newest first")
    assert summaries(lead) == ["Tired on Mondays"], "what was chosen stays chosen"
    lead.follow("Show everything")
    assert len(marks(lead)) > 6
    for since, until, said in (("soon", "", "cannot be read"), ("2012", "2009", "The first day is after the last")):
        lead.go(f"/pupils/{pupil}")
        page.get_by_text("Choose what is shown").click()
        page.get_by_label("From", exact=True).fill(since)
        page.get_by_label("To", exact=True).fill(until)
        lead.press("Show these")
        assert said in page.get_by_role("alert").inner_text()
        assert page.get_by_label("From", exact=True).input_value() == since
        looks.at(lead, "dsl", f"days that are wrong: {said}")
    for bad in ("period=soon", "by=nobody", "batch=1", "show=all", "category=a%20b"):
        assert lead.go(f"/pupils/{pupil}?{bad}").status == 404, bad
    assert lead.go(f"/pupils/{pupil}?words=aunt").status == 400


def test_summaries_are_searched_and_the_words_go_nowhere(lead, pupil, looks):
    page = lead.page
    for words, found in (("AUNT letter", 5), ("zoë", 1), ("zoe amberley's", 1), ("ZOE\u0308", 1), ("nothing like it", 0), ("<b>", 1)):
        lead.go(f"/pupils/{pupil}")
        page.get_by_label("Search this pupil file").fill(words)
        lead.press_alone("Search")
        assert lead.path == f"/pupils/{pupil}/search" and len(summaries(lead)) == found, words
        assert page.get_by_label("Words to look for").input_value() == words
    assert summaries(lead) == [MARKUP] and not page.locator("ol.chronology b, ol.chronology img").count(), "inert"
    looks.at(lead, "dsl", "found in a pupil file")
    page.get_by_label("Words to look for").fill(" ")
    lead.press_alone("Search")
    assert "There is nothing to look for" in page.get_by_role("alert").inner_text()
    looks.at(lead, "dsl", "nothing to look for")
    lead.go("/search")
    looks.at(lead, "dsl", "search everywhere")
    page.get_by_label("Words to look for").fill("aunt")
    lead.press_alone("Search")
    assert lead.path == "/search" and "5 entries found in 1 pupil file" in page.inner_text("#found")
    assert pupil in page.inner_text("main h3") and len(summaries(lead)) == 5
    looks.at(lead, "dsl", "found in all pupil files")
    lead.go(f"/pupils/{pupil}?show=everything")
    searched = [text for text in page.locator("ol.chronology .kind").all_inner_texts() if text == "Searched"]
    assert len(searched) == 7, "each search of this file, and the one that found something of it"
    assert "aunt" not in page.locator("ol.chronology li", has_text="Searched").first.inner_text().lower()


def test_a_summary_is_text_and_nothing_else(lead, pupil):
    lead.go(f"/pupils/{pupil}")
    assert MARKUP in summaries(lead)
    assert not lead.page.locator("ol.chronology img, ol.chronology b, .timeline img, .timeline b").count()
