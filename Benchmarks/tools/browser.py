"""The little of a browser that files a document on the server's pages: forms, cookies and a streamed upload."""

import html
import http.client
import re
import ssl
import urllib.parse
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def write_certificate(folder: Path) -> list:
    """A certificate for localhost, and the server's options that name it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now() - timedelta(days=2))
        .not_valid_after(datetime.now() + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(private)
    return ["--certificate", folder / "certificate.pem", "--key", folder / "key.pem"]


class Browser:
    """One person's browser; pages are text, a redirect is its address."""

    def __init__(self, port: int):
        # The certificate is the benchmark's own.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.server = http.client.HTTPSConnection("localhost", port, context=context, timeout=600)
        self.cookies = {}

    def ask(self, method: str, path: str, body=None, headers: dict | None = None) -> str:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)
        self.server.request(method, path, body, {"Cookie": cookies, **(headers or {})})
        response = self.server.getresponse()
        text = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        assert response.status in (200, 303), f"{method} {path}: {response.status}\n{text}"
        return response.headers["Location"] if response.status == 303 else text

    def token(self, page: str) -> str:
        return re.search(r'name="csrf" value="([^"]+)"', page)[1]

    def post(self, path: str, **fields) -> str:
        form = urllib.parse.urlencode(fields)
        return self.ask("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded"})

    def sign_in(self, name: str, password: str, code: str) -> None:
        token = self.token(self.ask("GET", "/sign-in"))
        assert self.post("/sign-in", csrf=token, name=name, password=password, code=code) == "/", "not signed in"

    def upload(self, pupil: str, file: Path, media_type: str, **fields) -> None:
        """Sends a file as a form does, from the disk in pieces: it waits to be checked then."""
        boundary = "----a-boundary-of-our-own"
        fields = {"csrf": self.token(self.ask("GET", f"/file/{pupil}")), **fields}
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n'
        head = f"{head}Content-Type: {media_type}\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()

        def pieces():
            yield head
            with open(file, "rb") as source:
                while piece := source.read(1 << 16):
                    yield piece
            yield tail

        length = len(head) + file.stat().st_size + len(tail)
        answer = self.ask(
            "POST",
            f"/file/{pupil}",
            pieces(),
            {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)},
        )
        assert answer == f"/check/{pupil}", f"not taken: {answer}"

    def file_what_waits(self, pupil: str) -> None:
        page = self.ask("GET", f"/check/{pupil}")
        upload = re.search(r'name="upload" value="([^"]+)"', page)[1]
        fields = {"csrf": self.token(page), "upload": upload, "staff": "no"}
        summary = re.search(rf'name="summary.{upload}"[^>]*>([^<]*)<', page)[1]
        fields[f"summary.{upload}"] = html.unescape(summary)
        fields[f"category.{upload}"] = "letter"
        fields[f"date.{upload}"] = "2016-11-17"
        fields[f"signed.{upload}"] = "unknown"
        answer = self.post(f"/check/{pupil}", **fields)
        assert answer.startswith("/receipt/"), f"not filed: {answer}"
