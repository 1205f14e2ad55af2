"""Verifications as JSON documents: what the pages show and the policies see again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from core.model import (
    Check,
    CheckOutcome,
    Digest,
    Outcome,
    Role,
    Signer,
    SignerKind,
    Statement,
    Subject,
    Verification,
)


def dump(value: object) -> str:
    """Return canonical JSON: sorted, compact."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None


def _read_time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def dump_verification(verification: Verification) -> str:
    """Return a verification as canonical JSON."""
    v = verification
    return dump(
        {
            "outcome": v.outcome, "format": v.format, "role": v.role, "reason": v.reason,
            "detail": v.detail, "expected": v.expected, "found": v.found,
            "signer": _dump_signer(v.signer), "claims": dict(v.claims),
            "signed_after": _time(v.signed_after), "signed_before": _time(v.signed_before),
            "signed_at": _time(v.signed_at), "time_source": v.time_source,
            "time_trusted": v.time_trusted, "statement": _dump_statement(v.statement),
            "checks": [[c.step, c.outcome, c.detail, c.reason, c.reference] for c in v.checks],
            "anchors": list(v.anchors), "due_at": _time(v.due_at), "due_reason": v.due_reason,
        }
    )  # fmt: skip


def _dump_signer(signer: Signer | None) -> dict[str, Any] | None:
    if signer is None:
        return None
    return {
        "kind": signer.kind, "key_fingerprint": signer.key_fingerprint,
        "key_algorithm": signer.key_algorithm, "identity": signer.identity,
        "issuer": signer.issuer, "valid_from": _time(signer.valid_from),
        "valid_until": _time(signer.valid_until),
    }  # fmt: skip


def _dump_statement(statement: Statement | None) -> dict[str, Any] | None:
    if statement is None:
        return None
    subjects = [[s.name, [str(d) for d in s.digests]] for s in statement.subjects]
    return {
        "predicate_type": statement.predicate_type,
        "subjects": subjects,
        "predicate": dict(statement.predicate),
    }


def load_verification(text: str) -> Verification:
    """Read what `dump_verification` wrote."""
    d = json.loads(text)
    return Verification(
        outcome=Outcome(d["outcome"]), format=d["format"], role=Role(d["role"]),
        reason=d["reason"], detail=d["detail"], expected=d["expected"], found=d["found"],
        signer=_load_signer(d["signer"]), claims=d["claims"],
        signed_after=_read_time(d["signed_after"]), signed_before=_read_time(d["signed_before"]),
        signed_at=_read_time(d["signed_at"]), time_source=d["time_source"],
        time_trusted=d["time_trusted"], statement=_load_statement(d["statement"]),
        checks=tuple(
            Check(step, CheckOutcome(outcome), detail, reason, reference)
            for step, outcome, detail, reason, reference in d["checks"]
        ),
        anchors=tuple(d["anchors"]), due_at=_read_time(d["due_at"]), due_reason=d["due_reason"],
    )  # fmt: skip


def _load_signer(d: dict[str, Any] | None) -> Signer | None:
    if d is None:
        return None
    return Signer(
        SignerKind(d["kind"]), d["key_fingerprint"], d["key_algorithm"], d["identity"],
        d["issuer"], _read_time(d["valid_from"]), _read_time(d["valid_until"]),
    )  # fmt: skip


def _load_statement(d: dict[str, Any] | None) -> Statement | None:
    if d is None:
        return None
    subjects = tuple(
        Subject(name, tuple(Digest.parse(text) for text in digests))
        for name, digests in d["subjects"]
    )
    return Statement(d["predicate_type"], subjects, d["predicate"])
