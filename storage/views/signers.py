"""Who signed, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from core.model import SignerKind
from storage.filters import Count


@dataclass(frozen=True, slots=True)
class SignerRow:
    """Somebody who signed, by identity or key."""

    id: int
    kind: SignerKind
    fingerprint: str
    identity: str
    issuer: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    first_seen_at: datetime
    first_signed_at: datetime | None
    last_signed_at: datetime | None
    verifications: int
    artifacts: Count
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignerPage:
    """Some signers; `next_after` continues the list, empty at its end."""

    rows: tuple[SignerRow, ...]
    next_after: str


@dataclass(frozen=True, slots=True)
class SignerMonth:
    """What a signer signed in one month, by the time the signatures state."""

    month: date  # its first day
    verifications: int
    artifacts: int  # now current, outside exclusions


@dataclass(frozen=True, slots=True)
class SignerDetail:
    """One signer and its use over time, months without use left out."""

    signer: SignerRow
    months: tuple[SignerMonth, ...]
    undated: int  # verifications whose signature states no time
