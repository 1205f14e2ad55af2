"""Judge again from stored facts: new policies, new exclusions, or time alone. No registry asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.model import Outcome, Verification
from jobs.reading import set_facts_for
from jobs.workspace import Workspace
from jobs.writing import restate, standing_from
from storage import configuration, scans, sets
from storage.facts import ItemFacts, SetFacts, record_set
from storage.standings import SourceRow, StandingWriter
from verification.standing import combine

BATCH = 500


def follow_policies(workspace: Workspace) -> int:
    """Judge every source anew whose verdicts rest on other policies; return rows written."""
    written = 0
    for source in workspace.sources.values():
        with workspace.database.reading() as connection:
            judged_by = configuration.judged_by(connection, source.id)
        if judged_by != _basis(workspace, source):
            written += _rejudge_source(workspace, source)
    return written


def _basis(workspace: Workspace, source: SourceRow) -> str:
    return f"{workspace.judge.digest} {source.owner} {source.tier}"


def _rejudge_source(workspace: Workspace, source: SourceRow) -> int:
    written, after = 0, 0
    with workspace.database.lock(f"scan-{source.name}"):
        while True:
            with workspace.database.reading() as connection:
                ids = sets.all_ids(connection, source.id, after, BATCH)
            for set_id in ids:
                written += _rejudge_set(workspace, source, set_id, now=None)
            if len(ids) < BATCH:
                break
            after = ids[-1]
        with workspace.database.writing() as connection:
            configuration.set_judged_by(connection, source.id, _basis(workspace, source))
    return written


def follow_time(workspace: Workspace) -> int:
    """Let time do what it does: judge every set anew whose `due_at` has passed."""
    now, written = workspace.clock(), 0
    by_id = {source.id: source for source in workspace.sources.values()}
    while True:
        with workspace.database.reading() as connection:
            found = sets.due(connection, now, BATCH)
        for set_id, source_id in found:
            source = by_id.get(source_id)
            if source is not None:
                with workspace.database.lock(f"scan-{source.name}"):
                    written += _rejudge_set(workspace, source, set_id, now=now)
        if len(found) < BATCH:
            return written


def _rejudge_set(
    workspace: Workspace, source: SourceRow, set_id: int, *, now: datetime | None
) -> int:
    with workspace.database.reading() as connection:
        facts = sets.load_set(connection, set_id)
    waiting = now is not None and any(_waits(item.verification, now) for item in facts.items)
    if now is not None:
        facts = aged(facts, now)
    about = set_facts_for(
        source, facts.status, facts.reason, tuple(i.verification for i in facts.items),
        contested=facts.contested,
    )  # fmt: skip
    facts = replace(facts, verdicts_digest=workspace.judge.shared(about))
    moment = workspace.clock()
    with workspace.database.writing() as connection:
        recorded = record_set(connection, source.id, facts, moment)
        if waiting:
            scans.forget_states(connection, source.id)
    if not recorded.restate:
        return recorded.written
    writer = StandingWriter(source, 0, workspace.judge, workspace.rows, moment)
    standing = standing_from(recorded.id, facts)
    return recorded.written + restate(workspace.database, writer, standing, 0)


def _waits(v: Verification, now: datetime) -> bool:
    # a key whose window opens may make what failed verify: that takes a new look at the bytes
    return v.outcome is not Outcome.VERIFIED and v.due_at is not None and v.due_at <= now


def aged(facts: SetFacts, now: datetime) -> SetFacts:
    """Return the set as it stands at `now`: what was due by then has become untrusted."""
    items = tuple(_aged_item(item, now) for item in facts.items)
    standing = combine([item.verification for item in items], facts.unread)
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
