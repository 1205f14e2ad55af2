"""`any: [...]`: one of several requirements is enough."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from policy.case import Case
from policy.checks.build import build_checks
from policy.checks.check import Answer, Scope
from policy.logic import all_of, any_of


class Alternatives:
    """Each entry is a mapping of checks that must all hold; one entry that holds is enough."""

    Options = Annotated[
        list[Annotated[dict[str, Any], Field(min_length=1)]], Field(min_length=1, max_length=64)
    ]

    def __init__(self, options: list[dict[str, Any]], scope: Scope) -> None:
        self._entries = [
            build_checks(entry, scope.below(place)) for place, entry in enumerate(options)
        ]
        self.names_signers = all(
            any(check.names_signers for check in entry) for entry in self._entries
        )
        self.reads_artifact = any(check.reads_artifact for e in self._entries for check in e)

    def evaluate(self, case: Case) -> Answer:
        """Pass if one entry passes; else unknown beats failed."""
        return any_of(all_of(check.evaluate(case) for check in entry) for entry in self._entries)
