"""A scheduler at work on two sources, one of which stalls; everything waits on events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jobs import pipeline, scheduler
from jobs.pipeline import Stop
from jobs.scheduler import Scheduler
from jobs.workspace import Workspace
from net import connection
from storage import mistakes, requests, rollups, schema
from storage.mistakes import Mistake
from tests.fakes.stalling_server import StallingServer
from tests.jobs.conftest import NOW

PATIENCE = 60
BEACON = "keys/beacon-ec.tar.gz"


def hurried(patch: pytest.MonkeyPatch) -> None:
    """Let everything that looks up now and then do so ten times as often."""
    for module in (scheduler, pipeline):
        for name in ("POLL_SECONDS", "BEAT_SECONDS"):
            if hasattr(module, name):
                patch.setattr(module, name, 0.1)
    patch.setattr(connection, "GLANCE_SECONDS", 0.1)


def until(reached: Callable[[], bool]) -> None:
    """Wait until it is so; AssertionError when it never is."""
    pause = threading.Event()
    for _ in range(PATIENCE * 20):
        if reached():
            return
        pause.wait(0.05)
    raise AssertionError("it never came to that")


@dataclass(slots=True)
class Scene:
    """The settings, a look into the database, and the server that never answers."""

    workspace: Workspace  # its database is the test's own way in
    server: StallingServer

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.workspace.file.path

    @property
    def folder(self) -> Path:
        """Where the settings lie."""
        return self.workspace.file.folder

    def edit(self, old: str, new: str) -> None:
        """Change the settings at once, as editors do."""
        text = self.settings.read_text()
        assert old in text, old
        self.write(self.settings, text.replace(old, new))

    def write(self, path: Path, text: str) -> None:
        """Put a file into the place of another."""
        beside = path.with_name(path.name + ".new")
        beside.write_text(text)
        beside.rename(path)

    def ask(self, name: str = "example") -> None:
        """Ask for a scan."""
        with self.workspace.database.writing() as opened:
            requests.request_scan(opened, name, NOW)

    def scans(self, name: str) -> list[Any]:
        """Return the scans of a source, the first first."""
        statement = (
            sa.select(schema.scan)
            .join(schema.source, schema.source.c.id == schema.scan.c.source_id)
            .where(schema.source.c.name == name)
            .order_by(schema.scan.c.id)
        )
        with self.workspace.database.reading() as opened:
            return list(opened.execute(statement))

    def states(self, name: str) -> list[str]:
        """Return how the scans of a source stand."""
        return [row.state for row in self.scans(name)]

    def detail(self, name: str) -> str:
        """Return what the source says is wrong with it."""
        statement = sa.select(schema.source.c.detail).where(schema.source.c.name == name)
        with self.workspace.database.reading() as opened:
            return str(opened.execute(statement).scalar_one())

    def ended(self, name: str = "example") -> int:
        """Count the scans of a source that are over."""
        return sum(row.finished_at is not None for row in self.scans(name))

    def scan_again(self, name: str = "example") -> None:
        """Ask for a scan and wait for its end."""
        before = self.ended(name)
        self.ask(name)
        until(lambda: self.ended(name) > before)

    def is_configured(self, name: str) -> bool:
        """Say whether the scheduler took the source from the settings."""
        statement = sa.select(schema.source.c.configured).where(schema.source.c.name == name)
        with self.workspace.database.reading() as opened:
            return bool(opened.execute(statement).scalar())

    def standing(self, name: str = BEACON) -> tuple[str, str]:
        """Return status and reason of an artifact, and hold the rollups to the rows."""
        c = schema.location.c
        with self.workspace.database.reading() as opened:
            assert rollups.differences(opened) == []
            statement = sa.select(c.status, c.reason).where(c.name == name, c.gone_at.is_(None))
            row = opened.execute(statement).first()
        return (row.status, row.reason) if row is not None else ("", "")

    def verdicts(self) -> int:
        """Count the verdicts."""
        statement = sa.select(sa.func.count()).select_from(schema.verdict)
        with self.workspace.database.reading() as opened:
            return int(opened.execute(statement).scalar_one())

    def mistake(self) -> Mistake | None:
        """Return what every page shows as the mistake."""
        with self.workspace.database.reading() as opened:
            return mistakes.current(opened)

    def is_wrong(self, words: str) -> Callable[[], bool]:
        """Return a question: whether the mistake shown holds these words."""
        return lambda: (found := self.mistake()) is not None and words in found.sentence

    def distrust(self) -> None:
        """Take the key that vouches for BEACON out of what the example trusts."""
        self.edit("  - example-ec\n", "")

    def name_stalled(self, trust: str = "") -> None:
        """Let the settings name the source that stalls."""
        self.edit("sources:\n", "sources:\n" + self.stalled(trust))

    def stalled(self, trust: str = "") -> str:
        """Return the entry of the source that stalls."""
        return (
            f"- {{id: stalled, kind: apt, url: '{self.server.url}', suites: [stable], "
            f"components: [main], architectures: [amd64], trust: [{trust}]}}\n"
        )


@contextmanager
def scheduling(workspace: Workspace) -> Iterator[Stop]:
    """Let a scheduler run for the length of the block; it ends promptly."""
    stop = Stop()
    thread = threading.Thread(target=Scheduler(workspace, stop).run)
    thread.start()
    try:
        yield stop
    finally:
        stop.event.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
