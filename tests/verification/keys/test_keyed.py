"""What may end a trail, and what may not."""

from __future__ import annotations

import pytest

from core.model import Outcome, Role
from tests.verification.specimens import CONTENT, key_entry, private_key, setting, sign
from verification.keys.keyed import Standing, Trial, given_keys, signed_bytes, try_keys, verified
from verification.trail import Trail

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
