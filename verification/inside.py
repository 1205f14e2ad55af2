"""What the formats share whose evidence is the artifact itself."""

from __future__ import annotations

from core.model import NOT_SIGNED, STRONG_DIGESTS, Content, Subject, Verification
from verification.trail import Trail

SUBJECT = "covers this artifact"


def refuse_without_content(trail: Trail) -> Verification:
    """Return the refusal where only a name or digest of the artifact is at hand."""
    return trail.refuse(
        "artifact",
        "CONTENT_NEEDED",
        "the signature is inside the artifact, and its bytes are not at hand",
        expected="the bytes of the artifact",
        found="its name or digest alone",
    )


def known_content(trail: Trail, subject: Subject) -> Content | Verification:
    """Return the artifact's bytes, if those at hand are the ones it is known by."""
    if subject.content is None:
        return refuse_without_content(trail)
    return refuse_other_digest(trail, subject) or subject.content


def refuse_unsigned(trail: Trail, what: str) -> Verification:
    """Return what an artifact gets that could bear a signature and bears none."""
    return trail.refuse(
        "signature",
        NOT_SIGNED,
        f"the {what} bears no signature",
        expected=f"a signature inside the {what}",
        found="none",
    )


def refuse_other_digest(trail: Trail, subject: Subject) -> Verification | None:
    """Compare the artifact's bytes with every strong digest it is known by; None where equal."""
    content = subject.content
    for stated in subject.digests:
        if content is not None and stated.algorithm in STRONG_DIGESTS:
            found = content.digest(stated.algorithm)
            if found != stated:
                return trail.refuse(
                    SUBJECT,
                    "DIGEST_MISMATCH",
                    "the bytes at hand are not those that the artifact is known by",
                    expected=str(stated),
                    found=str(found),
                )
    return None
