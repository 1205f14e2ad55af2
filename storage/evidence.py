"""Raw bytes that were kept, for download."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from core.errors import NotFoundError
from core.model import Digest
from storage import blobs
from storage.schema import blob
from storage.views.evidence import RawBytes


def raw(connection: Connection, digest: Digest) -> RawBytes:
    """Return kept bytes by their sha256; NotFoundError when there are none."""
    row = None
    if digest.algorithm == "sha256":
        row = connection.execute(sa.select(blob).where(blob.c.digest == digest.raw)).first()
    if row is None:
        raise NotFoundError(f"no bytes are kept under {digest}")
    chunks = blobs.read_chunks(connection, digest.raw)
    return RawBytes(digest, row.size, row.media_type, row.added_at, chunks)


def is_kept(connection: Connection, digest: Digest) -> bool:
    """Say whether bytes are kept under this digest."""
    statement = sa.select(sa.literal(1)).where(blob.c.digest == digest.raw)
    return digest.algorithm == "sha256" and connection.execute(statement).first() is not None
