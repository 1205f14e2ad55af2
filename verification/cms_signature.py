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
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from core.errors import MalformedError
from core.limits import Limits
from core.model import Subject, digest_of
from core.text import display
from verification import cms, der
from verification.certificates import certified_key, read_certificates
from verification.cms import Algorithm, SignerInfo
from verification.der import DerReader
from verification.fault import Fault
from verification.keyed import signed_bytes
from verification.public_key import (
    STRONG_KEYS,
    AttemptOutcome,
    Padding,
    PublicKey,
    Terms,
    verify_signature,
)

STRONG_DIGEST = "SHA-256, SHA-384 or SHA-512"
_ATTRIBUTES_READ = 64 * 1024
_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_PSS_SALT_BYTES = 20  # RFC 4055 section 3.1: where none is stated
_MAX_SALT_BYTES = 512
_RSA = {
    "1.2.840.113549.1.1.1": "",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_ECDSA = {
    "1.2.840.10045.2.1": "",  # what Java wrote before version 16
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_ED25519 = "1.3.101.112"
_WEAK = {
    "1.2.840.113549.1.1.4": "RSA with MD5",
    "1.2.840.113549.1.1.5": "RSA with SHA-1",
    "1.2.840.113549.1.1.14": "RSA with SHA-224",
    "1.2.840.10045.4.1": "ECDSA with SHA-1",
    "1.2.840.10045.4.3.1": "ECDSA with SHA-224",
    "1.2.840.10040.4.1": "DSA",
    "1.2.840.10040.4.3": "DSA with SHA-1",
    "2.16.840.1.101.3.4.3.1": "DSA with SHA-224",
    "2.16.840.1.101.3.4.3.2": "DSA with SHA-256",
    "2.16.840.1.101.3.4.3.3": "DSA with SHA-384",
    "2.16.840.1.101.3.4.3.4": "DSA with SHA-512",
}
_HASHES: dict[str, type[HashAlgorithm]] = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}
_SIGNATURE, _SIGNER, _ATTRIBUTES = "signature", "signer's certificate", "signed attributes"


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
    weak = _WEAK.get(signer.signing.oid)
    if weak:
        detail = f"{weak} is not accepted"
        return Fault(_SIGNATURE, "ALGORITHM_WEAK", detail, STRONG_KEYS, weak, "RFC 5754 3")
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
            _SIGNATURE, "MALFORMED", "a digest with parameters", expected, "others", "RFC 5754 2"
        )
    weak = cms.WEAK_DIGESTS.get(stated.oid)
    if weak:
        return Fault(
            _SIGNATURE, "ALGORITHM_WEAK", f"{weak} can be forged", STRONG_DIGEST, weak, "RFC 5754"
        )
    detail = f"there is no reader for the digest algorithm {stated.oid}"
    return Fault(_SIGNATURE, "FORMAT_UNSUPPORTED", detail, STRONG_DIGEST, stated.oid)


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
    fault = _algorithm_fault(signer, key, algorithm)
    if fault is not None:
        return fault
    for subject in over:
        found = _holds(signer, key, algorithm, subject, limits)
        if found is None:
            detail = "the content itself is signed, and it is not at hand or too large"
            return Fault(
                _SIGNATURE, "CONTENT_NEEDED", detail, "the bytes of the artifact", "none of them"
            )
        if found:
            return Held(certificate, key, found, algorithm)
    detail = "the signature does not hold under the certificate that the signer names"
    expected = f"a signature by {key.fingerprint}"
    found = "a signature by another key, or over other bytes"
    return Fault(_SIGNATURE, "SIGNATURE_INVALID", detail, expected, found, "RFC 5652 5.6")


def _algorithm_fault(signer: SignerInfo, key: PublicKey, algorithm: str) -> Fault | None:
    """Refuse a signature algorithm that fits neither the key nor the digest."""
    oid, reference = signer.signing.oid, "RFC 5652 5.3"
    kinds: tuple[tuple[type, dict[str, str]], ...] = (
        (rsa.RSAPublicKey, _RSA | {_PSS: ""}),
        (ec.EllipticCurvePublicKey, _ECDSA),
        (ed25519.Ed25519PublicKey, {_ED25519: ""}),
    )
    if not any(oid in known for _, known in kinds):
        detail = f"there is no reader for the signature algorithm {oid}"
        return Fault(_SIGNATURE, "FORMAT_UNSUPPORTED", detail, STRONG_KEYS, oid, reference)
    known = next(known for kind, known in kinds if isinstance(key.material, kind))
    if oid not in known:
        detail = "the signature algorithm is not one of the certified key"
        return Fault(_SIGNATURE, "ALGORITHM_MISMATCH", detail, key.algorithm, oid, reference)
    if known[oid] not in ("", algorithm):
        detail = "digest and signature are said to use different hashes"
        return Fault(_SIGNATURE, "ALGORITHM_MISMATCH", detail, algorithm, known[oid], reference)
    if oid != _PSS and signer.signing.parameters:
        detail = "the signature algorithm has parameters that it cannot have"
        return Fault(_SIGNATURE, "MALFORMED", detail, "no parameters, or NULL", oid, reference)
    return None


def _holds(
    signer: SignerInfo, key: PublicKey, algorithm: str, subject: Subject, limits: Limits
) -> str | None:
    """Return the scheme under which the signature holds, "" where not; None: content is needed."""
    if signer.signing.oid == _PSS:
        return _pss_holds(signer, key, algorithm, subject)
    terms = Terms((algorithm,), paddings=(Padding.PKCS1,))
    attempt = verify_signature(key, signer.signature, subject, limits, terms)
    if attempt.outcome is AttemptOutcome.CONTENT_NEEDED:
        return None
    return attempt.scheme if attempt.outcome is AttemptOutcome.VERIFIED else ""


def _pss_holds(signer: SignerInfo, key: PublicKey, algorithm: str, subject: Subject) -> str | None:
    """Check RSASSA-PSS with exactly the parameters stated (RFC 4056 section 2)."""
    digest = subject.digest(algorithm)
    if digest is None:
        return None
    try:
        salt_bytes = _pss_salt(signer.signing.parameters, algorithm)
    except MalformedError:
        return ""
    hashed = _HASHES[algorithm]()
    scheme = padding.PSS(padding.MGF1(hashed), salt_bytes)
    if not isinstance(key.material, rsa.RSAPublicKey):
        return ""
    try:
        key.material.verify(signer.signature, digest.raw, scheme, utils.Prehashed(hashed))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return ""
    return f"{key.algorithm} with SHA-{algorithm.removeprefix('sha')} (PSS)"


def _pss_salt(parameters: bytes, algorithm: str) -> int:
    """Return the length of the salt; one hash is used throughout, and it is the signer's."""
    document = DerReader(parameters, "the PSS parameters")
    reader = document.inside(der.SEQUENCE)
    document.finish()
    hashed = _only(reader.inside(der.CONTEXT_CONSTRUCTED))
    mask = reader.inside(der.CONTEXT_CONSTRUCTED + 1)
    mask_body = mask.inside(der.SEQUENCE)
    mask.finish()
    mask_oid, mask_hash = mask_body.oid(), _only(mask_body)
    salt_bytes = _PSS_SALT_BYTES
    if reader.tag == der.CONTEXT_CONSTRUCTED + 2:
        stated = reader.inside(reader.tag)
        salt_bytes = stated.integer()
        stated.finish()
    reader.finish()  # the trailer has one value, its default, which DER leaves out
    same = [cms.DIGESTS.get(each.oid) for each in (hashed, mask_hash)]
    if same != [algorithm, algorithm] or hashed.parameters or mask_hash.parameters:
        raise MalformedError("the PSS parameters use another hash than the signer")
    if mask_oid != _MGF1 or not 0 <= salt_bytes <= _MAX_SALT_BYTES:
        raise MalformedError("the PSS parameters are none that a signer can use")
    return salt_bytes


def _only(reader: DerReader) -> Algorithm:
    found = cms.read_algorithm(reader)
    reader.finish()
    return found
