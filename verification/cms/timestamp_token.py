"""The parts of an RFC 3161 timestamp, read strictly and not yet believed.

A token is a CMS SignedData (RFC 5652 section 5.1) around a TSTInfo (RFC 3161 section 2.4.2); it
comes bare or inside a TimeStampResp with the status of the answer. DER, or the streamed BER that
`verification/readers/ber.py` turns into DER; the certificates may stand in any order, as
authorities write them.
"""

from __future__ import annotations

import re

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from verification.cms.identifiers import CONTENT_TYPE, MESSAGE_DIGEST, TST_INFO
from verification.cms.naming import CertificateId, certificate_ids
from verification.cms.signed_data import read_content_info
from verification.cms.signer_info import SignerInfo
from verification.cms.timestamp_info import TstInfo, read_info
from verification.readers import ber, der
from verification.readers.der import DerReader

GRANTED = (0, 1)  # granted, and granted with modifications

_WHAT = "the timestamp"
_VERSIONS = (3, 4, 5)  # RFC 5652 section 5.1: at least 3 where the content is no plain data
_MAX_STATE = 5
_MOST_BEFORE_TOKEN = 4096  # the status of an answer, with its words
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_TST_CONTENT = re.compile(
    rb"\xa0.{1,5}\x30.{1,5}\x02\x01.\x31.{0,512}?\x30.{1,5}"
    + re.escape(bytes.fromhex("060b2a864886f70d0109100104")),
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One timestamp token; `certificates` are DER, came along, and are nobody's word."""

    info: TstInfo
    info_bytes: bytes
    signer: SignerInfo
    named: tuple[CertificateId, ...]  # the signer's certificate, one id at least
    certificates: tuple[bytes, ...]
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
    content = ber.as_der(content, limits, _WHAT)
    # 2. The answer around the token, where there is one.
    token = _answered(DerReader(content, _WHAT))
    return token if isinstance(token, Refusal) else _read_token(token)


def read_inner_timestamp(content: bytes, _limits: Limits) -> Token | Refusal:
    """Read a timestamp out of a structure that `check_der` has seen, and this with it."""
    token = _answered(DerReader(content, _WHAT))
    return token if isinstance(token, Refusal) else _read_token(token)


def _answered(document: DerReader) -> DerReader | Refusal:
    """Return the contents of the ContentInfo, taken out of the TimeStampResp where it is in one."""
    outer = document.inside(der.SEQUENCE)
    document.finish()
    if outer.tag != der.SEQUENCE:
        return outer
    answer = outer.inside(der.SEQUENCE)
    state = answer.integer()
    for optional in (der.SEQUENCE, der.BIT_STRING):  # its text, and why it was refused
        if answer.tag == optional:
            answer.element()
    answer.finish()
    if outer.tag < 0 and 0 <= state <= _MAX_STATE:
        return Refusal(state)
    token = outer.inside(der.SEQUENCE)
    outer.finish()
    return token if state in GRANTED else Refusal(state)


def _read_token(content_info: DerReader) -> Token:
    # 1. SignedData around a TSTInfo, each in the form that RFC 3161 section 2.4.2 asks for.
    data = read_content_info(content_info, _WHAT)
    if data.version not in _VERSIONS:
        raise MalformedError(f"{_WHAT} is a CMS SignedData of a version that cannot be")
    if data.content_type != TST_INFO:
        raise MalformedError(f"{_WHAT} holds {data.content_type} where a TSTInfo belongs")
    if data.content is None or data.content_tag != der.OCTET_STRING:
        raise MalformedError(f"{_WHAT} does not hold its TSTInfo as a string of octets")
    # 2. Exactly one signer, who names its certificate.
    if len(data.signers) != 1:
        raise MalformedError(f"{_WHAT} has {len(data.signers)} signers where one belongs")
    signer = data.signers[0]
    for kind in (CONTENT_TYPE, MESSAGE_DIGEST):
        if kind not in signer.signed:
            raise MalformedError(f"{_WHAT} lacks the signed attribute {kind}")
    named = certificate_ids(signer)
    if not named:
        raise MalformedError(f"{_WHAT} does not name its signer's certificate (ESSCertID)")
    info = read_info(data.content)
    return Token(info, data.content, signer, named, data.certificates, data.is_bare)
