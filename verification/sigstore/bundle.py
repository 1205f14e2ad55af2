"""Sigstore bundles 0.1 to 0.3: reading one strictly (protobuf-specs, sigstore_bundle.proto).

Nothing here is checked against trust. What the version of the format demands of its own parts is:
which signer material it may carry, which proofs an entry of the log must come with.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from core import wire
from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.model import HEX_LENGTH, Digest
from core.naming import numbered
from verification.envelope import Envelope, EnvelopeSignature
from verification.readers.base64_lines import decode_base64_lines
from verification.readers.json_document import read_document
from verification.sigstore import fields
from verification.x509.certificates import load_der

V01, V02, V03 = "0.1", "0.2", "0.3"
MEDIA_TYPES = {
    "application/vnd.dev.sigstore.bundle+json;version=0.1": V01,
    "application/vnd.dev.sigstore.bundle+json;version=0.2": V02,
    "application/vnd.dev.sigstore.bundle+json;version=0.3": V03,
    "application/vnd.dev.sigstore.bundle.v0.3+json": V03,
}
MAX_ENTRIES = 32
MAX_TIMESTAMPS = 32
MAX_CERTIFICATES = 10
MAX_HASHES = 64
HASHES = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


class Material(StrEnum):
    """How a bundle names its signer."""

    CERTIFICATE = "certificate"
    CHAIN = "x509CertificateChain"
    KEY = "publicKey"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The way from an entry up to a root of the log, and the log's signed word for that root.

    What was left out is 0 or empty.
    """

    log_index: int
    root_hash: bytes
    tree_size: int
    hashes: tuple[bytes, ...]
    checkpoint: str  # empty where none came along


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a transparency log. `promise` is the signed entry timestamp, empty if none."""

    log_index: int
    log_id: bytes
    kind: str
    version: str
    integrated_time: int
    promise: bytes
    proof: InclusionProof | None
    body: bytes


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over the artifact itself; `digest` is what the bundle says was signed."""

    signature: bytes
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle: its signer's material, proofs, and the signature with what it is over."""

    version: str
    material: Material
    certificates: tuple[x509.Certificate, ...]  # the signer's first; none where a key is named
    key_hint: str
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...]
    content: MessageSignature | Envelope
    whole: bytes = b""  # what timestamps are over where it is not the signature

    @property
    def signature(self) -> bytes:
        """The signature over the content."""
        if isinstance(self.content, Envelope):
            return self.content.signatures[0].signature
        return self.content.signature

    @property
    def stamped(self) -> bytes:
        """The bytes that timestamps are over."""
        return self.whole or self.signature


def read_bundle(content: bytes, limits: Limits) -> Bundle:
    """Read a bundle from JSON bytes; raise MalformedError."""
    return bundle_of(read_document(content, limits), limits)


def bundle_of(document: Mapping[str, object], limits: Limits) -> Bundle:
    """Read a bundle from a document of parsed JSON; raise MalformedError.

    The document has the fields of the bundle's JSON form, `mediaType` among them (a format that
    puts one together names the version whose rules apply:
    `application/vnd.dev.sigstore.bundle+json;version=0.1` or `...bundle.v0.3+json`).
    """
    media_type = fields.text(document, "mediaType")
    version = MEDIA_TYPES.get(media_type)
    if version is None:
        raise MalformedError(f"a bundle of an unknown version: {media_type[:80]!r}")
    material = fields.needed(document, "verificationMaterial")
    kind, certificates, hint = _signer(material, version)
    entries = tuple(_entry(each) for each in fields.items(material, "tlogEntries", MAX_ENTRIES))
    if len(entries) > 1 and len({(e.log_id, e.log_index) for e in entries}) != len(entries):
        raise MalformedError("the same log entry comes along twice")
    return Bundle(
        version,
        kind,
        certificates,
        hint,
        entries,
        _timestamps(material),
        _content(document, limits),
    )


def _signer(
    material: fields.Document, version: str
) -> tuple[Material, tuple[x509.Certificate, ...], str]:
    named = [kind for kind in Material if fields.value(material, kind) is not None]
    if len(named) != 1:
        found = " and ".join(named) or "nothing"
        raise MalformedError(f"a bundle names its signer in exactly one way, found {found}")
    kind = named[0]
    body = fields.needed(material, kind)
    if kind is Material.KEY:
        return kind, (), fields.text(body, "hint")
    if kind is Material.CERTIFICATE:
        if version != V03:
            raise MalformedError(f"a bundle of version {version} has no field 'certificate'")
        return kind, (load_der(fields.needed_octets(body, "rawBytes")),), ""
    listed = fields.items(body, "certificates", MAX_CERTIFICATES)
    if not listed:
        raise MalformedError("the certificate chain is empty")
    chain = tuple(load_der(fields.needed_octets(one, "rawBytes")) for one in listed)
    for link, issuer in pairwise(chain):
        _demand_issued(link, issuer)
    return kind, chain, ""


def _demand_issued(link: x509.Certificate, issuer: x509.Certificate) -> None:
    """Refuse a chain that is none: from the signer upwards each is issued by the next."""
    try:
        link.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise MalformedError("a certificate of the chain was not issued by the next") from None


def _timestamps(material: fields.Document) -> tuple[bytes, ...]:
    held = fields.document(material, "timestampVerificationData") or {}
    listed = fields.items(held, "rfc3161Timestamps", MAX_TIMESTAMPS)
    tokens = tuple(map(_token, listed))
    if len(set(tokens)) != len(tokens):
        raise MalformedError("the same timestamp comes along twice")
    return tokens


def _token(stamp: fields.Document) -> bytes:
    written = fields.text(stamp, "signedTimestamp")
    if "\n" in written:  # tools put tokens in as `base64` prints them
        return decode_base64_lines(written.encode(), what="a timestamp")
    return fields.needed_octets(stamp, "signedTimestamp")


def _entry(entry: fields.Document) -> LogEntry:
    kind = fields.needed(entry, "kindVersion")
    promise = fields.document(entry, "inclusionPromise")
    proof = fields.document(entry, "inclusionProof")
    return LogEntry(
        log_index=fields.integer(entry, "logIndex"),
        log_id=fields.needed_octets(fields.needed(entry, "logId"), "keyId"),
        kind=fields.text(kind, "kind"),
        version=fields.text(kind, "version"),
        integrated_time=fields.integer(entry, "integratedTime"),
        promise=b"" if promise is None else fields.needed_octets(promise, "signedEntryTimestamp"),
        proof=None if proof is None else _proof(proof),
        body=fields.needed_octets(entry, "canonicalizedBody"),
    )


def _proof(proof: fields.Document) -> InclusionProof:
    hashes = wire.as_items(proof.get("hashes") or [], "the field 'hashes'")
    if len(hashes) > MAX_HASHES:
        raise TooLargeError(f"{len(hashes)} hashes in an inclusion proof, more than {MAX_HASHES}")
    checkpoint = fields.document(proof, "checkpoint")
    return InclusionProof(
        fields.integer(proof, "logIndex"),
        fields.octets(proof, "rootHash"),
        fields.integer(proof, "treeSize"),
        tuple(
            wire.decode_base64_either(
                wire.as_text(one, "a hash of the proof"), what="a hash of the proof"
            )
            for one in hashes
        ),
        "" if checkpoint is None else wire.text(checkpoint, "envelope"),
    )


def _content(document: fields.Document, limits: Limits) -> MessageSignature | Envelope:
    message = fields.document(document, "messageSignature")
    envelope = fields.document(document, "dsseEnvelope")
    if (message is None) == (envelope is None):
        raise MalformedError("a bundle holds either a message signature or an envelope")
    return _message(message) if message is not None else _envelope(envelope or {}, limits)


def _message(message: fields.Document) -> MessageSignature:
    signature = fields.needed_octets(message, "signature")
    stated = fields.document(message, "messageDigest")
    if not stated:
        return MessageSignature(signature, None)
    name = fields.text(stated, "algorithm")
    algorithm = HASHES.get(name)
    if algorithm is None:
        raise MalformedError(f"a message digest of an unknown algorithm: {name[:40]!r}")
    value = fields.octets(stated, "digest").hex()
    if len(value) != HEX_LENGTH[algorithm]:
        raise MalformedError(
            f"a message digest of {numbered(len(value) // 2, 'byte')} is none of {name}"
        )
    return MessageSignature(signature, Digest(algorithm, value))


def _envelope(envelope: fields.Document, limits: Limits) -> Envelope:
    listed = fields.items(envelope, "signatures", limits.signatures)
    if len(listed) != 1:  # sigstore_bundle.proto: an envelope in a bundle has one signature
        raise MalformedError(f"an envelope in a bundle has one signature, found {len(listed)}")
    signature = EnvelopeSignature(
        fields.needed_octets(listed[0], "sig"), fields.text(listed[0], "keyid")
    )
    return Envelope(
        fields.text(envelope, "payloadType"), fields.octets(envelope, "payload"), (signature,)
    )
