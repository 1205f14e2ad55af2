"""Revocations by a key that the owner named for it (RFC 9580 section 5.2.3.23)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pysequoia import ArmorKind, armor

from core.limits import Limits
from core.model import Outcome
from tests.verification.openpgp.openpgp_material import (
    MADE,
    TEXT,
    WITHDRAWN,
    Gnupg,
    gnupg,
    material,
)
from tests.verification.openpgp.openpgp_old import OldSigner
from tests.verification.openpgp.test_openpgp import detached, entry
from verification.openpgp.armor import PUBLIC_KEY, dearmor
from verification.openpgp.packets import split_packets
from verification.trust import describe

LEAKED, RETIRED = "1", "3"


@pytest.fixture(scope="module")
def certified() -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """Yield a signature, its key, its revocation alone as gpg writes it, and that in binary."""
    with gnupg() as gpg:
        gpg.key("alone", "rsa2048")
        signature, ring = gpg.sign("alone"), gpg.export("alone")
        answers = "y\n1\n\ny\n"
        made = gpg.run(
            "-o-", "-a", "--gen-revoke", "alone@acme.test", at=WITHDRAWN, answers=answers
        )
        (gpg.home / "made").write_bytes(made)
        yield signature, ring, made, gpg.run("-o-", "--dearmor", "made")


def test_attack_10_revocation_without_its_key_counts_wherever_it_stands(
    certified: tuple[bytes, bytes, bytes, bytes],
) -> None:
    """Attack class 10."""
    signature, ring, armored, binary = certified
    block = armor(ring, ArmorKind.PublicKey).encode()
    assert detached(signature, entry(ring)).outcome is Outcome.VERIFIED
    for rings in (
        [entry(block + armored)],
        [entry(armored + block)],
        [entry(binary + ring)],
        [entry(ring + binary)],
        [entry(ring), entry(armored, name="withdrawn")],
        [entry(binary, name="withdrawn"), entry(ring)],
    ):
        assert detached(signature, *rings).reason == "KEY_REVOKED"
    forged = binary[:-1] + bytes([binary[-1] ^ 1])
    assert detached(signature, entry(ring), entry(forged)).outcome is Outcome.VERIFIED
    others = entry(material().keyring("ed"))
    assert detached(material().signatures["ed"], others, entry(armored)).reason == ""


def test_revocation_alone_is_described_as_a_key_that_is_revoked(
    certified: tuple[bytes, bytes, bytes, bytes],
) -> None:
    _, ring, armored, binary = certified
    (key,) = describe(entry(ring), Limits())
    (alone,) = describe(entry(armored), Limits())
    assert (alone.fingerprint, alone.is_revoked) == (key.fingerprint, True)
    (both,) = describe(entry(binary + ring), Limits())
    assert (both.fingerprint, both.is_revoked, key.is_revoked) == (key.fingerprint, True, False)


@dataclass(frozen=True)
class Case:
    """One key whose owner named another for revocations, before and after it used that."""

    signature: bytes
    old: bytes
    later: bytes
    before: bytes
    after: bytes
    revoker: bytes
    alone: bytes  # the revocation as gpg writes it, without the key


@pytest.fixture(scope="module", params=["ed25519", "rsa2048", "nistp256", "dsa2048"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def revoked(gpg: Gnupg, kind: str, code: str) -> Case:
    gpg.key("owner", "rsa2048")
    gpg.key("other", kind)
    answers = "addrevoker\nother@acme.test\ny\nsave\n"
    gpg.run("--edit-key", "owner@acme.test", at=MADE, answers=answers)
    signature, later = gpg.sign("owner"), gpg.sign("owner", at="20250601")
    old = OldSigner(gpg.run("--export-secret-keys", "owner@acme.test")).sign(TEXT)
    before = gpg.export("owner")
    answers = f"y\n{code}\n\ny\n"
    made = gpg.run("-o-", "--desig-revoke", "owner@acme.test", at=WITHDRAWN, answers=answers)
    (gpg.home / "revocation").write_bytes(made)
    gpg.run("--import", "revocation")
    return Case(signature, old, later, before, gpg.export("owner"), gpg.export("other"), made)


@pytest.fixture(scope="module")
def leaked(kind: str) -> Iterator[Case]:
    with gnupg() as gpg:
        yield revoked(gpg, kind, LEAKED)


def altered(certificate: bytes) -> bytes:
    """Return the certificate with the revocation forged, by one bit of its last number."""
    packets = list(split_packets(certificate, most=99))
    forged = packets[1].raw[:-1] + bytes([packets[1].raw[-1] ^ 1])
    assert packets[1].body[1] == 0x20
    return b"".join([packets[0].raw, forged, *(one.raw for one in packets[2:])])


def test_attack_10_key_revoked_by_the_key_named_for_it_is_refused(leaked: Case) -> None:
    """Attack class 10."""
    bare = list(split_packets(dearmor(leaked.alone, PUBLIC_KEY), most=99))[1].raw
    for signature in (leaked.signature, leaked.old):
        assert detached(signature, entry(leaked.before)).outcome is Outcome.VERIFIED
        for rings in (
            [entry(leaked.after + leaked.revoker)],
            [entry(leaked.after), entry(leaked.revoker, name="other")],
            [entry(leaked.before), entry(leaked.after + leaked.revoker, name="other")],
            [entry(leaked.before), entry(leaked.alone, name="other")],
            [entry(leaked.before + leaked.revoker), entry(leaked.alone, name="other")],
            # Behind the certificate of the key that made it, as if it were its own.
            [entry(leaked.before + leaked.revoker + bare)],
        ):
            verification = detached(signature, *rings)
            assert (verification.outcome, verification.reason) == (
                Outcome.UNTRUSTED,
                "KEY_REVOKED",
            )


def test_revocation_that_cannot_be_checked_counts_and_a_forged_one_does_not(leaked: Case) -> None:
    assert detached(leaked.signature, entry(leaked.after)).reason == "KEY_REVOKED"
    forged = altered(leaked.after)
    assert detached(leaked.signature, entry(forged)).reason == "KEY_REVOKED"
    ring = entry(forged + leaked.revoker)
    assert detached(leaked.signature, ring).outcome is Outcome.VERIFIED


def test_revocation_by_a_key_that_the_owner_never_named_counts_for_nothing(leaked: Case) -> None:
    packets = list(split_packets(leaked.after, most=99))
    (naming,) = [one for one in packets if one.tag == 2 and one.body[1] == 0x1F]
    unnamed = b"".join(one.raw for one in packets if one is not naming)
    for ring in (entry(unnamed), entry(unnamed + leaked.revoker)):
        verification = detached(leaked.signature, ring)
        assert verification.outcome is Outcome.VERIFIED
        assert verification.claims["key_state_now"] == "valid"
        assert not any(one.is_revoked for one in describe(ring, Limits()) if one.identity)
    assert all(one.is_revoked for one in describe(entry(leaked.after), Limits()))


def test_key_retired_by_another_keeps_what_it_signed_before() -> None:
    with gnupg() as gpg:
        case = revoked(gpg, "ed25519", RETIRED)
    ring = entry(case.after + case.revoker)
    assert detached(case.later, entry(case.before)).outcome is Outcome.VERIFIED
    assert detached(case.later, ring).reason == "KEY_REVOKED"
    verification = detached(case.signature, ring)
    assert verification.outcome is Outcome.VERIFIED
    assert verification.claims["key_state_now"] == "revoked"
