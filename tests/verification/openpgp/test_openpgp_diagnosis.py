"""Why a signature is refused although its key is there: each cause by its own name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.limits import Limits
from core.model import Outcome
from tests.verification.openpgp.openpgp_material import LATER, MADE, TEXT, gnupg, material
from tests.verification.openpgp.test_openpgp import detached, entry
from verification.openpgp.certificate import Certificate
from verification.openpgp.diagnosis import diagnose, revocation_counts
from verification.openpgp.keyring import read_keyring
from verification.openpgp.packets import split_packets
from verification.openpgp.signature import SignaturePacket, read_signatures


def certificate_of(content: bytes) -> Certificate:
    return read_keyring(entry(content), Limits()).certificates[0]


def dated(name: str, moment: datetime) -> SignaturePacket:
    (read,) = read_signatures(material().signatures[name], limits=Limits())
    assert isinstance(read, SignaturePacket)
    return replace(read, hashed=replace(read.hashed, created_at=moment))


def test_without_a_cause_it_is_the_mathematics() -> None:
    certificate = certificate_of(material().certificates["ed"])
    moment = datetime(2024, 6, 1, tzinfo=UTC)
    cause = diagnose(dated("ed", moment), certificate, certificate.primary)
    assert cause.reason == "SIGNATURE_INVALID"


def test_dated_before_the_key_was_made() -> None:
    certificate = certificate_of(material().certificates["ed"])
    moment = datetime(2023, 12, 31, tzinfo=UTC)
    cause = diagnose(dated("ed", moment), certificate, certificate.primary)
    assert (cause.reason, cause.expected) == (
        "SIGNATURE_INVALID",
        "made after 2024-01-01T00:00:00+00:00",
    )


def test_copy_without_the_key_history_speaks_for_then() -> None:
    packets = list(split_packets(material().certificates["late"], most=9))
    recent = [one.raw for one in packets if one.tag != 2 or one.body[:2] != b"\x04\x13"]
    newest = max((one for one in packets if one.tag == 2), key=_made)
    certificate = certificate_of(b"".join([*recent, newest.raw]))
    between = datetime(2024, 1, 1, 12, tzinfo=UTC)
    cause = diagnose(dated("after", between), certificate, certificate.primary)
    assert cause.reason == "SIGNATURE_INVALID"  # dated anew: the mathematics alone


def _made(packet: object) -> datetime:
    (read,) = read_signatures(packet.raw, limits=Limits())  # type: ignore[attr-defined] # a Packet
    assert isinstance(read, SignaturePacket)
    return read.created_at


def test_attack_09_key_that_may_only_certify_does_not_sign() -> None:
    certificate = certificate_of(material().certificates["sub"])
    moment = datetime(2024, 6, 1, tzinfo=UTC)
    assert diagnose(dated("sub", moment), certificate, certificate.primary).reason == "CERT_USAGE"


@pytest.mark.parametrize(
    ("name", "moment", "counts"),
    [
        ("ed", datetime(2026, 1, 1, tzinfo=UTC), False),
        ("comp", datetime(2024, 2, 1, tzinfo=UTC), True),
        ("sup", datetime(2024, 2, 1, tzinfo=UTC), False),
        ("sup", datetime(2025, 2, 1, tzinfo=UTC), True),
    ],
)
def test_revocation_counts_from_its_time_unless_the_key_leaked(
    *, name: str, moment: datetime, counts: bool
) -> None:
    certificate = certificate_of(material().certificates[name])
    assert revocation_counts(certificate, moment) is counts


def test_subkey_that_had_expired() -> None:
    with gnupg() as gpg:
        primary = gpg.key("short", usage="cert")
        gpg.run("--quick-add-key", primary, "ed25519", "sign", "never", at=MADE)
        signature = gpg.sign("short", at=LATER)
        subkey = gpg.fingerprints("short")[1]
        gpg.run("--quick-set-expire", primary, "365d", subkey, at="20240102")
        ring = entry(gpg.export("short"))
    verification = detached(signature, ring)
    assert verification.reason == "KEY_EXPIRED"
    assert verification.found == "2025-06-01T00:00:00+00:00"


def test_key_bound_by_sha1_alone() -> None:
    with gnupg() as gpg:
        gpg.run("--cert-digest-algo=SHA1", "--quick-gen-key", "x@acme.test", "ed25519", at=MADE)
        signature, ring = gpg.sign("x"), entry(gpg.export("x"))
    verification = detached(signature, ring)
    assert (verification.reason, verification.found) == ("ALGORITHM_WEAK", "SHA-1")


def test_curve_that_nobody_here_has_is_unsupported_not_invalid() -> None:
    with gnupg() as gpg:
        gpg.key("pool", "secp256k1")
        signature, ring = gpg.sign("pool"), entry(gpg.export("pool"))
    verification = detached(signature, ring)
    assert (verification.outcome, verification.reason) == (
        Outcome.UNVERIFIABLE,
        "FORMAT_UNSUPPORTED",
    )


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("nistp256", "ECDSA-P256"),
        ("nistp521", "ECDSA-P521"),
        ("dsa2048", "DSA-2048"),
        ("brainpoolP256r1", "ECDSA-brainpoolP256r1"),  # no mathematics of the engine's
        ("brainpoolP512r1", "ECDSA-brainpoolP512r1"),
    ],
)
def test_other_kinds_of_keys_verify(kind: str, algorithm: str) -> None:
    with gnupg() as gpg:
        gpg.key("other", kind)
        signature, ring = gpg.sign("other"), entry(gpg.export("other"))
    verification = detached(signature, ring)
    assert verification.outcome is Outcome.VERIFIED
    assert verification.signer is not None
    assert verification.signer.key_algorithm == algorithm
    assert detached(signature, ring, content=TEXT + b"\n").reason == "SIGNATURE_INVALID"
    assert verification.signed_at is not None
    assert verification.signed_at - datetime(2024, 6, 1, tzinfo=UTC) < timedelta(seconds=1)
