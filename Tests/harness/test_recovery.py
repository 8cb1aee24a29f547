"""The recovery key, with the program alone: made, tried, and used where no lead is left."""

import base64
import hmac
import json
import os
import time

import pytest
import reader
import totp
import vault as vaults
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from forge import History, edit
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt
from vault import ADMIN, DSL, PASSWORDS, SCANS

HOLDERS = ["Ines Marlowe", "Tobias Quill", "Ruth Abernathy"]
NEWCOMER = "Sabine Holt"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A vault with a document, and its three sheets."""
    vault = vaults.found(tmp_path_factory.mktemp("recovered"))
    (filed,) = vault.file(SCANS[0], details={SCANS[0].name: {"summary": "Filed before"}}).ok().lines
    holders = [word for name in HOLDERS for word in ("--holder", name)]
    sheets = vault.run_as(DSL, "recover", "set", *holders, "--json").ok().lines
    return vault, filed["document"], [sheet["words"] for sheet in sheets]


def lines(*values) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def drill(vault, *shares):
    secrets = lines({"password": PASSWORDS[DSL], "code": vault.code(DSL)}, *({"share": share} for share in shares))
    return vault.run("recover", "drill", "--as", DSL, "--json", secrets=secrets)


def doctor(vault) -> dict:
    """What `doctor` says of the recovery key."""
    (said,) = [line for line in vault.run("doctor", "--json").lines if line["check"] == "recovery"]
    return said


def test_doctor_says_that_there_is_none(template, tmp_path):
    said = doctor(template.copy(tmp_path / "copy"))
    assert not said["well"] and "There is no recovery key" in said["words"]


def test_the_sheets_are_told_once_and_lie_nowhere(made):
    vault, _, sheets = made
    assert not doctor(vault)["well"] and "never tried" in doctor(vault)["words"]
    assert len(sheets) == 3 and all(len(sheet.split()) == 33 for sheet in sheets)
    state = vault.run("recover", "state", "--json").ok().lines[0]
    assert state["holders"] == HOLDERS and state["threshold"] == 2
    whole = b"".join(path.read_bytes() for folder in vault.folders for path in folder.rglob("*") if path.is_file())
    for sheet in sheets:
        words = sheet.split()
        assert not any(" ".join(words[at : at + 3]).encode() in whole for at in range(4, 31))
    assert not any(name.encode() in whole for name in HOLDERS)


def test_a_drill_names_what_is_wrong_and_any_two_pass(made):
    vault, _, sheets = made
    misspelt = sheets[1].split()
    misspelt[5] = "nonsense"
    for shares in (sheets[:1], [sheets[0], sheets[0]], [sheets[0], " ".join(misspelt)]):
        result = drill(vault, *shares)
        assert result.code == 3 and "recovery." in result.err, result
    for pair in ((0, 1), (0, 2), (2, 1)):
        passed = drill(vault, *(sheets[one] for one in pair)).ok().lines[0]
        assert passed["sheets"] == sorted(one + 1 for one in pair)
    assert doctor(vault)["well"] and "2 of 3 sheets open the vault. They were tried 20" in doctor(vault)["words"]
    vault.assert_holds()
    assert reader.check(vault.path) == []


def test_two_sheets_make_somebody_lead_and_the_old_lead_is_out(made, tmp_path):
    vault, document, sheets = made
    copy = vault.copy(tmp_path)
    PASSWORDS[NEWCOMER] = "quilted pepper lighthouse 9"
    secrets = lines({"share": sheets[2]}, {"share": sheets[0]}, {"password": PASSWORDS[NEWCOMER]})
    process, writer = copy.start("recover", "open", "--name", NEWCOMER, "--json", secrets=secrets, keep_open=True)
    shown = json.loads(process.stdout.readline())
    assert shown["suspended"] == [DSL]
    step = totp.step_at(time.time() + copy.offset)
    os.write(writer, lines({"code": totp.code(shown["authenticator"], step)}))
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    copy.authenticators = {**copy.authenticators, NEWCOMER: shown["authenticator"]}

    # It is used once; the old lead is out.
    assert copy.run("recover", "open", "--name", "Another Holt", secrets=secrets).code == 3
    assert copy.run_as(DSL, "person", "list").code == 3
    # The new one reads what was filed before, once policy and training are there.
    acknowledged = vaults.policy_version(copy)
    copy.run_as(NEWCOMER, "person", "acknowledge", "--policy-version", acknowledged).ok()
    copy.run_as(NEWCOMER, "person", "training", NEWCOMER, "--completed", copy.day()).ok()
    target = copy.temporary / "opened"
    copy.run_as(NEWCOMER, "open", document, "--output", target).ok()
    assert target.read_bytes() == SCANS[0].read_bytes()
    copy.assert_holds()
    person = reader.Person(reader.Vault(copy.path), copy.secrets, NEWCOMER, PASSWORDS[NEWCOMER])
    assert b"".join(person.read(document)) == SCANS[0].read_bytes()
    assert reader.check(copy.path, person) == []
    office = reader.Person(reader.Vault(copy.path), copy.secrets, ADMIN, PASSWORDS[ADMIN])
    with pytest.raises(reader.NoPath):
        b"".join(office.read(document))


# What concerns a member of staff, and somebody who would rather that it were not found


@pytest.fixture(scope="module")
def concern(tmp_path_factory):
    """A vault with a restricted document that the sheets reach, and two of the sheets."""
    vault = vaults.found(tmp_path_factory.mktemp("concern"))
    said = {SCANS[0].name: {"summary": "What was heard", "concerns_others": "A coach who has left"}}
    (filed,) = vault.file(SCANS[0], details=said).ok().lines
    holders = [word for name in HOLDERS for word in ("--holder", name)]
    sheets = vault.run_as(DSL, "recover", "set", *holders, "--json").ok().lines
    PASSWORDS.setdefault(NEWCOMER, "quilted pepper lighthouse 9")
    return vault, filed["document"], [sheet["words"] for sheet in sheets[:2]]


def restricted(vault, name: str) -> list:
    return list(reader.Person(reader.Vault(vault.path), vault.secrets, name, PASSWORDS[name]).restricted())


def header(key: bytes, recipient: bytes) -> bytes:
    """An age header of eight stanzas to one recipient."""

    def base64_of(data: bytes) -> str:
        return base64.b64encode(data).decode().rstrip("=")

    public = MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(recipient[:1184]), X25519PublicKey.from_public_bytes(recipient[1184:])
    )
    text = b"age-encryption.org/v1\n"
    for _ in range(8):
        sealed = reader.HYBRID.encrypt(key, public, b"age-encryption.org/mlkem768x25519")
        text += f"-> mlkem768x25519 {base64_of(sealed[:1120])}\n{base64_of(sealed[1120:])}\n".encode()
    text += b"---"
    return text + f" {base64_of(hmac.digest(reader.hkdf(key, b'', b'header'), text, 'sha256'))}\n".encode()


def padded(**values: str) -> bytes:
    detail = b"\1" + len(values).to_bytes(2, "big") + os.urandom(32 * len(values))
    for name, value in sorted(values.items()):
        for part, size in ((name.encode(), 2), (value.encode(), 4)):
            detail += len(part).to_bytes(size, "big") + part
    row = len(detail).to_bytes(4, "big") + detail
    return row + bytes(-len(row) % 4056)


def test_nobody_keeps_a_restricted_document_from_recovery_by_a_record_of_their_own(concern, tmp_path):
    """Anybody can seal to the recovery key, and say that it is about that document: under a key that is not its own."""
    (vault, document, sheets), vault = concern, concern[0].copy(tmp_path)
    opened = reader.Vault(vault.path)
    identity = opened.ledger.recoveries[-1]["identity"]
    recipient = opened.item(identity, "recipient")
    record, row = reader.id_text(os.urandom(16)), reader.id_text(os.urandom(16))
    key, nonce, context = os.urandom(16), os.urandom(24), opened.context("restricted", record)
    opened.close()
    said = padded(act="sealed", document=document, named="", sealed_to=identity)
    sealed = nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
        said, context, nonce, reader.row_key(reader.record_key(key, record), reader.id_bytes(row))
    )
    history = History(vault)
    items = {record: ("header", header(key, recipient)), row: ("detail", sealed)}
    history.say(history.people[ADMIN], "restricted.acted", {"record": record, "detail": row}, items)
    history.write(vault)
    vault.assert_holds()
    vaults.recover(vault, NEWCOMER, *sheets)
    vault.assert_holds()
    assert restricted(vault, NEWCOMER) == [document]


def test_recovery_goes_on_past_a_damaged_record(concern, tmp_path):
    (vault, document, sheets), vault = concern, concern[0].copy(tmp_path)
    vault.run_as(DSL, "restricted", "--json").ok()
    opened = reader.Vault(vault.path)
    last = list(opened.ledger.restricted)[-1]
    opened.close()
    edit(("UPDATE item SET bytes = ? WHERE id = ?", (bytes(100), reader.id_bytes(last))))(vault)
    looked = vault.run_as(DSL, "restricted", "--json")
    assert looked.code == 1 and "header.differs" in looked.err and not looked.out
    vaults.recover(vault, NEWCOMER, *sheets)
    assert restricted(vault, NEWCOMER) == [document]
