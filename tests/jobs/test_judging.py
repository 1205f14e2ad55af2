"""One judge answers several scans at once, each by its own facts."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, cast

from core.model import (
    Digest,
    Facts,
    Location,
    Outcome,
    PolicyStatus,
    Role,
    Status,
    Verdict,
    Verification,
)
from jobs.judging import PolicyJudge
from policy.engine import CompiledPolicy, compile_policies
from tests.jobs.scheduling import PATIENCE

POLICY = """\
apiVersion: countersign/v1
kind: Policy
metadata: {name: example}
mode: enforce
applies_to: everything
require:
- {id: r0, verified: {}}
"""
GOOD = Facts(
    "apt", Location("main", "bash"), Digest("sha256", "d" * 64), "debian", "us", "release",
    Status.VERIFIED, contested=False, reason="",
    verifications=(Verification(Outcome.VERIFIED, "openpgp", Role.SIGNATURE),),
)  # fmt: skip
BAD = replace(GOOD, status=Status.FAILED, reason="SIGNATURE_INVALID", verifications=())


class Interrupted:
    """A policy during whose evaluation another thread asks the same judge."""

    def __init__(self, policy: CompiledPolicy, other: Any) -> None:
        self._policy, self._other, self.times = policy, other, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def evaluate(self, facts: Facts) -> Verdict:
        """Evaluate; the first time, only once the other thread has its answer."""
        self.times += 1
        if self.times == 1:
            beside = threading.Thread(target=self._other)
            beside.start()
            beside.join(PATIENCE)
        return self._policy.evaluate(facts)


def test_verdicts_of_one_thread_are_never_given_to_another() -> None:
    (compiled,) = compile_policies({"p.yaml": POLICY}, {})
    assert not compiled.reads_artifact  # else nothing is shared
    beside: list[PolicyStatus] = []
    policy = Interrupted(compiled, lambda: beside.append(judge.judge(BAD).policy_status))
    judge: PolicyJudge = PolicyJudge([cast("CompiledPolicy", policy)], [])
    assert judge.judge(GOOD).policy_status is PolicyStatus.PASSED
    assert beside == [PolicyStatus.FAILED]
    assert judge.judge(BAD).policy_status is PolicyStatus.FAILED
    assert judge.judge(GOOD).policy_status is PolicyStatus.PASSED
    assert judge.judge(GOOD).policy_status is PolicyStatus.PASSED
    assert policy.times == 3  # neighbours share one evaluation
