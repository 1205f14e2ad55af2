"""The provenance file of a Helm chart (`.prov`): a signed text that names the chart's archive.

Steps, each a Check:

    1  limits and framing: one cleartext message and nothing else      RFC 9580 section 7
    2  OpenPGP signatures over the text            verification/openpgp/judgement.py
    3  the text: the chart's metadata, and after it the digests of files
    4  the archive stands among the files, under its own name and with its SHA-256

The text is YAML of one fixed shape, and only that shape is read: no anchors, no second spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.cleartext import MESSAGE_BEGIN, read_cleartext
from core.errors import MalformedError
from core.frozen import dataclass
from core.model import (
    Check,
    CheckOutcome,
    Digest,
    Evidence,
    Role,
    Subject,
    Verification,
    digest_of,
)
from core.naming import plural
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.openpgp.conclusion import Offered, decide, refused, with_today
from verification.openpgp.diagnosis import Cause
from verification.openpgp.judgement import Signed
from verification.openpgp.signature import read_signatures
from verification.trail import Trail

FRAMING, TEXT, FILES = "limits and framing", "provenance text", "chart archive"
_HELM = "Helm, provenance and integrity"
_MESSAGE = re.compile(rb"^" + re.escape(MESSAGE_BEGIN), re.MULTILINE)
_FILES = re.compile(rb"^\.\.\.[ \t]*\r?\nfiles:", re.MULTILINE)
_ENTRY = re.compile(
    r" {1,8}([\"']?)([A-Za-z0-9][A-Za-z0-9._+-]{0,250})\1: ([\"']?)sha256:([0-9a-f]{64})\3\Z"
)
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9_-]{0,63}):(?: (.*))?$", re.MULTILINE)
_CLAIMS = {"name": "chart_name", "version": "chart_version", "appVersion": "chart_app_version"}
_MAX_FILES = 64
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the signed text says: the chart's own words, and file name → SHA-256."""

    metadata: Mapping[str, str]
    files: Mapping[str, Digest]


class HelmProvenance:
    """A cleartext message whose second half lists files."""

    name = "helm-provenance"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether a signed message holds the line that begins Helm's list of files."""
        content = evidence.content
        if MESSAGE_BEGIN not in content or _FILES.search(content) is None:
            return False
        return _MESSAGE.search(content) is not None

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check the signature over the text, and the chart archive against the text."""
        trail = Trail(self.name, self.role)
        # 1. The framing.
        try:
            message = read_cleartext(evidence.content, limit=setting.limits.evidence_bytes)
            limits = setting.limits
            packets = read_signatures(
                message.signatures, limits=limits, most_blocks=limits.signatures
            )
        except MalformedError as error:
            expected = "one signed message with signatures, and nothing around it"
            return refuse_malformed(trail, FRAMING, error, expected)
        trail.passed(FRAMING, f"{len(message.text)} bytes of text", reference="RFC 9580 section 7")
        # 2. The signatures.
        signed = Signed(message.canonical)
        decision = decide(trail, setting, [Offered(one, signed) for one in packets])
        if decision.best is None or not decision.is_verified:
            return decision.verification
        # 3. and 4. What the text says of this archive.
        verification, cause = _covers(decision.verification, message.text, evidence.subject)
        if cause is not None:
            return refused(verification, cause)
        return with_today(verification, decision.best, setting.now)


def _covers(
    verification: Verification, text: bytes, subject: Subject
) -> tuple[Verification, Cause | None]:
    try:
        provenance = read_provenance(text)
    except MalformedError as error:
        expected = "the chart's metadata, a line `...`, and files with their SHA-256"
        broken = Cause("MALFORMED", str(error), expected, str(error))
        return _with(verification, TEXT, broken), broken
    claims = {
        called: provenance.metadata[name][:_SHOWN]
        for name, called in _CLAIMS.items()
        if provenance.metadata.get(name)
    }
    verification = replace(verification, claims={**verification.claims, **claims})
    verification = _with(
        verification, TEXT, None, f"{len(provenance.files)} {plural(len(provenance.files), 'file')}"
    )
    cause = _differs(provenance.files, text, subject)
    return _with(verification, FILES, cause), cause


def _with(
    verification: Verification, step: str, cause: Cause | None, detail: str = ""
) -> Verification:
    check = Check(step, CheckOutcome.PASSED, detail, "", _HELM)
    if cause is not None:
        check = Check(step, CheckOutcome.FAILED, cause.detail, cause.reason, _HELM)
    return replace(verification, checks=(*verification.checks, check))


def _differs(files: Mapping[str, Digest], text: bytes, subject: Subject) -> Cause | None:
    named = subject.name.rpartition("/")[2]
    listed = ", ".join(f"{name} {digest}" for name, digest in list(files.items())[:4])
    ours = subject.digest("sha256")
    if ours is None or ours == digest_of(text):
        detail = "the provenance speaks of a chart archive, which is not at hand"
        return Cause("CONTENT_NEEDED", detail, listed, "no archive")
    if subject.name == str(ours):
        # Known by its digest alone: it has no name to compare.
        if ours in files.values():
            return None
        detail = "the provenance names no file with this digest"
        return Cause("SUBJECT_MISMATCH", detail, listed, str(ours))
    if named not in files:
        detail = "the provenance speaks of other files"
        return Cause("SUBJECT_MISMATCH", detail, listed, f"{named} {ours}")
    if files[named] != ours:
        detail = f"the provenance gives another digest for {named}"
        return Cause("DIGEST_MISMATCH", detail, str(files[named]), str(ours))
    return None


def read_provenance(text: bytes) -> Provenance:
    """Read the signed text; raise MalformedError naming the line."""
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError(f"a provenance is UTF-8 text; byte {error.start} is not") from None
    ends = [number for number, line in enumerate(lines) if line == "..."]
    if len(ends) != 1 or "---" in lines:
        raise MalformedError(f"{len(ends)} lines `...` in a provenance, where one is")
    return Provenance(
        _metadata("\n".join(lines[: ends[0]])), _files(lines[ends[0] + 1 :], ends[0] + 2)
    )


def _metadata(text: str) -> dict[str, str]:
    """Return the fields at the left margin; what belongs below one of them is passed over."""
    found: dict[str, str] = {}
    for field in _FIELD.finditer(text):
        if field[1] in found:
            number = text.count("\n", 0, field.start()) + 1
            raise MalformedError(f"line {number}: {field[1]} stands twice in the chart's metadata")
        found[field[1]] = (field[2] or "").strip().strip("\"'")
    if not found.get("name") or not found.get("version"):
        raise MalformedError("the chart's metadata has no name or no version")
    return found


def _files(lines: Sequence[str], first: int) -> dict[str, Digest]:
    if not lines or lines[0] != "files:":
        raise MalformedError(f"line {first}: `files:` must follow the chart's metadata")
    found: dict[str, Digest] = {}
    for number, line in enumerate(lines[1:], start=first + 1):
        if not line.strip():
            continue
        entry = _ENTRY.match(line)
        if entry is None or entry[2] in found or len(found) >= _MAX_FILES:
            raise MalformedError(f"line {number}: no file with its SHA-256, or one too many")
        found[entry[2]] = Digest("sha256", entry[4])
    if not found:
        raise MalformedError("a provenance that lists no file")
    return found
