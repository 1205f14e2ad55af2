"""Everything that may vouch: where it came from, who accepts it, what hangs on it."""

from __future__ import annotations

from sqlalchemy import Connection

from storage.views import TrustEntryRow, TrustPage


def page(
    connection: Connection, *, source: str = "", after: str = "", limit: int = 50
) -> TrustPage:
    """Return up to `limit` entries following the cursor, oldest first; of one source or of all."""
    raise NotImplementedError


def entry(connection: Connection, entry_id: int) -> TrustEntryRow:
    """Return one entry; NotFoundError when there is none."""
    raise NotImplementedError
