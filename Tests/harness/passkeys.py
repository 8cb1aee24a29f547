"""A passkey of the test's own, and a vault used by command line that is given one through a server of its own."""

import base64
import hashlib
import http.client
import json
import os
import re
import ssl
import urllib.parse
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from tls import certificate
from vault import PASSWORDS, Vault

PRESENT_AND_VERIFIED = 0x05
ATTESTED = 0x40


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def bytes_item(data: bytes) -> bytes:
    """CBOR, byte strings shorter than 64 KiB."""
    size = len(data)
    head = bytes([0x40 | size]) if size < 24 else bytes([0x58, size]) if size < 256 else bytes([0x59]) + size.to_bytes(2, "big")
    return head + data


def number(value: int, size: int) -> bytes:
    return bytes_item(value.to_bytes(size, "big"))


def point(key, size: int) -> bytes:
    numbers = key.public_key().public_numbers()
    return b"\x21" + number(numbers.x, size) + b"\x22" + number(numbers.y, size)


class Ed25519:
    def __init__(self):
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.cose = b"\xa4\x01\x01\x03\x27\x20\x06\x21" + bytes_item(self.key.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)


class P256:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cose = b"\xa5\x01\x02\x03\x26\x20\x01" + point(self.key, 32)

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


class P384:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP384R1())
        self.cose = b"\xa5\x01\x02\x03\x38\x22\x20\x02" + point(self.key, 48)

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA384()))


class RSA:
    def __init__(self):
        self.key = rsa.generate_private_key(65537, 2048)
        modulus = self.key.public_key().public_numbers().n
        self.cose = b"\xa4\x01\x03\x03\x39\x01\x00\x20" + number(modulus, 256) + b"\x21" + number(65537, 3)

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


# By the names that SECURITY.md gives them; the last is one that no vault asks for.
ALGORITHMS = {"Ed25519": Ed25519, "ECDSA P-256": P256, "RSA PKCS #1 v1.5": RSA, "ECDSA P-384": P384}


class Passkey:
    """A credential with a counter, and the browser at the vault's address that asks it."""

    def __init__(self, site: str, algorithm: str):
        self.site, self.key, self.id, self.count, self.user = site, ALGORITHMS[algorithm](), os.urandom(32), 0, b""

    def _client(self, kind: str, options: dict) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": f"https://{self.site}", "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, rp: str, flags: int, attested: bytes = b"") -> bytes:
        self.count += 1
        return hashlib.sha256(rp.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big") + attested

    def _json(self, **response: bytes) -> str:
        id = base64url(self.id)
        members = {name: base64url(value) for name, value in response.items()}
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": members})

    def make(self, options: dict) -> str:
        self.user = unbase64url(options["user"]["id"])
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self.key.cose
        data = self._data(options["rp"]["id"], PRESENT_AND_VERIFIED | ATTESTED, attested)
        # {"fmt": "none", "attStmt": {}, "authData": …}, shorter names first.
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData" + bytes_item(data)
        return self._json(clientDataJSON=self._client("webauthn.create", options), attestationObject=attestation)

    def answer(self, options: dict) -> str:
        client = self._client("webauthn.get", options)
        data = self._data(options["rpId"], PRESENT_AND_VERIFIED)
        signature = self.key.sign(data + hashlib.sha256(client).digest())
        return self._json(clientDataJSON=client, authenticatorData=data, signature=signature, userHandle=self.user)


class Browser:
    """Asks a served vault for pages, with cookies."""

    def __init__(self, port: int):
        self.site = f"localhost:{port}"
        self._connection = http.client.HTTPSConnection("localhost", port, context=ssl._create_unverified_context(), timeout=60)
        self._cookies: dict = {}
        self.text = ""

    def ask(self, method: str, path: str, **fields: str) -> int:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        body = None
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode({"csrf": self._token, **fields})
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        self.text = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, said = value.partition(";")[0].partition("=")
                self._cookies[key] = said
        if found := re.search(r'name="csrf" value="([^"]+)"', self.text):
            self._token = found[1]
        return answer.status

    def question(self, path: str) -> dict:
        assert self.ask("GET", path) == 200, self.text
        return json.loads(self.text)


def add_passkeys(vault: Vault, name: str, folder: Path, called: str, *algorithms: str) -> set:
    """Somebody adds a passkey of each algorithm on the pages, and signs in by it; gives the algorithms that were taken."""
    folder.mkdir()
    code = vault.code(name)
    process, _ = vault.start("serve", "--port", "0", *certificate(folder))
    try:
        browser = Browser(int(process.stdout.readline().rpartition(b":")[2]))
        own = {"name": name, "password": PASSWORDS[name]}
        browser.ask("GET", "/sign-in")
        assert browser.ask("POST", "/sign-in", **own, code=code) == 303, browser.text
        taken = set()
        for algorithm in algorithms:
            browser.ask("GET", "/passkeys")
            passkey = Passkey(browser.site, algorithm)
            asked = browser.question("/passkeys/new-question")
            made = passkey.make(asked["options"])
            if browser.ask("POST", "/passkeys", name=called, passkey=made, challenge=asked["challenge"]) != 303:
                assert "none of yours here" in browser.text, browser.text
                continue
            browser.ask("GET", "/passkeys")
            assert browser.ask("POST", "/sign-out") == 303
            browser.ask("GET", "/sign-in")
            asked = browser.question("/passkeys/question")
            answer = passkey.answer(asked["options"])
            assert browser.ask("POST", "/sign-in", **own, passkey=answer, challenge=asked["challenge"]) == 303, browser.text
            taken.add(algorithm)
        return taken
    finally:
        process.terminate()
        process.communicate(timeout=60)
