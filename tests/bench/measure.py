"""Figures: ratios taken inside one run, their spread, and what machine they were taken on."""

from __future__ import annotations

import gc
import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

Clock = Callable[[Callable[[], object]], float]  # runs the work and says what it took
LIBRARIES = ("cryptography", "pysequoia", "sqlalchemy", "psycopg", "flask")
Timings = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the least and the most that were seen."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise at least one value."""
        seen = list(values)
        return cls(statistics.median(seen), min(seen), max(seen))


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `unit` is "x" for a ratio of subject to floor."""

    workload: str
    name: str
    unit: str
    spread: Spread
    target: str = ""


@dataclass(slots=True)
class Report:
    """Everything one run found out."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, workload: str, name: str, unit: str, values: Iterable[float], target: str = ""
    ) -> None:
        """Add a figure from its values, one per round."""
        self.figures.append(Figure(workload, name, unit, Spread.of(values), target))

    def one(self, workload: str, name: str) -> Spread:
        """Return a figure's spread by its name."""
        return next(f.spread for f in self.figures if (f.workload, f.name) == (workload, name))


def interleave(runs: Mapping[str, Callable[[], float]], rounds: int) -> Timings:
    """Run everything once per round, every other round backwards; each returns its seconds."""
    timings: Timings = {name: [] for name in runs}
    for turn in range(rounds):
        names = list(runs) if turn % 2 == 0 else list(runs)[::-1]
        for name in names:
            gc.collect()
            timings[name].append(runs[name]())
    return timings


def ratios(timings: Timings, subject: str, floor: str) -> list[float]:
    """Return subject by floor, round by round."""
    pairs = zip(timings[subject], timings[floor], strict=True)
    return [measured / bare for measured, bare in pairs]


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return how much processor time this thread gave to the work: steadier on a busy machine."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Collect the SQL statements sent by anyone while the block runs, BEGIN apart."""
    sent: list[str] = []

    def note(*given: object) -> None:
        statement = str(given[2])
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)


def machine() -> dict[str, object]:
    """Return what a reader must know to compare figures with others."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
    }


def load() -> float:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
