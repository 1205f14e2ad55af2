"""What may vouch, and who accepts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.model import Digest, TrustKind
from storage.filters import Count


@dataclass(frozen=True, slots=True)
class TrustUse:
    """A source accepts a trust entry under a name."""

    entry_id: int
    source: str
    unit: str  # empty: the settings name it for the whole source
    name: str
    kind: TrustKind
    origin: str
    flags: tuple[str, ...]
    content: Digest  # its raw bytes, to be downloaded as evidence is


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """One key or certificate inside a trust entry."""

    kind: str
    fingerprint: str
    identity: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    revoked: bool
    verifications: int  # that named exactly it as their anchor


@dataclass(frozen=True, slots=True)
class TrustEntryRow:
    """One thing that may vouch, who accepts it, and what hangs on it."""

    id: int
    kind: TrustKind
    digest: Digest  # of content, kind and bounds
    content: Digest
    size: int
    only: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    added_at: datetime
    uses: tuple[TrustUse, ...]
    credentials: tuple[CredentialRow, ...]
    verifications: int
    artifacts: Count


@dataclass(frozen=True, slots=True)
class TrustPage:
    """Some trust entries; `next_after` continues the list, empty at its end."""

    rows: tuple[TrustEntryRow, ...]
    next_after: str
