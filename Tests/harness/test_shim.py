"""The fault shim itself: it counts what strace sees, kills and fails where told, and touches nothing else."""

import errno
import os
import signal
import subprocess

import pytest
from shim import CALLERS, Shim, traced

EXPECTED = 23


@pytest.fixture
def place(tmp_path):
    (tmp_path / "counted").mkdir()
    return tmp_path


def run(place, *arguments, **choices):
    shim = Shim([place / "counted"], place / "log", **choices)
    result = subprocess.run(
        [CALLERS, str(place / "counted"), *arguments],
        env={**os.environ, **shim.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    return result, shim.calls()


def test_every_call_is_counted_once_and_in_order(place):
    result, calls = run(place)
    assert result.stdout == "done\n", result.stderr
    assert [call.number for call in calls] == list(range(1, EXPECTED + 1))


def test_strace_sees_no_call_that_the_shim_misses(place):
    shim = Shim([place / "counted"], place / "log")
    _, seen = traced([CALLERS, str(place / "counted")], shim.folders, place / "trace", shim.environment(), check=True)
    counted = [call.name for call in shim.calls()]
    assert {name: counted.count(name) for name in counted} == dict(seen)


def test_a_database_makes_no_call_that_the_shim_misses(place):
    """SQLite as Debian builds it, in the journal mode and with the sync setting of the vault's catalogue."""
    shim = Shim([place / "counted"], place / "log")
    work = "pragma journal_mode=wal; pragma synchronous=full; create table t (a); insert into t values (zeroblob(90000));"
    command = ["sqlite3", str(place / "counted/x.sqlite"), work + "delete from t; pragma wal_checkpoint(truncate); vacuum;"]
    _, seen = traced(command, shim.folders, place / "trace", shim.environment(), check=True, stdout=subprocess.DEVNULL)
    counted = [call.name for call in shim.calls()]
    assert {name: counted.count(name) for name in counted} == dict(seen)
    assert seen["fdatasync"] > 3


@pytest.mark.parametrize("at", range(1, EXPECTED + 1))
@pytest.mark.parametrize("mode", ["kill-before", "kill-after", "kill-torn"])
def test_it_kills_at_the_call_told(place, mode, at):
    result, calls = run(place, mode=mode, at=at)
    assert result.returncode == -signal.SIGKILL
    assert len(calls) == at


def test_killed_before_a_write_nothing_is_written_after_it_all_is_and_torn_half(place):
    for mode, size in (("kill-before", 0), ("kill-after", 8), ("kill-torn", 4)):
        folder = place / mode
        (folder / "counted").mkdir(parents=True)
        run(folder, mode=mode, at=5)
        assert (folder / "counted/sub/one").stat().st_size == size


@pytest.mark.parametrize("at", range(1, EXPECTED + 1))
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_it_fails_the_call_told(place, error, at):
    result, calls = run(place, mode="fail", at=at, error=error)
    assert result.returncode == 1
    assert os.strerror(getattr(errno, error)) in result.stderr
    assert len(calls) == at


def test_a_lasting_failure_fails_every_call_from_there_on(place):
    result, calls = run(place, "go on", mode="fail", at=6, error="ENOSPC", lasting=True)
    assert len(calls) == EXPECTED
    assert len(result.stderr.splitlines()) == EXPECTED - 5


def test_a_single_failure_is_over_after_the_call(place):
    result, calls = run(place, "go on", mode="fail", at=6, error="ENOSPC")
    assert result.stderr == "pwrite: No space left on device\n"
    assert len(calls) == EXPECTED


def test_a_failure_lasts_while_its_file_is_there_and_no_longer(place):
    switch = place / "switch"
    result, _ = run(place, "go on", mode="fail", at=1, error="EROFS", lasting=True, only_while=switch)
    assert result.stdout == "done\n" and not result.stderr
    switch.touch()
    result, _ = run(place, "go on", mode="fail", at=1, error="EROFS", lasting=True, only_while=switch)
    assert result.stderr.count(os.strerror(errno.EROFS)) > EXPECTED // 2
