"""Whoever holds the checkpoint's and the service's key rewrites history: what was not said by who may say it is refused.

Each forgery has its control: the same work done honestly, which verifies clean. So the refusal is for the forgery.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import reader
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
}  # fmt: skip
NOBODY = {
    "person": "0" * 26, "identity": "0" * 26, "verifying_key": url64(bytes(32)), "name_tag": url64(bytes(32)),
    "roles": ["scan-station"], "keybox": "0" * 26, "row": "0" * 26, "wraps": [],
}  # fmt: skip
PEOPLE_SAY = {
    "person.suspended": {"person": "0" * 26}, "person.restored": {"person": "0" * 26},
    "station.added": {"station": NOBODY, "expires": 0, "intake": False}, "station.allowed": {"station": "0" * 26},
    "station.withdrawn": {"station": "0" * 26}, "intake.read": {"session": "0" * 26},
    "intake.received": {
        "upload": "0" * 26, "blob": "0" * 26, "payload_sha256": url64(bytes(32)), "payload_length": 0,
        "nonce": url64(bytes(16)), "commitment": url64(bytes(32)), "header": "0" * 26, "detail": "0" * 26,
        "key": "0" * 26,
    },
    "policy.adopted": {"abilities": {}}, "upload.discarded": {"upload": "0" * 26}, "access.refused": {"code": "access.no"},
}  # fmt: skip

choice = random.Random(f"{size('SEED')} forged")
stranger = SigningKey(choice.randbytes(32))


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
    (said,) = history.of("person.added")
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


def person(history: History, author: str, roles: list, wraps: tuple = (), holder: str | None = None) -> Saying:
    """Somebody is added, with the secrets of these identities; for the office's reading, before anything is filed."""
    id, identity, row, box = (new_id() for _ in range(4))
    wraps = [{"item": new_id(), "identity": one, "holder": holder or identity} for one in wraps]
    act = {
        "person": id, "identity": identity, "verifying_key": url64(stranger.verify_key.encode()),
        "name_tag": url64(choice.randbytes(32)), "roles": roles, "keybox": box, "row": row, "wraps": wraps,
    }  # fmt: skip
    items = {
        identity: ("recipient", choice.randbytes(1216)), box: ("keybox", choice.randbytes(149)),
        row: ("person-row", choice.randbytes(96)), **{one["item"]: ("wrap", choice.randbytes(1791)) for one in wraps},
    }  # fmt: skip
    return history.say(author, "person.added", act, items, before=first_filing(history))


@unlawful("the service adds a person", lambda h: person(h, h.people[DSL], ["panel"]), "the service may not say person.added")
def _(history: History) -> Saying:
    return person(history, "service", ["panel"])


# What its author may not say, or not then


@unlawful("the office adds a person", lambda h: person(h, h.people[DSL], ["panel"]), "author may not manage-people")
def _(history: History) -> Saying:
    return person(history, history.people[ADMIN], ["panel"])


def office_loses_filing(history: History, before: Saying | None) -> Saying:
    abilities = {**history.founding["abilities"], "admin": []}
    return history.say(history.people[DSL], "policy.adopted", {"abilities": abilities}, before=before)


@unlawful("the office files when it no longer may", lambda h: office_loses_filing(h, None), "author may not file")
def _(history: History) -> Saying:
    # What it filed before stands.
    office_loses_filing(history, before=filing(history))
    return filing(history)


@unlawful("somebody acts who is not enrolled yet", nothing, "author not enrolled")
def _(history: History) -> Saying:
    history.sayings.remove(history.of("person.enrolled")[0])
    return next(said for said in history.of("register.read") if said.value["author"] == history.people[ADMIN])


@unlawful("somebody else finishes a person's first sign-in", nothing, "enrolled by another, or twice")
def _(history: History) -> Saying:
    (said,) = history.of("person.enrolled")
    said.value["author"] = history.people[DSL]
    return said


@unlawful("a first sign-in is finished twice", nothing, "enrolled by another, or twice")
def _(history: History) -> Saying:
    (said,) = history.of("person.enrolled")
    act = {"person": said.act["person"], "keybox": new_id()}
    return history.say(act["person"], "person.enrolled", act, {act["keybox"]: ("keybox", choice.randbytes(149))})


# Keys for who should have none


def team(history: History) -> str:
    return history.founding["team"]


def for_office(history: History) -> Saying:
    return person(history, history.people[DSL], ["admin"], wraps=(history.founding["register"],))


@unlawful("the team's key is wrapped to the office", for_office, "a key that the person's roles do not need")
def _(history: History) -> Saying:
    return person(history, history.people[DSL], ["admin"], wraps=(history.founding["register"], team(history)))


def for_deputy(history: History) -> Saying:
    return person(history, history.people[DSL], ["deputy"], wraps=(history.founding["register"], team(history)))


@unlawful("a deputy's wrap is held by somebody else", for_deputy, "a key that the person's roles do not need")
def _(history: History) -> Saying:
    office = history.of("person.added")[0].act["identity"]
    return person(history, history.people[DSL], ["deputy"], wraps=(team(history),), holder=office)


def wrap(history: History, said: Saying, identity: str, holder: str) -> Saying:
    item = new_id()
    said.items[item] = "wrap", choice.randbytes(1791)
    (said.act.get("founder") or said.act)["wraps"].append({"item": item, "identity": identity, "holder": holder})
    return said


@unlawful("the founding wraps the team's key to a stranger", nothing, "a key that the person's roles do not need")
def _(history: History) -> Saying:
    # What even the founder's own hand could not have signed; the stranger's recipient is committed beside it.
    said, own = history.sayings[0], new_id()
    said.items[own] = "recipient", reader.Identity(choice.randbytes(32)).recipient
    return wrap(history, said, team(history), own)


@unlawful("a pupil file is wrapped to the office too", nothing, "a pupil file is wrapped to the team alone")
def _(history: History) -> Saying:
    said = history.of("pupil.registered")[0]
    return wrap(history, said, said.act["identity"], history.of("person.added")[0].act["identity"])


@unlawful("a pupil's registration hands the team's key on", nothing, "a pupil file is wrapped to the team alone")
def _(history: History) -> Saying:
    said = history.of("pupil.registered")[0]
    return wrap(history, said, team(history), history.of("person.added")[0].act["identity"])


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


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_statement_is_named_and_refused(history, written, name):
    one = FORGERIES[name]
    if one.honest is not nothing:
        control = history.copy()
        one.honest(control)
        written(control).assert_holds()
    forged = history.copy()
    place = f"statement {forged.place(one.forge(forged))}"
    vault = written(forged)
    assert_named(vault, one.code, f"{place}: {one.why}" if one.why else place)
    assert_comes_to(vault, forged, **one.comes_to)


def test_the_service_says_what_the_format_lists_and_nothing_else(history, written):
    lawful = history.copy()
    for kind, act in SERVICE_SAYS.items():
        lawful.say("service", kind, act)
    written(lawful).assert_holds()

    forged = history.copy()
    for kind, act in PEOPLE_SAY.items():
        forged.say("service", kind, act)
    kinds = set(reader.ACTS) - set(SERVICE_SAYS) - {"vault.founded"}
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
