"""One signer of a CMS SignedData: whether its signature holds, and under which certificate.

RFC 5652 sections 5.4 to 5.6 (what is digested and signed), RFC 5754 (SHA-2), RFC 4056 (RSASSA-PSS),
RFC 5753 (ECDSA), RFC 8419 (Ed25519), RFC 5035 (the certificate named in a signed attribute),
RFC 6211 (algorithms named in a signed attribute). Who may vouch for the certificate is not asked
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import MalformedError
from core.limits import Limits
from core.model import Subject, digest_of
from core.text import display
from verification import cms, der
from verification.certificates import certified_key, read_certificates
from verification.cms import Algorithm, SignerInfo
from verification.cms_algorithm import STEP, WEAK, algorithm_fault, signature_scheme
from verification.der import DerReader
from verification.fault import Fault
from verification.keyed import signed_bytes
from verification.public_key import (
    STRONG_KEYS,
    PublicKey,
)

STRONG_DIGEST = "SHA-256, SHA-384 or SHA-512"
_ATTRIBUTES_READ = 64 * 1024
_SIGNER, _ATTRIBUTES = "signer's certificate", "signed attributes"


@dataclass(frozen=True, slots=True)
class Held:
    """A signature that holds, under the key of this certificate; nobody vouches for it yet."""

    certificate: x509.Certificate
    key: PublicKey
    scheme: str
    algorithm: str  # of the digest: sha256, sha384, sha512


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signer signs: the content as it is hashed, and the type it is said to be of.

    A countersignature is over another signature's bytes, whose type it need not name.
    """

    content_type: str
    subject: Subject
    is_countersignature: bool = False


class Certificates:
    """The certificates at hand, those that cannot be read set aside."""

    def __init__(self, encoded: Sequence[bytes], also: Sequence[x509.Certificate] = ()) -> None:
        self.broken: list[str] = []
        self.members: list[x509.Certificate] = []
        for each in encoded:
            try:
                self.members += read_certificates(each)
            except MalformedError as error:
                self.broken.append(str(error))
        self.members += [one for one in also if one not in self.members]

    def of(self, signer: SignerInfo) -> x509.Certificate | Fault:
        """Return the one certificate that the signer names (RFC 5652 section 5.3)."""
        fitting = [one for one in self.members if _is_named(one, signer)]
        if len(fitting) == 1:
            return fitting[0]
        name = _shown(signer)
        if fitting:
            detail = f"{len(fitting)} different certificates fit the signer named"
            return Fault(
                _SIGNER, "MALFORMED", detail, "exactly one certificate", name, "RFC 5652 5.3"
            )
        detail = "the certificate of the signer is neither in the signature nor given"
        if self.broken:
            detail = f"{detail}, or cannot be read: {self.broken[0]}"
        return Fault(
            _SIGNER, "KEY_UNKNOWN", detail, "the certificate that is named", name, "RFC 5652 5.3"
        )

    def chain(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """Return the leaf, and all others after it."""
        return (leaf, *(one for one in self.members if one != leaf))


def _is_named(certificate: x509.Certificate, signer: SignerInfo) -> bool:
    if signer.issuer:
        same_serial = certificate.serial_number == signer.serial
        return same_serial and certificate.issuer.public_bytes() == signer.issuer
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return False
    return found.digest == signer.key_identifier


def _shown(signer: SignerInfo) -> str:
    if signer.issuer:
        return f"serial {signer.serial:x} of the issuer named"
    return f"key identifier {display(signer.key_identifier.hex(), 80)}"


def check_signer(
    signer: SignerInfo, signed: Signed, certificates: Certificates, limits: Limits
) -> Held | Fault:
    """Say under which certificate the signer's signature over the content holds."""
    # 1. The algorithms, by which everything else is bound.
    weak = WEAK.get(signer.signing.oid)
    if weak:
        detail = f"{weak} is not accepted"
        return Fault(STEP, "ALGORITHM_WEAK", detail, STRONG_KEYS, weak, "RFC 5754 3")
    algorithm = _digest_algorithm(signer)
    if isinstance(algorithm, Fault):
        return algorithm
    # 2. Exactly one certificate is the one that is named.
    certificate = certificates.of(signer)
    if isinstance(certificate, Fault):
        return certificate
    # 3. What is signed: the attributes that name the content, or the content itself.
    over = _signed_bytes(signer, signed, algorithm, limits)
    if isinstance(over, Fault):
        return over
    # 4. What signed attributes say of certificate and algorithms.
    fault = _binding_fault(signer, certificate)
    if fault is not None:
        return fault
    # 5. The mathematics.
    return _check_signature(signer, certificate, algorithm, over, limits)


def _digest_algorithm(signer: SignerInfo) -> str | Fault:
    stated = signer.digest
    algorithm = cms.DIGESTS.get(stated.oid, "")
    if algorithm and not stated.parameters:
        return algorithm
    if algorithm:
        expected = "no parameters, or NULL"
        return Fault(
            STEP, "MALFORMED", "a digest with parameters", expected, "others", "RFC 5754 2"
        )
    weak = cms.WEAK_DIGESTS.get(stated.oid)
    if weak:
        return Fault(
            STEP, "ALGORITHM_WEAK", f"{weak} can be forged", STRONG_DIGEST, weak, "RFC 5754"
        )
    detail = f"there is no reader for the digest algorithm {stated.oid}"
    return Fault(STEP, "FORMAT_UNSUPPORTED", detail, STRONG_DIGEST, stated.oid)


def _signed_bytes(
    signer: SignerInfo, signed: Signed, algorithm: str, limits: Limits
) -> tuple[Subject, ...] | Fault:
    """Return what the signature may be over, each a spelling of the same; or why there is none."""
    if not signer.attributes:
        return _bare_content(signed, limits)
    try:
        stated_type, stated = (
            _stated_type(signer, signed),
            _one(signer, cms.MESSAGE_DIGEST).octets(),
        )
    except MalformedError as error:
        return Fault(
            _ATTRIBUTES,
            "MALFORMED",
            str(error),
            "a content type and a message digest",
            "an attribute that is missing or of another form",
            "RFC 5652 5.3",
        )
    if stated_type != signed.content_type:
        detail = "the signed attributes name another type of content"
        return Fault(
            _ATTRIBUTES, "PAYLOAD_TYPE", detail, signed.content_type, stated_type, "RFC 5652 11.1"
        )
    ours = signed.subject.digest(algorithm)
    if ours is None:
        detail = f"the {algorithm} digest of the content is not at hand"
        found = ", ".join(map(str, signed.subject.digests)) or "no digest"
        return Fault(_ATTRIBUTES, "CONTENT_NEEDED", detail, f"a {algorithm} digest", found)
    if ours.raw != stated:
        detail = "the signature was made for other content"
        found = f"{algorithm}:{display(stated.hex(), 128)} in the signature"
        return Fault(_ATTRIBUTES, "DIGEST_MISMATCH", detail, str(ours), found, "RFC 5652 11.2")
    spellings = [signer.attributes, *([signer.in_order] if signer.in_order else [])]
    return tuple(map(signed_bytes, spellings))


def _stated_type(signer: SignerInfo, signed: Signed) -> str:
    """Return the type that the attributes name; a countersignature's name none (RFC 5652 11.4)."""
    if signed.is_countersignature and cms.CONTENT_TYPE not in signer.signed:
        return signed.content_type
    return _one(signer, cms.CONTENT_TYPE).oid()


def _bare_content(signed: Signed, limits: Limits) -> tuple[Subject, ...] | Fault:
    """Return the content itself, where no attributes stand between it and the signature."""
    if signed.content_type != cms.DATA:
        detail = "content that is no plain data is signed without attributes"
        expected, found = "signed attributes", f"none, over {signed.content_type}"
        return Fault(_ATTRIBUTES, "MALFORMED", detail, expected, found, "RFC 5652 5.3")
    content = signed.subject.content
    if content is not None and content.size <= _ATTRIBUTES_READ:
        # A signature over attributes is one over content of the same bytes: never read it as that.
        attributes = cms.as_attributes(content.read_at(0, _ATTRIBUTES_READ), limits)
        if attributes and cms.MESSAGE_DIGEST in attributes:
            detail = "the content reads as the signed attributes of another signature"
            expected, found = "content that is no set of attributes", "signed attributes"
            return Fault(_ATTRIBUTES, "MALFORMED", detail, expected, found, "RFC 5652 14")
    return (signed.subject,)


def _one(signer: SignerInfo, kind: str) -> DerReader:
    return DerReader(signer.signed.get(kind, b""), "the signed attributes")


def _binding_fault(signer: SignerInfo, certificate: x509.Certificate) -> Fault | None:
    try:
        for kind in (cms.SIGNING_CERTIFICATE, cms.SIGNING_CERTIFICATE_V2):
            if kind in signer.signed and not _names_certificate(
                _one(signer, kind), kind, certificate
            ):
                detail = "the signed attributes name another certificate than the signer's"
                expected, found = "the certificate of the signer", "the digest of another one"
                return Fault(_ATTRIBUTES, "MALFORMED", detail, expected, found, "RFC 5035 3")
        if cms.ALGORITHM_PROTECTION in signer.signed:
            stated = _one(signer, cms.ALGORITHM_PROTECTION).inside(der.SEQUENCE)
            digest = cms.read_algorithm(stated)
            signing = _tagged_algorithm(stated)
            stated.finish()
            if (digest, signing) != (signer.digest, signer.signing):
                detail = "the signed attributes name other algorithms than the signature uses"
                found = f"{signer.digest.oid} and {signer.signing.oid}"
                return Fault(
                    _ATTRIBUTES,
                    "ALGORITHM_MISMATCH",
                    detail,
                    f"{digest.oid} and {signing.oid}",
                    found,
                    "RFC 6211 3",
                )
    except MalformedError as error:
        expected, found = "attributes in their form", "another form"
        return Fault(_ATTRIBUTES, "MALFORMED", str(error), expected, found)
    return None


def _tagged_algorithm(reader: DerReader) -> Algorithm:
    """Read an AlgorithmIdentifier under the implicit tag [1] that RFC 6211 gives it."""
    body = reader.element(der.CONTEXT_CONSTRUCTED + 1)
    return cms.read_algorithm(DerReader(bytes([der.SEQUENCE]) + body[1:], "the signed attributes"))


def _names_certificate(reader: DerReader, kind: str, certificate: x509.Certificate) -> bool:
    """Say whether the first certificate id is that of this certificate (RFC 5035 sections 3, 5)."""
    first = reader.inside(der.SEQUENCE).inside(der.SEQUENCE).inside(der.SEQUENCE)
    algorithm = "sha1"
    if kind == cms.SIGNING_CERTIFICATE_V2:
        stated = cms.read_algorithm(first).oid if first.tag == der.SEQUENCE else ""
        algorithm = cms.DIGESTS.get(stated, "") if stated else "sha256"
        if not algorithm:
            raise MalformedError(f"the signing certificate is named by the digest {stated}")
    encoded = certificate.public_bytes(Encoding.DER)
    if first.octets() != digest_of(encoded, algorithm).raw:
        return False
    if first.tag == der.SEQUENCE:
        named = first.inside(der.SEQUENCE)
        names = named.inside(der.SEQUENCE)
        issuer = names.inside(der.CONTEXT_CONSTRUCTED + 4).element(der.SEQUENCE)
        if issuer != certificate.issuer.public_bytes():
            return False
        return named.integer() == certificate.serial_number
    return True


def _check_signature(
    signer: SignerInfo,
    certificate: x509.Certificate,
    algorithm: str,
    over: tuple[Subject, ...],
    limits: Limits,
) -> Held | Fault:
    try:
        key = certified_key(certificate)
    except MalformedError as error:
        return Fault(
            _SIGNER, "FORMAT_UNSUPPORTED", str(error), STRONG_KEYS, "a key of another kind"
        )
    if key.weakness:
        return Fault(_SIGNER, "ALGORITHM_WEAK", key.weakness, STRONG_KEYS, key.algorithm)
    fault = algorithm_fault(signer, key, algorithm)
    if fault is not None:
        return fault
    for subject in over:
        found = signature_scheme(signer, key, algorithm, subject, limits)
        if found is None:
            detail = "the content itself is signed, and it is not at hand or too large"
            return Fault(
                STEP, "CONTENT_NEEDED", detail, "the bytes of the artifact", "none of them"
            )
        if found:
            return Held(certificate, key, found, algorithm)
    detail = "the signature does not hold under the certificate that the signer names"
    expected = f"a signature by {key.fingerprint}"
    found = "a signature by another key, or over other bytes"
    return Fault(STEP, "SIGNATURE_INVALID", detail, expected, found, "RFC 5652 5.6")
