"""A mistake in what people write: shown, logged once, never a reason to trust what was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.errors import ConfigurationError
from jobs import opening, scheduler
from jobs.builtin_roots import BUILTIN_ROOTS, REFRESHED, builtin_root
from jobs.opening import open_when_mended
from jobs.pipeline import Stop
from jobs.scheduler import Scheduler
from jobs.workspace import Workspace
from storage import mistakes
from storage.mistakes import Mistake
from tests.fakes.stalling_server import stalling_server
from tests.jobs import one_database
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.scheduling import PATIENCE, Scene, hurried, scheduling, until

both, database_url = one_database.both, one_database.database_url
ROOT = next(iter(BUILTIN_ROOTS))
MISTAKE, MENDED = "a mistake in what is configured", "the mistake is mended"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)
    monkeypatch.setattr(scheduler, "REREAD_SECONDS", 0.2)
    monkeypatch.setattr(opening, "RETRY_SECONDS", 0.1)


@pytest.fixture
def scene(make_workspace: Make, database_url: str, reopen: Reopen) -> Iterator[Scene]:
    settings = make_workspace(database_url)
    settings.write_text(settings.read_text() + "limits: {attempts: 1, read_seconds: 600}\n")
    with stalling_server() as server:
        yield Scene(reopen(settings, NOW), server)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def running(scene: Scene, logged: list[Any], reopen: Reopen) -> Iterator[Scene]:
    """A scheduler that has read its one source."""
    assert logged == []
    with scheduling(reopen(scene.settings, NOW)):
        until(lambda: scene.states("example") == ["complete"])
        yield scene


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Wait until the scheduler has looked at everything a few times more."""
    done, real = threading.Semaphore(0), Scheduler._tick

    def counted(self: Scheduler) -> None:
        real(self)
        done.release()

    def wait() -> None:
        while done.acquire(blocking=False):
            pass
        for _ in range(8):
            assert done.acquire(timeout=PATIENCE)

    monkeypatch.setattr(Scheduler, "_tick", counted)
    return wait


def times(logged: list[Any], event: str) -> int:
    return sum(entry["event"] == event for entry in logged)


def policy_of(scene: Scene) -> Path:
    return min((scene.folder / "policies").glob("*.yaml"))


# --- while the scheduler runs ------------------------------------------------------------------


@both
def test_broken_policy_is_shown_once_and_the_last_good_ones_stay(
    running: Scene, ticks: Callable[[], None], logged: list[Any]
) -> None:
    until(lambda: running.verdicts() > 0)
    before, path = running.verdicts(), policy_of(running)
    good = path.read_text()
    running.write(path, "metadata: {nam: x}\n")
    until(running.is_wrong(f"{path}:1:"))
    ticks()
    found = running.mistake()
    assert found is not None
    assert not found.halts
    assert found.since == NOW
    running.scan_again()
    assert running.states("example") == ["complete", "complete"]
    assert running.verdicts() == before
    running.write(path, good)
    until(lambda: running.mistake() is None)
    assert (times(logged, MISTAKE), times(logged, MENDED)) == (1, 1)


@both
def test_misspelt_key_of_a_source_halts_with_its_place_and_no_traceback(
    running: Scene, ticks: Callable[[], None], logged: list[Any]
) -> None:
    good = running.settings.read_text()
    running.edit("  path: ", "  pth: x\n  path: ")
    line = running.settings.read_text().splitlines().index("  pth: x") + 1
    until(running.is_wrong(f"{running.settings}:{line}:3: unknown key"))
    found = running.mistake()
    assert found is not None
    assert found.halts
    assert "did you mean `path`?" in found.sentence
    running.ask()
    ticks()
    assert running.states("example") == ["complete"]
    assert running.standing() == ("verified", "")  # as of the last look; the page says so
    running.write(running.settings, good)
    until(lambda: running.states("example") == ["complete", "complete"])
    until(lambda: running.mistake() is None)
    assert times(logged, MISTAKE) == 1
    assert not [entry for entry in logged if entry.get("exc_info")]


def test_trust_file_that_is_gone_halts_and_comes_back(
    running: Scene, ticks: Callable[[], None], logged: list[Any]
) -> None:
    key = running.folder / "example" / "trust" / "ec.pem"
    away = key.rename(key.with_name("away"))
    until(running.is_wrong("ec.pem: No such file"))
    running.ask()
    ticks()
    assert running.states("example") == ["complete"]
    away.rename(key)
    until(lambda: running.states("example") == ["complete", "complete"])
    assert running.mistake() is None
    assert times(logged, MISTAKE) == 1


def test_mistake_stops_the_scan_that_runs_and_it_is_done_after(
    scene: Scene, reopen: Reopen
) -> None:
    scene.name_stalled()
    with scheduling(reopen(scene.settings, NOW)):
        assert scene.server.asked.acquire(timeout=PATIENCE)
        scene.edit("limits:", "limit:")
        until(lambda: scene.states("stalled") == ["cancelled"])
        scene.edit("limit:", "limits:")
        assert scene.server.asked.acquire(timeout=PATIENCE)
    assert scene.states("stalled") == ["cancelled", "cancelled"]


def test_another_mistake_keeps_the_time_of_the_first_and_is_logged(
    running: Scene, logged: list[Any]
) -> None:
    running.edit("limits:", "limit:")
    until(running.is_wrong("unknown key `limit`"))
    running.edit("limit:", "limts:")
    until(running.is_wrong("unknown key `limts`"))
    found = running.mistake()
    assert found is not None
    assert found.since == NOW
    assert times(logged, MISTAKE) == 2


def test_trust_taken_back_counts_though_a_policy_is_broken(running: Scene) -> None:
    running.write(policy_of(running), "nonsense\n")
    until(running.is_wrong(policy_of(running).name))
    running.distrust()
    until(lambda: running.standing() == ("failed", "SIGNATURE_INVALID"))


def test_what_mends_a_mistake_may_lie_where_nobody_looks(running: Scene) -> None:
    running.edit("  keys:\n", "  keys:\n    more: {file: sub/more.pem}\n")
    until(running.is_wrong("sub/more.pem: No such file"))
    (running.folder / "sub").mkdir()
    key = running.folder / "example" / "trust" / "ec.pem"
    (running.folder / "sub" / "more.pem").write_bytes(key.read_bytes())
    until(lambda: running.mistake() is None)


def test_refreshed_root_counts_without_a_restart(scene: Scene, reopen: Reopen) -> None:
    scene.edit("\ntrust:\n", f"\ntrust:\n  roots: {{{ROOT}: builtin}}\n")
    opened = reopen(scene.settings, NOW)
    refreshed = scene.folder / REFRESHED / f"{ROOT}.json"
    refreshed.parent.mkdir(parents=True)
    refreshed.write_bytes(builtin_root(ROOT))
    assert opened.is_outdated()


def test_new_leader_forgets_a_mistake_that_is_none_any_more(scene: Scene, reopen: Reopen) -> None:
    with scene.workspace.database.writing() as connection:
        mistakes.note(connection, "once upon a time", halts=True, now=NOW)
    with scheduling(reopen(scene.settings, NOW)):
        until(lambda: scene.mistake() is None)


# --- where there is one from the start ---------------------------------------------------------


def opened_in(path: Path, stop: Stop) -> tuple[threading.Thread, list[Workspace | None]]:
    """Open in a thread; the list holds what came of it."""
    found: list[Workspace | None] = []
    thread = threading.Thread(
        target=lambda: found.append(open_when_mended(path, lambda: NOW, stop))
    )
    thread.start()
    return thread, found


def test_begin_waits_until_the_mistake_is_mended_and_shows_it_meanwhile(
    scene: Scene, logged: list[Any]
) -> None:
    good = scene.settings.read_text()
    scene.edit("  path: ", "  pth: ")
    thread, found = opened_in(scene.settings, Stop())
    until(scene.is_wrong("did you mean `path`?"))
    assert (thread.is_alive(), found) == (True, [])
    scene.write(scene.settings, good)
    thread.join(PATIENCE)
    assert found[0] is not None
    found[0].close()
    assert times(logged, "cannot begin yet") == 1


def test_begin_with_settings_that_name_no_database_waits_too(
    scene: Scene, logged: list[Any]
) -> None:
    scene.write(scene.settings, "[\n")
    stop = Stop()
    thread, found = opened_in(scene.settings, stop)
    until(lambda: times(logged, "cannot begin yet") == 1)
    stop.event.set()
    thread.join(PATIENCE)
    assert found == [None]
    assert scene.mistake() is None


def test_begin_with_a_broken_policy_takes_those_last_in_force(scene: Scene) -> None:
    scene.write(policy_of(scene), "nonsense\n")
    lenient = Workspace.open(scene.settings, lambda: NOW, lenient=True)
    assert [one.digest for one in lenient.policies] == [
        one.digest for one in scene.workspace.policies
    ]
    assert policy_of(scene).name in lenient.mistake
    lenient.close()
    with pytest.raises(ConfigurationError):
        Workspace.open(scene.settings, lambda: NOW)


def test_policies_last_in_force_that_do_not_fit_the_trust_halt(scene: Scene) -> None:
    policy = policy_of(scene)
    text = scene.folder / "policies" / "named.yaml"
    text.write_text(SIGNED_BY)
    Workspace.open(scene.settings, lambda: NOW).close()
    scene.write(policy, "nonsense\n")
    text.unlink()
    renamed = scene.settings.read_text().replace("example-ec", "renamed")
    scene.write(scene.settings, renamed)
    with pytest.raises(ConfigurationError, match=policy.name):
        Workspace.open(scene.settings, lambda: NOW, lenient=True)


SIGNED_BY = """\
apiVersion: countersign/v1
kind: Policy
metadata: {name: named, title: Signed by the one we name, owner: us}
mode: observe
applies_to:
  any:
    - "*": {source: example}
require:
  - id: who
    title: Signed by the one we name
    signed_by:
      any:
        - key: {ref: example-ec}
"""


@both
def test_a_mistake_is_written_changed_and_forgotten(scene: Scene) -> None:
    database = scene.workspace.database
    later = NOW + timedelta(hours=1)
    with database.writing() as connection:
        assert mistakes.current(connection) is None
        mistakes.note(connection, "first", halts=False, now=NOW)
        mistakes.note(connection, "second", halts=True, now=later)
        assert mistakes.current(connection) == Mistake("second", halts=True, since=NOW)
        mistakes.clear(connection)
        assert mistakes.current(connection) is None
