"""A model kept as a folder: its files as the subject of a model signature.

Nothing is opened here but folders. A symbolic link is looked at and followed only to a file within
the folder; everything else that a folder may hold is listed as what it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from collectors.file_content import FileContent, Stamp
from core.errors import TooLargeError, UsageError
from core.folder import FolderContent, Member, MemberKind
from core.limits import Limits
from core.text import display

SIGNATURE_NAME = "model.sig"


def read_model_folder(
    folder: Path, without: Collection[Path], spool: Path, limits: Limits
) -> FolderContent:
    """Return all members of a folder but `without`, the signatures over it.

    Raises TooLargeError past `files`, or where one file is longer than `artifact_bytes`.
    """
    try:
        root = folder.resolve(strict=True)
        # Itself, and what it is where it is a link; a circle of links is nothing else.
        left_out = {_real(path.parent) / path.name for path in without}
        left_out |= {_real(path) for path in without}
        contents = _Contents(spool, limits)
        members: list[Member] = []
        for entry in _entries(root, limits):
            place = Path(entry.path)
            if place in left_out:
                continue
            path = place.relative_to(root).as_posix()
            members.append(_member(entry, path, root, contents))
    except OSError as error:
        raise UsageError(f"{display(str(folder))}: {error.strerror or 'cannot be read'}") from None
    return FolderContent(tuple(sorted(members, key=lambda each: each.path)))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _entries(root: Path, limits: Limits) -> Iterator[os.DirEntry[str]]:
    """Yield everything below the folder that is no folder itself; links are not followed."""
    count = 0
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as found:
            for entry in found:
                count += 1
                if count > limits.files:
                    raise TooLargeError(f"more than {limits.files} files in a folder (files)")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                else:
                    yield entry


class _Contents:
    """The contents of files, one for each file however many links lead to it: it is read once."""

    def __init__(self, spool: Path, limits: Limits) -> None:
        self._spool, self._limits = spool, limits
        self._kept: dict[Path, FileContent] = {}

    def of(self, place: Path, facts: os.stat_result) -> FileContent:
        """Return the content of the file at a resolved place; TooLargeError by `artifact_bytes`."""
        content = self._kept.get(place)
        if content is None:
            content = self._kept[place] = FileContent(place, Stamp.of(facts), self._spool)
            content.refuse_over(self._limits.artifact_bytes, "artifact_bytes")
        return content


def _member(entry: os.DirEntry[str], path: str, root: Path, contents: _Contents) -> Member:
    if entry.is_symlink():
        return _link(Path(entry.path), path, root, contents)
    facts = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(facts.st_mode):
        return Member(path, MemberKind.SPECIAL)
    return Member(path, MemberKind.FILE, contents.of(Path(entry.path), facts))


def _link(place: Path, path: str, root: Path, contents: _Contents) -> Member:
    try:
        target = place.resolve(strict=True)
        facts = target.lstat()
    except (OSError, RuntimeError):  # dangling, or a circle of links
        return Member(path, MemberKind.LINK_AWAY)
    if not target.is_relative_to(root) or not stat.S_ISREG(facts.st_mode):
        return Member(path, MemberKind.LINK_AWAY)
    return Member(path, MemberKind.LINK, contents.of(target, facts))
