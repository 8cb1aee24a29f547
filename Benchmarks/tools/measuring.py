"""What the benchmarks share: taking turns, reading memory, saying a figure; and the vaults of the tests' harness."""

import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
sys.path.insert(0, str(CHECKOUT / "Tests" / "harness"))

import totp  # noqa: E402  (these lie in the folder that was just named)
import vault as vaults  # noqa: E402
from sizes import size  # noqa: E402, F401

PROGRAMS = Path(os.environ.get("STRONGROOM_TEST_BIN", "")).parent
FIGURES = os.environ.get("STRONGROOM_TEST_FIGURES")


def program(name: str) -> str:
    path = PROGRAMS / name
    if not path.is_file():
        sys.exit(f"error: {path} is not built\nhint: run scripts/bench")
    return str(path)


def timed(work) -> float:
    """Seconds on the monotonic clock."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def found(folder: Path) -> vaults.Vault:
    """The vault of the tests' harness, made an hour ago, so that calls `at_present` come after all its statements."""
    return vaults.found(folder, offset=-3600)


def at_present(vault: vaults.Vault) -> vaults.Vault:
    """Makes the next call one at the machine's own time, once authenticators show a code that was not used.

    Without libfaketime: under it a timer of libdispatch's fires all the time, and takes a core.
    """
    vaults.FAKETIME = ""
    while totp.step_at(time.time()) <= at_present.last:
        time.sleep(0.1)
    at_present.last = totp.step_at(time.time())
    vault.offset = -vaults.SECONDS_BETWEEN_CALLS
    return vault


at_present.last = 0


def shown(values: list, unit: str = "s", scale: float = 1.0) -> str:
    ordered = [value * scale for value in sorted(values)]
    return f"{statistics.median(ordered):.3g} {unit} ({ordered[0]:.3g} to {ordered[-1]:.3g})"


def figure(name: str, value: float, unit: str, target: str, met: bool) -> None:
    """Says a figure, and whether it meets its target."""
    line = f"{'met   ' if met else 'MISSED'}  {name}: {value:.3g}{unit}, target {target}"
    print(line, flush=True)
    if FIGURES:
        with open(FIGURES, "a") as figures:
            print(line, file=figures)


def busy() -> str:
    """How busy the machine is, to be read beside the figures."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}"


def hashing_seconds() -> float:
    """What one Argon2id at the policy's lowest profile takes, as each sign-in of the harness' vaults does once."""
    return float(subprocess.run([program("bench-sealing"), "hashing"], check=True, capture_output=True).stdout)


class Anonymous(threading.Thread):
    """Samples RssAnon of a process every 50 ms: (seconds, bytes) in `samples`."""

    def __init__(self, process: int):
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{process}/status")
        self.samples = []
        self.ended = threading.Event()
        self.start()

    def now(self) -> int:
        for line in self.status.read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        return 0

    def run(self):
        while not self.ended.wait(0.05):
            try:
                self.samples.append((time.monotonic(), self.now()))
            except (FileNotFoundError, ProcessLookupError):
                return

    def stop(self):
        self.ended.set()
        self.join()
