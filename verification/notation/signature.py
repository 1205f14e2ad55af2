"""The signer of a Notary Project signature: its certificates, algorithm and signature.

Reference: "Signature Specification", sections "Signature Algorithm Requirements" and "Certificate
Requirements". Whom the chain leads to is asked elsewhere: what stands here holds for the chain in
the envelope alone. Stricter than the specification: critical extensions unknown to us are refused
when the chain is judged (RFC 5280 section 4.2).
"""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.naming import numbered
from core.text import display
from verification.fault import Fault
from verification.keys.public_key import STRONG_KEYS, PublicKey
from verification.notation.envelope import NotationEnvelope
from verification.x509.certificates import MAX_CERTIFICATES, certified_key, load_der
from verification.x509.usage import CODE_SIGNING, STRONG_HASH, is_weakly_signed

_REFERENCE = "Notary Project signature specification, certificate requirements"
_ALGORITHMS = "Notary Project signature specification, algorithm selection"
_HASHES: dict[str, HashAlgorithm] = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
_RSA = {2048: "PS256", 3072: "PS384", 4096: "PS512"}
_EC = {"secp256r1": ("ES256", 32), "secp384r1": ("ES384", 48), "secp521r1": ("ES512", 66)}
MAX_PURPOSES = 16
_FOREIGN = frozenset(
    {
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
    }
)
_SHOWN_NAME = 120

Chain = tuple[x509.Certificate, ...]


def read_chain(envelope: NotationEnvelope) -> Chain:
    """Read the certificates of the envelope; raise MalformedError."""
    count = len(envelope.certificates)
    if not 0 < count <= MAX_CERTIFICATES:
        raise MalformedError(f"{count} certificates, where 1 to {MAX_CERTIFICATES} may be")
    return tuple(load_der(encoded) for encoded in envelope.certificates)


def check_signer(envelope: NotationEnvelope, chain: Chain) -> PublicKey | Fault:
    """Check chain, algorithm and signature of an envelope, in this order; return the key."""
    fault = chain_fault(chain)
    if fault is not None:
        return fault
    try:
        key = certified_key(chain[0])
    except MalformedError as error:
        expected = "a certificate with a key that can be used"
        return Fault("certificate", "MALFORMED", str(error), expected, "another one", _ALGORITHMS)
    if key.weakness:
        step = "certificate strength"
        return Fault(step, "ALGORITHM_WEAK", key.weakness, STRONG_KEYS, key.algorithm, _ALGORITHMS)
    wanted = _algorithm(key)
    if envelope.algorithm != wanted:
        detail = "the header names another algorithm than the one of the certified key"
        expected = wanted or "an RSA key of 2048, 3072 or 4096 bits, or an EC key"
        found = f"{display(envelope.algorithm, 80)} with {key.algorithm}"
        return Fault("algorithm", "ALGORITHM_MISMATCH", detail, expected, found, _ALGORITHMS)
    if not _holds(key, wanted, envelope.signature, envelope.signed):
        detail = "the signature does not hold under the certificate's key"
        expected = f"a signature by {key.fingerprint}"
        found = "a signature by another key, or over other bytes"
        return Fault("signature", "SIGNATURE_INVALID", detail, expected, found)
    return key


def _algorithm(key: PublicKey) -> str:
    """Return the one algorithm that goes with a key; empty where none does."""
    if isinstance(key.material, rsa.RSAPublicKey):
        found = _RSA.get(key.material.key_size, "")
        hashed = _HASHES.get(found[2:])
        fits = key.pss is None or (
            hashed is not None and key.pss.allow(hashed.name, hashed.digest_size)
        )
        return found if fits else ""
    if isinstance(key.material, ec.EllipticCurvePublicKey):
        return _EC.get(key.material.curve.name, ("", 0))[0]
    return ""


def _holds(key: PublicKey, algorithm: str, signature: bytes, signed: bytes) -> bool:
    """Verify under RFC 7518 sections 3.4 (ECDSA as r and s) and 3.5 (PSS, salt as the digest)."""
    hashed = _HASHES[algorithm[2:]]
    try:
        if isinstance(key.material, rsa.RSAPublicKey):
            scheme = padding.PSS(padding.MGF1(hashed), padding.PSS.DIGEST_LENGTH)
            key.material.verify(signature, signed, scheme, hashed)
            return True
        if isinstance(key.material, ec.EllipticCurvePublicKey):
            size = _EC[key.material.curve.name][1]
            if len(signature) != 2 * size:
                return False
            r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
            key.material.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashed))
            return True
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return False


@lru_cache(maxsize=256)
def chain_fault(chain: Chain) -> Fault | None:
    """Check what the specification demands of the certificates in an envelope."""
    leaf, issuers = chain[0], chain[1:]
    wrong = _leaf_wrong(leaf)
    if wrong:
        expected = "keyUsage digitalSignature alone, no purpose but signing, no authority"
        detail = "the certificate was not issued for signing artifacts"
        return Fault("certificate usage", "CERT_USAGE", detail, expected, wrong, _REFERENCE)
    for passed, issuer in enumerate(issuers):
        wrong = _issuer_wrong(issuer, passed)
        if wrong:
            expected = "critical basicConstraints and keyUsage of an authority"
            detail = f"{_name(issuer)} in the chain may not issue certificates"
            return Fault("certificate usage", "CERT_USAGE", detail, expected, wrong, _REFERENCE)
    for link in chain:
        if is_weakly_signed(link):
            detail = "a certificate of the chain is signed with a hash that can be forged"
            found = link.signature_algorithm_oid.dotted_string
            return Fault(
                "certificate strength", "ALGORITHM_WEAK", detail, STRONG_HASH, found, _REFERENCE
            )
    return _order_fault(chain)


def _order_fault(chain: Chain) -> Fault | None:
    """Check that each certificate issued the one before it, and the last one itself."""
    if len(set(chain)) != len(chain):
        detail = "a certificate stands twice in the envelope"
        expected, found = "every certificate of the chain once", numbered(len(chain), "certificate")
        return Fault("certificate chain", "MALFORMED", detail, expected, found, _REFERENCE)
    for link, issuer in zip(chain, (*chain[1:], chain[-1]), strict=True):
        try:
            link.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            detail = "the certificates in the envelope are no chain from signer to root, in order"
            expected = f"the certificate that issued {_name(link)}"
            found = _name(issuer) if issuer != link else "the end of the chain"
            return Fault("certificate chain", "MALFORMED", detail, expected, found, _REFERENCE)
    return None


def _leaf_wrong(leaf: x509.Certificate) -> str:
    """Return what keeps a certificate from signing artifacts, or an empty string."""
    found = {extension.oid: extension for extension in leaf.extensions}
    basic = found.get(x509.BasicConstraints.oid)
    if basic is not None and isinstance(basic.value, x509.BasicConstraints) and basic.value.ca:
        return "basicConstraints of an authority"
    usage = found.get(x509.KeyUsage.oid)
    if usage is None or not isinstance(usage.value, x509.KeyUsage):
        return "no keyUsage"
    if not usage.critical:
        return "a keyUsage that is not critical"
    if not usage.value.digital_signature:
        return "keyUsage without digitalSignature"
    if _does_more(usage.value):
        return "a keyUsage for more than signatures"
    purposes = found.get(x509.ExtendedKeyUsage.oid)
    if purposes is not None and isinstance(purposes.value, x509.ExtendedKeyUsage):
        foreign = sorted(oid.dotted_string for oid in _FOREIGN & set(purposes.value))
        return f"extendedKeyUsage {', '.join(foreign)}" if foreign else ""
    return ""


def purposes(leaf: x509.Certificate) -> tuple[x509.ObjectIdentifier, ...]:
    """Return what a signer's certificate may be for: any purpose that is none of the foreign ones.

    The specification lets it state codeSigning and does not demand it. A path is sought for each,
    so no more than MAX_PURPOSES are returned, codeSigning first.
    """
    try:
        stated = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return CODE_SIGNING
    first = (*(each for each in CODE_SIGNING if each in stated), *stated)
    return tuple(dict.fromkeys(first))[:MAX_PURPOSES]


def _does_more(usage: x509.KeyUsage) -> bool:
    more = usage.key_encipherment or usage.data_encipherment or usage.key_agreement
    return more or usage.key_cert_sign or usage.crl_sign


def _issuer_wrong(issuer: x509.Certificate, passed: int) -> str:
    """Return what keeps a certificate from issuing, `passed` authorities below it, or ""."""
    found = {extension.oid: extension for extension in issuer.extensions}
    basic = found.get(x509.BasicConstraints.oid)
    if basic is None or not isinstance(basic.value, x509.BasicConstraints) or not basic.value.ca:
        return "no basicConstraints of an authority"
    if not basic.critical:
        return "basicConstraints that are not critical"
    most = basic.value.path_length
    if most is not None and passed > most:
        return f"{numbered(passed, 'authority', 'authorities')} below it, where it allows {most}"
    usage = found.get(x509.KeyUsage.oid)
    if usage is None or not isinstance(usage.value, x509.KeyUsage) or not usage.critical:
        return "no critical keyUsage"
    return "" if usage.value.key_cert_sign else "keyUsage without keyCertSign"


def _name(certificate: x509.Certificate) -> str:
    return display(certificate.subject.rfc4514_string() or "(no name)", _SHOWN_NAME)
