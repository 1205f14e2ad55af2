"""`signed_by`: at least so many distinct signers out of those named."""

from __future__ import annotations

from core.model import FindingOutcome, Verification
from policy.case import Case, describe, distinct
from policy.checks.check import PASSED, Answer, Scope
from policy.checks.signers import Accepted, SignedByOptions, accepted_by
from policy.checks.unsigned import refused, unknown, unsettled


class SignedBy:
    """Counts the distinct signers whose signatures hold and whom the policy names."""

    Options = SignedByOptions
    reads_artifact = False

    def __init__(self, options: SignedByOptions, scope: Scope) -> None:
        self._at_least = options.at_least
        self._accepted: tuple[Accepted, ...] = tuple(
            accepted_by(alternative, scope.below("any", place))
            for place, alternative in enumerate(options.any)
        )
        # Any alternative is enough, so one that lets everybody through names nobody.
        self.names_signers = all(accepted.names_signers for accepted in self._accepted)
        named = ", ".join(accepted.text for accepted in self._accepted)
        self._expected = f"{self._at_least} of: {named}" if self._at_least > 1 else named

    def evaluate(self, case: Case) -> Answer:
        """Pass with enough signers; unknown while what we could not judge might be the rest."""
        answer = unsettled(case)
        if answer is not None:
            return answer
        matching = [piece.signer for piece in case.verified if self._accepts(piece)]
        count = len(distinct(signer for signer in matching if signer is not None))
        if count >= self._at_least:
            return PASSED
        if count + case.unjudged >= self._at_least:
            return unknown(case)
        if not case.verified:
            return refused(case, self._expected)
        return self._missing(case, count)

    def _accepts(self, piece: Verification) -> bool:
        return any(accepted.matches(piece) for accepted in self._accepted)

    def _missing(self, case: Case, count: int) -> Answer:
        return Answer(
            FindingOutcome.FAILED,
            "SIGNERS_TOO_FEW" if count else "IDENTITY_MISMATCH",
            detail=f"{count} of {self._at_least} accepted signers" if count else "",
            expected=self._expected,
            found=describe(case.signers),
        )
