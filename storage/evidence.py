"""Raw bytes that were kept, for download."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from core.errors import NotFoundError
from core.model import Digest
from storage import blobs
from storage.schema import blob, kept_index, source
from storage.views import KeptIndex, RawBytes

KEPT_SHOWN = 200


def raw(connection: Connection, digest: Digest) -> RawBytes:
    """Return kept bytes by their sha256; NotFoundError when there are none."""
    row = None
    if digest.algorithm == "sha256":
        row = connection.execute(sa.select(blob).where(blob.c.digest == digest.raw)).first()
    if row is None:
        raise NotFoundError(f"no bytes are kept under {digest}")
    chunks = blobs.read_chunks(connection, digest.raw)
    return RawBytes(digest, row.size, row.media_type, row.added_at, chunks)


def kept_indexes(
    connection: Connection, source_name: str = "", *, limit: int = KEPT_SHOWN
) -> tuple[KeptIndex, ...]:
    """Return the newest kept lists, of one source or of all."""
    c = kept_index.c
    statement = (
        sa.select(source.c.name.label("source_name"), kept_index, blob.c.size, blob.c.media_type)
        .join(source, source.c.id == c.source_id)
        .join(blob, blob.c.digest == c.digest)
        .where(*((source.c.name == source_name,) if source_name else ()))
        .order_by(c.kept_at.desc(), c.id.desc())
        .limit(max(1, min(limit, KEPT_SHOWN)))
    )
    return tuple(
        KeptIndex(
            row.source_name, row.name, Digest("sha256", row.digest.hex()), row.size,
            row.media_type, row.kept_at,
        )
        for row in connection.execute(statement)
    )  # fmt: skip
