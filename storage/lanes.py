"""Keyset paging over several index ranges at once.

A list is a sequence of lanes. Each lane is a run of rows that one index holds side by side, in
the list's order: equality on the leading columns, then perhaps one ordered column, then the id.
Reading on from any position costs what the rows read cost, however long the list is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.errors import MalformedError

CURSOR_CHARACTERS = 1024
KEY_PARTS = 4

Key = tuple[int | str, ...]
AnySelect = sa.Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Lane:
    """One run of rows; lanes of a list sort by `key`.

    `rows` is how many it has where that is known exactly. `hint` names SQLite's index and the
    table it belongs to: without statistics its planner guesses, and guesses wrong.
    """

    key: Key
    origin: sa.FromClause
    where: tuple[sa.ColumnElement[bool], ...]
    row_id: sa.ColumnElement[int]
    lead: sa.ColumnElement[int] | None = None  # sorted before the id; whole numbers
    newest_first: bool = False
    rows: int | None = None
    hint: tuple[sa.Table, str] | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """The last row that was read: its lane, its leading value (0 without one) and its id."""

    key: Key
    lead: int
    row_id: int


def write_cursor(position: Position) -> str:
    """Return a position as opaque text for a URL."""
    text = json.dumps([list(position.key), position.lead, position.row_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Position | None:
    """Read a cursor, None at the start; MalformedError for anything `write_cursor` never wrote."""
    if not cursor:
        return None
    try:
        position = _parsed(cursor)
    except (ValueError, TypeError, RecursionError):
        position = None
    if position is None:
        raise MalformedError("the page cursor is not one of ours; start from the first page")
    return position


def _parsed(cursor: str) -> Position | None:
    if len(cursor) > CURSOR_CHARACTERS:
        return None
    padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
    key, lead, row_id = json.loads(base64.b64decode(padded, b"-_", validate=True))
    if not _is_key(key) or not _is_number(lead) or not _is_number(row_id):
        return None
    return Position(tuple(key), lead, row_id)


def _is_number(value: object) -> bool:
    return type(value) is int and abs(value) < 2**62


def _is_key(value: object) -> bool:
    if not isinstance(value, list) or len(value) > KEY_PARTS:
        return False
    return all(isinstance(part, str) or _is_number(part) for part in value)


def read_on(
    connection: sa.Connection, lanes: Sequence[Lane], after: Position | None, limit: int
) -> list[Position]:
    """Return the next positions of the list, at most `limit`, in one statement."""
    branches = _branches(lanes, after, limit)
    if not branches:
        return []
    kept = {ordinal: lane.key for ordinal, (lane, _) in enumerate(branches)}
    selects = [_select(number, *branch, limit) for number, branch in enumerate(branches)]
    rows = connection.execute(_together(selects, branches[0][0], limit))
    return [Position(kept[number], lead, row_id) for number, lead, row_id in rows]


def page_of(
    connection: sa.Connection, lanes: Sequence[Lane], after: str, limit: int, most: int
) -> tuple[list[Position], str]:
    """Return the positions after a cursor, one to `most` of them, and where the next page begins.

    That is empty on the last page; MalformedError for a cursor that is not of this list.
    """
    limit = max(1, min(limit, most))
    found = read_on(connection, lanes, read_cursor(after), limit + 1)
    return found[:limit], write_cursor(found[limit - 1]) if len(found) > limit else ""


Branch = tuple[Lane, tuple[sa.ColumnElement[bool], ...]]


def _branches(lanes: Sequence[Lane], after: Position | None, limit: int) -> list[Branch]:
    """Pick the lanes that the next rows can come from, with where to enter the first one."""
    branches: list[Branch] = []
    known = 0
    for lane in _from(lanes, after):
        if after is not None and lane.key == after.key:
            branches += [(lane, entered) for entered in _entries(lane, after)]
            continue
        if known >= limit:
            break
        branches.append((lane, ()))
        known += lane.rows or 0
    return branches


def _from(lanes: Sequence[Lane], after: Position | None) -> list[Lane]:
    try:
        return [lane for lane in lanes if after is None or lane.key >= after.key]
    except TypeError:  # a cursor of another list
        raise MalformedError(
            "the page cursor belongs to another list; start from its first page"
        ) from None


def _entries(lane: Lane, after: Position) -> list[tuple[sa.ColumnElement[bool], ...]]:
    """Split "beyond this row" into ranges that an index answers exactly."""
    beyond = lane.row_id < after.row_id if lane.newest_first else lane.row_id > after.row_id
    if lane.lead is None:
        return [(beyond,)]
    past = lane.lead < after.lead if lane.newest_first else lane.lead > after.lead
    return [(lane.lead == after.lead, beyond), (past,)]


def _select(
    number: int, lane: Lane, entered: tuple[sa.ColumnElement[bool], ...], limit: int
) -> AnySelect:
    lead = sa.literal(0) if lane.lead is None else lane.lead
    order = [lane.row_id] if lane.lead is None else [lane.lead, lane.row_id]
    statement = (
        sa.select(sa.literal(number).label("lane"), lead.label("lead"), lane.row_id.label("row_id"))
        .select_from(lane.origin)
        .where(*lane.where, *entered)
        .order_by(*(column.desc() if lane.newest_first else column for column in order))
        .limit(limit)
    )
    return hinted(statement, lane)


def hinted(statement: AnySelect, lane: Lane) -> AnySelect:
    """Name the index that SQLite must use."""
    if lane.hint is None:
        return statement
    table, index = lane.hint
    return statement.with_hint(table, f"INDEXED BY {index}", "sqlite")


def _together(selects: Sequence[AnySelect], lane: Lane, limit: int) -> AnySelect:
    if len(selects) == 1:
        return selects[0]
    united = sa.union_all(*(sa.select(one.subquery()) for one in selects)).subquery()
    order = [united.c.lead, united.c.row_id]
    turned = [column.desc() for column in order] if lane.newest_first else order
    return sa.select(united).order_by(united.c.lane, *turned).limit(limit)
