"""Passkeys, with Chromium's own virtual authenticator: in a school whose deputies have to use one."""

import re

import pytest
from looks import Looks
from person import Person
from school import PASSWORD, School

WITH_PASSKEY = "Sign in with a passkey instead of the code"


@pytest.fixture(scope="module")
def school(playwright, tmp_path_factory):
    school = School(tmp_path_factory.mktemp("careful"), playwright, passkeys="deputy")
    try:
        school.open()
        yield school
    finally:
        log = school.stop().lower()
    assert "unexpected" not in log, log
    assert not [word for word in school.personal() if word in log], log


@pytest.fixture(scope="module")
def looks():
    looks = Looks()
    yield looks
    for look in looks.all:
        assert not look.faults, f"{look}: {look.faults}"
        assert not look.sticks_out, f"{look}: {look.sticks_out}"


class Authenticator:
    """What is plugged into somebody's computer: answers without asking, as if its owner always touched it."""

    def __init__(self, person: Person):
        self._cdp = person.context.new_cdp_session(person.page)
        self._cdp.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self._id = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    @property
    def credentials(self) -> list:
        return self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._id})["credentials"]

    def set(self, credentials: list) -> None:
        self._cdp.send("WebAuthn.clearCredentials", {"authenticatorId": self._id})
        for credential in credentials:
            self._cdp.send("WebAuthn.addCredential", {"authenticatorId": self._id, "credential": credential})

    def verifies(self, isUserVerified: bool) -> None:
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": isUserVerified})


def add(person: Person, name: str) -> None:
    person.go("/passkeys")
    person.page.get_by_label("What you call it").fill(name)
    person.press("Add a passkey")


def sign_in(person: Person, password: str = PASSWORD) -> None:
    person.go("/sign-in")
    person.page.get_by_label("Your name").fill(person.name)
    person.page.get_by_label("Password").fill(password)
    with person.page.expect_navigation():
        person.button(WITH_PASSKEY).click()


def said(person: Person) -> str:
    """What stands beneath the button, once something does."""
    error = person.page.locator(".by-passkey .error")
    error.wait_for()
    return error.inner_text()


def sign_out(person: Person) -> None:
    person.go("/")
    person.press("Sign out")


def test_a_passkey_signs_in_confirms_and_shows_a_hidden_screen(person, looks):
    lead = person("dsl")
    key = Authenticator(lead)
    lead.go("/passkeys")
    looks.at(lead, "dsl", "no passkey yet")
    assert "You have none yet" in lead.page.content()
    lead.press_alone("Sign out")
    lead.sign_in()
    add(lead, "the blue <key>")
    (kept,) = key.credentials
    assert kept["rpId"] == "localhost" and kept["isResidentCredential"]
    row = lead.page.locator(".sign-ins li")
    assert "the blue <key>" in row.inner_text()
    looks.at(lead, "dsl", "a passkey added")
    # The browser knows that it is there already.
    lead.page.get_by_label("What you call it").fill("the same once more")
    lead.button("Add a passkey").click()
    assert "added already" in said(lead)
    looks.at(lead, "dsl", "a passkey that is added already")
    sign_out(lead)
    sign_in(lead)
    assert lead.path == "/", lead.page.content()
    # By keyboard alone: hidden, and shown again where it was.
    lead.go("/people")
    lead.page.keyboard.press("Escape")
    lead.page.keyboard.press("Escape")
    lead.page.get_by_role("heading", level=1).wait_for()
    lead.page.wait_for_url("**/hidden")
    looks.at(lead, "dsl", "a screen hidden from who has a passkey")
    lead.button("Use a passkey instead").focus()
    with lead.page.expect_navigation():
        lead.page.keyboard.press("Enter")
    assert lead.path == "/people"
    # Whoever looks after people sees it.
    lead.follow(lead.name)
    assert "the blue <key>" in lead.page.locator("main").inner_text()
    looks.at(lead, "dsl", "a person with a passkey")
    lead.go("/passkeys")
    lead.press_alone("Remove the passkey the blue <key>")
    assert "You have none yet" in lead.page.content()
    sign_out(lead)
    sign_in(lead)
    assert lead.heading == "Sign in" and "There is a problem" in lead.page.content()


def test_what_was_answered_once_and_what_was_copied_keep_out(person):
    clerk = person("admin")
    key = Authenticator(clerk)
    add(clerk, "my computer")
    sign_out(clerk)
    copy = key.credentials
    with clerk.page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/sign-in")) as sent:
        sign_in(clerk)
    assert clerk.path == "/"
    # The same answer again, from whoever saw it on its way: with its form's own cookie, too.
    sign_out(clerk)
    replay = clerk.context.request.post(
        "/sign-in", data=sent.value.post_data, max_redirects=0,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": sent.value.all_headers()["cookie"],
            "Sec-Fetch-Site": "same-origin",
        },
    )  # fmt: skip
    assert replay.status == 403 and "There is a problem" in replay.text()
    # A copy of the authenticator, as it was before it was used: its counter is behind.
    assert key.credentials[0]["signCount"] > copy[0]["signCount"]
    key.set(copy)
    sign_in(clerk)
    assert clerk.heading == "Sign in", "a copy"
    lead = person("dsl")
    lead.go("/security")
    assert "the passkey may have been copied" in lead.page.content()


def test_the_question_is_asked_of_everybody_and_only_where_a_browser_can_answer(person, school, looks):
    nobody = person()
    nobody.go("/sign-in")
    button = nobody.button(WITH_PASSKEY)
    assert button.is_visible()
    # What it needs is asked for first.
    button.click()
    assert nobody.path == "/sign-in" and nobody.page.locator("#name").evaluate("e => e === document.activeElement")
    question = nobody.context.request.get("/passkeys/question").json()
    assert question["options"]["allowCredentials"] == [] and question["options"]["userVerification"] == "required"
    looks.at(nobody, "nobody", "signing in")
    # Nobody has a passkey for this name, nor is there such a person: as any other failure.
    Authenticator(nobody)
    nobody.page.get_by_label("Your name").fill("Nobody at all")
    nobody.page.get_by_label("Password").fill(PASSWORD)
    nobody.button(WITH_PASSKEY).click()
    assert "No passkey answered" in said(nobody)
    looks.at(nobody, "nobody", "no passkey answered")
    # At another address of the same server, and without the script: a code.
    port = school.address.rsplit(":", 1)[1]
    nobody.page.goto(f"https://127.0.0.1:{port}/sign-in")
    assert not button.is_visible() and nobody.page.get_by_label("Code from your authenticator").is_visible()
    there = nobody.context.request.get(f"https://127.0.0.1:{port}/passkeys/question")
    assert there.status == 422 and "localhost" in there.text()
    bare = person(java_script_enabled=False)
    bare.go("/sign-in")
    assert not bare.button(WITH_PASSKEY).is_visible()


def test_a_deputy_is_led_to_add_one_and_then_signs_in_by_it_alone(person, school, looks):
    name, code = school.newcomer("deputy")
    deputy = person()
    deputy.name = name
    key = Authenticator(deputy)
    visitor, token = school.joined(name, code)
    visitor.dispose()
    deputy.sign_in()
    deputy.go("/first-time")
    assert deputy.path == "/passkeys" and "Add one now" in deputy.page.locator(".notice").first.inner_text()
    looks.at(deputy, "deputy", "a passkey is needed")
    # A key that does not ask for finger or PIN is not enough.
    key.verifies(False)
    deputy.page.get_by_label("What you call it").fill("my phone")
    deputy.button("Add a passkey").click()
    assert "No passkey was made" in said(deputy)
    key.verifies(True)
    deputy.press("Add a passkey")
    assert deputy.path == "/policy", "on with the next step"
    deputy.page.get_by_label("I have read this policy and keep to it").check()
    deputy.press("Acknowledge the policy")
    school.give_keys(name)
    school.train(name)
    deputy.go("/")
    assert deputy.path == "/" and deputy.heading != "Your passkeys"
    deputy.press_alone("Sign out")
    deputy.sign_in()
    assert "signs in with a passkey, not with a code" in deputy.page.locator(".error-summary").inner_text()
    looks.at(deputy, "deputy", "a code where a passkey is needed")
    sign_in(deputy)
    assert deputy.path == "/"
    # Without it, one of the recovery codes; then a new one can be added.
    deputy.press_alone("Sign out")
    key.set([])
    deputy.sign_in(code=school.recovery_code(name, 3))
    assert deputy.path == "/"
    deputy.go("/passkeys")
    deputy.page.get_by_label("What you call it").fill("my new phone")
    deputy.press_alone("Add a passkey")
    assert [row.split("\n")[0] for row in deputy.page.locator(".sign-ins li").all_inner_texts()] == ["my phone", "my new phone"]
    deputy.page.get_by_role("button", name=re.compile("Remove the passkey my phone")).click()
    assert deputy.page.locator(".sign-ins li").count() == 1
