"""The answer of `verify` as a JSON document, and as a page of text for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from collectors.file_content import shown
from core.model import Check, CheckOutcome, Outcome, Statement, Verification
from core.naming import signer_name
from core.reasons import REASONS
from core.text import display, one_line
from jobs.verifying import Answer

MARKS = {
    CheckOutcome.PASSED: "ok",
    CheckOutcome.FAILED: "FAIL",
    CheckOutcome.SKIPPED: "skip",
    CheckOutcome.NOTED: "note",
}
_LABEL = 10
_DETAIL = 600


def document(answer: Answer) -> dict[str, Any]:
    """Return the object that `verify --json` prints; every key is always there."""
    artifact = {"name": shown(answer.name), "digest": str(answer.digest or "")}
    pieces = [_document(each, artifact) for each in answer.pieces]
    return {**_document(answer.verification, artifact), "evidence": pieces}


def _document(verification: Verification, artifact: dict[str, str]) -> dict[str, Any]:
    v = verification
    return {
        "outcome": v.outcome.value,
        "reason": v.reason,
        "detail": _text(v.detail),
        "expected": _text(v.expected),
        "found": _text(v.found),
        "format": v.format,
        "artifact": artifact,
        "signer": _signer(v),
        "signed_after": _time(v.signed_after),
        "signed_before": _time(v.signed_before),
        "signed_at": _time(v.signed_at),
        "time_source": v.time_source,
        "time_trusted": v.time_trusted,
        "role": v.role.value,
        "statement": _statement(v.statement),
        "evidence": [],
        "checks": [_check(each) for each in v.checks],
    }


def _signer(verification: Verification) -> dict[str, Any]:
    signer = verification.signer
    return {
        "identity": _text(signer.identity) if signer else "",
        "issuer": _text(signer.issuer) if signer else "",
        "key_fingerprint": signer.key_fingerprint if signer else "",
        "key_algorithm": signer.key_algorithm if signer else "",
        "claims": {_text(key): _text(value) for key, value in verification.claims.items()},
    }


def _statement(statement: Statement | None) -> dict[str, Any] | None:
    if statement is None:
        return None
    return {
        "predicate_type": statement.predicate_type,
        "subjects": [
            {"name": each.name, "digests": [str(digest) for digest in each.digests]}
            for each in statement.subjects
        ],
        "predicate": dict(statement.predicate),
    }


def _check(check: Check) -> dict[str, str]:
    return {
        "step": _text(check.step),
        "outcome": check.outcome.value,
        "reason": check.reason,
        "detail": _text(check.detail),
        "reference": check.reference,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _text(text: str) -> str:
    """Return text that every reader of JSON takes: a byte that was none shows as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


# --- for people -----------------------------------------------------------------------------------


def page(answer: Answer) -> str:
    """Return the answer as lines for a terminal; text from outside cannot steer it."""
    lines = [*_headline(answer), *_signed_by(answer.verification), *_pieces(answer)]
    lines += ["", "Steps:", *_steps(answer.verification)]
    reason = REASONS.get(answer.verification.reason)
    if reason is not None:
        lines += ["", f"{reason.title}. What to do: {reason.fix}"]
    return "\n".join(lines)


def _headline(answer: Answer) -> Iterator[str]:
    v = answer.verification
    word = v.outcome.value.upper()
    why = f" ({v.reason})" if v.reason else ""
    yield f"{word}{why}: {display(shown(answer.name)) or 'no artifact was named'}"
    rows = (
        ("digest", str(answer.digest or "")),
        ("because", v.detail),
        ("expected", v.expected),
        ("found", v.found),
        ("format", f"{v.format}, {v.role.value}"),
    )
    for label, text in rows:
        if text:
            yield _row(label, text)


def _signed_by(verification: Verification) -> Iterator[str]:
    signer = verification.signer
    if signer is not None:
        held = verification.outcome is Outcome.VERIFIED
        name = signer_name(signer.identity, signer.key_algorithm, signer.key_fingerprint)
        yield _row("signer" if held else "claims", name)
        if signer.issuer:
            yield _row("issuer", signer.issuer)
        yield _row("key", f"{signer.key_fingerprint} ({signer.key_algorithm})")
    if verification.signed_at is not None:
        worth = "proved by" if verification.time_trusted else "claimed by"
        source = verification.time_source or "the signature"
        yield _row("signed", f"{verification.signed_at.isoformat()}, {worth} {source}")
    if verification.statement is not None:
        yield _row("states", verification.statement.predicate_type)


def _pieces(answer: Answer) -> Iterator[str]:
    if answer.pieces:
        yield ""
        yield f"{len(answer.pieces)} pieces of evidence:"
    for number, piece in enumerate(answer.pieces, start=1):
        why = f" ({piece.reason}): {one_line(piece.detail)}" if piece.reason else ""
        yield f"  {number:>2}. {piece.outcome.value}, {piece.format}{why}"


def _steps(verification: Verification) -> Iterator[str]:
    for number, check in enumerate(verification.checks, start=1):
        words = one_line(check.step)
        if check.detail:
            words += f": {one_line(check.detail, _DETAIL)}"
        if check.reason:
            words += f" ({check.reason})"
        if check.reference:
            words += f" [{check.reference}]"
        yield f"  {number:>2}. {MARKS[check.outcome]:<4}  {words}"


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{one_line(text, _DETAIL)}"
