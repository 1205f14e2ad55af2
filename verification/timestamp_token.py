"""The parts of an RFC 3161 timestamp, read strictly and not yet believed.

A token is a CMS SignedData (RFC 5652 section 5.1) around a TSTInfo (RFC 3161 section 2.4.2); it
comes bare or inside a TimeStampResp with the status of the answer. DER, or the streamed BER that
`verification/ber.py` turns into DER; the certificates may stand in any order, as authorities write
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import MalformedError
from core.limits import Limits
from verification import ber, der
from verification.certificates import MAX_CERTIFICATES
from verification.der import DerReader
from verification.timestamp_info import Algorithm, TstInfo, read_algorithm, read_info

SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.3.14.3.2.26": "sha1",
}
GRANTED = (0, 1)  # granted, and granted with modifications

_WHAT = "the timestamp"
_VERSIONS = (3, 4, 5)  # RFC 5652 section 5.1: at least 3 where the content is no plain data
_MAX_ATTRIBUTES = 32
_MAX_STATE = 5
_MOST_BEFORE_TOKEN = 4096  # the status of an answer, with its words
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_TST_CONTENT = re.compile(
    rb"\xa0.{1,5}\x30.{1,5}\x02\x01.\x31.{0,512}?\x30.{1,5}"
    + re.escape(bytes.fromhex("060b2a864886f70d0109100104")),
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class CertificateId:
    """One ESSCertID or ESSCertIDv2 (RFC 2634 section 5.4.1, RFC 5035 section 4)."""

    hash_name: str  # empty for an algorithm we do not know
    digest: bytes
    issuer: bytes  # DER of the issuer's name, empty where it is left out
    serial: int | None


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """The one SignerInfo of a token; `attributes` are the bytes that the signature is over."""

    issuer: bytes  # DER of the issuer's name, empty where the key identifier names the signer
    serial: int
    key_identifier: bytes
    digest: Algorithm
    signing: Algorithm
    signature: bytes
    attributes: bytes
    content_type: str
    message_digest: bytes
    certificates: tuple[CertificateId, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One timestamp token; `certificates` are DER, came along, and are nobody's word."""

    info: TstInfo
    info_bytes: bytes
    content_type: str
    digests: tuple[Algorithm, ...]
    certificates: tuple[bytes, ...]
    signer: SignerInfo
    is_bare: bool  # neither certificates nor revocation lists came along


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of an authority that holds no token: its PKIStatus (RFC 3161 section 2.4.2)."""

    state: int


def is_timestamp(content: bytes) -> bool:
    """Say whether the bytes begin like a token, or like an answer with or without one."""
    if not content.startswith(b"\x30"):
        return False
    at = content.find(_SIGNED_DATA, 0, _MOST_BEFORE_TOKEN)
    if at >= 0:
        return _TST_CONTENT.match(content, at + len(_SIGNED_DATA)) is not None
    try:
        return isinstance(_answered(DerReader(content, _WHAT)), Refusal)
    except MalformedError:
        return False


def read_timestamp(content: bytes, limits: Limits) -> Token | Refusal:
    """Read a TimeStampResp or a bare token; raise MalformedError or TooLargeError."""
    # 1. Size, depth and strictness before anything is parsed.
    if _is_streamed(content):
        content = ber.to_der(content, limits, _WHAT)
    der.check_der(content, limits, _WHAT)
    # 2. The answer around the token, where there is one.
    token = _answered(DerReader(content, _WHAT))
    return token if isinstance(token, Refusal) else _read_token(token)


def _is_streamed(content: bytes) -> bool:
    """Say whether the answer, or the token in it, has an indefinite length."""
    at = content.find(_SIGNED_DATA, 0, _MOST_BEFORE_TOKEN)
    return ber.is_streamed(content) or (at > 1 and ber.is_streamed(content[at - 2 : at]))


def _answered(document: DerReader) -> DerReader | Refusal:
    """Return the contents of the ContentInfo, taken out of the TimeStampResp where it is in one."""
    outer = document.inside(der.SEQUENCE)
    document.finish()
    if outer.tag != der.SEQUENCE:
        return outer
    answer = outer.inside(der.SEQUENCE)
    state = answer.integer()
    if outer.tag < 0 and 0 <= state <= _MAX_STATE:
        return Refusal(state)
    token = outer.inside(der.SEQUENCE)
    outer.finish()
    return token if state in GRANTED else Refusal(state)


def _read_token(content_info: DerReader) -> Token:
    _demand(content_info.oid(), SIGNED_DATA, "a CMS SignedData")
    wrapped = content_info.inside(der.CONTEXT_CONSTRUCTED)
    content_info.finish()
    signed = wrapped.inside(der.SEQUENCE)
    wrapped.finish()
    # 1. SignedData: version, digest algorithms, what is signed.
    if signed.integer() not in _VERSIONS:
        raise MalformedError(f"{_WHAT} is a CMS SignedData of a version that cannot be")
    digests = _algorithms(signed.inside(der.SET))
    encapsulated = signed.inside(der.SEQUENCE)
    content_type = encapsulated.oid()
    _demand(content_type, TST_INFO, "a TSTInfo")
    held = encapsulated.inside(der.CONTEXT_CONSTRUCTED)
    encapsulated.finish()
    info_bytes = held.octets()
    held.finish()
    # 2. Certificates and revocation lists that came along.
    certificates: list[bytes] = []
    is_bare = signed.tag == der.SET
    if signed.tag == der.CONTEXT_CONSTRUCTED:
        certificates = _certificates(signed.inside(der.CONTEXT_CONSTRUCTED))
    if signed.tag == der.CONTEXT_CONSTRUCTED + 1:
        signed.inside(der.CONTEXT_CONSTRUCTED + 1)
    # 3. Exactly one signer (RFC 3161 section 2.4.2).
    signers = signed.inside(der.SET)
    signed.finish()
    signer = _read_signer(signers.inside(der.SEQUENCE))
    signers.finish()
    info = read_info(info_bytes)
    return Token(info, info_bytes, content_type, digests, tuple(certificates), signer, is_bare)


def _demand(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise MalformedError(f"{_WHAT} holds {found} where {what} belongs")


def _algorithms(listed: DerReader) -> tuple[Algorithm, ...]:
    found: list[Algorithm] = []
    while listed.tag >= 0 and len(found) < _MAX_ATTRIBUTES:
        found.append(read_algorithm(listed))
    listed.finish()
    return tuple(found)


def _certificates(listed: DerReader) -> list[bytes]:
    found: list[bytes] = []
    while listed.tag >= 0:
        if listed.tag != der.SEQUENCE:  # attribute certificates and other formats vouch for nobody
            listed.element()
            continue
        if len(found) == MAX_CERTIFICATES:
            raise MalformedError(f"{_WHAT} has more than {MAX_CERTIFICATES} certificates")
        found.append(listed.element(der.SEQUENCE))
    return found


def _read_signer(reader: DerReader) -> SignerInfo:
    """Read a SignerInfo (RFC 5652 section 5.3)."""
    version = reader.integer()
    issuer, serial, key_identifier = b"", 0, b""
    if reader.tag == der.SEQUENCE:
        named = reader.inside(der.SEQUENCE)
        issuer, serial = named.element(der.SEQUENCE), named.integer()
        named.finish()
    else:
        key_identifier = reader.octets(der.CONTEXT)
    if version != (1 if issuer else 3):
        raise MalformedError(f"{_WHAT} has a SignerInfo whose version and signer do not agree")
    digest = read_algorithm(reader)
    if reader.tag != der.CONTEXT_CONSTRUCTED:
        raise MalformedError(f"{_WHAT} has no signed attributes")
    signed = reader.element(der.CONTEXT_CONSTRUCTED)
    attributes = bytes([der.SET]) + signed[1:]  # RFC 5652 section 5.4: signed under the SET's tag
    stated = _Attributes(attributes)
    signing = read_algorithm(reader)
    signature = reader.octets()
    if reader.tag == der.CONTEXT_CONSTRUCTED + 1:
        reader.inside(der.CONTEXT_CONSTRUCTED + 1)
    reader.finish()
    return SignerInfo(
        issuer,
        serial,
        key_identifier,
        digest,
        signing,
        signature,
        attributes,
        stated.one(CONTENT_TYPE).oid(),
        stated.one(MESSAGE_DIGEST).octets(),
        stated.certificates(),
    )


class _Attributes:
    """The signed attributes by type; each may stand there once and has one value."""

    def __init__(self, encoded: bytes) -> None:
        self._values: dict[str, bytes] = {}
        listed = DerReader(encoded, _WHAT).inside(der.SET)
        while listed.tag >= 0:
            attribute = listed.inside(der.SEQUENCE)
            kind = attribute.oid()
            if kind in self._values or len(self._values) == _MAX_ATTRIBUTES:
                raise MalformedError(f"{_WHAT} has the signed attribute {kind} once too often")
            values = attribute.inside(der.SET)
            attribute.finish()
            self._values[kind] = values.element()
            values.finish()

    def one(self, kind: str) -> DerReader:
        """Return a reader of the attribute's one value."""
        if kind not in self._values:
            raise MalformedError(f"{_WHAT} lacks the signed attribute {kind}")
        return DerReader(self._values[kind], _WHAT)

    def certificates(self) -> tuple[CertificateId, ...]:
        """Return the signer's id of SigningCertificate and of its second version: those there are.

        The first of a list is the signer's (RFC 2634 section 5.4).
        """
        found: list[CertificateId] = []
        for kind in (SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2):
            if kind in self._values:
                listed = self.one(kind).inside(der.SEQUENCE).inside(der.SEQUENCE)
                found.append(_certificate_id(listed.inside(der.SEQUENCE), kind))
        if not found:
            raise MalformedError(f"{_WHAT} does not name its signer's certificate (ESSCertID)")
        return tuple(found)


def _certificate_id(reader: DerReader, kind: str) -> CertificateId:
    hash_name = "sha1"
    if kind == SIGNING_CERTIFICATE_V2:
        given = reader.tag == der.SEQUENCE
        hash_name = DIGESTS.get(read_algorithm(reader).oid, "") if given else "sha256"
    digest = reader.octets()
    issuer, serial = b"", None
    if reader.tag == der.SEQUENCE:
        named = reader.inside(der.SEQUENCE)
        names = named.inside(der.SEQUENCE)
        serial = named.integer()
        named.finish()
        # GeneralNames, one directoryName: any other form names no issuer of a certificate.
        issuer = names.inside(der.CONTEXT_CONSTRUCTED + 4).element(der.SEQUENCE)
        names.finish()
    reader.finish()
    return CertificateId(hash_name, digest, issuer, serial)
