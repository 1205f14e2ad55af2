"""When a CMS signature was there: timestamps and countersignatures among its unsigned attributes.

Whoever holds the signature can take these away or add others, so they count as follows. One that
holds under an authority that was given proves a time. One by an authority that was not given
proves nothing and is told. One that is broken, or over something else, refuses the signature: what
came along is never passed over as if it had not been there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import Enum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from verification.cms import identifiers, signer_info
from verification.cms.naming import Certificates
from verification.cms.signature import Signed, check_signer
from verification.cms.signer_info import SignerInfo
from verification.cms.timestamp_token import read_inner_timestamp
from verification.cms.timestamps import (
    broken_time,
    given_timestamp_authorities,
    verify_timestamp,
)
from verification.fault import Fault
from verification.keys.keyed import signed_bytes
from verification.readers.der import DerReader
from verification.x509.chain import Authorities, verify_chain
from verification.x509.revocation import RevokedLater

RFC3161, COUNTERSIGNED, CLAIMED = "rfc3161", "countersignature", "signing-time"
MAX_TIMES = 16
MAX_ALL_TIMES = 32  # on all signatures of one CMS, those nested in it too
_TOKENS = (identifiers.TIMESTAMP, identifiers.MICROSOFT_TIMESTAMP)
_STEP = "timestamp"
_TIME_STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_PASSING = frozenset({"CERT_UNTRUSTED", "ALGORITHM_WEAK", "KEY_UNKNOWN", "CERT_EXPIRED_AT_SIGNING"})
_CHAINS = frozenset({"timestamp authority", "certificate chain"})
_CENTURY = 50  # RFC 5652 section 11.3: years of two digits below it are of this century


class Countersignatures(Enum):
    """What countersignatures of PKCS #9 are to a format."""

    TIMES = "times"  # they state when: what Authenticode had before RFC 3161
    FOREIGN = "foreign"  # somebody else's word, which this does not judge


@dataclass(frozen=True, slots=True)
class Proved:
    """A time that an authority vouches for: the signature was there, at the latest `before`."""

    at: datetime
    before: datetime
    source: str
    anchor: str
    authority: str


@dataclass(frozen=True, slots=True)
class Times:
    """What the unsigned attributes prove, and what they only say."""

    proved: Proved | None
    notes: tuple[Fault, ...]


def read_times(
    signer: SignerInfo,
    certificates: Sequence[x509.Certificate],
    authorities: Authorities,
    now: datetime,
    limits: Limits,
    countersignatures: Countersignatures = Countersignatures.FOREIGN,
) -> Times | Fault:
    """Return the earliest time proved for a signature, or the fault of one that is broken."""
    tokens = [each for each in signer.unsigned if each[0] in _TOKENS]
    are_times = countersignatures is Countersignatures.TIMES
    older = signer.unsigned_values(identifiers.COUNTERSIGNATURE) if are_times else ()
    if len(tokens) + len(older) > MAX_TIMES:
        detail = f"more than {MAX_TIMES} timestamps on one signature"
        return Fault(_STEP, "TOO_LARGE", detail, f"at most {MAX_TIMES}", str(len(tokens)))
    found = [_token(*each, signer, authorities, limits) for each in tokens]
    found += [_countersigned(each, signer, certificates, authorities, limits) for each in older]
    faults = [each for each in found if isinstance(each, Fault)]
    broken = next((each for each in faults if not _passes(each)), None)
    if broken is not None:
        return broken
    proved = min(
        (each for each in found if isinstance(each, Proved)),
        key=lambda each: each.before,
        default=None,
    )
    if proved is not None and proved.at > now:
        detail = "the timestamp states a time that has not come yet"
        expected = f"a time until {now.isoformat()}"
        found_at = proved.at.isoformat()
        return Fault(_STEP, "TIME_IN_FUTURE", detail, expected, found_at, due_at=proved.at)
    return Times(proved, tuple(faults))


def count_times(signers: Iterable[SignerInfo]) -> int:
    """Return how many timestamps and countersignatures came along with signatures."""
    return sum(
        len(each.unsigned_values(*_TOKENS, identifiers.COUNTERSIGNATURE)) for each in signers
    )


def _passes(fault: Fault) -> bool:
    """Say whether a time is only not proved: by nobody who counts, or in a chain not supported."""
    is_unjudged = fault.reason == "FORMAT_UNSUPPORTED" and fault.step in _CHAINS
    return is_unjudged or fault.reason in _PASSING


def _token(
    kind: str, token: bytes, signer: SignerInfo, authorities: Authorities, limits: Limits
) -> Proved | Fault:
    """Judge a timestamp over the signature's bytes (RFC 3161 appendix A)."""
    proved = verify_timestamp(
        token,
        signer.signature,
        given_timestamp_authorities(authorities),
        limits,
        read_inner_timestamp,
        must_be_critical=kind != identifiers.MICROSOFT_TIMESTAMP,
    )
    if isinstance(proved, Fault):
        return proved
    name = proved.signer.subject.rfc4514_string()
    return Proved(proved.at, proved.before, RFC3161, proved.anchor, name)


def _countersigned(
    encoded: bytes,
    signer: SignerInfo,
    certificates: Sequence[x509.Certificate],
    authorities: Authorities,
    limits: Limits,
) -> Proved | Fault:
    """Judge a countersignature that states a time (RFC 5652 section 11.4), as Authenticode has."""
    try:
        other = signer_info.read_countersigner(encoded, limits, "the countersignature")
    except MalformedError as error:
        expected, found = "a countersignature in its form", str(error)
        return Fault(_STEP, "MALFORMED", str(error), expected, found, "RFC 5652 11.4")
    at_hand = Certificates((), certificates)
    signed = Signed(identifiers.DATA, signed_bytes(signer.signature), is_countersignature=True)
    held = check_signer(other, signed, at_hand, limits)
    if isinstance(held, Fault):
        return broken_time(held, "the countersignature")
    at = claimed_time(other)
    if at is None:
        detail = "the countersignature states no time"
        return Fault(_STEP, "TIMESTAMP_INVALID", detail, "a signing time", "none", "RFC 5652 11.3")
    leaf = held.certificate
    chain = verify_chain(
        at_hand.beside(leaf),
        authorities,
        at,
        proved_at=at,
        purposes=_TIME_STAMPING,
        later=RevokedLater.NOTED_IF_STATED,
    )
    if isinstance(chain, Fault):
        return chain
    if not _is_for_timestamps(leaf):
        expected = "extendedKeyUsage timeStamping"
        detail = "the certificate of the countersignature was not issued for timestamps"
        return Fault(_STEP, "CERT_USAGE", detail, expected, "none", "RFC 5280 4.2.1.12")
    return Proved(at, at, COUNTERSIGNED, chain.anchor, leaf.subject.rfc4514_string())


def _is_for_timestamps(certificate: x509.Certificate) -> bool:
    try:
        stated = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in stated


def claimed_time(signer: SignerInfo) -> datetime | None:
    """Return the time that the signer itself states (RFC 5652 section 11.3), None where none."""
    value = signer.signed.get(identifiers.SIGNING_TIME, b"")
    if value[:1] not in (bytes([_UTC_TIME]), bytes([_GENERALIZED_TIME])):
        return None
    try:
        text = DerReader(value, "the signing time").octets(value[0]).decode("ascii")
        if value[0] == _UTC_TIME:
            text = ("20" if int(text[:2]) < _CENTURY else "19") + text
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except (MalformedError, ValueError):
        return None
