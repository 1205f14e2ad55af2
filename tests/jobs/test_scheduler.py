"""Due runs happen once, whoever schedules them; when the leader dies another takes over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import sqlalchemy as sa

from core.errors import ConflictError
from jobs.pipeline import Stop
from jobs.scheduler import Scheduler, slot_of
from jobs.workspace import Workspace
from storage import requests, schema
from tests.jobs.conftest import NOW, Make, Reopen

HOLDER = """
import sys
from storage.database import Database
with Database.open(sys.argv[1]).lock("leader"):
    print("held", flush=True)
    sys.stdin.read()
"""
PATIENCE = 60


def slots(workspace: Workspace) -> list[str]:
    with workspace.database.reading() as connection:
        return list(connection.execute(sa.select(schema.scan.c.slot)).scalars())


def until(workspace: Workspace, wanted: int) -> threading.Event:
    """Set an event as soon as that many scans have ended."""
    reached = threading.Event()

    def look() -> None:
        ended = sa.select(sa.func.count()).where(schema.scan.c.finished_at.is_not(None))
        while not reached.wait(0.05):
            with workspace.database.reading() as connection:
                if connection.execute(ended).scalar_one() >= wanted:
                    reached.set()

    threading.Thread(target=look, daemon=True).start()
    return reached


def test_slot_names_the_interval_not_the_moment() -> None:
    assert slot_of(3600, NOW) == slot_of(3600, NOW.replace(minute=59))
    assert slot_of(3600, NOW) != slot_of(3600, NOW.replace(hour=13))


def test_two_schedulers_commit_each_due_run_once(
    make_workspace: Make, database_url: str, reopen: Reopen
) -> None:
    settings = make_workspace(database_url)
    first, second = reopen(settings, NOW), reopen(settings, NOW)
    stop = Stop()
    threads = [threading.Thread(target=Scheduler(one, stop).run) for one in (first, second)]
    for thread in threads:
        thread.start()
    done = until(first, 1)
    assert done.wait(PATIENCE)
    with first.database.writing() as connection:
        requests.request_scan(connection, "example", NOW)
    again = until(first, 2)
    assert again.wait(PATIENCE)
    stop.event.set()
    for thread in threads:
        thread.join(PATIENCE)
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
        stop = Stop()
        waiting = threading.Thread(target=Scheduler(workspace, stop).run)
        waiting.start()
        assert slots(workspace) == []
        os.kill(leader.pid, signal.SIGKILL)
        done = until(workspace, 1)
        assert done.wait(PATIENCE)
        stop.event.set()
        waiting.join(PATIENCE)
    assert slots(workspace) == [slot_of(3600, NOW)]
