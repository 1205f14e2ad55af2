"""Constraints on e-mail addresses in a subject, which the library leaves unread.

RFC 5280 section 4.2.1.10: where an authority above constrains rfc822Name, the constraint holds for
the emailAddress of a subject too. The library judges alternative names alone. Here every
emailAddress is judged, whatever alternative names stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

_MOST_HOST = 253  # letters (RFC 1035 section 2.3.4, less what is not written)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")  # `acme.example.` is nobody's, or another's


class _Subtrees(NamedTuple):
    """Constraints on addresses, so that each address is looked up and not compared with all."""

    mailboxes: frozenset[tuple[str, str]]
    hosts: frozenset[str]
    domains: frozenset[str]  # with the dot before them: every host below

    def hold(self, local: str, host: str) -> bool:
        """Say whether a mailbox is named, or all of its host, or every host below a domain."""
        if (local, host) in self.mailboxes or host in self.hosts:
            return True
        return any(host[at:] in self.domains for at, each in enumerate(host) if each == ".")


def refused_address(links: Sequence[x509.Certificate]) -> str:
    """Return the first address in a subject that an authority above it does not allow, or "".

    The links run from the leaf up to the anchor; the anchor's own constraints count too.
    """
    for place, issuer in enumerate(links):
        constraints = constraints_of(issuer)
        if constraints is None:
            continue
        below = (address for link in links[:place] for address in _addresses(link))
        refused = _refused(constraints, below)
        if refused:
            return refused
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


def _refused(constraints: x509.NameConstraints, addresses: Iterable[str]) -> str:
    permitted, excluded = (
        [each.value for each in subtrees or () if isinstance(each, x509.RFC822Name)]
        for subtrees in (constraints.permitted_subtrees, constraints.excluded_subtrees)
    )
    if not permitted and not excluded:
        return ""
    is_comparable = "" not in permitted and "" not in excluded
    within, without = _subtrees(permitted), _subtrees(excluded)
    for address in addresses:
        local, _, host = address.rpartition("@")
        host = host.lower()
        is_host = len(host) <= _MOST_HOST and _HOST.fullmatch(host)
        if not (is_comparable and local and is_host):
            return address or "(empty)"  # nothing that can be compared
        if without.hold(local, host) or (permitted and not within.hold(local, host)):
            return address
    return ""


def _subtrees(constraints: Iterable[str]) -> _Subtrees:
    mailboxes: set[tuple[str, str]] = set()
    hosts: set[str] = set()
    domains: set[str] = set()
    for constraint in constraints:
        mailbox, at, domain = constraint.rpartition("@")
        domain = domain.lower()
        if at:
            mailboxes.add((mailbox, domain))
        else:
            (domains if domain.startswith(".") else hosts).add(domain)
    return _Subtrees(frozenset(mailboxes), frozenset(hosts), frozenset(domains))
