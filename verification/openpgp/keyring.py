"""Read OpenPGP certificates given to trust (RFC 9580 section 10.1).

A file may hold several, armored or binary, in one block or many. A broken certificate is left out
with a note; a file in which nothing can be read is an error, so that it is never taken for an
empty one. Revocations as `gpg --gen-revoke` writes them stand without their key: they are kept, for
whichever copy of it is given, here or elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from datetime import datetime
from functools import lru_cache

from pysequoia import Cert

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.model import TrustEntry
from core.text import one_line
from verification.openpgp.armor import PUBLIC_KEY, SIGNATURE, armored_blocks, begin_line, dearmor
from verification.openpgp.key import KeyMaterial, read_key
from verification.openpgp.packets import (
    TAG_SIGNATURE,
    Packet,
    SignaturePacket,
    read_signature,
    split_packets,
    type_of,
)
from verification.openpgp.subpackets import key_id_of
from verification.openpgp.tidying import (
    TAG_PUBLIC_KEY,
    TAG_SECRET_KEY,
    TAG_SUBKEY,
    tidy_certificate,
)

MAX_PACKETS = 400_000
_KEYRING_FACTOR = 8  # a whole project's: up to this times `evidence_bytes`
KEY_REVOCATION = 0x20
UNNAMED = "no key named"  # stands for the key of a revocation that does not say whose it is
_PRIVATE = b"-----BEGIN PGP PRIVATE KEY BLOCK-----"
_KEYBOX = b"KBXf"
_KEYBOX_AT = 8
_KEPT_KEYRINGS = 64  # read once, used by every verification of a scan


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


@dataclass(frozen=True, slots=True)
class Keyring:
    """The certificates of one trust entry, and which of their keys that entry accepts."""

    name: str
    certificates: tuple[Certificate, ...]
    notes: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    revocations: tuple[Packet, ...] = ()  # of keys that need not stand in it
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def accepts(self, certificate: Certificate, signing: str) -> bool:
        """Say whether `only` lets the key with this fingerprint sign for this certificate."""
        if not self.only:
            return True
        # As apt reads Signed-By: a fingerprint stands for its subkeys too, unless `!` follows.
        named = (signing, signing + "!", certificate.fingerprint)
        return any(one in self.only for one in named)


def read_keyring(entry: TrustEntry, limits: Limits) -> Keyring:
    """Read a trust entry of kind KEYRING; raise MalformedError where it holds no certificate."""
    most = _KEYRING_FACTOR * limits.evidence_bytes
    if len(entry.content) > most:
        raise TooLargeError(
            f"{entry.name}: a keyring of {len(entry.content)} bytes, more than {most}"
            f" ({_KEYRING_FACTOR} x evidence_bytes)"
        )
    try:
        certificates, revocations, notes = _read(entry.content)
    except MalformedError as error:
        raise MalformedError(f"{entry.name} ({entry.origin}): {error}") from None
    only = tuple("".join(one.split()).upper() for one in entry.only)
    window = (entry.valid_from, entry.valid_until)
    return Keyring(entry.name, certificates, notes, only, revocations, *window)


@lru_cache(maxsize=_KEPT_KEYRINGS)
def _read(
    content: bytes,
) -> tuple[tuple[Certificate, ...], tuple[Packet, ...], tuple[str, ...]]:
    certificates: list[Certificate] = []
    revocations: list[Packet] = []
    notes: list[str] = []
    for block in _blocks(content, notes):
        for packets in _groups(block, notes):
            try:
                if packets[0].tag == TAG_SIGNATURE:
                    revocations += packets
                else:
                    certificates.append(_certificate(packets))
                    # One of another key may stand behind the last certificate of a file.
                    revocations += _of_others(packets, certificates[-1])
            except MalformedError as error:
                notes.append(str(error))
    if not certificates and not revocations:
        why = notes[0] if notes else "it is empty"
        raise MalformedError(f"no OpenPGP certificate can be read: {why}")
    bare = tuple(revocations)
    return tuple(with_revocations(one, bare) for one in certificates), bare, tuple(notes)


def _of_others(packets: Sequence[Packet], certificate: Certificate) -> list[Packet]:
    """Return the revocations of keys in a certificate that name another key than its own."""
    return [
        one
        for one in packets
        if one.tag == TAG_SIGNATURE
        and type_of(one.body) == KEY_REVOCATION
        and not any(map(certificate.is_named, _names(one) or (certificate.fingerprint,)))
    ]


def _blocks(content: bytes, notes: list[str]) -> Iterator[bytes]:
    if content[_KEYBOX_AT : _KEYBOX_AT + len(_KEYBOX)] == _KEYBOX:
        raise MalformedError("a GnuPG keybox; write its keys out with `gpg --export`")
    if _PRIVATE in content:
        raise MalformedError("a private key; give the public one (`gpg --export`)")
    kinds = [kind for kind in (PUBLIC_KEY, SIGNATURE) if begin_line(kind) in content]
    if not kinds:
        yield content
    for kind in kinds:  # some write a revocation alone as a signature
        for block in armored_blocks(content, kind):
            try:
                yield dearmor(block, kind)
            except MalformedError as error:
                notes.append(f"an armored key block is broken: {error}")


def _groups(block: bytes, notes: list[str]) -> Iterator[list[Packet]]:
    """Yield the packets of each certificate, and each revocation that stands before the first.

    What is broken becomes a note.
    """
    group: list[Packet] = []
    try:
        for packet in split_packets(block, most=MAX_PACKETS):
            if packet.tag in (TAG_PUBLIC_KEY, TAG_SECRET_KEY):
                if group:
                    yield group
                group = [packet]
            elif group:
                group.append(packet)
            elif packet.tag == TAG_SIGNATURE and type_of(packet.body) == KEY_REVOCATION:
                yield [packet]
    except MalformedError as error:
        # The certificate before the break may have lost its revocation: it goes too.
        notes.append(f"unreadable from there on: {error}")
        return
    if group:
        yield group


def _certificate(packets: Sequence[Packet]) -> Certificate:
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
        content, is_revoked = bytes(engine), engine.is_revoked
    except Exception as error:  # noqa: BLE001 - the engine's errors have no common class
        raise MalformedError(f"a certificate that cannot be used: {_first(error)}") from None
    packets = tuple(split_packets(content, most=MAX_PACKETS))
    primary = read_key(packets[0].body)
    subkeys = _subkeys(packets)
    try:
        user_ids = tuple(str(one) for one in engine.user_ids)
        expires_at = engine.expiration
    except Exception:  # noqa: BLE001 - a key the engine's policy refuses: kept, to say so by name
        user_ids, expires_at = (), None
    return Certificate(primary, subkeys, user_ids, expires_at, is_revoked, content, engine)


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


@lru_cache(maxsize=_KEPT_KEYRINGS)
def with_revocations(certificate: Certificate, revocations: tuple[Packet, ...]) -> Certificate:
    """Return the certificate with those of the revocations that name its primary key, or none."""
    # What names no key, or cannot be read here, is the engine's to judge by the mathematics.
    here = (certificate.fingerprint,)
    own = [one for one in revocations if any(map(certificate.is_named, _names(one) or here))]
    if not own:
        return certificate
    first, *rest = split_packets(certificate.content, most=MAX_PACKETS)
    return _certificate([first, *own, *rest])


def revoked_names(keyring: Keyring) -> tuple[str, ...]:
    """Return the names of the keys that its bare revocations speak of."""
    named = (name for one in keyring.revocations for name in _names(one) or (UNNAMED,))
    return tuple(dict.fromkeys(named))


def _names(revocation: Packet) -> tuple[str, ...]:
    try:
        read = read_signature(revocation.body)
    except MalformedError:
        return ()
    return read.names if isinstance(read, SignaturePacket) else ()


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
