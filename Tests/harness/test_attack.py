"""Somebody with the vault's directory, root and every file of the server tries each way to a key.

They know the formats as well as the independent reader does, and have all the time in the world but for guessing
passwords: so what opens without one, and what each person's password opens, is found by trying every key that comes to
hand on every sealed thing there is.
"""

import copy
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import agencies
import pytest
import reader
import vault as vaults
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.signing import SigningKey
from service import Service
from stations import fill_intake
from vault import ADMIN, DEPUTY, DSL, PASSWORDS, SCANS, STAFF, Vault

INVITED = "Petra Quill"
# What people choose, and what stands in the vault's own files.
GUESSES = [
    "", "password", "strongroom", "correct horse battery staple", "letmeinletmein1", "Harrowdale School", DSL, ADMIN, STAFF,
    PASSWORDS[DSL].upper(), PASSWORDS[DSL][:-1],
]  # fmt: skip
NOTE = b"Whose is this? It lay in the copier.\n"
HEARD = b"He shut the door, she said, and it was not the first time.\n"
ASKED = b"We ask for what the school has of him.\n"
PURPOSE = "An enquiry into what befell the wombat"
AGE = ("wrap", "header", "detail-key", "intake-key", "row-key", "terms")
# How the keybox of a permission begins, at the cheapest hashing, and how long it is.
BOX, BOX_LENGTH = b"\x01" + (65536).to_bytes(4, "big") + (3).to_bytes(4, "big"), 49 + 32 + 16
SAMPLES = [path for path in SCANS if path.suffix in (".txt", ".eml", ".jpg", ".docx")][:4]


class Stolen:
    """The vault as a thief has it, and what is in it."""

    def __init__(self, folder: Path):
        self.vault = vault = vaults.found(folder)
        self.contents: dict[str, bytes] = {}
        # Two pupils' files with documents of two uploaders; the third is shared with a member of staff.
        for number, (path, who) in enumerate(zip(SAMPLES, (ADMIN, DSL, ADMIN, DSL), strict=True)):
            said = {path.name: {"summary": f"Summary of {path.stem}"}}
            (line,) = vault.file(path, details=said, pupil=vault.pupils[number % 2], who=who).ok().lines
            self.contents[line["document"]] = path.read_bytes()
        self.documents = list(self.contents)
        self.shared = self.documents[2]
        vaults.invite(vault, STAFF, "staff")
        vault.give_access(STAFF, self.shared)
        # What concerns a deputy; the lead has looked at the list and read it.
        vaults.invite(vault, DEPUTY, "deputy")
        heard = folder / "heard.txt"
        heard.write_bytes(HEARD)
        said = {heard.name: {"summary": "Summary of what was heard", "concerns": [DEPUTY]}}
        (line,) = vault.file(heard, details=said).ok().lines
        self.restricted = line["document"]
        vault.run_as(DSL, "restricted", "--json").ok()
        assert vault.open(self.restricted) == HEARD
        heard.unlink()
        _, self.scan = fill_intake(vault, folder / "tls", NOTE)
        # An agency may look at and copy two of a pupil's documents, by a letter that stands there too.
        with Service.over(vault, folder / "service") as service:
            self.letter = agencies.filed(service, ASKED, summary="Summary of what was asked")
            request = agencies.asked(service, self.letter, purpose=PURPOSE)
            self.permitted = [self.documents[0], self.shared]
            self.given = agencies.permitted(service, request, *self.permitted)
        self.contents[self.letter] = ASKED
        self.code = vault.run_as(DSL, "person", "invite", "--name", INVITED, "--role", "staff", "--json").ok().lines[0]["code"]
        vault.assert_holds()

    def withdrawn(self, folder: Path) -> "Stolen":
        """The same as it is stolen after the permission was withdrawn."""
        other = copy.copy(self)
        other.vault = self.vault.copy(folder)
        with Service.over(other.vault, folder / "service") as service:
            page = service.ask("GET", f"/pupils/{service.pupil}/requests").text
            page = service.ask("GET", re.search('href="(/requests/[0-9a-z]{26})"', page)[1]).text
            agencies.submit(service, re.search("/permissions/[0-9a-z]{26}/withdraw", page)[0], reason="The enquiry is over")
        other.vault.assert_holds()
        return other

    def act(self) -> dict:
        """What the permission's statement says."""
        with closing(reader.Vault(self.vault.path)) as opened:
            (permission,) = opened.ledger.permissions.values()
            return permission["statement"].act

    def files(self) -> Iterator[tuple[Path, bytes]]:
        for folder in (self.vault.path, self.vault.secrets):
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                yield path, path.read_bytes()

    def secret(self, name: str) -> bytes:
        return (self.vault.secrets / name).read_bytes()

    def person(self, name: str) -> reader.Person:
        return reader.Person(reader.Vault(self.vault.path), self.vault.secrets, name, PASSWORDS[name])


@pytest.fixture(scope="module")
def stolen(tmp_path_factory) -> Stolen:
    return Stolen(tmp_path_factory.mktemp("attacked"))


def places(data: bytes, part: bytes) -> Iterator[int]:
    at = data.find(part)
    while at >= 0:
        yield at
        at = data.find(part, at + 1)


def windows(data: bytes, length: int) -> set:
    return {data[at : at + length] for at in range(len(data) - length + 1)}


class Thief:
    """Every key that was found so far, tried on everything."""

    def __init__(self, stolen: Stolen, *passwords: str, more: tuple = (), link: str = "", code: str = ""):
        self.stolen, self.vault = stolen, reader.Vault(stolen.vault.path)
        assert not self.vault.findings, self.vault.findings
        # Any 32 bytes of a secret file may be a seed, a row's key or the key of many rows.
        self.keys = {key for path in stolen.vault.secrets.iterdir() for key in windows(path.read_bytes(), 32)} | set(more)
        for name in passwords:
            person = stolen.person(name)
            self.keys |= {*person.seeds.values(), person.signing.encode()}
        self.items = [(reader.id_text(id), *rest) for id, *rest in self.vault.rows("SELECT id, kind, bytes FROM item")]
        self.items += self.staged()
        self.keys |= set(self.permission_seeds(link, code)) if link or code else set()
        self.contexts = self.every_context()
        self.opened: dict[tuple, bytes] = {}
        tried: set = set()
        while new := self.keys - tried:
            tried |= new
            for key in sorted(new):
                self.try_key(key)
        self.payloads = dict(self.every_payload())
        self.vault.close()

    def permission_seeds(self, link: str, code: str) -> Iterator[bytes]:
        """What opens of whatever in the vault's files looks like the keybox of a permission. A link that is not known may be
        any 16 bytes that lie there as an id does; a code, anything that people guess."""
        boxes = {data[at : at + BOX_LENGTH] for _, data in self.stolen.files() for at in places(data, BOX)}
        boxes -= {data[:BOX_LENGTH] for _, kind, data in self.items if kind == "keybox"}
        links = self.links = [reader.typed_code(link)] if link else self.ids()
        codes = [reader.access_code(code)] if code else [*GUESSES[1:], link, self.stolen.code]
        secret = self.stolen.secret("server-secret")
        servers = [reader.hkdf(secret, one, b"strongroom/v1/permission-link") for one in links]
        contexts = [self.vault.context("permission-key", permission) for permission in self.vault.ledger.permissions]
        for box in boxes:
            for typed in codes:
                stretched = argon2id.kdf(32, typed.encode(), box[9:25], opslimit=3, memlimit=65536 * 1024)
                for server in servers:
                    key = reader.hkdf(stretched + server, b"", b"strongroom/v1/keybox")
                    for context in contexts:
                        with suppress(CryptoError):
                            yield crypto_aead_xchacha20poly1305_ietf_decrypt(box[49:], box[:49] + context, box[25:49], key)

    def ids(self) -> list:
        """Every 16 bytes that stand in a cell of the catalogue, or in the first half of one of 32."""
        tables = [name for (name,) in self.vault.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        cells = {cell for table in tables for row in self.vault.rows(f"SELECT * FROM {table}") for cell in row if isinstance(cell, bytes)}
        tags = [reader.url64(one["statement"].act["tag"]) for one in self.vault.ledger.permissions.values()]
        return sorted({cell for cell in cells if len(cell) == 16} | {tag[at : at + 16] for tag in tags for at in (0, 16)})

    def staged(self) -> list:
        """What the workspace keeps of uploads: their headers, and what was said of them."""
        with closing(sqlite3.connect(f"file:{self.stolen.vault.path}/workspace.sqlite?mode=ro", uri=True)) as workspace:
            kept = workspace.execute("SELECT id, header, facts, owner FROM upload").fetchall()
        self.owners = {reader.id_text(id): owner for id, _, _, owner in kept}
        return [(reader.id_text(id), kind, data) for id, header, facts, _ in kept for kind, data in (("staged", header), ("facts", facts)) if data]

    def every_context(self) -> dict:
        ledger, context = self.vault.ledger, self.vault.context
        details = {id: statement.pupil_file for id, statement in ledger.documents.items()}
        details |= {id: access["file"] for id, access in ledger.accesses.items()}
        details |= {said.act[reader.DISCLOSURE_OBJECTS[said.kind]]: said.pupil_file for said in ledger.disclosures}
        self.records = {statement.act["detail"]: record for record, statement in ledger.restricted.items()}
        return {
            "person-row": [context("person-row", person) for person in (*ledger.people, *ledger.invitations)],
            "register-row": [context("register-row", file) for file in ledger.pupils],
            "detail": [context("detail", file, id) for id, file in details.items()]
            + [context("intake", upload) for upload in ledger.intake]
            + [context("restricted", record) for record in ledger.restricted],
        }

    def try_key(self, key: bytes) -> None:
        identity = reader.Identity(key)
        for id, kind, data in self.items:
            if (kind, id) in self.opened:
                continue
            with suppress(reader.Broken):
                plain = self.open(identity, key, id, kind, data)
                self.opened[kind, id] = plain
                if kind in AGE:
                    self.keys.add(plain[:32].ljust(32, b"\0"))

    def open(self, identity: reader.Identity, key: bytes, id: str, kind: str, data: bytes) -> bytes:
        if kind in ("header", "staged"):
            return identity.open_header(data)[0]
        if kind in AGE:
            file_key, length = identity.open_header(data)
            return b"".join(reader.open_payload(file_key, [data[length:]], len(data) - length))
        contexts = [self.owners[id]] if kind == "facts" else self.contexts.get(kind, [])
        # As the row's own key, as that of many rows, as the secret of the register or of an uploader.
        many = [key, reader.register_key(key), reader.derive(key, b"strongroom/v1/uploads")]
        if id in self.records:
            # Its first half may be a file key.
            many.append(reader.record_key(key[:16], self.records[id]))
        for own in (key, *(reader.row_key(one, reader.id_bytes(id)) for one in many)):
            for context in contexts:
                with suppress(reader.Broken):
                    return reader.open_row_itself(data, own, context)
        raise reader.Broken("none of them")

    def every_payload(self) -> Iterator[tuple[str, bytes]]:
        """With every file key that was found, whatever it was found for."""
        keys = {plain for (kind, _), plain in self.opened.items() if kind in ("header", "staged")}
        keys |= {key[:16] for key in self.keys}
        ledger = self.vault.ledger
        acts = {id: statement.act for id, statement in {**ledger.documents, **ledger.intake}.items()}
        acts |= {id: statement.act["document"] for id, statement in ledger.restricted.items() if "document" in statement.act}
        for id, act in acts.items():
            sealed = self.vault.blob(act).read_bytes()
            for key in keys:
                with suppress(reader.Broken):
                    yield id, b"".join(reader.open_payload(key, [sealed], len(sealed)))

    def found(self, kind: str) -> set:
        return {id for one, id in self.opened if one == kind}

    def kinds(self) -> set:
        return {kind for kind, _ in self.opened}

    def all(self, kind: str) -> set:
        return {id for id, one, _ in self.items if one == kind}


def headers_of(permission: dict) -> set:
    return {one["header"] for one in [permission["letter"], *permission["documents"]]}


# MARK: what each of them opens


def opens_names_of_staff_alone(stolen: Stolen, thief: Thief) -> None:
    # The directory's key lies with the server, which has to show who may be asked for.
    assert thief.kinds() == {"person-row"} and not thief.payloads
    assert thief.found("person-row") == thief.all("person-row")


def opens_the_register_alone(stolen: Stolen, thief: Thief) -> None:
    assert thief.kinds() == {"person-row", "register-row", "wrap"} and not thief.payloads
    assert thief.found("register-row") == thief.all("register-row")
    ledger = thief.vault.ledger
    edges = {wrap["item"]: wrap["identity"] for wraps in ledger.wraps.values() for wrap in wraps}
    assert {edges[id] for id in thief.found("wrap")} == {ledger.founding["register"]}


def opens_what_is_shared_alone(stolen: Stolen, thief: Thief) -> None:
    ledger = thief.vault.ledger
    (share,) = ledger.shares_of(stolen.shared)
    assert thief.kinds() == {"person-row", "register-row", "wrap", "header", "row-key", "detail"}
    assert (thief.found("header"), thief.found("row-key")) == ({share["header"]}, {share["row_key"]})
    assert thief.found("detail") == {ledger.documents[stolen.shared].act["detail"]}
    (detail,) = (plain for (kind, _), plain in thief.opened.items() if kind == "detail")
    assert reader.parse_detail(detail)["summary"][1].decode() == f"Summary of {SAMPLES[2].stem}"
    assert thief.payloads == {stolen.shared: stolen.contents[stolen.shared]}
    edges = {wrap["item"]: wrap["identity"] for wraps in ledger.wraps.values() for wrap in wraps}
    assert {edges[id] for id in thief.found("wrap")} == {ledger.founding["register"]}


def opens_what_concerns_others_alone(stolen: Stolen, thief: Thief) -> None:
    # Of what concerns them: nothing but that somebody looked at the list of such documents.
    ledger = thief.vault.ledger
    (listed,) = (record for record in ledger.restricted if ("header", record) in thief.opened)
    row = ledger.restricted[listed].act["detail"]
    assert reader.parse_padded(thief.opened["detail", row])["act"][1] == b"listed"
    assert thief.kinds() == {"person-row", "register-row", "wrap", "header", "detail-key", "detail"}
    assert thief.found("header") == {*ledger.documents, listed}, "and none of those for an agency"
    others = {statement.act["detail"] for statement in ledger.restricted.values()} - {row}
    queue = {statement.act["detail"] for statement in ledger.intake.values()}
    assert thief.found("detail") == thief.all("detail") - others - queue and len(others) == 3
    assert thief.payloads == stolen.contents


def opens_everything(stolen: Stolen, thief: Thief) -> None:
    ledger = thief.vault.ledger
    (share,) = ledger.shares_of(stolen.shared)
    for kind in ("person-row", "register-row", "detail", "detail-key", "intake-key"):
        assert thief.found(kind) == thief.all(kind), kind
    # But for what is another's way to the same: a share is sealed to one person, and what an agency has to link and code.
    assert thief.found("header") == thief.all("header") - {share["header"]} - headers_of(stolen.act())
    assert not thief.found("terms") and thief.all("terms") == {stolen.act()["terms"]}
    assert thief.all("row-key") == {share["row_key"]} and not thief.found("row-key")
    assert thief.payloads == stolen.contents | {stolen.scan: NOTE, stolen.restricted: HEARD}


THIEVES: dict[tuple, Callable[[Stolen, Thief], None]] = {
    (): opens_names_of_staff_alone,
    (ADMIN,): opens_the_register_alone,
    (STAFF,): opens_what_is_shared_alone,
    (ADMIN, STAFF): opens_what_is_shared_alone,
    (DEPUTY,): opens_what_concerns_others_alone,
    (DSL,): opens_everything,
}


@pytest.mark.parametrize("passwords", THIEVES, ids=lambda names: " and ".join(names) or "no password")
def test_a_thief_opens_what_those_whose_passwords_they_know_may_read(stolen, passwords):
    THIEVES[passwords](stolen, Thief(stolen, *passwords))


# Keys to give a thief, and whose password gives them in any case.
MORE = {"a pupil file's": {DSL, DEPUTY}, "the intake queue's": {DSL}, "a document's": {DSL, DEPUTY}, "a restricted document's": {DSL}}


@pytest.mark.parametrize(
    ("passwords", "key"),
    [(names, key) for names in THIEVES for key, given in MORE.items() if not given & set(names)],
    ids=lambda one: one if isinstance(one, str) else " and ".join(one) or "no password",
)
def test_a_thief_with_one_key_more_opens_more(stolen, passwords, key):
    """So each test above can fail: it is not that the thief does not know how to try."""
    lead = stolen.person(DSL)
    other = stolen.documents[1]
    match key:
        case "a pupil file's":
            lead.pupil_identity(lead.vault.ledger.documents[other].pupil_file)
            more = lead.seeds[lead.vault.ledger.pupils[lead.vault.ledger.documents[other].pupil_file]["identity"]]
        case "the intake queue's":
            lead.walk(lead.vault.ledger.founding["intake"])
            more = lead.seeds[lead.vault.ledger.founding["intake"]]
        case "a document's":
            more = lead.file_key(other) + bytes(16)
        case "a restricted document's":
            more = lead.restricted()[stolen.restricted]["key"] + bytes(16)
    thief = Thief(stolen, *passwords, more=(more,))
    with pytest.raises(AssertionError):
        THIEVES[passwords](stolen, thief)
    opened = {"the intake queue's": stolen.scan, "a restricted document's": stolen.restricted}.get(key, other)
    assert thief.payloads[opened]


# MARK: link and code


def test_with_link_and_code_a_thief_opens_what_was_permitted_and_the_letter_and_nothing_else(stolen):
    thief, act = Thief(stolen, link=stolen.given.link, code=stolen.given.code), stolen.act()
    assert thief.kinds() == {"person-row", "header", "terms"}
    assert thief.found("header") == headers_of(act) and thief.found("terms") == {act["terms"]}
    assert thief.payloads == {id: stolen.contents[id] for id in (*stolen.permitted, stolen.letter)}


@pytest.mark.parametrize("known", ["link", "code"])
def test_with_one_of_them_a_thief_opens_what_they_open_without(stolen, known):
    thief = Thief(stolen, **{known: getattr(stolen.given, known)})
    assert len(thief.links) == 1 if known == "link" else len(thief.links) > 100
    opens_names_of_staff_alone(stolen, thief)


def test_when_it_is_over_both_open_nothing_more(stolen, tmp_path):
    after = stolen.withdrawn(tmp_path / "after")
    assert after.act() == stolen.act()
    opens_names_of_staff_alone(after, Thief(after, link=stolen.given.link, code=stolen.given.code))
    # The search would have found what opens it: it does where it was not over.
    boxes = {name: [path.name for path, data in one.files() if BOX in data] for name, one in (("during", stolen), ("after", after))}
    assert "workspace.sqlite" in boxes["during"] and "workspace.sqlite" not in boxes["after"]
    # And who kept a copy of it from before opens what they would have then: what was given is not taken back.
    kept = set(Thief(stolen, link=stolen.given.link, code=stolen.given.code).keys) - Thief(stolen).keys
    assert Thief(after, more=tuple(kept)).payloads == {id: stolen.contents[id] for id in (*stolen.permitted, stolen.letter)}


def test_what_an_agency_is_told_is_for_who_has_link_and_code_alone(stolen):
    terms = stolen.act()["terms"]
    thief = Thief(stolen, link=stolen.given.link, code=stolen.given.code)
    told = thief.opened["terms", terms].decode(errors="replace")
    for words in (agencies.OFFICER, agencies.NUMBER, agencies.ASKED["organisation"], PURPOSE.split()[-1], DSL):
        assert words in told, words
    for number, sample in enumerate(SAMPLES):
        assert (f"Summary of {sample.stem}" in told) == (stolen.documents[number] in stolen.permitted), sample
    # The salts of what it shows, and of no other field; nor any key of the pupil's file.
    pupils = [stolen.vault.pupils[number].encode() for number in (0, 1)]
    assert not [one for one in (*pupils, HEARD[:20], NOTE[:20]) if one in thief.opened["terms", terms]]
    # Not even who gave it opens it: not from the disk, with their password and every other key that is theirs.
    for passwords in ((DSL,), (DSL, DEPUTY, ADMIN, STAFF)):
        assert ("terms", terms) not in Thief(stolen, *passwords).opened


# MARK: the ways around a password


def test_no_keybox_opens_by_what_people_guess(stolen):
    vault = reader.Vault(stolen.vault.path)
    for name in (DSL, ADMIN, STAFF):
        person = stolen.person(name).state
        box, context = vault.item(person["keybox"], "keybox"), vault.context("keybox", person["id"])
        for guess in GUESSES:
            with pytest.raises(reader.Broken):
                reader.open_keybox(box, guess, stolen.secret("server-secret"), context)
        # And with the right one, but another server's secret, neither.
        with pytest.raises(reader.Broken):
            reader.open_keybox(box, PASSWORDS[name], stolen.secret("tag-key"), context)
        assert len(reader.open_keybox(box, PASSWORDS[name], stolen.secret("server-secret"), context)) == 84
    vault.close()


def codes_from(secret: bytes) -> set:
    """The recovery codes that an authenticator's secret gives."""
    key = secret + bytes(12)
    return {reader.crockford(reader.derive(key, b"strongroom/v1/recovery-code", bytes([number])))[:10] for number in range(1, 11)}


def typed(code: str) -> str:
    return code.replace("-", "").lower()


def test_no_recovery_code_is_derived_from_what_lies_there(stolen):
    shown = {typed(code) for one in stolen.vault.joined.values() for code in one["recovery_codes"]}
    assert len(shown) == 30 and codes_from(stolen.person(STAFF).authenticator) <= shown
    # Any 20 bytes of a secret file; and of an item, its beginning.
    secrets = {part for path in stolen.vault.secrets.iterdir() for part in windows(path.read_bytes(), 20)}
    catalogue = reader.Vault(stolen.vault.path)
    secrets |= {data[:20] for (data,) in catalogue.rows("SELECT bytes FROM item")}
    catalogue.close()
    assert not {code for secret in secrets for code in codes_from(secret.ljust(20, b"\0"))} & shown


def test_no_invitation_is_derived_from_what_lies_there(stolen):
    catalogue = reader.Vault(stolen.vault.path)
    wanted = {reader.url64(one.act["code"]["key"]) for one in catalogue.ledger.statements if one.kind == "person.invited"}
    (waiting,) = catalogue.ledger.invitations.values()
    assert reader.invitation_key(reader.typed_code(stolen.code)).verify_key.encode() == waiting["key"] and waiting["key"] in wanted
    # Ids, keys, tags, and how every item begins: any 16 bytes might be the code, any 32 the seed that it gives.
    data = {part for path in stolen.vault.secrets.iterdir() for part in (*windows(path.read_bytes(), 16), path.read_bytes())}
    data |= {id for (id,) in catalogue.rows("SELECT id FROM item")} | {one[:16] for (one,) in catalogue.rows("SELECT bytes FROM item")}
    for table in ("person", "access", "document", "pupil"):
        data |= {cell for row in catalogue.rows(f"SELECT * FROM {table}") for cell in row if isinstance(cell, bytes)}
    catalogue.close()
    codes, seeds = ({one for one in data if len(one) == length} for length in (16, 32))
    assert len(codes) > 50 and len(seeds) > 3
    assert not {reader.invitation_key(code).verify_key.encode() for code in codes} & wanted
    assert not {SigningKey(seed).verify_key.encode() for seed in seeds} & wanted


def test_no_secret_lies_anywhere_in_the_clear(stolen):
    people = [stolen.person(name) for name in (DSL, ADMIN, STAFF)]
    secrets = {f"{one.name}'s {what}": data for one in people for what, data in (
        ("password", PASSWORDS[one.name].encode()), ("key", next(iter(one.seeds.values()))),
        ("signing key", one.signing.encode()), ("authenticator", one.authenticator),
        ("authenticator as it is typed", stolen.vault.authenticators[one.name].encode()),
    )}  # fmt: skip
    for name, one in stolen.vault.joined.items():
        for number, code in enumerate(one["recovery_codes"]):
            secrets |= {f"{name}'s recovery code {number + 1}": code.encode(), f"the same of {name}, {number + 1}, bare": typed(code).encode()}
    secrets |= {"the invitation": stolen.code.encode(), "its bytes": reader.id_bytes(typed(stolen.code))}
    secrets |= {f"what {document} says": data[:64] for document, data in stolen.contents.items()}
    secrets |= {"a summary": b"Summary of", "a reason": b"Prepares a talk", "a scan": NOTE[:20]}
    secrets |= {"what concerns somebody": HEARD[:20], "what is asked for": PURPOSE.encode(), "an officer": agencies.OFFICER.encode()}
    for what, said in (("the link", stolen.given.link), ("the code", stolen.given.code)):
        secrets |= {what: said.encode(), f"{what}, bare": typed(said).encode()}
    secrets |= {"the link's bytes": reader.id_bytes(stolen.given.link)}
    read = 0
    for path, data in stolen.files():
        read += len(data)
        assert not [what for what, secret in secrets.items() if secret in data], path
    assert read > 100_000
    # The search finds what is there: the server's own secret, in its file.
    assert any(stolen.secret("server-secret") in data for _, data in stolen.files())
