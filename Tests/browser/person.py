"""Somebody at a browser. What each page answered is kept, and looked through when they leave."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import school as schools
from playwright.sync_api import Browser, Locator, Page, Response
from vault import FIXTURES

SCANS = FIXTURES / "scans"
HOSTILE = FIXTURES / "hostile"

# W-03, on every response. A page may load from here alone; anything else may load nothing.
STRICT = {
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
POLICY = ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")


def assert_strict(headers: dict, what: str) -> None:
    assert {name: headers.get(name) for name in STRICT} == STRICT, what
    assert "camera=()" in headers.get("permissions-policy", ""), what
    policy = headers.get("content-security-policy", "")
    assert all(part in policy for part in POLICY) and "unsafe" not in policy, what
    if headers.get("content-type", "").startswith("text/html"):
        assert re.search(r"script-src 'nonce-[0-9a-f]{32}'", policy) and "form-action 'self'" in policy, what
    else:
        assert "form-action 'none'" in policy and "sandbox" in policy, what
    assert "server" not in headers, what


class Person:
    def __init__(self, school: schools.School, browser: Browser, name: str, **options):
        self.school = school
        self.name = name
        self.context = browser.new_context(
            base_url=school.address, ignore_https_errors=True, locale="en-GB", timezone_id="Europe/London", **options
        )
        self.context.set_default_timeout(10_000)
        self.page: Page = self.context.new_page()
        self.responses: list = []
        self.troubles: list = []
        self.context.on("response", self._answered)
        self.context.on("weberror", lambda error: self.troubles.append(str(error.error)))
        self.context.on("console", self._heard)

    def _answered(self, response: Response) -> None:
        self.responses.append(response)

    def _heard(self, message) -> None:
        # A page that answers 403 is no fault of the page's script.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.troubles.append(message.text)

    def leave(self) -> None:
        """Closes the browser. Every response was strict, none had a child in its address or its file's name."""
        self.context.close()
        assert not self.troubles, self.troubles
        for response in self.responses:
            assert_strict(response.headers, f"{response.status} {response.url}")
            said = (response.url + response.headers.get("content-disposition", "")).lower()
            assert not [word for word in self.school.personal() if word in said], response.url

    # Going about

    def go(self, path: str) -> Response:
        return self.page.goto(path)

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.school.address)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    def press(self, button: str | re.Pattern) -> None:
        """Presses a button, and waits for the page that it leads to; confirms with a code where one is asked for, and where
        it is asked whether something concerns a member of staff, says no unless it was answered."""
        question = self.page.locator("#staff-no")
        if question.count() and not self.page.locator("[name=staff]:checked").count():
            question.check()
        self.press_alone(button)
        if self.page.locator("[name=authenticator-code]").count():
            self.page.get_by_label("Code from your authenticator").fill(self.school.code(self.name))
            self.press_alone("Confirm and go on")

    def press_alone(self, button: str | re.Pattern) -> None:
        with self.page.expect_navigation():
            self.button(button).click()

    def follow(self, link: str | re.Pattern) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=link, exact=True).click()

    def button(self, name: str | re.Pattern) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def sign_in(self, password: str = schools.PASSWORD, code: str | None = None) -> None:
        self.go("/sign-in")
        self.page.get_by_label("Your name").fill(self.name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_label("Code from your authenticator").fill(self.school.code(self.name) if code is None else code)
        self.press("Sign in")

    # Filing

    def choose(self, pupil: str, *files, category: str = "Letter or e-mail", date: str = "2016-11") -> None:
        """Chooses files to be uploaded for a pupil, and says what they are."""
        self.go(f"/file/{pupil}")
        self.page.get_by_label("What are they?").select_option(label=category)
        self.page.get_by_label("The document’s own date").fill(date)
        self.page.get_by_label("Choose files").set_input_files(list(files))

    def send(self, pupil: str, *files) -> list:
        """Uploads files; gives what is said of those that were not taken."""
        self.choose(pupil, *files)
        self.button("Add files and check them").click()
        self._checking.or_(self._going_on).wait_for()
        return self.page.locator(".error-summary li, .sent.attention").all_inner_texts()

    def add(self, pupil: str, *files) -> list:
        """The same, and goes on to the page on which files are checked."""
        refused = self.send(pupil, *files)
        if self._going_on.count():
            self._going_on.click()
        self._checking.wait_for()
        return refused

    @property
    def _checking(self) -> Locator:
        return self.page.get_by_role("heading", name="Check before filing")

    @property
    def _going_on(self) -> Locator:
        """Where the script leads when some files were not taken."""
        return self.page.get_by_role("link", name=re.compile(r"^Check \d+ files?$"))

    def row(self, filename: str) -> Locator:
        """What the checking page has about one file."""
        heading = self.page.get_by_role("heading", name=re.compile(rf"^\d+\. {re.escape(filename)}$"))
        return self.page.locator("fieldset.row").filter(has=heading)

    def file(self, pupil: str, summaries: dict) -> dict:
        """Files samples with a summary each; gives the receipt's lines, by file name."""
        self.add(pupil, *summaries)
        for path, summary in summaries.items():
            self.row(Path(path).name).get_by_label("Summary").fill(summary)
        self.press(re.compile(r"^File \d+ document"))
        return self.receipts()

    def receipts(self) -> dict:
        """The receipt that is shown: what it says of each file, by the file's name."""
        lines = {}
        for section in self.page.locator("section.receipt").all():
            facts = dict(zip(section.locator("dt").all_inner_texts(), section.locator("dd").all_inner_texts()))
            lines[facts["File"]] = {**facts, "Reference": section.locator("h2").inner_text()}
        return lines


@contextmanager
def another_school(folder: Path, playwright, chromium: Browser, **more) -> Iterator[tuple]:
    """A school of its own, opened, and what gives somebody of a role who is signed in there."""
    school = schools.School(folder, playwright, **more)
    people: list = []

    def person(role: str) -> Person:
        people.append(Person(school, chromium, school.person(role)))
        people[-1].sign_in()
        return people[-1]

    try:
        school.open()
        yield school, person
    finally:
        for one in people:
            one.leave()
        log = school.stop().lower()
    assert "unexpected" not in log, log
    assert not [word for word in school.personal() if word in log], log
