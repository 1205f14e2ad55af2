"""What every collector is: the contract `tests/collectors/test_contract.py` holds them to.

A collector reads one source, unit by unit (a suite, a repository, a folder), and yields what it
found. It never judges and never writes. Data flows one way:

    units() → names          collect(unit, memory) → Accepts, if its trust is of its own finding,
                             EvidenceSet, then the Sightings that name it, Unchanged, IndexKept,
                             ... and UnitEnd last

Rules: an EvidenceSet comes before the first Sighting that names it; UnitEnd comes only when the
unit was read to its end, and whatever was not sighted by then is gone; a CollectionError or
MalformedError out of `collect` ends that unit as incomplete (nothing in it is gone) and the scan
goes on with the next. Memory stays flat: sightings are yielded as they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from core.limits import Limits
from core.model import Digest, Discovery, Location
from net.http import Http


class Memory(Protocol):
    """What earlier complete scans of the same unit left behind. Read only."""

    def unit_state(self) -> str:
        """Return the `UnitEnd.state` of the last complete scan, or an empty string."""

    def accepted(self) -> str:
        """Return the last `UnitEnd.accepted`, whatever changed since, or an empty string."""

    def digest_at(self, location: Location) -> Digest | None:
        """Return the digest last seen at this location, or None."""

    def set_at(self, location: Location) -> str:
        """Return the key of the evidence set that vouched for this location, or ''."""

    def state_of(self, key: str) -> str:
        """Return the `EvidenceSet.state` last recorded under this key, or ''."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a collector may use: bounded HTTP, limits, secrets and a folder for spooled bytes."""

    http: Http
    limits: Limits
    secrets: Mapping[str, str]  # name of the option that holds a secret → its value
    base: Path  # relative paths in options start here (the settings file's folder)
    spool: Path  # an existing folder for temporary files; emptied by the caller


class Collector(Protocol):
    """One source, read unit by unit."""

    Options: type[BaseModel]  # what the source's entry in the settings may say, forbid extras

    def __init__(self, source: str, options: BaseModel, surroundings: Surroundings) -> None:
        """Keep what is needed; no I/O."""

    def units(self) -> Iterator[str]:
        """Yield the names of all units; CollectionError when the list itself is out of reach."""

    def collect(self, unit: str, memory: Memory) -> Iterator[Discovery]:
        """Yield what the unit holds, UnitEnd last."""
