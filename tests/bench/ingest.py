"""Ingest: from a parsed list to committed verdicts, against the bare driver writing the same rows.

Subjects: the whole scan (fetch, unpack, parse, verify, judge, store), and its writer alone, fed
with batches read beforehand. Floors: the collector drained into nothing, and the same rows through
sqlite3's executemany or psycopg's COPY, in the same batches, into the same schema.
"""

from __future__ import annotations

import gc
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import psycopg
import sqlalchemy as sa

from jobs.pipeline import Prepared, Stop
from jobs.reading import BATCH, UnitBatch, UnitReader
from jobs.workspace import Workspace
from jobs.writing import UnitWriter
from storage import schema
from storage.database import WRITER_PRAGMAS
from tests.bench.archive import (
    SOURCE,
    Bench,
    BenchArchive,
    bench_archive,
    compressed,
    drop_sqlite,
    make_bench,
    migrated,
    scan,
    sqlite_url,
)
from tests.bench.measure import Clock, Report, cpu_seconds, interleave, ratios, seconds
from tests.fakes import postgres
from tests.fakes.static_server import static_server
from tests.fakes.unit_memory import UnitMemory

CHILD = Path(__file__).parent / "scan_child.py"
BULK = ("artifact", "location", "verdict", "finding")  # by batch; the rest once, before
SEARCH = "INSERT INTO location_search(rowid, name) SELECT id, name FROM location WHERE id BETWEEN ? AND ?"  # noqa: E501
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of one table, as the driver gives and takes them."""

    name: str
    columns: tuple[str, ...]
    rows: Rows

    per: int  # rows per package

    def batch(self, start: int) -> Rows:
        """Return one batch of a bulk table; its rows are in the order they were written."""
        return self.rows[start * self.per : (start + BATCH) * self.per]


@contextmanager
def prepared(workspace: Workspace) -> Iterator[Prepared]:
    """Prepare the source, with a spool folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="bench-") as spool:
        made = workspace.prepare(SOURCE, Stop(), Path(spool))
        try:
            yield made
        finally:
            made.close()


def drain(bench: Bench) -> float:
    """Return the seconds the collector alone takes: fetch, unpack, parse."""
    with bench.open() as workspace, prepared(workspace) as made:
        collector = made.plan.reading.collector
        (unit,) = collector.units()
        return seconds(lambda: sum(1 for _ in collector.collect(unit, UnitMemory())))


def write_only(bench: Bench, clock: Clock = seconds) -> float:
    """Return the seconds from parsed batches to the last commit."""
    with bench.open() as workspace, prepared(workspace) as made:
        (unit,) = made.plan.reading.collector.units()
        batches = list(UnitReader(made.plan.reading, unit, UnitMemory()).batches())
        gc.freeze()  # a real scan holds a few batches, not all: do not let the collector walk them
        try:
            return clock(lambda: _write_all(workspace, made, unit, batches))
        finally:
            gc.unfreeze()


def _write_all(
    workspace: Workspace, made: Prepared, unit: str, batches: list[UnitBatch]
) -> list[int]:
    writer = UnitWriter(workspace.database, made.plan, unit)
    return [writer.write(batch) for batch in batches]


def whole(bench: Bench) -> float:
    """Return the seconds of one scan, as `countersign scan` does it."""
    with bench.open() as workspace:
        return seconds(lambda: scan(workspace))


# --- floors --------------------------------------------------------------------------------------


def stored_tables(file: Path) -> list[Table]:
    """Read every row of a scanned database."""
    connection = sqlite3.connect(file)
    try:
        return [_table(connection, table) for table in schema.metadata.sorted_tables]
    finally:
        connection.close()


def _table(connection: sqlite3.Connection, table: sa.Table) -> Table:
    columns = tuple(column.name for column in table.columns)
    names = ", ".join(f'"{name}"' for name in columns)
    order = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    found = connection.execute(f'SELECT {names} FROM "{table.name}" ORDER BY {order}')
    rows = found.fetchall()
    per = len(rows) // max(1, len({row[0] for row in rows}))
    return Table(table.name, columns, rows, per)


def raw_sqlite(
    file: Path, tables: list[Table], *, search: str = SEARCH, clock: Clock = seconds
) -> float:
    """Return the seconds of executemany over the same rows, in transactions of one batch."""
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in WRITER_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    try:
        return clock(lambda: _raw_sqlite(connection, tables, search))
    finally:
        connection.close()


def _raw_sqlite(connection: sqlite3.Connection, tables: list[Table], search: str) -> None:
    bulk = [table for table in tables if table.name in BULK]
    connection.execute("BEGIN IMMEDIATE")
    for table in tables:
        if table.name not in BULK:
            _executemany(connection, table, table.rows)
    connection.execute("COMMIT")
    locations = next(table for table in bulk if table.name == "location").rows
    for start in range(0, len(locations), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        for table in bulk:
            _executemany(connection, table, table.batch(start))
        if search:
            ids = [row[0] for row in locations[start : start + BATCH]]
            connection.execute(search, (ids[0], ids[-1]))
        connection.execute("COMMIT")


def _executemany(connection: sqlite3.Connection, table: Table, rows: Rows) -> None:
    names = ", ".join(f'"{name}"' for name in table.columns)
    marks = ", ".join("?" * len(table.columns))
    connection.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)


def raw_copy(url: sa.URL, tables: list[Table]) -> float:
    """Return the seconds of COPY over the same rows, in transactions of one batch."""
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, dbname=url.database
    ) as connection:
        return seconds(lambda: _raw_copy(connection, tables))


def _raw_copy(connection: psycopg.Connection[Any], tables: list[Table]) -> None:
    bulk = [table for table in tables if table.name in BULK]
    for table in tables:
        if table.name not in BULK:
            _copy(connection, table, table.rows)
    connection.commit()
    locations = next(table for table in bulk if table.name == "location").rows
    for start in range(0, len(locations), BATCH):
        for table in bulk:
            _copy(connection, table, table.batch(start))
        connection.commit()


def _copy(connection: psycopg.Connection[Any], table: Table, rows: Rows) -> None:
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in table.columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(cast("Any", f'COPY "{table.name}" ({names}) FROM STDIN')) as copy,
    ):
        for row in _typed(table, rows):
            copy.write_row(row)


def _typed(table: Table, rows: Rows) -> Rows:
    """Turn SQLite's 0 and 1 into booleans where the column is one."""
    columns = schema.metadata.tables[table.name].columns
    places = [n for n, name in enumerate(table.columns) if columns[name].type.python_type is bool]
    if not places:
        return rows
    typed = [list(row) for row in rows]
    for row in typed:
        for place in places:
            row[place] = bool(row[place])
    return [tuple(row) for row in typed]


# --- the workload --------------------------------------------------------------------------------


@dataclass(slots=True)
class Ground:
    """An archive being served, and an empty database to copy for every round."""

    archive: BenchArchive
    url: str
    base: Path

    def bench(self, name: str) -> Bench:
        """Make a workspace whose database is migrated and empty."""
        folder = self.base / name
        folder.mkdir()
        bench = make_bench(folder, self.url, self.archive.archive.key, sqlite_url(folder))
        migrated(bench.url)
        return bench


@contextmanager
def ground(packages: int) -> Iterator[Ground]:
    """Publish and serve an archive of one suite."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        base = Path(name)
        archive = stack.enter_context(bench_archive(base / "a"))
        archive.publish(compressed(packages))
        server = stack.enter_context(static_server(archive.folder))
        yield Ground(archive, server.url, base)


def run(report: Report, packages: int, on_postgres: int, rounds: int) -> None:
    """Measure on SQLite, and on PostgreSQL with fewer packages where it is installed."""
    with ground(packages) as made:
        _on_sqlite(report, made, packages, rounds)
    if postgres.binaries() is None:
        report.notes.append("ingest on PostgreSQL: skipped, PostgreSQL is not installed")
        return
    with ground(on_postgres) as made, postgres.cluster() as maintenance:
        bench = made.bench("model")
        bench.scan()
        tables = stored_tables(bench.folder / "countersign.db")
        _on_postgres(report, made, tables, maintenance, rounds)


def _on_sqlite(report: Report, made: Ground, packages: int, rounds: int) -> None:
    bench = made.bench("sqlite")
    file = bench.folder / "countersign.db"
    template = made.base / "empty.db"
    shutil.copyfile(file, template)
    first = bench.scan()
    if first.numbers.verified != packages:
        raise RuntimeError(f"{first.numbers.verified} of {packages} packages verified")
    tables = stored_tables(file)
    counts = first.scan.counts
    report.add("ingest", "rows per package", "rows", [counts.rows_written / packages])
    report.add("ingest", "bytes per package (SQLite)", "bytes", [_size(bench) / packages])

    def fresh(work: Callable[[], float]) -> Callable[[], float]:
        def timed() -> float:
            drop_sqlite(file)
            shutil.copyfile(template, file)
            return work()

        return timed

    timings = interleave(
        {
            "whole": fresh(lambda: whole(bench)),
            "write": fresh(lambda: write_only(bench)),
            "drain": fresh(lambda: drain(bench)),
            "raw": fresh(lambda: raw_sqlite(file, tables)),
            "raw, no search": fresh(lambda: raw_sqlite(file, tables, search="")),
            "write, cpu": fresh(lambda: write_only(bench, cpu_seconds)),
            "raw, cpu": fresh(lambda: raw_sqlite(file, tables, clock=cpu_seconds)),
        },
        rounds,
    )
    add = report.add
    add("ingest", "writer / executemany", "x", ratios(timings, "write", "raw"), "1.25")
    on_cpu = ratios(timings, "write, cpu", "raw, cpu")
    add("ingest", "writer / executemany, processor time", "x", on_cpu)
    bare = ratios(timings, "write", "raw, no search")
    add("ingest", "writer / executemany without search index", "x", bare)
    add("ingest", "scan / (collector + executemany)", "x", [
        scanned / (drained + raw)
        for scanned, drained, raw in zip(
            timings["whole"], timings["drain"], timings["raw"], strict=True)
    ])  # fmt: skip
    add("ingest", "collector / scan", "x", ratios(timings, "drain", "whole"))
    add("ingest", "scan, end to end", "packages/s", [packages / t for t in timings["whole"]])
    per = [packages / t for t in timings["write"]]
    add("ingest", "parsed to committed verdict", "packages/s", per, ">= 8000")
    each = [t / packages * 1e6 for t in timings["write, cpu"]]
    add("ingest", "parsed to committed verdict, processor time", "us/package", each, "<= 125")
    rows = [counts.rows_written / t for t in timings["write"]]
    add("ingest", "parsed to committed verdict", "rows/s", rows)
    add("ingest", "collector alone", "packages/s", [packages / t for t in timings["drain"]])
    drop_sqlite(file)
    shutil.copyfile(template, file)
    child = scan_in_child(bench)
    add("ingest", "peak memory of a scan", "MiB", [child["peak_mib"]])


def _size(bench: Bench) -> int:
    connection = sqlite3.connect(bench.folder / "countersign.db")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        return int(pages * size)
    finally:
        connection.close()


def scan_in_child(bench: Bench) -> dict[str, Any]:
    """Scan in a process of its own; return what it says of itself (scan_child.py)."""
    command = [sys.executable, str(CHILD), str(bench.settings)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=600).stdout
    document: dict[str, Any] = json.loads(printed)
    if document["state"] != "complete":
        raise RuntimeError(f"the scan ended {document['state']}")
    return document


def _on_postgres(
    report: Report, made: Ground, tables: list[Table], maintenance: sa.URL, rounds: int
) -> None:
    template = f"template_{uuid4().hex}"
    _administer(maintenance, f"CREATE DATABASE {template}")
    migrated(maintenance.set(database=template).render_as_string(hide_password=False))
    folder = made.base / "postgres"
    folder.mkdir()

    def renewed() -> sa.URL:
        url = maintenance.set(database=f"bench_{uuid4().hex}")
        _administer(maintenance, f"CREATE DATABASE {url.database} TEMPLATE {template}")
        return url

    def bench_on(url: sa.URL) -> Bench:
        shutil.rmtree(folder)
        folder.mkdir()
        text = url.render_as_string(hide_password=False)
        return make_bench(folder, made.url, made.archive.archive.key, text)

    timings = interleave(
        {
            "whole": lambda: whole(bench_on(renewed())),
            "write": lambda: write_only(bench_on(renewed())),
            "copy": lambda: raw_copy(renewed(), tables),
        },
        rounds,
    )
    packages = len(next(table for table in tables if table.name == "location").rows)
    report.add("ingest", "writer / COPY (PostgreSQL)", "x", ratios(timings, "write", "copy"))
    whole_rate = [packages / t for t in timings["whole"]]
    report.add("ingest", "scan, end to end (PostgreSQL)", "packages/s", whole_rate)
    rate = [packages / t for t in timings["write"]]
    report.add("ingest", "parsed to committed verdict (PostgreSQL)", "packages/s", rate)


def _administer(maintenance: sa.URL, statement: str) -> None:
    engine = sa.create_engine(maintenance, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
