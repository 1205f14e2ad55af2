"""A collector's memory in a dictionary: what the last complete read of a unit left behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.model import Digest, Discovery, EvidenceSet, Location, Sighting, Unchanged, UnitEnd


@dataclass
class UnitMemory:
    """Implements `collectors.collector.Memory`; `keep` plays the part of the writer."""

    state: str = ""
    places: dict[Location, tuple[Digest, str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def unit_state(self) -> str:
        return self.state

    def accepted(self) -> str:
        return ""

    def digest_at(self, location: Location) -> Digest | None:
        kept = self.places.get(location)
        return kept[0] if kept is not None else None

    def set_at(self, location: Location) -> str:
        kept = self.places.get(location)
        return kept[1] if kept is not None else ""

    def state_of(self, key: str) -> str:
        return self.states.get(key, "")

    def keep(self, discoveries: Iterable[Discovery]) -> list[Discovery]:
        """Store what a collector yields, holding it to its contract; return it as a list."""
        found = list(discoveries)
        seen: dict[Location, tuple[Digest, str]] = {}
        told: set[str] = set()
        for one in found:
            if isinstance(one, EvidenceSet):
                assert one.key not in told
                told.add(one.key)
                self.states[one.key] = one.state
            if isinstance(one, Sighting):
                assert one.evidence_set in told
                assert one.location not in seen
                seen[one.location] = (one.artifact.digest, one.evidence_set)
            if isinstance(one, Unchanged):
                assert one.location not in seen
                seen[one.location] = self.places[one.location]
        assert isinstance(found[-1], UnitEnd)
        self.state, self.places = found[-1].state, seen
        return found
