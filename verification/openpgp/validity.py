"""Say what a certificate's owner said of its keys at some moment (RFC 9580 section 5.2.3.10).

Of several self-signatures the newest counts, and a revocation takes what was signed with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from verification.openpgp.certificate import KEY_REVOCATION, MAX_PACKETS, Certificate
from verification.openpgp.key import KeyMaterial
from verification.openpgp.packets import components_of, split_packets
from verification.openpgp.reach import is_hash_in_engine
from verification.openpgp.self_signatures import (
    BINDING,
    CERTIFICATIONS,
    DIRECT,
    SUBKEY_REVOCATION,
    SelfSignature,
    has_unclear,
    is_known,
    is_seen,
    self_signatures,
)
from verification.openpgp.signature import SignaturePacket
from verification.openpgp.tidying import TAG_USER_ATTRIBUTE, TAG_USER_ID

_USER_ID_REVOCATION = 0x30


@dataclass(slots=True)
class SelfSignatures:
    """What a certificate's owner said of one key: what it is for, and that it is void."""

    bindings: list[SelfSignature] = field(default_factory=list)
    withdrawn: list[SelfSignature] = field(default_factory=list)  # user ids taken back
    revocations: list[SignaturePacket] = field(default_factory=list)

    def at(self, moment: datetime) -> SignaturePacket | None:
        """Return the newest binding in effect then, a weak one where there is no other."""
        return max(self.each_at(moment), key=lambda one: one.created_at, default=None)

    def each_at(self, moment: datetime) -> list[SignaturePacket]:
        """Return the newest bindings in effect then over each place, all of the same second."""
        made = _strongest([one for one in self.bindings if is_in_effect(one.signature, moment)])
        newest: dict[int, datetime] = {}
        for one in made:
            at = one.signature.created_at
            newest[one.place] = max(newest.get(one.place, at), at)
        left = self._not_withdrawn(newest, moment)
        return [
            one.signature
            for one in made
            if one.place in left and one.signature.created_at == newest[one.place]
        ]

    def _not_withdrawn(self, newest: Mapping[int, datetime], moment: datetime) -> set[int]:
        """Return the places without the user ids taken back, where another user id is left."""
        gone = {
            one.place
            for one in self.withdrawn
            if newest.get(one.place, moment) <= one.signature.created_at <= moment
        }
        user_ids = {one.place for one in self.bindings if one.tag == TAG_USER_ID}
        return set(newest) - gone if user_ids & set(newest) - gone else set(newest)


def _strongest(bindings: list[SelfSignature]) -> list[SelfSignature]:
    """Return the bindings by strong hashes, or all of them where there is none."""
    return [one for one in bindings if is_hash_in_engine(one.signature)] or bindings


def is_in_effect(signature: SignaturePacket, moment: datetime) -> bool:
    """Say whether a signature over a key counted at that moment, by its own two times."""
    end = signature.expires_at
    return signature.created_at <= moment and (end is None or moment < end)


def voids(revocation: SignaturePacket, moment: datetime) -> bool:
    """Say whether a revocation takes what was signed at that moment with it."""
    return not revocation.hashed.is_soft or revocation.created_at <= moment


def of_key(certificate: Certificate, key: KeyMaterial) -> SelfSignatures:
    """Return what the owner said of one of the certificate's keys."""
    found = SelfSignatures()
    made_at = certificate.created_at  # the engine takes no word of a key from before it was made
    is_primary = key is certificate.primary
    bindings = CERTIFICATIONS if is_primary else frozenset({BINDING})
    revocation = KEY_REVOCATION if is_primary else SUBKEY_REVOCATION
    for own in self_signatures(certificate):
        if own.key == key.fingerprint and own.signature.type in bindings:
            is_heard = own.tag != TAG_USER_ATTRIBUTE  # the engine takes none of their word
            if is_heard and is_known(own.signature) and own.signature.created_at >= made_at:
                found.bindings.append(own)
        elif own.key == key.fingerprint and own.signature.type == revocation:
            found.revocations.append(own.signature)
        elif is_primary and _is_taken_back(own.signature):
            found.withdrawn.append(own)
    return found


def _is_taken_back(signature: SignaturePacket) -> bool:
    """Say whether it revokes a user id so that the engine sees it: else that counts on there."""
    return signature.type == _USER_ID_REVOCATION and is_seen(signature)


def standpoint(certificate: Certificate, key: KeyMaterial, made: datetime) -> datetime:
    """Return the moment as of which the certificate is judged for what the key signed then.

    It is that of signing, unless this copy begins later. The newest self-signature counts alone
    (section 5.2.3.10), so that GnuPG leaves out the older ones when it prolongs a key: the first
    that is left speaks for the time before it, too.
    """
    said = (of_key(certificate, one).bindings for one in (certificate.primary, key))
    first = (
        min((one.signature.created_at for one in _strongest(each)), default=made) for each in said
    )
    return max(made, *first)


def is_vouched_for(certificate: Certificate, key: KeyMaterial, moment: datetime) -> bool:
    """Say whether all that the owner said of a signing key was, at that moment, that it signs.

    Stricter than need be, for where the engine does not judge: which of several user ids counts
    is not asked, each has to allow it; a revocation is never taken back; and what cannot be read
    of the certificate might say otherwise.
    """
    if has_unclear(certificate):
        return False
    of_primary = of_key(certificate, certificate.primary).each_at(moment)
    for one in (certificate.primary, key):
        own = of_key(certificate, one)
        said = own.each_at(moment)
        # The engine takes what is said over the primary key for its subkeys, too.
        direct = (each for each in of_primary if each.type == DIRECT)
        seconds = [each.hashed.key_lifetime_seconds for each in (*said, *direct)]
        ends = [one.created_at + timedelta(seconds=each) for each in seconds if each]
        if not said or any(end <= moment for end in ends):
            return False
        if any(voids(revocation, moment) for revocation in own.revocations):
            return False
        if one is key and not _allow(said):
            return False
    return True


def _allow(said: Sequence[SignaturePacket]) -> bool:
    """Say whether each lets the key sign; what is said over the key itself fills their silence."""
    direct = [one.hashed.may_sign for one in said if one.type == DIRECT]
    others = [one.hashed.may_sign for one in said if one.type != DIRECT]
    by_default = set(direct) == {True}
    if False in direct or not others:
        return by_default
    return all(by_default if one is None else one for one in others)


def allowed(said: Sequence[SignaturePacket]) -> list[bool]:
    """Return what those that speak of it say of signing."""
    return [one.hashed.may_sign for one in said if one.hashed.may_sign is not None]


def certified_user_ids(certificate: Certificate) -> tuple[str, ...]:
    """Return the user ids that the primary key certifies and has not taken back."""
    said = of_key(certificate, certificate.primary)
    places = {one.place for one in said.bindings} - {one.place for one in said.withdrawn}
    components = components_of(split_packets(certificate.content, most=MAX_PACKETS))
    return tuple(
        one.body.decode("utf-8", "backslashreplace")
        for place, one in enumerate(components)
        if place in places and one.tag == TAG_USER_ID
    )
