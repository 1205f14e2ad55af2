"""Due runs, asked-for runs and the passing of time, in the one process that holds the lock.

Slots make due runs idempotent: a source with `every: 15m` has one slot per quarter of an hour
since 1970, and a scan row per (source, slot) is unique, so two schedulers commit each due run
once, and a new leader takes up where the old one died. The settings are read again whenever they,
a policy or a trust file changed: nothing is judged by what was taken back.
"""

from __future__ import annotations

import queue
import threading
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from core.errors import CollectionError, ConflictError, CountersignError
from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.rejudging import follow_everything
from jobs.scanning import scan_source
from jobs.workspace import Workspace
from storage import scans
from storage.database import Lock
from storage.scans import ScanError

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
        self._wanted: queue.Queue[str] = queue.Queue()  # sources, each at most once
        self._queued: dict[str, str | None] = {}  # with the slot it answers, if it is due

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
                log.warning("cannot lead now", detail=str(error))
                self._stop.event.wait(RETRY_SECONDS)
            except Exception:  # a bug must not end the schedule of everything else
                log.exception("the scheduler stumbled")
                self._stop.event.wait(RETRY_SECONDS)

    def _lead(self, lock: Lock) -> None:
        while not self._stop.asked() and lock.held():
            ticker = self._start_ticker()
            try:
                self._work(lock)
            finally:
                ticker.shutdown(wait=False)
            if not self._stop.asked() and lock.held():
                self._reopen()

    def _reopen(self) -> None:
        """Read the settings again, and every source whose trust they changed."""
        before = self._workspace
        self._workspace = before.reopen()
        for name in self._workspace.sources:
            if self._workspace.trust_digest(name) != before.trust_digest(name):
                self._want(name, None)

    def _start_ticker(self) -> BackgroundScheduler:
        ticker = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True})
        for source in self._workspace.file.settings.sources:
            every = int(source.every.total_seconds())
            trigger = IntervalTrigger(seconds=every, start_date=EPOCH, timezone=UTC)
            ticker.add_job(self._due, trigger, args=[source.id, every], misfire_grace_time=every)
            self._due(source.id, every)
        ticker.start()
        return ticker

    def _due(self, name: str, every: int) -> None:
        self._want(name, slot_of(every, self._workspace.clock()))

    def _want(self, name: str, slot: str | None) -> None:
        waiting = name in self._queued
        if slot is None or not waiting:  # what was asked for runs, even if the slot was answered
            self._queued[name] = slot
        if not waiting:
            self._wanted.put(name)

    def _work(self, lock: Lock) -> None:
        """Scan what is wanted until stopped, until the lock is lost or the settings changed."""
        aged_at = EPOCH
        while not self._stop.asked() and lock.held() and not self._workspace.is_outdated():
            now = self._workspace.clock()
            if (now - aged_at).total_seconds() >= TIME_SECONDS:
                follow_everything(self._workspace)
                aged_at = now
            self._take_requests()
            try:
                name = self._wanted.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            slot = self._queued.pop(name, None)
            if name in self._workspace.sources:
                self._scan(name, slot)

    def _take_requests(self) -> None:
        with self._workspace.database.reading() as connection:
            asked = scans.open_requests(connection)
        for name in asked:
            with self._workspace.database.writing() as connection:
                scans.take_requests(connection, name, self._workspace.clock())
            self._want(name, None)

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
        except Exception as error:  # one source's fault must not end the schedule of the others
            log.exception("scan failed", source=name)
            self._note(name, error)
        finally:
            stop.event.set()
            executor.shutdown(wait=True, cancel_futures=True)

    def _note(self, name: str, error: Exception) -> None:
        reason = error.reason if isinstance(error, CollectionError) else "SCAN_INCOMPLETE"
        with self._workspace.database.writing() as connection:
            scans.note_failure(connection, name, ScanError("", reason, str(error)))

    def _pass_on(self, stop: Stop) -> None:
        while not stop.asked():
            if self._stop.event.wait(POLL_SECONDS):
                stop.event.set()
