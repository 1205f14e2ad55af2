"""Proof of time by RFC 3161: what a timestamp over known bytes proves, under which authorities.

`verify_timestamp` is for formats that carry timestamps over their signatures; `judge_timestamp`
is the same over anything whose digests are known. Both answer with a proved time or a fault, never
with an exception on bad bytes. The chain has to hold at the time that the timestamp states, not
now: a timestamp outlives its authority's certificate (RFC 3161 section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Digest, digest_of
from verification.certificate_chain import path_fault
from verification.certificate_path import Anchors, CertificatePath, find_path
from verification.certificates import certificate_digest, load_der
from verification.fault import Fault
from verification.public_key import STRONG_HASHES, PublicKey
from verification.revocation import judge_revocation
from verification.timestamp_authority import (
    TimestampAuthority,
    chain_authority,
    given_timestamp_authorities,
)
from verification.timestamp_signature import SignatureFault, check_signature
from verification.timestamp_signer import PURPOSE as _PURPOSE
from verification.timestamp_signer import is_named, usable_key
from verification.timestamp_token import DIGESTS, TST_INFO, Refusal, Token, read_timestamp

__all__ = [
    "IMPRINT_STEP",
    "ProvedTime",
    "TimestampAuthority",
    "chain_authority",
    "given_timestamp_authorities",
    "judge_timestamp",
    "verify_timestamp",
]

_STEP = "timestamp"
_SHOWN = 4
IMPRINT_STEP, _CHAIN = "timestamp imprint", "timestamp authority"
_WEAK = frozenset(
    {"1.3.14.3.2.26", "1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.4"}
)  # SHA-1, MD5, SHA-224


@dataclass(frozen=True, slots=True)
class ProvedTime:
    """What a timestamp proves: the bytes existed at `at`, at the latest at `before`."""

    at: datetime
    after: datetime  # `at` less the accuracy stated
    before: datetime  # `at` plus the accuracy stated
    signer: x509.Certificate
    key: PublicKey
    path: CertificatePath
    anchor: str  # sha256:<hex> of the anchor's DER
    policy: str
    serial: int
    imprint: Digest
    scheme: str


def verify_timestamp(
    token: bytes, signed: bytes, authorities: Sequence[TimestampAuthority], limits: Limits
) -> ProvedTime | Fault:
    """Say what a TimeStampResp or a bare token proves of the bytes `signed`."""
    return judge_timestamp(token, lambda name: digest_of(signed, name), authorities, limits)


def judge_timestamp(
    token: bytes,
    digest: Callable[[str], Digest | None],
    authorities: Sequence[TimestampAuthority],
    limits: Limits,
) -> ProvedTime | Fault:
    """Say what a timestamp proves of something whose digest of any strong algorithm is asked for.

    A digest that is not at hand ends in CONTENT_NEEDED.
    """
    # 1. The form (RFC 3161 section 2.4.2, RFC 5652 section 5).
    try:
        read = read_timestamp(token, limits)
    except MalformedError as error:
        reason = "TOO_LARGE" if isinstance(error, TooLargeError) else "MALFORMED"
        expected = "a TimeStampResp or a timestamp token, in DER, within the limits"
        return Fault(_STEP, reason, str(error), expected, str(error), "RFC 3161 2.4.2")
    if isinstance(read, Refusal):
        detail = "the authority's answer grants no timestamp"
        expected, found = "the state 0 or 1 (granted)", f"the state {read.state}"
        return Fault(_STEP, "TIMESTAMP_INVALID", detail, expected, found, "RFC 3161 2.4.2")
    # 2. It speaks of these bytes.
    imprint = _imprint(read, digest)
    if isinstance(imprint, Fault):
        return imprint
    # 3. What was signed is this TSTInfo, and under which certificate.
    fault = _content_fault(read)
    if fault is not None:
        return fault
    return _judge_signers(read, imprint, authorities, limits)


def _imprint(token: Token, digest: Callable[[str], Digest | None]) -> Digest | Fault:
    """Check that the imprint is of a strong hash, and of the bytes that it should be of."""
    info, reference = token.info, "RFC 3161 2.4.1"
    name = DIGESTS.get(info.imprint.oid, "")
    if name not in STRONG_HASHES or info.imprint.parameters:
        detail = "the timestamp's imprint is of a hash that proves nothing, or is unknown to us"
        reason = "ALGORITHM_WEAK" if info.imprint.oid in _WEAK else "FORMAT_UNSUPPORTED"
        expected = "an imprint of SHA-256, SHA-384 or SHA-512"
        return Fault(IMPRINT_STEP, reason, detail, expected, name or info.imprint.oid, reference)
    ours = digest(name)
    if ours is None:
        detail = f"the timestamp is over a {name} digest that is not at hand"
        return Fault(
            IMPRINT_STEP, "CONTENT_NEEDED", detail, f"the bytes, or their {name}", "neither"
        )
    if ours.raw != info.digest:
        detail = "the timestamp was made over other bytes"
        found = f"{name}:{info.digest.hex()}"
        return Fault(IMPRINT_STEP, "TIMESTAMP_INVALID", detail, str(ours), found, reference)
    return ours


def _content_fault(token: Token) -> Fault | None:
    """Check RFC 5652 sections 5.3, 11.1 and 11.2: the attributes are about this TSTInfo."""
    signer, reference = token.signer, "RFC 5652 11.2"
    name = DIGESTS.get(signer.digest.oid, "")
    if name not in STRONG_HASHES or signer.digest.parameters:
        detail = "the timestamp's content is digested with a hash that proves nothing, or unknown"
        reason = "ALGORITHM_WEAK" if signer.digest.oid in _WEAK else "FORMAT_UNSUPPORTED"
        expected = "SHA-256, SHA-384 or SHA-512"
        return Fault(_STEP, reason, detail, expected, name or signer.digest.oid, reference)
    if signer.digest not in token.digests:
        detail = "the signer's digest algorithm is not among those the token lists"
        expected, found = signer.digest.oid, ", ".join(each.oid for each in token.digests)
        return Fault(_STEP, "MALFORMED", detail, expected, found or "none", "RFC 5652 5.1")
    if signer.content_type != TST_INFO:
        detail = "the timestamp's signature is about content of another type"
        return Fault(_STEP, "TIMESTAMP_INVALID", detail, TST_INFO, signer.content_type, reference)
    computed = digest_of(token.info_bytes, name)
    if computed.raw != signer.message_digest:
        detail = "the timestamp's signature is about another content than the token holds"
        found = f"{name}:{signer.message_digest.hex()}"
        return Fault(_STEP, "TIMESTAMP_INVALID", detail, str(computed), found, reference)
    return None


def _judge_signers(
    token: Token, imprint: Digest, authorities: Sequence[TimestampAuthority], limits: Limits
) -> ProvedTime | Fault:
    """Find the signer's certificate, check signature and usage, then each authority's chain."""
    embedded = _embedded(token)
    # 4. The certificate that the signed attributes name, among those at hand.
    signer = _signer(token, embedded, authorities)
    if signer is None:
        return _unknown_signer(token, authorities)
    # 5. What it is for, and that the signature holds under its key.
    key = usable_key(signer)
    if isinstance(key, Fault):
        return key
    scheme = check_signature(token.signer, key, limits)
    if isinstance(scheme, SignatureFault):
        return Fault(
            _STEP, scheme.reason, scheme.detail, scheme.expected, scheme.found, "RFC 5652 5.4"
        )
    # 6. A chain to an authority that counts, at the time stated.
    at, faults = token.info.made_at, []
    for authority in authorities:
        if authority.signer is not None and authority.signer != signer:
            continue
        others = (*authority.others, *embedded)
        path = find_path(signer, others, authority.anchors, _PURPOSE, at)
        if path is None:
            continue
        fault = _vouching_fault(path, authority, at)
        if fault is None:
            return _proved(token, imprint, path, key, scheme)
        faults.append(fault)
    return faults[0] if faults else _chain_fault(signer, embedded, authorities, at)


def _embedded(token: Token) -> tuple[x509.Certificate, ...]:
    """Read the certificates that came along; a broken one vouches for nobody and is left out."""
    found = []
    for encoded in token.certificates:
        try:
            found.append(load_der(encoded))
        except MalformedError:
            continue
    return tuple(found)


def _signer(
    token: Token, embedded: tuple[x509.Certificate, ...], authorities: Sequence[TimestampAuthority]
) -> x509.Certificate | None:
    """Return the certificate that SignerInfo and every ESSCertID name (RFC 3161 section 2.4.2)."""
    for certificate in embedded:
        if is_named(certificate, token.signer):
            return certificate
    given = (each for authority in authorities for each in authority.certificates())
    return next((each for each in given if is_named(each, token.signer)), None)


def _unknown_signer(token: Token, authorities: Sequence[TimestampAuthority]) -> Fault:
    """Tell a token that left its certificate out from one that holds another than it names."""
    named = token.signer.certificates[0]
    detail = "the certificate that signed the timestamp is not at hand: neither among the"
    detail += " authorities given nor in the timestamp"
    if not token.is_bare:
        detail = "the timestamp holds certificates, but not the one that its signer names"
    reason = "CERT_UNTRUSTED" if token.is_bare else "TIMESTAMP_INVALID"
    expected = f"the certificate {named.hash_name or 'unknown hash'}:{named.digest.hex()}"
    found = f"{len(authorities)} authorities and {len(token.certificates)} certificates without it"
    return Fault(_CHAIN, reason, detail, expected, found, "RFC 3161 2.4.2")


def _chain_fault(
    signer: x509.Certificate,
    embedded: tuple[x509.Certificate, ...],
    authorities: Sequence[TimestampAuthority],
    at: datetime,
) -> Fault:
    """Say why no authority vouches for the signer at that time."""
    pinned = [each.signer for each in authorities if each.signer is not None]
    if pinned and len(pinned) == len(authorities) and signer not in pinned:
        detail = "the timestamp was signed under another certificate than the trust given names"
        expected = ", ".join(certificate_digest(each) for each in pinned[:_SHOWN])
        return Fault(_CHAIN, "CERT_UNTRUSTED", detail, expected, certificate_digest(signer))
    fitting = [each for each in authorities if each.signer in (None, signer)]
    others = tuple(other for each in fitting for other in each.others)
    anchors = Anchors.of(anchor for each in fitting for anchor in each.anchors.certificates)
    found = path_fault((signer, *others, *embedded), anchors, _PURPOSE, at, is_proved=True)
    return replace(found, step=_CHAIN)


def _vouching_fault(
    path: CertificatePath, authority: TimestampAuthority, at: datetime
) -> Fault | None:
    """Check the authority's window, and that nothing of the path was withdrawn by then.

    What is noted of revocation is for whoever knows what time it is.
    """
    if not authority.counts(at):
        return _outside_window(authority, at)
    judged = judge_revocation(path.links, authority.revocations, at, proved_at=at)
    return judged if isinstance(judged, Fault) else None


def _outside_window(authority: TimestampAuthority, at: datetime) -> Fault:
    opens = authority.valid_from.isoformat() if authority.valid_from else "any time"
    ends = authority.valid_until.isoformat() if authority.valid_until else "any time"
    detail = "the timestamp is of a time at which its authority does not count"
    return Fault(_CHAIN, "CERT_UNTRUSTED", detail, f"from {opens} until {ends}", at.isoformat())


def _proved(
    token: Token, imprint: Digest, path: CertificatePath, key: PublicKey, scheme: str
) -> ProvedTime:
    info = token.info
    return ProvedTime(
        info.made_at,
        _shifted(info.made_at, -info.accuracy),
        _shifted(info.made_at, info.accuracy),
        path.links[0],
        key,
        path,
        certificate_digest(path.links[-1]),
        info.policy,
        info.serial,
        imprint,
        scheme,
    )


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at
