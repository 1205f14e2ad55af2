"""From the verifications of one evidence set to where its artifacts stand (design, "Outcomes")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from core.model import NOT_SIGNED, Outcome, Role, Status, Unread, Verification

COUNTED_ROLES = (Role.SIGNATURE, Role.PROVENANCE)


class SetStatus(NamedTuple):
    """What a set's artifacts stand at, and the reason code that says why (empty: verified)."""

    status: Status
    reason: str
    contested: bool


def combine(verifications: Sequence[Verification], unread: Sequence[Unread]) -> SetStatus:
    """Return the status that verifications and unread places add up to.

    An attestation or timestamp that verifies shows something, but nobody signed the artifact by
    it: alone it leaves the artifact unsigned. One that is invalid still speaks against it.
    """
    telling = [v for v in verifications if v.role in COUNTED_ROLES or v.outcome is Outcome.INVALID]
    invalid = [v for v in telling if v.outcome is Outcome.INVALID]
    if any(v.outcome is Outcome.VERIFIED for v in telling):
        return SetStatus(Status.VERIFIED, "", bool(invalid))
    refused = invalid or [v for v in telling if v.outcome is Outcome.UNTRUSTED]
    if refused:
        return SetStatus(Status.FAILED, refused[0].reason, contested=False)
    telling = [v for v in telling if v.reason != NOT_SIGNED]
    if telling:
        return SetStatus(Status.UNKNOWN, telling[0].reason, contested=False)
    if unread:
        return SetStatus(Status.UNKNOWN, unread[0].reason, contested=False)
    return SetStatus(Status.UNSIGNED, "NO_SIGNATURE", contested=False)
