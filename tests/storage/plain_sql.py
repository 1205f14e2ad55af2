"""Filters written apart, in plain SQL over all rows: what lists and counts are held against."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from storage.filters import ArtifactFilter
from storage.schema import to_microseconds

_FROM = """
SELECT l.id FROM location l JOIN source s ON s.id = l.source_id WHERE 1 = 1
"""
_ANCHORED = """ AND EXISTS (
    SELECT 1 FROM evidence_item i
    JOIN verification v ON v.id = i.verification_id
    JOIN verification_anchor a ON a.verification_id = v.id
    JOIN evidence_set e ON e.id = i.set_id AND e.status = 'verified'
    WHERE i.set_id = l.set_id AND v.outcome = 'verified' AND {which})"""
_PARTS = {
    "status": " AND l.status = :status",
    "reason": " AND l.reason = :reason",
    "source": " AND s.name = :source",
    "owner": " AND s.owner = :owner",
    "kind": " AND s.kind = :kind",
    "policy_status": " AND l.policy_status = :policy_status",
    "contested": " AND l.contested = :contested",
    "unconstrained": " AND l.unconstrained = :unconstrained",
    "signer": " AND l.set_id IN (SELECT set_id FROM set_signer WHERE signer_id = :signer)",
    "evidence_set": " AND l.set_id = :evidence_set",
    "anchor": _ANCHORED.format(which="a.anchor = :anchor"),
    "trust": _ANCHORED.format(
        which="a.anchor IN (SELECT fingerprint FROM credential WHERE entry_id = :trust)"
    ),
}
_CHANGES = {
    "new": " AND l.gone_at IS NULL AND l.first_seen_at >= :since",
    "gone": " AND l.gone_at IS NOT NULL AND l.gone_at >= :since",
}


def matching_ids(connection: sa.Connection, chosen: ArtifactFilter) -> set[int]:
    """Return the ids of all locations that the filter means."""
    given = {
        name: getattr(chosen, name)
        for name in _PARTS
        if getattr(chosen, name) not in (None, "") or (name == "reason" and chosen.reason == "")
    }
    text = _FROM + "".join(_PARTS[name] for name in given)
    values: dict[str, Any] = {
        name: value if isinstance(value, bool | int) else str(value)
        for name, value in given.items()
    }
    if chosen.exclusion_rule is not None:
        text += " AND l.exclusion_id = :rule"
        values["rule"] = chosen.exclusion_rule
    elif chosen.exclusion == "only":
        text += " AND l.exclusion_id IS NOT NULL"
    else:
        text += " AND l.exclusion_id IS NULL"
    if chosen.change is None:
        text += " AND l.gone_at IS NULL"
    else:
        text += _change(chosen)
        assert chosen.since is not None
        values["since"] = to_microseconds(chosen.since)
    text += _judged(chosen)
    for name in ("policy", "verdict", "requirement", "finding", "finding_reason"):
        if getattr(chosen, name):
            values[name] = str(getattr(chosen, name))
    ids = set(connection.execute(sa.text(text), values).scalars())
    return {key for key in ids if _named(connection, chosen.text, key)} if chosen.text else ids


def _change(chosen: ArtifactFilter) -> str:
    status = str(chosen.change).removeprefix("newly_")
    newly = f" AND l.gone_at IS NULL AND l.status = '{status}' AND l.status_since_at >= :since"
    return _CHANGES.get(str(chosen.change), newly)


def _judged(chosen: ArtifactFilter) -> str:
    text = ""
    if chosen.policy and (chosen.verdict or not chosen.requirement):
        text += """ AND EXISTS (SELECT 1 FROM verdict d JOIN policy p ON p.id = d.policy_id
            WHERE d.location_id = l.id AND p.name = :policy"""
        text += " AND d.outcome = :verdict)" if chosen.verdict else ")"
    if chosen.requirement:
        text += """ AND EXISTS (SELECT 1 FROM finding f
            JOIN requirement r ON r.id = f.requirement_id JOIN policy p ON p.id = r.policy_id
            WHERE f.location_id = l.id AND p.name = :policy AND r.name = :requirement"""
        text += " AND f.outcome = :finding" if chosen.finding else ""
        text += " AND f.reason = :finding_reason)" if chosen.finding_reason else ")"
    return text


def _named(connection: sa.Connection, text: str, location_id: int) -> bool:
    statement = sa.text("SELECT name FROM location WHERE id = :id")
    name = str(connection.execute(statement, {"id": location_id}).scalar_one()).lower()
    return text.lower() in name if len(text) >= 3 else name.startswith(text.lower())
