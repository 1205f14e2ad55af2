"""What an answer is once it has been read, and the count of what was read."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.model import Digest

CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """An answer read whole, within its limit. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Spooled:
    """An answer written to a file while it was counted; implements `core.model.Content`.

    Only an answer of 200 has bytes; of any other status the file is empty.
    """

    status: int
    headers: Mapping[str, str]
    path: Path
    size: int
    url: str
    _digests: dict[str, Digest] = field(default_factory=dict, compare=False, repr=False)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order."""
        with self.path.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                yield chunk

    def read_at(self, offset: int, length: int) -> bytes:
        """Return a part of the bytes."""
        with self.path.open("rb") as opened:
            opened.seek(offset)
            return opened.read(length)

    def digest(self, algorithm: str) -> Digest:
        """Return the digest of the bytes; `algorithm` is one of `core.model.HEX_LENGTH`."""
        if algorithm not in self._digests:
            name = "blake2b" if algorithm == "blake2b512" else algorithm
            hashed = hashlib.new(name)
            for chunk in self.chunks():
                hashed.update(chunk)
            self._digests[algorithm] = Digest(algorithm, hashed.hexdigest())
        return self._digests[algorithm]


@dataclass(slots=True)
class Traffic:
    """What was asked and received so far: exact counts for the scan's report.

    `requests` counts every request, repeated ones, redirects and tokens too; `bytes` counts bodies.
    """

    requests: int = 0
    bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def count(self, *, requests: int = 0, size: int = 0) -> None:
        """Add to the counts; safe from several threads."""
        with self._lock:
            self.requests += requests
            self.bytes += size
