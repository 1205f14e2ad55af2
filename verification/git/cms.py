"""X.509 signatures in commits and tags of Git: `gpgsm`, smimesign, and gitsign of Sigstore.

The signature is a detached CMS over the object without its signature. gitsign signs with a Fulcio
certificate that lives for minutes, and keeps the log's entry among the unsigned attributes, without
the body: that is made again here, from the signature, the certificate and the signed attributes, so
that an entry of anything else cannot fit. Its own claim of a time is no proof. gitsign may also
keep no entry and look one up by the object's id, which is not done here: neither yes nor no.

Reference: gitsign, internal/rekor/oid; protobuf-specs, sigstore_rekor.proto.
"""

from __future__ import annotations

import base64
import json

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import TrustKind, Verification, digest_of
from core.naming import plural
from verification.cms import identifiers
from verification.cms.judgement import Rules, conclude, judge
from verification.cms.naming import Certificates
from verification.cms.signature import Held, Signed, check_signer
from verification.cms.signed_data import SignedData, read_signed_data
from verification.cms.signer_info import SignerInfo
from verification.fault import Fault, refuse_fault, refuse_malformed
from verification.format import Setting
from verification.keys.keyed import signed_bytes
from verification.readers import der
from verification.readers.der import DerReader
from verification.readers.protobuf import Message
from verification.trail import Trail
from verification.x509.usage import CONTENT_SIGNING

BEGIN = b"-----BEGIN SIGNED MESSAGE-----"
_STEP = "signed data"
_REFERENCE = "RFC 5652 5.1"
_V01 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
_V02 = "application/vnd.dev.sigstore.bundle+json;version=0.2"


def judge_git_cms(trail: Trail, signature: bytes, payload: bytes, setting: Setting) -> Verification:
    """Judge an X.509 signature over the payload of a Git object."""
    # 1. The form: detached, over plain data.
    try:
        data = read_signed_data(signature, setting.limits, "the signature")
    except MalformedError as error:
        return _refuse_malformed(trail, error)
    if data.content is not None or data.content_type != identifiers.DATA:
        detail = "the signature holds content of its own, which is not the object"
        expected, found = "a detached signature", data.content_type
        return trail.refuse(_STEP, "SUBJECT_MISMATCH", detail, expected=expected, found=found)
    trail.passed(
        _STEP, f"{len(data.signers)} {plural(len(data.signers), 'signer')}", reference=_REFERENCE
    )
    signed = Signed(identifiers.DATA, signed_bytes(payload))
    # 2. gitsign's way, where a trusted root of Sigstore is given; else authorities and keys.
    kinds = {entry.kind for entry in setting.trust.entries}
    logged = bool(data.signers) and bool(data.signers[0].unsigned_values(identifiers.REKOR_ENTRY))
    if TrustKind.ROOT in kinds and (logged or not kinds & {TrustKind.AUTHORITY, TrustKind.KEY}):
        return _keyless(trail, data, signed, setting)
    vouched = judge(trail, data, signed, setting, Rules(CONTENT_SIGNING))
    return vouched if isinstance(vouched, Verification) else conclude(trail, vouched)


def _refuse_malformed(trail: Trail, error: MalformedError) -> Verification:
    expected = "a detached SignedData by one signer"
    return refuse_malformed(trail, _STEP, error, expected, _REFERENCE)


def _keyless(trail: Trail, data: SignedData, signed: Signed, setting: Setting) -> Verification:
    from verification.sigstore.bundle import bundle_of  # noqa: PLC0415 - only gitsign needs it
    from verification.sigstore.core import conclude as conclude_proof  # noqa: PLC0415 - the same
    from verification.sigstore.core import prove  # noqa: PLC0415 - the same

    if len(data.signers) != 1:
        found = f"{len(data.signers)} signers"
        return _refuse_malformed(trail, MalformedError(f"{found} where one belongs"))
    (signer,) = data.signers
    # 1. The object is what the signed attributes name, under the certificate that came along.
    at_hand = Certificates(data.certificates)
    held = check_signer(signer, signed, at_hand, setting.limits)
    if isinstance(held, Fault):
        return refuse_fault(trail, held)
    trail.passed("signature", held.scheme, reference="RFC 5652 5.6")
    if not signer.attributes or signer.in_order:
        words = "the signature has no signed attributes in DER's order"
        return _refuse_malformed(trail, MalformedError(words))
    # 2. Certificate, log entry and signature over the attributes, as a bundle.
    try:
        chain = at_hand.chain(held.certificate)
        bundle = bundle_of(_document(signer, held, chain, setting.limits), setting.limits)
    except MalformedError as error:
        return _refuse_malformed(trail, error)
    fork = trail.fork()
    proof = prove(bundle, signed_bytes(signer.attributes), setting, fork)
    if isinstance(proof, Verification):
        is_elsewhere = proof.reason == "LOG_MISSING" and not bundle.entries
        return _refuse_elsewhere(trail) if is_elsewhere else proof
    trail.adopt(fork)
    return conclude_proof(proof, trail)


def _refuse_elsewhere(trail: Trail) -> Verification:
    return trail.refuse(
        "log",
        "FORMAT_UNSUPPORTED",
        "the signature keeps no entry of a log, and no log is asked for one",
        expected="a signature with its log entry, as gitsign makes it with rekorMode offline",
        found="none",
    )


def _document(
    signer: SignerInfo, held: Held, chain: tuple[x509.Certificate, ...], limits: Limits
) -> dict[str, object]:
    """Return the document of a Sigstore bundle with what the CMS holds."""
    entries = [
        _entry(each, signer, held, limits)
        for each in signer.unsigned_values(identifiers.REKOR_ENTRY)
    ]
    with_promise = all("inclusionPromise" in each for each in entries)
    encoded = [each.public_bytes(Encoding.DER) for each in chain]
    certificates = [{"rawBytes": _base64(each)} for each in encoded]
    digest = {
        "algorithm": "SHA2_" + held.algorithm.removeprefix("sha"),
        "digest": _base64(digest_of(signer.attributes, held.algorithm).raw),
    }
    tokens = signer.unsigned_values(identifiers.TIMESTAMP)
    stamps = [{"signedTimestamp": _base64(each)} for each in tokens]
    return {
        "mediaType": _V01 if with_promise else _V02,
        "verificationMaterial": {
            "x509CertificateChain": {"certificates": certificates},
            "tlogEntries": entries,
            "timestampVerificationData": {"rfc3161Timestamps": stamps},
        },
        "messageSignature": {"messageDigest": digest, "signature": _base64(signer.signature)},
    }


def _entry(value: bytes, signer: SignerInfo, held: Held, limits: Limits) -> dict[str, object]:
    """Return a log entry of the attribute, its body made from what is at hand."""
    reader = DerReader(value, "the log entry")
    encoded = reader.octets(der.OCTET_STRING)
    reader.finish()
    if len(encoded) > limits.document_bytes:
        raise TooLargeError(f"{len(encoded)} bytes of a log entry (document_bytes)")
    message = Message(encoded, "the log entry").only(1, 2, 3, 4, 5, 6)
    kind = message.message(3).only(1, 2)
    entry: dict[str, object] = {
        "logIndex": str(message.number(1)),
        "logId": {"keyId": _base64(message.message(2).only(1).octets(1))},
        "kindVersion": {"kind": kind.text(1), "version": kind.text(2)},
        "integratedTime": str(message.number(4)),
        "canonicalizedBody": _base64(_body(signer, held)),
    }
    promise = message.message(5).only(1).octets(1)
    if promise:
        entry["inclusionPromise"] = {"signedEntryTimestamp": _base64(promise)}
    if message.octets(6):
        entry["inclusionProof"] = _proof(message.message(6).only(1, 2, 3, 4, 5))
    return entry


def _proof(proof: Message) -> dict[str, object]:
    return {
        "logIndex": str(proof.number(1)),
        "rootHash": _base64(proof.octets(2)),
        "treeSize": str(proof.number(3)),
        "hashes": [_base64(each) for each in proof.all_octets(4)],
        "checkpoint": {"envelope": proof.message(5).only(1).text(1)},
    }


def _body(signer: SignerInfo, held: Held) -> bytes:
    """Return the canonical body of a hashedrekord 0.0.1 (RFC 8785) over the signed attributes."""
    hashed = digest_of(signer.attributes).value
    certificate = held.certificate.public_bytes(Encoding.PEM)
    spec = {
        "data": {"hash": {"algorithm": "sha256", "value": hashed}},
        "signature": {
            "content": _base64(signer.signature),
            "publicKey": {"content": _base64(certificate)},
        },
    }
    body = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
