"""Notary Project signatures for tests, in both envelopes, right or wrong as a test asks for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.model import Subject, digest_of
from tests.verification.specimens import (
    CONTENT,
    DAY,
    NOW,
    Extensions,
    PrivateKey,
    artifact,
    certificate,
    private_key,
)

PREFIX = "io.cncf.notary."
PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
SIGNED_AT = NOW - 5 * DAY
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
COSE_ALGORITHMS = {"ES256": -7, "ES384": -35, "ES512": -36, "PS256": -37, "PS384": -38,
                   "PS512": -39}  # fmt: skip
BY_KIND = {"p256": "ES256", "p384": "ES384", "p521": "ES512", "rsa-2048": "PS256",
           "rsa-3072": "PS384", "rsa-4096": "PS512"}  # fmt: skip
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
WINDOW: dict[str, Any] = {"since": NOW - 30 * DAY, "until": NOW + 30 * DAY}
SUBJECT = artifact(CONTENT)


def usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in allowed for name in USAGES})


CODE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
ISSUING: Extensions = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (usage("key_cert_sign", "crl_sign"), True),
)
SIGNING: Extensions = ((usage("digital_signature"), True), (CODE, False))
ROOT_KEY = private_key("p256", "notation root")
ROOT = certificate("notation root", "notation root", ROOT_KEY, ROOT_KEY, ISSUING, **WINDOW)


def leaf(
    kind: str = "p256", extensions: Extensions = SIGNING, **window: datetime
) -> x509.Certificate:
    """Return a signer's certificate by ROOT."""
    key = private_key(kind, "notation signer")
    return certificate(
        "notation signer", "notation root", key, ROOT_KEY, extensions, **(WINDOW | window)
    )


LEAF = leaf()


@dataclass
class Recipe:
    """Everything about a signature that a test may want to be different."""

    kind: str = "p256"
    chain: tuple[x509.Certificate, ...] = (LEAF, ROOT)
    algorithm: str = ""
    key: PrivateKey | None = None
    payload: bytes | None = None
    content_type: object = PAYLOAD
    scheme: object = "notary.x509"
    signing_time: datetime | None = SIGNED_AT
    authentic_time: datetime | None = None
    expiry: datetime | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    critical: tuple[Any, ...] | None = None
    also_critical: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    beside: dict[Any, Any] = field(default_factory=dict)
    outside: dict[str, Any] = field(default_factory=dict)  # JWS only: further top-level fields
    stamp: Callable[[bytes], bytes] | None = None

    @property
    def headers(self) -> dict[str, Any]:
        """The attributes of the Notary Project, times still as datetimes."""
        stated = {
            "signingScheme": self.scheme,
            "signingTime": self.signing_time,
            "authenticSigningTime": self.authentic_time,
            "expiry": self.expiry,
        }
        named = {PREFIX + name: value for name, value in stated.items() if value is not None}
        return {key: value for key, value in (named | self.attributes).items()
                if key not in self.without}  # fmt: skip

    @property
    def marked(self) -> list[Any]:
        """What is marked critical."""
        if self.critical is not None:
            return list(self.critical)
        must = ("signingScheme", "authenticSigningTime", "expiry")
        marked = [PREFIX + name for name in must if PREFIX + name in self.headers]
        return [*marked, *self.also_critical]

    @property
    def named_algorithm(self) -> str:
        return self.algorithm or BY_KIND[self.kind]

    def sign(self, signed: bytes) -> bytes:
        """Sign as the key of this kind does, whatever the header says."""
        key = self.key or private_key(self.kind, "notation signer")
        hashed = HASHES[BY_KIND[self.kind][2:]]
        if isinstance(key, rsa.RSAPrivateKey):
            scheme = padding.PSS(padding.MGF1(hashed), hashed.digest_size)
            return key.sign(signed, scheme, hashed)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashed)))
        size = (key.curve.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)

    @property
    def body(self) -> bytes:
        return self.payload if self.payload is not None else target()


def target(subject: Subject = SUBJECT, **changed: Any) -> bytes:
    """Return the payload that describes a subject."""
    stated: dict[str, Any] = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": str(digest_of(CONTENT)),
        "size": subject.content.size if subject.content else 0,
        "annotations": {"build": "123"},
    }
    kept = {key: value for key, value in (stated | changed).items() if value is not None}
    return json.dumps({"targetArtifact": kept}).encode()


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(Encoding.DER)


def url_safe(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jws(**given: Any) -> bytes:
    """Return a signature as JWS."""
    recipe = Recipe(**given)
    protected: dict[str, Any] = {
        "alg": recipe.named_algorithm,
        "cty": recipe.content_type,
        "crit": recipe.marked,
    }
    for name, value in recipe.headers.items():
        protected[name] = _rfc3339(value) if isinstance(value, datetime) else value
    protected = {key: value for key, value in protected.items() if key not in recipe.without}
    first = url_safe(json.dumps(protected).encode())
    second = url_safe(recipe.body)
    signature = recipe.sign(f"{first}.{second}".encode())
    header: dict[str, Any] = {
        "x5c": [base64.b64encode(der(each)).decode() for each in recipe.chain],
        PREFIX + "signingAgent": "tests/1",
    }
    if recipe.stamp is not None:
        stamped = base64.b64encode(recipe.stamp(signature)).decode()
        header[PREFIX + "timestampSignature"] = stamped
    document = {
        "payload": second,
        "protected": first,
        "header": header | recipe.beside,
        "signature": url_safe(signature),
    }
    return json.dumps(document | recipe.outside).encode()


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def cose(**given: Any) -> bytes:
    """Return a signature as tagged COSE_Sign1."""
    recipe = Recipe(**given)
    protected: dict[Any, Any] = {
        1: COSE_ALGORITHMS.get(recipe.named_algorithm, recipe.named_algorithm),
        2: recipe.marked,
        3: recipe.content_type,
    }
    for name, value in recipe.headers.items():
        protected[name] = _epoch(value) if isinstance(value, datetime) else value
    renamed = {"alg": 1, "crit": 2, "cty": 3}
    without = {renamed.get(name, name) for name in recipe.without}
    protected = {key: value for key, value in protected.items() if key not in without}
    encoded = cbor2.dumps(protected, canonical=True)
    signature = recipe.sign(cbor2.dumps(["Signature1", encoded, b"", recipe.body], canonical=True))
    beside: dict[Any, Any] = {
        33: [der(each) for each in recipe.chain],
        PREFIX + "signingAgent": "tests/1",
    }
    if recipe.stamp is not None:
        beside[PREFIX + "timestampSignature"] = recipe.stamp(signature)
    parts = [encoded, beside | recipe.beside, recipe.body, signature]
    return cbor2.dumps(cbor2.CBORTag(18, parts), canonical=True)


def _epoch(moment: datetime) -> cbor2.CBORTag:
    return cbor2.CBORTag(1, int(moment.timestamp()))


MAKERS: dict[str, Callable[..., bytes]] = {"notation-jws": jws, "notation-cose": cose}
HOUR = timedelta(hours=1)
