"""Read one OpenPGP certificate, and make one of all its copies (RFC 9580 section 10.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime
from functools import lru_cache

from pysequoia import Cert

from core.errors import MalformedError
from core.frozen import dataclass
from core.text import one_line
from verification.openpgp.key import KeyMaterial, read_key
from verification.openpgp.packets import TAG_SIGNATURE, Packet, split_packets
from verification.openpgp.signature import SignaturePacket, readable, type_of
from verification.openpgp.subpackets import key_id_of, read_revokers
from verification.openpgp.tidying import (
    TAG_PUBLIC_KEY,
    TAG_SECRET_KEY,
    TAG_SUBKEY,
    tidy_certificate,
)

MAX_PACKETS = 400_000
KEY_REVOCATION = 0x20
_KEPT = 64  # with revocations from elsewhere: made once, used by every verification of a scan


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. What depends on time (revoked, expires) is as of the newest self-signature.

    `user_ids` are those the primary key certifies and has not revoked. `content` is in the
    engine's own order; a self-signature that does not hold may stand in it, and counts for nothing.
    """

    primary: KeyMaterial
    subkeys: tuple[KeyMaterial, ...]
    user_ids: tuple[str, ...]
    expires_at: datetime | None
    is_revoked: bool
    content: bytes = field(repr=False)
    engine: Cert = field(repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """The primary key's fingerprint, upper-case hex."""
        return self.primary.fingerprint

    @property
    def algorithm(self) -> str:
        """The primary key's algorithm, such as `RSA-4096`."""
        return self.primary.algorithm

    @property
    def created_at(self) -> datetime:
        """When the primary key was made, as it says."""
        return self.primary.created_at

    def is_named(self, name: str) -> bool:
        """Say whether this is a name of its primary key."""
        return names_key(name, self.primary)

    @property
    def keys(self) -> tuple[KeyMaterial, ...]:
        """The primary key and all subkeys."""
        return (self.primary, *self.subkeys)


def read_certificate(packets: Sequence[Packet]) -> Certificate:
    """Return the certificate of these packets; raise MalformedError, also for a private key."""
    first = packets[0]
    if first.tag == TAG_SECRET_KEY:
        raise MalformedError("a private key; give the public one (`gpg --export`)")
    fingerprint = read_key(first.body).fingerprint
    try:
        engine = Cert.from_bytes(tidy_certificate(packets))
    except Exception as error:  # noqa: BLE001 - the engine's errors have no common class
        raise MalformedError(f"certificate {fingerprint} is broken: {_first(error)}") from None
    return describe(engine)


def describe(engine: Cert) -> Certificate:
    """Return what there is to know of a certificate the engine has read; raise MalformedError."""
    try:
        content, is_said = bytes(engine), engine.is_revoked
    except Exception as error:  # noqa: BLE001 - the engine's errors have no common class
        raise MalformedError(f"a certificate that cannot be used: {_first(error)}") from None
    packets = tuple(split_packets(content, most=MAX_PACKETS))
    primary = read_key(packets[0].body)
    is_revoked = is_said and _is_revoked(packets, primary)
    subkeys = _subkeys(packets)
    try:
        user_ids = tuple(str(one) for one in engine.user_ids)
        expires_at = engine.expiration
    except Exception:  # noqa: BLE001 - a key the engine's policy refuses: kept, to say so by name
        user_ids, expires_at = (), None
    return Certificate(primary, subkeys, user_ids, expires_at, is_revoked, content, engine)


def _is_revoked(packets: Sequence[Packet], primary: KeyMaterial) -> bool:
    """Say whether not strangers alone said so: the engine takes them for keys that may."""
    revocations = (one for one in packets if one.tag == TAG_SIGNATURE and revokes_key(one))
    signers = {_signed_issuer(one) for one in revocations}
    own = {"", primary.fingerprint, key_id_of(primary.fingerprint)}
    return bool(signers & (own | _revokers(packets, primary)))


def revokes_key(signature: Packet) -> bool:
    """Say whether a signature is of the type that revokes a primary key (section 5.2.1.11)."""
    return type_of(signature.body) == KEY_REVOCATION


def _signed_issuer(signature: Packet) -> str:
    read = readable(signature)
    return (read.hashed.issuer_fingerprint or read.hashed.issuer_key_id) if read is not None else ""


def _revokers(packets: Sequence[Packet], primary: KeyMaterial) -> set[str]:
    """Return the names of keys that the owner named for it, or who signs as the owner."""
    read = (readable(one) for one in packets if one.tag == TAG_SIGNATURE)
    own = (one for one in read if one is not None and _is_by(one, primary))
    named = {each for one in own for each in read_revokers(one.area)}
    return named | set(map(key_id_of, named))


def _is_by(signature: SignaturePacket, primary: KeyMaterial) -> bool:
    return not signature.names or any(names_key(name, primary) for name in signature.names)


def _subkeys(packets: Iterable[Packet]) -> tuple[KeyMaterial, ...]:
    found: list[KeyMaterial] = []
    for packet in packets:
        if packet.tag == TAG_SUBKEY:
            try:
                found.append(read_key(packet.body))
            except MalformedError:
                continue  # a kind of subkey nobody reads cannot sign here either
    return tuple(found)


def _first(error: Exception) -> str:
    return one_line(str(error).partition("Stack backtrace")[0], 200)


def merge(copies: Sequence[Certificate]) -> Certificate:
    """Return one certificate that knows all that its copies know: a revocation in any counts."""
    merged = copies[0]
    for copy in copies[1:]:
        if copy.content != merged.content:
            try:
                merged = describe(merged.engine.merge(copy.engine))
            except Exception as error:  # noqa: BLE001 - the engine's errors have no common class
                why = f"two copies of {merged.fingerprint} do not fit: {_first(error)}"
                raise MalformedError(why) from None
    return merged


@lru_cache(maxsize=_KEPT)
def with_revocations(certificate: Certificate, revocations: tuple[Packet, ...]) -> Certificate:
    """Return the certificate with those of the revocations that name its primary key, or none."""
    # What names no key, or cannot be read here, is the engine's to judge by the mathematics.
    here = (certificate.fingerprint,)
    own = [one for one in revocations if any(map(certificate.is_named, names_of(one) or here))]
    if not own:
        return certificate
    first, *rest = split_packets(certificate.content, most=MAX_PACKETS)
    return read_certificate([first, *own, *rest])


def names_of(revocation: Packet) -> tuple[str, ...]:
    """Return the names of the key that a revocation says it is by: none where it cannot be read."""
    read = readable(revocation)
    return read.names if read is not None else ()


def key_packet(certificate: Certificate, key: KeyMaterial) -> Packet:
    """Return the packet that a certificate holds this key of its in."""
    for packet in split_packets(certificate.content, most=MAX_PACKETS):
        if packet.tag in (TAG_PUBLIC_KEY, TAG_SUBKEY) and _is_of(packet, key):
            return packet
    raise KeyError(key.fingerprint)


def _is_of(packet: Packet, key: KeyMaterial) -> bool:
    try:
        return read_key(packet.body).fingerprint == key.fingerprint
    except MalformedError:
        return False


def names_key(name: str, key: KeyMaterial) -> bool:
    """Say whether `name`, a fingerprint or a 16-digit key id, is this key's."""
    return name in (key.fingerprint, key_id_of(key.fingerprint))
