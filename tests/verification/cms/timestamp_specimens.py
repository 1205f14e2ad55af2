"""Timestamp authorities and tokens for tests, built with asn1crypto: another hand than the reader.

`token` signs whatever it is told to, broken things too; `openssl_token` asks the real tool.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    PrivateKey,
    certificate,
    openssl,
    pem,
    private_key,
    private_pem,
)
from verification.cms.timestamps import TimestampAuthority
from verification.x509.anchors import Anchors

MADE_AT = datetime(2026, 11, 20, 8, 30, 15, tzinfo=UTC)
SIGNED = b"the signature that was stamped"
STAMPING: Extensions = (
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
    (x509.SubjectKeyIdentifier(b"tsa key"), False),
)
YEAR = 365 * DAY
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True)
class Stamper:
    """A timestamp authority: root, signer and the signer's key."""

    root: x509.Certificate
    signer: x509.Certificate
    key: PrivateKey

    def authority(self, **given: Any) -> TimestampAuthority:
        return TimestampAuthority(Anchors.of([self.root]), **given)


def stamper(
    extensions: Extensions = STAMPING,
    *,
    kind: str = "p256",
    name: str = "",
    since: datetime = NOW - YEAR,
    until: datetime = NOW + YEAR,
) -> Stamper:
    """Return an authority whose signer has these extensions."""
    root_key, key = private_key("p256", f"tsa root {name}"), private_key(kind, f"tsa {name}")
    return Stamper(_root(name), certificate(
        f"stamper {name}", f"stamp root {name}", key, root_key, extensions, since=since, until=until
    ), key)  # fmt: skip


@cache
def _root(name: str) -> x509.Certificate:
    key = private_key("p256", f"tsa root {name}")
    title = f"stamp root {name}"
    return certificate(title, title, key, key, AUTHORITY, since=NOW - 2 * YEAR, until=NOW + YEAR)


@dataclass
class Recipe:
    """Everything about a token that a test may want to be different."""

    signed: bytes = SIGNED
    hashed: bytes = b""  # what stands for the digest of `signed`, where only that is known
    nonce: int = 77
    imprint: str = "sha256"
    digest: str = "sha256"
    made_at: datetime = MADE_AT
    accuracy: dict[str, int] | None = field(default_factory=lambda: {"seconds": 1})
    certificates: tuple[x509.Certificate, ...] | None = None
    ess: tuple[str, ...] = ("v2",)
    ess_of: x509.Certificate | None = None
    content_type: str = "tst_info"
    message_digest: bytes | None = None
    by_key: bool = False
    extensions: list[dict[str, Any]] | None = None
    without: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    padding: str = "pkcs1"
    tsa: Any = None  # who the authority says it is


STAMPER = stamper()


def token(made: Stamper = STAMPER, **given: Any) -> bytes:
    """Return a bare token by an authority."""
    recipe = Recipe(**given)
    info = _info(recipe)
    der = _der(made.signer)
    attributes = _attributes(recipe, info, made)
    signature, algorithm = _sign(made.key, attributes.untag().dump(), recipe)
    parsed = asn1_x509.Certificate.load(der)
    sid: Any = cms.SignerIdentifier(
        "issuer_and_serial_number",
        {"issuer": parsed.issuer, "serial_number": parsed.serial_number},
    )
    if recipe.by_key:
        sid = cms.SignerIdentifier("subject_key_identifier", b"tsa key")
    along = recipe.certificates if recipe.certificates is not None else (made.signer,)
    signed_data = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": recipe.digest}],
            "encap_content_info": {"content_type": "tst_info", "content": info},
            "signer_infos": [
                {
                    "version": "v3" if recipe.by_key else "v1",
                    "sid": sid,
                    "digest_algorithm": {"algorithm": recipe.digest},
                    "signed_attrs": attributes,
                    "signature_algorithm": algorithm,
                    "signature": signature,
                }
            ],
        }
    )
    if along:
        signed_data["certificates"] = [asn1_x509.Certificate.load(_der(each)) for each in along]
    held = cms.ContentInfo({"content_type": "signed_data", "content": signed_data})
    return bytes(held.dump())


def response(held: bytes, state: str = "granted") -> bytes:
    """Return the answer that a token travels in."""
    info = cms.ContentInfo.load(held)
    answer = tsp.TimeStampResp({"status": {"status": state}, "time_stamp_token": info})
    return bytes(answer.dump())


def refusal(state: str = "rejection") -> bytes:
    """Return an answer without a token."""
    number = {"rejection": 2, "waiting": 3}[state]
    return bytes([0x30, 5, 0x30, 3, 2, 1, number])


def _der(made: x509.Certificate) -> bytes:
    return made.public_bytes(Encoding.DER)


def _info(recipe: Recipe) -> tsp.TSTInfo:
    stated: dict[str, Any] = {
        "version": "v1",
        "policy": "1.2.3.4",
        "message_imprint": {
            "hash_algorithm": {"algorithm": recipe.imprint},
            "hashed_message": recipe.hashed or hashlib.new(recipe.imprint, recipe.signed).digest(),
        },
        "serial_number": 0x1234,
        "gen_time": recipe.made_at,
        "nonce": recipe.nonce,
    }
    if recipe.accuracy is not None:
        stated["accuracy"] = recipe.accuracy
    if recipe.tsa is not None:
        stated["tsa"] = recipe.tsa
    if recipe.extensions:
        stated["extensions"] = recipe.extensions
    return tsp.TSTInfo(stated)


def _attributes(recipe: Recipe, info: tsp.TSTInfo, made: Stamper) -> cms.CMSAttributes:
    digest = hashlib.new(recipe.digest, info.dump()).digest()
    named = _der(recipe.ess_of or made.signer)
    values: list[dict[str, Any]] = [
        {"type": "content_type", "values": [recipe.content_type]},
        {"type": "message_digest", "values": [recipe.message_digest or digest]},
    ]
    if "v1" in recipe.ess:
        ids = [{"cert_hash": hashlib.sha1(named).digest()}]
        values.append({"type": "signing_certificate", "values": [{"certs": ids}]})
    if "v2" in recipe.ess:
        ids = [{"cert_hash": hashlib.sha256(named).digest()}]
        values.append({"type": "signing_certificate_v2", "values": [{"certs": ids}]})
    if "v2 by SHA-1" in recipe.ess:
        one = {"hash_algorithm": {"algorithm": "sha1"}, "cert_hash": hashlib.sha1(named).digest()}
        values.append({"type": "signing_certificate_v2", "values": [{"certs": [one]}]})
    kept = [each for each in values if each["type"] not in recipe.without]
    kept += [each for each in values if each["type"] in recipe.twice]
    return cms.CMSAttributes(kept)


def _sign(key: PrivateKey, signed: bytes, recipe: Recipe) -> tuple[bytes, dict[str, Any]]:
    hashed = HASHES[recipe.digest] if recipe.digest in HASHES else hashes.SHA1()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(signed, ec.ECDSA(hashed)), {"algorithm": f"{recipe.digest}_ecdsa"}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signed), {"algorithm": "ed25519"}
    assert isinstance(key, rsa.RSAPrivateKey)
    if recipe.padding == "pss":
        scheme = padding.PSS(padding.MGF1(hashed), hashed.digest_size)
        parameters = {
            "hash_algorithm": {"algorithm": recipe.digest},
            "mask_gen_algorithm": {
                "algorithm": "mgf1",
                "parameters": algos.DigestAlgorithm({"algorithm": recipe.digest}),
            },
            "salt_length": hashed.digest_size,
        }
        return key.sign(signed, scheme, hashed), {
            "algorithm": "rsassa_pss",
            "parameters": parameters,
        }
    return key.sign(signed, padding.PKCS1v15(), hashed), {"algorithm": "rsassa_pkcs1v15"}


def openssl_token(folder: Path, made: Stamper, signed: bytes, *words: str) -> bytes:
    """Return the answer of `openssl ts`, which stamps with the real time."""
    (folder / "tsa.pem").write_bytes(pem(made.signer))
    (folder / "tsa.key").write_bytes(private_pem(made.key))
    (folder / "root.pem").write_bytes(pem(made.root))
    (folder / "signed").write_bytes(signed)
    (folder / "serial").write_text("01\n")
    (folder / "ts.cnf").write_text(_CONFIGURATION)
    openssl(folder, "ts", "-query", "-data", "signed", "-sha256", "-out", "query.tsq", *words)
    openssl(
        folder, "ts", "-reply", "-config", "ts.cnf", "-section", "tsa", "-queryfile", "query.tsq",
        "-out", "reply.tsr",
    )  # fmt: skip
    return (folder / "reply.tsr").read_bytes()


_CONFIGURATION = """\
[tsa]
serial = serial
signer_cert = tsa.pem
certs = root.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
FAR = timedelta(days=365 * 60)
