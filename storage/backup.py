"""A consistent copy of the database while others write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from core.errors import UsageError
from storage.database import Database, translated


def write(database: Database, target: Path) -> None:
    """Copy an SQLite database to a new file, whole or not at all; UsageError for others."""
    if database.dialect != "sqlite":
        raise UsageError("db backup copies SQLite; for PostgreSQL use pg_dump")
    if target.exists():
        raise UsageError(f"{target} exists; name a file that does not")
    partial = target.with_name(f".{target.name}.partial")
    partial.touch()  # SQLite's own words for a folder that takes no file do not name it
    try:
        _copy(database, partial)
        os.replace(partial, target)  # noqa: PTH105 - says that it overwrites nothing half-written
    finally:
        partial.unlink(missing_ok=True)


def _copy(database: Database, target: Path) -> None:
    with (
        translated(database.url),
        closing(sqlite3.connect(str(database.url.database))) as source,
        closing(sqlite3.connect(target)) as copy,
    ):
        source.backup(copy)
