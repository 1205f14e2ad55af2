"""The certificate that a signer of a CMS SignedData names, among those at hand.

RFC 5652 section 5.3 (issuer and serial number, or key identifier), RFC 2634 section 5.4 and
RFC 5035 (the digest of the certificate in a signed attribute). That anybody vouches for it is not
said here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from core.errors import MalformedError
from core.frozen import dataclass
from core.text import display
from verification.cms import identifiers, signer_info
from verification.cms.signer_info import SignerInfo
from verification.fault import Fault
from verification.readers import der
from verification.readers.der import DerReader
from verification.x509.certificates import load_der

SIGNER = "signer's certificate"
_WHAT = "the signing certificate attribute"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - RFC 2634: binds a signature that holds; forges none
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_NAMED = identifiers.DIGESTS | {"1.3.14.3.2.26": "sha1"}  # RFC 5035 section 4: any hash


@dataclass(frozen=True, slots=True)
class CertificateId:
    """One ESSCertID (RFC 2634 section 5.4.1) or ESSCertIDv2 (RFC 5035 section 4)."""

    hash_name: str
    digest: bytes
    issuer: bytes  # DER of the issuer's name, empty where it is left out
    serial: int

    def fits(self, certificate: x509.Certificate) -> bool:
        """Say whether this is the certificate's digest, and its issuer and number where stated."""
        if self.digest != _digest(certificate, self.hash_name):
            return False
        named = _names(certificate)
        return not self.issuer or (self.issuer, self.serial) == (named.issuer, named.serial)


@lru_cache(maxsize=256)
def _digest(certificate: x509.Certificate, hash_name: str) -> bytes:
    return certificate.fingerprint(_HASHES[hash_name])


def certificate_ids(signer: SignerInfo) -> tuple[CertificateId, ...]:
    """Return the signer's id of each such attribute: of a list, the first is the signer's.

    Raises MalformedError for one in another form, or with a hash that no id may have.
    """
    kinds = (identifiers.SIGNING_CERTIFICATE, identifiers.SIGNING_CERTIFICATE_V2)
    return tuple(
        _certificate_id(kind, signer.signed[kind]) for kind in kinds if kind in signer.signed
    )


def _certificate_id(kind: str, value: bytes) -> CertificateId:
    reader = DerReader(value, _WHAT).inside(der.SEQUENCE).inside(der.SEQUENCE).inside(der.SEQUENCE)
    hash_name = "sha1"
    if kind == identifiers.SIGNING_CERTIFICATE_V2:
        stated = signer_info.read_algorithm(reader).oid if reader.tag == der.SEQUENCE else ""
        hash_name = _NAMED.get(stated, "") if stated else "sha256"
        if not hash_name:
            raise MalformedError(f"the signing certificate is named by the digest {stated}")
    digest = reader.octets()
    issuer, serial = b"", 0
    if reader.tag == der.SEQUENCE:
        named = reader.inside(der.SEQUENCE)
        names, serial = named.inside(der.SEQUENCE), named.integer()
        named.finish()
        # GeneralNames, one directoryName: any other form names no issuer of a certificate.
        issuer = names.inside(der.CONTEXT_CONSTRUCTED + 4).element(der.SEQUENCE)
        names.finish()
    reader.finish()
    return CertificateId(hash_name, digest, issuer, serial)


@dataclass(frozen=True, slots=True)
class _Names:
    """What a SignerInfo may name a certificate by."""

    issuer: bytes
    serial: int
    key_identifier: bytes


@lru_cache(maxsize=256)
def _names(certificate: x509.Certificate) -> _Names:
    signed = DerReader(certificate.tbs_certificate_bytes, "the certificate").inside(der.SEQUENCE)
    if signed.tag == der.CONTEXT_CONSTRUCTED:
        signed.element()  # the version
    signed.element(der.INTEGER)
    signed.element(der.SEQUENCE)  # the signature's algorithm
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        identifier = found.value.digest
    except x509.ExtensionNotFound:
        identifier = b""
    return _Names(signed.element(der.SEQUENCE), certificate.serial_number, identifier)


def is_named(certificate: x509.Certificate, signer: SignerInfo) -> bool:
    """Say whether SignerInfo names this certificate (RFC 5652 section 5.3)."""
    if signer.issuer and signer.serial != certificate.serial_number:
        return False  # most of those at hand, which need not be taken apart
    named = _names(certificate)
    if signer.issuer:
        return signer.issuer == named.issuer
    return bool(named.key_identifier) and signer.key_identifier == named.key_identifier


class Certificates:
    """The certificates at hand, those that cannot be read set aside."""

    def __init__(self, encoded: Sequence[bytes], also: Sequence[x509.Certificate] = ()) -> None:
        self.broken: list[str] = []
        self.members: list[x509.Certificate] = []
        for each in encoded:
            try:
                self.members.append(load_der(each))
            except MalformedError as error:
                self.broken.append(str(error))
        self.members += [one for one in also if one not in self.members]

    def of(self, signer: SignerInfo) -> x509.Certificate | Fault:
        """Return the one certificate that the signer names (RFC 5652 section 5.3)."""
        fitting = [one for one in self.members if is_named(one, signer)]
        if len(fitting) == 1:
            return fitting[0]
        name, reference = _shown(signer), "RFC 5652 5.3"
        if fitting:
            detail = f"{len(fitting)} different certificates fit the signer named"
            return Fault(SIGNER, "MALFORMED", detail, "exactly one certificate", name, reference)
        detail = "the certificate of the signer is neither in the signature nor given"
        if self.broken:
            detail = f"{detail}, or cannot be read: {self.broken[0]}"
        expected = "the certificate that is named"
        return Fault(SIGNER, "KEY_UNKNOWN", detail, expected, name, reference)

    def beside(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """Return the leaf, then all others at hand: two may bear one name, with other keys."""
        return (leaf, *(one for one in self.members if one != leaf))

    def chain(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """Return the leaf, its issuer, and so on upwards: a SET holds them in any order."""
        found = [leaf]
        above = _above(leaf, self.members)
        while above is not None and above not in found:
            found.append(above)
            above = _above(above, self.members)
        return tuple(found)


def _above(
    certificate: x509.Certificate, members: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """Return who issued it, by name alone: whoever reads the chain checks its signatures."""
    return next((one for one in members if one.subject == certificate.issuer), None)


def _shown(signer: SignerInfo) -> str:
    if signer.issuer:
        return f"serial {signer.serial:x} of the issuer named"
    return f"key identifier {display(signer.key_identifier.hex(), 80)}"
