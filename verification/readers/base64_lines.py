"""Base64 as tools print it: canonical, in one line or wrapped into several."""

from __future__ import annotations

import re

from core import wire
from core.errors import MalformedError

_LINES = re.compile(rb"[A-Za-z0-9+/=]+(?:\r?\n[A-Za-z0-9+/=]+)*(?:\r?\n)?")


def decode_base64_lines(encoded: bytes, *, what: str) -> bytes:
    """Decode standard base64 that may be wrapped; raise MalformedError naming `what`."""
    if not _LINES.fullmatch(encoded):
        raise MalformedError(f"{what} is not base64")
    return wire.decode_base64(b"".join(encoded.split()), what=what)
