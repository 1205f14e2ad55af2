"""Merkle trees of transparency logs (RFC 6962 section 2.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_SIZE = 32


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def root_from_inclusion(
    leaf: bytes, index: int, size: int, hashes: Sequence[bytes]
) -> bytes | None:
    """Return the root that a proof leads to, None where it cannot be one for this index and size.

    RFC 9162 section 2.1.3.2 has the same algorithm for RFC 6962's trees.
    """
    if not 0 <= index < size or any(len(each) != HASH_SIZE for each in hashes):
        return None
    position, last, root = index, size - 1, leaf
    for sibling in hashes:
        if last == 0:
            return None
        if position & 1 or position == last:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        position >>= 1
        last >>= 1
    return root if last == 0 else None
