"""Whoever holds the checkpoint's and the service's key rewrites history: what was not said by who may say it is refused.

Each forgery has its control: the same work done honestly, which verifies clean. So the refusal is for the forgery.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import reader
import sealing
from forge import History, Saying, edit, query, url64
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.signing import SigningKey
from sizes import size
from vault import ADMIN, DSL, PASSWORDS, SCANS, Vault

DIFFERS = "error: Something in the vault differs from its record, so it was not used."
COMMANDS = ("sign-in", "chronology", "entry", "open")
# The vault does not open.
ALL = {"sign_in": "refused", "chronology": "refused", "entry": "refused", "open": "refused"}
# It opens, and nothing of this pupil's file is shown.
READING = {"chronology": "refused", "entry": "refused", "open": "refused"}
# The entry says that it is damaged; a chronology that lacks a document is not shown at all.
UNOPENED = {"chronology": "refused", "entry": "damaged", "open": "refused"}
# By the service alone: the format's list, and what an act of the kind says.
SERVICE_SAYS = {
    "sign-in.failed": {"count": 1}, "orphan.found": {"blob": "0" * 26},
    "upload.refused": {"upload": "0" * 26, "code": "type.empty"}, "upload.waiting": {"upload": "0" * 26, "code": "type.empty"},
    "session.closed": {"session": "0" * 26},
    "document.closed": {"document": "0" * 26, "reading": "0" * 26, "bytes": 0, "pages": 0, "complete": True},
    "backup.verified": {"backup": "0" * 26, "size": 1},
}  # fmt: skip
NOBODY = {
    "person": "0" * 26, "identity": "0" * 26, "verifying_key": url64(bytes(32)), "name_tag": url64(bytes(32)),
    "roles": ["scan-station"], "keybox": "0" * 26, "row": "0" * 26, "wraps": [],
}  # fmt: skip
SEALED = {"detail": "0" * 26, "detail_key": "0" * 26}
PEOPLE_SAY = {
    "person.reset": {"person": "0" * 26, "code": {"key": url64(bytes(32)), "expires": 0}},
    "recovery-code.used": {"number": 1},
    "person.suspended": {"person": "0" * 26}, "person.restored": {"person": "0" * 26},
    "proposal.made": {"proposal": "0" * 26, "what": "suspend-lead", "person": "0" * 26},
    "proposal.agreed": {"proposal": "0" * 26}, "proposal.withdrawn": {"proposal": "0" * 26},
    "access.given": {
        "access": "0" * 26, "person": "0" * 26, "identity": "0" * 26, "whole": True, "expires": 0, "detail": "0" * 26,
        "detail_key": "0" * 26,
    },
    "recovery.set": {
        "identity": "0" * 26, "verifying_key": url64(bytes(32)), "threshold": 2,
        "shares": [url64(bytes(32)), url64(bytes([1] * 32))], "row": "0" * 26, "wraps": [],
    },
    "recovery.drilled": {"recovery": "0" * 26, "shares": [1, 2]},
    "recovery.used": {
        "recovery": "0" * 26, "person": "0" * 26, "identity": "0" * 26, "verifying_key": url64(bytes(32)),
        "keybox": "0" * 26, "wraps": [], "suspended": [], "proof": url64(bytes(64)),
    },
    "vault.continued": {"branch": "0" * 26},
    "batch.prepared": {"batch": "0" * 26, "row": "0" * 26}, "checkpoint.printed": {"print": "0" * 26, "session": "0" * 26},
    "sheets.printed": {"batch": "0" * 26, "count": 3},
    "batch.presented": {"batch": "0" * 26, "checker": "0" * 26, "plan": url64(bytes(32)), "pages": 2},
    "batch.withdrawn": {"batch": "0" * 26}, "batch.checked": {"batch": "0" * 26, "plan": url64(bytes(32)), "pages": 2},
    "batch.doubted": {"batch": "0" * 26, "plan": url64(bytes(32)), "answer": url64(bytes(32))},
    "batch.sealed": {"batch": "0" * 26, "plan": url64(bytes(32))},
    "paper.moved": {"batch": "0" * 26, "state": "out", "row": "0" * 26},
    "paper.destroyed": {"batch": "0" * 26, "certificate": "0" * 26, "backup": "0" * 26},
    "intake.taken": {"upload": "0" * 26, "batch": "0" * 26},
    "entry.made": {"entry": "0" * 26, "detail": "0" * 26, "detail_key": "0" * 26},
    "items.triaged": {"triage": "0" * 26, "records": [], "detail": "0" * 26, "detail_key": "0" * 26, "follow_ups": []},
    "chronology.printed": {"print": "0" * 26, "session": "0" * 26, "lines": 1, "detail": "0" * 26, "detail_key": "0" * 26},
    "disclosure.requested": {"request": "0" * 26, "letter": "0" * 26, **SEALED},
    "disclosure.refused": {"request": "0" * 26, **SEALED},
    "disclosure.delegated": {"person": "0" * 26, "until": 0}, "delegation.ended": {"person": "0" * 26},
    "permission.given": {
        "permission": "0" * 26, "request": "0" * 26, "identity": "0" * 26, "keybox": url64(bytes(32)), "tag": url64(bytes(32)),
        "documents": [], "letter": {"document": "0" * 26, "header": "0" * 26}, "exhibit": 1, "from": 0, "until": 0, "copies": 0,
        "terms": "0" * 26, **SEALED,
    },
    "permission.withdrawn": {"permission": "0" * 26, **SEALED},
    "visit.recorded": {"visit": "0" * 26, "permission": "0" * 26, **SEALED}, "visit.closed": {"visit": "0" * 26, **SEALED},
    "child.informed": {"permission": "0" * 26, "told": True, **SEALED},
    "access.extended": {"shares": []}, "access.ended": {"access": "0" * 26},
    "station.added": {"station": NOBODY, "expires": 0, "intake": False}, "station.allowed": {"station": "0" * 26},
    "station.withdrawn": {"station": "0" * 26}, "intake.read": {"session": "0" * 26},
    "chronology.searched": {"session": "0" * 26}, "item.promoted": {"item": 0}, "item.demoted": {"item": 0},
    "intake.received": {
        "upload": "0" * 26, "blob": "0" * 26, "payload_sha256": url64(bytes(32)), "payload_length": 0,
        "nonce": url64(bytes(16)), "commitment": url64(bytes(32)), "header": "0" * 26, "detail": "0" * 26,
        "key": "0" * 26,
    },
    "restricted.acted": {"record": "0" * 26, "detail": "0" * 26},
    "document.moved": {"document": "0" * 26, "record": "0" * 26},
    "quarantine.decided": {"decision": "0" * 26, "document": "0" * 26, "released": True, **SEALED},
    "policy.adopted": {"abilities": {}, "acceptable_use": "1", "two_people": {"acts": [], "new_for_days": 7}, "passkey_roles": []},
    "policy.reviewed": {"version": "1", "reviewed": "2026-11-26", "due": 0, "panel": ["0" * 26]},
    "keybox.renewed": {"keybox": "0" * 26}, "passkey.removed": {"passkey": "0" * 26, "person": "0" * 26},
    "passkey.added": {"passkey": "0" * 26, "credential": "0" * 26, "credential_hash": url64(bytes(32)), "row": "0" * 26},
    "upload.discarded": {"upload": "0" * 26}, "access.refused": {"code": "access.no"},
}  # fmt: skip

choice = random.Random(f"{size('SEED')} forged")
stranger = SigningKey(choice.randbytes(32))
# What an invitation's code gives: whoever invites knows it.
invitation = SigningKey(choice.randbytes(32))
HOUR = 3_600_000


def new_id() -> str:
    return reader.id_text(choice.randbytes(16))


# MARK: the honest vault


@pytest.fixture(scope="module")
def filed(template, tmp_path_factory) -> tuple:
    """Two documents of a pupil, filed by the office; the lead has read the chronology and taken a copy of one. And a
    receipt, which is kept elsewhere."""
    vault = template.copy(tmp_path_factory.mktemp("honest") / "copy")
    small = [path for path in SCANS if path.suffix in (".txt", ".eml")][:2]
    receipts = vault.file(*small, details={path.name: {"summary": path.stem[::-1]} for path in small}).ok().lines
    vault.open(vault.chronology()[0]["document"])
    vault.assert_holds()
    return vault, receipts[-1]


@pytest.fixture(scope="module")
def honest(filed) -> Vault:
    return filed[0]


@pytest.fixture(scope="module")
def receipt(filed) -> dict:
    return filed[1]


@pytest.fixture(scope="module")
def history(honest) -> History:
    return History(honest)


@pytest.fixture
def written(honest, tmp_path) -> Callable[[History], Vault]:
    """Writes a history into a copy of the vault."""

    def write(history: History) -> Vault:
        vault = honest.copy(tmp_path / new_id())
        history.write(vault)
        return vault

    return write


def first_filing(history: History) -> Saying:
    return history.of("document.filed")[0]


def filing(history: History) -> Saying:
    """The one that is forged: the last of two in one transaction, after which there are sessions and readings."""
    return history.of("document.filed")[1]


# MARK: judging


def run(vault: Vault, command: str, history: History) -> str:
    """What a command that needs the forged filing comes to: `shown`, `refused` with nothing let out, or `damaged`: the
    entry is there and says that it differs from its record, and shows nothing of it."""
    said, target = filing(history), vault.temporary / "out"
    index = history.place(said)
    (pupil,) = (one.act["reference"] for one in history.of("pupil.registered") if one.value["pupil_file"] == said.value["pupil_file"])
    arguments = {
        "sign-in": ("pupil", "list"),
        "chronology": ("chronology", "--pupil", pupil, "--json"),
        "entry": ("entry", index, "--json"),
        "open": ("open", said.act["document"], "--output", target),
    }[command]
    result = vault.run_as(DSL, *arguments)
    if result.code == 1 and result.err.startswith(DIFFERS):
        assert not result.out and not target.exists()
        return "refused"
    result.ok()
    if command in ("chronology", "entry"):
        (entry,) = [line for line in result.lines if line.get("index") == index]
        if entry["summary"].startswith("This entry differs from its record"):
            assert "fields" not in entry and entry["occurred"] == "undated"
            return "damaged"
    return "shown"


def assert_comes_to(vault: Vault, history: History, **wanted: str) -> None:
    wanted = {command: wanted.get(command.replace("-", "_"), "shown") for command in COMMANDS}
    assert {command: run(vault, command, history) for command in COMMANDS} == wanted


def assert_named(vault: Vault, code: str, place: str) -> None:
    """`verify` names what is forged before any other statement; what else it names follows from that."""
    exit_code, findings = vault.verify()
    said = [(one["code"], one["place"]) for one in findings if one["code"].startswith("statement.")]
    assert (exit_code, said[:1]) == (4, [(code, place)]), findings
    assert reader.check(vault.path)[0].startswith(place.partition(":")[0] + ": "), "the independent reader sees it too"


# MARK: the tool


def test_a_history_that_is_rewritten_as_it_was_is_the_same_to_the_byte(honest, history, written):
    vault = written(history.copy())
    for (table,) in query(honest, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
        assert set(query(vault, f"SELECT * FROM {table}")) == set(query(honest, f"SELECT * FROM {table}")), table
    assert (vault.path / "witness/checkpoint").read_bytes() == (honest.path / "witness/checkpoint").read_bytes()
    vault.assert_holds()
    assert_comes_to(vault, history)


# MARK: forgeries


@dataclass
class Forgery:
    """A change that forges one statement, and gives it; the same made honestly; and what must come of the forgery."""

    forge: Callable[[History], Saying]
    honest: Callable[[History], object]
    code: str
    why: str = ""
    comes_to: dict[str, str] = field(default_factory=lambda: ALL)


FORGERIES: dict[str, Forgery] = {}


def forgery(name: str, honest: Callable[[History], object], code: str, why: str = "", comes_to=ALL):
    def keep(forge: Callable[[History], Saying]) -> Callable[[History], Saying]:
        FORGERIES[name] = Forgery(forge, honest, code, why, comes_to)
        return forge

    return keep


def unlawful(name: str, honest: Callable[[History], object], why: str, comes_to=ALL):
    return forgery(name, honest, "statement.unlawful", why, comes_to)


def nothing(history: History) -> None:
    """The tool alone, whose own test is the control."""


# A false signature


@forgery("a person's signature is noise", nothing, "statement.signature", comes_to=READING)
def _(history: History) -> Saying:
    said = filing(history)
    said.signature = choice.randbytes(64)
    return said


@forgery("a person's statement is signed with the service's key", nothing, "statement.signature", comes_to=READING)
def _(history: History) -> Saying:
    said = filing(history)
    said.signer = history.keys["service"]
    return said


@forgery("a filing is another person's, by the service's signature", nothing, "statement.signature", comes_to=READING)
def _(history: History) -> Saying:
    said = filing(history)
    said.value["author"], said.signer = history.people[DSL], history.keys["service"]
    return said


def other_summary(history: History) -> Saying:
    """Another row in the detail's place, committed to as it should be."""
    said = filing(history)
    kind, sealed = said.items[said.act["detail"]]
    said.items[said.act["detail"]] = kind, choice.randbytes(len(sealed))
    return said


@forgery("a summary is another, under the old signature", nothing, "statement.signature", comes_to=READING)
def _(history: History) -> Saying:
    said = other_summary(history)
    said.signature = history.leaves[history.place(said)][-64:]
    return said


@forgery("a filing is of the other document", nothing, "statement.signature", comes_to=READING)
def _(history: History) -> Saying:
    said, other = filing(history), first_filing(history)
    for key in ("blob", "payload_sha256", "payload_length", "nonce", "commitment"):
        said.act[key] = other.act[key]
    said.items[said.act["document"]] = other.items[other.act["document"]]
    said.signer = history.keys["service"]
    return said


@forgery("a person has a stranger's signing key", nothing, "statement.signature")
def _(history: History) -> Saying:
    (said,) = history.of("person.joined")
    said.act["verifying_key"], said.signer = url64(stranger.verify_key.encode()), history.keys["service"]
    history.keys[said.act["person"]] = stranger
    return said


@forgery("a pupil file has a stranger's recipient", nothing, "statement.signature")
def _(history: History) -> Saying:
    said = history.of("pupil.registered")[0]
    said.items[said.act["identity"]] = "recipient", reader.Identity(choice.randbytes(32)).recipient
    said.signature = history.leaves[history.place(said)][-64:]
    return said


# What the service may not say


@unlawful("the service files", nothing, "the service may not say document.filed")
def _(history: History) -> Saying:
    said = filing(history)
    said.value["author"] = "service"
    return said


# How people come: each step is said at the end, by who may


class Newcomer:
    """Somebody invited with keys of the test's own making; every step gives its statement."""

    def __init__(self, history: History, *roles: str, author: str | None = None, hours: float = 24, **but):
        self.history, self.id, self.key = history, new_id(), SigningKey(choice.randbytes(32))
        row = new_id()
        act = {"person": self.id, "name_tag": url64(choice.randbytes(32)), "roles": sorted(roles), "row": row, **but}
        items = {row: ("person-row", choice.randbytes(96))}
        self.invited = history.say(author or history.people[DSL], "person.invited", act, items)
        self.invited.act["code"] = code(self.invited, hours)

    def say(self, kind: str, act: dict, items: dict | None = None, **more) -> Saying:
        said = self.history.say(self.id, kind, act, items, **more)
        said.signer = self.key
        return said

    def join(self, by: SigningKey = invitation, over: dict | None = None, **more) -> Saying:
        """Over: what the proof is over instead of what is said."""
        self.identity, box = new_id(), new_id()
        items = {self.identity: ("recipient", choice.randbytes(1216)), box: ("keybox", choice.randbytes(149))}
        act = {
            "person": self.id, "identity": self.identity, "verifying_key": url64(self.key.verify_key.encode()), "keybox": box,
        }  # fmt: skip
        over = {
            "vault": self.history.founding["vault"], "act": act, "recipient": reader.sha256(items[self.identity][1]),
            "keybox": reader.sha256(items[box][1]), **(over or {}),
        }  # fmt: skip
        act["proof"] = url64(by.sign(reader.joined_text(**over)).signature)
        return self.say("person.joined", act, items, **more)

    def enrol(self) -> Saying:
        return self.say("person.enrolled", {"person": self.id})

    def confirm(
        self, *wraps: str, holder: str | None = None, author: "str | Newcomer | None" = None, under: str | None = None
    ) -> Saying:
        """Gives the secrets of these identities."""
        edges = [{"item": new_id(), "identity": one, "holder": holder or self.identity} for one in wraps]
        act = {"person": self.id, "identity": self.identity, "wraps": edges} | ({"proposal": under} if under else {})
        items = {one["item"]: ("wrap", choice.randbytes(1791)) for one in edges}
        if isinstance(author, Newcomer):
            return author.say("person.confirmed", act, items)
        return self.history.say(author or self.history.people[DSL], "person.confirmed", act, items)


def code(said: Saying, hours: float) -> dict:
    return {"key": url64(invitation.verify_key.encode()), "expires": said.value["time"] + round(hours * HOUR)}


def joined(history: History, *roles: str) -> Newcomer:
    one = Newcomer(history, *roles)
    one.join()
    return one


def enrolled(history: History, *roles: str) -> Newcomer:
    one = joined(history, *roles)
    one.enrol()
    return one


def confirmed(history: History, *roles: str) -> Newcomer:
    one = enrolled(history, *roles)
    one.confirm()
    return one


def by_lead(history: History, kind: str, **act) -> Saying:
    return history.say(history.people[DSL], kind, act)


def adopt(history: History, abilities: dict | None = None, passkeys: tuple = (), **rule) -> Saying:
    """Policies that differ in what roles may, in which sign in by passkey, or in what takes two people."""
    founding = history.founding
    return by_lead(
        history, "policy.adopted", abilities=abilities or founding["abilities"], acceptable_use=founding["acceptable_use"],
        two_people={**founding["two_people"], **rule}, passkey_roles=sorted(passkeys))  # fmt: skip


def reset(history: History, person: str, author: str | None = None, hours: float = 24) -> Saying:
    said = history.say(author or history.people[DSL], "person.reset", {"person": person})
    said.act["code"] = code(said, hours)
    return said


def again(history: History, one: Newcomer) -> Newcomer:
    """They are made to join again and do, with other keys."""
    reset(history, one.id)
    one.key = SigningKey(choice.randbytes(32))
    one.join()
    return one


def made_to_join_again(history: History) -> Newcomer:
    """Somebody without keys that count."""
    one = confirmed(history, "admin")
    reset(history, one.id)
    return one


def station(history: History) -> str:
    id, identity, row, box = (new_id() for _ in range(4))
    history.keys[id] = SigningKey(choice.randbytes(32))
    party = {
        **NOBODY, "person": id, "identity": identity, "keybox": box, "row": row, "name_tag": url64(choice.randbytes(32)),
        "verifying_key": url64(history.keys[id].verify_key.encode()),
    }  # fmt: skip
    items = {
        identity: ("recipient", choice.randbytes(1216)), box: ("keybox", choice.randbytes(125)),
        row: ("person-row", choice.randbytes(96)),
    }  # fmt: skip
    act = {"station": party, "expires": history.sayings[-1].value["time"] + 1000 * HOUR, "intake": False}
    history.say(history.people[DSL], "station.added", act, items, before=history.of("batch.opened")[0])
    return id


# Inviting

MAY_NOT_INVITE = "invited by who may not, or as nothing"
TOO_LONG = "an invitation for longer than 24 hours, or of no key"


@unlawful("the service invites", lambda h: Newcomer(h, "panel"), "the service may not say person.invited")
def _(history: History) -> Saying:
    return Newcomer(history, "panel", author="service").invited


@unlawful("the office invites", lambda h: Newcomer(h, "panel"), "author may not manage-people: access.not-entitled")
def _(history: History) -> Saying:
    return Newcomer(history, "panel", author=history.people[ADMIN]).invited


def invited_by_manager(history: History, role: str) -> Saying:
    manager = confirmed(history, "account-manager")
    history.keys[manager.id] = manager.key
    return Newcomer(history, role, author=manager.id).invited


for role in ("dsl", "deputy", "panel"):

    @unlawful(f"an account manager invites as {role}", lambda h: invited_by_manager(h, "staff"), MAY_NOT_INVITE)
    def _(history: History, role: str = role) -> Saying:
        return invited_by_manager(history, role)


@unlawful("somebody is invited as nothing", nothing, MAY_NOT_INVITE)
def _(history: History) -> Saying:
    return Newcomer(history).invited


@unlawful("a scan station is invited", nothing, MAY_NOT_INVITE)
def _(history: History) -> Saying:
    return Newcomer(history, "scan-station").invited


@unlawful("who is invited is invited again", nothing, "person invited twice")
def _(history: History) -> Saying:
    return Newcomer(history, "staff", person=Newcomer(history, "staff").id).invited


@unlawful("who has joined is invited again", nothing, "person invited twice")
def _(history: History) -> Saying:
    return Newcomer(history, "staff", person=history.people[ADMIN]).invited


@unlawful("somebody is invited by another's name", nothing, "person invited twice")
def _(history: History) -> Saying:
    return Newcomer(history, "staff", name_tag=history.of("person.invited")[0].act["name_tag"]).invited


@unlawful("a station is added by the id of who is invited", nothing, "person added twice")
def _(history: History) -> Saying:
    station(history)
    said, invited = history.of("station.added")[0], history.of("person.invited")[0]
    said.act["station"]["person"] = invited.act["person"]
    history.sayings.remove(said)
    history.sayings.insert(history.place(invited) + 1, said)
    said.value["time"] = invited.value["time"]
    return said


@unlawful("an invitation commits to no name", nothing, "no person-row committed")
def _(history: History) -> Saying:
    said = Newcomer(history, "staff").invited
    said.items = {}
    return said


for hours in (0, -1, 24 + 1 / HOUR):

    @unlawful(f"an invitation counts for {hours:.7f} hours", lambda h: Newcomer(h, "staff"), TOO_LONG)
    def _(history: History, hours: float = hours) -> Saying:
        return Newcomer(history, "staff", hours=hours).invited


@unlawful("an invitation is of no key", nothing, TOO_LONG)
def _(history: History) -> Saying:
    said = Newcomer(history, "staff").invited
    said.act["code"]["key"] = url64(bytes(31))
    return said


# Joining

NO_INVITATION = "joined without an invitation that counts"
NOT_PROVED = "keys that the invitation's code did not sign for"


@unlawful("nobody invited who joins", nothing, NO_INVITATION)
def _(history: History) -> Saying:
    one = Newcomer(history, "staff")
    history.sayings.remove(one.invited)
    return one.join()


@unlawful("who is in joins again, unasked", lambda h: again(h, confirmed(h, "admin")), NO_INVITATION)
def _(history: History) -> Saying:
    return confirmed(history, "admin").join()


@unlawful("an invitation is used twice", nothing, NO_INVITATION)
def _(history: History) -> Saying:
    return joined(history, "staff").join()


def joined_after(history: History, milliseconds: int) -> Saying:
    one = Newcomer(history, "staff", hours=2 / HOUR)
    return one.join(time=one.invited.value["time"] + milliseconds)


@unlawful("an invitation is used when it counts no more", lambda h: joined_after(h, 1), NO_INVITATION)
def _(history: History) -> Saying:
    return joined_after(history, 2)


def joined_when_suspended(history: History, one: Newcomer, is_back: bool) -> Saying:
    for kind in ("person.suspended", *["person.restored"] * is_back):
        by_lead(history, kind, person=one.id)
    return one.join()


@unlawful("who is suspended joins", lambda h: joined_when_suspended(h, Newcomer(h, "staff"), True), NO_INVITATION)
def _(history: History) -> Saying:
    return joined_when_suspended(history, Newcomer(history, "staff"), False)


@unlawful("who is suspended joins again", lambda h: joined_when_suspended(h, made_to_join_again(h), True), NO_INVITATION)
def _(history: History) -> Saying:
    return joined_when_suspended(history, made_to_join_again(history), False)


@unlawful("an invitation that was replaced is used", lambda h: replaced(h, invitation), NOT_PROVED)
def _(history: History) -> Saying:
    return replaced(history, stranger)


def replaced(history: History, by: SigningKey) -> Saying:
    """A fresh code for who has not joined: by it they join, and not by the one before."""
    one = Newcomer(history, "staff")
    one.invited.act["code"]["key"] = url64(stranger.verify_key.encode())
    reset(history, one.id)
    return one.join(by)


@unlawful("keys are proved by somebody without the code", lambda h: joined(h, "staff"), NOT_PROVED)
def _(history: History) -> Saying:
    return Newcomer(history, "staff").join(stranger)


for name, over in (
    ("another vault", {"vault": new_id()}),
    ("another recipient", {"recipient": bytes(32)}),
    ("another keybox", {"keybox": bytes(32)}),
):

    @unlawful(f"the proof of a joining is over {name}", nothing, NOT_PROVED)
    def _(history: History, over: dict = over) -> Saying:
        return Newcomer(history, "staff").join(over=over)


@unlawful("the proof of a joining is over another signing key", nothing, NOT_PROVED)
def _(history: History) -> Saying:
    said = Newcomer(history, "staff").join()
    said.act["verifying_key"], said.signer = url64(stranger.verify_key.encode()), stranger
    return said


@unlawful("the proof of a joining is another's", nothing, NOT_PROVED)
def _(history: History) -> Saying:
    one, other = Newcomer(history, "staff"), Newcomer(history, "staff")
    said = one.join()
    said.act["person"] = said.value["author"] = other.id
    return said


@forgery("somebody joins for another", nothing, "statement.signature")
def _(history: History) -> Saying:
    said = Newcomer(history, "staff").join()
    said.value["author"], said.signer = history.people[DSL], None
    return said


@forgery("a joining is signed without the new key", nothing, "statement.signature")
def _(history: History) -> Saying:
    said = Newcomer(history, "staff").join()
    said.signer = invitation
    return said


for kind in ("recipient", "keybox"):

    @unlawful(f"a joining commits to no {kind}", nothing, f"no {kind} committed")
    def _(history: History, kind: str = kind) -> Saying:
        said = Newcomer(history, "staff").join()
        said.items = {id: item for id, item in said.items.items() if item[0] != kind}
        return said


@unlawful("a joining takes another's place in the key graph", nothing, "identity named twice")
def _(history: History) -> Saying:
    one = Newcomer(history, "staff")
    said, lead = one.join(), history.founding["founder"]["identity"]
    del said.items[said.act["identity"]]
    said.act["identity"] = lead
    digests = (reader.sha256(items[id][1]) for items, id in ((history.sayings[0].items, lead), (said.items, said.act["keybox"])))
    said.act["proof"] = url64(invitation.sign(reader.joined_text(history.founding["vault"], said.act, *digests)).signature)
    return said


# Before the keys are given


@unlawful("who has not enrolled acknowledges the policy", nothing, "author not enrolled")
def _(history: History) -> Saying:
    return joined(history, "staff").say("policy.acknowledged", {"version": history.founding["acceptable_use"]})


@unlawful("who has not enrolled uses a recovery code", nothing, "author not enrolled")
def _(history: History) -> Saying:
    return joined(history, "staff").say("recovery-code.used", {"number": 1})


@unlawful("who has no keys reads the register", lambda h: reads(confirmed(h, "admin")), "author's keys were not compared")
def _(history: History) -> Saying:
    return reads(enrolled(history, "admin"))


def reads(one: Newcomer) -> Saying:
    return one.say("register.read", {"session": new_id()})


@unlawful("somebody else finishes a person's first sign-in", nothing, "enrolled by another, or twice")
def _(history: History) -> Saying:
    return by_lead(history, "person.enrolled", person=joined(history, "staff").id)


@unlawful("a first sign-in is finished twice", nothing, "enrolled by another, or twice")
def _(history: History) -> Saying:
    return enrolled(history, "staff").enrol()


# Keys for who should have none

NOT_READY = "keys given to who has them, is not ready for them, or by who may not"
NOT_NEEDED = "a key that the person's roles do not need"


def team(history: History) -> str:
    return history.founding["team"]


def for_office(history: History) -> Saying:
    return enrolled(history, "admin").confirm(history.founding["register"])


@unlawful("the office gives keys", for_office, "author may not give-access: access.not-entitled")
def _(history: History) -> Saying:
    return enrolled(history, "admin").confirm(author=history.people[ADMIN])


@unlawful("the lead gives keys to themselves", nothing, NOT_READY)
def _(history: History) -> Saying:
    founder = history.founding["founder"]
    return by_lead(history, "person.confirmed", person=founder["person"], identity=founder["identity"], wraps=[])


@unlawful("keys are given to nobody", nothing, NOT_READY)
def _(history: History) -> Saying:
    one = enrolled(history, "admin")
    one.id = new_id()
    return one.confirm()


@unlawful("keys are given to who has not enrolled", nothing, NOT_READY)
def _(history: History) -> Saying:
    return joined(history, "admin").confirm()


@unlawful("keys are given twice", nothing, NOT_READY)
def _(history: History) -> Saying:
    return confirmed(history, "admin").confirm()


@unlawful("keys are given to a scan station", nothing, NOT_READY)
def _(history: History) -> Saying:
    id = station(history)
    identity = history.of("station.added")[0].act["station"]["identity"]
    return by_lead(history, "person.confirmed", person=id, identity=identity, wraps=[])


def confirmed_when_suspended(history: History, is_back: bool) -> Saying:
    one = enrolled(history, "admin")
    for kind in ("person.suspended", *["person.restored"] * is_back):
        by_lead(history, kind, person=one.id)
    return one.confirm()


@unlawful("keys are given to who is suspended", lambda h: confirmed_when_suspended(h, True), NOT_READY)
def _(history: History) -> Saying:
    return confirmed_when_suspended(history, False)


@unlawful("keys are given to who is to join again", nothing, NOT_READY)
def _(history: History) -> Saying:
    return made_to_join_again(history).confirm()


def compared(history: History, before: bool) -> Saying:
    one = confirmed(history, "admin")
    old = one.identity
    again(history, one).enrol()
    if before:
        one.identity = old
    return one.confirm()


@unlawful("keys are given by the words of the keys before", lambda h: compared(h, before=False), NOT_READY)
def _(history: History) -> Saying:
    return compared(history, before=True)


def confirmed_by_manager(history: History, role: str) -> Saying:
    """By an account manager who may give access, as a school could have it."""
    abilities = {**history.founding["abilities"], "account-manager": ["give-access", "manage-people"]}
    adopt(history, abilities)
    return enrolled(history, role).confirm(author=confirmed(history, "account-manager"))


@unlawful("a deputy has keys from who does not lead", lambda h: confirmed_by_manager(h, "staff"), NOT_READY)
def _(history: History) -> Saying:
    return confirmed_by_manager(history, "deputy")


@unlawful("the team's key is wrapped to the office", for_office, NOT_NEEDED)
def _(history: History) -> Saying:
    return enrolled(history, "admin").confirm(history.founding["register"], team(history))


def for_deputy(history: History) -> Saying:
    return enrolled(history, "deputy").confirm(history.founding["register"], team(history))


def office(history: History) -> str:
    return history.of("person.joined")[0].act["identity"]


@unlawful("a deputy's wrap is held by somebody else", for_deputy, NOT_NEEDED)
def _(history: History) -> Saying:
    return enrolled(history, "deputy").confirm(team(history), holder=office(history))


@unlawful("a wrap that is given is not there", nothing, "no wrap committed")
def _(history: History) -> Saying:
    said = for_office(history)
    said.items = {}
    return said


@unlawful("the account manager has the register's key", nothing, NOT_NEEDED)
def _(history: History) -> Saying:
    return enrolled(history, "account-manager").confirm(history.founding["register"])


def wrap(history: History, said: Saying, identity: str, holder: str) -> Saying:
    item = new_id()
    said.items[item] = "wrap", choice.randbytes(1791)
    (said.act.get("founder") or said.act)["wraps"].append({"item": item, "identity": identity, "holder": holder})
    return said


@unlawful("the founding wraps the team's key to a stranger", nothing, NOT_NEEDED)
def _(history: History) -> Saying:
    # What even the founder's own hand could not have signed; the stranger's recipient is committed beside it.
    said, own = history.sayings[0], new_id()
    said.items[own] = "recipient", reader.Identity(choice.randbytes(32)).recipient
    return wrap(history, said, team(history), own)


@unlawful("a pupil file is wrapped to the office too", nothing, "a pupil file is wrapped to the team alone")
def _(history: History) -> Saying:
    said = history.of("pupil.registered")[0]
    return wrap(history, said, said.act["identity"], office(history))


@unlawful("a pupil's registration hands the team's key on", nothing, "a pupil file is wrapped to the team alone")
def _(history: History) -> Saying:
    said = history.of("pupil.registered")[0]
    return wrap(history, said, team(history), office(history))


# Joining again

MAY_NOT_RESET = "made to join again by who may not"


@unlawful("the office makes somebody join again", made_to_join_again, "author may not manage-people: access.not-entitled")
def _(history: History) -> Saying:
    return reset(history, history.people[DSL], author=history.people[ADMIN])


@unlawful("the lead makes themselves join again", nothing, MAY_NOT_RESET)
def _(history: History) -> Saying:
    return reset(history, history.people[DSL])


def reset_by_manager(history: History, person: str) -> Saying:
    manager = confirmed(history, "account-manager")
    history.keys[manager.id] = manager.key
    return reset(history, person, author=manager.id)


@unlawful("a lead is made to join again by who is none", lambda h: reset_by_manager(h, h.people[ADMIN]), MAY_NOT_RESET)
def _(history: History) -> Saying:
    return reset_by_manager(history, history.people[DSL])


@unlawful("a lead's invitation is replaced by who is none", nothing, MAY_NOT_RESET)
def _(history: History) -> Saying:
    return reset_by_manager(history, Newcomer(history, "dsl").id)


@unlawful("nobody is made to join again", nothing, MAY_NOT_RESET)
def _(history: History) -> Saying:
    return reset(history, new_id())


@unlawful("a scan station is made to join again", nothing, MAY_NOT_RESET)
def _(history: History) -> Saying:
    return reset(history, station(history))


for hours in (0, 24 + 1 / HOUR):

    @unlawful(f"an invitation to join again counts for {hours:.7f} hours", nothing, TOO_LONG)
    def _(history: History, hours: float = hours) -> Saying:
        return reset(history, history.people[ADMIN], hours=hours)


@unlawful("who is to join again goes on", lambda h: reads(confirmed(h, "admin")), "author's keys are being replaced")
def _(history: History) -> Saying:
    return reads(made_to_join_again(history))


@unlawful("who is to join again signs out by the old keys", nothing, "author's keys are being replaced")
def _(history: History) -> Saying:
    return made_to_join_again(history).say("session.closed", {"session": new_id()})


def after_joining_again(history: History, old: bool) -> Saying:
    one = confirmed(history, "admin")
    key = one.key
    again(history, one).enrol()
    one.confirm()
    if old:
        one.key = key
    return reads(one)


@forgery("the keys before sign once more", lambda h: after_joining_again(h, old=False), "statement.signature")
def _(history: History) -> Saying:
    return after_joining_again(history, old=True)


@unlawful("the keys before are good for the ones after", nothing, "author not enrolled")
def _(history: History) -> Saying:
    # Authenticator and keys have to be looked at again.
    return reads(again(history, confirmed(history, "admin")))


# Policy, training, recovery codes


@unlawful("another policy than the one in force is acknowledged", nothing, "another policy than the one in force")
def _(history: History) -> Saying:
    return history.say(history.people[ADMIN], "policy.acknowledged", {"version": "1999"})


def new_policy(history: History, before: Saying) -> Saying:
    founding = history.founding
    act = {"abilities": founding["abilities"], "acceptable_use": "2999-01", "two_people": founding["two_people"],
        "passkey_roles": []}  # fmt: skip
    return history.say(history.people[DSL], "policy.adopted", act, before=before)


def new_policy_acknowledged(history: History) -> None:
    said = filing(history)
    new_policy(history, before=said)
    for one in history.people.values():
        history.say(one, "policy.acknowledged", {"version": "2999-01"}, before=said)


NOT_ACKNOWLEDGED = "author may not file: access.policy-not-acknowledged"


@unlawful("who files has not acknowledged the policy in force", new_policy_acknowledged, NOT_ACKNOWLEDGED)
def _(history: History) -> Saying:
    new_policy(history, before=filing(history))
    return filing(history)


@unlawful("who files never acknowledged a policy", nothing, NOT_ACKNOWLEDGED)
def _(history: History) -> Saying:
    (said,) = (one for one in history.of("policy.acknowledged") if one.value["author"] == history.people[ADMIN])
    history.sayings.remove(said)
    return history.of("batch.opened")[0]


def trained(history: History, name: str) -> Saying:
    (said,) = (one for one in history.of("training.recorded") if one.act["person"] == history.people[name])
    return said


def training_until(history: History, name: str, said: Saying, difference: int) -> Saying:
    trained(history, name).act["expires"] = said.value["time"] + difference
    return said


def opened_batch(history: History) -> Saying:
    return history.of("batch.opened")[0]


@unlawful("who files was never trained", nothing, "author may not file: access.training-missing")
def _(history: History) -> Saying:
    history.sayings.remove(trained(history, ADMIN))
    return opened_batch(history)


@unlawful(
    "who files was trained too long ago",
    lambda h: training_until(h, ADMIN, h.of("document.filed")[-1], 1),
    "author may not file: access.training-missing",
)
def _(history: History) -> Saying:
    return training_until(history, ADMIN, opened_batch(history), 0)


@unlawful(
    "who reads was trained too long ago",
    lambda h: training_until(h, DSL, h.of("document.opened")[-1], 1),
    "author may not read: access.training-missing",
)
def _(history: History) -> Saying:
    return training_until(history, DSL, history.of("chronology.read")[0], 0)


def training(history: History, person: str, author: str | None = None) -> Saying:
    act = {"person": person, "completed": "2026-09-03", "expires": history.sayings[-1].value["time"] + HOUR}
    return history.say(author or history.people[DSL], "training.recorded", act)


@unlawful(
    "the office records its own training",
    lambda h: training(h, h.people[ADMIN]),
    "author may not manage-people: access.not-entitled",
)
def _(history: History) -> Saying:
    return training(history, history.people[ADMIN], author=history.people[ADMIN])


@unlawful("who has not joined was trained", lambda h: training(h, joined(h, "staff").id), "training of nobody")
def _(history: History) -> Saying:
    return training(history, Newcomer(history, "staff").id)


@unlawful("a scan station was trained", nothing, "training of nobody")
def _(history: History) -> Saying:
    return training(history, station(history))


NO_PANEL, OVER = "a review without the panel", "a review that is over, or counts for more than a year"


def reviewed(history: History, *panel: str, author: str | None = None, days: float = 0, due: float = 300, **but) -> Saying:
    """The policy is reviewed: so many days ago, due again in so many; by the lead together with these."""
    act = {
        "version": history.founding["acceptable_use"], "panel": sorted(panel or [confirmed(history, "panel").id]),
        "reviewed": "", "due": 0,
    }  # fmt: skip
    said = history.say(author or history.people[DSL], "policy.reviewed", act)
    day = datetime.fromtimestamp(said.value["time"] / 1000, UTC) - timedelta(days)
    said.act.update({"reviewed": day.strftime("%Y-%m-%d"), "due": said.value["time"] + int(due * 24 * HOUR), **but})
    return said


for role in ("deputy", "panel", "account-manager", "admin"):

    @unlawful(f"a review by who is {role}", reviewed, "author may not give-access: access.not-entitled")
    def _(history: History, role=role) -> Saying:
        one = confirmed(history, role)
        said = reviewed(history, author=one.id)
        said.signer = one.key
        return said


@unlawful("a review of another policy than the one in force", reviewed, "a review of another policy than the one in force")
def _(history: History) -> Saying:
    return reviewed(history, version="1999")


@unlawful("a review without anybody of the panel", reviewed, NO_PANEL)
def _(history: History) -> Saying:
    return reviewed(history, panel=[])


@unlawful("a review with the lead alone", reviewed, NO_PANEL)
def _(history: History) -> Saying:
    return reviewed(history, history.people[DSL])


@unlawful("a review with a deputy in the panel's place", lambda h: reviewed(h, confirmed(h, "panel").id), NO_PANEL)
def _(history: History) -> Saying:
    return reviewed(history, confirmed(history, "deputy").id)


@unlawful("a review with who has no keys of the panel's yet", lambda h: reviewed(h, confirmed(h, "panel").id), NO_PANEL)
def _(history: History) -> Saying:
    return reviewed(history, enrolled(history, "panel").id)


def with_suspended(history: History, is_back: bool) -> Saying:
    one = confirmed(history, "panel")
    for kind in ("person.suspended", *["person.restored"] * is_back):
        by_lead(history, kind, person=one.id)
    return reviewed(history, one.id)


@unlawful("a review with who is suspended", lambda h: with_suspended(h, True), NO_PANEL)
def _(history: History) -> Saying:
    return with_suspended(history, False)


for wrong in ("2026-13-01", "2026-09", "yesterday", ""):

    @unlawful(f"a review of no day: {wrong}", reviewed, "a review of no day, or of one to come")
    def _(history: History, wrong=wrong) -> Saying:
        return reviewed(history, reviewed=wrong)


@unlawful("a review of a day to come", reviewed, "a review of no day, or of one to come")
def _(history: History) -> Saying:
    return reviewed(history, days=-2)


@unlawful("a review that is due again already", lambda h: reviewed(h, due=0.001), OVER)
def _(history: History) -> Saying:
    return reviewed(history, due=0)


@unlawful("a review that counts for more than a year", lambda h: reviewed(h, due=365), OVER)
def _(history: History) -> Saying:
    return reviewed(history, due=368)


@unlawful("a review of half a year ago that counts for another year", lambda h: reviewed(h, days=180, due=180), OVER)
def _(history: History) -> Saying:
    return reviewed(history, days=180, due=300)


def recovery(history: History, *numbers: int) -> Saying:
    for number in numbers:
        said = history.say(history.people[ADMIN], "recovery-code.used", {"number": number})
    return said


ONE_TO_TEN = "a recovery code used twice"


@unlawful("a recovery code is used twice", lambda h: recovery(h, *range(1, 11)), ONE_TO_TEN)
def _(history: History) -> Saying:
    return recovery(history, 3, 4, 3)


for number in (0, 11):

    @unlawful(f"a recovery code {number}", nothing, ONE_TO_TEN)
    def _(history: History, number: int = number) -> Saying:
        return recovery(history, number)


# Passkeys, a renewed keybox, another role


def passkey(one: Newcomer, id: str = "", credential: str = "", without: str = "") -> Saying:
    """Somebody adds a passkey; without: an item that is not brought."""
    key, row = new_id(), new_id()
    act = {"passkey": id or new_id(), "credential": key, "credential_hash": credential or url64(choice.randbytes(32)), "row": row}
    items = {key: ("credential", choice.randbytes(300)), row: ("passkey-row", choice.randbytes(96))}
    return one.say("passkey.added", act, {id: item for id, item in items.items() if item[0] != without})


def removed(history: History, one: Newcomer, author: "str | Newcomer") -> Saying:
    act = {"passkey": passkey(one).act["passkey"], "person": one.id}
    return author.say("passkey.removed", act) if isinstance(author, Newcomer) else history.say(author, "passkey.removed", act)


ADDED_TWICE = "a passkey added twice"


def same_credential(history: History, same: bool) -> Saying:
    added = passkey(confirmed(history, "staff")).act["credential_hash"]
    return passkey(confirmed(history, "admin"), credential=added if same else "")


@unlawful("two people add the same passkey", lambda h: same_credential(h, same=False), ADDED_TWICE)
def _(history: History) -> Saying:
    return same_credential(history, same=True)


@unlawful("a passkey's id is taken by another", lambda h: [passkey(confirmed(h, "staff")) for _ in range(2)], ADDED_TWICE)
def _(history: History) -> Saying:
    one = confirmed(history, "staff")
    return passkey(one, id=passkey(one).act["passkey"])


def many(history: History, count: int) -> Saying:
    one = confirmed(history, "staff")
    return [passkey(one) for _ in range(count)][-1]


@unlawful("an eleventh passkey", lambda h: many(h, 10), "a passkey of nobody, or one too many")
def _(history: History) -> Saying:
    return many(history, 11)


for missing in ("credential", "passkey-row"):

    @unlawful(f"a passkey without its {missing}", lambda h: passkey(enrolled(h, "staff")), f"no {missing} committed")
    def _(history: History, missing: str = missing) -> Saying:
        return passkey(confirmed(history, "staff"), without=missing)


@unlawful("a passkey of who has not enrolled", lambda h: passkey(enrolled(h, "staff")), "author not enrolled")
def _(history: History) -> Saying:
    return passkey(joined(history, "staff"))


NOT_TO_REMOVE = "a passkey removed by who may not"


@unlawful(
    "the office removes another's passkey", lambda h: removed(h, confirmed(h, "staff"), h.people[DSL]), NOT_TO_REMOVE)  # fmt: skip
def _(history: History) -> Saying:
    return removed(history, confirmed(history, "staff"), history.people[ADMIN])


@unlawful(
    "an account manager removes a lead's passkey",
    lambda h: removed(h, confirmed(h, "staff"), confirmed(h, "account-manager")), NOT_TO_REMOVE)  # fmt: skip
def _(history: History) -> Saying:
    return removed(history, confirmed(history, "dsl"), confirmed(history, "account-manager"))


def removed_after(history: History, joins_again: bool) -> Saying:
    one = confirmed(history, "staff")
    said = passkey(one).act
    if joins_again:
        again(history, one).enrol()
    return one.say("passkey.removed", {"passkey": said["passkey"], "person": one.id})


@unlawful("a passkey from before joining again", lambda h: removed_after(h, joins_again=False), "no such passkey")
def _(history: History) -> Saying:
    return removed_after(history, joins_again=True)


def without_passkey(history: History, adds: bool, kind: str = "register.read") -> Saying:
    adopt(history, passkeys=("deputy",), acts=[])
    one = confirmed(history, "deputy")
    if adds:
        passkey(one)
    return one.say(kind, {"session": new_id()})


LACKS = "author has no passkey, which their role needs"


@unlawful("a deputy without the passkey that the role needs", lambda h: without_passkey(h, adds=True), LACKS)
def _(history: History) -> Saying:
    return without_passkey(history, adds=False)


@unlawful(
    "a lead without the passkey that the role needs trains somebody",
    lambda h: (adopt(h, passkeys=("dsl",)), adopt(h)), LACKS)  # fmt: skip
def _(history: History) -> Saying:
    adopt(history, passkeys=("dsl",))
    return training(history, history.people[ADMIN])


@unlawful(
    "a deputy without the passkey that the role needs adopts policies",
    lambda h: (adopt(h, passkeys=("dsl", "deputy")), adopt(h)), LACKS)  # fmt: skip
def _(history: History) -> Saying:
    adopt(history, passkeys=("deputy",))
    deputy = confirmed(history, "deputy")
    founding = history.founding
    act = {key: founding[key] for key in ("abilities", "acceptable_use", "two_people", "passkey_roles")}
    return deputy.say("policy.adopted", act)


@forgery("scan stations are to sign in by passkey", lambda h: adopt(h, passkeys=("staff",)), "statement.unlawful",
         "a scan station signs in by no passkey")  # fmt: skip
def _(history: History) -> Saying:
    return adopt(history, passkeys=("scan-station",))


def renewed(one: Newcomer, kind: str = "keybox") -> Saying:
    box = new_id()
    return one.say("keybox.renewed", {"keybox": box}, {box: (kind, choice.randbytes(149))})


@unlawful("a renewed keybox that is none", lambda h: renewed(confirmed(h, "staff")), "no keybox committed")
def _(history: History) -> Saying:
    return renewed(confirmed(history, "staff"), kind="wrap")


@unlawful("a renewed keybox of who has not enrolled", lambda h: renewed(enrolled(h, "staff")), "author not enrolled")
def _(history: History) -> Saying:
    return renewed(joined(history, "staff"))


def other_role(history: History, roles: list, author: "str | Newcomer | None" = None) -> Saying:
    act = {"person": confirmed(history, "staff").id, "roles": roles}
    if isinstance(author, Newcomer):
        said = author.say("person.reset", act)
    else:
        said = history.say(author or history.people[DSL], "person.reset", act)
    said.act["code"] = code(said, 24)
    return said


NOT_THEIRS_TO_GIVE = "made to join again by who may not, or as nothing"


@unlawful(
    "an account manager makes somebody deputy by another role",
    lambda h: other_role(h, ["admin"], confirmed(h, "account-manager")), NOT_THEIRS_TO_GIVE)  # fmt: skip
def _(history: History) -> Saying:
    return other_role(history, ["deputy"], confirmed(history, "account-manager"))


for roles in ([], ["scan-station"]):

    @unlawful(f"joined again as {roles}", lambda h: other_role(h, ["deputy"]), NOT_THEIRS_TO_GIVE)
    def _(history: History, roles: list = roles) -> Saying:
        return other_role(history, roles)


def keys_of_another_role(history: History, roles: list) -> Saying:
    one = confirmed(history, "deputy")
    said = history.say(history.people[DSL], "person.reset", {"person": one.id, "roles": roles})
    said.act["code"] = code(said, 24)
    one.key = SigningKey(choice.randbytes(32))
    one.join()
    one.enrol()
    return one.confirm(team(history))


@unlawful("who was a deputy keeps the team's key", lambda h: keys_of_another_role(h, ["deputy"]), NOT_NEEDED)
def _(history: History) -> Saying:
    return keys_of_another_role(history, ["staff"])


def recovery_after(history: History, joins_again: bool) -> Saying:
    one = confirmed(history, "staff")
    one.say("recovery-code.used", {"number": 7})
    if joins_again:
        again(history, one).enrol()
    return one.say("recovery-code.used", {"number": 7})


@unlawful("a recovery code of the keys that count still", lambda h: recovery_after(h, joins_again=True), ONE_TO_TEN)
def _(history: History) -> Saying:
    return recovery_after(history, joins_again=False)


def through_station(history: History) -> Saying:
    """The filing is a scan station's, in the office's open batch."""
    id, said = station(history), filing(history)
    file = said.value["pupil_file"]
    history.say(history.people[DSL], "station.allowed", {"station": id}, before=opened_batch(history), pupil_file=file)
    said.value["author"] = id
    return said


OUTSIDE = "a station's filing outside an open batch"


@unlawful("a station files for who has not acknowledged the policy", through_station, OUTSIDE, comes_to=ALL)
def _(history: History) -> Saying:
    said = through_station(history)
    new_policy(history, before=said)
    return said


@unlawful("a station files for who is to join again", through_station, OUTSIDE, comes_to=ALL)
def _(history: History) -> Saying:
    said = through_station(history)
    act = {"person": history.people[ADMIN], "code": code(said, 1)}
    history.say(history.people[DSL], "person.reset", act, before=said)
    return said


# Access for who reads nothing by role


def file_of(history: History) -> str:
    return filing(history).value["pupil_file"]


def other_file(history: History) -> str:
    return next(said.value["pupil_file"] for said in history.of("pupil.registered") if said.value["pupil_file"] != file_of(history))


def give(
    history: History, one: "Newcomer | None" = None, author: str | None = None, until: int = HOUR, file: str | None = None,
    before: Saying | None = None, **but
) -> Saying:  # fmt: skip
    """Access for the office unless for somebody else, to the whole file that is forged, for so many milliseconds."""
    detail, key = new_id(), new_id()
    items = {detail: ("detail", choice.randbytes(96)), key: ("detail-key", choice.randbytes(1797))}
    act = {
        "access": new_id(), "person": one.id if one else history.people[ADMIN],
        "identity": one.identity if one else office(history), "whole": True, "detail": detail, "detail_key": key,
    }  # fmt: skip
    about = file or file_of(history)
    said = history.say(author or history.people[DSL], "access.given", act, items, before, pupil_file=about, fields={"reason": url64(bytes(32))})
    act.update({"expires": said.value["time"] + until, **but})
    return said


def share(given: Saying, document: str, **but) -> tuple:
    """A share under an access, and the items that it brings."""
    one = {"access": given.act["access"], "document": document, "header": new_id(), "row_key": new_id(), **but}
    return one, {one["header"]: ("header", choice.randbytes(1700)), one["row_key"]: ("row-key", choice.randbytes(1797))}


def extend(history: History, given: Saying, without: str = "", author: str | None = None, later: int = 0, **but) -> Saying:
    """Shares the first document under an access, so many milliseconds after what stands before; without: a kind of item."""
    one, items = share(given, first_filing(history).act["document"], **but)
    items = {id: item for id, item in items.items() if item[0] != without}
    time = history.sayings[-1].value["time"] + later
    about = given.value["pupil_file"]
    return history.say(author or history.people[DSL], "access.extended", {"shares": [one]}, items, pupil_file=about, time=time)


def end(history: History, given: Saying, author: str | None = None, before: Saying | None = None, **more) -> Saying:
    more = {"pupil_file": given.value["pupil_file"], **more}
    return history.say(author or history.people[DSL], "access.ended", {"access": given.act["access"]}, before=before, **more)


# Significant events


def mark(history: History, promoted: bool = True, author: str | None = None, item: int | None = None, **more) -> Saying:
    """Marks the filing that is forged as a significant event, or takes that back, at the end."""
    item = history.place(filing(history)) if item is None else item
    more = {"pupil_file": file_of(history), **more}
    return history.say(author or history.people[DSL], "item.promoted" if promoted else "item.demoted", {"item": item}, **more)


def marked_twice(history: History, *promoted: bool) -> Saying:
    return [mark(history, one) for one in promoted][-1]


MARKED_TWICE, NO_ITEM = "a significant event marked or unmarked twice", "a significant event that is no item of this pupil file"
NOT_THERE = "a significant event of nobody's, or not yet there"
MAY_NOT_READ = "author may not read: access.not-entitled"


@unlawful("the office marks what it filed as significant", mark, MAY_NOT_READ)
def _(history: History) -> Saying:
    return mark(history, author=history.people[ADMIN])


@unlawful("who has access to the file marks something of it", lambda h: (give(h), mark(h)), MAY_NOT_READ)
def _(history: History) -> Saying:
    give(history)
    return mark(history, author=history.people[ADMIN])


@unlawful("a significant event is marked twice", lambda h: marked_twice(h, True, False, True), MARKED_TWICE)
def _(history: History) -> Saying:
    return marked_twice(history, True, True)


@unlawful("what is no significant event is unmarked", lambda h: marked_twice(h, True, False), MARKED_TWICE)
def _(history: History) -> Saying:
    return mark(history, False)


@unlawful("a significant event is of another pupil file", mark, NO_ITEM)
def _(history: History) -> Saying:
    return mark(history, pupil_file=other_file(history))


@unlawful("a reading is a significant event", mark, NO_ITEM)
def _(history: History) -> Saying:
    return mark(history, item=history.place(history.of("chronology.read")[0]))


@unlawful("a significant event is of no pupil file", mark, NOT_THERE)
def _(history: History) -> Saying:
    said = mark(history)
    del said.value["pupil_file"]
    return said


@unlawful("a significant event is filed later", mark, NOT_THERE)
def _(history: History) -> Saying:
    return mark(history, item=len(history.sayings))


def search(history: History, author: str | None = None) -> Saying:
    return history.say(author or history.people[DSL], "chronology.searched", {"session": new_id()}, pupil_file=file_of(history))


@unlawful("the office searches a chronology", search, MAY_NOT_READ)
def _(history: History) -> Saying:
    return search(history, history.people[ADMIN])


TO_ONESELF = "access given to oneself, or to who cannot have any"
NOT_GIVEN = "access given twice, to nobody's file, or for no time"
MAY_NOT_GIVE = "author may not give-access: access.not-entitled"


@unlawful("the office gives access", lambda h: give(h, confirmed(h, "staff")), MAY_NOT_GIVE)
def _(history: History) -> Saying:
    return give(history, confirmed(history, "staff"), author=history.people[ADMIN])


@unlawful("the office shares more under its access", lambda h: extend(h, give(h)), MAY_NOT_GIVE)
def _(history: History) -> Saying:
    return extend(history, give(history), author=history.people[ADMIN])


@unlawful("the office ends its access", lambda h: end(h, give(h)), MAY_NOT_GIVE)
def _(history: History) -> Saying:
    return end(history, give(history), author=history.people[ADMIN])


@unlawful("the lead gives access to themselves", nothing, TO_ONESELF)
def _(history: History) -> Saying:
    founder = history.founding["founder"]
    return give(history, person=founder["person"], identity=founder["identity"])


@unlawful("access is given to nobody", nothing, TO_ONESELF)
def _(history: History) -> Saying:
    return give(history, person=new_id())


@unlawful("access is given to who is invited", nothing, TO_ONESELF)
def _(history: History) -> Saying:
    return give(history, person=Newcomer(history, "staff").id)


@unlawful("access is given to who has no keys of the lead's", lambda h: give(h, confirmed(h, "staff")), TO_ONESELF)
def _(history: History) -> Saying:
    return give(history, enrolled(history, "staff"))


@unlawful("access is given to who is to join again", nothing, TO_ONESELF)
def _(history: History) -> Saying:
    return give(history, made_to_join_again(history))


@unlawful("access is given to a scan station", nothing, TO_ONESELF)
def _(history: History) -> Saying:
    id = station(history)
    return give(history, person=id, identity=history.of("station.added")[0].act["station"]["identity"])


def given_when_suspended(history: History, is_back: bool) -> Saying:
    one = confirmed(history, "staff")
    for kind in ("person.suspended", *["person.restored"] * is_back):
        by_lead(history, kind, person=one.id)
    return give(history, one)


@unlawful("access is given to who is suspended", lambda h: given_when_suspended(h, True), TO_ONESELF)
def _(history: History) -> Saying:
    return given_when_suspended(history, False)


def given_after_joining_again(history: History, old: bool) -> Saying:
    one = confirmed(history, "staff")
    before = one.identity
    again(history, one).enrol()
    one.confirm()
    return give(history, one, **({"identity": before} if old else {}))


@unlawful("access is given for the keys before", lambda h: given_after_joining_again(h, old=False), TO_ONESELF)
def _(history: History) -> Saying:
    return given_after_joining_again(history, old=True)


@unlawful("access is given to another's keys", nothing, TO_ONESELF)
def _(history: History) -> Saying:
    return give(history, identity=confirmed(history, "staff").identity)


@unlawful("access is to no pupil's file", nothing, NOT_GIVEN)
def _(history: History) -> Saying:
    return give(history, file=new_id())


@unlawful("access is to no file", nothing, NOT_GIVEN)
def _(history: History) -> Saying:
    said = give(history)
    del said.value["pupil_file"]
    return said


@unlawful("an access is given twice", lambda h: (give(h), give(h)), NOT_GIVEN)
def _(history: History) -> Saying:
    return give(history, access=give(history).act["access"])


@unlawful("an access is over as it begins", lambda h: give(h, until=1), NOT_GIVEN)
def _(history: History) -> Saying:
    return give(history, until=0)


@unlawful("an access has no detail", nothing, "access without its detail")
def _(history: History) -> Saying:
    return give(history, detail=new_id())


UNDER_ANOTHER = "access under another pupil's detail key"


@unlawful("an access is under no detail key", nothing, UNDER_ANOTHER)
def _(history: History) -> Saying:
    return give(history, detail_key=new_id())


def given_under_first(history: History, file: str) -> Saying:
    """Under the detail key of the filings."""
    said = give(history, file=file, detail_key=first_filing(history).act["detail_key"])
    said.items = {id: item for id, item in said.items.items() if item[0] == "detail"}
    return said


@unlawful("an access is under another pupil's detail key", lambda h: given_under_first(h, file_of(h)), UNDER_ANOTHER)
def _(history: History) -> Saying:
    return given_under_first(history, other_file(history))


NO_ACCESS = "shared under no access to this file"
HOW_MANY = "too many shares, or none"


@unlawful("nothing is shared", lambda h: extend(h, give(h, whole=False)), HOW_MANY)
def _(history: History) -> Saying:
    said = extend(history, give(history))
    said.act["shares"], said.items = [], {}
    return said


@unlawful("more is shared than one statement may", nothing, HOW_MANY)
def _(history: History) -> Saying:
    given = give(history)
    said = extend(history, given)
    for _ in range(reader.MOST_SHARES):
        one, items = share(given, new_id())
        said.act["shares"].append(one)
        said.items |= items
    return said


@unlawful("a document is shared under no access", nothing, NO_ACCESS)
def _(history: History) -> Saying:
    return extend(history, give(history), access=new_id())


@unlawful("a document is shared under an access to another file", nothing, NO_ACCESS)
def _(history: History) -> Saying:
    given, elsewhere = give(history), give(history, file=other_file(history))
    return extend(history, given, access=elsewhere.act["access"])


@unlawful("a document is shared when the access is over", lambda h: extend(h, give(h, until=2), later=1), NO_ACCESS)
def _(history: History) -> Saying:
    return extend(history, give(history, until=2), later=2)


@unlawful("a document is shared when the access was ended", lambda h: end(h, give(h)), NO_ACCESS)
def _(history: History) -> Saying:
    given = give(history)
    end(history, given)
    return extend(history, given)


for kind in ("header", "row-key"):

    @unlawful(f"a share brings no {kind}", lambda h: extend(h, give(h)), NO_ACCESS)
    def _(history: History, kind: str = kind) -> Saying:
        return extend(history, give(history), without=kind)


@unlawful("a share's header was brought before", nothing, NO_ACCESS)
def _(history: History) -> Saying:
    return extend(history, give(history), without="header", header=filing(history).act["document"])


NOTHING_TO_END = "no access to this file, or ended twice"


@unlawful("no access is ended", nothing, NOTHING_TO_END)
def _(history: History) -> Saying:
    said = end(history, give(history))
    said.act["access"] = new_id()
    return said


@unlawful("an access is ended twice", nothing, NOTHING_TO_END)
def _(history: History) -> Saying:
    given = give(history)
    end(history, given)
    return end(history, given)


@unlawful("an access is ended as one to another file", lambda h: end(h, give(h)), NOTHING_TO_END)
def _(history: History) -> Saying:
    return end(history, give(history), pupil_file=other_file(history))


# Entries without a file


def entry(
    history: History, author: str | None = None, without: str = "", shared: Saying | None = None, later: int = 0,
    file: str | None = None, **but
) -> Saying:  # fmt: skip
    """The office's entry in the file that is forged; without: a kind of item; shared: under an access."""
    detail, key = new_id(), new_id()
    items = {detail: ("detail", choice.randbytes(96)), key: ("detail-key", choice.randbytes(1797))}
    act = {"entry": new_id(), "detail": detail, "detail_key": key, **but}
    if shared:
        act["shares"] = [{"access": shared.act["access"], "entry": act["entry"], "row_key": new_id()}]
        items[act["shares"][0]["row_key"]] = ("row-key", choice.randbytes(1797))
    items = {id: item for id, item in items.items() if item[0] != without}
    time = history.sayings[-1].value["time"] + later
    fields = {"kind": url64(bytes(32))}
    about = file or file_of(history)
    return history.say(author or history.people[ADMIN], "entry.made", act, items, pupil_file=about, fields=fields, time=time)


def corrected(history: History, file: str | None = None) -> Saying:
    """A correction of the filing that is forged, in its own file or in another."""
    return entry(history, file=file, corrects=filing(history).act["document"])


def completed(history: History, named: bool) -> Saying:
    """The outcome of a follow-up that an entry before asked for, or of none."""
    asked = new_id()
    entry(history, follow_up=asked)
    return entry(history, completes=asked if named else new_id())


# It opens. The chronology of the entry's file is not shown at all: what stands for its detail and key here opens to nobody.
ENTRY_LACKING = {"chronology": "refused"}
# Its file is another.
ENTRY_ELSEWHERE: dict[str, str] = {}


@unlawful("an entry under a detail key of another file", entry, "an entry under another pupil's detail key", comes_to=ENTRY_LACKING)
def _(history: History) -> Saying:
    other = entry(history, file=other_file(history))
    return entry(history, without="detail-key", detail_key=other.act["detail_key"])


@unlawful("an entry without its detail", entry, "an entry without its detail", comes_to=ENTRY_LACKING)
def _(history: History) -> Saying:
    said = entry(history)
    said.items[new_id()] = said.items.pop(said.act["detail"])
    return said


@unlawful("an entry is made by a role that files nothing", entry, "author may not file: access.not-entitled")
def _(history: History) -> Saying:
    one = confirmed(history, "account-manager")
    said = entry(history, author=one.id)
    said.signer = one.key
    return said


@unlawful("a correction of another file's document", corrected, "a correction of nothing in this file", comes_to=ENTRY_ELSEWHERE)
def _(history: History) -> Saying:
    return corrected(history, file=other_file(history))


@unlawful(
    "the outcome of no follow-up", lambda h: completed(h, named=True), "the outcome of no follow-up in this file",
    comes_to=ENTRY_LACKING)  # fmt: skip
def _(history: History) -> Saying:
    return completed(history, named=False)


ENTRY_FOR_NOBODY = "an entry for somebody without access to the file"


@unlawful(
    "an entry is shared under an access that was ended", lambda h: entry(h, shared=give(h)), ENTRY_FOR_NOBODY,
    comes_to=ENTRY_LACKING)  # fmt: skip
def _(history: History) -> Saying:
    given = give(history)
    end(history, given)
    return entry(history, shared=given)


@unlawful(
    "an entry is shared under an access to documents", lambda h: entry(h, shared=give(h)), ENTRY_FOR_NOBODY,
    comes_to=ENTRY_LACKING)  # fmt: skip
def _(history: History) -> Saying:
    return entry(history, shared=give(history, whole=False))


# What follows from what was filed


def triage(
    history: History, author: str | None = None, without: str = "", file: str | None = None, records: list | None = None,
    follow_ups: list | None = None, **but
) -> Saying:  # fmt: skip
    """The lead looks at the filing that is forged, or at other records; without: a kind of item."""
    detail, key = new_id(), new_id()
    items = {detail: ("detail", choice.randbytes(96)), key: ("detail-key", choice.randbytes(1797))}
    records = sorted([filing(history).act["document"]] if records is None else records)
    act = {
        "triage": new_id(), "records": records, "detail": detail, "detail_key": key, "follow_ups": follow_ups or [], **but,
    }  # fmt: skip
    items = {id: item for id, item in items.items() if item[0] != without}
    more = {"pupil_file": file or file_of(history), "fields": {"follows": url64(bytes(32))}}
    return history.say(author or history.people[DSL], "items.triaged", act, items, **more)


def triaged_twice(history: History, again: bool) -> Saying:
    triage(history)
    return triage(history, records=[(filing if again else first_filing)(history).act["document"]])


def triaged_later(history: History, is_later: bool) -> Saying:
    """A look at an entry that is made right after it, or right before."""
    said = entry(history)
    looked = triage(history, records=[said.act["entry"]])
    if is_later:
        history.sayings.remove(said)
        history.sayings.append(said)
    return looked


def triages_moved(history: History, moved: bool) -> Saying:
    if moved:
        moves(history)
    return triage(history, records=[first_filing(history).act["document"]])


def asked_twice(history: History, again: bool) -> Saying:
    asked = new_id()
    entry(history, follow_up=asked)
    return triage(history, follow_ups=[asked if again else new_id()])


def triaged_by_office(history: History, may_read: bool) -> Saying:
    if may_read:
        adopt(history, {**history.founding["abilities"], "admin": ["file", "read"]})
    return triage(history, author=history.people[ADMIN])


# That a look names its own detail key, its records and its follow-ups as they are is found whoever reads the pupil's chronology;
# what stands for its detail here opens to nobody, and that a triage is honest does not make it open.
NOT_IN_FILE, TWICE = "a triage of nothing in this file", "looked at twice"


@unlawful("the office looks at what it filed", triage, MAY_NOT_READ)
def _(history: History) -> Saying:
    return triaged_by_office(history, may_read=False)


@unlawful("who reads and does not lead looks at what was filed", triage, "a triage by neither lead nor deputy")
def _(history: History) -> Saying:
    return triaged_by_office(history, may_read=True)


@unlawful("a record is looked at twice", lambda h: triaged_twice(h, again=False), TWICE)
def _(history: History) -> Saying:
    return triaged_twice(history, again=True)


@unlawful("a record of another file is looked at", triage, NOT_IN_FILE)
def _(history: History) -> Saying:
    return triage(history, file=other_file(history))


@unlawful("what is no record is looked at", triage, NOT_IN_FILE)
def _(history: History) -> Saying:
    return triage(history, records=[filing(history).act["upload"]])


@unlawful("a record is looked at before it is there", lambda h: triaged_later(h, False), NOT_IN_FILE)
def _(history: History) -> Saying:
    return triaged_later(history, True)


@unlawful("what was moved out is looked at", lambda h: triages_moved(h, moved=False), NOT_IN_FILE)
def _(history: History) -> Saying:
    return triages_moved(history, moved=True)


@unlawful("nothing is looked at", triage, "a triage of nothing, or of too much")
def _(history: History) -> Saying:
    return triage(history, records=[])


@unlawful("a look for nobody", triage, "a triage for nobody on the register")
def _(history: History) -> Saying:
    said = triage(history, without="detail-key")
    del said.value["pupil_file"]
    return said


@unlawful("a look without its detail", triage, "a triage without its detail")
def _(history: History) -> Saying:
    said = triage(history)
    said.items[new_id()] = said.items.pop(said.act["detail"])
    return said


@unlawful("a look under a detail key of another file", triage, "a triage under another pupil's detail key")
def _(history: History) -> Saying:
    other = entry(history, file=other_file(history))
    return triage(history, without="detail-key", detail_key=other.act["detail_key"])


@unlawful("a follow-up is opened a second time", lambda h: asked_twice(h, False), "a follow-up named twice", comes_to=ENTRY_LACKING)
def _(history: History) -> Saying:
    return asked_twice(history, True)


# A chronology goes onto paper: nothing that is shown hangs on that, so what is wrong with it is for `verify`.


def prints(history: History, author: str | None = None, without: str = "", **but) -> Saying:
    """The lead prints a chronology; without: a kind of item."""
    detail, key = new_id(), new_id()
    items = {detail: ("detail", choice.randbytes(96)), key: ("detail-key", choice.randbytes(1797))}
    act = {"print": new_id(), "session": new_id(), "lines": 3, "detail": detail, "detail_key": key, **but}
    items = {id: item for id, item in items.items() if item[0] != without}
    more = {"pupil_file": file_of(history), "fields": {"lane": url64(bytes(32))}}
    return history.say(author or history.people[DSL], "chronology.printed", act, items, **more)


@unlawful("the office prints a chronology", prints, MAY_NOT_READ)
def _(history: History) -> Saying:
    return prints(history, author=history.people[ADMIN])


@unlawful("a print about nobody", prints, "a print about nobody on the register", comes_to={})
def _(history: History) -> Saying:
    said = prints(history, without="detail-key")
    del said.value["pupil_file"]
    return said


@unlawful("a print without its detail", prints, "a print without its detail", comes_to={})
def _(history: History) -> Saying:
    said = prints(history)
    said.items[new_id()] = said.items.pop(said.act["detail"])
    return said


@unlawful("a print under a detail key of another file", prints, "a print under another pupil's detail key", comes_to={})
def _(history: History) -> Saying:
    other = entry(history, file=other_file(history))
    return prints(history, without="detail-key", detail_key=other.act["detail_key"])


# What is kept as evidence is released by the lead alone


def evidence(history: History) -> Saying:
    """A document that is filed as evidence."""
    said = filing(history)
    said.act["quarantine"] = "type.active-content"
    return said


def decides(history: History, author: str | None = None, without: str = "", of: Saying | None = None, **but) -> Saying:
    """The lead releases it; without: a kind of item."""
    of = of or evidence(history)
    detail, key = new_id(), new_id()
    items = {detail: ("detail", choice.randbytes(96)), key: ("detail-key", choice.randbytes(1797))}
    act = {"decision": new_id(), "document": of.act["document"], "released": True, "detail": detail, "detail_key": key, **but}
    items = {id: item for id, item in items.items() if item[0] != without}
    more = {"pupil_file": file_of(history), "fields": {"reason": url64(bytes(32))}}
    return history.say(author or history.people[DSL], "quarantine.decided", act, items, **more)


@unlawful("the office releases from quarantine", decides, MAY_NOT_READ)
def _(history: History) -> Saying:
    return decides(history, author=history.people[ADMIN])


@unlawful("what was filed like any other is released", decides, "decided about what this file does not keep as evidence", comes_to={})
def _(history: History) -> Saying:
    return decides(history, of=filing(history))


@unlawful("what nobody filed is released", decides, "decided about what this file does not keep as evidence", comes_to={})
def _(history: History) -> Saying:
    return decides(history, document=new_id())


@unlawful("a decision about quarantine without its detail", decides, "a decision without its detail")
def _(history: History) -> Saying:
    said = decides(history)
    said.items[new_id()] = said.items.pop(said.act["detail"])
    return said


@unlawful("a decision about quarantine under a detail key of another file", decides, "a decision under another pupil's detail key")
def _(history: History) -> Saying:
    other = entry(history, file=other_file(history))
    return decides(history, without="detail-key", detail_key=other.act["detail_key"])


# What is filed is shared with whole accesses


def filed_for(history: History, given: Saying, without: str = "", **but) -> Saying:
    """The filing shares its document under an access that was given before."""
    said = filing(history)
    one, items = share(given, **{"document": said.act["document"], **but})
    said.act["shares"] = [one]
    said.items |= {id: item for id, item in items.items() if item[0] != without}
    return said


def before_filing(history: History, **but) -> Saying:
    return give(history, before=filing(history), **but)


def filed_after(history: History, milliseconds: int) -> Saying:
    """So long after the access was given that is good for two."""
    given = before_filing(history, until=2)
    said = filed_for(history, given)
    shift = given.value["time"] + milliseconds - said.value["time"]
    for later in history.sayings[history.place(said) :]:
        later.value["time"] += shift
    return said


def honestly_shared(history: History) -> Saying:
    return filed_for(history, before_filing(history))


FOR_NOBODY = "filed for somebody without access to the file"
# The vault opens and shows the entry: what it shares is looked at by `verify`, and by who opens it by that share.
SHOWN: dict[str, str] = {}


@unlawful("what is filed is shared under no access", honestly_shared, FOR_NOBODY, comes_to=SHOWN)
def _(history: History) -> Saying:
    return filed_for(history, before_filing(history), access=new_id())


@unlawful("what is filed is shared under an access to documents", honestly_shared, FOR_NOBODY, comes_to=SHOWN)
def _(history: History) -> Saying:
    return filed_for(history, before_filing(history, whole=False))


@unlawful("what is filed is shared under an access to another file", honestly_shared, FOR_NOBODY, comes_to=SHOWN)
def _(history: History) -> Saying:
    return filed_for(history, before_filing(history, file=other_file(history)))


@unlawful("what is filed is shared when the access is over", lambda h: filed_after(h, 1), FOR_NOBODY, comes_to=SHOWN)
def _(history: History) -> Saying:
    return filed_after(history, 2)


@unlawful("what is filed is shared when the access was ended", honestly_shared, FOR_NOBODY, comes_to=SHOWN)
def _(history: History) -> Saying:
    given = before_filing(history)
    end(history, given, before=filing(history))
    return filed_for(history, given)


@unlawful("another document is shared by a filing", honestly_shared, FOR_NOBODY, comes_to=SHOWN)
def _(history: History) -> Saying:
    return filed_for(history, before_filing(history), document=first_filing(history).act["document"])


for kind in ("header", "row-key"):

    @unlawful(f"a filing's share brings no {kind}", honestly_shared, FOR_NOBODY, comes_to=SHOWN)
    def _(history: History, kind: str = kind) -> Saying:
        return filed_for(history, before_filing(history), without=kind)


# Reading by access


def reads_file(history: History, kind: str, later: int = 0, one: "Newcomer | None" = None, **more) -> Saying:
    act = {"session": new_id()}
    if kind == "document.opened":
        act = {"document": first_filing(history).act["document"], "reading": new_id(), "manner": "view"}
    more = {"pupil_file": file_of(history), "time": history.sayings[-1].value["time"] + later, **more}
    return one.say(kind, act, **more) if one else history.say(history.people[ADMIN], kind, act, **more)


NO_READER = "author may not read: access.not-entitled"


def reads_when(history: History, kind: str, given: bool = True, ended: bool = False, later: int = 0, **but) -> Saying:
    if given:
        access = give(history, until=2, **but)
        if ended:
            end(history, access)
    return reads_file(history, kind, later)


for kind in sorted(reader.READING):

    def by_access(history: History, kind: str = kind) -> Saying:
        return reads_when(history, kind, later=1)

    @unlawful(f"who has no access says {kind}", by_access, NO_READER)
    def _(history: History, kind: str = kind) -> Saying:
        return reads_when(history, kind, given=False)

    @unlawful(f"who has access to another file says {kind}", by_access, NO_READER)
    def _(history: History, kind: str = kind) -> Saying:
        return reads_when(history, kind, file=other_file(history))

    @unlawful(f"whose access is over says {kind}", by_access, NO_READER)
    def _(history: History, kind: str = kind) -> Saying:
        return reads_when(history, kind, later=2)

    @unlawful(f"whose access was ended says {kind}", by_access, NO_READER)
    def _(history: History, kind: str = kind) -> Saying:
        return reads_when(history, kind, ended=True)

    @unlawful(f"who has access says {kind} of no file", by_access, NO_READER)
    def _(history: History, kind: str = kind) -> Saying:
        said = reads_when(history, kind)
        del said.value["pupil_file"]
        return said


def reads_by_duties(history: History, policy: bool = True, trained: int | None = HOUR, joins_again: bool = False) -> Saying:
    """A member of staff with access reads; trained: for how many milliseconds more."""
    one = confirmed(history, "staff")
    if policy:
        one.say("policy.acknowledged", {"version": history.founding["acceptable_use"]})
    if trained is not None:
        training(history, one.id).act["expires"] = history.sayings[-1].value["time"] + trained
    give(history, one)
    if joins_again:
        again(history, one).enrol()
        one.confirm()
    return reads_file(history, "document.opened", one=one)


@unlawful("who has access has not acknowledged the policy", reads_by_duties, "author may not read: access.not-entitled")
def _(history: History) -> Saying:
    return reads_by_duties(history, policy=False)


@unlawful("who has access was never trained", reads_by_duties, "author may not read: access.not-entitled")
def _(history: History) -> Saying:
    return reads_by_duties(history, trained=None)


@unlawful("who has access was trained too long ago", lambda h: reads_by_duties(h, trained=1), "author may not read: access.not-entitled")
def _(history: History) -> Saying:
    return reads_by_duties(history, trained=0)


@unlawful("access is used with keys that it was not given for", reads_by_duties, NO_READER)
def _(history: History) -> Saying:
    return reads_by_duties(history, joins_again=True)


# What is done with restricted documents


def acts(history: History, one: "Newcomer | None" = None, author: str | None = None, brings: bool = False, **more) -> Saying:
    """Something done with one, by the office unless by somebody else; the key of its header is nobody's."""
    act = {"record": new_id(), "detail": new_id()}
    if brings:
        other = first_filing(history).act
        payload = {key: other[key] for key in ("blob", "payload_sha256", "payload_length", "nonce", "commitment")}
        act["document"] = {"upload": new_id(), **payload}
    items = {act["record"]: ("header", choice.randbytes(12_528)), act["detail"]: ("detail", choice.randbytes(4096))}
    if one:
        return one.say("restricted.acted", act, items, **more)
    return history.say(author or history.people[ADMIN], "restricted.acted", act, items, **more)


def prepared(history: History, role: str, policy: bool = True, trained: int | None = HOUR) -> Newcomer:
    """Somebody with keys and, unless it is said otherwise, policy and training."""
    one = confirmed(history, role)
    if policy:
        one.say("policy.acknowledged", {"version": history.founding["acceptable_use"]})
    if trained is not None:
        training(history, one.id).act["expires"] = history.sayings[-1].value["time"] + trained
    return one


MAY_NOT_ACT = "author may not file: access.not-entitled"


@unlawful("who may neither file nor hold acts on a restricted document", lambda h: acts(h, brings=True), MAY_NOT_ACT)
def _(history: History) -> Saying:
    return acts(history, prepared(history, "account-manager"), brings=True)


@unlawful("a school's panel holds no restricted documents and acts on one", lambda h: acts(h, prepared(h, "panel")), MAY_NOT_ACT)
def _(history: History) -> Saying:
    one = prepared(history, "panel")
    abilities = {**history.founding["abilities"], "panel": ["see-figures"]}
    by_lead(history, "policy.adopted", abilities=abilities, acceptable_use=history.founding["acceptable_use"], two_people=history.founding["two_people"], passkey_roles=[])
    return acts(history, one)


for role, why in (("panel", MAY_NOT_ACT), ("staff", "author may not file: access.policy-not-acknowledged")):

    @unlawful(f"who acts on a restricted document as {role} has not acknowledged the policy", lambda h, r=role: acts(h, prepared(h, r)), why)
    def _(history: History, role: str = role) -> Saying:
        return acts(history, prepared(history, role, policy=False))


for role, why in (("panel", MAY_NOT_ACT), ("staff", "author may not file: access.training-missing")):

    @unlawful(f"who acts on a restricted document as {role} was never trained", nothing, why)
    def _(history: History, role: str = role) -> Saying:
        return acts(history, prepared(history, role, trained=None))

    @unlawful(
        f"who acts on a restricted document as {role} was trained too long ago", lambda h, r=role: acts(h, prepared(h, r, trained=1)), why
    )
    def _(history: History, role: str = role) -> Saying:
        return acts(history, prepared(history, role, trained=0))


@unlawful("the service acts on a restricted document", acts, "the service may not say restricted.acted")
def _(history: History) -> Saying:
    return acts(history, author="service")


@unlawful("a scan station acts on a restricted document", acts, "a station may not say restricted.acted")
def _(history: History) -> Saying:
    return acts(history, author=station(history), brings=True)


def acts_when_suspended(history: History, is_back: bool) -> Saying:
    for kind in ("person.suspended", *["person.restored"] * is_back):
        by_lead(history, kind, person=history.people[ADMIN])
    return acts(history)


@unlawful("who is suspended acts on a restricted document", lambda h: acts_when_suspended(h, True), "author is suspended")
def _(history: History) -> Saying:
    return acts_when_suspended(history, False)


@unlawful("who is to join again acts on a restricted document", nothing, "author's keys are being replaced")
def _(history: History) -> Saying:
    one = prepared(history, "panel")
    reset(history, one.id)
    return acts(history, one)


@unlawful("who has no keys acts on a restricted document", nothing, "author's keys were not compared")
def _(history: History) -> Saying:
    return acts(history, enrolled(history, "panel"))


@unlawful("who has just joined acts on a restricted document", nothing, "author not enrolled")
def _(history: History) -> Saying:
    return acts(history, joined(history, "dsl"))


def recovered(history: History) -> Newcomer:
    """A lead whom the recovery key has made so, and who has not finished the first sign-in."""
    key, one, held = SigningKey(choice.randbytes(32)), Newcomer(history, "dsl"), new_id()
    one.identity = new_id()

    def wraps(holder: str) -> tuple:
        reached = (history.founding[name] for name in ("register", "team", "intake"))
        edges = [{"item": new_id(), "identity": identity, "holder": holder} for identity in reached]
        return edges, {edge["item"]: ("wrap", choice.randbytes(1791)) for edge in edges}

    (edges, items), row = wraps(held), new_id()
    act = {
        "identity": held, "verifying_key": url64(key.verify_key.encode()), "threshold": 2,
        "shares": [url64(choice.randbytes(32)) for _ in range(3)], "row": row, "wraps": edges,
    }  # fmt: skip
    items = {held: ("recipient", choice.randbytes(1216)), row: ("person-row", choice.randbytes(96)), **items}
    history.say(history.people[DSL], "recovery.set", act, items)

    (edges, items), box = wraps(one.identity), new_id()
    act = {
        "recovery": held, "person": one.id, "identity": one.identity, "verifying_key": url64(one.key.verify_key.encode()),
        "keybox": box, "wraps": edges, "suspended": [history.people[DSL]],
    }  # fmt: skip
    items = {one.identity: ("recipient", choice.randbytes(1216)), box: ("keybox", choice.randbytes(149)), **items}
    text = b"strongroom/v1/recovery-used\n" + reader.id_bytes(history.founding["vault"]) + reader.sha256(reader.canonical(act))
    text += b"".join(reader.id_bytes(id) + reader.sha256(data) for id, (_, data) in items.items())
    one.say("recovery.used", {**act, "proof": url64(key.sign(text).signature)}, items)
    return one


def acts_after_recovery(history: History, enrols: bool) -> Saying:
    one = recovered(history)
    if enrols:
        one.enrol()
    return acts(history, one)


@unlawful("who became lead by recovery goes on without policy and training", lambda h: acts_after_recovery(h, False), NOT_ACKNOWLEDGED)
def _(history: History) -> Saying:
    return acts_after_recovery(history, True)


@unlawful("who became lead by recovery files before the first sign-in", lambda h: acts_after_recovery(h, False), "author not enrolled")
def _(history: History) -> Saying:
    return recovered(history).say("batch.opened", {"batch": new_id()})


OTHER_PARTS = "a restricted act of other parts than its header and its detail"


@unlawful("a restricted act is about a pupil file", acts, OTHER_PARTS, comes_to=SHOWN)
def _(history: History) -> Saying:
    return acts(history, pupil_file=file_of(history))


@unlawful("a restricted act has fields", acts, OTHER_PARTS, comes_to=SHOWN)
def _(history: History) -> Saying:
    return acts(history, fields={"summary": url64(bytes(32))})


for kind in ("header", "detail"):

    @unlawful(f"a restricted act has another {kind}", acts, OTHER_PARTS, comes_to=SHOWN)
    def _(history: History, kind: str = kind) -> Saying:
        said = acts(history)
        said.act["record" if kind == "header" else "detail"] = new_id()
        return said

    @unlawful(f"a restricted act has a {kind} more", acts, OTHER_PARTS, comes_to=SHOWN)
    def _(history: History, kind: str = kind) -> Saying:
        said = acts(history)
        said.items[new_id()] = kind, choice.randbytes(96)
        return said

    @unlawful(f"a restricted act has no {kind}", acts, OTHER_PARTS, comes_to=SHOWN)
    def _(history: History, kind: str = kind) -> Saying:
        said = acts(history)
        said.items = {id: item for id, item in said.items.items() if item[0] != kind}
        return said


# What was moved out of a pupil's file


def moves(
    history: History, one: "Newcomer | None" = None, author: str | None = None, between: str | None = None,
    file: str | None = None, brings: bool = True, items: dict | None = None, **but
) -> Saying:  # fmt: skip
    """The first document is moved to what was brought right before, by the lead unless by somebody else."""
    brought = acts(history, one, author or history.people[DSL], brings=brings)
    if between:
        history.say(between, "chronology.read", {"session": new_id()}, pupil_file=file_of(history))
    act = {"document": first_filing(history).act["document"], "record": brought.act["record"], **but}
    more = {"pupil_file": file or file_of(history)}
    if one:
        return one.say("document.moved", act, items, **more)
    return history.say(author or history.people[DSL], "document.moved", act, items, **more)


def opens(history: History, document: str | None = None) -> Saying:
    """The lead opens the first document."""
    act = {"document": document or first_filing(history).act["document"], "reading": new_id(), "manner": "download"}
    return history.say(history.people[DSL], "document.opened", act, pupil_file=file_of(history))


def marks_moved(history: History, moved: bool) -> Saying:
    if moved:
        moves(history)
    return mark(history, item=history.place(first_filing(history)))


@unlawful("what was moved out is a significant event", lambda h: marks_moved(h, moved=False), NO_ITEM)
def _(history: History) -> Saying:
    return marks_moved(history, moved=True)


NOT_BROUGHT = "moved without the record that brings it"
NO_FILE = "moved out of nobody's file, or with more than that"


@unlawful("the office moves a document", moves, "author may not read: access.not-entitled")
def _(history: History) -> Saying:
    return moves(history, author=history.people[ADMIN])


@unlawful("the panel moves a document", lambda h: moves(h, prepared(h, "deputy")), "author may not read: access.not-entitled")
def _(history: History) -> Saying:
    return moves(history, prepared(history, "panel"))


@unlawful("who keeps no restricted documents moves one", lambda h: moves(h, prepared(h, "deputy")), "author may not hold-restricted: access.not-entitled")
def _(history: History) -> Saying:
    one = prepared(history, "deputy")
    adopt(history, {**history.founding["abilities"], "deputy": ["file", "read"]})
    return moves(history, one)


@unlawful("a document is moved without the record that brings it", moves, NOT_BROUGHT)
def _(history: History) -> Saying:
    return moves(history, record=new_id())


@unlawful("a document is moved to a record that brings nothing", moves, NOT_BROUGHT)
def _(history: History) -> Saying:
    return moves(history, brings=False)


@unlawful("something is said between a record and the moving", moves, NOT_BROUGHT)
def _(history: History) -> Saying:
    return moves(history, between=history.people[DSL])


@unlawful("another brings what is moved", moves, NOT_BROUGHT)
def _(history: History) -> Saying:
    brought = acts(history, prepared(history, "deputy"), brings=True)
    act = {"document": first_filing(history).act["document"], "record": brought.act["record"]}
    return history.say(history.people[DSL], "document.moved", act, pupil_file=file_of(history))


@unlawful("a document is moved with an item", moves, NO_FILE)
def _(history: History) -> Saying:
    return moves(history, items={new_id(): ("header", choice.randbytes(1700))})


@unlawful("a document is moved out of nobody's file", moves, NO_FILE)
def _(history: History) -> Saying:
    return moves(history, file=new_id())


@unlawful("a document is moved twice", moves, "moved twice")
def _(history: History) -> Saying:
    moves(history)
    return moves(history)


@unlawful("a document is opened after it was moved", lambda h: (opens(h), moves(h)), "opened after it was moved")
def _(history: History) -> Saying:
    moves(history)
    return opens(history)


@unlawful("a document is shared after it was moved", lambda h: (extend(h, give(h)), moves(h)), "shared after it was moved")
def _(history: History) -> Saying:
    given = give(history)
    moves(history)
    return extend(history, given)


OTHER_CONTENT = "moved what is not of this file, or to other content"


@unlawful("a document is moved out of another pupil's file", moves, OTHER_CONTENT, comes_to=SHOWN)
def _(history: History) -> Saying:
    return moves(history, file=other_file(history))


@unlawful("a document that is not there is moved", moves, OTHER_CONTENT, comes_to=SHOWN)
def _(history: History) -> Saying:
    return moves(history, document=new_id())


@unlawful("a document is moved to content of another length", moves, OTHER_CONTENT, comes_to=SHOWN)
def _(history: History) -> Saying:
    said = moves(history)
    history.sayings[-2].act["document"]["payload_length"] += 1
    return said


# What its author may not say, or not then


def office_loses_filing(history: History, before: Saying | None) -> Saying:
    act = {
        "abilities": {**history.founding["abilities"], "admin": []}, "acceptable_use": history.founding["acceptable_use"],
        "two_people": history.founding["two_people"], "passkey_roles": [],
    }  # fmt: skip
    return history.say(history.people[DSL], "policy.adopted", act, before=before)


@unlawful("the office files when it no longer may", lambda h: office_loses_filing(h, None), "author may not file: access.not-entitled")
def _(history: History) -> Saying:
    # What it filed before stands.
    office_loses_filing(history, before=filing(history))
    return filing(history)


@unlawful("the office adopts a policy", lambda h: office_loses_filing(h, None), "author may not give-access: access.not-entitled")
def _(history: History) -> Saying:
    said = office_loses_filing(history, None)
    said.value["author"] = history.people[ADMIN]
    return said


# Time


def at(history: History, difference: int) -> Saying:
    said = filing(history)
    said.value["time"] = first_filing(history).value["time"] + difference
    return said


@unlawful("a filing is before the one before it", lambda h: at(h, 0), "time goes backwards")
def _(history: History) -> Saying:
    return at(history, -1)


# Filings of what was not committed


@unlawful("a filing has no header", nothing, "filed without header or detail", comes_to={"open": "refused"})
def _(history: History) -> Saying:
    said = filing(history)
    del said.items[said.act["document"]]
    said.but["items"] = [one for one in said.value["items"] if one["kind"] != "header"]
    return said


@unlawful("a filing's header is another item", nothing, "filed without header or detail", comes_to={"open": "refused"})
def _(history: History) -> Saying:
    said = filing(history)
    said.items = {new_id() if kind == "header" else id: (kind, data) for id, (kind, data) in said.items.items()}
    return said


@unlawful("a filing has no detail", nothing, "filed without header or detail", comes_to=UNOPENED)
def _(history: History) -> Saying:
    said = filing(history)
    del said.items[said.act["detail"]]
    return said


def suspended_and_back(history: History) -> None:
    for kind in ("person.suspended", "person.restored"):
        history.say(history.people[DSL], kind, {"person": history.people[ADMIN]}, before=filing(history))


@unlawful("who is suspended files", suspended_and_back, "author is suspended")
def _(history: History) -> Saying:
    history.say(history.people[DSL], "person.suspended", {"person": history.people[ADMIN]}, before=filing(history))
    return filing(history)


@unlawful("the lead is suspended by themselves", nothing, "suspended or restored by who may not")
def _(history: History) -> Saying:
    history.say(history.people[DSL], "person.suspended", {"person": history.people[DSL]})
    return history.of("person.suspended")[0]


@unlawful(
    "who is invited is suspended twice",
    lambda h: suspended(h, "person.suspended", "person.restored"),
    "suspended or restored twice",
)
def _(history: History) -> Saying:
    return suspended(history, "person.suspended", "person.suspended")


def suspended(history: History, *kinds: str) -> Saying:
    one = Newcomer(history, "staff")
    return [by_lead(history, kind, person=one.id) for kind in kinds][-1]


@unlawful("who was never suspended is restored", nothing, "suspended or restored twice")
def _(history: History) -> Saying:
    history.say(history.people[DSL], "person.restored", {"person": history.people[ADMIN]})
    return history.of("person.restored")[0]


def registered_pupil(history: History, place: int) -> str:
    return history.of("pupil.registered")[place].value["pupil_file"]


@unlawful("a filing is under another pupil's detail key", nothing, "filed under another pupil's detail key", comes_to=UNOPENED)
def _(history: History) -> Saying:
    said = filing(history)
    said.value["pupil_file"] = next(
        file for place in range(3) if (file := registered_pupil(history, place)) != said.value["pupil_file"]
    )
    return said


@unlawful("a filing is under another policy", nothing, "policy is not the one in force", comes_to={})
def _(history: History) -> Saying:
    # Only verify looks: by its own key the office could say so, and what it filed is what it filed.
    said = filing(history)
    said.value["policy"] = url64(bytes(32))
    return said


# Disclosure to agencies

AGENCY_DOES = sorted(reader.OF_AGENCY)
MAY_NOT_PERMIT = "author may not permit: "
IS_LEADS, NOT_ENTITLED = MAY_NOT_PERMIT + "permission.leads", MAY_NOT_PERMIT + "access.not-entitled"
NO_PERMISSION, NOT_COUNTING = "no permission for this pupil file", "entered under no permission that counts"
NOT_NAMED, MALFORMED = "a document that is not of this pupil file", "statement.malformed"
OTHER_DETAIL_KEY = "a disclosure under another pupil's detail key"


def letter_of(history: History) -> str:
    return filing(history).act["document"]


def permitted_of(history: History) -> str:
    """The document that `moves` moves."""
    return first_filing(history).act["document"]


def discloses(
    history: History, kind: str, act: dict, author: "str | Newcomer | None" = None, items: dict | None = None, without: str = "",
    file: str | None = None, **more
) -> Saying:  # fmt: skip
    """Something of disclosure, by the lead unless by somebody else, with a detail under a key of its own; without: a kind of
    item."""
    detail, key = new_id(), new_id()
    items = {**(items or {}), detail: ("detail", choice.randbytes(96)), key: ("detail-key", choice.randbytes(1797))}
    items = {id: item for id, item in items.items() if item[0] != without}
    act = {"detail": detail, "detail_key": key, **act}
    more = {"pupil_file": file or file_of(history), "fields": {"made_by": url64(bytes(32))}, **more}
    if isinstance(author, Newcomer):
        return author.say(kind, act, items, **more)
    return history.say(author or history.people[DSL], kind, act, items, **more)


def asks(history: History, letter: str | None = None, id: str | None = None, **more) -> Saying:
    return discloses(history, "disclosure.requested", {"request": id or new_id(), "letter": letter or letter_of(history)}, **more)


def refuses(history: History, asked: Saying | None = None, **more) -> Saying:
    return discloses(history, "disclosure.refused", {"request": (asked or asks(history)).act["request"]}, **more)


def delegates(history: History, to: str, author: "str | Newcomer | None" = None, lasts: int = HOUR) -> Saying:
    act = {"person": to, "until": history.sayings[-1].value["time"] + lasts}
    if isinstance(author, Newcomer):
        return author.say("disclosure.delegated", act)
    return history.say(author or history.people[DSL], "disclosure.delegated", act)


def ends_delegation(history: History, to: str, author: str | None = None) -> Saying:
    return history.say(author or history.people[DSL], "delegation.ended", {"person": to})


def permits(
    history: History, asked: Saying | None = None, documents: list | None = None, begins: int = 0, lasts: int = HOUR,
    copies: int = 1, exhibit: int | None = None, letter: str | None = None, without: str = "", but: dict | None = None, **more
) -> Saying:  # fmt: skip
    """Permits the first document, or others, from then on for so many milliseconds; what else it says is honest."""
    asked = asked or asks(history)
    author = more.get("author")
    author = author.id if isinstance(author, Newcomer) else author or history.people[DSL]
    before = [len(one.act["documents"]) for one in history.of("permission.given") if one.value["author"] == author]
    sealed = [
        {"document": one, "header": new_id()}
        for one in [letter or asked.act["letter"], *([permitted_of(history)] if documents is None else documents)]
    ]
    time = history.sayings[-1].value["time"]
    act = {
        "permission": new_id(), "request": asked.act["request"], "identity": new_id(), "keybox": url64(choice.randbytes(32)),
        "tag": url64(choice.randbytes(32)), "documents": sealed[1:], "letter": sealed[0],
        "exhibit": sum(before) + 1 if exhibit is None else exhibit, "from": time + begins, "until": time + lasts, "copies": copies,
        "terms": new_id(), **(but or {}),
    }  # fmt: skip
    items = {one["header"]: ("header", choice.randbytes(64)) for one in [act["letter"], *act["documents"]]}
    items |= {act["identity"]: ("recipient", choice.randbytes(1216)), act["terms"]: ("terms", choice.randbytes(1900))}
    return discloses(history, "permission.given", act, items=items, without=without, **more)


def withdraws(history: History, given: Saying, **more) -> Saying:
    return discloses(history, "permission.withdrawn", {"permission": given.act["permission"]}, **more)


def by_service(
    history: History, kind: str, act: dict, given: Saying | None = None, after: int | None = None, file: str | None = None
) -> Saying:
    """After: so many milliseconds after the permission was given."""
    time = history.sayings[-1].value["time"] if after is None else given.value["time"] + after
    act = {**({"permission": given.act["permission"]} if given else {}), **act}
    return history.say("service", kind, act, pupil_file=file or file_of(history), time=time)


def ends(history: History, given: Saying, reason: str, after: int | None = None, file: str | None = None) -> Saying:
    return by_service(history, "permission.ended", {"reason": reason}, given, after, file)


def enters(history: History, given: Saying, after: int | None = None, session: str | None = None, file: str | None = None) -> Saying:
    return by_service(history, "permission.entered", {"session": session or new_id()}, given, after, file)


def issues(
    history: History, given: Saying, entered: Saying | None = None, document: str | None = None, after: int | None = None,
    file: str | None = None, **but
) -> Saying:  # fmt: skip
    """A pack, or a view of a document."""
    entered = entered or enters(history, given)
    act = {"issue": new_id(), "session": entered.act["session"], "manner": "view" if document else "pack"}
    act = {**act, **({"document": document} if document else {}), **but}
    return by_service(history, "issue.opened", act, given, after, file)


def closes(history: History, issued: Saying, file: str | None = None) -> Saying:
    act = {"issue": issued.act["issue"], "bytes": 10, "pages": 1, "complete": True}
    return by_service(history, "issue.closed", act, file=file)


def closes_pack(history: History, issued: Saying, **more) -> Saying:
    """With the digest of what went out."""
    act = {"issue": issued.act["issue"], "bytes": 10, "pages": 0, "complete": True}
    return discloses(history, "issue.closed", act, author="service", **more)


def visits(history: History, given: Saying | None = None, id: str | None = None, **more) -> Saying:
    act = {"visit": id or new_id(), "permission": (given or permits(history)).act["permission"]}
    return discloses(history, "visit.recorded", act, **more)


def ends_visit(history: History, visited: Saying | None = None, notes: str | None = None, **more) -> Saying:
    act = {"visit": (visited or visits(history)).act["visit"], **({"notes": notes} if notes else {})}
    return discloses(history, "visit.closed", act, **more)


def informs(history: History, given: Saying | None = None, told: bool = True, **more) -> Saying:
    return discloses(history, "child.informed", {"permission": (given or permits(history)).act["permission"], "told": told}, **more)


def everything_an_agency_does(history: History) -> dict:
    """What the service says of it, the last one of each kind."""
    given = permits(history)
    by_service(history, "permission.refused", {"code": "permission.code"}, given)
    entered = enters(history, given)
    closes(history, issues(history, given, entered, document=permitted_of(history)))
    closes_pack(history, issues(history, given, entered))
    by_service(history, "permission.acknowledged", {"session": entered.act["session"]}, given)
    ends(history, given, "used")
    return {kind: history.of(kind)[-1] for kind in AGENCY_DOES}


for kind in AGENCY_DOES:

    @unlawful(f"a person says {kind}", everything_an_agency_does, f"only the service says {kind}")
    def _(history: History, kind: str = kind) -> Saying:
        said = everything_an_agency_does(history)[kind]
        said.value["author"] = history.people[DSL]
        del history.sayings[history.place(said) + 1 :]
        return said


@unlawful("a scan station lets something out", nothing, "a station may not say issue.opened")
def _(history: History) -> Saying:
    said = everything_an_agency_does(history)["issue.opened"]
    del history.sayings[history.place(said) + 1 :]
    said.value["author"] = station(history)
    return said


# Whose it is, whatever it is


def disclosures(history: History) -> dict:
    """Everything of disclosure that is about a pupil file, honestly, the last one of each kind; the refused request is another."""
    given = permits(history)
    everything_an_agency_does(history)
    refuses(history)
    ends_visit(history, visits(history, given), notes=permitted_of(history))
    informs(history, given)
    withdraws(history, given)
    return {kind: history.of(kind)[-1] for kind in sorted(reader.DISCLOSING - reader.DELEGATING)}


def disclosed(history: History, kind: str) -> Saying:
    """The last thing that is said, of this kind."""
    said = disclosures(history)[kind]
    del history.sayings[history.place(said) + 1 :]
    return said


for kind in sorted(reader.DISCLOSING - reader.DELEGATING):

    @unlawful(f"{kind} about nobody", disclosures, "a disclosure about nobody on the register")
    def _(history: History, kind: str = kind) -> Saying:
        said = disclosed(history, kind)
        del said.value["pupil_file"]
        said.items = {id: item for id, item in said.items.items() if item[0] != "detail-key"}
        return said

    @unlawful(f"{kind} under another policy", disclosures, "policy is not the one in force")
    def _(history: History, kind: str = kind) -> Saying:
        said = disclosed(history, kind)
        said.value["policy"] = url64(bytes(32))
        return said


for kind in sorted(reader.DISCLOSURE_OBJECTS):

    @unlawful(f"{kind} without its detail", disclosures, "a disclosure without its detail")
    def _(history: History, kind: str = kind) -> Saying:
        said = disclosed(history, kind)
        said.items[new_id()] = said.items.pop(said.act["detail"])
        return said

    @unlawful(f"{kind} under a detail key of another file", lambda h, k=kind: under_key(h, k, file_of(h)), OTHER_DETAIL_KEY)
    def _(history: History, kind: str = kind) -> Saying:
        return under_key(history, kind, other_file(history))


def under_key(history: History, kind: str, file: str) -> Saying:
    """Under a detail key that an entry of this file brought before."""
    made = entry(history, file=file)
    said = disclosed(history, kind)
    said.items = {id: item for id, item in said.items.items() if item[0] != "detail-key"}
    said.act["detail_key"] = made.act["detail_key"]
    return said


@unlawful("a delegation under another policy", lambda h: delegates(h, prepared(h, "deputy").id), "policy is not the one in force")
def _(history: History) -> Saying:
    said = delegates(history, prepared(history, "deputy").id)
    said.value["policy"] = url64(bytes(32))
    return said


def in_file(history: History, kind: str, file: str | None) -> Saying:
    """Something about what was permitted, or asked for, in the file that is forged; said of this file."""
    asked = asks(history)
    if kind == "disclosure.refused":
        return refuses(history, asked, file=file)
    if kind == "permission.given":
        return permits(history, asked, file=file)
    given = permits(history, asked)
    entered = enters(history, given)
    match kind:
        case "permission.withdrawn":
            return withdraws(history, given, file=file)
        case "permission.ended":
            return ends(history, given, "codes", file=file)
        case "permission.entered":
            return enters(history, given, file=file)
        case "permission.acknowledged":
            return by_service(history, kind, {"session": entered.act["session"]}, given, file=file)
        case "permission.refused":
            return by_service(history, kind, {"code": "permission.code"}, given, file=file)
        case "issue.opened":
            return issues(history, given, entered, file=file)
        case "issue.closed":
            return closes(history, issues(history, given, entered), file=file)
        case "visit.recorded":
            return visits(history, given, file=file)
        case "visit.closed":
            return ends_visit(history, visits(history, given), file=file)
        case "child.informed":
            return informs(history, given, file=file)


NOT_REFUSED = "refused twice, after it was permitted, or what nobody asked for"
NOT_ASKED = "permitted what was not asked for, or was refused"
NOT_CLOSED = "a visit closed twice, or that was not"
for kind, why in (
    ("disclosure.refused", NOT_REFUSED), ("permission.given", NOT_ASKED), ("permission.withdrawn", NO_PERMISSION),
    ("permission.ended", NO_PERMISSION), ("permission.entered", NO_PERMISSION), ("permission.acknowledged", NO_PERMISSION),
    ("permission.refused", NO_PERMISSION), ("issue.opened", NO_PERMISSION), ("issue.closed", NO_PERMISSION),
    ("visit.recorded", NO_PERMISSION), ("visit.closed", NOT_CLOSED), ("child.informed", NO_PERMISSION),
):  # fmt: skip

    @unlawful(f"{kind} of what is another pupil's", lambda h, k=kind: in_file(h, k, None), why)
    def _(history: History, kind: str = kind) -> Saying:
        return in_file(history, kind, other_file(history))


# By whom


for kind, says in (
    ("disclosure.requested", asks), ("visit.recorded", visits), ("visit.closed", ends_visit), ("child.informed", informs),
):  # fmt: skip

    @unlawful(f"the office says {kind}", lambda h, s=says: s(h, author=prepared(h, "deputy")), MAY_NOT_READ)
    def _(history: History, says: Callable = says) -> Saying:
        return says(history, author=history.people[ADMIN])


def refused_by(history: History, author: "str | Newcomer") -> Saying:
    return refuses(history, asks(history), author=author)


def permitted_by(history: History, author: "str | Newcomer") -> Saying:
    return permits(history, asks(history), author=author)


def withdrawn_from_lead_by(history: History, author: "str | Newcomer") -> Saying:
    return withdraws(history, permits(history), author=author)


def delegated_to(history: History, *lasts: int) -> Newcomer:
    """A deputy to whom that is delegated, again and again."""
    one = prepared(history, "deputy")
    for milliseconds in lasts:
        delegates(history, one.id, lasts=milliseconds)
    return one


PERMITTING = {"refuses": refused_by, "permits": permitted_by, "withdraws": withdrawn_from_lead_by}
for name, says in PERMITTING.items():

    @unlawful(f"the office {name}", lambda h, s=says: s(h, h.people[DSL]), NOT_ENTITLED)
    def _(history: History, says: Callable = says) -> Saying:
        return says(history, history.people[ADMIN])

    @unlawful(f"a deputy {name} to whom that is not delegated", lambda h, s=says: s(h, delegated_to(h, HOUR)), IS_LEADS)
    def _(history: History, says: Callable = says) -> Saying:
        return says(history, prepared(history, "deputy"))

    @unlawful(f"a deputy {name} to whom that is delegated no more", lambda h, s=says: s(h, until_ended(h, again=True)), IS_LEADS)
    def _(history: History, says: Callable = says) -> Saying:
        return says(history, until_ended(history, again=False))

    @unlawful(f"a deputy {name} when the delegation is over", lambda h, s=says: after_delegation(h, s, 1, 2), IS_LEADS)
    def _(history: History, says: Callable = says) -> Saying:
        return after_delegation(history, says, 2, 2)

    @unlawful(f"a deputy {name} when the last of two delegations is over", lambda h, s=says: after_delegation(h, s, 2, 2, 5), IS_LEADS)
    def _(history: History, says: Callable = says) -> Saying:
        return after_delegation(history, says, 2, 5, 2)


def until_ended(history: History, again: bool) -> Newcomer:
    one = delegated_to(history, HOUR)
    ends_delegation(history, one.id)
    if again:
        delegates(history, one.id)
    return one


def after_delegation(history: History, says: Callable, milliseconds: int, *lasts: int) -> Saying:
    one = delegated_to(history, *lasts)
    later(history, milliseconds)
    return says(history, one)


@unlawful(
    "a deputy who reads no more permits what was delegated", lambda h: untrained(h, trained=2),
    MAY_NOT_PERMIT + "access.training-missing")  # fmt: skip
def _(history: History) -> Saying:
    return untrained(history, trained=1)


def untrained(history: History, trained: int) -> Saying:
    one = prepared(history, "deputy", trained=trained)
    delegates(history, one.id)
    later(history, 1)
    return permitted_by(history, one)


NOT_DELEGATED = "delegated to oneself, to who does not read, or for no time"
NOT_THERE_TO_END = "a delegation ended that was not there"


def honestly_delegated(history: History) -> Saying:
    return delegates(history, prepared(history, "deputy").id)


@unlawful("the lead delegates to themselves", honestly_delegated, NOT_DELEGATED)
def _(history: History) -> Saying:
    return delegates(history, history.people[DSL])


@unlawful("it is delegated to who does not read", honestly_delegated, NOT_DELEGATED)
def _(history: History) -> Saying:
    return delegates(history, history.people[ADMIN])


@unlawful("it is delegated to nobody", honestly_delegated, NOT_DELEGATED)
def _(history: History) -> Saying:
    return delegates(history, new_id())


@unlawful("it is delegated to a deputy who was never trained", honestly_delegated, NOT_DELEGATED)
def _(history: History) -> Saying:
    return delegates(history, prepared(history, "deputy", trained=None).id)


@unlawful("it is delegated for no time", lambda h: delegates(h, prepared(h, "deputy").id, lasts=1), NOT_DELEGATED)
def _(history: History) -> Saying:
    return delegates(history, prepared(history, "deputy").id, lasts=0)


@unlawful("the office delegates", honestly_delegated, MAY_NOT_GIVE)
def _(history: History) -> Saying:
    return delegates(history, prepared(history, "deputy").id, author=history.people[ADMIN])


@unlawful("a deputy delegates what was delegated to them", honestly_delegated, MAY_NOT_GIVE)
def _(history: History) -> Saying:
    one = delegated_to(history, HOUR)
    return delegates(history, prepared(history, "deputy").id, author=one)


@unlawful("the office ends a delegation", lambda h: until_ended(h, again=False), MAY_NOT_GIVE)
def _(history: History) -> Saying:
    return ends_delegation(history, delegated_to(history, HOUR).id, author=history.people[ADMIN])


@unlawful("what was not delegated is ended", lambda h: until_ended(h, again=False), NOT_THERE_TO_END)
def _(history: History) -> Saying:
    return ends_delegation(history, prepared(history, "deputy").id)


@unlawful("a delegation is ended twice", lambda h: until_ended(h, again=False), NOT_THERE_TO_END)
def _(history: History) -> Saying:
    return ends_delegation(history, until_ended(history, again=False).id)


# Requests

ASKED_TWICE = "a request recorded twice, or by a letter that was moved"


@unlawful("a request is recorded twice", lambda h: (asks(h), asks(h)), ASKED_TWICE)
def _(history: History) -> Saying:
    return asks(history, id=asks(history).act["request"])


def asked_after_moving(history: History, moved: bool) -> Saying:
    moves(history)
    return asks(history, permitted_of(history) if moved else letter_of(history))


@unlawful("a request by a letter that was moved out", lambda h: asked_after_moving(h, False), ASKED_TWICE)
def _(history: History) -> Saying:
    return asked_after_moving(history, True)


@unlawful("a request by another pupil's letter", asks, NOT_NAMED)
def _(history: History) -> Saying:
    return asks(history, file=other_file(history))


@unlawful("a request by a letter that is not there", asks, NOT_NAMED)
def _(history: History) -> Saying:
    return asks(history, new_id())


@unlawful("a request by an entry", asks, NOT_NAMED)
def _(history: History) -> Saying:
    return asks(history, entry(history).act["entry"])


@unlawful("a request is refused twice", refuses, NOT_REFUSED)
def _(history: History) -> Saying:
    asked = asks(history)
    refuses(history, asked)
    return refuses(history, asked)


@unlawful("a request is refused after it was answered", lambda h: (permits(h), refuses(h)), NOT_REFUSED)
def _(history: History) -> Saying:
    asked = asks(history)
    permits(history, asked)
    return refuses(history, asked)


@unlawful("a request is refused after what answered it was withdrawn", refuses, NOT_REFUSED)
def _(history: History) -> Saying:
    asked = asks(history)
    withdraws(history, permits(history, asked))
    return refuses(history, asked)


@unlawful("what nobody asked for is refused", refuses, NOT_REFUSED)
def _(history: History) -> Saying:
    asked = asks(history)
    history.sayings.remove(asked)
    return refuses(history, asked)


# Permissions

FOR_NOTHING = "a permission for nothing, for too much, or for what was moved"
WITHOUT_HEADER, WITHOUT_TERMS = "a permission without a header", "a permission without its terms"
NO_TIME, NO_NUMBERS, PERMITTED_TWICE = "a permission for no time", "exhibit numbers with a gap, or twice", "permitted twice"


def both(history: History) -> list:
    return [permitted_of(history), letter_of(history)]


@unlawful("a permission answers a request that was refused", permits, NOT_ASKED)
def _(history: History) -> Saying:
    asked = asks(history)
    refuses(history, asked)
    return permits(history, asked)


@unlawful("a permission answers nobody", permits, NOT_ASKED)
def _(history: History) -> Saying:
    asked = asks(history)
    history.sayings.remove(asked)
    return permits(history, asked)


@unlawful("a permission is by another letter than its request", lambda h: permits(h, letter=letter_of(h)), NOT_ASKED)
def _(history: History) -> Saying:
    return permits(history, letter=permitted_of(history))


@unlawful("a permission for nothing", permits, FOR_NOTHING)
def _(history: History) -> Saying:
    return permits(history, documents=[])


@unlawful("a permission for more than one may be for", permits, FOR_NOTHING)
def _(history: History) -> Saying:
    return permits(history, documents=[new_id() for _ in range(reader.MOST_PERMITTED + 1)])


@unlawful("a permission for a document twice", lambda h: permits(h, documents=both(h)), FOR_NOTHING)
def _(history: History) -> Saying:
    return permits(history, documents=[permitted_of(history)] * 2)


def permitted_after_moving(history: History, documents: list, letter: str) -> Saying:
    asked = asks(history, letter)
    moves(history)
    return permits(history, asked, documents)


def permitted_what_stayed(history: History) -> Saying:
    return permitted_after_moving(history, [letter_of(history)], letter_of(history))


@unlawful("a permission for what was moved out", permitted_what_stayed, FOR_NOTHING)
def _(history: History) -> Saying:
    return permitted_after_moving(history, both(history), letter_of(history))


@unlawful("a permission by a letter that was moved out since", permitted_what_stayed, FOR_NOTHING)
def _(history: History) -> Saying:
    return permitted_after_moving(history, [letter_of(history)], permitted_of(history))


@unlawful("a permission for what is not in the file", permits, NOT_NAMED)
def _(history: History) -> Saying:
    return permits(history, documents=[permitted_of(history), new_id()])


def filed_elsewhere(history: History, file: str) -> Saying:
    """The payload of the first document, filed again at the end for this file."""
    said = first_filing(history)
    act = {**said.act, **{key: new_id() for key in ("document", "upload", "detail", "detail_key")}}
    act.pop("shares", None), act.pop("batch", None)
    items = {act["document"]: ("header", choice.randbytes(1700)), act["detail"]: ("detail", choice.randbytes(96))}
    items[act["detail_key"]] = ("detail-key", choice.randbytes(1797))
    return history.say(history.people[ADMIN], "document.filed", act, items, pupil_file=file, fields={"date": url64(bytes(32))})


def permitted_elsewhere(history: History, file: str) -> Saying:
    elsewhere = filed_elsewhere(history, file).act["document"]
    return permits(history, documents=[permitted_of(history), elsewhere])


@unlawful("a permission for another pupil's document", lambda h: permitted_elsewhere(h, file_of(h)), NOT_NAMED)
def _(history: History) -> Saying:
    return permitted_elsewhere(history, other_file(history))


for name, of in (("document's", "documents"), ("letter's", "letter")):

    @unlawful(f"a permission without a {name} header", permits, WITHOUT_HEADER)
    def _(history: History, of: str = of) -> Saying:
        said = permits(history)
        one = said.act[of][0] if of == "documents" else said.act[of]
        del said.items[one["header"]]
        return said

    @unlawful(f"a permission with something else in a {name} header's place", permits, WITHOUT_HEADER)
    def _(history: History, of: str = of) -> Saying:
        said = permits(history)
        one = said.act[of][0] if of == "documents" else said.act[of]
        said.items[one["header"]] = "wrap", said.items[one["header"]][1]
        return said


@unlawful("a permission with headers that were there before", lambda h: (permits(h), permits(h)), WITHOUT_HEADER)
def _(history: History) -> Saying:
    before, said = permits(history), permits(history)
    del said.items[said.act["documents"][0]["header"]]
    said.act["documents"] = before.act["documents"]
    return said


@unlawful("a permission without its terms", permits, WITHOUT_TERMS)
def _(history: History) -> Saying:
    return permits(history, without="terms")


@unlawful("a permission without its recipient", permits, "no recipient committed")
def _(history: History) -> Saying:
    return permits(history, without="recipient")


for name, begins, lasts, enough in (
    ("that is over as it is given", -5, 0, 1), ("that ends as it begins", 5, 5, 6), ("that ends before it begins", 9, 5, 10),
):

    @unlawful(f"a permission {name}", lambda h, b=begins, e=enough: permits(h, begins=b, lasts=e), NO_TIME)
    def _(history: History, begins: int = begins, lasts: int = lasts) -> Saying:
        return permits(history, begins=begins, lasts=lasts)


def numbered(history: History, number: int, before: "str | Newcomer | None" = None) -> Saying:
    """A permission for one document, after one for two by the lead, or by somebody else."""
    permits(history, documents=both(history), author=before)
    return permits(history, exhibit=number)


for number, what in ((1, "twice"), (2, "twice, in part"), (4, "with a gap"), (0, "from nought")):

    @unlawful(f"exhibits are numbered {what}", lambda h: numbered(h, 3), NO_NUMBERS)
    def _(history: History, number: int = number) -> Saying:
        return numbered(history, number)


@unlawful("the first exhibit is the second", permits, NO_NUMBERS)
def _(history: History) -> Saying:
    return permits(history, exhibit=2)


@unlawful("exhibits are numbered after another's", lambda h: numbered(h, 1, delegated_to(h, HOUR)), NO_NUMBERS)
def _(history: History) -> Saying:
    return numbered(history, 3, delegated_to(history, HOUR))


@unlawful("exhibits of what was withdrawn are numbered again", lambda h: after_withdrawn(h, 2), NO_NUMBERS)
def _(history: History) -> Saying:
    return after_withdrawn(history, 1)


def after_withdrawn(history: History, number: int) -> Saying:
    withdraws(history, permits(history))
    return permits(history, exhibit=number)


for key, why in (("permission", PERMITTED_TWICE), ("tag", PERMITTED_TWICE), ("identity", "identity named twice")):

    @unlawful(f"a permission's {key} comes twice", lambda h: (permits(h), permits(h)), why)
    def _(history: History, key: str = key) -> Saying:
        before, said = permits(history), permits(history)
        if key == "identity":
            del said.items[said.act[key]]
        said.act[key] = before.act[key]
        return said


@unlawful("a permission is a pupil file's own node", permits, "identity named twice")
def _(history: History) -> Saying:
    said, registered = permits(history), history.of("pupil.registered")[0]
    del said.items[said.act["identity"]]
    said.act["identity"] = registered.act["identity"]
    return said


# When it counts


ENDED = "a permission ended twice, or without reason"
WITHDRAWN = "withdrawn after it ended"


def entered_at(history: History, milliseconds: int) -> Saying:
    return enters(history, permits(history, begins=2, lasts=4), after=milliseconds)


@unlawful("somebody enters before a permission begins", lambda h: entered_at(h, 2), NOT_COUNTING)
def _(history: History) -> Saying:
    return entered_at(history, 1)


@unlawful("somebody enters when a permission is over", lambda h: entered_at(h, 3), NOT_COUNTING)
def _(history: History) -> Saying:
    return entered_at(history, 4)


@unlawful("somebody enters after it was withdrawn", lambda h: (enters(h, permits(h)), withdraws(h, permits(h))), NOT_COUNTING)
def _(history: History) -> Saying:
    given = permits(history)
    withdraws(history, given)
    return enters(history, given)


@unlawful("somebody enters after too many codes", lambda h: ends(h, permits(h), "codes"), NOT_COUNTING)
def _(history: History) -> Saying:
    given = permits(history)
    ends(history, given, "codes")
    return enters(history, given)


def entered_twice(history: History, again: bool) -> Saying:
    given = permits(history)
    entered = enters(history, given)
    return enters(history, given, session=entered.act["session"] if again else None)


@unlawful("a session enters twice", lambda h: entered_twice(h, again=False), NOT_COUNTING)
def _(history: History) -> Saying:
    return entered_twice(history, again=True)


def acknowledged(history: History, own: bool) -> Saying:
    given, other = permits(history), permits(history)
    entered, elsewhere = enters(history, given), enters(history, other)
    session = (entered if own else elsewhere).act["session"]
    withdraws(history, given)
    return by_service(history, "permission.acknowledged", {"session": session}, given)


@unlawful("who did not enter acknowledges", lambda h: acknowledged(h, own=True), "acknowledged by who did not enter")
def _(history: History) -> Saying:
    return acknowledged(history, own=False)


def withdrawn_after(history: History, kind: str | None) -> Saying:
    given = permits(history)
    if kind == "withdrawn":
        withdraws(history, given)
    elif kind:
        ends(history, given, kind)
    return withdraws(history, given)


for kind in ("withdrawn", "codes"):

    @unlawful(f"a permission is withdrawn after it was over: {kind}", lambda h: withdrawn_after(h, None), WITHDRAWN)
    def _(history: History, kind: str = kind) -> Saying:
        return withdrawn_after(history, kind)


def expired_at(history: History, milliseconds: int) -> Saying:
    return ends(history, permits(history, lasts=4), "expired", after=milliseconds)


@unlawful("a permission is over before its end", lambda h: expired_at(h, 4), ENDED)
def _(history: History) -> Saying:
    return expired_at(history, 3)


def used_after(history: History, packs: int, copies: int, reason: str = "used", views: int = 0) -> Saying:
    given = permits(history, copies=copies)
    entered = enters(history, given)
    for _ in range(views):
        issues(history, given, entered, document=permitted_of(history))
    for _ in range(packs):
        issues(history, given, entered)
    return ends(history, given, reason)


@unlawful("a permission is used before its last copy", lambda h: used_after(h, packs=2, copies=2), ENDED)
def _(history: History) -> Saying:
    return used_after(history, packs=1, copies=2)


@unlawful("a permission is used by views", lambda h: used_after(h, packs=1, copies=1), ENDED)
def _(history: History) -> Saying:
    return used_after(history, packs=0, copies=1, views=2)


@unlawful("a permission to look is used", lambda h: used_after(h, packs=0, copies=0, reason="codes", views=2), ENDED)
def _(history: History) -> Saying:
    return used_after(history, packs=0, copies=0, views=1)


def ended_after(history: History, first: str | None) -> Saying:
    given = permits(history)
    issues(history, given)
    if first == "withdrawn":
        withdraws(history, given)
    elif first:
        ends(history, given, first)
    return ends(history, given, "used")


for first in ("withdrawn", "used", "codes"):

    @unlawful(f"a permission ends that was over: {first}", lambda h: ended_after(h, None), ENDED)
    def _(history: History, first: str = first) -> Saying:
        return ended_after(history, first)


# What is let out

NOT_ENTERED = "issued under no permission that counts, or to who did not enter"
NOT_PERMITTED, ONE_TOO_MANY = "issued what was not permitted", "issued once more than permitted"
WAS_MOVED = "issued what was moved"


def let_out(history: History, by: str = "own", after: int | None = None, over: str | None = None, document: str | None = None) -> Saying:
    """By who entered this permission, another one, or none."""
    given, other = permits(history, lasts=4), permits(history)
    sessions = {"own": enters(history, given), "other": enters(history, other)}
    entered = sessions.get(by) or Saying({"act": {"session": new_id()}})
    if over == "withdrawn":
        withdraws(history, given)
    elif over:
        ends(history, given, over)
    return issues(history, given, entered, document, after)


def looked_at(history: History, **more) -> Saying:
    return let_out(history, document=permitted_of(history), **more)


for what, out in (("taken", let_out), ("looked at", looked_at)):
    for name, more in (
        ("by who did not enter", {"by": "nobody"}), ("by who entered elsewhere", {"by": "other"}),
        ("when the permission is over", {"after": 4}), ("after it was withdrawn", {"over": "withdrawn"}),
        ("after too many codes", {"over": "codes"}),
    ):  # fmt: skip

        @unlawful(f"something is {what} {name}", lambda h, o=out: o(h, after=3), NOT_ENTERED)
        def _(history: History, out: Callable = out, more: dict = more) -> Saying:
            return out(history, **more)


def packs(history: History, count: int, copies: int) -> Saying:
    given = permits(history, copies=copies)
    entered = enters(history, given)
    issues(history, given, entered, document=permitted_of(history))
    for _ in range(count - 1):
        closes_pack(history, issues(history, given, entered))
    return issues(history, given, entered)


for copies in (0, 1, 2):

    @unlawful(f"copies are taken once more than {copies} times", lambda h, c=copies: packs(h, c + 1, c + 1), ONE_TOO_MANY)
    def _(history: History, copies: int = copies) -> Saying:
        return packs(history, copies + 1, copies)


@unlawful("what was not permitted is looked at", lambda h: issues(h, permits(h), document=permitted_of(h)), NOT_PERMITTED)
def _(history: History) -> Saying:
    return issues(history, permits(history), document=letter_of(history))


@forgery("everything is looked at at once", lambda h: issues(h, permits(h)), MALFORMED)
def _(history: History) -> Saying:
    return issues(history, permits(history), manner="view")


@forgery("a pack is of one document", lambda h: issues(h, permits(h)), MALFORMED)
def _(history: History) -> Saying:
    return issues(history, permits(history), document=permitted_of(history), manner="pack")


def let_out_after_moving(history: History, documents: list, letter: str, document: str | None = None) -> Saying:
    given = permits(history, asks(history, letter), documents)
    entered = enters(history, given)
    moves(history)
    return issues(history, given, entered, document)


def let_out_what_stayed(history: History) -> Saying:
    return let_out_after_moving(history, both(history), letter_of(history), letter_of(history))


@unlawful("what was moved out is looked at by an agency", let_out_what_stayed, NOT_PERMITTED)
def _(history: History) -> Saying:
    return let_out_after_moving(history, both(history), letter_of(history), permitted_of(history))


@unlawful("what was moved out goes out in a pack", let_out_what_stayed, WAS_MOVED)
def _(history: History) -> Saying:
    return let_out_after_moving(history, both(history), letter_of(history))


@unlawful("a letter that was moved out goes out in a pack", let_out_what_stayed, WAS_MOVED)
def _(history: History) -> Saying:
    return let_out_after_moving(history, [letter_of(history)], permitted_of(history))


def issued_twice(history: History, again: bool, closed: bool) -> Saying:
    given = permits(history, copies=2)
    entered = enters(history, given)
    first = issues(history, given, entered)
    if closed:
        closes(history, first)
    return issues(history, given, entered, **({"issue": first.act["issue"]} if again else {}))


for closed in (False, True):

    @unlawful(f"an issue comes twice{', after it was closed' * closed}", lambda h, c=closed: issued_twice(h, False, c), "issued twice")
    def _(history: History, closed: bool = closed) -> Saying:
        return issued_twice(history, True, closed)


ISSUE_NOT_OPEN = "an issue closed that was not open"


def closed_after_end(history: History, times: int) -> Saying:
    """What began before the end of its permission ends after it."""
    given = permits(history)
    issued = issues(history, given)
    withdraws(history, given)
    return [closes(history, issued) for _ in range(times)][-1]


@unlawful("an issue is closed twice", lambda h: closed_after_end(h, 1), ISSUE_NOT_OPEN)
def _(history: History) -> Saying:
    return closed_after_end(history, 2)


@unlawful("an issue is closed that never was", lambda h: closed_after_end(h, 1), ISSUE_NOT_OPEN)
def _(history: History) -> Saying:
    issued = issues(history, permits(history))
    history.sayings.remove(issued)
    return closes(history, issued)


@forgery("an issue is closed with a detail and no key", lambda h: closes_pack(h, issues(h, permits(h))), MALFORMED)
def _(history: History) -> Saying:
    said = closes_pack(history, issues(history, permits(history)))
    del said.act["detail_key"]
    return said


@forgery("an issue is closed with a key and no detail", lambda h: closes_pack(h, issues(h, permits(h))), MALFORMED)
def _(history: History) -> Saying:
    said = closes_pack(history, issues(history, permits(history)))
    del said.act["detail"]
    return said


# Visits


@unlawful("a visit is recorded twice", lambda h: (visits(h), visits(h)), "a visit recorded twice")
def _(history: History) -> Saying:
    given = permits(history)
    return visits(history, given, id=visits(history, given).act["visit"])


@unlawful("a visit is under no permission", visits, NO_PERMISSION)
def _(history: History) -> Saying:
    said = visits(history)
    said.act["permission"] = new_id()
    return said


@unlawful("a visit is closed twice", ends_visit, NOT_CLOSED)
def _(history: History) -> Saying:
    visited = visits(history)
    ends_visit(history, visited)
    return ends_visit(history, visited)


@unlawful("a visit is closed that never was", ends_visit, NOT_CLOSED)
def _(history: History) -> Saying:
    visited = visits(history)
    history.sayings.remove(visited)
    return ends_visit(history, visited)


def noted_after_moving(history: History, notes: Callable) -> Saying:
    visited = visits(history)
    moves(history)
    return ends_visit(history, visited, notes=notes(history))


@unlawful("the notes of a visit were moved out", lambda h: noted_after_moving(h, letter_of), NOT_CLOSED)
def _(history: History) -> Saying:
    return noted_after_moving(history, permitted_of)


@unlawful("the notes of a visit are not there", lambda h: ends_visit(h, notes=letter_of(h)), NOT_NAMED)
def _(history: History) -> Saying:
    return ends_visit(history, notes=new_id())


@unlawful("a child is informed of no permission", informs, NO_PERMISSION)
def _(history: History) -> Saying:
    said = informs(history)
    said.act["permission"] = new_id()
    return said


def asked_by_deputy(history: History) -> None:
    """Who reads records requests and visits and what a child was told, and needs nothing delegated for that."""
    one = prepared(history, "deputy")
    given = permits(history, asks(history, author=one))
    informs(history, given, told=False, author=one)
    ends_visit(history, visits(history, given, author=one), author=one)
    informs(history, given, author=one)


def answered_by_deputy(history: History) -> None:
    one = delegated_to(history, HOUR)
    refuses(history, author=one)
    asked = asks(history)
    permits(history, asked, author=one)
    withdraws(history, permits(history, asked, documents=both(history)), author=one)
    withdraws(history, permits(history, asked, author=one))


def said_after_the_end(history: History) -> None:
    """What is over may be withdrawn while nobody said that it ended; visits, codes and children are told of later too."""
    asked = asks(history)
    given = permits(history, asked, lasts=2)
    entered = enters(history, given)
    issued = issues(history, given, entered)
    viewed = issues(history, given, entered, document=permitted_of(history))
    later(history, 2)
    closes(history, viewed)
    closes_pack(history, issued)
    withdraws(history, given)
    by_service(history, "permission.refused", {"code": "permission.over"}, given)
    for _ in range(2):
        by_service(history, "permission.acknowledged", {"session": entered.act["session"]}, given)
    ends_visit(history, visits(history, given))
    informs(history, given)
    permits(history, asked)


def given_in_both_files(history: History) -> None:
    """The exhibits' numbers of one person go through the pupils' files."""
    there = filed_elsewhere(history, other_file(history)).act["document"]
    permits(history, documents=both(history))
    asked = asks(history, there, file=other_file(history))
    assert permits(history, asked, documents=[there], file=other_file(history)).act["exhibit"] == 3
    assert permits(history).act["exhibit"] == 4


LAWFUL = {
    "everything is said": disclosures, "a deputy asks": asked_by_deputy, "a deputy answers": answered_by_deputy,
    "a delegation goes on": lambda h: delegated_to(h, 5, 2, HOUR), "a delegation that is over is ended": lambda h: ended_late(h),
    "after the end": said_after_the_end, "in two files": given_in_both_files,
    "the letter is given too": lambda h: permits(h, documents=both(h)),
    "as many as may be copied": lambda h: packs(h, 10, 10),
    "nothing but looking": lambda h: issues(h, permits(h, copies=0), document=permitted_of(h)),
    "ten codes": lambda h: ends(h, permits(h, copies=0), "codes"), "used before its end": lambda h: used_after(h, 1, 1),
}  # fmt: skip


def ended_late(history: History) -> None:
    one = delegated_to(history, 2)
    later(history, 2)
    ends_delegation(history, one.id)


@pytest.mark.parametrize("name", LAWFUL)
def test_what_is_lawful_of_disclosure(history, written, name):
    lawful = history.copy()
    LAWFUL[name](lawful)
    vault = written(lawful)
    vault.assert_holds()
    assert reader.check(vault.path) == []


# What takes two people

WEEK = 7 * 24 * HOUR
BY_ONE = "done by one person where it takes two"
UNDER_NONE = "carried out under no proposal that two people stand by"
NOT_PROPOSED = "proposed by who may not, twice, or what cannot be done"
NO_SECOND = "agreed to by who cannot be the second person, or what is over"
NOT_WITHDRAWN = "withdrawn by who may not, or what is over"
MAY_NOT_MANAGE = "author may not manage-people: access.not-entitled"


def later(history: History, milliseconds: int) -> None:
    """All that is said from here on is said so much later."""
    time = history.sayings[-1].value["time"] + milliseconds
    history.say(history.people[DSL], "access.refused", {"code": "access.no"}, time=time)


class Two:
    """A deputy and a panel member who have had their keys for a week, and a deputy to be."""

    def __init__(self, history: History):
        self.history, self.lead = history, history.people[DSL]
        self.deputy, self.panel = confirmed(history, "deputy"), confirmed(history, "panel")
        later(history, WEEK)
        self.one = enrolled(history, "deputy")

    @property
    def keys(self) -> dict:
        return {"what": "give-keys", "person": self.one.id, "identity": self.one.identity}

    @property
    def suspension(self) -> dict:
        return {"what": "suspend-lead", "person": self.lead}

    def say(self, author: "str | Newcomer", kind: str, act: dict, items: dict | None = None) -> Saying:
        if isinstance(author, Newcomer):
            return author.say(kind, act, items)
        return self.history.say(author, kind, act, items)

    def propose(self, what: dict, author: "str | Newcomer", items: dict | None = None) -> Saying:
        return self.say(author, "proposal.made", {"proposal": new_id(), **what}, items)

    def agree(self, said: Saying, author: "str | Newcomer") -> Saying:
        return self.say(author, "proposal.agreed", {"proposal": said.act["proposal"]})

    def withdraw(self, said: Saying, author: "str | Newcomer") -> Saying:
        return self.say(author, "proposal.withdrawn", {"proposal": said.act["proposal"]})

    def agreed(self, what: dict, author: "str | Newcomer", second: "str | Newcomer") -> str:
        said = self.propose(what, author)
        self.agree(said, second)
        return said.act["proposal"]

    def change(self, kind: str, author: "str | Newcomer", under: str | None) -> Saying:
        return self.say(author, kind, {"person": self.lead} | ({"proposal": under} if under else {}))


def made_by_two(history: History) -> Saying:
    two = Two(history)
    return two.one.confirm(under=two.agreed(two.keys, two.lead, two.panel))


@unlawful("a deputy is made by one lead, where another person could agree", made_by_two, BY_ONE)
def _(history: History) -> Saying:
    return Two(history).one.confirm()


@unlawful("a deputy is made under a proposal that nobody agreed to", made_by_two, UNDER_NONE)
def _(history: History) -> Saying:
    two = Two(history)
    return two.one.confirm(under=two.propose(two.keys, two.lead).act["proposal"])


@unlawful("a deputy is made under a proposal of another", made_by_two, UNDER_NONE)
def _(history: History) -> Saying:
    two = Two(history)
    other = enrolled(history, "deputy")
    return other.confirm(under=two.agreed(two.keys, two.lead, two.panel))


def made_meanwhile(history: History, *kinds: str) -> Saying:
    """The second person is suspended, or comes back, before it is carried out."""
    two = Two(history)
    under = two.agreed(two.keys, two.lead, two.panel)
    for kind in kinds:
        by_lead(history, kind, person=two.panel.id)
    return two.one.confirm(under=under)


@unlawful(
    "a deputy is made when the second person is suspended",
    lambda h: made_meanwhile(h, "person.suspended", "person.restored"),
    UNDER_NONE,
)
def _(history: History) -> Saying:
    return made_meanwhile(history, "person.suspended")


def made_later(history: History, milliseconds: int) -> Saying:
    two = Two(history)
    under = two.agreed(two.keys, two.lead, two.panel)
    later(history, milliseconds)
    return two.one.confirm(under=under)


@unlawful("a deputy is made when the proposal is over", lambda h: made_later(h, WEEK - 1), UNDER_NONE)
def _(history: History) -> Saying:
    return made_later(history, WEEK)


def made_after_suspending(history: History, milliseconds: int) -> Saying:
    two = Two(history)
    for one in (two.deputy, two.panel):
        by_lead(history, "person.suspended", person=one.id)
    later(history, milliseconds)
    return two.one.confirm()


@unlawful("who suspended everyone else makes a deputy alone", lambda h: made_after_suspending(h, WEEK), BY_ONE)
def _(history: History) -> Saying:
    return made_after_suspending(history, WEEK - 1)


def made_after_resetting(history: History, milliseconds: int) -> Saying:
    two = Two(history)
    for one in (two.deputy, two.panel):
        reset(history, one.id)
    later(history, milliseconds)
    return two.one.confirm()


@unlawful("who made everyone else join again makes a deputy alone", lambda h: made_after_resetting(h, WEEK), BY_ONE)
def _(history: History) -> Saying:
    return made_after_resetting(history, WEEK - 1)


def joined_again_by(history: History, agreed: bool) -> Saying:
    two = Two(history)
    again(history, two.deputy).enrol()
    what = {"what": "give-keys", "person": two.deputy.id, "identity": two.deputy.identity}
    return two.deputy.confirm(under=two.agreed(what, two.lead, two.panel) if agreed else None)


@unlawful("a deputy who joined again has keys from one", lambda h: joined_again_by(h, True), BY_ONE)
def _(history: History) -> Saying:
    return joined_again_by(history, False)


def agreed_by(history: History, who: str) -> Saying:
    two = Two(history)
    fresh = enrolled(history, "panel")
    what = {"what": "give-keys", "person": fresh.id, "identity": fresh.identity}
    fresh.confirm(under=two.agreed(what, two.lead, two.deputy))
    said = two.propose(two.keys, two.lead)
    by = {"settled": two.deputy, "new": fresh, "lead": two.lead, "office": history.people[ADMIN]}
    return two.agree(said, by[who])


for who in ("new", "lead", "office"):

    @unlawful(f"a proposal is agreed to by who cannot: {who}", lambda h: agreed_by(h, "settled"), NO_SECOND)
    def _(history: History, who=who) -> Saying:
        return agreed_by(history, who)


def agreed_after(history: History, milliseconds: int = 1, withdrawn: bool = False, joins_again: bool = False) -> Saying:
    two = Two(history)
    said = two.propose(two.keys, two.lead)
    if withdrawn:
        two.withdraw(said, two.lead)
    if joins_again:
        again(history, two.one).enrol()
    later(history, milliseconds)
    return two.agree(said, two.panel)


@unlawful("a proposal is agreed to when it is over", lambda h: agreed_after(h, WEEK - 1), NO_SECOND)
def _(history: History) -> Saying:
    return agreed_after(history, WEEK)


@unlawful("a proposal is agreed to after it was withdrawn", agreed_after, NO_SECOND)
def _(history: History) -> Saying:
    return agreed_after(history, withdrawn=True)


@unlawful("a proposal is agreed to when the keys are others", agreed_after, NO_SECOND)
def _(history: History) -> Saying:
    return agreed_after(history, joins_again=True)


@unlawful("a proposal is agreed to twice", agreed_after, NO_SECOND)
def _(history: History) -> Saying:
    two = Two(history)
    said = two.propose(two.keys, two.lead)
    two.agree(said, two.panel)
    return two.agree(said, two.deputy)


def suspended_by_two(history: History) -> Saying:
    two = Two(history)
    return two.change("person.suspended", two.panel, two.agreed(two.suspension, two.deputy, two.panel))


@unlawful("a deputy alone suspends the lead", suspended_by_two, MAY_NOT_MANAGE)
def _(history: History) -> Saying:
    two = Two(history)
    return two.change("person.suspended", two.deputy, None)


@unlawful("a deputy suspends the lead, and nobody agreed", suspended_by_two, UNDER_NONE)
def _(history: History) -> Saying:
    two = Two(history)
    return two.change("person.suspended", two.deputy, two.propose(two.suspension, two.deputy).act["proposal"])


@unlawful("the lead agrees to their own suspension", suspended_by_two, NO_SECOND)
def _(history: History) -> Saying:
    two = Two(history)
    return two.agree(two.propose(two.suspension, two.deputy), two.lead)


def withdrawn_by(history: History, who: str) -> Saying:
    two = Two(history)
    said = two.propose(two.suspension, two.deputy)
    by = {"proposer": two.deputy, "second": two.panel, "lead": two.lead, "office": history.people[ADMIN]}
    return two.withdraw(said, by[who])


@unlawful("the lead stops their own suspension", lambda h: withdrawn_by(h, "proposer"), NOT_WITHDRAWN)
def _(history: History) -> Saying:
    return withdrawn_by(history, "lead")


@unlawful("the office refuses a proposal", lambda h: withdrawn_by(h, "second"), NOT_WITHDRAWN)
def _(history: History) -> Saying:
    return withdrawn_by(history, "office")


def suspended_again(history: History, anew: bool) -> Saying:
    """The lead is let in by two, and suspended once more."""
    two = Two(history)
    under = two.agreed(two.suspension, two.deputy, two.panel)
    two.change("person.suspended", two.panel, under)
    back = two.agreed({"what": "restore-lead", "person": two.lead}, two.deputy, two.panel)
    two.change("person.restored", two.deputy, back)
    if anew:
        under = two.agreed(two.suspension, two.panel, two.deputy)
    return two.change("person.suspended", two.panel, under)


@unlawful("a proposal is carried out twice", lambda h: suspended_again(h, anew=True), UNDER_NONE)
def _(history: History) -> Saying:
    return suspended_again(history, anew=False)


def proposed_by(history: History, what: str, who: str) -> Saying:
    two = Two(history)
    by = {"lead": two.lead, "deputy": two.deputy, "office": history.people[ADMIN]}
    return two.propose({"keys": two.keys, "suspension": two.suspension}[what], by[who])


@unlawful("a deputy proposes to give keys", lambda h: proposed_by(h, "keys", "lead"), NOT_PROPOSED)
def _(history: History) -> Saying:
    return proposed_by(history, "keys", "deputy")


@unlawful("the office proposes to suspend the lead", lambda h: proposed_by(h, "suspension", "deputy"), NOT_PROPOSED)
def _(history: History) -> Saying:
    return proposed_by(history, "suspension", "office")


@unlawful("a deputy's suspension is proposed as a lead's", lambda h: proposed_by(h, "suspension", "deputy"), NOT_PROPOSED)
def _(history: History) -> Saying:
    two = Two(history)
    return two.propose({"what": "suspend-lead", "person": two.deputy.id}, two.panel)


@unlawful("the return of a lead who is in is proposed", nothing, NOT_PROPOSED)
def _(history: History) -> Saying:
    two = Two(history)
    return two.propose({"what": "restore-lead", "person": two.lead}, two.panel)


@unlawful("the same is proposed twice", lambda h: proposed_by(h, "keys", "lead"), NOT_PROPOSED)
def _(history: History) -> Saying:
    two = Two(history)
    two.propose(two.keys, two.lead)
    return two.propose(two.keys, two.lead)


def proposed_under(history: History, *acts: str) -> Saying:
    two = Two(history)
    adopt(history, acts=sorted(acts))
    return two.propose(two.suspension, two.deputy)


@unlawful("what takes one person is proposed", lambda h: proposed_under(h, "make-lead", "suspend-lead"), NOT_PROPOSED)
def _(history: History) -> Saying:
    return proposed_under(history, "make-lead")


def sheets(history: History, agreed: bool = True, other_row: bool = False, **but) -> Saying:
    two = Two(history)
    identity, row, own = new_id(), new_id(), new_id()
    what = {"what": "make-recovery-key", "identity": identity, "row": row, "threshold": 2, "shares": 3}
    said = two.propose(what, two.lead, {row: ("person-row", choice.randbytes(120))})
    if agreed:
        two.agree(said, two.panel)
    founding = history.founding
    edges = [{"item": new_id(), "identity": founding[one], "holder": identity} for one in ("register", "team", "intake")]
    items = {identity: ("recipient", choice.randbytes(1216))} | {one["item"]: ("wrap", choice.randbytes(1791)) for one in edges}
    if other_row:
        items[own] = "person-row", choice.randbytes(120)
    act = {
        "identity": identity, "verifying_key": url64(SigningKey(choice.randbytes(32)).verify_key.encode()), "threshold": 2,
        "shares": [url64(choice.randbytes(32)) for _ in range(3)], "row": own if other_row else row, "wraps": edges,
        "proposal": said.act["proposal"], **but,
    }  # fmt: skip
    return two.say(two.lead, "recovery.set", {key: value for key, value in act.items() if value is not None}, items)


@unlawful("recovery sheets are made before anybody agreed", sheets, UNDER_NONE)
def _(history: History) -> Saying:
    return sheets(history, agreed=False)


@unlawful("recovery sheets are for others than was agreed", sheets, UNDER_NONE)
def _(history: History) -> Saying:
    return sheets(history, other_row=True)


@unlawful("more recovery sheets are needed than was agreed", sheets, UNDER_NONE)
def _(history: History) -> Saying:
    return sheets(history, threshold=3)


@unlawful("recovery sheets are made by one, where two are needed", sheets, BY_ONE)
def _(history: History) -> Saying:
    return sheets(history, proposal=None)


# Something taken out of history, and what follows left as it was signed: no person's key is needed


def seen_register(history: History) -> Saying:
    """Who filed looked at the register before; that is what is taken out."""
    return next(said for said in history.of("register.read") if said.value["author"] == history.people[ADMIN])


@forgery("a reading is taken out", nothing, "statement.index", comes_to=ALL)
def _(history: History) -> Saying:
    history.keep_leaves(after=seen_register(history))
    history.sayings.remove(seen_register(history))
    return history.of("batch.opened")[0]


@forgery("a reading is replaced by the service's word", nothing, "statement.root", comes_to=ALL)
def _(history: History) -> Saying:
    seen = seen_register(history)
    history.keep_leaves(after=seen)
    history.say("service", "orphan.found", {"blob": "0" * 26}, before=seen)
    history.sayings.remove(seen)
    return history.of("batch.opened")[0]


# Backups


def first_root(history: History) -> str:
    """The root of the ledger that holds its first statement alone."""
    tree = reader.Tree()
    tree.append(history.leaves[0])
    return url64(tree.root())


def backed_up(history: History, author: str = "service", **changed) -> Saying:
    act = {"backup": new_id(), "size": 1, "root": first_root(history), **changed}
    return history.say(author, "backup.verified", act)


@unlawful("a backup is said to be verified by a person", backed_up, "only the service says that a backup was verified")
def _(history: History) -> Saying:
    return backed_up(history, history.people[DSL])


@unlawful("a backup of another ledger", backed_up, "a backup of another ledger", comes_to={})
def _(history: History) -> Saying:
    return backed_up(history, root=url64(bytes(32)))


@unlawful("a backup of what was not yet recorded", backed_up, "a backup of what was not yet recorded")
def _(history: History) -> Saying:
    return backed_up(history, size=1 << 30)


# Restored, and gone on


def gone_on(history: History, author=None, **act) -> Saying:
    return history.say(author or history.people[DSL], "vault.continued", {"branch": new_id(), **act})


@unlawful("the vault goes on by somebody who may not decide it", gone_on, "author may not give-access: access.not-entitled")
def _(history: History) -> Saying:
    return gone_on(history, history.people[ADMIN])


@unlawful("the vault goes on twice as one branch", gone_on, "a branch that there is already")
def _(history: History) -> Saying:
    return gone_on(history, branch=gone_on(history).value["act"]["branch"])


@unlawful("the vault goes on after what was not lost", gone_on, "nothing was lost after a checkpoint of that size")
def _(history: History) -> Saying:
    return gone_on(history, lost_size=1, lost_root=first_root(history))


# The checkpoint on paper


def printed_checkpoint(history: History, author: str | None = None, **more) -> Saying:
    act = {"print": new_id(), "session": new_id()}
    return history.say(author or history.people[DSL], "checkpoint.printed", act, **more)


@unlawful("a checkpoint is printed by who does not see the figures", printed_checkpoint, "author may not see-figures: access.not-entitled")
def _(history: History) -> Saying:
    return printed_checkpoint(history, history.people[ADMIN])


@unlawful(
    "a printed checkpoint that is about a pupil", printed_checkpoint, "a printed checkpoint that says more, or of nobody")
def _(history: History) -> Saying:
    return printed_checkpoint(history, pupil_file=history.of("pupil.registered")[0].value["pupil_file"])


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_statement_is_named_and_refused(history, written, name):
    one = FORGERIES[name]
    if one.honest is not nothing:
        control = history.copy()
        one.honest(control)
        written(control).assert_holds(("vault.continued",))
    forged = history.copy()
    place = f"statement {forged.place(one.forge(forged))}"
    vault = written(forged)
    assert_named(vault, one.code, f"{place}: {one.why}" if one.why else place)
    assert_comes_to(vault, forged, **one.comes_to)


def test_the_service_says_what_the_format_lists_and_nothing_else(history, written):
    lawful = history.copy()
    for kind, act in SERVICE_SAYS.items():
        lawful.say("service", kind, act | ({"root": first_root(history)} if kind == "backup.verified" else {}))
    everything_an_agency_does(lawful)
    written(lawful).assert_holds()

    forged = history.copy()
    for kind, act in PEOPLE_SAY.items():
        forged.say("service", kind, act)
    kinds = set(reader.ACTS) - set(SERVICE_SAYS) - set(AGENCY_DOES) - {"vault.founded"}
    said = [forged.of(kind)[0] for kind in sorted(kinds)]
    for one in said:
        one.value["author"] = "service"
    code, findings = written(forged).verify()
    named = {one["place"] for one in findings if one["code"] == "statement.unlawful"}
    assert code == 4 and named >= {f"statement {forged.place(one)}: the service may not say {one.kind}" for one in said}


# MARK: what only somebody else can see


def test_a_founding_with_a_stranger_as_founder_lets_nobody_in(history, written):
    # It signs itself, so that it verifies: but what the founder's password opens holds another key.
    forged = history.copy()
    founder = forged.founding["founder"]
    founder["verifying_key"] = url64(stranger.verify_key.encode())
    forged.keys[founder["person"]] = stranger
    others = next(place for place, said in enumerate(forged.sayings) if said.value["author"] != founder["person"])
    del forged.sayings[others:]
    vault = written(forged)
    vault.assert_holds(notes=("blob.orphan",))
    result = vault.run_as(DSL, "pupil", "list")
    assert (result.code, result.out) == (1, "") and result.err.startswith(DIFFERS)
    assert "code: keybox.other-key" in result.err
    with pytest.raises(reader.Broken, match="another signing key"):
        reader.Person(reader.Vault(vault.path), vault.secrets, DSL, PASSWORDS[DSL])


@pytest.mark.parametrize("name", ["as it was", "cut", "rewritten"])
def test_a_receipt_shows_what_the_vault_no_longer_can(history, written, receipt, name):
    forged = history.copy()
    match name:
        case "cut":
            del forged.sayings[forged.place(filing(forged)) :]
        case "rewritten":
            forged.say("service", "orphan.found", {"blob": "0" * 26}, before=first_filing(forged))
    vault = written(forged)
    vault.assert_holds(notes=("blob.orphan",))
    opened = reader.Vault(vault.path)
    try:
        opened.check_note(receipt["checkpoint"])
        seen = "as it was"
    except reader.Broken as broken:
        seen = {"the ledger is behind it": "cut", "the root is another": "rewritten"}[str(broken)]
    opened.close()
    assert seen == name


def test_a_detail_that_its_filing_does_not_commit_to_puts_nothing_in_another_place(honest, history, tmp_path):
    # Whoever filed knows the key of the row: with the disk they could give it another date, of which nobody signed.
    vault, said = honest.copy(tmp_path / "copy"), first_filing(history)
    document, detail, file = said.act["document"], said.act["detail"], said.value["pupil_file"]
    opened = reader.Vault(vault.path)
    lead = reader.Person(opened, vault.secrets, DSL, PASSWORDS[DSL])
    context = f"strongroom/v1/detail-key\n{opened.ledger.founding['vault']}\n{file}\n{said.act['detail_key']}\n".encode()
    key = lead.pupil_identity(file).open_wrap(opened.item(said.act["detail_key"], "detail-key"), context)
    row, associated = reader.id_bytes(detail), opened.context("detail", file, document)
    plain = reader.open_row(opened.item(detail, "detail"), key, row, associated)
    assert b"2016-11-17" in plain
    nonce, earlier = choice.randbytes(24), plain.replace(b"2016-11-17", b"2001-11-17")
    sealed = nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
        earlier, associated, nonce, reader.derive(key, b"strongroom/v1/row", row)
    )
    edit(("UPDATE item SET bytes = ? WHERE id = ?", (sealed, row)))(vault)
    # By that date it would stand first. It stands last, as what has no date, and says what it is.
    *_, last = vault.chronology()
    assert last["index"] == history.place(said) and last["occurred"] == "undated"
    assert last["summary"].startswith("This entry differs from its record")


@pytest.mark.parametrize("name", ["of no document", "a second time under an access"])
def test_a_share_that_the_catalogue_cannot_hold_is_found(history, written, name):
    # No rule of the statements' order: the catalogue's own keys say it, and the reader does.
    forged = history.copy()
    given = give(forged)
    extend(forged, given)
    written(forged).assert_holds()
    said = extend(forged, given)
    if name == "of no document":
        said.act["shares"][0]["document"] = new_id()
    vault = written(forged)
    code, findings = vault.verify()
    wanted = {"of no document": "catalogue.foreign-key", "a second time under an access": "projection.missing"}[name]
    assert code == 4 and wanted in {one["code"] for one in findings}
    assert reader.check(vault.path)[0].startswith(f"statement {forged.place(said)}: ")


# MARK: what is sealed by the page alone

SAID = {"made_by": DSL, "victim": "no", "notice": "", "warnings": "2", "sha256": "5e" * 32, "received": "2016-11-17", "agency": "other"}


def said_in(kind: str) -> dict:
    """A value for each field of the detail of an act of disclosure."""
    return {name: SAID.get(name, f"{name} \u2014 in {kind}, r\u00e9ally") for name in reader.DISCLOSURE_FIELDS[kind]}


@dataclass
class Sealed:
    """What whoever has a permission has of it, and what its workspace would."""

    link: str
    code: str
    box: bytes


def seal_disclosures(history: History, opened: reader.Vault, lead: reader.Person, secrets: Path) -> dict:
    """Puts what docs/format.md says in the place of what stands for it in the statements of disclosure; gives what opens each
    permission, by its id."""
    detail_keys, permissions, ledger = {}, {}, opened.ledger
    for saying in history.sayings:
        if saying.kind not in reader.DISCLOSURE_OBJECTS or "detail" not in saying.act:
            continue
        act, file = saying.act, saying.value["pupil_file"]
        recipient = opened.item(ledger.pupils[file]["identity"], "recipient")
        id, row = act["detail_key"], act["detail"]
        key = detail_keys.setdefault(id, choice.randbytes(32))
        if id in saying.items:
            saying.items[id] = "detail-key", sealing.age_file(key + lead.context("detail-key", file, id), recipient)
        plaintext, commitments = sealing.detail(said_in(saying.kind))
        context = opened.context("detail", file, act[reader.DISCLOSURE_OBJECTS[saying.kind]])
        saying.items[row] = "detail", sealing.row(plaintext, reader.row_key(key, reader.id_bytes(row)), context)
        saying.value["fields"] = {name: url64(digest) for name, digest in commitments.items()}
        if saying.kind == "permission.given":
            permissions[act["permission"]] = seal_permission(saying, opened, lead, secrets)
    return permissions


def seal_permission(saying: Saying, opened: reader.Vault, lead: reader.Person, secrets: Path) -> Sealed:
    act, seed, link = saying.act, choice.randbytes(32), choice.randbytes(16)
    identity, context = reader.Identity(seed), opened.context("terms", act["permission"])
    saying.items[act["identity"]] = "recipient", identity.recipient
    for one in [act["letter"], *act["documents"]]:
        saying.items[one["header"]] = "header", sealing.header(lead.file_key(one["document"]), identity.recipient)
    saying.items[act["terms"]] = "terms", sealing.age_file(context + b'{"told": "everything"}', identity.recipient)
    server = reader.hkdf((secrets / "server-secret").read_bytes(), link, b"strongroom/v1/permission-link")
    code = sealing.access_code()
    box = sealing.keybox(seed, code, server, opened.context("permission-key", act["permission"]))
    act["keybox"], act["tag"] = url64(reader.sha256(box)), url64(reader.permission_tag(link))
    return Sealed(reader.id_text(link), code, box)


@dataclass
class Agency:
    history: History
    vault: Vault
    permissions: dict[str, Sealed]


@pytest.fixture
def agency(honest, history, written) -> Agency:
    """A vault in which all that is about disclosure is sealed as the page says."""
    said, opened = history.copy(), reader.Vault(honest.path)
    disclosures(said)
    permissions = seal_disclosures(said, opened, reader.Person(opened, honest.secrets, DSL, PASSWORDS[DSL]), honest.secrets)
    opened.close()
    return Agency(said, written(said), permissions)


def lead_of(vault: Vault) -> reader.Person:
    return reader.Person(reader.Vault(vault.path), vault.secrets, DSL, PASSWORDS[DSL])


def test_what_is_sealed_by_the_page_is_shown_in_the_chronology_and_read_by_the_reader(agency):
    agency.vault.assert_holds()
    lead = lead_of(agency.vault)
    assert reader.check(agency.vault.path, lead) == []
    shown = {line["index"]: line for line in agency.vault.chronology(None, "--everything")}
    for statement in lead.vault.ledger.disclosures:
        said, line = said_in(statement.kind), shown[statement.index]
        assert lead.disclosure_details(statement) == said
        assert line["kind"] == statement.kind
        in_words = [name for name in ("words", "purpose", "officer", "read", "sha256") if name in said]
        assert in_words and any(said[name] in line["summary"] for name in in_words), line
    lead.vault.close()


def test_link_and_code_open_what_was_permitted_and_nothing_else(agency):
    opened = reader.Vault(agency.vault.path)
    lead = reader.Person(opened, agency.vault.secrets, DSL, PASSWORDS[DSL])
    given = list(agency.permissions.items())
    assert len(given) > 1
    for id, one in given:
        spelled = "-".join(one.code[at : at + 3] for at in range(0, 18, 3)).upper()
        permission = reader.Permission(opened, agency.vault.secrets, one.box, one.link.upper(), spelled)
        assert permission.act["permission"] == id and permission.terms() == {"told": "everything"}
        for permitted in [permission.act["letter"], *permission.act["documents"]]:
            assert permission.read(permitted) == b"".join(lead.read(permitted["document"]))
        with pytest.raises(reader.NotTheirs):
            permission.identity.open_header(opened.item(permitted["document"], "header"))
    (_, one), (_, other) = given[:2]
    for box, link, code, why in (
        (one.box, other.link, one.code, "another keybox"), (other.box, one.link, one.code, "another keybox"),
        (one.box, reader.id_text(bytes(16)), one.code, "a link to no permission"),
        (one.box, one.link, other.code, "the password or the server secret is wrong"),
        (one.box, one.link, one.code[1:] + one.code[0], "check character|wrong"), (one.box, one.link, one.code[1:], "malformed"),
    ):  # fmt: skip
        with pytest.raises(reader.Broken, match=why):
            reader.Permission(opened, agency.vault.secrets, box, link, code)
    opened.close()


@pytest.mark.parametrize("kind", sorted(reader.DISCLOSURE_OBJECTS))
def test_a_detail_of_disclosure_that_is_another_is_seen_by_who_has_the_key(agency, tmp_path, kind):
    # Who says it seals the same fields once more, with salts of which they commit to none.
    lead = lead_of(agency.vault)
    said = next(one for one in lead.vault.ledger.disclosures if one.kind == kind)
    row, object = said.act["detail"], said.act[reader.DISCLOSURE_OBJECTS[kind]]
    key = reader.row_key(lead.detail_key(said), reader.id_bytes(row))
    plaintext, _ = sealing.detail(said_in(kind))
    sealed = sealing.row(plaintext, key, lead.vault.context("detail", said.pupil_file, object))
    lead.vault.close()
    saying = agency.history.sayings[said.index]
    saying.items[row] = "detail", sealed
    vault = agency.vault.copy(tmp_path / "other")
    agency.history.write(vault)
    vault.assert_holds()
    lead = lead_of(vault)
    assert reader.check(vault.path, lead) == [f"{kind} {object}: the fields are not what was committed"]
    lead.vault.close()
    (line,) = [line for line in vault.chronology(None, "--everything") if line["index"] == said.index]
    assert line["summary"].startswith("This entry differs from its record") and line["occurred"] == "undated"
