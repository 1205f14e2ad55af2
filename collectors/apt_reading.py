"""One pass over one suite: its Release, the lists that changed, and what they name.

`collectors/apt.py` has the steps; here they are taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from collectors.apt_archive import Archive, archive_for
from collectors.apt_index import (
    PackageList,
    PackagesReader,
    absent_components,
    fetch_list,
    package_lists,
    unpack,
)
from collectors.apt_release import (
    DETACHED,
    AptState,
    ReleaseFields,
    SignedRelease,
    fetch_release,
    not_before,
)
from collectors.apt_suite import Suite
from collectors.apt_trust import trust_digest
from collectors.collector import Memory, Surroundings
from core.errors import CollectionError, MalformedError
from core.model import (
    Accepts,
    Discovery,
    Evidence,
    EvidenceSet,
    IndexKept,
    ListLink,
    MemoryContent,
    ReleaseExpectation,
    Subject,
    Trust,
    UnchangedSet,
    UnitEnd,
    digest_of,
)
from core.text import display

RULES = "3"  # part of every state: raise it when lists are read or locations named in another way


class SuiteReading:
    """One pass over one suite."""

    def __init__(
        self, suite: Suite, trust: Trust | None, memory: Memory, surroundings: Surroundings
    ) -> None:
        self.suite, self.trust, self.surroundings = suite, trust, surroundings
        self.limits = surroundings.limits
        self.archive: Archive = archive_for(suite.archive, surroundings.http)
        self.layout = digest_of((RULES + suite.layout).encode()).value
        self.trusted = trust_digest(trust)
        self.accepted = memory.accepted()  # Date of the newest Release that verified
        known = AptState.parse(memory.unit_state())
        self.known = known if known.layout == self.layout else AptState()
        if self.known.trust != self.trusted:
            self.known = self.known.forgetting_document()
        self.fellows = tuple(self.known.lists)  # every list that the Release vouches for
        self.complaints: list[CollectionError] = []

    def discoveries(self) -> Iterator[Discovery]:
        """Yield everything of the suite, UnitEnd last."""
        known = self.known
        if self.trust is not None:
            yield Accepts(self.trust)
        signed = fetch_release(self.archive, self.suite, known.conditions, self.limits)
        if signed is None:
            yield UnitEnd(known.text(), unchanged=True)
            return
        if signed.digest == known.digest:
            state = dataclasses.replace(known, conditions=signed.conditions)
            yield UnitEnd(state.text(), unchanged=True)
            return
        release = self._read(signed)
        if signed.signature and release.is_before(not_before(self.accepted)):
            yield from self._rolled_back(signed)
            return
        if signed.media_type == DETACHED:  # else the Release lies in its evidence
            content = MemoryContent(signed.text)
            name = f"{self.suite.unit} Release"
            yield IndexKept(name, digest_of(signed.text), "text/plain", content)
        lists: dict[str, tuple[str, str]] = {}
        named = self._lists(release)
        self.fellows = tuple(dict.fromkeys([*known.lists, *(one.key for one in named)]))
        for wanted in named:
            yield from self._list(wanted, signed, release, lists)
        if self.complaints:
            raise self.complaints[0]
        yield self._end(signed, release, lists)

    def _rolled_back(self, signed: SignedRelease) -> Iterator[Discovery]:
        """Tell of the older Release, and that what the last accepted one listed stays."""
        if not self.known.lists:  # the entry asks for other lists now, which only this one names
            raise CollectionError(
                f"the Release of {self.suite.unit} is older than the last one accepted"
                f" ({self.accepted})",
                reason="METADATA_ROLLBACK",
            )
        for key in self.known.lists:
            yield self._set(key, signed, ())
            yield UnchangedSet(key)
        yield UnitEnd(self.known.forgetting_document().text())

    def _read(self, signed: SignedRelease) -> ReleaseFields:
        try:
            return ReleaseFields.parse(signed.text)
        except MalformedError as error:
            raise type(error)(f"the Release of {self.suite.unit}: {error}") from None

    def _lists(self, release: ReleaseFields) -> list[PackageList]:
        if not release.files:
            raise CollectionError(
                f"the Release of {self.suite.unit} names no list by SHA256 or SHA512",
                reason="ALGORITHM_WEAK",
            )
        absent = absent_components(self.suite, release)
        if absent:
            self.complaints.append(
                CollectionError(
                    f"{self.suite.unit} has no component {display(absent[0])}; correct it at"
                    f" {self.suite.place}"
                )
            )
        return package_lists(self.suite, release)

    def _list(
        self,
        wanted: PackageList,
        signed: SignedRelease,
        release: ReleaseFields,
        lists: dict[str, tuple[str, str]],
    ) -> Iterator[Discovery]:
        entry, digest = self.known.lists.get(wanted.key, ("", ""))
        listed = wanted.files.get(entry)
        if listed is not None and str(listed.digest) == digest:
            lists[wanted.key] = (entry, digest)
            yield self._set(wanted.key, signed, (ListLink("Release", entry, listed.digest),))
            yield UnchangedSet(wanted.key)
            return
        suite = self.suite
        fetched = fetch_list(
            self.archive,
            suite,
            wanted,
            by_hash=suite.by_hash == "force" or (suite.by_hash != "no" and release.by_hash),
            spool=self.surroundings.spool,
            limits=self.limits,
        )
        entry, listed = fetched.entry, fetched.listed
        lists[wanted.key] = (entry, str(listed.digest))
        yield self._set(wanted.key, signed, (ListLink("Release", entry, listed.digest),))
        name = f"{suite.unit} {entry}"
        yield IndexKept(name, listed.digest, fetched.media_type, fetched.content)
        reader = PackagesReader(wanted, self.limits)
        try:
            pieces = unpack(fetched.content, entry, limit=self.limits.index_unpacked_bytes)
            yield from reader.sightings(pieces)
        except MalformedError as error:
            raise type(error)(f"{display(entry)} of {suite.unit}: {error}") from None
        if reader.weak:
            self.complaints.append(_weak(reader, name))

    def _set(self, key: str, signed: SignedRelease, through: tuple[ListLink, ...]) -> EvidenceSet:
        unsigned = EvidenceSet(
            key,
            looked=signed.looked,
            trust=self.trust,
            state=str(through[0].digest) if through else "",
            is_list=True,
            fellows=self.fellows,
        )
        if not signed.signature:
            return unsigned
        evidence = Evidence(
            signed.signature,
            signed.media_type,
            signed.origin,
            Subject(
                f"{self.suite.unit} Release", (digest_of(signed.text),), MemoryContent(signed.text)
            ),
            through,
            ReleaseExpectation(
                self.suite.suite,
                not_before(self.accepted),
                self.suite.flags,
                self.suite.most_age,
            ),
        )
        return dataclasses.replace(unsigned, evidence=(evidence,))

    def _end(
        self, signed: SignedRelease, release: ReleaseFields, lists: dict[str, tuple[str, str]]
    ) -> UnitEnd:
        state = AptState(
            self.layout,
            self.trusted,
            signed.digest,
            signed.conditions,
            lists,
        )
        if not signed.signature or release.date is None:
            return UnitEnd(state.text())
        return UnitEnd(state.text(), accepted=release.date.isoformat())


def _weak(reader: PackagesReader, name: str) -> CollectionError:
    return CollectionError(
        f"{name} names {reader.weak} packages by neither SHA256 nor SHA512, the first is"
        f" {display(reader.first_weak)}",
        reason="ALGORITHM_WEAK",
    )
