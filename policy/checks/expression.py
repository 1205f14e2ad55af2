"""`cel: EXPRESSION`: a rule of one's own, for what no other requirement can say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.model import FindingOutcome
from core.text import one_line
from policy.case import Case, describe
from policy.cel import ExpressionError, Truth, compile_rule, truth
from policy.checks.check import PASSED, Answer, Scope
from policy.checks.unsigned import unsettled

MAX_EXPRESSION = 4096


class Expression:
    """Passes only where the rule says true; an error of any sort is unknown, never a yes.

    A rule that reads the evidence of an artifact we could not look at says unknown: "no weak
    signature" is no finding about signatures nobody saw.
    """

    Options = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_EXPRESSION)]
    names_signers = False  # it may, but that cannot be told from outside

    def __init__(self, options: str, scope: Scope) -> None:
        try:
            self._rule = compile_rule(options)
        except ExpressionError as error:
            raise scope.document.error_inside(
                f"the expression is wrong: {error}", scope.where, error.line, error.column
            ) from error
        self.reads_artifact = self._rule.reads_artifact
        self._expected = one_line(options)

    def evaluate(self, case: Case) -> Answer:
        """Run the rule."""
        answer = unsettled(case) if self._rule.reads_evidence else None
        if answer is not None:
            return answer
        said, problem = truth(self._rule, case)
        if said is Truth.YES:
            return PASSED
        if said is Truth.NO:
            return Answer(
                FindingOutcome.FAILED, "RULE_FALSE", expected=self._expected, found=_found(case)
            )
        return Answer(FindingOutcome.UNKNOWN, "RULE_ERROR", detail=problem, expected=self._expected)


def _found(case: Case) -> str:
    signers = describe(case.signers) or "none"
    return f"status {case.facts.status.value}; signers: {signers}"
