"""What every signature format is: the contract `tests/verification/test_contract.py` holds."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from core.frozen import dataclass
from core.limits import Limits
from core.model import Evidence, Role, Trust, Verification

VERIFIER_VERSION = "8"  # raised by any change that can change an outcome: facts are keyed by it


@dataclass(frozen=True, slots=True)
class Setting:
    """What a verification is carried out under: whom to trust, what time it is, what limits."""

    trust: Trust
    now: datetime
    limits: Limits
    namespace: str = "file"  # what an SSH signature over a file must have been made for


class Format(Protocol):
    """One signature format. Stateless."""

    name: str
    role: Role
    inside: bool  # its evidence is within the artifact: it reads the subject's own content

    def recognises(self, evidence: Evidence) -> bool:
        """Say from the content (never from a name alone) whether this format can read it."""

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check all that the format demands and return what came out; never raise on bad bytes."""
