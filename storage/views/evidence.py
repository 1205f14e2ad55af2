"""Kept bytes, for downloads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.model import Digest


@dataclass(frozen=True, slots=True)
class RawBytes:
    """Kept bytes; `chunks` reads them from the open connection, once."""

    digest: Digest
    size: int
    media_type: str
    added_at: datetime
    chunks: Iterator[bytes]
