"""One source that stalls holds up nobody, and nothing is judged by what was taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.errors import ConflictError
from jobs import crew, scheduler
from jobs.executors import open_executor
from jobs.pipeline import SourceScan, Stop
from jobs.rejudging import follow_everything
from jobs.scheduler import Scheduler
from jobs.workspace import Workspace
from jobs.writing import UnitWriter
from storage import migrate, source_trust
from storage.database import Database, Lock
from tests.fakes.stalling_server import stalling_server
from tests.jobs import one_database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.scheduling import PATIENCE, Scene, hurried, scheduling, until

both, database_url = one_database.both, one_database.database_url


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried(monkeypatch)


@pytest.fixture
def scene(make_workspace: Make, database_url: str, reopen: Reopen) -> Iterator[Scene]:
    settings = make_workspace(database_url)
    patient = "limits: {attempts: 1, read_seconds: 600}\n"
    settings.write_text(settings.read_text() + patient)
    with stalling_server() as server:
        yield Scene(reopen(settings, NOW), server)


@pytest.fixture
def stalling(scene: Scene, reopen: Reopen) -> Iterator[Scene]:
    """A scheduler whose first source stalls and whose second was read."""
    scene.name_stalled("example-ec")
    with scheduling(reopen(scene.settings, NOW)):
        assert scene.server.asked.acquire(timeout=PATIENCE)
        until(lambda: scene.ended() == 1)
        yield scene


# --- others go on ------------------------------------------------------------------------------


@both
def test_stalled_source_delays_neither_another_nor_what_is_asked(stalling: Scene) -> None:
    stalling.scan_again()
    assert stalling.states("example") == ["complete", "complete"]
    assert stalling.states("stalled") == ["running"]


@both
def test_stalled_source_delays_no_trust_taken_back_elsewhere(stalling: Scene) -> None:
    assert stalling.standing() == ("verified", "")
    stalling.distrust()
    until(lambda: stalling.standing() == ("failed", "SIGNATURE_INVALID"))
    assert stalling.states("stalled") == ["running"]  # its own trust is what it was


def test_stalled_source_delays_no_policy(stalling: Scene) -> None:
    until(lambda: stalling.verdicts() > 0)
    for one in (stalling.folder / "policies").glob("*.yaml"):
        one.unlink()
    until(lambda: stalling.verdicts() == 0)


def test_places_are_bounded_and_one_scan_of_a_source_runs_at_a_time(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "SCANS", 1)
    ticks, real = threading.Semaphore(0), Scheduler._tick

    def counted(self: Scheduler) -> None:
        real(self)
        ticks.release()

    monkeypatch.setattr(Scheduler, "_tick", counted)
    scene.name_stalled()
    with scheduling(reopen(scene.settings, NOW)):
        assert scene.server.asked.acquire(timeout=PATIENCE)
        scene.ask("stalled")  # it runs: asked for once more, it comes after
        scene.ask("example")
        while ticks.acquire(blocking=False):
            pass
        assert ticks.acquire(timeout=PATIENCE)
        assert ticks.acquire(timeout=PATIENCE)
        assert (scene.states("stalled"), scene.states("example")) == (["running"], [])
        scene.server.hang_up()
        assert scene.server.asked.acquire(timeout=PATIENCE)
        assert (scene.states("stalled"), scene.states("example")) == (["failed", "running"], [])
        scene.server.hang_up()
        until(lambda: scene.states("example") == ["complete"])


# --- it is stopped when it must be ---------------------------------------------------------------


def test_scan_whose_trust_changed_is_stopped_and_begun_anew(stalling: Scene) -> None:
    stalling.edit("trust: [example-ec]}", "trust: [example-rsa]}")
    assert stalling.server.asked.acquire(timeout=PATIENCE)
    assert stalling.states("stalled") == ["cancelled", "running"]


def test_scan_whose_options_changed_is_stopped_and_begun_anew(stalling: Scene) -> None:
    stalling.edit("suites: [stable]", "suites: [testing]")
    assert stalling.server.asked.acquire(timeout=PATIENCE)
    assert stalling.states("stalled") == ["cancelled", "running"]


def test_source_removed_while_it_is_scanned_is_stopped_and_its_unit_retired(
    stalling: Scene,
) -> None:
    stalling.edit(stalling.stalled("example-ec"), "")
    until(lambda: stalling.states("stalled") == ["cancelled"])
    stalling.scan_again()
    assert stalling.states("stalled") == ["cancelled"]


def test_source_removed_while_it_waits_and_put_back_is_scanned(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "SCANS", 1)
    scene.name_stalled()
    text = scene.settings.read_text()
    entry = text[text.index("- every: 1h") :].partition("limits:")[0]
    with scheduling(reopen(scene.settings, NOW)):
        assert scene.server.asked.acquire(timeout=PATIENCE)
        scene.edit(entry, "")
        until(lambda: not scene.is_configured("example"))
        scene.write(scene.settings, text)
        until(lambda: scene.is_configured("example"))
        assert scene.states("example") == []
        scene.server.hang_up()
        until(lambda: scene.states("example") == ["complete"])


def test_stop_ends_every_scan_and_leaves_its_due_run_to_the_next(
    scene: Scene, reopen: Reopen
) -> None:
    scene.name_stalled()
    for times in (1, 2):
        with scheduling(reopen(scene.settings, NOW)):
            assert scene.server.asked.acquire(timeout=PATIENCE)
        assert scene.states("stalled") == ["cancelled"] * times
    assert [row.slot for row in scene.scans("stalled")] == [None, None]


def test_lost_leadership_ends_every_scan(scene: Scene, reopen: Reopen) -> None:
    lost = threading.Event()

    class Losable(Lock):
        def held(self) -> bool:
            return not lost.is_set()

    scene.name_stalled()
    leading = Scheduler(reopen(scene.settings, NOW), Stop())
    thread = threading.Thread(target=leading._lead, args=[Losable()])
    thread.start()
    assert scene.server.asked.acquire(timeout=PATIENCE)
    lost.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert scene.states("stalled") == ["cancelled"]


def test_database_named_anew_is_led_anew(scene: Scene, reopen: Reopen, database_url: str) -> None:
    scene.name_stalled()
    leading = reopen(scene.settings, NOW)
    other = scene.folder / "other.db"
    fresh = Database.open(f"sqlite:///{other}")
    scheduler_of_other = replace(scene.workspace, database=fresh)
    migrate.upgrade(fresh)
    with scheduling(leading):
        assert scene.server.asked.acquire(timeout=PATIENCE)
        scene.edit(database_url, f"sqlite:///{other}")
        there = Scene(scheduler_of_other, scene.server)
        until(lambda: there.states("example") == ["complete"])
        with scene.workspace.database.lock("leader"):
            assert scene.states("stalled") == ["cancelled"]
        with pytest.raises(ConflictError), fresh.lock("leader"):
            raise AssertionError("two leaders")
    fresh.close()


# --- a source that somebody else holds -----------------------------------------------------------


def test_due_run_of_a_source_that_is_held_comes_after(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "RETRY_SECONDS", 0.1)
    refused = threading.Event()
    real = crew._scan

    def noting(run: Any) -> bool:
        again = real(run)
        if again:
            refused.set()
        return again

    monkeypatch.setattr(crew, "_scan", noting)
    with scene.workspace.database.lock("scan-example") as _held:
        running = scheduling(reopen(scene.settings, NOW))
        running.__enter__()
        assert refused.wait(PATIENCE)
        assert scene.states("example") == []
    until(lambda: scene.states("example") == ["complete"])
    running.__exit__(None, None, None)


# --- what is written after trust was taken away --------------------------------------------------


@both
@pytest.mark.parametrize("where", ["_accept", "write", "_close", "_end", "_retire"])
def test_scan_under_trust_that_was_taken_away_writes_nothing_more(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    real, taken = getattr(UnitWriter, where), False

    def late(self: UnitWriter, *args: Any) -> Any:
        nonlocal taken
        if self._unit == "keys" and not taken:  # by another process: nobody tells this one
            taken = True
            scene.distrust()
            reopen(scene.settings, NOW)
        return real(self, *args)

    monkeypatch.setattr(UnitWriter, where, late)
    assert scan(scene.workspace, "example").scan.state == "cancelled"
    after = reopen(scene.settings, NOW)
    follow_everything(after)
    assert taken
    assert scene.standing()[0] != "verified"
    assert scan(after, "example").scan.state == "complete"
    assert scene.standing() == ("failed", "SIGNATURE_INVALID")


def test_scan_prepared_before_trust_was_taken_away_does_not_begin(
    scene: Scene, reopen: Reopen
) -> None:
    prepared = scene.workspace.prepare("example", Stop(), scene.folder)
    scene.distrust()
    reopen(scene.settings, NOW)
    with open_executor("threads") as executor, pytest.raises(ConflictError, match="changed"):
        SourceScan(
            scene.workspace.database, prepared, executor, scene.workspace.clock, Stop()
        ).run()
    prepared.close()
    assert scene.states("example") == []


def test_scan_of_a_source_that_left_the_settings_does_not_begin(
    scene: Scene, reopen: Reopen
) -> None:
    scene.name_stalled()
    with_it: Workspace = reopen(scene.settings, NOW)
    prepared = with_it.prepare("stalled", Stop(), scene.folder)
    scene.edit(scene.stalled(), "")
    reopen(scene.settings, NOW)
    with open_executor("threads") as executor, pytest.raises(ConflictError, match="changed"):
        SourceScan(with_it.database, prepared, executor, with_it.clock, Stop()).run()
    prepared.close()


def test_trust_taken_and_given_back_stops_the_scan_in_between(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, text = UnitWriter._end, scene.settings.read_text()

    def late(self: UnitWriter, *args: Any) -> Any:
        if self._unit == "keys":
            scene.distrust()
            reopen(scene.settings, NOW)
            scene.write(scene.settings, text)
            reopen(scene.settings, NOW)
        return real(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(UnitWriter, "_end", late)
        assert scan(scene.workspace, "example").scan.state == "cancelled"
    assert scan(reopen(scene.settings, NOW), "example").scan.state == "complete"
    assert scene.standing() == ("verified", "")


def test_key_whose_file_was_moved_is_the_same_and_stops_no_scan(
    scene: Scene, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moved = UnitWriter._end, 0

    def late(self: UnitWriter, *args: Any) -> Any:
        nonlocal moved
        if self._unit == "keys":
            moved += 1
            path = scene.folder / "example/trust/ec.pem"
            path.rename(path.with_name("moved.pem"))
            scene.edit("example/trust/ec.pem", "example/trust/moved.pem")
            reopen(scene.settings, NOW)
        return real(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(UnitWriter, "_end", late)
        assert scan(scene.workspace, "example").scan.state == "complete"
    assert moved == 1
    assert scene.standing() == ("verified", "")


def test_trust_is_compared_by_name_and_content(scene: Scene) -> None:
    source, trust = scene.workspace.sources["example"], scene.workspace.prepare(
        "example", Stop(), scene.folder
    ).plan.reading.trust  # fmt: skip
    fewer = replace(trust, entries=trust.entries[1:])
    other = replace(trust, entries=(replace(trust.entries[0], only=("x",)), *trust.entries[1:]))
    with scene.workspace.database.reading() as connection:
        source_trust.demand_current(connection, source.id, trust)
        for changed in (fewer, other):
            with pytest.raises(ConflictError):
                source_trust.demand_current(connection, source.id, changed)
