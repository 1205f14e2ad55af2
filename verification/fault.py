"""Why something that should vouch is not accepted: what a trail is refused with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a certificate, or what it should vouch for, is not accepted."""

    step: str
    reason: str
    detail: str
    expected: str
    found: str
    reference: str = ""
    due_at: datetime | None = None  # from when on time alone may mend it
