"""The server is killed while a batch of paper is presented, taken back, given up or sealed, at moments all through it: afterwards
the batch stands before or after that act, and goes on; each document is filed once, nothing is lost, and of a batch that is over
nobody's password opens anything that was scanned."""

import copy
import http.client
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from archive import Archive, faults
from colleagues import colleague, come_back
from desk import NEW, Check, PaperBatch, Person, View, put_right, unaccounted, until
from service import Service
from shim import Shim
from sizes import size
from test_archive import CHECKER, LEGACY, OPERATOR, Batch, Copy, School, difference, gather, present, read_and_split, references_of
from test_attack import Thief

# What a kill leaves of payloads that nobody knows is told, and is no fault; nor is a witness that is behind.
NOTES = {"blob.orphan", "witness.behind"}


@dataclass
class Office:
    """A folder on its way, and its vault as it lay there at each step."""

    school: School
    officers: dict
    batch: Batch
    folder: Path

    def keep(self, step: str) -> None:
        self.school.service.kept(self.folder / step)


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Office:
    folder = tmp_path_factory.mktemp("office")
    service = Service(folder / "service")
    one = Archive(size("SEED"), 1, 4, 24)
    school = School(folder, service, one, references_of(service, one))
    officers = {name: colleague(service, name, "admin") for name in (OPERATOR, CHECKER)}
    batch = read_and_split(school, Person(OPERATOR, officers[OPERATOR]), one.folders[0])
    if batch.scanned.again:
        batch.paper.bring(batch.scanned.again)
    put_right(batch.paper, batch.lines)
    batch.paper.describe(batch.paper.desk().pieces, LEGACY, lambda piece: f"Papers from page {piece.pages[0]}, {piece.category}")
    office = Office(school, officers, batch, folder)
    office.keep("laid")
    present(batch)
    office.keep("presented")
    Check(Person(CHECKER, officers[CHECKER]), batch.paper).right()
    office.keep("checked")
    service.stop()
    return office


class Trial:
    """A copy of it that is running; what befalls it, befalls it while somebody acts."""

    def __init__(self, office: Office, step: str, folder: Path, at: int = 0):
        """at: dies at the first of its calls from this one on that is made while somebody acts; 0: it does not."""
        self.office, self.folder, self.before = office, folder, 0
        shutil.copytree(office.folder / step, folder)
        self.service = copy.copy(office.school.service)
        self.service.folder, self.service.vault, self.service.port = folder, folder / "vault", 0
        self.flag = folder / "tmp" / "now"
        fault = {"mode": "kill-before", "at": at, "then_kill": 1} if at else {}
        self.shim = Shim([self.service.vault, folder / "vault.secrets"], folder / "calls", only_while=self.flag, **fault)
        self.service._extra = self.shim.environment()
        self.officers = dict(office.officers)
        self.service.begin()
        self.paper = PaperBatch(self.person(OPERATOR), office.batch.paper.path)
        self.paper.stacks = office.batch.paper.stacks

    def person(self, name: str) -> Person:
        self.officers[name] = come_back(self.service, name, self.officers[name])
        return Person(name, self.officers[name])

    def strike(self, act: Callable, is_over: Callable) -> bool:
        """Acts, until it is over or the server is dead; gives whether that is what it died of."""
        self.before = len(self.shim.calls())
        self.flag.touch()
        with suppress(OSError, http.client.HTTPException):
            act()
        end = time.monotonic() + 120
        while self.service.process.poll() is None and not is_over():
            assert time.monotonic() < end, "it neither ended nor died"
            time.sleep(0.05)
        self.flag.unlink()
        # Whose connection broke may see the end of it a moment later.
        with suppress(subprocess.TimeoutExpired):
            self.service.process.wait(timeout=0.5)
        return self.service.process.returncode is not None

    def restart(self) -> None:
        self.service.kill()
        self.service._extra = None
        self.service.begin()
        self.paper.operator = self.person(OPERATOR)

    def end(self) -> None:
        self.service.stop()
        found = self.service.verify()
        assert set(found) <= NOTES, found
        shutil.rmtree(self.folder)

    # What lies there

    def said(self, kind: str) -> int:
        with closing(sqlite3.connect(f"file:{self.service.vault}/catalogue.sqlite?mode=ro", uri=True)) as catalogue:
            return catalogue.execute("SELECT count(*) FROM act WHERE kind = ?", (kind,)).fetchone()[0]

    def rows(self, *tables: str) -> dict:
        with closing(sqlite3.connect(f"file:{self.service.vault}/workspace.sqlite?mode=ro", uri=True)) as workspace:
            return {table: workspace.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}

    def staged(self) -> list:
        return list((self.service.vault / "staging").iterdir())

    def is_destroyed(self) -> bool:
        return not any(self.rows("stack", "desk", "presentation").values()) and not self.staged()

    def assert_nothing_is_left(self) -> None:
        """Of a batch that is over: neither its scans, nor what would open them for anybody who was at it."""
        # At its beginning a server does what another left; long before its first minute is over.
        until(self.is_destroyed, "what was scanned is destroyed", 20)
        after = Copy(self.service.kept(self.folder.with_name(self.folder.name + "-kept")))
        assert not after.headers()
        for name in (OPERATOR, CHECKER):
            thief = Thief(after, name)
            assert not thief.payloads and not {"header", "staged"} & thief.kinds(), (name, thief.kinds())
        shutil.rmtree(after.path.parent)


def moments(what: str, counted: Trial, count: int) -> list:
    """So many calls of those that were made while somebody acted, as the seed has it, in order; the first and the last among them."""
    first, last = counted.before + 1, len(counted.shim.calls())
    between = range(first + 1, last)
    return [first, *sorted(random.Random(f"{size('SEED')} {what}").sample(between, min(count - 2, len(between)))), last]


# MARK: sealing


def seal(trial: Trial) -> bool:
    trial.paper.page()

    def is_over() -> bool:
        # What a kill left of a database's journal is not for a reader to put right.
        with suppress(sqlite3.OperationalError):
            return bool(trial.said("batch.sealed")) and trial.is_destroyed()
        return False

    return trial.strike(trial.paper.seal, is_over)


def assert_all_is_filed_once(trial: Trial) -> None:
    office = trial.office.school
    school = School(trial.folder, trial.service, office.archive, office.references, office.truth)
    school.after = trial.service.kept(trial.folder.with_name(trial.folder.name + "-after"))
    trial.service.sign_in()
    gather(school)
    assert faults(school.truth, school.documents) == []
    assert len(school.documents) == len(trial.office.batch.last.pieces)
    shutil.rmtree(school.after)


def test_a_server_killed_while_it_seals_files_each_document_once_when_it_is_sealed_again(office, tmp_path):
    counted = Trial(office, "checked", tmp_path / "counted")
    assert not seal(counted)
    points = moments("seal", counted, size("SEAL_KILLS"))
    counted.end()
    stood, killed = [], 0
    for at in points:
        trial = Trial(office, "checked", tmp_path / str(at), at=at)
        killed += seal(trial)
        trial.restart()
        stood.append((at, trial.paper.state, trial.said("document.filed"), len(trial.staged())))
        assert stood[-1][1] in ("checked", "sealed"), stood
        if trial.paper.state == "checked":
            trial.paper.seal()
            trial.paper.wait_until_sealed(120)
        trial.assert_nothing_is_left()
        assert_all_is_filed_once(trial)
        trial.end()
    print(f"calls {points[0]} to {points[-1]}; {killed} of {len(stood)} killed; (call, state, filed, staged) afterwards: {stood}")
    # How many calls it makes is not the same each time, so that the last of them may not come.
    assert killed >= len(stood) - 1


# MARK: before it is sealed


def presents(trial: Trial) -> bool:
    (checker,) = (id for name, id in trial.paper.desk().checkers.items() if CHECKER in name)
    fields = {"checker": checker, "staff": "no", "difference": difference(trial.office.batch)}
    return trial.strike(lambda: trial.paper.operator.post(f"{trial.paper.path}/present", fields), lambda: True)


def takes_back(trial: Trial) -> bool:
    trial.paper.page()
    return trial.strike(lambda: trial.paper.operator.post(f"{trial.paper.path}/withdraw", {}), lambda: True)


def gives_up(trial: Trial) -> bool:
    trial.paper.page()
    return trial.strike(lambda: trial.paper.operator.post(f"{trial.paper.path}/close", {}), lambda: True)


ACTS = {
    "presented": (presents, "laid", {"open", "presented"}),
    "taken back": (takes_back, "presented", {"open", "presented"}),
    "given up": (gives_up, "laid", {"open", "given-up"}),
}


def standing(view: View) -> list:
    return [(one.piece, one.stack, one.pages, one.pupil, one.category) for one in view.pieces]


def assert_the_desk_is_whole(trial: Trial) -> None:
    view = trial.paper.desk()
    assert standing(view) == standing(trial.office.batch.last) and not unaccounted(view, trial.paper.stacks)
    # A plan that nobody is asked to check is there for nobody.
    until(lambda: not trial.rows("presentation")["presentation"], "the plan is destroyed", 20)


def looked_at(trial: Trial) -> Check:
    check = Check(trial.person(CHECKER), trial.paper)
    assert [piece.pages for piece, _ in check.pages()] == [piece.pages for piece in trial.office.batch.last.pieces]
    return check


def opened_anew(trial: Trial) -> None:
    """Another batch: the one before is out of the way."""
    assert trial.paper.operator.look(NEW)
    assert PaperBatch.opened(trial.paper.operator, ("Cabinet 9", "Drawer 9", "Folder 9"), 1, 1, 100, "grey").state == "open"


def goes_on(trial: Trial, is_finished: bool) -> None:
    """From wherever it stands: to its check, or to its end."""
    if trial.paper.state == "presented":
        looked_at(trial)
        trial.paper.page()
        trial.paper.operator.post(f"{trial.paper.path}/withdraw", {})
    if trial.paper.state == "open":
        assert_the_desk_is_whole(trial)
        if is_finished:
            trial.paper.present(CHECKER, difference(trial.office.batch))
            looked_at(trial).right()
            assert trial.paper.state == "checked"
            return
        trial.paper.page()
        trial.paper.operator.post(f"{trial.paper.path}/close", {})
    assert trial.paper.state == "given-up" and not trial.said("document.filed")
    trial.assert_nothing_is_left()
    opened_anew(trial)


def each(office: Office, what: str, folder: Path) -> Iterable[tuple]:
    act, step, _ = ACTS[what]
    counted = Trial(office, step, folder / "counted")
    assert not act(counted)
    points = moments(what, counted, size("DESK_KILLS"))
    counted.end()
    for number, at in enumerate(points):
        trial = Trial(office, step, folder / str(at), at=at)
        killed = act(trial)
        trial.restart()
        yield number, at, killed, trial


@pytest.mark.parametrize("what", ACTS)
def test_a_server_killed_while_a_batch_is(office, tmp_path, what):
    stood = []
    for number, at, killed, trial in each(office, what, tmp_path):
        stood.append((at, killed, trial.paper.state))
        assert stood[-1][2] in ACTS[what][2], stood
        goes_on(trial, is_finished=number % 2 == 0)
        trial.end()
    print(f"{what}: (call, killed, state) afterwards: {stood}")
    assert sum(killed for _, killed, _ in stood) >= len(stood) - 1
