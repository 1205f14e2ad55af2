"""Judge one OpenPGP signature over given bytes under given keyrings.

Steps 3 to 6 of the format (verification/formats/openpgp.py), per signature. The engine judges keys
at the time the signature claims (5) together with the mathematics (6). Its only other clock is the
machine's, for both ends of the signature itself, so these are checked here first, against `now`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Outcome, Role, Verification
from core.naming import numbered
from verification.format import Setting
from verification.openpgp.candidate import Candidate, Keyrings, candidates, is_meant
from verification.openpgp.certificate import Certificate
from verification.openpgp.diagnosis import Cause, diagnose, revoked_cause
from verification.openpgp.maker import find_maker
from verification.openpgp.mathematics import is_too_short
from verification.openpgp.own_judgement import likely_makers
from verification.openpgp.revoker import unseen_revocations
from verification.openpgp.signature import (
    BINARY,
    TEXT,
    WEAK_HASHES,
    SignaturePacket,
    UnreadSignature,
)
from verification.openpgp.validity import standpoint, voids
from verification.trail import Trail

PACKET = "signature packet"
KEY = "key in the trust given"
STRENGTH = "algorithm strength"
TIME = "valid at signing time"
MATHEMATICS = "mathematics"
_SECTION = {
    PACKET: "RFC 9580 section 5.2.1",
    KEY: "RFC 9580 section 5.2.3.35",
    STRENGTH: "RFC 9580 section 9.5",
    TIME: "RFC 9580 section 5.2.3.18",
    MATHEMATICS: "RFC 9580 section 5.2.4",
}
_TYPES = {BINARY: "binary", TEXT: "text"}
_STRONG = "Ed25519, ECDSA P-256 or larger, RSA of 2048 bits or more"
_SHOWN_KEYS = 6
_ENDS_LEFT = "a text signature: it holds over the same lines ended by LF alone, too"
_BEGINS_LATER = "this copy of the key begins later, with a newer self-signature: as of then"
_READABLE = "a signature over a document, binary or text, of a version that is read"
_USABLE = "a keyring that can be read"


@dataclass(frozen=True, slots=True)
class Signed:
    """The bytes a signature is over, in memory or in a file; None where they are not at hand."""

    content: bytes | Path | None
    missing: str = ""  # why there are none
    has_loose_ends: bool = False  # carriage returns that end no line: readers differ over them
    has_crlf: bool = False  # lines that end in CR LF, which a text signature takes for LF


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verification of one signature, and the certificate that stood behind it, if any did."""

    verification: Verification
    certificate: Certificate | None = field(default=None, repr=False)
    is_withdrawn: bool = False  # since it signed, in a way that the engine does not see


def judge(
    signature: SignaturePacket | UnreadSignature,
    signed: Signed,
    keyrings: Keyrings,
    setting: Setting,
    format_name: str,
) -> Judgement:
    """Carry out steps 3 to 6 for one signature; never raise on bad bytes."""
    trail = Trail(format_name, Role.SIGNATURE)
    if isinstance(signature, UnreadSignature):
        cause = Cause(signature.reason, signature.detail, _READABLE, signature.detail)
        return Judgement(_refuse(trail, PACKET, cause))
    trail.claims = _claims(signature)
    if signature.type not in _TYPES:
        detail = f"a signature of type {signature.type:#04x} is not over a document"
        return Judgement(
            _refuse(trail, PACKET, Cause("MALFORMED", detail, _READABLE, f"{signature.type:#04x}"))
        )
    # 3. Which key does it name, and does the trust given have it?
    try:
        named = candidates(signature, keyrings)
    except MalformedError as error:
        cause = Cause("KEYRING_UNUSABLE", str(error), _USABLE, str(error))
        return Judgement(_refuse(trail, KEY, cause))
    if not named:
        return Judgement(_refuse(trail, KEY, _no_key(signature, keyrings)))
    _record_key(trail, named)
    # 4. Do its algorithms still prove anything?
    strong = [one for one in named if not _weakness(signature, one)]
    if not strong or signature.hash_algorithm in WEAK_HASHES:
        cause = _weak(signature, named[0])
        return Judgement(_refuse(trail, STRENGTH, cause), named[0].certificate)
    _pass(trail, STRENGTH, f"{signature.hash_name}, {strong[0].key.algorithm}")
    # 5. Is it of a time that counts: its own, and that of the keyrings?
    timely = [one.within(signature.created_at, setting.now) for one in strong]
    eligible = [one for one in timely if one is not None]
    refusal = _out_of_time(trail, signature, strong, eligible, setting.now)
    if refusal is not None:
        return Judgement(refusal, strong[0].certificate)
    if not signature.names:
        eligible = _likely(signature, signed, eligible)
        if not eligible:
            cause = _under_none([one.key.fingerprint for one in strong])
            return Judgement(_refuse(trail, MATHEMATICS, cause), strong[0].certificate)
    withdrawn = [(one, unseen_revocations(one, keyrings)) for one in eligible]
    eligible = [one for one, said in withdrawn if not _void(said, one, signature)]
    if not eligible:
        return _withdrawn(trail, signature, *withdrawn[0])
    # 6. Does the mathematics hold, under a key that was valid then?
    judged = _mathematics(trail, signature, signed, eligible, setting.now)
    return replace(judged, is_withdrawn=any(said for _, said in withdrawn))


def _pass(trail: Trail, step: str, detail: str = "") -> None:
    trail.passed(step, detail, reference=_SECTION[step])


def _refuse(trail: Trail, step: str, cause: Cause) -> Verification:
    refusal = trail.refuse(
        step,
        cause.reason,
        cause.detail,
        expected=cause.expected,
        found=cause.found,
        reference=_SECTION[step],
    )
    if step == MATHEMATICS:
        return refusal
    trail.skipped(MATHEMATICS, "not tried, because an earlier step failed")
    return replace(refusal, checks=tuple(trail.checks))


def _claims(signature: SignaturePacket) -> dict[str, str]:
    claims = {
        "signature_version": str(signature.version),
        "signature_type": _TYPES.get(signature.type, f"{signature.type:#04x}"),
        "hash_algorithm": signature.hash_name,
        "signature_created_at": signature.created_at.isoformat(),
        "issuer": ", ".join(signature.names),
    }
    if signature.expires_at is not None:
        claims["signature_expires_at"] = signature.expires_at.isoformat()
    return claims


def _no_key(signature: SignaturePacket, keyrings: Keyrings) -> Cause:
    if keyrings.broken:
        detail = f"the key is in no keyring that can be read: {keyrings.broken[0]}"
        return Cause("KEYRING_UNUSABLE", detail, _USABLE, keyrings.broken[0])
    if not signature.names:
        return _under_none([key.fingerprint for _, _, key in keyrings.entries()])
    held = any(is_meant(signature, key) for _, _, key in keyrings.entries())
    return Cause(
        "KEY_UNKNOWN",
        "the keyring has the key, but it is not among the fingerprints that are accepted"
        if held
        else "no keyring given has the key that the signature names",
        _one_of(keyrings.accepted()),
        ", ".join(signature.names),
    )


def _under_none(fingerprints: Sequence[str]) -> Cause:
    detail = f"it names no key, and holds under none of {numbered(len(fingerprints), 'key')}"
    found = "a signature that names no key"
    return Cause("SIGNATURE_INVALID", detail, _one_of(fingerprints), found)


def _one_of(fingerprints: Sequence[str]) -> str:
    left = len(fingerprints) - _SHOWN_KEYS
    more = f" and {left} more" if left > 0 else ""
    shown = ", ".join(fingerprints[:_SHOWN_KEYS])
    return f"one of {shown}{more}" if shown else "a key in a keyring (they hold none)"


def _record_key(trail: Trail, named: Sequence[Candidate]) -> None:
    shown = ", ".join(one.key.fingerprint for one in named[:_SHOWN_KEYS])
    _pass(trail, KEY, shown)
    if len(named) == 1:
        trail.signer = named[0].signer


def _weak(signature: SignaturePacket, first: Candidate) -> Cause:
    if signature.hash_algorithm in WEAK_HASHES:
        detail = f"{signature.hash_name} can be forged"
        return Cause("ALGORITHM_WEAK", detail, "SHA-256 or better", signature.hash_name)
    detail, expected = _weakness(signature, first), _STRONG
    if not first.weakness:
        expected = f"a digest of {first.key.digest_bits} bits or more"
    return Cause("ALGORITHM_WEAK", detail, expected, first.key.algorithm)


def _weakness(signature: SignaturePacket, candidate: Candidate) -> str:
    """Say why nothing by this key with this hash proves anything, or nothing."""
    key = candidate.key
    if not candidate.weakness and is_too_short(signature.hash_algorithm, key.digest_bits):
        return f"{signature.hash_name} is too short for a key of kind {key.algorithm}"
    return candidate.weakness


def _out_of_time(
    trail: Trail,
    signature: SignaturePacket,
    strong: Sequence[Candidate],
    eligible: Sequence[Candidate],
    now: datetime,
) -> Verification | None:
    made, end = signature.created_at, signature.expires_at
    if made > now:
        detail = "the signature is dated in the future"
        cause = Cause("TIME_IN_FUTURE", detail, f"by {now.isoformat()}", made.isoformat())
        return replace(_refuse(trail, TIME, cause), due_at=made)
    if end is not None and end <= now:
        detail = "the signer gave the signature itself an end, and it has passed"
        expected = f"used before {end.isoformat()}"
        return _refuse(trail, TIME, Cause("SIGNATURE_EXPIRED", detail, expected, now.isoformat()))
    if eligible:
        return None
    ring = strong[0].keyrings[0]
    detail = f"outside the time in which the keyring {ring.name} is accepted"
    expected = f"from {_shown(ring.valid_from)} until {_shown(ring.valid_until)}"
    found = f"dated {made.isoformat()}, now {now.isoformat()}"
    return _refuse(trail, TIME, Cause("KEY_EXPIRED", detail, expected, found))


def _void(
    revocations: Sequence[SignaturePacket], candidate: Candidate, signature: SignaturePacket
) -> bool:
    return any(voids(one, _moment(candidate, signature)) for one in revocations)


def _moment(candidate: Candidate, signature: SignaturePacket) -> datetime:
    return standpoint(candidate.certificate, candidate.key, signature.created_at)


def _withdrawn(
    trail: Trail,
    signature: SignaturePacket,
    candidate: Candidate,
    revocations: Sequence[SignaturePacket],
) -> Judgement:
    detail = "the key is revoked, by its owner or by another key that its owner named for that"
    fingerprint = candidate.certificate.fingerprint
    cause = revoked_cause(detail, fingerprint, revocations, _moment(candidate, signature))
    return Judgement(_refuse(trail, TIME, cause), candidate.certificate)


def _shown(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else "any time"


def _mathematics(
    trail: Trail,
    signature: SignaturePacket,
    signed: Signed,
    eligible: Sequence[Candidate],
    now: datetime,
) -> Judgement:
    if signed.content is None:
        cause = Cause("CONTENT_NEEDED", signed.missing, "the bytes of the artifact", "none")
        return Judgement(_refuse(trail, MATHEMATICS, cause), eligible[0].certificate)
    if signature.type == TEXT and signed.has_loose_ends:
        # Section 5.2.4 speaks of line ends; the engine takes a CR alone for one, gpg does not.
        detail = "a text signature over content with a carriage return that ends no line"
        expected = "lines that end in LF or CR LF"
        cause = Cause("SUBJECT_MISMATCH", detail, expected, "a carriage return alone")
        return Judgement(_refuse(trail, MATHEMATICS, cause), eligible[0].certificate)
    found = find_maker(signature, signed.content, eligible, now)
    if found.maker is not None:
        if found.begins_later:
            trail.noted(TIME, _BEGINS_LATER)
        _pass(trail, TIME, f"as of {signature.created_at.isoformat()}")
        _pass(trail, MATHEMATICS)
        if signature.type == TEXT and signed.has_crlf:
            trail.noted(MATHEMATICS, _ENDS_LEFT)
        return Judgement(_verified(trail, signature, found.maker), found.maker.certificate)
    first = eligible[0]
    if found.cause is not None:
        cause = found.cause
    elif signature.names:
        cause = diagnose(signature, first.certificate, first.key)
    else:
        cause = _under_none([one.key.fingerprint for one in eligible])
        return Judgement(_refuse(trail, MATHEMATICS, cause))
    step = MATHEMATICS if cause.reason == "SIGNATURE_INVALID" else TIME
    return Judgement(_refuse(trail, step, cause), first.certificate)


def _likely(
    signature: SignaturePacket, signed: Signed, eligible: Sequence[Candidate]
) -> list[Candidate]:
    """Leave out, of all keys that might have signed, those that did not, where one can say."""
    is_ambiguous = signature.type == TEXT and signed.has_loose_ends
    if signed.content is None or is_ambiguous:
        return list(eligible)
    return likely_makers(signature, signed.content, eligible)


def _verified(trail: Trail, signature: SignaturePacket, winner: Candidate) -> Verification:
    made, end, closes_at = signature.created_at, signature.expires_at, winner.closes_at()
    ends_first = end is not None and (closes_at is None or end <= closes_at)
    due_at, due_reason = (end, "SIGNATURE_EXPIRED") if ends_first else (closes_at, "KEY_EXPIRED")
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=winner.signer,
        claims={
            **trail.claims,
            "signing_key_fingerprint": winner.key.fingerprint,
            "signing_key_algorithm": winner.key.algorithm,
            "keyring": ", ".join(ring.name for ring in winner.keyrings),
            "user_ids": json.dumps(winner.certificate.user_ids, ensure_ascii=False),
        },
        signed_after=made,
        signed_before=made,
        signed_at=made,
        time_source="openpgp",
        time_trusted=False,
        checks=tuple(trail.checks),
        anchors=(winner.certificate.fingerprint,),
        due_at=due_at,
        due_reason=due_reason if due_at is not None else "",
    )
