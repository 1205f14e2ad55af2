"""Raw bytes that were kept, for download."""

from __future__ import annotations

from sqlalchemy import Connection

from core.model import Digest
from storage.views import KeptIndex, RawBytes


def raw(connection: Connection, digest: Digest) -> RawBytes:
    """Return kept bytes by their sha256; NotFoundError when there are none."""
    raise NotImplementedError


def kept_indexes(
    connection: Connection, source: str = "", *, limit: int = 200
) -> tuple[KeptIndex, ...]:
    """Return the newest kept lists, of one source or of all."""
    raise NotImplementedError
