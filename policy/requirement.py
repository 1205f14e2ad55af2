"""One requirement of a policy, ready to ask: its checks, and the finding they give."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.model import Finding, FindingOutcome
from core.reasons import REASONS
from core.text import display, one_line
from policy.case import Case
from policy.cel import ExpressionError, compile_value, text_of
from policy.checks.build import build_checks
from policy.checks.check import Answer, Check, Scope
from policy.document import Requirement
from policy.logic import all_of

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BESIDE = ("id", "title", "solution", "message")
MAX_DETAIL = 1000

Render = Callable[[Case], str]


@dataclass(frozen=True, slots=True)
class CompiledRequirement:
    """A rule with an id; `evaluate` gives its finding. All of its checks must hold."""

    id: str
    title: str
    solution: str
    checks: tuple[Check, ...]
    names_signers: bool
    reads_artifact: bool
    passed: Finding  # the same for every artifact that passes
    message: Render | None

    def evaluate(self, case: Case) -> Finding:
        """Judge one case."""
        if len(self.checks) == 1:
            answer = self.checks[0].evaluate(case)
        else:
            answer = all_of(check.evaluate(case) for check in self.checks)
        if answer.outcome is FindingOutcome.PASSED:
            return self.passed
        return self._finding(answer, case)

    def _finding(self, answer: Answer, case: Case) -> Finding:
        detail = answer.detail
        if self.message is not None and answer.outcome is FindingOutcome.FAILED:
            detail = self.message(case)
        return Finding(
            requirement=self.id,
            outcome=answer.outcome,
            reason=answer.reason,
            detail=display(detail, MAX_DETAIL),
            expected=display(answer.expected, MAX_DETAIL),
            found=display(answer.found, MAX_DETAIL),
            solution=self.solution or answer.solution or _fix(answer.reason),
        )


def build_requirement(written: Requirement, scope: Scope) -> CompiledRequirement:
    """Make a requirement ready; raise ConfigurationError for what cannot mean anything."""
    checks = build_checks(written.checks, scope, _BESIDE)
    message, message_reads_artifact = _message(written.message, scope)
    return CompiledRequirement(
        id=written.id,
        title=written.title or written.id,
        solution=written.solution,
        checks=checks,
        names_signers=any(check.names_signers for check in checks),
        reads_artifact=message_reads_artifact or any(check.reads_artifact for check in checks),
        passed=Finding(written.id, FindingOutcome.PASSED),
        message=message,
    )


def _message(template: str, scope: Scope) -> tuple[Render | None, bool]:
    """Return the renderer of a message with `{{CEL}}` in it, and whether it reads the artifact."""
    if not template:
        return None, False
    # Every second piece is an expression.
    pieces = _PLACEHOLDER.split(template)
    try:
        expressions = [compile_value(piece.strip()) for piece in pieces[1::2]]
    except ExpressionError as error:
        raise scope.error(
            f"an expression in the message is wrong: {error}"
            f" (line {error.line}, column {error.column} of it)",
            "message",
        ) from error
    if not expressions:
        return (lambda _case: template), False

    def render(case: Case) -> str:
        shown = [text_of(expression, case) for expression in expressions]
        return "".join(
            piece + value for piece, value in zip(pieces[::2], [*shown, ""], strict=True)
        )

    return render, any(expression.reads_artifact for expression in expressions)


def _fix(reason: str) -> str:
    known = REASONS.get(reason)
    return one_line(known.fix, MAX_DETAIL) if known else ""
