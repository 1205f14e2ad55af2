"""Which faults of the machine are whose: what whoever called us can mend, in one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ACCESS = "; choose a place that this account may use"
_ROOM = "; make room there, or choose another place"
_FIXES = {  # what the caller can mend → how; anything else is an error of ours
    errno.EACCES: _ACCESS,
    errno.EPERM: _ACCESS,
    errno.EROFS: _ACCESS,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.ENOENT: "",
    errno.ENOTDIR: "; a folder is needed where a file stands",
    errno.EISDIR: "; a file is needed where a folder stands",
    errno.EEXIST: "; a file stands where a folder is needed",
    errno.ENAMETOOLONG: "; choose a shorter name",
    errno.ELOOP: "",
    errno.EIO: "",
}


def sentence(error: OSError) -> str:
    """Name the place, what is wrong and how to mend it; empty for an error of ours."""
    fix = _FIXES.get(error.errno or 0)
    if fix is None:
        return ""
    place = error.filename2 or error.filename
    named = os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else ""
    return f"{named}: {error.strerror}{fix}" if named else f"{error.strerror}{fix}"


def is_nameless(error: OSError) -> bool:
    """Say whether it tells of a stream, no named file: what we print, or a temporary file."""
    return error.filename is None and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file that was being written in a fault that does not: a full disk names none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
