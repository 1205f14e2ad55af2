"""Public keys and signatures under them: real openssl, Wycheproof, and what must not verify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from core.errors import MalformedError
from core.limits import Limits
from core.model import Digest, MemoryContent, Subject, digest_of
from tests.verification.specimens import (
    CONTENT,
    CURVES,
    NOW,
    artifact,
    certificate,
    flipped,
    key_entry,
    openssl,
    pem,
    private_key,
    private_pem,
    public_pem,
    sign,
)
from verification.keys.public_key import (
    Attempt,
    AttemptOutcome,
    Encodings,
    PublicKey,
    Terms,
    Window,
    load_entry,
    load_public_key,
    verify_signature,
)
from verification.keys.rsa import Padding
from verification.keys.rsa_pss import PssLimits
from verification.x509.certificates import certified_key, load_der

LIMITS = Limits()
ALGORITHMS = {
    "p256": "ECDSA-P256",
    "p384": "ECDSA-P384",
    "p521": "ECDSA-P521",
    "ed25519": "Ed25519",
    "rsa-2048": "RSA-2048",
}
WYCHEPROOF = [
    *(
        f"ecdsa_secp{curve}r1_sha{bits}{form}_test"
        for curve, bits in (("256", 256), ("256", 512), ("384", 256), ("384", 384), ("384", 512))
        for form in ("", "_p1363")
        if (curve, bits, form) != ("384", 256, "_p1363")
    ),
    "ed25519_test",
    *(f"rsa_signature_{size}_sha{bits}_test" for size in (2048, 4096) for bits in (256, 384, 512)),
]


def of(kind: str, name: str = "") -> PublicKey:
    return load_public_key(public_pem(private_key(kind, name)))


def tried(key: PublicKey, signature: bytes, content: bytes, terms: Terms | None = None) -> Attempt:
    signed = Subject("signed", (), MemoryContent(content))
    return verify_signature(key, signature, signed, LIMITS, terms or Terms())


@pytest.mark.parametrize(("kind", "algorithm"), ALGORITHMS.items())
def test_key_is_named_by_algorithm_and_fingerprint_in_both_encodings(
    kind: str, algorithm: str
) -> None:
    material = private_key(kind).public_key()
    der = material.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for content in (der, public_pem(private_key(kind))):
        key = load_public_key(content)
        assert (key.algorithm, key.fingerprint) == (algorithm, str(digest_of(der)))
        assert key.weakness == ""


def test_rsa_key_in_pkcs1_form_is_read() -> None:
    material = private_key("rsa-2048").public_key()
    content = material.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    assert load_public_key(content).fingerprint == of("rsa-2048").fingerprint


def _no_keys() -> dict[str, bytes]:
    foreign = x25519.X25519PrivateKey.generate().public_key()
    key = private_key("p256")
    return {
        "nothing": b"",
        "text": b"hello",
        "private key": private_pem(key),
        "certificate": pem(certificate("x", "x", key, key)),
        "two keys": public_pem(key) * 2,
        "cut off": public_pem(key)[:-40],
        "huge": b"\x30" * 100_000,
        "key agreement": foreign.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    }


@pytest.mark.parametrize("content", _no_keys().values(), ids=_no_keys().keys())
def test_what_is_no_public_key_is_refused_with_the_fix(content: bytes) -> None:
    with pytest.raises(MalformedError, match="give one public key on P-256"):
        load_public_key(content)


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("bits", [256, 384, 512])
def test_ecdsa_of_openssl_verifies_under_its_key_only(kind: str, bits: int) -> None:
    hashed = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}[bits]
    private = private_key(kind)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    signature = private.sign(CONTENT, ec.ECDSA(hashed))
    attempt = tried(of(kind), signature, CONTENT)
    assert attempt == Attempt(AttemptOutcome.VERIFIED, f"{ALGORITHMS[kind]} with SHA-{bits}")
    assert tried(of(kind, "other"), signature, CONTENT).outcome is AttemptOutcome.REFUSED
    assert tried(of(kind), signature, CONTENT + b"x").outcome is AttemptOutcome.REFUSED


@pytest.mark.parametrize(
    "scheme",
    [
        padding.PKCS1v15(),
        padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.DIGEST_LENGTH),
        padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.MAX_LENGTH),
    ],
    ids=["pkcs1", "pss-digest", "pss-max"],
)
def test_rsa_verifies_in_every_padding(scheme: padding.AsymmetricPadding) -> None:
    private = private_key("rsa-2048")
    assert isinstance(private, rsa.RSAPrivateKey)
    signature = private.sign(CONTENT, scheme, hashes.SHA384())
    assert tried(of("rsa-2048"), signature, CONTENT).outcome is AttemptOutcome.VERIFIED
    assert tried(of("rsa-2048"), signature[:-1], CONTENT).outcome is AttemptOutcome.REFUSED
    other = private_key("rsa-2048", "other")
    assert tried(load_public_key(public_pem(other)), signature, CONTENT).outcome is (
        AttemptOutcome.REFUSED
    )


def test_every_changed_byte_of_a_signature_is_refused() -> None:
    for kind in ("p256", "ed25519"):
        signature = sign(private_key(kind), CONTENT)
        verified = [
            place
            for place, changed in flipped(signature)
            if tried(of(kind), changed, CONTENT).outcome is not AttemptOutcome.REFUSED
        ]
        assert verified == []


@pytest.mark.parametrize("hashed", [hashes.SHA1(), hashes.SHA256()], ids=lambda h: h.name)
def test_attack_10_short_rsa_key_is_weak_whatever_the_hash(hashed: hashes.HashAlgorithm) -> None:
    private = private_key("rsa-1024")
    assert isinstance(private, rsa.RSAPrivateKey)
    signature = private.sign(CONTENT, padding.PKCS1v15(), hashed)
    key = of("rsa-1024")
    assert "1024 bits" in key.weakness
    assert tried(key, signature, CONTENT).outcome is AttemptOutcome.WEAK
    assert tried(key, signature, b"other").outcome is AttemptOutcome.REFUSED


def test_attack_10_sha1_is_weak_under_a_strong_key() -> None:
    private = private_key("p256")
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    signature = private.sign(CONTENT, ec.ECDSA(hashes.SHA1()))
    attempt = tried(of("p256"), signature, CONTENT)
    assert attempt == Attempt(AttemptOutcome.WEAK, "ECDSA-P256 with SHA-1")


def test_foreign_curve_is_weak() -> None:
    private = ec.generate_private_key(ec.SECP256K1())
    signature = private.sign(CONTENT, ec.ECDSA(hashes.SHA256()))
    assert tried(load_public_key(public_pem(private)), signature, CONTENT).outcome is (
        AttemptOutcome.WEAK
    )


def test_hash_that_the_terms_leave_out_is_refused() -> None:
    signature = sign(private_key("p256"), CONTENT)
    terms = Terms(hashes=("sha512",))
    assert tried(of("p256"), signature, CONTENT, terms).outcome is AttemptOutcome.REFUSED


def test_digest_alone_serves_ecdsa_and_its_lack_is_said() -> None:
    signature = sign(private_key("p256"), CONTENT)
    known = Subject("app", (digest_of(CONTENT),))
    foreign = Subject("app", (digest_of(CONTENT, "sha512"),))
    key = of("p256")
    assert verify_signature(key, signature, known, LIMITS).outcome is AttemptOutcome.VERIFIED
    assert verify_signature(key, signature, foreign, LIMITS).outcome is (
        AttemptOutcome.CONTENT_NEEDED
    )


@dataclass(frozen=True)
class Endless:
    """Content whose bytes nobody may ask for."""

    size: int
    asked: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[bytes]:
        self.asked.append("chunks")
        yield b""

    def read_at(self, _offset: int, _length: int) -> bytes:
        self.asked.append("part")
        return b""

    def digest(self, algorithm: str) -> Digest:
        self.asked.append(algorithm)
        return digest_of(b"", algorithm)


def test_ed25519_needs_the_bytes_and_reads_no_more_than_its_bound() -> None:
    signature = sign(private_key("ed25519"), CONTENT)
    key = of("ed25519")
    small = Limits(evidence_bytes=1024)
    huge = Endless(8 * 1024 + 1)
    for subject in (Subject("app", (digest_of(CONTENT),)), Subject("app", (), huge)):
        attempt = verify_signature(key, signature, subject, small)
        assert attempt.outcome is AttemptOutcome.CONTENT_NEEDED
    assert huge.asked == []
    assert verify_signature(key, signature, artifact(), small).outcome is AttemptOutcome.VERIFIED


def test_raw_ecdsa_form_needs_the_terms_to_allow_it() -> None:
    content, key = CONTENT, of("p256")
    r, s = decode_dss_signature(sign(private_key("p256"), content))
    raw = r.to_bytes(32) + s.to_bytes(32)
    allowed = Terms(encodings=Encodings.DER_OR_RAW)
    assert tried(key, raw, content, allowed).outcome is AttemptOutcome.VERIFIED
    assert tried(key, raw, content).outcome is AttemptOutcome.REFUSED
    assert tried(of("p384"), raw, content, allowed).outcome is AttemptOutcome.REFUSED


@pytest.mark.parametrize(
    ("since", "until", "window"),
    [
        (None, None, Window.WITHIN),
        (NOW, NOW, Window.WITHIN),
        (NOW + timedelta.resolution, None, Window.BEFORE),
        (None, NOW - timedelta.resolution, Window.AFTER),
    ],
)
def test_window_of_a_key_is_closed(
    since: datetime | None, until: datetime | None, window: Window
) -> None:
    key = load_entry(key_entry(private_key("p256"), since=since, until=until))
    assert key.window(NOW) is window
    if until is not None:
        assert key.due_at is not None
        assert key.window(key.due_at) is Window.AFTER


@pytest.mark.parametrize("name", WYCHEPROOF)
def test_wycheproof(vectors: Path, name: str) -> None:
    document = json.loads((vectors / "wycheproof" / f"{name}.json").read_bytes())
    encodings = Encodings.DER_OR_RAW if "p1363" in name else Encodings.DER
    wrong = []
    for group in document["testGroups"]:
        hashed = group.get("sha", "SHA-256").replace("-", "").lower()
        key = load_public_key(bytes.fromhex(group["publicKeyDer"]))
        for test in group["tests"]:
            attempt = tried(
                key,
                bytes.fromhex(test["sig"]),
                bytes.fromhex(test["msg"]),
                Terms((hashed,), encodings, (Padding.PKCS1,)),
            )
            verified = attempt.outcome is AttemptOutcome.VERIFIED
            if test["result"] != "acceptable" and verified != (test["result"] == "valid"):
                wrong.append((test["tcId"], test["comment"], test["result"]))
    assert wrong == []


SHA256_PSS = ("rsa_pss_keygen_md:sha256", "rsa_pss_keygen_mgf1_md:sha256")
PSS_KEYS = {  # what openssl is told of the key → the hash and the least salt it then states
    "any": ((), "", 0),
    "sha256": (SHA256_PSS, "sha256", 20),
    "sha512": (
        (
            "rsa_pss_keygen_md:sha512",
            "rsa_pss_keygen_mgf1_md:sha512",
            "rsa_pss_keygen_saltlen:40",
        ),
        "sha512",
        40,
    ),
}


def pss_key(folder: Path, *options: str) -> rsa.RSAPrivateKey:
    """Make a key for PSS alone with openssl: `pss.pem` and its public half, `pss.pub`."""
    words = [word for each in ("rsa_keygen_bits:2048", *options) for word in ("-pkeyopt", each)]
    openssl(folder, "genpkey", "-algorithm", "RSA-PSS", *words, "-out", "pss.pem")
    openssl(folder, "pkey", "-in", "pss.pem", "-pubout", "-out", "pss.pub")
    loaded = serialization.load_pem_private_key((folder / "pss.pem").read_bytes(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


@pytest.mark.parametrize(("options", "hashed", "least"), PSS_KEYS.values(), ids=PSS_KEYS)
def test_attack_08_key_made_for_pss_takes_no_other_padding_hash_or_salt(
    options: tuple[str, ...], hashed: str, least: int, tmp_path: Path
) -> None:
    private = pss_key(tmp_path, *options)
    key = load_public_key((tmp_path / "pss.pub").read_bytes())
    assert key.pss == PssLimits(hashed, least)
    der = openssl(tmp_path, "pkey", "-in", "pss.pem", "-pubout", "-outform", "DER")
    assert load_public_key(der) == key
    assert key.fingerprint == str(digest_of(der))

    def outcome(scheme: padding.AsymmetricPadding, made: hashes.HashAlgorithm) -> AttemptOutcome:
        return tried(key, private.sign(CONTENT, scheme, made), CONTENT).outcome

    for made in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        assert outcome(padding.PKCS1v15(), made) is AttemptOutcome.REFUSED
        longest = padding.calculate_max_pss_salt_length(private, made)
        for salt in (0, max(least - 1, 0), least, made.digest_size, longest):
            fits = hashed in ("", made.name) and salt >= least
            scheme = padding.PSS(padding.MGF1(made), salt)
            expected = AttemptOutcome.VERIFIED if fits else AttemptOutcome.REFUSED
            assert outcome(scheme, made) is expected, (made.name, salt)


def test_attack_10_key_made_for_pss_with_sha_1_is_weak(tmp_path: Path) -> None:
    private = pss_key(tmp_path, "rsa_pss_keygen_md:sha1")
    key = load_public_key((tmp_path / "pss.pub").read_bytes())
    assert "RSASSA-PSS key for sha1" in key.weakness
    made = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = private.sign(CONTENT, made, hashes.SHA256())
    assert tried(key, signature, CONTENT).outcome is AttemptOutcome.REFUSED


def test_key_made_for_pss_with_a_mask_of_another_hash_is_refused(tmp_path: Path) -> None:
    pss_key(tmp_path, "rsa_pss_keygen_md:sha256", "rsa_pss_keygen_mgf1_md:sha512")
    with pytest.raises(MalformedError, match="a mask of another"):
        load_public_key((tmp_path / "pss.pub").read_bytes())


def test_attack_08_certificate_of_a_key_made_for_pss_keeps_it_to_pss(tmp_path: Path) -> None:
    pss_key(tmp_path, *SHA256_PSS)
    words = ("req", "-x509", "-new", "-key", "pss.pem", "-subj", "/CN=pss", "-outform", "DER")
    read = certified_key(load_der(openssl(tmp_path, *words)))
    assert read.pss == PssLimits("sha256", 20)
    assert read.fingerprint == load_public_key((tmp_path / "pss.pub").read_bytes()).fingerprint
