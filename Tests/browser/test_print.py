"""A chronology goes onto paper: chosen, recorded, made as a PDF or shown as a page to print."""

import re
import subprocess

import pytest
from looks import SHOTS, Looks
from school import form_token

PUPIL = "Cosmo Fennimore"
MARKUP = "<img src=x onerror=alert(1)> <b>bold</b> & \"quoted\" </td></table>"
SAID = [
    ("2015-03-01", "09:00", "She said \u201cnot today\u201d."),
    ("2015-03-01", "09:00", MARKUP),
    ("2015-03-01", "08:00", "\u05e9\u05dc\u05d5\u05dd Zoe\u0308 \U0001f600"),
    ("2016-11-17", "", "Line one\r\n\r\n   line two   "),
]


@pytest.fixture(scope="module")
def pupil(school):
    answer = school.act("/pupils/add", **{"name": PUPIL, "date-of-birth": "2004-02-03", "upn": "", "enrolled": ""})
    return re.search(r"P-\w{5}", answer.url)[0]


@pytest.fixture(scope="module")
def lead(lasting_person, pupil):
    lead = lasting_person("dsl")
    for date, time, words in SAID:
        lead.go(f"/record/{pupil}?kind=observation")
        page = lead.page
        page.get_by_label("What was seen or heard").fill(words)
        page.get_by_label("Fact").check()
        page.locator("[name=date]").fill(date)
        page.locator("[name=time]").fill(time)
        lead.press("Add this entry")  # Late: it asks why, and for that opens the field.
        page.locator("[name=late-reason]").fill("Found in an old book")
        lead.press("Add this entry")
        assert not page.locator(".error-summary").count(), page.locator(".error-summary").inner_text()
    return lead


@pytest.fixture
def looks():
    looks = Looks()
    yield looks
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


def ready(one) -> None:
    """Until the PDF is there: the page asks again by itself."""
    one.page.get_by_role("heading", name="The PDF is ready").wait_for(timeout=60_000)


def saved(one, folder):
    with one.page.expect_download() as waiting:
        one.page.get_by_role("link", name="Save the PDF").click()
    assert re.fullmatch(r"chronology-P-\w{5}-C-\w{8}\.pdf", waiting.value.suggested_filename)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def text(pdf) -> str:
    return subprocess.run(["pdftotext", pdf, "-"], check=True, capture_output=True).stdout.decode()


def entries(words: str) -> list:
    return re.findall(r"· entry ([\d,]+)(?![\d,]| of)", re.sub(r"\s+", " ", words))


def test_a_page_to_print_has_what_was_chosen_in_the_order_of_the_file(lead, pupil, looks):
    lead.go(f"/pupils/{pupil}?order=oldest")
    listed = [link.get_attribute("href").split("/")[-1] for link in lead.page.locator("ol.chronology .summary a").all()]
    lead.follow("Print")
    looks.at(lead, "dsl", "choose what is printed")
    assert lead.page.get_by_text("4 lines", exact=True).count() == 1
    lead.press("Show a page to print")
    assert lead.heading == "Chronology" and lead.path == "/print"
    looks.at(lead, "dsl", "a page to print")
    main = lead.page.locator("main").inner_text()
    assert entries(main) == listed
    assert MARKUP in main and not lead.page.locator("main img").count()
    assert lead.name in main and "Documents and entries." in main
    assert "child protection" in main.lower() and PUPIL in main and PUPIL not in lead.page.title()
    # The child's words stand as they were said.
    said = lead.page.locator(".said").all_text_contents()
    assert "Line one\n\n   line two   " in [one.replace("\r\n", "\n") for one in said]
    if SHOTS:
        lead.page.emulate_media(media="print")
        lead.page.pdf(path=f"{SHOTS}/page-to-print.pdf", format="A4")
        lead.page.emulate_media(media="screen")


def test_a_pdf_is_made_with_progress_saved_and_forgotten(lead, pupil, looks, tmp_path):
    lead.go(f"/pupils/{pupil}/print")
    lead.page.get_by_label("Newest first").check()
    lead.press("Make a PDF")
    assert lead.heading in ("Making the PDF", "The PDF is ready")
    ready(lead)
    looks.at(lead, "dsl", "a PDF is ready")
    pdf = saved(lead, tmp_path)
    subprocess.run(["qpdf", "--check", pdf], check=True, capture_output=True)
    words = re.sub(r"\s+", " ", text(pdf))
    lead.go(f"/pupils/{pupil}?order=newest")
    listed = [link.get_attribute("href").split("/")[-1] for link in lead.page.locator("ol.chronology .summary a").all()]
    assert entries(words) == listed
    assert MARKUP in words and lead.name in words and "4 lines, newest first" in words
    if SHOTS:
        subprocess.run(["pdftoppm", "-r", "70", "-png", pdf, f"{SHOTS}/paper"], check=True)
    # It stands in the record, and another tab finds it until it is forgotten.
    lead.go(f"/pupils/{pupil}?show=everything")
    assert lead.page.get_by_text(re.compile(r"Print C-\w{8} as a PDF, 4 lines: documents and entries\.")).count() == 1
    lead.go("/print")
    assert lead.heading == "The PDF is ready"
    lead.press("I have it: forget the PDF")
    lead.go("/print")
    assert lead.heading == "Nothing is being printed"
    looks.at(lead, "dsl", "nothing is being printed")
    assert lead.context.request.get("/print/chronology.pdf").status == 404


def test_nothing_to_print_and_days_that_are_none_are_said_and_nothing_is_recorded(lead, pupil, looks):
    lead.go(f"/pupils/{pupil}/print")
    lead.page.get_by_label("From").fill("1990")
    lead.page.get_by_label("To", exact=True).fill("1991")
    lead.press("Make a PDF")
    assert "nothing to print" in lead.page.locator(".error-summary").inner_text()
    looks.at(lead, "dsl", "nothing to print")
    lead.page.get_by_label("From").fill("one day")
    lead.press("Make a PDF")
    assert lead.page.get_by_label("From").input_value() == "one day" and lead.page.locator(".field.wrong").count() == 1
    looks.at(lead, "dsl", "a print of no days")
    lead.page.get_by_label("From").fill("2016")
    lead.page.get_by_label("To", exact=True).fill("")
    lead.press("Show a page to print")
    main = lead.page.locator("main").inner_text()
    assert len(entries(main)) == 1 and "since 1 January 2016" in main


def test_without_a_script_it_is_made_as_well(person, pupil, tmp_path):
    deputy = person("deputy", java_script_enabled=False)
    deputy.go(f"/pupils/{pupil}/print")
    deputy.press("Make a PDF")
    ready(deputy)
    assert text(saved(deputy, tmp_path)).count("Page 1 of") == 1


def test_a_print_is_of_its_session_alone(school, person, lead, pupil):
    lead.go(f"/pupils/{pupil}/print")
    lead.press("Show a page to print")
    other = school.visitor()
    school.sign_in(other, lead.name, "seven quiet lanterns drift", school.code(lead.name))
    assert "Nothing is being printed" in other.get("/print").text()
    assert "Nothing is being printed" not in lead.context.request.get("/print").text()
    # Who has one made and signs out leaves nothing.
    token = form_token(other.get(f"/pupils/{pupil}/print"))
    asked = {"csrf": token, "form": "pdf", "show": "records", "order": "oldest", "since": "", "until": ""}
    assert other.post(f"/pupils/{pupil}/print", form=asked).url.endswith("/print")
    other.post("/sign-out", form={"csrf": token})
    assert other.get("/print", max_redirects=0).status == 303
    other.dispose()
    clerk = person("admin")
    assert clerk.go("/print").status == 403 and clerk.go(f"/pupils/{pupil}/print").status == 403
