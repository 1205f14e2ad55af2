"""`verified: {}`: some signature that the source's trust accepts holds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.model import FindingOutcome, Outcome, Status
from policy.case import Case
from policy.checks.check import PASSED, Answer, Scope
from policy.checks.unsigned import refused, unsettled


class VerifiedOptions(BaseModel):
    """How an artifact counts that has a signature which holds beside one which is broken."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    contested: Literal["allow", "warn", "refuse"] = "warn"


class Verified:
    """The artifact's status is verified."""

    Options = VerifiedOptions
    names_signers = False
    reads_artifact = False
    _EXPECTED = "a signature that the source's trust accepts"

    def __init__(self, options: VerifiedOptions, scope: Scope) -> None:  # noqa: ARG002 - the contract of every check
        self._contested = options.contested

    def evaluate(self, case: Case) -> Answer:
        """Judge by the status, then by what contests it."""
        answer = unsettled(case)
        if answer is not None:
            return answer
        if case.facts.status is not Status.VERIFIED:
            return refused(case, self._EXPECTED)
        if case.facts.contested and self._contested != "allow":
            return self._contest(case)
        return PASSED

    def _contest(self, case: Case) -> Answer:
        broken = next((p for p in case.signatures if p.outcome is Outcome.INVALID), None)
        return Answer(
            FindingOutcome.FAILED if self._contested == "refuse" else FindingOutcome.WARNED,
            (broken.reason if broken else "") or "SIGNATURE_INVALID",
            detail="one signature holds, another is broken",
            expected="no broken signature beside it",
            found=broken.detail if broken else "",
            solution="Find out who attached the broken signature, and remove it.",
        )
