"""What takes two people, in a browser: a lead proposes, a deputy agrees, and each of those concerned is told."""

import pytest
import vault as vaults
from looks import Looks
from person import Person
from school import PASSWORD, School
from tls import certificate
from vault import DSL, PASSWORDS

DEPUTY, PANEL, OTHER = "Nell Farrow", "Ivo Castell", "Bram Pym"
NEWCOMERS = ("Alex Reed", "Orla Vasey")


class Settled(School):
    """Founded nine days ago, so that its deputy and its panel member can be second persons; served by the real clock."""

    def __init__(self, folder, playwright):
        made = vaults.found(folder, offset=-9 * 86_400)
        PASSWORDS.update(dict.fromkeys((DEPUTY, PANEL, OTHER, *NEWCOMERS), PASSWORD))
        for name, role in ((DEPUTY, "deputy"), (PANEL, "panel"), (OTHER, "deputy")):
            vaults.invite(made, name, role)
        for name in NEWCOMERS:
            invited = made.run_as(DSL, "person", "invite", "--name", name, "--role", "deputy", "--json").ok()
            vaults.make_keys(made, name, invited.lines[0]["code"])
        self.words = {name: made.joined[name]["words"] for name in NEWCOMERS}
        self.playwright, self.folder, self.vault = playwright, folder, made.path
        self._secrets, self._used = dict(made.authenticators), {}
        self.process = self._start("serve", "--port", "0", *certificate(folder))
        self.address = self.process.stdout.readline().decode().strip()
        assert self.address.startswith("https://localhost:"), self.process.communicate()
        self.lead = self.visitor()


@pytest.fixture(scope="module")
def school(playwright, tmp_path_factory):
    school = Settled(tmp_path_factory.mktemp("settled"), playwright)
    try:
        yield school
    finally:
        log = school.stop().lower()
    assert "unexpected" not in log, log


@pytest.fixture
def enter(school, chromium):
    """Signs in somebody who is there already."""
    people = []

    def enter(name: str, **options) -> Person:
        one = Person(school, chromium, name, **options)
        people.append(one)
        one.sign_in(PASSWORDS[name])
        return one

    yield enter
    for one in people:
        one.leave()


@pytest.fixture
def looks():
    """What is looked at must be usable by everyone, also in a narrow window."""
    looks = Looks()
    yield looks
    # Without JavaScript there is nothing that looks.
    found = {str(look): look.faults + look.sticks_out for look in looks.all if look.faults or look.sticks_out}
    assert not found, "\n".join(f"{place}: {fault}" for place, faults in found.items() for fault in faults)


def compares(lead: Person, name: str, button: str) -> None:
    lead.go("/people")
    lead.follow(name)
    lead.page.get_by_label("all eight words are the same").check()
    lead.press(button)


@pytest.mark.parametrize(("newcomer", "script"), [(NEWCOMERS[0], True), (NEWCOMERS[1], False)])
def test_a_lead_asks_a_deputy_agrees_and_the_keys_are_given(enter, school, looks, newcomer, script):
    lead, deputy, panel = (enter(name, java_script_enabled=script) for name in (DSL, DEPUTY, PANEL))
    title = f"Give {newcomer} their keys (Deputy safeguarding lead)"

    def look(*what) -> None:
        if script:
            looks.at(*what)

    lead.go("/people")
    lead.follow(newcomer)
    assert f"{OTHER}, {PANEL} or {DEPUTY} has to agree first" in lead.page.inner_text("main")
    look(lead, "dsl", "keys that take two people")
    compares(lead, newcomer, "Ask a second person to agree")
    assert lead.path == "/proposals" and lead.page.get_by_role("heading", name=title).is_visible()
    assert not lead.page.get_by_role("button", name=f"Agree: {title}").count()
    look(lead, "dsl", "what was proposed")
    lead.go("/people")
    lead.follow(newcomer)
    assert "waits for a second person" in lead.page.inner_text("main")
    assert not lead.page.get_by_role("button", name="Ask a second person").count()
    look(lead, "dsl", "keys that wait for a second person")

    panel.go("/")
    panel.page.get_by_role("link", name="act waits for a second person").click()
    assert panel.heading == "What takes two people"
    look(panel, "panel", "what waits for a second person")
    deputy.go("/")
    look(deputy, "deputy", "home with what waits for a second person")
    deputy.go("/proposals")
    shown = deputy.page.locator("ol.words li").all_inner_texts()
    assert shown == school.words[newcomer], "whoever agrees can compare the words, too"
    deputy.press(f"Agree: {title}")
    assert deputy.path == "/proposals" and DEPUTY in deputy.page.locator(".facts-list").first.inner_text()
    look(deputy, "deputy", "what was agreed to")

    lead.go("/")
    lead.page.get_by_role("link", name="carry it out").click()
    look(lead, "dsl", "what is to be carried out")
    lead.follow(f"Give {newcomer} their keys")
    assert f"{DEPUTY} has agreed" in lead.page.inner_text("main")
    lead.page.get_by_label("all eight words are the same").check()
    lead.press(f"Give {newcomer} their keys")
    assert "Compare their keys" not in lead.page.inner_text("main")
    for one in (lead, deputy, panel):
        one.go("/")
        told = one.page.locator(".notice", has_text="Told to leads").inner_text()
        assert f"{newcomer} (Deputy safeguarding lead) was given their keys" in told
        assert f"by {DSL} and {DEPUTY}." in told
        look(one, one.name, "home with what was done by two")


def test_two_suspend_the_lead_who_is_not_shown_that_it_is_proposed(enter, school, looks):
    lead, deputy, panel = enter(DSL), enter(DEPUTY), enter(PANEL)
    panel.go("/proposals")
    panel.press(f"Propose to suspend {DSL}")
    looks.at(panel, "panel", "a lead's suspension proposed")
    panel.press(f"Propose to suspend {DSL}")
    assert panel.heading == "The same is proposed already, and waits."
    for path in ("/", "/proposals", "/security"):
        lead.go(path)
        assert f"uspend {DSL}" not in lead.page.inner_text("main"), path
    deputy.go("/proposals")
    looks.at(deputy, "deputy", "a lead's suspension waits")
    assert f"Agreeing suspends {DSL} at once" in deputy.page.inner_text("main")
    deputy.press(f"Agree: Suspend {DSL}, safeguarding lead")
    lead.go("/")
    assert lead.path == "/sign-in"
    deputy.go("/")
    assert f"{DSL} was suspended as safeguarding lead" in deputy.page.inner_text("main")

    deputy.go("/proposals")
    deputy.press(f"Propose to let {DSL} in again")
    panel.go("/proposals")
    panel.press(f"Refuse: Let {DSL}, safeguarding lead, in again")
    assert f"Withdrawn by {PANEL}" in panel.page.inner_text("main")
    looks.at(panel, "panel", "a proposal refused")
    deputy.go("/proposals")
    deputy.press(f"Propose to let {DSL} in again")
    panel.go("/proposals")
    panel.press(f"Agree: Let {DSL}, safeguarding lead, in again")
    lead.sign_in(PASSWORDS[DSL])
    assert lead.heading == "Home"
