"""Signing out elsewhere, and being shown the door: at once, and so that who does it sees that it worked."""

import re


def same_person(person, one):
    """Somebody who is signed in already, at another browser."""
    other = person()
    other.name = one.name
    other.sign_in()
    return other


def test_a_sign_in_elsewhere_is_seen_and_ended(person):
    here = person("deputy")
    there = same_person(person, here)
    here.go("/")
    here.follow(f"{here.name}: your sign-ins")
    rows = here.page.locator(".sign-ins li")
    assert rows.count() == 2
    assert "Chrome on Linux, this one" in rows.nth(1).inner_text(), "the newest stands first"
    assert "just now" in rows.nth(0).inner_text()
    here.press(re.compile("^End the sign-in of Chrome on Linux, since "))
    assert rows.count() == 1 and here.page.get_by_text("You are signed in nowhere else.").is_visible()
    there.go("/pupils")
    assert there.path == "/sign-in"
    here.go("/")
    assert here.heading == "Home"


def test_who_is_suspended_is_out_until_they_are_let_in_again(person):
    lead, clerk = person("dsl"), person("admin")
    lead.go("/people")
    lead.follow(clerk.name)
    assert lead.heading == clerk.name
    assert "Chrome on Linux" in lead.page.locator(".tasks").inner_text(), "where they are signed in"
    lead.press(f"Suspend {clerk.name}")
    facts = lead.page.locator(".facts-list").inner_text()
    assert "Suspended since" in facts and lead.page.get_by_text("Nowhere.").is_visible()
    clerk.go("/file")
    assert clerk.path == "/sign-in"
    clerk.sign_in()
    assert "Your access is suspended. Ask the safeguarding lead." in clerk.page.get_by_role("alert").inner_text()
    lead.go("/people")
    row = lead.page.get_by_role("row", name=re.compile(clerk.name))
    assert "Suspended" in row.inner_text()
    lead.follow(clerk.name)
    lead.press(f"Let {clerk.name} in again")
    assert "Suspended" not in lead.page.locator(".facts-list").inner_text()
    clerk.sign_in()
    assert clerk.heading == "Home"


def test_nobody_can_suspend_themselves(person):
    lead = person("dsl")
    lead.go("/people")
    lead.follow(lead.name)
    assert lead.page.get_by_text("Nobody suspends themselves, or makes themselves join again.").is_visible()
    assert lead.page.get_by_role("button", name=re.compile("^Suspend|join again$")).count() == 0
