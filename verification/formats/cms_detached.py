"""A CMS or PKCS #7 signature beside a file (`.p7s`), or around it (`.p7m`).

Made by `openssl cms -sign`, `openssl smime -sign`, mail programs and signing services. Detached,
it is over the artifact's bytes; where it holds them itself, they must be the artifact's, too. The
certificate may be one for e-mail, for code, for documents, or without a stated purpose: which of
them somebody uses for files is their choice, and the identity in it is what a policy looks at.
"""

from __future__ import annotations

from core.errors import MalformedError
from core.model import Evidence, Role, Verification
from core.naming import plural
from verification.cms import identifiers
from verification.cms.judgement import Rules, conclude, judge
from verification.cms.signature import Signed
from verification.cms.signed_data import SignedData, is_signed_data, read_signed_data
from verification.cms.timestamp_token import is_timestamp
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.keys.keyed import signed_bytes
from verification.readers import der
from verification.statements import shown_digests
from verification.trail import Trail
from verification.x509.usage import CONTENT_SIGNING

_REFERENCE = "RFC 5652 5.1"


class CmsDetached:
    """One SignedData over an artifact."""

    name = "cms"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a SignedData, binary or PEM, and no timestamp."""
        return is_signed_data(evidence.content) and not is_timestamp(evidence.content)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check form, content and every signer."""
        trail = Trail(self.name, self.role)
        # 1. The form.
        try:
            data = read_signed_data(evidence.content, setting.limits)
        except MalformedError as error:
            expected = "one SignedData within the limits"
            return refuse_malformed(trail, "signed data", error, expected, _REFERENCE)
        trail.passed(
            "signed data",
            f"{len(data.signers)} {plural(len(data.signers), 'signer')}",
            reference=_REFERENCE,
        )
        # 2. What is signed: the artifact, or what is inside, which must be the artifact.
        signed = _signed(trail, data, evidence)
        if isinstance(signed, Verification):
            return signed
        # 3. Every signer, and who vouches for them.
        rules = Rules(CONTENT_SIGNING, evidence.hint)
        vouched = judge(trail, data, signed, setting, rules)
        return vouched if isinstance(vouched, Verification) else conclude(trail, vouched)


def _signed(trail: Trail, data: SignedData, evidence: Evidence) -> Signed | Verification:
    subject = evidence.subject
    if data.content is None:
        trail.passed("content", "detached: the artifact's own bytes")
        return Signed(data.content_type, subject)
    if data.content_tag != der.OCTET_STRING or data.content_type != identifiers.DATA:
        detail = "what is signed is no plain data, but a document of another format"
        expected, found = f"content of the type {identifiers.DATA}", data.content_type
        return trail.refuse(
            "content", "PAYLOAD_TYPE", detail, expected=expected, found=found, reference=_REFERENCE
        )
    inside = signed_bytes(data.content)
    known = subject.strong_digests()
    if subject.digests and not known:
        detail = "nothing at hand tells whether the content inside is the artifact"
        expected = "the bytes of the artifact, or a SHA-2 or BLAKE2 digest"
        found = shown_digests(subject)
        return trail.refuse("content", "CONTENT_NEEDED", detail, expected=expected, found=found)
    differing = [each for each in known if inside.digest(each.algorithm) != each]
    if differing:
        detail = "the signature holds content of its own, which is not the artifact"
        found = str(inside.digest(differing[0].algorithm))
        return trail.refuse(
            "content", "SUBJECT_MISMATCH", detail, expected=str(differing[0]), found=found
        )
    trail.passed("content", "inside, and equal to the artifact" if known else "inside")
    return Signed(data.content_type, inside)
