"""The policy register and its reviews, by command line."""

import vault as vaults
from vault import ADMIN, DSL, Vault, policy_version

PANEL = "Ivo Castellane"


def register(vault: Vault, who: str = DSL) -> dict:
    (answer,) = vault.run_as(who, "policy", "register", "--json").ok().lines
    return answer


def test_a_review_with_the_panel_is_recorded_and_stands_in_the_register(template, tmp_path, monkeypatch):
    monkeypatch.setitem(vaults.PASSWORDS, PANEL, "quiet ferry marmalade 63")
    vault = template.copy(tmp_path / "copy")
    vaults.invite(vault, PANEL, "panel")
    version = policy_version(vault)
    before = register(vault)
    assert before["version"] == version and before["reviews"] == [] and not before["overdue"]
    people = {person["name"]: person for person in before["people"]}
    assert set(people) == {DSL, ADMIN, PANEL}
    assert all(person["acknowledged"] == version and person["lacks"] == [] for person in people.values())

    today = vault.day()  # once: the tests' clock goes on, past midnight too
    # Of a day to come, with nobody of the panel, of another version, or by who may not: refused, and nothing recorded.
    for options in (
        ("--day", vault.day(2), "--panel", PANEL),
        ("--day", today, "--panel", ADMIN),
        ("--day", today, "--panel", PANEL, "--policy-version", "2001-01"),
        ("--day", today, "--panel", PANEL, "--due", vault.day(-1)),
    ):
        refused = vault.run_as(DSL, "policy", "reviewed", *options)
        assert refused.code == 3 and "hint:" in refused.err, (options, refused.err)
    assert vault.run_as(ADMIN, "policy", "reviewed", "--day", today, "--panel", PANEL).code != 0
    assert vault.run_as(ADMIN, "policy", "register").code != 0
    assert register(vault)["reviews"] == []

    vault.run_as(DSL, "policy", "reviewed", "--day", today, "--panel", PANEL).ok()
    (review,) = register(vault, PANEL)["reviews"]
    assert (review["version"], review["reviewed"], review["by"], review["panel"]) == (version, today, DSL, [PANEL])
    said = vault.run_as(DSL, "policy", "register").ok().out
    assert f"reviewed on {today} (version {version}) by {DSL}, {PANEL}" in said and "OVERDUE" not in said
    vault.assert_holds()
