"""A private Sigstore: authority, logs and timestamps of our own, and bundles signed in it.

Everything is made here with the cryptography library and asn1crypto, at a faked time, so that tests
need neither the network nor anybody's vectors. A `Making` says what a bundle is made of; whatever a
test wants to be wrong is changed in it, or in the document that comes out.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.model import Evidence, Subject, Trust, TrustEntry, TrustKind, digest_of
from tests.verification import specimens
from tests.verification.cms import timestamp_specimens
from tests.verification.specimens import DAY, NOW, Extensions, PrivateKey, private_key
from verification.format import Setting

SIGNED_AT = NOW.replace(day=20, hour=8, minute=30, second=15, microsecond=0)
IDENTITY = "https://forge.example/acme/app/.ci/release.yml@refs/heads/main"
ISSUER = "https://token.forge.example"
SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
ARC = "1.3.6.1.4.1.57264.1."
YEAR = 365 * DAY
V1 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
V2 = "application/vnd.dev.sigstore.bundle+json;version=0.2"
V3 = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
PROTO_HASHES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
KEY_DETAILS = {
    ("p256", "sha256"): "PKIX_ECDSA_P256_SHA_256",
    ("p384", "sha384"): "PKIX_ECDSA_P384_SHA_384",
    ("p384", "sha256"): "PKIX_ECDSA_P384_SHA_256",
    ("p521", "sha512"): "PKIX_ECDSA_P521_SHA_512",
    ("rsa-2048", "sha256"): "PKIX_RSA_PKCS1V15_2048_SHA256",
    ("ed25519", "sha256"): "PKIX_ED25519",
}

Document = dict[str, Any]
Made = TypeVar("Made")


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(key: PrivateKey, content: bytes, hashed: str = "sha256") -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(content, ec.ECDSA(HASHES[hashed]))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), HASHES[hashed])
    return key.sign(content)


def instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def utf8_string(text: str) -> bytes:
    encoded = text.encode()
    length = bytes([len(encoded)]) if len(encoded) < 128 else b"\x81" + bytes([len(encoded)])
    return b"\x0c" + length + encoded


def octets(content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return b"\x04" + bytes([size]) + content
    return b"\x04\x82" + size.to_bytes(2, "big") + content


ISSUING = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
FULCIO: Extensions = (
    (x509.KeyUsage(True, *([False] * 8)), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
)
CLAIMS = {1: ISSUER, 8: ISSUER, 12: "https://forge.example/acme/app", 24: "repo:acme/app"}


@dataclass(frozen=True)
class Making:
    """What a bundle is made of."""

    media_type: str = V3
    kind: str = "hashedrekord"
    kind_version: str = "0.0.1"
    key: str = "p256"
    hashed: str = "sha256"
    name: str = ""  # of the signer's key: two makings of one name share it
    identity: str = IDENTITY
    claims: tuple[tuple[int, str], ...] = tuple(CLAIMS.items())
    extensions: Extensions = FULCIO
    certified_at: datetime = SIGNED_AT
    life: timedelta = timedelta(minutes=10)
    logged_at: datetime = SIGNED_AT + timedelta(seconds=2)
    stamped_at: tuple[datetime, ...] = ()
    promised: bool = True
    proved: bool = True
    keyed: bool = False
    transparent: bool = True  # the certificate carries an SCT
    logged: bool = True
    digest_stated: bool = True
    payload_type: str = PAYLOAD_TYPE
    neighbours: int = 6
    place: int = 3


REKOR2 = Making(
    kind_version="0.0.2", promised=False, stamped_at=(SIGNED_AT + timedelta(seconds=1),)
)
DSSE1 = Making(kind="dsse")
DSSE2 = replace(REKOR2, kind="dsse")
INTOTO1 = Making(kind="intoto", kind_version="0.0.1")
INTOTO2 = Making(kind="intoto", kind_version="0.0.2")
KEYED = Making(keyed=True)


@dataclass(frozen=True)
class World:
    """One private instance; two names share no key."""

    name: str = "acme"
    signing: str = "p256"  # the curve of its authorities; Sigstore's own are on P-384

    def _key(self, role: str, kind: str = "p256") -> PrivateKey:
        return private_key(kind, f"{self.name} {role}")

    @property
    def root_certificate(self) -> x509.Certificate:
        key = self._key("root", self.signing)
        return self._once(
            "root", lambda: _authority(f"{self.name} root", f"{self.name} root", key, key, 1)
        )

    @property
    def intermediate(self) -> x509.Certificate:
        key, issuer = self._key("intermediate", self.signing), self._key("root", self.signing)
        return self._once(
            "intermediate",
            lambda: _authority(f"{self.name} fulcio", f"{self.name} root", key, issuer, 0),
        )

    def _once(self, what: str, make: Callable[[], Made]) -> Made:
        kept = _KEPT.setdefault((self.name, self.signing), {})
        if what not in kept:
            kept[what] = make()
        made: Made = kept[what]
        return made

    @property
    def stamper(self) -> timestamp_specimens.Stamper:
        return self._once(
            "tsa", lambda: timestamp_specimens.stamper(name=f"{self.name} tsa", kind=self.signing)
        )

    def log_id(self, version: str = "1") -> bytes:
        encoded = spki(self.log_key(version))
        if version == "2":  # C2SP signed-note: the id covers name, type and key
            raw = encoded[-32:]
            return hashlib.sha256(f"{self.origin('2')}\n\x01".encode() + raw).digest()
        return hashlib.sha256(encoded).digest()

    def log_key(self, version: str = "1") -> PrivateKey:
        return self._key("rekor2", "ed25519") if version == "2" else self._key("rekor")

    def origin(self, version: str) -> str:
        return f"log2.{self.name}.example" if version == "2" else f"rekor.{self.name}.example"

    def root(self, **parts: Any) -> Document:
        """Return the trusted root; a part named is put in its place, None takes it away."""
        made: Document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                self.log("rekor", "PKIX_ECDSA_P256_SHA_256", self.log_id(), self.origin("1")),
                self.log("rekor2", "PKIX_ED25519", self.log_id("2"), self.origin("2")),
            ],
            "certificateAuthorities": [self.authority(self.intermediate, self.root_certificate)],
            "ctlogs": [
                self.log(
                    "ct",
                    "PKIX_ECDSA_P256_SHA_256",
                    hashlib.sha256(spki(self._key("ct"))).digest(),
                    f"ct.{self.name}.example",
                )
            ],
            "timestampAuthorities": [self.authority(self.stamper.signer, self.stamper.root)],
        }
        made |= parts
        return {key: part for key, part in made.items() if part is not None}

    def log(self, role: str, details: str, log_id: bytes, name: str) -> Document:
        key = self._key(role, "ed25519" if details == "PKIX_ED25519" else "p256")
        return {
            "baseUrl": f"https://{name}",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(spki(key)),
                "keyDetails": details,
                "validFor": {"start": instant(NOW - YEAR)},
            },
            "logId": {"keyId": b64(log_id)},
        }

    def authority(self, *chain: x509.Certificate) -> Document:
        return {
            "subject": {"organization": self.name, "commonName": "sigstore"},
            "uri": f"https://{self.name}.example",
            "certChain": {"certificates": [{"rawBytes": b64(der(each))} for each in chain]},
            "validFor": {"start": instant(NOW - YEAR)},
        }

    def entry(self, document: Document | None = None) -> TrustEntry:
        content = json.dumps(document if document is not None else self.root()).encode()
        return TrustEntry(f"{self.name} root", TrustKind.ROOT, content, "test")

    # Signing.

    def signer_key(self, making: Making) -> PrivateKey:
        return self._key(f"signer {making.name}", making.key)

    def certificate(self, making: Making) -> x509.Certificate:
        """Return a short-lived certificate with Fulcio's claims and the CT log's promise."""
        key = self.signer_key(making)
        extensions: Extensions = (
            *making.extensions,
            *_identifiers(key, self._key("intermediate", self.signing)),
            (x509.SubjectAlternativeName([_name(making.identity)]), True),
            *(
                (
                    x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{ARC}{n}"), _claim(n, text)),
                    False,
                )
                for n, text in making.claims
            ),
        )
        builder = _leaf(f"{self.name} fulcio", key, making, extensions)
        issuer = self._key("intermediate", self.signing)
        hashed = hashes.SHA384() if self.signing == "p384" else hashes.SHA256()
        made = builder.sign(issuer, hashed)
        if not making.transparent:
            return made
        promise = self.promise(made.tbs_certificate_bytes, making.certified_at)
        listed = x509.UnrecognizedExtension(SCT_LIST, octets(promise))
        return builder.add_extension(listed, critical=False).sign(issuer, hashed)

    def promise(self, body: bytes, at: datetime, extensions: bytes = b"") -> bytes:
        """Return the TLS encoding of a list with one SCT over a precertificate (RFC 6962 3.3)."""
        made = int(at.timestamp() * 1000).to_bytes(8, "big")
        issuer = hashlib.sha256(spki(self._key("intermediate", self.signing))).digest()
        tail = len(extensions).to_bytes(2, "big") + extensions
        signed = b"\0\0" + made + b"\0\1" + issuer + len(body).to_bytes(3, "big") + body + tail
        signature = sign(self._key("ct"), signed)
        log = hashlib.sha256(spki(self._key("ct"))).digest()
        one = b"\0" + log + made + tail + b"\4\3" + len(signature).to_bytes(2, "big") + signature
        inner = len(one).to_bytes(2, "big") + one
        return len(inner).to_bytes(2, "big") + inner

    def message(self, content: bytes, making: Making = Making()) -> Document:
        """Return a bundle with a message signature over the content."""
        key = self.signer_key(making)
        signature = sign(key, content, making.hashed)
        digest = hashlib.new(making.hashed, content).digest()
        body: Document = {"signature": b64(signature)}
        if making.digest_stated:
            body["messageDigest"] = {
                "algorithm": PROTO_HASHES[making.hashed],
                "digest": b64(digest),
            }
        return self._bundle(making, signature, {"messageSignature": body}, digest, b"")

    def statement(self, payload: bytes, making: Making = DSSE1) -> Document:
        """Return a bundle with an envelope around the payload."""
        kind = making.payload_type.encode()
        encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        signature = sign(self.signer_key(making), encoded, making.hashed)
        envelope = {
            "payload": b64(payload),
            "payloadType": making.payload_type,
            "signatures": [{"sig": b64(signature)}],
        }
        digest = hashlib.new(making.hashed, encoded).digest()
        return self._bundle(making, signature, {"dsseEnvelope": envelope}, digest, payload)

    def _bundle(
        self, making: Making, signature: bytes, content: Document, digest: bytes, payload: bytes
    ) -> Document:
        leaf = None if making.keyed else self.certificate(making)
        material = _material(making, leaf, self.signer_key(making))
        if making.logged:
            body = self.body(making, signature, leaf, digest, payload)
            material["tlogEntries"] = [self.log_entry(making, body)]
        if making.stamped_at:
            material["timestampVerificationData"] = {
                "rfc3161Timestamps": [
                    {"signedTimestamp": b64(self.token(signature, at))} for at in making.stamped_at
                ]
            }
        return {"mediaType": making.media_type, "verificationMaterial": material, **content}

    def token(self, signature: bytes, at: datetime) -> bytes:
        # As Sigstore's own authority does, without the certificate, which the root names.
        made = timestamp_specimens.token(
            self.stamper, signed=signature, made_at=at, accuracy=None, certificates=()
        )
        return timestamp_specimens.response(made)

    def body(
        self,
        making: Making,
        signature: bytes,
        leaf: x509.Certificate | None,
        digest: bytes,
        payload: bytes,
    ) -> bytes:
        """Return the canonical body of a log entry of the making's kind."""
        key = self.signer_key(making)
        pem = specimens.pem(leaf) if leaf is not None else specimens.public_pem(key)
        payload_hash = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        whole_hash = {"algorithm": "sha256", "value": "0" * 64}
        verifier: Document = {"keyDetails": KEY_DETAILS[making.key, making.hashed]}
        if leaf is not None:
            verifier["x509Certificate"] = {"rawBytes": b64(der(leaf))}
        else:
            verifier["publicKey"] = {"rawBytes": b64(spki(key))}
        specs: dict[tuple[str, str], Document] = {
            ("hashedrekord", "0.0.1"): {
                "data": {"hash": {"algorithm": making.hashed, "value": digest.hex()}},
                "signature": {"content": b64(signature), "publicKey": {"content": b64(pem)}},
            },
            ("hashedrekord", "0.0.2"): {
                "hashedRekordV002": {
                    "data": {"algorithm": PROTO_HASHES[making.hashed], "digest": b64(digest)},
                    "signature": {"content": b64(signature), "verifier": verifier},
                }
            },
            ("dsse", "0.0.1"): {
                "envelopeHash": whole_hash,
                "payloadHash": payload_hash,
                "signatures": [{"signature": b64(signature), "verifier": b64(pem)}],
            },
            ("dsse", "0.0.2"): {
                "dsseV002": {
                    "payloadHash": {
                        "algorithm": "SHA2_256",
                        "digest": b64(hashlib.sha256(payload).digest()),
                    },
                    "signatures": [{"content": b64(signature), "verifier": verifier}],
                }
            },
            ("intoto", "0.0.1"): {
                "content": {"hash": whole_hash, "payloadHash": payload_hash},
                "publicKey": b64(pem),
            },
            ("intoto", "0.0.2"): {
                "content": {
                    "envelope": {
                        "payloadType": making.payload_type,
                        "signatures": [
                            {"publicKey": b64(pem), "sig": b64(b64(signature).encode())}
                        ],
                    },
                    "hash": whole_hash,
                    "payloadHash": payload_hash,
                }
            },
        }
        kind = making.kind, making.kind_version
        document = {"apiVersion": kind[1], "kind": kind[0], "spec": specs[kind]}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    def log_entry(self, making: Making, body: bytes) -> Document:
        """Put a body into the log and return the entry with its proofs."""
        version = "2" if making.kind_version == "0.0.2" and making.kind != "intoto" else "1"
        log_id, key = self.log_id(version), self.log_key(version)
        place = making.place
        index = place if version == "2" else place + 1_000_000  # shards of version 1 count on
        made: Document = {
            "logIndex": str(index),
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": making.kind, "version": making.kind_version},
            "canonicalizedBody": b64(body),
        }
        if version == "1":
            made["integratedTime"] = str(int(making.logged_at.timestamp()))
        if making.promised:
            promised = {
                "body": b64(body),
                "integratedTime": int(making.logged_at.timestamp()),
                "logID": log_id.hex(),
                "logIndex": index,
            }
            signed = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
            made["inclusionPromise"] = {"signedEntryTimestamp": b64(sign(key, signed))}
        if making.proved:
            leaves = [f"neighbour {number}".encode() for number in range(making.neighbours)]
            leaves.insert(place, body)
            made["inclusionProof"] = self.proof(leaves, place, version)
        return made

    def proof(self, leaves: Sequence[bytes], place: int, version: str) -> Document:
        root = tree_hash(leaves)
        return {
            "logIndex": str(place),
            "rootHash": b64(root),
            "treeSize": str(len(leaves)),
            "hashes": [b64(each) for each in audit_path(leaves, place)],
            "checkpoint": {"envelope": self.checkpoint(root, len(leaves), version)},
        }

    def checkpoint(self, root: bytes, size: int, version: str) -> str:
        name = self.origin(version)
        origin = name if version == "2" else f"{name} - 42"
        text = f"{origin}\n{size}\n{b64(root)}\n"
        signature = self.log_id(version)[:4] + sign(self.log_key(version), text.encode())
        return f"{text}\n\u2014 {name} {b64(signature)}\n"


_KEPT: dict[tuple[str, str], dict[str, Any]] = {}


def _authority(
    subject: str,
    issuer: str,
    key: PrivateKey,
    issuer_key: PrivateKey,
    length: int,
    *further: tuple[x509.ExtensionType, bool],
) -> x509.Certificate:
    extensions: Extensions = (
        (x509.BasicConstraints(ca=True, path_length=length), True),
        (ISSUING, True),
        *_identifiers(key, issuer_key),
        *further,
    )
    return specimens.certificate(
        subject, issuer, key, issuer_key, extensions, since=NOW - YEAR, until=NOW + YEAR
    )


def _identifiers(key: PrivateKey, issuer_key: PrivateKey) -> Extensions:
    return (
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
    )


def _leaf(
    issuer: str, key: PrivateKey, making: Making, extensions: Extensions
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(making.certified_at)
        .not_valid_after(making.certified_at + making.life)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def _name(identity: str) -> x509.GeneralName:
    if "://" in identity:
        return x509.UniformResourceIdentifier(identity)
    return x509.RFC822Name(identity)


def _claim(number: int, text: str) -> bytes:
    return text.encode() if number < 7 else utf8_string(text)


def _material(making: Making, leaf: x509.Certificate | None, key: PrivateKey) -> Document:
    if leaf is None:
        return {"publicKey": {"hint": b64(hashlib.sha256(spki(key)).digest())}}
    if making.media_type == V3:
        return {"certificate": {"rawBytes": b64(der(leaf))}}
    return {"x509CertificateChain": {"certificates": [{"rawBytes": b64(der(leaf))}]}}


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """Return MTH of RFC 6962 section 2.1, as it is defined."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = _half(len(leaves))
    return hashlib.sha256(b"\1" + tree_hash(leaves[:half]) + tree_hash(leaves[half:])).digest()


def audit_path(leaves: Sequence[bytes], place: int) -> list[bytes]:
    """Return PATH of RFC 6962 section 2.1.1, as it is defined."""
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if place < half:
        return [*audit_path(leaves[:half], place), tree_hash(leaves[half:])]
    return [*audit_path(leaves[half:], place - half), tree_hash(leaves[:half])]


def _half(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


# What tests hand to the verifier.

CONTENT = specimens.CONTENT
ACME = World()


def statement_of(content: bytes = CONTENT, **fields: Any) -> bytes:
    made = specimens.statement(digest_of(content)) | fields
    return json.dumps({key: value for key, value in made.items() if value is not None}).encode()


@dataclass(frozen=True)
class Case:
    """A bundle with what it is verified under."""

    document: Document
    entries: tuple[TrustEntry, ...]
    subject: Subject = field(default_factory=specimens.artifact)
    now: datetime = NOW

    @property
    def evidence(self) -> Evidence:
        return specimens.evidence(json.dumps(self.document).encode(), self.subject)

    @property
    def setting(self) -> Setting:
        return replace(specimens.setting(now=self.now), trust=Trust(self.entries))


def message_case(making: Making = Making(), world: World = ACME) -> Case:
    return Case(world.message(CONTENT, making), _entries(making, world))


def statement_case(making: Making = DSSE1, world: World = ACME, **fields: Any) -> Case:
    return Case(world.statement(statement_of(**fields), making), _entries(making, world))


def _entries(making: Making, world: World) -> tuple[TrustEntry, ...]:
    if not making.keyed:
        return (world.entry(),)
    return world.entry(), specimens.key_entry(world.signer_key(making))
