"""Signatures of minisign, and of OpenBSD's signify.

Steps, each a Check:

    1  limits and structure
    2  the key that the signature names, in the trust given
    3  the signature over the file: its BLAKE2b-512 digest (`ED`) or its bytes (`Ed`);
       with `signify -e`, over the message right behind the signature
    4  the signature over the trusted comment: without it anybody could write that comment
    5  the bytes signed are this subject's

A signature of signify has no trusted comment; the untrusted one is never shown as a fact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from core.errors import MalformedError
from core.model import (
    Evidence,
    Outcome,
    Role,
    Signer,
    SignerKind,
    Subject,
    TrustKind,
    Verification,
    digest_of,
)
from core.naming import numbered
from core.signify import embedded_message
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.inside import SUBJECT, refuse_other_digest
from verification.keys.public_key import WHOLE_FACTOR, Window, after
from verification.minisign import (
    UNTRUSTED,
    WRAPPED,
    MinisignKey,
    MinisignSignature,
    read_key,
    read_signature,
    shown_id,
)
from verification.trail import Trail

STRUCTURE, KEY, MATHEMATICS, COMMENT = (
    "limits and structure",
    "key in the trust given",
    "signature over the file",
    "signature over the trusted comment",
)
_TIME = re.compile(r"(?:^|\t)timestamp:(\d{1,11})(?:\t|$)")
_FILE = re.compile(r"(?:^|\t)file:([^\t]{1,400})(?:\t|$)")
_SHOWN = 6
_SHOWN_CHARACTERS = 1000


class _Over(NamedTuple):
    """What the signature should be over; `message` is None where it is not in the evidence."""

    subject: Subject
    message: bytes | None


class Minisign:
    """A file of two or four lines beside what it signs, or of two with the message behind them."""

    name = "minisign"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether it begins with the comment that every such file begins with."""
        return evidence.content.startswith((UNTRUSTED, WRAPPED))

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the signature over the subject and the one over the comment."""
        trail = Trail(self.name, self.role)
        # 1. The structure.
        message = embedded_message(evidence.content)
        head = evidence.content[: -len(message)] if message else evidence.content
        try:
            signature = read_signature(head)
        except MalformedError as error:
            expected = "a comment and a signature, and in minisign's a second pair of both"
            return refuse_malformed(trail, STRUCTURE, error, expected)
        kind = "signify" if signature.trusted_comment is None else "minisign"
        trail.passed(
            STRUCTURE, f"{kind}, {numbered(len(message), 'byte')} inside" if message else kind
        )
        trail.claims |= _claims(signature)
        # 2. The key.
        keys = _given(trail, setting)
        if not keys:
            return _refuse_keyless(trail, setting)
        named = _named(keys, signature, setting.now)
        if not named:
            return trail.refuse(
                KEY,
                "KEY_UNKNOWN",
                "no key given has the id that the signature names",
                expected=_shown(keys),
                found=shown_id(signature.key_id),
            )
        trail.passed(KEY, shown_id(signature.key_id))
        # 3. to 5.
        subject = evidence.subject
        signed = message or _signed(signature, subject, setting)
        refused = _refuse_file(trail, signature, named, signed, subject)
        if isinstance(refused, Verification):
            return refused
        return _conclude(trail, signature, refused, _Over(subject, message), setting)


def _claims(signature: MinisignSignature) -> dict[str, str]:
    kind = "BLAKE2b-512" if signature.is_prehashed else "none (the whole file)"
    return {"key_id": shown_id(signature.key_id), "hash_algorithm": kind}


def _given(trail: Trail, setting: Setting) -> list[MinisignKey]:
    keys: list[MinisignKey] = []
    for entry in setting.trust.entries:
        if entry.kind is TrustKind.MINISIGN:
            try:
                read = read_key(entry)
            except MalformedError as error:
                words = f"left out: {entry.name}: {error}"
                trail.noted("trust", words, reason="KEYRING_UNUSABLE")
                continue
            window = replace(read.key, valid_from=entry.valid_from, valid_until=entry.valid_until)
            keys.append(replace(read, key=window))
    return keys


def _named(
    keys: Sequence[MinisignKey], signature: MinisignSignature, now: datetime
) -> list[MinisignKey]:
    """Return the keys that the signature names; of entries with one key, the one that counts."""
    claimed = _claimed_at(_shown_comment(signature))
    moments = () if claimed is None else (claimed,)
    named = [one for one in keys if one.key_id == signature.key_id]
    return sorted(named, key=lambda one: one.key.preference(now, *moments), reverse=True)


def _refuse_keyless(trail: Trail, setting: Setting) -> Verification:
    entries = setting.trust.entries
    if any(entry.kind is TrustKind.MINISIGN for entry in entries):
        detail = "no key of minisign or signify that was given can be read"
        return trail.refuse(
            KEY, "KEYRING_UNUSABLE", detail, expected="a key that can be read", found=detail
        )
    kinds = ", ".join(sorted({entry.kind.value for entry in entries}))
    return trail.refuse(
        KEY,
        "TRUST_ROOT_MISSING",
        "no key of minisign or signify is given, so no signature can be judged",
        expected="a public key of minisign or signify in the trust",
        found=f"only entries of the kind {kinds}" if kinds else "no trust at all",
    )


def _shown(keys: Sequence[MinisignKey]) -> str:
    return "one of " + ", ".join(shown_id(one.key_id) for one in keys[:_SHOWN])


def _refuse_file(
    trail: Trail,
    signature: MinisignSignature,
    named: Sequence[MinisignKey],
    signed: bytes | None,
    subject: Subject,
) -> Verification | MinisignKey:
    """Return the key under which the signature over the file holds, or the refusal."""
    if signed is None:
        needed = "the bytes of the artifact"
        needed += ", or their BLAKE2b-512 digest" if signature.is_prehashed else " in memory"
        detail = "what the signature is over is not at hand"
        found = (
            "other digests alone"
            if subject.content is None
            else numbered(subject.content.size, "byte")
        )
        return trail.refuse(MATHEMATICS, "CONTENT_NEEDED", detail, expected=needed, found=found)
    winner = next((one for one in named if _holds(one, signature.value, signed)), None)
    if winner is None:
        return trail.refuse(
            MATHEMATICS,
            "SIGNATURE_INVALID",
            "the key that the signature names did not make it over these bytes",
            expected=f"a signature by {named[0].key.fingerprint}",
            found="one made by another key, or over other bytes",
        )
    trail.passed(MATHEMATICS)
    trail.signer = Signer(
        SignerKind.KEY,
        winner.key.fingerprint,
        winner.key.algorithm,
        valid_from=winner.key.valid_from,
        valid_until=winner.key.valid_until,
    )
    return winner


def _signed(signature: MinisignSignature, subject: Subject, setting: Setting) -> bytes | None:
    if signature.is_prehashed:
        digest = subject.digest("blake2b512")
        return digest.raw if digest is not None else None
    content = subject.content
    if content is None or content.size > WHOLE_FACTOR * setting.limits.evidence_bytes:
        return None
    return b"".join(content.chunks())


def _holds(key: MinisignKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.material.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _conclude(
    trail: Trail,
    signature: MinisignSignature,
    key: MinisignKey,
    over: _Over,
    setting: Setting,
) -> Verification:
    # 4. The comment.
    comment = signature.trusted_comment
    if comment is None:
        trail.skipped(COMMENT, "a signature of signify, which has none")
    elif not _holds(key, signature.over_comment, signature.value + comment):
        return trail.refuse(
            COMMENT,
            "SIGNATURE_INVALID",
            "the trusted comment is not the one that was signed",
            expected=f"a comment signed by {key.key.fingerprint}",
            found=comment.decode("utf-8", "backslashreplace")[:_SHOWN_CHARACTERS],
        )
    else:
        trail.passed(COMMENT)
    made = _comment_claims(trail, _shown_comment(signature))
    # 5. The subject.
    other = _refuse_other_subject(trail, over)
    if other is not None:
        return other
    trail.passed(SUBJECT)
    refused = _refuse_time(trail, key, made, setting)
    if refused is not None:
        return refused
    due_at = after(key.key.valid_until)
    return Verification(
        outcome=Outcome.VERIFIED,
        format=trail.format,
        role=trail.role,
        signer=trail.signer,
        claims=dict(trail.claims),
        signed_at=made,
        time_source="minisign" if made is not None else "",
        checks=tuple(trail.checks),
        anchors=(key.key.fingerprint,),
        due_at=due_at,
        due_reason="KEY_EXPIRED" if due_at is not None else "",
    )


def _refuse_other_subject(trail: Trail, over: _Over) -> Verification | None:
    """Compare the message, where there is one, with all that the artifact is known by."""
    subject, message = over
    if message is None:
        return refuse_other_digest(trail, subject)
    stated = [*subject.strong_digests()]
    if subject.content is not None:
        stated.append(subject.content.digest("sha256"))
    if not stated:
        return trail.refuse(
            SUBJECT,
            "CONTENT_NEEDED",
            "the artifact states no strong digest to compare the signed message with",
            expected="a SHA-2 or BLAKE2 digest of the artifact",
            found="none",
        )
    for digest in stated:
        found = digest_of(message, digest.algorithm)
        if found != digest:
            return trail.refuse(
                SUBJECT,
                "SUBJECT_MISMATCH",
                "the message that was signed is not this artifact",
                expected=str(digest),
                found=str(found),
            )
    return None


def _shown_comment(signature: MinisignSignature) -> str:
    return (signature.trusted_comment or b"").decode("utf-8", "backslashreplace")


def _comment_claims(trail: Trail, comment: str) -> datetime | None:
    """Record what the signed comment says; return the time it claims."""
    if comment:
        trail.claims["trusted_comment"] = comment[:_SHOWN_CHARACTERS]
    file = _FILE.search(comment)
    if file is not None:
        trail.claims["signed_file_name"] = file[1]
    return _claimed_at(comment)


def _claimed_at(comment: str) -> datetime | None:
    time = _TIME.search(comment)
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(int(time[1]), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _refuse_time(
    trail: Trail, key: MinisignKey, made: datetime | None, setting: Setting
) -> Verification | None:
    """Compare with the window set for the key, now and at the time claimed."""
    for moment in (setting.now, made):
        if moment is not None and key.key.window(moment) is not Window.WITHIN:
            begins, ends = key.key.valid_from, key.key.valid_until
            refusal = trail.refuse(
                KEY,
                "KEY_EXPIRED",
                f"outside the time in which {key.key.name} is accepted",
                expected=f"from {begins or 'any time'} until {ends or 'any time'}",
                found=moment.isoformat(),
            )
            opens = made is None and key.key.window(moment) is Window.BEFORE
            return replace(refusal, due_at=begins) if opens else refusal
    return None
