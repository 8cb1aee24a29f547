#!/usr/bin/env python3
"""Reads and checks a vault after docs/format.md alone. It shares no code with the program.

    reader.py VAULT SECRETS NAME DOCUMENT <password >document
    reader.py VAULT                                 checks what can be checked without a password

Order of reading: ledger (every leaf, signature and the root), then password, keybox, person, team, pupil file, file
key, payload. Nothing is used because it opens: each item must be what a statement under the checkpoint commits to.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import sqlite3
import sys
import unicodedata
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.pwhash import argon2id
from nacl.signing import SigningKey, VerifyKey

CHUNK = 65536
POLICIES = [
    "acceptable-use.yaml", "access.yaml", "agencies.yaml", "archive.yaml", "categories.yaml", "file-types.yaml",
    "inspection.yaml", "limits.yaml", "notices.yaml", "school.yaml", "sessions.yaml",
    "witness.yaml",
]  # fmt: skip
LONGEST_INVITATION = 24 * 3_600_000
ENTRY_KINDS = ["action", "archive", "call", "correction", "decision", "meeting", "observation", "waiver", "words"]
TRIAGE_FIELDS = ["child_on_child", "due", "follows", "made_by", "parents", "parents_reason", "words"]
PRINT_FIELDS = ["agency", "batch", "category", "form", "lane", "made_by", "media_type", "order", "period", "uploader"]
# The fields of the details of disclosure, by the act that has them.
WORDS_ALONE = ["made_by", "words"]
DISCLOSURE_FIELDS = {
    "disclosure.requested": [
        "agency", "basis", "contact", "counselling", "enquiry", "identity_checked", "made_by", "notice", "notice_reason",
        "notice_to", "number", "officer", "organisation", "proportionate", "purpose", "rank", "received", "sought",
        "suspects", "victim",
    ],
    "permission.given": [
        "conditions", "initials", "made_by", "number", "officer", "organisation", "rank", "recipient", "warnings",
    ],
    "disclosure.refused": WORDS_ALONE, "permission.withdrawn": WORDS_ALONE, "visit.closed": WORDS_ALONE,
    "visit.recorded": ["day", "made_by", "officer", "present", "read", "time"],
    "child.informed": ["by", "day", "made_by", "review", "words"],
    "issue.closed": ["sha256"],
}  # fmt: skip
# What the detail of an act of disclosure is about: the key of the act.
DISCLOSURE_OBJECTS = {
    "disclosure.requested": "request", "disclosure.refused": "request", "permission.given": "permission",
    "permission.withdrawn": "permission", "child.informed": "permission", "visit.recorded": "visit", "visit.closed": "visit",
    "issue.closed": "issue",
}  # fmt: skip
OUTCOMES = ["nothing", "pupil", "adults", "parents", "agency", "social-care", "lado", "police"]
MOST_TRIAGED = 500
ENTRY_FIELDS = [
    "account", "action", "basis", "date", "ended", "follow_up", "follow_up_due", "kind", "late_reason", "made_by",
    "number", "organisation", "outcome", "parents", "parents_reason", "questions", "reasons", "received",
    "received_time", "summary", "summary_origin", "time", "told", "told_date", "told_time", "with",
]  # fmt: skip


class Broken(Exception):
    """Something is not what the format, or a statement, says."""


class NotTheirs(Broken):
    """A header that has no stanza for an identity."""


class NoPath(Exception):
    """No wraps lead from this person to what was asked for."""


def require(condition, what):
    if not condition:
        raise Broken(what)


# Spellings


CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def crockford(data: bytes) -> str:
    short = -8 * len(data) % 5
    number = int.from_bytes(data, "big") << short
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(8 * len(data) + short - 5, -1, -5))


def as_typed(text: str) -> str:
    """A code's characters, as people write it."""
    for spelled, meant in zip("- oil", ["", "", "0", "1", "1"]):
        text = text.lower().replace(spelled, meant)
    return text


def typed_code(text: str) -> bytes:
    """The 16 bytes of a code as people write it."""
    return id_bytes(as_typed(text))


def access_code(text: str) -> str:
    """The 18 characters of a permission's access code, the last of which says that the others are as they were."""
    code = as_typed(text)
    require(len(code) == 18 and not set(code) - set(CROCKFORD), "the access code is malformed")
    number = 0
    for character in code[:17]:
        number = number << 5 | CROCKFORD.index(character)
    require(number % 37 == CROCKFORD.index(code[17]), "the access code's check character is another")
    return code


def id_text(data: bytes) -> str:
    require(len(data) == 16, "an id has another length")
    return crockford(data)


def id_bytes(text) -> bytes:
    require(isinstance(text, str) and len(text) == 26 and not set(text) - set(CROCKFORD), "an id is malformed")
    number = 0
    for character in text:
        number = number << 5 | CROCKFORD.index(character)
    require(number & 3 == 0, "an id has bits left over")
    return (number >> 2).to_bytes(16, "big")


def decode64(text, alphabet, padded: bool) -> bytes:
    """Base64 that has one spelling: what encoding gives again."""
    require(isinstance(text, str) and text.isascii(), "base64 is malformed")
    try:
        data = base64.b64decode(text + ("" if padded else "=" * (-len(text) % 4)), alphabet, validate=True)
    except ValueError:
        raise Broken("base64 is malformed") from None
    again = base64.b64encode(data, alphabet).decode()
    require((again if padded else again.rstrip("=")) == text, "base64 is not canonical")
    return data


def url64(text, length=None) -> bytes:
    data = decode64(text, b"-_", padded=False)
    require(length is None or len(data) == length, "base64 has another length")
    return data


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def derive(key: bytes, label: bytes, context=b"") -> bytes:
    return hashlib.blake2b(label + b"\0" + context, digest_size=32, key=key).digest()


# Statements


def is_id(value):
    id_bytes(value)


def is_text(value):
    require(isinstance(value, str), "a text is missing")


def is_count(value):
    require(type(value) is int and value >= 0, "a count is malformed")


def is_integer(value):
    require(type(value) is int, "a number is malformed")


def is_boolean(value):
    require(isinstance(value, bool), "a boolean is malformed")


def is_bytes(length):
    return lambda value: url64(value, length)


def one_of(*words):
    return lambda value: require(isinstance(value, str) and value in words, "an unknown word")


def list_of(kind):
    def check(value):
        require(isinstance(value, list), "a list is missing")
        for entry in value:
            kind(entry)

    return check


def rising(kind):
    def check(value):
        list_of(kind)(value)
        require(all(one < other for one, other in zip(value, value[1:])), "a list does not rise")

    return check


def set_of(*words):
    """A list of words, each once and in order."""

    def check(value):
        list_of(one_of(*words))(value)
        require(all(one < other for one, other in zip(value, value[1:])), "a list is out of order")

    return check


def object_of(keys, optional=()):
    def check(value):
        require(isinstance(value, dict), "an object is missing")
        for key in set(keys) | set(value):
            require(key in keys, f"unknown key {key}")
            require(key in value or key in optional, f"no key {key}")
            if key in value:
                keys[key](value[key])

    return check


ROLES = ["account-manager", "admin", "deputy", "dsl", "panel", "staff"]
ABILITIES = [
    "file", "give-access", "hold-restricted", "manage-people", "manage-pupils", "manage-stations", "read", "see-figures",
    "see-intake",
]  # fmt: skip
ITEM_KINDS = [
    "recipient", "wrap", "keybox", "header", "detail", "detail-key", "intake-key", "row-key", "register-row", "person-row",
    "terms", "credential", "passkey-row", "batch-row", "certificate",
]  # fmt: skip
DIGEST = is_bytes(32)


def is_abilities(value):
    require(isinstance(value, dict) and not set(value) - set(ROLES), "an unknown role")
    for words in value.values():
        set_of(*ABILITIES)(words)


WRAPS = list_of(object_of({"item": is_id, "identity": is_id, "holder": is_id}))
PERSON = {
    "person": is_id, "identity": is_id, "verifying_key": DIGEST, "name_tag": DIGEST,
    "roles": set_of(*ROLES, "scan-station"), "keybox": is_id, "row": is_id, "wraps": WRAPS,
}  # fmt: skip
TWO_PEOPLE_ACTS = ["join-again", "make-deputy", "make-lead", "make-panel", "make-recovery-key", "suspend-lead"]


def is_days(value):
    require(type(value) is int and 1 <= value <= 90, "no number of days")


TWO_PEOPLE = object_of({"acts": set_of(*TWO_PEOPLE_ACTS), "new_for_days": is_days})
PROPOSED = {
    "give-keys": {"person": is_id, "identity": is_id},
    "make-recovery-key": {"identity": is_id, "row": is_id, "threshold": is_count, "shares": is_count},
    "suspend-lead": {"person": is_id}, "restore-lead": {"person": is_id},
}  # fmt: skip


def is_proposal(value):
    require(isinstance(value, dict), "an object is missing")
    one_of(*PROPOSED)(value.get("what"))
    object_of({"proposal": is_id, "what": is_text, **PROPOSED[value["what"]]})(value)


def is_algorithm(value):
    require(value in (-7, -8, -257), "no algorithm of a passkey")


CREDENTIAL = object_of({
    "id": url64, "public_key": url64, "algorithm": is_algorithm, "sign_count": is_count,
    "backup_eligible": is_boolean, "backed_up": is_boolean, "user_verified": is_boolean, "site": is_text,
})
SESSION = object_of({"session": is_id})
ONE_PERSON = object_of({"person": is_id})
A_PROPOSAL = object_of({"proposal": is_id})
CODE = object_of({"key": DIGEST, "expires": is_count})
SHARES = list_of(object_of({"access": is_id, "document": is_id, "header": is_id, "row_key": is_id}))
ENTRY_SHARES = list_of(object_of({"access": is_id, "entry": is_id, "row_key": is_id}))
MOST_SHARES = 500
SEALED = {"detail": is_id, "detail_key": is_id}
PERMITTED = object_of({"document": is_id, "header": is_id})
MOST_PERMITTED = 500
UNDER_SESSION = object_of({"permission": is_id, "session": is_id})


def is_end_of_issue(value):
    keys = {"issue": is_id, "bytes": is_count, "pages": is_count, "complete": is_boolean, **SEALED}
    object_of(keys, optional=SEALED)(value)
    require(("detail" in value) == ("detail_key" in value), "a detail without its key, or a key without")


def is_issue(value):
    keys = {
        "issue": is_id, "permission": is_id, "session": is_id, "manner": one_of("view", "pack"), "document": is_id,
    }  # fmt: skip
    object_of(keys, optional=["document"])(value)
    require(("document" in value) == (value["manner"] == "view"), "a view of everything, or a pack of one")


UPLOAD = object_of({"upload": is_id, "code": is_text})
ACTS = {
    "vault.founded": object_of({
        "vault": is_id, "origin": is_text, "service_key": DIGEST, "checkpoint_key": DIGEST,
        "register": is_id, "team": is_id, "intake": is_id, "abilities": is_abilities, "acceptable_use": is_text,
        "two_people": TWO_PEOPLE, "passkey_roles": set_of(*ROLES), "founder": object_of(PERSON),
    }),
    "person.invited": object_of({
        "person": is_id, "name_tag": DIGEST, "roles": set_of(*ROLES, "scan-station"), "row": is_id, "code": CODE,
    }),
    "person.reset": object_of(
        {"person": is_id, "code": CODE, "roles": set_of(*ROLES, "scan-station")}, optional=["roles"]),
    "person.joined": object_of({
        "person": is_id, "identity": is_id, "verifying_key": DIGEST, "keybox": is_id, "proof": is_bytes(64),
    }),
    "person.enrolled": ONE_PERSON,
    "person.confirmed": object_of(
        {"person": is_id, "identity": is_id, "wraps": WRAPS, "proposal": is_id}, optional=["proposal"]),
    "policy.acknowledged": object_of({"version": is_text}),
    "training.recorded": object_of({"person": is_id, "completed": is_text, "expires": is_count}),
    "recovery-code.used": object_of({"number": is_count}),
    "keybox.renewed": object_of({"keybox": is_id}),
    "passkey.added": object_of({"passkey": is_id, "credential": is_id, "credential_hash": DIGEST, "row": is_id}),
    "passkey.removed": object_of({"passkey": is_id, "person": is_id}),
    "person.suspended": object_of({"person": is_id, "proposal": is_id}, optional=["proposal"]),
    "person.restored": object_of({"person": is_id, "proposal": is_id}, optional=["proposal"]),
    "proposal.made": is_proposal,
    "proposal.agreed": A_PROPOSAL,
    "proposal.withdrawn": A_PROPOSAL,
    "pupil.registered": object_of(
        {"pupil": is_id, "reference": is_text, "identity": is_id, "row": is_id, "wraps": WRAPS}),
    "policy.adopted": object_of(
        {"abilities": is_abilities, "acceptable_use": is_text, "two_people": TWO_PEOPLE, "passkey_roles": set_of(*ROLES)}),
    "policy.reviewed": object_of({"version": is_text, "reviewed": is_text, "due": is_count, "panel": list_of(is_id)}),
    "session.opened": SESSION,
    "session.closed": SESSION,
    "sign-in.failed": object_of({"person": is_id, "count": is_count}, optional=["person"]),
    "document.filed": object_of({
        "document": is_id, "upload": is_id, "blob": is_id, "payload_sha256": DIGEST, "payload_length": is_count,
        "nonce": is_bytes(16), "commitment": DIGEST, "detail": is_id, "detail_key": is_id, "quarantine": is_text,
        "batch": is_id, "shares": SHARES, "content_tag": DIGEST,
    }, optional=["quarantine", "batch", "shares"]),
    "entry.made": object_of({
        "entry": is_id, "detail": is_id, "detail_key": is_id, "corrects": is_id, "follow_up": is_id, "completes": is_id,
        "shares": ENTRY_SHARES,
    }, optional=["corrects", "follow_up", "completes", "shares"]),
    "items.triaged": object_of({
        "triage": is_id, "records": rising(is_id), "detail": is_id, "detail_key": is_id, "follow_ups": list_of(is_id),
    }),
    "chronology.printed": object_of({
        "print": is_id, "session": is_id, "lines": is_count, "detail": is_id, "detail_key": is_id,
    }),
    "access.given": object_of({
        "access": is_id, "person": is_id, "identity": is_id, "whole": is_boolean, "expires": is_count, "detail": is_id,
        "detail_key": is_id,
    }),
    "access.extended": object_of({"shares": SHARES, "entries": ENTRY_SHARES}, optional=["entries"]),
    "access.ended": object_of({"access": is_id}),
    "disclosure.requested": object_of({"request": is_id, "letter": is_id, **SEALED}),
    "disclosure.refused": object_of({"request": is_id, **SEALED}),
    "disclosure.delegated": object_of({"person": is_id, "until": is_count}),
    "delegation.ended": ONE_PERSON,
    "permission.given": object_of({
        "permission": is_id, "request": is_id, "identity": is_id, "keybox": DIGEST, "tag": DIGEST,
        "documents": list_of(PERMITTED), "letter": PERMITTED, "exhibit": is_count, "from": is_count, "until": is_count,
        "copies": is_count, "terms": is_id, **SEALED,
    }),
    "permission.withdrawn": object_of({"permission": is_id, **SEALED}),
    "permission.ended": object_of({"permission": is_id, "reason": one_of("expired", "used", "codes")}),
    "permission.entered": UNDER_SESSION,
    "permission.acknowledged": UNDER_SESSION,
    "permission.refused": object_of({"permission": is_id, "code": is_text}),
    "issue.opened": is_issue,
    "issue.closed": is_end_of_issue,
    "visit.recorded": object_of({"visit": is_id, "permission": is_id, **SEALED}),
    "visit.closed": object_of({"visit": is_id, "notes": is_id, **SEALED}, optional=["notes"]),
    "child.informed": object_of({"permission": is_id, "told": is_boolean, **SEALED}),
    "recovery.set": object_of({
        "identity": is_id, "verifying_key": DIGEST, "threshold": is_count, "shares": list_of(DIGEST), "row": is_id,
        "wraps": WRAPS, "proposal": is_id,
    }, optional=["proposal"]),
    "recovery.drilled": object_of({"recovery": is_id, "shares": rising(is_count)}),
    "recovery.used": object_of({
        "recovery": is_id, "person": is_id, "identity": is_id, "verifying_key": DIGEST, "keybox": is_id,
        "newcomer": object_of({"name_tag": DIGEST, "row": is_id}), "wraps": WRAPS, "suspended": rising(is_id),
        "proof": is_bytes(64),
    }, optional=["newcomer"]),
    "batch.opened": object_of({"batch": is_id}),
    "batch.closed": object_of({"batch": is_id}),
    "batch.prepared": object_of({"batch": is_id, "row": is_id}),
    "sheets.printed": object_of({"batch": is_id, "count": is_count}),
    "batch.presented": object_of({"batch": is_id, "checker": is_id, "plan": DIGEST, "pages": is_count}),
    "batch.withdrawn": object_of({"batch": is_id}),
    "batch.checked": object_of({"batch": is_id, "plan": DIGEST, "pages": is_count}),
    "batch.doubted": object_of({"batch": is_id, "plan": DIGEST, "answer": DIGEST}),
    "batch.sealed": object_of({"batch": is_id, "plan": DIGEST}),
    "paper.moved": object_of({"batch": is_id, "state": one_of("out", "returned"), "row": is_id}),
    "paper.destroyed": object_of({"batch": is_id, "certificate": is_id, "backup": is_id}),
    "backup.verified": object_of({"backup": is_id, "size": is_count, "root": DIGEST}),
    "vault.continued": object_of({"branch": is_id, "lost_size": is_count, "lost_root": DIGEST}, ("lost_size", "lost_root")),
    "checkpoint.printed": object_of({"print": is_id, "session": is_id}),
    "intake.taken": object_of({"upload": is_id, "batch": is_id}),
    "station.added": object_of({"station": object_of(PERSON), "expires": is_count, "intake": is_boolean}),
    "station.allowed": object_of({"station": is_id}),
    "station.withdrawn": object_of({"station": is_id}),
    "intake.received": object_of({
        "upload": is_id, "blob": is_id, "payload_sha256": DIGEST, "payload_length": is_count, "nonce": is_bytes(16),
        "commitment": DIGEST, "header": is_id, "detail": is_id, "key": is_id, "quarantine": is_text,
    }, optional=["quarantine"]),
    "intake.read": SESSION,
    "restricted.acted": object_of({
        "record": is_id, "detail": is_id,
        "document": object_of({
            "upload": is_id, "blob": is_id, "payload_sha256": DIGEST, "payload_length": is_count, "nonce": is_bytes(16),
            "commitment": DIGEST,
        }),
    }, optional=["document"]),
    "upload.refused": UPLOAD,
    "upload.waiting": UPLOAD,
    "upload.discarded": object_of({"upload": is_id}),
    "register.read": SESSION,
    "chronology.read": SESSION,
    "chronology.searched": SESSION,
    "item.promoted": object_of({"item": is_count}),
    "item.demoted": object_of({"item": is_count}),
    "document.opened": object_of(
        {"document": is_id, "reading": is_id, "manner": one_of("view", "download", "sealed-download", "comparison", "recognition")}),
    "document.moved": object_of({"document": is_id, "record": is_id}),
    "quarantine.decided": object_of({
        "decision": is_id, "document": is_id, "released": is_boolean, "detail": is_id, "detail_key": is_id,
    }),
    "document.closed": object_of(
        {"document": is_id, "reading": is_id, "bytes": is_count, "pages": is_count, "complete": is_boolean}),
    "access.refused": object_of({"code": is_text}),
    "orphan.found": object_of({"blob": is_id}),
}  # fmt: skip


def is_author(value):
    if value != "service":
        is_id(value)


def is_fields(value):
    require(isinstance(value, dict), "fields are malformed")
    for digest in value.values():
        url64(digest, 32)


STATEMENT = object_of({
    "v": is_integer, "index": is_count, "time": is_integer, "author": is_author, "root": DIGEST, "policy": DIGEST,
    "kind": one_of(*ACTS), "act": lambda value: None, "pupil_file": is_id, "fields": is_fields,
    "items": list_of(object_of({"id": is_id, "kind": one_of(*ITEM_KINDS), "sha256": DIGEST})),
}, optional=["pupil_file", "fields", "items"])  # fmt: skip


def canonical(value) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def parse_canonical(data: bytes):
    """A value that has one spelling: what encoding gives again, of printable ASCII."""
    require(0 < len(data) <= 1 << 20 and all(0x20 <= byte <= 0x7E for byte in data), "the JSON is not printable ASCII")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise Broken("the JSON is malformed") from None
    require(canonical(value) == data, "the JSON is not canonical")

    def walk(value, level):
        if isinstance(value, (dict, list)):
            require(level < 16, "the JSON is too deep")
            for inner in value.values() if isinstance(value, dict) else value:
                walk(inner, level + 1)
            for text in value if isinstance(value, dict) else ():
                walk(text, level + 1)
        elif isinstance(value, str):
            require(all(" " <= character <= "~" for character in value), "a text has other characters")
        else:
            require(isinstance(value, bool) or (type(value) is int and abs(value) < 1 << 53), "a value is of no kind")

    walk(value, 0)
    return value


def signed_text(statement: bytes, vault: str) -> bytes:
    """What a statement's signature is over."""
    return b"strongroom/statement/v1\n" + id_bytes(vault) + sha256(statement)


class Statement:
    """A leaf, taken apart."""

    def __init__(self, leaf: bytes):
        require(len(leaf) > 69 and leaf[0] == 1, "the leaf is malformed")
        length = int.from_bytes(leaf[1:5], "big")
        require(len(leaf) == 5 + length + 64, "the leaf's length differs")
        self.bytes, self.signature = leaf[5:-64], leaf[-64:]
        self.value = parse_canonical(self.bytes)
        STATEMENT(self.value)
        require(all(self.value[key] for key in ("items", "fields") if key in self.value), "a key is empty")
        require(self.value["v"] == 1, "the version is another")
        self.kind, self.act = self.value["kind"], self.value["act"]
        ACTS[self.kind](self.act)
        self.index, self.time, self.author = (self.value[key] for key in ("index", "time", "author"))
        self.pupil_file = self.value.get("pupil_file")
        self.items = {item["id"]: (item["kind"], url64(item["sha256"])) for item in self.value.get("items", [])}
        require(len(self.items) == len(self.value.get("items", [])), "an item is named twice")
        self.fields = {name: url64(digest) for name, digest in self.value.get("fields", {}).items()}

    def check_signature(self, key: bytes, vault: str):
        try:
            VerifyKey(key).verify(signed_text(self.bytes, vault), self.signature)
        except (BadSignatureError, ValueError):
            raise Broken("the signature is false") from None


# The tree


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


class Tree:
    """RFC 6962's tree, leaf by leaf; keeps every complete subtree."""

    def __init__(self):
        self.size, self.nodes = 0, {}

    def append(self, leaf: bytes):
        level, index, digest = 0, self.size, sha256(b"\x00" + leaf)
        self.nodes[0, index] = digest
        while index & 1:
            digest = node_hash(self.nodes[level, index - 1], digest)
            level, index = level + 1, index >> 1
            self.nodes[level, index] = digest
        self.size += 1

    def root(self) -> bytes:
        edge = [(level, (self.size >> level) - 1) for level in range(self.size.bit_length()) if self.size >> level & 1]
        digest = None
        for position in edge:  # the smallest subtree first
            digest = self.nodes[position] if digest is None else node_hash(self.nodes[position], digest)
        return sha256(b"") if digest is None else digest


def note_key_id(name: str, key: bytes) -> bytes:
    """Says the key and, by the byte before it, that it is one of Ed25519."""
    return sha256(name.encode() + b"\n\x01" + key)[:4]


def read_checkpoint(note: str, origin: str, key: bytes):
    """The size and root of a note that the vault's own key signed."""
    text, gap, lines = note.rpartition("\n\n")
    require(gap and lines.endswith("\n") and len(note.encode()) <= 1_000_000, "the note is malformed")
    require(lines.count("\n") <= 64, "the note has too many signatures")
    text += "\n"
    known = note_key_id(origin, key)
    signed = False
    for line in lines[:-1].split("\n"):
        match = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
        require(match, "a signature line is malformed")
        data = decode64(match[2], b"+/", padded=True)
        if match[1] == origin and data[:4] == known:
            try:
                VerifyKey(key).verify(text.encode(), data[4:])
            except (BadSignatureError, ValueError):
                raise Broken("the note's signature is false") from None
            signed = True
    require(signed, "the vault's key did not sign the note")
    said, size, root = text[:-1].split("\n")[:3]
    require(said == origin and re.fullmatch("0|[1-9][0-9]*", size), "the checkpoint is malformed")
    root = decode64(root, b"+/", padded=True)
    require(len(root) == 32, "the checkpoint's root is malformed")
    return int(size), root


# Witnesses: C2SP tlog-cosignature and tlog-witness


class Cosigner:
    """A witness's public key: name+hash+base64 of 0x04 and the key."""

    def __init__(self, vkey: str):
        parts = vkey.split("+", 2)
        require(len(parts) == 3 and re.fullmatch("[^ +]+", parts[0]), "the witness's key is malformed")
        material = decode64(parts[2], b"+/", padded=True)
        require(len(material) == 33 and material[0] == 4, "the witness's key is of another kind")
        self.vkey, self.name, self.key = vkey, parts[0], material[1:]
        self.id = sha256(self.name.encode() + b"\n\x04" + self.key)[:4]
        require(parts[1] == self.id.hex(), "the witness's key has another hash")

    def time(self, line: str, text: str):
        """When this witness cosigned a checkpoint's text, in seconds since 1970; None where the line is another's."""
        match = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)\n", line)
        require(match, "a signature line is malformed")
        data = decode64(match[2], b"+/", padded=True)
        if match[1] != self.name or data[:4] != self.id:
            return None
        require(len(data) == 4 + 8 + 64, "a cosignature has another length")
        time = int.from_bytes(data[4:12], "big")
        try:
            VerifyKey(self.key).verify(f"cosignature/v1\ntime {time}\n{text}".encode(), data[12:])
        except (BadSignatureError, ValueError):
            raise Broken("a cosignature is false") from None
        return time


def goes_on(old: int, new: int, old_root: bytes, new_root: bytes, proof: list) -> bool:
    """Whether a tree goes on from another, by RFC 9162, section 2.1.4.2."""
    if old == new or old == 0:
        return not proof and old_root == (new_root if old == new else sha256(b""))
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while node & 1 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


# Authority: who may say what, replayed


# What an agency does, which has no account: nobody else says it.
OF_AGENCY = {
    "permission.ended", "permission.entered", "permission.refused", "permission.acknowledged", "issue.opened", "issue.closed",
}  # fmt: skip
SERVICE_ALONE = {*OF_AGENCY, "backup.verified"}
SERVICE_MAY = {
    "sign-in.failed", "orphan.found", "upload.refused", "upload.waiting", "session.closed", "document.closed", *SERVICE_ALONE,
}  # fmt: skip
BEFORE_ENROLMENT = {"person.enrolled", "session.opened", "session.closed"}
BEFORE_KEYS = {
    *BEFORE_ENROLMENT, "policy.acknowledged", "recovery-code.used", "keybox.renewed", "passkey.added", "passkey.removed",
}  # fmt: skip
# What somebody says too whose role signs in by passkey, and who has none.
BEFORE_PASSKEY = {*BEFORE_KEYS, "document.closed", "access.refused"}
MOST_PASSKEYS = 10
NEEDS = {
    "person.invited": "manage-people", "person.reset": "manage-people", "training.recorded": "manage-people",
    "person.confirmed": "give-access", "policy.adopted": "give-access", "pupil.registered": "manage-pupils",
    "document.filed": "file", "entry.made": "file", "upload.discarded": "file", "chronology.read": "read", "document.opened": "read",
    "batch.opened": "file", "intake.read": "see-intake",
    "batch.prepared": "file", "sheets.printed": "file", "batch.presented": "file", "batch.withdrawn": "file",
    "batch.sealed": "file", "paper.destroyed": "read",
    "chronology.searched": "read", "item.promoted": "read", "item.demoted": "read", "items.triaged": "read",
    "chronology.printed": "read", "quarantine.decided": "read",
    "disclosure.requested": "read", "visit.recorded": "read", "visit.closed": "read", "child.informed": "read",
    "disclosure.delegated": "give-access", "delegation.ended": "give-access",
    "access.given": "give-access", "access.extended": "give-access", "access.ended": "give-access",
    "policy.reviewed": "give-access", "checkpoint.printed": "see-figures",
    "recovery.set": "give-access", "recovery.drilled": "give-access", "vault.continued": "give-access",
    "station.added": "manage-stations", "station.allowed": "manage-stations", "station.withdrawn": "manage-stations",
}
# What somebody whose role does not read may say of a pupil file that they have access to.
READING = {"chronology.read", "document.opened"}
# What a lead says, or a deputy to whom that is delegated.
PERMITTING = {"disclosure.refused", "permission.given", "permission.withdrawn"}
DELEGATING = {"disclosure.delegated", "delegation.ended"}
DISCLOSING = {"disclosure.requested", *PERMITTING, *DELEGATING, *OF_AGENCY, "visit.recorded", "visit.closed", "child.informed"}
# Acts whose author's key comes with them.
BRING_THEIR_KEY = {"person.joined", "recovery.used"}
# Abilities that need the policy acknowledged, and a training that counts.
NEEDS_DUTIES = {"file", "read", "see-intake", "hold-restricted"}
# Roles that a lead alone gives.
MADE_BY_LEAD = {"dsl", "deputy", "panel"}
STATION_MAY = {"document.filed", "upload.refused", "upload.waiting", "upload.discarded", "access.refused"}  # fmt: skip
CHANGES_AUTHORITY = {
    "vault.founded", "person.invited", "person.reset", "person.joined", "person.enrolled", "person.confirmed",
    "policy.acknowledged", "training.recorded", "recovery-code.used", "keybox.renewed", "passkey.added",
    "passkey.removed", "person.suspended", "person.restored",
    "pupil.registered", "policy.adopted", "policy.reviewed", "batch.opened", "batch.closed", "station.added", "station.allowed",
    "station.withdrawn", "access.given", "access.extended", "access.ended", "recovery.set", "recovery.drilled",
    "recovery.used", "proposal.made", "proposal.agreed", "proposal.withdrawn", "document.moved", "item.promoted",
    "item.demoted", "batch.prepared", "sheets.printed", "batch.presented", "batch.withdrawn", "batch.checked",
    "batch.doubted", "batch.sealed", "paper.moved", "paper.destroyed", "backup.verified", "intake.taken",
    "quarantine.decided", "vault.continued", "checkpoint.printed",
}  # fmt: skip
# What puts an item into a chronology.
ITEMS = {"document.filed", "entry.made"}
DAY = 86_400_000
# For how long a proposal stands.
WEEK = 7 * DAY


def day_start(text: str):
    """The beginning of a day such as 2026-11-26 in UTC, in milliseconds; None for any other text."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(day.timestamp()) * 1000 if day.strftime("%Y-%m-%d") == text else None


def invitation_key(code: bytes) -> SigningKey:
    """What the 128 bits of an invitation's code give."""
    require(len(code) == 16, "the code has another length")
    return SigningKey(derive(code + bytes(16), b"strongroom/v1/invitation"))


def joined_text(vault: str, act: dict, recipient: bytes, keybox: bytes) -> bytes:
    """What the invitation's key signs: the new keys, by id and by the digests of recipient and keybox."""
    ids = b"".join(map(id_bytes, (vault, act["person"], act["identity"])))
    return b"strongroom/v1/invitation\n" + ids + url64(act["verifying_key"]) + recipient + keybox


class Ledger:
    """The statements in order, and what they come to."""

    def __init__(self):
        self.tree, self.roots = Tree(), [sha256(b"")]
        self.statements, self.items, self.documents = [], {}, {}
        self.founding, self.people, self.tags, self.pupils = None, {}, {}, {}
        self.identities, self.wraps, self.detail_keys = {}, {}, {}
        # The last decision about each document that is kept as evidence.
        self.quarantine = {}
        self.stations, self.batches, self.intake, self.invitations = {}, {}, {}, {}
        self.taken = set()
        self.printed_checkpoint = None
        # Verified backups; of each batch the documents that nobody but their filer compared yet.
        self.backups, self.filers, self.unproven, self.comparing = {}, {}, {}, {}
        # Where a restored vault went on: the statement's index, and its branch.
        self.branches = []
        self.recoveries, self.proposals, self.two_people = [], {}, None
        self.passkey_roles, self.credentials = [], set()
        self.accesses, self.shares, self.restricted, self.moved = {}, {}, {}, {}
        self.significant = set()
        self.entries, self.follow_ups, self.entry_shares = {}, {}, {}
        self.triages, self.triaged, self.prints = {}, {}, []
        self.requests, self.permissions, self.issues, self.visits = {}, {}, {}, {}
        self.delegations, self.disclosures = {}, []
        self.abilities, self.acceptable_use, self.policy, self.newest = {}, None, None, 0

    def take(self, leaf: bytes):
        """Adds a leaf to the tree in any case; raises what is wrong with its statement."""
        index, root = self.tree.size, self.roots[-1]
        self.tree.append(leaf)
        self.roots.append(self.tree.root())
        statement = Statement(leaf)
        require(statement.index == index, "the index is not the place")
        require(url64(statement.value["root"]) == root, "the root before it is another")
        statement.check_signature(self.key_of(statement), self.vault_of(statement))
        self.check_author(statement)
        require(statement.time >= self.newest, "time goes backwards")
        policy = url64(statement.value["policy"])
        require(statement.kind in CHANGES_AUTHORITY or policy == self.policy, "the policy is not the one in force")
        for item, (kind, digest) in statement.items.items():
            require(item not in self.items, "an item is named twice")
            self.items[item] = (kind, digest, index)
        self.newest = statement.time
        self.statements.append(statement)
        self.apply(statement, policy)

    def origin(self, size: int) -> str:
        """The origin line of a checkpoint of this size."""
        branches = [branch for index, branch in self.branches if index < size]
        return "/".join([self.founding["origin"], *branches[-1:]])

    def vault_of(self, statement) -> str:
        founding = statement.act if statement.kind == "vault.founded" else self.founding
        require(founding, "the vault is not founded yet")
        return founding["vault"]

    def key_of(self, statement) -> bytes:
        if statement.kind == "vault.founded":
            founder = statement.act["founder"]
            require(statement.index == 0 and statement.author == founder["person"], "founded by another")
            return url64(founder["verifying_key"])
        if statement.author == "service":
            require(self.founding, "the vault is not founded yet")
            return url64(self.founding["service_key"])
        if statement.kind in BRING_THEIR_KEY:
            require(statement.author == statement.act["person"], "joined by another")
            return url64(statement.act["verifying_key"])
        require(statement.author in self.people, "the author is unknown")
        return self.people[statement.author]["key"]

    def check_author(self, statement):
        kind = statement.kind
        if statement.author == "service":
            require(kind in SERVICE_MAY, "the service may not say this")
        elif kind != "vault.founded" and kind not in BRING_THEIR_KEY:
            person = self.people[statement.author]
            require(not person["suspended"], "the author is suspended")
            if station := self.stations.get(statement.author):
                require(not station["withdrawn"] and statement.time < station["expires"], "the station has ended")
                may = STATION_MAY | ({"intake.received"} if station["intake"] else set())
                require(kind in may, "a station may not say this")
                return
            require(kind != "intake.received", "only a station fills the intake queue")
            require(kind not in SERVICE_ALONE, "only the service may say this")
            require(statement.author not in self.invitations, "the author's keys are being replaced")
            if kind == "restricted.acted" and self.has_just_recovered(person):
                return
            require(person["enrolled"] or kind in BEFORE_ENROLMENT, "the author is not enrolled")
            require(person["confirmed"] or kind in BEFORE_KEYS, "the author's keys were not compared")
            if kind == "policy.adopted" and self.is_ready(person):
                # Also of who lacks a passkey: so a policy under which nobody can add one is not for ever.
                has = any("give-access" in self.abilities.get(role, []) for role in person["roles"])
                require(has, "the author may not give-access")
                return
            require(kind in BEFORE_PASSKEY or not self.lacks_passkey(person), "the author has no passkey, and needs one")
            if kind in READING and self.may_read(statement.pupil_file, person, statement.time):
                return
            if kind == "restricted.acted" and not self.may("hold-restricted", person, statement.time):
                require(self.may("file", person, statement.time), "the author may neither hold nor file it")
            if kind == "document.moved":
                may = [self.may(ability, person, statement.time) for ability in ("read", "hold-restricted")]
                require(all(may), "the author may not read it, or not keep it")
            if kind in ("batch.checked", "batch.doubted", "paper.moved"):
                require(self.may_check(statement.author, statement.time), "the author may neither file nor read")
            if kind == "intake.taken":
                may = [self.may(ability, person, statement.time) for ability in ("file", "see-intake")]
                require(all(may), "the author may not file it, or not see the queue")
            if kind in PERMITTING:
                require(self.may_permit(person, statement.time), "the author may not permit")
            if kind in NEEDS:
                require(self.may(NEEDS[kind], person, statement.time), f"the author may not {NEEDS[kind]}")

    def apply(self, statement, policy):
        act = statement.act
        match statement.kind:
            case "vault.founded":
                self.founding, self.abilities, self.policy = act, act["abilities"], policy
                self.acceptable_use, self.two_people = act["acceptable_use"], act["two_people"]
                self.passkey_roles = act["passkey_roles"]
                self.add_identity(act["register"], "register")
                self.add_identity(act["team"], "team")
                self.add_identity(act["intake"], "intake")
                self.add_person(act["founder"], statement.index)
                founder = self.people[act["founder"]["person"]]
                founder.update(since=statement.time, given=founder["roles"])
            case "person.invited":
                self.invite(statement)
            case "person.reset":
                self.check_change(statement)
                key, expires = self.check_code(statement)
                if person := self.people.get(act["person"]):
                    person.update(enrolled=False, confirmed=False, out=person["out"] or statement.time)
                    waiting = self.invitations.get(act["person"], person)
                    self.invitations[act["person"]] = {
                        "roles": waiting["roles"], "row": person["row"], "key": key, "expires": expires, "suspended": False,
                    }  # fmt: skip
                else:
                    self.invitations[act["person"]].update(key=key, expires=expires)
                if "roles" in act:
                    self.check_making(statement, act["roles"])
                    require(act["roles"] and "scan-station" not in act["roles"], "made to join again as nothing")
                    self.invitations[act["person"]]["roles"] = act["roles"]
            case "person.joined":
                self.join(statement)
            case "person.confirmed":
                self.confirm(statement)
            case "policy.acknowledged":
                require(act["version"] == self.acceptable_use, "another policy than the one in force")
                self.people[statement.author]["acknowledged"] = act["version"]
            case "training.recorded":
                require(act["person"] in self.people and act["person"] not in self.stations, "training of nobody")
                self.people[act["person"]]["trained_until"] = act["expires"]
            case "recovery-code.used":
                used = self.people[statement.author]["recovery_codes_used"]
                require(1 <= act["number"] <= 10 and act["number"] not in used, "no recovery code, or used twice")
                used.add(act["number"])
            case "keybox.renewed":
                self.expect(act["keybox"], "keybox")
                self.people[statement.author]["keybox"] = act["keybox"]
            case "passkey.added":
                mine = self.people[statement.author]["passkeys"]
                require(len(mine) < MOST_PASSKEYS, "one passkey too many")
                self.expect(act["credential"], "credential")
                self.expect(act["row"], "passkey-row")
                require(act["credential_hash"] not in self.credentials and act["passkey"] not in mine, "a passkey added twice")
                self.credentials.add(act["credential_hash"])
                mine[act["passkey"]] = act
            case "passkey.removed":
                if statement.author != act["person"]:
                    self.check_change(statement)
                    require(self.may("manage-people", self.people[statement.author], statement.time), "removed by who may not")
                person = self.people.get(act["person"])
                require(person and act["passkey"] in person["passkeys"], "no such passkey")
                del person["passkeys"][act["passkey"]]
            case "station.added":
                party = act["station"]
                require(party["roles"] == ["scan-station"] and not party["wraps"], "a station with more than its role")
                self.add_person(party, statement.index)
                self.stations[party["person"]] = {
                    "expires": act["expires"], "intake": act["intake"], "files": set(), "withdrawn": False,
                }  # fmt: skip
            case "station.allowed" | "station.withdrawn":
                station = self.stations.get(act["station"])
                require(station and not station["withdrawn"], "no such station")
                if statement.kind == "station.withdrawn":
                    station["withdrawn"] = True
                else:
                    require(statement.pupil_file in self.pupils, "allowed for nobody")
                    require(statement.pupil_file not in station["files"], "allowed twice")
                    station["files"].add(statement.pupil_file)
            case "recovery.set":
                self.set_recovery(statement)
            case "recovery.drilled":
                key = self.recovery(act["recovery"])
                enough = len(act["shares"]) >= key["threshold"]
                require(enough and 1 <= act["shares"][0] and act["shares"][-1] <= len(key["shares"]), "too few shares")
                key["drilled"] = statement.time
            case "recovery.used":
                self.use_recovery(statement)
            case "batch.opened":
                require(act["batch"] not in self.batches, "a batch opened twice")
                mine = [batch for batch in self.batches.values() if batch["operator"] == statement.author]
                require(all(batch["closed"] for batch in mine), "a second open batch")
                self.batches[act["batch"]] = {
                    "operator": statement.author, "closed": False, "index": statement.index, "paper": None,
                }  # fmt: skip
            case "batch.closed":
                batch = self.own_batch(statement)
                require(not (batch["paper"] or {}).get("presented"), "closed while it is checked")
                batch["closed"] = True
            case "batch.prepared":
                batch = self.own_batch(statement)
                self.expect_only(statement, act["row"], "batch-row")
                paper = batch["paper"]
                require(not (paper or {}).get("presented"), "prepared while it is checked")
                require(paper or statement.index == batch["index"] + 1, "a batch of paper that was opened for something else")
                batch["paper"] = paper or {
                    "presented": None, "checked": False, "place": None, "sealed": None, "destroyed": None,
                }  # fmt: skip
            case "sheets.printed":
                require(not self.own_paper(statement)["presented"] and act["count"] > 0, "sheets of a batch that is checked")
            case "batch.presented":
                paper = self.own_paper(statement)
                require(not paper["presented"], "presented twice")
                may = act["checker"] != statement.author and self.may_check(act["checker"], statement.time)
                require(may, "presented to who may not check")
                paper["presented"] = act
            case "batch.withdrawn":
                paper = self.own_paper(statement)
                require(paper["presented"], "withdrawn without being presented")
                paper.update(presented=None, checked=False)
            case "batch.checked" | "batch.doubted":
                paper = (self.batches.get(act["batch"]) or {}).get("paper") or {}
                plan = paper.get("presented") or {}
                theirs = plan.get("checker") == statement.author and plan.get("plan") == act["plan"]
                require(theirs and not paper["checked"], "checked by another, twice, or by another plan")
                if statement.kind == "batch.checked":
                    require(0 < act["pages"] <= plan["pages"], "more pages checked than there are")
                    paper["checked"] = True
                else:
                    paper["presented"] = None
            case "batch.sealed":
                paper = self.own_paper(statement)
                require(paper["checked"] and paper["presented"]["plan"] == act["plan"], "sealed without being checked")
                self.batches[act["batch"]]["closed"], paper["sealed"] = True, statement.index
            case "paper.moved":
                paper = (self.batches.get(act["batch"]) or {}).get("paper")
                require(paper and not paper["destroyed"] and paper["place"] != act["state"], "moved to where it is")
                require(act["state"] == "out" or paper["place"] == "out", "brought back without being out")
                self.expect_only(statement, act["row"], "batch-row")
                paper["place"] = act["state"]
            case "paper.destroyed":
                self.destroy_paper(statement)
            case "backup.verified":
                require(0 < act["size"] <= statement.index, "a backup of what was not yet recorded")
                require(url64(act["root"]) == self.roots[act["size"]], "a backup of another ledger")
                self.backups[act["backup"]] = act
            case "vault.continued":
                require(act["branch"] not in [branch for _, branch in self.branches], "a branch that there is already")
                require(("lost_size" in act) == ("lost_root" in act), "half of what was lost")
                require(act.get("lost_size", statement.index + 1) > statement.index, "nothing was lost after a checkpoint of that size")
                self.branches.append((statement.index, act["branch"]))
            case "checkpoint.printed":
                require(not (statement.pupil_file or statement.items or statement.fields), "a printed checkpoint that says more")
                self.printed_checkpoint = statement
            case "intake.taken":
                require(act["upload"] in self.intake and act["upload"] not in self.taken, "taken twice, or what is not there")
                require(not self.own_paper(statement)["presented"], "taken into a batch that is checked")
                self.taken.add(act["upload"])
            case "intake.received":
                require(not statement.pupil_file, "an intake item of a pupil")
                for item, kind in ((act["header"], "header"), (act["detail"], "detail"), (act["key"], "intake-key")):
                    require(statement.items.get(item, " ")[0] == kind, f"no {kind} committed")
                self.intake[act["upload"]] = statement
            case "restricted.acted":
                parts = {act["record"]: "header", act["detail"]: "detail"}
                require(not statement.pupil_file and not statement.fields, "a restricted act that says whom it is about")
                require({item: kind for item, (kind, _) in statement.items.items()} == parts, "a restricted act of other parts")
                self.restricted[act["record"]] = statement
            case "document.moved":
                self.move(statement)
                self.prove(act["document"], statement.author)
            case "document.opened":
                require(act["document"] not in self.moved, "opened after it was moved")
                if act["manner"] == "comparison":
                    self.comparing[act["reading"]] = statement
            case "document.closed":
                begun = self.comparing.pop(act["reading"], None)
                if begun and act["complete"] and begun.act["document"] == act["document"]:
                    self.prove(act["document"], begun.author)
            case "person.enrolled":
                require(statement.author == act["person"], "enrolled by another")
                require(not self.people[act["person"]]["enrolled"], "enrolled twice")
                self.people[act["person"]]["enrolled"] = True
            case "person.suspended" | "person.restored":
                self.suspend(statement)
            case "proposal.made":
                self.propose(statement)
            case "proposal.agreed":
                proposal = self.proposals.get(act["proposal"])
                require(proposal and self.may_judge(statement.author, proposal, statement.time), "no second person")
                require(proposal["author"] != statement.author and not proposal["second"], "agreed by its author, or twice")
                self.check_open(proposal, statement.time)
                proposal["second"] = statement.author
            case "proposal.withdrawn":
                proposal = self.proposals.get(act["proposal"])
                own = proposal and proposal["author"] == statement.author and self.takes_part(statement.author)
                require(proposal and self.stands(proposal, statement.time), "withdrawn, and over")
                require(own or self.may_judge(statement.author, proposal, statement.time), "withdrawn by who may not")
                proposal["ended"] = True
            case "policy.adopted":
                self.abilities, self.policy = act["abilities"], policy
                self.acceptable_use, self.two_people = act["acceptable_use"], act["two_people"]
                self.passkey_roles = act["passkey_roles"]
            case "policy.reviewed":
                self.review(statement)
            case "pupil.registered":
                require(statement.pupil_file and statement.pupil_file not in self.pupils, "registered twice")
                taken = {pupil["reference"] for pupil in self.pupils.values()}
                require(act["reference"] not in taken, "the reference is taken")
                self.expect(act["row"], "register-row")
                self.add_identity(act["identity"], "pupil-file")
                edges = [(wrap["identity"], wrap["holder"]) for wrap in act["wraps"]]
                require(edges == [(act["identity"], self.founding["team"])], "a pupil file is for the team alone")
                self.add_wraps(act["wraps"])
                self.pupils[statement.pupil_file] = act
            case "document.filed":
                require(statement.pupil_file in self.pupils, "filed for an unknown pupil")
                known = (self.documents, self.moved, self.entries)
                require(not any(act["document"] in one for one in known), "filed twice")
                require(statement.items.get(act["document"], " ")[0] == "header", "no header committed")
                self.check_detail(statement)
                self.check_batch(statement, act)
                self.documents[act["document"]] = statement
                if "batch" in act:
                    self.filers[act["document"]] = act["batch"], statement.author
                    self.unproven.setdefault(act["batch"], set()).add(act["document"])
                require(act.get("shares", [None]), "shares, and none")
                for share in act.get("shares", []):
                    require(share["document"] == act["document"], "another document is shared by its filing")
                    require(self.add_share(share, statement)["whole"], "shared by filing under an access to some documents")
            case "entry.made":
                self.make_entry(statement)
            case "items.triaged":
                self.triage(statement)
            case "chronology.printed":
                require(statement.pupil_file in self.pupils, "a print of an unknown pupil")
                self.check_detail(statement)
                self.prints.append(statement)
            case "quarantine.decided":
                require("dsl" in self.people[statement.author]["roles"], "quarantine is decided about by another than the lead")
                require(statement.pupil_file in self.pupils, "a decision about an unknown pupil")
                require(act["document"] not in self.moved, "a decision about what was moved")
                filed = self.documents.get(act["document"])
                kept = filed and filed.pupil_file == statement.pupil_file and "quarantine" in filed.act
                require(kept, "a decision about what this file does not keep as evidence")
                self.check_detail(statement)
                self.quarantine[act["document"]] = statement
            case kind if kind in DELEGATING:
                self.delegate(statement)
            case kind if kind in DISCLOSING:
                self.disclose(statement)
            case "access.given":
                self.give_access(statement)
            case "access.extended":
                entries = act.get("entries", [])
                require(entries or "entries" not in act, "shares of entries, and none")
                require(1 <= len(act["shares"]) + len(entries) <= MOST_SHARES, "too many shares, or none")
                for share in act["shares"]:
                    self.add_share(share, statement)
                for share in entries:
                    self.add_entry_share(share, statement)
            case "item.promoted" | "item.demoted":
                require(policy == self.policy, "the policy is not the one in force")
                item = self.statements[act["item"]] if act["item"] < statement.index else None
                require(item and item.kind in ITEMS and item.pupil_file == statement.pupil_file, "no item of this pupil file")
                require(item.act.get("document") not in self.moved, "an item that was moved out of the file")
                promotes = statement.kind == "item.promoted"
                require((act["item"] in self.significant) != promotes, "marked or unmarked twice")
                (self.significant.add if promotes else self.significant.remove)(act["item"])
            case "access.ended":
                access = self.accesses.get(act["access"])
                require(access and access["file"] == statement.pupil_file, "no access to this file")
                require(access["ended"] is None, "ended twice")
                access["ended"] = statement.time

    def move(self, statement):
        """A document that is no longer the pupil file's: the statement before, of the same author, brings what it became."""
        act = statement.act
        require(statement.pupil_file in self.pupils and not statement.items and not statement.fields, "moved with more than that")
        before = self.statements[-2]
        brings = before.kind == "restricted.acted" and before.act["record"] == act["record"] and "document" in before.act
        require(brings and before.author == statement.author, "moved without the record that brings it")
        require(act["document"] not in self.moved, "moved twice")
        filed = self.documents.get(act["document"])
        require(filed and filed.pupil_file == statement.pupil_file, "moved out of a file that it is not in")
        same = filed.act["payload_length"] == before.act["document"]["payload_length"]
        require(same, "moved to other content")
        self.moved[act["document"]] = act["record"]

    def check_detail(self, statement):
        """A detail that the statement brings, and the detail key that opens it: brought too, or before."""
        self.learn_detail_keys(statement)
        require(statement.items.get(statement.act["detail"], " ")[0] == "detail", "no detail committed")
        require(self.detail_keys.get(statement.act["detail_key"]) == statement.pupil_file, "no detail key committed")

    def learn_detail_keys(self, statement):
        for item, (kind, _) in statement.items.items():
            if kind == "detail-key":
                self.detail_keys[item] = statement.pupil_file

    def check_batch(self, statement, act):
        """A batch that is open and the author's own; a station's filing needs one, and a pupil it was allowed."""
        station, batch = self.stations.get(statement.author), self.batches.get(act.get("batch"))
        require(batch or "batch" not in act, "an unknown batch")
        require(not batch or not batch["closed"], "a batch that is closed")
        paper = batch and batch["paper"]
        if station:
            require(statement.pupil_file in station["files"], "a station's filing for another pupil")
            require(not paper, "a station's filing in a batch of paper")
            may = batch and self.may("file", self.people[batch["operator"]], statement.time)
            require(may, "a station's filing outside a batch")
        elif batch:
            require(batch["operator"] == statement.author, "another's batch")
            require(not paper or paper["checked"], "filed in a batch of paper before it was checked")

    def own_batch(self, statement):
        batch = self.batches.get(statement.act["batch"])
        require(batch and batch["operator"] == statement.author and not batch["closed"], "not their open batch")
        return batch

    def own_paper(self, statement):
        paper = self.own_batch(statement)["paper"]
        require(paper, "a batch of no paper")
        return paper

    def may_check(self, id, time):
        """Whether somebody may say that the plan of a batch is right: who files or reads."""
        person = self.people.get(id)
        if not person or id in self.stations:
            return False
        return any(self.may(ability, person, time) for ability in ("file", "read"))

    def expect_only(self, statement, item, kind):
        require(list(statement.items) == [item] and statement.items[item][0] == kind, f"no {kind} committed, or more")

    def may(self, ability, person, time):
        """Whether somebody's roles include an ability, and nothing is missing that it needs."""
        has = any(ability in self.abilities.get(role, []) for role in person["roles"])
        ready = self.is_ready(person) and not self.lacks_passkey(person)
        return has and ready and (ability not in NEEDS_DUTIES or self.has_done_duties(person, time))

    def is_ready(self, person):
        """Whether their keys count, and were looked at with them."""
        if person["suspended"] or person["id"] in self.invitations:
            return False
        return person["enrolled"] and person["confirmed"]

    def lacks_passkey(self, person):
        """Whether their role signs in by passkey, and they have none."""
        return bool(set(person["roles"]) & set(self.passkey_roles)) and not person["passkeys"]

    def has_just_recovered(self, person):
        """Whether the last recovery key made them lead, with the keys that count now, and they did not finish their first
        sign-in since."""
        used = bool(self.recoveries) and self.recoveries[-1]["used"] == person["id"]
        return used and self.recoveries[-1]["brought"] == person["identity"] and not person["enrolled"]

    def has_done_duties(self, person, time):
        return person["acknowledged"] == self.acceptable_use and time < person["trained_until"]

    def may_read(self, file, person, time):
        """Whether somebody may read something of a pupil file because they have access to it, whatever their role."""
        has = any(access["file"] == file for access in self.active_accesses(person["id"], time))
        ready = self.is_ready(person) and not self.lacks_passkey(person)
        return has and ready and self.has_done_duties(person, time)

    def review(self, statement):
        act, time = statement.act, statement.time
        require(act["version"] == self.acceptable_use, "a review of another policy than the one in force")
        panel = [self.people.get(person) for person in act["panel"]]
        require(panel and statement.author not in act["panel"], "a review without the panel")
        require(act["panel"] == sorted(set(act["panel"])), "a list is out of order")
        require(all(one and "panel" in one["roles"] and self.is_ready(one) for one in panel), "a review without the panel")
        day = day_start(act["reviewed"])
        require(day is not None and day <= time + DAY, "a review of no day, or of one to come")
        require(time < act["due"] <= day + 367 * DAY, "a review that is over, or counts for more than a year")

    # Access for who reads nothing by role

    def give_access(self, statement):
        act, person, file = statement.act, self.people.get(statement.act["person"]), statement.pupil_file
        require(person and act["person"] not in self.stations, "access for nobody")
        require(act["person"] != statement.author, "access given to themselves")
        require(self.is_ready(person), "access for somebody whose keys do not count, or were not compared")
        require(person["identity"] == act["identity"], "access for other keys than those that count")
        require(file in self.pupils, "access to no pupil's file")
        require(act["access"] not in self.accesses, "an access given twice")
        require(statement.time < act["expires"], "an access that is over as it begins")
        self.check_detail(statement)
        self.accesses[act["access"]] = {
            "id": act["access"], "person": act["person"], "identity": act["identity"], "file": file,
            "whole": act["whole"], "expires": act["expires"], "ended": None, "statement": statement,
        }  # fmt: skip

    def is_active(self, access, time):
        """Neither over nor ended, and given for the keys that the person has now."""
        current = self.people[access["person"]]["identity"] == access["identity"]
        return access["ended"] is None and time < access["expires"] and current

    def active_accesses(self, person, time):
        return [one for one in self.accesses.values() if one["person"] == person and self.is_active(one, time)]

    def add_share(self, share, statement) -> dict:
        """Gives the access that it is under."""
        access, document = self.accesses.get(share["access"]), self.documents.get(share["document"])
        require(access and access["file"] == statement.pupil_file, "shared under no access to this file")
        require(access["ended"] is None and statement.time < access["expires"], "shared under an access that is over")
        require(document and document.pupil_file == statement.pupil_file, "a share of no document of this file")
        require(share["document"] not in self.moved, "shared after it was moved")
        require("quarantine" not in document.act, "a share of what is kept as evidence")
        require(statement.items.get(share["header"], " ")[0] == "header", "no header committed for a share")
        require(statement.items.get(share["row_key"], " ")[0] == "row-key", "no row key committed for a share")
        shares = self.shares.setdefault(share["document"], [])
        require(all(one["access"] != share["access"] for one in shares), "shared twice under an access")
        shares.append({**share, "identity": access["identity"]})
        return access

    def make_entry(self, statement):
        """An entry without a file; what it corrects, or says the outcome of, stands before it in the same file."""
        act, file = statement.act, statement.pupil_file
        require(file in self.pupils, "an entry for an unknown pupil")
        require(act["entry"] not in self.documents and act["entry"] not in self.entries, "an entry made twice")
        self.check_detail(statement)
        if corrected := act.get("corrects"):
            there = self.documents.get(corrected) or self.entries.get(corrected)
            require(there and there.pupil_file == file, "a correction of nothing in this file")
        if done := act.get("completes"):
            require(self.follow_ups.get(done) == file, "the outcome of no follow-up in this file")
        if asked := act.get("follow_up"):
            self.ask(asked, file)
        self.entries[act["entry"]] = statement
        require(act.get("shares", [None]), "shares, and none")
        for share in act.get("shares", []):
            require(share["entry"] == act["entry"], "another entry is shared by it")
            require(self.add_entry_share(share, statement)["whole"], "shared under an access to some documents")

    def ask(self, follow_up, file):
        require(follow_up not in self.follow_ups, "a follow-up named twice")
        self.follow_ups[follow_up] = file

    def triage(self, statement):
        """A look by lead or deputy at records that stand before it in the same file; each is looked at once."""
        act, file = statement.act, statement.pupil_file
        roles = self.people[statement.author]["roles"]
        require("dsl" in roles or "deputy" in roles, "looked at by neither lead nor deputy")
        require(file in self.pupils, "looked at for an unknown pupil")
        require(act["triage"] not in self.triages, "looked at twice under an id")
        require(1 <= len(act["records"]) <= MOST_TRIAGED, "looked at nothing, or at too much")
        require(len(act["follow_ups"]) < len(OUTCOMES), "more follow-ups than things that follow")
        self.check_detail(statement)
        for record in act["records"]:
            there = self.documents.get(record) or self.entries.get(record)
            require(there and there.pupil_file == file and record not in self.moved, "looked at nothing in this file")
            require(record not in self.triaged, "looked at twice")
            self.triaged[record] = act["triage"]
        for asked in act["follow_ups"]:
            self.ask(asked, file)
        self.triages[act["triage"]] = statement

    def add_entry_share(self, share, statement) -> dict:
        """Gives the access that it is under."""
        access, entry = self.accesses.get(share["access"]), self.entries.get(share["entry"])
        require(access and access["file"] == statement.pupil_file, "shared under no access to this file")
        require(access["ended"] is None and statement.time < access["expires"], "shared under an access that is over")
        require(entry and entry.pupil_file == statement.pupil_file, "a share of no entry of this file")
        require(statement.items.get(share["row_key"], " ")[0] == "row-key", "no row key committed for a share")
        shares = self.entry_shares.setdefault(share["entry"], [])
        require(all(one["access"] != share["access"] for one in shares), "shared twice under an access")
        shares.append({**share, "identity": access["identity"]})
        return access

    def shares_of(self, document) -> list:
        """Every share of a document, those of accesses that are over too."""
        return self.shares.get(document, [])

    # Disclosure to agencies

    def may_permit(self, person, time) -> bool:
        """Whether somebody may give, refuse and withdraw permissions: as a lead does, or while that is delegated to them."""
        delegated = time < self.delegations.get(person["id"], 0)
        return self.may("read", person, time) and (delegated or self.may("give-access", person, time))

    def delegate(self, statement):
        id = statement.act["person"]
        if statement.kind == "delegation.ended":
            require(id in self.delegations, "a delegation ended that was not there")
            del self.delegations[id]
            return
        person = self.people.get(id)
        require(person and id != statement.author, "delegated to nobody, or to themselves")
        require(self.may("read", person, statement.time), "delegated to who does not read")
        require(statement.time < statement.act["until"], "delegated for no time")
        self.delegations[id] = statement.act["until"]

    def disclose(self, statement):
        act, file, time = statement.act, statement.pupil_file, statement.time
        require(file in self.pupils, "disclosed of nobody")
        self.learn_detail_keys(statement)
        if "detail" in act:
            self.check_detail(statement)
            self.disclosures.append(statement)
        match statement.kind:
            case "disclosure.requested":
                require(act["request"] not in self.requests, "a request recorded twice")
                self.check_named(act["letter"], file)
                self.requests[act["request"]] = {
                    "id": act["request"], "file": file, "letter": act["letter"], "refused": False, "permitted": False,
                }  # fmt: skip
            case "disclosure.refused":
                request = self.one_of_file(self.requests, act["request"], file)
                require(not request["refused"] and not request["permitted"], "refused twice, or after it was permitted")
                request["refused"] = True
            case "permission.given":
                self.permit(statement)
            case "permission.withdrawn":
                permission = self.one_of_file(self.permissions, act["permission"], file)
                require(permission["ended"] is None, "withdrawn after it ended")
                permission["ended"] = time
            case "permission.ended":
                permission = self.one_of_file(self.permissions, act["permission"], file)
                said = permission["statement"].act
                has_reason = {
                    "expired": said["until"] <= time, "used": 0 < said["copies"] <= permission["packs"], "codes": True,
                }  # fmt: skip
                require(permission["ended"] is None and has_reason[act["reason"]], "ended twice, or without reason")
                permission["ended"] = time
            case "permission.entered":
                permission = self.counting(act["permission"], file, time)
                require(act["session"] not in permission["sessions"], "entered twice in a session")
                permission["sessions"].add(act["session"])
            case "permission.acknowledged":
                permission = self.one_of_file(self.permissions, act["permission"], file)
                require(act["session"] in permission["sessions"], "acknowledged by who did not enter")
            case "permission.refused":
                self.one_of_file(self.permissions, act["permission"], file)
            case "issue.opened":
                self.issue(statement)
            case "issue.closed":
                issue = self.one_of_file(self.issues, act["issue"], file)
                require(not issue["closed"], "an issue closed twice")
                issue["closed"] = True
            case "visit.recorded":
                self.one_of_file(self.permissions, act["permission"], file)
                require(act["visit"] not in self.visits, "a visit recorded twice")
                self.visits[act["visit"]] = {"file": file, "closed": False}
            case "visit.closed":
                visit = self.one_of_file(self.visits, act["visit"], file)
                require(not visit["closed"], "a visit closed twice")
                if "notes" in act:
                    self.check_named(act["notes"], file)
                visit["closed"] = True
            case "child.informed":
                self.one_of_file(self.permissions, act["permission"], file)

    def permit(self, statement):
        act, file = statement.act, statement.pupil_file
        request = self.one_of_file(self.requests, act["request"], file)
        require(not request["refused"], "permitted after it was refused")
        require(act["letter"]["document"] == request["letter"], "permitted with another letter")
        documents = [one["document"] for one in act["documents"]]
        require(1 <= len(documents) <= MOST_PERMITTED, "a permission for nothing, or for too much")
        require(len(set(documents)) == len(documents), "a document permitted twice at once")
        for one in [act["letter"], *act["documents"]]:
            self.check_named(one["document"], file)
            require(statement.items.get(one["header"], " ")[0] == "header", "no header committed")
        require(statement.items.get(act["terms"], " ")[0] == "terms", "no terms committed")
        require(statement.time < act["until"] and act["from"] < act["until"], "a permission for no time")
        before = [one for one in self.permissions.values() if one["author"] == statement.author]
        exhibits = sum(len(one["statement"].act["documents"]) for one in before)
        require(act["exhibit"] == exhibits + 1, "exhibit numbers with a gap, or twice")
        tags = [one["statement"].act["tag"] for one in self.permissions.values()]
        require(act["permission"] not in self.permissions and act["tag"] not in tags, "permitted twice")
        self.add_identity(act["identity"], "permission")
        request["permitted"] = True
        self.permissions[act["permission"]] = {
            "id": act["permission"], "file": file, "author": statement.author, "statement": statement, "ended": None,
            "packs": 0, "sessions": set(),
        }  # fmt: skip

    def issue(self, statement):
        act, file = statement.act, statement.pupil_file
        permission = self.counting(act["permission"], file, statement.time)
        require(act["session"] in permission["sessions"], "issued to who did not enter")
        said = permission["statement"].act
        documents = [one["document"] for one in said["documents"]]
        if act["manner"] == "view":
            require(act["document"] in documents, "issued what was not permitted")
            self.check_named(act["document"], file)
        else:
            require(permission["packs"] < said["copies"], "issued once more than permitted")
            for document in [said["letter"]["document"], *documents]:
                self.check_named(document, file)
            permission["packs"] += 1
        require(act["issue"] not in self.issues, "issued twice")
        self.issues[act["issue"]] = {"file": file, "closed": False}

    def one_of_file(self, known: dict, id, file) -> dict:
        """What an act of disclosure names, if it is of the same pupil file."""
        require(id in known and known[id]["file"] == file, "disclosed of another pupil file, or of none")
        return known[id]

    def counting(self, id, file, time) -> dict:
        """A permission of this file that counts."""
        permission = self.one_of_file(self.permissions, id, file)
        act = permission["statement"].act
        require(permission["ended"] is None and act["from"] <= time < act["until"], "under no permission that counts")
        return permission

    def check_named(self, document, file):
        """A document that an act of disclosure names: filed for its pupil file, and there."""
        filed = self.documents.get(document)
        require(filed and filed.pupil_file == file and document not in self.moved, "a document that is not in this file")

    # How people come, and come again

    def check_change(self, statement) -> dict:
        """Whom a statement suspends, restores or makes join again, invited or joined, if its author may."""
        id, author = statement.act["person"], self.people[statement.author]
        person = self.people.get(id) or self.invitations.get(id)
        require(person and id not in self.stations, "no such person")
        require(id != statement.author, "changed by themselves")
        roles = {*person["roles"], *self.invitations.get(id, person)["roles"]}
        require("dsl" not in roles or "dsl" in author["roles"], "a lead, by who is none")
        return person

    def check_making(self, statement, roles):
        require(not MADE_BY_LEAD & set(roles) or "dsl" in self.people[statement.author]["roles"], "a role that a lead gives")

    def check_code(self, statement) -> tuple:
        code = statement.act["code"]
        until = statement.time + LONGEST_INVITATION
        require(statement.time < code["expires"] <= until, "an invitation for longer than 24 hours, or for none")
        return url64(code["key"]), code["expires"]

    def invite(self, statement):
        act = statement.act
        self.check_making(statement, act["roles"])
        require(act["roles"] and "scan-station" not in act["roles"], "invited as nothing, or as a station")
        require(act["person"] not in self.people and act["person"] not in self.invitations, "invited twice")
        require(act["name_tag"] not in self.tags, "the name is taken")
        self.expect(act["row"], "person-row")
        key, expires = self.check_code(statement)
        self.tags[act["name_tag"]] = act["person"]
        self.invitations[act["person"]] = {
            "roles": act["roles"], "row": act["row"], "key": key, "expires": expires, "suspended": False,
        }  # fmt: skip

    def join(self, statement):
        act, id = statement.act, statement.act["person"]
        invitation, person = self.invitations.get(id), self.people.get(id)
        require(invitation and statement.time < invitation["expires"], "joined without an invitation that counts")
        require(not (person or invitation)["suspended"], "joined while suspended")
        self.expect(act["keybox"], "keybox")
        self.add_identity(act["identity"], "person")
        text = joined_text(self.founding["vault"], act, self.items[act["identity"]][1], self.items[act["keybox"]][1])
        try:
            VerifyKey(invitation["key"]).verify(text, url64(act["proof"]))
        except (BadSignatureError, ValueError):
            raise Broken("keys that the invitation's code did not sign for") from None
        del self.invitations[id]
        person = person or self.person(id, invitation["roles"], invitation["row"])
        # Statements before were checked with the key before: policy, training and roles stay, all else is anew.
        person.update(
            identity=act["identity"], key=url64(act["verifying_key"]), keybox=act["keybox"], enrolled=False,
            confirmed=False, recovery_codes_used=set(), passkeys={}, roles=invitation["roles"])  # fmt: skip
        person["keys"].append((statement.index, person["key"]))
        self.people[id] = person

    def confirm(self, statement):
        act, person = statement.act, self.people.get(statement.act["person"])
        require(person and act["person"] != statement.author, "keys given to nobody, or by themselves")
        require(person["identity"] == act["identity"], "other keys than those that count")
        ready = person["enrolled"] and not person["confirmed"] and not person["suspended"]
        require(ready and act["person"] not in self.invitations, "keys given to who has them, or is not ready for them")
        self.check_making(statement, person["roles"])
        self.give(act["wraps"], person)
        self.carry_out({"what": "give-keys", "person": act["person"], "identity": act["identity"]}, statement)
        person.update(confirmed=True, since=statement.time, given=person["roles"], out=None)

    # What takes two people

    def takes_part(self, id) -> bool:
        """A lead, deputy or panel member whose keys count."""
        person = self.people.get(id)
        ready = person and self.is_ready(person) and not self.lacks_passkey(person)
        return bool(ready and MADE_BY_LEAD & set(person["roles"]))

    def is_settled(self, person, time) -> bool:
        """Whether they have had their keys for long enough to be a second person."""
        return person["since"] is not None and time >= person["since"] + self.new_for

    @property
    def new_for(self) -> int:
        return self.two_people["new_for_days"] * 86_400_000

    def stands(self, proposal, time) -> bool:
        return not proposal["ended"] and time < proposal["time"] + WEEK

    def may_judge(self, id, proposal, time) -> bool:
        """Whether somebody could be the second person to a proposal, or refuse it."""
        if not self.stands(proposal, time) or not self.takes_part(id):
            return False
        return id != proposal["what"].get("person") and self.is_settled(self.people[id], time)

    def named(self, what) -> set:
        """As the policy names it."""
        if what["what"] == "make-recovery-key":
            return {"make-recovery-key"}
        if what["what"] != "give-keys":
            return {"suspend-lead"}
        person = self.people.get(what["person"])
        roles = MADE_BY_LEAD & set(self.invitations.get(what["person"], person)["roles"]) if person else set()
        given = set(person["given"]) if person else set()
        made = {{"dsl": "make-lead", "deputy": "make-deputy", "panel": "make-panel"}[role] for role in roles - given}
        return made | ({"join-again"} if roles & given else set())

    def check_possible(self, author, what, time):
        """That it could be done, by this author, if somebody agrees."""
        id = what.get("person")
        require(id != author, "about themselves")
        if what["what"] in ("suspend-lead", "restore-lead"):
            lead = self.people.get(id)
            require(lead and "dsl" in lead["roles"], "no lead")
            require(bool(lead["suspended"]) == (what["what"] == "restore-lead"), "suspended or restored twice")
            return
        require(self.may("give-access", self.people[author], time), "proposed by who gives nobody keys")
        if what["what"] == "make-recovery-key":
            require(2 <= what["threshold"] <= what["shares"] <= 16, "too few or too many shares")
            require(what["identity"] not in self.identities, "an identity is named twice")
            return
        person = self.people.get(id)
        require(person and id not in self.stations and id not in self.invitations, "keys for nobody")
        require(not MADE_BY_LEAD & set(person["roles"]) or "dsl" in self.people[author]["roles"], "a role that a lead gives")
        require(person["identity"] == what["identity"], "other keys than those that count")
        require(person["enrolled"] and not person["confirmed"] and not person["suspended"], "not ready for keys")

    def check_open(self, proposal, time):
        require(self.stands(proposal, time) and self.takes_part(proposal["author"]), "a proposal that is over")
        self.check_possible(proposal["author"], proposal["what"], time)

    def is_open(self, proposal, time) -> bool:
        try:
            self.check_open(proposal, time)
        except Broken:
            return False
        return True

    def propose(self, statement):
        act, author = statement.act, statement.author
        what = {key: value for key, value in act.items() if key != "proposal"}
        require(act["proposal"] not in self.proposals, "proposed twice")
        require(self.takes_part(author), "proposed by who has no part in it")
        require(self.named(what) & set(self.two_people["acts"]), "proposed, and takes one person")
        for other in self.proposals.values():
            like = all(other["what"].get(key) == what.get(key) for key in ("what", "person"))
            require(not like or not self.is_open(other, statement.time), "the same is proposed already")
        self.check_possible(author, what, statement.time)
        if "row" in what:
            self.expect(what["row"], "person-row")
        self.proposals[act["proposal"]] = {
            "what": what, "author": author, "time": statement.time, "second": None, "ended": False,
        }  # fmt: skip

    def carry_out(self, what, statement):
        """Under a proposal that two people stand by; or by one, where nobody else could agree."""
        id, author, time = statement.act.get("proposal"), statement.author, statement.time
        if id is not None:
            proposal = self.proposals.get(id)
            require(proposal and proposal["what"] == what and self.stands(proposal, time), "under no such proposal")
            two = [proposal["author"], proposal["second"]]
            require(author in two and all(self.takes_part(one) for one in two), "two people do not stand by it")
            proposal["ended"] = True
        elif self.named(what) & set(self.two_people["acts"]):
            for other in self.people.values():
                if other["id"] in (author, what.get("person")) or not MADE_BY_LEAD & set(other["roles"]):
                    continue
                if other["out"] is None:
                    could = self.is_ready(other) and self.is_settled(other, time)
                else:
                    could = self.is_settled(other, other["out"]) and time < other["out"] + self.new_for
                require(not could, "done by one person where it takes two")

    def suspend(self, statement):
        act, suspends = statement.act, statement.kind == "person.suspended"
        if "proposal" in act:
            self.carry_out({"what": "suspend-lead" if suspends else "restore-lead", "person": act["person"]}, statement)
            person = self.people[act["person"]]
        else:
            require(self.may("manage-people", self.people[statement.author], statement.time), "the author may not manage-people")
            person = self.check_change(statement)
        require(person["suspended"] != suspends, "suspended or restored twice")
        person["suspended"] = suspends
        if "since" in person:
            out = suspends or act["person"] in self.invitations or not person["confirmed"]
            person["out"] = (person["out"] or statement.time) if out else None

    # The recovery key

    def recovery(self, identity):
        """The recovery key in force, if it is this one."""
        key = self.recoveries[-1] if self.recoveries else None
        require(key and not key["used"] and key["identity"] == identity, "another recovery key, or one that was used")
        return key

    def prove(self, document, author):
        """Somebody compared a document with its record, or moved it: it counts of another than its filer."""
        batch, filer = self.filers.get(document, (None, author))
        if filer != author:
            self.unproven[batch].discard(document)

    def destroy_paper(self, statement):
        act = statement.act
        batch = self.batches.get(act["batch"]) or {}
        paper = batch.get("paper") or {}
        require(paper.get("sealed") is not None and not paper["destroyed"], "destroyed of no sealed batch, or twice")
        require(batch["operator"] != statement.author, "destroyed by who scanned it")
        self.expect_only(statement, act["certificate"], "certificate")
        backup = self.backups.get(act["backup"])
        require(backup and backup["size"] > paper["sealed"], "destroyed without a backup that holds it")
        key = self.recoveries[-1] if self.recoveries else {"used": True}
        tried = not key["used"] and key["drilled"] is not None and statement.time < key["drilled"] + 365 * DAY
        require(tried, "destroyed without a drill within a year")
        require(self.unproven.get(act["batch"], {None}) == set(), "destroyed of documents that nobody compared, or of none")
        paper["destroyed"] = statement

    def set_recovery(self, statement):
        act = statement.act
        require(2 <= act["threshold"] <= len(act["shares"]) <= 16, "too few or too many shares")
        require(len(set(act["shares"])) == len(act["shares"]), "two shares alike")
        self.expect(act["row"], "person-row")
        self.add_identity(act["identity"], "recovery")
        reached = [self.founding[name] for name in ("register", "team", "intake")]
        require([wrap["identity"] for wrap in act["wraps"]] == reached, "a recovery key that reaches more or less")
        require(all(wrap["holder"] == act["identity"] for wrap in act["wraps"]), "wrapped to another")
        self.add_wraps(act["wraps"])
        made = {"identity": act["identity"], "row": act["row"], "threshold": act["threshold"], "shares": len(act["shares"])}
        self.carry_out({"what": "make-recovery-key", **made}, statement)
        self.recoveries.append({
            "identity": act["identity"], "key": url64(act["verifying_key"]), "threshold": act["threshold"],
            "shares": act["shares"], "used": None, "drilled": None,
        })  # fmt: skip

    def use_recovery(self, statement):
        act, id = statement.act, statement.act["person"]
        key = self.recovery(act["recovery"])
        text = b"strongroom/v1/recovery-used\n" + id_bytes(self.founding["vault"])
        text += sha256(canonical({name: value for name, value in act.items() if name != "proof"}))
        for item in statement.value.get("items", []):
            text += id_bytes(item["id"]) + url64(item["sha256"])
        try:
            VerifyKey(key["key"]).verify(text, url64(act["proof"]))
        except (BadSignatureError, ValueError):
            raise Broken("keys that the recovery key did not sign for") from None
        known = {**self.people, **self.invitations}
        known = {one: {**known[one], "suspended": self.people.get(one, known[one])["suspended"]} for one in known}
        leads = [one for one in sorted(known) if "dsl" in known[one]["roles"] and not known[one]["suspended"] and one != id]
        require(act["suspended"] == leads, "a lead who is not suspended")
        if newcomer := act.get("newcomer"):
            require(id not in known and newcomer["name_tag"] not in self.tags, "a newcomer who is there already")
            self.expect(newcomer["row"], "person-row")
            person = self.person(id, ["dsl"], newcomer["row"])
            self.tags[newcomer["name_tag"]] = id
        else:
            require(id in known, "nobody becomes lead")
            person = self.people.get(id) or self.person(id, known[id]["roles"], known[id]["row"])
            person["roles"] = known[id]["roles"]
        require("dsl" in person["roles"], "somebody becomes lead who was none")
        self.expect(act["keybox"], "keybox")
        self.add_identity(act["identity"], "person")
        person.update(
            identity=act["identity"], key=url64(act["verifying_key"]), keybox=act["keybox"], enrolled=False,
            confirmed=True, recovery_codes_used=set(), passkeys={}, since=statement.time, given=person["roles"],
            out=None)  # fmt: skip
        has = {ability for role in person["roles"] for ability in self.abilities.get(role, [])}
        needs = (("register", {"file", "read"}), ("team", {"read"}), ("intake", {"see-intake"}))
        wanted = [self.founding[name] for name, abilities in needs if has & abilities]
        require([wrap["identity"] for wrap in act["wraps"]] == wanted, "more or fewer keys than a lead needs")
        self.give(act["wraps"], person)
        for lead in leads:
            for held in (self.people, self.invitations):
                if lead in held:
                    held[lead].update(suspended=True, out=None)
        person["suspended"] = False
        person["keys"].append((statement.index, person["key"]))
        self.people[id] = person
        self.invitations.pop(id, None)
        key.update(used=id, brought=act["identity"])

    def give(self, wraps, person):
        """Wraps to somebody: of what their roles need, and to nobody else."""
        has = {ability for role in person["roles"] for ability in self.abilities.get(role, [])}
        given = {
            self.founding["register"]: {"file", "read"}, self.founding["team"]: {"read"},
            self.founding["intake"]: {"see-intake"},
        }  # fmt: skip
        for wrap in wraps:
            needed = has & given.get(wrap["identity"], set())
            require(wrap["holder"] == person["identity"] and needed, "a key that the person's roles do not need")
        self.add_wraps(wraps)

    def person(self, id, roles, row) -> dict:
        return {
            "id": id, "roles": roles, "row": row, "suspended": False, "acknowledged": None, "trained_until": 0,
            "recovery_codes_used": set(), "passkeys": {}, "keys": [], "since": None, "given": [], "out": None,
        }  # fmt: skip

    def add_person(self, act, index):
        """The founder, or a station: with keys from the beginning."""
        require(act["person"] not in self.people and act["name_tag"] not in self.tags, "added twice")
        require(act["person"] not in self.invitations, "added twice")
        self.expect(act["row"], "person-row")
        self.expect(act["keybox"], "keybox")
        self.add_identity(act["identity"], "person")
        person = self.person(act["person"], act["roles"], act["row"])
        person.update(
            identity=act["identity"], key=url64(act["verifying_key"]), keybox=act["keybox"], enrolled=True,
            confirmed=True)  # fmt: skip
        person["keys"].append((index, person["key"]))
        self.give(act["wraps"], person)
        self.tags[act["name_tag"]] = act["person"]
        self.people[act["person"]] = person

    def add_identity(self, identity, kind):
        self.expect(identity, "recipient")
        require(identity not in self.identities, "an identity is named twice")
        self.identities[identity] = kind

    def add_wraps(self, wraps):
        for wrap in wraps:
            self.expect(wrap["item"], "wrap")
            require({wrap["identity"], wrap["holder"]} <= set(self.identities), "a wrap of an unknown identity")
            self.wraps.setdefault(wrap["identity"], []).append(wrap)

    def expect(self, item, kind):
        require(self.items.get(item, " ")[0] == kind, f"no {kind} committed")


# What is sealed


def age_header(data: bytes):
    """Stanzas, what the MAC is over, the MAC, and the header's length."""
    lines, at = [], 0
    while True:
        end = data.find(b"\n", at, 65536)
        require(end >= 0, "the header does not end")
        lines.append(data[at:end])
        at = end + 1
        if lines[-1].startswith(b"---"):
            break
    require(lines[0] == b"age-encryption.org/v1" and lines[-1].startswith(b"--- "), "the header is malformed")
    stanzas, rest = [], lines[1:-1]
    while rest:
        require(rest[0].startswith(b"-> "), "a stanza is malformed")
        words, body, rest = rest[0].decode("ascii").split(" ")[1:], b"", rest[1:]
        while True:
            require(rest and len(rest[0]) <= 64, "a stanza's body is malformed")
            line, rest = rest[0], rest[1:]
            body += line
            if len(line) < 64:
                break
        stanzas.append((words, plain64(body.decode("ascii"))))
    return stanzas, data[: at - len(lines[-1]) + 2], plain64(lines[-1][4:].decode("ascii")), at


def plain64(text: str) -> bytes:
    return decode64(text, b"+/", padded=False)


HYBRID = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class Identity:
    """X-Wing's private key from its 32-byte seed."""

    def __init__(self, seed: bytes):
        expanded = hashlib.shake_256(seed).digest(96)
        lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        curve = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.key = MLKEM768X25519PrivateKey(lattice, curve)
        self.recipient = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    def open_header(self, data: bytes):
        """The file key, and how many bytes were the header."""
        stanzas, authenticated, mac, length = age_header(data)
        for words, body in stanzas:
            require(len(words) == 2 and words[0] == "mlkem768x25519", "a stanza that is not hybrid")
            share = plain64(words[1])
            require(len(share) == 1120 and len(body) == 32, "a stanza of another length")
            try:
                file_key = HYBRID.decrypt(share + body, self.key, b"age-encryption.org/mlkem768x25519")
            except InvalidTag:
                continue
            wanted = hmac.new(hkdf(file_key, b"", b"header"), authenticated, "sha256").digest()
            require(hmac.compare_digest(wanted, mac), "the header's MAC differs")
            return file_key, length
        raise NotTheirs("the header is not for this identity")

    def open_file(self, data: bytes) -> bytes:
        """The plaintext of a small age file."""
        file_key, length = self.open_header(data)
        return b"".join(open_payload(file_key, [data[length:]], len(data) - length))

    def open_wrap(self, data: bytes, context: bytes) -> bytes:
        """The 32-byte secret of a small age file that says what it is for."""
        plaintext = self.open_file(data)
        require(plaintext[32:] == context, "the wrap is for something else")
        return plaintext[:32]


def open_payload(file_key: bytes, pieces, length: int):
    """Plaintext of an age payload, chunk by chunk, each authenticated before it is given."""
    pieces, held = iter(pieces), b""

    def take(count):
        nonlocal held
        while len(held) < count and (piece := next(pieces, b"")):
            held += piece
        require(len(held) >= count, "the payload is cut short")
        taken, held = held[:count], held[count:]
        return taken

    nonce, left, number = take(16), length - 16, 0
    cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    while True:
        sealed = take(min(CHUNK + 16, left))
        left -= len(sealed)
        try:
            plaintext = cipher.decrypt(number.to_bytes(11, "big") + bytes([left == 0]), sealed, None)
        except (InvalidTag, ValueError):
            raise Broken(f"chunk {number} of the payload is not authentic") from None
        require(plaintext or number == 0, "the last chunk is empty")
        yield plaintext
        if left == 0:
            break
        number += 1
    require(not held and not next(pieces, b""), "there is more after the payload")


def register_key(seed: bytes) -> bytes:
    """What the register's rows are sealed with, from the secret of its identity."""
    return derive(seed, b"strongroom/v1/register")


def row_key(key: bytes, row: bytes) -> bytes:
    """A row's own key, from the key of many."""
    return derive(key, b"strongroom/v1/row", row)


def open_row(sealed: bytes, key: bytes, row: bytes, associated: bytes) -> bytes:
    return open_row_itself(sealed, row_key(key, row), associated)


def open_row_itself(sealed: bytes, key: bytes, associated: bytes) -> bytes:
    """Opens a row with its own key."""
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], associated, sealed[:24], key)
    except CryptoError:
        raise Broken("a row does not open") from None


def parse_detail(data: bytes) -> dict:
    """Name to (salt, value)."""
    require(len(data) >= 3 and data[0] == 1, "the detail is malformed")
    count = int.from_bytes(data[1:3], "big")
    salts, at, fields = data[3 : 3 + 32 * count], 3 + 32 * count, {}
    last = b""

    def take(length):
        nonlocal at
        require(at + length <= len(data), "the detail is cut short")
        at += length
        return data[at - length : at]

    for number in range(count):
        name = take(int.from_bytes(take(2), "big"))
        value = take(int.from_bytes(take(4), "big"))
        require(number == 0 or last < name, "the detail's names are out of order")
        fields[name.decode()] = (salts[32 * number : 32 * number + 32], value)
        last = name
    require(at == len(data), "there is more after the detail")
    return fields


def record_key(file_key: bytes, record: str) -> bytes:
    """What the row of a record about a restricted document is sealed with."""
    return hkdf(file_key, id_bytes(record), b"strongroom/v1/restricted")


PADDING = 4056


def parse_padded(row: bytes) -> dict:
    """The detail in such a row, which has the least number of zeros after it."""
    require(row and len(row) % PADDING == 0, "the record has another length")
    end = 4 + int.from_bytes(row[:4], "big")
    require(0 <= len(row) - end < PADDING and not any(row[end:]), "the record is padded otherwise")
    return parse_detail(row[4:end])


def field_commitment(name: str, salt: bytes, value: bytes) -> bytes:
    return sha256(b"strongroom/v1/field\0" + name.encode() + b"\0" + salt + value)


def sign_in_name(name: str) -> bytes:
    words = unicodedata.normalize("NFKC", " ".join(name.split()))
    return "".join(character.lower() for character in words).encode()


# The vault


class Vault:
    """A vault directory whose ledger was read and checked."""

    def __init__(self, path):
        self.path = Path(path)
        self.findings = []
        self.ledger = Ledger()
        self.database = open_database(self.path / "catalogue.sqlite")
        self.part("ledger", self.read_ledger)

    def close(self):
        self.database.close()

    def found(self, place, what):
        self.findings.append(f"{place}: {what}")

    def part(self, place, body, *arguments):
        try:
            return body(*arguments)
        except (Broken, OSError, sqlite3.Error, UnicodeError) as error:
            self.found(place, error)

    def rows(self, query, *arguments):
        return self.database.execute(query, arguments)

    def read_ledger(self):
        for index, leaf in self.rows("SELECT idx, leaf FROM statement ORDER BY idx"):
            if index != self.ledger.tree.size:
                self.found(f"statement {self.ledger.tree.size}", "is missing")
                break
            self.part(f"statement {index}", self.ledger.take, leaf)
        if self.ledger.founding is None:
            return self.found("ledger", "there is no founding statement")
        last = 0
        for size, note in self.rows("SELECT size, note FROM checkpoint ORDER BY size"):
            self.part(f"checkpoint {size}", self.check_note, note, size)
            last = size
        if last != self.ledger.tree.size:
            self.found("checkpoint", "the newest is not of the whole ledger")

    def check_note(self, note: str, size=None) -> int:
        founding = self.ledger.founding
        require(founding, "there is no founding statement")
        lines = note.split("\n")
        require(len(lines) > 2 and re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]), "the checkpoint is malformed")
        said, root = read_checkpoint(note, self.ledger.origin(int(lines[1])), url64(founding["checkpoint_key"]))
        require(size is None or said == size, "the size is another")
        require(said <= self.ledger.tree.size, "the ledger is behind it")
        require(self.ledger.roots[said] == root, "the root is another")
        return said

    def item(self, id: str, kind: str) -> bytes:
        """An item's bytes, if they are what a statement committed to."""
        committed = self.ledger.items.get(id)
        require(committed and committed[0] == kind, f"no {kind} {id} is committed")
        row = self.rows("SELECT bytes FROM item WHERE id = ?", id_bytes(id)).fetchone()
        require(row and sha256(row[0]) == committed[1], f"{kind} {id} is not what was committed")
        return row[0]

    def context(self, table: str, *objects: str) -> bytes:
        ids = [self.ledger.founding["vault"], *objects]
        return f"strongroom/v1/row/{table}\n".encode() + b"".join(map(id_bytes, ids))

    def blob(self, act) -> Path:
        return self.path / "blobs" / act["blob"][:2] / act["blob"]

    # Restricted documents: what an identity opens of them, a person's or that of the recovery key

    def record(self, record: str, holder: Identity) -> tuple:
        """The file key and the fields of a record, for an identity that it is sealed to."""
        header = self.item(record, "header")
        try:
            key, length = holder.open_header(header)
        except NotTheirs:
            raise NoPath("this key does not open the record") from None
        require(length == len(header), "there is more after the header")
        return key, self.record_fields(record, key)

    def record_fields(self, record: str, key: bytes) -> dict:
        detail = self.ledger.restricted[record].act["detail"]
        sealed, context = self.item(detail, "detail"), self.context("restricted", record)
        row = open_row(sealed, record_key(key, record), id_bytes(detail), context)
        return {name: value.decode() for name, (_, value) in parse_padded(row).items()}

    def restricted_filing(self, document: str, key: bytes) -> dict:
        """The fields of the record that filed a document, if this is its file key."""
        statement = self.ledger.restricted.get(document)
        require(statement and "document" in statement.act, "no record filed it")
        act = statement.act["document"]
        commitment = hkdf(key, url64(act["nonce"]), b"strongroom/v1/document" + id_bytes(document))
        require(commitment == url64(act["commitment"]), "the header holds another file key")
        fields = self.record_fields(document, key)
        require(fields["act"] == "filed", "it was not filed")
        if "moved_from" in fields:
            require(self.ledger.moved.get(fields["moved_from"]) == document, "it was not moved here from there")
        return fields

    def restricted(self, holder: Identity) -> dict:
        """The restricted documents that an identity opens: of each the file key, the fields, and the fields of every record
        about it that it opens, by record. What an author sealed that is none of these is passed over."""
        found = {}
        for record in self.ledger.restricted:
            try:
                key, said = self.record(record, holder)
                document = record if said.get("act") == "filed" else said.get("document")
                if document:
                    filing = {"key": key, "fields": self.restricted_filing(document, key), "records": {}}
                    found.setdefault(document, filing)["records"][record] = said
            except (Broken, NoPath):
                continue
        return found

    # Checks that need no password

    def check_all(self):
        self.part("nodes", self.check_nodes)
        self.part("items", self.check_items)
        self.part("witness", self.check_witness)
        self.part("policies", self.check_policies)
        self.part("cosignatures", self.check_cosignatures)
        for document, statement in self.ledger.documents.items():
            self.part(f"document {document}", self.check_payload, statement.act)
        for upload, statement in self.ledger.intake.items():
            self.part(f"intake item {upload}", self.check_payload, statement.act)
        for record, statement in self.ledger.restricted.items():
            if document := statement.act.get("document"):
                self.part(f"restricted document {record}", self.check_payload, document)
        return self.findings

    def check_nodes(self):
        given = {(level, index): digest for level, index, digest in self.rows("SELECT level, idx, hash FROM node")}
        for position in sorted(given.keys() | self.ledger.tree.nodes.keys()):
            if given.get(position) != self.ledger.tree.nodes.get(position):
                self.found(f"node {position[0]}/{position[1]}", "differs")

    def check_items(self):
        left = dict(self.ledger.items)
        for id, kind, index, data in self.rows("SELECT id, kind, idx, bytes FROM item"):
            if left.pop(id_text(id), None) != (kind, sha256(data), index):
                self.found(f"{kind} {id_text(id)}", "is not what was committed")
        for id, (kind, _, _) in left.items():
            self.found(f"{kind} {id}", "is missing")

    def check_witness(self):
        self.check_note((self.path / "witness" / "checkpoint").read_bytes().decode())

    def check_cosignatures(self):
        for vkey, size, time, line in self.rows("SELECT witness, size, time, line FROM cosignature"):
            require(size <= self.ledger.tree.size, "cosigned is more than there is")
            root = base64.b64encode(self.ledger.roots[size]).decode()
            text = f"{self.ledger.founding['origin']}\n{size}\n{root}\n"
            require(Cosigner(vkey).time(line, text) == time, "a cosignature of another checkpoint or time")

    def check_policies(self):
        parts = [(name, (self.path / "policies" / name).read_bytes()) for name in POLICIES]
        digest = sha256(b"".join(f"{name}\n{len(data)}\n".encode() + data for name, data in parts))
        require(digest == self.ledger.policy, "are not the ones in force")

    def check_payload(self, act):
        with open(self.blob(act), "rb") as file:
            require(file.read(16) == url64(act["nonce"]), "the payload's nonce differs")
            file.seek(0)
            require(hashlib.file_digest(file, "sha256").digest() == url64(act["payload_sha256"]), "the payload differs")
            require(file.tell() == act["payload_length"], "the payload's length differs")


def open_database(path: Path):
    """Read-only; where the directory cannot be written either, SQLite must be told that nobody else writes."""
    require(path.exists(), f"there is no {path.name}")
    log = path.with_name(path.name + "-wal")
    alone = not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
    uri = f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if alone else "")
    database = sqlite3.connect(uri, uri=True, isolation_level=None)
    database.execute("BEGIN")  # one view of the catalogue, whatever others write meanwhile
    return database


class Person:
    """Somebody whose keybox opened."""

    def __init__(self, vault: Vault, secrets, name: str, password: str):
        self.vault, ledger = vault, vault.ledger
        require(ledger.founding, "there is no founding statement")
        secret = {file: (Path(secrets) / file).read_bytes() for file in ("server-secret", "tag-key", "directory-key")}
        tag = hashlib.blake2b(sign_in_name(name), digest_size=32, key=secret["tag-key"]).digest()
        tag = base64.urlsafe_b64encode(tag).decode().rstrip("=")
        require(ledger.tags.get(tag) in ledger.people, "nobody signs in with that name")
        self.state = ledger.people[ledger.tags[tag]]
        require(self.state["id"] not in ledger.invitations, "their keys are being replaced")
        id = self.state["id"]
        row = open_row(
            vault.item(self.state["row"], "person-row"), secret["directory-key"], id_bytes(self.state["row"]),
            vault.context("person-row", id))  # fmt: skip
        self.name = parse_detail(row)["name"][1].decode()
        keys = open_keybox(
            vault.item(self.state["keybox"], "keybox"), password, secret["server-secret"], vault.context("keybox", id))
        require(len(keys) == 84, "the keybox has another length")
        self.authenticator = keys[64:]
        self.signing = SigningKey(keys[32:64])
        require(self.signing.verify_key.encode() == self.state["key"], "the keybox has another signing key")
        self.identities = {}
        self.identities[self.state["identity"]] = self.committed(self.state["identity"], keys[:32])
        self.seeds = {self.state["identity"]: keys[:32]}

    def passkeys(self, secrets) -> list:
        """The names that this person gave their passkeys, oldest first; each credential is one that its statement names."""
        names = []
        for id, act in self.state["passkeys"].items():
            credential = parse_canonical(self.vault.item(act["credential"], "credential"))
            CREDENTIAL(credential)
            require(sha256(url64(credential["id"])) == url64(act["credential_hash"]), "another credential than the statement's")
            row = open_row(
                self.vault.item(act["row"], "passkey-row"), (Path(secrets) / "directory-key").read_bytes(), id_bytes(act["row"]),
                self.vault.context("passkey-row", id))  # fmt: skip
            names.append(parse_detail(row)["name"][1].decode())
        return names

    def recovery_codes(self) -> list:
        """The ten that sign in in place of the authenticator, as they are shown."""
        key = self.authenticator + bytes(12)
        codes = [crockford(derive(key, b"strongroom/v1/recovery-code", bytes([number])))[:10] for number in range(1, 11)]
        return [f"{code[:5]}-{code[5:]}".upper() for code in codes]

    def fingerprint(self) -> bytes:
        """Of their public halves, for two people to compare in words."""
        ids = b"".join(map(id_bytes, (self.vault.ledger.founding["vault"], self.state["id"], self.state["identity"])))
        recipient = self.vault.ledger.items[self.state["identity"]][1]
        return sha256(b"strongroom/v1/fingerprint\n" + ids + recipient + self.state["key"])

    def committed(self, identity: str, seed: bytes) -> Identity:
        opened = Identity(seed)
        require(opened.recipient == self.vault.item(identity, "recipient"), "a secret of another identity")
        return opened

    def walk(self, identity: str, holders=()) -> Identity:
        """An identity's secret, along the wraps from this person's own."""
        for wrap in [] if identity in self.identities else self.vault.ledger.wraps.get(identity, []):
            holder = wrap["holder"]
            if holder in holders:
                continue
            if holder not in self.identities:
                try:
                    self.walk(holder, (*holders, identity))
                except NoPath:
                    continue
            context = self.context("wrap", identity, holder)
            seed = self.identities[holder].open_wrap(self.vault.item(wrap["item"], "wrap"), context)
            self.identities[identity], self.seeds[identity] = self.committed(identity, seed), seed
            break
        if identity not in self.identities:
            raise NoPath("this person's keys do not lead there")
        return self.identities[identity]

    def pupil_identity(self, pupil_file: str) -> Identity:
        return self.walk(self.vault.ledger.pupils[pupil_file]["identity"])

    def pupil(self, pupil_file: str) -> dict:
        """The register's row of a pupil."""
        return self.of_register(self.vault.ledger.pupils[pupil_file]["row"], "register-row", pupil_file)

    def paper(self, statement) -> dict:
        """What is said of the paper of a batch, or of where it was taken."""
        return self.of_register(statement.act["row"], "batch-row", statement.act["batch"])

    def certificate(self, batch: str) -> dict:
        """What is certified of the destroyed paper of a batch: sealed with the team's key."""
        ledger = self.vault.ledger
        destroyed, team = ledger.batches[batch]["paper"]["destroyed"], ledger.founding["team"]
        self.walk(team)
        row = destroyed.act["certificate"]
        key = derive(self.seeds[team], b"strongroom/v1/team")
        plaintext = open_row(self.vault.item(row, "certificate"), key, id_bytes(row), self.vault.context("certificate", batch))
        return {name: value.decode() for name, (_, value) in parse_detail(plaintext).items()}

    def of_register(self, row: str, kind: str, object: str) -> dict:
        """A row that is sealed with the register's key."""
        register = self.vault.ledger.founding["register"]
        self.walk(register)
        plaintext = open_row(
            self.vault.item(row, kind), register_key(self.seeds[register]), id_bytes(row), self.vault.context(kind, object))  # fmt: skip
        return {name: value.decode() for name, (_, value) in parse_detail(plaintext).items()}

    def shares(self, document: str) -> list:
        """Those of a document that are sealed to this person's present keys: they open it, while the access lasts and
        after. Only the running vault looks at its end."""
        return [share for share in self.vault.ledger.shares_of(document) if share["identity"] == self.state["identity"]]

    def context(self, kind: str, *ids: str) -> bytes:
        return "".join(f"{line}\n" for line in (f"strongroom/v1/{kind}", self.vault.ledger.founding["vault"], *ids)).encode()

    def detail_key(self, statement) -> bytes:
        """The detail key of a filing, or of an access, by the pupil file's own key."""
        file, item = statement.pupil_file, statement.act["detail_key"]
        identity = self.pupil_identity(file)
        return identity.open_wrap(self.vault.item(item, "detail-key"), self.context("detail-key", file, item))

    def row_key(self, share: dict) -> bytes:
        """The key of a shared document's row of details."""
        item = share["row_key"]
        context = self.context("row-key", share.get("document") or share["entry"], share["access"], item)
        return self.identities[self.state["identity"]].open_wrap(self.vault.item(item, "row-key"), context)

    def details(self, document: str, share: dict | None = None) -> dict:
        """A document's fields, each what its statement commits to; by one of its shares, or as this person can."""
        statement = self.vault.ledger.documents[document]
        share = share or self.share(document)
        row = id_bytes(statement.act["detail"])
        key = self.row_key(share) if share else row_key(self.detail_key(statement), row)
        return self.committed_fields(statement, key, document)

    def entry_details(self, entry: str, share: dict | None = None) -> dict:
        """What an entry says, each field what its statement commits to; by one of its shares, or as this person can."""
        statement = self.vault.ledger.entries[entry]
        if share is None:
            try:
                self.pupil_identity(statement.pupil_file)
            except NoPath:
                share = next(iter(self.entry_shares(entry)), None)
        row = id_bytes(statement.act["detail"])
        key = self.row_key(share) if share else row_key(self.detail_key(statement), row)
        fields = self.committed_fields(statement, key, entry)
        require(sorted(fields) == sorted(ENTRY_FIELDS), "an entry of other fields")
        require(fields["kind"] in ENTRY_KINDS, "an entry of an unknown kind")
        require((fields["kind"] == "correction") == ("corrects" in statement.act), "a correction of nothing, or no correction")
        return fields

    def entry_shares(self, entry: str) -> list:
        """Those of an entry that are sealed to this person's present keys."""
        shares = self.vault.ledger.entry_shares.get(entry, [])
        return [share for share in shares if share["identity"] == self.state["identity"]]

    def triage_details(self, triage: str) -> dict:
        """What was said to follow; each thing that does opened one follow-up."""
        statement = self.vault.ledger.triages[triage]
        key = row_key(self.detail_key(statement), id_bytes(statement.act["detail"]))
        fields = self.committed_fields(statement, key, triage)
        require(sorted(fields) == TRIAGE_FIELDS, "a look at records of other fields")
        follows = fields["follows"].split(" ")
        require(follows == [one for one in OUTCOMES if one in follows], "what follows is not in order")
        require(follows == ["nothing"] or "nothing" not in follows, "nothing follows, and something")
        opened = len(statement.act["follow_ups"])
        require(opened == len([one for one in follows if one != "nothing"]), "other follow-ups than follow")
        return fields

    def print_details(self, statement) -> dict:
        """Which part of a chronology was printed."""
        key = row_key(self.detail_key(statement), id_bytes(statement.act["detail"]))
        fields = self.committed_fields(statement, key, statement.act["print"])
        require(sorted(fields) == PRINT_FIELDS, "a print of other fields")
        require(fields["lane"] in ("significant", "records", "everything"), "a print of no lane")
        require(fields["order"] in ("oldest", "newest") and fields["form"] in ("pdf", "page"), "a print of no form")
        return fields

    def quarantine_details(self, statement) -> dict:
        """Why a document is shown, or is not, that was filed as evidence."""
        key = row_key(self.detail_key(statement), id_bytes(statement.act["detail"]))
        fields = self.committed_fields(statement, key, statement.act["decision"])
        require(sorted(fields) == ["made_by", "reason"] and fields["reason"], "a decision of other fields")
        return fields

    def disclosure_details(self, statement) -> dict:
        """What an act of disclosure says: who asked, what was given or refused, what an officer read, what a child was told."""
        key = row_key(self.detail_key(statement), id_bytes(statement.act["detail"]))
        fields = self.committed_fields(statement, key, statement.act[DISCLOSURE_OBJECTS[statement.kind]])
        require(sorted(fields) == DISCLOSURE_FIELDS[statement.kind], "an act of disclosure of other fields")
        if statement.kind == "disclosure.requested":
            require(fields["victim"] in ("yes", "no"), "it is not said whether it is about a victim")
            require(fields["notice"] in ("", "given", "not-given"), "it is not said whether notice was given")
        if statement.kind == "permission.given":
            require(re.fullmatch("|[1-9][0-9]*", fields["warnings"]), "it is not said of how many it was warned")
        if statement.kind == "issue.closed":
            require(re.fullmatch("[0-9a-f]{64}", fields["sha256"]), "it is not said what went out")
        return fields

    def access_details(self, access: str) -> dict:
        """Why an access was given, to whom by name, and until which day."""
        statement = self.vault.ledger.accesses[access]["statement"]
        key = row_key(self.detail_key(statement), id_bytes(statement.act["detail"]))
        return self.committed_fields(statement, key, access)

    def committed_fields(self, statement, key: bytes, object: str) -> dict:
        sealed = self.vault.item(statement.act["detail"], "detail")
        fields = parse_detail(open_row_itself(sealed, key, self.vault.context("detail", statement.pupil_file, object)))
        commitments = {name: field_commitment(name, *field) for name, field in fields.items()}
        require(commitments == statement.fields, "the fields are not what was committed")
        return {name: value.decode() for name, (_, value) in fields.items()}

    def share(self, document: str) -> dict | None:
        """A share to go by, for who does not hold the key of the pupil file."""
        try:
            self.pupil_identity(self.vault.ledger.documents[document].pupil_file)
        except NoPath:
            return next(iter(self.shares(document)), None)

    def file_key(self, document: str, share: dict | None = None) -> bytes:
        """The key that the header holds, if it is the one committed to; by one of its shares, or as this person can."""
        statement = self.vault.ledger.documents[document]
        share = share or self.share(document)
        header = self.vault.item(share["header"] if share else document, "header")
        holder = self.identities[share["identity"]] if share else self.pupil_identity(statement.pupil_file)
        key, length = holder.open_header(header)
        require(length == len(header), "there is more after the header")
        commitment = hkdf(key, url64(statement.act["nonce"]), b"strongroom/v1/document" + id_bytes(document))
        require(commitment == url64(statement.act["commitment"]), "the header holds another file key")
        return key

    def restricted(self) -> dict:
        """The restricted documents that this person's present keys open."""
        return self.vault.restricted(self.identities[self.state["identity"]])

    def read(self, document: str):
        """A document's plaintext in pieces; raises at its end where it is not what the record says."""
        ledger, hasher, size = self.vault.ledger, hashlib.sha256(), 0
        if document in ledger.restricted:
            one = self.restricted().get(document)
            if one is None:
                raise NoPath("this person's keys do not lead there")
            act, fields, key = ledger.restricted[document].act["document"], one["fields"], one["key"]
        else:
            require(document in ledger.documents and document not in ledger.moved, "there is no such document")
            act, fields, key = ledger.documents[document].act, self.details(document), self.file_key(document)
        self.vault.check_payload(act)
        with open(self.vault.blob(act), "rb") as file:
            for piece in open_payload(key, iter(lambda: file.read(1 << 20), b""), act["payload_length"]):
                hasher.update(piece)
                size += len(piece)
                yield piece
        require(hasher.hexdigest() == fields["sha256"] and str(size) == fields["size"], "the content is another")

    def text(self, document: str) -> list:
        """What the workspace has of the text of a document, by page; None for a page that could not be read."""
        file = self.vault.ledger.documents[document].pupil_file
        with closing(open_database(self.vault.path / "workspace.sqlite")) as workspace:
            ((sealed, unreadable),) = workspace.execute("SELECT sealed, unreadable FROM text WHERE document = ?", (id_bytes(document),))
        plaintext, context = self.pupil_identity(file).open_file(sealed), self.vault.context("text", file, document)
        require(plaintext.startswith(context) and plaintext.endswith(b"\f"), "the text is of something else")
        pages = [None if page == b"\0" else page.decode() for page in plaintext[len(context) : -1].split(b"\f")]
        require(pages.count(None) == unreadable, "another number of pages could not be read")
        return pages

    def intake_item(self, upload: str) -> tuple:
        """The fields and the content of a scan in the intake queue."""
        ledger, statement = self.vault.ledger, self.vault.ledger.intake[upload]
        act, queue = statement.act, self.walk(ledger.founding["intake"])
        context = self.context("intake-key", upload, act["key"])
        key, detail = queue.open_wrap(self.vault.item(act["key"], "intake-key"), context), act["detail"]
        row = self.vault.item(detail, "detail")
        fields = parse_detail(open_row(row, key, id_bytes(detail), self.vault.context("intake", upload)))
        commitments = {name: field_commitment(name, *field) for name, field in fields.items()}
        require(commitments == statement.fields, "the fields are not what was committed")
        header = self.vault.item(act["header"], "header")
        file_key, length = queue.open_header(header)
        require(length == len(header), "there is more after the header")
        commitment = hkdf(file_key, url64(act["nonce"]), b"strongroom/v1/document" + id_bytes(upload))
        require(commitment == url64(act["commitment"]), "the header holds another file key")
        self.vault.check_payload(act)
        with open(self.vault.blob(act), "rb") as file:
            pieces = iter(lambda: file.read(1 << 20), b"")
            content = b"".join(open_payload(file_key, pieces, act["payload_length"]))
        fields = {name: value.decode() for name, (_, value) in fields.items()}
        require(sha256(content).hex() == fields["sha256"], "the content is another")
        return fields, content

    def age_file(self, document: str) -> bytes:
        """Header and payload: an ordinary age file to the pupil file's recipient, or to this person's own."""
        share = self.share(document)
        header = self.vault.item(share["header"] if share else document, "header")
        return header + self.vault.blob(self.vault.ledger.documents[document].act).read_bytes()


def open_keybox(box: bytes, password: str, server: bytes, context: bytes) -> bytes:
    require(len(box) >= 65 and box[0] == 1, "the keybox is malformed")
    kibibytes, passes = int.from_bytes(box[1:5], "big"), int.from_bytes(box[5:9], "big")
    require(65536 <= kibibytes <= 1 << 20 and 3 <= passes <= 10, "the keybox asks for too little or too much work")
    typed = unicodedata.normalize("NFC", password).encode()
    stretched = argon2id.kdf(32, typed, box[9:25], opslimit=passes, memlimit=kibibytes * 1024)
    key = hkdf(stretched + server, b"", b"strongroom/v1/keybox")
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(box[49:], box[:49] + context, box[25:49], key)
    except CryptoError:
        raise Broken("the password or the server secret is wrong") from None


class Permission:
    """A permission that link and access code opened, with the keybox that its workspace has of it."""

    def __init__(self, vault: Vault, secrets, box: bytes, link: str, code: str):
        secret, tag = typed_code(link), permission_tag(typed_code(link))
        found = [one for one in vault.ledger.permissions.values() if url64(one["statement"].act["tag"]) == tag]
        require(found, "a link to no permission")
        self.vault, self.state, self.act = vault, found[0], found[0]["statement"].act
        require(sha256(box) == url64(self.act["keybox"]), "another keybox than the statement's")
        server = hkdf((Path(secrets) / "server-secret").read_bytes(), secret, b"strongroom/v1/permission-link")
        context = vault.context("permission-key", self.act["permission"])
        seed = open_keybox(box, access_code(code), server, context)
        require(len(seed) == 32, "the keybox has another length")
        self.identity = Identity(seed)
        require(self.identity.recipient == vault.item(self.act["identity"], "recipient"), "a secret of another identity")

    def terms(self) -> dict:
        """What the agency is told, and what a pack is made of."""
        plaintext = self.identity.open_file(self.vault.item(self.act["terms"], "terms"))
        context = self.vault.context("terms", self.act["permission"])
        require(plaintext.startswith(context), "the terms are for something else")
        return json.loads(plaintext[len(context) :])

    def file_key(self, permitted: dict) -> bytes:
        """The key that the header of a document, or of the letter, holds, if it is the one that its filing committed to."""
        header, document = self.vault.item(permitted["header"], "header"), permitted["document"]
        require(len(age_header(header)[0]) == 1, "a header for more than the permission")
        key, length = self.identity.open_header(header)
        require(length == len(header), "there is more after the header")
        act = self.vault.ledger.documents[document].act
        commitment = hkdf(key, url64(act["nonce"]), b"strongroom/v1/document" + id_bytes(document))
        require(commitment == url64(act["commitment"]), "the header holds another file key")
        return key

    def read(self, permitted: dict) -> bytes:
        act = self.vault.ledger.documents[permitted["document"]].act
        self.vault.check_payload(act)
        with open(self.vault.blob(act), "rb") as file:
            pieces = iter(lambda: file.read(1 << 20), b"")
            return b"".join(open_payload(self.file_key(permitted), pieces, act["payload_length"]))


def permission_tag(link: bytes) -> bytes:
    """What a permission's link is found by."""
    return sha256(b"strongroom/v1/permission-tag\n" + link)


class Station:
    """A scan station whose token opened its keybox."""

    def __init__(self, vault: Vault, secrets, token: str):
        require(token.startswith("station-") and len(token) == 60, "the token is malformed")
        self.state = vault.ledger.people.get(token[8:34])
        require(self.state and token[8:34] in vault.ledger.stations, "a token of no station")
        box, server = vault.item(self.state["keybox"], "keybox"), (Path(secrets) / "server-secret").read_bytes()
        require(len(box) == 25 + 84 + 16 and box[0] == 2, "the keybox is malformed")
        key = hkdf(id_bytes(token[34:]) + server, b"", b"strongroom/v1/token-keybox")
        associated = box[:25] + vault.context("keybox", self.state["id"])
        try:
            keys = crypto_aead_xchacha20poly1305_ietf_decrypt(box[25:], associated, box[1:25], key)
        except CryptoError:
            raise Broken("the token or the server secret is wrong") from None
        require(SigningKey(keys[32:64]).verify_key.encode() == self.state["key"], "the keybox has another signing key")
        self.identity = Identity(keys[:32])
        require(self.identity.recipient == vault.item(self.state["identity"], "recipient"), "a secret of another identity")
        row = open_row(
            vault.item(self.state["row"], "person-row"), (Path(secrets) / "directory-key").read_bytes(),
            id_bytes(self.state["row"]), vault.context("person-row", self.state["id"]))  # fmt: skip
        self.name = parse_detail(row)["name"][1].decode()


def check(path, person: Person = None) -> list:
    """What is wrong with a vault, in plain words; nothing when all is well.

    Without a person: statements, signatures, authority, tree, checkpoints, witness, items, policies, payloads. With one
    whose keybox opened: also details, field commitments and key commitments of every document they can reach, along the
    pupil file's key and along each share that is theirs, of every entry likewise, of every look at records,
    every print, every act of disclosure and every access whose pupil file they can reach, and every record about a
    restricted document that is sealed to them.
    """
    vault = Vault(path)
    try:
        vault.check_all()
        for document in vault.ledger.documents if person else []:
            vault.part(f"document {document}", check_document, person, document)
        for entry in vault.ledger.entries if person else []:
            vault.part(f"entry {entry}", check_entry, person, entry)
        for triage in vault.ledger.triages if person else []:
            vault.part(f"triage {triage}", check_triage, person, triage)
        for said in vault.ledger.prints if person else []:
            vault.part(f"print {said.act['print']}", check_print, person, said)
        for said in vault.ledger.quarantine.values() if person else []:
            vault.part(f"decision {said.act['decision']}", check_decision, person, said)
        for said in vault.ledger.disclosures if person else []:
            vault.part(f"{said.kind} {said.act[DISCLOSURE_OBJECTS[said.kind]]}", check_disclosure, person, said)
        for access in vault.ledger.accesses if person else []:
            vault.part(f"access {access}", check_access, person, access)
        for record in vault.ledger.restricted if person else []:
            vault.part(f"record {record}", check_record, person, record)
        return vault.findings
    finally:
        vault.close()


def check_document(person: Person, document: str):
    for share in [None, *person.shares(document)]:
        try:
            person.details(document, share)
            person.file_key(document, share)
        except NoPath:
            pass


def check_entry(person: Person, entry: str):
    for share in [None, *person.entry_shares(entry)]:
        try:
            person.entry_details(entry, share)
        except NoPath:
            pass


def check_triage(person: Person, triage: str):
    try:
        person.triage_details(triage)
    except NoPath:
        pass


def check_print(person: Person, statement):
    try:
        person.print_details(statement)
    except NoPath:
        pass


def check_decision(person: Person, statement):
    try:
        person.quarantine_details(statement)
    except NoPath:
        pass


def check_disclosure(person: Person, statement):
    try:
        person.disclosure_details(statement)
    except NoPath:
        pass


def check_access(person: Person, access: str):
    try:
        person.access_details(access)
    except NoPath:
        pass


def check_record(person: Person, record: str):
    try:
        key, fields = person.vault.record(record, person.identities[person.state["identity"]])
    except NoPath:
        return
    document = record if fields["act"] == "filed" else fields.get("document")
    require(document or fields["act"] == "listed", "a record about nothing")
    if document:
        filed = person.vault.restricted_filing(document, key)
        if "moved_from" in filed:
            check_moved(person, filed)


def check_moved(person: Person, filed: dict):
    """What a moved document says of itself is what it said where it came from, for who still has a key to that."""
    try:
        before = person.details(filed["moved_from"])
    except NoPath:
        return
    # A restricted detail leaves out what is empty.
    require({name: filed.get(name, "") for name in before} == before, "it is not as it was filed")


def main(arguments):
    if len(arguments) == 1:
        findings = check(arguments[0])
        print("\n".join(findings) or "All is well.")
        return 4 if findings else 0
    if len(arguments) != 4:
        sys.exit(__doc__)
    path, secrets, name, document = arguments
    vault = Vault(path)
    for finding in vault.findings:
        print(finding, file=sys.stderr)
    if vault.findings:
        return 4
    person = Person(vault, secrets, name, sys.stdin.readline().rstrip("\n"))
    for piece in person.read(document):
        sys.stdout.buffer.write(piece)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Broken, NoPath) as error:
        sys.exit(f"error: {error}")
