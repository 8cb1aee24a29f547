"""Sealing and opening memory to memory, beside libsodium's own ChaCha20-Poly1305 loop on one core.

bench-sealing lets loop and envelope take turns in one process, and gives the best of the rounds: once held to one core,
and once on all. On one core at least 0.9 of the loop; on two at least 1.6 of it.
"""

import json
import os
import subprocess

from tools.measuring import busy, figure, program, size

MIB, ROUNDS = size("BENCH_MEMORY_MIB"), size("BENCH_ROUNDS")


def run(*before: str) -> dict:
    command = [*before, program("bench-sealing"), str(MIB), str(ROUNDS)]
    result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for name, value in sorted(result.items()):
        print(f"   {name}: {value:.4g}")
    return result


print(f"   {MIB} MiB, best of {ROUNDS} rounds; {busy()}\n   held to one core (taskset -c 0)")
one = run("taskset", "-c", "0")
for work in ("seal", "open"):
    ratio = one[f"{work} GB/s"] / one[f"libsodium {work} GB/s"]
    figure(f"{work}ing on one core, of libsodium's loop", ratio, "", "0.9", ratio >= 0.9)
if os.cpu_count() < 2:
    raise SystemExit("error: this machine has one core: what two do cannot be measured")
print("   on two cores, beside libsodium's loop on one")
two = run("taskset", "-c", "0,1")
for work in ("seal", "open"):
    ratio = two[f"{work} GB/s"] / two[f"libsodium {work} GB/s"]
    figure(f"{work}ing on two cores, of libsodium's loop on one", ratio, "", "1.6", ratio >= 1.6)
