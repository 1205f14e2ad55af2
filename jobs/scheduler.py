"""Due runs, asked-for runs and the passing of time, in the one process that holds the lock.

Slots make due runs idempotent: a source with `every: 15m` has one slot per quarter of an hour
since 1970, and a scan row per (source, slot) is unique, so two schedulers commit each due run
once, and a new leader takes up where the old one died.

Scans run beside the tick (`jobs/crew.py`), so one that stalls holds up nobody; and they begin
between two transactions of what judges stored facts anew, however much that is. The settings are
read again whenever they, a policy or a trust file changed. Nothing is judged by what was taken
back: the transaction that takes trust away also ends the right to write of every scan that began
under it (`storage.scans.demand_running`). A mistake in the settings or the trust stops all scans
until it is mended, for nobody knows what was meant to be trusted; one in a policy leaves the last
good policies in force. Either is shown on every page (`storage/mistakes.py`).
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from core.errors import ConfigurationError, ConflictError, CountersignError, StorageError
from jobs.crew import Crew
from jobs.pipeline import Stop
from jobs.rejudging import follow_sources, retire_removed
from jobs.wishes import Wish, Wishes
from jobs.workspace import Workspace
from storage import mistakes, reports, scans
from storage.database import Connection, Lock
from storage.memory import is_sealed_so
from verification.format import VERIFIER_VERSION

POLL_SECONDS = 1.0
TIME_SECONDS = 60.0
RETRY_SECONDS = 2.0
REREAD_SECONDS = 5.0  # what mends a mistake may lie where we do not look for changes
LONG_AGO = float("-inf")  # on the monotonic clock
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
log = structlog.get_logger(__name__)


def slot_of(every_seconds: int, now: datetime) -> str:
    """Name the due run that `now` falls into."""
    return f"{every_seconds}s:{int(now.timestamp()) // every_seconds}"


class _InterruptedError(Exception):
    """Following was broken off between two transactions: something else comes first."""


class Scheduler:
    """Leads when it can, waits when another leads."""

    def __init__(self, workspace: Workspace, stop: Stop) -> None:
        self._workspace, self._stop = workspace, stop
        self._wake = threading.Event()
        self._wishes, self._crew = Wishes(self._wake), Crew(self._ended)
        self._ticker: BackgroundScheduler | None = None
        self._tried, self._tried_at = workspace.stamps, LONG_AGO
        self._halted = False
        self._told: tuple[str, bool] | None = None  # the mistake that every page shows
        self._complained = ""
        self._followed_at, self._follow_soon = LONG_AGO, False
        self._looked_at = LONG_AGO  # for what is asked for, while something is followed

    def run(self) -> None:
        """Lead or wait to lead until stopped; lets go of the database then."""
        threading.Thread(target=self._pass_on, daemon=True).start()
        while not self._stop.asked():
            database = self._workspace.database
            try:
                with database.lock("leader") as lock:
                    log.info("leading")
                    self._lead(lock)
            except ConflictError:
                self._stop.event.wait(RETRY_SECONDS)
            except CountersignError as error:
                self._complain(str(error))
                self._stop.event.wait(RETRY_SECONDS)
            except Exception:  # a bug must not end the schedule of everything else
                log.exception("the scheduler stumbled")
                self._stop.event.wait(RETRY_SECONDS)
            if self._workspace.database is not database:
                database.close()
        self._workspace.close()

    def _pass_on(self) -> None:
        self._stop.event.wait()
        self._crew.stop_all()
        self._wake.set()

    def _complain(self, sentence: str) -> None:
        if sentence != self._complained:  # once, not every two seconds
            log.warning("cannot lead now", detail=sentence)
        self._complained = sentence

    def _lead(self, lock: Lock) -> None:
        database, self._told = self._workspace.database, None
        self._tried_at = self._followed_at = LONG_AGO
        if not self._halted:
            self._tell(self._workspace.mistake, halts=False)
        try:
            self._start_ticker()
            self._catch_up()
            while not self._stop.asked() and lock.held():
                self._reread()
                if self._workspace.database is not database:
                    break  # we do not lead there yet
                self._tick()
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()
        finally:
            self._stop_ticker()
            self._crew.stop_all()
            self._crew.wait()

    def _tick(self) -> None:
        self._complained = ""
        self._follow()
        self._begin()

    def _begin(self, held: str = "") -> bool:
        """Begin what is asked for, then what is due, while there is room.

        Where it is the turn of `held` among what is asked for, leave off and say so.
        """
        if self._halted:
            return False
        for wish in self._asked():
            if not self._crew.has_room():
                return False
            if wish.name == held:
                return True
            self._wishes.drop(wish.name)
            self._crew.start(self._workspace, wish)
        while self._crew.has_room() and not self._stop.asked():
            due = self._wishes.take({held, *self._crew.wishes(), *self._wishes.resting()})
            if due is None:
                break
            if due.name in self._workspace.sources:
                self._crew.start(self._workspace, due)
        return False

    def _asked(self) -> list[Wish]:
        """Return what people asked for that may begin now, the first asked first.

        It stands in the database until its scan is recorded there: it can be called off so long,
        and a leader that dies leaves it to the next.
        """
        # First who is free: a scan that ends between the two has answered what it was asked for.
        free = self._workspace.sources.keys() - self._crew.wishes() - self._wishes.resting()
        with self._workspace.database.reading() as connection:
            requests = scans.open_requests(connection)
        return [Wish(name, None, last) for name, last in requests if name in free]

    def _ended(self, wish: Wish, again: bool) -> None:  # noqa: FBT001 - called by the crew alone
        if again:
            self._wishes.again(wish, RETRY_SECONDS)
        self._follow_soon = True
        self._wake.set()

    # --- what is due -----------------------------------------------------------------------------

    def _start_ticker(self) -> None:
        self._ticker = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True})
        for source in self._workspace.file.settings.sources:
            every = int(source.every.total_seconds())
            trigger = IntervalTrigger(seconds=every, start_date=EPOCH, timezone=UTC)
            self._ticker.add_job(
                self._due, trigger, args=[source.id, every], misfire_grace_time=every
            )
            self._due(source.id, every)
        self._ticker.start()

    def _catch_up(self) -> None:
        """Read at once what was changed for, or left half read, while nobody led.

        Other trust, options or limits; another verifier, which may judge otherwise.
        """
        with self._workspace.database.reading() as connection:
            for name, source in self._workspace.sources.items():
                sealed = is_sealed_so(connection, source.id, self._workspace.seal(name))
                # Where there is no unit, no seal tells of another verifier.
                if not sealed or reports.verifier_of(connection, source.id) != VERIFIER_VERSION:
                    self._wishes.add(name, None)

    def _stop_ticker(self) -> None:
        if self._ticker is not None:
            self._ticker.shutdown(wait=False)
        self._ticker = None

    def _due(self, name: str, every: int) -> None:
        self._wishes.add(name, slot_of(every, self._workspace.clock()))

    # --- time ------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Bring what is stored up to now, each minute and after each scan; never in its way."""
        pause = POLL_SECONDS if self._follow_soon else TIME_SECONDS
        if time.monotonic() - self._followed_at < pause:
            return
        self._follow_soon, self._followed_at = False, time.monotonic()
        try:
            retire_removed(self._guarded(""), self._crew.wishes())
            for name, source in self._workspace.sources.items():
                if name not in self._crew.wishes():
                    follow_sources(replace(self._guarded(name), sources={name: source}))
        except _InterruptedError:
            self._follow_soon = True
        except StorageError:
            raise
        except Exception:  # what cannot be judged anew must not keep everything from being read
            log.exception("what is stored could not be brought up to now")

    def _guarded(self, held: str) -> Workspace:
        """Return the workspace to follow one source in, whose lock is held meanwhile."""
        database = self._workspace.database.guarded(partial(self._demand_leisure, held))
        return replace(self._workspace, database=database)

    def _demand_leisure(self, held: str, _connection: Connection) -> None:
        if self._stop.asked() or self._workspace.now_stamps() != self._tried:
            raise _InterruptedError
        if time.monotonic() - self._looked_at >= POLL_SECONDS:
            self._looked_at = time.monotonic()
            if self._begin(held):
                raise _InterruptedError

    # --- settings, policies, trust ---------------------------------------------------------------

    def _reread(self) -> None:
        """Follow what people wrote; what cannot be read halts the scans, or is not in force."""
        before, stamps = self._workspace, self._workspace.now_stamps()
        waited = time.monotonic() - self._tried_at >= REREAD_SECONDS
        if stamps == self._tried and not (self._halted and waited):
            return
        try:
            fresh = before.reopen()
        except ConfigurationError as error:
            self._tried, self._tried_at = stamps, time.monotonic()
            self._halt(str(error))
            return
        self._workspace, self._tried, self._halted = fresh, fresh.stamps, False
        self._stop_changed(before)
        for name in fresh.sources:
            if name not in before.sources or fresh.seal(name) != before.seal(name):
                self._wishes.add(name, None)
        self._stop_ticker()
        self._start_ticker()
        self._tell(fresh.mistake, halts=False)
        self._followed_at = LONG_AGO

    def _halt(self, sentence: str) -> None:
        self._halted = True
        for name, wish in self._crew.wishes().items():
            self._crew.stop(name)
            self._wishes.add(name, wish.slot)
        self._tell(sentence, halts=True)

    def _stop_changed(self, before: Workspace) -> None:
        for name, wish in self._crew.wishes().items():
            if self._workspace.scanned_under(name) != before.scanned_under(name):
                self._crew.stop(name)
                self._wishes.add(name, wish.slot)

    def _tell(self, sentence: str, *, halts: bool) -> None:
        """Let every page show the mistake, or none; log it where it is another one."""
        if self._told == (sentence, halts):
            return
        with self._workspace.database.writing() as connection:
            if sentence:
                now = self._workspace.clock()
                mistakes.note(connection, sentence, halts=halts, now=now)
            else:
                mistakes.clear(connection)
        if sentence:
            log.warning("a mistake in what is configured", detail=sentence, halts=halts)
        elif self._told is not None:
            log.warning("the mistake is mended")
        self._told = (sentence, halts)
