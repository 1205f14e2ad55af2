"""Keys, certificates and evidence for the tests of keyed verification, made on the spot."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from core.limits import Limits
from core.model import (
    Digest,
    Evidence,
    MemoryContent,
    Outcome,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from verification.format import Format, Setting

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CONTENT = b"the artifact\n" * 7
CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def private_key(kind: str, name: str = "") -> PrivateKey:
    """Return one key per kind and name: p256, p384, p521, ed25519, rsa-<bits>."""
    return _private_key(kind, name)


@cache
def _private_key(kind: str, _name: str) -> PrivateKey:
    if kind in CURVES:
        return ec.generate_private_key(CURVES[kind])
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))


def public_pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def key_entry(
    key: PrivateKey | bytes, *, since: datetime | None = None, until: datetime | None = None
) -> TrustEntry:
    content = key if isinstance(key, bytes) else public_pem(key)
    return TrustEntry("release", TrustKind.KEY, content, "test", (), since, until)


def authority_entry(*certificates: x509.Certificate, until: datetime | None = None) -> TrustEntry:
    content = b"".join(map(pem, certificates))
    return TrustEntry("acme ca", TrustKind.AUTHORITY, content, "test", (), None, until)


def setting(*entries: TrustEntry, now: datetime = NOW, limits: Limits | None = None) -> Setting:
    return Setting(Trust(tuple(entries)), now, limits or Limits())


def artifact(content: bytes = CONTENT, name: str = "app.tar.gz") -> Subject:
    return Subject(name, (digest_of(content),), MemoryContent(content))


def evidence(
    content: bytes, subject: Subject | None = None, *, hint: bytes = b"", media_type: str = ""
) -> Evidence:
    return Evidence(content, media_type, "test", subject or artifact(), hint=hint)


def judge_document(
    formats: Sequence[Format], document: object, subject: Subject | None, *entries: TrustEntry
) -> Verification:
    """Judge JSON, or bytes as they are, by the one of these formats that recognises it."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    offered = evidence(content, subject)
    (reading,) = (each for each in formats if each.recognises(offered))
    found = reading.verify(offered, setting(*entries))
    assert found.format == reading.name
    assert found.outcome is Outcome.VERIFIED or (found.expected and found.found)
    return found


def is_verified(verification: Verification) -> bool:
    return verification.outcome is Outcome.VERIFIED


def reason_of(verification: Verification) -> str:
    """Return the reason, of a good end the outcome."""
    return verification.reason or verification.outcome.value


def sign(key: PrivateKey, content: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(content, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    raise TypeError(key)


def openssl(folder: Path, *words: str) -> bytes:
    """Run openssl in a folder and return what it prints."""
    return subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True).stdout


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


Extensions = tuple[tuple[x509.ExtensionType, bool], ...]
AUTHORITY: Extensions = ((x509.BasicConstraints(ca=True, path_length=None), True),)


def certificate(
    subject: str,
    issuer: str,
    key: PrivateKey,
    issuer_key: PrivateKey,
    extensions: Extensions = (),
    *,
    since: datetime = NOW - DAY,
    until: datetime = NOW + DAY,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    if isinstance(issuer_key, ed25519.Ed25519PrivateKey):
        return builder.sign(issuer_key, None)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def envelope(
    statement: object, *keys: PrivateKey, payload_type: str = "application/vnd.in-toto+json"
) -> dict[str, object]:
    """Return a DSSE envelope signed by the keys."""
    payload = statement if isinstance(statement, bytes) else json.dumps(statement).encode()
    kind = payload_type.encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {"keyid": "", "sig": base64.b64encode(sign(key, signed)).decode()} for key in keys
        ],
    }


def statement(
    *digests: Digest, predicate_type: str = "https://example.org/any"
) -> dict[str, object]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "app", "digest": {each.algorithm: each.value}} for each in digests],
        "predicateType": predicate_type,
        "predicate": {"builder": "x"},
    }


def flipped(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the content with one bit of one byte changed, for every byte."""
    for place in range(len(content)):
        yield place, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
