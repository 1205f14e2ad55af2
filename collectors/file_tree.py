"""The folder collector: release files, and the signatures and checksum lists beside them.

This is the simplest collector and the template for others (docs/extending.md walks through it).
A unit is one folder that directly holds files, "." the top. Inside it a name decides the part a
file plays, and only what stands beside a file can speak for it:

    app.tar.gz          an artifact, hashed by us
    app.tar.gz.asc      evidence, because app.tar.gz is there (alone it would be an artifact)
    app.tar.gz.pem      a hint to app.tar.gz.sig: a claim, never trust
    sha256:HEX.jsonl    evidence for the file of that digest, as GitHub's command downloads it
    tool.rpm            an artifact that may bear a signature: evidence for itself
    SHA256SUMS          a checksum list; with SHA256SUMS.asc it vouches for the files it names

Symbolic links, devices, sockets and FIFOs are passed over. Options: `FileTreeOptions`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import astuple
from itertools import chain, islice
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from collectors.collector import Memory, Surroundings
from collectors.file_content import FileContent, Stamp, raw, shown, unreadable
from collectors.file_evidence import Neighbours
from core.errors import (
    CollectionError,
    MalformedError,
    RefusedError,
    TooLargeError,
    UnreachableError,
)
from core.glob import Glob
from core.model import Artifact, DigestOrigin, Discovery, Location, Sighting, UnitEnd
from core.text import display

RULES = "6"  # part of every fingerprint: raise it when files are read or sorted in another way
Entry = os.DirEntry[str]


class FileTreeOptions(BaseModel):
    """What a source of kind `file_tree` may say. Globs are anchored at `path`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(
        pattern=r"^[^\x00]+$", description="The folder, relative to the settings file."
    )
    include: list[str] = Field(["**"], description="Files that are artifacts.")
    exclude: list[str] = Field([], description="Files that are not; `old/**` skips a folder.")
    rehash: Literal["changed", "always"] = Field(
        "changed", description="Read a folder again when a stamp in it changed, or at every scan."
    )

    @field_validator("include", "exclude")
    @classmethod
    def _globs(cls, patterns: list[str]) -> list[str]:
        try:
            for pattern in patterns:
                Glob.parse(pattern)
        except MalformedError as error:
            raise ValueError(str(error)) from None
        return patterns


class FileTreeCollector:
    """A folder on this machine, read folder by folder."""

    Options: type[BaseModel] = FileTreeOptions

    def __init__(self, source: str, options: BaseModel, surroundings: Surroundings) -> None:
        self.source, self.limits, self.spool = source, surroundings.limits, surroundings.spool
        self.options = cast("FileTreeOptions", options)
        self.top = surroundings.base / self.options.path
        self._unlisted: dict[str, CollectionError] = {}
        self._include = [Glob.parse(pattern) for pattern in self.options.include]
        self._exclude = [Glob.parse(pattern) for pattern in self.options.exclude]

    def units(self) -> Iterator[str]:
        """Yield every folder that holds files, top down and sorted.

        A folder that cannot be listed is yielded too: `collect` says why, and since the scan is
        then incomplete, nothing below that folder is taken for gone.
        """
        top = self._resolved_top()
        waiting, room = [Path()], self.limits.files
        while waiting:
            relative = waiting.pop()
            try:
                folders, files = _listing(top / relative, room)
            except CollectionError as error:
                if error.reason == "TOO_LARGE" or relative == Path():
                    raise
                self._unlisted[shown(relative)] = error
                yield shown(relative)
                continue
            room -= len(folders) + len(files)
            if files:
                yield shown(relative)
            below = [relative / entry.name for entry in reversed(folders)]
            waiting += [folder for folder in below if not self._is_pruned(folder)]

    def collect(self, unit: str, memory: Memory) -> Iterator[Discovery]:
        """Yield what one folder holds; a file that cannot be read leaves the unit incomplete."""
        if unit in self._unlisted:
            raise self._unlisted[unit]
        files = self._files(unit)
        fingerprint = self._fingerprint(files)
        if self.options.rehash == "changed" and memory.unit_state() == fingerprint:
            yield UnitEnd(fingerprint, unchanged=True)
            return
        neighbours = Neighbours(unit, files, self.limits)
        told: set[str] = set()
        failures: list[CollectionError] = []
        for name in chain(neighbours.artifacts, neighbours.unclaimed()):
            path = shown(Path(raw(unit), name))
            if self._is_wanted(path):
                try:
                    yield from self._examine(Location(unit, path), name, neighbours, told)
                except CollectionError as error:
                    failures.append(error)
        if failures:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            raise CollectionError(f"{failures[0]}{more}", reason=failures[0].reason)
        yield UnitEnd("" if neighbours.unread else fingerprint)

    def _examine(
        self, location: Location, name: str, neighbours: Neighbours, told: set[str]
    ) -> Iterator[Discovery]:
        # 1. Hash it, in one pass for every algorithm that a list beside it uses.
        content = neighbours.files[name]
        self._refuse_beyond_limits(location, content)
        content.digests(neighbours.algorithms(name))
        # 2. Say what vouches for it, once however many artifacts share it.
        key = neighbours.set_key(name, location.name)
        if key not in told:
            told.add(key)
            yield neighbours.evidence_set(name, key)
            neighbours.drop_copies()  # whoever asks for the next one has verified this one
        yield from neighbours.lists_behind(name)
        # 3. Say where it lies.
        digest = content.digest("sha256")
        artifact = Artifact("file", digest, DigestOrigin.COMPUTED, size=content.size)
        yield Sighting(location, artifact, key)

    def _resolved_top(self) -> Path:
        top = Path(os.path.realpath(self.top))
        try:
            found = top.is_dir()
        except OSError as error:
            raise unreadable(self.top, error) from None
        if not found:
            raise UnreachableError(
                f"{display(str(self.top))}: no such folder; correct `path` of source {self.source}"
            )
        return top

    def _files(self, unit: str) -> dict[str, FileContent]:
        if len(unit) > self.limits.name_characters:
            raise CollectionError(
                f"{display(unit, 80)}: longer than limits.name_characters", reason="TOO_LARGE"
            )
        top = self._resolved_top()
        folder = top / raw(unit)
        # The folder may have become a link to somewhere else since the units were listed.
        if Path(os.path.realpath(folder)) != folder or not folder.is_relative_to(top):
            raise RefusedError(f"{display(str(folder))}: leads out of {display(str(top))}")
        try:
            return {
                entry.name: FileContent(
                    Path(entry.path), Stamp.of(entry.stat(follow_symlinks=False)), self.spool
                )
                for entry in _listing(folder, self.limits.files)[1]
            }
        except OSError as error:
            raise unreadable(folder, error) from None

    def _fingerprint(self, files: dict[str, FileContent]) -> str:
        read_as = [RULES, self.options.include, self.options.exclude]
        stamps = [(name, *astuple(content.stamp)) for name, content in files.items()]
        return hashlib.sha256(json.dumps([read_as, stamps]).encode()).hexdigest()

    def _is_wanted(self, path: str) -> bool:
        return any(glob.matches(path) for glob in self._include) and not any(
            glob.matches(path) for glob in self._exclude
        )

    def _is_pruned(self, folder: Path) -> bool:
        # `old/**` also matches "old/", which no file is called: everything below is excluded.
        return any(
            glob.pattern.endswith("/**") and glob.matches(f"{shown(folder)}/")
            for glob in self._exclude
        )

    def _refuse_beyond_limits(self, location: Location, content: FileContent) -> None:
        if len(location.name) > self.limits.name_characters:
            sentence = f"{display(location.name, 80)}: longer than limits.name_characters"
            raise CollectionError(sentence, reason="TOO_LARGE")
        try:
            content.refuse_over(self.limits.artifact_bytes, "limits.artifact_bytes")
        except TooLargeError as error:
            raise CollectionError(str(error), reason="TOO_LARGE") from None


def _listing(folder: Path, most: int) -> tuple[list[Entry], list[Entry]]:
    """Return folders and regular files, sorted; CollectionError beyond `most` entries."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(islice(listing, most + 1), key=lambda entry: entry.name)
        folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
        files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError as error:
        raise unreadable(folder, error) from None
    if len(entries) > most:
        sentence = f"{display(str(folder))}: more entries than are left of limits.files"
        raise CollectionError(sentence, reason="TOO_LARGE")
    return folders, files
