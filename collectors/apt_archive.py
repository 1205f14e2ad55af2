"""Where an archive's bytes come from: HTTP, or a folder for `file:` and `copy:`, by one interface.

A folder answers as a server without conditional requests would: 200 with the bytes, or 404.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from core.errors import CollectionError, TooLargeError
from core.text import display
from net.http import Http, Response, Spooled

_CHUNK = 1 << 18


class Archive(Protocol):
    """What fetches. Statuses other than 200, 304 and 404 are the caller's to refuse."""

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, limit: int | None = None
    ) -> Response:
        """Return the document at `url`, at most `limit` bytes."""

    def spool(self, url: str, to: Path, *, limit: int) -> Spooled:
        """Write the document at `url` into `to`, at most `limit` bytes."""


class FolderArchive:
    """An archive in a folder of this machine."""

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - a folder knows no conditions
        limit: int | None = None,
    ) -> Response:
        """Read a file."""
        try:
            return Response(200, {}, b"".join(_chunks(url, limit)), url)
        except FileNotFoundError:
            return Response(404, {}, b"", url)

    def spool(self, url: str, to: Path, *, limit: int) -> Spooled:
        """Copy a file, so that what is hashed and what is read are the same bytes."""
        with to.open("wb") as spooled:
            try:
                size = sum(spooled.write(chunk) for chunk in _chunks(url, limit))
            except FileNotFoundError:
                return Spooled(404, {}, to, 0, url)
        return Spooled(200, {}, to, size, url)


def archive_for(url: str, http: Http) -> Archive:
    """Return what fetches from an archive with this URL."""
    return FolderArchive() if urlsplit(url).scheme in ("file", "copy") else http


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def _chunks(url: str, limit: int | None) -> Iterator[bytes]:
    try:
        with _opened(_path(url)) as file:
            left = limit
            while chunk := file.read(_CHUNK):
                if left is not None:
                    left -= len(chunk)
                    if left < 0:
                        raise TooLargeError(f"{display(url)} exceeds {limit} bytes")
                yield chunk
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CollectionError(f"{display(url)}: {error.strerror}") from None


def _opened(path: Path) -> BinaryIO:
    # A FIFO in the place of a file would be waited on for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CollectionError(f"{display(str(path))} is no regular file")
    return os.fdopen(descriptor, "rb")
