"""Say why the engine refuses a signature whose key is in the trust given.

The engine answers yes or no and never why. Its no is final; here the certificate is looked at for
the cause that a person can act on. Whatever is not found here is SIGNATURE_INVALID: a cause is
never guessed, and nothing here can turn a no into a yes. Where the engine has no word at all, a
cause found here refuses (verification/openpgp/own_judgement.py).

References: RFC 9580 sections 5.2.1 (types of signature), 5.2.3.13 (key expiration), 5.2.3.31
(reason for revocation), 10.1.5 (bindings).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from pysequoia import Sig

from core.frozen import dataclass
from verification.openpgp.certificate import MAX_PACKETS, Certificate, key_packet
from verification.openpgp.key import KeyMaterial
from verification.openpgp.mathematics import is_too_short
from verification.openpgp.packets import TAG_SIGNATURE, split_packets
from verification.openpgp.reach import is_hash_in_engine, is_left_to_us, is_within_reach
from verification.openpgp.self_signatures import BINDING, VERSION, holds_over
from verification.openpgp.signature import (
    VERSION_3,
    WEAK_HASHES,
    SignaturePacket,
    embedded_signatures,
    signed_part,
)
from verification.openpgp.subpackets import has_unknown_critical
from verification.openpgp.tidying import over_key
from verification.openpgp.validity import (
    SelfSignatures,
    allowed,
    is_in_effect,
    of_key,
    standpoint,
    voids,
)

_PRIMARY_BINDING = 0x19


class Cause(NamedTuple):
    """Why a signature is refused."""

    reason: str
    detail: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class _Case:
    signature: SignaturePacket
    certificate: Certificate
    key: KeyMaterial
    moment: datetime  # as of which the certificate is judged
    primary: SelfSignatures
    own: SelfSignatures  # of the signing key; the same as `primary` where the primary key signed

    @property
    def is_subkey(self) -> bool:
        return self.key.fingerprint != self.certificate.fingerprint


def diagnose(signature: SignaturePacket, certificate: Certificate, key: KeyMaterial) -> Cause:
    """Return the first cause found, the gravest first; the mathematics where there is none."""
    return cause_of(signature, certificate, key) or Cause(
        "SIGNATURE_INVALID",
        "the named key did not make this signature over these bytes",
        expected=f"a signature by {key.fingerprint}",
        found="one made by another key, or over other bytes",
    )


def cause_of(
    signature: SignaturePacket, certificate: Certificate, key: KeyMaterial
) -> Cause | None:
    """Return why the key did not count when it signed, the gravest first; None where it did."""
    primary = of_key(certificate, certificate.primary)
    own = primary if key is certificate.primary else of_key(certificate, key)
    moment = standpoint(certificate, key, signature.created_at)
    case = _Case(signature, certificate, key, moment, primary, own)
    return next((cause for look in _LOOKS if (cause := look(case)) is not None), None)


def revocation_counts(certificate: Certificate, moment: datetime) -> bool:
    """Say whether the certificate counts as revoked at that moment, as the engine judges it.

    A key that leaked, or that was withdrawn without a reason, is void from the beginning.
    """
    if not certificate.is_revoked:
        return False
    said = of_key(certificate, certificate.primary).revocations
    return not said or any(voids(one, moment) for one in said)


class KeyState(NamedTuple):
    """What a key's owner says of it at some moment; `expires_at` is the earlier of both ends."""

    is_revoked: bool
    expires_at: datetime | None


def state_of(certificate: Certificate, key: KeyMaterial, moment: datetime) -> KeyState:
    """Return what there is to know of a signing key, or of the certificate it belongs to."""
    primary = certificate.primary
    end = certificate.expires_at if primary.is_in_engine else _end(certificate, primary, moment)
    if key.fingerprint == certificate.fingerprint:
        return KeyState(certificate.is_revoked, end)
    ends = [one for one in (end, _end(certificate, key, moment)) if one is not None]
    is_revoked = certificate.is_revoked or bool(of_key(certificate, key).revocations)
    return KeyState(is_revoked, min(ends, default=None))


def _end(certificate: Certificate, key: KeyMaterial, moment: datetime) -> datetime | None:
    binding = of_key(certificate, key).at(moment)
    lifetime = binding.hashed.key_lifetime_seconds if binding is not None else 0
    return key.created_at + timedelta(seconds=lifetime) if lifetime else None


def _revoked(case: _Case) -> Cause | None:
    moment = case.moment
    if revocation_counts(case.certificate, moment):
        return _revoked_cause("key", case.certificate.fingerprint, case.primary, moment)
    if case.is_subkey and any(voids(one, moment) for one in case.own.revocations):
        return _revoked_cause("subkey", case.key.fingerprint, case.own, moment)
    return None


def _revoked_cause(what: str, fingerprint: str, said: SelfSignatures, moment: datetime) -> Cause:
    return revoked_cause(f"the owner revoked the {what}", fingerprint, said.revocations, moment)


def revoked_cause(
    detail: str, fingerprint: str, revocations: Sequence[SignaturePacket], moment: datetime
) -> Cause:
    """Return the cause with the date of the first revocation that counts then."""
    dates = [one.created_at for one in revocations if voids(one, moment)]
    since = f", revoked {min(dates).isoformat()}" if dates else ", revoked"
    return Cause(
        "KEY_REVOKED",
        detail,
        f"a key that counts for a signature made {moment.isoformat()}",
        fingerprint + since,
    )


def _unbound(case: _Case) -> Cause | None:
    if case.is_subkey and not case.own.bindings:
        detail = "the subkey stands in the certificate, but the primary key does not vouch for it"
        return Cause("KEY_UNKNOWN", detail, "a subkey with a valid binding", case.key.fingerprint)
    return None


def _unwilling(case: _Case) -> Cause | None:
    """Look for the subkey's own signature, without which anybody could claim it (5.2.1.10)."""
    moment = case.moment
    binding = case.own.at(moment)
    if not case.is_subkey or binding is None or binding.version != VERSION:
        return None
    primary, subkey = (
        key_packet(case.certificate, one) for one in (case.certificate.primary, case.key)
    )
    over = over_key(primary, subkey, BINDING)
    for packet in split_packets(case.certificate.content, most=MAX_PACKETS):
        if packet.tag == TAG_SIGNATURE and signed_part(packet.body) == binding.head:
            for inner in embedded_signatures(packet.body):
                if _is_willing(case, inner) and holds_over(subkey.body, inner, over):
                    return None
    detail = "the primary key claims the subkey, which did not sign that it is of this certificate"
    return Cause("KEY_UNKNOWN", detail, "a subkey with a valid binding", case.key.fingerprint)


def _is_willing(case: _Case, inner: SignaturePacket) -> bool:
    return (
        inner.type == _PRIMARY_BINDING
        and inner.version == VERSION
        and is_hash_in_engine(inner)
        and not is_too_short(inner.hash_algorithm, case.key.digest_bits)
        and inner.created_at >= case.key.created_at
        and is_in_effect(inner, case.moment)
        and not has_unknown_critical(inner.area)
    )


def _before_key(case: _Case) -> Cause | None:
    begins = max(case.key.created_at, case.certificate.created_at)
    if case.signature.created_at < begins:
        return Cause(
            "SIGNATURE_INVALID",
            "the signature is dated before its key was made",
            f"made after {begins.isoformat()}",
            case.signature.created_at.isoformat(),
        )
    return None


def _expired(case: _Case) -> Cause | None:
    moment = case.moment
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
    moment = case.moment
    # To judge it as of the copy's beginning is beyond the engine.
    begins_later = moment > case.signature.created_at and not _is_within_reach(case)
    if begins_later or case.primary.at(moment) is None or case.own.at(moment) is None:
        detail = "this copy of the key holds no good self-signature as old as the signature"
        return Cause("KEY_UNKNOWN", detail, "a copy with the key's history", moment.isoformat())
    return None


def _weak_voucher(case: _Case) -> Cause | None:
    moment = case.moment
    for said in (case.primary, case.own):
        newest = said.at(moment)
        if newest is not None and newest.hash_algorithm in WEAK_HASHES:
            detail = "the key is bound to its certificate by nothing better than a weak hash"
            return Cause("ALGORITHM_WEAK", detail, "SHA-256 or better", newest.hash_name)
    return None


def _not_for_signing(case: _Case) -> Cause | None:
    said = case.own.each_at(case.moment)
    if said and True not in allowed(said):
        detail = "its owner does not allow the key to sign"
        return Cause("CERT_USAGE", detail, "a key with the signing flag", case.key.fingerprint)
    return None


def _in_error(case: _Case) -> Cause | None:
    """Look for what has to be understood and is not (5.2.3.7), in the signature itself."""
    signature = case.signature
    if signature.version == VERSION_3:
        return None
    if has_unknown_critical(signature.area):
        detail = "the signature is in error: what it calls critical is not known here"
        expected, found = "nothing critical that is unknown", "an unknown subpacket, or a notation"
        return Cause("SIGNATURE_INVALID", detail, expected, found)
    if not _is_readable(signature):
        detail = "the signature is in error: what it says of itself cannot be read"
        expected, found = "subpackets of the form that their type has", "a broken subpacket"
        return Cause("SIGNATURE_INVALID", detail, expected, found)
    return None


def _is_readable(signature: SignaturePacket) -> bool:
    """Say whether the engine can read it: what it cannot, no other reader is sure to."""
    try:
        Sig.from_bytes(signature.naming(()))
    except Exception:  # noqa: BLE001 - the engine's errors have no common class
        return False
    return True


def _is_within_reach(case: _Case) -> bool:
    return is_within_reach(case.signature, case.certificate, case.key)


def _unknown_kind(case: _Case) -> Cause | None:
    """Look for keys of which nobody can say what their certificate's signatures are worth."""
    keys = (case.key, case.certificate.primary)
    return None if all(one.is_in_engine for one in keys) else _out_of_reach(case)


def _out_of_reach(case: _Case) -> Cause | None:
    named = (case.signature, case.certificate, case.key)
    if not is_left_to_us(*named) or _is_within_reach(case):
        return None
    kinds = dict.fromkeys(one.algorithm for one in (case.key, case.certificate.primary))
    found = f"{case.signature.hash_name}, keys of kind {' and '.join(kinds)}"
    detail = f"a signature of version {case.signature.version} with {found} is not supported"
    return Cause("FORMAT_UNSUPPORTED", detail, "RSA, ECDSA or EdDSA with SHA-2", found)


_LOOKS: tuple[Callable[[_Case], Cause | None], ...] = (
    _revoked,
    _unknown_kind,
    _unbound,
    _before_key,
    _expired,
    _no_voucher_then,
    _weak_voucher,
    _not_for_signing,
    _unwilling,
    _out_of_reach,
    _in_error,
)
