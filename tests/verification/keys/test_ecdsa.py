"""ECDSA: whichever library checks a signature, the answer is the one `cryptography` gives."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Digest, digest_of
from tests.verification.specimens import CONTENT, CURVES, private_key
from verification.keys.ecdsa import EcdsaKey
from verification.keys.public_key import spki_fingerprint

HASHES = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
FAST = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}
ORDERS = {  # SP 800-186 sections 3.2.1.3 and 3.2.1.4
    "p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "p384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,  # noqa: E501 - one number
}
ODD = ["0", "1", "2", "half", "order - 1", "order", "order + 1", "2**bits"]


def odd_number(curve: str, name: str) -> int:
    order, bits = ORDERS[curve], FAST[curve].key_size
    named = {"half": 2 ** (bits - 1), "order - 1": order - 1, "order": order}
    named |= {"order + 1": order + 1, "2**bits": 2**bits}
    return named[name] if name in named else int(name)


def key(curve: str, name: str = "ecdsa") -> ec.EllipticCurvePrivateKey:
    private = private_key(curve, name)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private


def ecdsa_holds(public: ec.EllipticCurvePublicKey, signature: bytes, digest: Digest) -> bool:
    return EcdsaKey(spki_fingerprint(public), public).holds(signature, digest)


def library(curve: str, signature: bytes, hashed: str, content: bytes) -> bool:
    try:
        key(curve).public_key().verify(signature, content, ec.ECDSA(HASHES[hashed]))
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("hashed", HASHES)
@pytest.mark.parametrize("curve", CURVES)
def test_signature_holds_over_its_digest_and_under_its_key_alone(curve: str, hashed: str) -> None:
    made = key(curve).sign(CONTENT, ec.ECDSA(HASHES[hashed]))
    public = key(curve).public_key()
    assert ecdsa_holds(public, made, digest_of(CONTENT, hashed))
    assert not ecdsa_holds(public, made, digest_of(CONTENT + b".", hashed))
    other = key(curve, "another").public_key()
    assert not ecdsa_holds(other, made, digest_of(CONTENT, hashed))


@pytest.mark.parametrize("hashed", HASHES)
@pytest.mark.parametrize("curve", FAST)
def test_every_altered_bit_is_refused_as_the_library_does(curve: str, hashed: str) -> None:
    made = key(curve).sign(CONTENT, ec.ECDSA(HASHES[hashed]))
    digest, public = digest_of(CONTENT, hashed), key(curve).public_key()
    for place in range(8 * len(made)):
        altered = bytearray(made)
        altered[place // 8] ^= 1 << place % 8
        assert not library(curve, bytes(altered), hashed, CONTENT)
        assert not ecdsa_holds(public, bytes(altered), digest)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(FAST)),
    st.sampled_from(ODD),
    st.sampled_from(ODD),
    st.integers(-3, 3),
    st.binary(max_size=3),
)
def test_odd_numbers_and_lengths_are_refused(
    curve: str, r: str, s: str, cut: int, tail: bytes
) -> None:
    made = utils.encode_dss_signature(odd_number(curve, r), odd_number(curve, s)) + tail
    made = made[: len(made) + min(cut, 0)]
    assert not library(curve, made, "sha384", CONTENT)
    assert not ecdsa_holds(key(curve).public_key(), made, digest_of(CONTENT, "sha384"))


@pytest.mark.parametrize("curve", FAST)
def test_numbers_with_a_length_that_is_not_der_are_refused(curve: str) -> None:
    made = key(curve).sign(CONTENT, ec.ECDSA(HASHES["sha384"]))
    long = b"\x30\x81" + made[1:]
    padded = b"\x30%c\x02%c\x00" % (made[1] + 1, made[3] + 1) + made[4:]
    for altered in (long, padded, made + b"\0", made[:2], b"\0", b""):
        assert not library(curve, altered, "sha384", CONTENT)
        assert not ecdsa_holds(key(curve).public_key(), altered, digest_of(CONTENT, "sha384"))


@pytest.mark.parametrize("curve", FAST)
def test_key_given_as_a_compressed_point_is_the_same_key(curve: str) -> None:
    point = key(curve).public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    public = ec.EllipticCurvePublicKey.from_encoded_point(FAST[curve], point)
    made = key(curve).sign(CONTENT, ec.ECDSA(HASHES["sha384"]))
    assert ecdsa_holds(public, made, digest_of(CONTENT, "sha384"))


def test_second_library_is_loaded_by_the_curves_that_need_it_alone() -> None:
    words = (
        "import sys, verification.verifier, verification.keys.ecdsa; print('awscrt' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True)
    assert told.stdout.split() == [b"False"]
