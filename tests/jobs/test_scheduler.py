"""Due runs happen once, whoever schedules them; when the leader dies another takes over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from core.errors import ConflictError
from jobs.scheduler import slot_of
from jobs.workspace import Workspace
from storage import requests, schema
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.scheduling import scheduling, until

HOLDER = """
import sys
from storage.database import Database
with Database.open(sys.argv[1]).lock("leader"):
    print("held", flush=True)
    sys.stdin.read()
"""


def slots(workspace: Workspace) -> list[str]:
    with workspace.database.reading() as connection:
        return list(connection.execute(sa.select(schema.scan.c.slot)).scalars())


def ended(workspace: Workspace) -> int:
    """Count the scans that have ended."""
    over = sa.select(sa.func.count()).where(schema.scan.c.finished_at.is_not(None))
    with workspace.database.reading() as connection:
        return int(connection.execute(over).scalar_one())


def test_slot_names_the_interval_not_the_moment() -> None:
    assert slot_of(3600, NOW) == slot_of(3600, NOW.replace(minute=59))
    assert slot_of(3600, NOW) != slot_of(3600, NOW.replace(hour=13))


def test_two_schedulers_commit_each_due_run_once(
    make_workspace: Make, database_url: str, reopen: Reopen
) -> None:
    settings = make_workspace(database_url)
    first, second = reopen(settings, NOW), reopen(settings, NOW)
    with scheduling(first), scheduling(second):
        until(lambda: ended(first) == 1)
        with first.database.writing() as connection:
            requests.request_scan(connection, "example", NOW)
        until(lambda: ended(first) == 2)
    assert sorted(slots(first), key=str) == [slot_of(3600, NOW), None]


def test_leader_killed_another_takes_over(
    make_workspace: Make, database_url: str, reopen: Reopen
) -> None:
    workspace = reopen(make_workspace(database_url), NOW)
    root = Path(__file__).parent.parent.parent
    leader = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database_url], cwd=root, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == "held\n"
        try:
            with workspace.database.lock("leader"):
                raise AssertionError("two leaders")
        except ConflictError:
            pass
        with scheduling(workspace):
            assert slots(workspace) == []
            os.kill(leader.pid, signal.SIGKILL)
            until(lambda: ended(workspace) == 1)
    assert slots(workspace) == [slot_of(3600, NOW)]
