"""Read the envelope of an SSH signature (OpenSSH, PROTOCOL.sshsig), strictly."""

from __future__ import annotations

import hashlib

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.wire import decode_base64
from verification.ssh.key import SshSignature, read_signature
from verification.ssh.wire import WireReader, wire_string

BEGIN, END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
HASHES = ("sha256", "sha512")
MAX_ARMOR_BYTES = 256 * 1024
_MAGIC = b"SSHSIG"
_VERSION = 1
_BLANKS = b" \t\r\n"
_HEADER, _FOOTER = BEGIN + b"\n", b"\n" + END  # each with a newline of its own, and no other


@dataclass(frozen=True, slots=True)
class Envelope:
    """One signature with the key that claims to have made it and what it was made for."""

    public_key: bytes
    namespace: str
    reserved: bytes
    hash_algorithm: str
    signature: SshSignature

    def signed(self, digest: bytes) -> bytes:
        """Return the bytes the inner signature is over, for a message of that digest."""
        fields = (self.namespace.encode(), self.reserved, self.hash_algorithm.encode(), digest)
        return _MAGIC + b"".join(map(wire_string, fields))


def read_envelope(content: bytes) -> Envelope:
    """Read one armored signature with nothing around it; raise MalformedError."""
    if len(content) > MAX_ARMOR_BYTES:
        raise TooLargeError(f"{len(content)} bytes of SSH signature, more than {MAX_ARMOR_BYTES}")
    reader = WireReader(_dearmor(content), "the SSH signature")
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise MalformedError("not an SSH signature: it does not begin with SSHSIG")
    version = reader.number()
    if version != _VERSION:
        raise MalformedError(f"an SSH signature of version {version}; only {_VERSION} is known")
    public_key, namespace = reader.string(), _namespace(reader.string())
    reserved, hash_algorithm = reader.string(), reader.text()
    signature = read_signature(reader.string())
    reader.end()
    return Envelope(public_key, namespace, reserved, hash_algorithm, signature)


def _dearmor(content: bytes) -> bytes:
    """Return what is between header and footer; white space amid base64 counts for nothing."""
    bare = content.rstrip(_BLANKS)  # ssh-keygen takes nothing before it
    if not bare.startswith(_HEADER) or not bare.endswith(_FOOTER):
        raise MalformedError("not one SSH signature in armor, with nothing around it")
    text = bare[len(_HEADER) : -len(_FOOTER)].translate(None, _BLANKS)
    return decode_base64(text, what="the SSH signature")


def _namespace(raw: bytes) -> str:
    try:
        namespace = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("the namespace of the SSH signature is not UTF-8") from None
    if not namespace or not namespace.isprintable():
        raise MalformedError("the SSH signature has no namespace, or one that cannot be shown")
    return namespace


def message_digest(message: bytes, algorithm: str) -> bytes:
    """Return the digest of a message in memory; the algorithm is one of HASHES."""
    return hashlib.new(algorithm, message).digest()
