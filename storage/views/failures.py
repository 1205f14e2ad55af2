"""What is not verified, and what policies object to, in groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.model import FindingOutcome, PolicyMode, Status
from storage.filters import Count


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
