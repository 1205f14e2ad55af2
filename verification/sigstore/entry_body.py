"""What an entry of the log says was signed, by whom and how: compared with the bundle around it.

An entry that a log holds proves nothing about a bundle until its body names the same signature, the
same certificate or key and the same digest (CVE-2022-36056, CVE-2026-22703). What bodies look like
say the JSON schemas of Rekor's types and, for Rekor's second version, by rekor-tiles' entry.proto.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core import wire
from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import HEX_LENGTH, Subject, digest_of
from verification.envelope import Envelope
from verification.fault import Fault
from verification.keys.public_key import STRONG_HASHES, PublicKey
from verification.sigstore import fields
from verification.sigstore.bundle import HASHES, LogEntry
from verification.sigstore.log_keys import KEY_DETAILS, KeyDetails

STEP = "log entry"
_PEM = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\s([A-Za-z0-9+/=\s]{1,262144}?)-----END \1-----\s*"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """What the bundle says: the signature, the signer's certificate or else key in DER, the rest.

    `over` is what the signature is over: the artifact, or an envelope's pre-authentication
    encoding. `envelope` is None for a message signature.
    """

    signature: bytes
    certificate: bytes  # empty where the signer is named by key
    key: PublicKey
    envelope: Envelope | None
    over: Subject

    def signer(self) -> bytes:
        """Return the DER by which entries name the signer."""
        if self.certificate:
            return self.certificate
        return self.key.material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an entry that fits says of the signature: the hash, the algorithm; empty if nothing."""

    hashed: str = ""
    details: KeyDetails | None = None


class _OtherError(Exception):
    """An entry that speaks of something else."""

    def __init__(
        self, what: str, ours: str, theirs: str, reason: str = "LOG_ENTRY_MISMATCH"
    ) -> None:
        super().__init__(what)
        self.what, self.ours, self.theirs, self.reason = what, ours, theirs, reason


def compare_entry(entry: LogEntry, signed: Signed, limits: Limits) -> Recorded | Fault:
    """Compare an entry's body with the bundle; say what it records of the signature."""
    stated = (entry.kind, entry.version)
    if stated == ("hashedrekord", "0.0.1") and entry.body == _usual_hashedrekord(signed):
        return Recorded("sha256")
    try:
        body = wire.as_mapping(wire.read_json(entry.body, limits=limits), "the entry's body")
        written = (fields.text(body, "kind"), fields.text(body, "apiVersion"))
        if written != stated:
            ours, theirs = f"{entry.kind} {entry.version}", " ".join(written)[:80]
            raise _OtherError("the entry's body is of another kind", ours, theirs)  # noqa: TRY301 - one place makes the fault
        return _KINDS[stated](fields.needed(body, "spec"), signed)
    except MalformedError as error:
        expected = "a body that keeps the form of its kind"
        return Fault(STEP, "MALFORMED", f"the entry's body: {error}", expected, str(error))
    except _OtherError as other:
        return Fault(STEP, other.reason, other.what, other.ours, other.theirs)


def _usual_hashedrekord(signed: Signed) -> bytes | None:
    """Return the one body that Rekor writes for such a signature over a SHA-256, if it is known.

    What is equal to it byte for byte need not be read; whatever else is, field by field.
    """
    digest = signed.over.digest("sha256")
    if digest is None or not signed.certificate:
        return None
    text = b64encode(signed.certificate)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    pem = b"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % lines
    return (
        b'{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256",'
        b'"value":"%s"}},"signature":{"content":"%s","publicKey":{"content":"%s"}}}}'
    ) % (digest.value.encode(), b64encode(signed.signature), b64encode(pem))


def _hashedrekord_v1(spec: fields.Document, signed: Signed) -> Recorded:
    stated = fields.needed(fields.needed(spec, "data"), "hash")
    algorithm = fields.text(stated, "algorithm")
    _same_digest(signed, algorithm, fields.text(stated, "value"))
    signature = fields.needed(spec, "signature")
    _same_signature(signed, fields.octets(signature, "content"))
    _same_signer(signed, fields.octets(fields.needed(signature, "publicKey"), "content"))
    return Recorded(algorithm)


def _hashedrekord_v2(spec: fields.Document, signed: Signed) -> Recorded:
    record = fields.needed(spec, "hashedRekordV002")
    stated = fields.needed(record, "data")
    algorithm = _algorithm(stated)
    _same_digest(signed, algorithm, fields.octets(stated, "digest").hex())
    details = _same_signature_v2(signed, fields.needed(record, "signature"))
    if details.hashed and details.hashed != algorithm:
        what = "the entry's digest is of another algorithm than its key signs"
        raise _OtherError(what, details.hashed, algorithm)
    return Recorded(algorithm, details)


def _dsse_v1(spec: fields.Document, signed: Signed) -> Recorded:
    _same_payload(signed, *_hash(spec, "payloadHash"))
    for signature in _one(spec, "signatures"):
        _same_signature(signed, fields.octets(signature, "signature"))
        _same_signer(signed, fields.octets(signature, "verifier"))
    return Recorded()


def _dsse_v2(spec: fields.Document, signed: Signed) -> Recorded:
    record = fields.needed(spec, "dsseV002")
    stated = fields.needed(record, "payloadHash")
    _same_payload(signed, _algorithm(stated), fields.octets(stated, "digest").hex())
    (signature,) = _one(record, "signatures")
    details = _same_signature_v2(signed, signature)
    return Recorded(details.hashed, details)


def _intoto_v1(spec: fields.Document, signed: Signed) -> Recorded:
    """Compare payload and signer: this kind does not record the signature itself."""
    _same_payload(signed, *_hash(fields.needed(spec, "content"), "payloadHash"))
    _same_signer(signed, fields.octets(spec, "publicKey"))
    return Recorded()


def _intoto_v2(spec: fields.Document, signed: Signed) -> Recorded:
    content = fields.needed(spec, "content")
    _same_payload(signed, *_hash(content, "payloadHash"))
    envelope = fields.needed(content, "envelope")
    ours = signed.envelope.payload_type if signed.envelope else ""
    if fields.text(envelope, "payloadType") != ours:
        what = "the entry records another payload type"
        raise _OtherError(what, ours[:80], fields.text(envelope, "payloadType")[:80])
    # The log keeps the base64 text of payload (or leaves it out) and signature, encoded once more.
    held = fields.octets(envelope, "payload")
    if held:
        _same_text(signed, held)
    for signature in _one(envelope, "signatures"):
        written = fields.octets(signature, "sig")
        if written.rstrip(b"=") not in _spellings(signed.signature):
            what = "the entry records another signature"
            ours = b64encode(signed.signature).decode()[:64]
            raise _OtherError(what, ours, ascii(written[:64]))
        _same_signer(signed, fields.octets(signature, "publicKey"))
    return Recorded()


def _same_text(signed: Signed, written: bytes) -> None:
    payload = signed.envelope.payload if signed.envelope else b""
    if written.rstrip(b"=") not in _spellings(payload):
        what = "the entry holds another payload than the one whose hash it records"
        raise _OtherError(what, "the payload of the envelope", f"{len(written)} characters")


def _spellings(content: bytes) -> tuple[bytes, bytes]:
    """Return what an envelope may have written for payload or signature, without padding."""
    return b64encode(content).rstrip(b"="), urlsafe_b64encode(content).rstrip(b"=")


def _one(parent: fields.Document, key: str) -> list[dict[str, object]]:
    listed = fields.items(parent, key, 1024)
    if len(listed) != 1:
        what = "the entry records another number of signatures than the bundle has"
        raise _OtherError(what, "1", str(len(listed)))
    return listed


def _hash(parent: fields.Document, key: str) -> tuple[str, str]:
    stated = fields.needed(parent, key)
    return fields.text(stated, "algorithm"), fields.text(stated, "value")


def _algorithm(stated: fields.Document) -> str:
    return HASHES.get(fields.text(stated, "algorithm"), "")


def _same_digest(signed: Signed, algorithm: str, value: str) -> None:
    if algorithm not in STRONG_HASHES or len(value) != HEX_LENGTH[algorithm]:
        raise MalformedError(f"a digest of an algorithm that is not accepted: {algorithm[:40]!r}")
    ours = signed.over.digest(algorithm)
    if ours is None:
        what = f"the entry's digest is {algorithm}, which is not at hand"
        raise _OtherError(
            what, "the bytes of the artifact", f"{algorithm}:{value}", "CONTENT_NEEDED"
        )
    if ours.value != value:
        raise _OtherError("the entry records another digest", str(ours), f"{algorithm}:{value}")


def _same_payload(signed: Signed, algorithm: str, value: str) -> None:
    if signed.envelope is None:
        raise _OtherError("the entry is of an envelope", "a message signature", "an envelope")
    if algorithm not in STRONG_HASHES:
        raise MalformedError(f"a digest of an algorithm that is not accepted: {algorithm[:40]!r}")
    ours = digest_of(signed.envelope.payload, algorithm)
    if ours.value != value:
        what = "the entry records another payload"
        raise _OtherError(what, str(ours), f"{algorithm}:{value[:128]}")


def _same_signature(signed: Signed, recorded: bytes) -> None:
    if recorded != signed.signature:
        what = "the entry records another signature"
        raise _OtherError(what, signed.signature[:24].hex(), recorded[:24].hex() or "none")


def _same_signature_v2(signed: Signed, signature: fields.Document) -> KeyDetails:
    _same_signature(signed, fields.octets(signature, "content"))
    verifier = fields.needed(signature, "verifier")
    held = fields.document(verifier, "x509Certificate")
    holder = fields.document(verifier, "publicKey")
    if (held is None) == (holder is None):
        raise MalformedError("a verifier is either a certificate or a key")
    _same_der(signed, fields.octets(held or holder or {}, "rawBytes"), is_key=held is None)
    name = fields.text(verifier, "keyDetails")
    details = KEY_DETAILS.get(name)
    if details is None:
        raise MalformedError(f"an unknown kind of key: {name[:60]!r}")
    if not details.fits(signed.key):
        what = "the entry records a key of another algorithm"
        raise _OtherError(what, signed.key.algorithm, details.algorithm)
    return details


def _same_signer(signed: Signed, pem: bytes) -> None:
    ours, label = signed.signer(), b"CERTIFICATE" if signed.certificate else b"PUBLIC KEY"
    head, tail = b"-----BEGIN %s-----\n" % label, b"-----END %s-----\n" % label
    if pem.startswith(head) and pem.endswith(tail):
        written = pem[len(head) : -len(tail)].replace(b"\n", b"")
        if written == b64encode(ours):
            return
    found = _PEM.fullmatch(pem)
    if found is None:
        raise MalformedError("the signer is no PEM block")
    der = wire.decode_base64(b"".join(found[2].split()), what="the signer")
    _same_der(signed, der, is_key=found[1] != b"CERTIFICATE")


def _same_der(signed: Signed, der: bytes, *, is_key: bool) -> None:
    if is_key == bool(signed.certificate) or der != signed.signer():
        what = "the entry records another signer"
        ours = "the signer's certificate" if signed.certificate else "the key that verifies"
        raise _OtherError(what, ours, "another key" if is_key else "another certificate")


_KINDS: dict[tuple[str, str], Callable[[fields.Document, Signed], Recorded]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_v1,
    ("hashedrekord", "0.0.2"): _hashedrekord_v2,
    ("dsse", "0.0.1"): _dsse_v1,
    ("dsse", "0.0.2"): _dsse_v2,
    ("intoto", "0.0.1"): _intoto_v1,
    ("intoto", "0.0.2"): _intoto_v2,
}
