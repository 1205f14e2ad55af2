"""What a timestamp states: the TSTInfo of RFC 3161 section 2.4.2, read strictly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from core.errors import MalformedError
from core.frozen import dataclass
from verification.cms.signer_info import Algorithm, read_algorithm
from verification.readers import der
from verification.readers.der import DerReader

_WHAT = "the timestamp"
_MAX_SECONDS = 10**7
_THOUSANDTHS = frozenset(range(1000))
_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z")


@dataclass(frozen=True, slots=True)
class TstInfo:
    """What the authority states: this digest existed at that time, give or take `accuracy`."""

    policy: str
    imprint: Algorithm
    digest: bytes
    serial: int
    made_at: datetime
    accuracy: timedelta
    authority: bytes  # DER of the GeneralName it states for itself, empty where it states none


def read_info(content: bytes) -> TstInfo:
    """Read a TSTInfo (RFC 3161 section 2.4.2)."""
    document = DerReader(content, _WHAT)
    reader = document.inside(der.SEQUENCE)
    document.finish()
    if reader.integer() != 1:
        raise MalformedError(f"{_WHAT} states a version other than 1")
    policy = reader.oid()
    stated = reader.inside(der.SEQUENCE)
    imprint, digest = read_algorithm(stated), stated.octets()
    stated.finish()
    serial = reader.integer()
    made_at = _time(reader.octets(der.GENERALIZED_TIME))
    accuracy = _accuracy(reader.inside(der.SEQUENCE)) if reader.tag == der.SEQUENCE else timedelta()
    if reader.tag == der.BOOLEAN:
        reader.boolean()  # the order among one authority's timestamps is nobody's question here
    if reader.tag == der.INTEGER:
        reader.integer()  # the nonce ties an answer to its request, which nobody keeps
    authority = b""
    if reader.tag == der.CONTEXT_CONSTRUCTED:
        named = reader.inside(der.CONTEXT_CONSTRUCTED)
        authority = named.element()
        named.finish()
    if reader.tag == der.CONTEXT_CONSTRUCTED + 1:
        _refuse_critical(reader.inside(der.CONTEXT_CONSTRUCTED + 1))
    reader.finish()
    return TstInfo(policy, imprint, digest, serial, made_at, accuracy, authority)


def _time(spelled: bytes) -> datetime:
    """Read a GeneralizedTime in UTC, with seconds (X.690 section 11.7)."""
    found = _TIME.fullmatch(spelled)
    if found is None:
        raise MalformedError(f"{_WHAT} has a time that is not in DER's form")
    micros = (found[7] or b"").ljust(6, b"0")[:6]
    year, month, day, hour, minute, second, micro = map(int, (*found.groups()[:6], micros))
    try:
        return datetime(year, month, day, hour, minute, second, micro, UTC)
    except ValueError:
        raise MalformedError(f"{_WHAT} has a time that cannot be: {spelled.decode()}") from None


def _accuracy(reader: DerReader) -> timedelta:
    seconds = reader.integer() if reader.tag == der.INTEGER else 0
    millis = reader.integer(der.CONTEXT) if reader.tag == der.CONTEXT else 0
    micros = reader.integer(der.CONTEXT + 1) if reader.tag == der.CONTEXT + 1 else 0
    reader.finish()
    if not 0 <= seconds <= _MAX_SECONDS or not {millis, micros} <= _THOUSANDTHS:
        raise MalformedError(f"{_WHAT} states an accuracy that cannot be")
    return timedelta(seconds=seconds, milliseconds=millis, microseconds=micros)


def _refuse_critical(extensions: DerReader) -> None:
    while extensions.tag >= 0:
        extension = extensions.inside(der.SEQUENCE)
        oid = extension.oid()
        if extension.tag == der.BOOLEAN and extension.boolean():
            raise MalformedError(f"{_WHAT} has a critical extension unknown to us: {oid}")
        extension.octets()
        extension.finish()
