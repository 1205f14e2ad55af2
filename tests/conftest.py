"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

from tests.fakes import postgres

hypothesis.settings.register_profile("countersign", deadline=None, derandomize=True)
hypothesis.settings.load_profile("countersign")  # a slow machine is no fault, a flake is


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of shared test vectors; absent means a visible skip, which fails in CI."""
    named = os.environ.get("COUNTERSIGN_VECTORS", "")
    folder = Path(named) if named else Path(__file__).parent.parent.parent / "shared" / "vectors"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail("test vectors not found, set COUNTERSIGN_VECTORS")
        pytest.skip("test vectors not found, set COUNTERSIGN_VECTORS")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """Start a PostgreSQL for this test run; its absence is a visible skip, a failure in CI."""
    if postgres.binaries() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL not found, install the package postgresql")
        pytest.skip("PostgreSQL not found, install the package postgresql")
    with postgres.cluster() as maintenance:
        yield maintenance


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'countersign.db'}"
    url = postgres.new_database(request.getfixturevalue("postgres_server"))
    return url.render_as_string(hide_password=False)
