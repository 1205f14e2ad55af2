"""A collector's memory in a dictionary: what the last complete read of a unit left behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.model import (
    Digest,
    Discovery,
    EvidenceSet,
    Location,
    Sighting,
    Unchanged,
    UnchangedSet,
    UnitEnd,
)


@dataclass
class UnitMemory:
    """Implements `collectors.collector.Memory`; `keep` plays the part of the writer.

    The writer played here takes every set for verified, so it keeps every `UnitEnd.accepted`; an
    empty one leaves what was there.
    """

    state: str = ""
    places: dict[Location, tuple[Digest, str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    last_accepted: str = ""

    def unit_state(self) -> str:
        return self.state

    def accepted(self) -> str:
        return self.last_accepted

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
            if isinstance(one, UnchangedSet):
                kept = {at: what for at, what in self.places.items() if what[1] == one.key}
                assert not kept.keys() & seen.keys()
                seen |= kept
        end = found[-1]
        assert isinstance(end, UnitEnd)
        self.state, self.places = end.state, self.places if end.unchanged else seen
        self.last_accepted = end.accepted or self.last_accepted
        return found
