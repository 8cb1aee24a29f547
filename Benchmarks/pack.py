"""A pack: from plaintext files to one ZIP file that is laid out, hashed and checked, beside `zip -0 -r` of the same files.

Strongroom computes a SHA-256 and a CRC-32 of every byte and compares both; zip computes the CRC-32 alone. Neither syncs.
The two take turns. The ledger, the signatures and the files' first hashing are made before, as a vault has them.
"""

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from tools.measuring import busy, figure, program, shown, size, timed

COUNT, MIB, ROUNDS = size("BENCH_EXHIBITS"), size("BENCH_PACK_MIB"), size("BENCH_ROUNDS")

with tempfile.TemporaryDirectory() as disk:
    papers, ours, theirs = Path(disk) / "papers", Path(disk) / "pack.zip", Path(disk) / "zip.zip"
    papers.mkdir()
    for number in range(COUNT):
        # Every second one is three times as long as the one before it.
        (papers / f"paper-{number:05}.pdf").write_bytes(os.urandom((MIB << 20) // COUNT // 2 * (1 + 2 * (number % 2))))
    measured, beside = [], []
    for _ in range(ROUNDS):
        out = subprocess.run([program("bench-pack"), papers, ours], check=True, capture_output=True).stdout
        measured.append(json.loads(out))
        beside.append(timed(lambda: subprocess.run(["zip", "-0", "-q", "-r", theirs, "papers"], cwd=disk, check=True)))
        subprocess.run(["unzip", "-tq", ours], check=True, capture_output=True)
        ours.unlink()
        theirs.unlink()

written = [one["laying out"] + one["writing"] for one in measured]
print(f"   {COUNT} files, {measured[0]['bytes'] / 2**20:.0f} MiB, {ROUNDS} rounds, median (least to most); {busy()}")
print(f"   pack laid out and written: {shown(written)}; of that laid out: {shown([one['laying out'] for one in measured])}")
print(f"   zip -0 -r: {shown(beside)}")
print(f"   pack checked: {shown([one['checking'] for one in measured])}")
ratio = statistics.median(written) / statistics.median(beside)
memory = max(one["resident"] for one in measured) / 2**20
figure(f"pack of {COUNT} files, of the time of zip -0", ratio, "", "at most 1", ratio <= 1)
figure("largest resident set of writing it", memory, " MiB", "under 64 MiB", memory < 64)
