"""Health and figures: true, for whoever runs the machine, and of nobody. After work of every kind neither figures nor log have a
name, an id, a reference, a file's name or an address."""

import json
import os
import re
import time
from pathlib import Path

import canary
import pytest
import vault as vaults
from service import Service
from tls import certificate
from vault import DSL, SCANS

# Said in each place that takes words: none of them may be in a figure or a line of the log.
CANARIES = {
    "file": "quokka-of-the-file-name.txt", "summary": "Quokka of the summary", "content": "quokka of the content",
    "path": "quokka-of-the-path", "query": "quokka-of-the-query", "search": "quokkaofthesearch", "name": "Quokka Ofthename",
    "method": "QUOKKA", "header": "quokka-of-the-header", "account": "Quokka Oftheaccount",
}  # fmt: skip
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Measured(Service):
    def _start(self, *arguments, extra: dict | None = None):
        more = ["--metrics", str(self.figures)] if arguments[0] == "serve" else []
        return super()._start(*arguments, *more, extra=extra)

    @property
    def figures(self) -> Path:
        return self.folder / "strongroom.prom"

    def fresh(self) -> str:
        """The figures, once they were written after now."""
        now = time.time_ns()
        until = time.monotonic() + 40
        while time.monotonic() < until:
            if self.figures.exists() and self.figures.stat().st_mtime_ns > now:
                return self.figures.read_text()
            time.sleep(0.1)
        raise AssertionError("no figures were written")


def parsed(text: str) -> dict:
    """By name and labels; refuses what is not Prometheus's text format."""
    values, described, kinds = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            described.add(line.split()[2])
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name in described and name not in kinds and kind in ("counter", "gauge", "histogram"), line
            kinds[name] = kind
        else:
            name, labels, value = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)*)\})? (\d+(?:\.\d+)?(?:e-\d+)?)', line).groups()
            assert name in kinds or re.sub("_(bucket|sum|count)$", "", name) in kinds, line
            key = name, tuple(re.findall('([a-z]+)="([^"]*)"', labels or ""))
            assert key not in values, line
            values[key] = float(value)
    return values


def total(values: dict, name: str, **labels: str) -> float:
    return sum(value for (one, given), value in values.items() if one == name and labels.items() <= dict(given).items())


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    room = (("limits.yaml", "keep-free-mib: 1024", "keep-free-mib: 1"), ("limits.yaml", "keep-free-percent: 5", "keep-free-percent: 0"))
    one = Measured(tmp_path_factory.mktemp("measured"), room)
    yield one
    if one.process.poll() is None:
        one.stop()


def test_nothing_of_anybody_is_in_figures_or_log_after_work_of_every_kind(service):
    ids = [service.pupil, service._cookie.partition("=")[2], service._token]
    content = (CANARIES["content"] + "\n").encode() * 20
    place = service.create(content, filename=CANARIES["file"], summary=CANARIES["summary"])
    assert service.patch(place, 0, content).status == 204
    receipt = service.file(place)
    ids += [place.rpartition("/")[2], receipt["document"]]
    scan = next(path for path in SCANS if path.suffix == ".pdf").read_bytes()
    place = service.create(scan, filename="quokka.pdf", summary="Another")
    assert service.patch(place, 0, scan).status == 204
    shown = service.file(place)["document"]
    # Refused, and kept apart.
    zipped = service.create(b"PK\x03\x04" + bytes(200), filename=CANARIES["file"], summary=CANARIES["summary"])
    assert service.patch(zipped, 0, b"PK\x03\x04" + bytes(200)).status in (204, 415, 422)
    for path in (
        "/", f"/pupils/{service.pupil}", f"/documents/{receipt['document']}", f"/documents/{shown}/pages/1?width=300", "/people",
        "/security", "/restricted", "/ledger", f"/{CANARIES['path']}", f"/documents/{CANARIES['path']}", f"/pupils?x={CANARIES['query']}",
        f"/agency/p/{CANARIES['path']}", f"/static/{CANARIES['path']}",
    ):  # fmt: skip
        service.ask("GET", path, {"User-Agent": CANARIES["header"], "X-Forwarded-For": CANARIES["header"]})
    assert service.download(receipt["document"]) == content
    service.ask("POST", f"/pupils/{service.pupil}/search", FORM, f"csrf={service._token}&words={CANARIES['search']}")
    service.ask("POST", "/people/invite", FORM, f"csrf={service._token}&name={CANARIES['name']}&role=staff")
    service.ask(CANARIES["method"], "/")
    cookie, service._cookie = service._cookie, ""
    service.ask("GET", "/sign-in")
    page = service.ask("GET", "/sign-in")
    service._cookie = page.getheader("Set-Cookie").partition(";")[0]
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    wrong = f"csrf={token}&name={CANARIES['account']}&password=quokka+of+the+password&code=000000"
    assert service.ask("POST", "/sign-in", FORM, wrong).status in (200, 401, 403, 422)
    service._cookie = cookie
    text = service.fresh()
    folder = service.folder / "seen"
    folder.mkdir()
    (folder / "figures").write_text(text)
    log = service.stop()
    (folder / "log").write_bytes(log)
    words = [*CANARIES.values(), "quokka", "Quokka", "QUOKKA", DSL, "127.0.0.1", *ids]
    found = canary.search(words, [folder])
    assert found == [], found
    # What is counted is there: the walk above, under the patterns of its addresses.
    values = parsed(text)
    assert total(values, "strongroom_requests_total", route="/documents/{document}", method="GET") >= 2
    assert total(values, "strongroom_requests_total", route="/documents/{document}/download", **{"class": "2xx"}) == 1
    assert total(values, "strongroom_requests_total", route="", method="other", **{"class": "4xx"}) >= 1
    assert total(values, "strongroom_verdicts_total", outcome="accepted") == 2
    assert total(values, "strongroom_verdicts_total", outcome="refused") == 1
    assert total(values, "strongroom_uploads", state="filed") == 2 and total(values, "strongroom_uploads", state="waiting") == 0
    assert total(values, "strongroom_sessions") == 1 and total(values, "strongroom_statements") > 8
    assert total(values, "strongroom_ready") == 6 and total(values, "strongroom_up") == 1
    assert 0 <= total(values, "strongroom_checkpoint_age_seconds") < 120 and 0 <= total(values, "strongroom_witness_age_seconds") < 120
    assert total(values, "strongroom_memory_bytes") > 10 << 20 and total(values, "strongroom_room_bytes") > 0
    assert total(values, "strongroom_password_hashes") == 0 < total(values, "strongroom_password_hashes_most")
    assert total(values, "strongroom_inspectors", state="ready") >= 1
    # No backup: no age of one.
    assert not any(name == "strongroom_backup_age_seconds" for name, _ in values)
    # Each histogram adds up.
    for (name, labels), count in values.items():
        if name == "strongroom_request_seconds_count":
            mine = {given: value for (one, given), value in values.items() if one == "strongroom_request_seconds_bucket"}
            buckets = [value for given, value in mine.items() if set(labels) <= set(given)]
            assert buckets == sorted(buckets) and buckets[-1] == count == total(values, "strongroom_requests_total", **dict(labels)), labels
    # When the server has ended there are no figures of it.
    assert not service.figures.exists()
    service.begin()
    service.sign_in()


def test_what_is_done_with_restricted_documents_is_one_kind(service):
    for path in ("/restricted", "/restricted/none", "/restricted/none/ask", "/restricted/none/x/end"):
        service.ask("GET", path)
        service.ask("POST", path, FORM, f"csrf={service._token}")
    values = parsed(service.fresh())
    routes = {dict(labels)["route"] for (name, labels) in values if name == "strongroom_requests_total"}
    assert {route for route in routes if "restricted" in route} == {"/restricted"}
    assert {dict(labels)["method"] for (name, labels) in values if ("route", "/restricted") in labels} == {"any"}


def test_the_age_of_a_backup_is_told(service):
    made = service._start("backup", "--to", str(service.folder / "backup"))
    assert made.wait(timeout=120) == 0, made.communicate()
    assert 0 <= total(parsed(service.fresh()), "strongroom_backup_age_seconds") < 60
    assert service.figures.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in service.folder.iterdir() if path.name.startswith("strongroom.prom")] == ["strongroom.prom"]


def health(service: Service, **headers: str) -> tuple:
    answer = service.ask("GET", "/api/v1/health", headers)
    said = json.loads(answer.text)
    assert answer.getheader("Content-Type") == "application/json" and (answer.status == 200) is (said["status"] == "ready")
    return said["status"], {one["check"]: one["well"] for one in said.get("checks", [])}


def test_a_proxy_and_whoever_is_behind_it_are_told_no_more_than_whether_it_is_ready(service):
    status, checks = health(service)
    assert status == "ready" and checks == dict.fromkeys(("sandbox", "room", "ledger", "clock", "policies", "antivirus"), True)
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert health(service, **{header: "10.1.2.3"}) == ("ready", {})


class Server:
    """A served vault on its own clock, of which only health is asked."""

    def __init__(self, vault: vaults.Vault, folder: Path, *arguments):
        self.process, _ = vault.start("serve", "--port", "0", *certificate(folder), *arguments)
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.one = Service.__new__(Service)
        self.one.port, self.one._cookie, self.one._token = int(line.rpartition(b":")[2]), "", ""

    def __enter__(self) -> Service:
        return self.one

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=60)


def broken_policies(vault, _):
    policy = vault.path / "policies/limits.yaml"
    policy.write_text(policy.read_text() + "# looser\n")


def broken_ledger(vault, _):
    (vault.path / "witness").chmod(0o500)


def broken_clock(vault, _):
    vault.offset -= 7200


@pytest.mark.parametrize(
    "check, breaks, arguments",
    [
        ("sandbox", None, ("--inspector", "/usr/bin/false")), ("ledger", broken_ledger, ()), ("clock", broken_clock, ()),
        ("policies", broken_policies, ()),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_and_the_process_lives_all_the_same(check, breaks, arguments, vault, tmp_path):
    if breaks:
        breaks(vault, tmp_path)
    try:
        with Server(vault, tmp_path, *arguments) as service:
            status, checks = health(service)
            assert status == "not-ready" and [name for name, well in checks.items() if not well] == [check]
            assert health(service, Via="1.1 proxy") == ("not-ready", {})
            assert service.ask("GET", "/healthz").text == "ok\n"
    finally:
        (vault.path / "witness").chmod(0o700)


def test_a_scanner_that_is_required_and_a_disk_without_room_are_missed(tmp_path):
    vault = vaults.found(
        tmp_path / "founded",
        changed=(
            ("inspection.yaml", "antivirus: off", "antivirus: required"), ("file-types.yaml", "largest-mib: 2048", "largest-mib: 150"),
            ("limits.yaml", "keep-free-mib: 1\n", "keep-free-mib: 1073741824\n"),
        ),
    )  # fmt: skip
    (tmp_path / "signatures").mkdir()
    with Server(vault, tmp_path, "--signatures", tmp_path / "signatures") as service:
        assert [name for name, well in health(service)[1].items() if not well] == ["room", "antivirus"]


def test_health_follows_what_changes_while_the_server_runs(vault, tmp_path):
    with Server(vault, tmp_path) as service:
        assert health(service)[0] == "ready"
        (vault.path / "witness").chmod(0o500)
        try:
            until = time.monotonic() + 40
            while health(service)[0] == "ready" and time.monotonic() < until:
                time.sleep(0.5)
            assert health(service)[1]["ledger"] is False
        finally:
            (vault.path / "witness").chmod(0o700)
    assert os.access(vault.path / "witness", os.W_OK)
