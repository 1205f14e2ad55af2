"""What a trust entry holds, for the page that shows whom a source trusts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from core.limits import Limits
from core.model import Digest, TrustEntry, TrustKind, digest_of
from verification.certificates import (
    certificate_digest,
    certificate_key_algorithm,
    read_authority,
)
from verification.openpgp_keyring import read_keyring
from verification.public_key import load_entry


@dataclass(frozen=True, slots=True)
class Credential:
    """One key or certificate that may vouch. Bounds are closed; None is open.

    `fingerprint` is what verifications record as their anchor: of a key its SPKI, of an X.509
    certificate its DER (both `sha256:<hex>`), of an OpenPGP certificate its primary key in
    upper-case hex. `digest` is that of the whole entry as given.
    """

    kind: TrustKind
    fingerprint: str
    identity: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    is_revoked: bool
    digest: Digest


def describe(entry: TrustEntry, limits: Limits) -> tuple[Credential, ...]:
    """Return what the entry holds; raise MalformedError when it cannot be read."""
    return _DESCRIBERS[entry.kind](entry, limits)


def _describe_key(entry: TrustEntry, _limits: Limits) -> tuple[Credential, ...]:
    key = load_entry(entry)
    return (
        Credential(
            entry.kind,
            key.fingerprint,
            entry.name,
            key.algorithm,
            key.valid_from,
            key.valid_until,
            is_revoked=False,
            digest=digest_of(entry.content),
        ),
    )


def _describe_authorities(entry: TrustEntry, _limits: Limits) -> tuple[Credential, ...]:
    return tuple(_authority(entry, each) for each in read_authority(entry.content))


def _authority(entry: TrustEntry, certificate: x509.Certificate) -> Credential:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Credential(
        entry.kind,
        certificate_digest(certificate),
        certificate.subject.rfc4514_string(),
        certificate_key_algorithm(certificate),
        _later(begins, entry.valid_from),
        _earlier(ends, entry.valid_until),
        is_revoked=False,
        digest=digest_of(entry.content),
    )


def _describe_keyring(entry: TrustEntry, limits: Limits) -> tuple[Credential, ...]:
    """Leave out what `only` keeps from vouching; a keyring's own broken parts are left out too."""
    keyring = read_keyring(entry, limits)
    return tuple(
        Credential(
            entry.kind,
            certificate.fingerprint,
            ", ".join(certificate.user_ids),
            certificate.algorithm,
            _later(certificate.created_at, entry.valid_from),
            _earlier(certificate.expires_at, entry.valid_until),
            is_revoked=certificate.is_revoked,
            digest=digest_of(entry.content),
        )
        for certificate in keyring.certificates
        if any(keyring.accepts(certificate, key.fingerprint) for key in certificate.keys)
    )


def _later(begins: datetime, window: datetime | None) -> datetime:
    return max(begins, window) if window else begins


def _earlier(ends: datetime | None, window: datetime | None) -> datetime | None:
    return min(ends, window) if ends and window else ends or window


_DESCRIBERS = {
    TrustKind.KEY: _describe_key,
    TrustKind.AUTHORITY: _describe_authorities,
    TrustKind.KEYRING: _describe_keyring,
}
