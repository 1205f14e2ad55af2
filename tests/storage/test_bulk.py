"""Many rows at once: the same rows in and out, whatever the database believes of its tables."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from storage import migrate
from storage.bulk import MANY, Row, insert_rows, rows_with, take_ids
from storage.database import Database
from storage.schema import artifact
from tests.bench.archive import NOW
from tests.fakes import postgres

ROWS = 3000


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sa.Connection]:
    """Open a write transaction on an empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('bulk') / 'x.db'}"
    else:
        made = postgres.new_database(request.getfixturevalue("postgres_server"))
        url = made.render_as_string(hide_password=False)
    database = Database.open(url)
    migrate.upgrade(database)
    with database.writing() as opened:
        yield opened
    database.close()


def _digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def _rows(connection: sa.Connection, count: int) -> list[Row]:
    return [
        {
            "id": row_id, "digest": _digest(row_id), "algorithm": "sha256",
            "kind": "file" if row_id % 2 else "apt", "origin": "computed",
            "size": row_id if row_id % 3 else None, "media_type": "", "first_seen_at": NOW,
        }
        for row_id in take_ids(connection, artifact, count)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, MANY - 1, MANY, MANY + 1])
def test_rows_come_out_as_they_went_in(connection: sa.Connection, count: int) -> None:
    rows = _rows(connection, count)
    assert insert_rows(connection, artifact, rows) == count
    found = connection.execute(sa.select(artifact).order_by(artifact.c.id)).mappings()
    assert (
        [{name: one[name] for name in rows[0]} for one in found] == rows if rows else not [*found]
    )


def test_ids_are_taken_once(connection: sa.Connection) -> None:
    taken: list[int] = []
    for count in (1, 3, 0, 2):
        rows = _rows(connection, count)
        insert_rows(connection, artifact, rows)
        taken += [row["id"] for row in rows]
    assert len({*taken}) == len(taken) == 6
    connection.execute(artifact.insert(), _rows(connection, 1))


def test_rows_are_found_by_one_column_beside_other_conditions(connection: sa.Connection) -> None:
    rows = _rows(connection, 200)
    insert_rows(connection, artifact, rows)
    wanted = [row["digest"] for row in rows[:100]] + [_digest(-1)]
    statement = sa.select(artifact).where(artifact.c.kind == "apt")
    found = rows_with(connection, statement, artifact.c.digest, wanted)
    assert sorted((one.id, one.first_seen_at) for one in found) == [
        (row["id"], NOW) for row in rows[:100] if row["kind"] == "apt"
    ]
    assert [*rows_with(connection, statement, artifact.c.digest, [])] == []


def test_a_table_nobody_analysed_is_not_read_whole(connection: sa.Connection) -> None:
    rows = _rows(connection, ROWS)
    insert_rows(connection, artifact, rows)
    sent: list[tuple[str, Any]] = []
    sa.event.listen(connection, "before_cursor_execute", lambda *all_: sent.append(all_[2:4]))
    wanted = [row["digest"] for row in rows[:1000]]
    assert len([*rows_with(connection, sa.select(artifact), artifact.c.digest, wanted)]) == 1000
    statement, values = sent[0]
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    plan = str(connection.exec_driver_sql(f"{explain} {statement}", values).all())
    assert re.search(r"(?i)index \w*artifact", plan) or "uq_artifact_digest_kind" in plan
    assert not re.search(r"Seq Scan on artifact|SCAN artifact", plan)
