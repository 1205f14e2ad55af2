"""What may end a trail, and what may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from core.model import Outcome, Role
from tests.verification.specimens import (
    CONTENT,
    NOW,
    artifact,
    evidence,
    key_entry,
    private_key,
    setting,
    sign,
)
from verification.keys.keyed import Standing, Trial, given_keys, signed_bytes, try_keys, verified
from verification.trail import Trail
from verification.verifier import verify

KEY = private_key("p256")


def good() -> Trial:
    context = setting(key_entry(KEY))
    return try_keys(
        given_keys(context.trust).keys, sign(KEY, CONTENT), signed_bytes(CONTENT), context
    )


def trail() -> Trail:
    return Trail("any", Role.SIGNATURE)


def test_only_trials_that_hold_end_as_verified() -> None:
    assert verified(trail(), [good()]).outcome is Outcome.VERIFIED
    for bad in (
        [],
        [Trial(Standing.REFUSED)],
        [Trial(Standing.WEAK, good().key)],
        [Trial(Standing.OUTSIDE_WINDOW, good().key)],
        [good(), Trial(Standing.REFUSED)],
    ):
        with pytest.raises(ValueError, match="nothing is verified"):
            verified(trail(), bad)


@pytest.mark.parametrize("reason", ["NO_SUCH_REASON", "NO_SIGNATURE", "RULE_FALSE"])
def test_refusal_needs_a_reason_of_verifications(reason: str) -> None:
    with pytest.raises(KeyError):
        trail().refuse("step", reason, "detail", expected="this", found="that")


def test_bytes_are_hashed_once_per_algorithm() -> None:
    signed = signed_bytes(CONTENT)
    assert signed.content is not None
    assert signed.content.size == len(CONTENT)
    assert signed.content.digest("sha256") is signed.content.digest("sha256")


def test_order_of_entries_with_one_key_and_other_windows_changes_nothing() -> None:
    key, day = private_key("p256"), timedelta(days=1)
    ever = key_entry(key)
    ended = replace(ever, valid_until=NOW - day)
    soon, later = (replace(ever, valid_from=NOW + wait) for wait in (day, 2 * day))
    lasting = replace(ever, valid_until=NOW + 2 * day)
    brief = replace(ever, valid_until=NOW + day)
    offered = evidence(sign(key, CONTENT), artifact())
    for listed, reason, due_at in (
        ((ended, later, soon), "KEY_EXPIRED", soon.valid_from),
        ((ended, later), "KEY_EXPIRED", later.valid_from),
        ((ended, brief, lasting), "", NOW + 2 * day + timedelta.resolution),
        ((brief, ever, soon), "", None),
    ):
        for entries in permutations(listed):
            verification = verify(offered, setting(*entries))
            assert (verification.reason, verification.due_at) == (reason, due_at)
