"""Vaults for tests: one is made in each run, and every test has a copy of its own."""

import pytest
import vault as vaults


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> vaults.Vault:
    return vaults.found(tmp_path_factory.mktemp("template"))


@pytest.fixture
def vault(template, tmp_path) -> vaults.Vault:
    return template.copy(tmp_path / "copy")
