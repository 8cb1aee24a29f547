"""SECURITY.md lists every algorithm in use: the list is compared with what is found in a filled vault and around it.

What is found is found by opening it: with the reader of docs/format.md, which shares no code with the program.
"""

import base64
import hashlib
import hmac
import io
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import threading
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import agencies
import pytest
import reader
import vault as vaults
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from forge import edit, query
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import VerifyKey
from passkeys import ALGORITHMS, add_passkeys
from service import PASSWORD, Service
from stations import fill_intake
from tls import certificate
from vault import CHECKOUT, DSL, FIXTURES, PASSWORDS, PROGRAM, SCANS, STAFF, Vault

CABINET = "The grey one by the window"
PASSKEY = "the key on the blue ribbon"
PLACES = {"vault", "copies", "sign-in", "uploads", "network", "stores", "demo"}
# What the table has and nobody can find by looking, and why.
NOT_FOUND_ANYWHERE = {
    "scrypt": "no command takes or gives an age file under a passphrase; SealingTests hold it to age's own files",
}
HYBRID, STREAM, DERIVED = "mlkem768x25519", "ChaCha20-Poly1305", ("HKDF-SHA-256", "HMAC-SHA-256")
UNKNOWN = "something unknown"


class Finds(dict):
    """(where, algorithm) to the first thing that showed it."""

    def add(self, where: str, place: str, *algorithms: str) -> None:
        for algorithm in algorithms:
            self.setdefault((where, algorithm), place)

    @contextmanager
    def opening(self, where: str, place: str, *algorithms: str) -> Iterator[None]:
        """What opens in the body was made with these; what does not, with something else."""
        try:
            yield
        except (reader.Broken, CryptoError, InvalidTag, ValueError, IndexError):
            self.add(where, place, UNKNOWN)
        else:
            self.add(where, place, *algorithms)


# MARK: the table


def rows_of(text: str) -> list:
    """The cells of each row below "## Algorithms"."""
    (section,) = re.findall(r"^## Algorithms\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    assert rows[0] == ["What", "Algorithm", "By", "Where"]
    return rows[2:]


def listed_in(text: str) -> set:
    """(where, algorithm) of each name in backquotes."""
    found = set()
    for what, algorithms, _, where in rows_of(text):
        names, places = re.findall("`([^`]+)`", algorithms), set(filter(None, where.split(", ")))
        names = [name for name in names if not name.endswith("…")]
        assert bool(names) == bool(places) or what == "randomness", f"a row that cannot be compared: {what}"
        assert places <= PLACES or places == {"nowhere"}, f"an unknown place: {where}"
        found |= {(place, name) for place in places for name in names}
    return found


def differences(found: Finds, listed: set) -> list:
    """What is found and not listed, and what is listed and not found."""
    excused = {("nowhere", name) for name in NOT_FOUND_ANYWHERE}
    return sorted(
        [f"{where}: {name} is not listed (found in {found[where, name]})" for where, name in found.keys() - listed]
        + [f"{where}: {name} is listed and not found" for where, name in listed - found.keys() - excused]
    )


SECURITY = (CHECKOUT / "SECURITY.md").read_text()
LISTED = listed_in(SECURITY)


# MARK: a vault


class Opened:
    """A vault with everything in it that these people can open."""

    def __init__(self, path: Path, secrets: Path, passwords: dict, token: str | None = None, given: tuple = ()):
        self.vault, self.secrets = reader.Vault(path), secrets
        self.station = reader.Station(self.vault, secrets, token) if token else None
        self.people = {}
        for name, password in passwords.items():
            with suppress(reader.Broken):  # what does not open is for look_at_vault to tell
                self.people[name] = reader.Person(self.vault, secrets, name, password)
        self.lead, ledger = self.people[DSL], self.vault.ledger
        for identity in ledger.wraps:
            for person in self.people.values():
                with suppress(reader.NoPath, reader.Broken):
                    person.walk(identity)
        self.identities = {id: key for person in self.people.values() for id, key in person.identities.items()}
        if self.station:
            self.identities[self.station.state["identity"]] = self.station.identity
        # The identity that each age file says, by its statement, it is sealed to.
        self.holders = {wrap["item"]: wrap["holder"] for wraps in ledger.wraps.values() for wrap in wraps}
        for items in (ledger.detail_keys, {id: filing.pupil_file for id, filing in ledger.documents.items()}):
            self.holders |= {id: ledger.pupils[pupil_file]["identity"] for id, pupil_file in items.items()}
        queue = ledger.founding["intake"]
        self.holders |= {item.act[key]: queue for item in ledger.intake.values() for key in ("header", "key")}
        shares = [share for document in ledger.documents for share in ledger.shares_of(document)]
        self.holders |= {share[key]: share["identity"] for share in shares for key in ("header", "row_key")}
        # Those that link and code open are sealed to nobody else.
        self.permissions = [self.permission(path, one) for one in given]
        for permission in self.permissions:
            self.identities[permission.act["identity"]] = permission.identity
            sealed = [one["header"] for one in [permission.act["letter"], *permission.act["documents"]]]
            self.holders |= {id: permission.act["identity"] for id in [permission.act["terms"], *sealed]}
        own = self.lead.identities[self.lead.state["identity"]]
        for record in ledger.restricted:
            with suppress(reader.Broken, reader.NoPath):
                self.holders[record] = self.vault.record(record, own)[1]["sealed_to"]
        self.items = [(reader.id_text(id), kind, data) for id, kind, data in self.vault.rows("SELECT id, kind, bytes FROM item")]

    def permission(self, path: Path, given: agencies.Given) -> reader.Permission:
        tag = reader.permission_tag(reader.typed_code(given.link))
        acts = [one["statement"].act for one in self.vault.ledger.permissions.values()]
        (id,) = [act["permission"] for act in acts if reader.url64(act["tag"]) == tag]
        with closing(sqlite3.connect(path / "workspace.sqlite")) as workspace:
            ((box,),) = workspace.execute("SELECT keybox FROM permission_key WHERE permission = ?", (reader.id_bytes(id),))
        return reader.Permission(self.vault, self.secrets, box, given.link, given.code)

    def leaves(self) -> list:
        return [reader.Statement(leaf) for (leaf,) in self.vault.rows("SELECT leaf FROM statement ORDER BY idx")]

    def notes(self) -> list:
        return [note for (note,) in self.vault.rows("SELECT note FROM checkpoint")]


def look_at_vault(found: Finds, opened: Opened, joined: dict) -> None:
    """Every item, statement, checkpoint and payload; joined: what joining showed, by name."""
    ledger, lead = opened.vault.ledger, opened.lead
    kept = {person["keybox"]: name for name, one in opened.people.items() for person in [one.state]}
    for id, kind, data in opened.items:
        place = f"{kind} {id}"
        match kind:
            case "wrap" | "header" | "detail-key" | "intake-key" | "row-key" | "terms":
                look_at_age_file(found, "vault", place, data, opened.identities.get(opened.holders.get(id)), content=kind != "header")
            case "recipient":
                with found.opening("vault", place, HYBRID):
                    reader.require(id in opened.identities and data == opened.identities[id].recipient, "another kind of recipient")
            case "keybox" if opened.station and id == opened.station.state["keybox"]:
                # It opened, with the token.
                with found.opening("vault", place, "XChaCha20-Poly1305", "HKDF-SHA-256"):
                    reader.require(data[0] == 2, "a keybox of another version")
            case "keybox":
                with found.opening("vault", place):
                    reader.require(data[0] == 1 and len(data) == 49 + 84 + 16, "a keybox of another version")
                    # It opened, with the password.
                    reader.require(id in kept, "nobody's keybox")
                    found.add("vault", place, "Argon2id", "XChaCha20-Poly1305", "HKDF-SHA-256")
            case "credential":
                # Public, and in clear: a key of another's making, that this vault signs nothing with.
                with found.opening("vault", place):
                    reader.require(json.loads(data)["algorithm"] in (-7, -8, -257), "a key of another kind")
            case "person-row" | "passkey-row" | "register-row" | "batch-row" | "detail":
                with found.opening("vault", place, "XChaCha20-Poly1305", "BLAKE2b-256"):
                    look_at_row(opened, id, kind, data)
            case _:
                found.add("vault", place, UNKNOWN)
    for document in ledger.documents:
        # Key and field commitments, chunks, and the digests of both.
        with found.opening("vault", f"document {document}", STREAM, "HKDF-SHA-256", "SHA-256"):
            for _ in lead.read(document):
                pass
    for person in opened.people.values():
        # A row's own key, and a header for one person, open what the pupil file's key opens.
        for document in ledger.documents:
            for share in person.shares(document):
                with found.opening("vault", f"share of {document}", "XChaCha20-Poly1305", "HKDF-SHA-256", "BLAKE2b-256", "SHA-256"):
                    person.details(document, share)
                    person.file_key(document, share)
    for record in ledger.restricted:
        # The key of its row, and the key commitment of what it brings.
        with found.opening("vault", f"record {record}", "HKDF-SHA-256"):
            reader.check_record(lead, record)
    for document in lead.restricted():
        with found.opening("vault", f"restricted document {document}", STREAM, "SHA-256"):
            for _ in lead.read(document):
                pass
    for permission in opened.permissions:
        # Its keybox opened, with link and code.
        found.add("vault", "keybox of a permission", "Argon2id", "XChaCha20-Poly1305", "HKDF-SHA-256")
        for permitted in [permission.act["letter"], *permission.act["documents"]]:
            with found.opening("vault", f"permitted {permitted['document']}", STREAM, "HKDF-SHA-256", "SHA-256"):
                permission.read(permitted)
    for upload in ledger.intake:
        with found.opening("vault", f"intake item {upload}", STREAM, "HKDF-SHA-256", "SHA-256"):
            lead.intake_item(upload)
    for statement in opened.leaves():
        with found.opening("vault", f"statement {statement.index}", "Ed25519", "SHA-256"):
            statement.check_signature(ledger.key_of(statement), ledger.founding["vault"])
    for number, note in enumerate(opened.notes()):
        with found.opening("vault", f"checkpoint {number + 1}", "Ed25519", "SHA-256"):
            opened.vault.check_note(note, number + 1)
    # The reader found them by a name tag of its own making.
    found.add("vault", "name tags", "BLAKE2b-256")
    for statement in ledger.statements:
        if statement.kind == "person.joined":
            # By the code, where it is known here; the reader has checked the proof by the key.
            with found.opening("vault", f"invitation {statement.index}", "Ed25519", "BLAKE2b-256"):
                look_at_invitation(ledger, statement, joined)


def look_at_invitation(ledger: reader.Ledger, statement: reader.Statement, joined: dict) -> None:
    (invited,) = (one for one in ledger.statements if one.kind == "person.invited" and one.act["person"] == statement.act["person"])
    keys = [reader.invitation_key(reader.typed_code(said["invitation"])).verify_key.encode() for said in joined.values()]
    reader.require(reader.url64(invited.act["code"]["key"]) in keys, "a code of another kind")


def look_at_age_file(found: Finds, where: str, place: str, data: bytes, identity, content: bool = True) -> bytes:
    """The stanzas' types as they stand there; then whether the header, and what follows, open by them."""
    plaintext = b""
    with found.opening(where, place, *DERIVED):
        for words, _ in reader.age_header(data)[0]:
            found.add(where, place, words[0])
        reader.require(identity, "nobody's")
        key, length = identity.open_header(data)
        if content:
            plaintext = b"".join(reader.open_payload(key, [data[length:]], len(data) - length))
            found.add(where, place, STREAM)
    return plaintext


def look_at_row(opened: Opened, id: str, kind: str, data: bytes) -> None:
    """Opens a row along the keys that its statement names; the reader refuses one that is not what was committed."""
    ledger, lead = opened.vault.ledger, opened.lead
    match kind:
        case "detail" if intake := [upload for upload, item in ledger.intake.items() if item.act["detail"] == id]:
            lead.intake_item(intake[0])
        case "detail" if records := [record for record, said in ledger.restricted.items() if said.act["detail"] == id]:
            opened.vault.record(records[0], lead.identities[lead.state["identity"]])
        case "detail":
            said = [one for one in ledger.disclosures if one.act.get("detail") == id]
            filed = [document for document, filing in ledger.documents.items() if filing.act["detail"] == id]
            given = [access for access, one in ledger.accesses.items() if one["statement"].act["detail"] == id]
            (about,) = said + filed + given
            (lead.disclosure_details if said else lead.details if filed else lead.access_details)(about)
        case "register-row":
            (pupil_file,) = (pupil_file for pupil_file, pupil in ledger.pupils.items() if pupil["row"] == id)
            lead.pupil(pupil_file)
        case "batch-row":
            (said,) = (one for one in ledger.statements if one.act.get("row") == id)
            reader.require(lead.paper(said)["cabinet"] == CABINET, "paper of another place")
        case "passkey-row":
            reader.require(opened.lead.passkeys(opened.secrets) == [PASSKEY], "a passkey of another name")
        case "person-row":
            known = [*opened.people.values(), *([opened.station] if opened.station else [])]
            reader.require(any(one.name and one.state["row"] == id for one in known), "nobody's row")
    opened.vault.item(id, kind)


@pytest.fixture(scope="module")
def filled(template, tmp_path_factory) -> tuple:
    """Documents of two pupils, one of them kept apart, those of one shared with a member of staff, and a restricted one; a
    scan in the intake queue; copies for an age recipient of either kind; two permissions for an agency, and the packs that were
    taken under them. With those copies, the scan station's token, and links and codes."""
    folder = tmp_path_factory.mktemp("filled")
    vault = template.copy(folder / "copy")
    token, _ = fill_intake(vault, folder / "tls", b"Whose is this?\n")
    assert add_passkeys(vault, DSL, folder / "passkey", PASSKEY, "Ed25519")
    samples = [*[path for path in SCANS if path.suffix in (".txt", ".jpg", ".docx")], FIXTURES / "hostile/javascript.pdf"]
    lines = vault.file(*samples, details={path.name: {"summary": path.stem[::-1]} for path in samples}).ok().lines
    assert [line["quarantined"] for line in lines].count(True) == 1
    vaults.invite(vault, STAFF, "staff")
    vault.give_access(STAFF)
    vault.file(samples[0], details={samples[0].name: {"summary": "The same again"}}, pupil=vault.pupils[1]).ok()
    said = {samples[1].name: {"summary": "What was heard", "concerns_others": "A coach who has left"}}
    (concern,) = vault.file(samples[1], details=said, more=("--again",)).ok().lines
    assert vault.open(concern["document"]) == samples[1].read_bytes()
    copies = {}
    for identity, prefix in ((reader.Identity(os.urandom(32)), "age1pq"), (CurveIdentity(), "age")):
        target = vault.temporary / f"{prefix}.age"
        document = next(line["document"] for line in lines if line["file"] == samples[0].name)
        vault.run_as(DSL, "open", document, "--output", target, "--to", bech32(prefix, identity.recipient)).ok()
        copies[target] = identity, samples[0].read_bytes()
    given = disclose(vault, folder / "service", document, copies)
    vault.assert_holds()
    return vault, copies, token, given


def disclose(vault: Vault, folder: Path, document: str, copies: dict) -> tuple:
    """Lets an agency have a pack as it is, and another one that is sealed to it; gives links and codes."""
    identity, given = CurveIdentity(), []
    with Service.over(vault, folder) as service:
        agencies.submit(service, "/batches/new", cabinet=CABINET, drawer="1", folder="17")
        letter = agencies.filed(service, b"We ask for what is known.\n", summary="Written request")
        request = agencies.asked(service, letter)
        for recipient in ("", bech32("age", identity.recipient)):
            # For a copy that is never taken, so that the permission lasts.
            given.append(agencies.permitted(service, request, document, copies="2", recipient=recipient))
            officer = agencies.Officer(service)
            officer.enter(given[-1])
            taken = officer.send("/agency/copies")
            assert taken.status == 200, taken.text
            target = folder / f"pack{len(copies)}"
            target.write_bytes(taken.bytes)
            copies[target] = identity if recipient else None, None
    return tuple(given)


@pytest.fixture(scope="module")
def opened(filled, tmp_path_factory) -> Iterator[Opened]:
    # A copy: the reader's view of the catalogue stays open, and every command's end would wait for it.
    vault = filled[0].copy(tmp_path_factory.mktemp("opened") / "copy")
    opened = Opened(vault.path, vault.secrets, PASSWORDS, *filled[2:])
    yield opened
    opened.vault.close()


# MARK: copies


def bech32(prefix: str, data: bytes) -> str:
    """BIP 173, without its limit on length."""
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits = int.from_bytes(data, "big") << (-len(data) * 8 % 5)
    words = [bits >> shift & 31 for shift in range((len(data) * 8 + 4) // 5 * 5 - 5, -1, -5)]

    def checksum(values: list) -> int:
        check = 1
        for value in values:
            top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
            for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                check ^= generator if top >> bit & 1 else 0
        return check

    head = [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]
    check = checksum(head + words + [0] * 6) ^ 1
    return prefix + "1" + "".join(alphabet[word] for word in words + [check >> shift & 31 for shift in range(25, -1, -5)])


class CurveIdentity:
    """age's X25519 identity, as age.md has it."""

    def __init__(self):
        self.key = X25519PrivateKey.generate()
        self.recipient = self.key.public_key().public_bytes_raw()

    def open_header(self, data: bytes) -> tuple:
        stanzas, authenticated, mac, length = reader.age_header(data)
        ((words, body),) = stanzas
        share = reader.plain64(words[1])
        shared = self.key.exchange(X25519PublicKey.from_public_bytes(share))
        wrap_key = reader.hkdf(shared, share + self.recipient, b"age-encryption.org/v1/X25519")
        file_key = ChaCha20Poly1305(wrap_key).decrypt(bytes(12), body, None)
        wanted = hmac.digest(reader.hkdf(file_key, b"", b"header"), authenticated, "sha256")
        reader.require(hmac.compare_digest(wanted, mac), "the header's MAC differs")
        return file_key, length


def look_at_copies(found: Finds, copies: dict) -> None:
    for path, (identity, original) in copies.items():
        data = path.read_bytes()
        if identity:
            data = look_at_age_file(found, "copies", path.name, data, identity)
        if original:
            assert data == original
        else:
            look_at_pack(found, unzipped(data))


def unzipped(data: bytes) -> dict:
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        return {name.partition("/")[2]: pack.read(name) for name in pack.namelist()}


def look_at_pack(found: Finds, files: dict) -> None:
    """Its sums, its statements' signatures, and its checkpoint's."""
    manifest, sums = json.loads(files["manifest.json"]), files["SHA256SUMS"].decode().splitlines()
    signed = [name.removesuffix(".sig") for name in files if name.endswith(".sig")]
    assert len(sums) == len(files) - 1 and len(signed) > 4
    for line in sums:
        digest, _, name = line.partition("  ")
        with found.opening("copies", name, "SHA-256"):
            reader.require(reader.sha256(files[name]).hex() == digest, "another sum")
    for name in signed:
        with found.opening("copies", name, "Ed25519"):
            key = load_pem_public_key(files[f"{name}.key.pem"]).public_bytes_raw()
            VerifyKey(key).verify(files[f"{name}.message"], files[f"{name}.sig"])
    with found.opening("copies", "ledger/checkpoint", "Ed25519"):
        note, key = files["ledger/checkpoint.txt"].decode(), reader.url64(manifest["checkpoint_key"])
        reader.read_checkpoint(note, manifest["origin"], key)


# MARK: what is not at rest


def look_at_sign_in(found: Finds, vault: Vault, folder: Path) -> None:
    """Which codes are taken, and passkeys of which kinds."""
    for algorithm in ("sha1", "sha256", "sha512"):
        if vault.run_as(DSL, "pupil", "list", code=vault.code(DSL, algorithm)).code == 0:
            found.add("sign-in", "authenticator codes", f"HMAC-SHA-{algorithm[3:]}")
    # In place of the authenticator's, as derived by format.md.
    own = reader.Vault(vault.path)
    codes = reader.Person(own, vault.secrets, DSL, PASSWORDS[DSL]).recovery_codes()
    own.close()
    if vault.run_as(DSL, "pupil", "list", code=codes[0]).code == 0 and vault.run_as(DSL, "pupil", "list", code=codes[0]).code == 3:
        found.add("sign-in", "recovery codes", "BLAKE2b-256")
    found.add("sign-in", "passkeys", *add_passkeys(vault, DSL, folder, PASSKEY, *ALGORITHMS))


PIECE = 70_001  # a chunk, and some bytes that are kept apart until the next is whole


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("service"))
    yield service
    service.stop()


def look_at_uploads(found: Finds, service: Service) -> None:
    """Which checksums are known: with a wrong one nothing is taken, with the right one the piece is. Never finished."""
    data = b"Okapi told the numbat about the bench in the garden.\n" * 9000
    place, offset = service.create(data), 0
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        piece = data[offset : offset + PIECE]
        digest = hashlib.new(algorithm, piece).digest()
        sums = {"right": digest, "wrong": bytes(len(digest))}
        headers = {name: {"Upload-Checksum": f"{algorithm} {base64.b64encode(sum).decode()}"} for name, sum in sums.items()}
        wrong = service.patch(place, offset, piece, headers["wrong"]).status
        right = service.patch(place, offset, piece, headers["right"]).status
        if (wrong, right) == (460, 204):
            found.add("uploads", "checksum of a piece", {"sha1": "SHA-1", "sha256": "SHA-256"}.get(algorithm, algorithm))
            offset += PIECE
        else:
            assert (wrong, right) == (400, 400), algorithm


def look_at_workspace(found: Finds, service: Service) -> None:
    """An upload that is not finished: header, facts, the chunks so far, and the bytes after them."""
    reading = Opened(service.vault, service.vault.with_name("vault.secrets"), {DSL: PASSWORD})
    own = reading.lead.state["identity"]
    with closing(sqlite3.connect(service.vault / "workspace.sqlite")) as db:
        columns = "id, owner, blob, header, facts, tail"
        ((id, owner, blob, header, facts, tail),) = db.execute(f"SELECT {columns} FROM upload WHERE state = 'receiving'")
    key, _ = reading.identities[own].open_header(header)
    look_at_age_file(found, "vault", "header of an upload", header, reading.identities[own], content=False)
    with found.opening("vault", "facts of an upload", "XChaCha20-Poly1305", "BLAKE2b-256"):
        reader.open_row(facts, reader.derive(reading.lead.seeds[own], b"strongroom/v1/uploads"), id, owner)
    with found.opening("vault", "last bytes of an upload", "XChaCha20-Poly1305", "BLAKE2b-256"):
        tail_key = reader.derive(key, b"strongroom/v1/upload-tail", id)
        crypto_aead_xchacha20poly1305_ietf_decrypt(tail[24:], b"", tail[:24], tail_key)
    payload = (service.vault / "staging" / reader.id_text(blob)).read_bytes()
    with found.opening("vault", "payload of an upload", STREAM, "HKDF-SHA-256"):
        chunk = payload[16 : 16 + reader.CHUNK + 16]
        ChaCha20Poly1305(reader.hkdf(key, payload[:16], b"payload")).decrypt(bytes(12), chunk, None)
    reading.vault.close()


def shake(port: int, version: ssl.TLSVersion, ciphers: str) -> str | None:
    """The version that a handshake came to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions that nobody should use
        context = ssl._create_unverified_context(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    try:
        with context.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost") as connection:
            return connection.version()
    except OSError:
        return None


def look_at_network(found: Finds, port: int) -> None:
    """Every version and, up to TLS 1.2, every suite of the client's that the server takes."""
    every = ssl.create_default_context()
    every.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        if came := shake(port, version, "ALL:COMPLEMENTOFALL"):
            found.add("network", "a handshake", came.replace("TLSv", "TLS "))
    for suite in every.get_ciphers():
        if suite["protocol"] == "TLSv1.3" or not shake(port, ssl.TLSVersion.TLSv1_2, suite["name"]):
            continue
        cipher = suite["symmetric"].upper()
        names = {"CHACHA20-POLY1305": STREAM}.get(cipher, cipher.replace("128-", "").replace("256-", ""))
        found.add("network", suite["name"], suite["kea"].removeprefix("kx-").upper(), names)
        if not suite["aead"]:
            found.add("network", suite["name"], f"HMAC-{suite['digest'].upper().replace('SHA', 'SHA-')}")


def look_at_rsa(found: Finds, vault: Vault, folder: Path) -> None:
    """The same with another kind of certificate, which a school may well have."""
    own = certificate(folder, rsa.generate_private_key(65537, 2048))
    process, _ = vault.start("serve", "--port", "0", *own)
    try:
        look_at_network(found, int(process.stdout.readline().rpartition(b":")[2]))
    finally:
        process.terminate()
        process.communicate(timeout=60)


class StrictStore(BaseHTTPRequestHandler):
    """A store that refuses everybody, and keeps what was asked first."""

    def do_GET(self):  # noqa: N802
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def look_at_stores(found: Finds, vault: Vault) -> None:
    """A request to a store, signed anew by AWS Signature Version 4 as its specification has it."""
    with HTTPServer(("127.0.0.1", 0), StrictStore) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        lines = [f"endpoint: http://127.0.0.1:{server.server_port}", "region: north-1", "access-key: key", "secret-key: of-nobody"]
        (vault.secrets / "s3.yaml").write_text("\n".join(lines))
        assert vault.run("backup", "--to", "s3://bucket/prefix").code == 3
        server.shutdown()
        thread.join()
    (vault.secrets / "s3.yaml").unlink()
    method, path, headers = server.asked[0]
    headers = {name.lower(): value for name, value in headers.items()}
    scheme, _, said = headers["authorization"].partition(" ")
    said = dict(part.split("=", 1) for part in said.split(", "))
    scope = said["Credential"].partition("/")[2]
    signed = said["SignedHeaders"].split(";")
    lines = [method, path, "", *(f"{name}:{headers[name]}" for name in signed), "", ";".join(signed), headers["x-amz-content-sha256"]]
    key = b"AWS4of-nobody"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    request = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join([scheme, headers["x-amz-date"], scope, request])
    is_known = (
        scheme == "AWS4-HMAC-SHA256"
        and headers["x-amz-content-sha256"] == hashlib.sha256().hexdigest()
        and hmac.digest(key, text.encode(), "sha256").hex() == said["Signature"]
    )
    found.add("stores", "a request", *(("HMAC-SHA-256", "SHA-256") if is_known else (UNKNOWN,)))


def look_at_demo(found: Finds, folder: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TMPDIR": str(folder)}
    command = [PROGRAM, "demo", "--directory", folder / "demo", "--port", "0"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        address = next(line for line in process.stdout if line.startswith("https://"))
        shown = ssl.get_server_certificate(("localhost", int(address.rpartition(":")[2])))
        process.terminate()
    shown = x509.load_pem_x509_certificate(shown.encode())
    key, signature = shown.public_key(), shown.signature_algorithm_oid._name
    is_known = isinstance(key, ec.EllipticCurvePublicKey) and (key.curve.name, signature) == ("secp256r1", "ecdsa-with-SHA256")
    found.add("demo", "certificate", "ECDSA P-256" if is_known else UNKNOWN)


# MARK: the comparison


@pytest.fixture(scope="module")
def found(filled, opened, service, tmp_path_factory) -> Finds:
    vault, copies, *_ = filled
    found = Finds()
    look_at_vault(found, opened, vault.joined)
    look_at_copies(found, copies)
    look_at_sign_in(found, vault, tmp_path_factory.mktemp("passkeys") / "served")
    look_at_uploads(found, service)
    look_at_network(found, service.port)
    look_at_workspace(found, service)
    look_at_rsa(found, vault, tmp_path_factory.mktemp("rsa"))
    look_at_stores(found, vault)
    look_at_demo(found, tmp_path_factory.mktemp("demo"))
    return found


def test_what_is_listed_is_what_is_found(found):
    assert differences(found, LISTED) == []


def test_every_kind_of_thing_was_looked_at(opened):
    # A certificate of destroyed paper takes a recovery key, whose shares this reader does not put together: test_paper_end opens one.
    assert {kind for _, kind, _ in opened.items} == set(reader.ITEM_KINDS) - {"certificate"}
    said = {statement.kind for statement in opened.leaves()}
    assert {"document.filed", "person.joined", "restricted.acted", "permission.given", "issue.closed"} <= said
    assert any("quarantine" in filing.act for filing in opened.vault.ledger.documents.values())


def test_a_row_that_is_missing_from_the_list_is_named(found):
    lines = [line for line in SECURITY.splitlines(keepends=True) if line.startswith("|") and "`" in line]
    assert len(lines) > 12
    for line in lines:
        fewer = listed_in(SECURITY.replace(line, ""))
        wanted = {f"{where}: {name} is not listed (found in {found[where, name]})" for where, name in LISTED - fewer if where != "nowhere"}
        assert set(differences(found, fewer)) == wanted and (wanted or "`scrypt`" in line)


def test_a_name_too_many_in_the_list_is_named(found):
    more = SECURITY.replace(" codes | `Argon2id` |", " codes | `Argon2id`, `bcrypt` |")
    assert differences(found, listed_in(more)) == ["vault: bcrypt is listed and not found"]


CHANGES = {
    "another stanza": ("item", "bytes", "kind = 'header'", lambda data: data.replace(b"-> " + HYBRID.encode(), b"-> X25519", 1)),
    "other terms": ("item", "bytes", "kind = 'terms'", lambda data: data.replace(b"-> " + HYBRID.encode(), b"-> X25519", 1)),
    "another keybox": ("item", "bytes", "kind = 'keybox' AND idx > 0", lambda data: b"\x03" + data[1:]),
    "another row": ("item", "bytes", "kind = 'register-row'", lambda data: bytes(24) + data[24:]),
    "another recipient": ("item", "bytes", "id IN (SELECT identity FROM pupil)", lambda data: data[:32]),
    "another signature": ("statement", "leaf", "idx = (SELECT max(idx) FROM statement)", lambda data: data[:-64] + bytes(64)),
    "another kind of item": ("item", "kind", "kind = 'detail'", lambda kind: "secret"),
    "another note": ("checkpoint", "note", "size = 3", lambda note: other_key_type(note)),
}


def other_key_type(note: str) -> str:
    """The same key's signature under the id that it would have as one of type 4."""
    origin, line = note.split("\n")[0], note.rstrip("\n").rpartition(" ")[2]
    signature = base64.b64decode(line)
    return note.replace(line, base64.b64encode(reader.sha256(origin.encode() + b"\n\x04")[:4] + signature[4:]).decode())


@pytest.mark.parametrize("name", CHANGES)
def test_a_thing_made_otherwise_is_named(filled, found, tmp_path, name):
    table, column, where, change = CHANGES[name]
    vault = filled[0].copy(tmp_path / "copy")
    rowid, value = query(vault, f"SELECT rowid, {column} FROM {table} WHERE {where} ORDER BY rowid LIMIT 1")[0]
    edit((f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (change(value), rowid)))(vault)
    changed = Opened(vault.path, vault.secrets, PASSWORDS, *filled[2:])
    seen = Finds(found)
    look_at_vault(seen, changed, vault.joined)
    changed.vault.close()
    wanted = "X25519" if name in ("another stanza", "other terms") else UNKNOWN
    assert any(line.startswith(f"vault: {wanted} is not listed (found in ") for line in differences(seen, LISTED))


@pytest.mark.parametrize("name", ["check.py", "ledger/0.message", "ledger/0.sig", "ledger/checkpoint.txt"])
def test_a_pack_made_otherwise_is_named(filled, found, name):
    (pack,) = [path.read_bytes() for path, kinds in filled[1].items() if kinds == (None, None)]
    files = unzipped(pack)
    files[name] = bytes([files[name][0] ^ 1]) + files[name][1:]
    digests = files["SHA256SUMS"].decode().splitlines()
    if name != "check.py":
        # As if it stood so in the list, so that the sum alone does not tell.
        digests = [line if line[66:] != name else f"{reader.sha256(files[name]).hex()}  {name}" for line in digests]
        files["SHA256SUMS"] = "".join(f"{line}\n" for line in digests).encode()
    seen = Finds(found)
    look_at_pack(seen, files)
    (wrong,) = [line for line in differences(seen, LISTED) if line.startswith(f"copies: {UNKNOWN} is not listed")]
    assert f"(found in {name.partition('.')[0]}" in wrong


# MARK: which key


def test_every_wrap_says_whose_key_opens_it(opened):
    """A stanza names no recipient: its statement does. No other identity's key opens it."""
    sealed = [(id, data) for id, kind, data in opened.items if kind in ("wrap", "header", "detail-key", "intake-key", "row-key", "terms")]
    # Three people and a station; register, team and intake queue; two permissions.
    assert len(sealed) > 10 and len(opened.identities) == 4 + 3 + 2 + len(opened.vault.ledger.pupils)

    def opens(identity: reader.Identity, data: bytes) -> bool:
        try:
            return bool(identity.open_header(data))
        except reader.Broken:
            return False

    for id, data in sealed:
        stanzas = reader.age_header(data)[0]
        assert len(stanzas) == (8 if id in opened.vault.ledger.restricted else 1)
        assert all(words[0] == HYBRID for words, _ in stanzas)
        assert {name for name, identity in opened.identities.items() if opens(identity, data)} == {opened.holders[id]}


def is_signed(key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        return bool(VerifyKey(key).verify(text, signature))
    except BadSignatureError:
        return False


def test_every_signature_says_whose_key_made_it(opened):
    ledger = opened.vault.ledger
    keys = {"service": reader.url64(ledger.founding["service_key"]), "checkpoint": reader.url64(ledger.founding["checkpoint_key"])}
    keys |= {id: person["key"] for id, person in ledger.people.items()}
    for statement in opened.leaves():
        text = reader.signed_text(statement.bytes, ledger.founding["vault"])
        assert len(statement.signature) == 64 and statement.value["v"] == 1
        assert {name for name, key in keys.items() if is_signed(key, text, statement.signature)} == {statement.author}
    ids = {name: reader.note_key_id(ledger.founding["origin"], key) for name, key in keys.items()}
    for note in opened.notes():
        text, _, line = note.rpartition("\n\n")
        signed = base64.b64decode(line.split(" ")[2])
        assert len(signed) == 4 + 64 and [name for name, id in ids.items() if id == signed[:4]] == ["checkpoint"]
        assert [name for name, key in keys.items() if is_signed(key, f"{text}\n".encode(), signed[4:])] == ["checkpoint"]


# MARK: the sources

# How a library's algorithm is called for in Sources, the longer names first; and whose it is.
CALLS = {
    "crypto_aead_chacha20poly1305_ietf": (STREAM, "libsodium"),
    "crypto_aead_xchacha20poly1305_ietf": ("XChaCha20-Poly1305", "libsodium"),
    "crypto_pwhash_scryptsalsa208sha256": ("scrypt", "libsodium"),
    "crypto_pwhash": ("Argon2id", "libsodium"),
    "crypto_sign": ("Ed25519", "libsodium"),
    "crypto_auth_hmacsha256": ("HMAC-SHA-256", "libsodium"),
    "crypto_generichash": ("BLAKE2b-256", "libsodium"),
    "crypto_scalarmult": ("X25519", "libsodium"),
    "XWingMLKEM768X25519": (HYBRID, "swift-crypto"),
    "HMAC<Insecure.SHA1>": ("HMAC-SHA-1", "swift-crypto"),
    "Insecure.SHA1()": ("SHA-1", "swift-crypto"),
    "SHA256()": ("SHA-256", "swift-crypto"),
    ".ecdsaWithSHA256": ("ECDSA P-256", "swift-certificates"),
}
ANY_CALL = re.compile(
    r"\bcrypto_[a-z0-9_]+|XWing\w+|H(?:MAC|KDF)<[\w.]+>|\bInsecure\.\w+\(\)|\bSHA\d+\(\)"
    r"|\.ecdsa\w+|\bAES\.\w+|\bP\d{3}\.\w+|\bCurve25519\.\w+"
)


def test_every_call_of_a_library_is_listed_as_its_own():
    sources = {path: path.read_text() for path in (CHECKOUT / "Sources").rglob("*.swift")}
    # Passkeys are a leaf of its own, whose row names swift-crypto's signatures.
    assert {path.parent.name for path, text in sources.items() if re.search(r"import WebAuthn\b", text)} == {"Custody"}
    sources = {path: text for path, text in sources.items() if path.parent.name != "WebAuthn"}
    called = {(call, path.name) for path, text in sources.items() for call in ANY_CALL.findall(text)}
    listed = {(name, by) for _, cell, by, _ in rows_of(SECURITY) for name in re.findall("`([^`]+)`", cell)}
    used = set()
    for call, file in sorted(called):
        known = next((known for known in CALLS if call.startswith(known)), None)
        assert known, f"{file} calls for {call}, which no row of SECURITY.md is about"
        assert CALLS[known] in listed, f"{file} calls for {call}: SECURITY.md does not list {' by '.join(CALLS[known])}"
        used.add(known)
    assert used == set(CALLS)


def test_what_is_found_nowhere_is_reached_from_nowhere():
    assert {name for where, name in LISTED if where == "nowhere"} == set(NOT_FOUND_ANYWHERE) == {"scrypt"}
    others = [path for path in (CHECKOUT / "Sources").rglob("*.swift") if path.parent.name != "Sealing"]
    assert len(others) > 50 and not [path for path in others if "Passphrase" in path.read_text()]
