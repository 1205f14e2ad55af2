"""NuGet packages (`.nupkg`) with the signature of their author, their repository, or both.

The signature is an entry of the package and states the digest of the package without that entry.
The primary signature is the author's, or the repository's where the author signed nothing; on an
author's signature the repository may put a countersignature. Each must hold where it is present,
and one of them by somebody the trust given vouches for is enough: that one is the signer.
"""

from __future__ import annotations

import re
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import rsa

from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Check, CheckOutcome, Evidence, Outcome, Role, Verification
from verification.archives.jar_file import names_jar
from verification.archives.nuget_package import (
    AUTHOR,
    REPOSITORY,
    SERVICE_INDEX,
    SIGNATURE,
    commitments,
    content_digests,
    repository_claims,
    signature_entry,
    stated_digest,
)
from verification.archives.zip_archive import ZipArchive, listed_names, lists_none
from verification.archives.zip_directory import BEFORE_NAME
from verification.cms import identifiers
from verification.cms.judgement import Vouched, conclude, judge
from verification.cms.signature import Signed
from verification.cms.signed_data import SignedData, read_signed_data
from verification.cms.signer_info import SignerInfo, read_countersigner
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.inside import known_content, refuse_unsigned
from verification.keys.keyed import signed_bytes
from verification.readers import der
from verification.trail import Trail
from verification.x509.usage import LIFETIME_SIGNING, ends_with_its_life

_SIGNATURE_NAME = re.compile(
    BEFORE_NAME + b"(?i:" + re.escape(SIGNATURE.encode()) + b")", re.DOTALL
)
_REFERENCE = "NuGet Package Signatures Technical Specification"
_KINDS = {AUTHOR: "author", REPOSITORY: "repository"}


@dataclass(frozen=True, slots=True)
class _Package:
    """What was read of a package: its primary signature, and the countersignature on that."""

    data: SignedData
    kind: str
    countersigner: SignerInfo | None
    algorithm: str
    stated: bytes
    ours: bytes


class NuGet:
    """One NuGet package with the signature in it."""

    name = "nuget"
    role = Role.SIGNATURE
    inside = True

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a ZIP archive that lists a package signature or manifest.

        A JAR archive may hold a file like such a manifest.
        """
        listed = listed_names(evidence)
        if _SIGNATURE_NAME.search(listed):
            return True
        return b".nuspec" in listed and not names_jar(listed)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the package's form, its digest, and its signatures."""
        trail = Trail(self.name, self.role)
        content = known_content(trail, evidence.subject)
        if isinstance(content, Verification):
            return content
        try:
            # 1. The package and what was signed of it.
            archive = ZipArchive(content, setting.limits)
            entry = signature_entry(archive)
            if entry is None:
                return refuse_unsigned(trail, "package")
            encoded = archive.read(entry, setting.limits.evidence_bytes, "evidence_bytes")
            data = read_signed_data(encoded, setting.limits, "the package signature")
            algorithm, stated = _statement(data)
            ours = content_digests(archive, entry, algorithm)
            package = _package(data, algorithm, stated, ours, setting.limits)
        except MalformedError as error:
            if lists_none(content, _SIGNATURE_NAME):
                return refuse_unsigned(trail, "package")
            expected = f"a package with one {SIGNATURE} in its form"
            return refuse_malformed(trail, "package", error, expected)
        trail.passed("package", f"signed as {package.kind}", reference=_REFERENCE)
        if package.ours != package.stated:
            return trail.refuse(
                "digest",
                "DIGEST_MISMATCH",
                "the package is not the one that was signed",
                expected=f"{algorithm}:{package.stated.hex()}",
                found=f"{algorithm}:{package.ours.hex()}",
                reference=_REFERENCE,
            )
        trail.passed("digest", f"{algorithm}:{package.ours.hex()}", reference=_REFERENCE)
        # 2. Every signature by itself, then what they come to.
        return _combined(trail, _judged(trail, package, setting))


def _statement(data: SignedData) -> tuple[str, bytes]:
    if len(data.signers) != 1:
        raise MalformedError(f"the package has {len(data.signers)} primary signatures, not one")
    if data.content is None or data.content_tag != der.OCTET_STRING:
        raise MalformedError("the package signature does not hold what is signed")
    if data.content_type != identifiers.DATA:
        raise MalformedError(f"the package signature holds {data.content_type}, no plain data")
    return stated_digest(data.content)


def _package(
    data: SignedData, algorithm: str, stated: bytes, ours: bytes, limits: Limits
) -> _Package:
    primary = data.signers[0]
    kind = _kind(primary)
    found = [
        read_countersigner(each, limits, "the countersignature")
        for each in primary.unsigned_values(identifiers.COUNTERSIGNATURE)
    ]
    repository = [each for each in found if _kind(each) == "repository"]
    if len(repository) > 1 or (repository and kind == "repository"):
        raise MalformedError("the package has more than one signature of a repository")
    # It is over the primary signature's bytes alone. Whoever need not name a certificate in what
    # they sign can make a key under which the same bytes are their signature of anything else.
    if repository and kind != "author":
        raise MalformedError("a repository countersigned what is no signature of an author")
    countersigner = repository[0] if repository else None
    return _Package(data, kind, countersigner, algorithm, stated, ours)


def _kind(signer: SignerInfo) -> str:
    """Return whose signature it is by its commitment, of which it has one or none we know."""
    kinds = [_KINDS[each] for each in commitments(signer) if each in _KINDS]
    if kinds and identifiers.SIGNING_CERTIFICATE_V2 not in signer.signed:
        raise MalformedError(f"the signature of the {kinds[0]} does not name its certificate")
    if "repository" in kinds and SERVICE_INDEX not in signer.signed:
        raise MalformedError("the signature of the repository does not say where the repository is")
    return kinds[0] if kinds else "unknown"


def _judged(trail: Trail, package: _Package, setting: Setting) -> list[Verification]:
    content = package.data.content or b""
    primary = Signed(identifiers.DATA, signed_bytes(content))
    judged = [_judge(trail, package.data, primary, package.kind, setting)]
    if package.countersigner is not None:
        over = signed_bytes(package.data.signers[0].signature)
        signed = Signed(identifiers.DATA, over, is_countersignature=True)
        data = replace(package.data, signers=(package.countersigner,))
        judged.append(_judge(trail, data, signed, "repository", setting))
    return judged


def _judge(
    trail: Trail, data: SignedData, signed: Signed, kind: str, setting: Setting
) -> Verification:
    own = replace(trail, checks=[], claims={"nuget_signature": kind})
    vouched = judge(own, data, signed, setting)
    if isinstance(vouched, Verification):
        return vouched
    refusal = _refuse_certificate(own, vouched[0])
    if refusal is not None:
        return refusal
    try:
        own.claims |= repository_claims(data.signers[0])
    except MalformedError as error:
        expected = "attributes in their form"
        return own.refuse(
            "attributes", "MALFORMED", str(error), expected=expected, found=str(error)
        )
    return conclude(own, vouched)


def _refuse_certificate(trail: Trail, vouched: Vouched) -> Verification | None:
    """Check what NuGet asks of certificates beyond signing code: RSA, and not for a lifetime."""
    if not isinstance(vouched.certificate.public_key(), rsa.RSAPublicKey):
        detail = "packages are signed with RSA keys"
        found = vouched.signer.key_algorithm
        return trail.refuse(
            "certificate", "ALGORITHM_MISMATCH", detail, expected="RSA-2048 or longer", found=found
        )
    if ends_with_its_life(vouched.certificate):
        detail = "the certificate's signatures end with it, which packages do not allow"
        found = LIFETIME_SIGNING.dotted_string
        return trail.refuse(
            "certificate", "CERT_USAGE", detail, expected="no lifetime signing", found=found
        )
    return None


def _combined(trail: Trail, judged: list[Verification]) -> Verification:
    """Return the first that holds, unless one is broken; else the first refusal."""
    broken = [each for each in judged if each.outcome is Outcome.INVALID]
    good = [each for each in judged if each.outcome is Outcome.VERIFIED]
    decided = (broken or good or judged)[0]
    others = tuple(
        Check(
            f"signature of the {each.claims.get('nuget_signature', '')}",
            CheckOutcome.NOTED,
            each.detail or "holds",
            each.reason,
        )
        for each in judged
        if each is not decided
    )
    return replace(decided, checks=(*trail.checks, *decided.checks, *others))
