"""What schemathesis cannot know of the service: how a piece's bytes are written, and words that name things there are.

Every other request that is meant to be right gets a pupil of the register, an upload that was begun, or one that is
whole. What each operation answered is appended to OPENAPI_SEEN, a line each.
"""

import base64
import hashlib
import os

import schemathesis
from requests.structures import CaseInsensitiveDict

PUPIL, SEEN = os.environ["OPENAPI_PUPIL"], os.environ["OPENAPI_SEEN"]
TEXT = "The pupil was met at the gate.\n"
begun, whole = [], []
turns = {}


@schemathesis.serializer("application/offset+octet-stream")
def bytes_of_a_piece(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


def said(file: str) -> str:
    words = {"filename": "note.txt", "pupil": PUPIL, "category": "letter", "date": "2016-11-17", "summary": "A note", "file": file}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in words.items())


def checksum(text: str) -> str:
    return f"sha256 {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def create(case, turn: int) -> None:
    """In turn: only announced, whole and waiting, whole and filed, another checksum, more than was announced."""
    case.headers["Upload-Metadata"] = said("now" if turn % 5 == 2 else "later")
    case.headers["Upload-Length"] = str(len(TEXT))
    case.headers.pop("Upload-Checksum", None)
    case.body = "" if turn % 5 == 0 else TEXT
    if turn % 5 == 3:
        case.headers["Upload-Checksum"] = checksum("another")
    if turn % 5 == 4:
        case.body = TEXT * 2


def go_on(case, turn: int) -> None:
    """In turn: the first bytes, the rest, from elsewhere, another checksum."""
    case.path_parameters["upload"] = begun[-1]
    case.headers["Upload-Offset"] = str((0, 7, 3, 0)[turn % 4])
    case.body = (TEXT[:7], TEXT[7:], TEXT[3:], TEXT[:7])[turn % 4]
    case.headers["Upload-Checksum"] = checksum("another" if turn % 4 == 3 else case.body)


def one_that_was_begun(case, turn: int) -> None:
    case.path_parameters["upload"] = begun[turn // 2 % len(begun)]


def file(case, turn: int) -> None:
    case.body = [{**case.body[0], "upload": (whole or begun)[-1]}]
    if turn % 4 == 0:
        case.body = [{"upload": whole[-1]}] if whole else case.body


KNOWING = {"create": create, "continue": go_on, "offset": one_that_was_begun, "terminate": one_that_was_begun, "file": file}


def name_of(case) -> str:
    return case.operation.definition.raw.get("operationId", case.operation.label)


@schemathesis.hook
def before_call(context, case, **_):
    name = name_of(case)
    if name not in KNOWING or not case.meta or not case.meta.generation.mode.is_positive:
        return
    turns[name] = turn = turns.get(name, -1) + 1
    if turn % 2 == 0 and (begun or name == "create"):
        case.headers = CaseInsensitiveDict(case.headers or {})
        KNOWING[name](case, turn // 2)
        # Still meant to be right: a length is a number, though it is sent as text.
        case.freeze_metadata()


@schemathesis.hook
def after_call(context, case, response):
    if case.method.upper() != case.operation.method.upper():
        return
    name = name_of(case)
    if name == "create" and response.status_code == 201:
        upload = response.headers["location"][0].rpartition("/")[2]
        length, offset = case.headers.get("Upload-Length"), response.headers["upload-offset"][0]
        (whole if length == offset else begun).append(upload)
    if name == "terminate" and response.status_code == 204:
        # Still asked for sometimes, but gone.
        begun.sort(key=lambda upload: upload != case.path_parameters["upload"])
    with open(SEEN, "a") as seen:
        print(name, response.status_code, file=seen)
