"""What judges anew from stored facts never overrules a look at the source that came in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import rejudging
from jobs.rejudging import follow_marks, follow_policies
from jobs.workspace import Workspace
from storage import schema, sets
from storage.database import Database
from storage.standings import StandingWriter
from tests.jobs import one_database
from tests.jobs.apt_workspace import FIRST, LATER, AptScene, packages, scan
from tests.jobs.conftest import NOW, Reopen
from tests.jobs.test_belief import BEACON, distrust, killed_in, standing

both, database_url = one_database.both, one_database.database_url
keys, apt = one_database.keys, one_database.apt


@contextmanager
def just_before_the_lock(change: Any) -> Iterator[None]:
    """Let `change` happen when a source was found to need work, and its lock is not taken yet."""
    real = rejudging._held

    @contextmanager
    def late(*args: Any) -> Iterator[bool]:
        patched.setattr(rejudging, "_held", real)
        change()
        with real(*args) as held:
            yield held

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rejudging, "_held", late)
        yield


def leave_a_mark(apt: AptScene) -> None:
    """Let a set verify, and a process die that was about to judge its locations anew."""
    apt.publish(packages(3), FIRST)
    apt.scan()
    for one in (apt.workspace.file.folder / "policies").glob("*.yaml"):
        one.unlink()
    apt.open(NOW)
    with killed_in(StandingWriter, "restate"):
        follow_policies(apt.workspace)


@both
def test_scan_between_the_look_for_marks_and_the_lock_is_not_overruled(apt: AptScene) -> None:
    leave_a_mark(apt)
    apt.forge(packages(3), LATER)
    with just_before_the_lock(apt.scan):
        follow_marks(apt.workspace)
    assert apt.standings() == {("failed", "KEY_UNKNOWN"): 3}


def test_scan_begun_in_between_keeps_its_source_to_itself(apt: AptScene) -> None:
    leave_a_mark(apt)
    with apt.workspace.database.lock("scan-apt"):
        assert follow_marks(apt.workspace) == 0
    assert follow_marks(apt.workspace, busy=["apt"]) == 0
    assert follow_marks(apt.workspace) > 0


@both
@pytest.mark.parametrize(
    ("owner", "reads", "follow"),
    [(rejudging, "standing_of", follow_marks), (sets, "load_set", follow_policies)],
)
def test_trust_taken_back_by_another_process_between_reading_and_writing_is_not_overruled(
    workspace: Workspace, reopen: Reopen, owner: Any, reads: str, follow: Any
) -> None:
    scan(workspace, "example")
    beacon = set_of(workspace, BEACON)
    for one in (workspace.file.folder / "policies").glob("*.yaml"):
        one.unlink()
    opened = reopen(workspace.file.path, NOW)
    mark(opened, beacon)
    distrust(workspace)
    with before_the_writing_after(owner, reads, beacon, lambda: reopen(workspace.file.path, NOW)):
        follow(opened)
    follow_marks(reopen(workspace.file.path, NOW))
    assert standing(opened, BEACON) == ("unknown", "TRUST_CHANGED")


def set_of(workspace: Workspace, name: str) -> int:
    c = schema.location.c
    with workspace.database.reading() as connection:
        return int(connection.execute(sa.select(c.set_id).where(c.name == name)).scalar_one())


def mark(workspace: Workspace, set_id: int) -> None:
    table = schema.evidence_set
    with workspace.database.writing() as connection:
        connection.execute(table.update().where(table.c.id == set_id).values(restate_after=0))


@contextmanager
def before_the_writing_after(owner: Any, reads: str, set_id: int, change: Any) -> Iterator[None]:
    """Let `change` happen before the first write transaction after the set was read."""
    read, writing, seen, done = getattr(owner, reads), Database.writing, False, False

    def noting(connection: Any, which: int) -> Any:
        nonlocal seen
        seen = seen or which == set_id
        return read(connection, which)

    def late(self: Database) -> Any:
        nonlocal done
        if seen and not done:
            done = True
            change()
        return writing(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, reads, noting)
        patched.setattr(Database, "writing", late)
        yield
    assert done
