"""Paths from a signer's certificate up to an anchor at one time, each searched for once.

RFC 5280 section 6.1 (signatures, validity, basicConstraints, path length, name constraints,
critical extensions) is the library's, but for what it leaves unread: e-mail addresses in subjects,
and demands for a policy. Building its store and checking a chain's signatures is most of the cost
of a verification, so a path that was found is kept, with the window in which all of its
certificates are valid: inside it nothing of the answer depends on the time.

The library tries every way between the certificates it is given, and evidence may bring dozens
that vouch for one another. It is given one way after the other, made of those alone that lead up
to an anchor and are valid then, and no more of them than `ways_up` finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.frozen import dataclass
from verification.x509.anchors import Anchors, by_subject, stand_ins
from verification.x509.certificates import certified_spki, is_issued_by
from verification.x509.direct import direct_links
from verification.x509.name_constraints import refused_address
from verification.x509.usage import is_issuer
from verification.x509.version_one import is_plain, plain_links
from verification.x509.ways import MAX_BETWEEN, Ways, ways_up

MAX_CHAIN = MAX_BETWEEN
MAX_TRIED = 64  # signatures by others, to learn which of them lead up
SECOND = timedelta(seconds=1)  # notAfter is a closed bound in whole seconds
_KEPT = 256


@dataclass(frozen=True, slots=True)
class CertificatePath:
    """A path, leaf first and anchor last; all of it is valid from `begins` until before `ends`.

    `namesakes` are other certificates at hand that certify further keys of the same authorities,
    `above` the anchors that issued the last link and one another.
    """

    links: tuple[x509.Certificate, ...]
    begins: datetime
    ends: datetime
    namesakes: tuple[x509.Certificate, ...] = ()
    above: tuple[x509.Certificate, ...] = ()

    @property
    def lineage(self) -> tuple[x509.Certificate, ...]:
        """All that may have been withdrawn, each before who issued it: an anchor by another."""
        return (*self.links, *self.above)


def find_path(
    leaf: x509.Certificate,
    others: tuple[x509.Certificate, ...],
    anchors: Anchors,
    purpose: x509.ObjectIdentifier,
    at: datetime,
) -> CertificatePath | None:
    """Return a path from the leaf through some of the others to an anchor, None where none is.

    Every certificate of it is valid `at` that time, and none but the anchor limits the keys below
    it to purposes other than this one.
    """
    if not anchors.certificates:
        return None
    known = _found(leaf, others, anchors, purpose)
    for one in known:
        if one.begins <= at < one.ends:
            return one
    anchored = leading_up(others, anchors)
    has_strangers = len(anchored) < len(others)
    if has_strangers and not _may_be_issued(leaf, anchored, anchors):
        return None
    path = _search(leaf, anchored, anchors, purpose, at)
    if path is None:
        return None
    namesakes, above = _namesakes(path.links, anchored), _above(path.links[-1], anchors)
    path = replace(path, namesakes=namesakes, above=above) if namesakes or above else path
    if len(known) < MAX_CHAIN:
        known.append(path)
    return path


def _namesakes(
    links: tuple[x509.Certificate, ...], others: tuple[x509.Certificate, ...]
) -> tuple[x509.Certificate, ...]:
    """Return the certificates of further keys of authorities in a path, under the same anchor.

    When they are valid is not asked: a key signs lists after its certificates were renewed, too.
    """
    names = {each.subject for each in links[1:]}
    beside = {certified_spki(each) for each in others if each.subject in names}
    if not beside or beside <= {certified_spki(each) for each in links}:
        return ()
    led = leading_up(others, Anchors.of(links[-1:]))
    return tuple(each for each in led if each.subject in names)


def _above(top: x509.Certificate, anchors: Anchors) -> tuple[x509.Certificate, ...]:
    """Return the anchor that issued this one, and so on upwards."""
    found = [top]
    for tip in found:  # grows while it is walked
        named = by_subject(anchors).get(tip.issuer, ()) if len(found) <= MAX_CHAIN else ()
        fresh = (each for each in named if each not in found and is_issued_by(tip, each))
        found += islice(fresh, 1)
    return tuple(found[1:])


@lru_cache(maxsize=_KEPT)
def _found(
    _leaf: x509.Certificate,
    _others: tuple[x509.Certificate, ...],
    _anchors: Anchors,
    _purpose: x509.ObjectIdentifier,
) -> list[CertificatePath]:
    """Return the list in which the paths between these are kept."""
    return []


def _may_be_issued(
    leaf: x509.Certificate, anchored: tuple[x509.Certificate, ...], anchors: Anchors
) -> bool:
    """Say whether a search is worth it: an issuer of that name leads up, or it is an anchor."""
    if leaf.issuer in by_subject(anchors) or leaf in anchors.certificates:
        return True
    return any(issuer.subject == leaf.issuer for issuer in anchored)


def leading_up(
    others: tuple[x509.Certificate, ...], anchors: Anchors
) -> tuple[x509.Certificate, ...]:
    """Return those of the certificates that lead up to an anchor and are none, by name and key.

    From the anchors downwards: a stranger's certificate is tried under the few authorities of its
    name that lead up themselves, and never under another stranger's.
    """
    return _led(others, anchors)[0]


@lru_cache(maxsize=_KEPT)
def _led(
    others: tuple[x509.Certificate, ...], anchors: Anchors
) -> tuple[tuple[x509.Certificate, ...], bool]:
    """Return those that lead up, and whether the search for them was cut short."""
    given, ends = by_subject(anchors), frozenset(anchors.certificates)
    waiting = _by_issuer(each for each in dict.fromkeys(others) if each not in ends)
    tops = [anchor for name in waiting for anchor in given.get(name, ())]
    issuers, most = list(tops), max(MAX_TRIED, 2 * len(others))
    found: set[x509.Certificate] = set()
    tried = 0
    for place, issuer in enumerate(issuers):  # grows while it is walked
        below = [each for each in waiting.get(issuer.subject, ()) if each not in found]
        if place >= len(tops):  # how many of those given share a name is not up to evidence
            tried += len(below)
        if tried > most:
            break
        led = [each for each in below if is_issued_by(each, issuer)]
        found.update(led)
        issuers += filter(is_issuer, led)
    return tuple(each for each in dict.fromkeys(others) if each in found), tried > most


def _by_issuer(
    certificates: Iterable[x509.Certificate],
) -> dict[x509.Name, list[x509.Certificate]]:
    found: dict[x509.Name, list[x509.Certificate]] = {}
    for each in certificates:
        found.setdefault(each.issuer, []).append(each)
    return found


@lru_cache(maxsize=_KEPT)
def _builder(anchors: Anchors) -> verification.PolicyBuilder:
    """Return all that paths to these anchors are asked for, but the time."""
    return (
        verification.PolicyBuilder()
        .store(verification.Store(list(stand_ins(anchors))))
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=_ISSUERS, ee_policy=_SIGNERS)
    )


def _search(
    leaf: x509.Certificate,
    others: tuple[x509.Certificate, ...],
    anchors: Anchors,
    purpose: x509.ObjectIdentifier,
    at: datetime,
) -> CertificatePath | None:
    if is_plain(leaf):
        paths = (_path(links, at) for links in plain_links(leaf, anchors))
        return next(filter(None, paths), None)
    links = direct_links(leaf, anchors)
    direct = _path(links, at) if links is not None else None
    if direct is not None:
        return direct
    verifier = _builder(anchors).time(at).build_client_verifier()
    for way in _ways(leaf, others, anchors, purpose, at).found:
        path = _walk(verifier, leaf, way, stand_ins(anchors), at)
        if path is not None:
            return path
    return None


def _ways(
    leaf: x509.Certificate,
    others: tuple[x509.Certificate, ...],
    anchors: Anchors,
    purpose: x509.ObjectIdentifier,
    at: datetime,
) -> Ways:
    """Return the ways worth walking at that time, through others that lead up."""
    if leaf in anchors.certificates:
        return Ways(((),), is_cut_short=False)
    fit = [each for each in others if _may_lead_to(each, purpose)]
    if len({each.subject for each in fit}) == len(fit):
        return Ways((tuple(fit),), is_cut_short=False)  # one issuer at most for each: no maze
    given = anchors.certificates
    fit = [each for each in fit if is_valid_at(each, at) and each not in given]
    return ways_up(leaf, fit, by_subject(anchors))


def has_more_ways(
    leaf: x509.Certificate,
    others: tuple[x509.Certificate, ...],
    anchors: Anchors,
    purpose: x509.ObjectIdentifier,
    at: datetime,
) -> bool:
    """Say whether there are more ways up than `find_path` tries."""
    anchored, is_cut_short = _led(others, anchors)
    return is_cut_short or _ways(leaf, anchored, anchors, purpose, at).is_cut_short


def depends_on_time(
    leaf: x509.Certificate, others: tuple[x509.Certificate, ...], anchors: Anchors, at: datetime
) -> bool:
    """Say whether some certificate that a path may go through is not valid at this time."""
    below = (leaf, *leading_up(others, anchors))
    given = by_subject(anchors)
    tops = [anchor for name in {each.issuer for each in below} for anchor in given.get(name, ())]
    return not all(is_valid_at(each, at) for each in (*below, *tops))


def is_valid_at(certificate: x509.Certificate, at: datetime) -> bool:
    """Say whether a time lies in a certificate's life, whose end is a whole second."""
    return certificate.not_valid_before_utc <= at < _first_end([certificate])


def _walk(
    verifier: verification.ClientVerifier,
    leaf: x509.Certificate,
    way: tuple[x509.Certificate, ...],
    given: Mapping[x509.Certificate, x509.Certificate],
    at: datetime,
) -> CertificatePath | None:
    try:
        *below, top = verifier.verify(leaf, list(way)).chain
    except (verification.VerificationError, ValueError, OverflowError):
        return None
    links = (*below, given.get(top, top))
    if links[0] != leaf:
        return None  # what stands in for an anchor is nobody's certificate: anybody can make it
    if refused_address(links):
        return None
    return _path(links, at)


def _path(links: tuple[x509.Certificate, ...], at: datetime) -> CertificatePath | None:
    """Return the path of these links, None where one of them is not valid at that time."""
    begins, ends = max(link.not_valid_before_utc for link in links), _first_end(links)
    return CertificatePath(links, begins, ends) if begins <= at < ends else None


def _first_end(links: Iterable[x509.Certificate]) -> datetime:
    """Return the first instant at which one of the certificates is valid no more."""
    last = min(link.not_valid_after_utc for link in links)
    try:
        return last + SECOND
    except OverflowError:  # the year 9999: RFC 5280 section 4.1.2.5, no well-defined end
        return last


def _may_lead_to(issuer: x509.Certificate, purpose: x509.ObjectIdentifier) -> bool:
    """Say whether keys below this certificate may have that purpose."""
    try:
        stated = issuer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return purpose in stated or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in stated


def _may_issue(
    _policy: verification.Policy, _certificate: x509.Certificate, basic: x509.BasicConstraints
) -> None:
    if not basic.ca:
        raise ValueError("basicConstraints does not make this certificate an authority")


def _may_sign_certificates(
    _policy: verification.Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("keyUsage does not let this certificate sign others")


def _demands_no_policy(
    _policy: verification.Policy,
    _certificate: x509.Certificate,
    stated: x509.PolicyConstraints | None,
) -> None:
    if stated is not None and stated.require_explicit_policy is not None:
        raise ValueError("policyConstraints demand a policy, and policies are not followed here")


# We ask for no policy ourselves. Then no policy at all is a good end for a path, unless one of its
# certificates demands one (RFC 5280 section 6.1.5 (g)); whatever else is said of policies only
# narrows a set that may be empty.
_EVERY = (
    verification.ExtensionPolicy.permit_all()
    .may_be_present(x509.CertificatePolicies, verification.Criticality.AGNOSTIC, None)
    .may_be_present(x509.InhibitAnyPolicy, verification.Criticality.AGNOSTIC, None)
    .may_be_present(x509.PolicyConstraints, verification.Criticality.AGNOSTIC, _demands_no_policy)
)
_ISSUERS = _EVERY.require_present(
    x509.BasicConstraints, verification.Criticality.AGNOSTIC, _may_issue
).may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _may_sign_certificates)
_SIGNERS = _EVERY
