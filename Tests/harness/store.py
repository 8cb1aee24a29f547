"""A real S3 server for tests (Tests/stores/s3_server.py), looked into by its own interface and not by S3."""

import http.client
import json
import ssl
import subprocess
from pathlib import Path
from urllib.parse import quote, urlsplit

from tls import certificate
from vault import Vault

SERVER = Path(__file__).parents[1] / "stores/s3_server.py"
# The vault's clock goes ahead with every call; the server's does not.
SKEW = 10**9


class Store:
    """A server with its objects in a folder; stopped and started again it has the same ones at another port."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self.folder = folder
        self.tls = certificate(folder)
        self.start()

    def start(self) -> None:
        # Debian's own Python, which has Swift.
        command = ["/usr/bin/python3", "-B", str(SERVER), str(self.folder / "server"), "--skew", str(SKEW), *self.tls]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said = json.loads(self.process.stdout.readline())
        address = urlsplit(self.said["endpoint"])
        self.address = address.hostname, address.port
        headers = self.ask("GET", "/auth/v1.0", **{"X-Auth-User": self.said["access_key"], "X-Auth-Key": self.said["secret_key"]})[1]
        self.token = headers["X-Storage-Token"]
        self.path = urlsplit(headers["X-Storage-Url"]).path

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)

    @property
    def objects(self) -> Path:
        return Path(self.said["objects"])

    def place(self, prefix: str = "", bucket: str | None = None) -> str:
        return f"s3://{bucket or self.said['bucket']}/{prefix}"

    def write_settings(self, vault: Vault, **changes) -> Path:
        """The settings where the command looks for them, changed as said; what is None is left out."""
        said = {
            "endpoint": self.said["endpoint"], "region": self.said["region"], "access-key": self.said["access_key"],
            "secret-key": self.said["secret_key"], "ca-file": str(self.folder / "certificate.pem"),
        } | {name.replace("_", "-"): value for name, value in changes.items()}  # fmt: skip
        path = vault.secrets / "s3.yaml"
        path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in said.items() if value is not None))
        path.chmod(0o600)
        return path

    # MARK: Swift's own interface

    def ask(self, method: str, path: str, body: bytes | None = None, **headers) -> tuple:
        context = ssl.create_default_context(cafile=self.folder / "certificate.pem")
        connection = http.client.HTTPSConnection(*self.address, timeout=30, context=context)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.read()
        connection.close()
        assert answer.status < 300, (method, path, answer.status, found)
        return found, answer.headers

    def object(self, method: str, name: str, body: bytes | None = None) -> bytes:
        path = f"{self.path}/{self.said['bucket']}/{quote(name)}"
        return self.ask(method, path, body, **{"X-Auth-Token": self.token})[0]

    def names(self, prefix: str = "") -> list:
        path = f"{self.path}/{self.said['bucket']}?format=json&prefix={quote(prefix)}"
        listed = json.loads(self.ask("GET", path, **{"X-Auth-Token": self.token})[0])
        return sorted(one["name"] for one in listed)

    def read(self, name: str) -> bytes:
        return self.object("GET", name)

    def write(self, name: str, data: bytes) -> None:
        self.object("PUT", name, data)

    def delete(self, name: str) -> None:
        self.object("DELETE", name)

    def flip(self, name: str) -> None:
        """One bit in the middle, as somebody who has the store could."""
        data = bytearray(self.read(name))
        data[len(data) // 2] ^= 1
        self.write(name, bytes(data))
