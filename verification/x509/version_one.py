"""Certificates of X.509 version 1, as `openssl x509 -req` made them, which the library reads not.

They have no extensions, so there is little to be asked of them (RFC 5280 section 4.1.2.1: readers
should accept any version; section 6.1.4 (k): one that may issue others has to say so, in version
3). Judged are those that an anchor issued itself and that were given themselves. What lies between
others and an anchor, and anchors that constrain names or demand a policy, are left to the library,
and so is one that has extensions all the same: section 4.1.2.9 lets it not.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from core.errors import MalformedError
from verification.x509.anchors import Anchors, by_subject
from verification.x509.certificates import certified_key, is_issued_by
from verification.x509.name_constraints import constraints_of
from verification.x509.usage import demands_policy, is_weakly_signed, may_issue


def is_plain(certificate: x509.Certificate) -> bool:
    """Say whether it is of version 1."""
    return certificate.version is x509.Version.v1


def plain_links(leaf: x509.Certificate, anchors: Anchors) -> Iterator[tuple[x509.Certificate, ...]]:
    """Yield the links, leaf first and anchor last, of a certificate of version 1."""
    if leaf in anchors.certificates:
        yield (leaf,)
    if is_weakly_signed(leaf) or len(leaf.extensions):
        return
    for issuer in by_subject(anchors).get(leaf.issuer, ()):
        if _may_vouch(issuer) and is_issued_by(leaf, issuer):
            yield (leaf, issuer)


def _may_vouch(issuer: x509.Certificate) -> bool:
    if constraints_of(issuer) is not None:
        return False
    return may_issue(issuer) and not demands_policy(issuer) and _is_strong(issuer)


def _is_strong(issuer: x509.Certificate) -> bool:
    try:
        return not certified_key(issuer).weakness
    except MalformedError:
        return False
