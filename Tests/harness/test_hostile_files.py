"""Hostile files through the whole program, and the two pages of documentation that say what becomes of files."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import vault as vaults
import yaml
from service import Service, anonymous
from vault import CHECKOUT, FIXTURES, Vault

HOSTILE = FIXTURES / "hostile"
sys.path.append(str(HOSTILE))

import eicar  # noqa: E402

# What a page should be is written here when it differs: look at it, and put it in the place of the other.
FOUND = CHECKOUT / ".build/pages"
WORDS = {"accepted": "accepted", "quarantined": "kept apart as evidence", "refused": "refused"}

# Files that are as hostile as the others, and accepted: the page says why each does no harm. A file more is a decision.
ACCEPTED = {
    "bomb-in-page.pdf",
    "bomb-in-words.png",
    "bomb.png",
    "eicar-inside.pdf",
    "eicar.txt",
    "nested-page-tree.pdf",
    "nested.docx",
}

HEAD = """# Hostile files

What becomes of every file of `fixtures/hostile`, as `strongroom file` says it, beside what libmagic says of the same bytes
(`file --mime-type --brief`). Made by `Tests/harness/test_hostile_files.py`, which fails when a line is no longer what is found.
What is wrong with each file is in `fixtures/hostile/README.md`. The policies are those of `policies/`, but for 50 pages as the most
of a PDF or TIFF, so that small files are over it.

**Refused**: nothing is stored but that it was refused, and why. **Kept apart as evidence**: stored, never shown as pages, taken away
by a lead alone. **Accepted**: filed, and looked at as pictures made in the sandbox.

These are accepted, knowingly:

- `bomb-in-page.pdf`, `bomb.png`, `bomb-in-words.png`: nothing of a page or picture is unpacked when it is filed. Who looks at it meets
  the limits of the sandbox in memory and time, and no other document does.
- `nested-page-tree.pdf`, `nested.docx`: a page below three thousand lists of pages, a text in a hundred thousand paragraphs one inside the
  other. They are walked without going deep.
- `eicar.txt`, `eicar-inside.pdf`: the test string of antivirus programs. No antivirus program is asked, so nothing is said of it. (They
  are made when the test runs; a checkout that held them would be taken away by the scanner of whoever has one.)

| File | libmagic says | We say | Code |
|---|---|---|---|
"""

TYPES_HEAD = """# What can be uploaded

Made from `policies/file-types.yaml` by `Tests/harness/test_hostile_files.py`, which fails when the two differ. A school that changes
its policy has another list; the program names its own list wherever it refuses a file for its kind.

| Kind of file | Its name ends in | Largest file | Most pages | Most dots in a picture |
|---|---|---|---|---|
"""
TYPES_END = """
A file must be what its name says, and whole. Refused, with the reason: an empty file, one that is cut short or damaged, one that is
locked with a password, one over a limit, a program, an archive, and every other kind. Kept apart as evidence, and not shown: a file with
something before its start or after its end, with a second file inside, or with something in it that acts by itself, such as a
macro or a script. `docs/hostile-files.md` shows each with an example.
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Vault:
    """A vault whose policy takes at most 50 pages."""
    changed = (("file-types.yaml", "most-pages: 5000", "most-pages: 50"), ("file-types.yaml", "most-pages: 2000", "most-pages: 50"))
    return vaults.found(tmp_path_factory.mktemp("strict"), changed=changed)


@pytest.fixture(scope="module")
def verdicts(strict, tmp_path_factory) -> dict:
    """Verdict and code of every hostile file, by its name."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in eicar.files().items():
        (folder / name).write_bytes(data)
    paths = [path for path in HOSTILE.iterdir() if path.is_file() and path.suffix not in (".py", ".md")]
    paths += folder.iterdir()
    found = filed(strict, paths)
    return {path.name: (media_type(path), *found[path.name]) for path in paths}


def filed(vault: Vault, paths: list) -> dict:
    """Files them; gives verdict and code of each, by name."""
    details = {path.name: {"summary": f"Number {number} of what came"} for number, path in enumerate(paths)}
    result = vault.file(*paths, details=details, more=("--again",))
    assert result.code in (0, 3), result
    entries = vault.chronology()
    kept = {entry["document"]: entry.get("quarantine") for entry in entries if entry.get("document")}
    found = {}
    for line in result.lines:
        if "refused" in line:
            found[line["file"]] = ("refused", line["refused"])
        else:
            code = kept[line["document"]]
            assert line["quarantined"] == (code is not None)
            found[line["file"]] = ("quarantined", code) if code else ("accepted", "")
    return found


def media_type(path: Path) -> str:
    return subprocess.run(["file", "--mime-type", "--brief", path], capture_output=True, text=True, check=True).stdout.strip()


def assert_page(name: str, text: str) -> None:
    committed = CHECKOUT / "docs" / name
    if not committed.exists() or committed.read_text() != text:
        FOUND.mkdir(parents=True, exist_ok=True)
        (FOUND / name).write_text(text)
    assert committed.exists() and committed.read_text().splitlines() == text.splitlines(), f"docs/{name} is not what is found"


def test_every_hostile_file_is_refused_or_kept_apart_with_a_code_but_for_those_known(verdicts):
    accepted = {name for name, (_, verdict, _) in verdicts.items() if verdict == "accepted"}
    assert accepted == ACCEPTED
    assert all(code for _, verdict, code in verdicts.values() if verdict != "accepted")
    assert len(verdicts) >= 140


def test_the_page_of_hostile_files_is_what_is_found(verdicts):
    rows = ""
    for name in sorted(verdicts):
        magic, verdict, code = verdicts[name]
        shown = name.replace("\u202e", "<U+202E>")
        rows += f"| `{shown}` | `{magic}` | {WORDS[verdict]} | {f'`{code}`' if code else ''} |\n"
    assert_page("hostile-files.md", HEAD + rows)


def test_after_all_of_them_the_record_holds(strict, verdicts):
    strict.assert_holds()


@pytest.mark.parametrize("name", ["letter.pdf", "linearised.pdf", "page.png", "photograph.jpg", "photograph.heic", "scan.tif", "bigtiff.tif", "notes.docx"])
def test_a_sound_file_cut_at_each_tenth_is_refused(strict, tmp_path, name):
    whole = (HOSTILE / "good" / name).read_bytes()
    paths = []
    for tenth in range(10):
        paths.append(tmp_path / f"cut-at-{tenth}-{name}")
        paths[-1].write_bytes(whole[: len(whole) * tenth // 10])
    paths.append(tmp_path / f"whole-{name}")
    paths[-1].write_bytes(whole)
    found = filed(strict, paths)
    assert found.pop(f"whole-{name}") == ("accepted", "")
    assert found.pop(f"cut-at-0-{name}") == ("refused", "type.empty")
    assert set(found.values()) == {("refused", "type.truncated")}, found


def test_a_bomb_that_was_filed_costs_who_looks_at_it_a_while_and_nobody_else_anything(tmp_path):
    service = Service(tmp_path / "service")
    try:
        documents = {}
        for name in sorted(ACCEPTED - set(eicar.files())) + ["good/letter.pdf"]:
            data = (HOSTILE / name).read_bytes()
            upload = service.create(data, filename=name.rpartition("/")[2])
            assert service.patch(upload, 0, data).status == 204
            documents[name] = service.file(upload)["document"]
        before = anonymous(service.process.pid)
        sound = f"/documents/{documents.pop('good/letter.pdf')}/pages/1?width=800"
        for name, document in documents.items():
            began = time.monotonic()
            page = service.ask("GET", f"/documents/{document}")
            assert page.status == 200, (name, page.text)
            if not name.endswith(".docx"):
                answer = service.ask("GET", f"/documents/{document}/pages/1?width=800")
                # Two gigabytes of spaces are read in the time there is, or they are not: that is the machine's.
                ends = (200, 422) if name == "bomb-in-page.pdf" else (200,)
                assert answer.status in ends, (name, answer.status)
            assert time.monotonic() - began < 40, name
            assert service.ask("GET", sound).status == 200
        assert anonymous(service.process.pid) - before < 64 << 20
        service.stop()
    finally:
        if service.process.poll() is None:
            service.kill()


def test_the_page_of_what_can_be_uploaded_is_the_policy(strict):
    rows, titles = "", []
    for kind in yaml.safe_load((CHECKOUT / "policies/file-types.yaml").read_text())["types"]:
        most = kind["largest-mib"]
        size = f"{most // 1024} GB" if most % 1024 == 0 else f"{most} MB"
        endings = ", ".join(f"`.{ending}`" for ending in kind["extensions"])
        pages, dots = kind.get("most-pages"), kind.get("most-megapixels")
        rows += f"| {kind['title']} | {endings} | {size} | {f'{pages:,}' if pages else ''} | {f'{dots} million' if dots else ''} |\n"
        titles.append(kind["title"])
    assert_page("what-can-be-uploaded.md", TYPES_HEAD + rows + TYPES_END)
    # And the program names the same, wherever it refuses a file for its kind.
    refused = strict.file(HOSTILE / "archive.zip", details={"archive.zip": {"summary": "Packed"}}).lines[0]
    assert f"These are: {', '.join(titles)}. " in refused["hint"]
