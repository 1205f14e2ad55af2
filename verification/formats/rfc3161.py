"""A timestamp by RFC 3161 over an artifact: it existed at that time, at the latest.

A TimeStampResp (`.tsr`) or a bare token, over the digest of the artifact, by an authority given or
one that a Sigstore trusted root names. It proves a time and nothing else: whoever had the bytes
could have it made. The identity is the subject of the authority's certificate.
"""

from __future__ import annotations

from dataclasses import replace

from core.model import Check, Evidence, Outcome, Role, Signer, Verification
from core.naming import numbered
from verification.cms.timestamp_token import is_timestamp
from verification.cms.timestamps import (
    IMPRINT_STEP,
    ProvedTime,
    given_timestamp_authorities,
    judge_timestamp,
)
from verification.fault import Fault, refuse_fault
from verification.format import Setting
from verification.keys.keyed import refuse_keyless
from verification.sigstore.trusted_root import given_roots
from verification.trail import Trail
from verification.x509.certificates import certificate_claims, certificate_signer
from verification.x509.chain import given_authorities
from verification.x509.revocation import RevokedLater, judge_revocation

TIME_SOURCE = "rfc3161"
_REFERENCE = "RFC 3161 2.4.2"


class Rfc3161:
    """The timestamp of an artifact."""

    name = "rfc3161"
    role = Role.TIMESTAMP
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether the bytes are a timestamp authority's answer or token."""
        return is_timestamp(evidence.content)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Judge the timestamp over the subject's digest, under the authorities given."""
        trail = Trail(self.name, self.role)
        # 1. Somebody must be trusted.
        given, roots = given_authorities(setting.trust), given_roots(setting.trust)
        stampers = tuple(each for root in roots.roots for each in root.timestamp_authorities)
        for error in (*given.broken, *roots.broken):
            words = f"a trust entry cannot be read: {error}"
            trail.noted("trust", words, reason="KEYRING_UNUSABLE")
        if given.none_given and not stampers:
            return refuse_keyless(trail, setting.trust, "timestamp authority")
        # 2. Form, imprint, signature, certificate and chain.
        authorities = (*given_timestamp_authorities(given), *stampers)
        subject = evidence.subject
        proved = judge_timestamp(evidence.content, subject.digest, authorities, setting.limits)
        if isinstance(proved, Fault):
            return _refuse(trail, proved)
        revocation = judge_revocation(
            proved.path.lineage,
            given.revocations,
            setting.now,
            proved_at=proved.at,
            later=RevokedLater.NOTED_IF_STATED,
            namesakes=proved.path.namesakes,
        )
        if isinstance(revocation, Fault):
            return _refuse(trail, revocation)
        return _conclude(trail, proved, revocation, setting)


def _refuse(trail: Trail, fault: Fault) -> Verification:
    # The artifact is what this timestamp is over: its own evidence names another digest.
    reason = (
        "DIGEST_MISMATCH"
        if fault.step == IMPRINT_STEP and fault.reason == "TIMESTAMP_INVALID"
        else fault.reason
    )
    return refuse_fault(trail, replace(fault, reason=reason))


def _conclude(
    trail: Trail, proved: ProvedTime, revocation: tuple[Check, ...], setting: Setting
) -> Verification:
    trail.signer = timestamp_signer(proved)
    trail.claims |= certificate_claims(proved.signer) | {
        "timestamp_policy": proved.policy,
        "timestamp_serial": f"{proved.serial:x}",
        "timestamp_imprint": str(proved.imprint),
    }
    trail.passed("timestamp imprint", str(proved.imprint), reference="RFC 3161 2.4.1")
    trail.passed("timestamp signature", proved.scheme, reference="RFC 5652 5.4")
    trail.passed("timestamp certificate", "made for timestamps alone", reference="RFC 3161 2.3")
    trail.passed(
        "timestamp authority",
        numbered(len(proved.path.links), "certificate"),
        reference="RFC 5280 6.1",
    )
    trail.checks.extend(revocation)
    # 3. A time that has not come yet proves that a clock is wrong.
    if proved.after > setting.now:
        refusal = trail.refuse(
            "timestamp",
            "TIME_IN_FUTURE",
            "the timestamp states a time that has not come yet",
            expected=f"a time until {setting.now.isoformat()}",
            found=proved.at.isoformat(),
            reference=_REFERENCE,
        )
        return replace(refusal, due_at=proved.after, anchors=(proved.anchor,))
    trail.passed("timestamp", proved.at.isoformat(), reference=_REFERENCE)
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=trail.signer,
        claims=dict(trail.claims),
        signed_before=proved.before,
        signed_at=proved.at,
        time_source=TIME_SOURCE,
        time_trusted=True,
        checks=tuple(trail.checks),
        anchors=(proved.anchor,),
    )


def timestamp_signer(proved: ProvedTime) -> Signer:
    """Return who proved the time: the subject of the authority's certificate."""
    subject = proved.signer.subject.rfc4514_string()
    return replace(certificate_signer(proved.signer, proved.key), identity=subject)
