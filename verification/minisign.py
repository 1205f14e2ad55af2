"""Read signatures and public keys of minisign and of OpenBSD's signify.

References: minisign's own description of its formats; signify(1). Both write a comment and base64
of two letters, a key id and Ed25519 material. minisign adds a second comment and a signature over
the first signature and that comment; signify has neither. Tauri's updater keeps minisign's files,
signatures and keys, as base64 of the whole.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ed25519

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import TrustEntry
from core.wire import decode_base64
from verification.keys.public_key import PublicKey, public_key
from verification.only import kept_by_only

UNTRUSTED = b"untrusted comment:"
WRAPPED = base64.b64encode(UNTRUSTED)  # whole groups of it, so every such file begins so
MAX_BYTES = 16 * 1024
_PURE, _PREHASHED = b"Ed", b"ED"
_ID_BYTES, _KEY_BYTES, _SIGNATURE_BYTES = 8, 32, 64
_SIGNATURE = re.compile(
    rb"untrusted comment: [^\r\n]{0,1024}\r?\n"
    rb"(?P<signature>[A-Za-z0-9+/]{98}[A-Za-z0-9+/=]{2})"
    rb"(?:\r?\ntrusted comment: (?P<trusted>[^\r\n]{0,8192})\r?\n(?P<global>[A-Za-z0-9+/]{86}==))?"
    rb"(?:\r?\n)*\Z"
)
_KEY = re.compile(
    rb"(?:untrusted comment: (?P<untrusted>[^\r\n]{0,1024})\r?\n)?"
    rb"(?P<key>[A-Za-z0-9+/]{56})(?:\r?\n)*\Z"
)


@dataclass(frozen=True, slots=True)
class MinisignSignature:
    """One signature; `trusted_comment` is None in one of signify's, which has no second half."""

    is_prehashed: bool  # over the BLAKE2b-512 digest, else over the bytes themselves
    key_id: bytes
    value: bytes
    trusted_comment: bytes | None = None
    over_comment: bytes = b""  # the signature over `value` and the trusted comment


@dataclass(frozen=True, slots=True)
class MinisignKey:
    """One public key with the id that signatures name it by."""

    key_id: bytes
    key: PublicKey
    material: ed25519.Ed25519PublicKey
    comment: str


def shown_id(key_id: bytes) -> str:
    """Return a key id as minisign prints it: upper-case hex of the number, last byte first."""
    return f"{int.from_bytes(key_id, 'little'):X}"


def _unwrapped(content: bytes) -> bytes:
    """Return a file as minisign writes it, without base64 around it; nothing of a large one."""
    if len(content) > MAX_BYTES:
        return b""
    if not content.startswith(WRAPPED):
        return content
    return decode_base64(content.rstrip(b"\r\n"), what="the base64 around a file of minisign")


def read_signature(content: bytes) -> MinisignSignature:
    """Read a file with one signature and nothing else; raise MalformedError.

    Blank lines may follow minisign's four; behind signify's two they would be a message.
    """
    content = _unwrapped(content)
    found = _SIGNATURE.match(content)
    if found is None:
        raise MalformedError("not the two or four lines of a minisign or signify signature")
    raw = decode_base64(found["signature"], what="the signature")
    kind, key_id, value = raw[:2], raw[2:10], raw[10:]
    if kind not in (_PURE, _PREHASHED) or len(value) != _SIGNATURE_BYTES:
        raise MalformedError("a minisign signature of an unknown algorithm")
    trusted = found["trusted"]
    if b"\0" in content or (trusted is None and not content.endswith(b"\n")):
        raise MalformedError("lines of a signature that the tools read as no lines")
    if kind == _PREHASHED and trusted is None:
        raise MalformedError("a minisign signature without its trusted comment")
    over = b""
    if trusted is not None:
        over = decode_base64(found["global"], what="the signature over the comment")
    return MinisignSignature(kind == _PREHASHED, key_id, value, trusted, over)


@lru_cache(maxsize=256)
def read_key(entry: TrustEntry) -> MinisignKey:
    """Read a trust entry of kind MINISIGN, where its `only` names it; raise MalformedError."""
    found = _KEY.match(_unwrapped(entry.content))
    if found is None:
        raise MalformedError("not a public key of minisign or signify")
    raw = decode_base64(found["key"], what="the public key")
    if raw[:2] != _PURE or len(raw) != len(_PURE) + _ID_BYTES + _KEY_BYTES:
        raise MalformedError("a minisign key of an unknown algorithm")
    material = ed25519.Ed25519PublicKey.from_public_bytes(raw[10:])
    comment = (found["untrusted"] or b"").decode("utf-8", "backslashreplace").strip()
    key = public_key(material, name=entry.name)
    read = MinisignKey(raw[2:10], key, material, comment)
    (kept,) = kept_by_only(entry, [((shown_id(read.key_id), key.fingerprint), read)])
    return kept
