"""Let `with_hint(..., "sqlite")` reach SQLite as INDEXED BY; SQLAlchemy leaves it out there.

Without statistics SQLite's planner guesses which index is narrow. Where we know, we say so, and a
query whose index cannot serve it fails at once instead of growing slow.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler


class HintingCompiler(SQLiteCompiler):
    """Puts the hint behind the table's name."""

    def get_from_hint_text(self, table: sa.FromClause, text: str | None) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the text that follows the table's name."""
        return text


def honour(engine: sa.Engine) -> None:
    """Make an engine for SQLite follow hints."""
    engine.dialect.statement_compiler = HintingCompiler
