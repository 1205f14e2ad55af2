"""The entrance to verification: limits, recognition, keys of outcomes, the demanded identity."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from core.cosign_container import SIMPLE_SIGNING, container
from core.limits import Limits
from core.model import (
    CheckOutcome,
    Evidence,
    Outcome,
    ReleaseExpectation,
    Role,
    Signer,
    SignerKind,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.specimens import (
    CONTENT,
    DAY,
    NOW,
    artifact,
    envelope,
    evidence,
    key_entry,
    private_key,
    setting,
    sign,
    statement,
)
from verification.verifier import (
    IdentityDemand,
    IdentityScope,
    demand_identity,
    trust_digest,
    verification_key,
    verify,
)

KEY = private_key("p256")
SIGNATURE = sign(KEY, CONTENT)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (SIGNATURE, "raw-signature"),
        (json.dumps(envelope(statement(digest_of(CONTENT)), KEY)).encode(), "dsse"),
        (container(SIMPLE_SIGNING, b"{}", {}), "cosign-simple-signing"),
        (f"{digest_of(CONTENT).value}  app.tar.gz\n".encode(), "checksum-list"),
    ],
    ids=["raw-signature", "dsse", "cosign-simple-signing", "checksum-list"],
)
def test_format_is_recognised_by_content(content: bytes, name: str) -> None:
    assert verify(evidence(content), setting(key_entry(KEY))).format == name


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00\x01", b"{}", b"<xml/>"])
def test_what_no_format_recognises_is_unverifiable(content: bytes) -> None:
    verification = verify(evidence(content), setting(key_entry(KEY)))
    assert (verification.outcome, verification.reason) == (
        Outcome.UNVERIFIABLE,
        "FORMAT_UNSUPPORTED",
    )


def test_size_is_counted_before_anything_is_read() -> None:
    small = setting(key_entry(KEY), limits=Limits(evidence_bytes=1024, release_bytes=2048))
    release = replace(evidence(bytes(1025)), expectation=ReleaseExpectation("bookworm"))
    reasons = [
        verify(offered, small).reason
        for offered in (
            evidence(bytes(1024)),
            evidence(bytes(1025)),
            release,
            replace(release, content=bytes(2049)),
            evidence(SIGNATURE, hint=bytes(300_000)),
        )
    ]
    assert reasons[1:2] + reasons[3:] == ["TOO_LARGE"] * 3
    assert "TOO_LARGE" not in (reasons[0], reasons[2])


class Torn:
    """Content that fails in a way no format expects."""

    size = 1

    def __init__(self, fault: BaseException) -> None:
        self.fault = fault

    def chunks(self) -> list[bytes]:
        raise self.fault

    def digest(self, _algorithm: str) -> None:
        raise self.fault


class PanicException(BaseException):
    """What a library in Rust raises when it falls over."""


@pytest.mark.parametrize("fault", [OSError("gone"), PanicException("unwrap on an Err")])
def test_fault_of_ours_is_logged_and_never_better_than_unverifiable(fault: BaseException) -> None:
    torn = Subject("app", (), Torn(fault))  # type: ignore[arg-type]  # breaks its contract on purpose
    name = type(fault).__name__
    with capture_logs() as logs:
        verification = verify(evidence(SIGNATURE, torn), setting(key_entry(KEY)))
    assert (verification.outcome, verification.reason) == (
        Outcome.UNVERIFIABLE,
        "FORMAT_UNSUPPORTED",
    )
    assert name in verification.detail
    assert [(each["event"], each["error"]) for each in logs] == [("verification_failed", name)]


def test_an_end_that_was_asked_for_is_no_fault() -> None:
    torn = Subject("app", (), Torn(KeyboardInterrupt()))  # type: ignore[arg-type]  # as above
    with pytest.raises(KeyboardInterrupt):
        verify(evidence(SIGNATURE, torn), setting(key_entry(KEY)))


def test_package_that_cannot_be_loaded_is_named_and_nothing_is_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "awscrt.crypto", None)
    key = private_key("p384", "without its library")
    verification = verify(evidence(sign(key, CONTENT)), setting(key_entry(key)))
    assert verification.outcome is Outcome.UNVERIFIABLE
    assert "awscrt.crypto" in verification.detail


BASE = evidence(SIGNATURE)
VARIATIONS = {
    "content": replace(BASE, content=b"x"),
    "hint": replace(BASE, hint=b"x"),
    "digest": replace(BASE, subject=artifact(b"other")),
    "more digests": replace(
        BASE, subject=Subject("app", (digest_of(CONTENT), digest_of(CONTENT, "sha512")))
    ),
    "media type": replace(BASE, media_type="text/plain"),
    "expectation": replace(BASE, expectation=ReleaseExpectation("bookworm")),
}


def test_key_changes_with_everything_that_can_change_the_outcome() -> None:
    given = setting(key_entry(KEY))
    keys = [verification_key(each, given) for each in (BASE, *VARIATIONS.values())]
    keys.append(verification_key(BASE, setting()))
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {64}


def test_key_stays_where_the_outcome_does() -> None:
    first = verification_key(BASE, setting(key_entry(KEY)))
    elsewhere = replace(BASE, origin="mirror", subject=replace(artifact(), name="other"))
    later = setting(key_entry(KEY), now=NOW + DAY)
    assert verification_key(elsewhere, later) == first


def test_name_counts_where_a_list_is_searched_by_name() -> None:
    listed = f"{digest_of(CONTENT).value}  app.tar.gz\n".encode()
    keys = {
        verification_key(evidence(listed, artifact(name=name)), setting()) for name in ("a", "b")
    }
    assert len(keys) == 2


NAMED = {
    "git-object": b"tree " + b"0" * 40 + b"\nauthor A <a> 1 +0000\n",
    "helm-provenance": b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n...\nfiles:\n",
}


@pytest.mark.parametrize("content", NAMED.values(), ids=NAMED)
def test_name_counts_where_the_signed_text_is_compared_with_it(content: bytes) -> None:
    keys = {
        verification_key(evidence(content, artifact(name=name)), setting()) for name in ("a", "b")
    }
    assert len(keys) == 2


def entries() -> dict[str, Trust]:
    base = TrustEntry("a", TrustKind.KEY, b"content", "origin")
    changed: dict[str, TrustEntry] = {
        "base": base,
        "kind": replace(base, kind=TrustKind.AUTHORITY),
        "content": replace(base, content=b"other"),
        "only": replace(base, only=("AA",)),
        "from": replace(base, valid_from=NOW),
        "until": replace(base, valid_until=NOW),
        "name": replace(base, name="b"),
    }
    trusts = {name: Trust((entry,)) for name, entry in changed.items()}
    return trusts | {"empty": Trust(), "two": Trust((base, base)), "flags": Trust((base,), ("x",))}


def test_trust_digest_covers_every_part_and_no_order() -> None:
    digests = {trust_digest(trust) for trust in entries().values()}
    assert len(digests) == len(entries())
    one, two = key_entry(KEY), key_entry(private_key("p384"))
    assert trust_digest(Trust((one, two))) == trust_digest(Trust((two, one)))
    assert trust_digest(Trust((replace(one, origin="elsewhere"),))) == trust_digest(Trust((one,)))


def test_the_bytes_of_a_trust_are_hashed_once_not_for_each_piece_of_evidence() -> None:
    trust = Trust((key_entry(KEY),))
    assert trust_digest(trust) is trust_digest(trust)


def signed_by(signer: Signer | None, **claims: str) -> Verification:
    return Verification(
        Outcome.VERIFIED,
        "any",
        Role.SIGNATURE,
        signer=signer,
        claims=claims,
        due_at=datetime.max.replace(tzinfo=NOW.tzinfo) - timedelta(days=1),
        due_reason="KEY_EXPIRED",
    )


ACME = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
CERTIFIED = signed_by(
    Signer(SignerKind.CERTIFICATE, "sha256:00", "ECDSA-P256", ACME, "https://issuer.example"),
    subject_alternative_names=json.dumps([ACME, "ci@acme.example"]),
)
KEYED = signed_by(Signer(SignerKind.KEY, "sha256:00", "ECDSA-P256"))
OPENPGP = signed_by(Signer(SignerKind.OPENPGP, "AA", "Ed25519", "Ada <fake@x> <ada@acme.example>"))
PLAIN_OPENPGP = signed_by(Signer(SignerKind.OPENPGP, "AA", "Ed25519", "Ada <ada@acme.example>"))

DEMANDS: dict[str, tuple[Verification, IdentityDemand, str]] = {
    "certificate, nothing stated": (CERTIFIED, IdentityDemand(), "IDENTITY_NOT_STATED"),
    "certificate, issuer alone": (
        CERTIFIED,
        IdentityDemand(issuer="https://issuer.example"),
        "IDENTITY_NOT_STATED",
    ),
    "certificate, any": (CERTIFIED, IdentityDemand(scope=IdentityScope.ANY), ""),
    "certificate, any of another issuer": (
        CERTIFIED,
        IdentityDemand(issuer="https://evil.example", scope=IdentityScope.ANY),
        "ISSUER_MISMATCH",
    ),
    "certificate, exact": (CERTIFIED, IdentityDemand(ACME), ""),
    "certificate, its other name": (CERTIFIED, IdentityDemand("ci@acme.example"), ""),
    "certificate, both": (CERTIFIED, IdentityDemand(ACME, "https://issuer.example"), ""),
    "certificate, other issuer": (
        CERTIFIED,
        IdentityDemand(ACME, "https://issuer.example.evil"),
        "ISSUER_MISMATCH",
    ),
    "certificate, prefix": (CERTIFIED, IdentityDemand(ACME[:-4]), "IDENTITY_MISMATCH"),
    "certificate, suffix": (CERTIFIED, IdentityDemand(ACME + "x"), "IDENTITY_MISMATCH"),
    "certificate, pattern": (
        CERTIFIED,
        IdentityDemand(ACME.replace("acme", "....")),
        "IDENTITY_MISMATCH",
    ),
    "certificate, other case": (CERTIFIED, IdentityDemand(ACME.upper()), "IDENTITY_MISMATCH"),
    "certificate, identity in scope any": (
        CERTIFIED,
        IdentityDemand("x", scope=IdentityScope.ANY),
        "IDENTITY_MISMATCH",
    ),
    "key, nothing stated": (KEYED, IdentityDemand(), ""),
    "key, identity": (KEYED, IdentityDemand(ACME), "IDENTITY_MISMATCH"),
    "key, issuer": (KEYED, IdentityDemand(issuer="x"), "ISSUER_MISMATCH"),
    "OpenPGP, nothing stated": (PLAIN_OPENPGP, IdentityDemand(), ""),
    "OpenPGP, mailbox": (PLAIN_OPENPGP, IdentityDemand("ada@acme.example"), ""),
    "OpenPGP, whole": (PLAIN_OPENPGP, IdentityDemand("Ada <ada@acme.example>"), ""),
    "OpenPGP, other": (PLAIN_OPENPGP, IdentityDemand("eve@acme.example"), "IDENTITY_MISMATCH"),
    "OpenPGP, two mailboxes": (OPENPGP, IdentityDemand("ada@acme.example"), "IDENTITY_MISMATCH"),
    "nobody": (signed_by(None), IdentityDemand("x"), "IDENTITY_MISMATCH"),
}


@pytest.mark.parametrize(("verification", "demand", "reason"), DEMANDS.values(), ids=DEMANDS.keys())
def test_attack_06_demanded_identity(
    verification: Verification, demand: IdentityDemand, reason: str
) -> None:
    judged = demand_identity(verification, demand)
    assert judged.reason == reason
    assert judged.outcome is (Outcome.UNTRUSTED if reason else Outcome.VERIFIED)
    if reason:
        assert judged.checks[-1].outcome is CheckOutcome.FAILED
        assert (judged.due_at, judged.due_reason) == (None, "")
    else:
        assert judged.due_at == verification.due_at


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.VERIFIED])
def test_identity_never_mends_what_is_not_verified(outcome: Outcome) -> None:
    failed = replace(CERTIFIED, outcome=outcome, reason="X")
    assert demand_identity(failed, IdentityDemand("other")) is failed
    assert demand_identity(failed, IdentityDemand(scope=IdentityScope.ANY)) is failed


def test_evidence_of_another_artifact_never_verifies() -> None:
    offered = Evidence(SIGNATURE, "", "test", artifact(b"another artifact"))
    assert verify(offered, setting(key_entry(KEY))).reason == "SIGNATURE_INVALID"
