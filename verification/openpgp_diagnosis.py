"""Say why the engine refuses a signature whose key is in the trust given.

The engine answers yes or no and never why. Its no is final; here the certificate is looked at for
the cause that a person can act on. Whatever is not found here is SIGNATURE_INVALID: a cause is
never guessed, and nothing here can turn a no into a yes.

References: RFC 9580 sections 5.2.1 (types of signature), 5.2.3.13 (key expiration), 5.2.3.31
(reason for revocation), 10.1.5 (bindings).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from core.errors import MalformedError
from verification.openpgp_key import KeyMaterial, read_key
from verification.openpgp_keyring import (
    MAX_PACKETS,
    Certificate,
    names_key,
)
from verification.openpgp_packets import (
    TAG_SIGNATURE,
    SignaturePacket,
    UnreadSignature,
    read_signature,
    split_packets,
)
from verification.openpgp_tidying import TAG_PUBLIC_KEY, TAG_SUBKEY

WEAK_HASHES = frozenset({1, 2, 3})  # MD5, SHA-1, RIPEMD-160
_CERTIFICATIONS = frozenset({0x10, 0x11, 0x12, 0x13, 0x1F})
_KEY_REVOCATION, _BINDING, _SUBKEY_REVOCATION = 0x20, 0x18, 0x28


class Cause(NamedTuple):
    """Why a signature is refused."""

    reason: str
    detail: str
    expected: str
    found: str


@dataclass(slots=True)
class _SelfSignatures:
    """What a certificate's owner said of one key: what it is for, and that it is void."""

    bindings: list[SignaturePacket] = field(default_factory=list)
    revocations: list[SignaturePacket] = field(default_factory=list)

    def at(self, moment: datetime) -> SignaturePacket | None:
        """Return the newest binding made until then."""
        made = [one for one in self.bindings if one.created_at <= moment]
        return max(made, key=lambda one: one.created_at, default=None)


@dataclass(frozen=True, slots=True)
class _Case:
    signature: SignaturePacket
    certificate: Certificate
    key: KeyMaterial
    primary: _SelfSignatures
    own: _SelfSignatures  # of the signing key; the same as `primary` where the primary key signed

    @property
    def is_subkey(self) -> bool:
        return self.key.fingerprint != self.certificate.fingerprint


def diagnose(signature: SignaturePacket, certificate: Certificate, key: KeyMaterial) -> Cause:
    """Return the first cause found, the gravest first."""
    primary = _of_key(certificate, certificate.primary)
    own = primary if key is certificate.primary else _of_key(certificate, key)
    case = _Case(signature, certificate, key, primary, own)
    for look in _LOOKS:
        cause = look(case)
        if cause is not None:
            return cause
    return Cause(
        "SIGNATURE_INVALID",
        "the named key did not make this signature over these bytes",
        expected=f"a signature by {key.fingerprint}",
        found="one made by another key, or over other bytes",
    )


def revocation_counts(certificate: Certificate, moment: datetime) -> bool:
    """Say whether the certificate counts as revoked at that moment, as the engine judges it.

    A key that leaked, or that was withdrawn without a reason, is void from the beginning.
    """
    if not certificate.is_revoked:
        return False
    said = _of_key(certificate, certificate.primary).revocations
    return not said or any(_voids(one, moment) for one in said)


class KeyState(NamedTuple):
    """What a key's owner says of it at some moment; `expires_at` is the earlier of both ends."""

    is_revoked: bool
    expires_at: datetime | None


def state_of(certificate: Certificate, key: KeyMaterial, moment: datetime) -> KeyState:
    """Return what there is to know of a signing key, or of the certificate it belongs to."""
    ends = [] if certificate.expires_at is None else [certificate.expires_at]
    if key.fingerprint == certificate.fingerprint:
        return KeyState(certificate.is_revoked, certificate.expires_at)
    own = _of_key(certificate, key)
    binding = own.at(moment)
    if binding is not None and binding.hashed.key_lifetime_seconds:
        ends.append(key.created_at + timedelta(seconds=binding.hashed.key_lifetime_seconds))
    is_revoked = certificate.is_revoked or bool(own.revocations)
    return KeyState(is_revoked, min(ends, default=None))


def _voids(revocation: SignaturePacket, moment: datetime) -> bool:
    return not revocation.hashed.is_soft or revocation.created_at <= moment


def _of_key(certificate: Certificate, key: KeyMaterial) -> _SelfSignatures:
    found = _SelfSignatures()
    is_primary = key is certificate.primary
    bindings = _CERTIFICATIONS if is_primary else frozenset({_BINDING})
    revocation = _KEY_REVOCATION if is_primary else _SUBKEY_REVOCATION
    for component, signature in _self_signatures(certificate):
        if component == key.fingerprint and signature.type in bindings:
            found.bindings.append(signature)
        elif component == key.fingerprint and signature.type == revocation:
            found.revocations.append(signature)
    return found


def _self_signatures(certificate: Certificate) -> Iterator[tuple[str, SignaturePacket]]:
    """Yield signatures the primary key claims to have made, with the key they stand behind."""
    component = ""
    for packet in split_packets(certificate.content, most=MAX_PACKETS):
        if packet.tag in (TAG_PUBLIC_KEY, TAG_SUBKEY):
            component = _fingerprint(packet.body)
        elif packet.tag == TAG_SIGNATURE:
            signature = _signature(packet.body)
            names = signature.names if signature is not None else ()
            if signature is not None and any(names_key(n, certificate.primary) for n in names):
                yield component, signature


def _fingerprint(body: bytes) -> str:
    try:
        return read_key(body).fingerprint
    except MalformedError:
        return ""


def _signature(body: bytes) -> SignaturePacket | None:
    try:
        read = read_signature(body)
    except MalformedError:
        return None
    return None if isinstance(read, UnreadSignature) else read


def _revoked(case: _Case) -> Cause | None:
    moment = case.signature.created_at
    if revocation_counts(case.certificate, moment):
        return _revoked_cause("key", case.certificate.fingerprint, case.primary, moment)
    if case.is_subkey and any(_voids(one, moment) for one in case.own.revocations):
        return _revoked_cause("subkey", case.key.fingerprint, case.own, moment)
    return None


def _revoked_cause(what: str, fingerprint: str, said: _SelfSignatures, moment: datetime) -> Cause:
    dates = [one.created_at for one in said.revocations if _voids(one, moment)]
    since = f", revoked {min(dates).isoformat()}" if dates else ", revoked"
    return Cause(
        "KEY_REVOKED",
        f"the owner revoked the {what}",
        f"a {what} that counts for a signature made {moment.isoformat()}",
        fingerprint + since,
    )


def _unbound(case: _Case) -> Cause | None:
    if case.is_subkey and not case.own.bindings:
        detail = "the subkey stands in the certificate, but the primary key does not vouch for it"
        return Cause("KEY_UNKNOWN", detail, "a subkey with a valid binding", case.key.fingerprint)
    return None


def _before_key(case: _Case) -> Cause | None:
    if case.signature.created_at < case.key.created_at:
        return Cause(
            "SIGNATURE_INVALID",
            "the signature is dated before its key was made",
            f"made after {case.key.created_at.isoformat()}",
            case.signature.created_at.isoformat(),
        )
    return None


def _expired(case: _Case) -> Cause | None:
    moment = case.signature.created_at
    keys = ((case.certificate.primary, case.primary), (case.key, case.own))
    for key, said in keys:
        binding = said.at(moment)
        lifetime = binding.hashed.key_lifetime_seconds if binding is not None else 0
        end = key.created_at + timedelta(seconds=lifetime)
        if lifetime and end <= moment:
            return _expired_cause(end, moment)
    end_of_all = case.certificate.expires_at
    if end_of_all is not None and end_of_all <= moment:
        return _expired_cause(end_of_all, moment)
    return None


def _expired_cause(end: datetime, moment: datetime) -> Cause:
    return Cause(
        "KEY_EXPIRED",
        "the key had expired when the signature was made",
        f"made before {end.isoformat()}",
        moment.isoformat(),
    )


def _no_voucher_then(case: _Case) -> Cause | None:
    moment = case.signature.created_at
    if case.primary.at(moment) is None or case.own.at(moment) is None:
        detail = "this copy of the key holds no self-signature as old as the signature"
        return Cause("KEY_UNKNOWN", detail, "a copy with the key's history", moment.isoformat())
    return None


def _weak_voucher(case: _Case) -> Cause | None:
    moment = case.signature.created_at
    for said in (case.primary, case.own):
        made = [one for one in said.bindings if one.created_at <= moment]
        if made and all(one.hash_algorithm in WEAK_HASHES for one in made):
            detail = "the key is bound to its certificate by nothing better than a weak hash"
            return Cause("ALGORITHM_WEAK", detail, "SHA-256 or better", made[-1].hash_name)
    return None


def _not_for_signing(case: _Case) -> Cause | None:
    binding = case.own.at(case.signature.created_at)
    if binding is not None and not binding.hashed.may_sign:
        detail = "its owner does not allow the key to sign"
        return Cause("CERT_USAGE", detail, "a key with the signing flag", case.key.fingerprint)
    return None


def _unsupported(case: _Case) -> Cause | None:
    if case.key.is_supported:
        return None
    detail = f"keys of kind {case.key.algorithm} are not supported"
    return Cause("FORMAT_UNSUPPORTED", detail, "RSA, ECDSA or EdDSA", case.key.algorithm)


_LOOKS: tuple[Callable[[_Case], Cause | None], ...] = (
    _revoked,
    _unbound,
    _before_key,
    _expired,
    _no_voucher_then,
    _weak_voucher,
    _not_for_signing,
    _unsupported,
)
