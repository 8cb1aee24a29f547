"""Seals by docs/format.md what reader.py opens: for statements that a test says in place of the program."""

import base64
import hmac
import os

import reader
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.pwhash import argon2id

CURVE = 32  # bytes at the end of a hybrid recipient


def base64_of(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def header(file_key: bytes, recipient: bytes) -> bytes:
    """An age header of one stanza."""
    lattice, curve = MLKEM768PublicKey.from_public_bytes(recipient[:-CURVE]), X25519PublicKey.from_public_bytes(recipient[-CURVE:])
    key = MLKEM768X25519PublicKey(lattice, curve)
    sealed = reader.HYBRID.encrypt(file_key, key, b"age-encryption.org/mlkem768x25519")
    share, body = base64_of(sealed[:-32]), base64_of(sealed[-32:])
    text = b"age-encryption.org/v1\n-> mlkem768x25519 " + share + b"\n" + body + b"\n---"
    return text + b" " + base64_of(hmac.digest(reader.hkdf(file_key, b"", b"header"), text, "sha256")) + b"\n"


def age_file(plaintext: bytes, recipient: bytes) -> bytes:
    file_key, nonce = os.urandom(16), os.urandom(16)
    cipher = ChaCha20Poly1305(reader.hkdf(file_key, nonce, b"payload"))
    chunks = [plaintext[at : at + reader.CHUNK] for at in range(0, len(plaintext), reader.CHUNK)] or [b""]
    sealed = [
        cipher.encrypt(number.to_bytes(11, "big") + bytes([number == len(chunks) - 1]), chunk, None)
        for number, chunk in enumerate(chunks)
    ]
    return header(file_key, recipient) + nonce + b"".join(sealed)


def detail(fields: dict) -> tuple[bytes, dict]:
    """The plaintext of a detail, and the commitments to its fields."""
    values = {name: fields[name].encode() for name in sorted(fields, key=str.encode)}
    salts = {name: os.urandom(32) for name in values}
    plaintext = b"\x01" + len(values).to_bytes(2, "big") + b"".join(salts.values())
    for name, value in values.items():
        plaintext += b"".join(len(part).to_bytes(size, "big") + part for size, part in ((2, name.encode()), (4, value)))
    return plaintext, {name: reader.field_commitment(name, salts[name], value) for name, value in values.items()}


def row(plaintext: bytes, key: bytes, associated: bytes) -> bytes:
    """Under the row's own key."""
    nonce = os.urandom(24)
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated, nonce, key)


def keybox(plaintext: bytes, password: str, server: bytes, context: bytes) -> bytes:
    """As cheap as the format has it."""
    salt, nonce = os.urandom(16), os.urandom(24)
    head = b"\x01" + (65536).to_bytes(4, "big") + (3).to_bytes(4, "big") + salt + nonce
    stretched = argon2id.kdf(32, password.encode(), salt, opslimit=3, memlimit=65536 * 1024)
    key = reader.hkdf(stretched + server, b"", b"strongroom/v1/keybox")
    return head + crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, head + context, nonce, key)


def access_code() -> str:
    """One that can be said: its check character is none of the five beyond the alphabet."""
    while True:
        values = [byte & 31 for byte in os.urandom(17)]
        number = 0
        for value in values:
            number = number * 32 + value
        if number % 37 < 32:
            return "".join(reader.CROCKFORD[value] for value in [*values, number % 37])
