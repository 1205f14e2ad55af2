"""Who signs what, since when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from core.errors import NotFoundError
from core.model import SignerKind
from storage.filters import ArtifactFilter, Count, SignerFilter
from storage.in_force import in_force
from storage.lanes import Lane, page_of
from storage.schema import evidence_item, evidence_set, set_signer, signer, source, verification
from storage.search import holding
from storage.set_counts import counted
from storage.views.signers import SignerDetail, SignerMonth, SignerPage, SignerRow

PAGE_LIMIT = 200


def page(
    connection: Connection, chosen: SignerFilter, *, after: str = "", limit: int = 50
) -> SignerPage:
    """Return up to `limit` signers following the cursor, newest first."""
    lead = sa.type_coerce(signer.c.first_seen_at, sa.BigInteger)
    lane = Lane((), signer, _conditions(chosen), signer.c.id, lead, newest_first=True)
    found, next_after = page_of(connection, [lane], after, limit, PAGE_LIMIT)
    return SignerPage(_rows(connection, [one.row_id for one in found]), next_after)


def count(connection: Connection, chosen: SignerFilter) -> int:
    """Return exactly how many signers the filter's list has."""
    statement = sa.select(sa.func.count()).select_from(signer).where(*_conditions(chosen))
    return int(connection.execute(statement).scalar_one())


def detail(connection: Connection, signer_id: int) -> SignerDetail:
    """Return one signer with its use over time; NotFoundError when there is none."""
    rows = _rows(connection, [signer_id])
    if not rows:
        raise NotFoundError(f"there is no signer {signer_id}")
    verifications = _verifications_by_month(connection, signer_id)
    artifacts = _artifacts_by_month(connection, signer_id)
    return SignerDetail(
        signer=rows[0],
        months=tuple(
            SignerMonth(_first_day(month), number, artifacts.get(month, 0))
            for month, number in sorted(verifications.items())
            if month
        ),
        undated=verifications.get("", 0),
    )


def _conditions(chosen: SignerFilter) -> tuple[sa.ColumnElement[bool], ...]:
    c, found = signer.c, []
    if chosen.kind:
        found.append(c.kind == chosen.kind)
    if chosen.since is not None:
        found.append(c.first_seen_at >= chosen.since)
    if chosen.text:
        columns = (c.identity, c.issuer, c.fingerprint)
        found.append(sa.or_(*(holding(column, chosen.text) for column in columns)))
    return tuple(found)


def _rows(connection: Connection, ids: Sequence[int]) -> tuple[SignerRow, ...]:
    """Read signers in the order of their ids, with four statements."""
    if not ids:
        return ()
    signed = _signed(connection, ids)
    numbers, names = _artifacts(connection, ids)
    rows = {
        row.id: row for row in connection.execute(sa.select(signer).where(signer.c.id.in_(ids)))
    }
    return tuple(
        _signer_row(rows[one], signed.get(one), numbers.get(one, 0), names.get(one, set()))
        for one in ids
        if one in rows
    )


def _signer_row(
    row: sa.Row[*tuple[Any, ...]],
    signed: sa.Row[*tuple[Any, ...]] | None,
    artifacts: int,
    names: set[str],
) -> SignerRow:
    return SignerRow(
        id=row.id, kind=SignerKind(row.kind), fingerprint=row.fingerprint,
        identity=row.identity, issuer=row.issuer, algorithm=row.algorithm,
        valid_from=row.valid_from, valid_until=row.valid_until, first_seen_at=row.first_seen_at,
        first_signed_at=signed.first if signed is not None else None,
        last_signed_at=signed.last if signed is not None else None,
        verifications=signed.n if signed is not None else 0,
        artifacts=Count(artifacts, ArtifactFilter(signer=row.id)),
        sources=tuple(sorted(names)),
    )  # fmt: skip


def _signed(connection: Connection, ids: Sequence[int]) -> dict[int, sa.Row[*tuple[Any, ...]]]:
    c = verification.c
    statement = (
        sa.select(
            c.signer_id, sa.func.count().label("n"),
            sa.func.min(c.signed_at).label("first"), sa.func.max(c.signed_at).label("last"),
        )
        .where(c.signer_id.in_(ids), in_force(connection))
        .group_by(c.signer_id)
    )  # fmt: skip
    return {row.signer_id: row for row in connection.execute(statement)}


def _artifacts(
    connection: Connection, ids: Sequence[int]
) -> tuple[dict[int, int], dict[int, set[str]]]:
    """Return what each signer stands behind: numbers of locations, and names of sources."""
    c = set_signer.c
    origin, number = counted(set_signer, c.set_id)
    origin = origin.join(source, source.c.id == evidence_set.c.source_id)
    statement = (
        sa.select(c.signer_id, source.c.name, sa.func.sum(number).label("n"))
        .select_from(origin)
        .where(c.signer_id.in_(ids), evidence_set.c.locations > 0)
        .group_by(c.signer_id, source.c.name)
    )
    numbers: dict[int, int] = defaultdict(int)
    names: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(statement):
        numbers[row.signer_id] += int(row.n)
        names[row.signer_id].add(row.name)
    return numbers, names


def _verifications_by_month(connection: Connection, signer_id: int) -> dict[str, int]:
    month = _month(connection)
    statement = (
        sa.select(month, sa.func.count())
        .where(verification.c.signer_id == signer_id, in_force(connection))
        .group_by(month)
    )
    return {key or "": number for key, number in connection.execute(statement)}


def _artifacts_by_month(connection: Connection, signer_id: int) -> dict[str, int]:
    month = _month(connection).label("month")
    item, c = evidence_item.c, verification.c
    pairs = (
        sa.select(month, item.set_id)
        .join(evidence_item, item.verification_id == c.id)
        .join(set_signer, set_signer.c.set_id == item.set_id)
        .where(c.signer_id == signer_id, set_signer.c.signer_id == signer_id)
        .where(c.signed_at.is_not(None))
        .distinct()
        .subquery("pairs")
    )
    origin, number = counted(pairs, pairs.c.set_id)
    statement = (
        sa.select(pairs.c.month, sa.func.sum(number)).select_from(origin).group_by(pairs.c.month)
    )
    return {key: int(number) for key, number in connection.execute(statement)}


def _month(connection: Connection) -> sa.ColumnElement[str]:
    """Return the UTC month of signing as `YYYY-MM`, NULL without a time."""
    seconds = sa.type_coerce(verification.c.signed_at, sa.BigInteger) / 1_000_000
    if connection.dialect.name == "sqlite":
        whole = sa.cast(seconds, sa.Integer)
        return sa.func.strftime("%Y-%m", whole, "unixepoch", type_=sa.String)
    instant = sa.func.timezone("UTC", sa.func.to_timestamp(seconds))
    return sa.func.to_char(instant, "YYYY-MM", type_=sa.String)


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
