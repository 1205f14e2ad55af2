"""Three-valued logic, as tables and as laws."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import FindingOutcome, PolicyStatus, VerdictOutcome
from policy.checks.check import Answer
from policy.logic import all_of, any_of, verdict_of, worst

P, W, F, U, N = (
    FindingOutcome.PASSED,
    FindingOutcome.WARNED,
    FindingOutcome.FAILED,
    FindingOutcome.UNKNOWN,
    FindingOutcome.NOT_APPLICABLE,
)
OUTCOMES = (P, W, F, U, N)
ALL = {
    (P, P): P, (P, W): W, (P, F): F, (P, U): U, (P, N): P,
    (W, W): W, (W, F): F, (W, U): U, (W, N): W,
    (F, F): F, (F, U): F, (F, N): F,
    (U, U): U, (U, N): U,
    (N, N): N,
}  # fmt: skip
ANY = {
    (P, P): P, (P, W): P, (P, F): P, (P, U): P, (P, N): P,
    (W, W): W, (W, F): W, (W, U): W, (W, N): W,
    (F, F): F, (F, U): U, (F, N): F,
    (U, U): U, (U, N): U,
    (N, N): N,
}  # fmt: skip
Table = Mapping[tuple[FindingOutcome, FindingOutcome], FindingOutcome]
lists = st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=8)


def both(table: Table, left: FindingOutcome, right: FindingOutcome) -> FindingOutcome:
    return table[left, right] if (left, right) in table else table[right, left]


@pytest.mark.parametrize(("left", "right"), list(itertools.product(OUTCOMES, OUTCOMES)))
def test_pairs_follow_the_tables(left: FindingOutcome, right: FindingOutcome) -> None:
    answers = [Answer(left), Answer(right)]
    assert all_of(answers).outcome is both(ALL, left, right)
    assert any_of(answers).outcome is both(ANY, left, right)
    assert verdict_of([left, right]).value == both(ALL, left, right).value


@given(lists)
def test_longer_lists_are_the_pairs_repeated(outcomes: list[FindingOutcome]) -> None:
    together_all, together_any = outcomes[0], outcomes[0]
    for one in outcomes[1:]:
        together_all = both(ALL, together_all, one)
        together_any = both(ANY, together_any, one)
    answers = [Answer(one) for one in outcomes]
    assert all_of(answers).outcome is together_all
    assert any_of(answers).outcome is together_any


@given(lists)
def test_all_never_passes_over_a_failure_or_an_unknown(outcomes: list[FindingOutcome]) -> None:
    green = verdict_of(outcomes) in (VerdictOutcome.PASSED, VerdictOutcome.WARNED)
    assert green == (not {F, U} & set(outcomes) and bool({P, W} & set(outcomes)))


@given(lists)
def test_any_fails_only_where_nothing_else_was_said(outcomes: list[FindingOutcome]) -> None:
    failed = any_of([Answer(one) for one in outcomes]).outcome is F
    assert failed == (F in outcomes and not {P, W, U} & set(outcomes))


def test_the_deciding_answer_keeps_its_reason() -> None:
    answers = [Answer(P), Answer(U, "RULE_ERROR"), Answer(F, "RULE_FALSE"), Answer(F, "OTHER")]
    assert all_of(answers).reason == "RULE_FALSE"
    assert any_of(answers[1:]).reason == "RULE_ERROR"


def test_nothing_is_an_error_never_a_pass() -> None:
    for empty in (lambda: all_of([]), lambda: any_of([]), lambda: verdict_of([])):
        with pytest.raises(ValueError, match="empty"):
            empty()


VERDICTS = list(VerdictOutcome)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], PolicyStatus.UNGOVERNED),
        (["not_applicable"], PolicyStatus.UNGOVERNED),
        (["not_applicable", "passed"], PolicyStatus.PASSED),
        (["passed", "warned"], PolicyStatus.WARNED),
        (["warned", "waived"], PolicyStatus.WAIVED),
        (["waived", "unknown"], PolicyStatus.UNKNOWN),
        (["unknown", "failed"], PolicyStatus.FAILED),
        (["failed", "passed", "passed"], PolicyStatus.FAILED),
    ],
)
def test_policy_status_is_the_worst(outcomes: list[str], expected: PolicyStatus) -> None:
    assert worst(VerdictOutcome(one) for one in outcomes) is expected
    assert worst(VerdictOutcome(one) for one in reversed(outcomes)) is expected
