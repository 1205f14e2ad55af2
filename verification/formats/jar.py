"""Signed JAR archives (`jarsigner`): every entry by a manifest, the manifest by CMS signatures.

All signatures in the archive must hold, and the signers that count are those that cover every
entry: an archive of which a part is signed is not signed. Folders, and the signature files
themselves, are covered by nothing by specification; nor are times, attributes and comments.
"""

from __future__ import annotations

from core.errors import MalformedError
from core.model import Evidence, Outcome, Role, Verification
from core.naming import numbered
from verification.archives.jar_file import (
    REFERENCE,
    SIGNATURE_NAME,
    JarFile,
    SignatureFile,
    check_entries,
    covered_names,
    names_jar,
    read_jar,
    uncovered,
)
from verification.archives.zip_archive import ZipArchive, listed_names, lists_none
from verification.cms import identifiers
from verification.cms.judgement import Vouched, conclude, judge
from verification.cms.signature import Signed
from verification.cms.signed_data import read_signed_data
from verification.fault import Fault, refuse_fault, refuse_malformed
from verification.format import Setting
from verification.inside import known_content, refuse_unsigned
from verification.keys.keyed import signed_bytes
from verification.trail import Trail


class Jar:
    """One JAR archive with the signatures in it."""

    name = "jar"
    role = Role.SIGNATURE
    inside = True

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a ZIP archive that lists a JAR's manifest or signature."""
        return names_jar(listed_names(evidence))

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the archive, every entry, every signature, and what they cover."""
        trail = Trail(self.name, self.role)
        content = known_content(trail, evidence.subject)
        if isinstance(content, Verification):
            return content
        try:
            # 1. The archive, its manifest and signature files.
            jar = read_jar(ZipArchive(content, setting.limits), setting.limits)
            if not jar.signatures:
                return refuse_unsigned(trail, "archive")
            trail.passed(
                "archive",
                f"{numbered(len(jar.entries), 'entry', 'entries')} to cover",
                reference=REFERENCE,
            )
            # 2. Every entry is what the manifest says.
            fault = check_entries(jar)
        except MalformedError as error:
            if lists_none(content, SIGNATURE_NAME):
                return refuse_unsigned(trail, "archive")
            expected = "a JAR archive that can be read in one way"
            return refuse_malformed(trail, "archive", error, expected)
        if fault is not None:
            return refuse_fault(trail, fault)
        trail.passed("entries", "all as the manifest lists them", reference=REFERENCE)
        # 3. Every signature holds; those that cover everything count.
        return _judge(trail, jar, setting)


def _judge(trail: Trail, jar: JarFile, setting: Setting) -> Verification:
    whole: list[Vouched] = []
    partial: Fault | None = None
    strangers: list[Verification] = []
    for signature in jar.signatures:
        bound = covered_names(jar, signature)
        if isinstance(bound, Fault):
            return refuse_fault(trail, bound)
        fork = trail.fork()
        found = _judge_signature(fork, signature, setting)
        if isinstance(found, Verification):
            if found.outcome is Outcome.INVALID:
                return found
            # Signers are independent: one who is not known takes nothing from one who is.
            strangers.append(found)
            trail.noted("signer", f"{signature.name}: {found.detail}", reason=found.reason)
            continue
        trail.adopt(fork)
        lacking = uncovered(jar, bound)
        if lacking is None:
            trail.passed("coverage", f"{signature.name} covers every entry", reference=REFERENCE)
            whole += found
        else:
            partial = lacking
            trail.noted("coverage", f"{signature.name} covers a part: {lacking.detail}")
    if not whole and strangers:
        return strangers[0]
    if not whole and partial is not None:
        return refuse_fault(trail, partial)
    trail.claims["signature_files"] = str(len(jar.signatures))
    if jar.archive.comment_bytes:
        trail.noted("archive", "the archive's comment is covered by no signature")
    return conclude(trail, whole)


def _judge_signature(
    trail: Trail, signature: SignatureFile, setting: Setting
) -> list[Vouched] | Verification:
    """Check the CMS blocks over one signature file."""
    found: list[Vouched] = []
    for block in signature.blocks:
        try:
            data = read_signed_data(block, setting.limits, "the signature block")
        except MalformedError as error:
            expected = "a CMS SignedData over the signature file"
            return refuse_malformed(trail, "signature block", error, expected)
        if data.content not in (None, signature.content) or data.content_type != identifiers.DATA:
            detail = "the block holds content of its own, which is not the signature file"
            expected = f"detached, over META-INF/{signature.name}.SF"
            return trail.refuse(
                "signature block", "SUBJECT_MISMATCH", detail, expected=expected, found="others"
            )
        signed = Signed(identifiers.DATA, signed_bytes(signature.content))
        vouched = judge(trail, data, signed, setting)
        if isinstance(vouched, Verification):
            return vouched
        found += vouched
    return found
