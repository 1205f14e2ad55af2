"""What the tests of CMS, JAR, NuGet and Authenticode sign: certificates, programs, archives.

Everything is made on the spot. NuGet has no signer on Debian, so `signed_package` follows its
specification; the rest is signed by openssl, jarsigner and osslsigncode.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.model import ARTIFACT_HEAD, Evidence, MemoryContent, Subject, digest_of
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    PrivateKey,
    certificate,
    pem,
    private_key,
    private_pem,
)
from verification.readers import der
from verification.readers.der import DerReader

CODE = ExtendedKeyUsageOID.CODE_SIGNING
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
TIMES = ExtendedKeyUsageOID.TIME_STAMPING
ROOT_KEY = private_key("p256", "x509 root")
ROOT = certificate("acme root", "acme root", ROOT_KEY, ROOT_KEY, AUTHORITY)
OTHER_KEY = private_key("p256", "other root")
OTHER_ROOT = certificate("other root", "other root", OTHER_KEY, OTHER_KEY, AUTHORITY)


@dataclass(frozen=True)
class Identity:
    """A key with the certificate that ROOT issued for it."""

    key: PrivateKey
    certificate: x509.Certificate

    def write(self, folder: Path, name: str = "leaf") -> None:
        """Write `<name>.pem` and `<name>.key` for the tools."""
        (folder / f"{name}.pem").write_bytes(pem(self.certificate))
        (folder / f"{name}.key").write_bytes(private_pem(self.key))


def identity(
    kind: str = "p256",
    *purposes: x509.ObjectIdentifier,
    name: str = "acme signer",
    since: datetime = NOW - DAY,
    until: datetime = NOW + DAY,
    extensions: Extensions = (),
    critical: bool = False,
) -> Identity:
    key = private_key(kind, name)
    usage: Extensions = ((x509.SubjectKeyIdentifier(hashlib.sha1(name.encode()).digest()), False),)
    if purposes:
        usage = (*usage, (x509.ExtendedKeyUsage(purposes), critical))
    return Identity(
        key,
        certificate(
            name, "acme root", key, ROOT_KEY, (*usage, *extensions), since=since, until=until
        ),
    )


def inside(content: bytes, name: str = "artifact") -> Evidence:
    """Return an artifact as the evidence that lies in it."""
    subject = Subject(name, (digest_of(content),), MemoryContent(content))
    return Evidence(content[: 8 << 20], ARTIFACT_HEAD, name, subject)


# --- DER, written by hand ------------------------------------------------------------------------


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + body


def oid(text: str) -> bytes:
    encoded = x509.ObjectIdentifier(text)
    first, second, *rest = map(int, encoded.dotted_string.split("."))
    body = b""
    for arc in (40 * first + second, *rest):
        piece = bytes([arc & 0x7F])
        while arc := arc >> 7:
            piece = bytes([0x80 | arc & 0x7F]) + piece
        body += piece
    return tlv(0x06, body)


def attribute(kind: str, *values: bytes) -> bytes:
    return tlv(0x30, oid(kind), tlv(0x31, *values))


SHA256 = "2.16.840.1.101.3.4.2.1"
SHA256_ALGORITHM = tlv(0x30, oid(SHA256))
_SIGNING = {
    "rsa": tlv(0x30, oid("1.2.840.113549.1.1.11"), b"\x05\x00"),
    "ec": tlv(0x30, oid("1.2.840.10045.4.3.2")),
    "ed": tlv(0x30, oid("1.3.101.112")),
}


def raw_sign(key: PrivateKey, content: bytes) -> tuple[bytes, bytes]:
    """Return the algorithm and the signature over the content, with SHA-256."""
    if isinstance(key, rsa.RSAPrivateKey):
        return _SIGNING["rsa"], key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _SIGNING["ec"], key.sign(content, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _SIGNING["ed"], key.sign(content)
    raise TypeError(key)


def signer_info(
    signer: Identity,
    content: bytes,
    *,
    content_type: str | None = "1.2.840.113549.1.7.1",
    attributes: tuple[bytes, ...] = (),
    unsigned: tuple[bytes, ...] = (),
    digest: bytes = b"",
) -> bytes:
    """Return a SignerInfo over the content, with signed attributes."""
    signed = list(attributes)
    if content_type is not None:
        signed.append(attribute("1.2.840.113549.1.9.3", oid(content_type)))
    hashed = digest or hashlib.sha256(content).digest()
    signed.append(attribute("1.2.840.113549.1.9.4", tlv(0x04, hashed)))
    body = b"".join(sorted(signed))
    algorithm, signature = raw_sign(signer.key, tlv(0x31, body))
    serial = signer.certificate.serial_number
    number = serial.to_bytes(serial.bit_length() // 8 + 1)
    return tlv(
        0x30,
        tlv(0x02, b"\x01"),
        tlv(0x30, signer.certificate.issuer.public_bytes(), tlv(0x02, number)),
        SHA256_ALGORITHM,
        tlv(0xA0, body),
        algorithm,
        tlv(0x04, signature),
        *([tlv(0xA1, *unsigned)] if unsigned else []),
    )


def signature_of(info: bytes) -> bytes:
    """Return the signature within a SignerInfo made here."""
    reader = DerReader(info, "made").inside(der.SEQUENCE)
    for _ in range(5):
        reader.element()
    return reader.octets()


def signed_data(
    infos: tuple[bytes, ...],
    certificates: tuple[x509.Certificate, ...],
    content: bytes | None,
    *,
    content_type: str = "1.2.840.113549.1.7.1",
    tag: int = 0x04,
    version: int = 1,
) -> bytes:
    held = [] if content is None else [tlv(0xA0, tlv(tag, content))]
    encoded = [each.public_bytes(Encoding.DER) for each in certificates]
    return tlv(
        0x30,
        oid("1.2.840.113549.1.7.2"),
        tlv(
            0xA0,
            tlv(
                0x30,
                tlv(0x02, bytes([version])),
                tlv(0x31, SHA256_ALGORITHM),
                tlv(0x30, oid(content_type), *held),
                *([tlv(0xA0, *encoded)] if encoded else []),
                tlv(0x31, *infos),
            ),
        ),
    )


def certificate_named(signer: Identity) -> bytes:
    """Return the attribute that names the signer's certificate (signing-certificate-v2)."""
    digest = hashlib.sha256(signer.certificate.public_bytes(Encoding.DER)).digest()
    named = tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x04, digest))))
    return attribute("1.2.840.113549.1.9.16.2.47", named)


TST_INFO = "1.2.840.113549.1.9.16.1.4"
TOKEN = "1.2.840.113549.1.9.16.2.14"


def timestamp(
    authority: Identity,
    over: bytes,
    at: datetime,
    unsigned: tuple[bytes, ...] = (),
    beside: tuple[x509.Certificate, ...] = (),
) -> bytes:
    """Return an RFC 3161 token over the bytes; the authority's certificate is for times alone."""
    info = tlv(
        0x30,
        b"\x02\x01\x01",
        oid("1.2.3.4"),
        tlv(0x30, SHA256_ALGORITHM, tlv(0x04, hashlib.sha256(over).digest())),
        b"\x02\x01\x07",
        tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()),
    )
    signed = signer_info(
        authority,
        info,
        content_type=TST_INFO,
        attributes=(certificate_named(authority),),
        unsigned=unsigned,
    )
    along = (authority.certificate, *beside)
    return signed_data((signed,), along, info, content_type=TST_INFO, version=3)


def timestamped(signer: Identity, content: bytes, authority: Identity, at: datetime) -> bytes:
    """Return a detached SignedData with a timestamp over its signature."""
    bare = signer_info(signer, content)
    token = timestamp(authority, signature_of(bare), at)
    info = with_unsigned(bare, attribute(TOKEN, token))
    return signed_data((info,), (signer.certificate,), None)


# --- NuGet ---------------------------------------------------------------------------------------

AUTHOR = attribute("1.2.840.113549.1.9.16.2.16", tlv(0x30, oid("1.2.840.113549.1.9.16.6.1")))
REPOSITORY = attribute("1.2.840.113549.1.9.16.2.16", tlv(0x30, oid("1.2.840.113549.1.9.16.6.2")))
SERVICE = attribute(
    "1.3.6.1.4.1.311.84.2.1.1.1", tlv(0x16, b"https://feed.acme.example/index.json")
)
OWNERS = attribute("1.3.6.1.4.1.311.84.2.1.1.2", tlv(0x30, tlv(0x0C, b"acme"), tlv(0x0C, b"bob")))
PACKAGE = {
    "_rels/.rels": b"<Relationships/>",
    "acme.nuspec": b"<package/>",
    "lib/acme.dll": b"library " * 40,
}


def plain_archive(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, method)
    return made.getvalue()


def with_entry(
    archive: bytes, name: str, content: bytes, method: int = zipfile.ZIP_STORED
) -> bytes:
    """Return the archive with one more entry at its end."""
    made = io.BytesIO(archive)
    with zipfile.ZipFile(made, "a", method) as opened:
        opened.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, method)
    return made.getvalue()


def package_signature(
    package: bytes,
    signer: Identity,
    *attributes: bytes,
    countersigner: Identity | None = None,
    unsigned: tuple[bytes, ...] = (),
) -> bytes:
    digest = base64.b64encode(hashlib.sha256(package).digest()).decode()
    content = f"Version:1\n\n{SHA256}-Hash:{digest}\n\n".encode()
    attributes = (*attributes, certificate_named(signer))
    certificates = (signer.certificate,)
    if countersigner is not None:
        bare = signer_info(signer, content, attributes=attributes)
        signature = signature_of(bare)
        other = signer_info(
            countersigner,
            signature,
            content_type=None,
            attributes=(REPOSITORY, SERVICE, OWNERS, certificate_named(countersigner)),
        )
        info = with_unsigned(bare, attribute("1.2.840.113549.1.9.6", other))
        return signed_data((info,), (*certificates, countersigner.certificate), content)
    info = signer_info(signer, content, attributes=attributes, unsigned=unsigned)
    return signed_data((info,), certificates, content)


def with_unsigned(info: bytes, *unsigned: bytes) -> bytes:
    """Return a SignerInfo with unsigned attributes put on it."""
    reader = DerReader(info, "made").inside(der.SEQUENCE)
    parts = [reader.element() for _ in range(6)]
    return tlv(0x30, *parts, tlv(0xA1, *unsigned))


def signed_package(
    signer: Identity,
    *attributes: bytes,
    files: Mapping[str, bytes] = PACKAGE,
    countersigner: Identity | None = None,
    unsigned: tuple[bytes, ...] = (),
) -> bytes:
    """Return a NuGet package with its signature, as the specification puts it in."""
    package = plain_archive(files)
    attributes = attributes or (AUTHOR,)
    encoded = package_signature(
        package, signer, *attributes, countersigner=countersigner, unsigned=unsigned
    )
    return with_entry(package, ".signature.p7s", encoded)


# --- PE ------------------------------------------------------------------------------------------

_HEADER_AT = 0x40
_SECTION = 0x200


def program(body: bytes = b"\xc3" * 64, *, wide: bool = True) -> bytes:
    """Return a small PE file: headers, and one section with this body."""
    magic, size = (0x20B, 240) if wide else (0x10B, 224)
    length = len(body) + -len(body) % _SECTION
    coff = struct.pack("<2H3L2H", 0x8664 if wide else 0x14C, 1, 0, 0, 0, size, 0x22)
    optional = struct.pack("<HBB5L", magic, 14, 0, length, 0, 0, 0x1000, 0x1000)
    optional += (
        struct.pack("<QLL", 0x140000000, 0x1000, _SECTION)
        if wide
        else struct.pack("<4L", 0x1000, 0x400000, 0x1000, _SECTION)
    )
    optional += struct.pack("<6H4LHH", 6, 0, 0, 0, 6, 0, 0, 0x2000, _SECTION, 0, 3, 0)
    optional += struct.pack("<4Q" if wide else "<4L", 0x100000, 0x1000, 0x100000, 0x1000)
    optional += struct.pack("<2L", 0, 16) + bytes(16 * 8)
    section = struct.pack(
        "<8s6L2HL", b".text", len(body), 0x1000, length, _SECTION, 0, 0, 0, 0, 0x60000020
    )
    head = b"MZ" + bytes(58) + struct.pack("<L", _HEADER_AT) + b"PE\0\0" + coff + optional + section
    return head.ljust(_SECTION, b"\0") + body.ljust(length, b"\0")


def osslsigncode(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["osslsigncode", *words], cwd=folder, capture_output=True, check=False)
