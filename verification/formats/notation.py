"""Signatures of the Notary Project (Notation): a JWS or COSE envelope over an OCI descriptor.

Judged as the trust policy level "strict" demands: integrity, authenticity, authentic timestamp,
expiry and revocation are all enforced. The authorities given stand for the trust stores `ca`,
`signingAuthority` and `tsa` alike; because they cannot be told apart, the time that a signing
authority states is a claim here, and its chain has to hold now as well. A plugin that the
signature demands, or a critical attribute unknown to us, ends in FORMAT_UNSUPPORTED.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Evidence, Outcome, Role, Verification
from core.naming import numbered
from core.text import display
from verification.cms.timestamps import ProvedTime, given_timestamp_authorities, verify_timestamp
from verification.fault import Fault, refuse_fault, refuse_malformed
from verification.format import Setting
from verification.keys.keyed import refuse_keyless
from verification.keys.public_key import after
from verification.notation import signature
from verification.notation.content import SPECIFICATION, judge_content
from verification.notation.cose import is_cose, read_cose
from verification.notation.envelope import (
    AUTHORITY,
    NotationEnvelope,
)
from verification.notation.jws import is_jws, read_jws
from verification.notation.signature import read_chain
from verification.trail import Trail
from verification.x509 import chain
from verification.x509.chain import Authorities, given_authorities, verify_chain
from verification.x509.path import SECOND
from verification.x509.revocation import RevokedLater

_POLICY = "Notary Project trust policy specification, level strict"
_NOT_JUDGED = frozenset(
    {"CERT_UNTRUSTED"}
)  # a timestamp of an authority nobody gave proves nothing


@dataclass(frozen=True, slots=True)
class _Times:
    """When the signature was there: at the latest `at`, where proved; else now."""

    proved: ProvedTime | None
    earliest: datetime
    latest: datetime


class _Notation:
    """What both envelopes have in common."""

    name: str
    role = Role.SIGNATURE
    inside = False

    def __init__(self, read: Callable[[bytes, Limits], NotationEnvelope]) -> None:
        self._read = read

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Judge integrity, authenticity, time and expiry, in this order."""
        trail = Trail(self.name, self.role)
        # 1. The envelope.
        try:
            envelope = self._read(evidence.content, setting.limits)
            chain = read_chain(envelope)
        except MalformedError as error:
            return refuse_malformed(trail, "envelope", error, reference=SPECIFICATION)
        trail.passed("envelope", envelope.attributes.scheme, reference=SPECIFICATION)
        # 2. Somebody must be trusted.
        authorities = given_authorities(setting.trust)
        for error_text in authorities.broken:
            words = f"a trust entry cannot be read: {error_text}"
            trail.noted("trust", words, reason="KEYRING_UNUSABLE")
        if authorities.none_given:
            return refuse_keyless(trail, setting.trust, "authority")
        refusal = judge_content(trail, envelope, chain, evidence.subject, setting)
        return refusal or _judge_trust(trail, envelope, chain, authorities, setting)


class NotationJws(_Notation):
    """The JWS envelope."""

    name = "notation-jws"

    def __init__(self) -> None:
        super().__init__(read_jws)

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether the content is a JWS in JSON."""
        return is_jws(evidence.content)


class NotationCose(_Notation):
    """The COSE envelope."""

    name = "notation-cose"

    def __init__(self) -> None:
        super().__init__(read_cose)

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether the content is a COSE signature with Notary Project attributes."""
        return is_cose(evidence.content)


def _judge_trust(
    trail: Trail,
    envelope: NotationEnvelope,
    chain: signature.Chain,
    authorities: Authorities,
    setting: Setting,
) -> Verification:
    """Check the time, the chain at that time, demands on us, and the expiry."""
    # 6. When it was signed.
    times = _times(trail, envelope, authorities, setting)
    if isinstance(times, Verification):
        return times
    # 7. The chain to a given authority, and every certificate's life, at that time.
    proved_at = times.proved.before if times.proved else None
    found = verify_chain(
        chain,
        authorities,
        setting.now,
        proved_at=proved_at,
        purposes=signature.purposes(chain[0]),
        later=RevokedLater.REFUSED,
    )
    if isinstance(found, Fault):
        return _refuse_chain(trail, found, authorities)
    fault = _life_fault(chain, times)
    if fault is not None:
        return refuse_fault(trail, fault)
    if found.pinned:
        trail.noted("certificate chain", found.pinned)
    trail.passed(
        "certificate chain", numbered(found.length, "certificate"), reference="RFC 5280 6.1"
    )
    trail.checks.extend(found.checks)
    # 8. What the signature demands of whoever verifies it.
    attributes = envelope.attributes
    if attributes.demands:
        plugin = attributes.others.get(attributes.demands[0], "")
        asked = f"{attributes.demands[0]} {plugin}".strip()
        return trail.refuse(
            "critical attributes",
            "FORMAT_UNSUPPORTED",
            "the signature demands a verification plugin or an attribute that is unknown here",
            expected="critical attributes of the specification alone",
            found=display(asked, 200),
            reference=SPECIFICATION,
        )
    # 9. Until when it may be used.
    if attributes.expiry is not None and setting.now >= attributes.expiry:
        return trail.refuse(
            "expiry",
            "SIGNATURE_EXPIRED",
            "the signature states an end, and that is past",
            expected=f"used before {attributes.expiry.isoformat()}",
            found=setting.now.isoformat(),
            reference=_POLICY,
        )
    return _verified(trail, envelope, chain, times, found)


def _times(
    trail: Trail, envelope: NotationEnvelope, authorities: Authorities, setting: Setting
) -> _Times | Verification:
    authentic, now = envelope.attributes.authentic_time, setting.now
    if authentic is not None:
        if authentic > now:
            return _refuse_future(trail, "signing time", "the signing authority", authentic, now)
        trail.noted(
            "signing time", "stated by the signing authority: the chain has to hold now too"
        )
        return _Times(None, min(authentic, now), now)
    if envelope.timestamp is None:
        trail.noted("timestamp", "none: the certificates have to be valid now")
        return _Times(None, now, now)
    roots = given_timestamp_authorities(authorities)
    proved = verify_timestamp(envelope.timestamp, envelope.signature, roots, setting.limits)
    if isinstance(proved, ProvedTime) and proved.after > now:
        return _refuse_future(trail, "timestamp", "the timestamp", proved.after, now)
    if isinstance(proved, ProvedTime):
        words = f"{proved.at.isoformat()} by {display(proved.signer.subject.rfc4514_string(), 120)}"
        trail.passed("timestamp", words, reference="RFC 3161")
        return _Times(proved, proved.after, proved.before)
    if proved.reason in _NOT_JUDGED:
        trail.noted("timestamp", f"not counted: {proved.detail}", reason=proved.reason)
        return _Times(None, now, now)
    return refuse_fault(trail, proved)


def _refuse_future(trail: Trail, step: str, who: str, at: datetime, now: datetime) -> Verification:
    """Refuse a time that has not come yet, until it has."""
    refusal = trail.refuse(
        step,
        "TIME_IN_FUTURE",
        f"{who} states a time that has not come yet",
        expected=f"a time until {now.isoformat()}",
        found=at.isoformat(),
        reference=SPECIFICATION,
    )
    return replace(refusal, due_at=at)


def _life_fault(chain: signature.Chain, times: _Times) -> Fault | None:
    """Check that every certificate of the envelope was valid over the whole range of time."""
    begins = max(link.not_valid_before_utc for link in chain)
    ends = min(link.not_valid_after_utc for link in chain)
    if begins <= times.earliest and times.latest < (after(ends, SECOND) or ends):
        return None
    return Fault(
        "certificate chain",
        "CERT_EXPIRED_AT_SIGNING",
        "not all certificates of the signature were valid at its time",
        f"signed between {begins.isoformat()} and {ends.isoformat()}",
        f"from {times.earliest.isoformat()} to {times.latest.isoformat()}",
        _POLICY,
    )


def _refuse_chain(trail: Trail, fault: Fault, authorities: Authorities) -> Verification:
    if fault.reason == "CERT_UNTRUSTED" and authorities.broken:
        detail = f"no readable authority vouches, and an entry is broken: {authorities.broken[0]}"
        expected, found = "authorities that can be read", authorities.broken[0]
        reason = "KEYRING_UNUSABLE"
        fault = replace(fault, reason=reason, detail=detail, expected=expected, found=found)
    return refuse_fault(trail, fault)


def _due(
    envelope: NotationEnvelope,
    links: signature.Chain,
    times: _Times,
    chain: chain.Chain,
) -> tuple[datetime | None, str]:
    """Return when it ends: the chain, what came along beyond the anchor, or the expiry."""
    ends = [(chain.due_at, chain.due_reason), (envelope.attributes.expiry, "SIGNATURE_EXPIRED")]
    if times.proved is None:
        last = min(link.not_valid_after_utc for link in links)
        ends.append((after(last, SECOND), "CERT_EXPIRED_AT_SIGNING"))
    known = [(end, reason) for end, reason in ends if end is not None]
    return min(known, key=lambda each: each[0], default=(None, ""))


def _verified(
    trail: Trail,
    envelope: NotationEnvelope,
    links: signature.Chain,
    times: _Times,
    chain: chain.Chain,
) -> Verification:
    attributes, proved = envelope.attributes, times.proved
    due_at, due_reason = _due(envelope, links, times, chain)
    source = "notation signing authority" if attributes.scheme == AUTHORITY else "notation"
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=trail.signer,
        claims=dict(trail.claims),
        signed_before=proved.before if proved else None,
        signed_at=proved.at if proved else attributes.authentic_time or attributes.signing_time,
        time_source="rfc3161" if proved else source,
        time_trusted=proved is not None,
        checks=tuple(trail.checks),
        anchors=(chain.anchor, proved.anchor) if proved else (chain.anchor,),
        due_at=due_at,
        due_reason=due_reason if due_at else "",
    )
