"""Sentences that fit any number but the one that stands in them: `1 keys`, `2 key(s)`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.model import Verification

_VERBS = "comes|does|has|is|was"
_CLUMSY = re.compile(rf"\b1 (?!(?:{_VERBS})\b)[a-z]+s\b|[a-z]\(s\)")


def clumsy(text: str) -> bool:
    """Say whether a text has a plural beside a one, or leaves the choice to its reader."""
    return _CLUMSY.search(text) is not None


def sentences(verification: Verification) -> Iterator[str]:
    """Yield all that people are told of a verification."""
    yield from (verification.detail, verification.expected, verification.found)
    for check in verification.checks:
        yield from (check.step, check.detail)
