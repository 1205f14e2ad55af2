"""Whole policies: digests, shared verdicts, statuses, the starter policies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

import pytest

from core.model import Facts, Location, Outcome, PolicyStatus, Role, Status, Verification
from core.reasons import REASONS
from policy import engine
from policy.checks import CHECKS
from policy.engine import CompiledPolicy, compile_policies, is_unconstrained, judge, policy_status

MakeFacts = Callable[..., Facts]
MakePiece = Callable[..., Verification]
MakePolicy = Callable[..., CompiledPolicy]

A = "A" * 40
KEY = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64
LIBRARY = Path(__file__).parent.parent.parent / "policy" / "library"
TEXT = """\
apiVersion: countersign/v1
kind: Policy
metadata: {name: example, owner: team}
mode: %s
applies_to: {any: [{apt: {package: bash}}]}
require:
- id: signed
  verified: {}
- id: signers
  signed_by: {any: [{key: {ref: release}}]}
"""
SAME = """\
# Another layout of the same policy.
require:
  - verified:
      contested: "warn"        # the default, spelled out
    id: 'signed'
  - {signed_by: {at_least: 1, any: [{key: {ref: release}}]}, id: signers, title: ""}
on_error: {keep_last_for: 0s}
applies_to:
  any: [{apt: {package: ["bash"]}}]
mode: warn
metadata:
  owner: team
  name: example
kind: Policy
apiVersion: "countersign/v1"
waivers: []
"""


def digest(text: str, held: frozenset[str] = frozenset({KEY})) -> str:
    (policy,) = compile_policies({"p.yaml": text}, {"release": held, "unused": held})
    return policy.digest


def test_layout_comments_and_spelled_out_defaults_do_not_change_the_digest() -> None:
    assert digest(SAME) == digest(TEXT % "warn")
    assert len(digest(SAME)) == 64
    int(digest(SAME), 16)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mode: warn", "mode: enforce"),
        ("owner: team", "owner: other"),
        ("package: bash", "package: dash"),
        ("verified: {}", "verified: {contested: refuse}"),
        ("id: signed\n", "id: signed\n  message: new\n"),
        ("id: signed\n", "id: signed\n  solution: new\n"),
        ("any: [{key", "at_least: 2, any: [{key"),
        ("ref: release", "ref: unused"),
        ("example", "example2"),
        ("require", "on_error: {keep_last_for: 1h}\nrequire"),
    ],
)
def test_every_change_of_meaning_changes_the_digest(old: str, new: str) -> None:
    text = TEXT % "warn"
    assert old in text
    assert digest(text.replace(old, new)) != digest(text)


def test_spelled_out_defaults_inside_alternatives_do_not_change_the_digest() -> None:
    text = (TEXT % "warn").replace("  verified: {}", "  any: [{verified: {}}, {verified: {}}]")
    spelled = text.replace("verified: {}", "verified: {contested: warn}", 1)
    assert digest(spelled) == digest(text)
    assert digest(text.replace("verified: {}", "verified: {contested: allow}", 1)) != digest(text)


def test_the_digest_covers_what_the_names_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXT % "warn"
    assert digest(text, frozenset({OTHER})) != digest(text)
    (one,) = compile_policies({"p": text}, {"release": frozenset({KEY})})
    assert one.digest == digest(text), "a name that the policy does not use is no part of it"
    before = digest(text)
    monkeypatch.setattr(engine, "ENGINE_VERSION", "next")
    assert digest(text) != before


def test_a_verdict_names_the_exact_version(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    compiled = policy("verified: {}")
    for seen in (facts(piece()), facts()):
        verdict = compiled.evaluate(seen)
        assert (verdict.policy, verdict.policy_digest) == ("example", compiled.digest)
        assert verdict.mode is compiled.mode
        assert [one.requirement for one in verdict.findings] == ["r0"]


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("contested", [False, True])
def test_verified_follows_the_status(
    policy: MakePolicy,
    facts: MakeFacts,
    piece: MakePiece,
    outcome: Outcome,
    status: Status,
    *,
    contested: bool,
) -> None:
    seen = facts(piece(A, outcome), status=status, contested=contested, reason="")
    got = policy("verified: {}").evaluate(seen).findings[0].outcome.value
    if status is Status.UNKNOWN:
        assert got == "unknown"
    elif status is not Status.VERIFIED:
        assert got == "failed"
    elif outcome is not Outcome.VERIFIED:
        assert got == "unknown", "facts that contradict themselves never pass"
    else:
        assert got == ("warned" if contested else "passed")


@pytest.mark.parametrize(
    ("contested", "expected"), [("allow", "passed"), ("warn", "warned"), ("refuse", "failed")]
)
def test_a_contested_artifact(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece, contested: str, expected: str
) -> None:
    seen = facts(piece(), piece(A, Outcome.INVALID, reason="DIGEST_MISMATCH"), contested=True)
    compiled = policy(f"verified: {{contested: {contested}}}")
    finding = compiled.evaluate(seen).findings[0]
    assert finding.outcome.value == expected
    assert finding.reason == ("" if expected == "passed" else "DIGEST_MISMATCH")


def test_attested_is_not_signed(policy: MakePolicy, facts: MakeFacts, piece: MakePiece) -> None:
    attested = facts(piece(role=Role.ATTESTATION), status=Status.UNSIGNED)
    finding = policy("verified: {}").evaluate(attested).findings[0]
    assert (finding.outcome.value, finding.reason) == ("failed", "NO_SIGNATURE")


def test_all_checks_of_a_requirement_must_hold(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    compiled = policy("verified: {}, signed_by: {any: [{openpgp: {ref: maintainers}}]}")
    assert compiled.evaluate(facts(piece(A))).outcome.value == "passed"
    wrong = compiled.evaluate(facts(piece("C" * 40)))
    assert wrong.findings[0].reason == "IDENTITY_MISMATCH"


def test_one_alternative_is_enough(policy: MakePolicy, facts: MakeFacts, piece: MakePiece) -> None:
    compiled = policy(
        "any: [{signed_by: {any: [{key: {ref: release}}]}},"
        " {verified: {}, signed_by: {any: [{openpgp: {ref: maintainers}}]}}]"
    )
    assert compiled.evaluate(facts(piece(A))).outcome.value == "passed"
    assert compiled.evaluate(facts(piece("C" * 40))).outcome.value == "failed"
    unread = facts(piece("", Outcome.UNVERIFIABLE))
    assert compiled.evaluate(unread).outcome.value == "unknown"
    assert policy("any: [{verified: {}}, {cel: 'artifact.tier == status'}]").reads_artifact


def test_a_verdict_that_ignores_the_artifact_is_the_same_for_all(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    compiled = policy(
        "verified: {}",
        "signed_by: {any: [{openpgp: {ref: maintainers}}]}",
        "cel: signers.size() == 1",
    )
    assert not compiled.reads_artifact
    for pieces in ((), (piece(A),), (piece("C" * 40),), (piece(A, Outcome.INVALID),)):
        here = facts(*pieces)
        there = facts(
            *pieces, kind="file", location=Location("x", "y"), source="z", owner="o", tier=""
        )
        assert compiled.evaluate(here) == compiled.evaluate(there)


def test_judge_asks_only_the_policies_that_govern(facts: MakeFacts, piece: MakePiece) -> None:
    files = {"a": TEXT % "warn", "b": (TEXT % "enforce").replace("example", "second")}
    files["b"] = files["b"].replace("package: bash", "package: dash")
    policies = compile_policies(files, {"release": frozenset({KEY})})
    seen = facts(piece())
    assert [one.policy for one in judge(policies, seen)] == ["example"]
    assert judge(policies, seen) == (policies[0].evaluate(seen),)
    assert judge(policies, facts(piece(), kind="file")) == ()
    assert policy_status(judge(policies, facts(kind="file"))) is PolicyStatus.UNGOVERNED


@pytest.mark.parametrize(
    ("mode", "status", "unconstrained"),
    [
        ("observe", PolicyStatus.UNGOVERNED, False),
        ("warn", PolicyStatus.FAILED, False),
        ("enforce", PolicyStatus.FAILED, False),
    ],
)
def test_observe_is_never_counted(
    facts: MakeFacts, mode: str, status: PolicyStatus, *, unconstrained: bool
) -> None:
    policies = compile_policies({"a": TEXT % mode}, {"release": frozenset({KEY})})
    verdicts = judge(policies, facts())
    assert policy_status(verdicts) is status
    assert is_unconstrained(verdicts) is unconstrained


def test_governed_without_a_named_signer_is_unconstrained(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    seen = facts(piece(A))
    loose = policy("verified: {}").evaluate(seen)
    naming = policy("signed_by: {any: [{openpgp: {ref: maintainers}}]}").evaluate(seen)
    assert is_unconstrained([loose])
    assert not is_unconstrained([loose, naming])
    assert not is_unconstrained([])
    watched = compile_policies({"a": TEXT % "observe"}, {"release": frozenset({KEY})})
    assert is_unconstrained([loose, *judge(watched, seen)]), "observe names nobody who counts"


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.yaml")), ids=lambda path: path.stem)
def test_starter_policies_compile_and_explain_themselves(path: Path, facts: MakeFacts) -> None:
    text = path.read_text(encoding="utf-8")
    (policy,) = compile_policies({path.name: text}, {})
    assert policy.name == path.stem
    assert text.startswith("# ")
    assert policy.mode.value in ("observe", "warn"), "a starter policy never blocks anybody"
    verdict = policy.evaluate(facts())
    assert verdict.outcome.value == "failed"
    assert all(one.reason in REASONS and one.solution for one in verdict.findings)


def test_the_starters_make_everything_governed_and_nothing_green(
    facts: MakeFacts, piece: MakePiece
) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in LIBRARY.glob("*.yaml")}
    policies = compile_policies(files, {})
    verdicts = judge(policies, facts(piece()))
    assert policy_status(verdicts) is PolicyStatus.PASSED
    assert is_unconstrained(verdicts)
    assert policy_status(judge(policies, facts())) is PolicyStatus.FAILED


@pytest.mark.parametrize("key", CHECKS)
def test_every_check_keeps_the_contract(key: str) -> None:
    kind = resolve_name(CHECKS[key])
    assert kind.__doc__
    assert kind.Options is not None
    assert callable(kind.evaluate)


EXAMPLES = {
    "verified": "verified: {}",
    "signed_by": "signed_by: {any: [{openpgp: {ref: maintainers}}]}",
    "cel": "cel: signers.size() > 0",
    "any": "any: [{verified: {}}]",
}


@pytest.mark.parametrize("key", CHECKS)
def test_no_check_passes_without_a_signature(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece, key: str
) -> None:
    compiled = policy(EXAMPLES[key])
    refused = [
        facts(),
        facts(status=Status.UNKNOWN, reason="SOURCE_DENIED"),
        facts(piece(A, Outcome.INVALID)),
        facts(piece(A, Outcome.UNTRUSTED)),
        facts(piece(A, Outcome.UNVERIFIABLE, reason="TRUST_ROOT_MISSING")),
        facts(status=Status.VERIFIED),
    ]
    for seen in refused:
        finding = compiled.evaluate(seen).findings[0]
        assert finding.outcome.value in ("failed", "unknown")
        assert finding.reason in REASONS
        assert finding.solution
    assert compiled.evaluate(facts(piece(A))).outcome.value == "passed"
