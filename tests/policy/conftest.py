"""Facts and policies for the tests of the policy ring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from core.model import (
    Digest,
    Facts,
    Location,
    Outcome,
    Role,
    Signer,
    SignerKind,
    Status,
    Verification,
)
from policy.engine import CompiledPolicy, compile_policies

A = "A" * 40
B = "B" * 40
KEY = "sha256:" + "1" * 64
AUTHORITY = "sha256:" + "c" * 64
NAMES: Mapping[str, frozenset[str]] = {
    "release": frozenset({KEY}),
    "maintainers": frozenset({A, B}),
    "acme-ca": frozenset({AUTHORITY}),
    "empty": frozenset(),
    "signers": frozenset({"SHA256:" + "A" * 43}),
}
HEAD = """\
apiVersion: countersign/v1
kind: Policy
metadata: {name: example}
mode: warn
applies_to: everything
require:
"""

MakePiece = Callable[..., Verification]
MakeFacts = Callable[..., Facts]
MakePolicy = Callable[..., CompiledPolicy]


@pytest.fixture
def piece() -> MakePiece:
    def make(
        fingerprint: str = A,
        outcome: Outcome = Outcome.VERIFIED,
        *,
        kind: SignerKind = SignerKind.OPENPGP,
        role: Role = Role.SIGNATURE,
        reason: str = "",
        identity: str = "",
        issuer: str = "",
        anchors: tuple[str, ...] = (),
        **more: Any,
    ) -> Verification:
        signer = Signer(kind, fingerprint, "RSA-4096", identity, issuer) if fingerprint else None
        reasons = {Outcome.VERIFIED: "", Outcome.INVALID: "SIGNATURE_INVALID"}
        default = {**reasons, Outcome.UNTRUSTED: "KEY_UNKNOWN", Outcome.UNVERIFIABLE: "X"}
        return Verification(
            outcome,
            "openpgp",
            role,
            reason or default[outcome],
            signer=signer,
            anchors=anchors,
            **more,
        )

    return make


@pytest.fixture
def facts() -> MakeFacts:
    def make(
        *pieces: Verification,
        status: Status | None = None,
        contested: bool = False,
        reason: str = "",
        kind: str = "apt",
        location: Location | None = None,
        **more: Any,
    ) -> Facts:
        return Facts(
            kind=kind,
            location=location or Location("bookworm/main", "bash", "5.2", "amd64"),
            digest=Digest("sha256", "d" * 64),
            source=more.get("source", "debian"),
            owner=more.get("owner", "platform"),
            tier=more.get("tier", "release"),
            status=status or _status(pieces),
            contested=contested,
            reason=reason,
            verifications=pieces,
        )

    return make


def _status(pieces: tuple[Verification, ...]) -> Status:
    signatures = [one for one in pieces if one.role in (Role.SIGNATURE, Role.PROVENANCE)]
    outcomes = {one.outcome for one in signatures}
    if Outcome.VERIFIED in outcomes:
        return Status.VERIFIED
    if not outcomes:
        return Status.UNSIGNED
    return Status.UNKNOWN if outcomes == {Outcome.UNVERIFIABLE} else Status.FAILED


@pytest.fixture
def policy() -> MakePolicy:
    """Compile one policy from the body of its `require`, or from a whole text."""

    def make(*requirements: str, text: str = "") -> CompiledPolicy:
        body = "".join(f"- {{id: r{i}, {one}}}\n" for i, one in enumerate(requirements))
        (compiled,) = compile_policies({"p.yaml": text or HEAD + body}, NAMES)
        return compiled

    return make
