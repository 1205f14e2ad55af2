"""Run migrations on the connection that storage.migrate hands in."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import create_engine

from storage.schema import metadata

SEARCH = ("location_search", "ix_location_name_trgm")


def include_object(_thing: Any, name: str | None, _kind: str, _reflected: Any, _other: Any) -> bool:
    """Leave the search index out: SQLAlchemy cannot describe it."""
    return not (name or "").startswith(SEARCH)


def run() -> None:
    """Migrate on the connection given, or on the URL given with -x url=..."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
        with engine.begin() as opened:
            migrate(opened)
        return
    migrate(connection)


def migrate(connection: Any) -> None:
    """Run the migrations in the caller's transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        include_object=include_object,
        transaction_per_migration=False,
    )
    context.run_migrations()


run()
