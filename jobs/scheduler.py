"""Due runs, asked-for runs and the passing of time, in the one process that holds the lock.

Slots make due runs idempotent: a source with `every: 15m` has one slot per quarter of an hour
since 1970, and a scan row per (source, slot) is unique, so two schedulers commit each due run
once, and a new leader takes up where the old one died.
"""

from __future__ import annotations

import queue
import threading
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from core.errors import ConflictError, CountersignError
from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.rejudging import follow_policies, follow_time
from jobs.scanning import scan_source
from jobs.workspace import Workspace
from storage import scans
from storage.database import Lock

POLL_SECONDS = 1.0
TIME_SECONDS = 60.0
RETRY_SECONDS = 2.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
log = structlog.get_logger(__name__)


def slot_of(every_seconds: int, now: datetime) -> str:
    """Name the due run that `now` falls into."""
    return f"{every_seconds}s:{int(now.timestamp()) // every_seconds}"


class Scheduler:
    """Leads when it can, waits when another leads. One scan at a time."""

    def __init__(self, workspace: Workspace, stop: Stop) -> None:
        self._workspace, self._stop = workspace, stop
        self._wanted: queue.Queue[tuple[str, str | None]] = queue.Queue()

    def run(self) -> None:
        """Lead or wait to lead until stopped."""
        while not self._stop.asked():
            try:
                with self._workspace.database.lock("leader") as lock:
                    log.info("leading")
                    self._lead(lock)
            except ConflictError:
                self._stop.event.wait(RETRY_SECONDS)
            except CountersignError as error:
                log.warning("the database is out of reach", detail=str(error))
                self._stop.event.wait(RETRY_SECONDS)

    def _lead(self, lock: Lock) -> None:
        ticker = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True})
        for name in self._workspace.sources:
            every = self._every(name)
            trigger = IntervalTrigger(seconds=every, start_date=EPOCH, timezone=UTC)
            ticker.add_job(self._due, trigger, args=[name], misfire_grace_time=every)
            self._due(name)
        ticker.start()
        try:
            follow_policies(self._workspace)
            self._work(lock)
        finally:
            ticker.shutdown(wait=False)

    def _every(self, name: str) -> int:
        for source in self._workspace.file.settings.sources:
            if source.id == name:
                return int(source.every.total_seconds())
        return 0

    def _due(self, name: str) -> None:
        self._wanted.put((name, slot_of(self._every(name), self._workspace.clock())))

    def _work(self, lock: Lock) -> None:
        aged_at = EPOCH
        while not self._stop.asked():
            if not lock.held():
                log.warning("the leader lock is lost")
                return
            now = self._workspace.clock()
            if (now - aged_at).total_seconds() >= TIME_SECONDS:
                follow_time(self._workspace)
                aged_at = now
            self._take_requests()
            try:
                name, slot = self._wanted.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            self._scan(name, slot)

    def _take_requests(self) -> None:
        with self._workspace.database.reading() as connection:
            asked = scans.open_requests(connection)
        for name in asked:
            if name in self._workspace.sources and (name, None) not in self._wanted.queue:
                self._wanted.put((name, None))

    def _scan(self, name: str, slot: str | None) -> None:
        stop = Stop()
        following = threading.Thread(target=self._pass_on, args=[stop], daemon=True)
        following.start()
        executor = open_executor(self._workspace.file.settings.executor)
        try:
            report = scan_source(self._workspace, name, executor, stop, slot=slot)
            log.info("scanned", source=name, state=report.scan.state, slot=slot)
        except ConflictError as error:
            log.info("not scanned", source=name, detail=str(error))
        except CountersignError as error:
            log.warning("scan failed", source=name, detail=str(error))
        finally:
            stop.event.set()
            executor.shutdown(wait=True, cancel_futures=True)

    def _pass_on(self, stop: Stop) -> None:
        while not stop.asked():
            if self._stop.event.wait(POLL_SECONDS):
                stop.event.set()
