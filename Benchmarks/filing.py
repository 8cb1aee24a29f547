"""Filing a stack of scanned pages: `strongroom file` of a folder, beside `age -r` of the same files one by one.

One-page PDFs of 200 KB, each inspected in the sandbox by one long-lived inspector; summaries are given. Every document
is durable before its receipt is printed; age syncs nothing. The whole command is measured, the start of program and
inspector and the receipts too; only the one Argon2id of signing in is taken off, measured in the same rounds.
"""

import statistics
import subprocess
import tempfile
from pathlib import Path

from tools.measuring import at_present, busy, figure, found, hashing_seconds, shown, size, timed
from tools.papers import write_scans

COUNT, ROUNDS = size("BENCH_DOCUMENTS"), size("BENCH_ROUNDS")

with tempfile.TemporaryDirectory() as disk:
    disk = Path(disk)
    scans, sealed = disk / "scans", disk / "sealed"
    scans.mkdir()
    one = write_scans(scans, COUNT)
    vault = found(disk / "school")
    details = {f"letter-{number:05}.pdf": {"summary": f"Letter {number} to social care"} for number in range(COUNT)}
    subprocess.run(["age-keygen", "-o", disk / "identity"], check=True, capture_output=True)
    recipient = subprocess.run(
        ["age-keygen", "-y", disk / "identity"], check=True, capture_output=True, text=True
    ).stdout.strip()
    taken = {"strongroom file": [], "age -r, a process a file": [], "Argon2id": []}

    def strongroom():
        receipts = vault.file(scans, details=details, more=("--again",)).ok().lines
        assert len(receipts) == COUNT and not any(receipt["quarantined"] for receipt in receipts), receipts[:3]

    def age():
        sealed.mkdir()
        loop = 'for file in *; do age -r "$0" -o "$1/$file.age" "$file" || exit 1; done'
        subprocess.run(["sh", "-c", loop, recipient, sealed], cwd=scans, check=True)

    for _ in range(ROUNDS):
        at_present(vault)
        taken["strongroom file"].append(timed(strongroom))
        taken["age -r, a process a file"].append(timed(age))
        taken["Argon2id"].append(hashing_seconds())
        assert len(list(sealed.iterdir())) == COUNT
        subprocess.run(["rm", "-r", sealed], check=True)
    vault.assert_holds()

print(f"   {COUNT} PDFs of {one} bytes, {ROUNDS} rounds, median (least to most); {busy()}")
for name, seconds in taken.items():
    print(f"   {name}: {shown(seconds)}")
ours, theirs, hashing = (statistics.median(seconds) for seconds in taken.values())
print(f"   a document: {(ours - hashing) / COUNT * 1000:.3g} ms, by age {theirs / COUNT * 1000:.3g} ms")
ratio = (ours - hashing) / theirs
figure(f"filing {COUNT} scans, of the time of age -r (one Argon2id taken off)", ratio, "", "at most 1", ratio <= 1)
