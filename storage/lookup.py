"""Find artifacts by their digest or its beginning, as somebody types it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from core.model import HEX_LENGTH, Digest
from storage.schema import artifact, location

DIGEST_BYTES = 64  # of the longest algorithm
MIN_CHARACTERS = 6
LIMIT = 20
_TYPED = re.compile(r"(?:(?P<algorithm>[a-z0-9]+):)?(?P<hex>[0-9a-f]+)\Z")


@dataclass(frozen=True, slots=True)
class DigestMatch:
    """An artifact whose digest begins as was typed, and one name it has or had."""

    digest: Digest
    kind: str
    name: str


def by_digest(connection: Connection, typed: str, *, limit: int = LIMIT) -> tuple[DigestMatch, ...]:
    """Return artifacts whose digest begins like this, in order; none for fewer than 6 characters.

    `typed` is hexadecimal, with or without `algorithm:` before it.
    """
    found = _TYPED.match(typed.strip().lower())
    if not found or not MIN_CHARACTERS <= len(found["hex"]) <= 2 * DIGEST_BYTES:
        return ()
    if found["algorithm"] and found["algorithm"] not in HEX_LENGTH:
        return ()
    c = artifact.c
    where = [c.digest >= _bound(found["hex"], "0"), c.digest <= _bound(found["hex"], "f")]
    if found["algorithm"]:
        where.append(c.algorithm == found["algorithm"])
    name = (
        sa.select(location.c.name)
        .where(location.c.artifact_id == c.id)
        .order_by(location.c.id)
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        sa.select(c.algorithm, c.digest, c.kind, sa.func.coalesce(name, "").label("name"))
        .where(*where)
        .order_by(c.digest, c.kind)
        .limit(max(1, min(limit, LIMIT)))
    )
    return tuple(
        DigestMatch(Digest(row.algorithm, row.digest.hex()), row.kind, row.name)
        for row in connection.execute(statement)
    )


def _bound(prefix: str, filler: str) -> bytes:
    """Return the first or last digest with that beginning; bytes compare as they are written."""
    even = prefix + filler * (len(prefix) % 2)
    if filler == "0":
        return bytes.fromhex(even)
    return bytes.fromhex(even.ljust(2 * DIGEST_BYTES, filler))
