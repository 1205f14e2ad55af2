"""Public keys of OpenSSH and signatures under them.

Keys: Ed25519 (RFC 8709), ECDSA on P-256, P-384 and P-521 (RFC 5656), RSA (RFC 4253 section 6.6),
and the two kinds that live in a security key (OpenSSH, PROTOCOL.u2f), whose ECDSA kind may also
sign through a browser (webauthn). RSA signs with SHA-256 or SHA-512 (RFC 8332); `ssh-rsa`, which is
SHA-1, is never accepted.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from core.errors import MalformedError
from core.frozen import dataclass
from core.naming import numbered
from verification.keys.public_key import MIN_RSA_BITS, KeyMaterial
from verification.keys.rsa import MAX_RSA_BITS
from verification.ssh.wire import WireReader

MAX_BLOB_BYTES = 64 * 1024
CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"
USER_PRESENT, USER_VERIFIED = 0x01, 0x04  # flags of a security key
_ATTESTED, _EXTENSIONS = 0x40, 0x80  # flags of data that may follow the counter
_SK_ED25519, _SK_ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"
_WEBAUTHN = f"webauthn-{_SK_ECDSA}"  # of signatures alone: the key is the same
_ED25519, _RSA = "ssh-ed25519", "ssh-rsa"
_MAX_EXPONENT_BITS = 64  # no key in use has more
_ED25519_BYTES, _ED25519_SIGNATURE_BYTES = 32, 64
_CURVES: dict[str, tuple[str, ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "ecdsa-sha2-nistp256": ("P256", ec.SECP256R1(), hashes.SHA256()),
    "ecdsa-sha2-nistp384": ("P384", ec.SECP384R1(), hashes.SHA384()),
    "ecdsa-sha2-nistp521": ("P521", ec.SECP521R1(), hashes.SHA512()),
}
_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    "rsa-sha2-256": hashes.SHA256(),
    "rsa-sha2-512": hashes.SHA512(),
}
KEY_TYPES = frozenset({_ED25519, _RSA, _SK_ED25519, _SK_ECDSA, *_CURVES})
_ALGORITHMS = KEY_TYPES | _RSA_HASHES.keys() | {_WEBAUTHN}
STRONG_KEYS = f"Ed25519, ECDSA on P-256, P-384 or P-521, RSA of {MIN_RSA_BITS} bits or more"
WEAK_SIGNATURES = {"ssh-rsa": "RSA with SHA-1", "ssh-dss": "DSA with SHA-1"}


@dataclass(frozen=True, slots=True)
class SshKey:
    """One public key; `weakness` is empty or says why nothing may verify under it."""

    type: str
    blob: bytes
    material: KeyMaterial
    algorithm: str
    application: bytes = b""  # what a security key was enrolled for
    weakness: str = ""

    @property
    def fingerprint(self) -> str:
        """OpenSSH's own: `SHA256:` and base64 without padding."""
        return fingerprint_of(self.blob)


class UnreadKeyError(MalformedError):
    """A key of a type that is not read: it says neither yes nor no, unless the type is weak."""

    def __init__(self, kind: str) -> None:
        weakness = WEAK_SIGNATURES.get(kind)
        self.reason = "ALGORITHM_WEAK" if weakness else "FORMAT_UNSUPPORTED"
        detail = f"{weakness} can be forged" if weakness else "it is not read"
        super().__init__(f"an SSH key of the type {kind[:60]!r}: {detail}")


@dataclass(frozen=True, slots=True)
class BrowserWords:
    """What a browser signs in place of the message: its own words, with the message in them."""

    origin: bytes
    client_data: bytes
    extensions: bytes

    def are_about(self, signed: bytes) -> bool:
        """Say whether they are about this message (WebAuthn, Limited Verification Algorithm)."""
        challenge = base64.urlsafe_b64encode(signed).rstrip(b"=")
        begin = b'{"type":"webauthn.get","challenge":"%b","origin":"%b"' % (challenge, self.origin)
        is_followed = self.client_data[len(begin) : len(begin) + 1] in (b",", b"}")
        is_plain = not set(self.origin) & set(b'"\0')
        return is_plain and self.client_data.startswith(begin) and is_followed


@dataclass(frozen=True, slots=True)
class SshSignature:
    """The inner signature; `flags` and `counter` are set by a security key, else None."""

    algorithm: str
    value: bytes
    flags: int | None = None
    counter: int | None = None
    browser: BrowserWords | None = None


def fingerprint_of(blob: bytes) -> str:
    """Return OpenSSH's fingerprint of a key or certificate blob."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


def read_key(blob: bytes) -> SshKey:
    """Read a public key blob of a known type; raise MalformedError."""
    if len(blob) > MAX_BLOB_BYTES:
        raise MalformedError(
            f"an SSH key of {numbered(len(blob), 'byte')}, more than {MAX_BLOB_BYTES}"
        )
    reader = WireReader(blob, "the SSH key")
    kind = reader.text()
    key = read_fields(kind, reader, blob)
    reader.end()
    return key


def read_fields(kind: str, reader: WireReader, blob: bytes) -> SshKey:
    """Read what follows a key's type, also inside a certificate; raise MalformedError."""
    if kind in _CURVES:
        return _ecdsa(kind, reader, blob)
    if kind not in _READERS:
        raise UnreadKeyError(kind)
    return _READERS[kind](reader, blob)


def _ed25519(reader: WireReader, blob: bytes) -> SshKey:
    return SshKey(_ED25519, blob, _ed25519_material(reader), "Ed25519")


def _ed25519_material(reader: WireReader) -> ed25519.Ed25519PublicKey:
    point = reader.string()
    if len(point) != _ED25519_BYTES:
        raise MalformedError(f"an Ed25519 key of {numbered(len(point), 'byte')}")
    return ed25519.Ed25519PublicKey.from_public_bytes(point)


def _sk_ed25519(reader: WireReader, blob: bytes) -> SshKey:
    material = _ed25519_material(reader)
    return SshKey(_SK_ED25519, blob, material, "Ed25519 (security key)", reader.string())


def _sk_ecdsa(reader: WireReader, blob: bytes) -> SshKey:
    inner = _ecdsa("ecdsa-sha2-nistp256", reader, blob)
    algorithm = f"{inner.algorithm} (security key)"
    return SshKey(_SK_ECDSA, blob, inner.material, algorithm, reader.string())


def _ecdsa(kind: str, reader: WireReader, blob: bytes) -> SshKey:
    name, curve, _ = _CURVES[kind]
    if f"ecdsa-sha2-{reader.text()}" != kind:
        raise MalformedError("an SSH key names another curve than its type")
    point = reader.string()
    if point[:1] != b"\x04":
        raise MalformedError("an SSH key holds a point in a form that is not allowed")
    try:
        material = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError:
        raise MalformedError("an SSH key holds a point that is not on its curve") from None
    return SshKey(kind, blob, material, f"ECDSA-{name}")


def _rsa(reader: WireReader, blob: bytes) -> SshKey:
    exponent, modulus = reader.positive(), reader.positive()
    bits = modulus.bit_length()
    if bits > MAX_RSA_BITS or exponent.bit_length() > _MAX_EXPONENT_BITS:
        raise MalformedError(f"an RSA key of {bits} bits, more than {MAX_RSA_BITS}")
    try:
        material = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedError("an SSH key holds numbers that are no RSA key") from None
    weakness = f"RSA-{bits} is shorter than {MIN_RSA_BITS} bits" if bits < MIN_RSA_BITS else ""
    return SshKey(_RSA, blob, material, f"RSA-{bits}", weakness=weakness)


_READERS: dict[str, Callable[[WireReader, bytes], SshKey]] = {
    _ED25519: _ed25519,
    _RSA: _rsa,
    _SK_ED25519: _sk_ed25519,
    _SK_ECDSA: _sk_ecdsa,
}


def read_signature(blob: bytes) -> SshSignature:
    """Read a signature blob: its algorithm, its bytes, and what a security key adds."""
    reader = WireReader(blob, "the SSH signature")
    algorithm = reader.text()
    value = reader.string()
    flags = counter = browser = None
    if algorithm in (_SK_ED25519, _SK_ECDSA, _WEBAUTHN):
        flags, counter = reader.number(1), reader.number()
    if algorithm == _WEBAUTHN:
        browser = BrowserWords(reader.string(), reader.string(), reader.string())
    if algorithm in _ALGORITHMS:  # an unknown one fits no key, whatever may follow
        reader.end()
    return SshSignature(algorithm, value, flags, counter, browser)


def fits(key: SshKey, signature: SshSignature) -> bool:
    """Say whether a key of this type makes signatures of this algorithm."""
    if key.type == _RSA:
        return signature.algorithm in _RSA_HASHES
    return signature.algorithm == key.type or (
        key.type == _SK_ECDSA and signature.algorithm == _WEBAUTHN
    )


def holds(key: SshKey, signature: SshSignature, signed: bytes) -> bool:
    """Say whether the signature over these bytes holds; weakness is the caller's to judge."""
    if not fits(key, signature):
        return False
    try:
        _verify(key, signature, _with_presence(key, signature, signed))
    except (InvalidSignature, MalformedError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _with_presence(key: SshKey, signature: SshSignature, signed: bytes) -> bytes:
    """Return what a security key signs (PROTOCOL.u2f): hashes, its flags and counter between."""
    flags, counter, browser = signature.flags, signature.counter, signature.browser
    if flags is None or counter is None:
        return signed
    extensions = b""
    if browser is not None:
        has_extensions = bool(flags & _EXTENSIONS)
        follows = flags & _ATTESTED or has_extensions != bool(browser.extensions)
        if follows or not browser.are_about(signed):
            raise MalformedError("the browser's words are not about what was signed")
        signed, extensions = browser.client_data, browser.extensions
    return (
        hashlib.sha256(key.application).digest()
        + bytes([flags])
        + counter.to_bytes(4, "big")
        + extensions
        + hashlib.sha256(signed).digest()
    )


def _verify(key: SshKey, signature: SshSignature, signed: bytes) -> None:
    material, value = key.material, signature.value
    if isinstance(material, ed25519.Ed25519PublicKey):
        if len(value) != _ED25519_SIGNATURE_BYTES:
            raise MalformedError("an Ed25519 signature of another length than 64 bytes")
        material.verify(value, signed)
    elif isinstance(material, rsa.RSAPublicKey):
        size = (material.key_size + 7) // 8
        # OpenSSH takes a signature without its leading zeros; a longer one is none.
        padded = value.rjust(size, b"\0")
        material.verify(padded, signed, padding.PKCS1v15(), _RSA_HASHES[signature.algorithm])
    else:
        reader = WireReader(value, "the ECDSA signature")
        r, s = reader.positive(), reader.positive()
        reader.end()
        kind = "ecdsa-sha2-nistp256" if key.type == _SK_ECDSA else key.type
        scheme = ec.ECDSA(_CURVES[kind][2])
        material.verify(utils.encode_dss_signature(r, s), signed, scheme)
