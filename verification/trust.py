"""What a trust entry holds, for the page that shows whom a source trusts."""

from __future__ import annotations

import re
from datetime import datetime

from cryptography import x509

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import REVOCATION_ALONE, Trust, TrustEntry, TrustKind, digest_of
from core.naming import numbered
from verification.keys.public_key import load_entry
from verification.keys.registry_keys import read_registry_keys
from verification.minisign import UNTRUSTED, WRAPPED, read_key, shown_id
from verification.openpgp.keyring import read_keyring, revoked_names
from verification.sigstore.trusted_root import Part, load_root
from verification.ssh.revocation import given_revocations, is_revocation_list
from verification.ssh.signers import read_signers
from verification.x509.certificates import (
    accepted_authorities,
    certificate_digest,
    certificate_key_algorithm,
)
from verification.x509.revocation_data import RevocationList, read_revocation

_SNIFFED = 4096
_MINISIGN = re.compile(rb"RW[A-Za-z0-9+/]{54}")  # the bare second line of a public key file
_SSH_KEY = re.compile(
    rb"^[^#\n]*\b(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+)"
    rb"(?:-cert-v01@openssh\.com)? AAAA",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Credential:
    """One key or certificate that may vouch. Bounds are closed; None is open.

    `fingerprint` is what verifications record as their anchor: of a key its SPKI, of an X.509
    certificate its DER (both `sha256:<hex>`), of an OpenPGP certificate its primary key in
    upper-case hex.
    """

    kind: TrustKind
    fingerprint: str
    identity: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    is_revoked: bool


def kind_of(given: TrustKind, content: bytes) -> TrustKind:
    """Return what a trust file really is, where one option takes files of several kinds.

    A public key may come as PEM or DER, as a list of allowed SSH signers, as an npm registry's
    list of keys, as a minisign or signify key; a root as certificates or as Sigstore's JSON.
    """
    start = content[:_SNIFFED].lstrip()
    if given is TrustKind.AUTHORITY:
        return TrustKind.ROOT if start.startswith(b"{") else given
    if given is TrustKind.KEY:
        if start.startswith(b"{"):
            return TrustKind.REGISTRY_KEYS
        if start.startswith((UNTRUSTED, WRAPPED)) or _MINISIGN.fullmatch(content.strip()):
            return TrustKind.MINISIGN
        if b"-----BEGIN " not in content and _SSH_KEY.search(content):
            return TrustKind.SSH_SIGNERS
    return given


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
        ),
    )


def _describe_authorities(entry: TrustEntry, _limits: Limits) -> tuple[Credential, ...]:
    read, broken = accepted_authorities(entry)
    if broken:
        raise MalformedError(broken[0])
    return tuple(_authority(entry, each) for each in read)


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
    )


def _describe_keyring(entry: TrustEntry, limits: Limits) -> tuple[Credential, ...]:
    """Leave out what `only` keeps from vouching; a keyring's own broken parts are left out too."""
    keyring = read_keyring(entry, limits)
    withdrawn = tuple(
        Credential(
            entry.kind, name, "", REVOCATION_ALONE, None, None, is_revoked=True,
        )
        for name in revoked_names(keyring)
        if not any(one.is_named(name) and one.is_revoked for one in keyring.certificates)
    )  # fmt: skip
    return withdrawn + tuple(
        Credential(
            entry.kind,
            certificate.fingerprint,
            ", ".join(certificate.user_ids),
            certificate.algorithm,
            _later(certificate.created_at, entry.valid_from),
            _earlier(certificate.expires_at, entry.valid_until),
            is_revoked=certificate.is_revoked,
        )
        for certificate in keyring.certificates
        if any(keyring.accepts(certificate, key.fingerprint) for key in certificate.keys)
    )


def _describe_registry_keys(entry: TrustEntry, _limits: Limits) -> tuple[Credential, ...]:
    """Give one line for each use of a key; a list's own broken keys are left out."""
    return tuple(
        Credential(
            entry.kind,
            each.key.fingerprint,
            f"{each.key_id} ({each.usage})" if each.usage else each.key_id,
            each.key.algorithm,
            each.key.valid_from,
            each.key.valid_until,
            is_revoked=False,
        )
        for each in read_registry_keys(entry).keys
    )


def _describe_root(entry: TrustEntry, _limits: Limits) -> tuple[Credential, ...]:
    """Give one line for the root itself and one for each part of it; broken parts are left out."""
    root = load_root(entry)
    digest = str(digest_of(entry.content))
    whole = Part(digest, entry.name, "trusted root", entry.valid_from, entry.valid_until)
    return tuple(
        Credential(
            entry.kind,
            part.fingerprint,
            part.identity,
            part.algorithm,
            part.valid_from,
            part.valid_until,
            is_revoked=False,
        )
        for part in (whole, *root.parts())
    )


def _describe_revocation(entry: TrustEntry, _limits: Limits) -> tuple[Credential, ...]:
    """Name who says what was withdrawn, and for how long that counts; it vouches for nobody."""
    digest = str(digest_of(entry.content))
    if is_revocation_list(entry.content):
        withdrawn = given_revocations(Trust((entry,)))
        kind = f"OpenSSH revocation list, {numbered(withdrawn.count, 'entry', 'entries')}"
        bounds = entry.valid_from, entry.valid_until
        return (Credential(entry.kind, digest, entry.name, kind, *bounds, is_revoked=False),)
    read = read_revocation(entry)
    if isinstance(read, RevocationList):
        crl = read.crl
        name, kind = crl.issuer.rfc4514_string(), f"CRL, {len(crl)} revoked"
        begins, ends = crl.last_update_utc, crl.next_update_utc
    else:
        responses = list(read.response.responses)
        responder = read.response.responder_name
        name = responder.rfc4514_string() if responder else "a responder named by its key"
        kind = f"OCSP, {len(responses)} answered"
        begins = read.response.produced_at_utc
        ends = min((one.next_update_utc for one in responses if one.next_update_utc), default=None)
    window = _later(begins, entry.valid_from), _earlier(ends, entry.valid_until)
    return (Credential(entry.kind, digest, name, kind, *window, is_revoked=False),)


def _later(begins: datetime, window: datetime | None) -> datetime:
    return max(begins, window) if window else begins


def _earlier(ends: datetime | None, window: datetime | None) -> datetime | None:
    return min(ends, window) if ends and window else ends or window


def _describe_ssh_signers(entry: TrustEntry, limits: Limits) -> tuple[Credential, ...]:
    """Name each line by its principals; lines that cannot be read are left out."""
    return tuple(
        Credential(
            entry.kind,
            one.key.fingerprint,
            ",".join(one.principals) or entry.name,
            f"{one.key.algorithm}, authority" if one.is_authority else one.key.algorithm,
            one.valid_from,
            one.valid_until,
            is_revoked=False,
        )
        for one in read_signers(entry, limits).signers
    )


def _describe_minisign(entry: TrustEntry, _limits: Limits) -> tuple[Credential, ...]:
    read = read_key(entry)
    return (
        Credential(
            entry.kind,
            read.key.fingerprint,
            f"{entry.name} ({shown_id(read.key_id)})",
            read.key.algorithm,
            entry.valid_from,
            entry.valid_until,
            is_revoked=False,
        ),
    )


_DESCRIBERS = {
    TrustKind.KEY: _describe_key,
    TrustKind.AUTHORITY: _describe_authorities,
    TrustKind.KEYRING: _describe_keyring,
    TrustKind.SSH_SIGNERS: _describe_ssh_signers,
    TrustKind.MINISIGN: _describe_minisign,
    TrustKind.ROOT: _describe_root,
    TrustKind.REGISTRY_KEYS: _describe_registry_keys,
    TrustKind.REVOCATION: _describe_revocation,
}
