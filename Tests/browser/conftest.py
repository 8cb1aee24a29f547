"""One school and one browser for each run; every scenario has people of its own."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "harness"))

from person import Person  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from school import School  # noqa: E402


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright):
    """Debian's Chromium. Its own sandbox wants more than the user strongroom has; its kept pages are a person's too."""
    browser = playwright.chromium.launch(
        executable_path="/usr/bin/chromium",
        args=["--no-sandbox"],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def school(playwright, tmp_path_factory):
    school = School(tmp_path_factory.mktemp("school"), playwright)
    try:
        school.open()
        yield school
    finally:
        log = school.stop().lower()
    assert "unexpected" not in log, log
    assert not [word for word in school.personal() if word in log], log


def _people(school, chromium):
    people = []

    def person(role: str = "", signed_in: bool = True, **options) -> Person:
        one = Person(school, chromium, school.person(role) if role else "", **options)
        people.append(one)
        if role and signed_in:
            one.sign_in()
        return one

    yield person
    for one in people:
        one.leave()


@pytest.fixture
def person(school, chromium):
    """Makes a person of a role, at a browser of their own; without a role it is somebody whom nobody knows."""
    yield from _people(school, chromium)


@pytest.fixture(scope="module")
def lasting_person(school, chromium):
    """The same, for what several tests look at."""
    yield from _people(school, chromium)
