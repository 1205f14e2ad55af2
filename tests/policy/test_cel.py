"""CEL: only a plain true is a yes; everything it can do wrong has a place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.model import Facts, Outcome, SignerKind, Status, Verification
from policy import cel
from policy.case import Case
from policy.cel import ExpressionError, Truth, compile_rule, compile_value, text_of, truth
from policy.cel_tree import misspelt_fields
from policy.engine import CompiledPolicy, compile_policies

MakeFacts = Callable[..., Facts]
MakePiece = Callable[..., Verification]
MakePolicy = Callable[..., CompiledPolicy]

A = "A" * 40
HEAD = """\
apiVersion: countersign/v1
kind: Policy
metadata: {name: example}
applies_to: everything
require:
"""


def judge(text: str, facts: Facts) -> Truth:
    return truth(compile_rule(text), Case(facts))[0]


# The engine returns each of these as a value that Python takes for true.
@pytest.mark.parametrize(
    "text",
    [
        "verifications[0].claims.missing == ''",
        "verifications[9].outcome == 'verified'",
        "1 / 0 == 1",
        "'a'.matches('(')",
        "signers[0]['fing' + 'er'] == ''",
        "timestamp(artifact.name) == timestamp(artifact.name)",
        "[1, 2, 3][artifact.name.size()] == 1",
        "verifications.map(a, verifications.map(b, 1)).size() / 0 == 1",
    ],
)
def test_an_error_at_run_time_is_an_error_and_never_a_yes(
    facts: MakeFacts, piece: MakePiece, text: str
) -> None:
    said, problem = truth(compile_rule(text), Case(facts(piece())))
    assert said is Truth.ERROR
    assert problem


class _Value:
    """What another version of the engine might hand back."""

    def __init__(self, kind: object, content: object) -> None:
        self._kind, self._content = kind, content

    def type(self) -> object:
        return self._kind

    def value(self) -> object:
        return self._content


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("BOOL", True, Truth.YES),
        ("BOOL", False, Truth.NO),
        ("BOOL", 1, Truth.ERROR),
        ("BOOL", "true", Truth.ERROR),
        ("BOOL", None, Truth.ERROR),
        ("ERROR", "NOT_FOUND: no such key", Truth.ERROR),
        ("ERROR", True, Truth.ERROR),
        ("UNKNOWN", True, Truth.ERROR),
        ("DYN", True, Truth.ERROR),
        ("STRING", "true", Truth.ERROR),
        ("INT", 1, Truth.ERROR),
        ("LIST", [True], Truth.ERROR),
        ("NULL", None, Truth.ERROR),
    ],
)
def test_only_type_bool_with_the_value_true_is_a_yes(
    facts: MakeFacts, kind: str, content: object, expected: Truth
) -> None:
    class Program:
        def eval(self, _activation: object) -> _Value:
            return _Value(getattr(cel._library().Type, kind), content)

    rule = cel.Compiled("", Program(), reads_artifact=False, reads_evidence=False)
    assert truth(rule, Case(facts()))[0] is expected


def test_whatever_the_binding_raises_is_an_error(facts: MakeFacts) -> None:
    class Program:
        def eval(self, _activation: object) -> NoReturn:
            raise RuntimeError("Iteration budget exceeded")

    rule = cel.Compiled("", Program(), reads_artifact=False, reads_evidence=False)
    assert truth(rule, Case(facts())) == (Truth.ERROR, "Iteration budget exceeded")
    assert text_of(rule, Case(facts())) == "?"


def test_an_endless_loop_is_cut_off(facts: MakeFacts) -> None:
    tens = "[0,1,2,3,4,5,6,7,8,9]"
    nested = f"{tens}.all(a,{tens}.all(b,{tens}.all(c,{tens}.all(d,{tens}.all(e, a<99)))))"
    assert judge(nested, facts()) is Truth.ERROR


def test_half_a_surrogate_in_a_name_is_an_error_and_not_a_crash(
    facts: MakeFacts, piece: MakePiece
) -> None:
    assert judge("signers.size() == 1", facts(piece(identity="\ud800"))) is Truth.ERROR


@pytest.mark.parametrize(
    ("text", "complaint", "line", "column"),
    [
        ("signers.size()", "this one gives INT", 1, 1),
        ("artifact.tier", "this one gives STRING", 1, 1),
        ("signers[0].kind", "this one gives STRING", 1, 1),
        ("has(artifact.name)", "this one gives STRING", 1, 1),
        ("dyn(true)", "this one gives DYN", 1, 1),
        ("verifications[0].time_trusted", "this one gives DYN", 1, 1),
        ("artifact.nam == 'x'", "undeclared reference to 'artifact.nam'", 1, 9),
        ("artifact == 'x'", "undeclared reference to 'artifact'", 1, 1),
        ("now() > 1", "undeclared reference to 'now'", 1, 4),
        ("contested &&\n  fooo(1)", "undeclared reference to 'fooo'", 2, 7),
        ("status == 1", "no matching overload", 1, 8),
        ("signers.all(s, s.kind == 1)", "no matching overload", 1, 23),
        ("1 +", "Syntax error", 1, 4),
        ("(" * 300 + "true" + ")" * 300, "recursion limit", 1, 1),
        ("signers.exists(s, s.isuer == 'x')", "no field `isuer`; did you mean `issuer`?", 1, 20),
        ("contested ||\n verifications.all(v, v.fmt == '')", "no field `fmt`", 2, 24),
        ("signers[0]['isuer'] == 'x'", "no field `isuer`", 1, 11),
        ("signers.filter(s, true)[0].isuer == ''", "no field `isuer`", 1, 27),
        ("[signers[0]].exists(s, has(s.isuer))", "no field `isuer`", 1, 27),
        ("{'a': [signers[0].isuer]}.size() == 1", "no field `isuer`", 1, 18),
    ],
)
def test_what_is_wrong_is_said_with_line_and_column(
    text: str, complaint: str, line: int, column: int
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_rule(text)
    assert complaint in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert len(str(caught.value)) < 310


@pytest.mark.parametrize(
    "text",
    [
        "verifications.exists(v, v.claims.isuer == 'x')",
        "{'isuer': 'x'}.isuer == 'x'",
        "signers.exists(s, s['kind'] == 'key')",
        "'isuer' in signers[0]",
        "signers.exists(isuer, isuer.kind == 'signers[0].isuer')",
    ],
)
def test_keys_that_are_nobody_s_fields_are_left_alone(text: str) -> None:
    assert compile_rule(text).text == text


@given(st.binary(max_size=200))
def test_a_tree_that_cannot_be_read_is_left_to_run_time(noise: bytes) -> None:
    real = compile_rule("signers.exists(s, s.kind == 'key')").program.serialize()
    for tree in (noise, real[: len(noise)], real + noise):
        list(misspelt_fields(tree, "x", {"verification": [], "signer": ["kind"]}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status == 'verified' && !contested", True),
        ("artifact.kind == 'apt' && artifact.repository == 'bookworm/main'", True),
        ("artifact.name + artifact.version + artifact.variant == 'bash5.2amd64'", True),
        ("artifact.source + artifact.owner + artifact.tier == 'debianplatformrelease'", True),
        ("artifact.digest.startsWith('sha256:dd')", True),
        ("signers.size() == 1 && signers[0].kind == 'openpgp'", True),
        ("signers[0].fingerprint == 'A' || signers[0].algorithm == 'RSA-4096'", True),
        ("verifications.exists(v, v.outcome == 'invalid' && v.reason != '')", True),
        ("verifications.all(v, v.format == 'openpgp' && v.role == 'signature')", True),
        ("verifications.exists(v, v.claims['repository'] == 'acme/app')", True),
        ("timestamp(verifications[0].signed_at) > timestamp('2026-01-01T00:00:00Z')", True),
        ("verifications[1].signed_at == '' && !verifications[0].time_trusted", True),
        ("verifications[0].signer_kind == signers[0].kind", True),
        ("signers.exists(s, s.identity == 'ann' && s.issuer == '')", True),
        ("status == 'unsigned'", False),
    ],
)
def test_every_variable_can_be_seen(
    facts: MakeFacts, piece: MakePiece, text: str, *, expected: bool
) -> None:
    good = piece(
        identity="ann",
        claims={"repository": "acme/app"},
        signed_at=datetime(2026, 5, 1, tzinfo=UTC),
    )
    seen = facts(good, piece("", Outcome.INVALID))
    assert judge(text, seen) is (Truth.YES if expected else Truth.NO)


def test_signers_are_the_distinct_ones_whose_signatures_hold(
    facts: MakeFacts, piece: MakePiece
) -> None:
    seen = facts(piece(A), piece(A), piece("B" * 40, Outcome.UNTRUSTED))
    assert judge(f"signers.map(s, s.fingerprint) == ['{A}']", seen) is Truth.YES
    assert judge("signers.size() == 0", facts(piece(A), status=Status.FAILED)) is Truth.YES


@pytest.mark.parametrize(
    ("text", "reads_artifact", "reads_evidence"),
    [
        ("status == 'verified'", False, True),
        ("artifact.tier == '1'", True, False),
        ("artifact.tier == '1' || signers.size() > 1", True, True),
        ("true", False, False),
        ("signers.exists(artifact, artifact.kind == 'key')", False, True),
    ],
)
def test_what_a_rule_reads_is_known(
    text: str, *, reads_artifact: bool, reads_evidence: bool
) -> None:
    compiled = compile_value(text)
    assert compiled.reads_evidence is reads_evidence
    assert compiled.reads_artifact is reads_artifact


def test_a_rule_that_shares_its_verdict_cannot_see_the_artifact(
    facts: MakeFacts, piece: MakePiece
) -> None:
    # Inside, `artifact` is the signer: the artifact of kind "apt" must not shine through.
    rule = compile_rule("signers.exists(artifact, artifact.kind == 'openpgp')")
    assert not rule.reads_artifact
    assert truth(rule, Case(facts(piece())))[0] is Truth.YES


def test_false_fails_and_an_error_is_unknown(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    finding = policy("cel: status == 'unsigned'").evaluate(facts(piece())).findings[0]
    assert (finding.outcome.value, finding.reason) == ("failed", "RULE_FALSE")
    assert finding.expected == "status == 'unsigned'"
    assert "verified" in finding.found
    assert finding.solution
    finding = policy("cel: 'signers[5].kind == status'").evaluate(facts(piece())).findings[0]
    assert (finding.outcome.value, finding.reason) == ("unknown", "RULE_ERROR")
    assert "index=5" in finding.detail


def test_a_rule_about_evidence_nobody_saw_is_unknown(policy: MakePolicy, facts: MakeFacts) -> None:
    unseen = facts(status=Status.UNKNOWN, reason="SOURCE_DENIED")
    weak = policy("cel: 'signers.all(s, s.algorithm != \"RSA-1024\")'")
    finding = weak.evaluate(unseen).findings[0]
    assert (finding.outcome.value, finding.reason) == ("unknown", "SOURCE_DENIED")
    assert weak.evaluate(facts()).outcome.value == "passed"
    assert policy("cel: artifact.tier == 'release'").evaluate(unseen).outcome.value == "passed"


def test_a_message_is_filled_in_from_the_facts(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece
) -> None:
    compiled = policy(
        "cel: 'signers.size() >= 2', message: 'Two needed, found {{signers.size()}}:"
        " {{ signers.map(s, s.identity) }}{{verifications[7].format}} {{contested}}'"
    )
    finding = compiled.evaluate(facts(piece(identity="ann\x1b[0m"))).findings[0]
    assert finding.detail == "Two needed, found 1: ann\\u{1b}[0m? false"
    assert not compiled.reads_artifact
    assert policy("verified: {}, message: 'not {{artifact.name}}'").reads_artifact


def test_a_message_is_only_for_failures(policy: MakePolicy, facts: MakeFacts) -> None:
    compiled = policy("verified: {}, message: 'nobody signed {{artifact.name}}'")
    assert compiled.evaluate(facts()).findings[0].detail == "nobody signed bash"
    unseen = facts(status=Status.UNKNOWN, reason="SOURCE_DENIED")
    assert "nobody" not in compiled.evaluate(unseen).findings[0].detail


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("- {id: a, cel: stats == 'x'}\n", (6, 16)),
        ("- id: a\n  cel: stats == 'x'\n", (7, 8)),
        ("- id: a\n  cel: \"stats == 'x'\"\n", (7, 9)),
        ("- id: a\n  'cel' :   stats == 'x'\n", (7, 13)),
        ("- id: a\n  cel: |\n    contested\n    && stats == 'x'\n", (9, 8)),
        ("- id: a\n  cel: |-\n\n      stats == 'x'\n", (9, 7)),
        ("- id: a\n  cel: >-\n    contested\n    && stats == 'x'\n", (7, 3)),
        ("- id: a\n  cel: contested\n    && stats == 'x'\n", (7, 3)),
        ('- id: a\n  cel: "\\u0073tats == 1"\n', (7, 3)),
        ("- id: a\n  verified: {}\n  message: '{{stats}}'\n", (8, 3)),
        ("- id: a\n  any:\n  - {verified: {}}\n  - cel: stats == 1\n", (9, 10)),
    ],
)
def test_an_error_points_into_the_policy_file(body: str, place: tuple[int, int]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_policies({"p.yaml": HEAD + body}, {})
    assert "undeclared reference to 'stats'" in caught.value.message
    assert (caught.value.line, caught.value.column) == place


def test_the_engine_is_loaded_only_where_a_policy_uses_it() -> None:
    program = (
        "import sys\n"
        "from policy.engine import compile_policies\n"
        f"compile_policies({{'p': {(HEAD + '- {id: a, verified: {}}')!r}}}, {{}})\n"
        "assert not any('cel_expr' in name for name in sys.modules), 'loaded'\n"
    )
    root = Path(__file__).parent.parent.parent
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, timeout=60)


def test_one_case_is_converted_once(
    policy: MakePolicy, facts: MakeFacts, piece: MakePiece, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversions: list[Case] = []
    convert = cel._variables

    def counted(case: Case) -> dict[str, Any]:
        conversions.append(case)
        return convert(case)

    monkeypatch.setattr(cel, "_variables", counted)
    compiled = policy("cel: status != ''", "cel: signers.size() == 1", "cel: contested == false")
    seen = facts(piece(kind=SignerKind.OPENPGP))
    assert compiled.evaluate(seen).outcome.value == "passed"
    assert len(conversions) == 1
