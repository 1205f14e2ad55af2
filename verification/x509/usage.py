"""What a certificate is for, and how strong it is: asked of the certificate alone.

References: RFC 5280 sections 4.2 (critical extensions), 4.2.1.3, 4.2.1.9 and 4.2.1.12.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from verification.fault import Fault
from verification.keys.public_key import STRONG_HASHES, STRONG_KEYS, PublicKey

STRONG_HASH = "signed with SHA-256 or better"

_CRITICAL = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
    }
)
CODE_SIGNING = (ExtendedKeyUsageOID.CODE_SIGNING,)
CONTENT_SIGNING = (
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.CODE_SIGNING,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # RFC 9336: signing documents
    x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),  # Microsoft: signing documents
)
LIFETIME_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.13")
_PURPOSES = {
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
}


def unknown_critical(certificate: x509.Certificate) -> str:
    """Return the first critical extension that we do not know, or an empty string."""
    unknown = (each.oid for each in certificate.extensions if is_unknown_critical(each))
    return next((oid.dotted_string for oid in unknown), "")


def is_unknown_critical(extension: x509.Extension[x509.ExtensionType]) -> bool:
    """Say whether an extension has to be understood and is not."""
    return extension.critical and extension.oid not in _CRITICAL


def demands_policy(certificate: x509.Certificate) -> bool:
    """Say whether it demands a policy of the chain (RFC 5280 section 4.2.1.11), critical or not."""
    try:
        stated = certificate.extensions.get_extension_for_class(x509.PolicyConstraints).value
    except x509.ExtensionNotFound:
        return False
    return stated.require_explicit_policy is not None


def usage_fault(
    leaf: x509.Certificate, purposes: tuple[x509.ObjectIdentifier, ...]
) -> Fault | None:
    """Check RFC 5280 sections 4.2 (critical extensions), 4.2.1.3 and 4.2.1.12."""
    unknown = unknown_critical(leaf)
    if unknown:
        detail = f"the critical extension {unknown} is unknown to us"
        step, expected = "certificate extensions", "critical extensions that are known"
        return Fault(step, "CERT_USAGE", detail, expected, unknown, "RFC 5280 4.2")
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.KeyUsage) and not _may_sign(extension.value, purposes):
            return Fault(
                "certificate usage",
                "CERT_USAGE",
                "the certificate's key may not make signatures",
                expected="keyUsage digitalSignature",
                found="keyUsage without it",
                reference="RFC 5280 4.2.1.3",
            )
        if isinstance(extension.value, x509.ExtendedKeyUsage):
            stated = set(extension.value)
            if not stated & {*purposes, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}:
                names = " or ".join(_PURPOSES.get(each, each.dotted_string) for each in purposes)
                use = "signing code" if purposes == CODE_SIGNING else "signing this"
                return Fault(
                    "certificate usage",
                    "CERT_USAGE",
                    f"the certificate was issued for other purposes than {use}",
                    expected=f"extendedKeyUsage {names}",
                    found=", ".join(sorted(oid.dotted_string for oid in stated)),
                    reference="RFC 5280 4.2.1.12",
                )
    return None


def _may_sign(usage: x509.KeyUsage, purposes: tuple[x509.ObjectIdentifier, ...]) -> bool:
    """Say whether the key may sign: software by digitalSignature alone, documents by either bit."""
    return usage.digital_signature or (usage.content_commitment and purposes != CODE_SIGNING)


def ends_with_its_life(leaf: x509.Certificate) -> bool:
    """Say whether what it signed ends with it, whatever time is proved (Microsoft's purpose)."""
    try:
        stated = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return LIFETIME_SIGNING in stated


def purposes_of(
    leaf: x509.Certificate, purposes: tuple[x509.ObjectIdentifier, ...]
) -> tuple[x509.ObjectIdentifier, ...]:
    """Return those of the purposes that the leaf may serve; authorities above must allow one."""
    try:
        stated = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return purposes
    if ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in stated:
        return purposes
    return tuple(each for each in purposes if each in stated) or purposes


def strength_fault(leaf: x509.Certificate, key: PublicKey) -> Fault | None:
    """Check that key and signature of a certificate are of strong algorithms."""
    if key.weakness:
        step = "certificate strength"
        return Fault(step, "ALGORITHM_WEAK", key.weakness, STRONG_KEYS, key.algorithm)
    if is_weakly_signed(leaf):
        oid = leaf.signature_algorithm_oid.dotted_string
        detail = "the certificate is signed with a hash that can be forged"
        return Fault("certificate strength", "ALGORITHM_WEAK", detail, STRONG_HASH, oid)
    return None


def is_weakly_signed(certificate: x509.Certificate) -> bool:
    """Say whether a certificate's own signature is of a hash that can be forged, or unknown."""
    try:
        hashed = certificate.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):  # the latter of parameters that are none
        return True
    return hashed is not None and hashed.name not in STRONG_HASHES


def is_issuer(certificate: x509.Certificate) -> bool:
    """Say whether basicConstraints makes the certificate an authority."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def may_issue(certificate: x509.Certificate) -> bool:
    """Say whether the certificate can issue others at all (RFC 5280 section 4.2.1.3).

    An authority by basicConstraints whose keyUsage leaves out keyCertSign can not: there are
    signers' certificates of that kind, made by hand.
    """
    if not is_issuer(certificate):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign
