"""Say which link is missing where a signer's certificate leads to no authority that was given.

The library answers that there is no path, in words about its own search. Here the certificates at
hand are walked from the signer's upwards, by name and signature, until a link is missing or breaks
a rule. Nothing said here decides anything: the library's no is final.

References: RFC 5280 sections 4.2.1.3 (keyUsage), 4.2.1.9 (basicConstraints), 4.2.1.10 (names), 6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from cryptography.x509.oid import ExtensionOID, PublicKeyAlgorithmOID, SignatureAlgorithmOID

from core.naming import numbered
from core.text import display
from verification.readers import der
from verification.readers.der import DerReader
from verification.x509.certificates import certified_spki, is_issued_by, issuer_name
from verification.x509.name_constraints import constraints_of, refused_address
from verification.x509.usage import demands_policy
from verification.x509.version_one import is_plain

_SHOWN_NAME = 120
_SHOWN_ANCHORS = 4
_MOST_LINKS = 10
_MOST_TRIED = 8  # signatures checked on the way, whatever came along
_SIGN_BIT, _MOST_NUMBER_BYTES = 0x80, 21  # of which the first may be zero
_LONG_YEARS = 2050
_MAPPINGS = ExtensionOID.POLICY_MAPPINGS
# RSASSA-PSS as the library reads it: one hash throughout, NULL behind it, a salt of its length.
# Left out, as OpenSSL leaves it out, NULL means the same (RFC 4055 section 2.1).
_READ_PSS = frozenset(
    bytes.fromhex(
        f"304106092a864886f70d01010a3034a00f300d06096086480165030402{last}0500"
        f"a11c301a06092a864886f70d010108300d06096086480165030402{last}0500a2030201{salt}"
    )
    for last, salt in (("01", "20"), ("02", "30"), ("03", "40"))
)
_JUDGED = (x509.DNSName, x509.IPAddress, x509.RFC822Name)


class Gap(NamedTuple):
    """The first link that does not hold, or what no judgement is possible of."""

    detail: str
    expected: str
    found: str
    reason: str = "CERT_UNTRUSTED"


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
    walked, budget = [certificates[0]], iter(range(_MOST_TRIED))
    for _ in range(_MOST_LINKS):
        link = walked[-1]
        named = [one for one in (*anchors, *certificates[1:]) if one.subject == link.issuer]
        named = [one for one in named if not _is_back(one, walked)]
        tried = (one for _, one in zip(budget, named, strict=False))
        issuer = next((one for one in tried if is_issued_by(link, one)), None)
        if issuer is None:
            return _no_issuer(link, named, anchors)
        passed = sum(one.subject != one.issuer for one in walked[1:])
        broken = "" if _is_anchor_without_version(issuer, anchors) else _broken_rule(issuer, passed)
        if broken:
            return Gap(f"{_name(issuer)} may not issue {_name(link)}: {broken}", _wanted(anchors),
                       f"issued by {_name(issuer)}")  # fmt: skip
        walked.append(issuer)
        if issuer in anchors:
            return _broken_way(walked, anchors)
    return _lost(walked, anchors)


def named_between(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
) -> list[x509.Certificate]:
    """Return the others that lie between the leaf and an anchor by their names alone.

    What came along for something else, such as the authorities of a timestamp, is not among them.
    """
    above, below = {leaf.issuer}, {anchor.subject for anchor in anchors}
    for _ in range(_MOST_LINKS):
        above |= {each.issuer for each in others if each.subject in above}
        below |= {each.subject for each in others if each.issuer in below}
    return [each for each in others if each.subject in above and each.issuer in below]


def _is_back(issuer: x509.Certificate, walked: Sequence[x509.Certificate]) -> bool:
    """Say whether a way comes back to a name and a key that it went through."""
    return any(
        issuer.subject == one.subject and certified_spki(issuer) == certified_spki(one)
        for one in walked[1:]
    )


def _broken_way(walked: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> Gap:
    """Say what the library had against a way that leads up to an anchor."""
    unjudged = _unjudged(walked)
    if unjudged:
        detail = f"the certificates lead to a given authority, but {unjudged}: not supported"
        expected = "a chain of which all can be judged"
        return Gap(detail, expected, unjudged, "FORMAT_UNSUPPORTED")
    address = refused_address(walked)
    if address:
        detail = "the certificates lead to a given authority, but one above the signer may not"
        detail += " vouch for an address in the subject (nameConstraints)"
        return Gap(detail, _wanted(anchors), f"the address {display(address, _SHOWN_NAME)}")
    begins = max(one.not_valid_before_utc for one in walked)
    ends = min(one.not_valid_after_utc for one in walked)
    if begins > ends:
        detail = "the certificates lead to a given authority, but are never valid all at once"
        found = f"one ends {ends.isoformat()}, another begins {begins.isoformat()}"
        return Gap(detail, _wanted(anchors), found)
    return _lost(walked, anchors)


def _lost(walked: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]) -> Gap:
    detail = "the certificates lead to a given authority, but the chain breaks a rule for chains"
    signer = walked[0]
    found = f"{_name(signer)}, issued by {display(issuer_name(signer), _SHOWN_NAME)}"
    return Gap(f"{detail} (names, length or algorithms)", _wanted(anchors), found)


def _unjudged(walked: Sequence[x509.Certificate]) -> str:
    """Return what of a whole way the library cannot judge, or an empty string."""
    for link in walked:
        if demands_policy(link):
            return f"{_name(link)} demands a policy (requireExplicitPolicy)"
        if any(each.critical and each.oid == _MAPPINGS for each in link.extensions):
            return f"{_name(link)} maps policies, critical (policyMappings)"
        odd = _odd_fields(link)
        if odd:
            return f"{_name(link)} has {odd}"
    renewed = next((one for one in walked[1:-1] if one.subject == one.issuer), None)
    if renewed is not None and any(_path_length(one) is not None for one in walked):
        return f"{_name(renewed)} issued itself anew below a path length (pathLenConstraint)"
    read_otherwise = _unjudged_plain(walked) or _unjudged_pss(walked)
    if read_otherwise:
        return read_otherwise
    for issuer in walked[1:]:
        if isinstance(issuer.public_key(), ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            return f"{_name(issuer)} is an authority with an Ed25519 or Ed448 key"
        kinds = _unjudged_names(issuer)
        if kinds:
            return f"{_name(issuer)} constrains names of the kind {kinds} (nameConstraints)"
    return ""


def _unjudged_plain(walked: Sequence[x509.Certificate]) -> str:
    """Return what is not judged of certificates of version 1, or an empty string."""
    signer, *above = walked
    plain = next(filter(is_plain, above if len(above) == 1 else walked), None)
    if plain is not None:
        return f"{_name(plain)} is of X.509 version 1, and no signer right below an anchor"
    if is_plain(signer) and constraints_of(above[0]) is not None:
        return f"{_name(signer)} is of X.509 version 1, and {_name(above[0])} constrains names"
    return ""


def _odd_fields(certificate: x509.Certificate) -> str:
    """Return what stands in a form that the library refuses and readers have to cope with."""
    signed = DerReader(certificate.tbs_certificate_bytes, "the certificate").inside(der.SEQUENCE)
    if signed.tag == der.CONTEXT_CONSTRUCTED:
        signed.element()  # the version
    number = signed.octets(der.INTEGER)
    if number[0] & _SIGN_BIT or len(number) > _MOST_NUMBER_BYTES:
        return "a serial number below zero, or of more than 20 bytes"  # RFC 5280 section 4.1.2.2
    if is_plain(certificate) and len(certificate.extensions):
        return "extensions, which X.509 version 1 has not"  # RFC 5280 section 4.1.2.9
    signed.element()  # the signature's algorithm
    signed.element()  # the issuer
    life = signed.inside(der.SEQUENCE)
    for time in (certificate.not_valid_before_utc, certificate.not_valid_after_utc):
        if life.tag == der.GENERALIZED_TIME and time.year < _LONG_YEARS:
            return "a time before 2050 as GeneralizedTime"  # RFC 5280 section 4.1.2.5
        life.element()
    return ""


def _unjudged_pss(walked: Sequence[x509.Certificate]) -> str:
    """Return what is not judged of RSASSA-PSS in the links below an anchor, or an empty string."""
    for link, issuer in pairwise(walked):
        if issuer.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
            return f"{_name(issuer)} is an authority with a key for RSASSA-PSS alone"
        is_pss = link.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS
        if is_pss and not any(form in link.tbs_certificate_bytes for form in _READ_PSS):
            return f"{_name(link)} is signed with RSASSA-PSS in a form that is not read"
    return ""


def _path_length(issuer: x509.Certificate) -> int | None:
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None
    return basic.path_length


def _unjudged_names(issuer: x509.Certificate) -> str:
    try:
        stated = issuer.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return ""
    subtrees = (*(stated.permitted_subtrees or ()), *(stated.excluded_subtrees or ()))
    foreign = {type(each).__name__ for each in subtrees if not isinstance(each, _JUDGED)}
    return ", ".join(sorted(foreign))


def _is_anchor_without_version(
    issuer: x509.Certificate, anchors: Sequence[x509.Certificate]
) -> bool:
    """Say whether the trust itself makes it an authority: version 1 has no extensions to say so.

    RFC 5280 section 6.1.1 (d): what an anchor's certificate says is not asked.
    """
    return issuer.version is x509.Version.v1 and issuer in anchors


def _no_issuer(
    link: x509.Certificate, named: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> Gap:
    issuer = display(issuer_name(link), _SHOWN_NAME)
    if link.issuer == link.subject and not named:
        detail = f"{_name(link)} vouches for itself, and is no authority that was given"
        return Gap(detail, _wanted(anchors), f"self-issued by {issuer}")
    if len(named) > 1:
        detail = f"certificates named {issuer} are at hand, but none was found to have issued"
        return Gap(f"{detail} {_name(link)}", _wanted(anchors), f"{len(named)} named {issuer}")
    if named:
        detail = f"a certificate named {issuer} is at hand, but its key did not issue {_name(link)}"
        return Gap(detail, _wanted(anchors), f"issued by another key under the name {issuer}")
    detail = f"the certificate of {issuer}, which issued {_name(link)}, is not at hand: neither"
    detail += " among the authorities given nor beside the signature"
    return Gap(detail, _wanted(anchors), f"issued by {issuer}")


def _broken_rule(issuer: x509.Certificate, passed: int) -> str:
    """Return the rule for issuers that a certificate breaks, `passed` others below it, or ""."""
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "it does not say that it is an authority (basicConstraints)"
    if not basic.ca:
        return "it says that it is no authority (basicConstraints)"
    if basic.path_length is not None and passed > basic.path_length:
        most = numbered(basic.path_length, "authority", "authorities")
        return f"it allows {most} below it (pathLenConstraint)"
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
