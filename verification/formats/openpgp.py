"""OpenPGP signatures beside an artifact, or around a text (RFC 9580, RFC 4880 before it).

Steps, each a Check:

    1  limits and framing                        section 6.2, for cleartext section 7
    2  packets: signatures and nothing else      sections 4.2, 5.2
    3  key that the signature names, in the trust given         (per signature from here on,
    4  algorithm strength                                        verification/openpgp/judgement.py)
    5  signature and key valid at the time of signing
    6  mathematics
    7  the bytes signed are this subject's
    8  the key as it is today: noted, never decides
    9  what the source demands of a Release, if it does

Several signatures in one file are judged one by one; one by a trusted key is enough, and what the
others lack is noted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from core.cleartext import MESSAGE_BEGIN, read_cleartext
from core.errors import MalformedError
from core.limits import Limits
from core.model import Evidence, Role, Subject, Verification
from core.naming import numbered
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.openpgp.armor import MESSAGE, SIGNATURE, begin_line, dearmor_each
from verification.openpgp.conclusion import Case, conclude, whole_content
from verification.openpgp.judgement import Signed
from verification.openpgp.packets import split_packets
from verification.openpgp.signature import TEXT, SignaturePacket, UnreadSignature, read_signatures
from verification.openpgp.text import line_ends
from verification.trail import Trail

_FRAMING = "limits and framing"
_CLEARTEXT = re.compile(rb"^" + re.escape(MESSAGE_BEGIN), re.MULTILINE)
_ARMORED, _ARMORED_MESSAGE = begin_line(SIGNATURE), begin_line(MESSAGE)
_SNIFFED_BYTES = 64 * 1024
_MARKER = b"\xca\x03PGP"  # a packet that means nothing, and may stand first (section 5.8)
# How a signature packet begins (RFC 9580 sections 4.2, 5.2 and 9): its tag in the old form with its
# three sizes of length and in the new one, the versions and types there have been, an algorithm.
_SIGNATURE_TAGS = frozenset({b"\x88", b"\x89", b"\x8a", b"\xc2"})
_VERSIONS = frozenset({b"\x03", b"\x04", b"\x05", b"\x06"})
_TYPES = frozenset(b"\x00\x01\x02\x10\x11\x12\x13\x16\x18\x19\x1f\x20\x28\x30\x40\x50")
_LAST_ALGORITHM, _LAST_HASH = 36, 14  # those of post-quantum signatures are the newest
_WHOLE_FACTOR = 8  # content without a file is held in memory up to this times `evidence_bytes`


class OpenPgpDetached:
    """A file of signatures beside what they are over (`.asc`, `.sig`, `Release.gpg`)."""

    name = "openpgp-detached"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether it is an armored signature, or binary that begins with one."""
        start = evidence.content[:_SNIFFED_BYTES]
        if start.lstrip().startswith(_ARMORED_MESSAGE):
            return _holds_signature(evidence.content)
        return start.lstrip().startswith(_ARMORED) or _is_signature_packet(start)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the signatures over the subject's content."""
        trail = Trail(self.name, self.role)
        # 1. and 2. Is it signatures and nothing else, within the limits?
        try:
            packets = read_signatures(
                evidence.content, limits=setting.limits, most_blocks=setting.limits.signatures
            )
        except MalformedError as error:
            return _unreadable(trail, error)
        trail.passed(_FRAMING, reference="RFC 9580 section 6.2")
        signed = _content(evidence.subject, setting.limits, packets)
        return conclude(Case(evidence, setting, trail, signed, None), packets)


class OpenPgpCleartext:
    """A text with its signatures around it (`InRelease`, Helm provenance)."""

    name = "openpgp-cleartext"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether a signed message begins on any line: to put text before it is an attack."""
        content = evidence.content
        return MESSAGE_BEGIN in content and _CLEARTEXT.search(content) is not None

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the signatures over the text inside, and that the text is the subject."""
        trail = Trail(self.name, self.role)
        limit = max(setting.limits.release_bytes, setting.limits.evidence_bytes)
        # 1. and 2. Is it one message with signatures and nothing else, within the limits?
        try:
            message = read_cleartext(evidence.content, limit=limit)
            limits = setting.limits
            packets = read_signatures(
                message.signatures, limits=limits, most_blocks=limits.signatures
            )
        except MalformedError as error:
            return _unreadable(trail, error)
        trail.passed(
            _FRAMING,
            f"{numbered(len(message.text), 'byte')} of text",
            reference="RFC 9580 section 7",
        )
        signed = Signed(message.canonical)
        return conclude(Case(evidence, setting, trail, signed, message.text), packets)


def _holds_signature(message: bytes) -> bool:
    """Say whether signatures alone may stand in the armor of messages: most are encrypted."""
    try:
        first = dearmor_each(message, MESSAGE, most=len(message))[0]
    except MalformedError:
        return False
    return _is_signature_packet(first)


def _is_signature_packet(start: bytes) -> bool:
    """Say whether the bytes begin with a signature packet, of a version and type there has been.

    Bare RSA signatures are random bytes: one in 5,000 begins like a packet, with the right version.
    """
    start = start.removeprefix(_MARKER)
    if start[:1] not in _SIGNATURE_TAGS:
        return False
    try:
        body = next(split_packets(start, most=1)).body
    except (MalformedError, StopIteration):
        return False
    stated = body[2:3] + body[15:17] if body[:1] == b"\x03" else body[1:4]
    if body[:1] not in _VERSIONS or len(stated) < 3:  # noqa: PLR2004 - three octets, read below
        return False
    kind, algorithm, hashed = stated
    return kind in _TYPES and 0 < algorithm <= _LAST_ALGORITHM and 0 < hashed <= _LAST_HASH


def _unreadable(trail: Trail, error: MalformedError) -> Verification:
    expected = "OpenPGP signatures and nothing else, within the limits"
    return refuse_malformed(trail, _FRAMING, error, expected, "RFC 9580 section 6.2")


def _content(
    subject: Subject, limits: Limits, packets: Sequence[SignaturePacket | UnreadSignature]
) -> Signed:
    """Return the bytes a detached signature should be over, from a file where there is one.

    What their line ends are is looked at for a text signature only: it costs a reading.
    """
    content = subject.content
    if content is None:
        return Signed(None, "the signature is over the bytes themselves, and they are not at hand")
    path = getattr(content, "path", None)
    is_text = any(isinstance(one, SignaturePacket) and one.type == TEXT for one in packets)
    try:
        # A file that is gone must be told from one that nobody signed: its beginning is read.
        ends = line_ends(content.chunks() if is_text else islice(content.chunks(), 1))
        most = _WHOLE_FACTOR * limits.evidence_bytes
        signed = path if isinstance(path, Path) else whole_content(content, most)
    except OSError as error:
        return Signed(None, f"the content cannot be read: {error.strerror}")
    if signed is None:
        return Signed(None, "the content is too large to be held in memory and is not in a file")
    return Signed(signed, has_loose_ends=ends.is_loose, has_crlf=ends.has_crlf)
