"""Signed commits and tags of Git, as `git cat-file` writes them.

Steps, each a Check:

    1  limits and structure: one commit or tag, every header once     gitformat-signature(5)
    2  the signature that is made for this form of the object
    3  OpenPGP: verification/openpgp/judgement.py; SSH: verification/ssh/judgement.py
    4  the object's id is the one it is known by
    5  tags that were merged: noted, never decide

The signature covers the object, and by it the tree: by SHA-1, where the repository uses that.
"""

from __future__ import annotations

from dataclasses import replace

from core.errors import MalformedError
from core.model import (
    STRONG_DIGESTS,
    Check,
    CheckOutcome,
    Digest,
    Evidence,
    Outcome,
    Role,
    Subject,
    Verification,
    digest_of,
)
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.git.cms import BEGIN as BEGIN_CMS
from verification.git.cms import judge_git_cms
from verification.git.object import (
    COMMIT,
    SNIFFED_BYTES,
    GitObject,
    kind_of,
    named_id,
    read_object,
)
from verification.inside import refuse_unsigned, refuse_without_content
from verification.openpgp.armor import MESSAGE, SIGNATURE, begin_line
from verification.openpgp.conclusion import Offered, decide, whole_content, with_today
from verification.openpgp.judgement import Signed
from verification.openpgp.signature import read_signatures
from verification.openpgp.text import line_ends
from verification.ssh.acceptance import Purpose
from verification.ssh.envelope import BEGIN, message_digest
from verification.ssh.judgement import judge_ssh
from verification.trail import Trail

STRUCTURE, FRAMING, IDENTIFIER, MERGED = (
    "limits and structure",
    "limits and framing",
    "object id",
    "merged tag",
)
NAMESPACE = "git"
_PGP = (begin_line(SIGNATURE), begin_line(MESSAGE))
_FORMAT = "gitformat-signature(5)"
_MAX_MERGED = 32
_SHOWN = 400


class GitObjectSignature:
    """A commit or tag with its signature in it."""

    name = "git-object"
    role = Role.SIGNATURE
    inside = True

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether it begins as every commit or tag does."""
        return bool(kind_of(evidence.content[:SNIFFED_BYTES]))

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the signature over the object, and that the object is the one it is known as."""
        trail = Trail(self.name, self.role)
        subject = evidence.subject
        if subject.content is None:
            return refuse_without_content(trail)
        # 1. One object, within the limits.
        content = whole_content(subject.content, setting.limits.evidence_bytes)
        if content is None:
            detail = f"a Git object of more than {setting.limits.evidence_bytes} bytes"
            return _refuse(trail, "TOO_LARGE", f"{detail} (evidence_bytes)")
        try:
            read = read_object(content)
        except MalformedError as error:
            return _refuse(trail, error.reason, str(error))
        trail.passed(STRUCTURE, read.kind, reference=_FORMAT)
        trail.claims |= _claims(read)
        # 2. and 3. Its signature.
        verification = _judge(trail, read, setting)
        if verification.outcome is not Outcome.VERIFIED:
            return verification
        # 4. The id.
        refused = _refuse_identifier(trail, verification, read, subject)
        if refused is not None:
            return refused
        passed = Check(IDENTIFIER, CheckOutcome.PASSED, str(read.identifier(read.algorithm)))
        # 5. What was merged.
        merged = _merged(self.name, read, setting)
        return replace(verification, checks=(*verification.checks, passed, *merged))


def _refuse(trail: Trail, reason: str, detail: str) -> Verification:
    return trail.refuse(
        STRUCTURE,
        reason,
        detail,
        expected="one commit or tag of Git, every header once, within the limits",
        found=detail,
        reference=_FORMAT,
    )


def _claims(read: GitObject) -> dict[str, str]:
    claims = {
        "git_object": read.kind,
        "git_object_id": read.identifier(read.algorithm).value,
        "git_hash": read.algorithm,
    }
    roles = ("author", "committer") if read.kind == COMMIT else ("tagger",)
    for role in roles:
        person = read.person(role)
        if person is not None:
            claims[role] = f"{person.name} <{person.email}>"[:_SHOWN]
            claims |= {f"{role}_at": person.at.isoformat()} if person.at is not None else {}
    names = ("tree", "encoding") if read.kind == COMMIT else ("object", "type", "tag", "encoding")
    for name in names:
        value = read.header(name).decode("utf-8", "backslashreplace")
        claims |= {name: value[:_SHOWN]} if value else {}
    parents = [one.decode("ascii") for one in read.all_of("parent")]
    return claims | ({"parents": ", ".join(parents[:_MAX_MERGED])} if parents else {})


def _judge(trail: Trail, read: GitObject, setting: Setting) -> Verification:
    if read.has_other_form:
        words = "signed besides in the form it has under Git's other hash, which is not at hand"
        trail.noted("signature", words)
    signature = read.signature  # git looks for its first line at its very beginning
    if not signature.strip():
        return refuse_unsigned(trail, read.kind)
    if signature.startswith(_PGP):
        trail.claims["signature_scheme"] = "openpgp"
        return _openpgp(trail, read, signature, setting)
    if signature.startswith(BEGIN):
        trail.claims["signature_scheme"] = "ssh"
        return _ssh(trail, read, signature, setting)
    if signature.startswith(BEGIN_CMS):
        trail.claims["signature_scheme"] = "x509"
        return judge_git_cms(trail, signature, read.payload, setting)
    first = signature.split(b"\n", 1)[0][:60].decode("ascii", "backslashreplace")
    return trail.refuse(
        "signature",
        "FORMAT_UNSUPPORTED",
        "no reader for this kind of signature in a Git object",
        expected="an OpenPGP, SSH or X.509 signature",
        found=repr(first),
    )


def _openpgp(trail: Trail, read: GitObject, signature: bytes, setting: Setting) -> Verification:
    try:
        packets = read_signatures(signature, limits=setting.limits)
    except MalformedError as error:
        expected = "OpenPGP signatures and nothing else, within the limits"
        return refuse_malformed(trail, FRAMING, error, expected, "RFC 9580 section 6.2")
    trail.passed(FRAMING, reference="RFC 9580 section 6.2")
    decision = decide(trail, setting, [Offered(one, _signed(read.payload)) for one in packets])
    if decision.best is None or not decision.is_verified:
        return decision.verification
    return with_today(decision.verification, decision.best, setting.now)


def _signed(payload: bytes) -> Signed:
    """Return what a signature is over; in a header a carriage return is part of the value."""
    ends, head = line_ends((payload,)), payload.partition(b"\n\n")[0]
    return Signed(payload, has_loose_ends=ends.is_loose or b"\r" in head, has_crlf=ends.has_crlf)


def _ssh(trail: Trail, read: GitObject, signature: bytes, setting: Setting) -> Verification:
    role = "committer" if read.kind == COMMIT else "tagger"
    person = read.person(role)
    purpose = Purpose(NAMESPACE, person.at if person is not None else None, role)
    payload = read.payload

    def digester(algorithm: str) -> bytes:
        return message_digest(payload, algorithm)

    return judge_ssh(trail, signature, digester, purpose, setting)


def _refuse_identifier(
    trail: Trail, verification: Verification, read: GitObject, subject: Subject
) -> Verification | None:
    """Compare the object with its name, where that is an id, and with the digests stated."""
    wanted = [one for one in (named_id(subject.name),) if one is not None]
    wanted += subject.digests
    for stated in wanted:
        found = _known_as(read, stated)
        if found is not None and stated not in found:
            trail.checks = list(verification.checks)
            trail.claims, trail.signer = dict(verification.claims), verification.signer
            return trail.refuse(
                IDENTIFIER,
                "DIGEST_MISMATCH",
                "the signature holds, and the object is another one than it is known as",
                expected=str(stated),
                found=str(found[0]),
            )
    return None


def _known_as(read: GitObject, stated: Digest) -> tuple[Digest, ...] | None:
    """Return all that a digest of this algorithm may be; None where it proves nothing."""
    if stated.algorithm in ("sha1", "sha256"):
        plain = (
            (digest_of(read.content, stated.algorithm),)
            if stated.algorithm in STRONG_DIGESTS
            else ()
        )
        return (read.identifier(stated.algorithm), *plain)
    if stated.algorithm in STRONG_DIGESTS:
        return (digest_of(read.content, stated.algorithm),)
    return None


def _merged(name: str, read: GitObject, setting: Setting) -> list[Check]:
    return [_merged_tag(name, read, one, setting) for one in read.all_of("mergetag")[:_MAX_MERGED]]


def _merged_tag(name: str, read: GitObject, value: bytes, setting: Setting) -> Check:
    """Say what there is to say of a tag that came with a merge; the commit covers it as text."""
    try:
        tag = read_object(value + b"\n")
    except MalformedError as error:
        return Check(MERGED, CheckOutcome.NOTED, f"cannot be read: {error}", "MALFORMED")
    called = tag.header("tag").decode("utf-8", "backslashreplace")[:_SHOWN]
    if tag.header("object") not in read.all_of("parent"):
        words = f"{called}: names a commit that was not merged here"
        return Check(MERGED, CheckOutcome.NOTED, words, "SUBJECT_MISMATCH")
    judged = _judge(Trail(name, Role.SIGNATURE), tag, setting)
    if judged.outcome is Outcome.VERIFIED and judged.signer is not None:
        words = f"{called}: verified, by {judged.signer.key_fingerprint}"
        return Check(MERGED, CheckOutcome.NOTED, words)
    return Check(MERGED, CheckOutcome.NOTED, f"{called}: {judged.detail}", judged.reason)
