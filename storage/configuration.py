"""Bring the database in line with the settings: sources, policies, exclusions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage import scans
from storage.bulk import insert_rows, upsert_rows
from storage.configured import PolicyRows, SourceRow
from storage.documents import dump
from storage.schema import (
    exclusion,
    policy,
    policy_version,
    requirement,
    source,
    unit,
)


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A source as the settings have it."""

    name: str
    kind: str
    address: str
    owner: str
    tier: str
    every_seconds: int


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy as compiled; requirements are (id, title)."""

    name: str
    title: str
    owner: str
    mode: str
    digest: str
    text: str
    requirements: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ExclusionEntry:
    """An exclusion rule; `match` is canonical JSON."""

    match: str
    reason: str
    owner: str

    @property
    def digest(self) -> bytes:
        """Name the rule by its content."""
        return hashlib.sha256(dump([self.match, self.reason, self.owner]).encode()).digest()


def sync_sources(
    connection: sa.Connection, entries: Sequence[SourceEntry], now: datetime, verifier: str
) -> dict[str, SourceRow]:
    """Write the configured sources; others stay in history, marked as not configured.

    `verifier` is the version that a new one will be judged by.
    """
    names = [entry.name for entry in entries]
    left = sa.and_(source.c.name.not_in(names), source.c.configured)
    scans.stop_scans(connection, left, now)
    connection.execute(source.update().where(left).values(configured=False))
    known = {row.name: row for row in connection.execute(sa.select(source))}
    for entry in entries:
        values = {
            "kind": entry.kind, "address": entry.address, "owner": entry.owner,
            "tier": entry.tier, "every_seconds": entry.every_seconds, "configured": True,
        }  # fmt: skip
        row = known.get(entry.name)
        if row is None:
            first = {"name": entry.name, "added_at": now, "verifier": verifier}
            insert_rows(connection, source, [first | values])
        elif any(getattr(row, key) != value for key, value in values.items()):
            connection.execute(source.update().where(source.c.id == row.id).values(**values))
    rows = connection.execute(sa.select(source).where(source.c.name.in_(names)))
    return {r.name: SourceRow(r.id, r.name, r.kind, r.owner, r.tier) for r in rows}


def removed_sources(connection: sa.Connection) -> list[SourceRow]:
    """Return sources that left the settings and still have units."""
    c = source.c
    holding = sa.select(unit.c.source_id).where(unit.c.gone_at.is_(None))
    rows = connection.execute(sa.select(source).where(sa.not_(c.configured), c.id.in_(holding)))
    return [SourceRow(r.id, r.name, r.kind, r.owner, r.tier) for r in rows]


def judged_by(connection: sa.Connection, source_id: int) -> str:
    """Return what the source's verdicts rest on, besides the facts."""
    found: str = connection.execute(
        sa.select(source.c.judged_by).where(source.c.id == source_id)
    ).scalar_one()
    return found


def set_judged_by(connection: sa.Connection, source_id: int, basis: str) -> None:
    """Remember what the source's verdicts rest on."""
    connection.execute(source.update().where(source.c.id == source_id).values(judged_by=basis))


def sync_policies(
    connection: sa.Connection, entries: Sequence[PolicyEntry], now: datetime
) -> PolicyRows:
    """Write policies and their versions; return the ids that verdicts and findings refer to."""
    names = [entry.name for entry in entries]
    connection.execute(
        policy.update().where(policy.c.name.not_in(names), policy.c.active).values(active=False)
    )
    rows = PolicyRows({}, {}, {})
    for entry in entries:
        version_id = _version(connection, entry, now)
        values = {
            "title": entry.title, "owner": entry.owner, "mode": entry.mode, "active": True,
            "version_id": version_id,
        }  # fmt: skip
        upsert_rows(
            connection, policy, [{"name": entry.name, **values}], replace=values, keys=["name"]
        )
        policy_id = connection.execute(
            sa.select(policy.c.id).where(policy.c.name == entry.name)
        ).scalar_one()
        rows.policies[entry.name] = policy_id
        rows.versions[entry.digest] = version_id
        for name, title in entry.requirements:
            rows.requirements[(entry.name, name)] = _requirement(connection, policy_id, name, title)
    return rows


def active_policies(connection: sa.Connection) -> dict[str, str]:
    """Return the texts of the policies that were last in force, by name."""
    rows = connection.execute(
        sa.select(policy.c.name, policy_version.c.text)
        .join(policy_version, policy_version.c.id == policy.c.version_id)
        .where(policy.c.active)
    )
    return {row.name: row.text for row in rows}


def _version(connection: sa.Connection, entry: PolicyEntry, now: datetime) -> int:
    digest = bytes.fromhex(entry.digest)
    row = {"digest": digest, "name": entry.name, "text": entry.text, "added_at": now}
    upsert_rows(connection, policy_version, [row], keys=["digest"])
    found: int = connection.execute(
        sa.select(policy_version.c.id).where(policy_version.c.digest == digest)
    ).scalar_one()
    return found


def _requirement(connection: sa.Connection, policy_id: int, name: str, title: str) -> int:
    row = {"policy_id": policy_id, "name": name, "title": title}
    upsert_rows(connection, requirement, [row], replace=["title"], keys=["policy_id", "name"])
    found: int = connection.execute(
        sa.select(requirement.c.id).where(
            requirement.c.policy_id == policy_id, requirement.c.name == name
        )
    ).scalar_one()
    return found


def sync_exclusions(
    connection: sa.Connection, entries: Sequence[ExclusionEntry], now: datetime
) -> tuple[int, ...]:
    """Write the exclusion rules; return their ids in order."""
    digests = [entry.digest for entry in entries]
    connection.execute(
        exclusion.update()
        .where(exclusion.c.digest.not_in(digests), exclusion.c.active)
        .values(active=False)
    )
    for entry in entries:
        row = {
            "digest": entry.digest, "match": entry.match, "reason": entry.reason,
            "owner": entry.owner, "active": True, "added_at": now,
        }  # fmt: skip
        upsert_rows(connection, exclusion, [row], replace=["active"], keys=["digest"])
    found = connection.execute(
        sa.select(exclusion.c.digest, exclusion.c.id).where(exclusion.c.digest.in_(digests))
    )
    ids = {row.digest: row.id for row in found}
    return tuple(ids[digest] for digest in digests)
