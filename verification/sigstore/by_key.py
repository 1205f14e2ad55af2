"""Bundles signed with a key: which of the keys given it is, and whether it counted at the time.

The hint in a bundle is a claim. It narrows nothing here: a caller that knows how hints are made
gives the keys it may mean, and every one of them is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.frozen import dataclass
from core.model import Subject, Trust, Verification
from core.naming import numbered
from verification.envelope import Envelope
from verification.fault import Fault, refuse_fault
from verification.format import Setting
from verification.keys.keyed import GivenKeys, key_signer, refuse_keyless, shown_keys
from verification.keys.public_key import Attempt, PublicKey, Window
from verification.sigstore.bundle import Bundle
from verification.sigstore.entry_body import Recorded, Signed
from verification.sigstore.proof import (
    SIGNATURE_STEP,
    Content,
    Proof,
    check_signature,
    log_claims,
    read_content,
    recorded_in,
)
from verification.sigstore.times import Moment, Times, ends_of, prove_times
from verification.sigstore.trusted_root import TrustedRoot
from verification.trail import Trail

_KEY = "key"


@dataclass(frozen=True, slots=True)
class Held:
    """The key under which the signature holds, before anything is said of times."""

    key: PublicKey
    attempt: Attempt


def find_key(
    bundle: Bundle, artifact: Subject, given: GivenKeys, setting: Setting, trail: Trail
) -> tuple[Content, tuple[Held, ...]] | Verification:
    """Return what was signed and the keys under which the signature holds, else a refusal."""
    content = read_content(bundle, artifact, setting.limits, trail)
    if isinstance(content, Fault):
        return refuse_fault(trail, content)
    if not given.keys:
        return (
            refuse_fault(trail, _no_key(bundle, given, setting.trust))
            if _fits(given, setting)
            else (refuse_keyless(trail, setting.trust))
        )
    faults: list[Fault] = []
    found: list[Held] = []
    for key in given.keys:
        attempt = check_signature(key, bundle, content, Recorded(), setting)
        if isinstance(attempt, Fault):
            faults.append(attempt)
        else:
            found.append(Held(key, attempt))
    if found:
        found.sort(key=lambda one: one.key.preference(setting.now), reverse=True)
        return content, tuple(found)
    return refuse_fault(trail, _worst(bundle, given, faults))


def _fits(given: GivenKeys, setting: Setting) -> bool:
    """Say whether anything was given at all: then the key is an unknown one, not a missing one."""
    return bool(given.broken or setting.trust.entries)


def _no_key(bundle: Bundle, given: GivenKeys, trust: Trust) -> Fault:
    if given.broken:
        detail = f"no key can be read, and an entry is broken: {given.broken[0]}"
        expected = "trust entries that can be read"
        return Fault(_KEY, "KEYRING_UNUSABLE", detail, expected, given.broken[0])
    detail = "the bundle is signed with a key, and no key that may be meant was given"
    kinds = ", ".join(sorted({entry.kind.value for entry in trust.entries}))
    found = f"the key {bundle.key_hint[:100]!r}, and trust of the kind {kinds}"
    return Fault(_KEY, "KEY_UNKNOWN", detail, "a public key in the trust of the source", found)


def _worst(bundle: Bundle, given: GivenKeys, faults: Sequence[Fault]) -> Fault:
    """Return the fault that says most: one of a key that fits, else that none does."""
    for reason in ("ALGORITHM_WEAK", "CONTENT_NEEDED", "ALGORITHM_MISMATCH"):
        for fault in faults:
            if fault.reason == reason:
                return fault
    if given.broken:
        detail = f"no readable key verifies, and an entry is broken: {given.broken[0]}"
        expected = "trust entries that can be read"
        return Fault(_KEY, "KEYRING_UNUSABLE", detail, expected, given.broken[0])
    detail = f"the signature holds under none of {numbered(len(given.keys), 'key')}"
    expected = f"a signature by {shown_keys(given)}"
    found = f"one by another key, or over other bytes; the hint says {bundle.key_hint[:100]!r}"
    return Fault(SIGNATURE_STEP, "SIGNATURE_INVALID", detail, expected, found)


def prove_by_key(
    bundle: Bundle,
    content: Content,
    held: Held,
    root: TrustedRoot | None,
    setting: Setting,
    trail: Trail,
) -> Proof | Verification:
    """Check log, times and the key's window, under one root or under none."""
    key = held.key
    trail.signer = key_signer(key)
    trail.passed(SIGNATURE_STEP, f"{held.attempt.scheme}, {key.name or key.fingerprint}")
    times = _times(bundle, root, setting, trail)
    if isinstance(times, Fault):
        return refuse_fault(trail, times)
    envelope = bundle.content if isinstance(bundle.content, Envelope) else None
    signed = Signed(bundle.signature, b"", key, envelope, content.over)
    recorded = recorded_in(times.logged, signed, setting.limits, trail)
    if isinstance(recorded, Fault):
        return refuse_fault(trail, recorded)
    if recorded.hashed or recorded.details is not None:
        # What the log recorded narrows what may be tried: the signature has to hold that way.
        narrowed = check_signature(key, bundle, content, recorded, setting)
        if isinstance(narrowed, Fault):
            return refuse_fault(trail, narrowed)
    refusal = _refuse_window(key, times.moments, setting, trail)
    if refusal is not None:
        return refusal
    trail.claims |= log_claims(times)
    if root is not None:
        trail.claims |= {"trusted_root": root.digest, "trusted_root_name": root.name}
    return _proof(content, key, root, times, trail)


def _times(
    bundle: Bundle, root: TrustedRoot | None, setting: Setting, trail: Trail
) -> Times | Fault:
    if root is not None:
        return prove_times(bundle, root, setting, trail)
    if bundle.entries or bundle.timestamps:
        trail.skipped(
            "time", "no trusted root was given for the log and timestamps that came along"
        )
    return Times()


def _refuse_window(
    key: PublicKey, moments: Sequence[Moment], setting: Setting, trail: Trail
) -> Verification | None:
    """Demand that the key counted at every time proved; without a proof, that it counts now."""
    for at in [moment.at for moment in moments] or [setting.now]:
        if key.window(at) is not Window.WITHIN:
            return _outside(key, at, setting, trail, is_proved=bool(moments))
    if key.valid_from or key.valid_until:
        trail.passed("key window", "at every proved time" if moments else "as of now")
    return None


def _outside(
    key: PublicKey, at: datetime, setting: Setting, trail: Trail, *, is_proved: bool
) -> Verification:
    opens = key.valid_from.isoformat() if key.valid_from else "any time"
    ends = key.valid_until.isoformat() if key.valid_until else "any time"
    detail = "the key does not count at a time that is proved"
    found = at.isoformat()
    if not is_proved:
        detail = "the signature holds, but nothing proves it was made inside the key's window"
        found = f"no proof of time, so taken as of {at.isoformat()}"
    refusal = trail.refuse(
        "key window", "KEY_EXPIRED", detail, expected=f"made from {opens} until {ends}", found=found
    )
    if not is_proved and key.window(setting.now) is Window.BEFORE:
        return replace(refusal, due_at=key.valid_from, anchors=(key.fingerprint,))
    return refusal


def _proof(
    content: Content, key: PublicKey, root: TrustedRoot | None, times: Times, trail: Trail
) -> Proof:
    if trail.signer is None:
        raise ValueError("nothing is proved without a signer")
    anchors = [key.fingerprint]
    if root is not None and (times.logged or times.moments):
        anchors.append(root.digest)
    anchors += [one.log.key.fingerprint for one in times.logged]
    anchors += [moment.anchor for moment in times.moments]
    first = times.first
    due_at, due_reason = (None, "") if first is not None else _due(key, times)
    return Proof(
        trail.signer,
        content.payload,
        content.statement,
        tuple(dict.fromkeys(anchors)),
        None,
        first.before if first else None,
        first.at if first else None,
        first.source if first else "",
        due_at,
        due_reason,
    )


def _due(key: PublicKey, times: Times) -> tuple[datetime | None, str]:
    """Return when an outcome without a proved time ends: the key's window, or that of a log."""
    ends = ends_of(times.logged)
    if key.due_at is not None:
        ends.append((key.due_at, "KEY_EXPIRED"))
    return min(ends, default=(None, ""))
