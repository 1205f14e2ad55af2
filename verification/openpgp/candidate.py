"""Choose the keys that may have made a signature, from the keyrings given (RFC 9580 5.2.3.35)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Signer, SignerKind, TrustKind
from verification.format import Setting
from verification.keys.public_key import after
from verification.openpgp.certificate import Certificate, merge, names_key, with_revocations
from verification.openpgp.key import KeyMaterial
from verification.openpgp.keyring import Keyring, read_keyring
from verification.openpgp.packets import Packet
from verification.openpgp.signature import SignaturePacket
from verification.openpgp.validity import certified_user_ids

MAX_CANDIDATES = 256  # a signature that names no key is tried under all of its algorithm


@dataclass(frozen=True, slots=True)
class Keyrings:
    """The keyrings among the trust given; `broken` says what is wrong with those not read."""

    read: tuple[Keyring, ...]
    broken: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out while reading."""
        return (*self.broken, *(f"{ring.name}: {n}" for ring in self.read for n in ring.notes))

    def entries(self) -> Iterator[tuple[Keyring, Certificate, KeyMaterial]]:
        """Yield every key with its certificate and its keyring."""
        for ring in self.read:
            for certificate in ring.certificates:
                for key in certificate.keys:
                    yield ring, certificate, key

    def accepted(self) -> tuple[str, ...]:
        """Return the fingerprints that are accepted, for people to compare."""
        return tuple(
            dict.fromkeys(
                fingerprint
                for ring in self.read
                for fingerprint in ring.only or [one.fingerprint for one in ring.certificates]
            )
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key that may have signed, in the one certificate that all copies of it make up."""

    certificate: Certificate
    key: KeyMaterial
    keyrings: tuple[Keyring, ...]  # those that accept it

    @property
    def weakness(self) -> str:
        """Why nothing may verify under it, or nothing. A weak primary key binds no subkey."""
        return self.key.weakness or self.certificate.primary.weakness

    @property
    def signer(self) -> Signer:
        """Who the certificate stands for: its primary key's fingerprint decides."""
        return Signer(
            SignerKind.OPENPGP,
            self.certificate.fingerprint,
            self.certificate.algorithm,
            identity=self.certificate.user_ids[0] if self.certificate.user_ids else "",
            valid_from=self.certificate.created_at,
            valid_until=self.certificate.expires_at,
        )

    def within(self, made: datetime, now: datetime) -> Candidate | None:
        """Return it with the keyrings whose window holds both times, or None without any.

        The claimed time alone would let whoever stole a key date back behind a window's end.
        """
        open_now = tuple(ring for ring in self.keyrings if _in_window(ring, made, now))
        return replace(self, keyrings=open_now) if open_now else None

    def closes_at(self) -> datetime | None:
        """Return the first instant past the last of the keyrings' windows, or None if open."""
        ends = [after(ring.valid_until) for ring in self.keyrings]
        closing = [moment for moment in ends if moment is not None]
        return max(closing) if len(closing) == len(ends) else None


def _in_window(ring: Keyring, made: datetime, now: datetime) -> bool:
    begins, ends = ring.valid_from, ring.valid_until
    return (begins is None or begins <= made) and (ends is None or now <= ends)


def given_keyrings(setting: Setting) -> Keyrings:
    """Read every entry of kind KEYRING; one that cannot be read is set aside with its error."""
    read: list[Keyring] = []
    broken: list[str] = []
    for entry in setting.trust.entries:
        if entry.kind is TrustKind.KEYRING:
            try:
                read.append(read_keyring(entry, setting.limits))
            except MalformedError as error:
                broken.append(str(error))
    return Keyrings(tuple(read), tuple(broken))


def is_meant(signature: SignaturePacket, key: KeyMaterial) -> bool:
    """Say whether the signature names this key, or names none and could be of it."""
    if not signature.names:
        return key.number == signature.key_algorithm
    return any(names_key(name, key) for name in signature.names)


def candidates(signature: SignaturePacket, keyrings: Keyrings) -> tuple[Candidate, ...]:
    """Return the keys that are meant and accepted; MalformedError where copies do not fit."""
    copies: dict[str, list[Certificate]] = {}
    for ring in keyrings.read:
        for certificate in ring.certificates:
            copies.setdefault(certificate.fingerprint, []).append(certificate)
    holders: dict[tuple[str, str], list[Keyring]] = {}
    for ring, certificate, key in keyrings.entries():
        if is_meant(signature, key) and ring.accepts(certificate, key.fingerprint):
            place = (certificate.fingerprint, key.fingerprint)
            holders.setdefault(place, []).append(ring)
    revocations = tuple(one for ring in keyrings.read for one in ring.revocations)
    chosen = list(holders.items())[:MAX_CANDIDATES]
    return tuple(
        _candidate(copies[primary], revocations, fingerprint, rings)
        for (primary, fingerprint), rings in chosen
    )


def _candidate(
    copies: Sequence[Certificate],
    revocations: tuple[Packet, ...],
    fingerprint: str,
    rings: Sequence[Keyring],
) -> Candidate:
    # All copies, also of keyrings that do not accept this key: one may know it is revoked.
    whole = merge(copies)
    if revocations:
        whole = with_revocations(whole, revocations)
    if not whole.primary.is_in_engine:
        whole = replace(whole, user_ids=certified_user_ids(whole))
    key = next(one for one in whole.keys if one.fingerprint == fingerprint)
    # By identity: to hash a keyring is to hash every certificate in it.
    return Candidate(whole, key, tuple({id(one): one for one in rings}.values()))
