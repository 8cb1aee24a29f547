"""A chronology on paper, by command line: what is in the PDF, what is recorded, and what is left behind."""

import json
import re
import subprocess
import unicodedata

import pytest
import reader
import vault as vaults
from sizes import size
from vault import ADMIN, DSL, PASSWORDS, SCANS, STAFF, Vault

CANARY = "Quillwort-5583"
# As somebody may write or say it; the PDF has its words, not its bytes.
WORDS = {
    "composed": "Zo\u00eb said \u201cno\u201d",
    "decomposed": "Zoe\u0308 said it again",
    "emoji": "She drew \U0001f600",
    "hebrew": "\u05e9\u05dc\u05d5\u05dd",
    "arabic": "\u0645\u062d\u0645\u062f",
    "chinese": "\u738b\u5c0f\u660e",
    "hindi": "\u0939\u093f\u0928\u094d\u0926\u0940",
    "bengali": "\u09ac\u09be\u0982\u09b2\u09be",
    "lines": "one\r\ntwo  \r\nthree   ",
}
MARKUP = '<b>bold</b><img src="file:///etc/passwd"><iframe src="http://127.0.0.1:9/"></iframe></td></table>{{name}} &amp;'


def text(pdf, *options) -> str:
    return subprocess.run(["pdftotext", *options, pdf, "-"], check=True, capture_output=True).stdout.decode()


def pages(pdf) -> int:
    return int(subprocess.run(["qpdf", "--show-npages", pdf], check=True, capture_output=True).stdout)


def numbers(pdf) -> list:
    """The entries of a print, in the order in which they stand there."""
    return [int(one.replace(",", "")) for one in re.findall(r"·\sentry\s([\d,]+)(?![\d,]|\sof)", text(pdf).replace("\n", " "))]


@pytest.fixture(scope="module")
def school(template, tmp_path_factory) -> Vault:
    vault = template.copy(tmp_path_factory.mktemp("paper") / "copy")
    small = [path for path in SCANS if path.suffix in (".txt", ".eml", ".jpg")][:3]
    said = {path.name: {"summary": f"{CANARY} {number}", "date": "2016-11-17"} for number, path in enumerate(small)}
    vault.file(*small, details=said).ok()
    lines = [
        {"kind": "words", "basis": "fact", "date": "2016-11-17", "time": "09:00", "received": "2016-11-17", "late_reason": "x",
         "account": words, "questions": MARKUP}
        for words in WORDS.values()
    ]  # fmt: skip
    typed = "".join(json.dumps(one) + "\n" for one in lines)
    vault.run_as(DSL, "entry", "add", "--pupil", vault.pupils[0], "--details", "-", typed=typed).ok()
    vaults.invite(vault, STAFF, "staff")
    return vault


def write(vault: Vault, name: str, *options: str, who: str = DSL, pupil: str | None = None):
    return vault.run_as(
        who, "chronology", "--pupil", pupil or vault.pupils[0], "--pdf", vault.temporary / name, "--json", *options)


@pytest.fixture(scope="module")
def printed(school):
    answer = write(school, "all.pdf").ok()
    return school.temporary / "all.pdf", answer.lines[0]


def test_the_file_is_sound_and_is_made_as_pdf_a(printed):
    pdf, said = printed
    subprocess.run(["qpdf", "--check", pdf], check=True, capture_output=True)
    assert pdf.stat().st_mode & 0o777 == 0o600 and pages(pdf) == said["pages"] >= 2
    raw = subprocess.run(["qpdf", "--qdf", "--object-streams=disable", pdf, "-"], check=True, capture_output=True).stdout
    assert b"pdfaid:part" in raw and b"/OutputIntents" in raw and b"/JavaScript" not in raw and b"/EmbeddedFile" not in raw
    fonts = subprocess.run(["pdffonts", pdf], check=True, capture_output=True, text=True).stdout.splitlines()[2:]
    assert fonts and all(re.search(r"\byes yes yes\b|\byes yes\b", line) for line in fonts), fonts


def test_each_page_says_what_it_is_who_printed_it_and_when(school, printed):
    pdf, said = printed
    for page in range(1, said["pages"] + 1):
        here = " ".join(text(pdf, "-f", str(page), "-l", str(page)).split())
        assert f"Page {page} of {said['pages']}" in here
        assert "Confidential: child protection" in here and school.pupils[0] in here
        assert f"by {DSL}" in here and f"C-{said['print'][:8].upper()}" in here
    first = " ".join(text(pdf, "-l", "1").split())
    assert f"{said['lines']} lines, oldest first" in first and "Documents and entries." in first
    # The checkpoint is the ledger's own, as it ends with the print's statement.
    note = re.search(rf"strongroom\S*\n{said['index'] + 1}\n(\S+)\n", text(pdf, "-layout", "-l", "1").replace(" ", ""))
    opened = reader.Vault(school.path)
    assert note and reader.base64.b64decode(note[1]) == opened.ledger.roots[said["index"] + 1]
    opened.close()


def test_the_words_are_there_to_be_read_and_copied_and_markup_is_only_text(printed):
    pdf, _ = printed
    found = text(pdf)
    for name, words in WORDS.items():
        if name in ("hebrew", "arabic"):
            # Right to left: pdftotext marks the direction, or gives the letters in the order of the page.
            letters = [letter for letter in found if letter in words]
            assert len(letters) >= len(words), name
        elif name == "lines":
            assert re.search(r"one\ntwo\s*\nthree", found), name
        else:
            assert words in found or words in unicodedata.normalize("NFD", found), name
    assert '<b>bold</b><img src="file:///etc/passwd">' in found.replace("\n", " ").replace("> <", "><")
    assert "{{name}}" in found and "&amp;" in found and "root:" not in found


def test_long_entries_are_set_in_parts_and_numbered_through(school):
    """More text than one part has: the whole is one PDF, in order, and nothing of it is missing."""
    lines = [
        {"kind": "observation", "basis": "fact", "date": "2016-11-17", "received": "2016-11-17", "late_reason": "x",
         "summary": f"Long {number}", "account": f"Begin {number}. " + "A long account of it. " * 1_900 + f"End {number}."}
        for number in range(9)
    ]  # fmt: skip
    typed = "".join(json.dumps(one) + "\n" for one in lines)
    school.run_as(DSL, "entry", "add", "--pupil", school.pupils[1], "--details", "-", typed=typed).ok()
    (said,) = write(school, "long.pdf", pupil=school.pupils[1]).ok().lines
    pdf = school.temporary / "long.pdf"
    subprocess.run(["qpdf", "--check", pdf], check=True, capture_output=True)
    assert said["lines"] == 9 and said["pages"] == pages(pdf) > 60
    found = text(pdf)
    assert re.findall(r"Page (\d+) of (\d+)", found) == [(str(n), str(said["pages"])) for n in range(1, said["pages"] + 1)]
    assert re.findall(r"Begin (\d)\.", found) == re.findall(r"End (\d)\.", found) == list("012345678")
    assert found.count("How to check") == 1, "the head stands once"


def test_its_order_is_that_of_the_list_and_of_a_vault_read_anew(school, printed):
    pdf, said = printed
    listed = [one["index"] for one in school.chronology()]
    assert numbers(pdf) == listed and said["lines"] == len(listed)
    school.assert_holds()
    assert [one["index"] for one in school.chronology()] == listed
    newest = write(school, "newest.pdf", "--newest-first").ok()
    assert numbers(school.temporary / "newest.pdf") == listed[::-1] and newest.lines[0]["lines"] == len(listed)


def test_the_print_is_a_statement_whose_detail_says_which_part(school, printed):
    _, said = printed
    opened = reader.Vault(school.path)
    lead = reader.Person(opened, school.secrets, DSL, PASSWORDS[DSL])
    statement = opened.ledger.statements[said["index"]]
    assert statement.kind == "chronology.printed" and statement.act["lines"] == said["lines"]
    fields = lead.print_details(statement)
    assert fields["lane"] == "records" and fields["form"] == "pdf" and fields["made_by"] == DSL and fields["period"] == ""
    opened.close()
    assert reader.check(school.path) == []
    (line,) = [one for one in school.chronology(None, "--everything") if one["index"] == said["index"]]
    assert line["summary"].startswith(f"Print C-{said['print'][:8].upper()} as a PDF, {said['lines']} lines")


def test_what_cannot_be_printed_leaves_neither_file_nor_statement(school):
    before = len(school.chronology(None, "--everything"))
    for options, who in ((("--significant",), DSL), ((), ADMIN), ((), STAFF)):
        refused = write(school, "no.pdf", *options, who=who)
        assert refused.code == 3 and "hint:" in refused.err, (options, who, refused)
    (school.temporary / "there.pdf").write_text("mine")
    assert write(school, "there.pdf").code == 64 and (school.temporary / "there.pdf").read_text() == "mine"
    assert write(school, "no.pdf", "--significant", "--everything").code == 64
    assert not [path.name for path in school.temporary.iterdir() if path.name.startswith(("no.pdf", "there.pdf."))]
    # What the others asked for and were refused is recorded; no print is.
    after = school.chronology(None, "--everything")
    assert not [one for one in after[before:] if one["kind"] == "chronology.printed"]


def test_killed_while_it_is_made_it_leaves_no_word_on_the_disk(school):
    """At many moments: nothing of the content is in a file, and a PDF that has its name is whole."""
    for step in range(size("PRINT_KILLS")):
        pdf = school.temporary / f"killed-{step}.pdf"
        line = json.dumps({"password": PASSWORDS[DSL], "code": school.code(DSL)}) + "\n"
        process, _ = school.start(
            "chronology", "--pupil", school.pupils[0], "--pdf", pdf, "--as", DSL, secrets=line.encode())
        try:
            process.wait(0.35 + 0.25 * step)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        for folder in school.folders:
            for path in folder.rglob("*"):
                if path.is_file() and path.suffix != ".pdf":
                    assert CANARY.encode() not in path.read_bytes(), path
    school.assert_holds()
