"""One look at one tag: is it what it was, and if not, what is it and what vouches for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from collectors.collector import Memory
from collectors.oci_evidence import SignatureReader
from collectors.oci_manifest import Descriptor, Manifest, children, variants
from collectors.oci_registry import Registry
from collectors.parallel import Once
from core.errors import CollectionError, CountersignError, MalformedError
from core.limits import Limits
from core.model import (
    Artifact,
    Digest,
    DigestOrigin,
    Discovery,
    EvidenceSet,
    Location,
    Sighting,
    Unchanged,
)
from core.signature_layers import TOGETHER
from core.text import display

NOT_COVERED = (
    "the index {} is signed; signatures are over the index, a pull by platform digest is not"
    " covered"
)


@dataclass(frozen=True, slots=True)
class Later:
    """A look that is taken when it is due: too much evidence waits to be told already."""

    look: Callable[[], LookedAt]


@dataclass(slots=True)
class LookedAt:
    """What a look gave: discoveries in order, and what could not be read below it."""

    discoveries: list[Discovery | Later] = field(default_factory=list)
    faults: list[CountersignError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an evidence set's state remembers: what was attached, and an index's children."""

    signed: dict[str, str]
    children: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        document = {"signed": self.signed, "children": self.children}
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    @classmethod
    def read(cls, state: str) -> Kept | None:
        """Read what `str` wrote; None for anything else, which means looking again."""
        try:
            document = json.loads(state)
            return cls(dict(document["signed"]), dict(document["children"]))
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(slots=True)
class _Below:
    """What the children of an index gave."""

    looked: LookedAt = field(default_factory=LookedAt)
    notes: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)  # variant → digest, of those that are here
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class _Read:
    """The evidence of one digest as it was read, and its state."""

    evidence_set: EvidenceSet
    signed: dict[str, str]


class Look:
    """Looks at the tags of one repository. Safe to use from several threads."""

    def __init__(
        self,
        registry: Registry,
        signatures: SignatureReader,
        unit: str,
        memory: Memory,
        *,
        platforms: Literal["each", "index"],
        limits: Limits,
    ) -> None:
        self._registry, self._signatures, self._unit = registry, signatures, unit
        self._memory, self._lock = memory, threading.Lock()
        self._platforms = platforms
        self._waiting, self._most = 0, TOGETHER * limits.evidence_bytes  # of evidence, in bytes
        self._artifacts: Once[Digest, Manifest | None] = Once()
        self._sets: Once[str, _Read | None] = Once()
        self._signed: set[Digest] = set()  # outlives the evidence, which `told` forgets
        self._states: Once[Digest, dict[str, str]] = Once()

    def told(self, evidence_set: EvidenceSet) -> None:
        """Forget the content of a set that was yielded; its name is enough from now on."""
        self._sets.put(evidence_set.key, None)
        with self._lock:
            self._waiting -= _size(evidence_set)

    def at(self, tag: str) -> LookedAt | Later:
        """Look at one tag; nothing at all when it is gone since the tags were listed."""
        return self._soon(partial(self._at, tag))

    def _soon(self, look: Callable[[], LookedAt]) -> LookedAt | Later:
        return Later(look) if self._waiting > self._most else look()

    def _at(self, tag: str) -> LookedAt:
        place = Location(self._unit, self._unit, tag)
        known = self._digest_at(place)
        if known is not None:
            now = self._registry.digest_of_tag(self._unit, tag, known)
            if now is None:
                return LookedAt()
            unchanged = self._unchanged(place, known) if now == known else None
            if unchanged is not None:
                return LookedAt(unchanged)
        manifest = self._registry.manifest(self._unit, tag)
        return LookedAt() if manifest is None else self._found(place, manifest)

    # --- what was there before -------------------------------------------------------------------

    def _unchanged(self, place: Location, known: Digest) -> list[Discovery | Later] | None:
        kept = self._kept(known)
        if kept is None or not self._is_settled(known):
            return None
        found: list[Discovery | Later] = [Unchanged(place)]
        for variant, digest in kept.children.items():
            below = replace(place, variant=variant)
            at_place = self._digest_at(below)
            if at_place is None or str(at_place) != digest or not self._is_settled(at_place):
                return None
            found.append(Unchanged(below))
        return found

    def _is_settled(self, digest: Digest) -> bool:
        kept = self._kept(digest)
        if kept is None:
            return False
        now = self._states.get(digest, lambda: self._signatures.state(digest, kept.signed))
        return now == kept.signed

    def _kept(self, digest: Digest) -> Kept | None:
        with self._lock:
            return Kept.read(self._memory.state_of(self._signatures.key(digest)))

    def _digest_at(self, place: Location) -> Digest | None:
        with self._lock:
            return self._memory.digest_at(place)

    # --- what is new or changed ------------------------------------------------------------------

    def _found(self, place: Location, manifest: Manifest) -> LookedAt:
        self._artifacts.put(manifest.digest, _bare(manifest))
        if not manifest.is_index:
            return self._image(place, manifest, ())
        below, read = _Below(), self._read(manifest.digest)
        if self._platforms == "each":
            below = self._look_below(place, manifest, is_signed=manifest.digest in self._signed)
        else:
            below.notes.append("its platforms are not looked at (platforms: index)")
        own = _sighted(place, manifest, self._signatures.key(manifest.digest), read, below)
        return LookedAt([*own, *below.looked.discoveries], below.looked.faults)

    def _look_below(self, place: Location, index: Manifest, *, is_signed: bool) -> _Below:
        below = _Below()
        notes = (NOT_COVERED.format(index.digest),) if is_signed else ()
        try:
            listed = children(index)
        except MalformedError as error:
            below.looked.faults.append(_at(place, error))
            below.is_whole = False
            return below
        for variant, child in variants(listed).items():
            if child.is_build_record:
                below.notes.append(f"{child.digest} is a record of the build, not an image")
                continue
            if not child.is_manifest:
                kind = display(child.media_type, 100)
                below.notes.append(f"{child.digest} is of the type {kind}, not an image")
                continue
            self._look_at_child(replace(place, variant=variant), child, notes, below)
        return below

    def _look_at_child(
        self, place: Location, child: Descriptor, notes: tuple[str, ...], below: _Below
    ) -> None:
        try:
            found = self._child(place, child, notes)
        except MalformedError as error:
            below.looked.faults.append(_at(place, error))
            below.is_whole = False
            return
        except CollectionError as error:
            below.looked.faults.append(error)
            below.is_whole = False
            return
        if not found:
            below.notes.append(f"{place.variant} {child.digest} is listed, but not here")
            below.is_whole = False
            return
        below.named[place.variant] = str(child.digest)
        below.looked.discoveries.extend(found)

    def _child(
        self, place: Location, child: Descriptor, notes: tuple[str, ...]
    ) -> Sequence[Discovery | Later]:
        if self._digest_at(place) == child.digest and self._is_settled(child.digest):
            return [Unchanged(place)]
        digest = child.digest
        manifest = self._artifacts.get(digest, lambda: self._fetched(digest))
        if manifest is None:
            return []
        if manifest.is_index:
            raise MalformedError("an index inside an index, which is not read")
        looked = self._soon(partial(self._image, place, manifest, notes))
        return [looked] if isinstance(looked, Later) else looked.discoveries

    def _image(self, place: Location, manifest: Manifest, notes: tuple[str, ...]) -> LookedAt:
        key, read = self._signatures.key(manifest.digest), self._read(manifest.digest)
        return LookedAt([*_sighted(place, manifest, key, read, _Below(notes=list(notes)))])

    def _fetched(self, digest: Digest) -> Manifest | None:
        manifest = self._registry.manifest(self._unit, digest)
        return None if manifest is None else _bare(manifest)

    def _read(self, digest: Digest) -> _Read | None:
        """Return the evidence of a digest, None where its set was told already."""
        return self._sets.get(self._signatures.key(digest), lambda: self._newly_read(digest))

    def _newly_read(self, digest: Digest) -> _Read:
        read = _Read(*self._signatures.read(digest))
        with self._lock:
            self._waiting += _size(read.evidence_set)
            if read.evidence_set.evidence:
                self._signed.add(digest)
        return read


def _sighted(
    place: Location, manifest: Manifest, key: str, read: _Read | None, below: _Below
) -> list[Discovery]:
    artifact = Artifact(
        "oci-index" if manifest.is_index else "oci-image",
        manifest.digest,
        DigestOrigin.COMPUTED,
        manifest.size,
        manifest.media_type,
    )
    sighting = Sighting(place, artifact, key)
    return [sighting] if read is None else [_told(read, below), sighting]


def _size(evidence_set: EvidenceSet) -> int:
    return sum(len(each.content) for each in evidence_set.evidence)


def _told(read: _Read, below: _Below) -> EvidenceSet:
    state = str(Kept(read.signed, below.named)) if read.signed and below.is_whole else ""
    looked = (*read.evidence_set.looked, *below.notes)
    return replace(read.evidence_set, looked=looked, state=state)


def _bare(manifest: Manifest) -> Manifest:
    empty: Mapping[str, object] = {}
    return replace(manifest, document=dict(empty))


def _at(place: Location, error: MalformedError) -> MalformedError:
    where = f"{place.name}:{place.version}"
    where += f" {place.variant}" if place.variant else ""
    return type(error)(f"{where}: {error}")
