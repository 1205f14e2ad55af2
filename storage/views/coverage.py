"""Where everything stands, over time, and what is left out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from core.model import PolicyStatus, Status
from storage.filters import Count


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
