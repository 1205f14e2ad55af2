"""Find the key that made a signature, and counted then (RFC 9580 section 5.2.4).

The engine says it of all that it has a word on; the rest is judged here, and what it refuses is
asked again where it lacks a key's beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pysequoia import Sig, verify

from verification.openpgp.candidate import Candidate
from verification.openpgp.diagnosis import Cause, diagnose
from verification.openpgp.own_judgement import (
    CHECKED,
    begins_later,
    digest_over,
    judge_again,
    judge_ourselves,
)
from verification.openpgp.reach import is_left_to_us
from verification.openpgp.signature import SignaturePacket
from verification.openpgp.vouchers import well_vouched


class Found(NamedTuple):
    """Whose signature it is, or why its maker did not count; neither where it is of none."""

    maker: Candidate | None = None
    cause: Cause | None = None
    begins_later: bool = False  # the copy of the maker's key, than what it signed


def find_maker(
    signature: SignaturePacket,
    content: bytes | Path,
    eligible: Sequence[Candidate],
    now: datetime,
) -> Found:
    """Return the candidate whose signature over the content it is, or why its maker did not count.

    A cause of ours yields to a maker that the engine knows.
    """
    found = _found(signature, content, eligible, now)
    if found.maker is None:
        return found
    strict = _well_vouched(found.maker)
    if strict is found.maker:
        return found
    again = _found(signature, content, [strict], now)
    if again.maker is not None:
        named = replace(found.maker.certificate, user_ids=strict.certificate.user_ids)
        maker = replace(found.maker, certificate=named)
        return Found(maker, begins_later=found.begins_later or again.begins_later)
    others = [one for one in eligible if one is not found.maker]
    other = find_maker(signature, content, others, now) if others else Found()
    cause = again.cause or diagnose(signature, strict.certificate, strict.key)
    return other if other.maker is not None else Found(cause=cause)


def _well_vouched(candidate: Candidate) -> Candidate:
    certificate = well_vouched(candidate.certificate)
    if certificate is candidate.certificate:
        return candidate
    key = next(one for one in certificate.keys if one.fingerprint == candidate.key.fingerprint)
    return replace(candidate, certificate=certificate, key=key)


def _found(
    signature: SignaturePacket,
    content: bytes | Path,
    eligible: Sequence[Candidate],
    now: datetime,
) -> Found:
    left = [one for one in eligible if is_left_to_us(signature, one.certificate, one.key)]
    judged = [one for one in eligible if one not in left]
    ours = judge_ourselves(signature, content, left, now)
    if judged and not isinstance(ours, Candidate):
        maker = _by_engine(signature, content, judged)
        if maker is not None:
            return Found(maker)
        ours = ours or judge_again(signature, content, judged, now)
    if isinstance(ours, Candidate):
        return Found(ours, begins_later=begins_later(ours, signature))
    return Found(cause=ours)


def _by_engine(
    signature: SignaturePacket, content: bytes | Path, eligible: Sequence[Candidate]
) -> Candidate | None:
    """Return the candidate under which the engine finds the signature good, or None."""
    names = tuple(dict.fromkeys(one.key.fingerprint for one in eligible))
    certificates = [one.certificate.engine for one in eligible]
    try:
        packet = Sig.from_bytes(signature.naming(names))
        if isinstance(content, Path):
            decided = verify(file=content, store=lambda _: certificates, signature=packet)
        else:
            decided = verify(bytes=content, store=lambda _: certificates, signature=packet)
        good = {(one.certificate.upper(), one.signing_key.upper()) for one in decided.valid_sigs}
    except Exception:  # noqa: BLE001 - the engine refuses by raising; nothing else may pass either
        return None
    if good and signature.version == CHECKED and not _begins_as_stated(signature, content):
        return None
    places = [(one.certificate.fingerprint, one.key.fingerprint) for one in eligible]
    return next((one for one, place in zip(eligible, places, strict=True) if place in good), None)


def _begins_as_stated(signature: SignaturePacket, content: bytes | Path) -> bool:
    """Say whether the hash begins as a signature of version 6 says, which the engine never asks."""
    return digest_over(signature, content).startswith(signature.hash_start)
