"""Keyless bundles: a short-lived certificate, its log, and the times, all of one trusted root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from core.errors import MalformedError
from core.frozen import dataclass
from core.model import Subject, Verification
from core.naming import numbered
from verification.envelope import Envelope
from verification.fault import Fault, malformed, refuse_fault
from verification.format import Setting
from verification.keys.public_key import STRONG_KEYS
from verification.sigstore.bundle import V01, V03, Bundle, Material
from verification.sigstore.entry_body import Signed
from verification.sigstore.fulcio import Leaf, read_leaf
from verification.sigstore.log_keys import LogKey
from verification.sigstore.proof import (
    SIGNATURE_STEP,
    Content,
    Proof,
    check_signature,
    log_claims,
    read_content,
    recorded_in,
)
from verification.sigstore.sct import STEP as SCT_STEP
from verification.sigstore.sct import check_promise
from verification.sigstore.times import Moment, Times, prove_times
from verification.sigstore.trusted_root import CertificateAuthority, TrustedRoot
from verification.trail import Trail
from verification.x509.certificates import certificate_digest, is_issued_by
from verification.x509.diagnosis import missing_link
from verification.x509.path import CertificatePath, find_path
from verification.x509.revocation import judge_revocation
from verification.x509.revocation_data import NONE, given_revocations

_CHAIN, _USAGE = "certificate chain", "certificate usage"
_CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
_LACKING = frozenset({"LOG_MISSING", "TIMESTAMP_MISSING"})
_digest_of = lru_cache(maxsize=64)(certificate_digest)


def prove_keyless(
    bundle: Bundle, artifact: Subject, root: TrustedRoot, setting: Setting, trail: Trail
) -> Proof | Verification:
    """Check a bundle with a certificate under one root; nothing of another root is looked at."""
    proof = _prove(bundle, artifact, root, setting, trail)
    return refuse_fault(trail, proof) if isinstance(proof, Fault) else proof


def _prove(
    bundle: Bundle, artifact: Subject, root: TrustedRoot, setting: Setting, trail: Trail
) -> Proof | Fault:
    # 1. What the bundle may carry, what was signed, and what the certificate is for.
    fault = _form_fault(bundle)
    if fault is not None:
        return fault
    content = read_content(bundle, artifact, setting.limits, trail)
    if isinstance(content, Fault):
        return content
    leaf = _usable(bundle)
    if isinstance(leaf, Fault):
        return leaf
    trail.passed(_USAGE, "codeSigning", reference="Fulcio certificate specification")
    # 2. The log and the times (Sigstore client specification, "Verification").
    times = prove_times(bundle, root, setting, trail)
    if isinstance(times, Fault):
        return _of_another_world(bundle, root, times) or _by_a_newer_log(bundle, root, times, trail)
    # 3. The chain at each of these times, and that the certificate was shown to a log.
    vouched = _vouch(bundle, leaf, root, times, setting, trail)
    if isinstance(vouched, Fault):
        return _of_another_world(bundle, root, vouched) or vouched
    # 4. Who that is, now that it is vouched for.
    fault = _name(leaf, vouched, root, times, trail)
    if fault is not None:
        return fault
    # 5. The entry of the log is about this signature, and the signature holds.
    fault = _signature_fault(bundle, content, leaf, times, setting, trail)
    return fault or _proof(bundle, content, root, vouched, times, trail)


def _of_another_world(bundle: Bundle, root: TrustedRoot, fault: Fault) -> Fault | None:
    """Return that no authority of the root issued the certificate, where a proof is missing.

    What a root demands it demands of what its own authorities certified, whether they still might
    or not: where none did, the evidence is a stranger's and lacks nothing.
    """
    if fault.reason not in _LACKING or root.broken:  # what cannot be read may have issued it
        return None
    leaf = bundle.certificates[0]
    known = (certificate for each in root.authorities for certificate in each.chain)
    return None if any(is_issued_by(leaf, each) for each in known) else _no_path(bundle, root)


def _issued(bundle: Bundle) -> Moment:
    """Return the time from which the signer's certificate was valid, as its issuer states it."""
    begins = bundle.certificates[0].not_valid_before_utc
    return Moment(begins, begins, "certificate", "")


def _by_a_newer_log(bundle: Bundle, root: TrustedRoot, fault: Fault, trail: Trail) -> Fault:
    """Return what an unknown log comes to: nobody's, or one that the root may be too old to know.

    Only an authority that the root knows can say so, by a certificate of a time after that for
    which the root was published: what the entry or a stranger's certificate claims proves nothing.
    """
    issued, fresh = _issued(bundle), root.fresh_until
    is_known = any(root.logs_named(entry.log_id) for entry in bundle.entries)
    if fault.reason != "LOG_UNKNOWN" or is_known or fresh is None or issued.at <= fresh:
        return fault
    if isinstance(_vouched(bundle, root, (issued,)), Fault):
        return fault
    trail.passed(_CHAIN, f"an authority of the root issued it at {issued.at.isoformat()}")
    detail = "the log is unknown to the trusted root, which is older than what was signed"
    expected = f"a root published for a time after {fresh.isoformat()}"
    return Fault(fault.step, "TRUST_ROOT_STALE", detail, expected, fault.found)


@dataclass(frozen=True, slots=True)
class _Vouched:
    """Who vouches for a certificate: its issuer, and the log that promised to show it."""

    issuer: x509.Certificate
    promised: LogKey | None


def _vouch(
    bundle: Bundle, leaf: Leaf, root: TrustedRoot, times: Times, setting: Setting, trail: Trail
) -> _Vouched | Fault:
    if not times.moments:
        return _timeless(bundle, root)
    vouched = _vouched(bundle, root, times.moments)
    if isinstance(vouched, Fault):
        return vouched
    path, issuer = vouched, vouched.links[1]
    trail.passed(_CHAIN, numbered(len(path.links), "certificate"), reference="RFC 5280 6.1")
    fault = _revoked(path, times, setting, trail)
    if fault is not None:
        return fault
    if not root.demands_promise:
        trail.skipped(SCT_STEP, "the trusted root names no certificate transparency log")
        return _Vouched(issuer, None)
    promised = check_promise(leaf, issuer, root)
    if isinstance(promised, Fault):
        return promised
    trail.passed(SCT_STEP, promised.url, reference="RFC 6962 3.2")
    return _Vouched(issuer, promised)


def _revoked(path: CertificatePath, times: Times, setting: Setting, trail: Trail) -> Fault | None:
    """Look the chain up in the lists and answers given, at the first time that is proved.

    The accuracy of a timestamp makes that later than the time stated (RFC 3161 section 2.4.2).
    Where none is given nothing is noted: authorities of this kind issue for minutes and few have
    lists.
    """
    given = given_revocations(setting.trust.entries)
    if given == NONE or times.first is None:
        return None
    at = min(times.first.before, setting.now)
    judged = judge_revocation(
        path.lineage, given, setting.now, proved_at=at, namesakes=path.namesakes
    )
    if isinstance(judged, Fault):
        return judged
    trail.checks += judged
    return None


def _name(
    leaf: Leaf, vouched: _Vouched, root: TrustedRoot, times: Times, trail: Trail
) -> Fault | None:
    """Record the signer and all claims of the certificate, the log and the root."""
    try:
        trail.signer = leaf.signer()
    except MalformedError as error:
        return malformed("certificate", error, "a certificate as Fulcio issues them")
    trail.claims |= leaf.facts(_name_of(vouched.issuer)) | log_claims(times)
    trail.claims |= {"trusted_root": root.digest, "trusted_root_name": root.name}
    return None


@lru_cache(maxsize=64)
def _name_of(issuer: x509.Certificate) -> str:
    return issuer.subject.rfc4514_string()


def _form_fault(bundle: Bundle) -> Fault | None:
    expected = "the signer's certificate, and no authority the root has to name"
    if bundle.version == V03 and bundle.material is Material.CHAIN:
        detail = "a bundle of version 0.3 carries one certificate, not a chain"
        return Fault("bundle", "MALFORMED", detail, expected, "a chain", "sigstore_bundle.proto")
    if bundle.version != V01 and any(each.subject == each.issuer for each in bundle.certificates):
        detail = "the bundle carries a root certificate, which is the trusted root's to name"
        found = "a self-issued certificate"
        return Fault("bundle", "MALFORMED", detail, expected, found, "sigstore_bundle.proto")
    return None


def _usable(bundle: Bundle) -> Leaf | Fault:
    """Read the signer's certificate, and check that it is for digital signatures over code."""
    try:
        leaf = read_leaf(bundle.certificates[0])
    except MalformedError as error:
        return malformed("certificate", error, "a certificate as Fulcio issues them")
    weakness = leaf.key.weakness
    if weakness:
        return Fault(_USAGE, "ALGORITHM_WEAK", weakness, STRONG_KEYS, leaf.key.algorithm)
    wrong = leaf.wrong_usage()
    if wrong:
        detail = "the certificate was not issued for signing code"
        expected = "keyUsage digitalSignature, extendedKeyUsage codeSigning, no authority"
        return Fault(_USAGE, "CERT_USAGE", detail, expected, wrong, "RFC 5280 4.2.1")
    return leaf


def _timeless(bundle: Bundle, root: TrustedRoot) -> Fault:
    if bundle.timestamps:
        detail = "the trusted root names no authority of timestamps, and nothing else proves a time"
        wanted = "an authority of timestamps in the trusted root, or a time the log signed"
        return Fault("timestamp authority", "CERT_UNTRUSTED", detail, wanted, "neither")
    detail = "nothing proves when it was signed, and the certificate lives for minutes"
    wanted = (
        "a timestamp" if root.timestamp_authorities else "a timestamp, or a time the log signed"
    )
    return Fault("time", "TIMESTAMP_MISSING", detail, wanted, "neither")


def _vouched(
    bundle: Bundle, root: TrustedRoot, moments: Sequence[Moment]
) -> CertificatePath | Fault:
    """Return a path to an authority that holds at every time; never one time under each of two."""
    leaf = bundle.certificates[0]
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    for moment in moments:
        if not begins <= moment.at <= ends:
            detail = "the certificate was not valid at a time that is proved"
            expected = f"signed between {begins.isoformat()} and {ends.isoformat()}"
            found = f"{moment.at.isoformat()} ({moment.source})"
            return Fault(_CHAIN, "TIME_OUTSIDE_CERT", detail, expected, found)
    outside, fitting = None, root.authorities
    if len(fitting) > 1:
        issuer = leaf.issuer
        fitting = tuple(
            each for each in fitting if any(link.subject == issuer for link in each.chain)
        )
    for authority in fitting:
        path = _path(leaf, authority, moments)
        if path is None:
            continue
        late = next((each for each in moments if not authority.window.covers(each.at)), None)
        if late is None:
            return path
        outside = outside or _outside(authority, late)
    return outside or _no_path(bundle, root)


def _path(
    leaf: x509.Certificate, authority: CertificateAuthority, moments: Sequence[Moment]
) -> CertificatePath | None:
    """Return the path to an authority at all times, with its chain above the certificate it met.

    One that is valid at none has its own fault.
    """
    found = None
    for moment in moments:
        found = find_path(leaf, authority.others, authority.anchors, _CODE_SIGNING, moment.at)
        if found is None or len(found.links) == 1:
            return None
    if found is None:
        return None
    above = authority.chain[authority.chain.index(found.links[-1]) + 1 :]
    return replace(found, links=(*found.links, *above)) if above else found


def _outside(authority: CertificateAuthority, moment: Moment) -> Fault:
    window = authority.window
    opens = window.start.isoformat() if window.start else "any time"
    ends = window.end.isoformat() if window.end else "any time"
    detail = "the authority that issued the certificate does not count at a time that is proved"
    found = f"{moment.at.isoformat()} ({moment.source})"
    return Fault(_CHAIN, "CERT_EXPIRED_AT_SIGNING", detail, f"from {opens} until {ends}", found)


def _no_path(bundle: Bundle, root: TrustedRoot) -> Fault:
    anchors = [certificate for each in root.authorities for certificate in each.chain]
    if not anchors and root.broken:
        detail = "the trusted root names no authority that can be used"
        return Fault(_CHAIN, "CERT_UNTRUSTED", detail, "an authority", root.broken[0])
    gap = missing_link(bundle.certificates[:1], anchors)
    return Fault(_CHAIN, "CERT_UNTRUSTED", gap.detail, gap.expected, gap.found, "RFC 5280 6.1")


def _signature_fault(
    bundle: Bundle,
    content: Content,
    leaf: Leaf,
    times: Times,
    setting: Setting,
    trail: Trail,
) -> Fault | None:
    envelope = bundle.content if isinstance(bundle.content, Envelope) else None
    signed = Signed(bundle.signature, leaf.encoded, leaf.key, envelope, content.over)
    recorded = recorded_in(times.logged, signed, setting.limits, trail)
    if isinstance(recorded, Fault):
        return recorded
    attempt = check_signature(leaf.key, bundle, content, recorded, setting)
    if isinstance(attempt, Fault):
        return attempt
    trail.passed(SIGNATURE_STEP, attempt.scheme)
    return None


def _proof(
    bundle: Bundle,
    content: Content,
    root: TrustedRoot,
    vouched: _Vouched,
    times: Times,
    trail: Trail,
) -> Proof:
    first = times.first
    if trail.signer is None or first is None:
        raise ValueError("nothing is proved without a signer and a time")
    anchors = [root.digest, _digest_of(vouched.issuer)]
    anchors += [one.log.key.fingerprint for one in times.logged]
    anchors += [moment.anchor for moment in times.moments]
    anchors += [vouched.promised.key.fingerprint] if vouched.promised is not None else []
    return Proof(
        trail.signer,
        content.payload,
        content.statement,
        tuple(dict.fromkeys(anchors)),
        bundle.certificates[0].not_valid_before_utc,
        first.before,
        first.at,
        first.source,
    )
