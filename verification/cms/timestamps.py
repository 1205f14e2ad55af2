"""Proof of time by RFC 3161: what a timestamp over known bytes proves, under which authorities.

`verify_timestamp` is for formats that carry timestamps over their signatures; `judge_timestamp`
is the same over anything whose digests are known. Both answer with a proved time or a fault, never
with an exception on bad bytes. The chain has to hold at the time that the timestamp states, not
now: a timestamp outlives its authority's certificate (RFC 3161 section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Digest, digest_of
from core.naming import numbered
from core.text import display
from verification.cms.identifiers import DIGESTS, TST_INFO, WEAK_DIGESTS
from verification.cms.naming import is_named
from verification.cms.signature import (
    STRONG_DIGEST,
    Bound,
    Signed,
    bind_content,
    check_signature,
    digest_algorithm,
)
from verification.cms.timestamp_authority import (
    TimestampAuthority,
    chain_authority,
    given_timestamp_authorities,
)
from verification.cms.timestamp_name import bears_name
from verification.cms.timestamp_path import STEP as _CHAIN
from verification.cms.timestamp_path import vouched_path
from verification.cms.timestamp_signer import usable_key
from verification.cms.timestamp_token import Refusal, Token, read_timestamp
from verification.fault import Fault, malformed
from verification.keys.keyed import signed_bytes
from verification.keys.public_key import PublicKey
from verification.x509.certificates import certificate_digest, load_der
from verification.x509.path import CertificatePath

__all__ = [
    "IMPRINT_STEP",
    "ProvedTime",
    "TimestampAuthority",
    "broken_time",
    "chain_authority",
    "given_timestamp_authorities",
    "judge_timestamp",
    "verify_timestamp",
]

_STEP = "timestamp"
_SHOWN_NAME = 120
IMPRINT_STEP = "timestamp imprint"
_WHAT = "the timestamp"
Reader = Callable[[bytes, Limits], Token | Refusal]
_BROKEN = frozenset({"DIGEST_MISMATCH", "PAYLOAD_TYPE", "SIGNATURE_INVALID"})


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
    token: bytes,
    signed: bytes,
    authorities: Sequence[TimestampAuthority],
    limits: Limits,
    reader: Reader = read_timestamp,
    *,
    must_be_critical: bool = True,
) -> ProvedTime | Fault:
    """Say what a TimeStampResp or a bare token proves of the bytes `signed`."""
    return judge_timestamp(
        token,
        lambda name: digest_of(signed, name),
        authorities,
        limits,
        reader,
        must_be_critical=must_be_critical,
    )


def judge_timestamp(
    token: bytes,
    digest: Callable[[str], Digest | None],
    authorities: Sequence[TimestampAuthority],
    limits: Limits,
    reader: Reader = read_timestamp,
    *,
    must_be_critical: bool = True,
) -> ProvedTime | Fault:
    """Say what a timestamp proves of something whose digest of any strong algorithm is asked for.

    A digest that is not at hand ends in CONTENT_NEEDED. `must_be_critical` is said of the
    extendedKeyUsage in the authority's certificate.
    """
    # 1. The form (RFC 3161 section 2.4.2, RFC 5652 section 5).
    try:
        read = reader(token, limits)
    except MalformedError as error:
        expected = "a TimeStampResp or a timestamp token, in DER, within the limits"
        return malformed(_STEP, error, expected, "RFC 3161 2.4.2")
    if isinstance(read, Refusal):
        detail = "the authority's answer grants no timestamp"
        expected, found = "the state 0 or 1 (granted)", f"the state {read.state}"
        return Fault(_STEP, "TIMESTAMP_INVALID", detail, expected, found, "RFC 3161 2.4.2")
    # 2. It speaks of these bytes.
    imprint = _imprint(read, digest)
    if isinstance(imprint, Fault):
        return imprint
    # 3. What was signed is this TSTInfo (RFC 5652 sections 5.3, 11.1 and 11.2).
    algorithm = digest_algorithm(read.signer)
    if isinstance(algorithm, Fault):
        return broken_time(algorithm, _WHAT)
    content = Signed(TST_INFO, signed_bytes(read.info_bytes))
    bound = bind_content(read.signer, content, algorithm)
    if isinstance(bound, Fault):
        return broken_time(bound, _WHAT)
    # 4. The certificate that the signed attributes name, among those at hand.
    embedded = _embedded(read)
    signer = _signer(read, embedded, authorities)
    if signer is None:
        return _unknown_signer(read, authorities)
    # 5. What it is for, and that the signature holds under its key.
    key = usable_key(signer, must_be_critical=must_be_critical)
    if isinstance(key, Fault):
        return key
    scheme = _scheme(read, key, bound, limits)
    if isinstance(scheme, Fault):
        return scheme
    # 6. A chain to an authority that counts, at the time stated.
    path = vouched_path(signer, embedded, authorities, read.info.made_at)
    return path if isinstance(path, Fault) else _proved(read, imprint, path, key, scheme)


def broken_time(fault: Fault, what: str) -> Fault:
    """Return the fault of a signature that should prove a time, as one of `what` proves it."""
    reason = "TIMESTAMP_INVALID" if fault.reason in _BROKEN else fault.reason
    return replace(fault, step=_STEP, reason=reason, detail=f"{what} does not hold: {fault.detail}")


def _imprint(token: Token, digest: Callable[[str], Digest | None]) -> Digest | Fault:
    """Check that the imprint is of a strong hash, and of the bytes that it should be of."""
    info, reference = token.info, "RFC 3161 2.4.1"
    name, weak = DIGESTS.get(info.imprint.oid, ""), WEAK_DIGESTS.get(info.imprint.oid, "")
    if not name or info.imprint.parameters:
        detail = "the timestamp's imprint is of a hash that proves nothing, or is unknown to us"
        reason = "ALGORITHM_WEAK" if weak else "FORMAT_UNSUPPORTED"
        expected, found = f"an imprint of {STRONG_DIGEST}", weak or name or info.imprint.oid
        return Fault(IMPRINT_STEP, reason, detail, expected, found, reference)
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


def _scheme(token: Token, key: PublicKey, bound: Bound, limits: Limits) -> str | Fault:
    """Return the name of the scheme under which the token's signature holds, or why it does not."""
    if isinstance(key.material, Ed25519PublicKey) and bound.algorithm != "sha512":
        detail, expected = "Ed25519 in a timestamp goes with SHA-512 alone", "sha512"
        found = bound.algorithm
        return Fault(_STEP, "FORMAT_UNSUPPORTED", detail, expected, found, "RFC 8419 3.1")
    scheme = check_signature(token.signer, key, bound, limits)
    return broken_time(scheme, _WHAT) if isinstance(scheme, Fault) else scheme


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
    given = (each for authority in authorities for each in authority.certificates())
    return next((each for each in (*embedded, *given) if _is_signer(each, token)), None)


def _is_signer(certificate: x509.Certificate, token: Token) -> bool:
    return is_named(certificate, token.signer) and all(
        each.fits(certificate) for each in token.named
    )


def _unknown_signer(token: Token, authorities: Sequence[TimestampAuthority]) -> Fault:
    """Tell a token that left its certificate out from one that holds another than it names."""
    named = token.named[0]
    detail = "the certificate that signed the timestamp is not at hand: neither among the"
    detail += " authorities given nor in the timestamp"
    if not token.is_bare:
        detail = "the timestamp holds certificates, but not the one that its signer names"
    reason = "CERT_UNTRUSTED" if token.is_bare else "TIMESTAMP_INVALID"
    expected = f"the certificate {named.hash_name}:{named.digest.hex()}"
    given = numbered(len(authorities), "authority", "authorities")
    found = f"{given} and {numbered(len(token.certificates), 'certificate')} without it"
    return Fault(_CHAIN, reason, detail, expected, found, "RFC 3161 2.4.2")


def _misnamed(signer: x509.Certificate) -> Fault:
    detail = "the timestamp names another authority than the certificate that signed it"
    expected = display(signer.subject.rfc4514_string(), _SHOWN_NAME)
    return Fault(_CHAIN, "TIMESTAMP_INVALID", detail, expected, "another name", "RFC 3161 2.4.2")


def _proved(
    token: Token, imprint: Digest, path: CertificatePath, key: PublicKey, scheme: str
) -> ProvedTime | Fault:
    info = token.info
    if info.authority and not bears_name(path.links[0], info.authority):
        return _misnamed(path.links[0])
    return ProvedTime(
        info.made_at,
        _shifted(info.made_at, -info.accuracy),
        _shifted(info.made_at, info.accuracy),
        path.links[0],
        key,
        path,
        _anchor(path.links[-1]),
        info.policy,
        info.serial,
        imprint,
        scheme,
    )


_anchor = lru_cache(maxsize=64)(certificate_digest)


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at
