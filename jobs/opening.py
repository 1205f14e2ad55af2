"""Open a workspace for a process that nobody sits at: wait until what is wrong was mended."""

from __future__ import annotations

from pathlib import Path

import structlog

from core.errors import ConfigurationError, CountersignError
from core.settings import load
from jobs.clock import Clock
from jobs.pipeline import Stop
from jobs.workspace import Workspace
from storage import migrate, mistakes
from storage.database import Database

RETRY_SECONDS = 2.0
log = structlog.get_logger(__name__)


def open_when_mended(path: Path, clock: Clock, stop: Stop) -> Workspace | None:
    """Open leniently as soon as that can be done; None when asked to stop before.

    What is in the way is logged once, and shown on every page where the database can be told.
    """
    said = ""
    while not stop.asked():
        try:
            return Workspace.open(path, clock, lenient=True)
        except CountersignError as error:
            if str(error) != said:
                log.warning("cannot begin yet", detail=str(error))
                if isinstance(error, ConfigurationError):
                    _show(path, str(error), clock)
            said = str(error)
        stop.event.wait(RETRY_SECONDS)
    return None


def _show(path: Path, sentence: str, clock: Clock) -> None:
    try:
        file = load(path)
        opened = Database.open(file.settings.database, base=file.folder)
    except CountersignError:
        return  # the settings do not even say which database
    try:
        with opened as database:
            migrate.demand_current(database)
            with database.writing() as connection:
                mistakes.note(connection, sentence, halts=True, now=clock())
    except CountersignError as error:
        log.warning("the mistake cannot be shown", detail=str(error))
