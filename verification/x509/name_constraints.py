"""Constraints on e-mail addresses in a subject, which the library leaves unread.

RFC 5280 section 4.2.1.10: where an authority above constrains rfc822Name, the constraint holds for
the emailAddress of a subject too. The library judges alternative names alone. Here every
emailAddress is judged, whatever alternative names stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.x509.oid import NameOID


def refused_address(links: Sequence[x509.Certificate]) -> str:
    """Return the first address in a subject that an authority above it does not allow, or "".

    The links run from the leaf up to the anchor; the anchor's own constraints count too.
    """
    for place, below in enumerate(links):
        for address in _addresses(below):
            above = filter(None, map(constraints_of, links[place + 1 :]))
            if not all(_allows(constraints, address) for constraints in above):
                return address
    return ""


def constraints_of(issuer: x509.Certificate) -> x509.NameConstraints | None:
    """Return what an authority constrains of names below it, None where nothing."""
    try:
        return issuer.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def _addresses(certificate: x509.Certificate) -> list[str]:
    named = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    return [each.value if isinstance(each.value, str) else each.value.hex() for each in named]


def _allows(constraints: x509.NameConstraints, address: str) -> bool:
    permitted, excluded = (
        [each.value for each in subtrees or () if isinstance(each, x509.RFC822Name)]
        for subtrees in (constraints.permitted_subtrees, constraints.excluded_subtrees)
    )
    if not permitted and not excluded:
        return True
    local, _, host = address.rpartition("@")
    if not local or not host or "" in permitted or "" in excluded:
        return False  # nothing that can be compared
    if any(_within(local, host.lower(), each) for each in excluded):
        return False
    return not permitted or any(_within(local, host.lower(), each) for each in permitted)


def _within(local: str, host: str, constraint: str) -> bool:
    """Compare with a mailbox, with all of a host, or with every host below a domain (`.a.b`)."""
    mailbox, at, domain = constraint.rpartition("@")
    domain = domain.lower()
    if at:
        return (local, host) == (mailbox, domain)
    return host.endswith(domain) if domain.startswith(".") else host == domain
