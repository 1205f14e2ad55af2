"""Judge again from stored facts: other policies, other trust, time alone. No source is asked.

Every function here takes the lock of one source at a time and leaves out a source that is being
scanned: its scan, or the next call, comes to the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from core.errors import ConflictError
from core.model import Outcome, Verification
from jobs.reading import set_facts_for
from jobs.workspace import Workspace
from storage import configuration, scans, sets, source_trust, unit_findings
from storage.configured import SourceRow
from storage.facts import ItemFacts, SetFacts, record_set
from storage.set_standing import standing_of
from storage.standings import StandingWriter
from storage.withdrawal import WITHDRAWN
from verification.standing import combine

BATCH = 500
OWN_ENDS = frozenset({"METADATA_EXPIRED", "SIGNATURE_EXPIRED"})


def follow_everything(workspace: Workspace) -> int:
    """Bring every stored verdict up to now: removed sources, marks, time, policies, in order."""
    return retire_removed(workspace) + follow_sources(workspace)


def follow_sources(workspace: Workspace, busy: Collection[str] = ()) -> int:
    """Do the same for the sources the workspace names: marks, time, policies, in order.

    `busy` sources are left out: their lock is for the scan that is about to take it.
    """
    return (
        follow_marks(workspace, busy)
        + follow_time(workspace, busy)
        + follow_policies(workspace, busy)
    )


def follow_marks(workspace: Workspace, busy: Collection[str] = ()) -> int:
    """End the restatements that a process which died had begun; return rows written."""
    written = 0
    for source in _idle(workspace, busy):
        with workspace.database.reading() as connection:
            if not sets.marked(connection, source.id):
                continue
        with _held(workspace, source) as held:
            if held:
                written += _end_marks(workspace, source)
    return written


def _end_marks(workspace: Workspace, source: SourceRow) -> int:
    with workspace.database.reading() as connection:
        found = [set_id for set_id, _ in sets.marked(connection, source.id)]
    return sum(_follow_mark(workspace, source, set_id) for set_id in found)


def _follow_mark(workspace: Workspace, source: SourceRow, set_id: int) -> int:
    # Read under the lock: a scan in between may have found that what verified does no more. And
    # read where it is written: settings opened by another process may take trust away meanwhile.
    writer, written = _writer(workspace, source, workspace.clock()), 0
    while True:
        with workspace.database.writing() as connection:
            mark = sets.mark_of(connection, set_id)
            if mark is None:
                return written
            _, rows = writer.restate(connection, standing_of(connection, set_id), mark)
        written += rows


def follow_policies(workspace: Workspace, busy: Collection[str] = ()) -> int:
    """Judge every source anew whose verdicts rest on other policies; return rows written."""
    written = 0
    for source in _idle(workspace, busy):
        with workspace.database.reading() as connection:
            judged_by = configuration.judged_by(connection, source.id)
        if judged_by != _basis(workspace, source):
            with _held(workspace, source) as held:
                if held:
                    written += _rejudge_source(workspace, source)
    return written


def follow_time(workspace: Workspace, busy: Collection[str] = ()) -> int:
    """Let time do what it does: judge every set anew whose `due_at` has passed."""
    now, written = workspace.clock(), 0
    for source in _idle(workspace, busy):
        after = 0
        while True:
            with workspace.database.reading() as connection:
                found = sets.due(connection, source.id, now, after, BATCH)
            with _held(workspace, source) as held:
                if not held:
                    break
                for set_id in found:
                    written += _rejudge_set(workspace, source, set_id)
            if len(found) < BATCH:
                break
            after = found[-1]
    return written


def retire_removed(workspace: Workspace, busy: Collection[str] = ()) -> int:
    """Let everything be gone that only sources which left the settings held."""
    with workspace.database.reading() as connection:
        removed = configuration.removed_sources(connection)
    written = 0
    for source in (one for one in removed if one.name not in busy):
        with _held(workspace, source) as held:
            if held:
                written += _retire_source(workspace, source)
    return written


def _retire_source(workspace: Workspace, source: SourceRow) -> int:
    with workspace.database.reading() as connection:
        units = scans.unit_rows(connection, source.id)
    written, now = 0, workspace.clock()
    for name, unit_id in units.items():
        writer = StandingWriter(source, unit_id, workspace.judge, workspace.rows, now)
        after = 0
        while True:
            with workspace.database.writing() as connection:
                after, rows = writer.retire(connection, after)
                written += rows
                if not after:
                    scans.lose_unit(connection, unit_id, now)
                    unit_findings.record(connection, unit_id, (), now)
                    source_trust.lose_trust(connection, source.id, name)
                    if not scans.unit_rows(connection, source.id):  # with the last one
                        source_trust.lose_trust(connection, source.id, "")
                    break
    return written


def _idle(workspace: Workspace, busy: Collection[str]) -> list[SourceRow]:
    return [source for name, source in workspace.sources.items() if name not in busy]


@contextmanager
def _held(workspace: Workspace, source: SourceRow) -> Iterator[bool]:
    try:
        with workspace.database.lock(f"scan-{source.name}"):
            yield True
            return
    except ConflictError:
        pass
    yield False


def _basis(workspace: Workspace, source: SourceRow) -> str:
    return f"{workspace.judge.digest} {source.owner} {source.tier}"


def _writer(workspace: Workspace, source: SourceRow, now: datetime) -> StandingWriter:
    return StandingWriter(source, 0, workspace.judge, workspace.rows, now)


def _rejudge_source(workspace: Workspace, source: SourceRow) -> int:
    written, after = 0, 0
    while True:
        with workspace.database.reading() as connection:
            ids = sets.all_ids(connection, source.id, after, BATCH)
        for set_id in ids:
            written += _rejudge_set(workspace, source, set_id)
        if len(ids) < BATCH:
            break
        after = ids[-1]
    with workspace.database.writing() as connection:
        configuration.set_judged_by(connection, source.id, _basis(workspace, source))
    return written


def _rejudge_set(workspace: Workspace, source: SourceRow, set_id: int) -> int:
    now = workspace.clock()
    with workspace.database.writing() as connection:  # read where it is written, as above
        # By the set's own word: its verifications are shared, and others may have aged them.
        is_due = sets.is_due(connection, set_id, now)
        facts = aged(sets.load_set(connection, set_id), now)
        about = set_facts_for(
            source, facts.status, facts.reason, tuple(i.verification for i in facts.items),
            contested=facts.contested,
        )  # fmt: skip
        facts = replace(facts, verdicts_digest=workspace.judge.shared(about))
        recorded = record_set(connection, source.id, facts, now)
        if is_due and any(_is_open(item.verification) for item in facts.items):
            scans.forget_states(connection, source.id)
    return recorded.written + _follow_mark(workspace, source, set_id)


def _is_open(v: Verification) -> bool:
    # A key whose window opens may make what failed verify, and what one authority vouched for to
    # its end another may vouch for still: that takes a new look at the bytes. Not what ended by
    # its own word.
    return v.outcome is not Outcome.VERIFIED and v.reason not in OWN_ENDS


def aged(facts: SetFacts, now: datetime) -> SetFacts:
    """Return the set as it stands at `now`: what was due by then has become untrusted."""
    items = tuple(_aged_item(item, now) for item in facts.items)
    standing = combine([item.verification for item in items], facts.unread)
    if facts.reason == WITHDRAWN:  # trust was taken away: it stands so until it is read again
        standing = standing._replace(status=facts.status, reason=facts.reason)
    return replace(
        facts, items=items, status=standing.status, reason=standing.reason,
        contested=standing.contested,
    )  # fmt: skip


def _aged_item(item: ItemFacts, now: datetime) -> ItemFacts:
    v: Verification = item.verification
    if v.due_at is None or v.due_at > now:
        return item
    words = f"held until {v.due_at:%Y-%m-%d %H:%M} UTC"
    if v.outcome is Outcome.VERIFIED:
        v = replace(v, outcome=Outcome.UNTRUSTED, reason=v.due_reason, detail=words)
    return replace(item, verification=replace(v, due_at=None, due_reason=""))
