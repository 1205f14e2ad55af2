"""Judge one OpenPGP signature over given bytes under given keyrings.

Steps 3 to 6 of the format (verification/formats/openpgp.py), per signature:

    3  which key the signature names, and whether the trust given has it   RFC 9580 5.2.3.35, .12
    4  whether its algorithms still prove anything                         RFC 9580 9.5, 9.1
    5  whether signature and key were valid at the time it claims          RFC 9580 5.2.3.11, .18
    6  whether the mathematics holds                                       RFC 9580 5.2.4

The engine judges keys at the time the signature claims (5) together with the mathematics (6); its
only other clock is the machine's, for the end of the signature itself, so both ends of that are
checked here first, against `now`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pysequoia import Sig, verify

from core.errors import MalformedError
from core.model import Outcome, Role, Signer, SignerKind, Trust, TrustKind, Verification
from verification.format import Setting
from verification.openpgp_diagnosis import WEAK_HASHES, diagnose
from verification.openpgp_key import KeyMaterial
from verification.openpgp_keyring import Certificate, Keyring, merge, names_key, read_keyring
from verification.openpgp_packets import BINARY, TEXT, SignaturePacket, UnreadSignature
from verification.public_key import after
from verification.trail import Trail

_KEY, _STRENGTH, _TIME, _MATHEMATICS = (
    "key in the trust given",
    "algorithm strength",
    "valid at signing time",
    "mathematics",
)
_SECTION = {
    _KEY: "RFC 9580 section 5.2.3.35",
    _STRENGTH: "RFC 9580 section 9.5",
    _TIME: "RFC 9580 section 5.2.3.18",
    _MATHEMATICS: "RFC 9580 section 5.2.4",
}
_MAX_CANDIDATES = 256
_TYPES = {BINARY: "binary", TEXT: "text"}


@dataclass(frozen=True, slots=True)
class Keyrings:
    """The keyrings among the trust given; `broken` says what is wrong with those not read."""

    read: tuple[Keyring, ...]
    broken: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out while reading."""
        return (*self.broken, *(f"{ring.name}: {n}" for ring in self.read for n in ring.notes))


@dataclass(frozen=True, slots=True)
class Signed:
    """The bytes a signature is over, in memory or in a file; None where they are not at hand."""

    content: bytes | Path | None
    missing: str = ""  # why there are none
    has_carriage_return: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A key that may have signed, in the one certificate that all copies of it make up."""

    certificate: Certificate
    key: KeyMaterial
    keyrings: tuple[Keyring, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verification of one signature, and the certificate that stood behind it, if any did."""

    verification: Verification
    certificate: Certificate | None = field(default=None, repr=False)


def given_keyrings(trust: Trust, setting: Setting) -> Keyrings:
    """Read every entry of kind KEYRING; one that cannot be read is set aside with its error."""
    read: list[Keyring] = []
    broken: list[str] = []
    for entry in trust.entries:
        if entry.kind is TrustKind.KEYRING:
            try:
                read.append(read_keyring(entry, setting.limits))
            except MalformedError as error:
                broken.append(str(error))
    return Keyrings(tuple(read), tuple(broken))


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
        step = _STRENGTH if signature.reason == "ALGORITHM_WEAK" else "packet"
        return Judgement(trail.refuse(step, signature.reason, signature.detail))
    trail.claims = _claims(signature)
    if signature.type not in _TYPES:
        detail = f"a signature of type {signature.type:#04x} is not over a document"
        return Judgement(trail.refuse("packet", "MALFORMED", detail))
    # 3. Which key does it name, and does the trust given have it?
    try:
        candidates = _candidates(signature, keyrings)
    except MalformedError as error:
        return Judgement(trail.refuse(_KEY, "KEYRING_UNUSABLE", str(error)))
    if not candidates:
        return Judgement(_no_key(trail, signature, keyrings))
    _name_signer(trail, candidates)
    refused = (
        # 4. Do its algorithms still prove anything?
        _strength(trail, signature, candidates)
        # 5. Is it of a time that counts?
        or _times(trail, signature, candidates, setting.now)
    )
    if refused is not None:
        trail.skipped(_MATHEMATICS, "an earlier step failed")
        certificate = candidates[0].certificate
        return Judgement(replace(refused, checks=tuple(trail.checks)), certificate)
    # 6. Does the mathematics hold, under a key that was valid then?
    return _mathematics(trail, signature, signed, candidates)


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


def _candidates(signature: SignaturePacket, keyrings: Keyrings) -> tuple[_Candidate, ...]:
    """Return the keys the signature names (where it names none: all of its algorithm)."""
    copies: dict[str, list[Certificate]] = {}
    holders: dict[tuple[str, str], list[Keyring]] = {}
    for ring in keyrings.read:
        for certificate in ring.certificates:
            copies.setdefault(certificate.fingerprint, []).append(certificate)
            for key in certificate.keys:
                if _is_meant(signature, key) and ring.accepts(certificate, key.fingerprint):
                    place = (certificate.fingerprint, key.fingerprint)
                    holders.setdefault(place, []).append(ring)
    found: list[_Candidate] = []
    for (primary, fingerprint), rings in list(holders.items())[:_MAX_CANDIDATES]:
        # All copies, also of keyrings that do not accept this key: one may know it is revoked.
        whole = merge(copies[primary])
        key = next(one for one in whole.keys if one.fingerprint == fingerprint)
        found.append(_Candidate(whole, key, tuple(rings)))
    return tuple(found)


def _is_meant(signature: SignaturePacket, key: KeyMaterial) -> bool:
    if not signature.names:
        return key.number == signature.key_algorithm
    return any(names_key(name, key) for name in signature.names)


def _no_key(trail: Trail, signature: SignaturePacket, keyrings: Keyrings) -> Verification:
    if keyrings.broken:
        detail = f"the key is in no keyring that can be read: {keyrings.broken[0]}"
        return trail.refuse(_KEY, "KEYRING_UNUSABLE", detail)
    count = sum(len(ring.certificates) for ring in keyrings.read)
    if not signature.names:
        detail = f"the signature names no key, and it is under none of {count} certificates"
        return trail.refuse(_KEY, "SIGNATURE_INVALID", detail)
    held = any(
        _is_meant(signature, key)
        for ring in keyrings.read
        for certificate in ring.certificates
        for key in certificate.keys
    )
    detail = "the key is in the keyring, but not among the fingerprints that are accepted"
    return trail.refuse(
        _KEY,
        "KEY_UNKNOWN",
        detail if held else "no keyring given has the key that the signature names",
        expected=_accepted(keyrings),
        found=", ".join(signature.names),
        reference=_SECTION[_KEY],
    )


def _accepted(keyrings: Keyrings) -> str:
    named = [
        fingerprint
        for ring in keyrings.read
        for fingerprint in (ring.only or tuple(one.fingerprint for one in ring.certificates))
    ]
    shown = 6
    more = f" and {len(named) - shown} more" if len(named) > shown else ""
    return "one of " + ", ".join(named[:shown]) + more


def _name_signer(trail: Trail, candidates: Sequence[_Candidate]) -> None:
    fingerprints = ", ".join(one.key.fingerprint for one in candidates[:4])
    trail.passed(_KEY, fingerprints, reference=_SECTION[_KEY])
    if len(candidates) == 1:
        trail.signer = signer_of(candidates[0].certificate)


def signer_of(certificate: Certificate) -> Signer:
    """Return who a certificate stands for: its primary key's fingerprint decides."""
    return Signer(
        SignerKind.OPENPGP,
        certificate.fingerprint,
        certificate.algorithm,
        identity=certificate.user_ids[0] if certificate.user_ids else "",
        valid_from=certificate.created_at,
        valid_until=certificate.expires_at,
    )


def _strength(
    trail: Trail, signature: SignaturePacket, candidates: Sequence[_Candidate]
) -> Verification | None:
    section = _SECTION[_STRENGTH]
    if signature.hash_algorithm in WEAK_HASHES:
        detail = f"{signature.hash_name} can be forged"
        found = signature.hash_name
        expected = "SHA-256 or better"
        return trail.refuse(
            _STRENGTH, "ALGORITHM_WEAK", detail, expected=expected, found=found, reference=section
        )
    first = candidates[0]
    weak = first.key.weakness or first.certificate.primary.weakness
    if weak:
        expected = "Ed25519, ECDSA P-256 or larger, RSA of 2048 bits or more"
        return trail.refuse(
            _STRENGTH, "ALGORITHM_WEAK", weak, expected=expected, reference=section
        )
    trail.passed(_STRENGTH, f"{signature.hash_name}, {first.key.algorithm}", reference=section)
    return None


def _times(
    trail: Trail, signature: SignaturePacket, candidates: Sequence[_Candidate], now: datetime
) -> Verification | None:
    made, end = signature.created_at, signature.expires_at
    section = _SECTION[_TIME]
    if made > now:
        refusal = trail.refuse(
            _TIME,
            "TIME_IN_FUTURE",
            "the signature is dated in the future",
            expected=f"made by {now.isoformat()}",
            found=made.isoformat(),
            reference=section,
        )
        return replace(refusal, due_at=made)
    if end is not None and end <= now:
        return trail.refuse(
            _TIME,
            "SIGNATURE_EXPIRED",
            "the signer let the signature itself expire",
            expected=f"used before {end.isoformat()}",
            found=now.isoformat(),
            reference=section,
        )
    if any(_in_window(ring, made, now) for one in candidates for ring in one.keyrings):
        return None
    ring = candidates[0].keyrings[0]
    refusal = trail.refuse(
        _TIME,
        "KEY_EXPIRED",
        f"outside the time in which you accept the keyring {ring.name}",
        expected=f"from {_shown(ring.valid_from)} until {_shown(ring.valid_until)}",
        found=f"dated {made.isoformat()}, now {now.isoformat()}",
    )
    return replace(refusal, due_at=_opens(candidates, now))


def _in_window(ring: Keyring, made: datetime, now: datetime) -> bool:
    """Say whether both the claimed time and now lie in the window; a claim alone proves nothing."""
    begins, ends = ring.valid_from, ring.valid_until
    return (begins is None or begins <= made) and (ends is None or now <= ends)


def _opens(candidates: Sequence[_Candidate], now: datetime) -> datetime | None:
    begins = (ring.valid_from for one in candidates for ring in one.keyrings)
    return min((moment for moment in begins if moment is not None and moment > now), default=None)


def _shown(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else "any time"


def _mathematics(
    trail: Trail,
    signature: SignaturePacket,
    signed: Signed,
    candidates: Sequence[_Candidate],
) -> Judgement:
    section = _SECTION[_MATHEMATICS]
    first = candidates[0]
    if signed.content is None:
        return Judgement(trail.refuse(_MATHEMATICS, "CONTENT_NEEDED", signed.missing))
    if signature.type == TEXT and signed.has_carriage_return:
        # A text signature reads CRLF and LF as one: it would hold over two different artifacts.
        detail = "a text signature does not fix line ends, and the content has carriage returns"
        return Judgement(trail.refuse(_MATHEMATICS, "SUBJECT_MISMATCH", detail))
    winner = _try(signature, signed.content, candidates)
    if winner is None:
        cause = diagnose(signature, first.certificate, first.key)
        step = _MATHEMATICS if cause.reason == "SIGNATURE_INVALID" else _TIME
        refusal = trail.refuse(
            step,
            cause.reason,
            cause.detail,
            expected=cause.expected,
            found=cause.found,
            reference=_SECTION[step],
        )
        return Judgement(refusal, first.certificate)
    trail.passed(_TIME, f"as of {signature.created_at.isoformat()}", reference=_SECTION[_TIME])
    trail.passed(_MATHEMATICS, reference=section)
    return Judgement(_verified(trail, signature, winner), winner.certificate)


def _try(
    signature: SignaturePacket, content: bytes | Path, candidates: Sequence[_Candidate]
) -> _Candidate | None:
    """Return the candidate under which the engine finds the signature good, or None."""
    names = tuple(dict.fromkeys(one.key.fingerprint for one in candidates))
    certificates = [one.certificate.engine for one in candidates]
    try:
        packet = Sig.from_bytes(signature.naming(names))
        if isinstance(content, Path):
            decided = verify(file=content, store=lambda _: certificates, signature=packet)
        else:
            decided = verify(bytes=content, store=lambda _: certificates, signature=packet)
        good = {(one.certificate.upper(), one.signing_key.upper()) for one in decided.valid_sigs}
    except Exception:  # noqa: BLE001 - the engine refuses by raising; nothing else may pass either
        return None
    pairs = ((one.certificate.fingerprint, one.key.fingerprint) for one in candidates)
    return next((one for one, pair in zip(candidates, pairs, strict=True) if pair in good), None)


def _verified(trail: Trail, signature: SignaturePacket, winner: _Candidate) -> Verification:
    due_at, due_reason = _due(signature, winner)
    made = signature.created_at
    claims = {
        **trail.claims,
        "signing_key_fingerprint": winner.key.fingerprint,
        "signing_key_algorithm": winner.key.algorithm,
        "keyring": ", ".join(ring.name for ring in winner.keyrings),
    }
    if len(winner.certificate.user_ids) > 1:
        claims["user_ids"] = ", ".join(winner.certificate.user_ids)
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=signer_of(winner.certificate),
        claims=claims,
        signed_after=made,
        signed_before=made,
        signed_at=made,
        time_source="openpgp",
        time_trusted=False,
        checks=tuple(trail.checks),
        anchors=(winner.certificate.fingerprint,),
        due_at=due_at,
        due_reason=due_reason,
    )


def _due(signature: SignaturePacket, winner: _Candidate) -> tuple[datetime | None, str]:
    """Return when time alone ends this: the signature's own end, or that of the last keyring."""
    end = signature.expires_at
    windows = [
        after(ring.valid_until)
        for ring in winner.keyrings
        if ring.valid_from is None or ring.valid_from <= signature.created_at
    ]
    closing = [moment for moment in windows if moment is not None]
    window = max(closing) if closing and len(closing) == len(windows) else None
    if end is not None and (window is None or end <= window):
        return end, "SIGNATURE_EXPIRED"
    return window, "KEY_EXPIRED" if window is not None else ""
