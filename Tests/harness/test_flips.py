"""One thing is changed in the vault directory: `verify` names it, or nothing that anybody reads is different."""

import json
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import vault as vaults
from forge import edit, query
from sizes import size
from vault import ADMIN, DSL, SCANS, STAFF, Vault, join

LAWFUL = {"witness.behind", "blob.orphan", "policies.unknown-file", "secrets.absent"}


@pytest.fixture(scope="module")
def full(template, tmp_path_factory) -> Vault:
    """A vault with a few documents of two pupils, those of one shared with a member of staff, entries without a file, and
    what follows from one, closed."""
    vault = template.copy(tmp_path_factory.mktemp("full") / "copy")
    small = [path for path in SCANS if path.suffix in (".txt", ".eml", ".docx")]
    vault.file(*small, details={path.name: {"summary": path.stem[::-1]} for path in small}).ok()
    vault.file(small[0], details={small[0].name: {"summary": "The same again"}}, pupil=vault.pupils[1]).ok()
    vaults.invite(vault, STAFF, "staff")
    vault.give_access(STAFF)
    said = {"basis": "fact", "date": vault.day(), "account": "A bruise."}
    asks = {"kind": "observation", "follow_up": "Ring home", "follow_up_due": vault.day(1), **said}
    corrects = {"kind": "correction", "corrects": vault.chronology()[0]["document"], "reasons": "Misread", **said}
    typed = "".join(json.dumps(one) + "\n" for one in (asks, corrects))
    vault.run_as(DSL, "entry", "add", "--pupil", vault.pupils[0], "--details", "-", typed=typed).ok()
    looked = {"records": [corrects["corrects"]], "follows": ["pupil"], "words": "To be asked", "due": vault.day(1)}
    vault.run_as(DSL, "triage", "--pupil", vault.pupils[0], "--details", "-", typed=json.dumps(looked)).ok()
    vault.assert_holds()
    return vault


def dump(vault: Vault) -> list:
    """Everything that a reader of this vault is shown."""
    shown: list = [vault.run_as(DSL, "pupil", "list", "--json").ok().out]
    for pupil in vault.pupils[:2]:
        entries = vault.chronology(pupil)
        shown += [entries, *(vault.open(entry["document"]) for entry in entries if "document" in entry)]
    return shown


@pytest.fixture(scope="module")
def shown(full, tmp_path_factory) -> list:
    return dump(full.copy(tmp_path_factory.mktemp("shown") / "copy"))


def random_for(*words) -> random.Random:
    return random.Random(f"{size('SEED')} {words}")


def each(folder: Path, full: Vault, changes: dict, judge: Callable[[Vault], str | None]) -> None:
    """Makes each change on a copy of its own, judges it, and fails with those that were judged wrong."""

    def trial(one) -> str | None:
        number, (name, change) = one
        vault = full.copy(folder / str(number))
        change(vault)
        wrong = judge(vault)
        return wrong and f"{name}: {wrong}"

    with ThreadPoolExecutor(2) as pool:
        wrong = list(filter(None, pool.map(trial, enumerate(changes.items()))))
    assert changes
    assert not wrong, "\n".join(wrong)


def named(vault: Vault) -> str | None:
    """`verify` exits 4 and names at least one thing that is broken."""
    code, findings = vault.verify()
    broken = [one for one in findings if one["weight"] == "broken"]
    return None if code == 4 and broken and all(one["code"] and one["place"] for one in broken) else f"{code} {findings}"


# MARK: one byte of a file


def flip(path: str, offset: int, change: int) -> Callable[[Vault], None]:
    def do(vault: Vault) -> None:
        with open(vault.path / path, "r+b") as file:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes([byte ^ change]))

    return do


def files_of(full: Vault) -> list:
    return sorted(str(path.relative_to(full.path)) for path in full.path.rglob("*") if path.is_file())


def test_a_byte_changed_in_any_file(full, shown, tmp_path):
    files = files_of(full)
    assert {"catalogue.sqlite", "workspace.sqlite", "witness/checkpoint", "policies/access.yaml"} <= set(files)
    changes = {}
    for path in files:
        length = (full.path / path).stat().st_size
        choice = random_for(path)
        offsets = {0, length // 2, length - 1, *(choice.randrange(length) for _ in range(size("FLIP_OFFSETS")))} if length else ()
        changes |= {f"{path} at {offset}": flip(path, offset, choice.randint(1, 255)) for offset in sorted(offsets)}

    def judge(vault: Vault) -> str | None:
        code, findings = vault.verify()
        if code == 4:
            return None if findings else "nothing is named"
        try:
            return None if dump(vault) == shown else f"verify holds ({findings}), and what is shown differs"
        except AssertionError as error:
            return f"verify holds ({findings}), and reading fails: {str(error)[:300]}"

    each(tmp_path, full, changes, judge)


# MARK: the catalogue's rows


def tables_of(full: Vault) -> dict:
    names = [name for (name,) in query(full, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: query(full, "SELECT name, pk FROM pragma_table_info(?)", name) for name in names}


def other(column: str, value, choice: random.Random):
    """A value of the same kind and size, but not this one."""
    match value:
        case None:
            return "type.empty" if column == "quarantine" else choice.randbytes(16)
        case int():
            return choice.choice([value + 1_000_000, -value - 1])
        case str():
            at = choice.randrange(len(value) or 1)
            return value[:at] + ("x" if value[at : at + 1] != "x" else "y") + value[at + 1 :]
        case bytes():
            changed = bytearray(value)
            changed[choice.randrange(len(value))] ^= choice.randint(1, 255)
            return bytes(changed)


def test_a_row_of_any_table_changed_or_deleted(full, tmp_path):
    changes = {}
    tables = tables_of(full)
    assert {"statement", "node", "checkpoint", "item", "act", "person", "person_keys", "keybox", "wrap", "pupil", "document"} <= set(tables)
    filled = {table for table in tables if query(full, f"SELECT 1 FROM {table}")}
    assert {"access", "share", "entry", "entry_share", "follow_up", "triage", "triaged"} <= filled
    for table, columns in tables.items():
        keys = [name for name, pk in columns if pk]
        where = " AND ".join(f"{key} = ?" for key in keys)
        rows = query(full, f"SELECT {', '.join(name for name, _ in columns)} FROM {table}")
        choice = random_for(table)
        for row in choice.sample(rows, min(size("FLIP_ROWS"), len(rows))):
            values = dict(zip((name for name, _ in columns), row))
            place = [values[key] for key in keys]
            for column, value in values.items():
                sql = f"UPDATE {table} SET {column} = ? WHERE {where}"
                changes[f"{table} {place[0]!r} {column}"] = edit((sql, (other(column, value, choice), *place)))
            changes[f"{table} {place[0]!r} deleted"] = edit((f"DELETE FROM {table} WHERE {where}", place))
    each(tmp_path, full, changes, named)


def swap(full: Vault, kind: str) -> Callable[[Vault], None]:
    """The bytes of two sealed items of a kind change places."""
    (one, first), (two, second) = query(full, "SELECT id, bytes FROM item WHERE kind = ? ORDER BY idx LIMIT 2", kind)
    change = "UPDATE item SET bytes = ? WHERE id = ?"
    return edit((change, (second, one)), (change, (first, two)))


def test_sealed_things_that_change_places(full, tmp_path):
    kinds = {kind for kind, count in query(full, "SELECT kind, count(*) FROM item GROUP BY kind") if count > 1}
    assert {"header", "wrap", "keybox", "detail", "detail-key", "row-key", "recipient"} <= kinds
    each(tmp_path, full, {f"two of kind {kind}": swap(full, kind) for kind in sorted(kinds)}, named)


def last(full: Vault) -> int:
    return query(full, "SELECT max(idx) FROM statement")[0][0]


def without_last_statement(full: Vault) -> list:
    """What whoever takes the last statement away, and every trace of it in the catalogue, would do."""
    index = last(full)
    work = [f"DELETE FROM {table} WHERE idx = {index}" for table, columns in tables_of(full).items()
            if table not in ("node", "statement") and any(name == "idx" for name, _ in columns)]  # fmt: skip
    return [
        *work,
        f"DELETE FROM node WHERE ((idx + 1) << level) > {index}",
        f"DELETE FROM checkpoint WHERE size > {index}",
        f"DELETE FROM statement WHERE idx = {index}",
    ]


def put_old_keybox_back(full: Vault) -> list:
    """Of who joined again, the keybox that the password before opens takes the place of the one that replaced it."""
    person = query(full, "SELECT person FROM keybox GROUP BY person HAVING count(*) = 2")[0][0]
    old, new = (item for (item,) in query(full, "SELECT item FROM keybox WHERE person = ? ORDER BY idx", person))
    (box,) = query(full, "SELECT bytes FROM item WHERE id = ?", old)[0]
    return [("UPDATE item SET bytes = ? WHERE id = ?", (box, new))]


def old_keybox_put_back(vault: Vault) -> None:
    join(vault, ADMIN, vault.run_as(DSL, "person", "reset", ADMIN, "--json").ok().lines[0]["code"])
    vault.assert_holds()
    edit(*put_old_keybox_back(vault))(vault)


def blobs(vault: Vault) -> list:
    return sorted(path for path in (vault.path / "blobs").rglob("*") if path.is_file())


def swap_blobs(vault: Vault) -> None:
    one, two = blobs(vault)[:2]
    held = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(held)


def test_what_somebody_with_the_disk_might_do(full, template, tmp_path):
    changes = {
        "an old keybox put back": old_keybox_put_back,
        "the last statement taken away": edit(*without_last_statement(full)),
        "the first statement taken away": edit("DELETE FROM statement WHERE idx = 0"),
        "a role changed": edit("UPDATE person SET roles = 'dsl'"),
        "a trigger taken away": lambda vault: schema(vault, "DROP TRIGGER statement_update"),
        "an index taken away": lambda vault: schema(vault, "DROP INDEX act_pupil_file"),
        "a table more": lambda vault: schema(vault, "CREATE TABLE more (a INTEGER) STRICT"),
        "another schema version": lambda vault: schema(vault, "PRAGMA user_version = 2"),
        "swapped blobs": swap_blobs,
        "a blob cut by a byte": lambda vault: blobs(vault)[0].write_bytes(blobs(vault)[0].read_bytes()[:-1]),
        "a byte after a blob": lambda vault: blobs(vault)[0].write_bytes(blobs(vault)[0].read_bytes() + b"\0"),
        "a blob taken away": lambda vault: blobs(vault)[0].unlink(),
        "a policy taken away": lambda vault: (vault.path / "policies/access.yaml").unlink(),
        "a policy relaxed": lambda vault: relax(vault.path / "policies/access.yaml"),
        "the witness taken away": lambda vault: (vault.path / "witness/checkpoint").unlink(),
        "another vault's catalogue": lambda vault: (vault.path / "catalogue.sqlite").write_bytes(
            (template.path / "catalogue.sqlite").read_bytes()
        ),
    }
    each(tmp_path, full, changes, named)


def schema(vault: Vault, sql: str) -> None:
    with closing(sqlite3.connect(vault.path / "catalogue.sqlite", isolation_level=None)) as db:
        db.execute(sql)


def relax(policy: Path) -> None:
    text = policy.read_text()
    assert "admin: [file]" in text
    policy.write_text(text.replace("admin: [file]", "admin: [file, read]"))


def test_what_is_lawful_is_a_note(full, template, tmp_path):
    def orphan(vault: Vault) -> None:
        folder = blobs(vault)[0].parent
        (folder / (folder.name + "0" * 24)).write_bytes(b"nobody's")

    changes = {
        "a witness that is behind": lambda vault: (vault.path / "witness/checkpoint").write_bytes(
            (template.path / "witness/checkpoint").read_bytes()
        ),
        "an orphan payload": orphan,
        "a file beside the policies": lambda vault: (vault.path / "policies/note.txt").write_text("not a policy"),
    }

    def noted(vault: Vault) -> str | None:
        code, findings = vault.verify()
        return None if code == 0 and len(findings) == 1 and findings[0]["code"] in LAWFUL else f"{code} {findings}"

    each(tmp_path, full, changes, noted)


def test_a_vault_that_was_rolled_back_signs_nothing(full, tmp_path):
    vault = full.copy(tmp_path / "copy")
    edit(*without_last_statement(full))(vault)
    before = last(vault)
    result = vault.run_as(ADMIN, "pupil", "list")
    assert result.code == 1 and result.err.startswith("error: Something in the vault differs from its record")
    assert last(vault) == before
