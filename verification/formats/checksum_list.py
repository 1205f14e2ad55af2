"""A list of checksums beside an artifact, carrying no signature itself.

It can refute (the digest it gives is not ours) but never prove: whoever replaces the artifact
replaces the list as well. A signed list is another matter: there the list is the subject of its
signature, and the artifact hangs on the list.
"""

from __future__ import annotations

from core.checksums import Readings, is_checksum_list, read_checksums
from core.errors import MalformedError
from core.model import Evidence, Role, Subject, Verification
from core.naming import numbered
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.trail import Trail


class ChecksumList:
    """SHA256SUMS and its like, without a signature: never verified."""

    name = "checksum-list"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether the first line that counts is a checksum line."""
        return is_checksum_list(evidence.content)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Compare the artifact's line; a match ends in LIST_UNSIGNED."""
        trail = Trail(self.name, self.role)
        # 1. The list.
        try:
            listed = read_checksums(evidence.content, setting.limits)
        except MalformedError as error:
            expected = "a checksum list in which every line can be read"
            return refuse_malformed(trail, "list", error, expected)
        trail.passed("list", numbered(len(listed), "entry", "entries"))
        # 2. The artifact's line.
        stated = _line(listed, evidence.subject)
        if stated is None:
            detail = "the list does not name the artifact"
            expected = f"a line for {evidence.subject.name[:200]}"
            found = f"{numbered(len(listed), 'line')} for other names"
            return trail.refuse("entry", "SUBJECT_MISMATCH", detail, expected=expected, found=found)
        if not stated:
            detail = "the list names the artifact by no digest that still means something"
            expected, found = "SHA-256, SHA-384, SHA-512 or BLAKE2b", "weaker digests alone"
            return trail.refuse("entry", "ALGORITHM_WEAK", detail, expected=expected, found=found)
        known = [evidence.subject.digest(each.algorithm) for each in stated]
        expected = " or ".join(map(str, stated))
        ours = next((one for one in known if one is not None and one in stated), None)
        if ours is None and None in known:
            lacking = [one.algorithm for one, own in zip(stated, known, strict=True) if not own]
            detail = f"the artifact's {' and '.join(lacking)} digest is not at hand"
            found = ", ".join(map(str, evidence.subject.digests)) or "no digest"
            return trail.refuse("entry", "CONTENT_NEEDED", detail, expected=expected, found=found)
        if ours is None:
            detail = "the list gives another digest for the artifact"
            found = ", ".join(map(str, known))
            return trail.refuse("entry", "DIGEST_MISMATCH", detail, expected=expected, found=found)
        trail.passed("entry", str(ours))
        # 3. Nothing vouches for the list.
        detail = "the artifact's line matches, but the list itself carries no signature"
        return trail.refuse(
            "signature of the list",
            "LIST_UNSIGNED",
            detail,
            expected="a signature of the list beside it",
            found="none",
        )


def _line(listed: dict[str, Readings], subject: Subject) -> Readings | None:
    """Return the entry under the subject's whole name, else under its last part."""
    return listed.get(subject.name, listed.get(subject.name.rpartition("/")[2]))
