"""Backups in a store that speaks S3: sent, verified, damaged, cut short and fetched, with a real server."""

import json
import re
import time
from contextlib import suppress

import canary
import numpy
import pytest
from PIL import Image
from store import Store
from vault import ADMIN, DSL, SCANS, Vault

LARGEST_PART = 16 << 20
ID = "[0-9a-hjkmnp-tv-z]{26}"
SUMMARY = "Zinnober quarrel at the harbour fair"
CANARIES = [SUMMARY, "Zinnober", "zinnober-letter", "quarrelsome heron", DSL, ADMIN]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store") / "s3")
    yield store
    store.stop()


@pytest.fixture(scope="module")
def filled(template, tmp_path_factory) -> Vault:
    """A vault with six documents, one of them large enough to go in parts."""
    vault = template.copy(tmp_path_factory.mktemp("filled") / "copy")
    letters = vault.temporary / "letters"
    letters.mkdir()
    (letters / "zinnober-letter.txt").write_text("The quarrelsome heron of Zinnober street.\n")
    # What no compression makes small.
    noise = numpy.random.default_rng(1).integers(0, 256, (2700, 2600, 3), dtype=numpy.uint8)
    Image.fromarray(noise).save(letters / "large.tif", dpi=(300, 300))
    assert (letters / "large.tif").stat().st_size > LARGEST_PART
    details = {"zinnober-letter.txt": {"summary": SUMMARY}, "large.tif": {"summary": SUMMARY}}
    vault.file(letters, details=details).ok()
    file_scans(vault, 4)
    return vault


@pytest.fixture
def vault(filled, tmp_path) -> Vault:
    return filled.copy(tmp_path / "copy")


@pytest.fixture
def place(store, vault) -> str:
    """A part of the bucket that no other test uses, with the settings for it."""
    store.write_settings(vault)
    return f"test-{time.monotonic_ns()}"


def file_scans(vault: Vault, count: int, start: int = 0) -> None:
    scans = [path for path in SCANS if path.suffix in (".tif", ".tiff", ".jpg", ".pdf")][start : start + count]
    assert len(scans) == count
    vault.file(*scans, details={path.name: {"summary": "A scan"} for path in scans}).ok()


def back_up(vault: Vault, address: str, *more, **options) -> dict:
    (said,) = vault.run("backup", "--to", address, "--json", *more, **options).ok().lines
    return said


def verify(vault: Vault, address: str) -> tuple:
    result = vault.run("verify", "--backup", address, "--json")
    assert result.code in (0, 4), result
    found = result.lines[0]
    assert found["holds"] == (result.code == 0)
    return result.code, [(one["code"], one["place"]) for one in found["findings"] if one["weight"] == "broken"]


def refused(result, code: int, word: str) -> str:
    assert result.code == code, result
    assert f"code: {word}" in result.err and "hint: " in result.err, result
    return result.err


def blobs(store: Store, place: str) -> list:
    return store.names(f"{place}/blobs/")


def test_a_backup_is_sent_verified_recorded_and_the_next_one_sends_what_is_new(store, vault, place):
    address = store.place(place)
    first = back_up(vault, address)
    assert (first["copied"], first["kept"], first["mended"]) == (6, 0, 0)
    assert verify(vault, address) == (0, [])
    before = set(blobs(store, place))
    sent = {name: store.ask("HEAD", f"{store.path}/{store.said['bucket']}/{name}", **{"X-Auth-Token": store.token})[1]["X-Timestamp"]
            for name in before}  # fmt: skip
    file_scans(vault, 2, start=4)
    second = back_up(vault, address)
    assert (second["copied"], second["kept"], second["backup"]) == (2, 6, first["backup"])
    assert second["statements"] > first["statements"]
    assert len(set(blobs(store, place)) - before) == 2
    for name, when in sent.items():
        now = store.ask("HEAD", f"{store.path}/{store.said['bucket']}/{name}", **{"X-Auth-Token": store.token})[1]["X-Timestamp"]
        assert now == when, f"{name} was sent again"
    third = back_up(vault, address)
    assert (third["copied"], third["kept"]) == (0, 8)
    assert verify(vault, address) == (0, [])
    vault.assert_holds()


def test_what_lies_in_the_store_is_named_by_random_ids_and_says_nothing_of_anybody(store, vault, place):
    back_up(vault, store.place(place))
    names = store.names(f"{place}/")
    shape = re.compile(rf"{place}/(backup|blobs/(..)/\2{ID[:-4]}{{24}}|snapshots/{ID}/(catalogue\.sqlite|policies/[a-z-]+\.yaml))")
    for name in names:
        assert shape.fullmatch(name), name
    # The mark, the payloads, and of the snapshot the catalogue and each policy.
    assert len(names) == 1 + 6 + 1 + len(list((vault.path / "policies").iterdir()))
    assert canary.search(CANARIES, [store.folder]) == []
    # The search itself finds what there is to find.
    assert canary.search([f"{place}"], [store.objects])


def test_a_payload_that_was_flipped_or_removed_is_named_and_mended(store, vault, place):
    address = store.place(place)
    back_up(vault, address)
    documents = {line["document"] for line in vault.chronology() if "document" in line}
    flipped, removed, *_ = blobs(store, place)
    store.flip(flipped)
    store.delete(removed)
    code, found = verify(vault, address)
    assert code == 4 and sorted(code for code, _ in found) == ["blob.differs", "blob.missing"]
    assert {where.removeprefix("document ") for _, where in found} < documents
    # A backup of every day sees what is missing, and not what was changed to the same length.
    assert back_up(vault, address)["mended"] == 1
    assert [code for code, _ in verify(vault, address)[1]] == ["blob.differs"]
    said = vault.run("backup", "--to", address, "--all").ok()
    assert "note: 1 of the payloads that were copied had been there before" in said.out
    assert verify(vault, address) == (0, [])


def test_a_server_that_is_not_there_is_told_with_a_hint_and_nothing_is_lost(store, vault, place):
    address = store.place(place)
    back_up(vault, address)
    file_scans(vault, 1, start=4)
    store.stop()
    try:
        for command in (["backup", "--to", address], ["verify", "--backup", address],
                        ["fetch", address, "--to", vault.temporary / "fetched"]):  # fmt: skip
            said = refused(vault.run(*command, "--give-up-after", "1"), 5, "store.unreachable")
            assert "could not be reached" in said
        vault.assert_holds()
    finally:
        store.start()
    store.write_settings(vault)
    assert verify(vault, address) == (0, [])
    again = back_up(vault, address)
    assert (again["copied"], again["kept"]) == (1, 6)
    assert verify(vault, address) == (0, [])


def test_what_is_wrong_with_settings_or_store_is_told_apart_and_nothing_is_sent(store, vault, place):
    address = store.place(place)

    def tried(code, word, at=address, **changes):
        store.write_settings(vault, **changes)
        said = refused(vault.run("backup", "--to", at, "--give-up-after", "2"), code, word)
        for secret in (store.said["secret_key"], "another-secret"):
            assert secret not in said
        assert store.names(f"{place}/") == []
        return said

    tried(3, "store.refused", secret_key="another-secret")
    tried(3, "store.untrusted", ca_file=None)
    tried(3, "store.settings", endpoint="http://s3.example.net")
    tried(3, "store.settings", secret_key=None)
    assert "regoin" in tried(3, "store.settings", regoin="x")
    tried(3, "store.place-not-there", at="s3://no-such-bucket/x")
    (vault.secrets / "s3.yaml").unlink()
    assert "s3.yaml" in refused(vault.run("backup", "--to", address), 3, "store.settings-missing")
    store.write_settings(vault)
    assert vault.run("backup", "--to", "s3://Not A Bucket").code == 64
    refused(vault.run("verify", "--backup", address), 3, "backup.none")


def test_a_store_without_room_is_told_and_what_was_sent_stays(store, vault, place):
    small = store.place(place, store.said["small_bucket"])
    said = refused(vault.run("backup", "--to", small), 3, "store.full")
    assert "no room left" in said
    refused(vault.run("verify", "--backup", small), 3, "backup.none")
    vault.assert_holds()


def test_credentials_may_come_from_a_descriptor(store, vault, place):
    settings = store.write_settings(vault, access_key=None, secret_key=None)
    other = vault.temporary / "elsewhere.yaml"
    settings.rename(other)
    given = {name: store.said[name] for name in ("access_key", "secret_key")}
    secrets = (json.dumps(given) + "\n").encode()
    assert back_up(vault, store.place(place), "--store", other, secrets=secrets)["copied"] == 6
    vault.run("verify", "--backup", store.place(place), "--store", other, secrets=secrets).ok()


def test_killed_at_any_moment_it_goes_on_and_what_was_a_backup_stays_one(store, vault, place):
    address = store.place(place)
    for payloads in (0, 1, 3, 5):
        process, _ = vault.start("backup", "--to", address, start_new_session=True)
        end = time.monotonic() + 60
        while process.poll() is None and len(blobs(store, place)) < payloads + 1 and time.monotonic() < end:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        with suppress(AssertionError):
            assert verify(vault, address) == (0, [])
            break
        refused(vault.run("verify", "--backup", address), 3, "backup.none")
    found = back_up(vault, address)
    assert found["copied"] + found["kept"] == 6 and found["mended"] == 0
    assert verify(vault, address) == (0, [])
    vault.assert_holds()


def test_fetched_into_a_folder_it_is_a_backup_that_verifies_and_opens(store, vault, place):
    address = store.place(place)
    back_up(vault, address)
    target = vault.temporary / "fetched"
    process, _ = vault.start("fetch", address, "--to", target, start_new_session=True)
    end = time.monotonic() + 60
    while process.poll() is None and not any((target / "blobs").rglob("*")) and time.monotonic() < end:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert not (target / "backup").exists()
    found = vault.run("fetch", address, "--to", target, "--json").ok().lines[0]
    assert found["holds"] and found["documents"] == 6
    assert (target / "backup").exists() and not (target / "fetching").exists()
    vault.run("verify", "--vault", target).ok()
    refused(vault.run("fetch", address, "--to", target), 3, "backup.fetch-not-empty")
    payloads = {path.name: path.read_bytes() for path in (target / "blobs").rglob("*") if path.is_file()}
    assert payloads == {path.name: path.read_bytes() for path in (vault.path / "blobs").rglob("*") if path.is_file()}
    assert canary.search(CANARIES, [target]) == []
