"""What takes two people, with the program alone: proposed by one, agreed to by another, and seen by the independent reader."""

import json
import re

import pytest
import reader
import vault as vaults
from vault import DSL, PASSWORDS, Vault

DEPUTY, PANEL, NEWCOMER = "Nell Farrow", "Ivo Castell", "Alex Reed"
HOLDERS = ["Ines Marlowe", "Tobias Quill", "Ruth Abernathy"]
WEEK = 7 * 86_400
WAITS = 5

PASSWORDS.update(dict.fromkeys((DEPUTY, PANEL, NEWCOMER), "quilted pepper lighthouse 9"))


@pytest.fixture(scope="module")
def settled(tmp_path_factory) -> Vault:
    """A lead, a deputy and a panel member, a week after they had their keys; the lead alone made the others."""
    vault = vaults.found(tmp_path_factory.mktemp("two"))
    vaults.invite(vault, DEPUTY, "deputy")
    vaults.invite(vault, PANEL, "panel")
    vault.offset += WEEK
    return vault


def proposed(result) -> str:
    assert result.code == WAITS, result
    return re.search(r"proposed: ([0-9a-z]{26})", result.out)[1]


def listed(vault: Vault, name: str) -> list:
    return vault.run_as(name, "proposal", "list", "--json").ok().lines


def refused(result, code: str) -> None:
    assert result.code == 3 and f"code: {code}" in result.err, result


def check(vault: Vault) -> None:
    vault.assert_holds()
    assert reader.check(vault.path) == []


def test_a_deputy_is_made_by_two(settled, tmp_path):
    vault = settled.copy(tmp_path)
    invited = vault.run_as(DSL, "person", "invite", "--name", NEWCOMER, "--role", "deputy", "--json").ok()
    vaults.make_keys(vault, NEWCOMER, invited.lines[0]["code"])
    proposal = proposed(vaults.give_keys(vault, NEWCOMER))
    refused(vaults.give_keys(vault, NEWCOMER), "proposal.stands")
    (seen,) = listed(vault, PANEL)
    assert (seen["proposal"], seen["standing"], seen["person"]) == (proposal, "waits", NEWCOMER)
    assert seen["words"] == vault.joined[NEWCOMER]["words"] and seen["proposed_by"] == DSL
    refused(vault.run_as(DSL, "proposal", "agree", proposal), "proposal.yours")
    refused(vault.run_as(vaults.ADMIN, "proposal", "agree", proposal), "access.not-entitled")
    check(vault)
    vault.run_as(PANEL, "proposal", "agree", proposal).ok()
    refused(vault.run_as(DEPUTY, "proposal", "agree", proposal), "proposal.over")
    vaults.give_keys(vault, NEWCOMER).ok()
    assert [(one["standing"], one["agreed_by"]) for one in listed(vault, DEPUTY)] == [("done", PANEL)]
    vaults.ready(vault, NEWCOMER)
    vault.run_as(NEWCOMER, "chronology", "--pupil", vault.pupils[0], "--json").ok()
    check(vault)


def test_recovery_sheets_are_made_by_two(settled, tmp_path):
    vault = settled.copy(tmp_path)
    holders = [word for name in HOLDERS for word in ("--holder", name)]
    proposal = proposed(vault.run_as(DSL, "recover", "set", *holders, "--json"))
    (seen,) = listed(vault, DEPUTY)
    assert seen["holders"] == HOLDERS and seen["threshold"] == 2
    refused(vault.run_as(DSL, "proposal", "sheets", proposal), "proposal.over")
    vault.run_as(DEPUTY, "proposal", "agree", proposal).ok()
    sheets = vault.run_as(DSL, "proposal", "sheets", proposal, "--json").ok().lines
    assert [sheet["holder"] for sheet in sheets] == HOLDERS and len({sheet["words"] for sheet in sheets}) == 3
    lines = [{"password": PASSWORDS[DSL], "code": vault.code(DSL)}, *({"share": sheet["words"]} for sheet in sheets[1:])]
    secrets = "".join(json.dumps(line) + "\n" for line in lines).encode()
    vault.run("recover", "drill", "--as", DSL, "--json", secrets=secrets).ok()
    check(vault)


def test_two_suspend_the_last_lead_and_let_them_in_again(settled, tmp_path):
    vault = settled.copy(tmp_path)
    proposal = proposed(vault.run_as(PANEL, "proposal", "suspend", DSL))
    assert listed(vault, DSL) == []
    refused(vault.run_as(DSL, "proposal", "withdraw", proposal), "not-found")
    vault.run_as(DEPUTY, "proposal", "agree", proposal).ok()
    refused(vault.run_as(DSL, "pupil", "list"), "access.suspended")
    check(vault)
    proposal = proposed(vault.run_as(DEPUTY, "proposal", "restore", DSL))
    vault.run_as(PANEL, "proposal", "withdraw", proposal).ok()
    refused(vault.run_as(PANEL, "proposal", "agree", proposal), "proposal.over")
    proposal = proposed(vault.run_as(DEPUTY, "proposal", "restore", DSL))
    vault.run_as(PANEL, "proposal", "agree", proposal).ok()
    vault.run_as(DSL, "pupil", "list").ok()
    assert [one["standing"] for one in listed(vault, DSL)] == ["done", "done"]
    check(vault)
