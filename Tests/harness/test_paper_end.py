"""The end of paper (S-08): what must be so before a batch's paper is destroyed, and the certificate, which stands up by itself."""

import csv
import io
import json
import re
import subprocess
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import agencies
import paper_end
import pytest
import reader
from forge import History, url64
from paper_end import BY, CHECKER, HOW, OPERATOR, SCAN
from service import PASSWORD, Service
from vault import DSL, PASSWORDS, PROGRAM

CABINET = "The grey one by the window"


@pytest.fixture(scope="module")
def ended(template, tmp_path_factory) -> tuple:
    """A vault in which paper was destroyed; what was seen on the way to it."""
    folder = tmp_path_factory.mktemp("paper-end")
    vault = template.copy(folder / "copy")
    seen: dict = {}
    with Service.over(vault, folder / "sealing") as service:
        paper = paper_end.sealed(service, CABINET, vault.pupils, 3)
        seen["archive"] = service.ask("GET", "/archive").text
        seen["before"] = service.ask("GET", paper.path).text
        seen["office"] = paper.operator.browser.ask("GET", paper.path).status
        seen["early"] = paper_end.destroy(service, paper, 422)
        paper_end.compare(service, paper)
        seen["compared"] = service.ask("GET", paper.path).text
    seen["backup"] = paper_end.back_up(vault, folder / "backup")
    paper_end.make_recoverable(vault)
    seen["again"] = paper_end.back_up(vault, folder / "backup")
    with Service.over(vault, folder / "destroying") as service:
        seen["ready"] = service.ask("GET", paper.path).text
        seen["unseen"] = paper_end.destroy(service, paper, 422, seen="")
        seen["future"] = paper_end.destroy(service, paper, 422, day="1 March 2199")
        paper_end.destroy(service, paper)
        seen["after"] = service.ask("GET", paper.path).text
        seen["certificate"] = service.ask("GET", f"{paper.path}/certificate.pdf")
        (folder / "certificate.pdf").write_bytes(seen["certificate"].bytes)
        seen["certificate again"] = service.ask("GET", f"{paper.path}/certificate.pdf")
    vault.assert_holds()
    return vault, paper, seen, folder


def tags(page: str) -> list:
    """Of each condition whether it is met."""
    return re.findall(r'<span class="tag">(Met|Not yet)</span>', page)


def test_what_must_be_so_is_asked_for_one_after_the_other(ended):
    _, paper, seen, _ = ended
    assert f'href="{paper.path}"' in seen["archive"]
    assert seen["office"] == 403
    assert tags(seen["before"]) == ["Met", "Not yet", "Not yet", "Not yet"]
    assert f"{CHECKER} looked at 3 of 3 pages" in seen["before"]
    assert tags(seen["compared"]) == ["Met", "Met", "Not yet", "Not yet"]
    assert tags(seen["ready"]) == ["Met"] * 4
    for page in ("before", "compared"):
        assert f'action="{paper.path}/destroyed"' not in seen[page], page
    assert "The paper may not be destroyed yet." in seen["early"]
    assert "It is not said that the paper is destroyed." in seen["unseen"]
    assert "That is no day on which it can have been destroyed." in seen["future"]
    assert "cannot be undone" in seen["ready"] and f'href="{paper.path}/certificate.pdf"' in seen["after"]


def test_the_certificate_names_documents_scan_and_people_and_is_the_same_each_time(ended):
    vault, paper, seen, _ = ended
    first, second = seen["certificate"], seen["certificate again"]
    assert (first.status, first.getheader("Content-Type")) == (200, "application/pdf")
    assert first.bytes == second.bytes
    text = paper_end.certificate_text(first.bytes)
    for said in (HOW, BY, OPERATOR, f"{CHECKER}, who looked at 3 of 3 pages", DSL, f"Cabinet {CABINET}, drawer 1, folder 17"):
        assert said in text, said
    whole = text.replace(" ", "")
    assert reader.sha256(SCAN.read_bytes()).hex() in whole
    lead = reader.Person(reader.Vault(vault.path), vault.secrets, DSL, PASSWORDS[DSL])
    for document in lead.vault.ledger.documents:
        details = lead.details(document)
        assert details["sha256"] in whole and details["sha256"] == reader.sha256(b"".join(lead.read(document))).hex()
    destroyed = lead.vault.ledger.batches[paper.id]["paper"]["destroyed"]
    assert f"statement {destroyed.index}" in text
    note = lead.vault.rows("SELECT note FROM checkpoint WHERE size = ?", destroyed.index + 1).fetchone()[0]
    assert re.sub(r"\s", "", note) in whole
    lead.vault.close()


def test_the_independent_reader_holds_it_and_opens_the_certificate(ended):
    vault, paper, _, _ = ended
    with closing(reader.Vault(vault.path)) as opened:
        lead = reader.Person(opened, vault.secrets, DSL, PASSWORDS[DSL])
        assert reader.check(vault.path, lead) == []
        said = lead.certificate(paper.id)
        assert (said["how"], said["by"], said["made_by"], said["operator"]) == (HOW, BY, DSL, OPERATOR)


def test_each_pupils_file_has_one_entry_that_tells_of_the_batch(ended):
    vault, _, _, _ = ended
    for place, (pupil, pages) in enumerate(zip(vault.pupils[:2], ("1 page", "2 pages"), strict=True)):
        (cover,) = [line for line in vault.chronology(pupil) if "from the paper archive" in line["summary"]]
        assert cover["summary"].startswith(f"1 document of {pages} from the paper archive, batch "), place


def test_a_backup_copies_what_is_new_verifies_like_a_vault_and_has_no_secrets(ended):
    vault, _, seen, folder = ended
    backup = folder / "backup"
    assert (seen["backup"]["copied"], seen["backup"]["kept"]) == (2, 0)
    assert (seen["again"]["copied"], seen["again"]["kept"]) == (0, 2)
    assert seen["again"]["backup"] == seen["backup"]["backup"] and seen["again"]["statements"] > seen["backup"]["statements"]
    found = subprocess.run([PROGRAM, "verify", "--vault", backup, "--json"], stdout=subprocess.PIPE)
    assert found.returncode == 0, found.stdout
    assert reader.check(backup) == []
    assert sorted(path.name for path in backup.iterdir()) == ["backup", "blobs", "catalogue.sqlite", "policies", "staging", "witness"]
    secret = [path.read_bytes() for path in vault.secrets.iterdir() if path.is_file() and len(path.read_bytes()) >= 32]
    whole = b"".join(path.read_bytes() for path in backup.rglob("*") if path.is_file())
    assert secret and not any(one in whole for one in secret)
    for words in (CABINET, HOW, BY, OPERATOR, CHECKER, "Papers from page"):
        assert words.encode() not in whole, words


# MARK: forged


@pytest.fixture(scope="module")
def history(ended) -> History:
    vault, *_ = ended
    for name in (OPERATOR, CHECKER):
        PASSWORDS[name] = PASSWORD
    return History(replace(vault, authenticators={**vault.authenticators, OPERATOR: "", CHECKER: ""}))


def repaired(history: History) -> None:
    """What is said of a backup is true again, of the ledger as it stands there now."""
    tree = reader.Tree()
    for index, saying in enumerate(history.sayings):
        if saying.kind == "backup.verified":
            saying.act.update(size=index, root=url64(tree.root()))
        tree.append(history.leaf(saying, index, tree.root()))


def unproven(history: History) -> None:
    history.sayings.remove(history.of("document.closed")[-1])


def interrupted(history: History) -> None:
    history.of("document.closed")[-1].act["complete"] = False


def only_looked_at(history: History) -> None:
    history.of("document.opened")[-1].act["manner"] = "view"


def no_backup(history: History) -> None:
    for saying in history.of("backup.verified"):
        history.sayings.remove(saying)


def no_drill(history: History) -> None:
    for saying in history.of("recovery.drilled"):
        history.sayings.remove(saying)


def twice(history: History) -> None:
    (said,) = history.of("paper.destroyed")
    history.say(said.value["author"], said.kind, {**said.act, "certificate": "1" * 25 + "0"}, {"1" * 25 + "0": ("certificate", b"another")})


NOBODY_COMPARED = "paper destroyed of documents that nobody compared, or of none"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (unproven, NOBODY_COMPARED), (interrupted, NOBODY_COMPARED), (only_looked_at, NOBODY_COMPARED),
        (no_backup, "paper destroyed without a verified backup that holds it"),
        (no_drill, "paper destroyed without a recovery drill within a year"),
        (twice, "paper destroyed of no sealed batch, or twice"),
    ],
)  # fmt: skip
def test_paper_that_was_destroyed_without_what_must_be_so_is_named(ended, history, tmp_path, change, why):
    forged = history.copy()
    repaired(forged)
    control = ended[0].copy(tmp_path / "control")
    forged.write(control)
    control.assert_holds()
    change(forged)
    repaired(forged)
    vault = ended[0].copy(tmp_path / "forged")
    forged.write(vault)
    code, findings = vault.verify()
    place = f"statement {forged.place(forged.of('paper.destroyed')[-1])}"
    assert (code, findings[0]["place"]) == (4, f"{place}: {why}"), findings
    assert reader.check(vault.path)[0].startswith(f"{place}: ")


def test_a_pack_says_how_good_the_scan_of_each_page_is_and_nothing_of_the_rest_of_the_folder(ended, tmp_path):
    """Of a document that came from paper an agency is told its pages' quality; not what was said of the whole folder."""
    vault, _, _, _ = ended
    lead = reader.Person(reader.Vault(vault.path), vault.secrets, DSL, PASSWORDS[DSL])
    document = next(id for id, said in lead.vault.ledger.documents.items() if said.act.get("batch") and lead.details(id)["scan"])
    quality = lead.details(document)["quality"]
    assert re.fullmatch(r"Page 1 \(\d+ dpi\): .+(\nPage \d+ \(\d+ dpi\): .+)*", quality)
    filing = lead.vault.ledger.documents[document]
    reference = lead.vault.ledger.pupils[filing.pupil_file]["reference"]
    lead.vault.close()
    with Service.over(vault, tmp_path / "asking") as service:
        service.pupil = reference
        letter = agencies.filed(service, b"We ask for papers of before 2018.\n", summary="Written request")
        given = agencies.permitted(service, agencies.asked(service, letter), document)
        officer = agencies.Officer(service)
        officer.enter(given)
        answer = officer.send("/agency/copies")
        assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(answer.bytes)) as pack:
        names = {Path(name).name: name for name in pack.namelist()}
        rows = list(csv.reader(io.StringIO(pack.read(names["scan-quality.csv"]).decode("utf-8-sig"), newline="")))
        fields = json.loads(pack.read(names[f"{filing.index}.fields.json"]))
    assert [words for _, words in rows[1:]] == quality.splitlines()
    assert reader.url64(fields["quality"]["value"]).decode() == quality and "scan" not in fields
