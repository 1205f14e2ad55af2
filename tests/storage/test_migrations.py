"""Up, the same as the schema, down to nothing, and up again: on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from core.errors import StorageError
from storage import migrate
from storage.database import Database
from tests.storage.test_trust_doubt import Scene


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database.open(database_url)
    yield opened
    opened.close()


def tables(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_upgrade_gives_the_schema_and_downgrade_takes_all_of_it(database: Database) -> None:
    migrate.upgrade(database)
    assert migrate.current(database) == migrate.head()
    assert migrate.drift(database) == []
    assert {"location", "evidence_set", "verdict"} <= tables(database)
    migrate.downgrade(database, "base")
    assert tables(database) == {"alembic_version"}
    migrate.upgrade(database)
    assert migrate.drift(database) == []


def test_upgrade_of_a_current_database_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)
    migrate.upgrade(database)
    assert migrate.drift(database) == []


def test_a_database_without_schema_is_refused_with_the_fix(database: Database) -> None:
    with pytest.raises(StorageError, match="countersign db upgrade"):
        migrate.demand_current(database)


def test_a_schema_that_differs_is_noticed(database: Database) -> None:
    migrate.upgrade(database)
    with database.writing() as connection:
        connection.execute(sa.text("DROP INDEX ix_status_change_changed_at"))
    assert any("ix_status_change_changed_at" in one for one in migrate.drift(database))


def test_verifications_that_no_set_names_go_with_the_upgrade(database: Database) -> None:
    """Earlier versions kept them, counted for nothing."""
    migrate.upgrade(database)
    with database.writing() as connection:
        scene = Scene(connection)
        scene.trust()
        scene.verify("named")
    migrate.downgrade(database, "0003")
    copied = """
        INSERT INTO verification (id, key, evidence_digest, trust_digest, format, role, outcome,
                                  reason, document, verified_at)
        SELECT 77, evidence_digest, evidence_digest, trust_digest, format, role, outcome, reason,
               document, verified_at FROM verification"""
    anchored = "INSERT INTO verification_anchor (verification_id, anchor) VALUES (77, 'unnamed')"
    with database.writing() as connection:
        connection.execute(sa.text(copied))
        connection.execute(sa.text(anchored))
    migrate.upgrade(database)
    with database.reading() as connection:
        anchors = "SELECT anchor FROM verification_anchor"
        assert list(connection.execute(sa.text(anchors)).scalars()) == ["named"]
        numbers = "SELECT count(*) FROM verification"
        assert connection.execute(sa.text(numbers)).scalar_one() == 1
