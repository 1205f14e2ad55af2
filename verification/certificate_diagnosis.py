"""Say which link is missing where a signer's certificate leads to no authority that was given.

The library answers that there is no path, in words about its own search. Here the certificates at
hand are walked from the signer's upwards, by name and signature, until a link is missing or breaks
a rule. Nothing said here decides anything: the library's no is final.

References: RFC 5280 sections 4.2.1.3 (keyUsage), 4.2.1.9 (basicConstraints), 4.2.1.10 (names), 6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from core.text import display
from verification.certificates import issuer_name

_SHOWN_NAME = 120
_SHOWN_ANCHORS = 4
_MOST_LINKS = 10


class Gap(NamedTuple):
    """The first link that does not hold."""

    detail: str
    expected: str
    found: str


def missing_link(
    certificates: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> Gap:
    """Return where the way from the first certificate up to one of the anchors ends, and why."""
    if not anchors:
        return Gap(
            "no authority of the trust given counts at this time",
            "an authority inside the window its trust entry sets",
            "none",
        )
    link, passed = certificates[0], 0
    for _ in range(_MOST_LINKS):
        named = [one for one in (*anchors, *certificates[1:]) if one.subject == link.issuer]
        issuers = [one for one in named if _issued(one, link)]
        if not issuers:
            return _no_issuer(link, named, anchors)
        issuer = issuers[0]
        broken = _broken_rule(issuer, passed)
        if broken:
            return Gap(f"{_name(issuer)} may not issue {_name(link)}: {broken}", _wanted(anchors),
                       f"issued by {_name(issuer)}")  # fmt: skip
        if issuer in anchors:
            break
        passed += link.subject != link.issuer
        link = issuer
    detail = "the certificates lead to a given authority, but the chain breaks a rule for chains"
    found = f"{_name(certificates[0])}, issued by {display(issuer_name(certificates[0]), 120)}"
    return Gap(f"{detail} (names, length or algorithms)", _wanted(anchors), found)


def _no_issuer(
    link: x509.Certificate, named: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> Gap:
    issuer = display(issuer_name(link), _SHOWN_NAME)
    if link.issuer == link.subject and not named:
        detail = f"{_name(link)} vouches for itself, and is no authority that was given"
        return Gap(detail, _wanted(anchors), f"self-issued by {issuer}")
    if named:
        detail = f"a certificate named {issuer} is at hand, but its key did not issue {_name(link)}"
        return Gap(detail, _wanted(anchors), f"issued by another key under the name {issuer}")
    detail = f"the certificate of {issuer}, which issued {_name(link)}, is not at hand: neither"
    detail += " among the authorities given nor beside the signature"
    return Gap(detail, _wanted(anchors), f"issued by {issuer}")


def _issued(issuer: x509.Certificate, link: x509.Certificate) -> bool:
    try:
        link.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _broken_rule(issuer: x509.Certificate, passed: int) -> str:
    """Return the rule for issuers that a certificate breaks, `passed` others below it, or ""."""
    if isinstance(issuer.public_key(), ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "authorities with Ed25519 and Ed448 keys are not supported"
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "it does not say that it is an authority (basicConstraints)"
    if not basic.ca:
        return "it says that it is no authority (basicConstraints)"
    if basic.path_length is not None and passed > basic.path_length:
        return f"it allows {basic.path_length} authorities below it (pathLenConstraint)"
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    return "" if usage.key_cert_sign else "its key may not sign certificates (keyUsage)"


def _wanted(anchors: Sequence[x509.Certificate]) -> str:
    names = list(dict.fromkeys(_name(one) for one in anchors))
    more = f" and {len(names) - _SHOWN_ANCHORS} more" if len(names) > _SHOWN_ANCHORS else ""
    return "a chain to a given authority: " + "; ".join(names[:_SHOWN_ANCHORS]) + more


def _name(certificate: x509.Certificate) -> str:
    return display(certificate.subject.rfc4514_string() or "(no name)", _SHOWN_NAME)
