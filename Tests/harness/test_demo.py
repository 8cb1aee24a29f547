"""The demo: made anew as often as it is asked for, and ended when it is no longer wanted."""

import os
import socket
import subprocess

from vault import CHECKOUT, PROGRAM


def test_in_the_background_it_is_made_anew_and_ended(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = tmp_path / "demo"

    def demo(*arguments) -> tuple:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        command = [PROGRAM, "demo", *arguments, "--directory", directory]
        # Its server keeps what it was given as standard output: so a file, which nobody waits for.
        with open(tmp_path / "said", "w+b") as said:
            code = subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=said, stderr=said, timeout=120).returncode
            said.seek(0)
            return code, said.read().decode()

    def answers() -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    def process() -> str:
        return (directory / "server.pid").read_text()

    run = ("--detach", "--port", str(port))
    try:
        code, said = demo(*run)
        assert code == 0 and answers() and "Ended" not in said, said
        first = process()
        code, said = demo(*run)
        assert code == 0 and answers(), said
        assert f"Ended the demo that ran in the background as process {first}" in said and process() != first
        # Another's number is left alone.
        second = process()
        (directory / "server.pid").write_text(str(os.getpid()))
        assert demo("stop") == (0, "No demo runs in the background.\n") and answers()
        (directory / "server.pid").write_text(second)
    finally:
        code, said = demo("stop")
    assert (code, said) == (0, f"Ended: process {second}.\n") and not answers()
    assert demo("stop") == (0, "No demo runs in the background.\n")
