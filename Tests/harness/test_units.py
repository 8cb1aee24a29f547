"""The systemd units that the project brings: systemd takes them, they close what they can, and what they close the product does
not need: a server runs as each of their lines has it, and takes, shows, reads and prints documents. No systemd runs here."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.parse
from contextlib import closing
from pathlib import Path

import confined
import pytest
import vault as vaults
from copier_folder import SPEED
from service import Service
from tls import certificate
from vault import CHECKOUT, DSL, PROGRAM, SCANS

UNITS = CHECKOUT / "scripts/systemd"
SERVER, WATCH, BACKUP = UNITS / "strongroom.service", UNITS / "strongroom-watch@.service", UNITS / "strongroom-backup.service"
SERVICES = (SERVER, WATCH, BACKUP)
# Scores of systemd 252, in tenths: from 0 for a service that may do nothing to 100. What a sandbox needs costs a third of a point each.
MOST_EXPOSED = {SERVER: 31, WATCH: 24, BACKUP: 24}
# A sandbox as strongroom makes its own, with what a renderer has.
SANDBOX = """bwrap --unshare-all --unshare-user --disable-userns --die-with-parent --new-session --cap-drop ALL --clearenv --uid 65534
    --gid 65534 --hostname sandbox --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --remount-ro /proc
    --dev-bind /dev/null /dev/null --remount-ro / --chdir / -- /usr/bin/true""".split()


@pytest.fixture
def units(tmp_path) -> Path:
    """The units, with the programs where they are here."""
    folder = tmp_path / "units"
    folder.mkdir()
    for path in UNITS.iterdir():
        (folder / path.name).write_text(path.read_text().replace("/usr/local/bin/strongroom", PROGRAM))
    return folder


def test_systemd_takes_every_unit(units):
    names = ["strongroom.service", "strongroom-watch@srv-scans.service", "strongroom-backup.service", "strongroom-backup.timer"]
    there = {path.name for path in UNITS.iterdir() if path.suffix in (".service", ".timer")}
    assert {re.sub("@.*[.]", "@.", name) for name in names} == there
    told = subprocess.run(["systemd-analyze", "verify", *(f"./{name}" for name in names)], cwd=units, capture_output=True, text=True)
    assert told.returncode == 0 and "strongroom" not in told.stdout + told.stderr, told
    # It would say so.
    unit = units / "strongroom.service"
    unit.write_text(unit.read_text().replace("@mount", "@mountain"))
    told = subprocess.run(["systemd-analyze", "verify", "./strongroom.service"], cwd=units, capture_output=True, text=True)
    assert "@mountain" in told.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_each_service_closes_what_it_can(unit, units):
    name = unit.name
    if "@" in name:
        # As one that has an instance: a template alone is no service.
        name = name.replace("@", "@srv-scans")
        (units / name).write_text(unit.read_text())
    asked = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED[unit]}", f"./{name}"]
    told = subprocess.run(asked, cwd=units, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout[-300:] + told.stderr
    open_one = units / name
    open_one.write_text((units / name).read_text().replace("ProtectSystem=strict", "ProtectSystem=no"))
    assert subprocess.run(asked, cwd=units, capture_output=True).returncode != 0


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_each_service_is_given_every_secret_and_keeps_memory_from_the_disk(unit, template):
    service = confined.service_of(unit)
    given = {line.partition(":")[0] for line in service["LoadCredential"]}
    secrets = {path.name for path in template.secrets.iterdir()}
    assert given - secrets <= {"tls-certificate.pem", "tls-key.pem", "msmtp.conf"} and secrets <= given
    assert all(path.rpartition("/")[2] == name for name, _, path in (line.partition(":") for line in service["LoadCredential"]) if path)
    assert service["LimitCORE"] == ["0"] and service["MemorySwapMax"] == ["0"] and service["LimitMEMLOCK"] == ["64M"]
    assert set(service) <= confined.DONE | confined.LEFT


# What the units say must stay open


@pytest.mark.parametrize(
    "line, value, complaint",
    [
        ("UMask", "0077", None),
        ("ProtectHostname", "yes", "hostname"),
        ("ProtectKernelTunables", "yes", "Can't mount proc"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6", "NETLINK"),
        ("SystemCallFilter", "@system-service seccomp sethostname", "Operation not permitted"),
    ],
)
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_a_sandbox_starts_in_each_service_and_not_if_more_were_closed(unit, line, value, complaint, tmp_path):
    state = tmp_path / "state"
    (state / "vault.secrets").mkdir(parents=True)
    told = subprocess.run(
        confined.command(unit, state, state / "vault.secrets", SANDBOX, **{line: value}), capture_output=True, text=True
    )
    if complaint is None:
        assert told.returncode == 0, told
    else:
        assert told.returncode != 0 and complaint in told.stderr, told


class Confined(Service):
    """A service whose server runs as the unit has it; its folder is the unit's state directory."""

    def _start(self, *arguments, extra: dict | None = None):
        if arguments[0] != "serve":
            return super()._start(*arguments, extra=extra)
        runtime = self.folder.parent / "runtime"
        runtime.mkdir(exist_ok=True)
        self.metrics = runtime / "strongroom.prom"
        told = [PROGRAM, *arguments, "--signatures", str(self.folder / "signatures"), "--metrics", str(self.metrics)]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "STRONGROOM_VAULT": str(self.vault), **(extra or {})}
        return subprocess.Popen(
            confined.command(SERVER, self.folder, Path(f"{self.vault}.secrets"), told, (runtime,)),
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("confined") / "state"
    signatures = folder / "signatures"
    signatures.mkdir(parents=True)
    (signatures / "test.ndb").write_text(f"Harness.Test:0:*:{b'EICAR-STANDARD-ANTIVIRUS-TEST-FILE'.hex()}\n")
    required = (
        ("inspection.yaml", "antivirus: off", "antivirus: required"), ("file-types.yaml", "largest-mib: 2048", "largest-mib: 200"),
        ("limits.yaml", "keep-free-mib: 1024", "keep-free-mib: 1"), ("limits.yaml", "keep-free-percent: 5", "keep-free-percent: 0"),
    )  # fmt: skip
    one = Confined(folder, required, recognises=True)
    yield one
    log = one.stop()
    assert b"code=" not in log, log


def test_a_server_as_the_unit_has_it_is_confined(service):
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE) and re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    assert all(re.search(rf"^{name}:\t0+$", status, re.MULTILINE) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"))
    limits = Path(f"/proc/{service.process.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    mounts = Path(f"/proc/{service.process.pid}/mountinfo").read_text()
    assert re.search(r"^\S+ \S+ \S+ \S+ / ro", mounts, re.MULTILINE)
    # It has not the directory with the secrets: only what it was given of them.
    assert f" {service.vault}.secrets " in mounts


def test_it_takes_shows_reads_searches_and_prints_documents(service):
    scan = next(path for path in SCANS if path.suffix == ".pdf")
    receipts = {}
    for path in (scan, *(path for path in SCANS if path.suffix in (".tif", ".tiff", ".docx"))):
        data = path.read_bytes()
        place = service.create(data, filename=path.name, summary=f"Scan {path.stem}")
        answer = service.patch(place, 0, data)
        assert answer.status == 204, answer.text
        outcome = service.file(place)
        assert isinstance(outcome, dict), (path.name, outcome)
        receipts[path] = outcome
    document = receipts[scan]["document"]
    picture = service.ask("GET", f"/documents/{document}/pages/1?width=800")
    assert picture.status == 200 and picture.bytes[:3] == b"\xff\xd8\xff"
    assert service.download(document) == scan.read_bytes()
    # WeasyPrint and qpdf.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    started = service.ask("POST", f"/pupils/{service.pupil}/print", form, f"csrf={_quoted(service)}&form=pdf")
    assert started.status == 303, started.text
    for _ in range(300):
        printed = service.ask("GET", "/print/chronology.pdf")
        if printed.status == 200:
            break
        time.sleep(0.2)
    assert printed.bytes.startswith(b"%PDF-"), printed.text
    # tesseract: the text of a scan without one.
    with closing(sqlite3.connect(f"file:{service.vault}/workspace.sqlite?mode=ro", uri=True)) as workspace:
        until = time.monotonic() + 120
        while not workspace.execute("SELECT count(*) FROM text WHERE unreadable = 0").fetchone()[0]:
            assert time.monotonic() < until, "no text was read"
            time.sleep(0.2)
    # clamd scanned each: it is required, and what it knows is kept apart.
    words = "".join(["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!", "$H+H*"])
    place = service.create(words.encode(), summary="Known to scanners")
    assert service.patch(place, 0, words.encode()).status == 204
    assert "virus" in json.dumps(service.file(place)) or "quarantin" in json.dumps(service.file(place))
    until = time.monotonic() + 40
    # It is looked at every 15 seconds, and clamd may not have been there the first time.
    while service.ask("GET", "/api/v1/health").status != 200 and time.monotonic() < until:
        time.sleep(0.5)
    assert json.loads(service.ask("GET", "/api/v1/health").text)["status"] == "ready"
    # It says who opened it from within, where the files of the vault lie.
    assert service.verify() is not None


def _quoted(service: Service) -> str:
    return urllib.parse.quote(service._token)


def test_its_figures_are_where_the_unit_lets_it_write(service):
    for _ in range(100):
        if service.metrics.exists():
            break
        time.sleep(0.2)
    assert "strongroom_up 1\n" in service.metrics.read_text()


def test_a_backup_as_its_unit_has_it_reaches_no_network_and_verifies(template, tmp_path):
    copy = template.copy(tmp_path / "state")
    backup = tmp_path / "backup"
    backup.mkdir()
    arguments = [PROGRAM, "backup", "--to", backup / "vault", "--vault", copy.path]
    told = subprocess.run(
        confined.command(BACKUP, copy.path.parent, copy.secrets, arguments, (backup,)),
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **_clock(copy)}, capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0 and "Backed up and verified" in told.stdout, told
    copy.path = backup / "vault"
    copy.assert_holds(("secrets.absent", "workspace.missing"))


def test_a_watcher_as_its_unit_has_it_takes_what_the_copier_writes(template, tmp_path):
    copy = template.copy(tmp_path / "state")
    made = copy.run_as(DSL, "station", "add", "--name", "Office copier", "--intake", "--json").ok().lines[0]
    scans = tmp_path / "scans"
    scans.mkdir()
    token = tmp_path / "token.json"
    token.write_text(json.dumps({"token": made["token"]}))
    scan = Path(shutil.copy(next(path for path in SCANS if path.suffix == ".pdf"), scans))
    arguments = [PROGRAM, "watch", scans, "--station", "--secrets-fd", "0", "--vault", copy.path, *SPEED]
    with token.open("rb") as given, open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            confined.command(WATCH, copy.path.parent, copy.secrets, arguments, (scans,)),
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **_clock(copy)}, stdin=given, stdout=log, stderr=log,
        )  # fmt: skip
        until = time.monotonic() + 60
        while scan.exists() and time.monotonic() < until and process.poll() is None:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, (tmp_path / "log").read_text()
    assert not scan.exists() and "came in 1 = stored 1 + held 0 + refused 0" in (tmp_path / "log").read_text()


def _clock(vault: vaults.Vault) -> dict:
    """The vault's own clock, which is ahead of the machine's."""
    vault.offset += vaults.SECONDS_BETWEEN_CALLS
    return {"LD_PRELOAD": str(vaults.FAKETIME), "FAKETIME": f"{vault.offset:+}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


# What systemd is told, and what the journal is given


def test_systemd_is_told_when_it_is_ready_that_it_lives_and_when_it_stops(template, tmp_path):
    vault = template.copy(tmp_path / "copy")
    for place in (str(tmp_path / "notify"), f"\0strongroom-test-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.bind(place)
            line.settimeout(30)
            extra = {"NOTIFY_SOCKET": place.replace("\0", "@"), "WATCHDOG_USEC": "1000000"}
            process, _ = vault.start("serve", "--port", "0", *certificate(tmp_path), extra=extra)
            assert line.recv(100) == b"READY=1"
            began = time.monotonic()
            assert [line.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            assert 1 < time.monotonic() - began < 10
            process.send_signal(signal.SIGTERM)
            said = [line.recv(100)]
            while said[-1] == b"WATCHDOG=1":
                said.append(line.recv(100))
            assert said[-1] == b"STOPPING=1"
            assert process.wait(timeout=60) == 0


def test_one_that_is_not_watched_says_nothing_of_living_and_another_process_is_not_meant(template, tmp_path):
    vault = template.copy(tmp_path / "copy")
    for more in ({}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.bind(str(tmp_path / "notify"))
            line.settimeout(30)
            process, _ = vault.start(
                "serve", "--port", "0", *certificate(tmp_path), extra={"NOTIFY_SOCKET": str(tmp_path / "notify"), **more}
            )
            assert line.recv(100) == b"READY=1"
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            assert line.recv(100) == b"STOPPING=1" and process.wait(timeout=60) == 0
        (tmp_path / "notify").unlink()


def test_what_is_said_has_its_priority_where_the_journal_takes_it_and_only_there(template, tmp_path):
    vault = template.copy(tmp_path / "copy")
    tls = certificate(tmp_path)
    for is_journal in (True, False):
        reader, writer = os.pipe()
        status = os.fstat(writer)
        named = f"{status.st_dev}:{status.st_ino}" if is_journal else "1:1"
        environment = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "STRONGROOM_VAULT": str(vault.path), "JOURNAL_STREAM": named, **_clock(vault),
        }  # fmt: skip
        process = subprocess.Popen(
            [PROGRAM, "serve", "--port", "0", *tls, "--metrics", tmp_path / "none" / "there"], env=environment,
            stdout=subprocess.PIPE, stderr=writer,
        )  # fmt: skip
        os.close(writer)
        assert process.stdout.readline().startswith(b"https://")
        with os.fdopen(reader, "rb") as log:
            line = log.readline().decode()
            assert (line == "<4>metrics code=metrics.not-written\n") is is_journal and "metrics.not-written" in line
            assert line.startswith("<") is is_journal
            refused = subprocess.run([PROGRAM, "serve", "--port", "0", *tls], env=environment, capture_output=True, text=True)
            # Its own end is another pipe, so it is not the journal's.
            assert refused.returncode == 6 and refused.stderr.startswith("error: ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0


def test_settings_of_the_unit_are_those_that_the_project_brings(tmp_path):
    service = confined.service_of(SERVER)
    assert service["ExecStart"] == ["/usr/local/bin/strongroom serve --config /etc/strongroom/strongroom.yaml"]
    told = (UNITS / "strongroom.yaml").read_text()
    config = tmp_path / "strongroom.yaml"
    config.write_text(told.replace("/var/lib/strongroom/vault", str(tmp_path / "none")).replace("host: 0.0.0.0", "host: 127.0.0.1"))
    result = subprocess.run([PROGRAM, "serve", "--config", config], capture_output=True, text=True)
    # It gets as far as the certificate, which is not there.
    assert result.returncode == 64 and "none.secrets/tls-certificate.pem cannot be read" in result.stderr, result
