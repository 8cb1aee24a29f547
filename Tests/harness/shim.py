"""The preloaded library of Tests/faults, and strace beside it to show that the library misses nothing."""

import os
import random
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sizes import size

LIBRARY = os.environ.get("STRONGROOM_TEST_SHIM", "")
CALLERS = str(Path(LIBRARY).with_name("callers"))

# What strace is asked for, and the shim's word for each.
WORDS = {
    "open": "open", "openat": "open", "openat2": "open", "creat": "open",
    "write": "write", "writev": "writev", "pwrite64": "pwrite", "pwritev": "pwritev", "pwritev2": "pwritev",
    "copy_file_range": "copy_file_range", "sendfile": "sendfile",
    "ftruncate": "ftruncate", "truncate": "truncate", "fallocate": "fallocate",
    "fsync": "fsync", "fdatasync": "fdatasync", "syncfs": "syncfs", "sync_file_range": "sync_file_range",
    "rename": "rename", "renameat": "rename", "renameat2": "rename",
    "link": "link", "linkat": "link", "symlink": "symlink", "symlinkat": "symlink",
    "unlink": "unlink", "unlinkat": "unlink", "rmdir": "rmdir", "mkdir": "mkdir", "mkdirat": "mkdir",
    "chmod": "chmod", "fchmod": "chmod", "fchmodat": "chmod", "fchmodat2": "chmod",
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    number: int
    name: str
    paths: tuple


@dataclass
class Shim:
    """What a process is to suffer, and below which folders. Gives the environment for it."""

    folders: list
    log: Path
    mode: str = "count"
    at: int = 0
    error: str = "EIO"
    lasting: bool = False
    then_kill: int = 0
    only_while: Path | None = None

    def environment(self) -> dict:
        return {
            "LD_PRELOAD": LIBRARY,
            "FAULT_PATHS": ":".join(os.path.realpath(folder) for folder in self.folders),
            "FAULT_MODE": self.mode,
            "FAULT_LOG": str(self.log),
            **({"FAULT_AT": str(self.at), "FAULT_ERRNO": self.error} if self.mode != "count" else {}),
            **({"FAULT_LASTING": "1"} if self.lasting else {}),
            **({"FAULT_WHILE": str(self.only_while)} if self.only_while else {}),
            **({"FAULT_THEN_KILL": str(self.then_kill)} if self.then_kill else {}),
        }

    def calls(self) -> list:
        if not self.log.exists():
            return []
        found = []
        for line in self.log.read_text(errors="surrogateescape").splitlines():
            number, name, *paths = line.split("\t")
            found.append(Call(int(number), name, tuple(paths)))
        return found


def traced(command: list, folders: list, trace: Path, environment: dict, **options):
    """Runs a command under strace (with its descriptors' paths); gives its result and the calls counted by name."""
    names = [name for name in WORDS if name not in ("openat2", "fchmodat2")]
    # "?": a name that this machine's kernel or strace does not know is not an error.
    wanted = ",".join("?" + name for name in names)
    given = [argument for name, value in environment.items() for argument in ("-E", f"{name}={value}")]
    result = subprocess.run(
        ["strace", "--follow-forks", "--decode-fds=path", "--string-limit=4096", f"--trace={wanted}", "-o", str(trace), *given, *command],
        **options,
    )
    counted = Counter()
    roots = [os.path.realpath(folder) for folder in folders]
    log = environment.get("FAULT_LOG", "\0")
    for line in trace.read_text(errors="surrogateescape").splitlines():
        match = re.match(r"\d+\s+(\w+)\((.*)", line)
        # A call that another thread interrupted is printed in two lines; its arguments are in the first.
        if not match or f"<{log}>" in line or f'"{log}"' in line:
            continue
        if any(f"{root}/" in match[2] or f"{root}>" in match[2] or f'{root}"' in match[2] for root in roots):
            word = WORDS[match[1]]
            if match[1] == "unlinkat" and "AT_REMOVEDIR" in match[2]:
                word = "rmdir"
            counted[word] += 1
    return result, counted


def assert_survives(what: str, calls: int, stride: int, trial) -> None:
    """Tries every so-manieth call, from one that the seed chooses, two trials at once; a trial gives what is wrong after it."""
    points = range(random.Random(f"{size('SEED')} {what}").randint(1, stride), calls + 1, stride)
    with ThreadPoolExecutor(2) as pool:
        wrong = {at: one for at, one in zip(points, pool.map(trial, points)) if one}
    assert not wrong, "\n".join(f"call {at}: {line}" for at, lines in wrong.items() for line in lines)
