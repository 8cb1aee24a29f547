#!/usr/bin/env python3
"""Checks a pack of papers that a school disclosed from its vault, without the vault's own program: python3 check.py [FOLDER]
Needs Python 3.8 or later and its package cryptography (pip install cryptography). Prints a line for each thing that is wrong,
the file first; exit code 0 only if nothing is wrong."""
import base64, contextlib, hashlib, json, re, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
FILES = {path.relative_to(ROOT).as_posix(): path for path in ROOT.rglob("*") if not path.is_dir()}
PEM = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA%b\n-----END PUBLIC KEY-----\n"  # an Ed25519 key, as OpenSSL reads it
SAYS = """Shown, if nothing is wrong and the fingerprint is the school's: the exhibits are the files that were filed and that the
permission names, unaltered; each statement is signed by its author's key and stands in the ledger. Not shown: that words in a
paper are true, who held a key, that clocks were right, that nothing else exists, or what the other papers here rest on."""
problems, actual, sums, statements, keys, shown, exhibits, founding, vault = {}, {}, {}, {}, {}, {}, [], {}, 0
def expect(holds, file, what): return bool(holds) or problems.setdefault(f"{file}: {what}")  # notes each problem once
@contextlib.contextmanager
def about(file):  # what cannot even be read is a problem of that file
    try: yield
    except Exception as error: expect(False, file, f"cannot be checked ({error!r})" if file in FILES else "is missing")
def read(name): return FILES[name].read_bytes()
def sha256(data): return hashlib.sha256(data).digest()
def unbase64(text): return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)  # as statements have it
def parsed(name):  # JSON that has one spelling (RFC 8785)
    spelling = json.dumps(json.loads(read(name)), sort_keys=True, separators=(",", ":"))
    expect(spelling.encode() == read(name), name, "is not in its one spelling")
    return json.loads(read(name))
def signed(key, signature, message):  # whether that Ed25519 key signed the message (RFC 8032)
    with contextlib.suppress(Exception): return Ed25519PublicKey.from_public_bytes(key).verify(signature, message) is None
def checkpoint(note, origin, key):  # size and root of the ledger, if that key signed them (C2SP signed-note, tlog-checkpoint)
    text, _, lines = note.rpartition("\n\n")
    name, size, root, *_ = text.split("\n")
    ours = [base64.b64decode(line)[4:] for line in re.findall(rf"^\u2014 {re.escape(origin)} (\S+)$", lines, re.M)]
    if name == origin and any(signed(key, one, f"{text}\n".encode()) for one in ours): return int(size), base64.b64decode(root)
    raise ValueError("it is not signed by the vault's checkpoint key")
def tree_root(leaf, index, size, path):  # the root that an inclusion path leads to (RFC 6962, section 2.1)
    if size == 1: return sha256(b"\0" + leaf) if index == 0 and not path else b""
    left = 1 << (size - 1).bit_length() - 1  # how many leaves stand on the left: the largest power of two below the size
    if index < left: return sha256(b"\1" + tree_root(leaf, index, left, path[:-1]) + path[-1])
    return sha256(b"\1" + path[-1] + tree_root(leaf, index - left, size - left, path[:-1]))
def keys_brought(kind, act):  # the signing keys that a statement brings, by whose they are
    if kind == "vault.founded": return {"service": unbase64(act["service_key"]), **keys_brought("person.joined", act["founder"])}
    party = act["station"] if kind == "station.added" else act
    return {party["person"]: unbase64(party["verifying_key"])} if kind in ("person.joined", "recovery.used", "station.added") else {}

with about("SHA256SUMS"):  # 1. Every file is listed, and is what the list says; none is missing.
    sums = {line[66:]: line[:64] for line in read("SHA256SUMS").decode("ascii").split("\n")[:-1]}
    expect(read("SHA256SUMS").decode() == "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)), "SHA256SUMS", "is malformed")
for name in sorted({*FILES, *sums, "HOW-TO-CHECK.txt", "check.py"} - {"SHA256SUMS"}):
    with about(name), open(FILES[name], "rb") as file:
        digest = hashlib.sha256()
        for piece in iter(lambda: file.read(1 << 20), b""): digest.update(piece)
        actual[name] = digest.hexdigest()
        expect(actual[name] == sums.get(name), name, "its SHA-256 is not what SHA256SUMS says")
with about("manifest.json"): exhibits = (manifest := parsed("manifest.json"))["exhibits"]
with about("ledger/checkpoint.txt"):  # 2. The founding names the vault and its keys; the checkpoint is signed by one of them.
    note, founding = read("ledger/checkpoint.txt").decode(), parsed("ledger/0.json")["act"]
    said = sorted((parsed(name) for name in FILES if re.match("ledger/[0-9]+[.]json$", name)), key=lambda one: one["index"])
    went_on = [one["act"]["branch"] for one in said if one["kind"] == "vault.continued"][-1:]  # a vault that was restored, as another
    founding = {**founding, "origin": "/".join([founding["origin"], *went_on])}
    for key in ("vault", "origin", "checkpoint_key", "service_key"):
        expect(founding[key] == manifest[key], "ledger/0.json", f"{key} is not that of manifest.json")
    for letter in founding["vault"]: vault = vault << 5 | "0123456789abcdefghjkmnpqrstvwxyz".index(letter)
    size, root = checkpoint(note, founding["origin"], unbase64(founding["checkpoint_key"]))
for index in sorted({int(name[7:].split(".")[0]) for name in FILES if re.match("ledger/[0-9]+[.]", name)}):
    name = f"ledger/{index}"
    with about(f"{name}.json"):  # 3. Each statement is signed by its author, and stands in the ledger.
        statement = statements[index] = parsed(f"{name}.json")
        keys.update(keys_brought(statement["kind"], statement["act"]))
        data, key = read(f"{name}.json"), keys.get(statement["author"], b"")
        message = b"strongroom/statement/v1\n" + (vault >> 2).to_bytes(16, "big") + sha256(data)
        expect(key, f"{name}.json", "no statement in the pack brings its author's key")
        expect(read(f"{name}.message") == message, f"{name}.message", "is not the vault's id and the statement's SHA-256")
        expect(signed(key, read(f"{name}.sig"), message), f"{name}.sig", "is not its author's signature")
        expect(read(f"{name}.key.pem") == PEM % base64.b64encode(key), f"{name}.key.pem", "is not its author's key")
    with about(f"{name}.proof"):
        proof, start, end = read(f"{name}.proof").decode(), f"c2sp.org/tlog-proof@v1\nindex {index}\n", f"\n{note}"
        path = [base64.b64decode(line) for line in proof[len(start):-len(end)].split("\n")[:-1]]
        leaf = b"\1" + len(data).to_bytes(4, "big") + data + read(f"{name}.sig")
        is_in = statement["index"] == index < size and tree_root(leaf, index, size, path) == root
        expect(proof.startswith(start) and proof.endswith(end) and is_in, f"{name}.proof", "does not lead to the checkpoint")
    with about(f"{name}.fields.json"):  # Fields that are shown: name, salt and value give what the statement commits to.
        for field, one in (parsed(f"{name}.fields.json") if f"{name}.fields.json" in FILES else {}).items():
            salt, value = unbase64(one["salt"]), unbase64(one["value"])
            shown[index, field], digest = value, sha256(b"strongroom/v1/field\0" + field.encode() + b"\0" + salt + value)
            is_so = len(salt) == 32 and unbase64(statements[index]["fields"][field]) == digest
            expect(is_so, f"{name}.fields.json", f"{field} is not what was signed")
with about("manifest.json"):  # 4. The permission names the exhibits, in their order.
    name, given = f"ledger/{manifest['permission']}.json", statements[manifest["permission"]]
    named = [(one["document"], str(given["act"]["exhibit"] + place)) for place, one in enumerate(given["act"]["documents"])]
    are_named = named == [(one["document"], one["reference"].split("/")[1]) for one in exhibits] and given["author"] != "service"
    expect(are_named and given["kind"] == "permission.given", name, "permits other documents, or in another order or numbers")
for exhibit in exhibits:  # 5. Each exhibit is what was filed.
    name, index = exhibit["file"], exhibit["statement"]
    with about(name):
        size, filing, stem = FILES[name].stat().st_size, statements[index], "exhibits/" + exhibit["reference"].replace("/", "-") + "."
        is_its = (filing["kind"], filing["act"]["document"]) == ("document.filed", exhibit["document"]) and filing["author"] != "service"
        expect((size, actual[name]) == (exhibit["size"], exhibit["sha256"]) and name.startswith(stem), name, "is not as manifest.json says")
        is_its = is_its and (shown[index, "size"], shown[index, "sha256"]) == (b"%d" % size, actual[name].encode())
        expect(is_its, name, "is not what the statement of its filing says")
for name in FILES: expect(not name.startswith("exhibits/") or name in [one["file"] for one in exhibits], name, "is not in manifest.json")
print("\n".join(problems).encode("ascii", "backslashreplace").decode() or "Nothing is wrong.", SAYS, sep="\n")
print("Fingerprint of the vault's checkpoint key:", sha256(unbase64(founding.get("checkpoint_key", ""))).hex(" ", 2))
sys.exit(1 if problems else 0)
