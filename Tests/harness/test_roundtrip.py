"""Documents go in by the command line and come out the same, read by whom they should be."""

import hashlib
import json
import subprocess

import pytest
import reader
from vault import ADMIN, DSL, SCANS, SECONDS_BETWEEN_CALLS

TYPES = {
    ".pdf": "application/pdf",
    ".tif": "image/tiff",
    ".jpg": "image/jpeg",
    ".txt": "text/plain",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".eml": "message/rfc822",
}
PAGES = {"case-conference-2016-11-17.pdf": 3, "transfer-record-2013-07-22.tif": 3}
SIGN_IN_FAILED = "error: The name, password or code is not right."


def said_of(path) -> dict:
    return {"summary": f"Summary of {path.stem[::-1]}", "date": path.stem[-10:], "category": "meeting-notes", "signed": "yes"}


@pytest.fixture(scope="module")
def filed(template, tmp_path_factory):
    """Every sample scan, filed by the office; with the receipts by file name."""
    vault = template.copy(tmp_path_factory.mktemp("filed") / "copy")
    result = vault.file(*SCANS, details={path.name: said_of(path) for path in SCANS}).ok()
    return vault, {line["file"]: line for line in result.lines}


def test_each_document_has_its_receipt(filed):
    vault, receipts = filed
    assert set(receipts) == {path.name for path in SCANS}
    for path in SCANS:
        receipt = receipts[path.name]
        assert receipt["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert receipt["size"] == path.stat().st_size
        assert receipt["media_type"] == TYPES[path.suffix]
        assert receipt["pupil"] == vault.pupils[0]
        assert not receipt["quarantined"]
        assert receipt.get("pages", 1) == PAGES.get(path.name, 1)
        size = int(receipt["checkpoint"].splitlines()[1])
        assert receipt["index"] < size, "the checkpoint is of a ledger that holds it"
    assert len({receipt["document"] for receipt in receipts.values()}) == len(SCANS)


def test_the_chronology_has_each_once_in_the_order_it_happened(filed):
    vault, receipts = filed
    entries = vault.chronology()
    assert sorted(entry["fields"]["filename"] for entry in entries) == sorted(path.name for path in SCANS)
    assert [entry["occurred"] for entry in entries] == sorted(path.stem[-10:] for path in SCANS)
    for path in SCANS:
        (entry,) = [entry for entry in entries if entry["fields"]["filename"] == path.name]
        receipt, fields = receipts[path.name], entry["fields"]
        assert entry["document"] == receipt["document"] and entry["index"] == receipt["index"]
        assert entry["author"] == fields["uploader"] == ADMIN
        assert entry["summary"] == fields["summary"] == said_of(path)["summary"]
        assert entry["recorded"] == receipt["recorded"]
        assert (fields["category"], fields["date"], fields["signed"]) == ("meeting-notes", path.stem[-10:], "yes")
        assert (fields["media_type"], fields["size"]) == (TYPES[path.suffix], str(path.stat().st_size))
        assert fields.get("pages") == (str(receipt["pages"]) if "pages" in receipt else None)
        assert fields["sha256"] == receipt["sha256"]


def test_bytes_out_are_bytes_in(filed):
    vault, receipts = filed
    for path in SCANS:
        assert vault.open(receipts[path.name]["document"]) == path.read_bytes()


def test_a_copy_for_an_age_recipient_is_opened_by_age(filed, tmp_path):
    vault, receipts = filed
    identity = tmp_path / "identity"
    subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", identity], check=True, capture_output=True, text=True).stdout.strip()
    for path in SCANS[:2]:
        target = tmp_path / f"{path.name}.age"
        document = receipts[path.name]["document"]
        vault.run_as(DSL, "open", document, "--output", target, "--to", recipient).ok()
        opened = subprocess.run(["age", "-d", "-i", identity, target], check=True, capture_output=True).stdout
        assert opened == path.read_bytes()


def test_every_copy_taken_is_in_the_record(filed):
    vault, receipts = filed
    document = receipts[SCANS[0].name]["document"]
    before = len(vault.chronology(vault.pupils[0], "--everything"))
    vault.open(document)
    after = vault.chronology(vault.pupils[0], "--everything")
    # Opened and closed, and the chronology read for this.
    assert len(after) == before + 3


def test_who_files_cannot_read_what_was_filed(filed, tmp_path):
    vault, receipts = filed
    document = receipts[SCANS[0].name]["document"]
    for command in (
        ("open", document, "--output", tmp_path / "out"),
        ("chronology", "--pupil", vault.pupils[0]),
        ("entry", receipts[SCANS[0].name]["index"]),
    ):
        result = vault.run_as(ADMIN, *command)
        assert (result.code, result.out) == (3, ""), command
        assert result.err.startswith("error: ") and "\nhint: " in result.err
    assert not (tmp_path / "out").exists()


def test_an_unknown_document_is_like_one_that_is_not_yours(filed, tmp_path):
    vault, receipts = filed
    theirs = vault.run_as(ADMIN, "open", receipts[SCANS[0].name]["document"], "--output", tmp_path / "out")
    unknown = vault.run_as(ADMIN, "open", "0" * 26, "--output", tmp_path / "out")
    assert theirs == unknown


def test_a_wrong_password_name_or_code_are_answered_alike(vault):
    wrong = [
        vault.run_as(DSL, "pupil", "list", password="violet harbour ladder 43"),
        vault.run_as(DSL, "pupil", "list", code="000000"),
        vault.run_as("Nobody Known", "pupil", "list", password="violet harbour ladder 42", code="123456"),
    ]
    assert {result.code for result in wrong} == {3}
    assert len({result.err for result in wrong}) == 1
    assert wrong[0].err.startswith(SIGN_IN_FAILED) and "\nhint: " in wrong[0].err
    vault.assert_holds()


def test_a_code_is_good_once(vault):
    code = vault.code(DSL)
    assert vault.run_as(DSL, "pupil", "list", code=code).code == 0
    # The clock of the next call goes on from where that of the last one stood.
    vault.offset -= SECONDS_BETWEEN_CALLS
    again = vault.run_as(DSL, "pupil", "list", code=code)
    assert (again.code, again.err.splitlines()[0]) == (3, SIGN_IN_FAILED)


def test_a_proposed_summary_is_the_documents_own_words(vault):
    (note,) = [path for path in SCANS if path.suffix == ".txt"]
    vault.file(note, more=("--accept-proposed",)).ok()
    (entry,) = vault.chronology()
    assert entry["fields"]["summary_origin"] == "accepted"
    words = [word for word in entry["summary"].split() if word.isalpha()]
    assert words and all(word in note.read_text() for word in words)


# What concerns a member of staff

LEFT = "A coach who has left"


def test_what_concerns_a_member_of_staff_is_read_by_who_keeps_it(vault, tmp_path):
    path = SCANS[0]
    (receipt,) = vault.file(path, details={path.name: {"summary": "What was heard", "concerns_others": LEFT}}).ok().lines
    assert receipt["restricted"] and receipt["pupil"] == vault.pupils[0] and "earlier" not in receipt
    document = receipt["document"]
    assert vault.run_as(DSL, "restricted").ok().out.splitlines()[0] == "Restricted documents that you can open, newest first: 1"
    (listed,) = vault.run_as(DSL, "restricted", "--json").ok().lines
    assert (listed["document"], listed["pupil"], listed["concerns"]) == (document, vault.pupils[0], LEFT)
    assert (listed["summary"], listed["keepers"], listed["recoverable"]) == ("What was heard", [DSL], False)
    assert listed["recorded"] == receipt["recorded"]
    assert listed["fields"]["sha256"] == receipt["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert vault.open(document) == path.read_bytes()
    # It is in no pupil's chronology, and nothing that was done with it.
    kinds = [entry["kind"] for entry in vault.chronology(vault.pupils[0], "--everything")]
    assert kinds and not [kind for kind in kinds if kind.startswith(("document", "restricted"))]
    # Who filed it finds it as little as what is not there.
    theirs = vault.run_as(ADMIN, "open", document, "--output", tmp_path / "out")
    assert theirs == vault.run_as(ADMIN, "open", "0" * 26, "--output", tmp_path / "out") and not (tmp_path / "out").exists()
    refused = vault.run_as(ADMIN, "restricted", "--json")
    assert (refused.code, refused.out) == (3, "") and "code: access.not-entitled" in refused.err
    vault.assert_holds()


def test_what_concerns_nobody_of_the_staff_is_filed_as_ever(vault):
    path = SCANS[0]
    (receipt,) = vault.file(path, details={path.name: {"summary": "A talk", "concerns": []}}).ok().lines
    assert receipt["restricted"] is False
    assert [entry["summary"] for entry in vault.chronology()] == ["A talk"]
    assert vault.run_as(DSL, "restricted", "--json").ok().lines == []


# The lead is the only one who could keep it.
@pytest.mark.parametrize(("concerned", "others", "code"), [([DSL], "", "staff.all"), ([DSL.upper()], LEFT, "staff.all"), ([], " ", "staff.nobody"), ([], "Ms Okafor", "staff.meant")])
def test_what_nobody_could_open_or_concerns_nobody_is_refused_and_not_told_by_the_record(vault, concerned, others, code):
    path = SCANS[0]
    before = statements(vault)
    result = vault.file(path, details={path.name: {"summary": "What was heard", "concerns": concerned, "concerns_others": others}})
    assert result.code == 3 and [line["file"] for line in result.lines] == [path.name]
    assert f"code: {code}" in result.err and "\nhint: " in result.err
    said = statements(vault)[len(before) :]
    (refused,) = (statement for statement in said if statement.kind == "upload.refused")
    assert refused.act["code"] == "filing.refused" and refused.pupil_file is None
    assert not [statement for statement in said if "document" in statement.act or "record" in statement.act]
    vault.assert_holds()


def statements(vault) -> list:
    opened = reader.Vault(vault.path)
    opened.close()
    assert not opened.findings
    return opened.ledger.statements


def test_an_entry_carries_what_proves_it(filed):
    vault, receipts = filed
    index = receipts[SCANS[0].name]["index"]
    entry, proof = vault.run_as(DSL, "entry", index, "--json").ok().lines
    statement = json.loads(proof["statement"])
    assert (entry["index"], statement["index"]) == (index, index)
    assert proof["statement"].isascii()
    for path in SCANS:
        assert path.stem not in proof["statement"] and said_of(path)["summary"] not in proof["statement"]
    assert proof["proof"].startswith("c2sp.org/tlog-proof@v1\n")


def test_the_vault_verifies(filed):
    vault, _ = filed
    vault.assert_holds()
    plain = vault.run("verify")
    assert plain.code == 0 and plain.out.startswith("All is well: ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("file",), 64),
        (("pupil", "list"), 64),
        (("nonsense",), 64),
        (("--help",), 0),
        (("verify", "--vault", "/nonexistent"), 3),
    ],
)
def test_exit_codes(vault, arguments, code):
    result = vault.run(*arguments)
    assert result.code == code, result
    assert code == 0 or result.err
