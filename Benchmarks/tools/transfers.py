"""Uploads as `curl` sends them, and the nginx that takes the same file beside ours.

curl is the client of both: it streams a file from the disk (-T) in one request on one connection, costs one core about
as much as its TLS does, and is the same program whoever answers. -T and not --data-binary, which reads the whole file
first. Both are asked for one version of TLS and one cipher.
"""

import json
import socket
import subprocess
import time
from pathlib import Path

TLS = ("--http1.1", "--tlsv1.3", "--tls13-ciphers", "TLS_AES_128_GCM_SHA256", "--insecure")


def start_curl(file: Path, method: str, address: str, headers: dict | None = None) -> subprocess.Popen:
    """Sends a file; headers, which carry a session, go by a pipe and not by arguments."""
    wanted = "\\n%{http_code} %{time_appconnect} %{time_total} %{ssl_verify_result} %header{location}"
    command = ["curl", "--silent", "--show-error", *TLS, "--config", "-", "--upload-file", file, "--request", method]
    process = subprocess.Popen(
        [*command, "--write-out", wanted, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    # Without `Expect` no client waits for a word before it sends.
    for name, value in {"Expect": "", **(headers or {})}.items():
        process.stdin.write(f"header = {json.dumps(f'{name}: {value}')}\n")
    process.stdin.close()
    return process


def answer_of(process: subprocess.Popen) -> tuple:
    """Status, and the place that was made."""
    out = process.stdout.read()
    assert process.wait() == 0, f"curl: exit {process.returncode}\n{out}"
    status, _, _, _, *place = out.rpartition("\n")[2].split()
    assert status == "201", out
    return status, place[0] if place else ""


class Nginx:
    """Debian's nginx with its WebDAV module, as an ordinary user in a folder of its own: takes files by PUT over TLS.

    One worker, which serves one connection as fast as more would. What comes is written to a file beside the papers
    and then renamed; it is not synced.
    """

    def __init__(self, folder: Path, certificate: Path, key: Path):
        self.papers = folder / "papers"
        self.papers.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = folder / "nginx.conf"
        others = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        settings.write_text(f"""\
            daemon off;
            worker_processes 1;
            pid {folder}/pid;
            error_log {folder}/errors warn;
            events {{ worker_connections 64; }}
            http {{
                access_log off;
                client_max_body_size 0;
                client_body_buffer_size 1m;
                client_body_temp_path {folder}/coming;
                {others}
                server {{
                    listen 127.0.0.1:{self.port} ssl;
                    ssl_certificate {certificate};
                    ssl_certificate_key {key};
                    ssl_protocols TLSv1.3;
                    root {self.papers};
                    location / {{ dav_methods PUT; }}
                }}
            }}
        """)
        self.process = subprocess.Popen(["nginx", "-e", folder / "errors", "-p", folder, "-c", settings])
        self.folder = folder
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return socket.create_connection(("localhost", self.port), timeout=1).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError(f"nginx does not listen: {(self.folder / 'errors').read_text()}")

    def put(self, file: Path, name: str) -> Path:
        answer_of(start_curl(file, "PUT", f"https://localhost:{self.port}/{name}"))
        return self.papers / name

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
