"""Which index leads to the rows of a filter, cheapest first.

The most selective part of a filter drives, the others are conditions on what it finds. Filters
that the rollups know row for row are split into lanes by them; so their lists read nothing that
they do not show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from core.model import FindingOutcome, Outcome, Status, VerdictOutcome
from storage.filters import NEWLY, ArtifactFilter, Change
from storage.lanes import Lane
from storage.schema import (
    credential,
    evidence_item,
    evidence_set,
    finding,
    location,
    policy,
    requirement,
    set_signer,
    standing_count,
    to_microseconds,
    verdict,
    verification,
    verification_anchor,
)
from storage.scope import (
    Conditions,
    Scope,
    SourceNames,
    counted_conditions,
    excluded_only,
    location_conditions,
    scope_of,
)
from storage.search import matching

STATUS_ORDER = (Status.FAILED, Status.UNKNOWN, Status.UNSIGNED, Status.VERIFIED)
SINCE = {
    Change.NEW: ("first_seen_at", "ix_location_first_seen_at"),
    Change.GONE: ("gone_at", "ix_location_gone_at"),
    **dict.fromkeys(NEWLY, ("status_since_at", "ix_location_since")),
}
VERDICTS = tuple(VerdictOutcome)
FINDINGS = tuple(FindingOutcome)


@dataclass(frozen=True, slots=True)
class Search:
    """What a path needs: the filter, its sources, and every condition it puts on a location."""

    connection: sa.Connection
    chosen: ArtifactFilter
    scope: Scope
    where: Conditions


def search_of(
    connection: sa.Connection, chosen: ArtifactFilter, names: SourceNames | None = None
) -> Search:
    """Return what a path needs; the sources are read unless they are given."""
    return search_within(connection, chosen, scope_of(connection, chosen, names))


def search_within(connection: sa.Connection, chosen: ArtifactFilter, scope: Scope) -> Search:
    """Return the same for a filter whose sources were read already."""
    where = list(location_conditions(chosen, scope))
    c = location.c
    if chosen.change is not None and chosen.since is not None:
        where.append(c[SINCE[chosen.change][0]] >= chosen.since)
        if chosen.change in NEWLY:
            where.append(c.status == NEWLY[chosen.change])
    if chosen.evidence_set is not None:
        where.append(c.set_id == chosen.evidence_set)
    return Search(connection, chosen, scope, tuple(where))


def lanes_of(search: Search) -> Sequence[Lane]:
    """Return the lanes of the filter's list, in their order."""
    for is_given, path in _PATHS:
        if is_given(search.chosen):
            return path(search)
    return _standing_lanes(search)


# --- paths ---------------------------------------------------------------------------------------


def _set_lanes(search: Search) -> Sequence[Lane]:
    where = (*search.where, *_linked(search, drives="evidence_set"))
    hint = (location, "ix_location_set_id")
    return [Lane((), location, where, location.c.id, hint=hint)]


def _since_lanes(search: Search) -> Sequence[Lane]:
    chosen = search.chosen
    column, index = SINCE[chosen.change] if chosen.change else SINCE[Change.NEW]
    lead = sa.type_coerce(location.c[column], sa.BigInteger)
    since = lead >= to_microseconds(chosen.since) if chosen.since else sa.true()
    where = (*search.where, since, *_linked(search, drives="change"))
    return [
        Lane((), location, where, location.c.id, lead, newest_first=True, hint=(location, index))
    ]


def _finding_lanes(search: Search) -> Sequence[Lane]:
    chosen, c = search.chosen, finding.c
    requirement_id = _requirement_id(search)
    origin = finding.join(location, location.c.id == c.location_id)
    where = (
        *search.where,
        *_linked(search, drives="requirement"),
        c.requirement_id == requirement_id,
    )
    if chosen.finding_reason:
        where = (*where, c.reason == chosen.finding_reason)
    hint = (finding, "ix_finding_requirement_id")
    return [
        Lane((rank,), origin, (*where, c.outcome == outcome), c.location_id, hint=hint)
        for rank, outcome in enumerate(FINDINGS)
        if chosen.finding in (None, outcome)
    ]


def _verdict_lanes(search: Search) -> Sequence[Lane]:
    chosen, c = search.chosen, verdict.c
    origin = verdict.join(location, location.c.id == c.location_id)
    named = sa.select(policy.c.id).where(policy.c.name == chosen.policy).scalar_subquery()
    where = (*search.where, *_linked(search, drives="policy"), c.policy_id == named)
    hint = (verdict, "ix_verdict_policy_id")
    return [
        Lane((rank,), origin, (*where, c.outcome == outcome), c.location_id, hint=hint)
        for rank, outcome in enumerate(VERDICTS)
        if chosen.verdict in (None, outcome)
    ]


def _signer_lanes(search: Search) -> Sequence[Lane]:
    origin = set_signer.join(location, location.c.set_id == set_signer.c.set_id)
    where = (
        *search.where,
        *_linked(search, drives="signer"),
        set_signer.c.signer_id == search.chosen.signer,
    )
    lead, hint = set_signer.c.set_id, (location, "ix_location_set_id")
    return [Lane((), origin, where, location.c.id, lead, hint=hint)]


def _anchor_lanes(search: Search) -> Sequence[Lane]:
    anchored = anchored_sets(search.chosen).subquery("anchored")
    origin = anchored.join(location, location.c.set_id == anchored.c.set_id)
    where = (*search.where, *_linked(search, drives="anchor"))
    hint = (location, "ix_location_set_id")
    return [Lane((), origin, where, location.c.id, anchored.c.set_id, hint=hint)]


def _text_lanes(search: Search) -> Sequence[Lane]:
    found = matching(search.connection.dialect.name, search.chosen.text)
    return [Lane((), location, (*search.where, found), location.c.id)]


def _excluded_lanes(search: Search) -> Sequence[Lane]:
    hint = (location, "ix_location_excluded")
    return [Lane((), location, search.where, location.c.id, location.c.exclusion_id, hint=hint)]


def _standing_lanes(search: Search) -> Sequence[Lane]:
    """Split by the rollup: along the standing, or along the policy status where that is rarer."""
    chosen = search.chosen
    matching: Counter[tuple[int, str, str, str]] = Counter()
    by_standing: Counter[tuple[int, str, str]] = Counter()
    by_policy: Counter[tuple[int, str]] = Counter()
    for source_id, status, reason, policy_status, rows, all_rows in _counted(search):
        matching[source_id, status, reason, policy_status] = rows
        by_standing[source_id, status, reason] += all_rows
        by_policy[source_id, policy_status] += all_rows
    wanted = {key: rows for key, rows in matching.items() if rows}
    standings, policies = {key[:3] for key in wanted}, {(key[0], key[3]) for key in wanted}
    cost = sum(by_standing[key] for key in standings)
    if chosen.policy_status is not None and sum(by_policy[key] for key in policies) < cost:
        return sorted(_policy_lanes(search, wanted), key=_lane_key)
    return sorted(_status_lanes(search, wanted), key=_lane_key)


def _counted(search: Search) -> sa.CursorResult[int, str, str, str, int, int]:
    c = standing_count.c
    fits = sa.and_(*counted_conditions(search.chosen, search.scope))
    statement = (
        sa.select(
            c.source_id, c.status, c.reason, c.policy_status,
            sa.func.sum(sa.case((fits, c.locations), else_=0)), sa.func.sum(c.locations),
        )
        .where(*search.scope.conditions(c.source_id))
        .group_by(c.source_id, c.status, c.reason, c.policy_status)
    )  # fmt: skip
    return search.connection.execute(statement)


Wanted = dict[tuple[int, str, str, str], int]


def _status_lanes(search: Search, wanted: Wanted) -> list[Lane]:
    totals: Counter[tuple[int, str, str]] = Counter()
    for (source_id, status, reason, _), rows in wanted.items():
        totals[source_id, status, reason] += rows
    c = location.c
    return [
        Lane(
            (STATUS_ORDER.index(Status(status)), source_id, reason), location,
            (*search.where, c.source_id == source_id, c.status == status, c.reason == reason),
            c.id, rows=rows, hint=(location, "ix_location_standing"),
        )
        for (source_id, status, reason), rows in totals.items()
    ]  # fmt: skip


def _policy_lanes(search: Search, wanted: Wanted) -> list[Lane]:
    totals: Counter[tuple[int, str]] = Counter()
    for (source_id, _, _, policy_status), rows in wanted.items():
        totals[source_id, policy_status] += rows
    c = location.c
    return [
        Lane(
            (policy_status, source_id), location,
            (*search.where, c.policy_status == policy_status, c.source_id == source_id),
            c.id, rows=rows, hint=(location, "ix_location_policy"),
        )
        for (source_id, policy_status), rows in totals.items()
    ]  # fmt: skip


def _lane_key(lane: Lane) -> tuple[int | str, ...]:
    return lane.key


# --- conditions by way of other tables -----------------------------------------------------------


def _linked(search: Search, *, drives: str) -> Conditions:
    """Return the conditions that other tables decide, without the one that drives."""
    chosen, c = search.chosen, location.c
    found: list[sa.ColumnElement[bool]] = []
    if chosen.signer is not None and drives != "signer":
        signed = sa.select(set_signer.c.set_id).where(set_signer.c.signer_id == chosen.signer)
        found.append(c.set_id.in_(signed))
    if (chosen.trust is not None or chosen.anchor) and drives != "anchor":
        found.append(c.set_id.in_(anchored_sets(chosen)))
    if chosen.requirement and drives != "requirement":
        found.append(_has_finding(chosen, _requirement_id(search)))
    elif chosen.policy and drives not in ("policy", "requirement"):
        found.append(_has_verdict(chosen))
    if chosen.requirement and chosen.verdict and drives == "requirement":
        found.append(_has_verdict(chosen))
    return tuple(found)


def _requirement_id(search: Search) -> sa.ScalarSelect[int]:
    return (
        sa.select(requirement.c.id)
        .join(policy, policy.c.id == requirement.c.policy_id)
        .where(policy.c.name == search.chosen.policy)
        .where(requirement.c.name == search.chosen.requirement)
        .scalar_subquery()
    )


def _has_finding(chosen: ArtifactFilter, requirement_id: sa.ScalarSelect[int]) -> sa.Exists:
    c = finding.c
    where = [c.location_id == location.c.id, c.requirement_id == requirement_id]
    if chosen.finding is not None:
        where.append(c.outcome == chosen.finding)
    if chosen.finding_reason:
        where.append(c.reason == chosen.finding_reason)
    return sa.exists().where(*where)


def _has_verdict(chosen: ArtifactFilter) -> sa.Exists:
    c = verdict.c
    named = sa.select(policy.c.id).where(policy.c.name == chosen.policy).scalar_subquery()
    where = [c.location_id == location.c.id, c.policy_id == named]
    if chosen.verdict is not None:
        where.append(c.outcome == chosen.verdict)
    return sa.exists().where(*where)


def anchored_sets(chosen: ArtifactFilter) -> sa.Select[tuple[int]]:
    """Select the ids of the evidence sets that stand verified, by what the filter names too."""
    where = [verification.c.outcome == Outcome.VERIFIED, evidence_set.c.status == Status.VERIFIED]
    if chosen.anchor:
        where.append(verification_anchor.c.anchor == chosen.anchor)
    if chosen.trust is not None:
        where.append(verification_anchor.c.anchor.in_(anchors_of(chosen.trust)))
    joined = verification_anchor.join(
        evidence_item, evidence_item.c.verification_id == verification_anchor.c.verification_id
    )
    joined = joined.join(verification, verification.c.id == verification_anchor.c.verification_id)
    joined = joined.join(evidence_set, evidence_set.c.id == evidence_item.c.set_id)
    return sa.select(evidence_item.c.set_id).select_from(joined).where(*where).distinct()


def anchors_of(entry_id: int) -> sa.Select[tuple[str]]:
    """Select the fingerprints of what a trust entry holds: what verifications call it by."""
    return sa.select(credential.c.fingerprint).where(credential.c.entry_id == entry_id)


_PATHS: tuple[
    tuple[Callable[[ArtifactFilter], object], Callable[[Search], Sequence[Lane]]], ...
] = (
    (lambda chosen: chosen.evidence_set is not None, _set_lanes),
    (lambda chosen: chosen.change is not None, _since_lanes),
    (lambda chosen: chosen.requirement, _finding_lanes),
    (lambda chosen: chosen.signer is not None, _signer_lanes),
    (lambda chosen: chosen.trust is not None or chosen.anchor, _anchor_lanes),
    (lambda chosen: chosen.policy, _verdict_lanes),
    (lambda chosen: chosen.text, _text_lanes),
    (excluded_only, _excluded_lanes),
)
