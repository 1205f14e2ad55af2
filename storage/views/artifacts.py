"""Artifacts at their locations, as lists show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.model import Digest, PolicyStatus, Status


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
