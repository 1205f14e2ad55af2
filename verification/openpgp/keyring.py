"""Read OpenPGP certificates given to trust (RFC 9580 section 10.1).

A file may hold several, armored or binary, in one block or many. A broken certificate is left out
with a note; a file in which nothing can be read is an error, so that it is never taken for an
empty one. Revocations as `gpg --gen-revoke` writes them stand without their key: they are kept, for
whichever copy of it is given, here or elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.model import TrustEntry
from verification.openpgp.armor import PUBLIC_KEY, SIGNATURE, armored_blocks, begin_line, dearmor
from verification.openpgp.certificate import (
    MAX_PACKETS,
    Certificate,
    names_key,
    names_of,
    read_certificate,
    revokes_key,
    with_revocations,
)
from verification.openpgp.key import read_key
from verification.openpgp.mathematics import is_carried_out, new_hash
from verification.openpgp.packets import TAG_SIGNATURE, Packet, split_packets
from verification.openpgp.self_signatures import VERSION, holds_over
from verification.openpgp.signature import readable
from verification.openpgp.tidying import TAG_PUBLIC_KEY, TAG_SECRET_KEY, over_key

_KEYRING_FACTOR = 8  # a whole project's: up to this times `evidence_bytes`
UNNAMED = "no key named"  # stands for the key of a revocation that does not say whose it is
_PRIVATE = b"-----BEGIN PGP PRIVATE KEY BLOCK-----"
_KEYBOX = b"KBXf"
_KEYBOX_AT = 8
_KEPT_KEYRINGS = 64  # read once, used by every verification of a scan


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
                    certificates.append(read_certificate(packets))
                    # One of another key may stand behind the last certificate of a file.
                    revocations += _of_others(packets)
            except MalformedError as error:
                notes.append(str(error))
    if not certificates and not revocations:
        why = notes[0] if notes else "it is empty"
        raise MalformedError(f"no OpenPGP certificate can be read: {why}")
    bare = tuple(revocations)
    return tuple(with_revocations(one, bare) for one in certificates), bare, tuple(notes)


def _of_others(packets: Sequence[Packet]) -> list[Packet]:
    """Return the revocations of keys in a certificate that are not of its own."""
    return [
        one
        for one in packets
        if one.tag == TAG_SIGNATURE and revokes_key(one) and not _is_own(one, packets[0])
    ]


def _is_own(revocation: Packet, primary: Packet) -> bool:
    """Say whether it revokes the key it stands behind: who made it may have revoked another."""
    key, read = read_key(primary.body), readable(revocation)
    if read is None:
        return True
    if read.names and not any(names_key(name, key) for name in read.names):
        return False
    if read.version != VERSION or new_hash(read) is None or not is_carried_out(primary.body):
        return True
    return holds_over(primary.body, read, over_key(primary, primary, read.type))


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
            elif packet.tag == TAG_SIGNATURE and revokes_key(packet):
                yield [packet]
    except MalformedError as error:
        # The certificate before the break may have lost its revocation: it goes too.
        notes.append(f"unreadable from there on: {error}")
        return
    if group:
        yield group


def revoked_names(keyring: Keyring) -> tuple[str, ...]:
    """Return the names of the keys that its bare revocations speak of."""
    named = (name for one in keyring.revocations for name in names_of(one) or (UNNAMED,))
    return tuple(dict.fromkeys(named))
