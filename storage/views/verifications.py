"""What each check gave, as lists show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.model import Digest, Outcome


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
