"""A scan station of a vault that is used by command line, and what it puts into the intake queue."""

import base64
import http.client
import json
import ssl
from pathlib import Path

from tls import certificate
from vault import DSL, Vault


def fill_intake(vault: Vault, folder: Path, data: bytes, filename: str = "found.txt", **said: str) -> tuple:
    """Makes a station, has it put one file into the intake queue through a server of its own; gives token and upload."""
    made = vault.run_as(DSL, "station", "add", "--name", "Office copier", "--intake", "--json").ok().lines[0]
    folder.mkdir()
    process, _ = vault.start("serve", "--port", "0", *certificate(folder))
    try:
        port = int(process.stdout.readline().rpartition(b":")[2])
        own = http.client.HTTPSConnection("localhost", port, context=ssl._create_unverified_context(), timeout=60)
        headers = {"Authorization": f"Bearer {made['token']}", "Tus-Resumable": "1.0.0"}
        words = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in {"filename": filename, **said}.items()
        )
        sending = {
            **headers, "Upload-Length": str(len(data)), "Upload-Metadata": words,
            "Content-Type": "application/offset+octet-stream",
        }  # fmt: skip
        own.request("POST", "/api/v1/uploads", data, sending)
        begun = own.getresponse()
        text = begun.read().decode()
        assert begun.status == 201, text
        upload = begun.getheader("Location").rpartition("/")[2]
        filing = json.dumps([{"upload": upload}])
        own.request("POST", "/api/v1/documents", filing, {**headers, "Content-Type": "application/json"})
        answer = own.getresponse()
        (outcome,) = json.loads(answer.read())
        assert outcome["queued"]["filename"] == filename, outcome
        own.close()
        return made["token"], upload
    finally:
        process.terminate()
        process.communicate(timeout=60)
