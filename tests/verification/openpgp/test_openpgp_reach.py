"""What the engine has no word on, judged here: SHA-3 of RSA, and RSA keys of more than 4096 bits.

Brainpool's curves are among the kinds of keys in test_openpgp_diagnosis.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pytest
from pysequoia import verify

from core.model import Outcome, Verification
from tests.verification.openpgp.openpgp_kinds import KindSigner
from tests.verification.openpgp.openpgp_material import TEXT, Gnupg, gnupg
from tests.verification.openpgp.openpgp_old import OldSigner, PlainSigner
from tests.verification.openpgp.test_openpgp import NOW, detached, entry
from tests.verification.openpgp.test_openpgp_version_3 import subpacket
from verification.openpgp.key import read_key
from verification.openpgp.packets import Packet, split_packets
from verification.openpgp.self_signatures import hash_over
from verification.openpgp.signature import SignaturePacket
from verification.openpgp.subpackets import key_id_of

MADE = datetime(2024, 1, 1, tzinfo=UTC)
SHA3 = (12, 14)
LONG_PRIMARY, LONG_SUBKEY = "long primary key", "long subkey"
PRIMARY, SUBKEY, USER_ID = 6, 14, 13
NAMES = tuple(
    Packet(USER_ID, name, b"\xcd" + bytes([len(name)]) + name)
    for name in (b"first <first@acme.test>", b"second <second@acme.test>")
)
REVOKES, WITHDRAWS, REVOKES_SUBKEY = 0x20, 0x30, 0x28
SIGNS, CERTIFIES = subpacket(27, b"\2"), subpacket(27, b"\1")
LEAKED, RETIRED = subpacket(29, b"\2"), subpacket(29, b"\3")


def on(days: int) -> bytes:
    moment = MADE + timedelta(days=days)
    return subpacket(2, int(moment.timestamp()).to_bytes(4, "big"))


def lasting(days: int) -> bytes:
    return subpacket(9, (days * 86400).to_bytes(4, "big"))


class Estate:
    """A certificate of a primary key and two subkeys, of which any may be too long."""

    def __init__(self, owner: PlainSigner, subkeys: Sequence[PlainSigner]) -> None:
        self.owner, self.subkeys = owner, subkeys
        self.primary = owner.packet(PRIMARY)

    def certificate(self, *over_key: bytes, **said: bytes) -> bytes:
        """Return the whole, with what is said over the key, and behind names and subkeys."""
        written = self.primary.raw + b"".join(over_key)
        for place, name in enumerate(NAMES):
            by_default = self.owner.certify(0x13, on(0) + CERTIFIES, self.primary, name)
            written += name.raw + said.get(f"name_{place}", by_default)
        for place, one in enumerate(self.subkeys):
            written += one.packet(SUBKEY).raw + self.bound(place) + said.get(f"key_{place}", b"")
        return written

    def name(self, place: int, area: bytes, kind: int = 0x13) -> bytes:
        return self.owner.certify(kind, area, self.primary, NAMES[place])

    def bound(self, place: int, area: bytes = SIGNS) -> bytes:
        one = self.subkeys[place]
        component = one.packet(SUBKEY)
        agrees = one.certify(0x19, on(0), self.primary, component, over_kind=0x18)
        inner = next(split_packets(agrees, most=1)).body
        embedded = b"\xff" + (len(inner) + 1).to_bytes(4, "big") + b"\x20" + inner
        return self.owner.certify(0x18, on(0) + area + embedded, self.primary, component)

    def revoked(self, place: int, area: bytes, *, hash_number: int = 8) -> bytes:
        component = self.subkeys[place].packet(SUBKEY)
        return self.owner.certify(
            REVOKES_SUBKEY, area, self.primary, component, hash_number=hash_number
        )


@cache
def estates() -> dict[str, Estate]:
    """Return them by what is too long in them; such keys take a second to make."""
    long, short, other = (PlainSigner(bits, MADE) for bits in (4104, 2048, 2048))
    return {
        LONG_PRIMARY: Estate(long, (short, other)),
        LONG_SUBKEY: Estate(short, (long, other)),
        "none": Estate(short, (other,)),
    }


@pytest.fixture(params=[LONG_PRIMARY, LONG_SUBKEY])
def estate(request: pytest.FixtureRequest) -> Estate:
    return estates()[request.param]


def by_subkey(estate: Estate, certificate: bytes, *, at: int = 100, area: bytes = b"") -> str:
    signature = estate.subkeys[0].sign_new(TEXT, on(at) + area)
    return outcome(detached(signature, entry(certificate)))


def outcome(verification: Verification) -> str:
    return verification.reason or verification.outcome.value


def test_long_rsa_key_verifies(estate: Estate) -> None:
    certificate = estate.certificate()
    for kind, hash_number in ((0, 8), (1, 10), (0, 12)):
        made = estate.subkeys[0].sign_new(
            TEXT.replace(b"\n", b"\r\n") if kind else TEXT,
            on(100),
            kind=kind,
            hash_number=hash_number,
        )
        verification = detached(made, entry(certificate))
        assert verification.outcome is Outcome.VERIFIED, verification.detail
        assert verification.claims["key_state_now"] == "valid"
        assert NAMES[0].body.decode() in verification.claims["user_ids"]
        assert detached(made, entry(certificate), content=TEXT + b"x").reason == "SIGNATURE_INVALID"
    assert by_subkey(estate, certificate, area=subpacket(105, b"x")) == "verified"


def test_attack_10_long_rsa_key_that_did_not_count_verifies_nothing(estate: Estate) -> None:
    """Attack class 10."""
    assert by_subkey(estate, estate.certificate()) == "verified"
    key, say = estate.primary, estate.owner.certify
    ended = estate.name(0, on(0) + CERTIFIES + lasting(9))
    unknown = subpacket(105, b"x", critical=True)
    for certificate, reason in (
        (estate.certificate(say(REVOKES, on(200) + LEAKED, key, key)), "KEY_REVOKED"),
        (estate.certificate(say(REVOKES, on(50) + RETIRED, key, key)), "KEY_REVOKED"),
        (estate.certificate(key_0=estate.revoked(0, on(200) + LEAKED)), "KEY_REVOKED"),
        (estate.certificate(name_0=ended), "KEY_EXPIRED"),
        (
            estate.certificate(
                name_0=ended, name_1=estate.name(1, on(20) + CERTIFIES)
            ),  # readers differ over which of the two counts
            "KEY_UNKNOWN",
        ),
        (estate.certificate(name_0=b"", name_1=b""), "KEY_UNKNOWN"),
        (
            estate.certificate(
                name_0=estate.name(0, on(0) + unknown), name_1=estate.name(1, on(0) + unknown)
            ),
            "KEY_UNKNOWN",
        ),
    ):
        assert by_subkey(estate, certificate) == reason
    assert by_subkey(estate, estate.certificate(), area=unknown) == "SIGNATURE_INVALID"
    turned = Estate(estate.owner, estate.subkeys[::-1])
    bound = turned.certificate()
    unbound = bound.replace(turned.bound(1), b"")
    assert by_subkey(estate, bound) == "verified"
    assert by_subkey(estate, unbound) == "KEY_UNKNOWN"


def test_what_was_said_of_a_long_rsa_key_later_leaves_what_it_signed(estate: Estate) -> None:
    key, say = estate.primary, estate.owner.certify
    retired = estate.certificate(say(REVOKES, on(200) + RETIRED, key, key))
    assert by_subkey(estate, retired) == "verified"
    assert by_subkey(estate, retired, at=300) == "KEY_REVOKED"
    brief = CERTIFIES + lasting(150)
    ending = estate.certificate(
        name_0=estate.name(0, on(0) + brief), name_1=estate.name(1, on(0) + brief)
    )
    made = estate.subkeys[0].sign_new(TEXT, on(100))
    for certificate, state in ((retired, "revoked"), (ending, "expired")):
        assert detached(made, entry(certificate)).claims["key_state_now"] == state
    assert by_subkey(estate, ending, at=200) == "KEY_EXPIRED"
    prolonged = estate.certificate(
        name_0=estate.name(0, on(150) + CERTIFIES), name_1=estate.name(1, on(150) + CERTIFIES)
    )
    verification = detached(made, entry(prolonged))
    assert verification.outcome is Outcome.VERIFIED
    assert any("begins later" in check.detail for check in verification.checks)


def test_user_id_that_was_taken_back_says_nothing_of_the_key() -> None:
    estate = estates()[LONG_PRIMARY]
    ended = estate.name(0, on(0) + CERTIFIES + lasting(60))
    taken_back = ended + estate.name(0, on(50), WITHDRAWS)
    certificate = estate.certificate(name_0=taken_back)
    made = estate.subkeys[0].sign_new(TEXT, on(100))
    verification = detached(made, entry(certificate))
    assert verification.outcome is Outcome.VERIFIED
    assert NAMES[0].body.decode() not in verification.claims["user_ids"]
    assert by_subkey(estate, estate.certificate(name_0=ended)) == "KEY_EXPIRED"
    # Where no other is left, it goes on to say when the key ends.
    alone = estate.certificate(name_0=taken_back, name_1=b"")
    assert by_subkey(estate, alone) == "KEY_EXPIRED"


@pytest.mark.parametrize("number", SHA3)
def test_sha_3_verifies_and_of_other_content_does_not(number: int) -> None:
    with gnupg() as gpg:
        signer, ring = made_by(gpg)
        signature = signer.sign_new(TEXT, on(100), hash_number=number)
        verification = detached(signature, entry(ring))
        assert verification.outcome is Outcome.VERIFIED
        assert verification.claims["hash_algorithm"].startswith("SHA3-")
        assert detached(signature, entry(ring), content=b"x").reason == "SIGNATURE_INVALID"
        late = signer.sign_new(TEXT, on(3000), hash_number=number)
        assert detached(late, entry(ring), now=NOW).reason == "TIME_IN_FUTURE"


@pytest.mark.parametrize("number", SHA3)
@pytest.mark.parametrize("version", [4, 6])
def test_sha_3_of_other_keys_is_judged_by_the_engine(version: int, number: int) -> None:
    """RFC 9580 section 9.5: with a salt, too, and where the key is vouched for by it."""
    signer = KindSigner(version, MADE, "old Ed25519" if version == 4 else "Ed25519")
    direct, leaked = (
        signer.sign(signer.over, on(days) + area, kind=kind, hash_number=number)
        for days, area, kind in ((0, SIGNS, 0x1F), (300, LEAKED, REVOKES))
    )
    signature = signer.sign(TEXT, on(100), hash_number=number)
    assert outcome(detached(signature, entry(signer.raw + direct))) == "verified"
    other = detached(signature, entry(signer.raw + direct), content=b"x")
    assert other.reason == "SIGNATURE_INVALID"
    assert outcome(detached(signature, entry(signer.raw + leaked + direct))) == "KEY_REVOKED"
    assert detached(signature, entry(signer.raw)).outcome is not Outcome.VERIFIED


@pytest.mark.parametrize("number", [8, *SHA3])
def test_attack_10_word_over_a_picture_alone_vouches_for_no_key(number: int) -> None:
    """Attack class 10: the engine looks for it over the key and over user ids."""
    signer = PlainSigner(2048, MADE)
    key = signer.packet(PRIMARY)
    picture = Packet(17, b"\x01", b"\xd1\x01\x01")
    name = signer.certify(0x13, on(0) + SIGNS, key, NAMES[0])
    pictured = picture.raw + signer.certify(0x13, on(0) + SIGNS, key, picture)
    shown = picture.raw + signer.certify(0x13, on(0) + CERTIFIES, key, picture)
    signature = signer.sign_new(TEXT, on(100), hash_number=number)
    ring = entry(key.raw + NAMES[0].raw + name + shown)
    assert outcome(detached(signature, ring)) == "verified"
    assert detached(signature, entry(key.raw + pictured)).outcome is not Outcome.VERIFIED
    # Nor does it speak for the time before a name's word begins, nor end it.
    later = signer.certify(0x13, on(300) + SIGNS, key, NAMES[0])
    brief = picture.raw + signer.certify(0x13, on(0) + lasting(200), key, picture)
    assert outcome(detached(signature, entry(key.raw + NAMES[0].raw + later + brief))) == "verified"


def made_by(gpg: Gnupg) -> tuple[OldSigner, bytes]:
    gpg.key("one", "rsa2048")
    return OldSigner(gpg.run("--export-secret-keys", "one@acme.test")), gpg.export("one")


def test_what_is_critical_and_unknown_is_said_to_be_in_error() -> None:
    with gnupg() as gpg:
        signer, ring = made_by(gpg)
        for number in (8, 12):
            area = on(100) + subpacket(105, b"x", critical=True)
            made = signer.sign_new(TEXT, area, hash_number=number)
            verification = detached(made, entry(ring))
            assert verification.reason == "SIGNATURE_INVALID"
            assert "critical" in verification.detail


@pytest.mark.parametrize(
    "broken", [subpacket(25, b""), subpacket(12, b"abcd"), subpacket(34, b"\2", critical=True)]
)
def test_what_the_engine_cannot_read_is_not_judged_here_either(broken: bytes) -> None:
    estate = estates()["none"]
    later = {f"name_{place}": estate.name(place, on(200) + CERTIFIES) for place in (0, 1)}
    for certificate in (estate.certificate(), estate.certificate(**later)):
        for number in (8, 12):
            sound, made = (
                estate.subkeys[0].sign_new(TEXT, on(100) + area, hash_number=number)
                for area in (b"", broken)
            )
            assert detached(sound, entry(certificate)).outcome is Outcome.VERIFIED
            assert detached(made, entry(certificate)).reason == "SIGNATURE_INVALID"


@pytest.mark.parametrize("is_at_hand", [True, False])
def test_attack_10_subkey_revoked_in_a_hash_that_the_engine_lacks_is_revoked(
    monkeypatch: pytest.MonkeyPatch,
    is_at_hand: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Attack class 10: the engine moves such a word to the end, away from its subkey."""
    estate = estates()["none"]
    whole = Estate(estate.owner, (*estate.subkeys, PlainSigner(2048, MADE)))
    if not is_at_hand:
        monkeypatch.setattr("verification.openpgp.self_signatures.new_hash", lambda _: None)
    for place, one in enumerate(whole.subkeys):
        made = one.sign_new(TEXT, on(100))
        revoked = whole.revoked(place, on(0) + LEAKED, hash_number=SHA3[0])
        assert detached(made, entry(whole.certificate())).outcome is Outcome.VERIFIED
        ring = entry(whole.certificate(**{f"key_{place}": revoked}))
        assert detached(made, ring).reason == "KEY_REVOKED"


@pytest.mark.parametrize("number", [2, 8, SHA3[0]])
def test_attack_10_subkey_revoked_at_the_end_of_its_certificate_is_revoked(number: int) -> None:
    """Attack class 10: the engine and others write there what they could not verify."""
    estate = estates()["none"]
    revoker, other = PlainSigner(2048, MADE), PlainSigner(2048, MADE)
    whole = Estate(estate.owner, (*estate.subkeys, other))
    key, component = whole.primary, estate.subkeys[0].packet(SUBKEY)
    named = bytes([0x17, 12, 0x80, 1]) + revoker.key_fingerprint
    direct = whole.owner.certify(0x1F, on(0) + named, key, key)
    for by in (whole.owner, revoker):
        revoked = by.certify(REVOKES_SUBKEY, on(0) + LEAKED, key, component, hash_number=number)
        ring = entry(whole.certificate(direct) + revoked)
        assert detached(estate.subkeys[0].sign_new(TEXT, on(100)), ring).reason == "KEY_REVOKED"
        assert detached(other.sign_new(TEXT, on(100)), ring).outcome is Outcome.VERIFIED


def test_attack_10_revocation_by_a_key_at_hand_counts_whatever_it_says_of_its_hash() -> None:
    """Attack class 10: the two bytes of the hash before its numbers are not signed."""
    estate, revoker = estates()["none"], PlainSigner(2048, MADE)
    key = estate.primary
    named = bytes([0x17, 12, 0x80, 1]) + revoker.key_fingerprint
    ring = estate.certificate(estate.owner.certify(0x1F, on(0) + named, key, key))
    made = estate.subkeys[0].sign_new(TEXT, on(100))
    revoked = revoker.certify(REVOKES, on(0) + LEAKED, key, key)
    start = len(revoked) - 2048 // 8 - 4
    untidy = revoked[:start] + bytes([revoked[start] ^ 1]) + revoked[start + 1 :]
    at_hand = entry(Estate(revoker, ()).certificate(), name="revoker")
    for one in (revoked, untidy):
        found = detached(made, entry(ring), entry(one, name="revocation"), at_hand)
        assert found.reason == "KEY_REVOKED"


def test_rsa_key_is_as_long_as_its_modulus_and_not_as_it_says() -> None:
    short = PlainSigner(1024, MADE)
    modulus = short.key.public_key().public_numbers().n  # type: ignore[union-attr]
    start = short.body[:6]
    body = start + (4104).to_bytes(2, "big") + modulus.to_bytes(513, "big") + b"\0\x11\1\0\1"
    padded = PlainSigner.__new__(PlainSigner)
    padded.algorithm, padded.key, padded.body = short.algorithm, short.key, body
    padded.key_fingerprint = bytes.fromhex(read_key(body).fingerprint)
    padded.key_id = bytes.fromhex(key_id_of(read_key(body).fingerprint))
    certificate = Estate(estates()["none"].owner, (padded,)).certificate()
    for signature in (padded.sign_new(TEXT, on(100)), padded.sign(TEXT, at=MADE)):
        assert detached(signature, entry(certificate)).reason == "ALGORITHM_WEAK"


def test_signature_that_names_nobody_is_shown_to_the_engine_under_its_maker_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tried under hundreds of keys by the engine, a few bytes of evidence took half a minute."""
    estate = estates()["none"]
    strangers = [PlainSigner(2048, MADE) for _ in range(2)]
    ring = entry(
        b"".join(Estate(one, ()).certificate() for one in strangers) + estate.certificate()
    )
    asked: list[int] = []

    def counted(**given: Any) -> Any:
        asked.append(len(given["store"]([])))
        return verify(**given)

    monkeypatch.setattr("verification.openpgp.maker.verify", counted)
    signer = estate.subkeys[0]
    made = signer.sign_new(TEXT, on(100), is_named=False)
    assert detached(made, ring).outcome is Outcome.VERIFIED
    assert asked == [1]
    found = detached(made, ring, content=TEXT + b"!")
    assert (found.reason, asked) == ("SIGNATURE_INVALID", [1])


def test_self_signatures_that_stand_in_their_place_are_hashed_over_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hashed over every name each, those of a certificate of 240 KiB took more than a second."""
    owner = estates()["none"].owner
    primary, names, hashed = owner.packet(PRIMARY), [], []
    for number in range(40):
        (name,) = split_packets(b"\xcd\2%02d" % number, most=1)
        names.append(name.raw + owner.certify(0x13, on(0) + SIGNS, primary, name))

    def counted(signature: SignaturePacket, over: bytes) -> bytes:
        hashed.append(over)
        return hash_over(signature, over)

    monkeypatch.setattr("verification.openpgp.self_signatures.hash_over", counted)
    ring = entry(primary.raw + b"".join(names))
    made = owner.sign_new(TEXT, on(100), hash_number=SHA3[0])
    assert detached(made, ring).outcome is Outcome.VERIFIED
    assert len(hashed) == len(names)


# --- our own judgement beside the engine's --------------------------------------------------------


def said_at_random(chance: Random) -> bytes:
    """Return the signed area of a self-signature: when, what for, how long, and oddities."""
    area = on(chance.randrange(0, 900, 90))
    area += chance.choice((b"", SIGNS, CERTIFIES, SIGNS, subpacket(27, b"\3")))
    area += chance.choice((b"", b"", lasting(0), lasting(200), lasting(900)))
    area += chance.choice((b"", b"", b"", subpacket(3, (86400 * 150).to_bytes(4, "big"))))
    odd = subpacket(105, b"x", critical=True), subpacket(20, b"\x80\0\0\0\0\4\0\1a@bcd")
    return area + chance.choice((b"", b"", b"", b"", *odd, subpacket(25, b"\1")))


def at_random(estate: Estate, chance: Random) -> bytes:
    """Return a certificate of which the owner said this and that."""
    key, say = estate.primary, estate.owner.certify
    over_key = [say(0x1F, said_at_random(chance), key, key) for _ in range(chance.randrange(2))]
    for kind, share in ((REVOKES, 8), (REVOKES_SUBKEY, 6)):
        if not chance.randrange(share):
            area = on(chance.randrange(900)) + chance.choice((LEAKED, RETIRED, b""))
            made = say(kind, area, key, key if kind == REVOKES else estate.subkeys[0].packet(14))
            over_key.append(made)
    said = {}
    for place in range(len(NAMES)):
        words = [estate.name(place, said_at_random(chance)) for _ in range(chance.randrange(3))]
        if not chance.randrange(5):
            words.append(estate.name(place, on(chance.randrange(900)), WITHDRAWS))
        said[f"name_{place}"] = b"".join(words)
    if not chance.randrange(3):
        said["key_0"] = estate.bound(0, chance.choice((SIGNS, CERTIFIES, b"")) + lasting(500))
    return estate.certificate(*over_key, **said)


def test_attack_10_own_judgement_never_says_more_than_the_engine() -> None:
    """Attack class 10: version 3 is judged here, version 4 by the engine."""
    estate, chance, verified = estates()["none"], Random(7), 0
    for _ in range(150):
        ring = entry(at_random(estate, chance))
        signer = chance.choice((estate.owner, estate.subkeys[0]))
        at = chance.randrange(0, 900, 45)
        old = detached(signer.sign(TEXT, at=MADE + timedelta(days=at)), ring)
        new = detached(signer.sign_new(TEXT, on(at)), ring)
        if old.outcome is Outcome.VERIFIED:
            verified += 1
            assert new.outcome is Outcome.VERIFIED, new.detail
    assert verified > 15


def test_attack_10_what_is_judged_as_of_later_could_have_been_dated_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Attack class 10: else the relief for pruned copies would give more than a date does."""
    estate, chance, relieved = estates()["none"], Random(12), []
    for _ in range(150):
        ring = entry(at_random(estate, chance))
        signer, at = chance.choice((estate.owner, estate.subkeys[0])), chance.randrange(0, 900, 45)
        found = detached(signer.sign_new(TEXT, on(at)), ring)
        if found.outcome is Outcome.VERIFIED and any("later" in one.detail for one in found.checks):
            relieved.append((ring, signer, at))
    assert len(relieved) > 10
    monkeypatch.setattr("verification.openpgp.maker.judge_again", lambda *_: None)
    for ring, signer, at in relieved:
        dates = range(0, 900, 90)
        later = (detached(signer.sign_new(TEXT, on(one)), ring) for one in dates if one > at)
        assert any(one.outcome is Outcome.VERIFIED for one in later)
