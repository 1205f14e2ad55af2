"""The chain of a signer's certificate up to a given authority, at one time.

Path building and RFC 5280 section 6.1 (signatures, validity, basicConstraints, path length, name
constraints, critical extensions) are the library's; what a *signer* must be stands here. Every
certificate given as an authority is an anchor, an intermediate one too. As there is no proof of
time, the time is now. Ed25519 and Ed448 authorities are not supported by the library and refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from core.errors import MalformedError
from core.model import Trust, TrustKind
from verification.certificates import (
    certificate_digest,
    certified_key,
    issuer_name,
    read_authority,
)
from verification.public_key import STRONG_HASHES, PublicKey, after

MAX_CHAIN = 8  # certificates between the signer's and the anchor

_CRITICAL = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
    }
)
_SIGNING = frozenset({ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a certificate is not accepted."""

    step: str
    reason: str
    detail: str
    expected: str = ""
    found: str = ""
    reference: str = ""


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


def given_authorities(trust: Trust) -> Authorities:
    """Read every entry of kind AUTHORITY; a broken one is set aside with its error."""
    members: list[Authority] = []
    broken: list[str] = []
    for entry in trust.entries:
        if entry.kind is not TrustKind.AUTHORITY:
            continue
        try:
            members += [
                Authority(certificate, entry.valid_from, entry.valid_until)
                for certificate in read_authority(entry.content)
            ]
        except MalformedError as error:
            broken.append(f"{entry.name}: {error}")
    return Authorities(tuple(members), tuple(broken))


def verify_chain(
    certificates: tuple[x509.Certificate, ...], authorities: Authorities, now: datetime
) -> Chain | Fault:
    """Check that the first certificate may sign, and chains to an authority now."""
    leaf = certificates[0]
    # 1. What the certificate is for, and how strong it is.
    try:
        key = certified_key(leaf)
    except MalformedError as error:
        return Fault("certificate", "MALFORMED", str(error))
    fault = _usage_fault(leaf) or _strength_fault(leaf, key)
    if fault is not None:
        return fault
    # 2. A path to an anchor at this time.
    anchors = [member for member in authorities.members if member.counts(now)]
    path = _path(certificates, anchors, now)
    if not isinstance(path, list):
        return _path_fault(certificates, anchors, now, path)
    # 3. A certificate that may issue others does not sign artifacts, unless it was given itself.
    pinned = "the signer's own certificate was given as an authority" if len(path) == 1 else ""
    if _is_authority(leaf) and not pinned:
        detail = "a certificate for issuing others was used to sign"
        return Fault("certificate usage", "CERT_USAGE", detail, reference="RFC 5280 4.2.1.9")
    return _chain(leaf, key, path, anchors, pinned)


def _chain(
    leaf: x509.Certificate,
    key: PublicKey,
    path: list[x509.Certificate],
    anchors: list[Authority],
    pinned: str,
) -> Chain:
    second = timedelta(seconds=1)  # notAfter is a closed bound in whole seconds
    ends = [after(certificate.not_valid_after_utc, second) for certificate in path]
    due_at, due_reason = _earliest(ends), "CERT_EXPIRED_AT_SIGNING"
    windows = [member.valid_until for member in anchors if member.certificate == path[-1]]
    window = _latest(windows)
    if window is not None and (due_at is None or window < due_at):
        due_at, due_reason = window, "CERT_UNTRUSTED"
    anchor = certificate_digest(path[-1])
    return Chain(leaf, key, anchor, len(path), due_at, due_reason, pinned)


def _earliest(ends: list[datetime | None]) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


def _latest(windows: list[datetime | None]) -> datetime | None:
    """Return when the last of these windows has passed; None where one stays open."""
    closed = [after(window) for window in windows]
    known = [end for end in closed if end is not None]
    return max(known) if len(known) == len(closed) else None


def _usage_fault(leaf: x509.Certificate) -> Fault | None:
    """Check RFC 5280 sections 4.2 (critical extensions), 4.2.1.3 and 4.2.1.12."""
    for extension in leaf.extensions:
        if extension.critical and extension.oid not in _CRITICAL:
            name = extension.oid.dotted_string
            detail = f"the critical extension {name} is unknown to us"
            return Fault("certificate extensions", "CERT_USAGE", detail, reference="RFC 5280 4.2")
        if isinstance(extension.value, x509.KeyUsage) and not extension.value.digital_signature:
            return Fault(
                "certificate usage",
                "CERT_USAGE",
                "the certificate's key may not make signatures",
                expected="keyUsage digitalSignature",
                reference="RFC 5280 4.2.1.3",
            )
        if isinstance(extension.value, x509.ExtendedKeyUsage):
            purposes = set(extension.value)
            if not purposes & _SIGNING:
                return Fault(
                    "certificate usage",
                    "CERT_USAGE",
                    "the certificate was issued for other purposes than signing code",
                    expected="extendedKeyUsage codeSigning",
                    found=", ".join(sorted(oid.dotted_string for oid in purposes)),
                    reference="RFC 5280 4.2.1.12",
                )
    return None


def _strength_fault(leaf: x509.Certificate, key: PublicKey) -> Fault | None:
    if key.weakness:
        return Fault("certificate strength", "ALGORITHM_WEAK", key.weakness, found=key.algorithm)
    if _is_weakly_signed(leaf):
        oid = leaf.signature_algorithm_oid.dotted_string
        detail = "the certificate is signed with a hash that can be forged"
        return Fault("certificate strength", "ALGORITHM_WEAK", detail, found=oid)
    return None


def _is_weakly_signed(certificate: x509.Certificate) -> bool:
    try:
        hashed = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return True
    return hashed is not None and hashed.name not in STRONG_HASHES


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _path(
    certificates: tuple[x509.Certificate, ...], anchors: list[Authority], at: datetime
) -> list[x509.Certificate] | str:
    """Return the path from the leaf to an anchor, or the library's words on why there is none."""
    if not anchors:
        return "no authority counts at this time"
    store = verification.Store([member.certificate for member in anchors])
    builder = (
        verification.PolicyBuilder()
        .store(store)
        .time(at)
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=_ISSUERS, ee_policy=_SIGNERS)
    )
    try:
        return builder.build_client_verifier().verify(certificates[0], list(certificates[1:])).chain
    except (verification.VerificationError, ValueError) as error:
        return str(error)


def _path_fault(
    certificates: tuple[x509.Certificate, ...], anchors: list[Authority], now: datetime, words: str
) -> Fault:
    """Say why there is no path: a time at which there was one, a weak or misused link, or none."""
    step, reference = "certificate chain", "RFC 5280 6.1"
    for at in _other_times(certificates, now):
        path = _path(certificates, anchors, at)
        if isinstance(path, list):
            start = max(link.not_valid_before_utc for link in path)
            end = min(link.not_valid_after_utc for link in path)
            return Fault(
                step,
                "CERT_EXPIRED_AT_SIGNING",
                "the chain does not hold now, and nothing proves the time of signing",
                expected=f"signed between {start.isoformat()} and {end.isoformat()}",
                found=f"no proof of time, so taken as of {now.isoformat()}",
                reference=reference,
            )
    for link in certificates[1:]:
        if link.subject != link.issuer and _is_weakly_signed(link):
            detail = "a certificate of the chain is signed with a hash that can be forged"
            return Fault(step, "ALGORITHM_WEAK", detail, reference=reference)
        if any(x.critical and x.oid not in _CRITICAL for x in link.extensions):
            detail = "a certificate of the chain has a critical extension unknown to us"
            return Fault(step, "CERT_USAGE", detail, reference=reference)
    return Fault(
        step,
        "CERT_UNTRUSTED",
        f"no chain to any of {len(anchors)} given authorities: {words[:200]}",
        expected="a chain to a given authority",
        found=f"issued by {issuer_name(certificates[0])}",
        reference=reference,
    )


def _other_times(certificates: tuple[x509.Certificate, ...], now: datetime) -> list[datetime]:
    ends = {certificates[0].not_valid_before_utc, certificates[0].not_valid_after_utc}
    for link in certificates[1:MAX_CHAIN]:
        ends |= {link.not_valid_before_utc, link.not_valid_after_utc}
    return sorted(ends - {now}, reverse=True)


def _may_issue(
    _policy: verification.Policy, _certificate: x509.Certificate, basic: x509.BasicConstraints
) -> None:
    if not basic.ca:
        raise ValueError("basicConstraints does not make this certificate an authority")


def _may_sign_certificates(
    _policy: verification.Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("keyUsage does not let this certificate sign others")


_ISSUERS = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, _may_issue)
    .may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _may_sign_certificates)
)
_SIGNERS = verification.ExtensionPolicy.permit_all()
