"""Turn judgements into rows: verdicts, findings, and the words of findings, kept once each."""

from __future__ import annotations

import hashlib
from datetime import datetime

import sqlalchemy as sa

from core.model import Finding, FindingOutcome
from storage.bulk import Row, upsert_rows
from storage.configured import PolicyRows
from storage.judgement import Judgement
from storage.schema import finding_text

KNOWN_TEXTS = 2000  # ids of texts remembered at a time


class SaidRows:
    """Rows about the locations of one source. Runs in the caller's transaction."""

    def __init__(self, source_id: int, rows: PolicyRows, now: datetime) -> None:
        self._source_id, self._rows, self._now = source_id, rows, now
        self._texts: dict[bytes, int] = {}

    def verdicts(self, location_id: int, judged: Judgement) -> list[Row]:
        """Return one row for each verdict on a location."""
        return [
            {
                "location_id": location_id, "policy_id": self._rows.policies[one.policy],
                "version_id": self._rows.versions[one.policy_digest], "outcome": one.outcome,
                "decided_at": self._now,
            }
            for one in judged.verdicts
        ]  # fmt: skip

    def findings(self, connection: sa.Connection, location_id: int, judged: Judgement) -> list[Row]:
        """Return one row for each finding on a location that did not pass; write its words."""
        return [
            {
                "location_id": location_id,
                "requirement_id": self._rows.requirements[(said.policy, one.requirement)],
                "source_id": self._source_id, "outcome": one.outcome, "reason": one.reason,
                "text_id": self._text(connection, one),
            }
            for said in judged.verdicts
            for one in said.findings
            if _worth_a_row(one)
        ]  # fmt: skip

    def _text(self, connection: sa.Connection, one: Finding) -> int:
        words = (one.detail, one.expected, one.found, one.solution)
        digest = hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()
        known = self._texts.get(digest)
        if known is None:
            row = dict(zip(("detail", "expected", "found", "solution"), words, strict=True))
            upsert_rows(connection, finding_text, [{"digest": digest, **row}], keys=["digest"])
            known = connection.execute(
                sa.select(finding_text.c.id).where(finding_text.c.digest == digest)
            ).scalar_one()
            if len(self._texts) > KNOWN_TEXTS:
                self._texts.clear()
            self._texts[digest] = known
        return known


def _worth_a_row(one: Finding) -> bool:
    silent = (FindingOutcome.PASSED, FindingOutcome.NOT_APPLICABLE)
    return one.outcome not in silent
