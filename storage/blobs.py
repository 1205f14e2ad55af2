"""Raw bytes by digest, compressed, once. Big ones in chunks, so that memory stays flat."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime

import sqlalchemy as sa

from core.errors import NotFoundError, StorageError
from storage.bulk import upsert_rows
from storage.schema import blob, blob_chunk

CHUNK = 1024 * 1024
PACKED = ("application/x-xz", "application/gzip", "application/x-bzip2", "application/zstd")


def keep(connection: sa.Connection, content: bytes, media_type: str, now: datetime) -> bytes:
    """Store bytes unless they are there; return their sha256."""
    digest = hashlib.sha256(content).digest()
    keep_chunks(connection, digest, len(content), [content], media_type, now)
    return digest


def has(connection: sa.Connection, digest: bytes) -> bool:
    """Say whether these bytes are kept."""
    found = connection.execute(sa.select(blob.c.digest).where(blob.c.digest == digest))
    return found.first() is not None


def keep_chunks(
    connection: sa.Connection,
    digest: bytes,
    size: int,
    chunks: Iterable[bytes],
    media_type: str,
    now: datetime,
) -> bool:
    """Store bytes given in chunks under a sha256 that is checked; say whether they were new."""
    if has(connection, digest):
        return False
    encoding = "" if media_type in PACKED else "zlib"
    row = {
        "digest": digest, "size": size, "media_type": media_type,
        "encoding": encoding, "added_at": now,
    }  # fmt: skip
    upsert_rows(connection, blob, [row])
    hasher = hashlib.sha256()
    for position, chunk in enumerate(_recut(chunks)):
        hasher.update(chunk)
        packed = zlib.compress(chunk, 6) if encoding else chunk
        piece = {"digest": digest, "position": position, "bytes": packed}
        connection.execute(blob_chunk.insert(), piece)
    if hasher.digest() != digest:
        raise StorageError(f"bytes kept under {digest.hex()} have another digest")
    return True


def _recut(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)


def read_chunks(connection: sa.Connection, digest: bytes) -> Iterator[bytes]:
    """Yield the bytes in order; NotFoundError when they are not kept (any more)."""
    encoding = connection.execute(
        sa.select(blob.c.encoding).where(blob.c.digest == digest)
    ).scalar_one_or_none()
    if encoding is None:
        raise NotFoundError(f"no bytes are kept under sha256:{digest.hex()}")
    position = 0
    while True:
        piece = connection.execute(
            sa.select(blob_chunk.c.bytes).where(
                blob_chunk.c.digest == digest, blob_chunk.c.position == position
            )
        ).scalar_one_or_none()
        if piece is None:
            return
        yield zlib.decompress(piece) if encoding else piece
        position += 1


def read(connection: sa.Connection, digest: bytes) -> bytes:
    """Return all the bytes; for evidence, which is bounded."""
    return b"".join(read_chunks(connection, digest))


def forget(connection: sa.Connection, digests: Iterable[bytes]) -> None:
    """Delete kept bytes."""
    for digest in digests:
        connection.execute(blob_chunk.delete().where(blob_chunk.c.digest == digest))
        connection.execute(blob.delete().where(blob.c.digest == digest))
