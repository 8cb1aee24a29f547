"""`strongroom doctor` names what an operator got wrong: each thing is broken on purpose, one at a time, in a copy of a vault in
which it finds nothing. What only root can break is shown to it by a preloaded library (Tests/faults/machine.c)."""

import datetime
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest
import vault as vaults
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_recovery import HOLDERS, drill
from tls import certificate
from vault import DSL

MACHINE = str(Path(os.environ.get("STRONGROOM_TEST_SHIM", "shim.so")).with_name("machine.so"))
SWAPS = "Filename\tType\tSize\tUsed\tPriority\n"
# What a school's machine has, whatever the one has on which this runs.
WELL = {
    "/proc/swaps": SWAPS, "/proc/sys/kernel/core_pattern": "core\n", "/proc/sys/user/max_user_namespaces": "96365\n",
    "/sys/power/state": "freeze mem disk\n", "/sys/power/resume": "0:0\n",
}  # fmt: skip
CHECKS = {
    "user", "modes", "secrets", "places", "memory", "core-dumps", "swap", "hibernation", "namespaces", "magic", "sqlite", "time",
    "server", "vault", "policies", "clock", "sandbox", "antivirus", "text", "room", "witness", "backup", "outside", "recovery",
    "certificate",
}  # fmt: skip


class Patient:
    """A vault, its machine as doctor sees it, and where its backup and its certificate are."""

    def __init__(self, vault: vaults.Vault, folder: Path, backup: Path):
        self.vault, self.backup = vault, backup
        self.machine = folder / "machine"
        for name, text in WELL.items():
            self.shows(name, text)
        self.more: dict = {"MACHINE_CLOCK": "kept"}
        self.tls = dict(zip(("certificate", "key"), map(Path, certificate(folder)[1::2]), strict=True))
        self.arguments: list = []

    def shows(self, name: str, text: str) -> None:
        path = self.machine / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def asked(self, *arguments, **options) -> tuple:
        """Exit code, and by check what was said."""
        extra = {"LD_PRELOAD": MACHINE, "MACHINE_ROOT": str(self.machine), **self.more}
        tls = [word for name, path in self.tls.items() for word in (f"--{name}", path)]
        result = self.vault.run("doctor", "--json", *tls, *self.arguments, *arguments, extra=extra, **options)
        assert result.code in (0, 4), result
        return result.code, {line["check"]: line for line in result.lines}

    def found(self, *arguments, with_outside: bool = False, **options) -> dict:
        """What it found, by check; and that it says of each what to do, of nothing else, and exits accordingly."""
        code, said = self.asked(*arguments, **options)
        assert all(bool(one["advice"]) is not one["well"] and one["words"] for one in said.values()), said
        found = {name: one["words"] for name, one in said.items() if not one["well"]}
        assert code == (4 if found else 0), said
        # Whatever is moved in time is without a young checkpoint elsewhere; that has a test of its own.
        if not with_outside:
            found.pop("outside", None)
        return found


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A vault with recovery sheets that were tried, a backup, and its checkpoint on paper."""
    folder = tmp_path_factory.mktemp("sound")
    vault = vaults.found(folder)
    holders = [word for name in HOLDERS for word in ("--holder", name)]
    sheets = [sheet["words"] for sheet in vault.run_as(DSL, "recover", "set", *holders, "--json").ok().lines]
    drill(vault, *sheets[:2]).ok()
    vault.run_as(DSL, "witness", "sheet", "--pdf", folder / "sheet.pdf").ok()
    # On another file system than the vault.
    backup = Path(f"/dev/shm/strongroom-doctor-{os.getpid()}")
    vault.run("backup", "--to", backup).ok()
    yield vault, backup
    shutil.rmtree(backup)


@pytest.fixture
def patient(sound, tmp_path) -> Patient:
    vault, backup = sound
    return Patient(vault.copy(tmp_path / "copy"), tmp_path, backup)


def test_on_a_sound_machine_it_finds_nothing_and_says_so_in_words_too(patient):
    code, said = patient.asked("--backup", patient.backup)
    assert code == 0 and set(said) == CHECKS, said
    assert "another file system" in said["places"]["words"]
    result = patient.vault.run("doctor")
    assert result.code == 4 and "LOOK  certificate: There is no certificate" in result.out and "\n      do: " in result.out


def test_what_it_looks_at_is_not_changed(patient):
    before = {path: (path.stat().st_mode, path.read_bytes()) for path in patient.vault.secrets.iterdir()}
    patient.found()
    assert {path: (path.stat().st_mode, path.read_bytes()) for path in patient.vault.secrets.iterdir()} == before
    patient.vault.assert_holds()


def test_another_user_is_told_whose_the_vault_is_and_opens_nothing(patient):
    patient.more["MACHINE_USER"] = "4711"
    code, said = patient.asked()
    assert code == 4 and not said["user"]["well"] and "user 4711" in said["user"]["words"] and "vault" not in said


@pytest.mark.parametrize("which, mode", [("vault", 0o755), ("vault", 0o710), ("secrets", 0o750)])
def test_directories_that_others_can_enter(patient, which, mode):
    getattr(patient.vault, "path" if which == "vault" else "secrets").chmod(mode)
    found = patient.found()
    assert set(found) == {"modes"} and f"({mode:o})" in found["modes"]


def test_a_secret_that_others_can_read_and_a_file_that_is_somebody_elses(patient):
    (patient.vault.secrets / "tag-key").chmod(0o640)
    assert set(found := patient.found()) == {"modes"} and "tag-key can be read" in found["modes"]
    (patient.vault.secrets / "tag-key").chmod(0o600)
    patient.more["MACHINE_STRANGE"] = str(patient.vault.path / "catalogue.sqlite")
    assert set(found := patient.found()) == {"modes"} and "catalogue.sqlite is another user's" in found["modes"]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"short")])
def test_secrets_that_are_lost_or_damaged(patient, damage):
    damage(patient.vault.secrets / "server-secret")
    found = patient.found()
    assert set(found) == {"secrets", "vault"} and "server-secret" in found["secrets"]


def test_secrets_in_the_vault_and_a_backup_beside_them(patient):
    inside = patient.vault.path / "secrets"
    patient.vault.secrets.rename(inside)
    found = patient.found("--secrets", inside)
    assert set(found) == {"places"} and "in the vault's own directory" in found["places"]
    inside.rename(patient.vault.secrets)
    beside = patient.vault.path.with_name("backup")
    beside.mkdir()
    found = patient.found("--backup", beside)
    assert set(found) == {"places"} and "same file system as the secrets" in found["places"]
    assert set(found := patient.found("--backup", patient.vault.path / "none")) == {"places"} and "no backup" in found["places"]


def test_too_little_memory_that_may_be_locked(patient):
    def little():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (4 << 20, 4 << 20))

    found = patient.found(preexec_fn=little)
    assert set(found) == {"memory"} and "4096 KiB" in found["memory"]


def test_core_files_that_go_to_a_program(patient):
    patient.shows("/proc/sys/kernel/core_pattern", "|/usr/share/apport/apport -p%p\n")
    assert set(patient.found()) == {"core-dumps"}
    # It looks at the limit of 0 itself.
    patient.shows("/proc/sys/kernel/core_pattern", "|/lib/systemd/systemd-coredump %P %u\n")
    assert patient.found() == {}


def test_swap_in_clear_and_hibernation_onto_it(patient, tmp_path):
    swapfile = tmp_path / "swapfile"
    swapfile.touch()
    device = os.stat(swapfile).st_dev
    line = f"{swapfile} file 8388604 0 -2\n"
    patient.shows("/proc/swaps", SWAPS + line)
    found = patient.found()
    assert set(found) == {"swap", "hibernation"} and str(swapfile) in found["swap"]
    patient.shows("/sys/power/state", "freeze mem\n")
    assert set(patient.found()) == {"swap"}
    # On an encrypted disk, and in memory alone.
    patient.shows(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/dm/uuid", "CRYPT-LUKS2-0123-swap\n")
    patient.shows("/proc/swaps", SWAPS + line + "/dev/zram0 partition 4194300 0 100\n")
    assert patient.found() == {}
    patient.shows("/sys/power/state", "freeze mem disk\n")
    patient.shows("/sys/power/resume", "259:77\n")
    assert set(patient.found()) == {"hibernation"}


def test_user_namespaces_that_are_off(patient):
    patient.shows("/proc/sys/user/max_user_namespaces", "0\n")
    assert set(patient.found()) == {"namespaces"}


def test_a_sandbox_that_does_not_start(patient):
    found = patient.found("--inspector", "/usr/bin/false")
    assert set(found) == {"sandbox"} and "uploads wait" in found["sandbox"]


def test_no_database_of_file_types(patient):
    patient.more["MACHINE_GONE"] = "/usr/share/misc/magic.mgc:/usr/lib/file/magic.mgc"
    assert set(patient.found()) == {"magic"}


def test_a_sqlite_that_is_too_old(patient):
    patient.more["MACHINE_SQLITE"] = "3.36.0"
    found = patient.found()
    assert set(found) == {"sqlite"} and "3.36.0" in found["sqlite"]


def test_a_clock_that_nothing_keeps_and_one_that_is_behind_the_ledger(patient):
    patient.more["MACHINE_CLOCK"] = "free"
    assert set(patient.found()) == {"time"}
    patient.shows("/run/systemd/timesync/synchronized", "")
    assert patient.found() == {}
    patient.vault.offset -= 7200
    assert set(patient.found()) == {"clock"}


def test_a_second_server_is_refused_and_one_that_got_in_is_named(patient):
    vault, tls = patient.vault, [word for name, path in patient.tls.items() for word in (f"--{name}", path)]
    served = []
    try:
        served.append(vault.start("serve", "--port", "0", *tls)[0])
        assert served[0].stdout.readline()
        assert f"Process {served[0].pid} serves" in patient.asked()[1]["server"]["words"]
        refused = vault.run("serve", "--port", "0", *tls)
        assert refused.code == 6 and "code: vault.served\n" in refused.err and str(served[0].pid) in refused.err
        # As one that an older version of the program, which did not look, had begun.
        (vault.path / "serving").unlink()
        served.append(vault.start("serve", "--port", "0", *tls)[0])
        assert served[1].stdout.readline()
        found = patient.found()
        assert set(found) == {"server"} and all(str(process.pid) in found["server"] for process in served)
    finally:
        for process in served:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def test_the_running_servers_limit_counts_and_not_the_callers(patient):
    def little():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (4 << 20, 4 << 20))

    tls = [word for name, path in patient.tls.items() for word in (f"--{name}", path)]
    process, _ = patient.vault.start("serve", "--port", "0", *tls, preexec_fn=little)
    try:
        assert process.stdout.readline()
        found = patient.found()
        assert set(found) == {"memory"} and found["memory"].startswith("The server may lock 4096 KiB")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_policies_that_nobody_adopted_and_some_that_cannot_be_read(patient):
    policy = patient.vault.path / "policies/limits.yaml"
    text = policy.read_text()
    policy.write_text(text + "# looser\n")
    assert set(patient.found()) == {"policies"}
    policy.write_text(text + "colour: red\n")
    assert set(found := patient.found()) == {"vault"} and "colour" in found["vault"]


def test_a_witness_that_is_lost_and_a_vault_that_is_none(patient):
    (patient.vault.path / "witness/checkpoint").unlink()
    assert set(patient.found()) == {"witness"}
    for name in ("catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"):
        (patient.vault.path / name).unlink(missing_ok=True)
    assert set(patient.found()) == {"vault"}


def test_no_backup_or_an_old_one_and_sheets_that_were_not_tried(patient, template, tmp_path):
    patient.vault.offset += 3 * 86400
    found = patient.found()
    assert set(found) == {"backup"} and "3 days old" in found["backup"]
    patient.vault = template.copy(tmp_path / "other")
    found = patient.found()
    assert set(found) == {"backup", "recovery"} and "No verified backup" in found["backup"]
    holders = [word for name in HOLDERS for word in ("--holder", name)]
    patient.vault.run_as(DSL, "recover", "set", *holders, "--json").ok()
    assert "never tried" in patient.found()["recovery"]


def test_a_checkpoint_that_lies_nowhere_else_or_is_old(patient, template, tmp_path):
    assert patient.found(with_outside=True) == {}
    patient.vault.offset += 25 * 3600
    assert set(patient.found(with_outside=True)) == {"outside"}
    patient.vault = template.copy(tmp_path / "other")
    patient.vault.offset += 25 * 3600
    assert "No checkpoint of the ledger lies outside the vault" in patient.found(with_outside=True)["outside"]


def test_a_certificate_that_is_not_there_ends_soon_has_ended_or_has_another_key(patient, tmp_path):
    tls = dict(patient.tls)
    patient.vault.offset += 12 * 86400
    assert "ends on" in patient.found()["certificate"]
    patient.vault.offset += 28 * 86400
    assert "ended on" in patient.found()["certificate"]
    patient.vault.offset -= 40 * 86400
    patient.tls["certificate"] = tmp_path / "none.pem"
    assert set(found := patient.found()) == {"certificate"} and "no certificate" in found["certificate"]
    other = tmp_path / "other.pem"
    other.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    patient.tls = {**tls, "key": other}
    assert set(found := patient.found()) == {"certificate"} and "not the certificate's" in found["certificate"]


def test_policies_that_the_machine_cannot_follow(tmp_path):
    """A language that tesseract does not know, a scanner without signatures or one that knows none, and a disk that is too small."""
    vault = vaults.found(
        tmp_path / "founded",
        changed=(
            ("inspection.yaml", "recognise-languages: []", "recognise-languages: [eng, cym]"),
            ("inspection.yaml", "antivirus: off", "antivirus: required"),
            ("file-types.yaml", "largest-mib: 2048", "largest-mib: 150"),
            ("limits.yaml", "keep-free-mib: 1\n", "keep-free-mib: 1073741824\n"),
        ),
    )
    patient = Patient(vault, tmp_path, tmp_path)
    signatures = tmp_path / "signatures"
    signatures.mkdir()
    found = patient.found("--signatures", signatures)
    assert set(found) == {"antivirus", "text", "room", "backup", "recovery"}
    assert "no signatures" in found["antivirus"] and "does not know cym" in found["text"]
    (signatures / "test.ndb").write_text(f"Harness.Other:0:*:{b'another word'.hex()}\n")
    assert "does not find its test string at the end of a file of 150 MiB" in patient.found("--signatures", signatures)["antivirus"]
    (signatures / "test.ndb").write_text(f"Harness.Test:0:*:{b'EICAR-STANDARD-ANTIVIRUS-TEST-FILE'.hex()}\n")
    assert "antivirus" not in patient.found("--signatures", signatures)
    missing = patient.asked("--signatures", signatures)[1]["text"]["advice"]
    assert "tesseract-ocr-cym" in missing


def test_settings_come_from_a_file_too_and_one_that_is_wrong_is_refused(patient, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"vault: {patient.vault.path}\ncertificate: {patient.tls['certificate']}\nkey: {patient.tls['key']}\nport: 8443\n")
    patient.tls = {}
    assert patient.found("--config", settings) == {}
    for text, words in (
        ("prot: 8443\n", "prot is no setting"), ("port: [1, 2]\n", "port is not a single value"), ("port:\n", "port is not a single value"),
        ("port: 1\nport: 2\n", ""), ("- port\n", "not one YAML mapping"), ("a: b: c\n", "not one YAML mapping"),
    ):  # fmt: skip
        settings.write_text(text)
        refused = patient.vault.run("doctor", "--config", settings)
        assert refused.code == 64 and "code: settings.unreadable" in refused.err and words in refused.err, (text, refused)


def test_an_hour_old_backup_is_well(patient):
    patient.vault.offset += 3600
    assert "backup" not in patient.found()
    assert datetime.datetime.now(datetime.UTC).date().isoformat()[:4] in patient.asked()[1]["backup"]["words"]
