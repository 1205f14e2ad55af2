"""The scans that run now: each in a thread of its own, one of a source at a time, a few in all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import structlog

from core.errors import CollectionError, ConflictError, CountersignError
from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.scanning import scan_source
from jobs.wishes import Wish
from jobs.workspace import Workspace
from storage import scans
from storage.database import LockedError
from storage.scans import ScanError

# One that stalls takes one place of these. More would wait for the one writer of the database,
# and each may hold six batches of evidence (jobs/reading.py: BATCH_BYTES) at its worst.
SCANS = 4
log = structlog.get_logger(__name__)
Ended = Callable[[Wish, bool], None]  # whether it shall be tried again, a little later


@dataclass(frozen=True, slots=True)
class _Run:
    wish: Wish
    workspace: Workspace
    thread: threading.Thread
    stop: Stop = field(default_factory=Stop)


class Crew:
    """Starts scans, stops them, and tells of each that it ended."""

    def __init__(self, ended: Ended) -> None:
        self._ended, self._lock = ended, threading.Lock()
        self._runs: dict[str, _Run] = {}

    def wishes(self) -> dict[str, Wish]:
        """Return what the scans that run now answer, by source."""
        with self._lock:
            return {name: run.wish for name, run in self._runs.items()}

    def has_room(self) -> bool:
        """Say whether another scan may start."""
        with self._lock:
            return len(self._runs) < SCANS

    def start(self, workspace: Workspace, wish: Wish) -> None:
        """Begin a scan of a source that has none; returns at once."""
        thread = threading.Thread(
            target=self._run, args=[wish.name], name=f"scan-{wish.name}", daemon=True
        )
        with self._lock:
            self._runs[wish.name] = _Run(wish, workspace, thread)
        thread.start()

    def stop(self, name: str) -> None:
        """Ask a scan to stop; it ends within a second or two and writes nothing more."""
        with self._lock:
            run = self._runs.get(name)
        if run is not None:
            run.stop.event.set()

    def stop_all(self) -> None:
        """Ask every scan to stop."""
        for name in self.wishes():
            self.stop(name)

    def wait(self) -> None:
        """Wait until no scan runs."""
        with self._lock:
            threads = [run.thread for run in self._runs.values()]
        for thread in threads:
            thread.join()

    def _run(self, name: str) -> None:
        with self._lock:
            run = self._runs[name]
        again = True  # where even its failure cannot be told, not without a pause
        try:
            again = _scan(run)
        finally:
            with self._lock:
                del self._runs[name]
            self._ended(run.wish, again)


def _scan(run: _Run) -> bool:
    """Scan; return whether to try again: somebody else held the source, or it cannot be told."""
    name, slot = run.wish.name, run.wish.slot
    executor: Executor | None = None
    try:
        executor = open_executor(run.workspace.file.settings.executor)
        report = scan_source(run.workspace, name, executor, run.stop, slot=slot, follow=False)
        log.info("scanned", source=name, state=report.scan.state, slot=slot)
    except LockedError:
        return not run.stop.asked()
    except ConflictError as error:
        log.info("not scanned", source=name, detail=str(error))
        if run.wish.request:  # whoever asked shall know, and not be asked for without end
            return not _is_noted(run, ScanError("", "SCAN_INCOMPLETE", str(error)))
    except CountersignError as error:
        log.warning("scan failed", source=name, detail=str(error))
        reason = error.reason if isinstance(error, CollectionError) else "SCAN_INCOMPLETE"
        return not _is_noted(run, ScanError("", reason, str(error)))
    except Exception as error:  # one source's fault must not end the schedule of the others
        log.exception("scan failed", source=name)
        return not _is_noted(run, ScanError.internal("", error))
    finally:
        run.stop.event.set()
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
    return False


def _is_noted(run: _Run, error: ScanError) -> bool:
    """Write down at the source why nothing came of it; say whether that could be done."""
    wish, now = run.wish, run.workspace.clock()
    try:
        with run.workspace.database.writing() as connection:
            scans.note_failure(connection, wish.name, error, wish.request, now)
    except CountersignError as fault:
        log.warning("scan failed", source=wish.name, detail=str(fault))
        return False
    return True
