"""Run the migrations from Python: the folder `alembic/` holds them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.errors import UnavailableError
from storage.database import Database
from storage.schema import metadata

ROOT = Path(__file__).parent.parent


def _config() -> Config:
    return Config(ROOT / "alembic.ini")


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the schema up to a revision; one transaction."""
    config = _config()
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the schema down to a revision; `base` removes everything."""
    config = _config()
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def current(database: Database) -> str:
    """Return the schema's revision, or an empty string for an empty database."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def head() -> str:
    """Return the newest revision there is."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def demand_current(database: Database) -> None:
    """Raise UnavailableError unless the schema is the one this program was written for."""
    found = current(database)
    if found != head():
        raise UnavailableError(
            f"the database is at schema {found or 'none'}, this program needs {head()}: "
            "run `countersign db upgrade`"
        )


def drift(database: Database) -> list[str]:
    """Return how the database differs from storage.schema; empty is right."""
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _described})
        found = compare_metadata(context, metadata)
    return [str(one) for one in found]


def _described(_thing: object, name: str | None, *_rest: object) -> bool:
    # the search index is beyond what SQLAlchemy can describe
    return not (name or "").startswith(("location_search", "ix_location_name_trgm"))
