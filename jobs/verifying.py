"""What `verify` was asked, judged to one answer.

No database and no settings: everything comes from the question, and `now` beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.errors import CollectionError, TooLargeError
from core.limits import Limits
from core.model import (
    Check,
    CheckOutcome,
    Digest,
    Evidence,
    Outcome,
    Role,
    Status,
    Unread,
    Verification,
)
from core.reasons import outcome_of
from jobs.chains import Member, Walk, extend, walk
from jobs.verify_case import Question, read_case
from verification.format import Setting
from verification.standing import COUNTED_ROLES, combine
from verification.trail import Trail
from verification.verifier import UNRECOGNISED, demand_identity, verify

_READABLE = "evidence that can be read, in a format there is a reader for"


@dataclass(frozen=True, slots=True)
class Answer:
    """One outcome, that of `verification`, which decided; `pieces` are all, where several were."""

    name: str
    digest: Digest | None
    verification: Verification
    pieces: tuple[Verification, ...] = ()


def answer(question: Question, now: datetime) -> Answer:
    """Read what the question names and judge it; UsageError where it cannot mean anything."""
    setting = Setting(question.trust, now, question.limits, question.namespace)
    try:
        case = read_case(question)
        judged = [demand_identity(verify(each, setting), question.demand) for each in case.evidence]
    except (CollectionError, TooLargeError) as error:
        name = question.name or question.artifact
        return Answer(name, None, _refusal("artifact", error.reason, str(error)))
    if len(case.members) > 1:
        walked = _walk(judged, case.members, question.limits)
        judged = [extend(each, case.members, walked) for each in judged]
    telling = _on_the_artifact(case.evidence, judged)
    decided = decide(telling, case.unread)
    notes = [*case.notes]
    if len(telling) < len(judged):
        words = f"statements in the same file about other artifacts: {len(judged) - len(telling)}"
        notes.append(Check("evidence", CheckOutcome.NOTED, words))
    decided = replace(decided, checks=(*decided.checks, *notes))
    digest = next(iter(case.artifact.digests), None)
    return Answer(case.artifact.name, digest, decided, tuple(judged) if len(judged) > 1 else ())


def _on_the_artifact(
    evidence: Sequence[Evidence], judged: Sequence[Verification]
) -> list[Verification]:
    """Leave out the lines of a file that are proved to be about other artifacts.

    Only where another line of that file is proved to be about this one: a file in which none is
    was given for the wrong artifact, and that is said.
    """
    lines = list(zip(evidence, judged, strict=True))
    others = [one.statement is not None and one.reason == "SUBJECT_MISMATCH" for one in judged]
    about = {
        each.origin
        for (each, one), other in zip(lines, others, strict=True)
        if one.statement is not None and not other
    }
    return [
        one
        for (each, one), other in zip(lines, others, strict=True)
        if not (other and each.origin in about)
    ]


def decide(judged: Sequence[Verification], unread: Sequence[Unread]) -> Verification:
    """Return the verification that decides over all pieces, with a note where they disagree."""
    status, reason, contested = combine(judged, unread)
    deciding = _deciding(judged, status, reason)
    if deciding is None:
        lacking = unread[0] if unread else Unread("FORMAT_UNSUPPORTED", "no evidence was found")
        return _refusal("evidence", lacking.reason, lacking.detail)
    notes = [Check("evidence", CheckOutcome.NOTED, each.detail, each.reason) for each in unread]
    if contested:
        words = "contested: another piece of evidence is invalid"
        notes.append(Check("evidence", CheckOutcome.NOTED, words))
    return replace(deciding, checks=(*deciding.checks, *notes)) if notes else deciding


def _deciding(judged: Sequence[Verification], status: Status, reason: str) -> Verification | None:
    """Return the piece that the combined status comes from; None where it comes from none."""
    if status is Status.VERIFIED:
        return next(
            each
            for each in judged
            if each.outcome is Outcome.VERIFIED and each.role in COUNTED_ROLES
        )
    if status is Status.UNSIGNED:
        # Only attestations and timestamps, and none of them invalid: each proves what it says.
        by_worth = (Outcome.VERIFIED, Outcome.UNTRUSTED, Outcome.UNVERIFIABLE)
        return min(judged, key=lambda each: by_worth.index(each.outcome), default=None)
    wanted = outcome_of(reason)
    counted = [each for each in judged if each.role in COUNTED_ROLES] or judged
    return next(
        (each for each in (*counted, *judged) if (each.outcome, each.reason) == (wanted, reason)),
        None,
    )


def _walk(judged: Sequence[Verification], members: Sequence[Member], limits: Limits) -> Walk:
    """Follow the chain once, and only where something vouches for its first list."""
    verified = any(each.outcome is Outcome.VERIFIED for each in judged)
    return walk(members, limits) if verified else Walk(())


def _refusal(step: str, reason: str, detail: str) -> Verification:
    trail = Trail(UNRECOGNISED, Role.SIGNATURE)
    return trail.refuse(step, reason, detail, expected=_READABLE, found=detail)
