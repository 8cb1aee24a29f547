"""The first hundred entries of a long chronology in a large vault, as a running server gives them (bench-chronology).

The first opening in a session, with its durable statement, and later ones apart; beside a plain libsodium
XChaCha20-Poly1305 loop that opens as many rows of the same lengths. make-vault makes the vault, which must verify.
Searches: the first after the chronology was opened, the next, and the first in a session that opened nothing before.
"""

import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from tools.measuring import busy, figure, program, shown, size, timed

ROUNDS = size("BENCH_ROUNDS")

with tempfile.TemporaryDirectory() as disk:
    school = Path(disk) / "school"
    numbers = [
        f"--{name}={size(f'BENCH_{name.upper()}')}" for name in ("statements", "entries", "people", "sessions")
    ]
    making = timed(lambda: subprocess.run([program("make-vault"), school, *numbers], check=True, capture_output=True))
    print(f"   made in {making:.0f} s: {' '.join(numbers)}")
    verify = [program("strongroom"), "verify", "--vault", school / "vault"]
    verifying = timed(lambda: subprocess.run(verify, check=True, capture_output=True))
    print(f"   verified in {verifying:.0f} s")
    command = [program("bench-chronology"), school, str(ROUNDS)]
    taken = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

print(f"   {taken['statements'][0]:.0f} statements, {taken['rows'][0]:.0f} rows, {ROUNDS} sessions; {busy()}")
loop = statistics.median(taken["loop"])
for name in ("loop", "first", "later", "page", "layout", "search", "again", "unopened"):
    print(f"   {name}: {shown(taken[name], 'ms')}, {statistics.median(taken[name]) / loop:.3g} of the loop")
for name, what, most in (
    ("first", "first opening in a session", 150), ("later", "later opening", 50),
    ("page", "with every item for the picture", 50), ("layout", "the picture laid out", 10),
    ("search", "summaries searched", 50), ("again", "summaries searched again", 50),
):
    value = statistics.median(taken[name])
    figure(f"the first 100 of {taken['rows'][0]:.0f} entries, {what}", value, " ms", f"under {most} ms", value < most)
before, after = (taken[name][0] / 2**20 for name in ("before", "after"))
print(f"   memory (RssAnon): {before:.1f} MiB, and {after:.1f} MiB after 200 pages, 200 filters and 200 searches")
figure("memory gained by 200 pages, filters and searches", after - before, " MiB", "under 8 MiB", after - before < 8)
