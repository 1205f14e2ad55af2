"""What a reason code is: a stable word for why something is not simply green."""

from __future__ import annotations

from dataclasses import dataclass

from core.model import Outcome

RESERVED = ""  # in place of a command: nothing in this version says the code


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code with the words that explain it; part of the API, so a code never changes.

    `outcome` is the one outcome a verification has when this is its reason; None for codes that
    only a policy or a status uses. `command` is what shows the case on the command line, RESERVED
    where nothing does.
    """

    code: str
    outcome: Outcome | None
    category: str
    title: str
    meaning: str
    causes: tuple[str, ...]
    fix: str
    command: str
