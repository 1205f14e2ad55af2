"""Public keys given to trust, and signatures under them.

Accepted: EC keys on P-256, P-384 and P-521, RSA keys from 2048 bits, Ed25519 keys; PEM or DER, as
SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) or, for RSA, PKCS #1 (RFC 8017 appendix A.1.1).
Under an RSA key made for PSS alone (RFC 4055 section 1.2) nothing else verifies.
A shorter RSA key or another curve is read, so that a refusal can name it, but nothing verifies
under it. Hashes: SHA-256, SHA-384, SHA-512. SHA-1 is tried last, only to say ALGORITHM_WEAK.

What is signed comes as a Subject: its digests serve ECDSA and RSA at any size without its bytes;
Ed25519 needs the bytes, at most `WHOLE_FACTOR` times `limits.evidence_bytes` of them, because it
reads them twice. Where bytes or a digest are not at hand, the answer says so.
"""

from __future__ import annotations

import binascii
import math
import re
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Digest, Subject, TrustEntry, digest_of
from verification.keys.ecdsa import EcdsaKey
from verification.keys.rsa import MAX_RSA_BITS, Padding, RsaKey
from verification.keys.rsa_pss import PssLimits, pss_limits
from verification.only import kept_by_only

MIN_RSA_BITS = 2048
MAX_KEY_BYTES = 64 * 1024
WHOLE_FACTOR = 8  # Ed25519 reads at most this many times `limits.evidence_bytes` into memory

STRONG_HASHES = ("sha256", "sha384", "sha512")
_SHOWN_HASHES = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "sha1": "SHA-1"}
STRONG_KEYS = (
    f"Ed25519, ECDSA over P-256, P-384 or P-521, RSA of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits"
)
_CURVES = {"secp256r1": ("P256", 32), "secp384r1": ("P384", 48), "secp521r1": ("P521", 66)}
_PEM_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_PEM_KEYS = frozenset({b"PUBLIC KEY", b"RSA PUBLIC KEY"})
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----")
_FORMS = "give one public key on P-256, P-384 or P-521, an RSA or an Ed25519 one, as PEM or DER"

KeyMaterial = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class Window(Enum):
    """Where a time stands to the closed window in which a trust entry counts."""

    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


class Encodings(Enum):
    """How an ECDSA signature may be written: DER, or also the bare r||s of IEEE P1363."""

    DER = "der"
    DER_OR_RAW = "der or raw"


class AttemptOutcome(StrEnum):
    """What trying one signature under one key gave."""

    VERIFIED = "verified"
    WEAK = "weak"  # the mathematics holds, under a key or hash that proves nothing any more
    REFUSED = "refused"
    CONTENT_NEEDED = "content_needed"  # refused so far, but not everything could be tried


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key; `weakness` is empty or says why nothing may verify under it."""

    name: str
    material: KeyMaterial
    fingerprint: str  # sha256:<hex> of the DER SubjectPublicKeyInfo
    algorithm: str
    weakness: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    ecdsa: EcdsaKey | None = None  # what the material is, or
    rsa: RsaKey | None = None  # this; neither of Ed25519

    def window(self, now: datetime) -> Window:
        """Say where `now` stands to the key's window; a signature without proved time is of now."""
        if self.valid_from is not None and now < self.valid_from:
            return Window.BEFORE
        if self.valid_until is not None and now > self.valid_until:
            return Window.AFTER
        return Window.WITHIN

    def preference(self, now: datetime, *claimed: datetime) -> tuple[bool, float]:
        """Order entries that may hold the same key, whatever order they were given in.

        The greatest is the one that counts at all these times and lasts longest; where none counts,
        the one that opens next.
        """
        begins, ends = self.valid_from, self.valid_until
        if all(self.window(moment) is Window.WITHIN for moment in (now, *claimed)):
            return True, math.inf if ends is None else ends.timestamp()
        return False, -begins.timestamp() if begins is not None and begins > now else -math.inf

    @property
    def due_at(self) -> datetime | None:
        """The first instant past the window, or None where it is open."""
        return after(self.valid_until)

    @property
    def pss(self) -> PssLimits | None:
        """What limits an RSA key that was made for PSS alone."""
        return self.rsa.pss if self.rsa is not None else None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a format allows a signature to be."""

    hashes: tuple[str, ...] = STRONG_HASHES
    encodings: Encodings = Encodings.DER
    paddings: tuple[Padding, ...] = (Padding.PKCS1, Padding.PSS)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt gave; `scheme` names what held ("ECDSA-P256 with SHA-256")."""

    outcome: AttemptOutcome
    scheme: str = ""


ANY_TERMS = Terms()


def after(moment: datetime | None, step: timedelta = timedelta.resolution) -> datetime | None:
    """Return the first instant after a closed bound of that resolution, None where none comes."""
    try:
        return None if moment is None else moment + step
    except OverflowError:
        return None


def load_public_key(content: bytes, *, name: str = "") -> PublicKey:
    """Read one PEM or DER public key; raise MalformedError naming what it is instead."""
    if len(content) > MAX_KEY_BYTES:
        raise MalformedError(f"{len(content)} bytes are too many for one public key: {_FORMS}")
    labels = _PEM_LABEL.findall(content)
    if len(labels) > 1:
        raise MalformedError(f"{len(labels)} PEM blocks where one public key belongs: {_FORMS}")
    if labels and labels[0] not in _PEM_KEYS:
        raise MalformedError(f"a PEM block {labels[0].decode()!r} is no public key: {_FORMS}")
    try:
        encoded = _unwrapped(content) if labels else content
        material = load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedError(f"not a public key: {_FORMS}") from None
    return limited(public_key(material, name=name), encoded)


def _unwrapped(content: bytes) -> bytes:
    """Return the DER in the one PEM block; raise ValueError where it is none."""
    block = _PEM_BLOCK.search(content)
    if block is None:
        raise ValueError("a PEM block without a proper end")
    return binascii.a2b_base64(b"".join(block[2].split()), strict_mode=True)


def limited(key: PublicKey, spki: bytes) -> PublicKey:
    """Return a key read from a DER SubjectPublicKeyInfo with what that limits it to.

    Raises MalformedError for limits under which nothing could verify.
    """
    limits = pss_limits(spki) if key.rsa is not None else None
    if key.rsa is None or limits is None:
        return key
    weakness = key.weakness
    if limits.hashed not in ("", *STRONG_HASHES):
        weakness = weakness or f"an RSASSA-PSS key for {limits.hashed} is not accepted"
    fingerprint = str(digest_of(spki))
    limited_rsa = replace(key.rsa, pss=limits, fingerprint=fingerprint)
    return replace(key, rsa=limited_rsa, weakness=weakness, fingerprint=fingerprint)


@lru_cache(maxsize=256)
def load_entry(entry: TrustEntry) -> PublicKey:
    """Read the key of a trust entry of kind KEY, with its window; raise MalformedError.

    Where the entry's `only` does not name the key's fingerprint, it holds none either.
    """
    read = load_public_key(entry.content, name=entry.name)
    (kept,) = kept_by_only(entry, [((read.fingerprint,), read)])
    return replace(kept, valid_from=entry.valid_from, valid_until=entry.valid_until)


def public_key(material: object, *, name: str = "") -> PublicKey:
    """Wrap a key object of the library; raise MalformedError for kinds we do not judge."""
    if isinstance(material, ec.EllipticCurvePublicKey):
        known = _CURVES.get(material.curve.name)
        algorithm = f"ECDSA-{known[0] if known else material.curve.name}"
        weakness = "" if known else f"the curve {material.curve.name} is not accepted"
        fingerprint = spki_fingerprint(material)
        ecdsa = EcdsaKey(fingerprint, material)
        return PublicKey(name, material, fingerprint, algorithm, weakness, ecdsa=ecdsa)
    if isinstance(material, rsa.RSAPublicKey):
        bits = material.key_size
        accepted = MIN_RSA_BITS <= bits <= MAX_RSA_BITS
        weakness = "" if accepted else f"an RSA key of {bits} bits is not accepted"
        fingerprint = spki_fingerprint(material)
        as_rsa = RsaKey(fingerprint, material, bits)
        return PublicKey(name, material, fingerprint, f"RSA-{bits}", weakness, rsa=as_rsa)
    if isinstance(material, ed25519.Ed25519PublicKey):
        return PublicKey(name, material, spki_fingerprint(material), "Ed25519")
    raise MalformedError(f"a key of the kind {type(material).__name__} cannot be used: {_FORMS}")


def spki_fingerprint(material: KeyMaterial) -> str:
    """Return `sha256:<hex>` over the key's DER SubjectPublicKeyInfo."""
    encoded = material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return str(digest_of(encoded))


def verify_signature(
    key: PublicKey, signature: bytes, signed: Subject, limits: Limits, terms: Terms = ANY_TERMS
) -> Attempt:
    """Try one signature under one key in every way the terms allow."""
    if not (key.ecdsa or key.rsa) and isinstance(key.material, ed25519.Ed25519PublicKey):
        return _try_ed25519(key, key.material, signature, signed, limits)
    refused = AttemptOutcome.REFUSED
    for algorithm in (*terms.hashes, "sha1"):
        digest = signed.digest(algorithm)
        if digest is None:
            refused = refused if algorithm == "sha1" else AttemptOutcome.CONTENT_NEEDED
            continue
        scheme = _scheme(key, signature, digest, terms)
        if scheme:
            weak = algorithm not in STRONG_HASHES or key.weakness
            outcome = AttemptOutcome.WEAK if weak else AttemptOutcome.VERIFIED
            return Attempt(outcome, f"{key.algorithm} with {scheme}")
    return Attempt(refused)


def _scheme(key: PublicKey, signature: bytes, digest: Digest, terms: Terms) -> str:
    """Return the name of the scheme under which the signature holds, or an empty string."""
    hashed = _SHOWN_HASHES[digest.algorithm]
    if key.ecdsa is not None:
        held = key.ecdsa.holds(signature, digest)
        if not held and terms.encodings is Encodings.DER_OR_RAW:
            held = key.ecdsa.holds(_in_der(key.ecdsa.material, signature), digest)
        return hashed if held else ""
    found = key.rsa.padding_of(signature, digest, terms.paddings) if key.rsa is not None else None
    return f"{hashed} ({found})" if found else ""


def _in_der(material: ec.EllipticCurvePublicKey, signature: bytes) -> bytes:
    """Return the bare r||s of a signature in DER, or nothing where it has not their length."""
    size = _CURVES.get(material.curve.name, ("", 0))[1]
    if not size or len(signature) != 2 * size:
        return b""
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    return utils.encode_dss_signature(r, s)


def _try_ed25519(
    key: PublicKey,
    material: ed25519.Ed25519PublicKey,
    signature: bytes,
    signed: Subject,
    limits: Limits,
) -> Attempt:
    if len(signature) != 64:  # noqa: PLR2004 - RFC 8032 section 5.1.6: always 64 bytes
        return Attempt(AttemptOutcome.REFUSED)
    content = signed.content
    if content is None or content.size > WHOLE_FACTOR * limits.evidence_bytes:
        return Attempt(AttemptOutcome.CONTENT_NEEDED)
    try:
        material.verify(signature, b"".join(content.chunks()))
    except InvalidSignature:
        return Attempt(AttemptOutcome.REFUSED)
    return Attempt(AttemptOutcome.VERIFIED, key.algorithm)
