"""Substring search over location names: FTS5 trigrams on SQLite, pg_trgm on PostgreSQL.

One function for both, `matching`; case does not count for ASCII letters. Names never change, so
rows are added and never updated. The migrations make the same objects as `create`.
"""

from __future__ import annotations

from itertools import islice

import sqlalchemy as sa

from storage.schema import location

TRIGRAM = 3  # shorter texts have no trigram: they match the start of a name only
MAX_TRIGRAMS = 24  # that must occur before LIKE decides
_ESCAPE = "\\"

location_search = sa.table("location_search", sa.column("rowid", sa.Integer), sa.column("name"))

_CREATE = {
    "sqlite": (
        """CREATE VIRTUAL TABLE location_search USING fts5(
        name, content='location', content_rowid='id', detail='none', tokenize='trigram')""",
        "INSERT INTO location_search(rowid, name) SELECT id, name FROM location",
    ),
    "postgresql": (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        "CREATE INDEX ix_location_name_trgm ON location USING gin (name gin_trgm_ops)",
    ),
}
_DROP = {
    "sqlite": ("DROP TABLE location_search",),
    "postgresql": ("DROP INDEX ix_location_name_trgm",),
}


def create(connection: sa.Connection) -> None:
    """Make the search objects and fill them from the rows that are there."""
    for statement in _CREATE[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def drop(connection: sa.Connection) -> None:
    """Remove the search objects; the extension stays, others may use it."""
    for statement in _DROP[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def add(connection: sa.Connection, first_id: int, last_id: int) -> None:
    """Make locations just inserted findable; PostgreSQL does so by itself."""
    if connection.dialect.name == "sqlite":
        connection.execute(
            sa.text(
                "INSERT INTO location_search(rowid, name) "
                "SELECT id, name FROM location WHERE id BETWEEN :first AND :last"
            ),
            {"first": first_id, "last": last_id},
        )


def matching(dialect: str, text: str) -> sa.ColumnElement[bool]:
    """Return the condition on `location` that its name holds the text.

    Three characters or more match anywhere, fewer at the start of the name.
    """
    decided = named(text)
    if len(text) < TRIGRAM or dialect != "sqlite":
        return decided
    # LIKE ... ESCAPE does not use the trigrams, and detail='none' knows no phrases: so every
    # trigram must occur, and LIKE then decides.
    found = sa.select(location_search.c.rowid).where(
        sa.text("location_search MATCH :trigrams").bindparams(trigrams=_trigrams(text))
    )
    return sa.and_(location.c.id.in_(found), decided)


def named(text: str) -> sa.ColumnElement[bool]:
    """Return the same condition without the index, for rows that something else finds."""
    if len(text) < TRIGRAM:
        return location.c.name.ilike(f"{_escaped(text)}%", escape=_ESCAPE)
    return holding(location.c.name, text)


def holding(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column holds the text, wildcards standing for themselves."""
    return column.ilike(f"%{_escaped(text)}%", escape=_ESCAPE)


def _escaped(text: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text


def _trigrams(text: str) -> str:
    pieces = {text[start : start + TRIGRAM] for start in range(len(text) - TRIGRAM + 1)}
    quoted = ('"' + piece.replace('"', '""') + '"' for piece in sorted(pieces))
    return " AND ".join(islice(quoted, MAX_TRIGRAMS))
