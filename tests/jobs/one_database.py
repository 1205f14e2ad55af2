"""Fixtures of tests that need one kind of database, and an apt archive to scan into it.

A test module gives them names of its own (`apt = one_database.apt`); `both` asks for PostgreSQL as
well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import postgres
from tests.jobs.apt_workspace import AptScene, Keys, apt_scene, two_keys
from tests.jobs.conftest import Reopen

both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, unless the test asks for both or for the other."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'countersign.db'}"
    url = postgres.new_database(request.getfixturevalue("postgres_server"))
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """The archive's key and a stranger's."""
    with two_keys(tmp_path_factory.mktemp("k")) as made:
        yield made


@pytest.fixture
def apt(tmp_path: Path, keys: Keys, database_url: str, reopen: Reopen) -> Iterator[AptScene]:
    """An archive on loopback, and a workspace whose only source it is."""
    with apt_scene(tmp_path, keys, database_url, reopen) as scene:
        yield scene
