"""Life of a scan: begun once per source, beating while it runs, ended with what it did."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError
from core.model import ScanState, UnitEnd
from storage.bulk import insert_rows, take_ids, upsert_rows
from storage.documents import dump
from storage.schema import scan, scan_request, source, unit

MAX_ERRORS = 100


class SupersededError(ConflictError):
    """A scan may not write any more: it was asked to stop, or the source is another's now."""


@dataclass(frozen=True, slots=True)
class ScanError:
    """One thing a scan could not do."""

    unit: str
    reason: str
    detail: str

    @classmethod
    def internal(cls, unit: str, error: BaseException) -> ScanError:
        """Tell of a fault of ours by its kind alone: its words may be anybody's, or a secret."""
        words = f"internal error ({type(error).__name__}); what led to it stands in the log"
        return cls(unit, "SCAN_INCOMPLETE", words)


@dataclass(slots=True)
class ScanCounts:
    """What a scan did so far."""

    units_total: int = 0
    units_done: int = 0
    sightings: int = 0
    requests: int = 0
    bytes: int = 0
    rows_written: int = 0
    errors: list[ScanError] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return the columns of the scan row."""
        kept = self.errors[:MAX_ERRORS]
        return {
            "units_total": self.units_total, "units_done": self.units_done,
            "sightings": self.sightings, "requests": self.requests, "bytes": self.bytes,
            "rows_written": self.rows_written,
            "errors": dump([[e.unit, e.reason, e.detail] for e in kept]),
        }  # fmt: skip


def read_errors(text: str) -> tuple[ScanError, ...]:
    """Read the errors column."""
    return tuple(ScanError(*entry) for entry in json.loads(text))


def bury(connection: sa.Connection, source_id: int, now: datetime) -> None:
    """Mark running scans as abandoned, to be done again; the caller holds the source's lock."""
    dead = sa.and_(scan.c.source_id == source_id, scan.c.state == ScanState.RUNNING)
    _ask_again(connection, dead)
    values = {"state": ScanState.ABANDONED, "finished_at": now, "slot": None}
    connection.execute(scan.update().where(dead).values(**values))


def begin(
    connection: sa.Connection, source_id: int, slot: str | None, now: datetime, verifier: str
) -> int:
    """Begin a scan, which answers what was asked so far; ConflictError when the slot was.

    From here on something may rest on this version of the verifier, however the scan ends.
    """
    scan_id: int = take_ids(connection, scan, 1)[0]
    row = {
        "id": scan_id, "source_id": source_id, "state": ScanState.RUNNING, "slot": slot,
        "started_at": now, "beat_at": now,
    }  # fmt: skip
    try:
        insert_rows(connection, scan, [row])
    except IntegrityError as error:
        raise ConflictError(f"the run due at {slot} was answered already") from error
    _take_requests(connection, scan_request.c.source_id == source_id, now)
    chosen = source.c.id == source_id
    known = connection.execute(sa.select(source.c.verifier).where(chosen)).scalar_one()
    oldest = min(known, verifier, key=_place_of)
    connection.execute(source.update().where(chosen).values(verifier=oldest))
    return scan_id


def _place_of(verifier: str) -> int:
    """Order the versions, which are whole numbers; one that is not known may be the oldest."""
    return int(verifier) if verifier.isdecimal() else 0


def demand_running(connection: sa.Connection, scan_id: int) -> None:
    """Raise SupersededError unless the scan may still write; asked inside every transaction of it.

    What takes trust away stops the scans that began under it in the same transaction, so no batch
    that was judged by it comes after.
    """
    c = scan.c
    row = connection.execute(sa.select(c.state, c.cancel_at).where(c.id == scan_id)).one()
    if row.state != ScanState.RUNNING or row.cancel_at is not None:
        raise SupersededError("the scan was asked to stop")


def stop_scans(connection: sa.Connection, sources: sa.ColumnElement[bool], now: datetime) -> None:
    """Ask the running scans of the sources chosen to stop; nothing of theirs is written after."""
    chosen = sa.select(source.c.id).where(sources)
    connection.execute(
        scan.update()
        .where(scan.c.source_id.in_(chosen), scan.c.state == ScanState.RUNNING)
        .where(scan.c.cancel_at.is_(None))
        .values(cancel_at=now)
    )


def _take_requests(
    connection: sa.Connection, chosen: sa.ColumnElement[bool], now: datetime
) -> None:
    c = scan_request.c
    connection.execute(
        scan_request.update().where(chosen, c.taken_at.is_(None)).values(taken_at=now)
    )


def _ask_again(connection: sa.Connection, chosen: sa.ColumnElement[bool]) -> None:
    """Open again what scans answered that nobody called off: their process ended before them."""
    c = scan_request.c
    answered = sa.select(scan.c.id).where(
        chosen, scan.c.cancel_at.is_(None), scan.c.source_id == c.source_id,
        scan.c.started_at == c.taken_at,
    )  # fmt: skip
    connection.execute(scan_request.update().where(answered.exists()).values(taken_at=None))


def note_failure(
    connection: sa.Connection, name: str, error: ScanError, request: int, now: datetime
) -> None:
    """Write down at the source why it could not even be begun: that answers up to `request`."""
    values = {"reason": error.reason, "detail": error.detail}
    connection.execute(source.update().where(source.c.name == name).values(**values))
    c = scan_request.c
    source_id = sa.select(source.c.id).where(source.c.name == name).scalar_subquery()
    _take_requests(connection, sa.and_(c.source_id == source_id, c.id <= request), now)


def open_requests(connection: sa.Connection) -> list[tuple[str, int]]:
    """Return the sources somebody asked to scan, the first asked first, with the last request."""
    c = scan_request.c
    rows = connection.execute(
        sa.select(source.c.name, sa.func.max(c.id).label("last"))
        .join(source, source.c.id == c.source_id)
        .where(c.taken_at.is_(None), source.c.configured)
        .group_by(source.c.name)
        .order_by(sa.func.min(c.id))
    )
    return [(row.name, row.last) for row in rows]


def beat(connection: sa.Connection, scan_id: int, counts: ScanCounts, now: datetime) -> bool:
    """Write the progress; say whether the scan shall stop."""
    connection.execute(
        scan.update().where(scan.c.id == scan_id).values(beat_at=now, **counts.row())
    )
    try:
        demand_running(connection, scan_id)
    except SupersededError:
        return True
    return False


def finish(
    connection: sa.Connection,
    scan_id: int,
    source_id: int,
    state: ScanState,
    counts: ScanCounts,
    now: datetime,
    verifier: str,
) -> None:
    """End a scan and write down what it means for the source's health.

    Once it was read completely, everything rests on this version of the verifier.

    One that was buried leaves that to whoever took the source over; one that nobody asked to stop
    (its process was) is still to be done: its slot is freed, and what asked for it stands again.
    """
    values: dict[str, Any] = {"state": state, "beat_at": now, "finished_at": now, **counts.row()}
    ours = sa.and_(scan.c.id == scan_id, scan.c.state == ScanState.RUNNING)
    if state is ScanState.CANCELLED:
        values["slot"] = sa.case((scan.c.cancel_at.is_not(None), scan.c.slot))
        _ask_again(connection, ours)
    if not connection.execute(scan.update().where(ours).values(**values)).rowcount:
        return
    first = counts.errors[0] if counts.errors else ScanError("", "", "")
    health: dict[str, Any] = {"reason": first.reason, "detail": first.detail}
    if state in (ScanState.COMPLETE, ScanState.PARTIAL):
        health["read_at"] = now
    if state is ScanState.COMPLETE:
        health |= {"complete_at": now, "verifier": verifier}
    if state is ScanState.CANCELLED:
        health = {"reason": "SCAN_INCOMPLETE", "detail": "the last scan was cancelled"}
    connection.execute(source.update().where(source.c.id == source_id).values(**health))


def unit_rows(connection: sa.Connection, source_id: int) -> dict[str, int]:
    """Return the ids of a source's units that are not gone."""
    rows = connection.execute(
        sa.select(unit.c.name, unit.c.id).where(
            unit.c.source_id == source_id, unit.c.gone_at.is_(None)
        )
    )
    return {row.name: row.id for row in rows}


def enter_unit(connection: sa.Connection, source_id: int, name: str) -> int:
    """Return the id of a unit, making it when it is new."""
    row = {"source_id": source_id, "name": name, "gone_at": None}
    upsert_rows(connection, unit, [row], replace=["gone_at"], keys=["source_id", "name"])
    found: int = connection.execute(
        sa.select(unit.c.id).where(unit.c.source_id == source_id, unit.c.name == name)
    ).scalar_one()
    return found


def open_unit(connection: sa.Connection, unit_id: int) -> None:
    """Forget the collector's memory: from here to its end the unit is half written.

    A process that dies in between leaves no memory that would call what it wrote unchanged.
    """
    connection.execute(unit.update().where(unit.c.id == unit_id).values(state=""))


def end_unit(
    connection: sa.Connection,
    unit_id: int,
    state: str,
    end: UnitEnd,
    now: datetime,
) -> None:
    """Remember that a unit was read to its end; an empty `accepted` leaves what was there."""
    accepted, remarks = end.accepted, "; ".join(end.remarks)
    values = {"state": state, "complete_at": now, "reason": "", "detail": remarks}
    if accepted:
        values["accepted"] = accepted
    connection.execute(unit.update().where(unit.c.id == unit_id).values(**values))


def fail_unit(connection: sa.Connection, unit_id: int, error: ScanError) -> None:
    """Remember why a unit could not be read; what it held stays."""
    connection.execute(
        unit.update().where(unit.c.id == unit_id).values(reason=error.reason, detail=error.detail)
    )


def forget_states(connection: sa.Connection, source_id: int) -> None:
    """Let the next scan of a source look at everything anew."""
    connection.execute(unit.update().where(unit.c.source_id == source_id).values(state=""))


def lose_unit(connection: sa.Connection, unit_id: int, now: datetime) -> None:
    """Remember that the source no longer has this unit."""
    connection.execute(unit.update().where(unit.c.id == unit_id).values(gone_at=now, state=""))
