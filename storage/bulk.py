"""Many rows at once: Core on SQLite, COPY on PostgreSQL (the ORM costs ten times as much)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

MANY = 64  # rows from which the driver's own way in pays
Row = dict[str, Any]  # to write
AnyRow = sa.Row[*tuple[Any, ...]]  # as read


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> int:
    """Insert rows that all have the same keys; return how many."""
    if not rows:
        return 0
    if len(rows) < MANY:
        connection.execute(table.insert(), rows)
    elif connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        _insert_many(connection, table, rows)
    return len(rows)


def _insert_many(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    # the driver's own executemany: building SQLAlchemy's parameters costs more than the insert
    columns = list(rows[0])
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {_quoted(connection, table.name)} ({_names(connection, columns)}) VALUES ({marks})"  # noqa: E501, S608 - names come from our schema
    connection.exec_driver_sql(statement, list(_values(connection, table, columns, rows)))


def _copy(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    columns = list(rows[0])
    statement = f"COPY {_quoted(connection, table.name)} ({_names(connection, columns)}) FROM STDIN"
    cursor = connection.connection.cursor()
    with cursor.copy(statement) as copy:
        for values in _values(connection, table, columns, rows):
            copy.write_row(values)


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _names(connection: sa.Connection, columns: Iterable[str]) -> str:
    return ", ".join(_quoted(connection, name) for name in columns)


def _values(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[Row]
) -> Iterator[tuple[Any, ...]]:
    # by column: instants and flags repeat down a batch, and each is converted once
    dialect = connection.dialect
    converted: list[Iterable[Any]] = []
    for name in columns:
        values = map(itemgetter(name), rows)
        bind = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        converted.append(values if bind is None else map(cache(bind), values))
    return zip(*converted, strict=True)


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


def rows_with(
    connection: sa.Connection,
    statement: sa.Select[*tuple[Any, ...]],
    column: sa.Column[Any],
    wanted: Sequence[Any],
) -> Iterable[AnyRow]:
    """Read the rows whose column holds one of many values; an index must begin there.

    Until a table was analysed, PostgreSQL takes a list of a thousand names for half of it and
    reads the whole: a first scan would grow with its square. So it is told to look each one up.
    """
    if not wanted:
        return ()
    if connection.dialect.name != "postgresql":
        return connection.execute(statement.where(column.in_(wanted)))
    array = sa.literal(list(wanted), postgresql.ARRAY(column.type))
    one = sa.func.unnest(array).table_valued("value").render_derived(name="wanted")
    found = statement.where(column == one.c.value)
    fenced = found.offset(sa.literal_column("0"))  # nothing is left out: the planner must not join
    return connection.execute(sa.select(fenced.lateral("found")).select_from(one))


def take_ids(connection: sa.Connection, table: sa.Table, count: int) -> range:
    """Return `count` fresh ids for rows about to be inserted in this write transaction."""
    if count == 0:
        return range(0)
    if connection.dialect.name == "postgresql":  # the write transaction is alone: see `writing`
        sequence = "pg_get_serial_sequence(:table, 'id')"
        statement = sa.text(f"SELECT setval({sequence}, nextval({sequence}) + :count - 1)")
        last = connection.execute(statement, {"table": table.name, "count": count}).scalar_one()
        return range(last + 1 - count, last + 1)
    top = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
    return range(top + 1, top + 1 + count)
