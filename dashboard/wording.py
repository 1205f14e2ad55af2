"""Turn values into words for people: numbers, times, sizes. Pure; templates use them as filters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from core.model import Digest, FindingOutcome, Outcome, PolicyStatus, Status
from core.naming import key_id, plural, signer_name
from storage.views.sources import SourceHealth
from verification.format import VERIFIER_VERSION

SOON = timedelta(days=30)
SHORT_DIGEST = 12
LEAST_SHARE = 0.001
_KIBI = 1024
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))

# Every status has a word, a shape (in app.css, by its name) and a sentence; colour comes on top.
STATUS_SENTENCES = {
    Status.VERIFIED: "Somebody the source's trust vouches for signed exactly this.",
    Status.FAILED: "Evidence for it does not verify, and no signature does.",
    Status.UNSIGNED: "We looked, and there is no signature.",
    Status.UNKNOWN: "We could not look, or cannot judge what we found.",
}
UNCONSTRAINED = "unconstrained"
POLICY_SENTENCES: dict[str, str] = {  # in the order in which they are shown, the best first
    PolicyStatus.PASSED: "Every policy that applies accepts it, and who may sign it is said.",
    UNCONSTRAINED: "Every policy that applies accepts it, and none says who may sign it.",
    PolicyStatus.WARNED: "It passes with a warning.",
    PolicyStatus.WAIVED: "A dated, owned exception lets it pass.",
    PolicyStatus.FAILED: "A policy refuses it.",
    PolicyStatus.UNKNOWN: "A policy cannot decide for want of facts.",
    PolicyStatus.UNGOVERNED: "No policy applies to it.",
}
_SHAPES: dict[str, str] = {
    Outcome.INVALID: "failed",
    Outcome.UNTRUSTED: "failed",
    Outcome.UNVERIFIABLE: "unknown",
    FindingOutcome.NOT_APPLICABLE: "ungoverned",
    "skipped": "ungoverned",
    "noted": "warned",
    "complete": "passed",
    "partial": "warned",
    "cancelled": "ungoverned",
    "abandoned": "failed",
    "current": "passed",
    "stale": "warned",
    "never read": "unsigned",
    "fell short": "failed",
    "retired": "ungoverned",
    "running": "running",
}


def number(value: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,}"


def percent(share: float | None) -> str:
    """Return a share in percent; never 100 or 0 for what is not quite all or nothing."""
    if share is None:
        return "–"  # noqa: RUF001 - a dash for "there is nothing to measure"
    if share in (0, 1):
        return f"{share:.0%}"
    if share < LEAST_SHARE:
        return f"<{LEAST_SHARE:.1%}"
    if share > 1 - LEAST_SHARE:
        return f">{1 - LEAST_SHARE:.1%}"
    return f"{share:.1%}"


def part(value: int, total: int) -> str:
    """Return what percentage a number is of a total."""
    return percent(value / total if total else None)


def duration(seconds: float) -> str:
    """Return a time span in its largest whole unit."""
    for length, unit in _UNITS:
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "moments"


def size(count: int | None) -> str:
    """Return a number of bytes."""
    if count is None:
        return "not known"
    scaled = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if scaled < _KIBI:
            return f"{scaled:.0f} {unit}" if unit == "bytes" else f"{scaled:.1f} {unit}"
        scaled /= _KIBI
    return f"{scaled:.1f} GiB"


def words(value: str) -> str:
    """Return an enumeration's value as a phrase."""
    return value.replace("_", " ").replace("-", " ")


def shape(value: str) -> str:
    """Return the name of the shape and colour that go with a word."""
    return _SHAPES.get(value, value)


def short(digest: Digest) -> str:
    """Return the first characters of a digest, enough to tell two apart by eye."""
    return digest.value[:SHORT_DIGEST]


def validity(until: datetime | None, at: datetime) -> str:
    """Return `ended`, `soon` or nothing for the end of a validity."""
    if until is None or until - at > SOON:
        return ""
    return "ended" if until <= at else "soon"


def health_word(health: SourceHealth) -> str:
    """Return the one word for the health of a source; the worst that holds."""
    if not health.configured:
        return "retired"
    if health.read_at is None:
        return "never read"
    if health.reason:
        return "fell short"
    return "stale" if health.stale else "current"


def is_other_verifier(version: str) -> bool:
    """Say whether what was judged by this version of the verifier is not what ours would say."""
    return version != VERIFIER_VERSION


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number,
    "percent": percent,
    "part": part,
    "plural": plural,
    "key_id": key_id,
    "signer_name": signer_name,
    "duration": duration,
    "size": size,
    "words": words,
    "shape": shape,
    "short": short,
    "validity": validity,
    "health_word": health_word,
}
