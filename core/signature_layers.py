"""Which layers of a document attached to an image may vouch for it, and how many are taken.

A registry and a layout on disk hold the same documents; whoever reads them takes the same layers.
"""

from __future__ import annotations

from core.cosign_container import ENVELOPE, SIMPLE_SIGNING
from core.limits import Limits

_BUNDLE = "application/vnd.dev.sigstore.bundle"  # of every version
_NOTATION = ("application/jose+json", "application/cose")
_LAYERS = frozenset({SIMPLE_SIGNING, ENVELOPE, *_NOTATION})
_DOCUMENTS = (_BUNDLE, "application/vnd.cncf.notary.signature", "application/vnd.dev.cosign.")
TOGETHER = 4  # pieces of evidence of the greatest size


def is_signature(media_type: str) -> bool:
    """Say whether a layer of this type is read; every other may hold a signature as well."""
    return media_type in _LAYERS or media_type.startswith(_BUNDLE)


def promises_signature(artifact_type: str) -> bool:
    """Say whether a document is listed as what the signing tools attach: a hint, no proof."""
    return artifact_type.startswith(_DOCUMENTS)


def room_refused(pieces: int, size: int, limits: Limits) -> str:
    """Return why no more evidence is taken for one image, "" where there is room for more."""
    if pieces >= limits.signatures:
        return f"more than {limits.signatures} signatures (limits.signatures)"
    together = TOGETHER * limits.evidence_bytes
    if size > together:
        return f"signatures of more than {together} bytes together ({TOGETHER} x evidence_bytes)"
    return ""
