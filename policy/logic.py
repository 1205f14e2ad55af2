"""Three-valued logic: what several outcomes are together.

Both connectives are "the first that is there, in this order". `not_applicable` comes last in
both, so it decides only where nothing else was said; `warned` counts as passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.model import FindingOutcome, PolicyStatus, VerdictOutcome
from policy.checks.check import Answer

_ALL_ORDER: Mapping[FindingOutcome, int] = {
    FindingOutcome.FAILED: 0,
    FindingOutcome.UNKNOWN: 1,
    FindingOutcome.WARNED: 2,
    FindingOutcome.PASSED: 3,
    FindingOutcome.NOT_APPLICABLE: 4,
}
_ANY_ORDER: Mapping[FindingOutcome, int] = {
    FindingOutcome.PASSED: 0,
    FindingOutcome.WARNED: 1,
    FindingOutcome.UNKNOWN: 2,
    FindingOutcome.FAILED: 3,
    FindingOutcome.NOT_APPLICABLE: 4,
}
_STATUS_ORDER: Mapping[VerdictOutcome, int] = {
    VerdictOutcome.FAILED: 0,
    VerdictOutcome.UNKNOWN: 1,
    VerdictOutcome.WAIVED: 2,
    VerdictOutcome.WARNED: 3,
    VerdictOutcome.PASSED: 4,
}


def all_of(answers: Iterable[Answer]) -> Answer:
    """Return the answer that decides where all must hold; ValueError when there is none.

    Fails if one fails, else unknown beats warned, and warned beats passed.
    """
    return min(answers, key=lambda answer: _ALL_ORDER[answer.outcome])


def any_of(answers: Iterable[Answer]) -> Answer:
    """Return the answer that decides where one is enough; ValueError when there is none.

    Passes if one passes, else unknown beats failed.
    """
    return min(answers, key=lambda answer: _ANY_ORDER[answer.outcome])


def verdict_of(outcomes: Iterable[FindingOutcome]) -> VerdictOutcome:
    """Return the verdict over the findings of one policy; ValueError when there is none."""
    return VerdictOutcome(min(outcomes, key=_ALL_ORDER.__getitem__).value)


def worst(outcomes: Iterable[VerdictOutcome]) -> PolicyStatus:
    """Return the worst of several verdicts; `ungoverned` when none of them says anything."""
    said = [outcome for outcome in outcomes if outcome is not VerdictOutcome.NOT_APPLICABLE]
    if not said:
        return PolicyStatus.UNGOVERNED
    return PolicyStatus(min(said, key=_STATUS_ORDER.__getitem__).value)
