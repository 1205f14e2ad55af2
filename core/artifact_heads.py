"""Which files may bear their signature within themselves, told from their first bytes.

Only where to look: whether an archive really is a package, and a signed one, the formats say.
"""

from __future__ import annotations

HEAD_BYTES = 4096
_MAGIC = (
    b"\xed\xab\xee\xdb",  # the lead of an rpm
    b"PK\x03\x04",  # ZIP: jar, nupkg
    b"MZ",  # PE: exe, dll, sys
    b"tree ",  # a raw commit of Git
    b"object ",  # a raw tag of Git
)


def may_bear_evidence(head: bytes) -> bool:
    """Say whether a file that begins like this may hold a signature that we read."""
    return head.startswith(_MAGIC)
