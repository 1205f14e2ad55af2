"""The record of one verification: its numbered steps in order, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.model import Check, CheckOutcome, Outcome, Role, Signer, Verification
from core.reasons import outcome_of

_NOTHING = "nothing"  # what a hostile document states where it states an empty text


@dataclass(slots=True)
class Trail:
    """Collects the steps of one verification, the passed ones too; `refuse` ends it."""

    format: str
    role: Role
    signer: Signer | None = None
    claims: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)

    def fork(self) -> Trail:
        """Return a trail that goes on from here by itself, until it is adopted or dropped."""
        return Trail(self.format, self.role, self.signer, dict(self.claims), list(self.checks))

    def adopt(self, fork: Trail) -> None:
        """Go on where a fork has come to."""
        self.role, self.signer = fork.role, fork.signer
        self.claims, self.checks = fork.claims, fork.checks

    def passed(self, step: str, detail: str = "", *, reference: str = "") -> None:
        """Record a step that held."""
        self.checks.append(Check(step, CheckOutcome.PASSED, detail, "", reference))

    def noted(self, step: str, detail: str, *, reason: str = "") -> None:
        """Record something that does not decide but should be seen."""
        self.checks.append(Check(step, CheckOutcome.NOTED, detail, reason))

    def skipped(self, step: str, detail: str) -> None:
        """Record a step that was not carried out, and why."""
        self.checks.append(Check(step, CheckOutcome.SKIPPED, detail))

    def refuse(
        self,
        step: str,
        reason: str,
        detail: str,
        *,
        expected: str,
        found: str,
        reference: str = "",
    ) -> Verification:
        """Return the verification that fails at this step, with the one outcome of its reason.

        `expected` and `found` are never empty: a refusal without them helps nobody.
        """
        self.checks.append(Check(step, CheckOutcome.FAILED, detail, reason, reference))
        outcome = outcome_of(reason)
        if outcome in (None, Outcome.VERIFIED):
            raise KeyError(f"{reason} is no reason of a verification")
        return Verification(
            outcome=outcome,
            format=self.format,
            role=self.role,
            reason=reason,
            detail=detail,
            expected=expected or _NOTHING,
            found=found or _NOTHING,
            signer=self.signer,
            claims=dict(self.claims),
            checks=tuple(self.checks),
        )
