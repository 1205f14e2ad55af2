"""Paths between certificates: found once, kept within their time, bounded in what they cost."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.model import Trust
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    Extensions,
    authority_entry,
    certificate,
    private_key,
)
from verification.x509 import path
from verification.x509.anchors import Anchors
from verification.x509.certificates import is_issued_by
from verification.x509.chain import Chain, Fault, given_authorities, verify_chain
from verification.x509.path import find_path, leading_up
from verification.x509.ways import MAX_WAYS, Ways, ways_up

CODE, SERVER = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH
KEYS = [private_key("p256", f"path {number}") for number in range(3)]
ROOT = certificate("root", "root", KEYS[0], KEYS[0], AUTHORITY)
LINK = certificate("link", "root", KEYS[1], KEYS[0], AUTHORITY, since=NOW - DAY / 2)
LEAF = certificate("leaf", "link", KEYS[2], KEYS[1], until=NOW + DAY / 4)
ANCHORS = Anchors.of([ROOT])
SECOND = timedelta(seconds=1)


def test_path_has_the_window_in_which_all_of_it_is_valid() -> None:
    path = find_path(LEAF, (LINK,), ANCHORS, CODE, NOW)
    assert path is not None
    assert path.links == (LEAF, LINK, ROOT)
    assert (path.begins, path.ends) == (NOW - DAY / 2, NOW + DAY / 4 + SECOND)


def test_path_is_searched_for_once_and_never_used_outside_its_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = []
    search = path._search

    def counted(*given: object) -> object:
        searched.append(given)
        return search(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(path, "_search", counted)
    fresh = certificate("fresh", "link", KEYS[2], KEYS[1])
    for moment in (NOW, NOW, NOW + DAY / 8, NOW - DAY / 2):
        assert find_path(fresh, (LINK,), ANCHORS, CODE, moment) is not None
    assert len(searched) == 1
    assert find_path(fresh, (LINK,), ANCHORS, CODE, NOW - DAY / 2 - SECOND) is None
    assert len(searched) == 2
    assert find_path(fresh, (LINK,), Anchors.of([LINK]), CODE, NOW) is not None
    assert len(searched) == 3


def test_anchors_are_equal_by_what_they_hold() -> None:
    assert Anchors.of([ROOT, ROOT]) == Anchors.of([ROOT])
    assert Anchors.of([ROOT]) != Anchors.of([LINK])
    assert find_path(LEAF, (LINK,), Anchors.of([]), CODE, NOW) is None


@pytest.mark.parametrize(
    ("purposes", "leads"),
    [
        ((), True),
        ((CODE,), True),
        ((SERVER, CODE), True),
        ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), True),
        ((SERVER,), False),
    ],
)
def test_attack_09_authority_for_other_purposes_does_not_lead_on(
    purposes: tuple[x509.ObjectIdentifier, ...],
    leads: bool,  # noqa: FBT001 - a column of a table
) -> None:
    limited: Extensions = ((x509.ExtendedKeyUsage(purposes), False),) if purposes else ()
    link = certificate("link", "root", KEYS[1], KEYS[0], (*AUTHORITY, *limited))
    found = verify_chain((LEAF, link), given_authorities(Trust((authority_entry(ROOT),))), NOW)
    assert isinstance(found, Chain) == leads
    if isinstance(found, Fault):
        assert found.reason == "CERT_UNTRUSTED"


def test_attack_16_only_what_leads_up_to_an_anchor_is_searched() -> None:
    strange = certificate("link", "root", KEYS[1], KEYS[2], AUTHORITY)
    below = certificate("below", "strange", KEYS[1], KEYS[1], AUTHORITY)
    deeper = certificate("deeper", "link", KEYS[2], KEYS[1], AUTHORITY)
    others = (strange, deeper, below, LINK, LINK, ROOT)
    assert leading_up(others, ANCHORS) == (deeper, LINK)  # ROOT is one
    assert leading_up((deeper,), Anchors.of([LINK])) == (deeper,)
    assert leading_up(others, Anchors.of([])) == ()


def test_attack_16_below_a_certificate_that_is_no_authority_nothing_is_looked_at() -> None:
    """Whoever has one for signing may issue what they like with its key."""
    signer = certificate("signer", "root", KEYS[1], KEYS[0])
    below = _renewed("below", "signer", 1, 1, count=20)
    assert leading_up((signer, *below), ANCHORS) == (signer,)
    authority = certificate("signer", "root", KEYS[1], KEYS[0], AUTHORITY)
    assert leading_up((authority, *below), ANCHORS) == (authority, *below)


def test_attack_16_certificates_that_issue_each_other_cost_little() -> None:
    others = tuple(
        certificate("evil", "evil", KEYS[1], KEYS[1], AUTHORITY, until=NOW + (number + 1) * DAY)
        for number in range(31)
    )
    leaf = certificate("leaf", "evil", KEYS[2], KEYS[1])
    authorities = given_authorities(Trust((authority_entry(ROOT),)))
    began = time.process_time()
    found = verify_chain((leaf, *others), authorities, NOW)
    assert time.process_time() - began < 1
    assert isinstance(found, Fault)
    assert found.reason == "CERT_UNTRUSTED"


def _renewed(
    subject: str, issuer: str, key: int, by: int, *, count: int = 1, ended: bool = False
) -> tuple[x509.Certificate, ...]:
    """Return certificates of one name and key that differ in their ends, past ones if `ended`."""
    since, until = (NOW - 9 * DAY, NOW - 5 * DAY) if ended else (NOW - DAY, NOW + DAY)
    return tuple(
        certificate(
            subject,
            issuer,
            KEYS[key],
            KEYS[by],
            AUTHORITY,
            since=since,
            until=until + each * SECOND,
        )
        for each in range(count)
    )


def _walks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    walked: list[object] = []
    walk = path._walk

    def counted(*given: object) -> object:
        walked.append(given)
        return walk(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(path, "_walk", counted)
    return walked


def _judged(leaf: x509.Certificate, *others: x509.Certificate) -> Chain | Fault:
    return verify_chain((leaf, *others), given_authorities(Trust((authority_entry(ROOT),))), NOW)


def test_attack_16_authorities_below_an_anchor_that_issue_each_other_are_no_maze(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = _renewed("maze", "root", 1, 0, ended=True)
    maze = _renewed("maze", "maze", 1, 1, count=28)
    walked = _walks(monkeypatch)
    found = _judged(certificate("leaf", "maze", KEYS[2], KEYS[1]), *ended, *maze)
    assert isinstance(found, Fault)
    assert found.reason == "CERT_UNTRUSTED"
    assert len(walked) <= 2  # at other times, to say why


@pytest.mark.parametrize(("levels", "each"), [(3, 3), (4, 4)], ids=["too many", "too far"])
def test_attack_16_more_ways_than_are_tried_are_too_many(
    monkeypatch: pytest.MonkeyPatch, levels: int, each: int
) -> None:
    narrow = (*AUTHORITY, (x509.NameConstraints([x509.DNSName("a.example")], None), True))
    others = [certificate("level 0", "root", KEYS[1], KEYS[0], narrow)]
    for level in range(levels):
        others += _renewed(f"level {level + 1}", f"level {level}", 1, 1, count=each)
    wrong: Extensions = ((x509.SubjectAlternativeName([x509.DNSName("b.example")]), False),)
    walked = _walks(monkeypatch)
    leaf = certificate("leaf", f"level {levels}", KEYS[2], KEYS[1], wrong)
    found = _judged(leaf, *others)
    assert isinstance(found, Fault)
    assert (found.reason, found.found) == ("TOO_LARGE", f"{len(others)} certificates")
    assert len(walked) <= MAX_WAYS


def test_attack_16_ways_that_end_nowhere_are_followed_so_far_and_no_further() -> None:
    maze = [
        each
        for level in range(4)
        for each in _renewed(f"level {level + 1}", f"level {level}", 1, 1, count=4)
    ]
    leaf = certificate("leaf", "level 4", KEYS[2], KEYS[1])
    assert ways_up(leaf, maze, set()) == Ways((), is_cut_short=True)
    assert ways_up(leaf, maze[8:], set()) == Ways((), is_cut_short=False)


def test_attack_16_a_staircase_of_one_name_is_not_climbed_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [KEYS[0], *(private_key("p256", f"stair {number}") for number in range(31))]
    stairs = [certificate("stair", "root", keys[1], KEYS[0], AUTHORITY)]
    stairs += [
        certificate("stair", "stair", keys[place + 1], keys[place], AUTHORITY)
        for place in range(1, 31)
    ]
    checked: list[object] = []

    def looked(one: x509.Certificate, above: x509.Certificate) -> bool:
        checked.append(one)
        return is_issued_by(one, above)

    monkeypatch.setattr(path, "is_issued_by", looked)
    found = _judged(certificate("leaf", "stair", KEYS[2], KEYS[2]), *reversed(stairs))
    assert isinstance(found, Fault)
    assert found.reason == "TOO_LARGE"
    assert len(checked) <= path.MAX_TRIED


def test_given_authorities_of_one_name_are_all_tried() -> None:
    """A root that was made anew every year, and all that was issued under each along with it."""
    keys = [private_key("p256", f"year {number}") for number in range(24)]
    tops = [certificate("corp", "corp", key, key, AUTHORITY) for key in keys[:12]]
    links = [
        certificate(f"link {number}", "corp", keys[12 + number], keys[number], AUTHORITY)
        for number in range(12)
    ]
    assert len(tops) * len(links) > 2 * path.MAX_TRIED
    given = given_authorities(Trust((authority_entry(*tops),)))
    leaf = certificate("leaf", "link 11", KEYS[2], keys[23])
    found = verify_chain((leaf, *links), given, NOW)
    assert isinstance(found, Chain)
    assert found.links == (leaf, links[11], tops[11])


def test_one_way_that_breaks_a_rule_leaves_the_others_open() -> None:
    narrow = (*AUTHORITY, (x509.NameConstraints([x509.RFC822Name("a.example")], None), True))
    broken = certificate("link", "root", KEYS[1], KEYS[0], narrow)
    mail = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "leaf"),
         x509.NameAttribute(NameOID.EMAIL_ADDRESS, "me@b.example")]
    )  # fmt: skip
    leaf = _named(mail)
    assert isinstance(_judged(leaf, broken), Fault)
    for others in ((broken, LINK), (LINK, broken)):
        found = _judged(leaf, *others)
        assert isinstance(found, Chain)
        assert found.links == (leaf, LINK, ROOT)


def _named(subject: x509.Name) -> x509.Certificate:
    """Return a signer's certificate by LINK for a whole name."""
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(LINK.subject)
    builder = builder.public_key(KEYS[2].public_key()).serial_number(77)
    builder = builder.not_valid_before(NOW - DAY / 4).not_valid_after(NOW + DAY / 4)
    return builder.sign(KEYS[1], SHA256())
