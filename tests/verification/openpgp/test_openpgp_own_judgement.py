"""Our own judgement of certificates never says more than the engine's: found by comparing both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from pysequoia import ArmorKind, armor

from core.model import Outcome
from tests.verification.openpgp.openpgp_material import TEXT, Gnupg, gnupg, material
from tests.verification.openpgp.openpgp_old import SIGNED_AT, OldSigner
from tests.verification.openpgp.test_openpgp import detached, entry
from tests.verification.openpgp.test_openpgp_version_3 import subpacket
from verification.openpgp.key import read_key
from verification.openpgp.packets import Packet, split_packets
from verification.openpgp.subpackets import key_id_of

BINDS, DIRECT, REVOKES, REVOKES_SUBKEY, AGREES = 0x13, 0x1F, 0x20, 0x28, 0x19
SIGNS, CERTIFIES = subpacket(27, b"\3"), subpacket(27, b"\1")
RETIRED, LEAKED = subpacket(29, b"\3"), subpacket(29, b"\2")


def on(month: int, year: int = 2024) -> bytes:
    moment = datetime(year, month, 2, tzinfo=UTC)
    return subpacket(2, int(moment.timestamp()).to_bytes(4, "big"))


@dataclass(frozen=True)
class Scene:
    """A primary key with a subkey, and who can sign with both."""

    owner: OldSigner
    signer: OldSigner
    primary: Packet
    user_id: Packet
    subkey: Packet
    new: bytes
    new_by_subkey: bytes
    other: bytes  # another certificate
    second_subkey: bytes  # bound to it, and of no matter

    def say(self, kind: int, area: bytes, *, hash_number: int = 8, is_named: bool = True) -> bytes:
        over = {BINDS: self.user_id, 0x18: self.subkey, REVOKES_SUBKEY: self.subkey}
        return self.owner.certify(
            kind,
            area,
            self.primary,
            over.get(kind, self.primary),
            hash_number=hash_number,
            is_named=is_named,
        )

    def certificate(self, *over_key: bytes, named: bytes = b"", under: bytes = b"") -> bytes:
        """Return the key with what is said of it, of its user id, and of its subkey."""
        named = named or self.say(BINDS, on(1) + SIGNS)
        written = [self.primary.raw, *over_key, self.user_id.raw, named]
        return b"".join(written) + (self.subkey.raw + under if under else b"")

    def bind(self, agreed: bytes, *, bound: int = 1) -> bytes:
        agrees = self.signer.certify(AGREES, agreed, self.primary, self.subkey, over_kind=0x18)
        inner = next(split_packets(agrees, most=1)).body
        size = (len(inner) + 1).to_bytes(4, "big")
        embedded = b"\xff" + size + b"\x20" + inner
        return self.say(0x18, on(bound) + subpacket(27, b"\2") + embedded)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with gnupg() as gpg:
        primary = gpg.key("one", "rsa2048")
        new = gpg.sign("one")
        gpg.run("--quick-add-key", primary, "rsa2048", "sign", "never", at="20240101")
        gpg.key("two")
        yield made(gpg, new)


def made(gpg: Gnupg, new: bytes) -> Scene:
    secret = gpg.run("--export-secret-keys", "one@acme.test")
    packets = list(split_packets(gpg.export("one"), most=9))
    subkey = next(one for one in packets if one.tag == 14)
    owner, signer = OldSigner(secret), OldSigner(secret, 1)
    by_subkey = gpg.sign("one", at="20240601")
    gpg.run(
        "--quick-add-key", gpg.fingerprints("one")[0], "rsa2048", "sign", "never", at="20240101"
    )
    second = b"".join(one.raw for one in list(split_packets(gpg.export("one"), most=9))[-2:])
    two = gpg.export("two")
    return Scene(owner, signer, packets[0], packets[1], subkey, new, by_subkey, two, second)


def day(count: int) -> bytes:
    return subpacket(3, (count * 86400).to_bytes(4, "big"))


OF_KEY: dict[str, Callable[[Scene], bytes]] = {
    "forbidden later by a word that names nobody": lambda s: s.certificate(
        named=s.say(BINDS, on(1) + SIGNS) + s.say(BINDS, on(2) + CERTIFIES, is_named=False)
    ),
    "silent and allowing in the same second": lambda s: s.certificate(
        named=s.say(BINDS, on(1)) + s.say(BINDS, on(1) + CERTIFIES)
    ),
    "retired then, taken back since": lambda s: s.certificate(
        s.say(REVOKES, on(3) + RETIRED),
        named=s.say(BINDS, on(1) + SIGNS) + s.say(BINDS, on(9) + SIGNS),
    ),
    "vouched for by SHA-3 alone": lambda s: s.certificate(
        named=s.say(BINDS, on(1) + SIGNS, hash_number=12)
    ),
    "vouched for before it was made": lambda s: s.certificate(
        named=s.say(BINDS, on(1, 2023) + SIGNS)
    ),
    "revoked in SHA-3": lambda s: s.certificate(s.say(REVOKES, on(3) + LEAKED, hash_number=12)),
    "revoked in MD5": lambda s: s.certificate(s.say(REVOKES, on(3) + LEAKED, hash_number=1)),
    "revoked in RIPEMD-160": lambda s: s.certificate(s.say(REVOKES, on(3) + LEAKED, hash_number=3)),
    "revoked by a word that names nobody": lambda s: s.certificate(
        s.say(REVOKES, on(3) + LEAKED, is_named=False)
    ),
    "revoked in SHA-3, with a subkey that the engine puts before the word": lambda s: s.certificate(
        s.say(REVOKES, on(3) + LEAKED, hash_number=12), under=s.bind(on(1))
    ),
}
OF_SUBKEY: dict[str, Callable[[Scene], bytes]] = {
    "agreed for a day": lambda s: s.certificate(under=s.bind(on(1) + day(1))),
    "agreed later": lambda s: s.certificate(under=s.bind(on(9))),
    "agreed before it was made": lambda s: s.certificate(under=s.bind(on(1, 2023))),
    "agreed with what nobody knows": lambda s: s.certificate(
        under=s.bind(on(1) + subpacket(105, b"x", critical=True))
    ),
    "revoked by a word that names nobody": lambda s: s.certificate(
        under=s.bind(on(1)) + s.say(REVOKES_SUBKEY, on(3) + LEAKED, is_named=False)
    ),
    "revoked by a word with two dates": lambda s: s.certificate(
        under=s.bind(on(1)) + s.say(REVOKES_SUBKEY, on(3) + on(4) + LEAKED)
    ),
    "revoked in SHA-3": lambda s: s.certificate(
        under=s.bind(on(1)) + s.say(REVOKES_SUBKEY, on(3) + LEAKED, hash_number=12)
    ),
    "revoked in MD5": lambda s: s.certificate(
        under=s.bind(on(1)) + s.say(REVOKES_SUBKEY, on(3) + LEAKED, hash_number=1)
    ),
    "revoked in RIPEMD-160": lambda s: s.certificate(
        under=s.bind(on(1)) + s.say(REVOKES_SUBKEY, on(3) + LEAKED, hash_number=3)
    ),
    "revoked in SHA-3, with another subkey that the engine puts before the word": lambda s: (
        s.certificate(
            under=s.bind(on(1))
            + s.say(REVOKES_SUBKEY, on(3) + LEAKED, hash_number=12)
            + s.second_subkey
        )
    ),
}


@pytest.mark.parametrize("name", OF_KEY)
def test_attack_10_key_that_did_not_count_verifies_nothing(scene: Scene, name: str) -> None:
    """Attack class 10."""
    for signature in (scene.new, scene.owner.sign(TEXT, at=SIGNED_AT)):
        assert detached(signature, entry(scene.certificate())).outcome is Outcome.VERIFIED
        ring = entry(OF_KEY[name](scene))
        assert detached(signature, ring).outcome is not Outcome.VERIFIED


@pytest.mark.parametrize("name", OF_SUBKEY)
def test_attack_10_subkey_that_did_not_count_verifies_nothing(scene: Scene, name: str) -> None:
    """Attack class 10."""
    good = entry(scene.certificate(under=scene.bind(on(1))))
    for signature in (scene.new_by_subkey, scene.signer.sign(TEXT, at=SIGNED_AT)):
        assert detached(signature, good).outcome is Outcome.VERIFIED
        ring = entry(OF_SUBKEY[name](scene))
        assert detached(signature, ring).outcome is not Outcome.VERIFIED


def test_attack_10_revocation_alone_counts_behind_another_key_and_without_a_name(
    scene: Scene,
) -> None:
    """Attack class 10."""
    key, area = scene.certificate(), on(3) + LEAKED
    named, nameless = scene.say(REVOKES, area), scene.say(REVOKES, area, is_named=False)
    twice = scene.say(REVOKES, on(4) + area)
    signed = armor(named, ArmorKind.Signature).encode()
    assert detached(scene.new, entry(key + scene.other)).outcome is Outcome.VERIFIED
    for rings in (
        [entry(key + scene.other + named)],
        [entry(key), entry(scene.other + named, name="other")],
        [entry(nameless + key)],
        [entry(key), entry(nameless, name="other")],
        [entry(key), entry(twice, name="other")],
        [entry(key), entry(signed, name="other")],
        [entry(armor(key, ArmorKind.PublicKey).encode() + signed)],
    ):
        assert detached(scene.new, *rings).reason == "KEY_REVOKED"


def test_attack_10_key_named_after_many_others_revokes(scene: Scene) -> None:
    """Attack class 10."""
    many = b"".join(subpacket(12, b"\x80\1" + bytes([one]) * 20) for one in range(1, 12))
    last = bytes([0x17, 12, 0xC0, 1]) + scene.signer.key_fingerprint
    key = scene.certificate(scene.say(DIRECT, on(1) + many + last))
    revokes = scene.signer.certify(REVOKES, on(3) + LEAKED, scene.primary, scene.primary)
    assert detached(scene.new, entry(key)).outcome is Outcome.VERIFIED
    ring = entry(scene.primary.raw + revokes + key[len(scene.primary.raw) :])
    assert detached(scene.new, ring).reason == "KEY_REVOKED"


# --- copies that begin later than the signature ---------------------------------------------------


def test_prolonged_key_still_vouches_for_what_it_signed_before() -> None:
    """GnuPG puts the new self-signature in place of the old; so it is in Debian's keyring."""
    ring, signature = entry(material().certificates["long"]), material().signatures["long"]
    made = [one for one in split_packets(ring.content, most=9) if one.tag == 2]
    assert len(made) == 1  # nothing else is left of its history
    found = detached(signature, ring)
    assert found.outcome is Outcome.VERIFIED, found.detail
    assert found.signed_at == SIGNED_AT
    assert any("begins later" in check.detail for check in found.checks)
    assert detached(signature, ring, content=TEXT + b"!").reason == "SIGNATURE_INVALID"


LATER: dict[str, tuple[Callable[[Scene], bytes], str]] = {
    "vouched for": (lambda s: s.certificate(named=s.say(BINDS, on(9) + SIGNS)), ""),
    "vouched for better": (
        lambda s: s.certificate(
            named=s.say(BINDS, on(1) + SIGNS, hash_number=2) + s.say(BINDS, on(9) + SIGNS)
        ),
        "",
    ),
    "retired after that": (
        lambda s: s.certificate(
            s.say(REVOKES, on(10) + RETIRED), named=s.say(BINDS, on(9) + SIGNS)
        ),
        "",
    ),
    "retired before, taken back since": (
        lambda s: s.certificate(s.say(REVOKES, on(3) + RETIRED), named=s.say(BINDS, on(9) + SIGNS)),
        "KEY_UNKNOWN",
    ),
    "leaked after that": (
        lambda s: s.certificate(s.say(REVOKES, on(10) + LEAKED), named=s.say(BINDS, on(9) + SIGNS)),
        "KEY_REVOKED",
    ),
    "not for signing": (
        lambda s: s.certificate(named=s.say(BINDS, on(9) + CERTIFIES)),
        "CERT_USAGE",
    ),
    "vouched for weakly": (
        lambda s: s.certificate(named=s.say(BINDS, on(9) + SIGNS, hash_number=2)),
        "ALGORITHM_WEAK",
    ),
    "ended by then": (
        lambda s: s.certificate(
            named=s.say(BINDS, on(9) + SIGNS + subpacket(9, (200 * 86400).to_bytes(4, "big")))
        ),
        "KEY_EXPIRED",
    ),
    "ended when it signed": (
        lambda s: s.certificate(
            named=s.say(BINDS, on(9) + SIGNS + subpacket(9, (100 * 86400).to_bytes(4, "big")))
        ),
        "KEY_EXPIRED",
    ),
    "vouched for by nobody": (
        lambda s: s.certificate(named=s.say(BINDS, on(9) + SIGNS)[:-1] + b"\0"),
        "KEY_UNKNOWN",
    ),
    "a word that readers differ over": (
        lambda s: s.certificate(
            named=s.say(BINDS, on(9) + SIGNS) + s.say(BINDS, on(10) + SIGNS, hash_number=12)
        ),
        "KEY_UNKNOWN",
    ),
}


@pytest.mark.parametrize("name", LATER)
def test_attack_10_copy_that_begins_later_is_judged_as_of_its_beginning(
    scene: Scene, name: str
) -> None:
    """Attack class 10: RFC 9580 section 5.2.3.10, the newest self-signature counts alone."""
    certificate, reason = LATER[name]
    for signature in (scene.new, scene.owner.sign(TEXT, at=SIGNED_AT)):
        found = detached(signature, entry(certificate(scene)))
        assert found.reason == reason, found.detail
        altered = detached(signature, entry(certificate(scene)), content=TEXT + b"!")
        assert altered.outcome is not Outcome.VERIFIED


def test_attack_10_subkey_vouches_for_nothing_from_before_its_certificate(scene: Scene) -> None:
    """Attack class 10: a primary key that was made later took the subkey over."""
    made = int(datetime(2024, 9, 1, tzinfo=UTC).timestamp()).to_bytes(4, "big")
    body = scene.primary.body[:1] + made + scene.primary.body[5:]
    primary = Packet(6, body, b"\x99" + len(body).to_bytes(2, "big") + body)
    owner = copy(scene.owner)
    owner.key_id = bytes.fromhex(key_id_of(read_key(body).fingerprint))
    taken = replace(scene, owner=owner, primary=primary)
    named = taken.say(BINDS, on(10) + SIGNS)
    ring = entry(taken.certificate(named=named, under=taken.bind(on(10), bound=10)))
    since = datetime(2024, 11, 1, tzinfo=UTC)
    assert detached(scene.signer.sign(TEXT, at=since), ring).outcome is Outcome.VERIFIED
    for signature in (scene.new_by_subkey, scene.signer.sign(TEXT, at=SIGNED_AT)):
        assert detached(signature, ring).reason == "SIGNATURE_INVALID"


def test_attack_10_word_of_the_future_does_not_count_yet(scene: Scene) -> None:
    """Attack class 10."""
    later = entry(scene.certificate(named=scene.say(BINDS, on(9) + SIGNS)))
    for signature in (scene.new, scene.owner.sign(TEXT, at=SIGNED_AT)):
        for month, outcome in ((8, Outcome.UNTRUSTED), (10, Outcome.VERIFIED)):
            asked = datetime(2024, month, 2, tzinfo=UTC)
            assert detached(signature, later, now=asked).outcome is outcome


def test_attack_10_key_retired_by_another_before_its_copy_begins_vouches_for_nothing(
    scene: Scene,
) -> None:
    """Attack class 10: dated as of the first word that is left, it would not count either."""
    revoker = bytes([0x17, 12, 0x80, 1]) + scene.signer.key_fingerprint
    said = scene.say(DIRECT, on(9) + revoker)
    named = scene.say(BINDS, on(9) + SIGNS)
    retired = scene.signer.certify(REVOKES, on(8) + RETIRED, scene.primary, scene.primary)
    for signature in (scene.new, scene.owner.sign(TEXT, at=SIGNED_AT)):
        for over_key, reason in ((said, ""), (retired + said, "KEY_REVOKED")):
            ring = entry(scene.certificate(over_key, named=named))
            assert detached(signature, ring).reason == reason


def test_attack_10_subkey_bound_later_has_to_agree(scene: Scene) -> None:
    """Attack class 10."""
    named = scene.say(BINDS, on(1) + SIGNS)
    bound = scene.certificate(named=named, under=scene.bind(on(9), bound=9))
    claimed = scene.say(0x18, on(9) + subpacket(27, b"\2"))
    for signature in (scene.new_by_subkey, scene.signer.sign(TEXT, at=SIGNED_AT)):
        assert detached(signature, entry(bound)).outcome is Outcome.VERIFIED
        ring = entry(scene.certificate(named=named, under=claimed))
        assert detached(signature, ring).reason == "KEY_UNKNOWN"
