"""Promises of certificate transparency logs in certificates (RFC 6962 sections 3.2 and 3.3).

The promise was made for the precertificate: the certificate without the list of promises, together
with the hash of the key that issued it, taken from the chain that verified.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp

from verification.fault import Fault
from verification.sigstore.fulcio import Leaf
from verification.sigstore.log_keys import LogKey
from verification.sigstore.trusted_root import TrustedRoot

STEP = "certificate transparency"
_REFERENCE = "RFC 6962 3.2"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def check_promise(leaf: Leaf, issuer: x509.Certificate, root: TrustedRoot) -> LogKey | Fault:
    """Return the log of the root that promised to publish the certificate.

    Of several promises, those of logs the root does not name are passed over; each other one has
    to hold.
    """
    listed = leaf.promises
    if listed is None:
        detail = "the certificate carries no promise of a certificate transparency log"
        expected = "a promise by " + _known(root)
        return Fault(STEP, "SCT_INVALID", detail, expected, "none", _REFERENCE)
    promised = None
    for promise in listed:
        logs = root.certificate_logs.get(promise.log_id, ())
        if not logs:
            continue
        at = _made_at(promise)
        signed = _signed(promise, at, leaf.certificate, issuer)
        promised = next((log for log in logs if _holds(log, promise, signed, at)), None)
        if promised is None:
            detail = "the promise in the certificate does not hold, or not at its time"
            expected = f"a signature by {logs[0].url} inside its window"
            found = f"one of {at.isoformat()} that does not hold"
            return Fault(STEP, "SCT_INVALID", detail, expected, found, _REFERENCE)
    if promised is None:
        detail = "no log that the trusted root names promised to publish the certificate"
        found = ", ".join(promise.log_id.hex() for promise in listed)[:200] or "no promise"
        return Fault(STEP, "SCT_INVALID", detail, "a promise by " + _known(root), found, _REFERENCE)
    return promised


def _made_at(promise: SignedCertificateTimestamp) -> datetime:
    """Return when a promise was made, the last of all dates for a time beyond them.

    64 bits of milliseconds reach further than that; a promise of such a time does not hold.
    """
    try:
        return promise.timestamp.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=UTC)


def _known(root: TrustedRoot) -> str:
    logs = (each[0].url for each in root.certificate_logs.values())
    return ", ".join(logs) or "a log that the root's broken entries would have named"


def _holds(
    log: LogKey, promise: SignedCertificateTimestamp, signed: bytes | None, at: datetime
) -> bool:
    if signed is None or not log.counts(at):
        return False
    if not isinstance(promise.signature_hash_algorithm, hashes.SHA256):
        return False
    return log.holds(promise.signature, signed)


def _signed(
    promise: SignedCertificateTimestamp,
    at: datetime,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
) -> bytes | None:
    if promise.entry_type is not LogEntryType.PRE_CERTIFICATE:
        return None
    body = certificate.tbs_precertificate_bytes
    made = (at - _EPOCH) // _MILLISECOND
    extensions = promise.extension_bytes
    return b"".join(
        (
            b"\x00\x00",  # version 1, certificate_timestamp
            made.to_bytes(8, "big"),
            b"\x00\x01",  # precert_entry
            _key_hash(issuer),
            len(body).to_bytes(3, "big"),
            body,
            len(extensions).to_bytes(2, "big"),
            extensions,
        )
    )


@lru_cache(maxsize=64)
def _key_hash(issuer: x509.Certificate) -> bytes:
    encoded = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()
