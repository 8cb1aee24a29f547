"""A batch of paper from its scan to its certificate, by the forms of the service's pages and the commands: what a school does
when it wants to be rid of the paper."""

import json
import re
import subprocess
from dataclasses import dataclass

from agencies import day, submit
from colleagues import colleague
from desk import Check, Line, PaperBatch, Person, until
from service import Service
from vault import DSL, PASSWORDS, SCANS, Vault

OPERATOR, CHECKER = "Hester Quill", "Anselm Brade"
HOLDERS = ["Ines Marlowe", "Tobias Quill", "Ruth Abernathy"]
SCAN = next(path for path in SCANS if path.name.startswith("case-conference"))
HOW, BY = "Cross-cut shredder in the office, P-4", "Hester Quill, with the caretaker"


@dataclass
class SealedPaper:
    """A sealed batch: where its page is for who reads every file, and who worked at it."""

    path: str
    batch: PaperBatch
    operator: Person
    documents: int

    @property
    def id(self) -> str:
        return self.batch.id


def sealed(service: Service, cabinet: str, pupils: list, pages: int) -> SealedPaper:
    """A scan whose first page is one pupil's and the rest another's, checked by a second person, filed and sealed."""
    operator, checker = (Person(name, colleague(service, name, "admin")) for name in (OPERATOR, CHECKER))
    batch = PaperBatch.opened(operator, (cabinet, "1", "17"), 2, pages, 200, "grey")
    operator.bring(f"{batch.path}/scans", {"sides": "unknown"}, [("files", SCAN.name, SCAN.read_bytes())])
    until(lambda: set(batch._states().values()) == {"read"}, "reading the scan", 60)
    (stack,) = batch._states()
    batch.start(stack, 1, 1, Line(pupils[0], "letter"))
    batch.start(stack, 2, pages, Line(pupils[1], "concern"))
    batch.describe(batch.desk().pieces, "2014-05-06", lambda piece: f"Papers from page {piece.pages[0]}")
    batch.present(CHECKER)
    Check(checker, batch).right()
    batch.seal()
    batch.wait_until_sealed(120)
    return SealedPaper(f"/archive/{batch.id}", batch, operator, 2)


def compare(service: Service, paper: SealedPaper) -> None:
    """The lead has every document compared with its record, and waits for it."""
    submit(service, f"{paper.path}/compare")
    until(lambda: f"{paper.documents} of {paper.documents} documents opened" in service.ask("GET", paper.path).text, "comparing", 60)


def back_up(vault: Vault, folder) -> dict:
    (said,) = vault.run("backup", "--to", folder, "--json").ok().lines
    return said


def make_recoverable(vault: Vault) -> None:
    """Three sheets, and a drill that shows that two of them open."""
    holders = [word for name in HOLDERS for word in ("--holder", name)]
    sheets = [sheet["words"] for sheet in vault.run_as(DSL, "recover", "set", *holders, "--json").ok().lines]
    said = [{"password": PASSWORDS[DSL], "code": vault.code(DSL)}, *({"share": words} for words in sheets[:2])]
    secrets = "".join(json.dumps(one) + "\n" for one in said).encode()
    vault.run("recover", "drill", "--as", DSL, "--json", secrets=secrets).ok()


def destroy(service: Service, paper: SealedPaper, status: int = 303, **changed: str) -> str:
    fields = {"how": HOW, "by": BY, "day": day(), "seen": "yes", **changed}
    return submit(service, f"{paper.path}/destroyed", status, **fields)


def certificate_text(data: bytes) -> str:
    text = subprocess.run(["pdftotext", "-layout", "-", "-"], input=data, stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.sub(r"\s+", " ", text)
