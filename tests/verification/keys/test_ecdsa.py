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
ORDER = (  # of P-384 (SP 800-186 section 3.2.1.4)
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
)


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
def test_every_altered_bit_on_p384_is_refused_as_the_library_does(hashed: str) -> None:
    made = key("p384").sign(CONTENT, ec.ECDSA(HASHES[hashed]))
    digest, public = digest_of(CONTENT, hashed), key("p384").public_key()
    for place in range(8 * len(made)):
        altered = bytearray(made)
        altered[place // 8] ^= 1 << place % 8
        assert not library("p384", bytes(altered), hashed, CONTENT)
        assert not ecdsa_holds(public, bytes(altered), digest)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([0, 1, 2, 2**383, ORDER - 1, ORDER, ORDER + 1, 2**384]),
    st.sampled_from([0, 1, 2, 2**383, ORDER - 1, ORDER, ORDER + 1, 2**384]),
    st.integers(-3, 3),
    st.binary(max_size=3),
)
def test_odd_numbers_and_lengths_on_p384_are_refused(r: int, s: int, cut: int, tail: bytes) -> None:
    made = utils.encode_dss_signature(r, s) + tail
    made = made[: len(made) + min(cut, 0)]
    assert not library("p384", made, "sha384", CONTENT)
    assert not ecdsa_holds(key("p384").public_key(), made, digest_of(CONTENT, "sha384"))


def test_numbers_with_a_length_that_is_not_der_are_refused() -> None:
    made = key("p384").sign(CONTENT, ec.ECDSA(HASHES["sha384"]))
    long = b"\x30\x81" + made[1:]
    padded = b"\x30%c\x02%c\x00" % (made[1] + 1, made[3] + 1) + made[4:]
    for altered in (long, padded, made + b"\0"):
        assert not library("p384", altered, "sha384", CONTENT)
        assert not ecdsa_holds(key("p384").public_key(), altered, digest_of(CONTENT, "sha384"))


def test_key_given_as_a_compressed_point_is_the_same_key() -> None:
    point = key("p384").public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
    made = key("p384").sign(CONTENT, ec.ECDSA(HASHES["sha384"]))
    assert ecdsa_holds(public, made, digest_of(CONTENT, "sha384"))


def test_second_library_is_loaded_by_the_curve_that_needs_it_alone() -> None:
    words = (
        "import sys, verification.verifier, verification.keys.ecdsa; print('awscrt' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True)
    assert told.stdout.split() == [b"False"]
