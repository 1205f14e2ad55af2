"""Many rows at once: Core on SQLite, COPY on PostgreSQL (the ORM costs ten times as much)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

COPY_FROM_ROWS = 64
Row = dict[str, Any]  # to write
AnyRow = sa.Row[*tuple[Any, ...]]  # as read


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> int:
    """Insert rows that all have the same keys; return how many."""
    if not rows:
        return 0
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_FROM_ROWS:
        _copy(connection, table, rows)
    else:
        connection.execute(table.insert(), rows)
    return len(rows)


def _copy(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    columns = list(rows[0])
    binds = [
        table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        for name in columns
    ]
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(name) for name in columns)
    statement = f"COPY {preparer.quote(table.name)} ({names}) FROM STDIN"
    cursor = connection.connection.cursor()
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(
                [
                    bind(row[name]) if bind is not None else row[name]
                    for name, bind in zip(columns, binds, strict=True)
                ]
            )


def upsert_rows(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Row],
    *,
    add: Iterable[str] = (),
    replace: Iterable[str] = (),
    keys: Iterable[str] = (),
) -> int:
    """Insert rows; where the key stands already, add to or replace the named columns."""
    if not rows:
        return 0
    maker = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = maker(table)
    changes = {name: table.c[name] + statement.excluded[name] for name in add}
    changes |= {name: statement.excluded[name] for name in replace}
    index = list(keys) or [column.name for column in table.primary_key.columns]
    if changes:
        statement = statement.on_conflict_do_update(index_elements=index, set_=changes)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=index)
    connection.execute(statement, rows)
    return len(rows)


def take_ids(connection: sa.Connection, table: sa.Table, count: int) -> range | Sequence[int]:
    """Return `count` fresh ids for rows about to be inserted in this write transaction."""
    if count == 0:
        return range(0)
    if connection.dialect.name == "postgresql":
        statement = sa.text(
            "SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)"
        )
        return list(connection.execute(statement, {"table": table.name, "count": count}).scalars())
    top = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
    return range(top + 1, top + 1 + count)
