"""CEL: compile, type-check and run expressions over a case, and nothing else.

An expression sees the variables below: no clock, no I/O, no function of ours. The engine returns
run-time errors as *values* that Python takes for true, so nothing here ever asks whether a value
is truthy: only type BOOL with the value True is a yes.

The binding is 50 MB of machine code: it is loaded when the first policy that uses it is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from core.errors import MalformedError
from core.model import Signer, Verification
from core.text import one_line
from policy.case import Case
from policy.cel_tree import misspelt_fields

_ERROR_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
ARTIFACT_FIELDS = (
    "kind",
    "repository",
    "name",
    "version",
    "variant",
    "digest",
    "source",
    "owner",
    "tier",
)
SIGNER_FIELDS = ("kind", "fingerprint", "algorithm", "identity", "issuer")
VERIFICATION_FIELDS = (
    "outcome",
    "reason",
    "format",
    "role",
    "signer_kind",
    "fingerprint",
    "algorithm",
    "identity",
    "issuer",
    "claims",
    "signed_at",
    "time_trusted",
)


class ExpressionError(MalformedError):
    """An expression cannot be compiled; line and column are from 1, inside the expression."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class Truth(StrEnum):
    """What a rule said. There is no fourth: whatever is not plainly yes or no is an error."""

    YES = "yes"
    NO = "no"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Compiled:
    """One expression, checked."""

    text: str
    program: Any
    reads_artifact: bool
    reads_evidence: bool


def compile_rule(text: str) -> Compiled:
    """Compile an expression that must be a yes or a no; raise ExpressionError."""
    compiled = compile_value(text)
    library = _library()
    if compiled.program.return_type() != library.Type.BOOL:
        found = compiled.program.return_type().name()
        raise ExpressionError(f"a rule says true or false, this one gives {found}", 1, 1)
    return compiled


def compile_value(text: str) -> Compiled:
    """Compile an expression of any type; raise ExpressionError."""
    program = _compile(text, _everything())
    for misspelt in misspelt_fields(
        program.serialize(), text, {"verification": VERIFICATION_FIELDS, "signer": SIGNER_FIELDS}
    ):
        raise ExpressionError(misspelt.message, misspelt.line, misspelt.column)
    # A program compiled without the artifact cannot read it: its verdict may be shared.
    blind = _compiled_or_none(text, _evidence_only())
    return Compiled(
        text,
        blind or program,
        reads_artifact=blind is None,
        reads_evidence=_compiled_or_none(text, _artifact_only()) is None,
    )


def truth(rule: Compiled, case: Case) -> tuple[Truth, str]:
    """Run a rule; the text says what went wrong when it is an error."""
    library = _library()
    try:
        value = rule.program.eval(_activation(case))
        kind, content = value.type(), value.value()
    except Exception as error:  # noqa: BLE001 - whatever the binding raises, the rule said nothing
        return Truth.ERROR, one_line(str(error))
    if kind == library.Type.BOOL and content is True:
        return Truth.YES, ""
    if kind == library.Type.BOOL and content is False:
        return Truth.NO, ""
    if kind == library.Type.ERROR:
        return Truth.ERROR, one_line(str(content))
    return Truth.ERROR, f"gave {kind.name()} in place of true or false"


def text_of(expression: Compiled, case: Case) -> str:
    """Run an expression for people to read; `?` where it cannot be worked out."""
    library = _library()
    try:
        value = expression.program.eval(_activation(case))
        kind, content = value.type(), value.plain_value()
    except Exception:  # noqa: BLE001 - a message with a hole is better than no finding
        return "?"
    if kind in (library.Type.ERROR, library.Type.UNKNOWN):
        return "?"
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, list):
        return one_line(", ".join(str(one) for one in content))
    return one_line(str(content))


def _compile(text: str, environment: Any) -> Any:
    try:
        return environment.compile(text)
    except Exception as error:
        raise _explained(str(error)) from error


def _compiled_or_none(text: str, environment: Any) -> Any | None:
    try:
        return environment.compile(text)
    except Exception:  # noqa: BLE001 - the text compiled before: what fails now is a variable
        return None


def _explained(message: str) -> ExpressionError:
    place = _ERROR_PLACE.search(message)
    if place is None:
        return ExpressionError(one_line(message), 1, 1)
    # The engine's own list of all tokens it would have taken helps nobody.
    sentence = place[3].partition(" expecting {")[0].removesuffix(" (in container '')")
    return ExpressionError(one_line(sentence), int(place[1]), int(place[2]))


@cache
def _library() -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - loaded only where a policy uses it

    return cel


@cache
def _everything() -> Any:
    return _library().NewEnv(variables=_artifact_types() | _evidence_types())


@cache
def _evidence_only() -> Any:
    return _library().NewEnv(variables=_evidence_types())


@cache
def _artifact_only() -> Any:
    return _library().NewEnv(variables=_artifact_types())


def _artifact_types() -> dict[str, Any]:
    # Dotted names make a misspelt field an error at compile time, which a map would not.
    return {f"artifact.{field}": _library().Type.STRING for field in ARTIFACT_FIELDS}


def _evidence_types() -> dict[str, Any]:
    kind = _library().Type
    # The two maps differ in type, so that the checked tree tells their elements apart.
    return {
        "status": kind.STRING,
        "contested": kind.BOOL,
        "verifications": kind.List(kind.Map(kind.STRING, kind.DYN)),
        "signers": kind.List(kind.Map(kind.STRING, kind.STRING)),
    }


def _activation(case: Case) -> Any:
    # Conversion is most of the cost: one for all rules of all policies on the same case.
    if case.activation is None:
        case.activation = _everything().Activation(_variables(case))
    return case.activation


def _variables(case: Case) -> dict[str, Any]:
    facts = case.facts
    location = facts.location
    artifact: Mapping[str, str] = {
        "kind": facts.kind,
        "repository": location.repository,
        "name": location.name,
        "version": location.version,
        "variant": location.variant,
        "digest": str(facts.digest),
        "source": facts.source,
        "owner": facts.owner,
        "tier": facts.tier,
    }
    return {
        **{f"artifact.{field}": artifact[field] for field in ARTIFACT_FIELDS},
        "status": facts.status.value,
        "contested": facts.contested,
        "verifications": [_verification(piece) for piece in facts.verifications],
        "signers": [_signer(signer) for signer in case.signers],
    }


def _verification(piece: Verification) -> dict[str, Any]:
    signer = _signer(piece.signer) if piece.signer else dict.fromkeys(SIGNER_FIELDS, "")
    return {
        "outcome": piece.outcome.value,
        "reason": piece.reason,
        "format": piece.format,
        "role": piece.role.value,
        "signer_kind": signer.pop("kind"),
        **signer,
        "claims": dict(piece.claims),
        # The binding converts no dates inside a map; timestamp(v.signed_at) reads the text.
        "signed_at": piece.signed_at.isoformat() if piece.signed_at else "",
        "time_trusted": piece.time_trusted,
    }


def _signer(signer: Signer) -> dict[str, str]:
    return {
        "kind": signer.kind.value,
        "fingerprint": signer.key_fingerprint,
        "algorithm": signer.key_algorithm,
        "identity": signer.identity,
        "issuer": signer.issuer,
    }
