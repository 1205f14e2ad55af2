"""The ways from a certificate up to an anchor, counted before one of them is walked.

Certificates that vouch for one another make up more ways than anybody can try, and whoever holds
one authority below an anchor can have as many of them as evidence may bring. A way never comes back
to a name and a key that it went through (RFC 4158 section 2.4.2), the shortest ways come first, and
there are bounds to how many are tried and to how far they are looked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from typing import NamedTuple

from cryptography import x509

from verification.x509.certificates import certified_spki, is_issued_by

MAX_BETWEEN = 8  # certificates between the signer's and the anchor
MAX_WAYS = 16
MAX_STEPS = 128  # from one certificate to one that may have issued it

_Way = tuple[x509.Certificate, ...]
_Holders = dict[bytes, list[x509.Certificate]]  # the certificates of one name, by their key


class Ways(NamedTuple):
    """What lies between a certificate and the anchors; `is_cut_short` where there is more."""

    found: tuple[_Way, ...]
    is_cut_short: bool


def ways_up(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], tops: Container[x509.Name]
) -> Ways:
    """Return the ways through the others up to a certificate that one of these names issued.

    By names alone; by signatures where several keys go by one name.
    """
    named = _by_subject(others)
    waiting = deque[tuple[_Way, frozenset[tuple[x509.Name, bytes]]]]([((leaf,), frozenset())])
    found: list[_Way] = []
    steps = 0
    while waiting:
        way, passed = waiting.popleft()
        tip = way[-1]
        if tip.issuer in tops:
            found.append(way[1:])
        if len(found) > MAX_WAYS:
            return Ways(tuple(found[:MAX_WAYS]), is_cut_short=True)
        holders = named.get(tip.issuer, {}) if len(way) <= MAX_BETWEEN else {}
        for key, certificates in holders.items():
            if (tip.issuer, key) in passed:
                continue
            steps += len(certificates)
            if steps > MAX_STEPS:
                return Ways(tuple(found), is_cut_short=True)
            if len(holders) > 1 and not is_issued_by(tip, certificates[0]):
                continue
            through = passed | {(tip.issuer, key)}
            waiting.extend(((*way, each), through) for each in certificates)
    return Ways(tuple(found), is_cut_short=False)


def _by_subject(others: Sequence[x509.Certificate]) -> dict[x509.Name, _Holders]:
    named: dict[x509.Name, _Holders] = {}
    for each in dict.fromkeys(others):
        holders = named.setdefault(each.subject, {})
        holders.setdefault(certified_spki(each), []).append(each)
    return named
