"""What a lead does for an agency, and what its officer does, by the forms of the service's pages."""

import html
import re
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service import Service

OFFICER, NUMBER = "Ann Exley", "4411"
ASKED = {
    "agency": "police", "organisation": "Harrow Vale Police", "officer": OFFICER, "rank": "Detective constable",
    "number": NUMBER, "contact": "01632 960111", "identity-checked": "Called back through the switchboard",
    "purpose": "An enquiry into an assault \u2014 in 2016", "basis": "The order that is named in the letter",
    "sought": "Notes of telephone calls", "victim": "no",
}  # fmt: skip
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def day(days: int = 0) -> str:
    return str(datetime.now(UTC).date() + timedelta(days))


def filed(service: Service, data: bytes, **said: str) -> str:
    """Files a document; gives its id."""
    place = service.create(data, **said)
    assert service.patch(place, 0, data).status == 204
    receipt = service.file(place)
    assert isinstance(receipt, dict), receipt
    return receipt["document"]


def submit(service: Service, path: str, status: int = 303, **fields: str | list) -> str:
    """Sends a form as the lead; gives where it leads, or the page."""
    form = {"csrf": service._token, **{name.replace("_", "-"): value for name, value in fields.items()}}
    answer = service.ask("POST", path, FORM, urllib.parse.urlencode(form, doseq=True))
    assert answer.status == status, answer.text
    return answer.getheader("Location") if status == 303 else answer.text


def asked(service: Service, letter: str, **others: str) -> str:
    """Records a request; gives its address."""
    fields = {**ASKED, "received": day(), "letter": letter, **others}
    return submit(service, f"/pupils/{service.pupil}/requests/new", **fields)


@dataclass
class Given:
    link: str
    code: str


def permitted(service: Service, request: str, *documents: str, **terms: str) -> Given:
    """Gives a permission for some documents; gives what is shown once of it."""
    before = re.search(r'name="given-before" value="(\d+)"', service.ask("GET", f"{request}/permit").text)[1]
    terms = {"until": day(7), "manner": "copies", "copies": "1", "child": "later", "conditions": "For this enquiry alone", **terms}
    page = submit(service, f"{request}/permit", 200, document=list(documents), given_before=before, **terms)
    shown = {name: html.unescape(re.search(f'id="permission-{name}">([^<]+)<', page)[1]) for name in ("link", "code")}
    return Given(shown["link"].rpartition("/")[2], shown["code"])


class Officer:
    """Somebody with a link and a code, at a browser of their own."""

    def __init__(self, service: Service):
        self.service, self.cookies = service, {}
        self.sent: list = []  # each request as it went out, to be sent again

    def ask(self, method: str, path: str, fields: dict | None = None):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = urllib.parse.urlencode(fields) if fields is not None else None
        headers = {"Cookie": cookies, **(FORM if body is not None else {})}
        self.sent.append((method, path, headers, body))
        answer = self.service.ask(method, path, headers, body)
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def send(self, path: str, page: str = "/agency", **fields: str):
        """A form with the token of the page that it stands on."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.ask("GET", page).text)[1]
        return self.ask("POST", path, {"csrf": html.unescape(token), **fields})

    def enter(self, given: Given) -> None:
        door = f"/agency/{given.link}"
        answer = self.send(door, door, code=given.code, officer=OFFICER, number=NUMBER)
        assert answer.status == 303 and answer.getheader("Location") == "/agency", answer.text
        assert self.send("/agency/terms").status == 303
