"""A pack through the vault: an officer takes it by curl over HTTPS, beside `zip -0 -r` over the same files.

Every byte of it is read from the disk, opened and authenticated, asked for under its permission, hashed and summed, and
sent through TLS; curl takes it apart again and writes it to the disk. zip reads plain files, sums them, and writes. The
two take turns. RssAnon of the server, sampled every 50 ms, is compared with what it was before the first pack.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from tools.measuring import Anonymous, busy, figure, shown, size
from tools.papers import write_tiff
from tools.transfers import TLS

from agencies import Officer, asked, filed, permitted  # noqa: E402  (of Tests/harness, which tools.measuring named)
from service import Service  # noqa: E402

COUNT, MIB, ROUNDS = size("BENCH_EXHIBITS"), size("BENCH_PACK_MIB"), size("BENCH_ROUNDS")
LEAST, MOST_MEMORY, MOST_GROWTH = 0.7, 150, 16
LETTER = b"We ask for all of it.\n"


def fill(service: Service, papers: Path) -> list:
    """Files scans of noise, every second one three times as long as the one before it; gives their documents."""
    documents = []
    for number in range(COUNT):
        scan = papers / f"scan-{number:05}.tif"
        write_tiff(scan, (MIB << 20) // COUNT // 2 * (1 + 2 * (number % 2)))
        # Each one another: the last sample of its last page.
        data = bytearray(scan.read_bytes())
        data[1000:1008] = number.to_bytes(8)
        scan.write_bytes(data)
        documents.append(filed(service, bytes(data), filename=scan.name, summary=f"One of many scans: {number}"))
    return documents


def take(officer: Officer, to: Path) -> tuple[float, float]:
    """Seconds from asking for the pack until its last byte is on the disk, unsynced; and until its first byte came."""
    token = officer.ask("GET", "/agency").text.split('name="csrf" value="')[1].split('"')[0]
    cookies = "; ".join(f"{name}={value}" for name, value in officer.cookies.items())
    command = ["curl", "--silent", "--show-error", "--fail", *TLS, "--config", "-", "--output", to]
    command += ["--write-out", "%{time_starttransfer}"]
    settings = f"header = {json.dumps('Cookie: ' + cookies)}\ndata-urlencode = {json.dumps('csrf=' + token)}\n"
    begun = time.monotonic()
    address = f"https://localhost:{officer.service.port}/agency/copies"
    first = subprocess.run([*command, address], input=settings, text=True, check=True, stdout=subprocess.PIPE).stdout
    return time.monotonic() - begun, float(first)


def peak(anonymous: Anonymous, start: float, end: float) -> int:
    return max((value for moment, value in anonymous.samples if start <= moment <= end), default=0)


with tempfile.TemporaryDirectory() as disk:
    disk = Path(disk)
    papers, ours, theirs = disk / "papers", disk / "pack.zip", disk / "zip.zip"
    papers.mkdir()
    service = Service(disk / "school")
    try:
        begun = time.monotonic()
        documents = fill(service, papers)
        letter = filed(service, LETTER, filename="letter.txt", summary="Written request")
        print(f"   {COUNT} documents, {MIB} MiB, filed in {time.monotonic() - begun:.3g} s; {busy()}")
        # A code of the last five minutes.
        service.sign_in()
        begun = time.monotonic()
        given = permitted(service, asked(service, letter), *documents, copies=str(ROUNDS))
        print(f"   permitted, each read whole, in {time.monotonic() - begun:.3g} s")
        officer = Officer(service)
        officer.enter(given)
        time.sleep(1)
        anonymous = Anonymous(service.process.pid)
        rest = anonymous.now()
        starts, measured, firsts, beside = [], [], [], []
        for _ in range(ROUNDS):
            os.sync()
            starts.append(time.monotonic())
            seconds, first = take(officer, ours)
            measured.append(seconds)
            firsts.append(first)
            os.sync()
            begun = time.monotonic()
            subprocess.run(["zip", "-0", "-q", "-r", theirs, "papers"], cwd=disk, check=True)
            beside.append(time.monotonic() - begun)
            assert ours.stat().st_size > theirs.stat().st_size, "the pack is not whole"
            theirs.unlink()
        anonymous.stop()
        subprocess.run(["unzip", "-tq", ours], check=True, capture_output=True)
    finally:
        service.stop()

for number, (one, other) in enumerate(zip(measured, beside, strict=True)):
    print(f"   pair {number + 1}: pack {one:.3g} s, zip {other:.3g} s")
print(f"   a pack: {shown(measured)}, of that until its first byte (the draft statement is typeset): {shown(firsts)}; zip -0 -r: {shown(beside)}; {busy()}")
# What streams takes no more memory the longer it is: the second half of a pack beside its first.
grown = 0
for begun, seconds, first in zip(starts, measured, firsts, strict=True):
    middle = begun + (first + seconds) / 2
    grown = max(grown, peak(anonymous, middle, begun + seconds) - peak(anonymous, begun + first, middle))
most = max(value for _, value in anonymous.samples) - rest
print(f"   memory: {rest / 2**20:.1f} MiB before the first pack, {most / 2**20:.1f} above it at most; {len(anonymous.samples)} samples")
ratios = sorted(other / one for one, other in zip(measured, beside, strict=True))
ratio = ratios[len(ratios) // 2]
what = f"a pack of {COUNT} documents and {MIB} MiB through the vault and HTTPS"
figure(f"{what}, of the speed of zip -0", ratio, "", f"at least {LEAST}", ratio >= LEAST)
figure(f"{what}, memory of the server in its second half, above that in its first", grown / 2**20, " MiB", f"under {MOST_GROWTH} MiB", grown < MOST_GROWTH << 20)
figure(f"{what}, memory of the server above rest", most / 2**20, " MiB", f"under {MOST_MEMORY} MiB", most < MOST_MEMORY << 20)
