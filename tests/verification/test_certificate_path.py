"""Paths between certificates: found once, kept within their time, bounded in what they cost."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

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
from verification import certificate_path
from verification.certificate_chain import Chain, Fault, given_authorities, verify_chain
from verification.certificate_path import Anchors, find_path, leading_up

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
    search = certificate_path._search

    def counted(*given: object) -> object:
        searched.append(given)
        return search(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(certificate_path, "_search", counted)
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
    assert leading_up(others, ANCHORS) == (deeper, LINK, ROOT)
    assert leading_up((deeper,), Anchors.of([LINK])) == (deeper,)
    assert leading_up(others, Anchors.of([])) == ()


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
