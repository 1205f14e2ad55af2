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

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Check, CheckOutcome, Content, Evidence, Outcome, Role, Verification
from core.wire import decode_base64
from verification.format import Setting
from verification.inside import (
    SUBJECT,
    refuse_other_digest,
    refuse_unsigned,
    refuse_without_content,
)
from verification.openpgp_conclusion import Offered, decide, refused, with_today
from verification.openpgp_diagnosis import Cause
from verification.openpgp_judgement import Signed
from verification.openpgp_packets import (
    SignaturePacket,
    UnreadSignature,
    read_signatures,
)
from verification.rpm_header import (
    IMMUTABLE_REGION,
    LEAD_BYTES,
    LEAD_MAGIC,
    MAX_ENTRIES,
    MAX_SIGNATURE_ENTRIES,
    PREAMBLE_BYTES,
    SIGNATURES_REGION,
    Header,
    header_size,
    payload_chunks,
    read_header,
    read_lead,
)
from verification.trail import Trail

STRUCTURE, HEADER, PAYLOAD = "limits and structure", "header digests", "payload digest"
_HEADER_FACTOR = 8  # a header is held in memory up to this times `evidence_bytes`
_WHOLE_FACTOR = 8  # header and payload likewise, for the old signatures over both
_FORMAT, _DIGESTS = "rpm format_v4", "rpm signatures_digests"
_SIGNATURE_HEADER, _MAIN_HEADER = "signature header", "header"
# Tags of the signature header.
_DSA, _RSA, _OPENPGP = 267, 268, 278
_PGP, _GPG, _PGP5 = 1002, 1005, 1006
_OVER_HEADER = {_RSA: "RSAHEADER", _DSA: "DSAHEADER"}
_OVER_BOTH = {_PGP: "SIGPGP", _GPG: "SIGGPG", _PGP5: "SIGPGP5"}
_MD5 = 1004
_HEADER_DIGESTS = {269: "sha1", 273: "sha256", 279: "sha3_256"}
# Tags of the header.
_PAYLOAD_DIGEST, _PAYLOAD_ALGORITHM, _PAYLOAD_SHA512, _PAYLOAD_SHA3 = 5092, 5093, 5121, 5123
_PAYLOAD_SIZE, _FORMAT_VERSION = 5112, 5114
_ALGORITHMS = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 12: "sha3_256"}
_WEAK = frozenset({"md5", "sha1"})
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


class Compared(NamedTuple):
    """A digest that the signature header states of the header, and the one we computed."""

    stated: str
    found: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package taken apart; `start` is where the payload begins."""

    version: int
    signatures: Header
    header: Header
    start: int
    payload_size: int | None
    header_digests: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A digest that a package states of its payload, or of header and payload."""

    name: str
    algorithm: str
    value: str
    is_signed: bool


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
            wanted = _wanted(package)
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
        reaches = any(
            judged.verification.outcome is Outcome.VERIFIED
            for one, judged in zip(offered, decision.judged, strict=True)
            if one.name in _OVER_BOTH.values()
        )
        uncovered = None if reaches else _uncovered(wanted)
        if uncovered is not None:
            return refused(_failed(verification, PAYLOAD, uncovered), uncovered)
        # 5. The package as it is known.
        trail.checks, trail.claims = list(verification.checks), dict(verification.claims)
        trail.signer = verification.signer
        other = refuse_other_digest(trail, evidence.subject)
        if other is not None:
            return other
        passed = Check(SUBJECT, CheckOutcome.PASSED)
        verification = replace(verification, checks=(*verification.checks, passed))
        return with_today(verification, decision.best, setting.now)


def read_package(content: Content, limits: Limits) -> Package:
    """Read everything before the payload; raise MalformedError or TooLargeError."""
    read_lead(content.read_at(0, LEAD_BYTES))
    most = _HEADER_FACTOR * limits.evidence_bytes
    signatures = _header_at(
        content,
        LEAD_BYTES,
        SIGNATURES_REGION,
        what=_SIGNATURE_HEADER,
        most_entries=MAX_SIGNATURE_ENTRIES,
        most_bytes=limits.evidence_bytes,
    )
    end = LEAD_BYTES + len(signatures.raw)
    padding = content.read_at(end, -end % 8)
    if padding.strip(b"\0") or len(padding) != -end % 8:
        raise MalformedError("bytes between the two headers of the package")
    start = end + len(padding)
    header = _header_at(
        content,
        start,
        IMMUTABLE_REGION,
        what=_MAIN_HEADER,
        most_entries=MAX_ENTRIES,
        most_bytes=most,
    )
    version = header.number(_FORMAT_VERSION) or 4
    return Package(
        version,
        signatures,
        header,
        start + len(header.raw),
        header.number(_PAYLOAD_SIZE),
        _header_digests(signatures, header),
    )


def _header_at(
    content: Content, start: int, region: int, *, what: str, most_entries: int, most_bytes: int
) -> Header:
    preamble = content.read_at(start, PREAMBLE_BYTES)
    size = header_size(preamble, what=what, most_entries=most_entries, most_bytes=most_bytes)
    if start + size > content.size:
        raise MalformedError(f"the {what} is longer than the package")
    return read_header(content.read_at(start, size), region, what=what)


def _refuse(trail: Trail, error: MalformedError) -> Verification:
    return trail.refuse(
        STRUCTURE,
        "TOO_LARGE" if isinstance(error, TooLargeError) else "MALFORMED",
        str(error),
        expected="a lead, a signature header and a header, each in order and within the limits",
        found=str(error),
        reference=_FORMAT,
    )


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
    for number, text in enumerate(package.signatures.strings(_OPENPGP), start=1):
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
        packets = (UnreadSignature("MALFORMED", str(error)),)
    return [Offered(one, signed, name) for one in packets]


def _read_text(text: bytes, signed: Signed, name: str, limits: Limits) -> list[Offered]:
    try:
        binary = decode_base64(text, what=f"signature {name}")
    except MalformedError as error:
        return [Offered(UnreadSignature("MALFORMED", str(error)), signed, name)]
    return _read(binary, signed, name, limits)


def _both(package: Package, content: Content, limits: Limits) -> Signed:
    """Return header and payload: the old signatures are over both, and need them in memory."""
    size = content.size - package.start + len(package.header.raw)
    most = _WHOLE_FACTOR * limits.evidence_bytes
    if size > most:
        words = f"header and payload are {size} bytes, too many to be held in memory"
        return Signed(None, words)
    rest = b"".join(payload_chunks(content.chunks(), package.start))
    return Signed(package.header.raw + rest, has_loose_ends=True)


# --- the digests ----------------------------------------------------------------------------------


def _wanted(package: Package) -> tuple[_Wanted, ...]:
    """Return every digest that must hold over the payload, the signed ones first."""
    header = package.header
    found: list[_Wanted] = []
    value = header.hexadecimal(_PAYLOAD_DIGEST)
    if value:
        number = header.number(_PAYLOAD_ALGORITHM)
        algorithm = "sha256" if number is None else _ALGORITHMS.get(number, f"number {number}")
        found.append(_Wanted("PAYLOADDIGEST", algorithm, value, is_signed=True))
    for tag, algorithm in ((_PAYLOAD_SHA512, "sha512"), (_PAYLOAD_SHA3, "sha3_256")):
        value = header.hexadecimal(tag)
        if value:
            found.append(_Wanted(f"PAYLOAD{algorithm.upper()}", algorithm, value, is_signed=True))
    for one in found:
        if one.algorithm not in hashlib.algorithms_guaranteed:
            raise MalformedError(f"the payload digest is by an unknown algorithm, {one.algorithm}")
    md5 = package.signatures.binary(_MD5)
    if md5 is not None:
        found.append(_Wanted("SIGMD5", "md5", md5.hex(), is_signed=False))
    return tuple(found)


def _digests(
    verification: Verification, package: Package, wanted: Sequence[_Wanted], content: Content
) -> tuple[Verification, Cause | None]:
    """Compare every digest stated with what we hash; the first that differs is the cause."""
    differing = next((one for one in package.header_digests if one.stated != one.found), None)
    if differing is not None:
        detail = "the header is not the one that the signature header was written for"
        cause = Cause("DIGEST_MISMATCH", detail, differing.stated, differing.found)
        return _failed(verification, HEADER, cause), cause
    verification = _passed(verification, HEADER)
    hashes = {one: _hash(one, package) for one in wanted}
    size = 0
    for chunk in payload_chunks(content.chunks(), package.start):
        size += len(chunk)
        for hashed in hashes.values():
            hashed.update(chunk)
    if package.payload_size not in (None, size):
        detail = "the payload is not as long as the header says"
        expected = f"{package.payload_size} bytes"
        cause = Cause("DIGEST_MISMATCH", detail, expected, f"{size} bytes")
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


def _hash(one: _Wanted, package: Package) -> hashlib._Hash:
    hashed = hashlib.new(one.algorithm, usedforsecurity=False)
    if not one.is_signed:
        hashed.update(package.header.raw)
    return hashed


def _header_digests(signatures: Header, header: Header) -> tuple[Compared, ...]:
    compared: list[Compared] = []
    for tag, algorithm in _HEADER_DIGESTS.items():
        stated = signatures.hexadecimal(tag)
        if stated:
            hashed = hashlib.new(algorithm, header.raw, usedforsecurity=False)
            found = f"{algorithm}:{hashed.hexdigest()}"
            compared.append(Compared(f"{algorithm}:{stated}", found))
    return tuple(compared)


def _uncovered(wanted: Sequence[_Wanted]) -> Cause | None:
    """Say why a signature over the header does not reach the payload; None where it does."""
    if any(one.is_signed and one.algorithm not in _WEAK for one in wanted):
        return None
    weak = [one.algorithm for one in wanted if one.is_signed]
    if weak:
        detail = "the signed header states its payload by a digest that can be forged"
        return Cause("ALGORITHM_WEAK", detail, "SHA-256 or better", ", ".join(weak))
    detail = "the signature is over the header alone, and nothing signed states the payload"
    expected = "a payload digest in the header, or a signature over header and payload"
    return Cause("SUBJECT_MISMATCH", detail, expected, "neither")
