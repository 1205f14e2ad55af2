"""Scan again: nothing changed, one package changed, a policy edited, the signing key gone.

Counts are exact and belong to the pipeline, not to the machine. Times are held against what cannot
be avoided: one bare conditional request, the collector reading the changed list, and the bare
driver reading and writing the rows that have to change.
"""

from __future__ import annotations

import http.client
import lzma
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from jobs.pipeline import ScanReport
from jobs.reading import BATCH
from jobs.rejudging import follow_policies
from storage.database import WRITER_PRAGMAS
from tests.bench.archive import LIST, NOW, Bench, compressed, scan, stanza
from tests.bench.ingest import Ground, drain, ground
from tests.bench.measure import Report, Timings, counted_statements, interleave, ratios, seconds
from tests.fakes.apt_archive import SigningKey

POLICY = "policies/everything-is-signed.yaml"
TITLE = "title: Everything is signed"


@dataclass(slots=True)
class Counts:
    """What one scan asked and wrote."""

    requests: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    statements: list[float] = field(default_factory=list)


def scanned(bench: Bench, turn: int, counts: Counts | None = None) -> float:
    """Scan at a time of its own and return the seconds, opening the workspace included."""
    reports: list[ScanReport] = []

    def work() -> None:
        with bench.open(NOW + timedelta(minutes=turn)) as workspace:
            reports.append(scan(workspace).scan)

    with counted_statements() as sent:
        taken = seconds(work)
    if counts is not None:
        counts.requests.append(reports[0].counts.requests)
        counts.rows.append(reports[0].counts.rows_written)
        counts.statements.append(len(sent))
    return taken


def run(report: Report, packages: int, small: int, rounds: int) -> None:
    """Measure all four; one changed package also on a small archive, to compare the rows."""
    with ground(packages) as made:
        bench = made.bench("again")
        first = scanned(bench, 0)
        report.add("rescan", "first scan", "s", [first])
        _unchanged(report, made, bench, rounds, first)
        rows = _changed(report, made, bench, packages, rounds)
        _edited(report, bench, packages, rounds)
        _keyless(report, made, bench, packages, rounds)
    with ground(small) as made:
        bench = made.bench("small")
        scanned(bench, 0)
        counts = Counts()
        _change_one(made, compressed(small - 1), small, 1)
        scanned(bench, 1, counts)
        name = f"one package changed of {small}, rows"
        report.add("rescan", name, "rows", counts.rows, f"= {rows:.0f}")


# --- nothing changed -----------------------------------------------------------------------------


def _unchanged(report: Report, made: Ground, bench: Bench, rounds: int, first: float) -> None:
    counts, turns = Counts(), iter(range(1, 1000))
    timings = interleave(
        {
            "again": lambda: scanned(bench, next(turns), counts),
            "bare": lambda: _conditional(made.url),
        },
        rounds,
    )
    report.add("rescan", "unchanged / first scan", "x", [t / first for t in timings["again"]])
    report.add("rescan", "unchanged", "s", timings["again"])
    report.add("rescan", "one bare conditional request", "s", timings["bare"])
    report.add("rescan", "unchanged, requests", "requests", counts.requests, "1")
    report.add("rescan", "unchanged, rows", "rows", counts.rows, "0")
    report.add("rescan", "unchanged, statements", "statements", counts.statements)


def _conditional(url: str) -> float:
    parts = urlsplit(url)
    path = "/dists/stable/InRelease"

    def ask(headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    tag = ask({}).getheader("ETag") or ""
    return seconds(lambda: ask({"If-None-Match": tag}))


# --- one package changed -------------------------------------------------------------------------


def _change_one(made: Ground, packed: bytes, packages: int, turn: int) -> None:
    """Publish the list with another version of its last package."""
    last = stanza(packages - 1, f"2.{turn}-1")
    made.archive.publish(packed + lzma.compress(last, preset=1))


def _changed(report: Report, made: Ground, bench: Bench, packages: int, rounds: int) -> float:
    packed = compressed(packages - 1)
    counts, timings = Counts(), Timings(again=[], drain=[])
    for turn in range(rounds):
        _change_one(made, packed, packages, turn)
        timings["drain"].append(drain(bench))
        timings["again"].append(scanned(bench, 100 + turn, counts))
    add = report.add
    add("rescan", "one package changed / collector alone", "x", ratios(timings, "again", "drain"))
    add("rescan", "one package changed", "s", timings["again"])
    add("rescan", f"one package changed of {packages}, rows", "rows", counts.rows)
    add("rescan", "one package changed, requests", "requests", counts.requests, "2")
    add("rescan", "one package changed, statements", "statements", counts.statements)
    return counts.rows[-1]


# --- a policy edited -----------------------------------------------------------------------------


def _edited(report: Report, bench: Bench, packages: int, rounds: int) -> None:
    turns, rows = iter(range(1, 1000)), list[float]()

    def judged_anew() -> float:
        path = bench.folder / POLICY
        before = path.read_text().splitlines()
        title = f"  {TITLE}, edition {next(turns)}"
        path.write_text("\n".join(title if TITLE in line else line for line in before) + "\n")
        with bench.open(NOW + timedelta(hours=5)) as workspace:
            return seconds(lambda: rows.append(follow_policies(workspace)))

    timings = interleave({"judge": judged_anew, "raw": _on_copy(bench, _raw_edit)}, rounds)
    add = report.add
    add("rescan", "policy edited / bare rewrite", "x", ratios(timings, "judge", "raw"))
    add("rescan", "policy edited", "packages/s", [packages / t for t in timings["judge"]])
    add("rescan", "policy edited, rows", "rows", rows)


def _on_copy(bench: Bench, work: Callable[[sqlite3.Connection], None]) -> Callable[[], float]:
    """Run the bare driver on a copy of the database, under the same settings."""

    def timed() -> float:
        file, copy = bench.folder / "countersign.db", bench.folder / "copy.db"
        checkpoint(bench)
        shutil.copyfile(file, copy)
        connection = sqlite3.connect(copy, isolation_level=None)
        for pragma in WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        try:
            return seconds(lambda: work(connection))
        finally:
            connection.close()

    return timed


def checkpoint(bench: Bench) -> None:
    """Move everything from the write-ahead log into the database file."""
    connection = sqlite3.connect(bench.folder / "countersign.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _batches(connection: sqlite3.Connection) -> list[list[int]]:
    rows = connection.execute(
        "SELECT location.*, artifact.digest FROM location JOIN artifact "
        "ON artifact.id = artifact_id WHERE gone_at IS NULL ORDER BY location.id"
    ).fetchall()
    ids = [int(row[0]) for row in rows]
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _raw_edit(connection: sqlite3.Connection) -> None:
    """Read every location with its artifact; rewrite every verdict."""
    for ids in _batches(connection):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "UPDATE verdict SET decided_at = decided_at + 1 WHERE location_id = ?",
            [(row_id,) for row_id in ids],
        )
        connection.execute("COMMIT")


# --- the key is gone -----------------------------------------------------------------------------


def _keyless(report: Report, made: Ground, bench: Bench, packages: int, rounds: int) -> None:
    counts, turns = Counts(), iter(range(300, 1000))

    packed = (made.archive.folder / "dists" / "stable" / f"{LIST}.xz").read_bytes()

    def without_key() -> float:
        _trust(bench, made.archive.archive.key)
        made.archive.publish(packed)  # a newer Release, so that everything verifies again
        scanned(bench, next(turns))
        _trust(bench, made.archive.other_key)
        taken = scanned(bench, next(turns), counts)
        _demand_failed(bench, packages)
        return taken

    timings = interleave({"fail": without_key, "raw": _on_copy(bench, _raw_failure)}, rounds)
    add = report.add
    add("rescan", "signing key gone / bare rewrite", "x", ratios(timings, "fail", "raw"))
    add("rescan", "signing key gone", "packages/s", [packages / t for t in timings["fail"]])
    add("rescan", "signing key gone, rows per package", "rows", [r / packages for r in counts.rows])


def _trust(bench: Bench, key: SigningKey) -> None:
    bench.keyring.write_bytes(key.export())


def _demand_failed(bench: Bench, packages: int) -> None:
    connection = sqlite3.connect(bench.folder / "countersign.db")
    (failed,) = connection.execute(
        "SELECT count(*) FROM location WHERE gone_at IS NULL AND status = 'failed'"
    ).fetchone()
    connection.close()
    if failed != packages:
        raise RuntimeError(f"{failed} of {packages} packages failed without the key")


def _raw_failure(connection: sqlite3.Connection) -> None:
    """Read every location; rewrite it and its verdict, add a finding and a change."""
    (requirement,) = connection.execute("SELECT min(id) FROM requirement").fetchone()
    (text,) = connection.execute(
        "INSERT INTO finding_text (digest, detail, expected, found, solution) "
        "VALUES (zeroblob(32), '', '', '', '') RETURNING id"
    ).fetchone()
    connection.execute("DELETE FROM finding")
    for ids in _batches(connection):
        keys = [(row_id,) for row_id in ids]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "UPDATE location SET status = 'failed', reason = 'OTHER', policy_status = 'warned', "
            "status_since_at = status_since_at + 1 WHERE id = ?", keys,
        )  # fmt: skip
        connection.executemany("UPDATE verdict SET outcome = 'other' WHERE location_id = ?", keys)
        connection.executemany(
            "INSERT INTO finding SELECT id, ?, source_id, 'failed', 'OTHER', ? FROM location "
            "WHERE id = ?", [(requirement, text, row_id) for row_id in ids],
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO status_change (location_id, changed_at, from_status, from_reason, "
            "to_status, to_reason) VALUES (?, 1, 'verified', '', 'failed', 'OTHER')", keys,
        )  # fmt: skip
        connection.execute("COMMIT")
