"""What an RSASSA-PSS key says of the signatures that may be made under it.

RFC 4055 section 1.2: a key with that object identifier signs with PSS alone, and where it states
parameters, with that hash and with a salt of at least that length. The library reads such a key
and forgets both.
"""

from __future__ import annotations

from core.errors import MalformedError
from core.frozen import dataclass
from core.naming import numbered
from verification.readers import der
from verification.readers.der import DerReader

OID = "1.2.840.113549.1.1.10"
MGF1 = "1.2.840.113549.1.1.8"
DEFAULT_SALT_BYTES = 20  # RFC 4055 section 3.1: where none is stated
_SHA1 = "1.3.14.3.2.26"
_HASHES = {
    _SHA1: "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_WHAT = "the RSASSA-PSS key"
_NULL = b"\x05\x00"
_MAX_SALT_BYTES = 512
_TRAILER = 1


@dataclass(frozen=True, slots=True)
class PssLimits:
    """What a key for PSS alone allows; an empty hash allows each."""

    hashed: str = ""
    least_salt: int = 0  # bytes

    def allow(self, algorithm: str, salt_bytes: int) -> bool:
        """Say whether a signature with this hash and a salt of that many bytes may be made."""
        return self.hashed in ("", algorithm) and salt_bytes >= self.least_salt


@dataclass(frozen=True, slots=True)
class PssParameters:
    """What a signature or key states of PSS; a hash that is unknown to us is an empty string."""

    hashed: str
    masked: str
    salt_bytes: int


ANY = PssLimits()


def pss_limits(spki: bytes) -> PssLimits | None:
    """Return what a DER SubjectPublicKeyInfo limits its key to, None where it is no such key.

    Raises MalformedError for parameters that no signature we accept can keep to.
    """
    document = DerReader(spki, _WHAT).inside(der.SEQUENCE)
    if document.tag != der.SEQUENCE:
        return None  # PKCS #1 (RFC 8017 appendix A.1.1), which limits nothing
    algorithm = document.inside(der.SEQUENCE)
    if algorithm.oid() != OID:
        return None
    if algorithm.tag < 0:
        return ANY
    stated = algorithm.inside(der.SEQUENCE)
    algorithm.finish()
    return _stated(stated)


def _stated(reader: DerReader) -> PssLimits:
    stated = read_parameters(reader, _WHAT)
    if stated.hashed != stated.masked or not stated.hashed:
        raise MalformedError(f"{_WHAT} asks for a mask of another hash, or for one unknown to us")
    return PssLimits(stated.hashed, stated.salt_bytes)


def read_parameters(reader: DerReader, what: str) -> PssParameters:
    """Read RSASSA-PSS-params (RFC 4055 section 3.1), each part of which has a default."""
    hashed = masked = _SHA1
    salt_bytes = DEFAULT_SALT_BYTES
    if reader.tag == der.CONTEXT_CONSTRUCTED:
        hashed = _hash(reader.inside(reader.tag), what)
    if reader.tag == der.CONTEXT_CONSTRUCTED + 1:
        around = reader.inside(reader.tag)
        mask = around.inside(der.SEQUENCE)
        around.finish()
        if mask.oid() != MGF1:
            raise MalformedError(f"{what}: another mask than MGF1")
        masked = _hash(mask, what)
    if reader.tag == der.CONTEXT_CONSTRUCTED + 2:
        stated = reader.inside(reader.tag)
        salt_bytes = stated.integer()
        stated.finish()
    if reader.tag == der.CONTEXT_CONSTRUCTED + 3:
        # Left out by who signs, recognised all the same by who verifies (RFC 4055 section 3.1).
        stated = reader.inside(reader.tag)
        if stated.integer() != _TRAILER:
            raise MalformedError(f"{what}: another trailer than the only one there is")
        stated.finish()
    reader.finish()
    if not 0 <= salt_bytes <= _MAX_SALT_BYTES:
        raise MalformedError(f"{what}: a salt of {numbered(salt_bytes, 'byte')}")
    return PssParameters(_HASHES.get(hashed, ""), _HASHES.get(masked, ""), salt_bytes)


def _hash(around: DerReader, what: str) -> str:
    algorithm = around.inside(der.SEQUENCE)
    around.finish()
    oid = algorithm.oid()
    if algorithm.tag >= 0 and algorithm.element() != _NULL:
        raise MalformedError(f"{what}: a hash with parameters")
    algorithm.finish()
    return oid
