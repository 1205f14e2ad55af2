"""What pages and downloads read: frozen answers, no row and no connection inside.

A number that opens a list is a `Count`. Times are aware UTC. Digests are `core.model.Digest`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from core.model import (
    ARTIFACT_HEAD,
    Digest,
    DigestOrigin,
    FindingOutcome,
    ListLink,
    Outcome,
    PolicyMode,
    PolicyStatus,
    ScanState,
    SignerKind,
    Status,
    TrustKind,
    Unread,
    VerdictOutcome,
    Verification,
)
from storage.filters import ArtifactFilter, Change, Count, SignerFilter

# --- lists of artifacts --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """One artifact at one location, as lists show it."""

    location_id: int
    source: str
    kind: str  # of the source
    owner: str
    repository: str
    name: str
    version: str
    variant: str
    artifact_kind: str
    digest: Digest
    status: Status
    reason: str
    contested: bool
    policy_status: PolicyStatus
    unconstrained: bool
    exclusion_rule: int | None
    first_seen_at: datetime
    since_at: datetime
    status_since_at: datetime
    gone_at: datetime | None


@dataclass(frozen=True, slots=True)
class ArtifactPage:
    """Some rows of a list; `next_after` continues it, empty at its end."""

    rows: tuple[ArtifactRow, ...]
    next_after: str


# --- coverage ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """The numbers of one source, owner or kind, or of all; zero counts are present.

    `statuses` and `policies` each sum to `total`; coverage is verified / total.
    """

    label: str
    total: Count
    statuses: Mapping[Status, Count]
    policies: Mapping[PolicyStatus, Count]
    contested: Count
    unconstrained: Count
    excluded: Count

    @property
    def share(self) -> float | None:
        """Verified / total, from 0 to 1; None where there is nothing to cover."""
        verified = self.statuses[Status.VERIFIED].number
        return verified / self.total.number if self.total.number else None

    @property
    def policy_share(self) -> float | None:
        """Passed / total, from 0 to 1; None where there is nothing to cover."""
        passed = self.policies[PolicyStatus.PASSED].number
        return passed / self.total.number if self.total.number else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where everything stands. Ungoverned artifacts are `overall.policies[UNGOVERNED]`."""

    overall: CoverageLine
    by_source: tuple[CoverageLine, ...]
    by_owner: tuple[CoverageLine, ...]
    by_kind: tuple[CoverageLine, ...]
    sources: int  # configured ones
    sources_never_read: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrendDay:
    """The numbers at the end of a UTC day, sources not read that day at their last known value."""

    day: date
    statuses: Mapping[Status, int]
    policies: Mapping[PolicyStatus, int]
    total: int

    @property
    def share(self) -> float | None:
        """Verified / total, from 0 to 1; None where there was nothing to cover."""
        return self.statuses[Status.VERIFIED] / self.total if self.total else None


# --- failures ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """All artifacts that are not verified for one reason, largest group first in a list."""

    status: Status
    reason: str
    count: Count
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequirementGroup:
    """All artifacts about which one requirement said one thing for one reason."""

    policy: str
    policy_title: str
    mode: PolicyMode
    requirement: str
    title: str
    outcome: FindingOutcome
    reason: str
    count: Count


@dataclass(frozen=True, slots=True)
class Failures:
    """What is not verified, and what policies object to."""

    statuses: Mapping[Status, Count]  # failed, unsigned, unknown
    reasons: tuple[ReasonGroup, ...]
    requirements: tuple[RequirementGroup, ...]


# --- one artifact --------------------------------------------------------------------------------


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
class TrustUse:
    """A source accepts a trust entry under a name."""

    entry_id: int
    source: str
    unit: str  # empty: the settings name it for the whole source
    name: str
    kind: TrustKind
    origin: str
    flags: tuple[str, ...]
    content: Digest  # its raw bytes, to be downloaded as evidence is


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


# --- raw bytes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawBytes:
    """Kept bytes; `chunks` reads them from the open connection, once."""

    digest: Digest
    size: int
    media_type: str
    added_at: datetime
    chunks: Iterator[bytes]


# --- verifications -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """What one check gave, as lists show it; `set_id` is one set it counts in, None for none."""

    id: int
    outcome: Outcome
    format: str
    role: str
    reason: str
    signer_id: int | None
    signer: str
    signed_at: datetime | None
    verified_at: datetime
    evidence: Digest
    origin: str
    set_id: int | None


@dataclass(frozen=True, slots=True)
class VerificationPage:
    """Some verifications; `next_after` continues the list, empty at its end."""

    rows: tuple[VerificationRow, ...]
    next_after: str


# --- signers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignerRow:
    """Somebody who signed, by identity or key."""

    id: int
    kind: SignerKind
    fingerprint: str
    identity: str
    issuer: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    first_seen_at: datetime
    first_signed_at: datetime | None
    last_signed_at: datetime | None
    verifications: int
    artifacts: Count
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignerPage:
    """Some signers; `next_after` continues the list, empty at its end."""

    rows: tuple[SignerRow, ...]
    next_after: str


@dataclass(frozen=True, slots=True)
class SignerMonth:
    """What a signer signed in one month, by the time the signatures state."""

    month: date  # its first day
    verifications: int
    artifacts: int  # now current, outside exclusions


@dataclass(frozen=True, slots=True)
class SignerDetail:
    """One signer and its use over time, months without use left out."""

    signer: SignerRow
    months: tuple[SignerMonth, ...]
    undated: int  # verifications whose signature states no time


# --- sources -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One pass over a source."""

    id: int
    source: str
    state: ScanState
    started_at: datetime
    beat_at: datetime
    finished_at: datetime | None
    cancel_at: datetime | None
    units_total: int
    units_done: int
    sightings: int
    requests: int
    bytes: int
    rows_written: int
    errors: tuple[UnitTrouble, ...]


@dataclass(frozen=True, slots=True)
class UnitTrouble:
    """A unit that could not be read to its end, and why."""

    unit: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class UnitFindingRow:
    """What is weak in how a unit is configured, or left unseen."""

    id: int
    source: str
    unit: str
    reason: str
    detail: str
    expected: str
    found: str
    since_at: datetime


@dataclass(frozen=True, slots=True)
class UnitFindingPage:
    """Some findings; `next_after` continues the list, empty at its end."""

    rows: tuple[UnitFindingRow, ...]
    next_after: str


@dataclass(frozen=True, slots=True)
class UnitFindingGroup:
    """Findings of one code; `filter` selects exactly these."""

    reason: str
    number: int
    filter: ArtifactFilter
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit of a source: a suite, a repository, a folder."""

    name: str
    complete_at: datetime | None
    reason: str
    detail: str
    gone_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnitPage:
    """Some units of a source, of `total`; `next_after` continues the list, empty at its end."""

    rows: tuple[UnitRow, ...]
    total: int
    next_after: str


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How far a source's numbers can be relied on."""

    id: int
    name: str
    kind: str
    address: str
    owner: str
    tier: str
    every_seconds: int
    configured: bool
    added_at: datetime
    read_at: datetime | None
    complete_at: datetime | None
    read_age_seconds: int | None
    complete_age_seconds: int | None
    verifier: str  # the oldest version that anything of it was judged by; empty: not known
    stale: bool  # not read completely for longer than twice its interval, or never
    reason: str
    detail: str
    line: CoverageLine
    units: int
    troubles: tuple[UnitTrouble, ...]  # at most 20; `troubled_units` has their number
    troubled_units: int
    last_scan: ScanRow | None  # the newest that is over
    running: ScanRow | None
    requested_at: datetime | None  # a scan was asked for and has not begun


@dataclass(frozen=True, slots=True)
class SourceDetail:
    """One source with its units and scans, newest first."""

    health: SourceHealth
    unit_rows: tuple[UnitRow, ...]
    more_units: int
    scans: tuple[ScanRow, ...]


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """The strip on every page. A source may count under several words."""

    sources: int
    never_read: int
    stale: int
    troubled: int  # the last scan fell short
    running: int
    verifiers: tuple[str, ...]  # of each source that was read: the oldest it was judged by


# --- trust ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """One key or certificate inside a trust entry."""

    kind: str
    fingerprint: str
    identity: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    revoked: bool
    verifications: int  # that named exactly it as their anchor


@dataclass(frozen=True, slots=True)
class TrustEntryRow:
    """One thing that may vouch, who accepts it, and what hangs on it."""

    id: int
    kind: TrustKind
    digest: Digest  # of content, kind and bounds
    content: Digest
    size: int
    only: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    added_at: datetime
    uses: tuple[TrustUse, ...]
    credentials: tuple[CredentialRow, ...]
    verifications: int
    artifacts: Count


@dataclass(frozen=True, slots=True)
class TrustPage:
    """Some trust entries; `next_after` continues the list, empty at its end."""

    rows: tuple[TrustEntryRow, ...]
    next_after: str


# --- changes and exclusions ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignerCount:
    """A number of signers and the filter of the list that it counts."""

    number: int
    filter: SignerFilter


@dataclass(frozen=True, slots=True)
class Changes:
    """What became different since an instant."""

    since: datetime
    counts: Mapping[Change, Count]  # all of Change
    new_signers: SignerCount


@dataclass(frozen=True, slots=True)
class ExclusionRule:
    """What is left out of coverage, why, and on whose word."""

    id: int
    match: Mapping[str, Mapping[str, str]]
    reason: str
    owner: str
    active: bool
    added_at: datetime
    count: Count
