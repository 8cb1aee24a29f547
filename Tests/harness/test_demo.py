"""The demo: made anew as often as it is asked for, and ended when it is no longer wanted."""

import html
import os
import re
import socket
import subprocess

from service import Service
from vault import CHECKOUT, DSL, PROGRAM


def its_lead_meets_a_request(port: int, said: str, code: str) -> None:
    """What the police ask for waits on the home page of who decides, with all that is needed to decide it."""
    password = re.search(rf"{DSL} .* (\S+)\n", said)[1]
    lead = Service.visited(port, password, code)
    assert "request of an agency waits for a decision" in lead.ask("GET", "/").text
    asked = lead.ask("GET", "/disclosures?kind=requests&show=open").text
    (request,) = re.findall('href="(/requests/[0-9a-z]{26})"', asked)
    page = html.unescape(lead.ask("GET", request).text)
    assert "Ann Exley" in page and "The minutes of the conference of November 2016" in page
    letter = re.search('href="(/documents/[0-9a-z]{26})"', page)[1]
    assert "HARROW VALE POLICE" in lead.ask("GET", letter).text
    permit = html.unescape(lead.ask("GET", f"{request}/permit").text)
    for paper in ("Minutes of the initial child protection conference", "Referral to social care, with reasons"):
        assert paper in permit


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
        its_lead_meets_a_request(port, said, demo("code", DSL)[1].strip())
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
