"""People of the school beside the lead, each signed in at a browser of their own."""

import re
import time

import agencies
import totp
from agencies import Officer, submit
from service import PASSWORD, Service


def colleague(service: Service, name: str, role: str) -> Officer:
    """Somebody who can work, signed in."""
    invitation = re.search(r'id="invitation-code">([^<]+)<', submit(service, "/people", 200, name=name, role=role))[1]
    own = Officer(service)
    joined = own.send("/join", "/join", name=name, invitation=invitation, password=PASSWORD, again=PASSWORD)
    assert joined.getheader("Location") == "/first-time", joined.text
    own.secret = re.search(r'class="secret[^"]*">([^<]+)<', own.ask("GET", "/first-time").text)[1].replace(" ", "")
    own.used = totp.step_at(time.time() + service._ahead)
    assert own.send("/first-time", "/first-time", code=totp.code(own.secret, own.used)).status == 303
    version = re.search(r'name="version" value="([^"]+)"', own.ask("GET", "/policy").text)[1]
    assert own.send("/policy", "/policy", version=version, acknowledged="yes").status == 303
    page = re.search(rf'href="(/people/[0-9a-z]{{26}})">{name}<', service.ask("GET", "/people").text)[1]
    words = re.search(r'name="words" value="([^"]+)"', service.ask("GET", page).text)[1]
    submit(service, f"{page}/keys", words=words, same="yes")
    submit(service, f"{page}/training", day=agencies.day())
    assert own.ask("GET", "/file").status == 200
    return own


def come_back(service: Service, name: str, before: Officer) -> Officer:
    """The same person at a new browser, signed in with a code that they have not used yet."""
    own = Officer(service)
    # A code counts once; the next is waited for, and none is sent in its last seconds.
    while time.time() % totp.STEP > totp.STEP - 3 or totp.step_at(time.time()) <= before.used:
        time.sleep(0.2)
    own.secret, own.used = before.secret, max(before.used + 1, totp.step_at(time.time()) - 1)
    entered = own.send("/sign-in", "/sign-in", name=name, password=PASSWORD, code=totp.code(own.secret, own.used))
    assert entered.status == 303 and entered.getheader("Location") == "/", entered.text
    return own
