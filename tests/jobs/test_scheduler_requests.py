"""What people ask for is done: whoever dies, whatever is being judged anew meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConflictError, StorageError
from jobs import crew, rejudging, scheduler
from jobs.pipeline import SourceScan, Stop
from jobs.scheduler import Scheduler
from jobs.wishes import Wish, Wishes
from storage import requests, scans, source_trust
from storage.scans import ScanError
from tests.fakes.stalling_server import stalling_server
from tests.jobs import one_database
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.scheduling import PATIENCE, Scene, hurried, scheduling, until
from tests.jobs.test_faults import add_source

both, database_url = one_database.both, one_database.database_url
ROOT = Path(__file__).parent.parent.parent
DYING = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from jobs.pipeline import SourceScan, Stop
from jobs.scheduler import Scheduler
from jobs.workspace import Workspace

def die(*_args, **_named):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(SourceScan, sys.argv[2], die)
now = datetime.fromisoformat(sys.argv[3])
Scheduler(Workspace.open(Path(sys.argv[1]), lambda: now), Stop()).run()
"""


class SecretError(Exception):
    """Stands for a bug of ours."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)
    monkeypatch.setattr(scheduler, "RETRY_SECONDS", 0.1)


@pytest.fixture
def scene(make_workspace: Make, database_url: str, reopen: Reopen) -> Iterator[Scene]:
    """Settings of two sources that can be read, `example` and `second`."""
    settings = make_workspace(database_url)
    add_source(settings, id="second")
    settings.write_text(settings.read_text() + "limits: {attempts: 1, read_seconds: 600}\n")
    with stalling_server() as server:
        yield Scene(reopen(settings, NOW), server)


def asked(scene: Scene) -> list[str]:
    with scene.workspace.database.reading() as connection:
        return [name for name, _ in scans.open_requests(connection)]


def read_once(scene: Scene, reopen: Reopen) -> None:
    """Let every due run be answered."""
    with scheduling(reopen(scene.settings, NOW)):
        until(lambda: scene.ended("example") == scene.ended("second") == 1)


# --- the leader dies ---------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("where", "left"), [("run", []), ("_scan", ["abandoned"])])
def test_scan_asked_for_outlives_the_leader_that_is_killed_as_it_begins(
    scene: Scene, reopen: Reopen, where: str, left: list[str]
) -> None:
    read_once(scene, reopen)
    scene.ask()
    leader = subprocess.run(
        [sys.executable, "-c", DYING, scene.settings, where, NOW.isoformat()],
        cwd=ROOT, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert leader.returncode == -signal.SIGKILL
    with scheduling(reopen(scene.settings, NOW)):
        until(lambda: scene.states("example") == ["complete", *left, "complete"])
    assert asked(scene) == []
    assert scene.states("second") == ["complete"]


def test_scan_asked_for_and_stopped_with_its_leader_is_done_by_the_next(
    scene: Scene, reopen: Reopen
) -> None:
    scene.name_stalled()
    with scheduling(reopen(scene.settings, NOW)):
        assert scene.server.asked.acquire(timeout=PATIENCE)
        scene.server.hang_up()
        until(lambda: scene.states("stalled") == ["failed"])  # its due run is answered
        scene.ask("stalled")
        assert scene.server.asked.acquire(timeout=PATIENCE)
        assert asked(scene) == []
    assert (scene.states("stalled"), asked(scene)) == (["failed", "cancelled"], ["stalled"])
    with scheduling(reopen(scene.settings, NOW)):
        assert scene.server.asked.acquire(timeout=PATIENCE)


def test_scan_asked_for_and_called_off_is_not_done_again(scene: Scene, reopen: Reopen) -> None:
    scene.name_stalled()
    with scheduling(reopen(scene.settings, NOW)):
        assert scene.server.asked.acquire(timeout=PATIENCE)
        scene.server.hang_up()
        until(lambda: scene.states("stalled") == ["failed"])
        scene.ask("stalled")
        assert scene.server.asked.acquire(timeout=PATIENCE)
        with scene.workspace.database.writing() as connection:
            assert requests.request_cancel(connection, "stalled", NOW)
        until(lambda: scene.states("stalled") == ["failed", "cancelled"])
    assert asked(scene) == []


def test_scan_asked_for_can_be_called_off_while_somebody_else_holds_the_source(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_once(scene, reopen)
    refused, real = threading.Semaphore(0), crew._scan

    def noting(run: Any) -> bool:
        again = real(run)
        if again and run.wish.request:
            refused.release()
        return again

    monkeypatch.setattr(crew, "_scan", noting)
    with scheduling(reopen(scene.settings, NOW)):
        with scene.workspace.database.lock("scan-example"):
            scene.ask()
            for _ in range(3):  # it is tried again, and stays asked for
                assert refused.acquire(timeout=PATIENCE)
            assert asked(scene) == ["example"]
            with scene.workspace.database.writing() as connection:
                assert requests.request_cancel(connection, "example", NOW)
        scene.scan_again("second")
    assert scene.states("example") == ["complete"]


# --- what cannot be begun ----------------------------------------------------------------------


def test_failure_to_begin_answers_what_was_asked_before_it_and_nothing_after(scene: Scene) -> None:
    database = scene.workspace.database
    scene.ask()
    with database.writing() as connection:
        ((name, last),) = scans.open_requests(connection)
        assert name == "example"
        error = ScanError("", "SCAN_INCOMPLETE", "words")
        scans.note_failure(connection, "example", error, 0, NOW)
        assert scans.open_requests(connection) == [("example", last)]
        scans.note_failure(connection, "example", error, last, NOW)
        assert scans.open_requests(connection) == []
        requests.request_scan(connection, "example", NOW)
        scans.note_failure(connection, "example", error, last, NOW)
        ((_, later),) = scans.open_requests(connection)
        assert later > last


def test_failure_that_cannot_be_written_down_leaves_what_was_asked(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, real = threading.Semaphore(0), scans.note_failure

    def broken(*_args: Any, **_named: Any) -> None:
        raise SecretError("hunter2")

    def refusing(*_args: Any) -> None:
        tried.release()
        raise StorageError("full")

    read_once(scene, reopen)
    with scheduling(reopen(scene.settings, NOW)), monkeypatch.context() as patched:
        patched.setattr(crew, "scan_source", broken)
        patched.setattr(scans, "note_failure", refusing)
        scene.ask()
        assert tried.acquire(timeout=PATIENCE)
        assert tried.acquire(timeout=PATIENCE)
        assert asked(scene) == ["example"]
        patched.setattr(scans, "note_failure", real)
        until(lambda: asked(scene) == [])


def test_scan_asked_for_that_conflicts_is_tried_once_and_says_why(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_once(scene, reopen)
    tried = 0

    def changed(*_args: Any) -> None:
        nonlocal tried
        tried += 1
        raise ConflictError("the settings of the source were changed meanwhile")

    with scheduling(reopen(scene.settings, NOW)):
        scene.scan_again()  # what was due was dropped for it, or found to be done before
        monkeypatch.setattr(source_trust, "demand_current", changed)
        scene.ask()
        until(lambda: "changed meanwhile" in scene.detail("example"))
        assert asked(scene) == []
    assert tried == 1
    assert scene.states("example") == ["complete", "complete"]


@pytest.mark.parametrize("where", ["scan_source", "_read"])
def test_fault_of_ours_is_told_by_its_kind_and_not_by_its_words(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def broken(*_args: Any, **_named: Any) -> None:
        raise SecretError("hunter2 <script>")

    owner: Any = SourceScan if where == "_read" else crew
    monkeypatch.setattr(owner, where, broken)
    with scheduling(reopen(scene.settings, NOW)):
        until(lambda: "SecretError" in str(scene.detail("example")))
    found = scene.detail("example")
    assert found == "internal error (SecretError); what led to it stands in the log"
    assert "hunter2" not in str(scene.scans("example"))


# --- something else is being done ----------------------------------------------------------------


@both
@pytest.mark.parametrize("name", ["second", "example"])
def test_scan_asked_for_begins_while_a_policy_edit_is_followed(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    read_once(scene, reopen)
    real, following, enough = rejudging._rejudge_set, threading.Event(), threading.Event()

    def endless(workspace: Any, source: Any, set_id: int) -> int:
        written = real(workspace, source, set_id)
        while source.name == "example" and not enough.is_set():
            following.set()
            written += real(workspace, source, set_id)
        return written

    monkeypatch.setattr(rejudging, "_rejudge_set", endless)
    with scheduling(reopen(scene.settings, NOW)):
        until(lambda: scene.verdicts() > 0)
        for one in (scene.folder / "policies").glob("*.yaml"):
            one.unlink()
        assert following.wait(PATIENCE)
        try:
            scene.scan_again(name)
            assert scene.verdicts() > 0  # it is still followed
        finally:
            enough.set()
        until(lambda: scene.verdicts() == 0)
    assert scene.states(name) == ["complete", "complete"]


# --- wishes ------------------------------------------------------------------------------------


def test_source_that_is_held_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("jobs.wishes.time.monotonic", lambda: now)
    changed = threading.Event()
    wishes = Wishes(changed)
    wishes.again(Wish("due", "60s:1"), 2.0)
    wishes.again(Wish("asked", None, 7), 2.0)
    assert wishes.resting() == {"due", "asked"}
    assert wishes.take(wishes.resting()) is None
    now += 2.0
    assert wishes.resting() == frozenset()
    assert wishes.take(()) == Wish("due", "60s:1")
    assert wishes.take(()) is None  # what was asked for stands in the database
    assert changed.is_set()


def test_scan_that_ends_while_what_is_asked_for_is_read_is_not_begun_again(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, was_read, real = reopen(scene.settings, NOW), threading.Event(), scans.open_requests
    leading = Scheduler(workspace, Stop())
    monkeypatch.setattr(crew, "_scan", lambda _run: not was_read.wait(PATIENCE))

    def slowly(connection: Any) -> list[tuple[str, int]]:
        found = real(connection)
        was_read.set()
        until(lambda: leading._crew.wishes() == {})
        return found

    monkeypatch.setattr(scans, "open_requests", slowly)
    scene.ask()
    leading._crew.start(workspace, Wish("example", None, 1))
    assert leading._asked() == []
    monkeypatch.setattr(scans, "open_requests", real)
    assert [wish.name for wish in leading._asked()] == ["example"]  # asked for, and free by now
