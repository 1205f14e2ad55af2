"""SSH keys that were withdrawn: OpenSSH's binary key revocation lists, or keys one per line.

References: OpenSSH, PROTOCOL.krl; ssh-keygen(1), KEY REVOCATION LISTS. What cannot be read counts
as a list that revokes everything: half of a list must not pass for the whole.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from functools import lru_cache

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Trust, TrustKind
from verification.ssh.certificate import SshCertificate, is_certificate, read_certificate
from verification.ssh.key import CERTIFICATE_SUFFIX, KEY_TYPES, SshKey, fingerprint_of
from verification.ssh.wire import WireReader, wire_string

MAGIC = b"SSHKRL\n\0"
_CERTIFICATE_LIST = b"-----BEGIN X509 CRL-----"
_DER_SEQUENCE = 0x30
_LONG_FORM = 0x80  # of a DER length; text has no such byte there
_VERSION = 1
_CERTIFICATES, _EXPLICIT, _SHA1, _SIGNATURE, _SHA256, _EXTENSION = 1, 2, 3, 4, 5, 255
_SERIALS, _RANGE, _BITMAP, _KEY_IDS, _CERTIFICATE_EXTENSION = 0x20, 0x21, 0x22, 0x23, 0x39
_KEPT_LISTS = 16
# Types as the names of certificates have them: those of security keys leave their domain out.
_CERTIFIED = frozenset(kind.removesuffix("@openssh.com") for kind in KEY_TYPES)


@dataclass(frozen=True, slots=True)
class _Authority:
    """What one authority withdrew; an empty `authority` stands for any."""

    authority: bytes
    ranges: tuple[tuple[int, int], ...]
    bitmaps: tuple[tuple[int, bytes], ...]  # the serial of the last bit, and the bits
    key_ids: frozenset[str]

    def withdraws(self, certificate: SshCertificate) -> bool:
        if self.authority and self.authority != certificate.authority.blob:
            return False
        if certificate.key_id in self.key_ids:
            return True
        # Serial 0 means "no serial": no list can mean one certificate by it.
        number = certificate.serial
        return bool(number) and (
            any(first <= number <= last for first, last in self.ranges)
            or any(_is_set(bits, number - offset) for offset, bits in self.bitmaps)
        )


@dataclass(frozen=True, slots=True)
class Revocations:
    """All that the lists given withdraw."""

    blobs: frozenset[bytes] = frozenset()
    sha1: frozenset[bytes] = frozenset()
    sha256: frozenset[bytes] = frozenset()
    authorities: tuple[_Authority, ...] = ()

    @property
    def count(self) -> int:
        """How many keys, hashes of keys and authorities the lists name."""
        return sum(map(len, (self.blobs, self.sha1, self.sha256, self.authorities)))

    def why(self, key: SshKey, certificate: SshCertificate | None) -> str:
        """Say what was withdrawn: the key, its certificate, or its authority; else nothing."""
        if self._holds(key.blob):
            return f"the key {key.fingerprint}"
        if certificate is None:
            return ""
        if self._holds(certificate.authority.blob):
            return f"the authority {certificate.authority.fingerprint}"
        is_listed = self._holds(certificate.blob)
        if is_listed or any(one.withdraws(certificate) for one in self.authorities):
            return f"the certificate {certificate.serial} ({fingerprint_of(certificate.blob)})"
        return ""

    def _holds(self, blob: bytes) -> bool:
        return (
            blob in self.blobs
            or hashlib.sha256(blob).digest() in self.sha256
            or hashlib.sha1(blob, usedforsecurity=False).digest() in self.sha1
        )


@lru_cache(maxsize=_KEPT_LISTS)
def is_revocation_list(content: bytes) -> bool:
    """Say whether an entry shows that it is one of OpenSSH's: by its magic, or by a key in it."""
    if content.startswith(MAGIC):
        return True
    return not _is_of_certificates(content) and any(
        _key_at(line.split()) for line in content.split(b"\n") if _counts(line)
    )


@lru_cache(maxsize=_KEPT_LISTS)
def _is_of_certificates(content: bytes) -> bool:
    """Say whether an entry is of the other kinds: PEM or DER, a CRL or an OCSP response."""
    if content[:1] == bytes([_DER_SEQUENCE]):
        return len(content) > 1 and (content[1] >= _LONG_FORM or content[1] + 2 == len(content))
    lines = content.split(b"\n") if _CERTIFICATE_LIST in content else []
    return bool(lines) and not any(_key_at(line.split()) for line in lines if _counts(line))


def given_revocations(trust: Trust) -> Revocations:
    """Read every revocation entry that is no CRL or OCSP response, so that none is passed over.

    Raises MalformedError where one is broken, or is nothing that anybody here reads.
    """
    return _joined(
        tuple(
            entry.content
            for entry in trust.entries
            if entry.kind is TrustKind.REVOCATION and not _is_of_certificates(entry.content)
        )
    )


@lru_cache(maxsize=_KEPT_LISTS)
def _joined(contents: tuple[bytes, ...]) -> Revocations:
    read = [_read(content) for content in contents]
    return Revocations(
        frozenset().union(*(one.blobs for one in read)),
        frozenset().union(*(one.sha1 for one in read)),
        frozenset().union(*(one.sha256 for one in read)),
        tuple(each for one in read for each in one.authorities),
    )


def _read(content: bytes) -> Revocations:
    return _read_binary(content) if content.startswith(MAGIC) else _read_lines(content)


def _counts(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b"#")


def _key_at(words: list[bytes]) -> int:
    """Return which word is the base64 of a key, by how all of them begin; 0 where none is."""
    return next((at for at, one in enumerate(words) if one.startswith(b"AAAA")), 0)


def _read_lines(content: bytes) -> Revocations:
    blobs: set[bytes] = set()
    for number, line in enumerate(content.split(b"\n"), start=1):
        if _counts(line):
            try:
                blobs |= _blobs(line.split())
            except (MalformedError, binascii.Error):
                words = f"line {number} of a list of revoked SSH keys holds no key"
                raise MalformedError(words) from None
    return Revocations(frozenset(blobs))


def _blobs(words: list[bytes]) -> set[bytes]:
    """Return what a line withdraws: a key, or a certificate and, as OpenSSH has it, its key."""
    at = _key_at(words)
    blob = base64.b64decode(words[at], validate=True) if at else b""
    kind = words[at - 1]
    if not blob.startswith(wire_string(kind)):
        raise MalformedError("the key is of another type than its line says")
    # A key of a type that is not read verifies nothing: withdrawing it needs its blob alone.
    if not is_certificate(blob) or kind.decode().removesuffix(CERTIFICATE_SUFFIX) not in _CERTIFIED:
        return {blob}
    return {blob, read_certificate(blob).key.blob}


def _read_binary(content: bytes) -> Revocations:
    reader = WireReader(content, "the SSH revocation list")
    reader.take(len(MAGIC))
    if reader.number() != _VERSION:
        raise MalformedError("an SSH revocation list of an unknown version")
    reader.take(24)  # number of the list, when it was made, flags
    reader.string()  # reserved
    reader.string()  # comment
    found: dict[int, set[bytes]] = {_EXPLICIT: set(), _SHA1: set(), _SHA256: set()}
    authorities: list[_Authority] = []
    while not reader.is_at_end:
        kind = reader.number(1)
        if kind == _SIGNATURE:
            break  # signatures of the list itself come last and vouch for nothing here
        section = WireReader(reader.string(), "a section of the SSH revocation list")
        if kind == _CERTIFICATES:
            authorities.append(_authority(section))
        elif kind in found:
            found[kind] |= set(_strings(section))
        elif kind != _EXTENSION or _is_critical(section):
            raise MalformedError(f"a section of the unknown kind {kind} in an SSH revocation list")
    return Revocations(
        frozenset(found[_EXPLICIT]),
        frozenset(found[_SHA1]),
        frozenset(found[_SHA256]),
        tuple(authorities),
    )


def _strings(section: WireReader) -> Iterator[bytes]:
    while not section.is_at_end:
        yield section.string()


def _is_critical(section: WireReader) -> bool:
    section.string()
    return bool(section.number(1))


def _authority(section: WireReader) -> _Authority:
    authority = section.string()
    section.string()  # reserved
    ranges: list[tuple[int, int]] = []
    bitmaps: list[tuple[int, bytes]] = []
    key_ids: set[str] = set()
    while not section.is_at_end:
        kind = section.number(1)
        part = WireReader(section.string(), "a part of the SSH revocation list")
        if kind == _SERIALS:
            ranges += [(one, one) for one in _numbers(part)]
        elif kind == _RANGE:
            ranges.append((part.number(8), part.number(8)))
        elif kind == _BITMAP:
            bitmaps.append((part.number(8), part.string()))
        elif kind == _KEY_IDS:
            key_ids |= {one.decode("utf-8", "replace") for one in _strings(part)}
        elif kind != _CERTIFICATE_EXTENSION or _is_critical(part):
            raise MalformedError(f"a part of the unknown kind {kind} in an SSH revocation list")
    return _Authority(authority, tuple(ranges), tuple(bitmaps), frozenset(key_ids))


def _numbers(part: WireReader) -> Iterator[int]:
    while not part.is_at_end:
        yield part.number(8)


def _is_set(bits: bytes, place: int) -> bool:
    """Look at one bit, counted from the last, without a step for each of the others."""
    if not 0 <= place < 8 * len(bits):
        return False
    return bool(bits[-1 - place // 8] >> place % 8 & 1)
