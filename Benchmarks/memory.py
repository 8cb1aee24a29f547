"""The memory that filing one large TIFF takes: of the server, by a browser's form, and of `strongroom file`.

RssAnon, sampled every 50 ms, above its value at rest: the server's once somebody is signed in, the command's while it
waits for their password. Counted from the first staged byte to the receipt, so Argon2id's block is not in it; memory
files are not anonymous memory, nor this process's. Beside it, the same of `age -r`, which inspects nothing.
"""

import json
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

from tools.browser import Browser, write_certificate
from tools.measuring import Anonymous, at_present, busy, figure, found, size, totp, vaults
from tools.papers import write_tiff

MIB = size("BENCH_LARGE_MIB")
MOST = 100 << 20


def settled(anonymous: Anonymous) -> int:
    """What a process has once it has been still for a second."""
    time.sleep(1)
    return anonymous.now()


def staged(vault: vaults.Vault) -> bool:
    return any((vault.path / "staging").iterdir())


def most_since(anonymous: Anonymous, begun: float) -> int:
    values = [value for moment, value in anonymous.samples if moment >= begun]
    assert len(values) > 3, f"{len(values)} samples are too few"
    return max(values)


def by_command(vault: vaults.Vault, scan: Path) -> tuple:
    """Rest and most of `strongroom file`."""
    arguments = ["file", scan, "--pupil", vault.pupils[0], "--category", "letter", "--date", "2016-11-17"]
    # The space before the secrets keeps the command waiting for them.
    process, secrets = at_present(vault).start(
        *arguments, "--details=-", "--as", vaults.ADMIN, "--json", secrets=b" ", keep_open=True
    )
    process.stdin.write(json.dumps({"file": scan.name, "summary": "A whole folder, scanned at once"}).encode())
    process.stdin.close()
    anonymous = Anonymous(process.pid)
    rest = settled(anonymous)
    code = totp.code(vault.authenticators[vaults.ADMIN], totp.step_at(time.time() + vault.offset))
    secret = {"password": vaults.PASSWORDS[vaults.ADMIN], "code": code}
    with open(secrets, "wb") as pipe:
        pipe.write(json.dumps(secret).encode() + b"\n")
    begun = None
    while process.poll() is None:
        if begun is None and staged(vault):
            begun = time.monotonic()
        time.sleep(0.005)
    anonymous.stop()
    out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0 and not json.loads(out)["quarantined"], (out, err)
    return rest, most_since(anonymous, begun)


def by_browser(vault: vaults.Vault, scan: Path, folder: Path) -> tuple:
    """Rest and most of `strongroom serve`."""
    server, secrets = at_present(vault).start("serve", "--port", "0", *write_certificate(folder))
    try:
        line = server.stdout.readline().decode()
        port = urllib.parse.urlsplit(line.strip()).port
        assert port, f"{line}{server.stderr.read().decode() if server.poll() is not None else ''}"
        browser = Browser(port)
        code = totp.code(vault.authenticators[vaults.ADMIN], totp.step_at(time.time() + vault.offset))
        browser.sign_in(vaults.ADMIN, vaults.PASSWORDS[vaults.ADMIN], code)
        browser.ask("GET", "/")
        anonymous = Anonymous(server.pid)
        rest = settled(anonymous)
        begun = time.monotonic()
        browser.upload(
            vault.pupils[1],
            scan,
            "image/tiff",
            category="letter",
            date="2016-11-17",
            signed="unknown",
            summary="A whole folder, scanned at once",
        )
        browser.file_what_waits(vault.pupils[1])
        anonymous.stop()
        return rest, most_since(anonymous, begun)
    finally:
        server.terminate()
        server.wait()


def by_age(scan: Path, folder: Path) -> tuple:
    subprocess.run(["age-keygen", "-o", folder / "identity"], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", folder / "identity"], check=True, capture_output=True, text=True)
    process = subprocess.Popen(["age", "-r", recipient.stdout.strip(), "-o", folder / "scan.age", scan])
    anonymous = Anonymous(process.pid)
    assert process.wait() == 0
    anonymous.stop()
    return 0, max(value for _, value in anonymous.samples)


with tempfile.TemporaryDirectory() as disk:
    disk = Path(disk)
    scan = disk / "scan.tif"
    write_tiff(scan, MIB << 20)
    vault = found(disk / "school")
    print(f"   {scan.name} of {scan.stat().st_size} bytes; {busy()}")
    for name, (rest, most) in (
        ("age -r", by_age(scan, disk)),
        ("strongroom file", by_command(vault, scan)),
        ("strongroom serve", by_browser(vault, scan, disk)),
    ):
        print(f"   {name}: {most / 2**20:.1f} MiB at most, {rest / 2**20:.1f} at rest")
        if name != "age -r":
            above = most - rest
            figure(f"filing {MIB} MiB, memory of {name} above rest", above / 2**20, " MiB", "under 100 MiB", above < MOST)
    vault.assert_holds()
