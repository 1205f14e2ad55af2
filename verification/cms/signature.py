"""One signer of a CMS SignedData: whether its signature holds, and under which certificate.

RFC 5652 sections 5.4 to 5.6 (what is digested and signed), RFC 5754 (SHA-2), RFC 4056 (RSASSA-PSS),
RFC 5753 (ECDSA), RFC 8419 (Ed25519), RFC 5035 (the certificate named in a signed attribute),
RFC 6211 (algorithms named in a signed attribute). Who may vouch for the certificate is not asked
here. Timestamps (RFC 3161) take the same steps with rules of their own between them.
"""

from __future__ import annotations

from cryptography import x509

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Subject
from core.text import display
from verification.cms import identifiers, signer_info
from verification.cms.algorithm import STEP, WEAK, algorithm_fault, signature_scheme
from verification.cms.naming import SIGNER, Certificates, certificate_ids
from verification.cms.signer_info import Algorithm, SignerInfo
from verification.fault import Fault
from verification.keys.keyed import signed_bytes
from verification.keys.public_key import STRONG_KEYS, PublicKey
from verification.readers import der
from verification.readers.der import DerReader
from verification.x509.certificates import certified_key

STRONG_DIGEST = "SHA-256, SHA-384 or SHA-512"
_ATTRIBUTES_READ = 64 * 1024
_ATTRIBUTES = "signed attributes"


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


@dataclass(frozen=True, slots=True)
class Bound:
    """What a signature has to be over for the content: spellings of the same, and their hash."""

    algorithm: str
    spellings: tuple[Subject, ...]


def check_signer(
    signer: SignerInfo, signed: Signed, certificates: Certificates, limits: Limits
) -> Held | Fault:
    """Say under which certificate the signer's signature over the content holds."""
    # 1. The algorithms, by which everything else is bound.
    weak = WEAK.get(signer.signing.oid)
    if weak:
        detail = f"{weak} is not accepted"
        return Fault(STEP, "ALGORITHM_WEAK", detail, STRONG_KEYS, weak, "RFC 5754 3")
    algorithm = digest_algorithm(signer)
    if isinstance(algorithm, Fault):
        return algorithm
    # 2. Exactly one certificate is the one that is named.
    certificate = certificates.of(signer)
    if isinstance(certificate, Fault):
        return certificate
    # 3. What is signed: the attributes that name the content, or the content itself.
    bound = bind_content(signer, signed, algorithm)
    if isinstance(bound, Fault):
        return bound
    # 4. A signed attribute may name the certificate, too.
    fault = _naming_fault(signer, certificate)
    if fault is not None:
        return fault
    try:
        key = certified_key(certificate)
    except MalformedError as error:
        found = "a key of another kind"
        return Fault(SIGNER, "FORMAT_UNSUPPORTED", str(error), STRONG_KEYS, found)
    if key.weakness:
        return _weak_key(key)
    # 5. The mathematics.
    scheme = check_signature(signer, key, bound, limits)
    if isinstance(scheme, Fault):
        return scheme
    return Held(certificate, key, scheme, algorithm)


def _weak_key(key: PublicKey) -> Fault:
    return Fault(SIGNER, "ALGORITHM_WEAK", key.weakness, STRONG_KEYS, key.algorithm)


def digest_algorithm(signer: SignerInfo) -> str | Fault:
    """Return the name of the hash that the signer uses, or why it is none to be accepted."""
    stated = signer.digest
    algorithm = identifiers.DIGESTS.get(stated.oid, "")
    if algorithm and not stated.parameters:
        return algorithm
    if algorithm:
        detail, expected = "a digest with parameters", "no parameters, or NULL"
        return Fault(STEP, "MALFORMED", detail, expected, "others", "RFC 5754 2")
    weak = identifiers.WEAK_DIGESTS.get(stated.oid)
    if weak:
        detail = f"{weak} can be forged"
        return Fault(STEP, "ALGORITHM_WEAK", detail, STRONG_DIGEST, weak, "RFC 5754")
    detail = f"there is no reader for the digest algorithm {stated.oid}"
    return Fault(STEP, "FORMAT_UNSUPPORTED", detail, STRONG_DIGEST, stated.oid)


def bind_content(signer: SignerInfo, signed: Signed, algorithm: str) -> Bound | Fault:
    """Return what the signature has to be over for this content, or why it is of other content."""
    if not signer.attributes:
        return _bare_content(signed, algorithm)
    try:
        stated_type = _stated_type(signer, signed)
        stated = _one(signer, identifiers.MESSAGE_DIGEST).octets()
    except MalformedError as error:
        expected = "a content type and a message digest"
        found = "an attribute that is missing or of another form"
        return Fault(_ATTRIBUTES, "MALFORMED", str(error), expected, found, "RFC 5652 5.3")
    if stated_type != signed.content_type:
        detail, wanted = "the signed attributes name another type of content", signed.content_type
        return Fault(_ATTRIBUTES, "PAYLOAD_TYPE", detail, wanted, stated_type, "RFC 5652 11.1")
    ours = signed.subject.digest(algorithm)
    if ours is None:
        detail = f"the {algorithm} digest of the content is not at hand"
        found = ", ".join(map(str, signed.subject.digests)) or "no digest"
        return Fault(_ATTRIBUTES, "CONTENT_NEEDED", detail, f"a {algorithm} digest", found)
    if ours.raw != stated:
        detail = "the signature was made for other content"
        found = f"{algorithm}:{display(stated.hex(), 128)} in the signature"
        return Fault(_ATTRIBUTES, "DIGEST_MISMATCH", detail, str(ours), found, "RFC 5652 11.2")
    spellings = (signer.attributes, signer.in_order) if signer.in_order else (signer.attributes,)
    return Bound(algorithm, tuple(map(signed_bytes, spellings)))


def _stated_type(signer: SignerInfo, signed: Signed) -> str:
    """Return the type that the attributes name; a countersignature's name none (RFC 5652 11.4)."""
    if signed.is_countersignature and identifiers.CONTENT_TYPE not in signer.signed:
        return signed.content_type
    return _one(signer, identifiers.CONTENT_TYPE).oid()


def _bare_content(signed: Signed, algorithm: str) -> Bound | Fault:
    """Return the content itself, where no attributes stand between it and the signature."""
    if signed.content_type != identifiers.DATA:
        detail = "content that is no plain data is signed without attributes"
        expected, found = "signed attributes", f"none, over {signed.content_type}"
        return Fault(_ATTRIBUTES, "MALFORMED", detail, expected, found, "RFC 5652 5.3")
    content = signed.subject.content
    if content is None:
        detail = "without the content nothing tells whether it reads as signed attributes"
        found = ", ".join(map(str, signed.subject.digests)) or "no digest"
        return Fault(
            _ATTRIBUTES, "CONTENT_NEEDED", detail, "the bytes of the artifact", found, "RFC 5652 14"
        )
    # A signature over attributes is one over content of the same bytes: never read it as that.
    if signer_info.reads_as_attributes(content.read_at(0, _ATTRIBUTES_READ), content.size):
        detail = "the content reads as the signed attributes of another signature"
        expected, found = "content that is no set of attributes", "signed attributes"
        return Fault(_ATTRIBUTES, "MALFORMED", detail, expected, found, "RFC 5652 14")
    return Bound(algorithm, (signed.subject,))


def _one(signer: SignerInfo, kind: str) -> DerReader:
    return DerReader(signer.signed.get(kind, b""), "the signed attributes")


def _naming_fault(signer: SignerInfo, certificate: x509.Certificate) -> Fault | None:
    """Compare the certificate with what signed attributes say of it (RFC 5035 section 3)."""
    try:
        if all(each.fits(certificate) for each in certificate_ids(signer)):
            return None
    except MalformedError as error:
        return _formless(error)
    detail = "the signed attributes name another certificate than the signer's"
    expected, found = "the certificate of the signer", "the digest of another one"
    return Fault(_ATTRIBUTES, "MALFORMED", detail, expected, found, "RFC 5035 3")


def _formless(error: MalformedError) -> Fault:
    expected, found = "attributes in their form", "another form"
    return Fault(_ATTRIBUTES, "MALFORMED", str(error), expected, found)


def _protection_fault(signer: SignerInfo) -> Fault | None:
    """Compare the algorithms used with what a signed attribute says of them (RFC 6211)."""
    if identifiers.ALGORITHM_PROTECTION not in signer.signed:
        return None
    try:
        stated = _one(signer, identifiers.ALGORITHM_PROTECTION).inside(der.SEQUENCE)
        digest = signer_info.read_algorithm(stated)
        signing = _tagged_algorithm(stated)
        stated.finish()
    except MalformedError as error:
        return _formless(error)
    if (digest, signing) == (signer.digest, signer.signing):
        return None
    detail = "the signed attributes name other algorithms than the signature uses"
    expected = f"{digest.oid} and {signing.oid}"
    found = f"{signer.digest.oid} and {signer.signing.oid}"
    return Fault(_ATTRIBUTES, "ALGORITHM_MISMATCH", detail, expected, found, "RFC 6211 3")


def _tagged_algorithm(reader: DerReader) -> Algorithm:
    """Read an AlgorithmIdentifier under the implicit tag [1] that RFC 6211 gives it."""
    body = reader.element(der.CONTEXT_CONSTRUCTED + 1)
    return signer_info.read_algorithm(
        DerReader(bytes([der.SEQUENCE]) + body[1:], "the signed attributes")
    )


def check_signature(
    signer: SignerInfo, key: PublicKey, bound: Bound, limits: Limits
) -> str | Fault:
    """Return the name of the scheme under which the signature holds, or why it does not."""
    # 1. The algorithms are the ones that were signed, and those of the key.
    fault = _protection_fault(signer)
    if fault is not None:
        return fault
    fault = algorithm_fault(signer, key, bound.algorithm)
    if fault is not None:
        return fault
    # 2. The signature, over one of the spellings.
    for subject in bound.spellings:
        scheme = signature_scheme(signer, key, bound.algorithm, subject, limits)
        if scheme is None:
            detail = "the content itself is signed, and it is not at hand or too large"
            expected = "the bytes of the artifact"
            return Fault(STEP, "CONTENT_NEEDED", detail, expected, "none of them")
        if scheme:
            return _weak_key(key) if key.weakness else scheme
    detail = "the signature does not hold under the certificate that the signer names"
    expected = f"a signature by {key.fingerprint}"
    found = "a signature by another key, or over other bytes"
    return Fault(STEP, "SIGNATURE_INVALID", detail, expected, found, "RFC 5652 5.6")
