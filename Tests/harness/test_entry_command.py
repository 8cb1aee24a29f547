"""Entries without a file, with the program alone, and seen by the independent reader."""

import json

import pytest
import reader
import vault as vaults
from vault import ADMIN, DSL, PASSWORDS, SCANS, STAFF, Vault

# Composed and decomposed, an emoji of parts, right to left, every end of a line, blanks at the ends.
WORDS = "  caf\u00e9 cafe\u0301 \U0001f469\u200d\U0001f467 \u202b\u0647\u0648\u202c one\r\ntwo\rthree\u2028four \t\r\n "
CANARY = "Periwinkle-7731"


@pytest.fixture(scope="module")
def school(template, tmp_path_factory) -> Vault:
    vault = template.copy(tmp_path_factory.mktemp("entries") / "copy")
    note = next(path for path in SCANS if path.suffix == ".txt")
    vault.document = vault.file(note, details={note.name: {"summary": "A note"}}).ok().lines[0]
    vaults.invite(vault, STAFF, "staff")
    return vault


def add(vault: Vault, *entries: dict, who: str = DSL, pupil: str | None = None, **options):
    typed = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in entries)
    chosen = pupil or vault.pupils[0]
    return vault.run_as(who, "entry", "add", "--pupil", chosen, "--details", "-", "--json", typed=typed, **options)


def said(vault: Vault, kind: str, **more) -> dict:
    return {"kind": kind, "basis": "fact", "date": vault.day(), "account": f"What was {kind}.", **more}


def test_every_kind_is_made_shown_and_checked(school):
    vault = school
    entries = [
        said(vault, "call", time="0:01", ended="0:02", organisation="Children's Services", number="01632 960983", **{"with": "D. Okafor"}),
        said(vault, "meeting", **{"with": "D. Okafor\nA. Nurse"}),
        said(vault, "observation", told="The deputy", told_date=vault.day(), follow_up="Ring home", follow_up_due=vault.day(3)),
        said(vault, "words", account=WORDS, questions=f"{CANARY}?"),
        said(vault, "action", action="social-care", parents="greater-risk", parents_reason=CANARY, outcome="Taken on"),
        said(vault, "decision", reasons="It was agreed."),
    ]  # fmt: skip
    made = add(vault, *entries, who=ADMIN).ok().lines
    assert len({line["entry"] for line in made}) == len({line["index"] for line in made}) == 6
    correction = said(vault, "correction", corrects=made[0]["entry"], reasons="Misheard", date=vault.day())
    document = said(vault, "correction", corrects=vault.document["document"], reasons="Misread", date="2016-11-17", received=vault.day())
    made += add(vault, correction, document).ok().lines
    lines = {line["index"]: line for line in vault.chronology()}
    assert sorted(lines) == sorted([vault.document["index"], *(line["index"] for line in made)]), "each exactly once"
    assert [lines[one["index"]]["entry_kind"] for one in made] == [one["kind"] for one in [*entries, correction, document]]
    assert lines[made[3]["index"]]["fields"]["account"] == WORDS and lines[made[3]["index"]]["fields"]["questions"] == f"{CANARY}?"
    assert lines[made[0]["index"]]["corrections"] == [made[6]["index"]] and lines[made[6]["index"]]["corrects"] == made[0]["index"]
    assert lines[vault.document["index"]]["corrections"] == [made[7]["index"]]
    order = [(one["occurred"], one.get("time", ""), one["index"]) for one in vault.chronology()]
    assert order == sorted(order)
    shown = vault.run_as(DSL, "entry", made[3]["index"], "--json").ok().lines
    assert shown[0]["fields"]["account"] == WORDS and CANARY not in shown[1]["statement"]
    vault.assert_holds()
    assert reader.check(vault.path) == []
    for folder in vault.folders:
        for path in folder.rglob("*"):
            assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path

    # The independent reader opens them, checks every field, and finds the links between them.
    opened = reader.Vault(vault.path)
    lead = reader.Person(opened, vault.secrets, DSL, PASSWORDS[DSL])
    assert lead.entry_details(made[3]["entry"])["account"] == WORDS
    assert opened.ledger.entries[made[7]["entry"]].act["corrects"] == vault.document["document"]
    office = reader.Person(opened, vault.secrets, ADMIN, PASSWORDS[ADMIN])
    with pytest.raises(reader.NoPath):
        office.entry_details(made[3]["entry"])
    assert reader.check(vault.path, lead) == []
    opened.close()


def test_what_is_wrong_is_said_for_every_line_and_nothing_is_recorded(school):
    before = len(school.chronology())
    call = said(school, "call", time="0:01", **{"with": "D. Okafor"})
    refused = add(school, call, {**call, "with": "", "time": "soon"}, {**call, "date": "2016-11-17", "account": CANARY})
    assert refused.code == 3 and not refused.out
    assert [line for line in refused.err.splitlines() if line.startswith("code: ")] == [
        "code: entry.time", "code: entry.with", "code: entry.late-reason",
    ]  # fmt: skip
    assert "line 2" in refused.err and "line 3" in refused.err and CANARY not in refused.err
    for typed in ("nonsense\n", '{"kind":"dream"}\n', json.dumps({**call, "colour": CANARY}) + "\n", '{"kind":"call","with":7}\n'):
        wrong = school.run_as(DSL, "entry", "add", "--pupil", school.pupils[0], "--details", "-", typed=typed)
        assert wrong.code == 64 and "line 1" in wrong.err and CANARY not in wrong.err, wrong
    other = said(school, "correction", corrects=school.document["document"], reasons="x")
    assert "code: entry.not-in-file" in add(school, other, pupil=school.pupils[1]).err
    assert "code: access.not-entitled" in add(school, other, who=ADMIN).err, "who cannot read it cannot correct it"
    assert len(school.chronology()) == before


def test_who_has_access_to_the_whole_file_opens_its_entries_and_others_none(school):
    first = add(school, said(school, "observation", account="Before")).ok().lines[0]
    school.give_access(STAFF)
    second = add(school, said(school, "observation", account="After"), who=ADMIN).ok().lines[0]
    elsewhere = add(school, said(school, "observation"), pupil=school.pupils[1]).ok().lines[0]
    opened = reader.Vault(school.path)
    staff = reader.Person(opened, school.secrets, STAFF, PASSWORDS[STAFF])
    assert [staff.entry_details(one["entry"])["account"] for one in (first, second)] == ["Before", "After"]
    with pytest.raises(reader.NoPath):
        staff.entry_details(elsewhere["entry"])
    assert reader.check(school.path, staff) == []
    opened.close()
    school.assert_holds()
