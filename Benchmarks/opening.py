"""Opening a large document: `strongroom open` beside Debian's `age -d` of the same bytes, to the same tmpfs.

Both read from the same disk, their files in the page cache. `age -d` has a file for an X25519 recipient, as Debian's age
makes it. The whole command is measured, from its start to its end; signing in hashes a password once (Argon2id, on
purpose slow), which age does not: that hash is measured in the same rounds, and taken off. Program start, the ledger's
three durable statements, the SHA-256 over the document and everything else stay in.
"""

import filecmp
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.measuring import at_present, busy, figure, found, hashing_seconds, shown, size, timed, vaults
from tools.papers import write_tiff

MIB, ROUNDS = size("BENCH_LARGE_MIB"), size("BENCH_ROUNDS")
MEMORY = Path("/dev/shm")
if not MEMORY.is_dir():
    sys.exit("error: there is no tmpfs at /dev/shm to write to")

with tempfile.TemporaryDirectory() as disk, tempfile.TemporaryDirectory(dir=MEMORY) as memory:
    disk, memory = Path(disk), Path(memory)
    scan = disk / "scan.tif"
    write_tiff(scan, MIB << 20)
    vault = found(disk / "school")
    filed = vault.file(scan, details={scan.name: {"summary": "A whole folder, scanned at once"}}).ok().lines[0]
    subprocess.run(["age-keygen", "-o", disk / "identity"], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", disk / "identity"], check=True, capture_output=True, text=True)
    subprocess.run(["age", "-r", recipient.stdout.strip(), "-o", disk / "scan.age", scan], check=True)

    ours, theirs = memory / "ours", memory / "theirs"
    taken = {"strongroom open": [], "age -d": [], "Argon2id": []}

    def strongroom():
        vault.run_as(vaults.DSL, "open", filed["document"], "--output", ours).ok()

    def age():
        subprocess.run(["age", "-d", "-i", disk / "identity", "-o", theirs, disk / "scan.age"], check=True)

    for warming in (True, *[False] * ROUNDS):
        at_present(vault)
        for name, work, output in (("strongroom open", strongroom, ours), ("age -d", age, theirs)):
            seconds = timed(work)
            if warming:
                assert filecmp.cmp(output, scan, shallow=False), f"{name} did not give the document back"
            else:
                taken[name].append(seconds)
            output.unlink()
        if not warming:
            taken["Argon2id"].append(hashing_seconds())

print(f"   {scan.name} of {MIB} MiB, {ROUNDS} rounds, median (least to most); {busy()}")
for name, seconds in taken.items():
    print(f"   {name}: {shown(seconds)}")
whole, beside, hashing = (statistics.median(taken[name]) for name in ("strongroom open", "age -d", "Argon2id"))
print(f"   strongroom open with its password's hash: {whole / beside:.3g} of age -d")
ratio = (whole - hashing) / beside
figure(f"opening {MIB} MiB, of the time of age -d (one Argon2id taken off)", ratio, "", "at most 1", ratio <= 1)
