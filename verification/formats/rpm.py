"""The signatures inside an rpm package, versions 3, 4 and 6.

Steps, each a Check:

    1  limits and structure: lead, signature header, header, each one region    format_v4, hregions
    2  the signatures over the header, or over header and payload    verification/openpgp_judgement
    3  digests of the header that the signature header states
    4  the payload is the one whose digest the signed header states  (a header signature alone
       says nothing of the payload)
    5  the package is the one it is known as, by its digests

The lead and the signature header are not signed: nothing in them is believed, and whatever digest
they state must hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Check, CheckOutcome, Content, Evidence, Outcome, Role, Verification
from core.naming import numbered
from core.wire import decode_base64
from verification.archives.rpm_header import LEAD_MAGIC, STRINGS, payload_chunks
from verification.archives.rpm_package import (
    WEAK_DIGESTS,
    Package,
    WantedDigest,
    begin_hash,
    read_package,
    wanted_digests,
)
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.inside import (
    SUBJECT,
    refuse_other_digest,
    refuse_unsigned,
    refuse_without_content,
)
from verification.openpgp.conclusion import Decision, Offered, decide, refused, with_today
from verification.openpgp.diagnosis import Cause
from verification.openpgp.judgement import Signed
from verification.openpgp.signature import SignaturePacket, UnreadSignature, read_signatures
from verification.trail import Trail

STRUCTURE, HEADER, PAYLOAD = "limits and structure", "header digests", "payload digest"
SIGNATURES = "signatures beside it"
_WHOLE_FACTOR = 8  # header and payload likewise, for the old signatures over both
_FORMAT, _DIGESTS = "rpm format_v4", "rpm signatures_digests"
# Tags of the signature header.
_DSA, _RSA, _OPENPGP = 267, 268, 278
_PGP, _GPG, _PGP5 = 1002, 1005, 1006
_OVER_HEADER = {_RSA: "RSAHEADER", _DSA: "DSAHEADER"}
_OVER_BOTH = {_PGP: "SIGPGP", _GPG: "SIGGPG", _PGP5: "SIGPGP5"}
_MANY = "OPENPGP"
_REFUTED = frozenset({"KEY_UNKNOWN", "MALFORMED", "SIGNATURE_INVALID"})
_CLAIMS = {
    "package_name": 1000,
    "package_version": 1001,
    "package_release": 1002,
    "package_architecture": 1022,
    "package_vendor": 1011,
    "package_packager": 1015,
    "package_source": 1044,
}
_SHOWN = 300


class Rpm:
    """A package with its signatures in it."""

    name = "rpm"
    role = Role.SIGNATURE
    inside = True

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether it begins with the lead of a package."""
        return evidence.content.startswith(LEAD_MAGIC)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the signatures, then that they reach every byte of the payload."""
        trail = Trail(self.name, self.role)
        content = evidence.subject.content
        if content is None:
            return refuse_without_content(trail)
        # 1. The structure.
        try:
            package = read_package(content, setting.limits)
            offered = _offered(package, content, setting.limits)
            wanted = wanted_digests(package)
            trail.claims |= _claims(package)
        except MalformedError as error:
            return _refuse(trail, error)
        trail.passed(STRUCTURE, f"version {package.version}", reference=_FORMAT)
        # 2. The signatures.
        if not offered:
            return refuse_unsigned(trail, "package")
        decision = decide(trail, setting, offered)
        verification = decision.verification
        if verification.outcome is Outcome.UNVERIFIABLE or decision.best is None:
            return verification
        if verification.reason == "SIGNATURE_INVALID":
            return verification
        # 3. and 4. What the signature, or at least the package itself, says of its bytes.
        verification, differs = _digests(verification, package, wanted, content)
        if differs is not None:
            return refused(verification, differs)
        if not decision.is_verified:
            return verification
        lacks = _lacks(offered, decision, wanted)
        if lacks is not None:
            return refused(_failed(verification, *lacks), lacks[1])
        # 5. The package as it is known.
        trail.checks, trail.claims = list(verification.checks), dict(verification.claims)
        trail.signer = verification.signer
        other = refuse_other_digest(trail, evidence.subject)
        if other is not None:
            return other
        passed = Check(SUBJECT, CheckOutcome.PASSED)
        verification = replace(verification, checks=(*verification.checks, passed))
        return with_today(verification, decision.best, setting.now)


def _refuse(trail: Trail, error: MalformedError) -> Verification:
    expected = "a lead, a signature header and a header, each in order and within the limits"
    return refuse_malformed(trail, STRUCTURE, error, expected, _FORMAT)


def _claims(package: Package) -> dict[str, str]:
    claims = {"package_format": str(package.version)}
    for name, tag in _CLAIMS.items():
        text = package.header.text(tag)[:_SHOWN]
        claims |= {name: text} if text else {}
    epoch = package.header.number(1003)
    return claims | ({"package_epoch": str(epoch)} if epoch is not None else {})


# --- the signatures -------------------------------------------------------------------------------


def _offered(package: Package, content: Content, limits: Limits) -> list[Offered]:
    """Return every signature with what it is over; what cannot be read stands as unread."""
    header = Signed(package.header.raw, has_loose_ends=True)
    found: list[Offered] = []
    for tag, name in _OVER_HEADER.items():
        binary = package.signatures.binary(tag)
        if binary is not None:
            found += _read(binary, header, name, limits)
    for number, text in enumerate(package.signatures.strings(_OPENPGP, (STRINGS,)), start=1):
        found += _read_text(text, header, f"OPENPGP {number}", limits)
    for tag, name in _OVER_BOTH.items():
        binary = package.signatures.binary(tag)
        if binary is not None:
            found += _read(binary, _both(package, content, limits), name, limits)
    if len(found) > limits.signatures:
        raise TooLargeError(f"{len(found)} signatures, more than {limits.signatures} (signatures)")
    return found


def _read(binary: bytes, signed: Signed, name: str, limits: Limits) -> list[Offered]:
    packets: Sequence[SignaturePacket | UnreadSignature]
    try:
        packets = read_signatures(binary, limits=limits)
    except MalformedError as error:
        packets = (UnreadSignature(error.reason, str(error)),)
    return [Offered(one, signed, name) for one in packets]


def _read_text(text: bytes, signed: Signed, name: str, limits: Limits) -> list[Offered]:
    try:
        binary = decode_base64(text, what=f"signature {name}")
    except MalformedError as error:
        return [Offered(UnreadSignature(error.reason, str(error)), signed, name)]
    return _read(binary, signed, name, limits)


def _both(package: Package, content: Content, limits: Limits) -> Signed:
    """Return header and payload: the old signatures are over both, and need them in memory."""
    size = content.size - package.start + len(package.header.raw)
    most = _WHOLE_FACTOR * limits.evidence_bytes
    if size > most:
        words = f"header and payload are {numbered(size, 'byte')}, too many to be held in memory"
        return Signed(None, words)
    rest = b"".join(payload_chunks(content.chunks(), package.start))
    return Signed(package.header.raw + rest, has_loose_ends=True)


def _lacks(
    offered: Sequence[Offered], decision: Decision, wanted: Sequence[WantedDigest]
) -> tuple[str, Cause] | None:
    """Say at which step a package fails of which a signature holds; None where it does not."""
    refuted = _refuted(offered, decision)
    if refuted is not None:
        return SIGNATURES, refuted
    uncovered = None if _reaches_payload(offered, decision) else _uncovered(wanted)
    if uncovered is None:
        return None
    return PAYLOAD, _not_at_hand(decision) or uncovered


def _not_at_hand(decision: Decision) -> Cause | None:
    """Say what an old signature needs to be judged at all: it might reach the payload."""
    return next(
        (
            Cause(one.reason, one.detail, one.expected, one.found)
            for one in (judged.verification for judged in decision.judged)
            if one.reason == "CONTENT_NEEDED"
        ),
        None,
    )


def _reaches_payload(offered: Sequence[Offered], decision: Decision) -> bool:
    """Say whether one of the old signatures, over header and payload, holds."""
    return any(
        judged.verification.outcome is Outcome.VERIFIED
        for one, judged in zip(offered, decision.judged, strict=True)
        if one.name in _OVER_BOTH.values()
    )


def _refuted(offered: Sequence[Offered], decision: Decision) -> Cause | None:
    """Say which signature of the old tags is none of this package, as rpm refuses it; else None.

    A package holds one signature under each of these tags. OPENPGP holds many for readers of
    different age, who pass over what they cannot use (RFC 9580 section 5.2.5).
    """
    for one, judged in zip(offered, decision.judged, strict=True):
        verification = judged.verification
        if not one.name.startswith(_MANY) and verification.reason in _REFUTED:
            detail = f"a signature holds, but {one.name} does not: {verification.detail}"
            return Cause(verification.reason, detail, verification.expected, verification.found)
    return None


# --- the digests ----------------------------------------------------------------------------------


def _digests(
    verification: Verification, package: Package, wanted: Sequence[WantedDigest], content: Content
) -> tuple[Verification, Cause | None]:
    """Compare every digest stated with what we hash; the first that differs is the cause."""
    differing = next((one for one in package.header_digests if one.stated != one.found), None)
    if differing is not None:
        detail = "the header is not the one that the signature header was written for"
        cause = Cause("DIGEST_MISMATCH", detail, differing.stated, differing.found)
        return _failed(verification, HEADER, cause), cause
    verification = _passed(verification, HEADER)
    hashes = {one: begin_hash(one, package) for one in wanted}
    size = 0
    for chunk in payload_chunks(content.chunks(), package.start):
        size += len(chunk)
        for hashed in hashes.values():
            hashed.update(chunk)
    if package.payload_size not in (None, size):
        detail = "the payload is not as long as the header says"
        expected = numbered(package.payload_size, "byte")
        cause = Cause("DIGEST_MISMATCH", detail, expected, numbered(size, "byte"))
        return _failed(verification, PAYLOAD, cause), cause
    for one, hashed in hashes.items():
        if hashed.hexdigest() != one.value:
            over = "payload" if one.is_signed else "header with its payload"
            detail = f"the {over} is not the one that {one.name} was written for"
            expected = f"{one.algorithm}:{one.value}"
            found = f"{one.algorithm}:{hashed.hexdigest()}"
            cause = Cause("DIGEST_MISMATCH", detail, expected, found)
            return _failed(verification, PAYLOAD, cause), cause
    return _passed(verification, PAYLOAD, ", ".join(one.name for one in wanted)), None


def _passed(verification: Verification, step: str, detail: str = "") -> Verification:
    check = Check(step, CheckOutcome.PASSED, detail, "", _DIGESTS)
    return replace(verification, checks=(*verification.checks, check))


def _failed(verification: Verification, step: str, cause: Cause) -> Verification:
    check = Check(step, CheckOutcome.FAILED, cause.detail, cause.reason, _DIGESTS)
    return replace(verification, checks=(*verification.checks, check))


def _uncovered(wanted: Sequence[WantedDigest]) -> Cause | None:
    """Say why a signature over the header does not reach the payload; None where it does."""
    if any(one.is_signed and one.algorithm not in WEAK_DIGESTS for one in wanted):
        return None
    weak = [one.algorithm for one in wanted if one.is_signed]
    if weak:
        detail = "the signed header states its payload by a digest that can be forged"
        return Cause("ALGORITHM_WEAK", detail, "SHA-256 or better", ", ".join(weak))
    detail = "the signature is over the header alone, and nothing signed states the payload"
    expected = "a payload digest in the header, or a signature over header and payload"
    return Cause("SUBJECT_MISMATCH", detail, expected, "neither")
