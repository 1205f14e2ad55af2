"""Judge one SSH signature under the allowed signers given (OpenSSH, PROTOCOL.sshsig).

Steps, each a Check:

    1  envelope: one signature, of a known version
    2  what it was made for: the namespace that was asked for, a strong hash
    3  somebody must be trusted
    4  mathematics, under the key inside: a claim of who signed, and no more
    5  the certificate around that key, if there is one
    6  the key, or its authority, among the allowed signers
    7  in its time: now, and at the time claimed

The time of an SSH signature is nowhere in it. A commit claims one, which its author chose: it can
narrow a window and never widen it (docs/decisions, "The time of an SSH signature").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.errors import MalformedError, TooLargeError
from core.model import Outcome, Signer, SignerKind, TrustKind, Verification
from verification.format import Setting
from verification.public_key import after
from verification.ssh_certificate import (
    USER,
    VERIFY_REQUIRED,
    SshCertificate,
    is_certificate,
    read_certificate,
    unknown_options,
)
from verification.ssh_envelope import HASHES, Envelope, read_envelope
from verification.ssh_key import (
    STRONG_KEYS,
    USER_PRESENT,
    USER_VERIFIED,
    WEAK_SIGNATURES,
    SshKey,
    fits,
    holds,
    read_key,
)
from verification.ssh_revocation import given_revocations
from verification.ssh_signers import AllowedSigner, matches, read_signers
from verification.trail import Trail

ENVELOPE, PURPOSE, TRUST = "signature envelope", "made for this use", "allowed signers"
MATHEMATICS, CERTIFICATE, KEY, TIME = "mathematics", "certificate", "key", "in its time"
_PROTOCOL, _CERTIFIED = "OpenSSH PROTOCOL.sshsig", "OpenSSH PROTOCOL.certkeys"
_LIST = "ssh-keygen(1), ALLOWED SIGNERS"
_SHOWN = 4
_MAX_NAMED = 64


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a signature must have been made for, and when its maker claims to have made it."""

    namespace: str
    claimed_at: datetime | None = None
    time_source: str = ""


Digester = Callable[[str], bytes | None]  # hash algorithm → digest of the message, if at hand


class _RefusedError(Exception):
    """A step that failed; never leaves this module."""

    def __init__(self, step: str, reason: str, detail: str, expected: str, found: str) -> None:
        super().__init__(detail)
        self.step, self.reason, self.detail = step, reason, detail
        self.expected, self.found = expected, found


def judge_ssh(
    trail: Trail, armor: bytes, digester: Digester, purpose: Purpose, setting: Setting
) -> Verification:
    """Carry out all steps; never raise on bad bytes."""
    try:
        return _judge(trail, armor, digester, purpose, setting)
    except _RefusedError as refused:
        return trail.refuse(
            refused.step,
            refused.reason,
            refused.detail,
            expected=refused.expected,
            found=refused.found,
            reference=_PROTOCOL,
        )


def _judge(
    trail: Trail, armor: bytes, digester: Digester, purpose: Purpose, setting: Setting
) -> Verification:
    # 1. One envelope and nothing else.
    envelope, key, certificate = _read(armor)
    trail.passed(ENVELOPE, reference=_PROTOCOL)
    trail.claims |= _claims(envelope, key, certificate)
    trail.signer = Signer(SignerKind.SSH, key.fingerprint, key.algorithm)
    # 2. Made for this, with algorithms that still prove something.
    _refuse_purpose(envelope, key, purpose)
    trail.passed(PURPOSE, envelope.namespace, reference=_PROTOCOL)
    # 3. Somebody must be trusted.
    signers = _given_signers(trail, setting)
    trail.passed(TRUST, f"{len(signers)} entries")
    # 4. The mathematics.
    _refuse_mathematics(envelope, key, digester)
    trail.passed(MATHEMATICS, f"{envelope.signature.algorithm}, {envelope.hash_algorithm}")
    # 5. The certificate.
    if certificate is not None:
        _refuse_certificate(envelope, certificate)
        trail.passed(CERTIFICATE, f"serial {certificate.serial}", reference=_CERTIFIED)
    # 6. The key.
    fitting = _fitting(key, certificate, envelope.namespace, signers)
    _refuse_revoked(key, certificate, setting)
    trail.passed(KEY, key.fingerprint, reference=_LIST)
    # 7. The time.
    timely = _timely(certificate, fitting, purpose, setting.now)
    trail.passed(TIME, f"as of {setting.now.isoformat()}", reference=_LIST)
    _note_touch(trail, envelope)
    return _verified(trail, key, certificate, timely, purpose)


def _read(armor: bytes) -> tuple[Envelope, SshKey, SshCertificate | None]:
    expected = "one SSH signature of version 1 in armor, and nothing around it"
    try:
        envelope = read_envelope(armor)
        if is_certificate(envelope.public_key):
            certificate = read_certificate(envelope.public_key)
            return envelope, certificate.key, certificate
        return envelope, read_key(envelope.public_key), None
    except MalformedError as error:
        reason = "TOO_LARGE" if isinstance(error, TooLargeError) else "MALFORMED"
        raise _RefusedError(ENVELOPE, reason, str(error), expected, str(error)) from None


def _claims(envelope: Envelope, key: SshKey, certificate: SshCertificate | None) -> dict[str, str]:
    claims = {
        "namespace": envelope.namespace,
        "hash_algorithm": envelope.hash_algorithm,
        "signature_algorithm": envelope.signature.algorithm,
        "key_fingerprint": key.fingerprint,
    }
    if envelope.signature.flags is not None:
        claims |= {
            "user_present": str(bool(envelope.signature.flags & USER_PRESENT)).lower(),
            "user_verified": str(bool(envelope.signature.flags & USER_VERIFIED)).lower(),
            "signature_counter": str(envelope.signature.counter),
            "application": key.application.decode("utf-8", "backslashreplace"),
        }
    if certificate is not None:
        claims |= {
            "certificate_serial": str(certificate.serial),
            "certificate_key_id": certificate.key_id,
            "certificate_principals": json.dumps(certificate.principals),
            "certificate_authority": certificate.authority.fingerprint,
        }
        for name, moment in (
            ("certificate_valid_from", certificate.valid_from),
            ("certificate_valid_until", certificate.valid_until),
        ):
            claims |= {name: moment.isoformat()} if moment is not None else {}
    return claims


def _refuse_purpose(envelope: Envelope, key: SshKey, purpose: Purpose) -> None:
    if envelope.namespace != purpose.namespace:
        detail = "the signature was made for another use: its namespace differs"
        raise _RefusedError(
            PURPOSE, "PAYLOAD_TYPE", detail, purpose.namespace, envelope.namespace[:200]
        )
    algorithm = envelope.signature.algorithm
    if algorithm in WEAK_SIGNATURES:
        detail = f"{WEAK_SIGNATURES[algorithm]} can be forged"
        raise _RefusedError(
            PURPOSE, "ALGORITHM_WEAK", detail, "rsa-sha2-256 or rsa-sha2-512", algorithm
        )
    if not fits(key, envelope.signature):
        detail = "the signature is of another algorithm than the key inside it"
        raise _RefusedError(
            PURPOSE, "ALGORITHM_MISMATCH", detail, f"a signature by {key.type}", algorithm[:60]
        )
    if key.weakness:
        raise _RefusedError(PURPOSE, "ALGORITHM_WEAK", key.weakness, STRONG_KEYS, key.algorithm)
    if envelope.hash_algorithm not in HASHES:
        detail = "the message was hashed with an algorithm that is not allowed"
        raise _RefusedError(
            PURPOSE, "ALGORITHM_WEAK", detail, " or ".join(HASHES), envelope.hash_algorithm[:60]
        )


def _given_signers(trail: Trail, setting: Setting) -> tuple[AllowedSigner, ...]:
    signers: list[AllowedSigner] = []
    broken: list[str] = []
    for entry in setting.trust.entries:
        if entry.kind is not TrustKind.SSH_SIGNERS:
            continue
        try:
            read = read_signers(entry, setting.limits)
        except MalformedError as error:
            broken.append(str(error))
            continue
        signers += read.signers
        broken += [f"{entry.name}: {note}" for note in read.notes]
    for note in broken[:_SHOWN]:
        trail.noted(TRUST, f"left out: {note}", reason="KEYRING_UNUSABLE")
    if signers:
        return tuple(signers)
    if broken:
        expected = "a list of allowed signers that can be read"
        raise _RefusedError(TRUST, "KEYRING_UNUSABLE", broken[0], expected, broken[0])
    kinds = ", ".join(sorted({entry.kind.value for entry in setting.trust.entries}))
    raise _RefusedError(
        TRUST,
        "TRUST_ROOT_MISSING",
        "no list of allowed signers is given, so no SSH signature can be judged",
        "a list of allowed signers in the trust",
        f"only entries of the kind {kinds}" if kinds else "no trust at all",
    )


def _refuse_mathematics(envelope: Envelope, key: SshKey, digester: Digester) -> None:
    digest = digester(envelope.hash_algorithm)
    if digest is None:
        detail = f"the {envelope.hash_algorithm} digest of what was signed is not at hand"
        expected = f"the bytes of the artifact, or their {envelope.hash_algorithm} digest"
        raise _RefusedError(MATHEMATICS, "CONTENT_NEEDED", detail, expected, "neither")
    if not holds(key, envelope.signature, envelope.signed(digest)):
        detail = "the key inside the signature did not make it over these bytes"
        expected = f"a signature by {key.fingerprint}"
        raise _RefusedError(
            MATHEMATICS,
            "SIGNATURE_INVALID",
            detail,
            expected,
            "one made by another key, or over other bytes",
        )


def _refuse_certificate(envelope: Envelope, certificate: SshCertificate) -> None:
    if certificate.fault:
        reason = "ALGORITHM_WEAK" if certificate.is_weak else "SIGNATURE_INVALID"
        expected = f"a certificate signed by {certificate.authority.fingerprint}"
        raise _RefusedError(CERTIFICATE, reason, certificate.fault, expected, certificate.fault)
    if certificate.kind != USER:
        detail = "the certificate is made for a host, not for a user"
        found = f"type {certificate.kind}"
        raise _RefusedError(CERTIFICATE, "CERT_USAGE", detail, "a user certificate", found)
    unknown = unknown_options(certificate)
    if unknown:
        detail = "the certificate has a critical option that is not known"
        found = ", ".join(unknown)[:200]
        raise _RefusedError(CERTIFICATE, "CERT_USAGE", detail, "options that are known", found)
    flags = envelope.signature.flags or 0
    if VERIFY_REQUIRED in certificate.options and not flags & USER_VERIFIED:
        detail = "the certificate demands that the security key verify its user"
        raise _RefusedError(
            CERTIFICATE, "CERT_USAGE", detail, "a signature with the user verified", f"{flags:#04x}"
        )
    if not certificate.principals:
        detail = "the certificate is for any name at all, so it vouches for none"
        raise _RefusedError(CERTIFICATE, "CERT_USAGE", detail, "at least one principal", "none")


def _fitting(
    key: SshKey,
    certificate: SshCertificate | None,
    namespace: str,
    signers: Sequence[AllowedSigner],
) -> list[AllowedSigner]:
    """Return the entries that stand for this key, or for its certificate's authority."""
    authority = certificate.authority.blob if certificate is not None else None
    named = [
        one
        for one in signers
        if one.key.blob == (authority if one.is_authority else key.blob)
        # OpenSSH takes a certificate by its authority alone: the bare key is another signer.
        and one.is_authority == (certificate is not None)
    ]
    if not named:
        found = key.fingerprint
        if certificate is not None:
            found += f", certified by {certificate.authority.fingerprint}"
        detail = "no entry of the allowed signers has the key, or the authority that certified it"
        raise _RefusedError(KEY, "KEY_UNKNOWN", detail, _shown(signers), found)
    for_this = [one for one in named if one.allows(namespace)]
    if not for_this:
        detail = "the key is among the allowed signers, but not for this use"
        allowed = sorted({each for one in named for each in one.namespaces})
        raise _RefusedError(
            KEY, "KEY_UNKNOWN", detail, f"one of the namespaces {', '.join(allowed)}", namespace
        )
    if certificate is None:
        return for_this
    answering = [one for one in for_this if _answered(one, certificate)]
    if not answering:
        detail = "the authority may not vouch for any of the names in the certificate"
        expected = ", ".join(dict.fromkeys(each for one in for_this for each in one.principals))
        found = ", ".join(certificate.principals)[:400]
        raise _RefusedError(KEY, "CERT_UNTRUSTED", detail, expected, found)
    return answering


def _answered(signer: AllowedSigner, certificate: SshCertificate) -> tuple[str, ...]:
    """Return the certificate's names that the authority may vouch for."""
    return tuple(
        one
        for one in certificate.principals
        if not signer.principals or matches(signer.principals, one)
    )


def _shown(signers: Sequence[AllowedSigner]) -> str:
    prints = tuple(dict.fromkeys(one.key.fingerprint for one in signers))
    left = len(prints) - _SHOWN
    return "one of " + ", ".join(prints[:_SHOWN]) + (f" and {left} more" if left > 0 else "")


def _refuse_revoked(key: SshKey, certificate: SshCertificate | None, setting: Setting) -> None:
    try:
        withdrawn = given_revocations(setting.trust).why(key, certificate)
    except MalformedError as error:
        expected = "a revocation list that can be read"
        raise _RefusedError(KEY, "KEYRING_UNUSABLE", str(error), expected, str(error)) from None
    if withdrawn:
        detail = f"a revocation list withdraws {withdrawn}"
        raise _RefusedError(KEY, "KEY_REVOKED", detail, "a key that was not withdrawn", withdrawn)


def _timely(
    certificate: SshCertificate | None,
    fitting: Sequence[AllowedSigner],
    purpose: Purpose,
    now: datetime,
) -> list[AllowedSigner]:
    moments = [now] if purpose.claimed_at is None else [now, purpose.claimed_at]
    if certificate is not None:
        for moment in moments:
            _refuse_certificate_time(certificate, moment, now)
    timely = [one for one in fitting if all(_within(one, moment) for moment in moments)]
    if not timely:
        first = fitting[0]
        detail = "outside the time in which the allowed signers accept the key"
        if purpose.claimed_at is not None and any(_within(one, moments[1]) for one in fitting):
            detail += "; the time claimed lies inside, and nothing proves it"
        expected = f"from {_time(first.valid_from)} until {_time(first.valid_until)}"
        found = ", ".join(
            ("now " if moment is now else "claimed ") + moment.isoformat() for moment in moments
        )
        raise _RefusedError(TIME, "KEY_EXPIRED", detail, expected, found)
    return timely


def _refuse_certificate_time(certificate: SshCertificate, moment: datetime, now: datetime) -> None:
    begins, ends = certificate.valid_from, certificate.valid_until
    if (begins is None or begins <= moment) and (ends is None or moment < ends):
        return
    detail = "the certificate is not valid, and nothing proves that it was when it signed"
    expected = f"from {_time(begins)} and before {_time(ends)}"
    found = f"{'now' if moment is now else 'claimed'} {moment.isoformat()}"
    raise _RefusedError(TIME, "CERT_EXPIRED_AT_SIGNING", detail, expected, found)


def _within(signer: AllowedSigner, moment: datetime) -> bool:
    begins, ends = signer.valid_from, signer.valid_until
    return (begins is None or begins <= moment) and (ends is None or moment <= ends)


def _time(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else "any time"


def _note_touch(trail: Trail, envelope: Envelope) -> None:
    flags = envelope.signature.flags
    if flags is not None and not flags & USER_PRESENT:
        trail.noted("security key", "nobody touched the security key for this signature")


def _verified(
    trail: Trail,
    key: SshKey,
    certificate: SshCertificate | None,
    timely: Sequence[AllowedSigner],
    purpose: Purpose,
) -> Verification:
    names = _names(certificate, timely)
    due_at, due_reason = _due(certificate, timely)
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=Signer(
            SignerKind.SSH,
            key.fingerprint,
            key.algorithm,
            identity=", ".join(names),
            issuer=certificate.authority.fingerprint if certificate is not None else "",
            valid_from=max((one.valid_from for one in timely if one.valid_from), default=None),
            valid_until=_until(certificate, timely),
        ),
        claims={
            **trail.claims,
            "principals" if certificate is None else "certified_principals": json.dumps(names),
            "allowed_signers": ", ".join(
                f"{one.entry}, line {one.line}" for one in timely[:_SHOWN]
            ),
        },
        signed_at=purpose.claimed_at,
        time_source=purpose.time_source if purpose.claimed_at is not None else "",
        checks=tuple(trail.checks),
        anchors=tuple(dict.fromkeys(one.key.fingerprint for one in timely)),
        due_at=due_at,
        due_reason=due_reason,
    )


def _names(certificate: SshCertificate | None, timely: Sequence[AllowedSigner]) -> tuple[str, ...]:
    """Return the names in the certificate that count, or the patterns of each line."""
    if certificate is None:
        lines = (",".join(one.principals) for one in timely if one.principals)
        return tuple(dict.fromkeys(lines))[:_MAX_NAMED]
    names = (name for one in timely for name in _answered(one, certificate))
    return tuple(dict.fromkeys(names))[:_MAX_NAMED]


def _until(certificate: SshCertificate | None, timely: Sequence[AllowedSigner]) -> datetime | None:
    closing = [one.valid_until for one in timely if one.valid_until is not None]
    ends = [max(closing)] if len(closing) == len(timely) else []
    if certificate is not None and certificate.valid_until is not None:
        ends.append(certificate.valid_until)
    return min(ends, default=None)


def _due(
    certificate: SshCertificate | None, timely: Sequence[AllowedSigner]
) -> tuple[datetime | None, str]:
    ends = [one.valid_until for one in timely]
    closing = [moment for moment in ends if moment is not None]
    due_at = after(max(closing)) if len(closing) == len(ends) else None
    until = certificate.valid_until if certificate is not None else None
    if until is not None and (due_at is None or until <= due_at):
        return until, "CERT_EXPIRED_AT_SIGNING"
    return due_at, "KEY_EXPIRED" if due_at is not None else ""
