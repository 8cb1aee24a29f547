"""A machine is lost: the vault is restored from its backup by command, and goes on under an origin of its own."""

import json
import shutil
import subprocess
import zipfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import reader
import vault as vaults
from agencies import asked, filed, permitted
from service import Service
from test_pack import check, take, unpack
from vault import ADMIN, DSL, PASSWORDS, PROGRAM, SCANS, Vault

SMALL = [path for path in SCANS if path.suffix in (".txt", ".eml", ".jpg")][:3]


@dataclass
class Lost:
    """A vault with a backup, and what was filed after it."""

    vault: Vault
    backup: Path
    kept: list
    receipt: dict

    def restored(self, folder: Path) -> Vault:
        """An empty place with the secrets, which somebody had kept."""
        folder.mkdir()
        place = replace(self.vault, path=folder / "vault", temporary=folder / "tmp")
        place.temporary.mkdir()
        subprocess.run(["cp", "-a", self.vault.secrets, place.secrets], check=True)
        place.run("restore", "--from", self.backup).ok()
        return place


def details(*paths: Path) -> dict:
    return {path.name: {"summary": f"Paper {path.stem[::-1]}"} for path in paths}


@pytest.fixture(scope="module")
def lost(tmp_path_factory) -> Lost:
    folder = tmp_path_factory.mktemp("lost")
    vault = vaults.found(folder / "school")
    kept = vault.file(*SMALL[:2], details=details(*SMALL[:2])).ok().lines
    vault.run("backup", "--to", folder / "backup").ok()
    (receipt,) = vault.file(SMALL[2], details=details(SMALL[2])).ok().lines
    vault.assert_holds()
    return Lost(vault, folder / "backup", kept, receipt)


def gone_on(place: Vault, *more) -> dict:
    return json.loads(place.run_as(DSL, "restore", "--go-on", "--json", *more).ok().out)


def test_what_was_restored_is_what_was_backed_up_and_signs_nothing_until_a_lead_decides(lost, tmp_path):
    place = lost.restored(tmp_path / "new")
    said = place.run("restore", "--from", lost.backup)
    assert said.code == 3 and "There is a vault in that place" in said.err
    assert reader.check(place.path) == []
    before = place.verify()
    assert before == (0, [{"code": "workspace.missing", "place": "workspace.sqlite", "weight": "note"}]), before
    refused = place.run_as(DSL, "chronology", "--pupil", place.pupils[0])
    assert refused.code == 3 and "nobody has decided yet that it goes on" in refused.err
    assert "strongroom restore --go-on --as NAME" in refused.err
    office = place.run_as(ADMIN, "restore", "--go-on")
    assert office.code == 3 and place.verify() == (0, [])

    note = tmp_path / "checkpoint"
    note.write_text(lost.receipt["checkpoint"])
    decided = gone_on(place, "--known", note)
    assert decided["lost"] > lost.receipt["index"]
    documents = {line["document"] for line in place.chronology() if line.get("document")}
    assert documents == {line["document"] for line in lost.kept}
    for line, path in zip(lost.kept, SMALL, strict=False):
        assert place.open(line["document"]) == path.read_bytes()
    (again,) = place.file(SMALL[2], details=details(SMALL[2])).ok().lines
    before, after = (one["checkpoint"].split("\n")[0] for one in (lost.receipt, again))
    assert after == f"{before}/{decided['branch']}"
    place.assert_holds(("vault.continued",))
    with closing(reader.Vault(place.path)) as opened:
        assert opened.ledger.branches == [(decided["statement"], decided["branch"])]
        assert reader.check(place.path, reader.Person(opened, place.secrets, DSL, PASSWORDS[DSL])) == []
    assert place.run_as(DSL, "restore", "--go-on").code == 3


def test_an_old_folder_that_was_put_back_is_told_and_goes_on_only_by_a_lead(lost, tmp_path):
    vault = lost.vault.copy(tmp_path / "school")
    shutil.copytree(vault.path, tmp_path / "yesterday")
    vault.file(SCANS[-1], details=details(SCANS[-1])).ok()
    shutil.rmtree(vault.path)
    shutil.move(tmp_path / "yesterday", vault.path)
    refused = vault.run_as(DSL, "chronology", "--pupil", vault.pupils[0])
    assert refused.code == 3 and refused.err.startswith("error: This vault is behind what it was")
    code, findings = vault.verify()
    assert code == 4 and [one["code"] for one in findings] == ["ledger.behind-known"]
    decided = gone_on(vault)
    assert decided["lost"] > decided["statement"]
    vault.assert_holds(("vault.continued",))
    assert len(vault.chronology()) >= 3


def test_a_pack_from_a_restored_vault_is_whole_to_its_check_and_to_ours(lost, tmp_path):
    place = lost.restored(tmp_path / "new")
    gone_on(place)
    with Service.over(place, tmp_path / "service") as service:
        letter = filed(service, b"We ask for notes.\n", summary="Written request")
        given = permitted(service, asked(service, letter), lost.kept[0]["document"])
        pack = take(service, given, tmp_path)
    folder = unpack(pack, tmp_path / "unpacked")
    checked = check(folder / "check.py", folder)
    assert checked.returncode == 0, checked.stdout
    assert subprocess.run([PROGRAM, "verify", "--pack", pack], capture_output=True).returncode == 0
    statements = [json.loads(path.read_text()) for path in folder.glob("ledger/*.json") if path.stem.isdigit()]
    assert [one["kind"] for one in statements].count("vault.continued") == 1
    # Without the statement that says so, the checkpoint is of no origin that the pack knows.
    (index,) = [one["index"] for one in statements if one["kind"] == "vault.continued"]
    cut = tmp_path / "cut.zip"
    with zipfile.ZipFile(pack) as whole, zipfile.ZipFile(cut, "w") as out:
        for name in whole.namelist():
            if f"/ledger/{index}." not in name:
                out.writestr(name, whole.read(name))
    assert subprocess.run([PROGRAM, "verify", "--pack", cut], capture_output=True).returncode != 0
    for path in folder.glob(f"ledger/{index}.*"):
        path.unlink()
    assert "checkpoint" in check(folder / "check.py", folder).stdout
