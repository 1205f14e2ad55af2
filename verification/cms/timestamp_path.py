"""Who vouches for the certificate that signed a timestamp, at the time that this states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cryptography import x509

from verification.cms.timestamp_authority import TimestampAuthority
from verification.cms.timestamp_signer import PURPOSE as _PURPOSE
from verification.fault import Fault
from verification.x509.anchors import Anchors
from verification.x509.certificates import certificate_digest
from verification.x509.chain import path_fault
from verification.x509.path import CertificatePath, find_path
from verification.x509.revocation import RevokedLater, judge_revocation

STEP = "timestamp authority"
_NOT_COUNTED = "CERT_UNTRUSTED"
_SHOWN = 4


def vouched_path(
    signer: x509.Certificate,
    embedded: tuple[x509.Certificate, ...],
    authorities: Sequence[TimestampAuthority],
    at: datetime,
) -> CertificatePath | Fault:
    """Return the path to the first authority that vouches for the signer at that time."""
    faults = []
    for authority in authorities:
        if authority.signer is not None and authority.signer != signer:
            continue
        others = (*authority.others, *embedded)
        path = find_path(signer, others, authority.anchors, _PURPOSE, at)
        if path is None:
            continue
        fault = _vouching_fault(path, authority, at)
        if fault is None:
            return path
        faults.append(fault)
    # In whatever order they were given: one that counts then has the word before one that does not.
    said = min(faults, key=lambda each: each.reason == _NOT_COUNTED, default=None)
    return said or _chain_fault(signer, embedded, authorities, at)


def _vouching_fault(
    path: CertificatePath, authority: TimestampAuthority, at: datetime
) -> Fault | None:
    """Check the authority's window, and that nothing of the path was withdrawn by then.

    What is noted of revocation is for whoever knows what time it is.
    """
    if not authority.counts(at):
        return _outside_window(authority, at)
    judged = judge_revocation(
        path.lineage,
        authority.revocations,
        at,
        proved_at=at,
        later=RevokedLater.NOTED_IF_STATED,
        namesakes=path.namesakes,
    )
    return judged if isinstance(judged, Fault) else None


def _outside_window(authority: TimestampAuthority, at: datetime) -> Fault:
    opens = authority.valid_from.isoformat() if authority.valid_from else "any time"
    ends = authority.valid_until.isoformat() if authority.valid_until else "any time"
    detail = "the timestamp is of a time at which its authority does not count"
    return Fault(STEP, _NOT_COUNTED, detail, f"from {opens} until {ends}", at.isoformat())


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
        return Fault(STEP, "CERT_UNTRUSTED", detail, expected, certificate_digest(signer))
    fitting = [each for each in authorities if each.signer in (None, signer)]
    others = tuple(other for each in fitting for other in each.others)
    anchors = Anchors.of(anchor for each in fitting for anchor in each.anchors.certificates)
    found = path_fault((signer, *others, *embedded), anchors, _PURPOSE, at, is_proved=True)
    return replace(found, step=STEP)
