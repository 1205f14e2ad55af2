"""One artifact with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.model import (
    ARTIFACT_HEAD,
    Digest,
    DigestOrigin,
    FindingOutcome,
    ListLink,
    PolicyMode,
    Status,
    Unread,
    VerdictOutcome,
    Verification,
)
from storage.filters import Count
from storage.views.artifacts import ArtifactRow
from storage.views.trust import TrustUse


@dataclass(frozen=True, slots=True)
class FindingDetail:
    """What one requirement objected to."""

    requirement: str
    title: str
    outcome: FindingOutcome
    reason: str
    detail: str
    expected: str
    found: str
    solution: str


@dataclass(frozen=True, slots=True)
class VerdictDetail:
    """What one policy said; only requirements that did not pass have a finding."""

    policy: str
    title: str
    owner: str
    mode: PolicyMode
    version: Digest
    outcome: VerdictOutcome
    decided_at: datetime
    findings: tuple[FindingDetail, ...]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A location went from one status to another."""

    location_id: int
    changed_at: datetime
    from_status: str  # empty: it was not there before
    from_reason: str
    to_status: str
    to_reason: str


@dataclass(frozen=True, slots=True)
class PastContent:
    """A location held this artifact over a half-open interval."""

    location_id: int
    source: str
    name: str
    version: str
    digest: Digest
    artifact_kind: str
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class LocationDetail:
    """One place of the artifact, current or gone, with what policies said there."""

    row: ArtifactRow
    tier: str
    set_id: int
    seen_at: datetime | None  # end of the source's last scan
    exclusion_reason: str
    exclusion_owner: str
    verdicts: tuple[VerdictDetail, ...]


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One piece of evidence and what checking it gave."""

    position: int
    media_type: str
    origin: str
    subject: str
    subject_digest: Digest | None  # the first stated; of a signed list, the list's own
    evidence: Digest
    size: int
    hint: Digest | None
    through: tuple[ListLink, ...]
    verification_id: int
    verification: Verification
    signer_id: int | None
    verified_at: datetime
    due_at: datetime | None
    trust: tuple[TrustUse, ...]  # entries of this source that anchored it

    @property
    def is_inside(self) -> bool:
        """Whether it lies within the artifact: what is kept are then its first bytes alone."""
        return self.media_type == ARTIFACT_HEAD


@dataclass(frozen=True, slots=True)
class EvidenceSetDetail:
    """Everything that vouches for the artifact at some of its locations."""

    id: int
    source: str
    verifier: str  # the oldest version that anything of the source was judged by
    key: str
    status: Status
    reason: str
    contested: bool
    changed_at: datetime
    looked: tuple[str, ...]
    unread: tuple[Unread, ...]
    items: tuple[EvidenceItem, ...]
    trust: tuple[TrustUse, ...]  # all the source accepts
    locations: Count  # that share it


@dataclass(frozen=True, slots=True)
class ArtifactDetail:
    """One artifact with all that is known of it; lists are cut, with the number left out beside."""

    digest: Digest
    kind: str
    origin: DigestOrigin
    size: int | None
    media_type: str
    first_seen_at: datetime
    other_kinds: tuple[str, ...]
    locations: tuple[LocationDetail, ...]
    more_locations: int
    evidence: tuple[EvidenceSetDetail, ...]
    more_evidence_sets: int
    changes: tuple[StatusChange, ...]  # newest first
    past: tuple[PastContent, ...]  # where it was, and what its places held before; newest first
