"""`strongroom scan`, from the feeder of SANE's own test device into a vault and out again, and every way in which it fails."""

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import totp
import vault as vaults
from agencies import Officer
from desk import Check, Line, PaperBatch, Person, until
from service import Service
from shim import LIBRARY, Shim
from vault import ADMIN, DSL, STAFF, Vault

SCANNER = str(Path(LIBRARY).with_name("scanner.so"))
JAMMED, NO_PAPER, COVER_OPEN = 6, 7, 8
SUMMARY = "Eleven ptarmigans in the mangrove"


@pytest.fixture
def device(tmp_path):
    """Sets SANE up for this test alone: its picture is the grid, its glass as large as A4; gives a call's environment."""
    folder = tmp_path / "sane"
    folder.mkdir()
    (folder / "dll.conf").write_text("test\n")

    def set_up(*settings: str, fails: str = "") -> dict:
        usual = ["number_of_devices 1", "geometry_max 300.0", 'test-picture "Grid"']
        (folder / "test.conf").write_text("\n".join([*usual, *settings]) + "\n")
        broken = {"LD_PRELOAD": SCANNER, "SCANNER_FAILS": fails} if fails else {}
        return {"SANE_CONFIG_DIR": str(folder), **broken}

    return set_up


def words(vault: Vault, *options: str, pupil: str | None = None) -> list:
    return ["scan", "--pupil", pupil or vault.pupils[0], "--category", "letter", "--date", "2009-03", "--details=-", *options]


SAID = json.dumps({"file": "scan.tif", "summary": SUMMARY}) + "\n"


def scan(vault: Vault, environment: dict, *options: str, who: str = ADMIN, pupil: str | None = None) -> vaults.Result:
    return vault.run_as(who, *words(vault, *options, pupil=pupil), typed=SAID, extra=environment)


def grid(width: int, height: int, samples: int, resolution: int) -> bytes:
    """The device's picture, 8 bits a sample: squares of 10 mm; one piece, two squares high, comes again and again."""
    square = 10 * resolution / 25.4
    piece, half = int(2 * square + 0.5), int(square + 0.5)
    odd = [int(x / square) % 2 == 1 for x in range(width)]
    rows = [b"".join((b"\xff" if one == lower else b"\0") * samples for one in odd) for lower in (False, True)]
    return b"".join(rows[y % piece > half] for y in range(height))


def pictures(tiff: Path, count: int) -> list:
    """Each page's pixels, as libvips reads them."""
    found = []
    for page in range(count):
        raw = tiff.with_suffix(".raw")
        subprocess.run(["vips", "rawsave", f"{tiff}[page={page}]", raw], check=True)
        found.append(raw.read_bytes())
    return found


def field(tiff: Path, name: str) -> str:
    return subprocess.run(["vipsheader", "-f", name, tiff], check=True, capture_output=True).stdout.decode().strip()


def assert_nothing_happened(vault: Vault) -> None:
    assert not vault.stored()
    assert not vault.chronology()
    vault.assert_holds()


def test_the_scanners_that_are_there_are_listed_and_nobody_has_to_sign_in(vault, device):
    environment = device("number_of_devices 2")
    listed = vault.run("scan", "--list", "--json", extra=environment).ok().lines
    assert [one["device"] for one in listed] == ["test:0", "test:1"]
    assert listed[0] == {"device": "test:0", "vendor": "Noname", "model": "frontend-tester", "kind": "virtual device"}
    assert vault.run("scan", "--list", extra=environment).ok().out.splitlines()[0] == "test:0: Noname frontend-tester, virtual device"


@pytest.mark.parametrize(("mode", "samples"), [("bw", 1), ("grey", 1), ("colour", 3)])
def test_ten_pages_of_the_feeder_are_one_document_and_come_back_pixel_by_pixel(vault, device, tmp_path, mode, samples):
    receipt = scan(vault, device(), "--resolution", "75", "--mode", mode, "--json").ok().lines[0]
    assert (receipt["pages"], receipt["file"], receipt["media_type"]) == (10, "scan.tif", "image/tiff")
    assert not receipt["quarantined"]
    opened = vault.open(receipt["document"])
    assert hashlib.sha256(opened).hexdigest() == receipt["sha256"]
    tiff = tmp_path / "opened.tif"
    tiff.write_bytes(opened)
    assert int(field(tiff, "n-pages")) == 10
    width, height = int(field(tiff, "width")), int(field(tiff, "height"))
    # A4 at 75 dots an inch, which is in the file.
    assert (width, height) == (620, 876)
    assert round(float(field(tiff, "xres")) * 25.4) == round(float(field(tiff, "yres")) * 25.4) == 75
    wanted = grid(width, height, samples, 75)
    assert [picture == wanted for picture in pictures(tiff, 10)] == [True] * 10
    entry = vault.chronology()[0]
    assert (entry["document"], entry["summary"]) == (receipt["document"], SUMMARY)
    vault.assert_holds()


def test_what_is_scanned_is_written_into_the_vault_alone(vault, device, tmp_path):
    log = tmp_path / "calls"
    everywhere = [folder for folder in Path("/").iterdir() if folder.is_dir() and not folder.is_symlink()]
    shim = Shim(everywhere, log)
    environment = {**device(), **shim.environment()}
    scan(vault, environment, "--resolution", "75", "--json").ok()
    made = [call for call in shim.calls() if call.name not in ("open", "fsync", "fdatasync")]
    places = {path for call in made for path in call.paths if not path.startswith("/memfd:")}
    allowed = (*(f"{os.path.realpath(folder)}/" for folder in (vault.path, vault.secrets)), os.path.realpath(vault.known))
    strange = {path for path in places if not path.startswith((*allowed, "/dev/", "/proc/"))}
    assert not strange and any("/blobs/" in path or "/staging/" in path for path in places), (strange, places)
    assert not list(vault.temporary.iterdir())


def test_the_same_pages_are_filed_again_only_on_purpose(vault, device):
    environment = device()
    first = scan(vault, environment, "--resolution", "30", "--json").ok().lines[0]
    repeated = scan(vault, environment, "--resolution", "30", "--json")
    assert repeated.code == 3 and repeated.lines[0]["refused"] == "upload.repeated"
    again = scan(vault, environment, "--resolution", "30", "--json", "--again").ok().lines[0]
    assert again["sha256"] == first["sha256"] and again["earlier"] == first["document"]


def test_so_many_pages_as_were_asked_for_and_a_word_about_the_rest(vault, device):
    scanned = scan(vault, device(), "--resolution", "30", "--pages", "3", "--json").ok()
    assert scanned.lines[0]["pages"] == 3
    assert "note: 3 pages were scanned, as asked; what is still in the feeder was not." in scanned.err
    alone = scan(vault, device(), "--resolution", "31", "--source", "flatbed", "--json").ok()
    assert alone.lines[0]["pages"] == 1 and "note:" not in alone.err


@pytest.mark.parametrize(
    ("fails", "code", "message", "hint"),
    [
        (
            f"4:{JAMMED}", "scanner.jammed", "Paper is stuck in the scanner.",
            "3 pages had been scanned; nothing was kept or filed. Open it and take the paper out. Put all pages back in their order "
            "and scan again.",
        ),
        (
            f"2:{COVER_OPEN}", "scanner.cover-open", "The scanner's cover is open.",
            "1 page had been scanned; nothing was kept or filed. Close it. Put all pages back in their order and scan again.",
        ),
        (
            f"0:{NO_PAPER}", "scanner.no-paper", "There is no paper in the feeder.",
            "Lay it in until the scanner takes hold of it. Nothing was filed.",
        ),
    ],
)  # fmt: skip
def test_a_scanner_that_fails_in_the_middle_files_nothing_and_says_how_many_pages_there_were(vault, device, fails, code, message, hint):
    failed = scan(vault, device(fails=fails), "--resolution", "75", "--json")
    assert failed.code == 1
    assert failed.lines == [{"file": "scan.tif", "refused": code, "message": message, "hint": hint}]
    assert failed.err == f"error: scan.tif: {message}\nhint: {hint}\ncode: {code}\n"
    assert_nothing_happened(vault)
    # Put back, all of them.
    assert scan(vault, device(), "--resolution", "75", "--json").ok().lines[0]["pages"] == 10


def test_what_the_scanner_cannot_do_is_said_before_anybody_is_asked_for_a_password(vault, device):
    environment = device()
    for options, code, word in (
        (("--source", "duplex"), "scanner.source", "It has: flatbed, feeder."),
        (("--resolution", "4800"), "scanner.resolution", "It has 1 to 1200 dpi."),
        (("--device", "test:5"), "scanner.unknown", "strongroom scan --list"),
    ):
        refused = vault.run(*words(vault, *options), "--as", ADMIN, typed=SAID, extra=environment)
        assert refused.code == 1 and f"code: {code}\n" in refused.err and word in refused.err
    assert vault.run("scan", extra=environment).code == 64


def test_who_may_not_file_this_is_told_before_paper_moves(vault, device):
    # The first page would jam.
    environment = device(fails=f"0:{JAMMED}")
    unknown = scan(vault, environment, "--json", pupil="P-22222")
    assert unknown.code == 3 and "code: pupil.unknown" in unknown.err
    vaults.invite(vault, STAFF, "staff")
    vault.run_as(vaults.DSL, "person", "suspend", STAFF).ok()
    assert scan(vault, environment, "--json", who=STAFF).code == 3


# MARK: into a batch of paper


def at_the_desk(service: Service, vault: Vault) -> Person:
    """The admin, signed in on a service over this vault with the code of the step before: this step's is for the scanner."""
    own = Officer(service)
    code = totp.code(vault.authenticators[ADMIN], totp.step_at(time.time() + vault.offset) - 1)
    assert own.send("/sign-in", "/sign-in", name=ADMIN, password=vaults.PASSWORDS[ADMIN], code=code).status == 303
    return Person(ADMIN, own)


def lead(service: Service) -> Person:
    own = Officer(service)
    name, _, value = service._cookie.partition("=")
    own.cookies = {name: value}
    return Person(DSL, own)


def scan_into_batch(vault: Vault, environment: dict, *options: str, now: bool = False) -> vaults.Result:
    """now: while a service runs over the same vault, so on its clock."""
    vault.offset -= vaults.SECONDS_BETWEEN_CALLS * now
    return vault.run_as(ADMIN, "scan", *options, "--resolution", "75", "--json", extra=environment)


def opened_service(vault: Vault, folder: Path):
    # So far from the last call that the code of the step before is not used yet.
    vault.offset += vaults.SECONDS_BETWEEN_CALLS
    return Service.over(vault, folder)


def stacks_of(batch: PaperBatch) -> dict:
    return {one["data-stack"]: one["data-stack-state"] for one in batch.page().all("li", "data-stack")}


def is_read(batch: PaperBatch, stack: str):
    return lambda: stacks_of(batch).get(stack) == "read"


def opened_batch(person: Person) -> PaperBatch:
    return PaperBatch.opened(person, ("Cabinet 2", "Drawer 1", "Folder 17"), 2, 10, 75, "grey")


def test_what_is_scanned_stands_at_the_desk_of_the_open_batch_and_is_filed_when_a_second_person_has_checked_it(vault, device, tmp_path):
    wanted = []
    with opened_service(vault, tmp_path / "first") as service:
        operator = at_the_desk(service, vault)
        batch = opened_batch(operator)
        kept = scan_into_batch(vault, device(), now=True).ok()
        (line,) = kept.lines
        assert (line["pages"], line["file"], line["batch"]) == (10, "scan.tif", batch.id)
        (stack,) = stacks_of(batch)
        assert stack == line["stack"] and not vault.run("verify", "--json").lines[0]["findings"]
        until(is_read(batch, stack), "the stack is read", 30)
        # Without sheets every page lies in front of a person.
        view = batch.desk()
        assert not view.pieces and [(one.stack, one.pages) for one in view.aside] == [(stack, tuple(range(1, 11)))]
        assert batch.picture(stack, 10)[:2] == b"\xff\xd8"
        for first, last, pupil in ((1, 4, vault.pupils[0]), (5, 10, vault.pupils[1])):
            batch.start(stack, first, last, Line(pupil, "letter"))
        view = batch.desk()
        batch.describe(view.pieces, "2009-03", lambda piece: f"{SUMMARY}, {piece.pages[0]}")
        wanted = [(piece.pupil, piece.pages) for piece in view.pieces]
        assert wanted == [(vault.pupils[0], (1, 2, 3, 4)), (vault.pupils[1], (5, 6, 7, 8, 9, 10))]
        batch.present(DSL)
    # While somebody checks it nothing comes to it, and that is told before paper moves: the first page would jam.
    refused = scan_into_batch(vault, device(fails=f"0:{JAMMED}"))
    assert refused.code == 3 and "A second person is checking this batch." in refused.err and "code: batch.is-checked" in refused.err
    assert "hint: Take it back first if something has to be changed." in refused.err
    with opened_service(vault, tmp_path / "second") as service:
        batch.operator = at_the_desk(service, vault)
        assert batch.state == "presented" and list(stacks_of(batch)) == [stack]
        check = Check(lead(service), batch)
        assert [len(pictures) for _, pictures in check.pages()] == [4, 6]
        check.right()
        batch.seal()
        batch.wait_until_sealed(60)
        assert not stacks_of(batch)
    vault.offset += vaults.SECONDS_BETWEEN_CALLS
    for pupil, pages in wanted:
        # Beside the entry that tells of the batch.
        (entry,) = [line for line in vault.chronology(pupil) if line.get("document")]
        assert entry["summary"] == f"{SUMMARY}, {pages[0]}"
        tiff = tmp_path / "opened.tif"
        tiff.write_bytes(vault.open(entry["document"]))
        assert int(field(tiff, "n-pages")) == len(pages)
        picture = grid(int(field(tiff, "width")), int(field(tiff, "height")), 1, 75)
        assert [one == picture for one in pictures(tiff, len(pages))] == [True] * len(pages)
    assert len(vault.stored()) == 2
    vault.assert_holds()


def test_without_an_open_batch_nothing_is_scanned_and_it_is_said_what_to_do(vault, device):
    refused = scan_into_batch(vault, device(fails=f"0:{JAMMED}"))
    assert refused.code == 3 and refused.err == (
        "error: That is no batch of paper that you have open.\n"
        "hint: Begin one: say where the paper is and what you expect.\n"
        "code: batch.not-of-paper\n"
    )
    assert_nothing_happened(vault)


def test_a_scan_into_a_batch_that_fails_or_comes_twice_leaves_the_batch_as_it_was(vault, device, tmp_path):
    with opened_service(vault, tmp_path / "first") as service:
        batch = opened_batch(at_the_desk(service, vault))
        failed = scan_into_batch(vault, device(fails=f"4:{JAMMED}"), now=True)
        assert failed.code == 1 and failed.lines[0]["refused"] == "scanner.jammed"
        assert not stacks_of(batch) and not vault.stored()
    scan_into_batch(vault, device()).ok()
    # The same paper again: the device's pages are the same each time.
    again = scan_into_batch(vault, device())
    assert again.code == 3 and "code: scan.repeated" in again.err and "Nothing was added." in again.err
    assert len(vault.stored()) == 1
    with opened_service(vault, tmp_path / "second") as service:
        batch.operator = at_the_desk(service, vault)
        assert list(stacks_of(batch).values()) == ["read"]
    vault.assert_holds()


def test_a_stack_whose_reading_was_killed_is_read_when_its_batch_is_looked_at(vault, device, tmp_path):
    with opened_service(vault, tmp_path / "first") as service:
        batch = opened_batch(at_the_desk(service, vault))
    line = json.dumps({"password": vaults.PASSWORDS[ADMIN], "code": vault.code(ADMIN)}) + "\n"
    words = ("scan", "--as", ADMIN, "--resolution", "300", "--json")
    process, _ = vault.start(*words, secrets=line.encode(), extra=device())
    kept = json.loads(process.stdout.readline())
    process.kill()
    process.communicate()
    with opened_service(vault, tmp_path / "second") as service:
        batch.operator = at_the_desk(service, vault)
        # It was killed before its pages were read, or this shows nothing.
        assert stacks_of(batch) == {kept["stack"]: "reading"}
        until(is_read(batch, kept["stack"]), "the stack is read", 60)
        assert [one.pages for one in batch.desk().aside] == [tuple(range(1, 11))]
    vault.assert_holds()


# MARK: on a terminal, and cancelled


def test_on_a_terminal_it_says_which_page_comes(vault, device):
    terminal, other = pty.openpty()
    line = json.dumps({"password": vaults.PASSWORDS[ADMIN], "code": vault.code(ADMIN)}) + "\n"
    process, _ = vault.start(
        *words(vault, "--as", ADMIN, "--resolution", "75"), secrets=line.encode(), extra=device(), preexec_fn=lambda: os.dup2(other, 2)
    )
    os.close(other)
    out, _ = process.communicate(SAID.encode(), timeout=60)
    shown = os.read(terminal, 65_536).decode()
    os.close(terminal)
    assert process.returncode == 0 and out.startswith(b"scan.tif: filed\n")
    assert re.findall(r"page (\d+) …", shown)[0] == "1" and {"4", "10"} <= set(re.findall(r"page (\d+) …", shown))
    assert shown.endswith("\r\x1b[K") and SUMMARY not in shown


def begin_slowly(vault: Vault, device) -> subprocess.Popen:
    """A scan that takes minutes, with paper under way."""
    environment = device("read-delay true", "read-delay-duration 200000")
    line = json.dumps({"password": vaults.PASSWORDS[ADMIN], "code": vault.code(ADMIN)}) + "\n"
    process, _ = vault.start(*words(vault, "--as", ADMIN), secrets=line.encode(), extra=environment)
    process.stdin.write(SAID.encode())
    process.stdin.close()
    process.stdin = None
    until = time.monotonic() + 60
    while not vault.stored():
        assert process.poll() is None and time.monotonic() < until, process.stderr.read()
        time.sleep(0.05)
    time.sleep(1)
    return process


def test_ctrl_c_stops_the_scan_and_nothing_is_kept(vault, device):
    process = begin_slowly(vault, device)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and not out
    assert err.decode() == (
        "Cancelling the scan: nothing will be filed …\n"
        "error: scan.tif: The scan was cancelled.\n"
        "hint: Scan again when you are ready. Nothing was filed.\n"
        "code: scanner.cancelled\n"
    )
    assert_nothing_happened(vault)


def test_the_server_loads_no_scanners_driver(vault, device, tmp_path):
    with Service.over(vault, tmp_path / "service") as service:
        loaded = Path(f"/proc/{service.process.pid}/maps").read_text()
    assert "libc.so" in loaded and "/sane/libsane-" not in loaded
    process = begin_slowly(vault, device)
    scanning = Path(f"/proc/{process.pid}/maps").read_text()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert "/sane/libsane-test" in scanning and scanning.count("/sane/libsane-") == scanning.count("/sane/libsane-test")
