"""The chain of a signer's certificate up to a given authority, at one time.

Paths are found by `find_path`; what a *signer* must be stands here. Every certificate given
as an authority is an anchor, an intermediate one too. Where a trusted timestamp or log proves when
the signature was there, the chain has to hold at that time; without such a proof the time is now.
Ed25519 and Ed448 authorities, policies and some name constraints are not judged by the library:
what leads up through them is `unverifiable`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Check, Trust, TrustEntry, TrustKind
from verification.fault import Fault
from verification.keys.public_key import PublicKey, after
from verification.x509.anchors import Anchors
from verification.x509.certificates import (
    accepted_authorities,
    certificate_digest,
    certified_key,
)
from verification.x509.diagnosis import missing_link, named_between
from verification.x509.path import (
    MAX_CHAIN,
    SECOND,
    CertificatePath,
    depends_on_time,
    find_path,
    has_more_ways,
    leading_up,
)
from verification.x509.revocation import RevokedLater, judge_revocation
from verification.x509.revocation_data import NONE, Revocations, given_revocations
from verification.x509.usage import (
    CODE_SIGNING,
    STRONG_HASH,
    is_weakly_signed,
    may_issue,
    purposes_of,
    strength_fault,
    unknown_critical,
    usage_fault,
)
from verification.x509.ways import MAX_WAYS

__all__ = [
    "CODE_SIGNING",
    "Authorities",
    "Authority",
    "Chain",
    "Fault",
    "given_authorities",
    "names_authorities",
    "path_fault",
    "unknown_critical",
    "verify_chain",
]

_VOUCHING = frozenset({TrustKind.ROOT, TrustKind.AUTHORITY})
_CHAIN, _PATHS = "certificate chain", "RFC 5280 6.1"


@dataclass(frozen=True, slots=True)
class Authority:
    """One certificate that may vouch, with the window its trust entry sets."""

    certificate: x509.Certificate
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Say whether `now` lies in the entry's closed window."""
        early = self.valid_from is not None and now < self.valid_from
        late = self.valid_until is not None and now > self.valid_until
        return not (early or late)


@dataclass(frozen=True, slots=True)
class Authorities:
    """The certificates among the trust given, and what is wrong with entries that hold none."""

    members: tuple[Authority, ...]
    broken: tuple[str, ...] = ()
    revocations: Revocations = NONE  # what they have withdrawn

    @property
    def none_given(self) -> bool:
        """Whether no entry is meant to be an authority."""
        return not self.members and not self.broken


@dataclass(frozen=True, slots=True)
class Chain:
    """A signer's certificate and what it chains to; `due_at` is when it stops to hold."""

    leaf: x509.Certificate
    key: PublicKey
    anchor: str  # sha256:<hex> of the anchor's DER
    length: int
    due_at: datetime | None
    due_reason: str
    pinned: str = ""  # set where the leaf itself was given as an authority
    links: tuple[x509.Certificate, ...] = ()  # leaf first, anchor last
    checks: tuple[Check, ...] = ()  # what was found of revocation, to be recorded


def names_authorities(trust: Trust) -> bool:
    """Say whether anything given vouches for certificates: an authority, or a Sigstore root."""
    return any(entry.kind in _VOUCHING for entry in trust.entries)


def given_authorities(trust: Trust) -> Authorities:
    """Read every entry of kind AUTHORITY; a broken one is set aside with its error."""
    return _given_authorities(trust.entries)


@lru_cache(maxsize=64)
def _given_authorities(entries: tuple[TrustEntry, ...]) -> Authorities:
    members: list[Authority] = []
    broken: list[str] = []
    for entry in entries:
        if entry.kind is not TrustKind.AUTHORITY:
            continue
        try:
            read, errors = accepted_authorities(entry)
        except MalformedError as error:
            broken.append(f"{entry.name}: {error}")
            continue
        members += [Authority(each, entry.valid_from, entry.valid_until) for each in read]
        broken += [f"{entry.name}: {error}" for error in errors]
    return Authorities(tuple(members), tuple(broken), given_revocations(entries))


def verify_chain(
    certificates: tuple[x509.Certificate, ...],
    authorities: Authorities,
    now: datetime,
    *,
    proved_at: datetime | None = None,
    purposes: tuple[x509.ObjectIdentifier, ...] = CODE_SIGNING,
    later: RevokedLater = RevokedLater.NOTED,
) -> Chain | Fault:
    """Check that the first certificate may sign, and chains to an authority.

    It has to do so `proved_at` a time by which a trusted timestamp or log says that it had signed,
    else now; now, too, as long as that time has not come. Where it limits its purposes, one of
    `purposes` is among them. The lists and answers given with the authorities must not say that a
    certificate of the chain was revoked before that time.
    """
    leaf, at = certificates[0], now if proved_at is None else min(proved_at, now)
    # 1. What the certificate is for, and how strong it is.
    key = _signing_key(leaf, purposes)
    if isinstance(key, Fault):
        return key
    # 2. A path to an anchor at this time.
    members = [member for member in authorities.members if member.counts(at)]
    anchors = Anchors.of(member.certificate for member in members)
    served = purposes_of(leaf, purposes)
    tried = (find_path(leaf, certificates[1:], anchors, each, at) for each in served)
    path = next((each for each in tried if each is not None), None)
    if path is None:
        fault = path_fault(certificates, anchors, served[0], at, is_proved=proved_at is not None)
        return fault if proved_at is not None else _until_one_opens(fault, authorities, now)
    # 3. A certificate that may issue others does not sign artifacts, unless it was given itself.
    is_pinned = len(path.links) == 1
    if may_issue(leaf) and not is_pinned:
        return _issuer_fault()
    # 4. None of the chain was withdrawn.
    checks = judge_revocation(
        path.lineage,
        authorities.revocations,
        now,
        proved_at=at if proved_at is not None else None,
        later=later,
        namesakes=path.namesakes,
    )
    if isinstance(checks, Fault):
        return checks
    due_at, due_reason = _due(path, members)
    if proved_at is not None and (due_at is None or due_at > proved_at):
        due_at, due_reason = None, ""
    return _chain(path, key, checks, due_at, due_reason)


def _until_one_opens(fault: Fault, authorities: Authorities, now: datetime) -> Fault:
    """Return the fault with the instant at which an authority's window may mend it."""
    opening = [one.valid_from for one in authorities.members if one.valid_from is not None]
    due = _earliest([fault.due_at, *(moment for moment in opening if moment > now)])
    return replace(fault, due_at=due)


def _signing_key(
    leaf: x509.Certificate, purposes: tuple[x509.ObjectIdentifier, ...]
) -> PublicKey | Fault:
    try:
        key = certified_key(leaf)
    except MalformedError as error:
        expected = "a certificate with a key that can be used"
        return Fault("certificate", error.reason, str(error), expected, "another one")
    return usage_fault(leaf, purposes) or strength_fault(leaf, key) or key


def _issuer_fault() -> Fault:
    detail = "a certificate for issuing others was used to sign"
    expected, found = "a signer's certificate", "basicConstraints says that it is an authority"
    return Fault("certificate usage", "CERT_USAGE", detail, expected, found, "RFC 5280 4.2.1.9")


def _chain(
    path: CertificatePath,
    key: PublicKey,
    checks: tuple[Check, ...],
    due_at: datetime | None,
    due_reason: str,
) -> Chain:
    is_pinned = len(path.links) == 1
    return Chain(
        path.links[0],
        key,
        certificate_digest(path.links[-1]),
        len(path.links),
        due_at,
        due_reason,
        "the signer's own certificate was given as an authority" if is_pinned else "",
        path.links,
        checks,
    )


def _due(path: CertificatePath, members: list[Authority]) -> tuple[datetime | None, str]:
    """Return when a chain that has to hold now stops to, and the reason it will carry then."""
    ends = [after(certificate.not_valid_after_utc, SECOND) for certificate in path.links]
    due_at, due_reason = _earliest(ends), "CERT_EXPIRED_AT_SIGNING"
    windows = [member.valid_until for member in members if member.certificate == path.links[-1]]
    window = _latest(windows)
    if window is not None and (due_at is None or window < due_at):
        return window, "CERT_UNTRUSTED"
    return due_at, due_reason


def _earliest(ends: list[datetime | None]) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


def _latest(windows: list[datetime | None]) -> datetime | None:
    """Return when the last of these windows has passed; None where one stays open."""
    closed = [after(window) for window in windows]
    known = [end for end in closed if end is not None]
    return max(known) if len(known) == len(closed) else None


def path_fault(
    certificates: tuple[x509.Certificate, ...],
    anchors: Anchors,
    purpose: x509.ObjectIdentifier,
    at: datetime,
    *,
    is_proved: bool,
) -> Fault:
    """Say why there is no path: a time at which there was one, a weak or misused link, or none."""
    leaf, others = certificates[0], certificates[1:]
    if has_more_ways(leaf, others, anchors, purpose, at):
        detail = "the certificates that came along lead up in more ways than are tried"
        expected = f"at most {MAX_WAYS} ways to a given authority"
        return Fault(_CHAIN, "TOO_LARGE", detail, expected, f"{len(others)} certificates", _PATHS)
    leading = leading_up(others, anchors)
    is_timed = depends_on_time(leaf, others, anchors, at)
    for other_time in _other_times((leaf, *leading), at) if is_timed else ():
        path = find_path(leaf, others, anchors, purpose, other_time)
        if path is not None:
            return _time_fault(path, at, is_proved=is_proved)
    for link in named_between(leaf, others, anchors.certificates):
        if link.subject != link.issuer and is_weakly_signed(link):
            detail = "a certificate of the chain is signed with a hash that can be forged"
            oid = link.signature_algorithm_oid.dotted_string
            return Fault(_CHAIN, "ALGORITHM_WEAK", detail, STRONG_HASH, oid, _PATHS)
        unknown = unknown_critical(link)
        if unknown and link not in anchors.certificates:
            detail = "a certificate of the chain has a critical extension unknown to us"
            expected = "critical extensions that are known"
            return Fault(_CHAIN, "CERT_USAGE", detail, expected, unknown, _PATHS)
    gap = missing_link((leaf, *leading, *others), anchors.certificates)
    return Fault(_CHAIN, gap.reason, gap.detail, gap.expected, gap.found, _PATHS)


def _time_fault(path: CertificatePath, at: datetime, *, is_proved: bool) -> Fault:
    end = min(link.not_valid_after_utc for link in path.links)
    expected = f"signed between {path.begins.isoformat()} and {end.isoformat()}"
    if is_proved:
        detail = "the chain did not hold at the time that is proved"
        found = f"proved to be signed at {at.isoformat()}"
    else:
        detail = "the chain does not hold now, and nothing proves the time of signing"
        found = f"no proof of time, so taken as of {at.isoformat()}"
    opens = path.begins if not is_proved and at < path.begins else None
    return Fault(_CHAIN, "CERT_EXPIRED_AT_SIGNING", detail, expected, found, _PATHS, opens)


def _other_times(certificates: tuple[x509.Certificate, ...], at: datetime) -> list[datetime]:
    """Return times at which there may have been a path: few, since each search costs milliseconds.

    The bounds of the first certificate's life, and of the time in which all of them were valid.
    """
    leaf, others = certificates[0], certificates[:MAX_CHAIN]
    began = max(link.not_valid_before_utc for link in others)
    ended = min(link.not_valid_after_utc for link in others)
    times = (ended, began, leaf.not_valid_after_utc, leaf.not_valid_before_utc)
    return [each for each in dict.fromkeys(times) if each != at]
