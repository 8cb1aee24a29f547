"""What waits and what follows, with the program alone, and seen by the independent reader."""

import json

import pytest
import reader
import vault as vaults
from vault import ADMIN, DSL, PASSWORDS, SCANS, STAFF, Vault

CANARY = "Periwinkle-7731"
SMALL = [path for path in SCANS if path.suffix in (".txt", ".eml", ".jpg")][:3]


@pytest.fixture(scope="module")
def school(template, tmp_path_factory) -> Vault:
    vault = template.copy(tmp_path_factory.mktemp("triage") / "copy")
    vault.file(*SMALL, details={path.name: {"summary": path.stem[::-1]} for path in SMALL}).ok()
    vaults.invite(vault, STAFF, "staff")
    return vault


def listed(vault: Vault, *options: str, who: str = DSL):
    return vault.run_as(who, "triage", "--json", *options)


def say(vault: Vault, *lines: dict, who: str = DSL, pupil: str | None = None):
    typed = "".join(json.dumps(one) + "\n" for one in lines)
    return vault.run_as(who, "triage", "--pupil", pupil or vault.pupils[0], "--details", "-", "--json", typed=typed)


def test_what_waits_is_listed_looked_at_once_and_followed_up(school):
    vault = school
    waiting = listed(vault).ok().lines
    assert [one["index"] for one in waiting] == sorted(one["index"] for one in waiting) and len(waiting) == 3
    assert {one["pupil"] for one in waiting} == {vault.pupils[0]} and not any(one["late"] for one in waiting)
    assert listed(vault, "--pupil", vault.pupils[1]).ok().lines == []
    first, *others = (one["record"] for one in waiting)
    legacy = {"records": others, "follows": ["nothing"], "words": "Legacy archive"}
    referral = {"records": [first], "follows": ["police", "social-care"], "words": CANARY, "due": vault.day(2)}

    # One line that is not in order, and nothing is recorded.
    before = len(vault.chronology(None, "--everything"))
    wrong = say(vault, legacy, {**referral, "due": "soon"})
    assert wrong.code == 3 and "line 2" in wrong.err and CANARY not in wrong.err
    for line in ({**legacy, "follows": [CANARY]}, {**legacy, CANARY: "x"}, {**legacy, "records": [CANARY]}, {"records": []}, CANARY):
        refused = say(vault, line)
        assert refused.code == 64 and "line 1" in refused.err and CANARY not in refused.err
    assert len(vault.chronology(None, "--everything")) <= before + 1
    assert say(vault, legacy, who=ADMIN).code != 0 and listed(vault, who=STAFF).code != 0
    assert say(vault, legacy, pupil=vault.pupils[1]).code == 3

    said = say(vault, legacy, {**referral, "child_on_child": "yes", "triage": "0" * 25 + "4"}).ok().lines
    assert [one["records"] for one in said] == [2, 1] and [len(one["follow_ups"]) for one in said] == [0, 3]
    assert listed(vault).ok().lines == []
    again = say(vault, {**referral, "child_on_child": "yes", "triage": "0" * 25 + "4"}).ok().lines
    assert again == said[1:], "the same line again makes no second one"
    twice = say(vault, legacy)
    assert twice.code == 3 and f"{DSL} has looked at this already" in twice.err

    # The second follow-up is the referral: its outcome says what of the parents.
    entry = {"kind": "action", "basis": "fact", "date": vault.day(), "account": "Sent", "completes": said[1]["follow_ups"][1]}

    def add(**more):
        typed = json.dumps({**entry, **more}) + "\n"
        return vault.run_as(DSL, "entry", "add", "--pupil", vault.pupils[0], "--details", "-", typed=typed)

    assert add(action="police").code == 3 and add(action="social-care").code == 3
    add(action="social-care", parents="contacted").ok()
    add(kind="waiver", completes=said[1]["follow_ups"][0]).ok()
    vault.assert_holds()
    assert reader.check(vault.path) == []


def test_the_independent_reader_reads_what_follows(school):
    opened = reader.Vault(school.path)
    lead = reader.Person(opened, school.secrets, DSL, PASSWORDS[DSL])
    details = [lead.triage_details(triage) for triage in opened.ledger.triages]
    assert [one["follows"] for one in details] == ["nothing", "parents social-care police"]
    assert [one["child_on_child"] for one in details] == ["no", "yes"] and details[1]["words"] == CANARY
    assert len(opened.ledger.triaged) == 3 and all(one["made_by"] == DSL for one in details)
    assert CANARY.encode() not in (school.path / "catalogue.sqlite").read_bytes()
    assert reader.check(school.path, lead) == []
    opened.close()
