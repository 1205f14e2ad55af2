"""Read one unit of a source and verify what vouches for it: runs beside the writer, never writes.

The collector finds, this module asks verification, and out come batches of bounded size that the
one writer stores. A unit whose list does not verify any more never changes what an earlier,
verified list established: its evidence is recorded, its content is not believed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from collectors.collector import Collector, Memory
from core.errors import CollectionError, MalformedError
from core.limits import MIB, Limits
from core.model import (
    Accepts,
    Discovery,
    Evidence,
    EvidenceSet,
    Facts,
    IndexKept,
    Location,
    MemoryContent,
    Sighting,
    Status,
    Trust,
    TrustEntry,
    Unchanged,
    UnchangedSet,
    UnitEnd,
    UnitFinding,
    Verification,
    digest_of,
)
from core.text import display
from jobs.judging import NOWHERE
from storage.configured import SourceRow
from storage.facts import ItemFacts, SetFacts
from storage.judgement import Judge
from storage.scans import ScanError
from storage.schema import INDEXED_BYTES
from verification.format import Setting
from verification.standing import combine
from verification.verifier import is_recognised, trust_digest, verification_key, verify

BATCH = 1000
BATCH_BYTES = 16 * MIB  # of evidence held before it is stored
REMEMBERED = 1024
MOST_BYTES = 4  # of a character in UTF-8
UNTOLD = "the collector must tell what the unit accepts (Accepts) before anything else"
ACCEPTED = "accepted"  # kept for a list whose collector has nothing of its own to keep
NO_CONTENT = digest_of(b"")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class UnitBatch:
    """A bounded part of what a unit holds, ready to be stored in one transaction."""

    unit: str
    sets: list[SetFacts] = field(default_factory=list)
    accepts: list[Trust] = field(default_factory=list)
    findings: list[UnitFinding] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    unchanged: list[Location] = field(default_factory=list)
    unchanged_sets: list[str] = field(default_factory=list)
    indexes: list[IndexKept] = field(default_factory=list)
    end: UnitEnd | None = None
    error: ScanError | None = None
    held: int = 0  # bytes of evidence

    def is_full(self) -> bool:
        """Say whether it is time to store it: by count and by bytes held."""
        count = len(self.sets) + len(self.sightings) + len(self.unchanged)
        return count >= BATCH or self.held >= BATCH_BYTES


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything a reader works under."""

    source: SourceRow
    collector: Collector
    trust: Trust
    judge: Judge
    limits: Limits
    now: datetime


class UnitReader:
    """Turns one unit's discoveries into batches."""

    def __init__(self, reading: Reading, unit: str, memory: Memory) -> None:
        self._reading, self._unit, self._memory = reading, unit, memory
        self._verified: OrderedDict[str, Verification] = OrderedDict()
        self._unproved = False  # some set of the unit did not verify
        self._has_list = False
        self._accepted: list[TrustEntry] = []
        self._is_begun = False
        self._too_long = ""  # a name that cannot be kept; everything else in the unit is

    def batches(self) -> Iterator[UnitBatch]:
        """Yield batches; the last one carries either `end` or `error`."""
        batch = UnitBatch(self._unit)
        try:
            for discovery in self._reading.collector.collect(self._unit, self._memory):
                refused = self._take(batch, discovery)
                if refused is not None:
                    batch.error = refused
                    break
                if batch.is_full():
                    yield batch
                    batch = UnitBatch(self._unit)
        except (CollectionError, MalformedError) as error:
            batch.error = ScanError(self._unit, error.reason, str(error))
        except Exception as error:  # one unit's bug must not end the scan of the others
            log.exception("unit failed", source=self._reading.source.name, unit=self._unit)
            batch.error = ScanError.internal(self._unit, error)
        if self._too_long and batch.error is None:
            batch.end, batch.error = None, too_long(self._unit, self._too_long)
        if batch.end is None and batch.error is None:
            words = "the collector stopped before the end of the unit"
            batch.error = ScanError(self._unit, "SCAN_INCOMPLETE", words)
        yield batch

    def _take(self, batch: UnitBatch, discovery: Discovery) -> ScanError | None:
        if isinstance(discovery, Accepts):
            return self._take_accepts(batch, discovery)
        self._is_begun = True
        if not all(is_found_by(*names) for names in _names(discovery)):
            self._too_long = self._too_long or _names(discovery)[-1][0]
            return None
        match discovery:
            case EvidenceSet():
                return self._take_set(batch, discovery)
            case Sighting():
                batch.sightings.append(discovery)
            case Unchanged():
                batch.unchanged.append(discovery.location)
            case UnchangedSet():
                batch.unchanged_sets.append(discovery.key)
            case IndexKept():
                batch.indexes.append(discovery)
                if isinstance(discovery.content, MemoryContent):
                    batch.held += discovery.content.size
            case UnitEnd():
                batch.end = self._close(discovery)
        return None

    def _take_accepts(self, batch: UnitBatch, told: Accepts) -> ScanError | None:
        if self._is_begun:  # the writer has followed what was told before
            return ScanError(self._unit, "SCAN_INCOMPLETE", UNTOLD)
        batch.accepts.append(told.trust)
        batch.findings += told.findings
        self._accepted += told.trust.entries
        return None

    def _close(self, end: UnitEnd) -> UnitEnd:
        # what an unverified list says of itself (its date) must not bind the verified ones after it
        if self._unproved:
            return replace(end, accepted="")
        return replace(end, accepted=ACCEPTED) if self._has_list and not end.accepted else end

    def _take_set(self, batch: UnitBatch, found: EvidenceSet) -> ScanError | None:
        trust = found.trust if found.trust is not None else self._reading.trust
        # Trust nobody told of would be taken away again when the next scan begins.
        if found.trust is not None and any(one not in self._accepted for one in trust.entries):
            return ScanError(self._unit, "SCAN_INCOMPLETE", UNTOLD)
        facts = self._judge_set(found, trust)
        rolled_back = [i for i in facts.items if i.verification.reason == "METADATA_ROLLBACK"]
        if rolled_back:
            return ScanError(self._unit, "METADATA_ROLLBACK", rolled_back[0].verification.detail)
        batch.sets.append(facts)
        batch.held += sum(len(item.content) for item in facts.items)
        self._unproved = self._unproved or facts.status is not Status.VERIFIED
        self._has_list = self._has_list or found.is_list
        if found.is_list and facts.status is not Status.VERIFIED and self._memory.accepted():
            # The reader stops here: what else the same evidence vouched for has to fall with it.
            batch.sets += _fellows(facts, found.fellows)
            words = f"the list does not verify any more, its content is not believed: {facts.key}"
            return ScanError(self._unit, facts.reason, words)
        return None

    def _judge_set(self, found: EvidenceSet, trust: Trust) -> SetFacts:
        setting = Setting(trust, self._reading.now, self._reading.limits)
        # A collector knows from the first bytes alone that something may lie within an artifact.
        evidence = (one for one in found.evidence if not one.is_inside or is_recognised(one))
        items = tuple(self._verify(one, setting) for one in evidence)
        verifications = tuple(item.verification for item in items)
        status, reason, contested = combine(verifications, found.unread)
        source = self._reading.source
        facts = set_facts_for(source, status, reason, verifications, contested=contested)
        return SetFacts(
            found.key, found.state, found.looked, found.unread, items, status, reason, contested,
            self._reading.judge.shared(facts),
        )  # fmt: skip

    def _verify(self, evidence: Evidence, setting: Setting) -> ItemFacts:
        key = verification_key(evidence, setting)
        verification = self._verified.get(key)
        if verification is None:
            verification = self._verified[key] = verify(evidence, setting)
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        first = evidence.subject.digests[0] if evidence.subject.digests else None
        return ItemFacts(
            evidence.content, evidence.media_type,
            evidence.origin, evidence.subject.name, str(first or ""), evidence.through,
            evidence.hint, bytes.fromhex(key), bytes.fromhex(trust_digest(setting.trust)),
            verification,
        )  # fmt: skip


def _fellows(facts: SetFacts, keys: tuple[str, ...]) -> list[SetFacts]:
    items = tuple(replace(item, through=()) for item in facts.items)  # named what is not read
    return [
        replace(facts, key=key, items=items, state="")
        for key in keys
        if key != facts.key and is_found_by(key)
    ]


def set_facts_for(
    source: SourceRow,
    status: Status,
    reason: str,
    verifications: tuple[Verification, ...],
    *,
    contested: bool,
) -> Facts:
    """Return what policies may see of a set before any artifact is named."""
    return Facts(
        source.kind, NOWHERE, NO_CONTENT, source.name, source.owner, source.tier, status,
        contested, reason, verifications,
    )  # fmt: skip


def _names(discovery: Discovery) -> tuple[tuple[str, ...], ...]:
    """Return what rows of the database are found by; the last is what people know it by."""
    match discovery:
        case EvidenceSet():
            return ((discovery.key,),)
        case IndexKept():
            return ((discovery.name,),)
        case Sighting():
            at = discovery.location
            return (discovery.evidence_set,), (at.name, at.repository, at.version, at.variant)
    return ()


def is_found_by(*names: str) -> bool:
    """Say whether the database can find a row by all these names together."""
    if sum(map(len, names)) * MOST_BYTES <= INDEXED_BYTES:
        return True
    return sum(len(name.encode("utf-8", "surrogatepass")) for name in names) <= INDEXED_BYTES


def too_long(unit: str, name: str) -> ScanError:
    """Return why something is left out that has a name of too many bytes."""
    words = f"{display(name, 80)}: longer than {INDEXED_BYTES} bytes with the folder it is in"
    return ScanError(unit, "TOO_LARGE", f"{words}; shorten it, or exclude it from the source")


def seal_of(*parts: str) -> str:
    """Return the seal of everything a unit is read under."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
