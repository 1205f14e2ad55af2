"""What every requirement check is: the contract `tests/policy/test_checks.py` holds them to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn, Protocol

from pydantic import BaseModel, ValidationError

from core.errors import ConfigurationError
from core.model import FindingOutcome
from core.yaml_places import Where
from policy.case import Case

TrustNames = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check says of one case. Every refusal says what was expected and what to do."""

    outcome: FindingOutcome
    reason: str = ""  # empty only when passed
    detail: str = ""
    expected: str = ""
    found: str = ""
    solution: str = ""


PASSED = Answer(FindingOutcome.PASSED)


class Document(Protocol):
    """The policy file as a check sees it: a maker of errors that point into it."""

    def error(self, message: str, where: Where) -> ConfigurationError:
        """Return the error for the entry at `where`."""

    def error_inside(
        self, message: str, where: Where, line: int, column: int
    ) -> ConfigurationError:
        """Return the error for line and column (from 1) inside the text at `where`."""

    def refuse(
        self, error: ValidationError, where: Where, model: type[BaseModel] | None
    ) -> NoReturn:
        """Raise the error for what pydantic found wrong with the entry at `where`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a check stands in its file, and the names it may refer to."""

    document: Document
    where: Where
    trust_names: TrustNames
    # Which names were resolved and to what: part of the policy's digest.
    resolved: dict[str, frozenset[str]] = field(default_factory=dict)

    def error(self, message: str, *inside: str | int) -> ConfigurationError:
        """Return the error for an entry below this check's own."""
        return self.document.error(message, (*self.where, *inside))

    def below(self, *inside: str | int) -> Scope:
        """Return the scope of an entry below."""
        return Scope(self.document, (*self.where, *inside), self.trust_names, self.resolved)


class Check(Protocol):
    """One kind of requirement, made once per use in a policy; pure, without state of its own."""

    Options: ClassVar[Any]  # what may stand under its key: any type pydantic can read

    names_signers: bool  # it says who may sign
    reads_artifact: bool  # it looks at more than the evidence

    def __init__(self, options: Any, scope: Scope) -> None:
        """Keep what is needed; raise ConfigurationError where the options cannot mean anything."""

    def evaluate(self, case: Case) -> Answer:
        """Judge one case."""
