"""What rows name of the sources and policies in the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What a location's facts say about its source."""

    id: int
    name: str
    kind: str
    owner: str
    tier: str


@dataclass(frozen=True, slots=True)
class PolicyRows:
    """Ids of the active policies, their versions and requirements, by name."""

    policies: dict[str, int]
    versions: dict[str, int]  # policy digest → id
    requirements: dict[tuple[str, str], int]  # (policy, requirement) → id
