"""RSA: whichever library checks a signature, the answer is the one `cryptography` gives."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.model import digest_of
from tests.verification.specimens import CONTENT, private_key
from verification.keys.public_key import public_key
from verification.keys.rsa import Padding, RsaKey

HASHES = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
BOTH = (Padding.PKCS1, Padding.PSS)
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017 section 9.2


def key(bits: int = 2048, name: str = "rsa") -> rsa.RSAPrivateKey:
    private = private_key(f"rsa-{bits}", name)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private


def as_rsa(private: rsa.RSAPrivateKey) -> RsaKey:
    found = public_key(private.public_key()).rsa
    assert found is not None
    return found


def library(private: rsa.RSAPrivateKey, signature: bytes) -> bool:
    try:
        private.public_key().verify(signature, CONTENT, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def raised(private: rsa.RSAPrivateKey, encoded: bytes) -> bytes:
    """Return the signature whose encoded message (RFC 8017 section 8.2.2) is this."""
    numbers = private.private_numbers()
    modulus = numbers.public_numbers.n
    size = (modulus.bit_length() + 7) // 8
    return pow(int.from_bytes(encoded), numbers.d, modulus).to_bytes(size)


@pytest.mark.parametrize("hashed", HASHES)
@pytest.mark.parametrize("scheme", BOTH)
@pytest.mark.parametrize("bits", [2048, 2560, 4096])
def test_signature_holds_in_its_own_padding_over_its_digest_and_under_its_key_alone(
    bits: int, scheme: Padding, hashed: str
) -> None:
    salted = padding.PSS(padding.MGF1(HASHES[hashed]), padding.PSS.MAX_LENGTH)
    written = salted if scheme is Padding.PSS else padding.PKCS1v15()
    made = key(bits).sign(CONTENT, written, HASHES[hashed])
    digest = digest_of(CONTENT, hashed)
    assert as_rsa(key(bits)).padding_of(made, digest, BOTH) is scheme
    (other,) = set(BOTH) - {scheme}
    assert as_rsa(key(bits)).padding_of(made, digest, (other,)) is None
    assert as_rsa(key(bits)).padding_of(made, digest_of(CONTENT + b".", hashed), BOTH) is None
    assert as_rsa(key(bits, "another")).padding_of(made, digest, BOTH) is None


def test_every_altered_bit_is_refused_as_the_library_does() -> None:
    made = key().sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())
    found, digest = as_rsa(key()), digest_of(CONTENT)
    for place in range(8 * len(made)):
        altered = bytearray(made)
        altered[place // 8] ^= 1 << place % 8
        assert not library(key(), bytes(altered))
        assert found.padding_of(bytes(altered), digest, BOTH) is None


def test_odd_numbers_and_lengths_are_refused() -> None:
    modulus = key().public_key().public_numbers().n
    made = key().sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())
    whole = [number.to_bytes(256) for number in (0, 1, modulus - 1, modulus, 2**2048 - 1)]
    once_more = int.from_bytes(made) + modulus  # the same, were it reduced
    if once_more.bit_length() <= 2048:
        whole.append(once_more.to_bytes(256))
    for altered in (*whole, b"", made[:-1], b"\0" + made, made + b"\0"):
        assert not library(key(), altered)
        assert as_rsa(key()).padding_of(altered, digest_of(CONTENT), BOTH) is None


def test_encoded_message_has_one_form_alone() -> None:
    digest = digest_of(CONTENT)
    told = SHA256_PREFIX + digest.raw
    filled = b"\x00\x01" + b"\xff" * (256 - 3 - len(told)) + b"\x00" + told
    assert as_rsa(key()).padding_of(raised(key(), filled), digest, BOTH) is Padding.PKCS1
    bare = SHA256_PREFIX[:1] + b"\x2f\x30\x0b" + SHA256_PREFIX[4:15] + b"\x04\x20" + digest.raw
    others = {
        "short filling": b"\x00\x01" + b"\xff" * 8 + b"\x00" + told + bytes(256 - 11 - len(told)),
        "other filling": filled[:9] + b"\xfe" + filled[10:],
        "other kind": b"\x00\x02" + filled[2:],
        "digest alone": b"\x00\x01" + b"\xff" * (256 - 3 - 32) + b"\x00" + digest.raw,
        "no NULL": b"\x00\x01" + b"\xff" * (256 - 3 - len(bare)) + b"\x00" + bare,
    }
    for name, encoded in others.items():
        assert len(encoded) == 256, name
        signature = raised(key(), encoded)
        assert not library(key(), signature), name
        assert as_rsa(key()).padding_of(signature, digest, BOTH) is None, name


def test_key_that_the_second_library_does_not_take_is_left_to_the_first() -> None:
    exponent = 2**40 + 15  # more than 33 bits, which AWS-LC refuses
    numbers = key(2048, "wide").private_numbers()
    totient = (numbers.p - 1) * (numbers.q - 1)
    secret = pow(exponent, -1, totient)
    wide = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, secret,
        rsa.rsa_crt_dmp1(secret, numbers.p), rsa.rsa_crt_dmq1(secret, numbers.q),
        numbers.iqmp, rsa.RSAPublicNumbers(exponent, numbers.public_numbers.n),
    ).private_key()  # fmt: skip
    made = wide.sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())
    digest = digest_of(CONTENT)
    assert as_rsa(wide).padding_of(made, digest, BOTH) is Padding.PKCS1
    assert as_rsa(wide).padding_of(made[:-1] + bytes([made[-1] ^ 1]), digest, BOTH) is None
