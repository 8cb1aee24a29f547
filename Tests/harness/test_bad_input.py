"""Bad input by the command line: refused, kept apart or waiting, in a clear sentence; nothing stored that was refused."""

import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from shim import Shim
from vault import ADMIN, DSL, FIXTURES, PASSWORDS, Result, Vault, found

HOSTILE = FIXTURES / "hostile"
LETTER = HOSTILE / "good/letter.pdf"
SCAN = FIXTURES / "scans/case-conference-2016-11-17.pdf"
SAID = {"summary": "What came with the post"}
EVERY_SESSION = {"session.opened", "session.closed", "register.read"}

REFUSED = {
    "empty.pdf": "type.empty",
    "windows-program.pdf": "type.program",
    "linux-program.pdf": "type.program",
    "text-posing.pdf": "type.text-posing-as-pdf",
    "text-posing.txt": "type.text-posing-as-pdf",
    "cut-short.jpg": "type.truncated",
    "cut-short.pdf": "type.truncated",
    "password.pdf": "type.encrypted",
    "password.docx": "type.encrypted",
    "too-many-pixels.png": "type.too-many-pixels",
    "archive.zip": "type.not-accepted",
    "gzip-named.pdf": "type.archive",
    "jpeg-named.pdf": "type.extension-differs",
    "bomb.docx": "type.bomb",
    "entities.docx": "type.damaged",
}
KEPT_APART = ["zip-appended.pdf", "zip-appended.jpg", "javascript.pdf", "macro.docx", "program-before.pdf"]

# Requirement H-09; a file system takes at most 255 bytes of a name.
NAMES = [
    "..pdf",
    "...pdf",
    "..\\..\\policies\\access.pdf",
    "%2e%2e%2fpasswd.pdf",
    "CON.pdf",
    "-rf.pdf",
    "--output=x.pdf",
    "scan\u202efdp.exe.pdf",
    "a" * 251 + ".pdf",
    "\u00e9" * 125 + ".pdf",
    "two\nlines.pdf",
    "tab\tand\x1b[31mred.pdf",
    "'; DROP TABLE statement; --.pdf",
    "$(touch x).pdf",
    " .pdf",
    "UPPER.PDF",
]


def kinds(vault: Vault) -> list:
    """The kinds of all statements, in order."""
    with closing(sqlite3.connect(vault.path / "catalogue.sqlite")) as db:
        return [kind for (kind,) in db.execute("SELECT kind FROM act ORDER BY idx")]


def assert_clear(words: str) -> None:
    """One sentence (or two) that a person understands: no jargon of programs, no path, no number of an error."""
    # A failure of one file among many names it first.
    assert re.fullmatch(r"(?:[^ ]+: )?[A-Z].{10,340}\.", words), words
    assert not re.search(r"errno|nil|Optional|Error\(|SQLite|/tmp|/var|VaultError|NSCocoa", words), words


def assert_clear_end(result: Result) -> None:
    message = re.search(r"^(?:error|refused: [^:]*): (.*)$", result.err, re.MULTILINE)
    hint = re.search(r"^hint: (.*)$", result.err, re.MULTILINE)
    assert message and hint, result
    assert_clear(message[1])
    assert_clear(hint[1])


def test_files_that_are_refused(vault):
    paths = [HOSTILE / name for name in REFUSED]
    before = kinds(vault)
    result = vault.file(*paths, details={name: SAID for name in REFUSED})
    assert result.code == 3
    assert {line["file"]: line["refused"] for line in result.lines} == REFUSED
    for line in result.lines:
        assert_clear(line["message"])
        assert_clear(line["hint"])
    for name in REFUSED:
        assert f"refused: {name}: " in result.err
    assert not vault.stored()
    assert kinds(vault)[len(before) :].count("upload.refused") == len(REFUSED)
    assert not vault.chronology()
    vault.assert_holds()


def test_one_that_is_refused_does_not_stop_the_others(vault):
    names = ["empty.pdf", LETTER.name]
    result = vault.file(HOSTILE / "empty.pdf", LETTER, details={name: SAID for name in names})
    assert result.code == 3
    assert sorted("refused" if "refused" in line else "filed" for line in result.lines) == ["filed", "refused"]
    assert [entry["fields"]["filename"] for entry in vault.chronology()] == [LETTER.name]
    assert len(vault.stored()) == 1
    vault.assert_holds()


def test_files_that_are_kept_apart_as_evidence(vault):
    paths = [HOSTILE / name for name in KEPT_APART]
    result = vault.file(*paths, details={name: SAID for name in KEPT_APART}).ok()
    assert [(line["file"], line["quarantined"]) for line in result.lines] == [(name, True) for name in KEPT_APART]
    entries = {entry["fields"]["filename"]: entry for entry in vault.chronology()}
    assert set(entries) == set(KEPT_APART) and all(entry["quarantine"] for entry in entries.values())
    # The safeguarding lead can take the evidence away, exactly as it came.
    assert vault.open(entries["zip-appended.pdf"]["document"]) == (HOSTILE / "zip-appended.pdf").read_bytes()
    vault.assert_holds()


def test_names_that_files_may_have(vault, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(LETTER.read_bytes())
    result = vault.file(folder, details={name: SAID for name in NAMES}, more=("--again",)).ok()
    kept = sorted(name.rpartition("\\")[2] for name in NAMES)
    assert sorted(line["file"] for line in result.lines) == kept
    assert sorted(entry["fields"]["filename"] for entry in vault.chronology()) == kept
    for path in vault.stored():
        assert re.fullmatch(r"blobs/([0-9a-z]{2})/\1[0-9a-z]{24}", str(path.relative_to(vault.path)))
    assert not {"\x1b", "\u202e"} & set(vault.run_as(DSL, "chronology", "--pupil", vault.pupils[0]).ok().out)
    assert sorted(path.name for path in vault.temporary.iterdir()) == []
    vault.assert_holds()


def test_a_pupil_who_is_not_on_the_register(vault):
    before = kinds(vault)
    result = vault.file(LETTER, details={LETTER.name: SAID}, pupil="P-00000")
    assert result.code == 3
    assert "There is no pupil with that reference on the register." in result.err
    assert_clear_end(result)
    assert not vault.stored()
    assert set(kinds(vault)[len(before) :]) - EVERY_SESSION, "the refusal has its statement"
    vault.assert_holds()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"summary": " \t\u00a0"}, "summary.blank"),
        ({}, "summary.blank"),
        ({"summary": "letter.pdf"}, "summary.file-name"),
        ({"summary": "x" * 501}, "summary.too-long"),
        ({**SAID, "date": "31/11/2016"}, "date.unreadable"),
        ({**SAID, "category": "gossip"}, "category.unknown"),
        ({**SAID, "received": "2016-11-18"}, "received.late"),
    ],
)
def test_details_that_are_not_in_order(vault, said, code):
    before = kinds(vault)
    result = vault.file(LETTER, details={LETTER.name: said})
    assert (result.code, [line["refused"] for line in result.lines]) == (3, [code])
    assert_clear(result.lines[0]["message"])
    assert_clear(result.lines[0]["hint"])
    assert not vault.stored()
    assert set(kinds(vault)[len(before) :]) - EVERY_SESSION, "the refusal has its statement"
    vault.assert_holds()


def test_without_the_inspector_a_file_waits(vault):
    result = vault.file(LETTER, details={LETTER.name: SAID}, more=("--inspector", "/nonexistent"))
    assert result.code == 5
    assert_clear(result.lines[0]["message"])
    assert not vault.chronology()
    assert [path.parent.name for path in vault.stored()] == ["staging"]
    assert "upload.waiting" in kinds(vault)
    vault.assert_holds()


@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_vault_locked_by_permissions(vault, mode):
    assert os.geteuid() != 0, "root ignores file modes: scripts/test runs this as the user strongroom"
    vault.path.chmod(mode)
    try:
        result = vault.file(LETTER, details={LETTER.name: SAID})
    finally:
        vault.path.chmod(0o700)
    assert result.code == 1
    assert_clear_end(result)
    assert "There is no vault" not in result.err
    assert not vault.stored()
    vault.assert_holds()
    vault.file(LETTER, details={LETTER.name: SAID}).ok()


def test_a_file_that_cannot_be_read(vault, tmp_path):
    assert os.geteuid() != 0, "root ignores file modes: scripts/test runs this as the user strongroom"
    path = tmp_path / "closed.pdf"
    path.write_bytes(LETTER.read_bytes())
    path.chmod(0)
    result = vault.file(path, details={path.name: SAID})
    assert (result.code, [line["refused"] for line in result.lines]) == (3, ["file.unreadable"])
    assert not vault.stored()


def test_a_disk_that_is_full_from_the_first_byte_of_the_payload(vault):
    counted = vault.copy(vault.path.parent / "counted")
    shim = Shim(counted.folders, counted.path.with_name("calls"))
    counted.file(LETTER, details={LETTER.name: SAID}, extra=shim.environment()).ok()
    first = next(call.number for call in shim.calls() if call.name == "write" and "/staging/" in call.paths[0])
    fault = Shim(vault.folders, vault.path.with_name("calls"), mode="fail", at=first, error="ENOSPC", lasting=True)
    result = vault.file(LETTER, details={LETTER.name: SAID}, extra=fault.environment())
    assert_full(result)
    assert not vault.chronology()
    vault.assert_holds()
    vault.file(LETTER, details={LETTER.name: SAID}).ok()


def assert_full(result: Result) -> None:
    assert result.code == 1, result
    assert_clear_end(result)
    assert "The disk is full." in result.err


def test_a_disk_that_is_really_full():
    place = os.environ.get("STRONGROOM_TEST_SMALL_DISK")
    assert place, "STRONGROOM_TEST_SMALL_DISK is not set: scripts/test mounts it"
    folder = Path(place) / "full"
    shutil.rmtree(folder, ignore_errors=True)
    vault = found(folder)
    try:
        vault.assert_holds()
        for left_kib in (1100, 100, 0):
            filler = folder / "filler"
            fill(filler, left_kib << 10)
            result = vault.file(SCAN, details={SCAN.name: SAID})
            filler.unlink()
            assert_full(result) if left_kib else assert_clear_end(result)
            assert not vault.stored()
            vault.assert_holds()
        vault.file(SCAN, details={SCAN.name: SAID}).ok()
    finally:
        shutil.rmtree(folder)


def fill(path: Path, left: int) -> None:
    """Writes a file that leaves so many bytes on its disk."""
    state = os.statvfs(path.parent)
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, state.f_bavail * state.f_frsize - left))


def test_a_password_that_is_short_or_made_of_the_name(tmp_path):
    for password in ("short", "Harrowdale Harrowdale", "aaaaaaaaaaaaaaaaaaaa"):
        vault = Vault(tmp_path / "new", tmp_path / "tmp")
        vault.temporary.mkdir(exist_ok=True)
        line = ('{"password":"%s"}\n' % password).encode()
        result = vault.run("init", "--name", DSL, "--policies", FIXTURES.parent / "policies", secrets=line)
        assert result.code == 3
        assert_clear_end(result)
        assert not vault.path.exists() and not vault.secrets.exists()


def test_a_vault_is_not_made_over_another(vault):
    line = ('{"password":"%s"}\n' % PASSWORDS[ADMIN]).encode()
    result = vault.run("init", "--name", DSL, "--policies", FIXTURES.parent / "policies", secrets=line)
    assert result.code == 3 and result.err.startswith("error: There is something at ")
    vault.assert_holds()
