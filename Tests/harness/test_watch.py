"""A watched scan folder, killed, filled at once, shared and lied to: whatever came in is in the vault once, or lies there."""

import json
import os
import random
import shutil
import signal
import threading
import time
from pathlib import Path

import canary
import pytest
import reader
from copier_folder import CUT_SHORT, LOCKED, PROGRAM_FILE, SCAN, CopierFolder, digest, new_station
from shim import Shim, assert_survives
from sizes import size
from vault import DSL, PASSWORDS

PAPER = "The okapi told the numbat about the aardwolf.\n"


def page(number: int, repeat: int = 3) -> bytes:
    """A paper that no other is."""
    return f"Paper {number}\n".encode() + PAPER.encode() * repeat


@pytest.fixture(scope="module")
def school(template, tmp_path_factory) -> tuple:
    """A vault with a scan station, to be copied, and its token."""
    vault = template.copy(tmp_path_factory.mktemp("school") / "copy")
    token, station = new_station(vault)
    return vault, token, station


@pytest.fixture
def scans(school, tmp_path) -> CopierFolder:
    vault, token, _ = school
    folder = CopierFolder(vault.copy(tmp_path / "copy"), tmp_path / "scans", token)
    yield folder
    folder.end()


def settled(folder: CopierFolder):
    """Whether nothing waits in the folder, claimed or not."""

    def is_so() -> bool:
        return not [path for path in folder.files() if path.relative_to(folder.folder).parts[0] not in ("refused", "held")]

    return is_so


def test_what_is_scanned_goes_into_the_queue_and_leaves_the_folder(scans):
    scans.drop("before.pdf", SCAN)
    watcher = scans.watch()
    watcher.wait_for("stored")
    scans.drop("room 4/upstairs/note.txt", page(1))
    scans.drop("Schüler & Müller.txt", page(2))
    # As an old copier writes it over FTP: no UTF-8.
    latin = os.fsencode(scans.folder) + b"/J\xf6rg.txt"
    Path(os.fsdecode(latin)).write_bytes(page(3))
    scans.dropped.append(digest(page(3)))
    watcher.wait_for(settled(scans))
    watcher.wait_for(lambda: len(watcher.said("stored")) == 4)
    balance = watcher.stop()
    assert (balance["came_in"], balance["stored"], balance["even"]) == (4, 4, True)
    stored, _ = scans.assert_all_is_there()
    assert sorted(stored) == sorted(scans.dropped)
    text = json.dumps(watcher.lines) + "".join(watcher.errors)
    assert not [name for name in ("before", "note.txt", "ller", "upstairs") if name in text], "a name was printed"
    assert not canary.search(["okapi told the numbat", "upstairs"], scans.vault.folders)
    scans.vault.assert_holds()


def test_the_queue_has_the_names(scans):
    scans.drop("Schüler & Müller.txt", page(1))
    Path(os.fsdecode(os.fsencode(scans.folder) + b"/J\xf6rg.txt")).write_bytes(page(2))
    watcher = scans.watch()
    watcher.wait_for(lambda: len(watcher.said("stored")) == 2)
    watcher.stop()
    opened = reader.Vault(scans.vault.path)
    lead = reader.Person(opened, scans.vault.secrets, DSL, PASSWORDS[DSL])
    assert {lead.intake_item(upload)[0]["filename"] for upload in opened.ledger.intake} == {"Schüler & Müller.txt", "Jörg.txt"}


def test_killed_at_random_nothing_is_lost_and_nothing_is_twice(scans):
    draw = random.Random(size("SEED"))
    refused = 0
    for kill in range(size("WATCH_KILLS")):
        for number in range(draw.randint(1, 4)):
            name = f"{'sub/' if draw.random() < 0.3 else ''}scan-{kill}-{number}.txt"
            scans.drop(name, page(kill * 10 + number, draw.choice((1, 30, 5000))))
        if draw.random() < 0.3:
            scans.drop(f"program-{kill}.pdf", PROGRAM_FILE + str(kill).encode())
            refused += 1
        watcher = scans.watch("--settle", "0.05", "--poll", "0.05")
        time.sleep(draw.random() * 0.9)
        watcher.kill()
    before = scans.status()
    assert before["even"], before
    watcher = scans.watch()
    watcher.wait_for(settled(scans), 300)
    balance = watcher.stop()
    stored, lying = scans.assert_all_is_there()
    print(f"{size('WATCH_KILLS')} kills, {len(scans.dropped)} files; claimed at the last kill: {before['claimed']}; {balance}")
    assert balance["even"] and balance["claimed"] == balance["held"] == balance["waiting"] == 0, balance
    assert (balance["came_in"], balance["stored"], balance["refused"]) == (len(scans.dropped), len(stored), refused)
    assert len(stored) == len(scans.dropped) - refused and len(lying["refused"]) == refused
    assert all("Code: type.program" in scans.note(path) for path in scans.files("refused"))
    scans.vault.assert_holds(("blob.orphan",))


def test_many_at_once_of_every_kind(scans):
    many = size("WATCH_FILES")
    slow: list = []
    watcher = scans.watch()
    open_before = len(os.listdir(f"/proc/{watcher.process.pid}/fd"))

    def write_slowly(number: int) -> None:
        # At 100 KB/s, for more than a second.
        data = page(number, 2800)
        with (scans.folder / f"slow-{number}.txt").open("wb", buffering=0) as file:
            for start in range(0, len(data), 10_000):
                file.write(data[start : start + 10_000])
                time.sleep(0.1)
        slow.append(digest(data))

    writers = []
    wanted = {"type.program": 0, "type.encrypted": 0, "type.truncated": 0, "type.empty": 0}
    for number in range(many):
        match number % 15:
            case 3:
                scans.drop(f"tray {number % 4}/scan-{number}.txt", page(number, 50))
            case 5:
                scans.drop(f"program-{number}.pdf", PROGRAM_FILE + str(number).encode())
                wanted["type.program"] += 1
            case 7:
                scans.drop(f"locked-{number}.pdf", LOCKED + b"\n" * (1 + number // 15))
                wanted["type.encrypted"] += 1
            case 9:
                scans.drop(f"cut-{number}.pdf", CUT_SHORT + f"% {number}\n".encode())
                wanted["type.truncated"] += 1
            case 11:
                (scans.folder / f"empty-{number}.pdf").touch()
                wanted["type.empty"] += 1
            case 13:
                # As Windows and many a copier do it: under another name until it is whole.
                passing = scans.drop(f"~scan-{number}.tmp", page(number, 200))
                passing.rename(scans.folder / f"renamed-{number}.txt")
            case 14:
                writers.append(threading.Thread(target=write_slowly, args=(number,)))
                writers[-1].start()
            case _:
                scans.drop(f"scan-{number}.pdf", SCAN[:-1] + b"\n" * (1 + number))
    left = scans.folder / "half.pdf.part"
    left.write_bytes(b"%PDF-1.4\n")
    for one in writers:
        one.join()
    scans.dropped += slow
    watcher.wait_for(lambda: [path.name for path in scans.files() if path.parent.name not in ("refused", "held")] == [left.name], 600)
    assert len(os.listdir(f"/proc/{watcher.process.pid}/fd")) <= open_before + 8, "descriptors are left open"
    balance = watcher.stop()
    stored, lying = scans.assert_all_is_there()
    refused = sum(wanted.values())
    print(f"{many} files, {len(slow)} of them written slowly: {balance}")
    assert balance["even"] and balance["held"] == balance["claimed"] == balance["waiting"] == 0, balance
    assert (balance["came_in"], balance["refused"], balance["left_alone"]) == (many, refused, 1)
    assert len(stored) == many - refused == balance["stored"] and len(lying["refused"]) == refused
    codes = [line for path in scans.files("refused") for line in scans.note(path).splitlines() if line.startswith("Code: ")]
    assert {code: codes.count(f"Code: {code}") for code in wanted} == wanted
    scans.vault.assert_holds()


def test_a_second_watcher_is_told_and_the_first_goes_on(scans):
    first = scans.watch()
    second = scans.start()
    assert second.process.wait(timeout=60) == 6
    second._end()
    assert "Another watcher has this folder" in "".join(second.errors) and "code: scan-folder.in-use" in "".join(second.errors)
    assert first.stop()["even"]


def test_two_watchers_whose_locks_do_not_hold_take_each_file_once(scans, school):
    """On a share whose locks hold nobody: here the lock is taken away from below the first one."""
    for number in range(30):
        scans.drop(f"scan-{number}.txt", page(number, 300))
    first = scans.start()
    first.wait_for("watching")
    (scans.folder / ".strongroom/lock").unlink()
    offset = scans.vault.offset
    # Of one vault, so of one clock.
    scans.vault.offset -= 40
    second = scans.watch()
    assert scans.vault.offset == offset
    first.wait_for(lambda: settled(scans)() or second.process.poll() is not None)
    balances = [first.stop(), second.stop()]
    stored, lying = scans.assert_all_is_there()
    assert len(stored) == len(set(stored)) == 30, [line for one in (first, second) for line in one.lines]
    assert balances[1]["even"] and not lying["refused"]
    scans.vault.assert_holds()


@pytest.mark.parametrize("more", [("--no-inotify",), ()], ids=["polling", "events"])
def test_it_takes_what_was_there_and_what_comes_by_events_and_by_polling(scans, more):
    scans.drop("old/deep/er/scan.txt", page(1))
    # Events: a look at the folder comes long after the test otherwise.
    times = () if more else ("--poll", "600")
    watcher = scans.watch(*more, *times)
    watcher.wait_for("stored")
    (scans.folder / "later").mkdir()
    time.sleep(0.6)
    scans.drop("later/scan.txt", page(2))
    watcher.wait_for(lambda: len(watcher.said("stored")) == 2, 30)
    assert bool(watcher.said("polling")) == bool(more)
    assert watcher.stop()["stored"] == 2


def test_nothing_leads_out_of_the_folder(scans, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "private.txt").write_bytes(page(1))
    scans.folder.joinpath("link").symlink_to(outside)
    scans.folder.joinpath("private.txt").symlink_to(outside / "private.txt")
    os.mkfifo(scans.folder / "pipe.pdf")
    scans.drop("/".join("abcdefgh") + "/deep.txt", page(2))
    scans.drop("/".join("abcdefghi") + "/too-deep.txt", page(3))
    watcher = scans.watch()
    watcher.wait_for("stored")
    time.sleep(1)
    assert watcher.stop()["came_in"] == 1
    assert (outside / "private.txt").read_bytes() == page(1) and scans.in_vault() == [digest(page(2))]


def test_what_is_cut_short_waits_until_it_is_whole_or_patience_is_over(scans):
    watcher = scans.watch("--patience", "4")
    growing = scans.folder / "growing.pdf"
    growing.write_bytes(SCAN[: len(SCAN) // 2])
    left = scans.drop("left.pdf", SCAN[: len(SCAN) // 3])
    (scans.folder / "placeholder.pdf").touch()
    time.sleep(2)
    assert growing.exists() and left.exists() and not watcher.said("refused"), watcher.lines
    with growing.open("ab") as file:
        file.write(SCAN[len(SCAN) // 2 :])
    scans.dropped.append(digest(SCAN))
    (scans.folder / "placeholder.pdf").write_bytes(page(1))
    # Not a PDF after all: but it came.
    scans.dropped.append(digest(page(1)))
    watcher.wait_for(settled(scans))
    balance = watcher.stop()
    assert (balance["stored"], balance["refused"]) == (1, 2)
    assert {path.name for path in scans.files("refused")} == {"left.pdf", "placeholder.pdf"}
    note = scans.note(scans.folder / "refused/left.pdf")
    assert "Code: type.truncated" in note and "Nothing is lost" in note
    # What waited was not refused in the ledger each time somebody looked.
    kinds = [statement.kind for statement in reader.Vault(scans.vault.path).ledger.statements]
    assert kinds.count("upload.refused") == 2, kinds


def test_an_open_file_is_not_taken(scans):
    watcher = scans.watch()
    with (scans.folder / "open.txt").open("wb", buffering=0) as file:
        file.write(page(1))
        time.sleep(1.5)
        assert not watcher.said("stored"), "it was taken while somebody wrote it"
        file.write(PAPER.encode())
    watcher.wait_for("stored", 30)
    watcher.stop()
    assert scans.in_vault() == [digest(page(1) + PAPER.encode())]


def test_the_same_again_is_held_and_nothing_is_overwritten(scans):
    watcher = scans.watch()
    scans.drop("scan.txt", page(1))
    watcher.wait_for("stored")
    for number in (1, 2):
        scans.drop("scan.txt", page(1))
        watcher.wait_for(lambda number=number: len(watcher.said("held")) == number)
    for number in (1, 2):
        scans.drop("scan.pdf", PROGRAM_FILE + str(number).encode())
        watcher.wait_for(lambda number=number: len(watcher.said("refused")) == number)
    balance = watcher.stop()
    assert (balance["came_in"], balance["stored"], balance["held"], balance["refused"]) == (5, 1, 2, 2)
    assert {path.name for path in scans.files("held")} == {"scan.txt", "scan-2.txt"}
    assert {path.name for path in scans.files("refused")} == {"scan.pdf", "scan-2.pdf"}
    assert "Code: upload.repeated" in scans.note(scans.folder / "held/scan-2.txt")
    stored, _ = scans.assert_all_is_there()
    assert stored == [digest(page(1))]
    # A person took one away: it came in and was refused all the same.
    for path in ("refused/scan.pdf", "refused/scan.pdf.txt"):
        (scans.folder / path).unlink()
    status = scans.status()
    assert (status["refused"], status["refused_here"], status["even"]) == (2, 1, True)


def test_a_station_that_is_withdrawn_leaves_everything_and_another_goes_on(scans, school):
    _, _, station = school
    watcher = scans.watch()
    scans.drop("one.txt", page(1))
    watcher.wait_for("stored")
    # On the watcher's clock, or what it says next would lie before this.
    scans.vault.run_as(DSL, "station", "withdraw", station).ok()
    scans.drop("two.txt", page(2))
    watcher.wait_for("trouble")
    assert watcher.said("trouble")[0]["code"] == "station.ended"
    watcher.wait_for(lambda: "was withdrawn, or its time is over" in "".join(watcher.errors))
    assert (scans.folder / "two.txt").exists()
    balance = watcher.stop()
    assert (balance["stored"], balance["waiting"]) == (1, 1)
    again = scans.start()
    assert again.process.wait(timeout=60) == 3
    again._end()
    scans.token, _ = new_station(scans.vault, "Another copier")
    watcher = scans.watch()
    watcher.wait_for("stored")
    assert watcher.stop()["stored"] == 2
    assert sorted(scans.in_vault()) == sorted(scans.dropped)


def test_what_another_station_claimed_and_queued_is_held_and_what_it_only_claimed_is_taken(scans):
    """The first is killed between recording and removing; a watcher with another token cannot open its record."""
    scans.drop("scan.txt", page(1))
    shim = Shim([scans.folder], scans.folder.with_name("calls"))
    counted = scans.watch(extra=shim.environment())
    counted.wait_for("stored")
    counted.stop()
    unlink = next(call.number for call in shim.calls() if call.name == "unlink" and "claimed" in call.paths[0])
    scans.drop("scan.txt", page(2))
    watcher = scans.start(extra=Shim([scans.folder], scans.folder.with_name("more"), mode="kill-before", at=unlink).environment())
    watcher.process.wait(timeout=60)
    watcher._end()
    if not (claimed := scans.files(".strongroom")):
        pytest.fail("it was not killed where it removes")
    assert [path.read_bytes() for path in claimed] == [page(2)] and digest(page(2)) in scans.in_vault()
    waiting = scans.folder / ".strongroom/claimed" / ("0" * 26)
    waiting.mkdir()
    (waiting / "claimed.txt").write_bytes(page(3))
    scans.dropped.append(digest(page(3)))
    scans.token, _ = new_station(scans.vault, "Another copier")
    watcher = scans.watch()
    watcher.wait_for(settled(scans))
    balance = watcher.stop()
    assert (balance["stored"], balance["held"], balance["even"]) == (2, 1, True), balance
    assert "Code: scan.cannot-be-shown" in scans.note(scans.folder / "held/scan.txt")
    assert sorted(scans.in_vault()) == sorted(scans.dropped)


def test_a_disk_that_writes_other_bytes_than_it_was_given_is_found_before_anything_is_removed(scans):
    shim = Shim([scans.vault.path / "staging"], scans.folder.with_name("calls"), mode="lie", at=2)
    scans.drop("scan.txt", page(1, 3000))
    watcher = scans.watch(extra=shim.environment())
    watcher.wait_for("waiting")
    # It is tried again, and found again.
    watcher.wait_for(lambda: len(watcher.said("waiting")) >= 2)
    balance = watcher.stop()
    assert [path.read_bytes() for path in scans.files(".strongroom")] == [page(1, 3000)]
    assert (balance["came_in"], balance["claimed"], balance["stored"]) == (1, 1, 0)
    assert not watcher.said("stored")


MODES = {
    "kill-before": {"mode": "kill-before"},
    "kill-after": {"mode": "kill-after"},
    "kill-torn": {"mode": "kill-torn"},
    "EIO": {"mode": "fail", "error": "EIO"},
    "ENOSPC from then on": {"mode": "fail-torn", "error": "ENOSPC", "lasting": True},
}


def put_in(scans: CopierFolder) -> None:
    scans.drop("scan.txt", page(1, 2000))
    scans.drop("program.pdf", PROGRAM_FILE)


def run_once(scans: CopierFolder, **fault):
    """Until both files are where they belong, or the watcher is killed, or it was in trouble for a while."""
    shim = Shim([*scans.vault.folders, scans.folder], scans.folder.with_name("calls"), **fault)
    watcher = scans.start(extra=shim.environment())
    end = time.monotonic() + 4
    while watcher.process.poll() is None and not settled(scans)() and time.monotonic() < end:
        time.sleep(0.02)
    if watcher.process.poll() is None:
        watcher.process.send_signal(signal.SIGTERM)
    watcher._end()
    return watcher, shim


@pytest.fixture(scope="module")
def calls(school, tmp_path_factory) -> int:
    """How many calls a watcher makes over both files when nothing befalls it."""
    vault, token, _ = school
    folder = tmp_path_factory.mktemp("counted")
    scans = CopierFolder(vault.copy(folder / "copy"), folder / "scans", token)
    put_in(scans)
    watcher, shim = run_once(scans)
    assert watcher.process.returncode == 0 and settled(scans)(), (watcher.lines, watcher.errors)
    names = [call.name for call in shim.calls()]
    assert {"open", "rename", "unlink", "mkdir", "rmdir", "fsync"} <= set(names)
    return len(names)


@pytest.mark.parametrize("mode", MODES)
def test_whatever_call_it_befalls(school, calls, tmp_path, mode):
    vault, token, _ = school

    def trial(at: int) -> list:
        folder = tmp_path / str(at)
        scans = CopierFolder(vault.copy(folder / "copy"), folder / "scans", token)
        put_in(scans)
        first, _ = run_once(scans, **MODES[mode], at=at)
        wrong = []
        if first.process.returncode not in (0, 1, -signal.SIGKILL):
            wrong.append(f"exit {first.process.returncode}: {first.errors}")
        try:
            scans.assert_all_is_there(is_over=False)
            again = scans.watch()
            again.wait_for(settled(scans), 30)
            balance = again.stop()
            stored, lying = scans.assert_all_is_there()
        except AssertionError as error:
            return [*wrong, str(error)[:2000]]
        if stored != [digest(page(1, 2000))] or lying["refused"] != [digest(PROGRAM_FILE)]:
            wrong.append(f"stored {len(stored)}, refused {len(lying['refused'])}, held {len(lying['held'])}: {first.lines}")
        if not balance["even"] or (balance["stored"], balance["refused"], balance["held"]) != (1, 1, 0):
            wrong.append(f"{balance}")
        wrong += [f"in clear: {one}" for one in canary.search(["okapi told the numbat"], scans.vault.folders)]
        notes = [path for place in ("refused", "held") for path in (scans.folder / place).iterdir() if scans.is_note(path)]
        if [path.name for path in notes] != ["program.pdf.txt"]:
            wrong.append(f"notes: {notes}")
        code, findings = scans.vault.verify()
        if code != 0 or not {one["code"] for one in findings} <= {"blob.orphan", "witness.behind"}:
            wrong.append(f"verify: {findings}")
        shutil.rmtree(folder)
        return wrong

    assert_survives(f"watch {mode}", calls, size("WATCH_FAULT_STRIDE"), trial)


def test_help_and_usage(scans):
    text = scans.vault.run("watch", "--help").ok().out
    for word in ("--settle", "--patience", "--no-inotify", "FOLDER/refused", "read it back", "Exit codes", "--status"):
        assert word in " ".join(text.split()), word
    assert scans.vault.run("watch", scans.folder).code == 64
    assert scans.vault.run("watch", scans.vault.path, "--station").code == 64
    missing = scans.vault.run("watch", scans.folder / "none", "--station", "--secrets-fd", "0", typed='{"token":"x"}\n')
    assert missing.code == 1 and "hint:" in missing.err
