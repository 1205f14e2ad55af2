"""Authenticode signatures in PE files (`.exe`, `.dll`, `.sys`, EFI programs).

A signature is a SignedData over the digest of the file, without its checksum, the directory entry
of the signatures, and the signatures. Further ones, made with other keys or algorithms, may stand
behind it, as firmware reads them, or nested in it, as Windows does; one that is weak, or whose
signer the trust given does not know, does not spoil another that holds, while one that is broken
does. Page hashes are not looked at: the whole file is hashed.

Reference: Microsoft, "Windows Authenticode Portable Executable Signature Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Check, CheckOutcome, Evidence, Outcome, Role, Verification
from core.naming import numbered
from verification.archives.pe_file import MAX_SIGNATURES, PeFile, is_pe, read_pe
from verification.cms import identifiers, signer_info
from verification.cms.judgement import Rules, conclude, judge
from verification.cms.signature import STRONG_DIGEST, Signed
from verification.cms.signed_data import SignedData, read_content_info, read_signed_data
from verification.cms.times import MAX_ALL_TIMES, Countersignatures, count_times
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.inside import known_content, refuse_unsigned
from verification.keys.keyed import signed_bytes
from verification.readers import der
from verification.readers.der import DerReader
from verification.trail import Trail

INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
PE_IMAGE = "1.3.6.1.4.1.311.2.1.15"
# The second is no kind of file, but what stands in its place in some boot loaders of Debian.
_PE_KINDS = (PE_IMAGE, "1.3.6.1.4.1.311.2.1.21")
_WHAT = "the signature"
# "Timestamp Processing with Lifetime Signing Semantics" in the reference above.
_RULES = Rules(countersignatures=Countersignatures.TIMES, keeps_lifetimes=True)
_REFERENCE = "Windows Authenticode Portable Executable Signature Format"
_STRONG = ("sha256", "sha384", "sha512")


class Authenticode:
    """One PE file with the signature at its end."""

    name = "authenticode"
    role = Role.SIGNATURE
    inside = True

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a PE file."""
        return is_pe(evidence.content)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the file's form, its digest, and every signature in it."""
        trail = Trail(self.name, self.role)
        content = known_content(trail, evidence.subject)
        if isinstance(content, Verification):
            return content
        try:
            # 1. The file, and the signatures at its end.
            pe = read_pe(content, setting.limits)
            if not pe.signatures:
                return refuse_unsigned(trail, "program")
            signatures = _signatures(pe.signatures, setting.limits)
        except MalformedError as error:
            expected = "a PE file that ends with its signature"
            return refuse_malformed(trail, "program", error, expected)
        trail.passed("program", numbered(len(signatures), "signature"), reference=_REFERENCE)
        # 2. Each signature by itself, then what they come to.
        judged = [_judge(replace(trail, checks=[]), pe, each, setting) for each in signatures]
        return _combined(trail, judged)


def _signatures(encoded: Sequence[bytes], limits: Limits) -> list[SignedData]:
    """Return the signatures of the table, and those nested in them."""
    found = [_with_one_signer(read_signed_data(each, limits, _WHAT)) for each in encoded]
    waiting = [
        nested
        for each in found
        for nested in each.signers[0].unsigned_values(identifiers.NESTED_SIGNATURE)
    ]
    while waiting:
        if len(found) == MAX_SIGNATURES:
            raise TooLargeError(f"more than {MAX_SIGNATURES} signatures in one file")
        # Its form was checked with that of the signature around it, and once is enough.
        nested = DerReader(waiting.pop(0), _WHAT).inside(der.SEQUENCE)
        found.append(_with_one_signer(read_content_info(nested, _WHAT)))
        waiting += found[-1].signers[0].unsigned_values(identifiers.NESTED_SIGNATURE)
    stamps = count_times(each.signers[0] for each in found)
    if stamps > MAX_ALL_TIMES:
        raise TooLargeError(f"{stamps} timestamps on one file, more than {MAX_ALL_TIMES}")
    return found


def _with_one_signer(data: SignedData) -> SignedData:
    if len(data.signers) != 1:
        raise MalformedError(f"a signature has {len(data.signers)} signers where one belongs")
    return data


def _judge(trail: Trail, pe: PeFile, data: SignedData, setting: Setting) -> Verification:
    """Check one signature: it is over this file's digest, it holds, and somebody vouches."""
    if data.content is None or data.content_tag not in (der.SEQUENCE, der.OCTET_STRING):
        detail = "the signature holds no statement about a file"
        expected, found = f"content of the type {INDIRECT_DATA}", data.content_type
        return trail.refuse("content", "MALFORMED", detail, expected=expected, found=found)
    if data.content_type != INDIRECT_DATA:
        detail = "the signature is over something else than a program"
        return trail.refuse(
            "content", "PAYLOAD_TYPE", detail, expected=INDIRECT_DATA, found=data.content_type
        )
    try:
        kind, algorithm, stated = _indirect(data.content, data.content_tag)
    except MalformedError as error:
        expected = "SpcIndirectDataContent"
        return trail.refuse("content", "MALFORMED", str(error), expected=expected, found=str(error))
    if kind not in _PE_KINDS:
        detail = "the signature is over another kind of file"
        return trail.refuse("content", "PAYLOAD_TYPE", detail, expected=PE_IMAGE, found=kind)
    name = identifiers.DIGESTS.get(algorithm)
    if name is None:
        weak = identifiers.WEAK_DIGESTS.get(algorithm)
        reason = "ALGORITHM_WEAK" if weak else "FORMAT_UNSUPPORTED"
        detail = f"the file is digested by {weak or algorithm}"
        return trail.refuse(
            "digest", reason, detail, expected=STRONG_DIGEST, found=weak or algorithm
        )
    ours = pe.digests((name,))[name]
    if ours.raw != stated:
        detail = "the file is not the one that was signed"
        found = f"{name}:{stated.hex()[:128]} in the signature"
        return trail.refuse(
            "digest", "DIGEST_MISMATCH", detail, expected=str(ours), found=found,
            reference=_REFERENCE,
        )  # fmt: skip
    trail.passed("digest", str(ours), reference=_REFERENCE)
    signed = Signed(INDIRECT_DATA, signed_bytes(data.content))
    vouched = judge(trail, data, signed, setting, _RULES)
    if isinstance(vouched, Verification):
        return vouched
    trail.claims["authenticode_digest"] = str(ours)
    return conclude(trail, vouched)


def _indirect(content: bytes, tag: int) -> tuple[str, str, bytes]:
    """Read the contents of a SpcIndirectDataContent: kind of file, digest algorithm, digest.

    PKCS #7 has it as it is; signers that know CMS alone put it into a string of octets (RFC 5652
    section 5.2), as those of install4j do, and Windows takes both. Neither reads as the other.
    """
    reader = DerReader(content, "the statement about the file")
    if tag == der.OCTET_STRING:
        document, reader = reader, reader.inside(der.SEQUENCE)
        document.finish()
    about = reader.inside(der.SEQUENCE)
    kind = about.oid()
    if about.tag >= 0:
        about.element()
    about.finish()
    digest = reader.inside(der.SEQUENCE)
    reader.finish()
    algorithm = signer_info.read_algorithm(digest)
    stated = digest.octets()
    digest.finish()
    if algorithm.parameters:
        raise MalformedError("the statement about the file has a digest with parameters")
    return kind, algorithm.oid, stated


def _combined(trail: Trail, judged: list[Verification]) -> Verification:
    """Return the first signature that holds, unless another is broken; else the first refusal."""
    broken = [
        each
        for each in judged
        if each.outcome is Outcome.INVALID and each.reason != "ALGORITHM_WEAK"
    ]
    # The first is the program's own, and all that most readers look at: it has to bring its signer.
    broken += [each for each in judged[:1] if each.reason == "KEY_UNKNOWN"]
    good = [each for each in judged if each.outcome is Outcome.VERIFIED]
    decided = (broken or good or judged)[0]
    others = tuple(
        Check("further signature", CheckOutcome.NOTED, each.detail or "holds", each.reason)
        for each in judged
        if each is not decided
    )
    return replace(decided, checks=(*trail.checks, *decided.checks, *others))
