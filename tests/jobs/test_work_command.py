"""`countersign work` as a process: it waits for mended settings, and a signal ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.stalling_server import stalling_server
from tests.jobs import one_database
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.scheduling import PATIENCE, Scene, until

database_url = one_database.database_url
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def scene(make_workspace: Make, database_url: str, reopen: Reopen) -> Iterator[Scene]:
    settings = make_workspace(database_url)
    settings.write_text(settings.read_text() + "limits: {attempts: 1, read_seconds: 600}\n")
    with stalling_server() as server:
        yield Scene(reopen(settings, NOW), server)


@contextmanager
def working(settings: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(ROOT / "app.py"), "work", "--config", str(settings), *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly_though_a_source_stalls(
    scene: Scene, ending: signal.Signals
) -> None:
    scene.name_stalled()
    with working(scene.settings) as process:
        assert scene.server.asked.acquire(timeout=PATIENCE)
        process.send_signal(ending)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert scene.states("stalled") == ["cancelled"]


def test_mistake_at_the_start_ends_it_with_the_place(scene: Scene) -> None:
    scene.edit("  path: ", "  pth: ")
    with working(scene.settings) as process:
        assert process.wait(PATIENCE) == 2
        assert process.stderr is not None
        assert "did you mean `path`?" in process.stderr.read()


def test_mistake_at_the_start_is_waited_for_where_nobody_sits_at_it(scene: Scene) -> None:
    good = scene.settings.read_text()
    scene.edit("  path: ", "  pth: ")
    with working(scene.settings, "--wait") as process:
        until(scene.is_wrong("did you mean `path`?"))
        scene.write(scene.settings, good)
        until(lambda: scene.states("example") == ["complete"])
        assert scene.mistake() is None
        process.terminate()
        assert process.wait(PATIENCE) == 0
