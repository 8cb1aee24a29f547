"""A second place that keeps the ledger's checkpoints (L-03, L-04): a witness that cosigns them, and sheets of paper.

Whoever holds the checkpoint's key can write the whole ledger anew, and then it holds together. It is found beside a checkpoint that
they could not reach, and only there.
"""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import reader
from forge import History, edit, query
from nacl.signing import SigningKey
from vault import ADMIN, DSL, SCANS, Vault

NAME = "witness.example/harrowdale"
DAY = 24 * 3600


@dataclass
class Witness:
    """Somebody else's folder, on a machine of their own: its calls know nothing of the vault."""

    vault: Vault
    folder: Path
    key: str

    def cosign(self, request: str, *options: str):
        return self.vault.run("witness", "cosign", self.folder, *options, typed=request, extra={"STRONGROOM_VAULT": ""})

    def copy(self, vault: Vault, folder: Path) -> "Witness":
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return Witness(vault, folder, self.key)


class OtherWitness:
    """Somebody else's program: a witness after C2SP alone, that shares no code with ours. Answers with status and body."""

    def __init__(self, name: str, ledger: str):
        self.name, self.key, self.size, self.root = name, SigningKey(reader.sha256(name.encode())), 0, reader.sha256(b"")
        public = b"\x04" + self.key.verify_key.encode()
        self.id = reader.sha256(name.encode() + b"\n" + public)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(public).decode()}"
        self.origin, _, material = ledger.split("+", 2)
        self.ledger = base64.b64decode(material)[1:]

    def add_checkpoint(self, body: str) -> tuple:
        old, proof, note = parts(body)
        try:
            size, root = reader.read_checkpoint(note, self.origin, self.ledger)
        except reader.Broken:
            return 403, ""
        if old > size:
            return 400, ""
        if old != self.size:
            return 409, f"{self.size}\n"
        if not reader.goes_on(old, size, self.root, root, proof):
            return 422, ""
        self.size, self.root = size, root
        time = 1
        signed = self.key.sign(f"cosignature/v1\ntime {time}\n{note.split(chr(10) * 2)[0]}\n".encode()).signature
        return 200, f"\u2014 {self.name} {base64.b64encode(self.id + time.to_bytes(8, 'big') + signed).decode()}\n"


def adopt(vault: Vault, *keys: str, hours: int = 24, days: int = 7) -> None:
    """Puts a policy into force that names these witnesses."""
    listed = "".join(f"\n  - {key}" for key in keys) or " []"
    (vault.path / "policies/witness.yaml").write_text(f"witnesses:{listed}\ntell-after-hours: {hours}\nsheet-every-days: {days}\n")
    vault.run_as(DSL, "policy", "adopt").ok()


def make(vault: Vault, folder: Path, name: str = NAME) -> Witness:
    ledger = vault.run("witness", "key").ok().out.strip()
    made = vault.run("witness", "init", folder, "--name", name, "--for", ledger, "--json", extra={"STRONGROOM_VAULT": ""}).ok()
    assert made.lines[0]["ledger"] == ledger
    return Witness(vault, folder, made.lines[0]["witness"])


def request(vault: Vault, *options: str) -> str:
    return vault.run("witness", "request", *options).ok().out


def accept(vault: Vault, answer: str):
    return vault.run("witness", "accept", "--json", typed=answer)


def since(vault: Vault, *texts: str) -> tuple:
    """Exit code, what became of each checkpoint that is held, and the codes of what is broken."""
    options = []
    for number, text in enumerate(texts):
        held = vault.temporary / f"held-{number}.txt"
        held.write_text(text)
        options += ["--since", held]
    found = vault.run("verify", "--json", *options)
    said = found.lines[0]
    return found.code, said["since"], [one["code"] for one in said["findings"] if one["weight"] == "broken"]


def parts(asked: str) -> tuple:
    """The size asked from, the proof, and the note."""
    head, _, note = asked.partition("\n\n")
    old, *proof = head.split("\n")
    return int(old.removeprefix("old ")), [base64.b64decode(line, validate=True) for line in proof], note


@pytest.fixture(scope="module")
def seen(template, tmp_path_factory) -> tuple:
    """A vault with a witness that has cosigned, through which a document was filed since; the witness; what was exchanged."""
    folder = tmp_path_factory.mktemp("witness")
    vault = template.copy(folder / "copy")
    witness = make(vault, folder / "witness")
    adopt(vault, witness.key)
    first = request(vault)
    answer = witness.cosign(first).ok().out
    kept = accept(vault, answer).ok().lines
    small = next(path for path in SCANS if path.suffix == ".txt")
    receipt = vault.file(small, details={small.name: {"summary": "Something that somebody would rather not have"}}).ok().lines[0]
    second = request(vault)
    note = witness.cosign(second, "--note").ok().out
    accept(vault, note).ok()
    return vault, witness, {"first": first, "answer": answer, "kept": kept, "second": second, "note": note, "receipt": receipt}


@pytest.fixture
def here(seen, tmp_path) -> tuple:
    """Copies of both."""
    vault = seen[0].copy(tmp_path / "vault")
    return vault, seen[1].copy(vault, tmp_path / "witness"), seen[2]


# MARK: what is exchanged


def test_the_exchange_is_what_c2sp_has_and_an_independent_reader_checks_it(seen):
    vault, witness, said = seen
    cosigner = reader.Cosigner(witness.key)
    opened = reader.Vault(vault.path)
    founding, roots = opened.ledger.founding, opened.ledger.roots
    assert not opened.check_all()
    old, proof, note = parts(said["first"])
    first = opened.check_note(note)
    assert (old, proof) == (0, []) and said["kept"] == [{"witness": NAME, "size": first, "time": said["kept"][0]["time"]}]
    text = note.split("\n\n")[0] + "\n"
    assert said["answer"].count("\n") == 1 and cosigner.time(said["answer"], text)
    old, proof, note = parts(said["second"])
    second = opened.check_note(note)
    assert old == first < second and proof and reader.goes_on(first, second, roots[first], roots[second], proof)
    assert not reader.goes_on(first, second, roots[first], roots[second], proof[:-1])
    # The cosigned note is the vault's own with one line more, and a note of the vault's still.
    assert said["note"].startswith(note) and opened.check_note(said["note"]) == second
    line = said["note"].removeprefix(note)
    time = cosigner.time(line, note.split("\n\n")[0] + "\n")
    assert time and base64.b64decode(line.split(" ")[2])[:4] == reader.sha256(NAME.encode() + b"\n\x04" + cosigner.key)[:4]
    rows = query(vault, "SELECT witness, size, line FROM cosignature ORDER BY size")
    assert rows == [(witness.key, first, said["answer"]), (witness.key, second, line)]
    assert founding["origin"] == text.split("\n")[0]
    opened.close()


def test_a_witness_has_its_key_and_checkpoint_to_itself(seen):
    vault, witness, said = seen
    assert witness.folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in witness.folder.iterdir()} == dict.fromkeys(
        ("key", "witness.vkey", "ledger.vkey", "checkpoint", "lock"), 0o600)
    assert (witness.folder / "checkpoint").read_text() == said["note"]
    assert not [path for path in vault.path.rglob("*") if path.is_file() and (witness.folder / "key").read_bytes() in path.read_bytes()]


def test_what_is_exchanged_goes_by_a_shared_folder_too(here, tmp_path):
    vault, witness, _ = here
    shared = tmp_path / "shared"
    shared.mkdir()
    vault.run_as(DSL, "pupil", "list", "--json").ok()
    vault.run("witness", "request", "--folder", shared).ok()
    witness.cosign("", "--folder", str(shared)).ok()
    assert {path.name for path in shared.iterdir()} == {"request", "answer"}
    kept = vault.run("witness", "accept", "--folder", shared, "--json").ok().lines
    assert [one["witness"] for one in kept] == [NAME]
    vault.assert_holds()


# MARK: what a witness refuses


def test_a_vault_that_was_put_back_is_refused_and_both_sizes_are_named(here, tmp_path):
    vault, witness, said = here
    old, new = parts(said["first"]), parts(said["second"])
    sizes = [int(note.split("\n")[1]) for _, _, note in (old, new)]
    before = (witness.folder / "checkpoint").read_bytes()
    refused = witness.cosign(said["first"])
    assert refused.code == 3 and refused.out == "" and "code: witness.behind" in refused.err
    assert f"{sizes[0]} statements" in refused.err and f"{sizes[1]} were cosigned" in refused.err
    assert (witness.folder / "checkpoint").read_bytes() == before
    # The vault itself is told where it knows less than its witness: it asks from what it knows.
    edit("DELETE FROM cosignature")(vault)
    asked = witness.cosign(request(vault))
    assert (asked.code, asked.out) == (3, f"{sizes[1]}\n")
    told = accept(vault, asked.out)
    assert told.code == 3 and f"--from {sizes[1]}" in told.err
    accept(vault, witness.cosign(request(vault, "--from", str(sizes[1]))).ok().out).ok()
    ahead = accept(vault, "100000\n")
    assert ahead.code == 3 and "code: witness.ahead" in ahead.err


def test_a_ledger_that_was_written_anew_is_refused_as_a_fork(here):
    vault, witness, said = here
    size = int(parts(said["second"])[2].split("\n")[1])
    rewritten(vault, to=size + 3)
    asked = request(vault, "--from", str(size))
    refused = witness.cosign(asked)
    assert refused.code == 3 and refused.out == "" and "code: witness.forked" in refused.err
    assert f"{size + 3} statements" in refused.err and f"from the {size} that" in refused.err
    assert (witness.folder / "checkpoint").read_text() == said["note"]


@pytest.mark.parametrize("fault", ["nothing", "cut", "another's key", "hash", "unsigned"])
def test_a_request_that_is_not_whole_or_not_the_ledgers_is_refused(here, fault):
    vault, witness, _ = here
    vault.run_as(DSL, "pupil", "list", "--json").ok()
    asked = request(vault)
    old, proof, note = parts(asked)
    lines = note.split("\n")
    text = {
        "nothing": "", "cut": asked[: len(asked) // 2],
        "another's key": asked.replace(lines[4], lines[4][:-8] + ("AAAAAA==" if lines[4][-8] != "A" else "BBBBBA==")),
        "hash": asked.replace(base64.b64encode(proof[0]).decode(), base64.b64encode(bytes(32)).decode()),
        "unsigned": asked.replace(lines[4] + "\n", ""),
    }[fault]  # fmt: skip
    refused = witness.cosign(text)
    assert refused.code == 3 and refused.out == "" and "code: witness." in refused.err
    assert witness.cosign(asked).code == 0


# MARK: what the vault takes


def test_an_answer_that_is_not_a_witnesss_is_not_taken(here, tmp_path):
    vault, witness, said = here
    stranger = make(vault, tmp_path / "stranger", "stranger.example/w")
    vault.run_as(DSL, "pupil", "list", "--json").ok()
    asked = request(vault, "--from", "0")
    count = query(vault, "SELECT count(*) FROM cosignature")
    for answer, code in (
        ("", "witness.answer"), ("hello\n", "witness.answer"),
        (stranger.cosign(asked).ok().out, "witness.no-cosignature"), (parts(asked)[2], "witness.no-cosignature"),
        (said["answer"].replace("harrowdale", "elsewhere"), "witness.no-cosignature"),
    ):  # fmt: skip
        refused = accept(vault, answer)
        assert refused.code == 3 and f"code: {code}" in refused.err, answer
    assert query(vault, "SELECT count(*) FROM cosignature") == count
    # Who may adopt policies names the witnesses, and one name has one key.
    (vault.path / "policies/witness.yaml").write_text(
        f"witnesses: [{witness.key}, {witness.key}]\ntell-after-hours: 24\nsheet-every-days: 7\n")
    assert vault.run_as(DSL, "policy", "adopt").code != 0
    adopt(vault)
    refused = vault.run("witness", "request")
    assert refused.code == 3 and "code: witness.none" in refused.err


def test_a_kept_cosignature_that_was_changed_is_named(here):
    vault, _, _ = here
    for change in ("UPDATE cosignature SET time = time + 1", "UPDATE cosignature SET size = 1", "UPDATE cosignature SET witness = 'x'"):
        other = vault.copy(vault.temporary / f"other-{len(change)}")
        edit(change + " WHERE rowid = (SELECT max(rowid) FROM cosignature)")(other)
        code, findings = other.verify()
        assert (code, [one["code"] for one in findings]) == (4, ["cosignature.differs"])
        assert any("cosignature" in finding for finding in reader.check(other.path))


def test_other_peoples_witnesses_serve_beside_ours(here):
    vault, witness, said = here
    other = OtherWitness("other.example/w", vault.run("witness", "key").ok().out.strip())
    adopt(vault, witness.key, other.vkey)
    vague = vault.run("witness", "request")
    assert vague.code == 3 and "witness.example/harrowdale, other.example/w" in vague.err
    status, answer = other.add_checkpoint(request(vault, "--to", other.name))
    assert (status, accept(vault, answer).ok().lines[0]["size"]) == (200, other.size)
    vault.run_as(DSL, "pupil", "list", "--json").ok()
    status, answer = other.add_checkpoint(request(vault, "--to", other.name, "--from", "0"))
    assert status == 409 and f"--from {other.size}" in accept(vault, answer).err
    status, answer = other.add_checkpoint(request(vault, "--to", other.name))
    assert status == 200 and [one["witness"] for one in accept(vault, answer).ok().lines] == [other.name]
    # And ours takes what a tool of theirs would send: the same text.
    asked = request(vault, "--to", NAME)
    both = accept(vault, witness.cosign(asked).ok().out + "\u2014 third.example/w AAAAAAAA\n").ok().lines
    assert [one["witness"] for one in both] == [NAME]
    vault.assert_holds()


# MARK: a ledger that was written anew


def rewritten(vault: Vault, to: int | None = None, keeping: bool = False) -> None:
    """The ledger written anew with the stolen keys, as if a document had never been filed; as many statements as said. Whoever
    does it takes away the cosignatures as well, unless they are kept."""
    history, rows = History(vault), query(vault, "SELECT witness, size, time, line FROM cosignature")
    assert len(history.of("document.filed")) == 1
    history.sayings = [
        one for one in history.sayings if one.kind not in ("document.filed", "document.opened", "document.closed", "batch.closed")
    ]  # fmt: skip
    while to is not None and len(history.sayings) < to:
        history.say("service", "orphan.found", {"blob": reader.id_text(bytes(15) + bytes([len(history.sayings)]))})
    history.write(vault)
    for path in vault.stored():
        path.unlink()
    if keeping:
        size = len(history.sayings)
        edit(*(("INSERT INTO cosignature VALUES (?, ?, ?, ?)", row) for row in rows if row[1] <= size))(vault)


def test_a_rewritten_ledger_holds_together_and_is_found_beside_what_somebody_else_holds(here):
    vault, witness, said = here
    held = {
        "the witness's copy": (witness.folder / "checkpoint").read_text(),
        "a receipt": said["receipt"]["checkpoint"],
        "three lines of it, as typed off a sheet": "\n".join(parts(said["second"])[2].split("\n")[:3]),
    }
    code, found, broken = since(vault, *held.values())
    assert (code, broken) == (0, []) and all(one["extended"] and one["recorded"] for one in found)
    assert [one["signed"] for one in found] == [True, True, False] and found[0]["witnesses"] == [NAME]
    size = len(History(vault).sayings)
    rewritten(vault, to=size + 1)
    # Its own keys made it: nothing in the vault says otherwise.
    vault.assert_holds()
    assert not reader.check(vault.path)
    for what, text in held.items():
        code, found, broken = since(vault, text)
        assert (code, broken) == (4, ["ledger.differs-from-since"]) and not found[0]["extended"], what
    shown = vault.run("verify", "--since", vault.temporary / "held-0.txt")
    assert shown.code == 4 and "does NOT go on from the checkpoint of" in shown.out


def test_a_rewritten_ledger_that_keeps_its_cosignatures_is_found_by_them(here):
    vault, _, _ = here
    rewritten(vault, to=len(History(vault).sayings) + 1, keeping=True)
    code, findings = vault.verify()
    assert code == 4 and {one["code"] for one in findings} == {"cosignature.differs"}


def test_a_ledger_whose_end_was_cut_off_is_found_by_what_is_held(here):
    vault, _, said = here
    history = History(vault)
    history.sayings = history.sayings[: int(parts(said["first"])[2].split("\n")[1])]
    history.write(vault)
    for path in vault.stored():
        path.unlink()
    vault.assert_holds()
    code, found, broken = since(vault, said["note"], parts(said["first"])[2])
    assert (code, broken) == (4, ["ledger.behind-since"]) and [one["extended"] for one in found] == [False, True]


def test_what_is_no_checkpoint_or_another_ledgers_is_said(here):
    vault, _, said = here
    text = vault.temporary / "text"
    text.write_text("Nothing of the kind\n")
    refused = vault.run("verify", "--since", text)
    assert refused.code == 3 and "code: since.unreadable" in refused.err
    code, _, broken = since(vault, parts(said["second"])[2].replace(parts(said["second"])[2].split("\n")[0], "other.example/x"))
    assert (code, broken) == (4, ["since.other-ledger"])
    piped = vault.run("verify", "--since", "-", typed=said["note"]).ok()
    assert "signed by the vault, cosigned by " + NAME in piped.out


# MARK: age, and paper


def test_the_age_of_what_lies_outside_is_told(here):
    vault, witness, _ = here

    def outside() -> tuple:
        checks = {line["check"]: line for line in vault.run("doctor", "--json").lines}
        state = vault.run("witness", "state", "--json")
        said = state.lines[0]
        assert checks["outside"]["well"] == (state.code == 0) == (not said["overdue"] and not said["sheet_due"])
        return said["overdue"], said["sheet_due"]

    assert outside() == (False, False)
    vault.offset += DAY
    assert outside() == (True, False)
    accept(vault, witness.cosign(request(vault)).ok().out).ok()
    assert outside() == (False, False)
    vault.offset += 6 * DAY
    assert outside() == (True, True)
    vault.run_as(DSL, "witness", "sheet", "--pdf", vault.temporary / "sheet.pdf").ok()
    assert outside() == (False, False)
    vault.assert_holds()


def test_a_sheet_holds_the_checkpoint_in_codes_and_text_and_is_recorded(here):
    vault, witness, _ = here
    pdf = vault.temporary / "sheet.pdf"
    made = vault.run_as(DSL, "witness", "sheet", "--pdf", pdf, "--json").ok().lines[0]
    assert pdf.stat().st_mode & 0o777 == 0o600
    opened = reader.Vault(vault.path)
    assert not opened.check_all() and opened.check_note(made["note"]) == made["size"] == opened.ledger.printed_checkpoint.index + 1
    assert opened.ledger.printed_checkpoint.author == History(vault).people[DSL]
    opened.close()
    subprocess.run(["qpdf", "--check", pdf], check=True, capture_output=True)
    assert subprocess.run(["qpdf", "--show-npages", pdf], check=True, capture_output=True).stdout == b"1\n"
    words = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True).stdout
    assert made["sheet"] in words and "strongroom verify --vault FOLDER --since held.txt" in words and DSL in words
    subprocess.run(["pdftoppm", "-r", "200", "-gray", "-singlefile", pdf, vault.temporary / "page"], check=True)
    read = subprocess.run(["zbarimg", "-q", "--raw", vault.temporary / "page.pgm"], capture_output=True).stdout.decode()
    cosigned = (witness.folder / "checkpoint").read_text()
    assert read.count(made["note"]) == 1 and read.count(cosigned) == 1
    code, found, broken = since(vault, read)
    assert (code, broken) == (0, []) and sorted((one["size"], one["witnesses"]) for one in found) == [
        (int(cosigned.split("\n")[1]), [NAME]), (made["size"], [])]  # fmt: skip
    # What is not written is not recorded as printed.
    count = len(History(vault).of("checkpoint.printed"))
    assert vault.run_as(DSL, "witness", "sheet", "--pdf", pdf).code == 64
    assert vault.run_as(ADMIN, "witness", "sheet", "--pdf", vault.temporary / "other.pdf").code == 3
    assert len(History(vault).of("checkpoint.printed")) == count == 1
