"""A program that shares no code with ours goes from password to document, and checks the vault, by docs/format.md."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import agencies
import pytest
import reader
import sealing
import vault as vaults
from passkeys import add_passkeys
from service import PASSWORD, Service
from stations import fill_intake
from vault import ADMIN, DEPUTY, DSL, PASSWORDS, SCANS, STAFF, join

PROGRAM = Path(reader.__file__)
PASSKEY = "a key \u2014 blue"
NOTE = "A note that nobody knows \u2014 yet.\n".encode()
# One of a single chunk, one of several.
SAMPLES = [
    next(path for path in SCANS if path.suffix == ".txt"),
    max((path for path in SCANS if path.suffix in (".pdf", ".tif")), key=lambda path: path.stat().st_size),
]
NEWCOMER = "Sabine Holt"
PASSWORDS[NEWCOMER] = "quilted pepper lighthouse 9"
# What is said of a batch of paper.
PAPER = {"cabinet": "2", "drawer": "1", "folder": "17 \u2014 blue", "pages": "84", "condition": "Torn"}
SUMMARIES = {path.name: f"Übersicht {path.suffix} \u2014 für die Akte" for path in SAMPLES}


@pytest.fixture(scope="module")
def filed(template, tmp_path_factory):
    """Two samples, filed by the office; with the documents' ids by file name."""
    folder = tmp_path_factory.mktemp("read")
    vault = template.copy(folder / "copy")
    said = {name: {"summary": summary, "signed": "yes", "signed_by": "A. Nurse"} for name, summary in SUMMARIES.items()}
    lines = vault.file(*SAMPLES, details=said).ok().lines
    vault.scanned = fill_intake(vault, folder / "tls", NOTE, summary="Found in a drawer")
    add_passkeys(vault, DSL, folder / "passkey", PASSKEY, "Ed25519")
    with Service.over(vault, folder / "service") as service:
        agencies.submit(service, "/batches/new", **PAPER)
    vaults.invite(vault, STAFF, "staff")
    documents = {line["file"]: line["document"] for line in lines}
    vault.access = vault.give_access(STAFF, documents[SAMPLES[0].name], reason="Prepares the talk \u2014 alone")
    return vault, documents


@pytest.fixture(scope="module")
def lead(filed):
    """The lead, with an opened keybox."""
    vault, _ = filed
    opened = reader.Vault(vault.path)
    yield reader.Person(opened, vault.secrets, DSL, PASSWORDS[DSL])
    opened.close()


def test_what_is_said_of_a_batch_of_paper_is_read_by_who_sees_the_register(lead, staff):
    (said,) = (one for one in lead.vault.ledger.statements if one.kind == "batch.prepared")
    for person in (lead, staff):
        assert {name: value for name, value in person.paper(said).items() if value} == PAPER
    assert lead.vault.ledger.batches[said.act["batch"]]["paper"] == {
        "presented": None, "checked": False, "place": None, "sealed": None, "destroyed": None,
    }  # fmt: skip


def test_a_passkey_is_its_persons_and_named_by_them(filed, lead, staff):
    assert lead.passkeys(filed[0].secrets) == [PASSKEY] and staff.passkeys(filed[0].secrets) == []


@pytest.fixture(scope="module")
def staff(filed, lead):
    """A member of staff with whom one document is shared, with an opened keybox."""
    vault, _ = filed
    return reader.Person(lead.vault, vault.secrets, STAFF, PASSWORDS[STAFF])


@pytest.fixture
def other(filed, tmp_path) -> Path:
    """A vault to be changed."""
    shutil.copytree(filed[0].path, tmp_path / "vault")
    return tmp_path / "vault"


def run(vault, name, document, password):
    command = [sys.executable, "-B", PROGRAM, vault.path, vault.secrets, name, document]
    return subprocess.run(command, input=password.encode() + b"\n", capture_output=True)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.suffix[1:])
def test_from_password_to_document(filed, sample):
    vault, documents = filed
    result = run(vault, DSL, documents[sample.name], PASSWORDS[DSL])
    assert (result.returncode, result.stderr.decode()) == (0, "")
    assert result.stdout == sample.read_bytes()


def test_a_large_sample_has_several_chunks():
    assert SAMPLES[1].stat().st_size > 2 * reader.CHUNK


def test_a_wrong_password_opens_nothing(filed):
    vault, documents = filed
    result = run(vault, DSL, documents[SAMPLES[0].name], PASSWORDS[DSL][:-1])
    assert (result.returncode, result.stdout) == (1, b"")
    assert "the password or the server secret is wrong" in result.stderr.decode()


def test_who_files_has_no_path_to_what_was_filed(filed):
    vault, documents = filed
    opened = reader.Vault(vault.path)
    office = reader.Person(opened, vault.secrets, ADMIN, PASSWORDS[ADMIN])
    for document in documents.values():
        with pytest.raises(reader.NoPath):
            next(office.read(document))
    file = opened.ledger.documents[documents[SAMPLES[0].name]].pupil_file
    assert office.pupil(file)["name"], "whoever files can find the pupil"
    opened.close()


def test_from_password_to_the_document_that_is_shared_and_to_no_other(filed, staff):
    vault, documents = filed
    shared, other = (documents[sample.name] for sample in SAMPLES)
    result = run(vault, STAFF, shared, PASSWORDS[STAFF])
    assert (result.returncode, result.stderr.decode()) == (0, "")
    assert result.stdout == SAMPLES[0].read_bytes()
    assert staff.details(shared)["summary"] == SUMMARIES[SAMPLES[0].name]
    file = staff.age_file(shared)
    key, length = staff.identities[staff.state["identity"]].open_header(file)
    assert b"".join(reader.open_payload(key, [file[length:]], len(file) - length)) == SAMPLES[0].read_bytes()
    for missing in (lambda: staff.details(other), lambda: next(staff.read(other)), lambda: staff.access_details(vault.access)):
        with pytest.raises(reader.NoPath):
            missing()
    assert reader.check(vault.path, staff) == []


def test_why_access_was_given_is_for_who_holds_the_key_of_the_file(filed, lead):
    vault, documents = filed
    access = lead.vault.ledger.accesses[vault.access]
    said = lead.access_details(vault.access)
    assert (said["reason"], said["to"]) == ("Prepares the talk \u2014 alone", STAFF)
    assert set(said) == {"reason", "to", "until"} and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", said["until"])
    assert not access["whole"] and access["ended"] is None and access["expires"] > access["statement"].time
    (share,) = lead.vault.ledger.shares_of(documents[SAMPLES[0].name])
    assert share["access"] == vault.access and not lead.vault.ledger.shares_of(documents[SAMPLES[1].name])


def test_access_to_the_whole_file_opens_what_is_filed_while_it_lasts(filed, tmp_path):
    (before, documents), vault = filed, filed[0].copy(tmp_path / "whole")

    def opened() -> reader.Person:
        vault.assert_holds()
        assert reader.check(vault.path) == []
        return reader.Person(reader.Vault(vault.path), vault.secrets, STAFF, PASSWORDS[STAFF])

    def file(path: Path) -> str:
        (line,) = vault.file(path, details={path.name: {"summary": f"About {path.stem}"}}).ok().lines
        return line["document"]

    extra = [path for path in SCANS if path not in SAMPLES and path.suffix in (".txt", ".eml", ".pdf")][:2]
    access = vault.give_access(STAFF)
    later = file(extra[0])
    staff = opened()
    now = staff.vault.ledger.newest
    for path, document in ((SAMPLES[0], documents[SAMPLES[0].name]), (SAMPLES[1], documents[SAMPLES[1].name]), (extra[0], later)):
        assert b"".join(staff.read(document)) == path.read_bytes()
    assert staff.details(later)["summary"] == f"About {extra[0].stem}"
    assert reader.check(vault.path, staff) == []
    assert [one["id"] for one in staff.vault.ledger.active_accesses(staff.state["id"], now)] == [before.access, access]
    with pytest.raises(reader.NoPath):
        staff.pupil_identity(staff.vault.ledger.documents[later].pupil_file)
    staff.vault.close()

    for one in (access, before.access):
        vault.run_as(DSL, "access", "end", one).ok()
    after = file(extra[1])
    staff = opened()
    ledger = staff.vault.ledger
    assert all(one["ended"] for one in ledger.accesses.values())
    assert not ledger.active_accesses(staff.state["id"], ledger.newest), "by the ledger it is over"
    assert not ledger.shares_of(after)
    with pytest.raises(reader.NoPath):
        next(staff.read(after))
    assert vault.run_as(STAFF, "open", later, "--output", vault.temporary / "out").code != 0
    # What the vault refuses now, a disk, the secrets and the password open as before: keys are not taken back.
    assert b"".join(staff.read(later)) == extra[0].read_bytes()
    staff.vault.close()


def test_what_was_shared_with_keys_before_opens_with_none_after(filed, tmp_path):
    vault, documents = filed[0].copy(tmp_path / "again"), filed[1]
    join(vault, STAFF, vault.run_as(DSL, "person", "reset", STAFF, "--json").ok().lines[0]["code"])
    vault.assert_holds()
    opened = reader.Vault(vault.path)
    staff = reader.Person(opened, vault.secrets, STAFF, PASSWORDS[STAFF])
    assert not opened.findings and not opened.ledger.active_accesses(staff.state["id"], opened.ledger.newest)
    with pytest.raises(reader.NoPath):
        next(staff.read(documents[SAMPLES[0].name]))
    opened.close()


# What concerns a member of staff


HEARD = "What was heard in the corridor \u2014 twice"
LEFT = "A coach who has left"


@pytest.fixture(scope="module")
def concern(filed, tmp_path_factory):
    """What the office filed about a deputy and somebody without an account; the lead has looked at the list, and taken a
    copy. With the document."""
    vault = filed[0].copy(tmp_path_factory.mktemp("concern") / "copy")
    vaults.invite(vault, DEPUTY, "deputy")
    said = {SAMPLES[1].name: {"summary": HEARD, "concerns": [DEPUTY], "concerns_others": LEFT}}
    (line,) = vault.file(SAMPLES[1], details=said, more=("--again",)).ok().lines
    vault.run_as(DSL, "restricted", "--json").ok()
    assert vault.open(line["document"]) == SAMPLES[1].read_bytes()
    vault.assert_holds()
    return vault, line["document"]


def person(vault, name: str) -> reader.Person:
    return reader.Person(reader.Vault(vault.path), vault.secrets, name, PASSWORDS[name])


def test_from_password_to_what_concerns_a_deputy(concern):
    vault, document = concern
    result = run(vault, DSL, document, PASSWORDS[DSL])
    assert (result.returncode, result.stderr.decode()) == (0, "")
    assert result.stdout == SAMPLES[1].read_bytes()
    lead, deputy = person(vault, DSL), person(vault, DEPUTY)
    assert reader.check(vault.path) == [] and reader.check(vault.path, lead) == []
    (one,) = lead.restricted().values()
    fields, ledger = one["fields"], lead.vault.ledger
    assert (fields["summary"], fields["about"], fields["uploader"]) == (HEARD, f"{DEPUTY}, {LEFT}", ADMIN)
    assert (fields["barred"], fields["named"], fields["sealed_to"]) == (
        deputy.state["id"], lead.state["id"], lead.state["identity"],
    )  # fmt: skip
    assert (fields["filename"], fields["date"], fields["category"]) == (SAMPLES[1].name, "2016-11-17", "letter")
    assert fields["size"] == str(SAMPLES[1].stat().st_size)
    pupil = lead.pupil(fields["pupil_file"])
    assert (fields["pupil_name"], fields["pupil_born"]) == (pupil["name"], pupil["date_of_birth"])
    assert fields["pupil_reference"] == ledger.pupils[fields["pupil_file"]]["reference"] == vault.pupils[0]
    lead.vault.close()
    deputy.vault.close()


def test_from_password_to_what_was_moved_out_of_a_pupils_file(filed, tmp_path):
    vault = filed[0].copy(tmp_path / "copy")
    vaults.invite(vault, DEPUTY, "deputy")
    (line,) = vault.file(SAMPLES[1], details={SAMPLES[1].name: {"summary": HEARD}}, more=("--again",)).ok().lines
    document = line["document"]
    assert vault.open(document) == SAMPLES[1].read_bytes()
    said = json.dumps({"concerns": [DEPUTY], "concerns_others": LEFT})
    shown = vault.run_as(DSL, "restricted", "move", document, "--details=-", "--json", typed=said).ok().lines[0]
    assert "document" not in shown and shown["opened"] == [DSL] and shown["keepers"] == [DSL], shown
    assert document in [entry.get("document") for entry in vault.chronology()]
    (done,) = vault.run_as(DSL, "restricted", "move", document, "--details=-", "--confirm", "--json", typed=said).ok().lines
    assert done["concerns"] == f"{DEPUTY}, {LEFT}" and set(done["could_read"]) >= {DSL, DEPUTY}
    assert vault.open(done["document"]) == SAMPLES[1].read_bytes()
    assert document not in [entry.get("document") for entry in vault.chronology(None, "--everything")]
    refused = vault.run_as(DSL, "open", document, "--output", tmp_path / "out")
    assert refused.code == 3 and not (tmp_path / "out").exists()
    vault.assert_holds()

    assert run(vault, DSL, done["document"], PASSWORDS[DSL]).stdout == SAMPLES[1].read_bytes()
    assert run(vault, DSL, document, PASSWORDS[DSL]).returncode != 0
    for name in (DSL, DEPUTY):
        one = person(vault, name)
        assert reader.check(vault.path, one) == []
        restricted = one.restricted()
        assert list(restricted) == ([done["document"]] if name == DSL else [])
        one.vault.close()
    fields = restricted_fields(vault, done["document"])
    assert (fields["summary"], fields["uploader"], fields["moved_by"], fields["moved_from"]) == (HEARD, ADMIN, DSL, document)
    lead, deputy = person(vault, DSL), person(vault, DEPUTY)
    assert set(fields["readers"].split()) >= {lead.state["id"], deputy.state["id"]}
    assert (fields["opened_by"], fields["barred"]) == (lead.state["id"], deputy.state["id"])
    lead.vault.close()
    deputy.vault.close()


def restricted_fields(vault, document: str) -> dict:
    one = person(vault, DSL)
    try:
        return one.restricted()[document]["fields"]
    finally:
        one.vault.close()


@pytest.mark.parametrize("name", [DEPUTY, ADMIN, STAFF])
def test_whom_it_concerns_and_who_filed_it_find_no_path_to_it(concern, name):
    vault, document = concern
    result = run(vault, name, document, PASSWORDS[name])
    assert (result.returncode, result.stdout) == (1, b"")
    assert "this person's keys do not lead there" in result.stderr.decode()
    they = person(vault, name)
    ledger = they.vault.ledger
    assert they.restricted() == {} and reader.check(vault.path, they) == []
    for identity in ledger.identities:
        try:
            they.walk(identity)
        except reader.NoPath:
            continue
    # Whatever they hold opens no record about it: a deputy holds every key of every pupil file. That the list was read is
    # sealed to all who keep such documents.
    assert (len(they.identities) == 3 + len(ledger.pupils)) == (name == DEPUTY)
    opens = []
    for record in ledger.restricted:
        for identity in they.identities.values():
            try:
                opens.append(they.vault.record(record, identity)[1]["act"])
            except reader.NoPath:
                continue
    assert opens == ["listed"] * (name == DEPUTY)
    they.vault.close()


def test_what_was_done_with_it_is_told_apart_by_who_holds_it_alone(concern):
    vault, document = concern
    lead = person(vault, DSL)
    opened, ledger = lead.vault, lead.vault.ledger
    filing, *others = ledger.restricted.values()
    said = [opened.record(record, lead.identities[lead.state["identity"]])[1] for record in ledger.restricted]
    assert [one["act"] for one in said] == ["filed", "listed", "opened", "closed"]
    assert [one.get("document") for one in said] == [None, None, document, document]
    assert said[2]["reading"] == said[3]["reading"] and said[2]["manner"] == "download"
    assert (said[3]["bytes"], said[3]["complete"]) == (str(SAMPLES[1].stat().st_size), "yes")
    assert filing.act["record"] == document and filing.author == person(vault, ADMIN).state["id"]
    # To everybody else they are alike: about nobody, of the same parts, each of one size; and nothing else was said.
    for one in (filing, *others):
        assert "pupil_file" not in one.value and "fields" not in one.value
        assert len(opened.item(one.act["detail"], "detail")) == 4096
        stanzas = reader.age_header(opened.item(one.act["record"], "header"))[0]
        assert len(stanzas) == 8
    assert len({len(opened.item(record, "header")) for record in ledger.restricted}) == 1
    assert all(set(one.act) == {"record", "detail"} and one.author == lead.state["id"] for one in others)
    texts = [reader.canonical({**one.value, "index": 0}) for one in others]
    assert len(set(map(len, texts))) == 1
    kinds = [statement.kind for statement in ledger.statements[others[0].index - 1 :]]
    assert kinds == [
        "session.opened", "restricted.acted", "session.closed",
        "session.opened", "restricted.acted", "restricted.acted", "session.closed",
    ]  # fmt: skip
    # Nor does what was said before the filing, by who filed, say about whom it is.
    before = [one for one in ledger.statements[: filing.index] if one.kind == "session.opened"][-1].index
    assert not [one.kind for one in ledger.statements[before : filing.index] if one.pupil_file]
    opened.close()


def test_with_the_header_of_any_record_about_it_the_payload_is_an_ordinary_age_file(concern):
    vault, document = concern
    lead = person(vault, DSL)
    opened = lead.vault
    payload = opened.blob(opened.ledger.restricted[document].act["document"]).read_bytes()
    (one,) = lead.restricted().values()
    assert len(one["records"]) == 3
    for record in one["records"]:
        file = opened.item(record, "header") + payload
        key, length = lead.identities[lead.state["identity"]].open_header(file)
        assert b"".join(reader.open_payload(key, [file[length:]], len(file) - length)) == SAMPLES[1].read_bytes()
    opened.close()


def test_what_is_sealed_about_it_is_sealed_anew_for_who_has_new_keys(concern, tmp_path):
    vault, document = concern[0].copy(tmp_path / "again"), concern[1]
    sheets = vault.run_as(DSL, "recover", "set", "--holder", "Ines Marlowe", "--holder", "Ruth Abernathy", "--json").ok().lines
    assert len(sheets) == 2
    vault.assert_holds()
    lead = person(vault, DSL)
    recovery = lead.vault.ledger.recoveries[-1]["identity"]
    said = lead.restricted()[document]["records"]
    last = list(said)[-1]
    assert said[last]["act"] == "sealed"
    assert said[last]["sealed_to"].split(" ") == sorted((lead.state["identity"], recovery))
    sizes = {len(lead.vault.item(record, "header")) for record in lead.vault.ledger.restricted}
    assert len(sizes) == 1 and reader.check(vault.path, lead) == []
    lead.vault.close()


def test_the_recovery_key_brings_it_to_a_new_lead_and_not_to_whom_it_concerns(concern, tmp_path):
    vault, document = concern[0].copy(tmp_path / "recovered"), concern[1]
    sheets = vault.run_as(DSL, "recover", "set", "--holder", "Ines Marlowe", "--holder", "Ruth Abernathy", "--json").ok().lines
    vaults.recover(vault, NEWCOMER, *(sheet["words"] for sheet in sheets))
    vault.assert_holds()
    lead, deputy, before = (person(vault, name) for name in (NEWCOMER, DEPUTY, DSL))
    ledger = lead.vault.ledger
    kinds = [one.kind for one in ledger.statements]
    assert kinds[kinds.index("recovery.used") :][:3] == ["recovery.used", "session.opened", "restricted.acted"]
    (said,) = lead.restricted()[document]["records"].values()
    assert (said["act"], said["named"]) == ("recovered", " ".join(sorted((lead.state["id"], before.state["id"]))))
    # The recovery key was used, and the lead before is suspended.
    assert said["sealed_to"] == lead.state["identity"]
    assert b"".join(lead.read(document)) == SAMPLES[1].read_bytes() and reader.check(vault.path, lead) == []
    assert deputy.restricted() == {}
    for one in (lead, deputy, before):
        one.vault.close()


def test_a_record_that_says_otherwise_than_it_should_is_noticed(concern):
    vault, document = concern
    lead = person(vault, DSL)
    act = lead.vault.ledger.restricted[document].act["document"]
    assert reader.check(vault.path, lead) == []
    act["commitment"] = act["payload_sha256"]
    found = reader.check(vault.path, lead)
    assert found == [f"record {record}: the header holds another file key" for record in found_about(lead, document)]
    lead.vault.close()


def found_about(lead: reader.Person, document: str) -> list:
    holder = lead.identities[lead.state["identity"]]
    said = {record: lead.vault.record(record, holder)[1] for record in lead.vault.ledger.restricted}
    return [record for record, one in said.items() if one["act"] != "listed"]


def test_a_scan_in_the_intake_queue_opens_for_the_lead_and_not_for_the_office(filed, lead):
    vault, _ = filed
    _, upload = vault.scanned
    fields, content = lead.intake_item(upload)
    assert (fields["filename"], fields["summary"], content) == ("found.txt", "Found in a drawer", NOTE)
    opened = reader.Vault(vault.path)
    office = reader.Person(opened, vault.secrets, ADMIN, PASSWORDS[ADMIN])
    with pytest.raises(reader.NoPath):
        office.intake_item(upload)
    opened.close()


def test_a_station_token_opens_its_own_keys_and_leads_nowhere(filed, lead):
    vault, documents = filed
    token, _ = vault.scanned
    station = reader.Station(lead.vault, vault.secrets, token)
    assert station.name == "Office copier"
    held = {wrap["holder"] for wraps in lead.vault.ledger.wraps.values() for wrap in wraps}
    assert station.state["identity"] not in held
    with pytest.raises(reader.Broken, match="the token or the server secret is wrong"):
        reader.Station(lead.vault, vault.secrets, token[:34] + ("00" if token[34:36] != "00" else "11") + token[36:])


def test_everything_is_found_in_order(filed, lead):
    vault, documents = filed
    assert reader.check(vault.path) == []
    assert reader.check(vault.path, lead) == []
    assert set(lead.vault.ledger.documents) == set(documents.values())
    command = [sys.executable, "-B", PROGRAM, vault.path]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "All is well.\n"


def test_every_statement_is_spelled_as_documented(lead):
    kinds = {statement.kind for statement in lead.vault.ledger.statements}
    assert kinds >= {
        "vault.founded", "person.invited", "person.joined", "person.enrolled", "person.confirmed",
        "policy.acknowledged", "training.recorded", "pupil.registered", "session.opened", "session.closed",
        "register.read", "document.filed", "access.given", "access.extended",
    }  # fmt: skip
    assert len(lead.vault.ledger.statements) == lead.vault.ledger.tree.size


def test_significant_events_are_the_same_to_both(filed, tmp_path):
    vault = filed[0].copy(tmp_path / "marked")
    first, second = (line["index"] for line in vault.chronology())
    for index, flag in ((first, "--significant"), (second, "--significant"), (first, "--no-significant"), (second, "--significant")):
        vault.run_as(DSL, "entry", index, flag).ok()
    assert [line["index"] for line in vault.chronology(None, "--significant")] == [second]
    vault.assert_holds()
    assert reader.check(vault.path) == []
    opened = reader.Vault(vault.path)
    assert opened.ledger.significant == {second}
    assert [one.kind for one in opened.ledger.statements if one.kind.startswith("item.")] == ["item.promoted"] * 2 + ["item.demoted"]
    opened.close()
    assert vault.run_as(ADMIN, "entry", first, "--significant").code == 3
    assert vault.run_as(DSL, "entry", 0, "--significant").code != 0


def test_what_an_invitation_and_an_authenticator_give_is_derived_as_documented(filed):
    vault, _ = filed
    said, opened = vault.joined[ADMIN], reader.Vault(vault.path)
    key = reader.invitation_key(reader.typed_code(said["invitation"])).verify_key.encode()
    invited = next(one for one in opened.ledger.statements if one.kind == "person.invited")
    assert reader.url64(invited.act["code"]["key"]) == key
    office = reader.Person(opened, vault.secrets, ADMIN, PASSWORDS[ADMIN])
    assert office.recovery_codes() == said["recovery_codes"] and len(set(said["recovery_codes"])) == 10
    assert len(said["words"]) == 8 and len(office.fingerprint()) == 32
    opened.close()


def test_a_sign_in_with_a_recovery_code_is_recorded_as_a_sign_in_too(filed, tmp_path):
    vault = filed[0].copy(tmp_path / "recovered")
    before = size(vault.path)
    vault.run_as(ADMIN, "pupil", "list", code=vault.joined[ADMIN]["recovery_codes"][4]).ok()
    opened = reader.Vault(vault.path)
    said = [one.kind for one in opened.ledger.statements[before:]]
    opened.close()
    assert said[:2] == ["recovery-code.used", "session.opened"]


def test_who_joined_again_has_the_new_keys_and_what_they_said_before_stands(filed, tmp_path):
    vault = filed[0].copy(tmp_path / "again")
    before = reader.Vault(vault.path)
    old = reader.Person(before, vault.secrets, ADMIN, PASSWORDS[ADMIN])
    before.close()
    code = vault.run_as(DSL, "person", "reset", ADMIN, "--json").ok().lines[0]["code"]
    vault.assert_holds()
    waiting = reader.Vault(vault.path)
    with pytest.raises(reader.Broken, match="their keys are being replaced"):
        reader.Person(waiting, vault.secrets, ADMIN, PASSWORDS[ADMIN])
    waiting.close()
    join(vault, ADMIN, code)
    vault.file(SAMPLES[0], details={SAMPLES[0].name: {"summary": "After joining again"}}, more=("--again",)).ok()
    vault.assert_holds()
    assert reader.check(vault.path) == []
    opened = reader.Vault(vault.path)
    new = reader.Person(opened, vault.secrets, ADMIN, PASSWORDS[ADMIN])
    assert new.state["id"] == old.state["id"] and new.state["row"] == old.state["row"]
    assert new.state["identity"] != old.state["identity"] and new.signing != old.signing
    assert [key for _, key in new.state["keys"]] == [old.state["key"], new.state["key"]]
    assert new.recovery_codes() == vault.joined[ADMIN]["recovery_codes"] != old.recovery_codes()
    assert new.pupil(next(iter(opened.ledger.pupils)))["name"], "the register opens with the keys that were given anew"
    opened.close()


def test_details_are_what_was_said(filed, lead):
    _, documents = filed
    for sample in SAMPLES:
        fields = lead.details(documents[sample.name])
        assert fields["filename"] == sample.name
        assert (fields["summary"], fields["summary_origin"]) == (SUMMARIES[sample.name], "typed")
        assert (fields["signed"], fields["signed_by"], fields["category"]) == ("yes", "A. Nurse", "letter")
        assert (fields["date"], fields["uploader"]) == ("2016-11-17", ADMIN)
        assert fields["late_reason"] == fields["agency"] == "", "every field is there, whatever was filled in"


def test_a_field_that_was_not_committed_is_noticed(filed, lead):
    vault, documents = filed
    document = documents[SAMPLES[0].name]
    fields = lead.vault.ledger.documents[document].fields
    kept = fields["summary"]
    try:
        fields["summary"] = bytes(32)
        (found,) = reader.check(vault.path, lead)
    finally:
        fields["summary"] = kept
    assert found == f"document {document}: the fields are not what was committed"


def test_header_and_payload_are_one_ordinary_age_file(filed, lead):
    _, documents = filed
    for sample in SAMPLES:
        file = lead.age_file(documents[sample.name])
        key, length = lead.pupil_identity(lead.vault.ledger.documents[documents[sample.name]].pupil_file).open_header(file)
        assert b"".join(reader.open_payload(key, [file[length:]], len(file) - length)) == sample.read_bytes()


def change(path: Path, table: str, column: str, where: str, at: int):
    """Flips a bit of a value, as somebody would who has the disk: the triggers are no hindrance to them."""
    database = sqlite3.connect(path / "catalogue.sqlite")
    (trigger,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (f"{table}_update",)).fetchone()
    database.execute(f"DROP TRIGGER {table}_update")
    ((row, data),) = database.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchall()
    changed = bytearray(data)
    changed[at] ^= 1
    database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (bytes(changed), row))
    database.execute(trigger)
    database.commit()
    database.close()


def size(path: Path) -> int:
    database = sqlite3.connect(path / "catalogue.sqlite")
    ((count,),) = database.execute("SELECT count(*) FROM statement").fetchall()
    database.close()
    return count


@pytest.mark.parametrize("at", [0, 4, 5, 40, 200, -65, -64, -1])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_changed_byte_in_a_statement_is_noticed(other, place, at):
    index = {"first": 0, "middle": size(other) // 2, "last": size(other) - 1}[place]
    change(other, "statement", "leaf", f"idx = {index}", at)
    assert reader.check(other)[0].startswith(f"statement {index}: ")


def test_a_missing_last_statement_is_noticed(other):
    database = sqlite3.connect(other / "catalogue.sqlite")
    for table in ("statement", "checkpoint"):
        database.execute(f"DROP TRIGGER {table}_delete")
    last = size(other) - 1
    database.execute("DELETE FROM statement WHERE idx = ?", (last,))
    database.execute("DELETE FROM checkpoint WHERE size > ?", (last,))
    database.commit()
    database.close()
    assert "witness: the ledger is behind it" in reader.check(other)


def assert_noticed(path: Path, kind: str, id: bytes, length: int) -> None:
    change(path, "item", "bytes", f"id = x'{id.hex()}'", length // 2)
    assert reader.check(path) == [f"{kind} {reader.id_text(id)}: is not what was committed"]


@pytest.mark.parametrize("kind", sorted({*reader.ITEM_KINDS} - {"terms", "certificate"}))
def test_a_changed_byte_in_a_sealed_item_is_noticed(other, kind):
    database = sqlite3.connect(other / "catalogue.sqlite")
    ((id, length),) = database.execute("SELECT id, length(bytes) FROM item WHERE kind = ? LIMIT 1", (kind,)).fetchall()
    database.close()
    assert_noticed(other, kind, id, length)


@pytest.mark.parametrize("part", ["nonce", "middle", "end", "longer", "missing"])
def test_a_changed_payload_is_noticed(other, part):
    path = max((path for path in (other / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    if part == "longer":
        data += b"\0"
    else:
        data[{"nonce": 0, "middle": len(data) // 2}.get(part, -1)] ^= 1
    path.write_bytes(data)
    if part == "missing":
        path.unlink()
    (found,) = reader.check(other)
    assert re.match("document [0-9a-z]{26}: ", found)


@pytest.mark.parametrize(("file", "place"), [("policies/access.yaml", "policies"), ("witness/checkpoint", "witness")])
def test_a_changed_byte_beside_the_catalogue_is_noticed(other, file, place):
    data = bytearray((other / file).read_bytes())
    data[len(data) // 2] ^= 1
    (other / file).write_bytes(data)
    (found,) = reader.check(other)
    assert found.startswith(f"{place}: ")


def test_it_uses_nothing_of_ours():
    # Neither the program nor a module of the harness: what it knows it has from docs/format.md.
    imported = set(re.findall(r"^(?:import|from) (\w+)", PROGRAM.read_text(), re.MULTILINE))
    assert imported <= {*sys.stdlib_module_names, "cryptography", "nacl"}
    assert "subprocess" not in imported and "STRONGROOM" not in PROGRAM.read_text() and os.access(PROGRAM, os.R_OK)


# What an agency has


@dataclass
class Disclosed:
    """A service whose lead gave an agency a permission, the copy of the vault that was made while it lasted, and after it."""

    documents: dict[str, bytes]
    given: agencies.Given
    box: bytes
    during: vaults.Vault
    after: vaults.Vault
    pack: bytes
    today: str


@pytest.fixture(scope="module")
def disclosed(tmp_path_factory) -> Disclosed:
    folder = tmp_path_factory.mktemp("disclosed")
    service = Service(folder / "service")
    vault = vaults.Vault(service.vault, service.folder / "tmp")
    contents = [f"What was said on the telephone, {number}.\n".encode() for number in range(3)]
    documents = {agencies.filed(service, data, summary=f"Call {number}"): data for number, data in enumerate(contents)}
    letter, *sought = documents
    today, request = agencies.day(), agencies.asked(service, letter)
    given = agencies.permitted(service, request, *sought)
    with closing(sqlite3.connect(service.vault / "workspace.sqlite")) as workspace:
        ((box,),) = workspace.execute("SELECT keybox FROM permission_key").fetchall()
    during = vault.copy(folder / "during")
    permission = re.search("/permissions/([0-9a-z]{26})", service.ask("GET", request).text)[0]
    told = {"told_words": "That the police asked", "told_by": "D. Okafor", "told_day": agencies.day()}
    agencies.submit(service, f"{permission}/child", child="told", **told)
    visit = {"officer": agencies.OFFICER, "day": agencies.day(), "time": "10:15 to 11:40", "present": "The lead", "read": "Both"}
    agencies.submit(service, f"{permission}/visit", **visit)
    closing_page = re.search("/visits/[0-9a-z]{26}/close", service.ask("GET", request).text)[0]
    agencies.submit(service, closing_page, taken="yes", notes=letter, words="They wrote two lines")
    officer = agencies.Officer(service)
    officer.enter(given)
    assert contents[1].decode().strip() in officer.ask("GET", "/agency/exhibits/1").text
    answer = officer.send("/agency/copies", "/agency/copies")
    assert answer.status == 200 and answer.bytes[:2] == b"PK", answer.text
    # The permission is over then: it was for one copy.
    assert officer.send("/agency/received").status == 303
    other = agencies.asked(service, letter)
    agencies.submit(service, f"{other}/refuse", reasons="The letter names another child")
    untold = {"child": "untold", "untold_words": "The police asked", "review": agencies.day(30)}
    assert agencies.permitted(service, request, sought[0], copies="2", **untold).link != given.link
    last = re.findall("/permissions/([0-9a-z]{26})/withdraw", service.ask("GET", request).text)[-1]
    agencies.submit(service, f"/permissions/{last}/withdraw", reason="The enquiry is over")
    service.stop()
    assert set(service.verify()) <= {"witness.behind"}
    return Disclosed(documents, given, box, during, vault, answer.bytes, today)


def lead_of(vault: vaults.Vault) -> reader.Person:
    return reader.Person(reader.Vault(vault.path), vault.secrets, DSL, PASSWORD)


def test_what_is_said_of_an_agency_is_replayed_and_its_details_are_as_committed(disclosed):
    lead = lead_of(disclosed.after)
    ledger = lead.vault.ledger
    assert reader.check(disclosed.after.path) == [] and reader.check(disclosed.after.path, lead) == []
    said = [(one.kind, lead.disclosure_details(one)) for one in ledger.disclosures]
    assert {kind for kind, _ in said} == set(reader.DISCLOSURE_OBJECTS)
    fields = dict(reversed(said))
    asked = {name.replace("_", "-"): value for name, value in fields["disclosure.requested"].items() if value}
    assert asked == {**agencies.ASKED, "received": disclosed.today, "made-by": DSL}
    given = fields["permission.given"]
    assert (given["officer"], given["number"], given["warnings"]) == (agencies.OFFICER, agencies.NUMBER, "")
    assert given["conditions"] == "For this enquiry alone"
    assert fields["disclosure.refused"]["words"] == "The letter names another child"
    assert fields["permission.withdrawn"]["words"] == "The enquiry is over"
    assert fields["visit.recorded"]["time"] == "10:15 to 11:40" and fields["visit.closed"]["words"] == "They wrote two lines"
    assert fields["child.informed"]["words"] == "That the police asked"
    assert fields["issue.closed"]["sha256"] == reader.sha256(disclosed.pack).hex()
    assert [one["ended"] is not None for one in ledger.permissions.values()] == [True, True]
    assert {statement.kind for statement in ledger.statements} >= reader.OF_AGENCY - {"permission.refused"}
    assert [one["closed"] for one in ledger.issues.values()] == [True, True]
    lead.vault.close()


def test_link_code_and_keybox_open_what_was_permitted_from_the_disk(disclosed):
    for vault in (disclosed.during, disclosed.after):
        opened = reader.Vault(vault.path)
        permission = reader.Permission(opened, vault.secrets, disclosed.box, disclosed.given.link, disclosed.given.code)
        letter, *sought = disclosed.documents
        assert [one["document"] for one in permission.act["documents"]] == sought
        assert permission.act["letter"]["document"] == letter
        for permitted in [permission.act["letter"], *permission.act["documents"]]:
            assert permission.read(permitted) == disclosed.documents[permitted["document"]]
        told = permission.terms()
        assert agencies.OFFICER in str(told) and "Call 1" in str(told) and "Harrow Vale Police" in str(told)
        # No other header of the vault is for it.
        headers = {id for id, (kind, _, _) in opened.ledger.items.items() if kind == "header"}
        mine = {one["header"] for one in [permission.act["letter"], *permission.act["documents"]]}
        for id in headers - mine:
            with pytest.raises(reader.NotTheirs):
                permission.identity.open_header(opened.item(id, "header"))
        opened.close()


def test_what_opens_a_permission_is_nowhere_when_it_is_over(disclosed):
    with closing(sqlite3.connect(disclosed.after.path / "workspace.sqlite")) as workspace:
        assert workspace.execute("SELECT count(*) FROM permission_key").fetchone() == (0,)
    sealed = disclosed.box[49:]

    def has(vault: vaults.Vault) -> list:
        return [path.name for path in vault.path.rglob("*") if path.is_file() and sealed in path.read_bytes()]

    assert has(disclosed.during) and not has(disclosed.after)


@pytest.mark.parametrize("what", ["recipient", "terms", "a document's header", "the letter's header", "detail"])
def test_a_changed_byte_in_what_a_permission_brings_is_noticed(disclosed, tmp_path, what):
    shutil.copytree(disclosed.during.path, tmp_path / "vault")
    with closing(sqlite3.connect(tmp_path / "vault/catalogue.sqlite")) as database:
        ((leaf,),) = database.execute("SELECT leaf FROM statement JOIN act USING (idx) WHERE kind = 'permission.given'").fetchall()
        statement = reader.Statement(leaf)
        act = statement.act
        chosen = {
            "recipient": act["identity"], "terms": act["terms"], "a document's header": act["documents"][-1]["header"],
            "the letter's header": act["letter"]["header"], "detail": act["detail"],
        }  # fmt: skip
        # These are all, but for the key of the details, which another statement may have brought.
        rest = {one["header"] for one in act["documents"]} - {chosen["a document's header"]} | {act["detail_key"]}
        assert {id for id in statement.items} - rest == set(chosen.values())
        kind, id = statement.items[chosen[what]][0], reader.id_bytes(chosen[what])
        ((length,),) = database.execute("SELECT length(bytes) FROM item WHERE id = ?", (id,)).fetchall()
    assert_noticed(tmp_path / "vault", kind, id, length)


@pytest.mark.parametrize("part", ["keybox", "link", "code"])
def test_a_changed_part_of_what_opens_a_permission_opens_nothing(disclosed, part):
    link, code, box = disclosed.given.link, disclosed.given.code, disclosed.box
    if part == "keybox":
        for at in (0, 4, 20, 40, 60, -1):
            changed = bytearray(box)
            changed[at] ^= 1
            with closing(reader.Vault(disclosed.during.path)) as opened, pytest.raises(reader.Broken, match="another keybox"):
                reader.Permission(opened, disclosed.during.secrets, bytes(changed), link, code)
        return
    other = {"link": reader.id_text(os.urandom(16)), "code": sealing.access_code()}
    tried = {"link": link, "code": code, part: other[part]}
    with closing(reader.Vault(disclosed.during.path)) as opened, pytest.raises(reader.Broken, match="to no permission|is wrong"):
        reader.Permission(opened, disclosed.during.secrets, box, **tried)
