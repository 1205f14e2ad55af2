"""Bring the database in line with the settings: sources, policies, exclusions, trust."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from core.errors import ConflictError
from core.model import Trust, TrustEntry
from storage import blobs, scans
from storage.bulk import insert_rows, take_ids, upsert_rows
from storage.documents import dump
from storage.schema import (
    credential,
    exclusion,
    policy,
    policy_version,
    requirement,
    source,
    source_trust,
    trust_entry,
    unit,
)
from storage.standings import PolicyRows, SourceRow
from storage.withdrawal import withdraw


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


@dataclass(frozen=True, slots=True)
class CredentialEntry:
    """One key or certificate inside a trust entry, described."""

    kind: str
    fingerprint: str
    identity: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None
    revoked: bool


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


def entry_digest(entry: TrustEntry) -> bytes:
    """Name a trust entry by what it makes acceptable: bytes, kind, narrowing and window."""
    content = hashlib.sha256(entry.content).hexdigest()
    bounds = [str(entry.valid_from or ""), str(entry.valid_until or "")]
    return hashlib.sha256(dump([entry.kind, content, list(entry.only), bounds]).encode()).digest()


def sync_trust(
    connection: sa.Connection,
    source_id: int,
    unit_name: str,
    trusts: Sequence[Trust],
    described: Mapping[bytes, Sequence[CredentialEntry]],
    now: datetime,
) -> None:
    """Write which trust entries a unit uses now, with what is inside each.

    The empty unit stands for what the settings name for the whole source.
    """
    used: dict[tuple[int, str], tuple[TrustEntry, tuple[str, ...]]] = {}
    for trust in trusts:
        for entry in trust.entries:
            entry_id = _trust_entry(connection, entry, described, now)
            used[(entry_id, entry.name)] = (entry, trust.flags)
    columns = source_trust.c
    old = {
        (row.entry_id, row.name): (row.origin, row.flags)
        for row in connection.execute(
            sa.select(source_trust).where(columns.source_id == source_id, columns.unit == unit_name)
        )
    }
    new = {key: (entry.origin, dump(list(flags))) for key, (entry, flags) in used.items()}
    if old == new:
        return
    if not unit_name and old.keys() != new.keys():  # a unit's own is what the scan itself found
        scans.stop_scans(connection, source.c.id == source_id, now)
    before, after = ({entry_id for entry_id, _ in one} for one in (old, new))
    withdraw(connection, source_id, unit_name, before, after)
    _forget_uses(connection, source_id, unit_name)
    insert_rows(
        connection,
        source_trust,
        [
            {
                "source_id": source_id, "entry_id": entry_id, "unit": unit_name, "name": name,
                "origin": origin, "flags": flags,
            }
            for (entry_id, name), (origin, flags) in new.items()
        ],
    )  # fmt: skip


def demand_current(connection: sa.Connection, source_id: int, trust: Trust) -> None:
    """Raise ConflictError unless the source is configured, and with just this trust.

    Asked where a scan begins: the settings may have been changed since it was prepared.
    """
    t = source_trust.c
    here = sa.and_(t.source_id == source_id, t.unit == "")
    rows = connection.execute(
        sa.select(trust_entry.c.digest, t.name).join(trust_entry, trust_entry.c.id == t.entry_id)
        .where(here)
    )  # fmt: skip
    there = {(row.digest, row.name) for row in rows}
    configured = sa.select(source.c.configured).where(source.c.id == source_id)
    if (
        not connection.execute(configured).scalar_one()
        or {(entry_digest(entry), entry.name) for entry in trust.entries} != there
    ):
        raise ConflictError("the settings of the source were changed meanwhile")


def lose_trust(connection: sa.Connection, source_id: int, unit_name: str) -> None:
    """Let nothing stand by the trust of a unit, or of a source, that is no more."""
    c = source_trust.c
    here = sa.and_(c.source_id == source_id, c.unit == unit_name)
    before = set(connection.execute(sa.select(c.entry_id).where(here)).scalars())
    withdraw(connection, source_id, unit_name, before, set())
    _forget_uses(connection, source_id, unit_name)


def _forget_uses(connection: sa.Connection, source_id: int, unit_name: str) -> None:
    c = source_trust.c
    connection.execute(source_trust.delete().where(c.source_id == source_id, c.unit == unit_name))


def _trust_entry(
    connection: sa.Connection,
    entry: TrustEntry,
    described: Mapping[bytes, Sequence[CredentialEntry]],
    now: datetime,
) -> int:
    digest = entry_digest(entry)
    known: int | None = connection.execute(
        sa.select(trust_entry.c.id).where(trust_entry.c.digest == digest)
    ).scalar_one_or_none()
    if known is not None:
        return known
    content = blobs.keep(connection, entry.content, "application/x-trust", now)
    entry_id: int = take_ids(connection, trust_entry, 1)[0]
    row = {
        "id": entry_id, "digest": digest, "kind": entry.kind, "content_digest": content,
        "only": dump(list(entry.only)), "valid_from": entry.valid_from,
        "valid_until": entry.valid_until, "added_at": now,
    }  # fmt: skip
    insert_rows(connection, trust_entry, [row])
    credentials = [
        {
            "entry_id": entry_id, "position": position, "kind": one.kind,
            "fingerprint": one.fingerprint, "identity": one.identity,
            "algorithm": one.algorithm, "valid_from": one.valid_from,
            "valid_until": one.valid_until, "revoked": one.revoked,
        }
        for position, one in enumerate(described.get(digest, ()))
    ]  # fmt: skip
    insert_rows(connection, credential, credentials)
    return entry_id
