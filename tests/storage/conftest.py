"""Seeded databases for what only reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from storage.database import Database
from tests.fakes import postgres, seed


def _seeded(url: str, locations: int) -> Database:
    database = Database.open(url)
    with database.writing() as connection:
        seed.fill(connection, locations)
    return database


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def estate(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """Give a database of each kind with a few hundred locations; nobody writes to it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('estate') / 'estate.db'}"
    else:
        made = postgres.new_database(request.getfixturevalue("postgres_server"))
        url = made.render_as_string(hide_password=False)
    database = _seeded(url, 400)
    yield database
    database.close()


@pytest.fixture
def connection(estate: Database) -> Iterator[sa.Connection]:
    """Open a read transaction on the estate."""
    with estate.reading() as opened:
        yield opened
