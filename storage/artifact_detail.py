"""One artifact with everything known of it, in eight statements however much that is."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.errors import NotFoundError
from core.model import (
    Digest,
    DigestOrigin,
    FindingOutcome,
    ListLink,
    PolicyMode,
    Status,
    Unread,
    VerdictOutcome,
)
from storage.artifact_list import row_columns, row_of
from storage.documents import load_verification
from storage.filters import ArtifactFilter, Count
from storage.schema import (
    artifact,
    blob,
    credential,
    evidence_item,
    evidence_set,
    exclusion,
    finding,
    finding_text,
    location,
    location_past,
    policy,
    policy_version,
    requirement,
    source,
    source_trust,
    status_change,
    unit,
    verdict,
    verification,
)
from storage.scope import Scope, SourceName
from storage.set_counts import counted
from storage.trust import read_use, uses_joined
from storage.views.artifact_detail import (
    ArtifactDetail,
    EvidenceItem,
    EvidenceSetDetail,
    FindingDetail,
    LocationDetail,
    PastContent,
    StatusChange,
    VerdictDetail,
)
from storage.views.trust import TrustUse

SHOWN_LOCATIONS = 200
SHOWN_SETS = 20
SHOWN_ITEMS = 200
SHOWN_HISTORY = 100

AnyRow = sa.Row[*tuple[Any, ...]]


def detail(
    connection: Connection, digest: Digest, kind: str = "", *, locations: int = SHOWN_LOCATIONS
) -> ArtifactDetail:
    """Return the artifact; NotFoundError when there is none of that digest (and kind)."""
    chosen, kinds = _artifact(connection, digest, kind)
    rows = _location_rows(connection, chosen.id, locations)
    ids = [row.id for row in rows]
    sets = list(dict.fromkeys(row.set_id for row in rows))
    return ArtifactDetail(
        digest=digest, kind=chosen.kind, origin=DigestOrigin(chosen.origin), size=chosen.size,
        media_type=chosen.media_type, first_seen_at=chosen.first_seen_at,
        other_kinds=tuple(one for one in kinds if one != chosen.kind),
        locations=_locations(rows, _verdicts(connection, ids)),
        more_locations=rows[0].all_locations - len(rows) if rows else 0,
        evidence=_evidence(connection, sets[:SHOWN_SETS], rows),
        more_evidence_sets=max(0, len(sets) - SHOWN_SETS),
        changes=_changes(connection, ids),
        past=_past(connection, chosen.id, ids),
    )  # fmt: skip


def _artifact(connection: Connection, digest: Digest, kind: str) -> tuple[AnyRow, list[str]]:
    c = artifact.c
    statement = (
        sa.select(artifact)
        .where(c.digest == digest.raw, c.algorithm == digest.algorithm)
        .order_by(c.kind)
    )
    rows = connection.execute(statement).all()
    for row in rows:
        if kind in ("", row.kind):
            return row, [one.kind for one in rows]
    raise NotFoundError(
        f"no artifact {f'of kind {kind[:40]!r} ' if kind else ''}with digest {digest}"
    )


# --- where it is ---------------------------------------------------------------------------------


def _location_rows(connection: Connection, artifact_id: int, limit: int) -> Sequence[AnyRow]:
    c = location.c
    statement = (
        sa.select(
            *row_columns(), c.set_id, source.c.name.label("source_name"),
            source.c.kind.label("source_kind"), source.c.owner.label("source_owner"),
            source.c.tier, source.c.read_at, unit.c.name.label("unit_name"),
            exclusion.c.reason.label("exclusion_reason"),
            exclusion.c.owner.label("exclusion_owner"),
            sa.func.count().over().label("all_locations"),
        )
        .join(artifact, artifact.c.id == c.artifact_id)
        .join(source, source.c.id == c.source_id)
        .join(unit, unit.c.id == c.unit_id)
        .outerjoin(exclusion, exclusion.c.id == c.exclusion_id)
        .where(c.artifact_id == artifact_id)
        .order_by(c.gone_at.is_not(None), c.id)
        .limit(limit)
    )  # fmt: skip
    return connection.execute(statement).all()


def _locations(
    rows: Iterable[AnyRow], verdicts: Mapping[int, Sequence[VerdictDetail]]
) -> tuple[LocationDetail, ...]:
    names = {
        row.source_id: SourceName(row.source_name, row.source_kind, row.source_owner)
        for row in rows
    }
    scope = Scope(names, None)
    return tuple(
        LocationDetail(
            row=row_of(row, scope), tier=row.tier, set_id=row.set_id, seen_at=row.read_at,
            exclusion_reason=row.exclusion_reason or "",
            exclusion_owner=row.exclusion_owner or "", verdicts=tuple(verdicts.get(row.id, ())),
        )
        for row in rows
    )  # fmt: skip


def _verdicts(connection: Connection, ids: Sequence[int]) -> dict[int, list[VerdictDetail]]:
    c = verdict.c
    statement = (
        sa.select(
            c.location_id, c.policy_id, policy.c.name, policy.c.title, policy.c.owner,
            policy.c.mode, policy_version.c.digest, c.outcome, c.decided_at,
            requirement.c.name.label("requirement"), requirement.c.title.label("said_title"),
            finding.c.outcome.label("said"), finding.c.reason, finding_text.c.detail,
            finding_text.c.expected, finding_text.c.found, finding_text.c.solution,
        )
        .join(policy, policy.c.id == c.policy_id)
        .join(policy_version, policy_version.c.id == c.version_id)
        .outerjoin(requirement, requirement.c.policy_id == c.policy_id)
        .outerjoin(
            finding,
            sa.and_(
                finding.c.location_id == c.location_id,
                finding.c.requirement_id == requirement.c.id,
            ),
        )
        .outerjoin(finding_text, finding_text.c.id == finding.c.text_id)
        .where(c.location_id.in_(ids))
        .order_by(c.location_id, policy.c.name, requirement.c.id)
    )  # fmt: skip
    heads: dict[tuple[int, int], AnyRow] = {}
    said: dict[tuple[int, int], list[FindingDetail]] = defaultdict(list)
    for row in connection.execute(statement):
        key = (row.location_id, row.policy_id)
        heads.setdefault(key, row)
        if row.said is not None:
            said[key].append(_finding(row))
    found: dict[int, list[VerdictDetail]] = defaultdict(list)
    for key, row in heads.items():
        found[row.location_id].append(_verdict(row, said[key]))
    return found


def _finding(row: AnyRow) -> FindingDetail:
    return FindingDetail(
        row.requirement, row.said_title, FindingOutcome(row.said), row.reason, row.detail,
        row.expected, row.found, row.solution,
    )  # fmt: skip


def _verdict(row: AnyRow, findings: Iterable[FindingDetail]) -> VerdictDetail:
    return VerdictDetail(
        policy=row.name, title=row.title, owner=row.owner, mode=PolicyMode(row.mode),
        version=Digest("sha256", row.digest.hex()), outcome=VerdictOutcome(row.outcome),
        decided_at=row.decided_at, findings=tuple(findings),
    )  # fmt: skip


# --- what vouches for it -------------------------------------------------------------------------


def _evidence(
    connection: Connection, set_ids: Sequence[int], places: Iterable[AnyRow]
) -> tuple[EvidenceSetDetail, ...]:
    if not set_ids:
        return ()
    units: dict[int, set[str]] = defaultdict(lambda: {""})
    for place in places:
        units[place.set_id].add(place.unit_name)
    origin, number = counted(evidence_set, evidence_set.c.id)
    statement = (
        sa.select(
            evidence_set,
            source.c.name.label("source_name"),
            source.c.verifier,
            number.label("counted"),
        )
        .select_from(origin.join(source, source.c.id == evidence_set.c.source_id))
        .where(evidence_set.c.id.in_(set_ids))
    )
    rows = {row.id: row for row in connection.execute(statement)}
    trust = _trust(connection, {row.source_id for row in rows.values()})
    items = _items(connection, set_ids)
    found = []
    for set_id in set_ids:
        row = rows[set_id]
        accepted = [
            one for one in trust if one.source_id == row.source_id and one.unit in units[set_id]
        ]
        found.append(_set(row, accepted, items.get(set_id, ())))
    return tuple(found)


def _set(row: AnyRow, accepted: Sequence[AnyRow], items: Iterable[AnyRow]) -> EvidenceSetDetail:
    return EvidenceSetDetail(
        id=row.id, source=row.source_name, verifier=row.verifier, key=row.key,
        status=Status(row.status), reason=row.reason, contested=row.contested,
        changed_at=row.changed_at,
        looked=tuple(json.loads(row.looked)),
        unread=tuple(Unread(*one) for one in json.loads(row.unread)),
        items=tuple(_item(one, accepted) for one in items),
        trust=_uses(accepted),
        locations=Count(row.counted, ArtifactFilter(evidence_set=row.id)),
    )  # fmt: skip


def _items(connection: Connection, set_ids: Sequence[int]) -> dict[int, list[AnyRow]]:
    c, v = evidence_item.c, verification.c
    statement = (
        sa.select(
            evidence_item, v.evidence_digest, v.subject_digest, v.document, v.signer_id,
            v.verified_at, v.due_at, blob.c.size,
        )
        .join(verification, v.id == c.verification_id)
        .join(blob, blob.c.digest == v.evidence_digest)
        .where(c.set_id.in_(set_ids))
        .order_by(c.set_id, c.position)
        .limit(SHOWN_ITEMS)
    )  # fmt: skip
    found: dict[int, list[AnyRow]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.set_id].append(row)
    return found


def _item(row: AnyRow, accepted: Iterable[AnyRow]) -> EvidenceItem:
    facts = load_verification(row.document)
    links = json.loads(row.through)
    return EvidenceItem(
        position=row.position, media_type=row.media_type, origin=row.origin, subject=row.subject,
        subject_digest=Digest.parse(row.subject_digest) if row.subject_digest else None,
        evidence=Digest("sha256", row.evidence_digest.hex()), size=row.size,
        hint=Digest("sha256", row.hint_digest.hex()) if row.hint_digest else None,
        through=tuple(ListLink(name, entry, Digest.parse(text)) for name, entry, text in links),
        verification_id=row.verification_id, verification=facts, signer_id=row.signer_id,
        verified_at=row.verified_at, due_at=row.due_at,
        trust=_uses(one for one in accepted if one.fingerprint in facts.anchors),
    )  # fmt: skip


def _trust(connection: Connection, source_ids: Iterable[int]) -> Sequence[AnyRow]:
    """Read what the sources accept, one row for every key in it."""
    statement = (
        uses_joined()
        .add_columns(credential.c.fingerprint)
        .outerjoin(credential, credential.c.entry_id == source_trust.c.entry_id)
        .where(source_trust.c.source_id.in_(sorted(source_ids)))
    )
    return connection.execute(statement).all()


def _uses(rows: Iterable[AnyRow]) -> tuple[TrustUse, ...]:
    return tuple(dict.fromkeys(read_use(row) for row in rows))


# --- what it was ---------------------------------------------------------------------------------


def _changes(connection: Connection, ids: Sequence[int]) -> tuple[StatusChange, ...]:
    c = status_change.c
    statement = (
        sa.select(status_change)
        .where(c.location_id.in_(ids))
        .order_by(c.changed_at.desc(), c.id.desc())
        .limit(SHOWN_HISTORY)
    )
    return tuple(
        StatusChange(
            row.location_id, row.changed_at, row.from_status, row.from_reason, row.to_status,
            row.to_reason,
        )
        for row in connection.execute(statement)
    )  # fmt: skip


def _past(connection: Connection, artifact_id: int, ids: Sequence[int]) -> tuple[PastContent, ...]:
    c = location_past.c
    statement = (
        sa.select(
            location_past, source.c.name.label("source_name"), location.c.name,
            location.c.version, artifact.c.algorithm, artifact.c.digest, artifact.c.kind,
        )
        .join(location, location.c.id == c.location_id)
        .join(source, source.c.id == location.c.source_id)
        .join(artifact, artifact.c.id == c.artifact_id)
        .where(sa.or_(c.artifact_id == artifact_id, c.location_id.in_(ids)))
        .order_by(c.until_at.desc(), c.id.desc())
        .limit(SHOWN_HISTORY)
    )  # fmt: skip
    return tuple(
        PastContent(
            row.location_id, row.source_name, row.name, row.version,
            Digest(row.algorithm, row.digest.hex()), row.kind, row.from_at, row.until_at,
        )
        for row in connection.execute(statement)
    )  # fmt: skip
