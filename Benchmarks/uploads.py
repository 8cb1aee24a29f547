"""Uploads over HTTPS: one large file, beside nginx taking the same file; then several at once.

One upload is one request that makes it, brings it and has it filed (`file: now`): its answer comes when the document is
received, sealed, hashed, inspected in the sandbox, filed and durable. nginx takes the same bytes by WebDAV PUT over the
same TLS from the same client (curl) to the same disk, as plain text, and syncs nothing; what a sync of its file takes
after that is measured apart. Both keep what they took. They take turns; the disk is given time to write what the one
left before the other begins. Apart, nginx once more in memory that is warm.

Then several uploads at once: RssAnon of the server, sampled every 50 ms, above its value at rest; memory files are not
in it, and are counted apart; people who sign in meanwhile are timed.
"""

import filecmp
import hashlib
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.measuring import Anonymous, busy, figure, shown, size
from tools.papers import write_tiff
from tools.transfers import Nginx, answer_of, start_curl

from service import UPLOADS, Service  # noqa: E402  (of Tests/harness, which tools.measuring named)

MIB, PAIRS, AT_ONCE = size("BENCH_LARGE_MIB"), size("BENCH_PAIRS"), size("BENCH_UPLOADS")
LEAST, MOST_MEMORY, MOST_SECONDS = 0.85, 150, 3


def start_upload(service: Service, scan: Path, summary: str):
    said = service.metadata(b"", filename=scan.name, summary=summary, file="now", again="yes", sha256=None)
    headers = {
        **service.headers(UPLOADS),
        "Content-Type": "application/offset+octet-stream",
        "Upload-Length": str(scan.stat().st_size),
        "Upload-Metadata": said,
    }
    return start_curl(scan, "POST", f"https://localhost:{service.port}{UPLOADS}", headers)


def receipt_of(service: Service, place: str) -> dict:
    receipt = service.file(place)
    assert isinstance(receipt, dict) and receipt["sha256"] == DIGEST and not receipt["quarantined"], receipt
    return receipt


def by_strongroom(service: Service, scan: Path, number: int) -> dict:
    begun = time.monotonic()
    _, place = answer_of(start_upload(service, scan, f"A whole folder, scanned at once: {number}"))
    seconds = time.monotonic() - begun
    receipt_of(service, place)
    return {"strongroom": seconds}


def by_nginx(nginx: Nginx, scan: Path, number: int) -> dict:
    begun = time.monotonic()
    taken = nginx.put(scan, f"{number}.tif")
    seconds = time.monotonic() - begun
    with open(taken, "rb") as file:
        os.fsync(file.fileno())
    synced = time.monotonic() - begun
    if number == 0:
        assert filecmp.cmp(taken, scan, shallow=False), "nginx did not keep what it was sent"
    return {"nginx": seconds, "nginx, its file synced": synced} | in_warm_memory(nginx, scan, taken)


def in_warm_memory(nginx: Nginx, scan: Path, taken: Path) -> dict:
    """The same file once more, into the memory that a copy of it just left: no new page is asked of whoever lends the
    machine its memory, which on a virtual one can cost more than all else."""
    copy = shutil.copy(taken, taken.with_name("warm"))
    os.sync()
    os.unlink(copy)
    begun = time.monotonic()
    again = nginx.put(scan, "again.tif")
    seconds = time.monotonic() - begun
    again.unlink()
    return {"nginx, in memory just freed": seconds}


def one_beside_nginx(service: Service, nginx: Nginx, scan: Path) -> None:
    pairs = []
    for number in range(PAIRS + 1):
        turns = [(by_strongroom, service), (by_nginx, nginx)]
        taken = {}
        for turn, server in turns if number % 2 else reversed(turns):
            os.sync()
            taken |= turn(server, scan, number)
        # The first pair warms both.
        if number:
            pairs.append(taken)
            print(f"   pair {number}: {', '.join(f'{name} {taken[name]:.3g} s' for name in sorted(taken))}; {busy()}")
    for name in sorted(pairs[0]):
        seconds = [pair[name] for pair in pairs]
        print(f"   {name}: {shown(seconds)}, {MIB / statistics.median(seconds):.0f} MiB/s")
    ratio = statistics.median(pair["nginx"] / pair["strongroom"] for pair in pairs)
    what = f"one upload of {MIB} MiB, filed and durable, of nginx's speed at the median of {PAIRS} pairs"
    synced = statistics.median(pair["nginx, its file synced"] / pair["strongroom"] for pair in pairs)
    warm = statistics.median(pair["nginx, in memory just freed"] / pair["strongroom"] for pair in pairs)
    print(f"   of nginx's speed with its file synced: {synced:.3g}; in memory just freed: {warm:.3g}")
    figure(what, ratio, "", f"at least {LEAST}", ratio >= LEAST)


def shared_memory() -> int:
    """Memory files of the whole machine: all of tmpfs and shared memory with them."""
    (line,) = [line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("Shmem:")]
    return int(line.split()[1]) * 1024


def several_at_once(service: Service, scan: Path) -> None:
    code = service.next_code()
    anonymous = Anonymous(service.process.pid)
    time.sleep(1)
    rest, files_at_rest, most_files = anonymous.now(), shared_memory(), 0

    def sign_in(code: str) -> tuple:
        now = time.monotonic()
        service.sign_in(code)
        return now, time.monotonic()

    begun = time.monotonic()
    coming = [start_upload(service, scan, f"One of several folders: {number}") for number in range(AT_ONCE)]
    with ThreadPoolExecutor(1) as hands:
        signing_in = []
        while any(one.poll() is None for one in coming):
            most_files = max(most_files, shared_memory() - files_at_rest)
            if code and time.monotonic() - begun > 0.5:
                signing_in.append(hands.submit(sign_in, code))
                code = ""
            code = code or service.next_code(wait=False)
            time.sleep(0.02)
        signing_in = [one.result() for one in signing_in]
    seconds = time.monotonic() - begun
    anonymous.stop()
    places = [answer_of(one)[1] for one in coming]
    documents = {receipt_of(service, place)["document"] for place in places}
    assert len(documents) == AT_ONCE, documents
    samples = [(moment, value - rest) for moment, value in anonymous.samples if moment >= begun]
    apart = [value for moment, value in samples if not any(first <= moment <= last + 0.1 for first, last in signing_in)]
    most, most_apart = max(value for _, value in samples), max(apart)
    print(f"   {AT_ONCE} uploads of {MIB} MiB in {seconds:.3g} s ({AT_ONCE * MIB / seconds:.0f} MiB/s); {len(samples)} samples; {busy()}")
    print(f"   memory: {rest / 2**20:.1f} MiB at rest, {most / 2**20:.1f} above it at most, {most_apart / 2**20:.1f} while nobody signed in")
    print(f"   memory files: {most_files / 2**20:.0f} MiB at most")
    what = f"{AT_ONCE} uploads of {MIB} MiB at once"
    figure(f"{what}, memory of the server above rest", most / 2**20, " MiB", f"under {MOST_MEMORY} MiB", most < MOST_MEMORY << 20)
    budget = service.inspection_memory()
    figure(f"{what}, memory files", most_files / 2**20, " MiB", f"at most {budget} MiB", most_files <= budget << 20)
    longest = max(last - first for first, last in signing_in)
    print(f"   {len(signing_in)} sign-ins meanwhile: {shown([last - first for first, last in signing_in])}")
    figure(f"{what}, a sign-in meanwhile", longest, " s", f"within {MOST_SECONDS} s", longest <= MOST_SECONDS)


with tempfile.TemporaryDirectory() as disk:
    disk = Path(disk)
    scan = disk / "scan.tif"
    write_tiff(scan, MIB << 20)
    with open(scan, "rb") as file:
        DIGEST = hashlib.file_digest(file, "sha256").hexdigest()
    service = Service(disk / "school")
    nginx = Nginx(disk / "nginx", service.folder / "certificate.pem", service.folder / "key.pem")
    print(f"   {scan.name} of {scan.stat().st_size} bytes; {busy()}")
    try:
        one_beside_nginx(service, nginx, scan)
        nginx.stop()
        several_at_once(service, scan)
    finally:
        nginx.stop()
        service.stop()
    service.verify()
