"""Compile policies and judge facts by them: the package's whole public face.

    policies = compile_policies({"policies/a.yaml": text}, trust_names)
    verdicts = judge(policies, facts)
    policy_status(verdicts), is_unconstrained(verdicts)

Pure: the same files, names and facts give the same verdicts, whenever and wherever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from core.model import Facts, PolicyMode, PolicyStatus, Verdict, VerdictOutcome
from policy.case import Case
from policy.checks.build import canonical_checks
from policy.checks.check import Scope, TrustNames
from policy.document import PolicyDocument, PolicyFile, read_policy
from policy.logic import verdict_of, worst
from policy.requirement import CompiledRequirement, build_requirement
from policy.selector import Selector, build_selector

ENGINE_VERSION = "1"  # a change that can change any verdict raises it: it is part of every digest


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """One version of a policy, ready to ask.

    `digest` is 64 hex digits and names the version: the parsed document with its defaults, what
    its trust names stand for, and the engine's version; comments and layout are not in it. Where
    `reads_artifact` is False the verdict depends on status, contested, reason and verifications
    alone, so all artifacts that share them share it.
    """

    name: str
    title: str
    owner: str
    mode: PolicyMode
    controls: tuple[str, ...]
    digest: str
    path: str
    text: str = field(repr=False)
    requirements: tuple[CompiledRequirement, ...]
    names_signers: bool
    reads_artifact: bool
    keep_last_for: timedelta
    selector: Selector
    passed: Verdict  # the same for every artifact that passes everything

    def applies(self, facts: Facts) -> bool:
        """Say whether the policy governs this artifact."""
        return self.selector.selects(facts)

    def evaluate(self, facts: Facts) -> Verdict:
        """Judge one artifact, whether or not the policy governs it."""
        return self.evaluate_case(Case(facts))

    def evaluate_case(self, case: Case) -> Verdict:
        """Judge one case; what the case worked out for one policy serves the next."""
        findings = tuple(requirement.evaluate(case) for requirement in self.requirements)
        outcome = verdict_of(finding.outcome for finding in findings)
        if outcome is VerdictOutcome.PASSED and findings == self.passed.findings:
            return self.passed
        return Verdict(self.name, self.digest, self.mode, outcome, findings, self.names_signers)


def compile_policies(
    files: Mapping[str, str], trust_names: TrustNames, *, kinds: Iterable[str] | None = None
) -> tuple[CompiledPolicy, ...]:
    """Compile policy files (path → text) in the order of their paths.

    `trust_names` gives what each name under `trust` in the settings stands for: `sha256:` digests
    of public keys and of CA certificates, fingerprints of OpenPGP primary keys. `kinds` are the
    kinds of sources there are; without them `applies_to` may name any. Raises ConfigurationError
    with path, line and column for the first thing that is wrong.
    """
    policies: dict[str, CompiledPolicy] = {}
    known = None if kinds is None else frozenset(kinds)
    for path in sorted(files):
        file = read_policy(files[path], path)
        policy = _compile(file, trust_names, known)
        if policy.name in policies:
            other = policies[policy.name].path
            raise file.error(
                f"the policy `{policy.name}` is already in {other}; a name is unique",
                ("metadata", "name"),
            )
        policies[policy.name] = policy
    return tuple(policies.values())


def judge(policies: Iterable[CompiledPolicy], facts: Facts) -> tuple[Verdict, ...]:
    """Return the verdicts of all policies that govern the artifact, in their order."""
    case = Case(facts)
    return tuple(policy.evaluate_case(case) for policy in policies if policy.applies(facts))


def policy_status(verdicts: Iterable[Verdict]) -> PolicyStatus:
    """Return the worst verdict in mode warn or enforce; `ungoverned` when there is none."""
    return worst(verdict.outcome for verdict in verdicts if _counts(verdict))


def is_unconstrained(verdicts: Iterable[Verdict]) -> bool:
    """Say whether the artifact is governed while no policy that counts says who may sign it."""
    counted = [verdict for verdict in verdicts if _counts(verdict)]
    return bool(counted) and not any(verdict.names_signers for verdict in counted)


def _counts(verdict: Verdict) -> bool:
    said = verdict.outcome is not VerdictOutcome.NOT_APPLICABLE
    return said and verdict.mode is not PolicyMode.OBSERVE


def _compile(
    file: PolicyFile, trust_names: TrustNames, kinds: frozenset[str] | None
) -> CompiledPolicy:
    document = file.document
    resolved: dict[str, frozenset[str]] = {}
    requirements = tuple(
        build_requirement(written, Scope(file, ("require", place), trust_names, resolved))
        for place, written in enumerate(document.require)
    )
    digest = _digest(document, resolved)
    mode = PolicyMode(document.mode)
    name = document.metadata.name
    names_signers = any(requirement.names_signers for requirement in requirements)
    findings = tuple(requirement.passed for requirement in requirements)
    return CompiledPolicy(
        name=name,
        title=document.metadata.title or name,
        owner=document.metadata.owner,
        mode=mode,
        controls=tuple(document.metadata.controls),
        digest=digest,
        path=file.path,
        text=file.text,
        requirements=requirements,
        names_signers=names_signers,
        reads_artifact=any(requirement.reads_artifact for requirement in requirements),
        keep_last_for=document.on_error.keep_last_for,
        selector=build_selector(document.applies_to, file, kinds),
        passed=Verdict(name, digest, mode, VerdictOutcome.PASSED, findings, names_signers),
    )


def _digest(document: PolicyDocument, resolved: Mapping[str, frozenset[str]]) -> str:
    canonical = document.model_dump(mode="json", exclude={"require"})
    canonical["require"] = [
        {
            "id": written.id,
            "title": written.title,
            "solution": written.solution,
            "message": written.message,
            "checks": canonical_checks(written.checks),
        }
        for written in document.require
    ]
    whole = {
        "engine": ENGINE_VERSION,
        "document": canonical,
        "trust": {name: sorted(held) for name, held in resolved.items()},
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
