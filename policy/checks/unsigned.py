"""What every check of signatures says while no signature holds."""

from __future__ import annotations

from core.model import FindingOutcome, Outcome, Status, Verification
from policy.case import Case
from policy.checks.check import Answer


def unsettled(case: Case) -> Answer | None:
    """Return the answer where the evidence cannot be asked at all, else None."""
    if case.facts.status is Status.UNKNOWN:
        return unknown(case)
    if case.facts.status is Status.VERIFIED and not case.verified:
        # Facts that contradict themselves are a fault of ours; they must not pass.
        return Answer(
            FindingOutcome.UNKNOWN,
            "RULE_ERROR",
            detail="the artifact counts as verified, but no verified signature is among its facts",
            expected="a verified signature",
            found="none",
        )
    return None


def unknown(case: Case) -> Answer:
    """Return the answer for want of something on our side, with the reason why."""
    piece = next((one for one in case.signatures if one.outcome is Outcome.UNVERIFIABLE), None)
    reason = case.facts.reason if case.facts.status is Status.UNKNOWN else ""
    if piece is None:
        return Answer(
            FindingOutcome.UNKNOWN,
            reason or "SOURCE_UNREACHABLE",
            detail="the evidence could not be looked at",
        )
    return _borne_out(FindingOutcome.UNKNOWN, reason or piece.reason, piece, "")


def refused(case: Case, expected: str) -> Answer:
    """Return the failure of an artifact none of whose signatures holds, with their own reason."""
    piece = case.refusal
    if piece is None or case.facts.status is Status.UNSIGNED:
        reason = case.facts.reason or "NO_SIGNATURE"
        return Answer(FindingOutcome.FAILED, reason, expected=expected, found="none that holds")
    return _borne_out(FindingOutcome.FAILED, case.facts.reason or piece.reason, piece, expected)


def _borne_out(outcome: FindingOutcome, reason: str, piece: Verification, expected: str) -> Answer:
    if piece.reason != reason:
        return Answer(outcome, reason, expected=expected)
    return Answer(outcome, reason, piece.detail, piece.expected or expected, piece.found)
