"""Why something that should vouch is not accepted: what a trail is refused with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Verification
from verification.trail import Trail


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


def malformed(step: str, error: MalformedError, expected: str, reference: str = "") -> Fault:
    """Return the fault of something that cannot be read: it is too large, or in another form."""
    return Fault(step, error.reason, str(error), expected, str(error), reference)


def refuse_fault(trail: Trail, fault: Fault) -> Verification:
    """Return the end of a trail at a fault."""
    refusal = trail.refuse(
        fault.step,
        fault.reason,
        fault.detail,
        expected=fault.expected,
        found=fault.found,
        reference=fault.reference,
    )
    return replace(refusal, due_at=fault.due_at)


def refuse_malformed(
    trail: Trail, step: str, error: MalformedError, expected: str = "", reference: str = ""
) -> Verification:
    """Return the end of a trail where something cannot be read."""
    expected = expected or f"a {step} that keeps its format"
    return refuse_fault(trail, malformed(step, error, expected, reference))
