"""The table of reason codes: what each means, why it happens, how to mend it.

The entries stand in five files by what they say of a verification (invalid, untrusted,
unverifiable, nothing) or of a source's configuration: a further code is one entry there.
docs/reasons.md is `page()`.
"""

from __future__ import annotations

from core.model import Outcome
from core.reason import Reason
from core.reasons_configuration import CONFIGURATION
from core.reasons_invalid import INVALID
from core.reasons_policy import POLICY
from core.reasons_untrusted import UNTRUSTED
from core.reasons_unverifiable import UNVERIFIABLE

__all__ = ["REASONS", "Reason", "outcome_of", "page"]

REASONS: dict[str, Reason] = {
    reason.code: reason for reason in (*INVALID, *UNTRUSTED, *UNVERIFIABLE, *POLICY, *CONFIGURATION)
}

_INTRODUCTION = """\
# Reason codes

Whatever is not simply green carries one of these words. They are part of the API: a code keeps its
meaning for good. The outcome beside a code is the only one it ever comes with; codes of policies
come with a finding or a status in place of an outcome of a verification. A reserved code has its
meaning already, and nothing in this version says it.
"""
_UNSAID = "Reserved: nothing in this version says it."


def outcome_of(code: str) -> Outcome | None:
    """Return the outcome of a verification with this reason; KeyError if there is no such code."""
    return REASONS[code].outcome


def page() -> str:
    """Return docs/reasons.md: every code in alphabetical order, under a heading of its own."""
    sections = [_section(REASONS[code]) for code in sorted(REASONS)]
    return "\n".join([_INTRODUCTION, *sections])


def _section(reason: Reason) -> str:
    outcome = (
        f"Outcome: `{reason.outcome}`" if reason.outcome else "Outcome: none of a verification"
    )
    causes = "\n".join(f"- {cause}" for cause in reason.causes)
    shown = f"Shown by: `{reason.command}`" if reason.command else _UNSAID
    return (
        f"## {reason.code}\n\n**{reason.title}.** {reason.meaning}\n\n"
        f"{outcome} · Category: {reason.category}\n\nLikely causes:\n\n{causes}\n\n"
        f"How to fix: {reason.fix}\n\n{shown}\n"
    )
