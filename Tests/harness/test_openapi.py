"""The OpenAPI document holds: schemathesis asks every operation, with what the document allows and what it does not."""

import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from service import UPLOADS, Service
from sizes import size

DOCUMENT = "/api/v1/openapi.json"
# Answers that say no to a request which the document does not allow: of the protocol, beside HTTP's usual.
NO = ["400", "401", "403", "404", "405", "409", "410", "412", "413", "415", "422", "460"]
# And to one that it allows: metadata, checksums, and whose upload it is, are more than it can say.
NOT_NOW = ["2xx", "400", "401", "403", "404", "409", "410", "413", "422", "423", "460"]
# What must have been met for the run to have meant something.
MET = {
    *("health 200", "description 200", "abilities 204", "abilitiesHere 204", "unfinished 200", "unfinished 401"),
    *("create 201", "create 400", "create 403", "create 412", "create 413", "create 460"),
    *("offset 200", "offset 404", "offset 410", "offset 412"),
    *("continue 204", "continue 400", "continue 404", "continue 409", "continue 410", "continue 412", "continue 415", "continue 460"),
    *("terminate 204", "terminate 404", "terminate 410", "terminate 412"),
    *("file 200", "file 400", "file 403", "file 415"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    many = ("limits.yaml", "pending-uploads-per-person: 400", "pending-uploads-per-person: 100000")
    service = Service(tmp_path_factory.mktemp("service"), [many])
    yield service
    service.stop()
    assert not set(service.verify()) - {"witness.behind", "blob.orphan"}


@pytest.fixture(scope="module")
def document(service):
    return json.loads(service.ask("GET", DOCUMENT).text)


def ask_everything(service: Service, document: dict, folder: Path, *more: str) -> tuple:
    """Exit code and words of a run against a description, and what each operation answered."""
    session = urllib.parse.unquote(service.headers(UPLOADS)["Cookie"]).partition("=")[2]
    token = service.headers(UPLOADS)["Strongroom-Token"]
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(f"""
        seed = {size("SEED")}
        base-url = "https://localhost:{service.port}"
        tls-verify = false
        continue-on-failure = true
        request-timeout = 30
        hooks = "openapi_hooks"
        [generation]
        max-examples = {size("OPENAPI_EXAMPLES")}
        allow-extra-parameters = false
        database = "none"
        [cache]
        enabled = false
        [auth.openapi.session]
        api_key = {json.dumps(session)}
        [parameters]
        "header.Strongroom-Token" = {json.dumps(token)}
        [checks.negative_data_rejection]
        expected-statuses = {json.dumps(NO)}
        [checks.missing_required_header]
        expected-statuses = {json.dumps(NO)}
        [checks.positive_data_acceptance]
        expected-statuses = {json.dumps(NOT_NOW)}
        [[operations]]
        include-operation-id = "abilitiesHere"
        checks.use_after_free.enabled = false
    """)
    seen = folder / "seen"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENAPI_PUPIL": service.pupil,
        "OPENAPI_SEEN": str(seen),
    }
    run = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "openapi.json", "--no-color", *more]
    done = subprocess.run(run, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
    return done.returncode, done.stdout, set(seen.read_text().splitlines()) if seen.exists() else set()


def test_no_server_error_and_no_undocumented_answer(service, document, tmp_path):
    code, words, seen = ask_everything(service, document, tmp_path)
    assert code == 0, words
    assert seen >= MET, sorted(MET - seen)


def test_a_status_that_the_document_does_not_have_is_reported(service, document, tmp_path):
    del document["paths"]["/api/v1/uploads/{upload}"]["patch"]["responses"]["412"]
    code, words, _ = ask_everything(service, document, tmp_path, "--include-operation-id", "continue", "--phases", "coverage")
    assert code == 1 and "PATCH /api/v1/uploads/{upload}" in words and "Undocumented status code" in words, words


def test_a_header_or_field_that_is_not_as_the_document_says_is_reported(service, document, tmp_path):
    document["components"]["schemas"]["Problem"]["required"].append("instance")
    headers = document["paths"]["/api/v1/uploads"]["options"]["responses"]["204"]["headers"]
    headers["Tus-Version"] = {"required": True, "schema": {"type": "string", "const": "2.0.0"}}
    code, words, _ = ask_everything(service, document, tmp_path, "--include-path", UPLOADS, "--phases", "coverage")
    assert code == 1 and "Response violates schema" in words and "Response header does not conform" in words, words
