"""Who signs what, since when."""

from __future__ import annotations

from sqlalchemy import Connection

from storage.filters import SignerFilter
from storage.views import SignerDetail, SignerPage


def page(
    connection: Connection, chosen: SignerFilter, *, after: str = "", limit: int = 50
) -> SignerPage:
    """Return up to `limit` signers following the cursor, newest first."""
    raise NotImplementedError


def count(connection: Connection, chosen: SignerFilter) -> int:
    """Return exactly how many signers the filter's list has."""
    raise NotImplementedError


def detail(connection: Connection, signer_id: int) -> SignerDetail:
    """Return one signer with its use over time; NotFoundError when there is none."""
    raise NotImplementedError
