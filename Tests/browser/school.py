"""The pages as in earnest: the program itself, over HTTPS, on a vault of its own, with people who sign in."""

import base64
import html
import json
import os
import re
import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import reader
import totp
from tls import certificate
from vault import CHECKOUT, DSL, FIXTURES, PROGRAM

PASSWORD = "seven quiet lanterns drift"
REGISTER = FIXTURES / "register/pupils.csv"
# Nobody's names: one for each scenario, since each code signs in once.
FIRST_NAMES = ("Maud", "Wilf", "Nell", "Ivo", "Tilda", "Bram", "Orla", "Cyril")
SURNAMES = ("Tranter", "Ormerod", "Farrow", "Vasey", "Castell", "Pym", "Lorrimer", "Wend")
NAMES = [f"{first} {last}" for last in SURNAMES for first in FIRST_NAMES]
# A code must still be good when the server looks at it, after the password's hash.
SECONDS_A_SIGN_IN_TAKES = 4


class School:
    """Made and served by the real clock: a server under faketime, with timers of its own, never rests."""

    def __init__(self, folder: Path, playwright, idle_minutes: int = 15, passkeys: str = "", recognises: bool = False, sample: int = 100):
        assert PROGRAM, "STRONGROOM_TEST_BIN is not set: run scripts/test"
        self.playwright = playwright
        self.folder = folder
        self.vault = folder / "vault"
        self._names = iter(NAMES)
        self._used: dict = {}
        shutil.copytree(CHECKOUT / "policies", folder / "policies")
        sessions = folder / "policies/sessions.yaml"
        # The lowest profile that C-06 allows: these tests are not about Argon2id.
        lowered = sessions.read_text().replace("argon2-memory-mib: 256", "argon2-memory-mib: 64")
        sessions.write_text(lowered.replace("idle-minutes: 15", f"idle-minutes: {idle_minutes}"))
        if not recognises:
            inspection = folder / "policies/inspection.yaml"
            inspection.write_text(inspection.read_text().replace("recognise-languages: [eng]", "recognise-languages: []"))
        archive = folder / "policies/archive.yaml"
        archive.write_text(archive.read_text().replace("second-look-percent: 100", f"second-look-percent: {sample}"))
        access = folder / "policies/access.yaml"
        access.write_text(access.read_text().replace("passkey-required: []", f"passkey-required: [{passkeys}]"))
        arguments = ["init", "--name", DSL, "--policies", "policies", "--json", "--secrets-fd", "0"]
        made, error = self._start(*arguments).communicate(json.dumps({"password": PASSWORD}).encode() + b"\n")
        assert made, error.decode()
        self._secrets = {DSL: json.loads(made)["authenticator"]}
        self.process = self._start("serve", "--port", "0", *certificate(folder))
        self.address = self.process.stdout.readline().decode().strip()
        assert self.address.startswith("https://localhost:"), self.process.communicate()
        self.lead = self.visitor()

    def open(self) -> None:
        """The lead gets ready to work, and puts the pupils on the register."""
        self._token = self.sign_in(self.lead, DSL, PASSWORD, self.code(DSL))
        self.acknowledge(self.lead, self._token)
        self.train(DSL)
        register = {"name": REGISTER.name, "mimeType": "text/csv", "buffer": REGISTER.read_bytes()}
        answer = self.lead.post("/pupils/import", multipart={"csrf": self._token, "register": register})
        row = r'<th scope="row">(.+?)</th><td class="figures">(\d+)</td><td class="figures ref">(.+?)</td>'
        rows = re.findall(row, answer.text())
        self.references = {(html.unescape(name), born): reference for name, born, reference in rows}

    def back_up(self) -> None:
        """Whoever runs the server takes a backup."""
        process = self._start("backup", "--to", str(self.folder / "backup"))
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error

    def _start(self, *arguments):
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "LANG": "C.UTF-8",
                "STRONGROOM_VAULT": str(self.vault),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def stop(self) -> str:
        """Ends the server as an operator would; gives what it wrote to its log."""
        self.lead.dispose()
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, log
        return log.decode()

    def pupil(self, name: str, born: str = "") -> str:
        """A pupil's reference."""
        (found,) = [self.references[each] for each in self.references if each[0] == name and each[1].startswith(born)]
        return found

    @staticmethod
    def personal() -> set:
        """What must stand in no address, title, header or log: names, dates of birth and numbers of pupils."""
        pupils = [line.split(",") for line in REGISTER.read_text().lower().splitlines()[1:]]
        words = {word for pupil in pupils for word in re.split(r"\W+", pupil[0]) if len(word) > 3}
        return words | {value for pupil in pupils for value in pupil[1:3]}

    def code(self, name: str) -> str:
        """A code that this person's authenticator shows and that is not used yet: of the step before, or of this one."""
        while True:
            now = time.time()
            left = totp.STEP - now % totp.STEP
            step = max(totp.step_at(now) - 1, self._used.get(name, 0) + 1)
            if left > SECONDS_A_SIGN_IN_TAKES and step <= totp.step_at(now):
                self._used[name] = step
                return totp.code(self._secrets[name], step)
            time.sleep(left)  # There is no other code until then.

    def recovery_code(self, name: str, number: int) -> str:
        """One of the ten that sign in without the authenticator; 1 to 10."""
        secret = self._secrets[name]
        key = base64.b32decode(secret + "=" * (-len(secret) % 8)) + bytes(12)
        return reader.crockford(reader.derive(key, b"strongroom/v1/recovery-code", bytes([number])))[:10]

    def learn(self, name: str, secret: str) -> None:
        """Puts a secret into the authenticator of a person."""
        self._secrets[name] = secret.replace(" ", "")

    def visitor(self):
        """A program that asks for pages, with cookies of its own."""
        return self.playwright.request.new_context(base_url=self.address, ignore_https_errors=True)

    def act(self, path: str, **form):
        """The lead sends a form, and confirms it with a code where one is asked for."""
        form = {"csrf": self._token, **form}
        answer = self.lead.post(path, form=form)
        if 'name="authenticator-code"' in answer.text():
            answer = self.lead.post(path, form={**form, "authenticator-code": self.code(DSL)})
        return answer

    def newcomer(self, role: str) -> tuple:
        """Somebody who is invited: name, and the invitation's code."""
        name = next(self._names)
        answer = self.act("/people", name=name, role=role)
        return name, _found(r'id="invitation-code">([^<]+)<', answer)

    def joined(self, name: str, code: str):
        """They choose their own password and set up their authenticator; gives the visitor and their forms' token."""
        own = self.visitor()
        form = {"csrf": form_token(own.get("/join")), "name": name, "invitation": code, "password": PASSWORD, "again": PASSWORD}
        answer = own.post("/join", form=form)
        assert answer.url.endswith("/first-time"), answer.text()
        self.learn(name, _found(r'class="secret[^"]*">([^<]+)<', answer))
        token = form_token(answer)
        answer = own.post("/first-time", form={"csrf": token, "code": self.code(name)})
        assert answer.url.endswith("/first-time/recovery-codes"), answer.text()
        return own, token

    def person(self, role: str) -> str:
        """Somebody who can work: they have joined, acknowledged the policy, and have keys and a training; gives the name."""
        name, code = self.newcomer(role)
        own, token = self.joined(name, code)
        self.acknowledge(own, token)
        own.post("/sign-out", form={"csrf": token})
        own.dispose()
        self.give_keys(name)
        self.train(name)
        return name

    def acknowledge(self, visitor, token: str) -> None:
        version = _found(r'name="version" value="([^"]+)"', visitor.get("/policy"))
        answer = visitor.post("/policy", form={"csrf": token, "version": version, "acknowledged": "yes"})
        assert answer.ok and not answer.url.endswith("/policy"), answer.text()

    def page_of(self, name: str) -> str:
        """The address of a person's page."""
        return _found(rf'href="(/people/[0-9a-z]{{26}})">{re.escape(name)}<', self.lead.get("/people"))

    def give_keys(self, name: str) -> None:
        page = self.page_of(name)
        words = _found(r'name="words" value="([^"]+)"', self.lead.get(page))
        answer = self.act(f"{page}/keys", words=words, same="yes")
        assert answer.ok and "Waits for their keys" not in answer.text(), answer.text()

    def train(self, name: str) -> None:
        """The lead records a training that they completed today."""
        form = {"csrf": self._token, "day": str(datetime.now(UTC).date())}
        answer = self.lead.post(f"{self.page_of(name)}/training", form=form)
        assert answer.ok and "counts until" in answer.text(), answer.text()

    def sign_in(self, visitor, name: str, password: str, code: str) -> str:
        """Signs in; gives the token that this session's forms carry."""
        token = form_token(visitor.get("/sign-in"))
        answer = visitor.post("/sign-in", form={"csrf": token, "name": name, "password": password, "code": code})
        assert answer.ok and not answer.url.endswith("/sign-in"), answer.text()
        return form_token(answer)


def form_token(answer) -> str:
    return _found(r'name="csrf" value="([^"]+)"', answer)


def _found(pattern: str, answer) -> str:
    text = answer.text()
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in:\n{text}"
    return html.unescape(match[1])
