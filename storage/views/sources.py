"""Sources, their units and scans, and how far their numbers can be relied on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.model import ScanState
from storage.filters import ArtifactFilter
from storage.views.coverage import CoverageLine


@dataclass(frozen=True, slots=True)
class UnitTrouble:
    """A unit that could not be read to its end, and why."""

    unit: str
    reason: str
    detail: str


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
