"""Whom the allowed signers accept: the key or its authority, for which use, and at which time.

The time of an SSH signature is nowhere in it: a claimed one narrows a window and never widens it
(docs/decisions/0014-time-of-ssh-signatures.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import TrustKind
from verification.fault import Fault
from verification.format import Setting
from verification.keys.public_key import after
from verification.ssh.certificate import SshCertificate
from verification.ssh.key import SshKey
from verification.ssh.revocation import given_revocations
from verification.ssh.signers import AllowedSigner, matches, read_signers
from verification.trail import Trail

TRUST, KEY, TIME = "allowed signers", "key", "in its time"
_SHOWN = 4
_MAX_NAMED = 64


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a signature must have been made for, and when its maker claims to have made it."""

    namespace: str
    claimed_at: datetime | None = None
    time_source: str = ""


class RefusedError(Exception):
    """A step that failed; `judge_ssh` makes a refusal of its fault."""

    def __init__(self, step: str, reason: str, detail: str, expected: str, found: str) -> None:
        super().__init__(detail)
        self.fault = Fault(step, reason, detail, expected, found)

    def until(self, moment: datetime | None) -> RefusedError:
        """Return it with the instant from which on time alone may mend it."""
        self.fault = replace(self.fault, due_at=moment)
        return self


def given_signers(trail: Trail, setting: Setting) -> tuple[AllowedSigner, ...]:
    """Return the lines of all lists given; RefusedError where there is none."""
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
        raise RefusedError(TRUST, "KEYRING_UNUSABLE", broken[0], expected, broken[0])
    kinds = ", ".join(sorted({entry.kind.value for entry in setting.trust.entries}))
    raise RefusedError(
        TRUST,
        "TRUST_ROOT_MISSING",
        "no list of allowed signers is given, so no SSH signature can be judged",
        "a list of allowed signers in the trust",
        f"only entries of the kind {kinds}" if kinds else "no trust at all",
    )


def fitting_signers(
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
        raise RefusedError(KEY, "KEY_UNKNOWN", detail, _shown(signers), found)
    for_this = [one for one in named if one.allows(namespace)]
    if not for_this:
        detail = "the key is among the allowed signers, but not for this use"
        allowed = sorted({each for one in named for each in one.namespaces})
        raise RefusedError(
            KEY, "KEY_UNKNOWN", detail, f"one of the namespaces {', '.join(allowed)}", namespace
        )
    if certificate is None:
        return for_this
    answering = [one for one in for_this if _answered(one, certificate)]
    if not answering:
        detail = "the authority may not vouch for any of the names in the certificate"
        expected = ", ".join(dict.fromkeys(each for one in for_this for each in one.principals))
        found = ", ".join(certificate.principals)[:400]
        raise RefusedError(KEY, "CERT_UNTRUSTED", detail, expected, found)
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


def refuse_revoked(key: SshKey, certificate: SshCertificate | None, setting: Setting) -> None:
    """Raise RefusedError where a list given withdraws the key, or cannot be read."""
    try:
        withdrawn = given_revocations(setting.trust).why(key, certificate)
    except MalformedError as error:
        expected = "a revocation list that can be read"
        raise RefusedError(KEY, "KEYRING_UNUSABLE", str(error), expected, str(error)) from None
    if withdrawn:
        detail = f"a revocation list withdraws {withdrawn}"
        raise RefusedError(KEY, "KEY_REVOKED", detail, "a key that was not withdrawn", withdrawn)


def timely_signers(
    certificate: SshCertificate | None,
    fitting: Sequence[AllowedSigner],
    purpose: Purpose,
    now: datetime,
) -> list[AllowedSigner]:
    """Return the entries whose window holds now, and the time claimed."""
    moments = [now] if purpose.claimed_at is None else [now, purpose.claimed_at]
    if certificate is not None:
        for moment in moments:
            _refuse_certificate_time(certificate, moment, moments)
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
        refused = RefusedError(TIME, "KEY_EXPIRED", detail, expected, found)
        opening = [opens for one in fitting if (opens := _opens(one.valid_from, moments))]
        raise refused.until(min(opening, default=None))
    return timely


def _opens(begins: datetime | None, moments: Sequence[datetime]) -> datetime | None:
    """Return a beginning that is still to come, and is the only thing that time has to bring."""
    if begins is None or begins <= moments[0]:
        return None
    return begins if all(begins <= one for one in moments[1:]) else None


def _refuse_certificate_time(
    certificate: SshCertificate, moment: datetime, moments: Sequence[datetime]
) -> None:
    begins, ends = certificate.valid_from, certificate.valid_until
    if (begins is None or begins <= moment) and (ends is None or moment < ends):
        return
    detail = "the certificate is not valid, and nothing proves that it was when it signed"
    expected = f"from {_time(begins)} and before {_time(ends)}"
    found = f"{'now' if moment is moments[0] else 'claimed'} {moment.isoformat()}"
    refused = RefusedError(TIME, "CERT_EXPIRED_AT_SIGNING", detail, expected, found)
    raise refused.until(_opens(begins, moments))


def _within(signer: AllowedSigner, moment: datetime) -> bool:
    begins, ends = signer.valid_from, signer.valid_until
    return (begins is None or begins <= moment) and (ends is None or moment <= ends)


def _time(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else "any time"


def names_of(
    certificate: SshCertificate | None, timely: Sequence[AllowedSigner]
) -> tuple[str, ...]:
    """Return the names in the certificate that count, or the patterns of each line."""
    if certificate is None:
        lines = (",".join(one.principals) for one in timely if one.principals)
        return tuple(dict.fromkeys(lines))[:_MAX_NAMED]
    names = (name for one in timely for name in _answered(one, certificate))
    return tuple(dict.fromkeys(names))[:_MAX_NAMED]


def until(certificate: SshCertificate | None, timely: Sequence[AllowedSigner]) -> datetime | None:
    """Return until when the signer is accepted, None where that has no end."""
    closing = [one.valid_until for one in timely if one.valid_until is not None]
    ends = [max(closing)] if len(closing) == len(timely) else []
    if certificate is not None and certificate.valid_until is not None:
        ends.append(certificate.valid_until)
    return min(ends, default=None)


def due(
    certificate: SshCertificate | None, timely: Sequence[AllowedSigner]
) -> tuple[datetime | None, str]:
    """Return the first instant at which time alone ends the verification, and its reason."""
    ends = [one.valid_until for one in timely]
    closing = [moment for moment in ends if moment is not None]
    due_at = after(max(closing)) if len(closing) == len(ends) else None
    end = certificate.valid_until if certificate is not None else None
    if end is not None and (due_at is None or end <= due_at):
        return end, "CERT_EXPIRED_AT_SIGNING"
    return due_at, "KEY_EXPIRED" if due_at is not None else ""
