"""The database as text by natural keys: equal text means equal knowledge, whatever the ids.

Scan rows, requests and times of looking are left out: they say how we came to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from storage.documents import dump

VIEWS: dict[str, str] = {
    "source": "SELECT name, kind, owner, tier, configured FROM source",
    "unit": """
        SELECT s.name AS source, u.name, u.state, u.reason, u.detail, u.gone_at
        FROM unit u JOIN source s ON s.id = u.source_id""",
    "unit_finding": """
        SELECT s.name AS source, u.name, f.reason, f.detail, f.expected, f.found
        FROM unit_finding f JOIN unit u ON u.id = f.unit_id
        JOIN source s ON s.id = u.source_id""",
    "blob": "SELECT digest, size, media_type, encoding FROM blob",
    "blob_chunk": "SELECT digest, position, bytes FROM blob_chunk",
    "kept_index": """
        SELECT s.name AS source, k.name, k.digest
        FROM kept_index k JOIN source s ON s.id = k.source_id""",
    "verification": """
        SELECT v.key, v.evidence_digest, v.trust_digest, v.outcome, v.reason, v.document,
               g.fingerprint
        FROM verification v LEFT JOIN signer g ON g.id = v.signer_id""",
    "signer": "SELECT kind, fingerprint, issuer, identity, algorithm FROM signer",
    "evidence_set": """
        SELECT s.name AS source, e.key, e.state, e.status, e.reason, e.contested, e.looked,
               e.unread, e.facts_digest, e.verdicts_digest, e.locations, e.restate_after, e.due_at
        FROM evidence_set e JOIN source s ON s.id = e.source_id""",
    "evidence_item": """
        SELECT s.name AS source, e.key, i.position, v.key AS verification, i.media_type, i.origin,
               i.subject, i.through
        FROM evidence_item i JOIN evidence_set e ON e.id = i.set_id
        JOIN source s ON s.id = e.source_id JOIN verification v ON v.id = i.verification_id""",
    "set_signer": """
        SELECT s.name AS source, e.key, g.fingerprint
        FROM set_signer t JOIN evidence_set e ON e.id = t.set_id
        JOIN source s ON s.id = e.source_id JOIN signer g ON g.id = t.signer_id""",
    "location": """
        SELECT s.name AS source, u.name AS unit, l.repository, l.name, l.version, l.variant,
               a.kind, a.algorithm, a.digest, a.origin, a.size, e.key, l.status, l.reason,
               l.contested, l.policy_status, l.unconstrained, x.digest AS exclusion, l.gone_at
        FROM location l JOIN source s ON s.id = l.source_id JOIN unit u ON u.id = l.unit_id
        JOIN artifact a ON a.id = l.artifact_id JOIN evidence_set e ON e.id = l.set_id
        LEFT JOIN exclusion x ON x.id = l.exclusion_id""",
    "location_past": """
        SELECT s.name AS source, l.repository, l.name, l.version, l.variant, a.digest
        FROM location_past p JOIN location l ON l.id = p.location_id
        JOIN source s ON s.id = l.source_id JOIN artifact a ON a.id = p.artifact_id""",
    "status_change": """
        SELECT s.name AS source, l.repository, l.name, l.version, l.variant, c.from_status,
               c.from_reason, c.to_status, c.to_reason
        FROM status_change c JOIN location l ON l.id = c.location_id
        JOIN source s ON s.id = l.source_id""",
    "verdict": """
        SELECT s.name AS source, l.repository, l.name, l.version, l.variant, p.name AS policy,
               w.digest, v.outcome
        FROM verdict v JOIN location l ON l.id = v.location_id
        JOIN source s ON s.id = l.source_id JOIN policy p ON p.id = v.policy_id
        JOIN policy_version w ON w.id = v.version_id""",
    "finding": """
        SELECT s.name AS source, l.repository, l.name, l.version, l.variant, p.name AS policy,
               r.name AS requirement, f.outcome, f.reason, t.digest
        FROM finding f JOIN location l ON l.id = f.location_id
        JOIN source s ON s.id = l.source_id JOIN requirement r ON r.id = f.requirement_id
        JOIN policy p ON p.id = r.policy_id JOIN finding_text t ON t.id = f.text_id""",
    "standing_count": """
        SELECT s.name AS source, c.excluded, c.status, c.reason, c.contested, c.policy_status,
               c.unconstrained, c.locations
        FROM standing_count c JOIN source s ON s.id = c.source_id""",
    "standing_day": """
        SELECT s.name AS source, d.day, d.status, d.policy_status, d.locations
        FROM standing_day d JOIN source s ON s.id = d.source_id""",
}


def lines(connection: sa.Connection) -> Iterator[str]:
    """Yield one line per row, sorted within each view."""
    for view, statement in VIEWS.items():
        rows = connection.execute(sa.text(statement)).mappings()
        texts = sorted(dump({key: _plain(value) for key, value in row.items()}) for row in rows)
        yield from (f"{view} {text}" for text in texts)


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return int(value) if isinstance(value, bool) else value
