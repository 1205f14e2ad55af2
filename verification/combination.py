"""Documents that hold several attestations: good only where every single one is.

An index or a registry gives one document for one file. What it leaves out cannot be seen, so what
it does give must all hold: one broken attestation in it is never outvoted by good ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.model import Check, Outcome, Role, Verification
from verification.trail import Trail

_GRAVEST = (Outcome.INVALID, Outcome.UNTRUSTED, Outcome.UNVERIFIABLE, Outcome.VERIFIED)
_BEST_ROLE = (Role.PROVENANCE, Role.SIGNATURE, Role.ATTESTATION, Role.TIMESTAMP)


def combine_all(trail: Trail, parts: Sequence[Verification]) -> Verification:
    """Return the gravest of the parts, or all of them as one where every part verified.

    The one signer shown is that of the part that proves most (provenance before signature); the
    others stand in the claim `signers`. It lasts as long as the part that ends first.
    """
    if not parts:
        raise ValueError("nothing is combined out of no parts")
    checks = (*trail.checks, *_numbered(parts))
    worst = min(parts, key=lambda each: _GRAVEST.index(each.outcome))
    if worst.outcome is not Outcome.VERIFIED:
        detail = worst.detail
        if len(parts) > 1:
            detail = f"attestation {parts.index(worst) + 1} of {len(parts)}: {detail}"
        return replace(worst, format=trail.format, detail=detail, checks=checks)
    leading = min(parts, key=lambda each: _BEST_ROLE.index(each.role))
    ending = min(parts, key=lambda each: _instant(each.due_at))
    return replace(
        leading,
        format=trail.format,
        claims=dict(leading.claims) | dict(trail.claims) | _count(parts),
        checks=checks,
        anchors=tuple(dict.fromkeys(anchor for each in parts for anchor in each.anchors)),
        due_at=ending.due_at,
        due_reason=ending.due_reason,
    )


def _instant(due_at: datetime | None) -> float:
    return due_at.timestamp() if due_at is not None else float("inf")


def _numbered(parts: Sequence[Verification]) -> tuple[Check, ...]:
    if len(parts) == 1:
        return parts[0].checks
    return tuple(
        replace(check, step=f"attestation {number}: {check.step}")
        for number, part in enumerate(parts, start=1)
        for check in part.checks
    )


def _count(parts: Sequence[Verification]) -> dict[str, str]:
    signers = [each.signer.identity or each.signer.key_fingerprint for each in parts if each.signer]
    types = [each.statement.predicate_type for each in parts if each.statement]
    return {
        "attestations": str(len(parts)),
        "predicate_types": json.dumps(list(dict.fromkeys(types))),
        "signers": json.dumps(list(dict.fromkeys(signers))),
    }
