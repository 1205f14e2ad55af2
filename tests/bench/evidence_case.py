"""What a case of the workload `evidence` is: evidence at the limit, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.limits import Limits
from core.model import Evidence, TrustEntry
from tests.verification.specimens import evidence, setting
from verification.format import Setting

LIMITS = Limits()
Case = tuple[Evidence, Setting]


@dataclass(frozen=True, slots=True)
class Worst:
    """One kind of evidence at the limit: how it is made for a number of bytes."""

    format: str
    kind: str
    make: Callable[[int], Case]


def case(content: bytes, *entries: TrustEntry, **given: Any) -> Case:
    return evidence(content, **given), setting(*entries)
