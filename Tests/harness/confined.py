"""Runs a command as systemd would run a unit of ours, as far as that goes without systemd and without root: in a mount namespace
of a user namespace, with the unit's directories, credentials, limits, capabilities and system call filter.

A namespace of users is more than systemd makes, and so what needs one inside is held to more than there.
"""

import ctypes
import errno
import json
import os
import re
import resource
import shutil
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path

# Lines of a unit's [Service] that are done here.
DONE = {
    "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices",
    "PrivateNetwork", "RestrictAddressFamilies", "SystemCallFilter", "SystemCallErrorNumber", "UMask", "LimitMEMLOCK", "LimitCORE",
    "LoadCredential", "InaccessiblePaths", "StateDirectory", "StateDirectoryMode", "ReadWritePaths", "ProtectKernelTunables",
    "ProtectHostname", "LockPersonality",
}  # fmt: skip
# Those that only systemd can do, or that say how it is started and stopped.
LEFT = {
    "Type", "NotifyAccess", "WatchdogSec", "ExecStart", "User", "Group", "Restart", "RestartSec", "RestartPreventExitStatus",
    "TimeoutStartSec", "TimeoutStopSec", "KillMode", "TasksMax", "StandardInput", "StandardOutput", "StandardError", "SyslogIdentifier",
    "Environment", "Nice", "IOSchedulingClass", "MemorySwapMax", "RemoveIPC", "RestrictRealtime", "SystemCallArchitectures",
    "RestrictSUIDSGID", "RuntimeDirectory", "RuntimeDirectoryMode",
    # These deny calls that the filter denies anyway, or hide what nobody here can touch.
    "ProtectControlGroups", "ProtectKernelModules", "ProtectClock",
}  # fmt: skip
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_MOVE, _MS_PRIVATE = 1, 32, 4096, 16384, 8192, 1 << 18


def service_of(unit: Path) -> dict:
    """The lines of its [Service], each a list of values; an empty value takes back those before it."""
    lines: dict = {}
    section = ""
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and line[0] not in "#;":
            name, _, value = line.partition("=")
            lines.setdefault(name, []).append(value)
    return lines


# The system call filter


@cache
def calls_of(group: str) -> frozenset:
    """The names in one of systemd's groups."""
    told = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True).stdout
    names = [line.strip() for line in told.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return frozenset(call for name in names for call in (calls_of(name) if name.startswith("@") else [name]))


def allowed(service: dict) -> set:
    """The calls that a unit's filter lets through: what it allows, less what it denies after that."""
    calls = set(calls_of("@default"))
    for line in service["SystemCallFilter"]:
        names = {call for name in line.lstrip("~").split() for call in (calls_of(name) if name.startswith("@") else [name])}
        calls = calls - names if line.startswith("~") else calls | names
    if service.get("ProtectHostname") == ["yes"]:
        calls -= {"sethostname", "setdomainname"}
    if service.get("LockPersonality") == ["yes"]:
        calls -= {"personality"}
    return calls


@cache
def numbers() -> dict:
    """This machine's numbers of system calls."""
    told = subprocess.run(
        ["cc", "-dM", "-E", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], check=True, capture_output=True, text=True
    )
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", told.stdout, re.MULTILINE)}


def program(service: dict) -> bytes:
    """The filter as the kernel takes it: what is not allowed, and sockets of other families, fail with EPERM."""
    families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
    load, equal, answer = 0x20, 0x15, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EPERM
    rules = [(load, 0, 0, 0)]
    for name in sorted(allowed(service) - {"socket"}):
        if name in numbers():
            rules += [(equal, 0, 1, numbers()[name]), (answer, 0, 0, allow)]
    mine = [families[name] for name in service["RestrictAddressFamilies"][-1].split()]
    rules += [(equal, 1, 0, numbers()["socket"]), (answer, 0, 0, refuse), (load, 0, 0, 16)]
    for family in mine:
        rules += [(equal, 0, 1, family), (answer, 0, 0, allow)]
    rules.append((answer, 0, 0, refuse))
    return b"".join(struct.pack("HBBI", *rule) for rule in rules)


# The command line that starts it


def command(unit: Path, state: Path, secrets: Path, arguments: list, writable: tuple = (), **instead: str) -> list:
    """A command that runs these arguments as the unit's own; state stands for its state directory; instead: lines of the unit
    that are otherwise than it says."""
    service = service_of(unit) | {name: [value] for name, value in instead.items()}
    assert set(service) <= DONE | LEFT, set(service) - DONE - LEFT
    told = {
        "service": service, "state": str(state), "secrets": str(secrets), "writable": [str(path) for path in writable],
        "filter": program(service).hex(),
    }  # fmt: skip
    network = ["--net"] if service.get("PrivateNetwork") == ["yes"] else []
    return [
        "unshare", "--user", "--map-current-user", "--keep-caps", "--mount", *network, "--", sys.executable, "-B", __file__,
        json.dumps(told), *map(str, arguments),
    ]  # fmt: skip


# What is done inside


def _mount(source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    encoded = [text.encode() if text is not None else None for text in (source, target, kind)]
    if _libc.mount(*encoded, ctypes.c_ulong(flags), options.encode() if options else None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def _place(told: dict) -> str:
    """Makes the file systems as the unit has them; gives the directory of the credentials."""
    service = told["service"]
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    kept = {path: os.open(path, os.O_PATH) for path in [told["state"], *told["writable"]]}
    credentials = "/dev/shm/strongroom-credentials"
    secrets = {name: Path(told["secrets"], name).read_bytes() for name in os.listdir(told["secrets"])}
    if service["PrivateDevices"] == ["yes"]:
        fresh = "/dev/shm/fresh"
        os.makedirs(fresh, exist_ok=True)
        _mount("tmpfs", fresh, "tmpfs", 0, "mode=755")
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            Path(fresh, name).touch()
            _mount(f"/dev/{name}", f"{fresh}/{name}", None, _MS_BIND)
        for name in ("shm", "pts"):
            os.mkdir(f"{fresh}/{name}")
        _mount("tmpfs", f"{fresh}/shm", "tmpfs", 0, "mode=1777")
        _mount("/dev/pts", f"{fresh}/pts", None, _MS_BIND)
        os.symlink("/proc/self/fd", f"{fresh}/fd")
        _mount(fresh, "/dev", None, _MS_MOVE)
    if service["PrivateTmp"] == ["yes"]:
        for path in ("/tmp", "/var/tmp"):
            _mount("tmpfs", path, "tmpfs", 0, "mode=1777")
    for path, descriptor in kept.items():
        os.makedirs(path, exist_ok=True)
        _mount(f"/proc/self/fd/{descriptor}", path, None, _MS_BIND | _MS_REC)
    # As systemd: a file for each credential that there is, and nobody can write it.
    os.makedirs(credentials)
    _mount("tmpfs", credentials, "tmpfs", 0, "mode=500")
    for line in service["LoadCredential"]:
        name = line.partition(":")[0]
        if name in secrets:
            path = Path(credentials, name)
            path.write_bytes(secrets[name])
            path.chmod(0o400)
    _mount(None, credentials, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    # The directory that they came from is out of reach.
    empty = "/dev/shm/strongroom-inaccessible"
    os.makedirs(empty)
    os.chmod(empty, 0)
    homes = [path for path in ("/home", "/root", "/run/user") if os.path.isdir(path) and service["ProtectHome"] == ["yes"]]
    for path in [*homes, told["secrets"]]:
        _mount(empty, path, None, _MS_BIND)
    if service.get("ProtectKernelTunables") == ["yes"]:
        _mount("/proc/sys", "/proc/sys", None, _MS_BIND)
        _mount(None, "/proc/sys", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    assert service["ProtectSystem"] == ["strict"]
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    stays = ("/proc", "/sys", "/dev", "/tmp", "/var/tmp", *kept)
    for point in dict.fromkeys(points):
        if not any(point == path or point.startswith(path + "/") for path in stays):
            _mount(None, point, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _locked(point))
    return credentials


def _locked(point: str) -> int:
    """What a mount forbids already, which must be said again."""
    flags = os.statvfs(point).f_flag
    return sum(mine for theirs, mine in ((os.ST_NOSUID, 2), (os.ST_NODEV, 4), (os.ST_NOEXEC, 8)) if flags & theirs)


def _confine(told: dict) -> None:
    service = told["service"]
    sizes = {"M": 1 << 20, "K": 1 << 10}
    most = service["LimitMEMLOCK"][-1]
    # Only root may raise it: where less is allowed here, it is held to that.
    _, here = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    locked = int(most[:-1]) * sizes[most[-1]]
    locked = locked if here == resource.RLIM_INFINITY else min(locked, here)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (locked, locked))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(int(service["UMask"][-1], 8))
    assert service["NoNewPrivileges"] == ["yes"] and service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == [""]
    pr_cap_ambient, pr_capbset_drop, pr_set_no_new_privs, pr_set_seccomp = 47, 24, 38, 22
    for capability in range(64):
        _libc.prctl(pr_capbset_drop, capability, 0, 0, 0)
    _libc.prctl(pr_cap_ambient, 4, 0, 0, 0)
    assert _libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0) == 0
    rules = bytes.fromhex(told["filter"])
    memory = ctypes.create_string_buffer(rules)
    filter_ = struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(memory))
    assert _libc.prctl(pr_set_seccomp, 2, ctypes.create_string_buffer(filter_), 0, 0) == 0, os.strerror(ctypes.get_errno())


if __name__ == "__main__":
    _libc = ctypes.CDLL(None, use_errno=True)
    given = json.loads(sys.argv[1])
    os.environ["CREDENTIALS_DIRECTORY"] = _place(given)
    program_path = shutil.which(sys.argv[2])
    _confine(given)
    os.execv(program_path, sys.argv[2:])
