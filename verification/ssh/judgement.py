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
from dataclasses import replace

from core.errors import MalformedError
from core.model import Outcome, Signer, SignerKind, Verification
from core.naming import numbered
from verification.fault import refuse_fault
from verification.format import Setting
from verification.ssh.acceptance import (
    KEY,
    TIME,
    TRUST,
    Purpose,
    RefusedError,
    due,
    fitting_signers,
    given_signers,
    names_of,
    refuse_revoked,
    timely_signers,
    until,
)
from verification.ssh.certificate import (
    USER,
    VERIFY_REQUIRED,
    SshCertificate,
    is_certificate,
    read_certificate,
    unknown_options,
)
from verification.ssh.envelope import HASHES, Envelope, read_envelope
from verification.ssh.key import (
    STRONG_KEYS,
    USER_PRESENT,
    USER_VERIFIED,
    WEAK_SIGNATURES,
    SshKey,
    fits,
    holds,
    read_key,
)
from verification.ssh.signers import AllowedSigner
from verification.trail import Trail

ENVELOPE, PURPOSE = "signature envelope", "made for this use"
MATHEMATICS, CERTIFICATE = "mathematics", "certificate"
_PROTOCOL, _CERTIFIED = "OpenSSH PROTOCOL.sshsig", "OpenSSH PROTOCOL.certkeys"
_LIST = "ssh-keygen(1), ALLOWED SIGNERS"
_SHOWN = 4


Digester = Callable[[str], bytes | None]  # hash algorithm → digest of the message, if at hand


def judge_ssh(
    trail: Trail, armor: bytes, digester: Digester, purpose: Purpose, setting: Setting
) -> Verification:
    """Carry out all steps; never raise on bad bytes."""
    try:
        return _judge(trail, armor, digester, purpose, setting)
    except RefusedError as refused:
        return refuse_fault(trail, replace(refused.fault, reference=_PROTOCOL))


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
    signers = given_signers(trail, setting)
    trail.passed(TRUST, numbered(len(signers), "entry", "entries"))
    # 4. The mathematics.
    _refuse_mathematics(envelope, key, digester)
    trail.passed(MATHEMATICS, f"{envelope.signature.algorithm}, {envelope.hash_algorithm}")
    # 5. The certificate.
    if certificate is not None:
        _refuse_certificate(envelope, certificate)
        trail.passed(CERTIFICATE, f"serial {certificate.serial}", reference=_CERTIFIED)
    # 6. The key.
    fitting = fitting_signers(key, certificate, envelope.namespace, signers)
    refuse_revoked(key, certificate, setting)
    trail.passed(KEY, key.fingerprint, reference=_LIST)
    # 7. The time.
    timely = timely_signers(certificate, fitting, purpose, setting.now)
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
        raise RefusedError(ENVELOPE, error.reason, str(error), expected, str(error)) from None


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
    if envelope.signature.browser is not None:
        claims["browser_origin"] = envelope.signature.browser.origin.decode(
            "utf-8", "backslashreplace"
        )
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
        raise RefusedError(
            PURPOSE, "PAYLOAD_TYPE", detail, purpose.namespace, envelope.namespace[:200]
        )
    algorithm = envelope.signature.algorithm
    if algorithm in WEAK_SIGNATURES:
        detail = f"{WEAK_SIGNATURES[algorithm]} can be forged"
        raise RefusedError(
            PURPOSE, "ALGORITHM_WEAK", detail, "rsa-sha2-256 or rsa-sha2-512", algorithm
        )
    if not fits(key, envelope.signature):
        detail = "the signature is of another algorithm than the key inside it"
        raise RefusedError(
            PURPOSE, "ALGORITHM_MISMATCH", detail, f"a signature by {key.type}", algorithm[:60]
        )
    if key.weakness:
        raise RefusedError(PURPOSE, "ALGORITHM_WEAK", key.weakness, STRONG_KEYS, key.algorithm)
    if envelope.hash_algorithm not in HASHES:
        detail = "the message was hashed with an algorithm that is not allowed"
        raise RefusedError(
            PURPOSE, "ALGORITHM_WEAK", detail, " or ".join(HASHES), envelope.hash_algorithm[:60]
        )


def _refuse_mathematics(envelope: Envelope, key: SshKey, digester: Digester) -> None:
    digest = digester(envelope.hash_algorithm)
    if digest is None:
        detail = f"the {envelope.hash_algorithm} digest of what was signed is not at hand"
        expected = f"the bytes of the artifact, or their {envelope.hash_algorithm} digest"
        raise RefusedError(MATHEMATICS, "CONTENT_NEEDED", detail, expected, "neither")
    if not holds(key, envelope.signature, envelope.signed(digest)):
        detail = "the key inside the signature did not make it over these bytes"
        expected = f"a signature by {key.fingerprint}"
        raise RefusedError(
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
        raise RefusedError(CERTIFICATE, reason, certificate.fault, expected, certificate.fault)
    if certificate.kind != USER:
        detail = "the certificate is made for a host, not for a user"
        found = f"type {certificate.kind}"
        raise RefusedError(CERTIFICATE, "CERT_USAGE", detail, "a user certificate", found)
    unknown = unknown_options(certificate)
    if unknown:
        detail = "the certificate has a critical option that is not known"
        found = ", ".join(unknown)[:200]
        raise RefusedError(CERTIFICATE, "CERT_USAGE", detail, "options that are known", found)
    flags = envelope.signature.flags or 0
    if VERIFY_REQUIRED in certificate.options and not flags & USER_VERIFIED:
        detail = "the certificate demands that the security key verify its user"
        raise RefusedError(
            CERTIFICATE, "CERT_USAGE", detail, "a signature with the user verified", f"{flags:#04x}"
        )
    if not certificate.principals:
        detail = "the certificate is for any name at all, so it vouches for none"
        raise RefusedError(CERTIFICATE, "CERT_USAGE", detail, "at least one principal", "none")


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
    names = names_of(certificate, timely)
    due_at, due_reason = due(certificate, timely)
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
            valid_until=until(certificate, timely),
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
