"""Join policies to facts: the `Judge` that storage asks while it writes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.glob import Glob
from core.model import Facts, Location, Verdict
from policy.engine import CompiledPolicy, is_unconstrained, policy_status
from policy.selector import FIELDS
from storage.documents import dump, dump_verification
from storage.judgement import Judgement

NOWHERE = Location("", "")


@dataclass(frozen=True, slots=True)
class ExclusionRule:
    """One exclusion from the settings: a source kind and globs over a location's fields."""

    id: int
    kind: str
    fields: tuple[tuple[str, Glob], ...]

    def matches(self, facts: Facts) -> bool:
        """Say whether the rule takes this location out of coverage."""
        if facts.kind != self.kind:
            return False
        return all(glob.matches(FIELDS[name](facts)) for name, glob in self.fields)


class PolicyJudge:
    """Implements `storage.judgement.Judge` over compiled policies; any thread may ask.

    What it remembers between two questions is looked up once and replaced whole, so whoever asks
    in between gets what belongs to his own facts.
    """

    def __init__(
        self, policies: Sequence[CompiledPolicy], exclusions: Sequence[ExclusionRule]
    ) -> None:
        self._policies, self._exclusions = tuple(policies), tuple(exclusions)
        rules = [[e.id, e.kind, [[n, g.pattern] for n, g in e.fields]] for e in self._exclusions]
        parts = [sorted([p.name, p.digest, p.mode] for p in self._policies), rules]
        self._digest = hashlib.sha256(dump(parts).encode()).hexdigest()
        self._reads_artifact = any(p.reads_artifact for p in self._policies)
        self._shared: tuple[Facts, dict[str, Verdict]] | None = None
        self._last: Judgement | None = None

    @property
    def digest(self) -> str:
        """Name the policies and exclusions everything is judged by."""
        return self._digest

    def judge(self, facts: Facts) -> Judgement:
        """Judge one artifact at one location by every policy that applies to it."""
        verdicts = tuple(self._verdict(p, facts) for p in self._policies if p.applies(facts))
        last = self._last
        if last is None or last.verdicts != verdicts:
            last = Judgement(policy_status(verdicts), is_unconstrained(verdicts), verdicts)
            self._last = last
        return last

    def _verdict(self, policy: CompiledPolicy, facts: Facts) -> Verdict:
        if policy.reads_artifact:
            return policy.evaluate(facts)
        # neighbours nearly always share their evidence: one remembered set is enough
        shared = self._shared
        if shared is None or not _same_evidence(shared[0], facts):
            shared = self._shared = (facts, {})
        verdict = shared[1].get(policy.name)
        if verdict is None:
            verdict = shared[1][policy.name] = policy.evaluate(facts)
        return verdict

    def shared(self, facts: Facts) -> str:
        """Return a digest of all verdicts these facts lead to, whatever the location."""
        parts: list[object] = [self._digest, facts.source, facts.owner, facts.tier]
        if self._reads_artifact:
            parts += [facts.status, facts.reason, facts.contested]
            parts += [dump_verification(v) for v in facts.verifications]
        else:
            nowhere = replace(facts, location=NOWHERE)
            parts += [_words(p.evaluate(nowhere)) for p in self._policies]
        return hashlib.sha256(dump(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def exclusion(self, facts: Facts) -> int | None:
        """Return the id of the first exclusion rule that matches, or None."""
        return next((rule.id for rule in self._exclusions if rule.matches(facts)), None)


def _same_evidence(one: Facts, other: Facts) -> bool:
    return (
        one.verifications is other.verifications
        and (one.status, one.reason, one.contested) == (other.status, other.reason, other.contested)
        and (one.source, one.owner, one.tier) == (other.source, other.owner, other.tier)
    )


def _words(verdict: Verdict) -> list[object]:
    findings = [
        [f.requirement, f.outcome, f.reason, f.detail, f.expected, f.found, f.solution]
        for f in verdict.findings
    ]
    return [verdict.policy, verdict.outcome, findings]
