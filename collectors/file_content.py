"""Files as content: read in order, bounded, and never another file than the one first seen."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.artifact_heads import HEAD_BYTES, may_bear_evidence
from core.errors import CollectionError, DeniedError, TooLargeError, UnreachableError
from core.model import Digest, digest_of
from core.text import display

CHUNK = 1024 * 1024
_HASHES = {"blake2b512": "blake2b"}  # the names hashlib does not share with us
_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def shown(path: str | Path) -> str:
    r"""Return the path as text that can be stored: `\\xff` for a byte that is not UTF-8.

    A backslash is doubled, so that no two paths are shown alike.
    """
    return os.fsencode(path).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def raw(text: str) -> str:
    """Return the path that `shown` made this text of."""

    def byte(match: re.Match[bytes]) -> bytes:
        return b"\\" if match[1] == b"\\" else bytes.fromhex(match[1][1:].decode())

    return os.fsdecode(_ESCAPE.sub(byte, text.encode("utf-8", "surrogateescape")))


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the file system says of a file without reading it; times in nanoseconds.

    `changed_ns` (ctime) is what makes it worth something: a program may set the modification
    time back, but not this one.
    """

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    @classmethod
    def of(cls, facts: os.stat_result) -> Stamp:
        """Take the stamp from a stat."""
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


@dataclass(frozen=True, slots=True)
class FileContent:
    """The bytes of a regular file as it was when the stamp was taken.

    The first reading fixes their SHA-256, and every later one ends with CONTENT_CHANGED when it
    met other bytes or another file: what is verified is what was hashed, whoever writes meanwhile.
    """

    file: Path
    stamp: Stamp
    spool: Path  # a folder that nobody else writes to
    _digests: dict[str, Digest] = field(default_factory=dict, compare=False, repr=False)
    _copies: list[Path] = field(default_factory=list, compare=False, repr=False)
    _heads: list[bytes] = field(default_factory=list, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.stamp.size

    @property
    def path(self) -> Path:
        """A copy of our own, made on first use: for readers that open files by themselves."""
        if not self._copies:
            self.digest("sha256")
            self._copies.append(self._copy())
        return self._copies[0]

    def head(self) -> bytes:
        """Return the first bytes, as they were hashed, where a signature may lie in the file.

        Empty of all other files, and after `drop_copy`.
        """
        self.digest("sha256")
        return next(iter(self._heads), b"")

    def drop_copy(self) -> None:
        """Remove the copy, if one was made."""
        self._heads.clear()
        while self._copies:
            self._copies.pop().unlink(missing_ok=True)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order; they count only once the iteration has come to its end."""
        known = self._digests.get("sha256")
        hashed = hashlib.sha256()
        try:
            # Without O_NONBLOCK a FIFO put in the file's place would stop us for ever.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with open(os.open(self.file, flags), "rb", buffering=0) as opened:  # noqa: PTH123 - Path.open cannot refuse symbolic links
                self._compare(os.fstat(opened.fileno()))
                left = self.size
                while left and (chunk := opened.read(min(CHUNK, left))):
                    left -= len(chunk)
                    if known is not None:
                        hashed.update(chunk)
                    yield chunk
                self._compare(os.fstat(opened.fileno()))
        except OSError as error:
            raise unreadable(self.file, error) from None
        # A writer that has the file mapped may change bytes long before any stamp shows it.
        if left or (known is not None and hashed.hexdigest() != known.value):
            raise self._changed()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return a part of the bytes as they were hashed, out of our own copy."""
        try:
            with self.path.open("rb") as opened:
                opened.seek(offset)
                return opened.read(length)
        except OSError as error:
            raise unreadable(self.path, error) from None

    def digests(self, algorithms: Iterable[str]) -> tuple[Digest, ...]:
        """Return the digests, reading the file at most once for all that are not yet known."""
        wanted = sorted(set(algorithms))
        # SHA-256 comes with the first pass, so that there is something to hold later ones to.
        hashes = {
            name: hashlib.new(_HASHES.get(name, name), usedforsecurity=False)
            for name in {*wanted, "sha256"}
            if name not in self._digests
        }
        start = b""
        for chunk in self.chunks() if hashes else ():
            start = start or chunk[:HEAD_BYTES]
            for hashed in hashes.values():
                hashed.update(chunk)
        self._keep_head(start)
        self._digests.update((name, Digest(name, hashes[name].hexdigest())) for name in hashes)
        return tuple(self._digests[name] for name in wanted)

    def digest(self, algorithm: str) -> Digest:
        """Return the digest of all bytes; the file is read once per algorithm at most."""
        return self.digests([algorithm])[0]

    def read(self, limit: int, limit_name: str) -> bytes:
        """Return all bytes; TooLargeError when they are more than `limit`."""
        self.refuse_over(limit, limit_name)
        content = b"".join(self.chunks())
        if "sha256" not in self._digests:
            self._keep_head(content[:HEAD_BYTES])
            self._digests["sha256"] = digest_of(content)
        return content

    def refuse_over(self, limit: int, limit_name: str) -> None:
        """Raise TooLargeError when the file is longer than `limit` bytes, without reading it."""
        if self.size > limit:
            raise TooLargeError(
                f"{display(str(self.file))}: {self.size} bytes, more than {limit} ({limit_name})"
            )

    def _keep_head(self, start: bytes) -> None:
        if not self._heads and may_bear_evidence(start):
            self._heads.append(start)

    def _copy(self) -> Path:
        try:
            descriptor, name = tempfile.mkstemp(dir=self.spool)
            with open(descriptor, "wb") as written:  # noqa: PTH123 - a descriptor has no Path
                written.writelines(self.chunks())
        except OSError as error:
            raise unreadable(self.spool, error) from None
        return Path(name)

    def _compare(self, facts: os.stat_result) -> None:
        if not stat.S_ISREG(facts.st_mode) or Stamp.of(facts) != self.stamp:
            raise self._changed()

    def _changed(self) -> UnreachableError:
        return UnreachableError(
            f"{display(str(self.file))}: changed while it was being read; scan it again",
            reason="CONTENT_CHANGED",
        )


def unreadable(path: Path, error: OSError) -> CollectionError:
    """Return the error for a file or folder that the system does not let us read."""
    sentence = f"{display(str(path))}: {error.strerror or 'cannot be read'}"
    if isinstance(error, PermissionError):
        return DeniedError(f"{sentence}; let the user that Countersign runs as read it")
    return UnreachableError(sentence)
