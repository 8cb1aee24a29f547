"""The recovery key, with the program alone: made, tried, and used where no lead is left."""

import json
import os
import time

import pytest
import reader
import totp
import vault as vaults
from vault import ADMIN, DSL, PASSWORDS, SCANS

HOLDERS = ["Ines Marlowe", "Tobias Quill", "Ruth Abernathy"]
NEWCOMER = "Sabine Holt"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A vault with a document, and its three sheets."""
    vault = vaults.found(tmp_path_factory.mktemp("recovered"))
    (filed,) = vault.file(SCANS[0], details={SCANS[0].name: {"summary": "Filed before"}}).ok().lines
    holders = [word for name in HOLDERS for word in ("--holder", name)]
    sheets = vault.run_as(DSL, "recover", "set", *holders, "--json").ok().lines
    return vault, filed["document"], [sheet["words"] for sheet in sheets]


def lines(*values) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def drill(vault, *shares):
    secrets = lines({"password": PASSWORDS[DSL], "code": vault.code(DSL)}, *({"share": share} for share in shares))
    return vault.run("recover", "drill", "--as", DSL, "--json", secrets=secrets)


def test_the_sheets_are_told_once_and_lie_nowhere(made):
    vault, _, sheets = made
    assert len(sheets) == 3 and all(len(sheet.split()) == 33 for sheet in sheets)
    state = vault.run("recover", "state", "--json").ok().lines[0]
    assert state["holders"] == HOLDERS and state["threshold"] == 2
    whole = b"".join(path.read_bytes() for folder in vault.folders for path in folder.rglob("*") if path.is_file())
    for sheet in sheets:
        words = sheet.split()
        assert not any(" ".join(words[at : at + 3]).encode() in whole for at in range(4, 31))
    assert not any(name.encode() in whole for name in HOLDERS)


def test_a_drill_names_what_is_wrong_and_any_two_pass(made):
    vault, _, sheets = made
    misspelt = sheets[1].split()
    misspelt[5] = "nonsense"
    for shares in (sheets[:1], [sheets[0], sheets[0]], [sheets[0], " ".join(misspelt)]):
        result = drill(vault, *shares)
        assert result.code == 3 and "recovery." in result.err, result
    for pair in ((0, 1), (0, 2), (2, 1)):
        passed = drill(vault, *(sheets[one] for one in pair)).ok().lines[0]
        assert passed["sheets"] == sorted(one + 1 for one in pair)
    vault.assert_holds()
    assert reader.check(vault.path) == []


def test_two_sheets_make_somebody_lead_and_the_old_lead_is_out(made, tmp_path):
    vault, document, sheets = made
    copy = vault.copy(tmp_path)
    PASSWORDS[NEWCOMER] = "quilted pepper lighthouse 9"
    secrets = lines({"share": sheets[2]}, {"share": sheets[0]}, {"password": PASSWORDS[NEWCOMER]})
    process, writer = copy.start("recover", "open", "--name", NEWCOMER, "--json", secrets=secrets, keep_open=True)
    shown = json.loads(process.stdout.readline())
    assert shown["suspended"] == [DSL]
    step = totp.step_at(time.time() + copy.offset)
    os.write(writer, lines({"code": totp.code(shown["authenticator"], step)}))
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    copy.authenticators = {**copy.authenticators, NEWCOMER: shown["authenticator"]}

    # It is used once; the old lead is out.
    assert copy.run("recover", "open", "--name", "Another Holt", secrets=secrets).code == 3
    assert copy.run_as(DSL, "person", "list").code == 3
    # The new one reads what was filed before, once policy and training are there.
    acknowledged = vaults.policy_version(copy)
    copy.run_as(NEWCOMER, "person", "acknowledge", "--policy-version", acknowledged).ok()
    copy.run_as(NEWCOMER, "person", "training", NEWCOMER, "--completed", copy.day()).ok()
    target = copy.temporary / "opened"
    copy.run_as(NEWCOMER, "open", document, "--output", target).ok()
    assert target.read_bytes() == SCANS[0].read_bytes()
    copy.assert_holds()
    person = reader.Person(reader.Vault(copy.path), copy.secrets, NEWCOMER, PASSWORDS[NEWCOMER])
    assert b"".join(person.read(document)) == SCANS[0].read_bytes()
    assert reader.check(copy.path, person) == []
    office = reader.Person(reader.Vault(copy.path), copy.secrets, ADMIN, PASSWORDS[ADMIN])
    with pytest.raises(reader.NoPath):
        b"".join(office.read(document))
