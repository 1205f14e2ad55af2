"""Bundles signed with a certificate of an authority that was given itself, which demands no log.

An entry of a log that some root beside it knows has to hold all the same, and to be about this
bundle: what came along and can be judged is judged.

A timestamp under the same authorities proves the time; without one the chain has to hold now.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding

from core.model import Outcome, Subject, Verification
from core.naming import numbered
from core.reasons import outcome_of
from verification.cms.timestamps import ProvedTime, given_timestamp_authorities, verify_timestamp
from verification.envelope import Envelope
from verification.fault import Fault, refuse_fault
from verification.format import Setting
from verification.sigstore.bundle import Bundle
from verification.sigstore.entry_body import Signed
from verification.sigstore.log_entry import Logged
from verification.sigstore.proof import (
    SIGNATURE_STEP,
    Content,
    Proof,
    check_signature,
    read_content,
    recorded_in,
)
from verification.sigstore.times import TIMESTAMP_SOURCE, ends_of, entries_that_hold
from verification.sigstore.trusted_root import TrustedRoot
from verification.trail import Trail
from verification.x509.certificates import certificate_claims, certificate_signer
from verification.x509.chain import Authorities, Chain, verify_chain

_CHAIN = "certificate chain"


def prove_by_certificate(
    bundle: Bundle,
    artifact: Subject,
    authorities: Authorities,
    roots: Sequence[TrustedRoot],
    setting: Setting,
    trail: Trail,
) -> Proof | Verification:
    """Check a bundle with a certificate chain under given authorities; roots judge its log."""
    # 1. What was signed.
    content = read_content(bundle, artifact, setting.limits, trail)
    if isinstance(content, Fault):
        return refuse_fault(trail, content)
    logged = entries_that_hold(bundle, roots, setting.now, trail)
    if isinstance(logged, Fault):
        return refuse_fault(trail, logged)
    # 2. When, as far as that is proved.
    proved = _proved(bundle, authorities, setting, trail)
    if isinstance(proved, Fault):
        return refuse_fault(trail, proved)
    # 3. The chain, then or now, and that nobody took it back.
    at = proved.before if proved is not None else None
    chain = verify_chain(bundle.certificates, authorities, setting.now, proved_at=at)
    if isinstance(chain, Fault):
        return refuse_fault(trail, chain)
    trail.passed(_CHAIN, numbered(chain.length, "certificate"), reference="RFC 5280 6.1")
    trail.checks += chain.checks
    trail.signer = certificate_signer(chain.leaf, chain.key)
    trail.claims |= certificate_claims(chain.leaf)
    # 4. The entries of the log are about this signature, and the signature holds.
    envelope = bundle.content if isinstance(bundle.content, Envelope) else None
    encoded = chain.leaf.public_bytes(Encoding.DER)
    signed = Signed(bundle.signature, encoded, chain.key, envelope, content.over)
    recorded = recorded_in(logged, signed, setting.limits, trail)
    if isinstance(recorded, Fault):
        return refuse_fault(trail, recorded)
    attempt = check_signature(chain.key, bundle, content, recorded, setting)
    if isinstance(attempt, Fault):
        return refuse_fault(trail, attempt)
    trail.passed(SIGNATURE_STEP, attempt.scheme)
    return _proof(content, chain, proved, logged, trail)


def _proved(
    bundle: Bundle, authorities: Authorities, setting: Setting, trail: Trail
) -> ProvedTime | Fault | None:
    """Return the earliest time proved; a timestamp of an authority that was not given is noted."""
    found: list[ProvedTime] = []
    known = given_timestamp_authorities(authorities)
    for token in bundle.timestamps:
        proved = verify_timestamp(token, bundle.stamped, known, setting.limits)
        if isinstance(proved, ProvedTime):
            trail.passed("timestamp", proved.at.isoformat(), reference="RFC 3161")
            found.append(proved)
        elif outcome_of(proved.reason) is Outcome.INVALID:
            return proved
        else:
            trail.noted(proved.step, proved.detail, reason=proved.reason)
    last = max((one.at for one in found), default=setting.now)
    if last > setting.now:
        detail = "a timestamp speaks of a time that has not come yet"
        expected = f"by {setting.now.isoformat()}"
        return Fault("time", "TIME_IN_FUTURE", detail, expected, last.isoformat(), due_at=last)
    return min(found, key=lambda one: one.before, default=None)


def _proof(
    content: Content,
    chain: Chain,
    proved: ProvedTime | None,
    logged: Sequence[Logged],
    trail: Trail,
) -> Proof:
    if trail.signer is None:
        raise ValueError("nothing is proved without a signer")
    ends = ends_of(logged)
    if chain.due_at is not None:
        ends.append((chain.due_at, chain.due_reason))
    due_at, due_reason = min(ends, default=(None, ""))
    anchors = (chain.anchor,) if proved is None else (chain.anchor, proved.anchor)
    return Proof(
        trail.signer,
        content.payload,
        content.statement,
        tuple(dict.fromkeys(anchors)),
        chain.leaf.not_valid_before_utc if proved is not None else None,
        proved.before if proved is not None else None,
        proved.at if proved is not None else None,
        TIMESTAMP_SOURCE if proved is not None else "",
        due_at,
        due_reason,
    )
