#!/usr/bin/python3
"""An S3 server for tests: OpenStack Swift from Debian with its s3api, on this computer's loopback, in a folder of its own.

    s3_server.py FOLDER [--skew SECONDS] [--certificate FILE --key FILE]      by Debian's own Python, which has Swift

With a certificate it speaks HTTPS alone.

Prints one line of JSON when it answers: endpoint, region, access_key, secret_key, bucket, and the folder that the objects lie in.
It ends, with all that it started, when its standard input does; what is in the folder stays.
"""

import argparse
import http.client
import json
import os
import pwd
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from swift.common.ring import RingBuilder

ACCESS_KEY, SECRET_KEY = "school:backup", "for-tests-alone"
BUCKET = "strongroom-tests"
KINDS = ("account", "container", "object")
PIPELINE = "catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth container-quotas slo proxy-server"

SWIFT_CONF = """[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = tests
default = yes
"""

STORAGE_CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
log_level = WARNING
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY_CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
log_level = WARNING
{tls}
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_school_backup = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
allowable_clock_skew = {skew}
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:slo]
use = egg:swift#slo
"""


# Swift's own programs read /etc/swift/swift.conf, which is the machine's and not these tests'.
PROGRAM = """
import sys
from swift.common import utils
utils.set_swift_dir(sys.argv[1])
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[2], sys.argv[3]))
"""


def free_ports(count: int) -> list:
    """Ports of the loopback that nobody has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def write_rings(folder: Path, ports: dict) -> None:
    """One device, which has everything once."""
    for kind, port in ports.items():
        builder = RingBuilder(2, 1, 0)
        device = {"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk", "weight": 1.0, "meta": ""}
        builder.add_dev(device | {"replication_ip": "127.0.0.1", "replication_port": port})
        builder.rebalance(seed="1")
        builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def start(command: list, log) -> subprocess.Popen:
    """A process that is killed when this one dies."""
    return subprocess.Popen(
        ["/usr/bin/setpriv", "--pdeathsig", "KILL", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def wait_for(port: int, processes: list, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for process in processes:
            if process.poll() is not None:
                raise SystemExit(f"{process.args[3:]} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


def ask(port: int, certificate: str | None, method: str, path: str, headers: dict) -> tuple:
    """Swift's own interface: status and headers of the answer."""
    if certificate:
        context = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skew", type=int, default=900)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    given = parser.parse_args()
    folder = given.folder.resolve()
    (folder / "devices/disk").mkdir(parents=True, exist_ok=True)
    *storage, memcached, proxy = free_ports(len(KINDS) + 2)
    ports = dict(zip(KINDS, storage))
    user = pwd.getpwuid(os.getuid()).pw_name
    (folder / "swift.conf").write_text(SWIFT_CONF)
    for kind, port in ports.items():
        (folder / f"{kind}-server.conf").write_text(STORAGE_CONF.format(kind=kind, port=port, user=user, folder=folder))
    text = PROXY_CONF.format(
        port=proxy, user=user, folder=folder, pipeline=PIPELINE, secret=SECRET_KEY, memcached=memcached, skew=given.skew,
        tls=f"cert_file = {given.certificate}\nkey_file = {given.key}" if given.certificate else "")  # fmt: skip
    (folder / "proxy-server.conf").write_text(text)
    write_rings(folder, ports)
    log = open(folder / "log", "ab")
    processes = [start(["/usr/bin/memcached", "-l", "127.0.0.1", "-p", memcached, "-U", "0", "-m", "16"], log)]
    for kind in (*KINDS, "proxy"):
        processes.append(
            start(["/usr/bin/python3", "-c", PROGRAM, folder, folder / f"{kind}-server.conf", f"{kind}-server"], log))
    for port in (memcached, *storage, proxy):
        wait_for(port, processes)
    _, said = ask(proxy, given.certificate, "GET", "/auth/v1.0", {"X-Auth-User": ACCESS_KEY, "X-Auth-Key": SECRET_KEY})
    path = "/" + said["X-Storage-Url"].split("/", 3)[3]
    for bucket, more in ((BUCKET, {}), (f"{BUCKET}-small", {"X-Container-Meta-Quota-Bytes": "100000"})):
        status, _ = ask(proxy, given.certificate, "PUT", f"{path}/{bucket}", {"X-Auth-Token": said["X-Auth-Token"], **more})
        assert status in (201, 202), f"making {bucket}: {status}"
    answer = {
        "endpoint": f"http{'s' if given.certificate else ''}://127.0.0.1:{proxy}", "region": "us-east-1", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY,
        "bucket": BUCKET, "small_bucket": f"{BUCKET}-small", "objects": str(folder / "devices"),
    }  # fmt: skip
    print(json.dumps(answer), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            select.select([sys.stdin], [], [])
            if not os.read(0, 4096):
                break
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
