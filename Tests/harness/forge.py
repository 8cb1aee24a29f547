"""A vault's history written anew, by docs/format.md: what whoever has the disk and the secrets' directory could do.

Everything that follows is made to follow: places, roots, leaves, tree, checkpoints, witness, projections. So what is
refused is refused for what was said, not for how it was written. A statement is signed with its author's key (the test
knows everybody's password) unless a case says otherwise: so only the one forgery is false, and none of its successors.
"""

import base64
import copy
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import reader
from nacl.signing import SigningKey
from vault import PASSWORDS, Vault


def edit(*work: str | tuple) -> Callable[[Vault], None]:
    """SQL on the catalogue, the triggers away while it runs and back as they were afterwards."""

    def do(vault: Vault) -> None:
        with closing(sqlite3.connect(vault.path / "catalogue.sqlite", isolation_level=None)) as db:
            db.execute("PRAGMA ignore_check_constraints = ON")
            db.execute("BEGIN")
            triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                db.execute(f"DROP TRIGGER {name}")
            before = db.total_changes
            for one in work:
                db.execute(*((one,) if isinstance(one, str) else one))
            assert db.total_changes > before, f"changed nothing: {work}"
            for _, sql in triggers:
                db.execute(sql)
            db.execute("COMMIT")

    return do


def query(full: Vault, sql: str, *values) -> list:
    with closing(sqlite3.connect(full.path / "catalogue.sqlite")) as db:
        return db.execute(sql, values).fetchall()


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Saying:
    """A statement to be: `index`, `root` and the items' digests of its value are set when it is written."""

    value: dict
    items: dict = field(default_factory=dict)  # kind and bytes by id, in order; bytes None: said, but not there
    signer: SigningKey | None = None  # instead of the author's key
    signature: bytes | None = None  # instead of any key's
    but: dict = field(default_factory=dict)  # what it says in spite of what follows; None: it does not say it
    kept: bytes | None = None  # the leaf as it stood, whatever has become of what stands before it

    @property
    def act(self) -> dict:
        return self.value["act"]

    @property
    def kind(self) -> str:
        return self.value["kind"]


class History:
    """A vault's statements as values, with every key that signed one."""

    def __init__(self, vault: Vault):
        opened = reader.Vault(vault.path)
        assert not opened.findings
        secret = {name: SigningKey((vault.secrets / f"{name}-key").read_bytes()) for name in ("service", "checkpoint")}
        self.checkpoint, self.keys, self.people = secret["checkpoint"], {"service": secret["service"]}, {}
        for name in vault.authenticators:
            person = reader.Person(opened, vault.secrets, name, PASSWORDS[name])
            self.people[name] = person.state["id"]
            self.keys[person.state["id"]] = person.signing
        self.sayings = []
        for statement in opened.ledger.statements:
            items = {
                id: (kind, opened.rows("SELECT bytes FROM item WHERE id = ?", reader.id_bytes(id)).fetchone()[0])
                for id, (kind, _) in statement.items.items()
            }
            self.sayings.append(Saying(statement.value, items))
        self.leaves = [leaf for (leaf,) in opened.rows("SELECT leaf FROM statement ORDER BY idx")]
        opened.close()

    def copy(self) -> "History":
        other = copy.copy(self)
        other.keys, other.sayings = dict(self.keys), copy.deepcopy(self.sayings)
        return other

    @property
    def founding(self) -> dict:
        return self.sayings[0].act

    def of(self, kind: str) -> list:
        return [saying for saying in self.sayings if saying.kind == kind]

    def place(self, saying: Saying) -> int:
        return next(index for index, other in enumerate(self.sayings) if other is saying)

    def say(self, author: str, kind: str, act: dict, items: dict | None = None, before: Saying | None = None, **more) -> Saying:
        """A statement more, before another one or at the end, at the time of the one that stands there."""
        place = self.place(before) if before else len(self.sayings)
        beside = self.sayings[min(place, len(self.sayings) - 1)].value
        value = {"v": 1, "author": author, "kind": kind, "act": act, "policy": beside["policy"], "time": beside["time"]}
        saying = Saying(value | more, items or {})
        self.sayings.insert(place, saying)
        return saying

    def keep_leaves(self, after: Saying) -> None:
        """Leaves those that follow as they were signed."""
        for index in range(self.place(after) + 1, len(self.sayings)):
            self.sayings[index].kept = self.leaves[index - len(self.sayings)]

    # Writing it

    def leaf(self, saying: Saying, index: int, root: bytes) -> bytes:
        if saying.kept is not None:
            return saying.kept
        value = {**saying.value, "index": index, "root": url64(root)}
        if saying.items:
            value["items"] = [
                {"id": id, "kind": kind, "sha256": url64(reader.sha256(data or b""))} for id, (kind, data) in saying.items.items()
            ]
        value = {key: said for key, said in (value | saying.but).items() if said is not None}
        statement = reader.canonical(value)
        key = saying.signer or self.keys[value["author"]]
        signature = saying.signature or key.sign(reader.signed_text(statement, self.founding["vault"])).signature
        return b"\x01" + len(statement).to_bytes(4, "big") + statement + signature

    def note(self, size: int, root: bytes) -> str:
        """The ledger's checkpoint, signed with the vault's real key."""
        branches = [saying.act["branch"] for saying in self.sayings[:size] if saying.kind == "vault.continued"]
        origin = "/".join([self.founding["origin"], *branches[-1:]])
        text = f"{origin}\n{size}\n{base64_of(root)}\n"
        known = reader.note_key_id(origin, self.checkpoint.verify_key.encode())
        return f"{text}\n\u2014 {origin} {base64_of(known + self.checkpoint.sign(text.encode()).signature)}\n"

    def tables(self) -> dict:
        """Every row of every table of the catalogue."""
        tree, tables = reader.Tree(), defaultdict(list)
        for index, saying in enumerate(self.sayings):
            leaf = self.leaf(saying, index, tree.root())
            tree.append(leaf)
            tables["statement"].append((index, leaf))
            tables["checkpoint"].append((index + 1, self.note(index + 1, tree.root())))
            tables["item"] += [
                (reader.id_bytes(id), kind, index, data) for id, (kind, data) in saying.items.items() if data is not None
            ]
            for table, row in follows(saying, index):
                tables[table].append(row)
        tables["node"] = [(level, index, digest) for (level, index), digest in tree.nodes.items()]
        return tables

    def write(self, vault: Vault) -> None:
        tables = self.tables()
        names = [name for (name,) in query(vault, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
        assert set(tables) <= set(names)
        work = [f"DELETE FROM {name}" for name in names]
        for name, rows in tables.items():
            # What is said twice and must not be has one row: the first.
            work += [(f"INSERT OR IGNORE INTO {name} VALUES ({', '.join('?' * len(row))})", row) for row in rows]
        edit(*work)(vault)
        for place in (vault.path / "witness/checkpoint", vault.known):
            place.write_text(tables["checkpoint"][-1][1])


def follows(saying: Saying, index: int) -> list:
    """Table and row of all that follows from a statement, ids as bytes."""
    act, kind, author, id = saying.act, saying.kind, saying.value["author"], reader.id_bytes
    file = id(saying.value["pupil_file"]) if "pupil_file" in saying.value else None
    rows = [("act", (index, kind, None if author == "service" else id(author), file, saying.value["time"]))]

    def identity(key: str, kind: str) -> None:
        rows.append(("identity", (id(key), kind, file, index)))

    def wraps(of: dict) -> None:
        rows.extend(("wrap", (id(one["item"]), id(one["identity"]), id(one["holder"]), index)) for one in of["wraps"])

    def detail_keys() -> None:
        rows.extend(("detail_key", (id(item), file, index)) for item, (kind, _) in saying.items.items() if kind == "detail-key")

    def shares(of: dict) -> None:
        for one in of.get("shares", []):
            rows.append(("share", (*(id(one[key]) for key in ("header", "access", "document", "row_key")), index)))

    def entry_shares(of: list) -> None:
        rows.extend(("entry_share", (*(id(one[key]) for key in ("row_key", "access", "entry")), index)) for one in of)

    def name(of: dict) -> None:
        tag, roles = reader.url64(of["name_tag"]), " ".join(sorted(of["roles"]))
        rows.append(("person", (id(of["person"]), tag, roles, id(of["row"]), index)))

    def keys(of: dict) -> None:
        identity(of["identity"], "person")
        rows.append(("person_keys", (id(of["identity"]), id(of["person"]), reader.url64(of["verifying_key"]), index)))
        rows.append(("keybox", (id(of["keybox"]), id(of["person"]), index)))

    def person(of: dict) -> None:
        name(of)
        keys(of)
        wraps(of)

    match kind:
        case "vault.founded":
            identity(act["register"], "register")
            identity(act["team"], "team")
            identity(act["intake"], "intake")
            person(act["founder"])
        case "person.invited":
            name(act)
        case "person.joined":
            keys(act)
        case "person.confirmed":
            wraps(act)
        case "keybox.renewed":
            rows.append(("keybox", (id(act["keybox"]), id(author) if author != "service" else bytes(16), index)))
        case "recovery.set":
            identity(act["identity"], "recovery")
            wraps(act)
        case "station.added":
            person(act["station"])
            rows.append(("station", (id(act["station"]["person"]), act["expires"], int(act["intake"]), index)))
        case "batch.opened":
            rows.append(("batch", (id(act["batch"]), id(author) if author != "service" else bytes(16), index)))
        case "intake.received":
            ids = (id(act[key]) for key in ("upload", "blob", "header", "detail", "key"))
            rows.append(("intake", (*ids, act.get("quarantine"), index)))
        case "pupil.registered":
            identity(act["identity"], "pupil-file")
            rows.append(("pupil", (id(act["pupil"]), file, act["reference"], id(act["identity"]), id(act["row"]), index)))
            wraps(act)
        case "document.filed":
            ids = (id(act[key]) for key in ("blob", "upload", "detail", "detail_key"))
            batch, tag = id(act["batch"]) if "batch" in act else None, reader.url64(act["content_tag"])
            rows.append(("document", (id(act["document"]), file, *ids, act.get("quarantine"), batch, tag, index)))
            detail_keys()
            shares(act)
        case "access.given":
            ids = id(act["access"]), id(act["person"]), file
            rows.append(("access", (*ids, int(act["whole"]), act["expires"], index)))
            detail_keys()
        case "entry.made":
            ids = (id(act[key]) for key in ("detail", "detail_key"))
            named = (id(act[key]) if key in act else None for key in ("corrects", "follow_up", "completes"))
            rows.append(("entry", (id(act["entry"]), file, *ids, *named, index)))
            if "follow_up" in act:
                rows.append(("follow_up", (id(act["follow_up"]), file, index)))
            detail_keys()
            entry_shares(act.get("shares", []))
        case "items.triaged":
            triage, *rest = (id(act[key]) for key in ("triage", "detail", "detail_key"))
            rows.append(("triage", (triage, file, *rest, index)))
            rows.extend(("triaged", (id(record), triage, index)) for record in act["records"])
            rows.extend(("follow_up", (id(asked), file, index)) for asked in act["follow_ups"])
            detail_keys()
        case "permission.given":
            identity(act["identity"], "permission")
            detail_keys()
        case kind if kind in ("chronology.printed", "quarantine.decided") or kind in reader.DISCLOSING:
            detail_keys()
        case "access.extended":
            shares(act)
            entry_shares(act.get("entries", []))
        case "recovery.set":
            identity(act["identity"], "recovery")
            wraps(act)
        case "recovery.used":
            if "newcomer" in act:
                name({"person": act["person"], "roles": ["dsl"], **act["newcomer"]})
            keys(act)
            wraps(act)
        case "restricted.acted":
            brought = (id(act["document"][key]) if "document" in act else None for key in ("upload", "blob"))
            rows.append(("restricted", (id(act["record"]), *brought, id(act["detail"]), index)))
        case "document.moved":
            rows.append(("moved", (id(act["document"]), id(act["record"]), index)))
    return rows
