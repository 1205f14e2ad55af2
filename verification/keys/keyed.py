"""Signatures under given public keys: which key holds, and what to say where none does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import IntEnum

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import (
    Digest,
    Outcome,
    Signer,
    SignerKind,
    Statement,
    Subject,
    Trust,
    TrustKind,
    Verification,
    digest_of,
)
from core.naming import numbered
from verification.format import Setting
from verification.keys.public_key import (
    ANY_TERMS,
    STRONG_KEYS,
    AttemptOutcome,
    PublicKey,
    Terms,
    Window,
    load_entry,
    verify_signature,
)
from verification.trail import Trail

SIGNATURE_STEP = "signature under a given key"
UNDER_NONE = "a signature by another key, or over other bytes"
_SHOWN_KEYS = 4


class Standing(IntEnum):
    """What trying all given keys came to, best first."""

    VERIFIED = 0
    OUTSIDE_WINDOW = 1
    WEAK = 2
    CONTENT_NEEDED = 3
    REFUSED = 4


_STANDINGS = {
    AttemptOutcome.WEAK: Standing.WEAK,
    AttemptOutcome.CONTENT_NEEDED: Standing.CONTENT_NEEDED,
    AttemptOutcome.REFUSED: Standing.REFUSED,
}


@dataclass(frozen=True, slots=True)
class GivenKeys:
    """The public keys among the trust given, and what is wrong with entries that hold none."""

    keys: tuple[PublicKey, ...]
    broken: tuple[str, ...] = ()

    @property
    def none_given(self) -> bool:
        """Whether no entry is meant to be a public key."""
        return not self.keys and not self.broken


@dataclass(frozen=True, slots=True)
class Trial:
    """The best that came of one signature under all keys; `key` is None where nothing held."""

    standing: Standing
    key: PublicKey | None = None
    scheme: str = ""


_UNTRIED = Trial(Standing.REFUSED)


class _OnceHashed:
    """Bytes in memory that are hashed once per algorithm, however many keys are tried."""

    __slots__ = ("_content", "_digests")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._digests: dict[str, Digest] = {}

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self._content)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as one chunk."""
        yield self._content

    def read_at(self, offset: int, length: int) -> bytes:
        """Return a part of the bytes."""
        return self._content[offset : offset + length]

    def digest(self, algorithm: str) -> Digest:
        """Return the digest, computed at most once."""
        if algorithm not in self._digests:
            self._digests[algorithm] = digest_of(self._content, algorithm)
        return self._digests[algorithm]


def signed_bytes(content: bytes) -> Subject:
    """Return bytes that a signature is over, as the subject that `try_keys` takes."""
    return Subject("signed bytes", (), _OnceHashed(content))


def given_keys(trust: Trust) -> GivenKeys:
    """Read every entry of kind KEY; a broken one is set aside with its error."""
    keys: list[PublicKey] = []
    broken: list[str] = []
    for entry in trust.entries:
        if entry.kind is not TrustKind.KEY:
            continue
        try:
            keys.append(load_entry(entry))
        except MalformedError as error:
            broken.append(f"{entry.name}: {error}")
    return GivenKeys(tuple(keys), tuple(broken))


def try_keys(
    keys: Sequence[PublicKey],
    signature: bytes,
    signed: Subject,
    setting: Setting,
    terms: Terms = ANY_TERMS,
) -> Trial:
    """Try one signature under each key; a key that holds inside its window ends the search."""
    best = _UNTRIED
    if len(keys) > 1:
        keys = sorted(keys, key=lambda key: key.preference(setting.now), reverse=True)
    for key in keys:
        trial = _try(key, signature, signed, setting, terms)
        if trial.standing < best.standing:
            best = trial
        if best.standing is Standing.VERIFIED:
            break
    return best


def _try(
    key: PublicKey, signature: bytes, signed: Subject, setting: Setting, terms: Terms
) -> Trial:
    attempt = verify_signature(key, signature, signed, setting.limits, terms)
    if attempt.outcome is AttemptOutcome.VERIFIED:
        inside = key.window(setting.now) is Window.WITHIN
        standing = Standing.VERIFIED if inside else Standing.OUTSIDE_WINDOW
        return Trial(standing, key, attempt.scheme)
    held = attempt.outcome is AttemptOutcome.WEAK
    return Trial(_STANDINGS[attempt.outcome], key if held else None, attempt.scheme)


def key_signer(key: PublicKey) -> Signer:
    """Return the signer that a bare key stands for: its fingerprint decides who it is."""
    return Signer(
        SignerKind.KEY,
        key.fingerprint,
        key.algorithm,
        valid_from=key.valid_from,
        valid_until=key.valid_until,
    )


def verified(
    trail: Trail, trials: Sequence[Trial], statement: Statement | None = None
) -> Verification:
    """Return the good end of a trail: every trial in it holds, under distinct keys.

    The outcome lasts as long as one of the keys does, and the signer is the key that lasts longest.
    """
    keys = [trial.key for trial in trials if trial.key and trial.standing is Standing.VERIFIED]
    if not keys or len(keys) != len(trials):
        raise ValueError("nothing is verified but by a key that holds inside its window")
    lasting = max(keys, key=_end) if len(keys) > 1 else keys[0]
    due_at = lasting.due_at
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=key_signer(lasting),
        claims=dict(trail.claims),
        checks=tuple(trail.checks),
        anchors=tuple(dict.fromkeys(key.fingerprint for key in keys)),
        due_at=due_at,
        due_reason="KEY_EXPIRED" if due_at else "",
        statement=statement,
    )


def _end(key: PublicKey) -> float:
    return key.due_at.timestamp() if key.due_at else math.inf


def shown_keys(given: GivenKeys) -> str:
    """Return the first given keys by name and fingerprint, for people to compare."""
    shown = [f"{key.name} ({key.fingerprint})" for key in given.keys[:_SHOWN_KEYS]]
    more = f" and {len(given.keys) - _SHOWN_KEYS} more" if len(given.keys) > _SHOWN_KEYS else ""
    return ", ".join(shown) + more if shown else "a given key (none can be read)"


def refuse_keyless(trail: Trail, trust: Trust, wanted: str = "public key") -> Verification:
    """Return the end of a trail where the trust given holds nothing of the kind wanted."""
    kinds = sorted({entry.kind.value for entry in trust.entries})
    return trail.refuse(
        "trust",
        "TRUST_ROOT_MISSING",
        f"no {wanted} was given",
        expected=f"a {wanted} in the trust of the source",
        found=f"only entries of the kind {', '.join(kinds)}" if kinds else "no trust at all",
    )


def refuse(trail: Trail, trial: Trial, given: GivenKeys, setting: Setting) -> Verification:
    """Return the end of a trail where no given key verifies inside its window."""
    if trial.standing is Standing.OUTSIDE_WINDOW and trial.key is not None:
        return _refuse_window(trail, trial.key, setting)
    if trial.standing is Standing.WEAK and trial.key is not None:
        trail.signer = key_signer(trial.key)
        why = trial.key.weakness or f"{trial.scheme} can be forged"
        return trail.refuse(
            SIGNATURE_STEP,
            "ALGORITHM_WEAK",
            why,
            expected=f"{STRONG_KEYS}, with SHA-256 or better",
            found=trial.scheme,
        )
    if trial.standing is Standing.CONTENT_NEEDED:
        return trail.refuse(
            SIGNATURE_STEP,
            "CONTENT_NEEDED",
            "a given key signs over the whole content, or over a digest that is not at hand",
            expected="the bytes of the artifact",
            found="its digests alone",
        )
    if given.broken:
        detail = f"no readable key verifies, and an entry is broken: {given.broken[0]}"
        expected = "trust entries that can be read"
        return trail.refuse(
            SIGNATURE_STEP, "KEYRING_UNUSABLE", detail, expected=expected, found=given.broken[0]
        )
    detail = f"under none of {numbered(len(given.keys), 'key')}"
    expected = f"a signature by {shown_keys(given)}"
    return trail.refuse(
        SIGNATURE_STEP, "SIGNATURE_INVALID", detail, expected=expected, found=UNDER_NONE
    )


def _refuse_window(trail: Trail, key: PublicKey, setting: Setting) -> Verification:
    trail.signer = key_signer(key)
    opens = key.valid_from.isoformat() if key.valid_from else "any time"
    ends = key.valid_until.isoformat() if key.valid_until else "any time"
    refusal = trail.refuse(
        SIGNATURE_STEP,
        "KEY_EXPIRED",
        "the signature holds, but nothing proves it was made inside the key's window",
        expected=f"made from {opens} until {ends}",
        found=f"no proof of time, so taken as of {setting.now.isoformat()}",
    )
    if key.window(setting.now) is Window.BEFORE:
        return replace(refusal, due_at=key.valid_from, anchors=(key.fingerprint,))
    return replace(refusal, anchors=(key.fingerprint,))
