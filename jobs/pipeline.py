"""One scan of one source: readers in threads, one writer, batch by batch.

Whatever is committed stays true: each batch is whole in itself (locations, verdicts, rollups and
history together), a restatement that was begun leaves a mark, and repeating a scan finds the rows
it would write already there. So a process may die anywhere and the next scan ends the same.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from functools import partial

from core.errors import CollectionError, ConflictError, MalformedError
from core.model import ScanState
from jobs.clock import Clock
from jobs.reading import UnitBatch, UnitReader, is_found_by, too_long
from jobs.writing import UnitWriter, WritePlan
from net.http import Traffic
from storage import scans, source_trust
from storage.database import Database, Lock
from storage.memory import UnitMemory
from storage.scans import ScanCounts, ScanError, SupersededError
from verification.format import VERIFIER_VERSION

QUEUED = 2  # batches read ahead of the writer
BEAT_SECONDS = 1.0
Progress = Callable[[ScanCounts], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A source made ready to be scanned: its collector built, its trust and policies read."""

    plan: WritePlan
    traffic: Traffic
    close: Callable[[], None]  # lets go of the source's connections


@dataclass(slots=True)
class Stop:
    """Set by whoever wants a scan to end early; readers and the writer look at it."""

    event: threading.Event = field(default_factory=threading.Event)

    def asked(self) -> bool:
        """Say whether the scan shall stop."""
        return self.event.is_set()


@dataclass(frozen=True, slots=True)
class ScanReport:
    """How a scan ended."""

    scan_id: int
    state: ScanState
    counts: ScanCounts
    seconds: float


class SourceScan:
    """One scan of one source, from the first unit to the row that says how it ended."""

    def __init__(
        self,
        database: Database,
        prepared: Prepared,
        executor: Executor,
        clock: Clock,
        stop: Stop,
        progress: Progress = lambda _counts: None,
    ) -> None:
        self._database, self._prepared, self._executor = database, prepared, executor
        self._guarded = database  # once it has begun: refuses what comes after it was stopped
        self._clock, self._stop, self._progress = clock, stop, progress
        self._queue: queue.Queue[UnitBatch | None] = queue.Queue(QUEUED)
        self._counts = ScanCounts()
        self._writers: dict[str, UnitWriter] = {}
        self._scan_id = 0
        self._lock = Lock()
        self._halt = threading.Event()  # the writer has left

    def run(self, slot: str | None = None) -> ScanReport:
        """Scan; ConflictError when the slot was answered or the settings changed meanwhile.

        LockedError, which is one, when the source is being scanned.
        """
        reading = self._prepared.plan.reading
        source = reading.source
        with self._database.lock(f"scan-{source.name}") as lock:
            self._lock, began = lock, self._clock()
            with self._database.writing() as connection:  # we hold the lock: who ran is dead
                scans.bury(connection, source.id, began)
            with self._database.writing() as connection:
                source_trust.demand_current(connection, source.id, reading.trust)
                self._scan_id = scans.begin(connection, source.id, slot, began, VERIFIER_VERSION)
            running = partial(scans.demand_running, scan_id=self._scan_id)
            self._guarded = self._database.guarded(running)
            try:
                state = self._scan()
            except SupersededError:
                state = ScanState.CANCELLED
            except KeyboardInterrupt:
                self._finish(ScanState.CANCELLED)
                raise
            except BaseException as error:
                self._counts.errors.append(ScanError.internal("", error))
                self._finish(ScanState.FAILED)
                raise
            self._finish(state)
            seconds = (self._clock() - began).total_seconds()
            return ScanReport(self._scan_id, state, self._counts, seconds)

    def _scan(self) -> ScanState:
        names = self._unit_names()
        if names is None:
            return ScanState.FAILED
        self._counts.units_total = len(names)
        self._beat()
        readers = self._start_readers(names)
        try:
            self._write_all(readers)
        except (SupersededError, KeyboardInterrupt):  # ends requests that are under way, too
            self._stop.event.set()
            raise
        finally:  # nobody may read on once the writer has left
            self._stop_readers(readers)
        if self._stop.asked():
            return ScanState.CANCELLED
        if not self._counts.errors:
            self._lose_units(set(names))
            return ScanState.COMPLETE
        return ScanState.PARTIAL if self._counts.units_done else ScanState.FAILED

    def _unit_names(self) -> list[str] | None:
        try:
            found = list(dict.fromkeys(self._prepared.plan.reading.collector.units()))
            self._counts.errors += [too_long("", name) for name in found if not is_found_by(name)]
            return [name for name in found if is_found_by(name)]
        except (CollectionError, MalformedError) as error:
            self._counts.errors.append(ScanError("", error.reason, str(error)))
        return None

    # --- reading ---------------------------------------------------------------------------------

    def _start_readers(self, names: list[str]) -> list[Future[None]]:
        return [self._executor.submit(self._read, name) for name in names]

    def _read(self, name: str) -> None:
        if self._stop.asked():
            return
        plan, reading = self._prepared.plan, self._prepared.plan.reading
        memory = UnitMemory(self._database, reading.source.id, name, plan.seal, reading.now)
        for batch in UnitReader(reading, name, memory).batches():
            if not self._offer(batch):
                return
        self._offer(None)  # wakes the writer: this reader is done

    def _offer(self, batch: UnitBatch | None) -> bool:
        while not self._stop.asked() and not self._halt.is_set():
            try:
                self._queue.put(batch, timeout=BEAT_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def _stop_readers(self, readers: list[Future[None]]) -> None:
        if all(reader.done() for reader in readers):
            return
        self._halt.set()
        for reader in readers:
            # None is endless: a signal that arrives just before a wait begins does not end it.
            while not reader.cancel() and not wait([reader], timeout=BEAT_SECONDS).done:
                continue

    # --- writing ---------------------------------------------------------------------------------

    def _write_all(self, readers: list[Future[None]]) -> None:
        ended = 0
        while ended < len(readers):
            idle = all(reader.done() for reader in readers)  # asked before the queue is
            try:
                batch = self._queue.get(block=not idle, timeout=BEAT_SECONDS)
            except queue.Empty:
                if idle:
                    break
                self._beat()
                continue
            if batch is None:
                ended += 1
            elif not self._stop.asked():
                self._write(batch)
        for reader in readers:
            reader.result()

    def _write(self, batch: UnitBatch) -> None:
        writer = self._writers.get(batch.unit)
        if writer is None:
            writer = self._writers[batch.unit] = UnitWriter(
                self._guarded, self._prepared.plan, batch.unit
            )
        self._counts.rows_written += writer.write(batch)
        self._counts.sightings += len(batch.sightings) + len(batch.unchanged)
        if batch.error is not None:
            self._counts.errors.append(batch.error)
        elif batch.end is not None:
            self._counts.units_done += 1
        if batch.error is not None or batch.end is not None:
            del self._writers[batch.unit]
        self._beat()

    def _beat(self) -> None:
        self._counts.requests = self._prepared.traffic.requests
        self._counts.bytes = self._prepared.traffic.bytes
        if not self._lock.held():
            raise ConflictError("the lock on the source was lost; another process may scan it now")
        with self._database.writing() as connection:
            if scans.beat(connection, self._scan_id, self._counts, self._clock()):
                self._stop.event.set()
        self._progress(self._counts)

    def _lose_units(self, names: set[str]) -> None:
        source = self._prepared.plan.reading.source
        with self._database.reading() as connection:
            known = scans.unit_rows(connection, source.id)
        for name in sorted(known.keys() - names):
            writer = UnitWriter(self._guarded, self._prepared.plan, name)
            self._counts.rows_written += writer.lose()

    def _finish(self, state: ScanState) -> None:
        self._counts.requests = self._prepared.traffic.requests
        self._counts.bytes = self._prepared.traffic.bytes
        with self._database.writing() as connection:
            scans.finish(
                connection, self._scan_id, self._prepared.plan.reading.source.id, state,
                self._counts, self._clock(), VERIFIER_VERSION,
            )  # fmt: skip
        self._progress(self._counts)
