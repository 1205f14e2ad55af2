"""Pages: every page of the dashboard over an inventory of the size of a distribution.

One user, Flask's test client, no network: what is measured is queries, templates and compression.
The floor is the health check of the same application.
"""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storage import schema
from storage.database import Database
from tests.bench.archive import (
    NOW,
    SOURCE,
    Bench,
    bench_archive,
    compressed,
    make_bench,
    migrated,
    sqlite_url,
)
from tests.bench.measure import Report, counted_statements, seconds
from tests.fakes.static_server import static_server

SUITES = ("stable", "updates", "broken", "bare")  # signed, signed, by another key, not at all
FIXED = (
    "/", "/failures", "/artifacts", "/artifacts?status=failed", "/artifacts?status=verified",
    "/signers", "/sources", f"/sources/{SOURCE}", "/trust", "/changes", "/exclusions", "/reasons",
    "/search?q=package-0012", "/search?q=pa", "/artifacts?text=linux-image",
)  # fmt: skip
P95_MS, GZ_KB, STATEMENTS = 50, 60, 8


@dataclass(frozen=True, slots=True)
class Visit:
    """One page, looked at many times."""

    path: str
    status: int
    milliseconds: list[float]
    statements: int
    packed: int  # bytes on the wire


def fill(base: Path, packages: int, url: str = "") -> Bench:
    """Scan four suites into a database: most verified, some failed, some unsigned."""
    folder = base / "w"
    folder.mkdir()
    with ExitStack() as stack:
        archive = stack.enter_context(bench_archive(base / "a"))
        part, twentieth = packages * 7 // 10, packages // 20
        rest = packages - part - 2 * twentieth
        archive.publish(compressed(part), suite="stable")
        archive.publish(compressed(rest, first=part), suite="updates")
        archive.publish_by_other_key(compressed(twentieth, first=part), suite="broken")
        archive.publish(compressed(twentieth, first=part + twentieth), suite="bare", signed="not")
        server = stack.enter_context(static_server(archive.folder))
        bench = make_bench(
            folder, server.url, archive.archive.key, url or sqlite_url(folder), SUITES
        )
        migrated(bench.url)
        bench.scan()
    return bench


def paths(database: Database) -> list[str]:
    """Return the fixed pages, and one page of each thing that has its own."""
    with database.reading() as connection:
        row = connection.execute(
            sa.select(schema.artifact.c.algorithm, schema.artifact.c.digest).limit(1)
        ).one()
        signer = connection.execute(sa.select(schema.signer.c.id).limit(1)).scalar_one()
    return [*FIXED, f"/artifacts/{row.algorithm}:{row.digest.hex()}", f"/signers/{signer}"]


def visit(client: Any, path: str, times: int) -> Visit:
    """Ask for a page once to warm it, once counting statements, then against the clock."""
    headers = {"Accept-Encoding": "gzip"}
    client.get(path, headers=headers)
    with counted_statements() as sent:
        answer = client.get(path, headers=headers)
    taken = [seconds(lambda: client.get(path, headers=headers)) * 1e3 for _ in range(times)]
    return Visit(path, answer.status_code, taken, len(sent), len(answer.data))


def visits(packages: int, times: int) -> list[Visit]:
    """Fill a database and look at every page; the health check comes first."""
    from core.settings import load
    from dashboard.application import create_dashboard

    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        bench = fill(Path(name), packages)
        settings = load(bench.settings).settings
        database = Database.open(bench.url)
        try:
            client = create_dashboard(database, settings, lambda: NOW).test_client()
            return [visit(client, path, times) for path in ["/healthz", *paths(database)]]
        finally:
            database.close()


def run(report: Report, packages: int, times: int) -> None:
    """Measure every page; a dashboard that cannot be imported is a note, not a failure."""
    try:
        seen = visits(packages, times)
    except ImportError as error:
        report.notes.append(f"pages: skipped, the dashboard cannot be imported: {error}")
        return
    floor = statistics.median(seen[0].milliseconds)
    for one in seen[1:]:
        if one.status != 200:
            report.notes.append(f"pages: {one.path} answered {one.status}")
            continue
        _add(report, one, floor)


def _add(report: Report, one: Visit, floor: float) -> None:
    path = one.path if len(one.path) < 60 else one.path[:24] + "..."
    middle = statistics.median(one.milliseconds)
    figures = (
        ("x-health", "x", middle / floor, ""),
        ("p50-ms", "ms", middle, ""),
        ("p95-ms", "ms", percentile(one.milliseconds, 95), f"<= {P95_MS}"),
        ("statements", "statements", one.statements, f"<= {STATEMENTS}"),
        ("kB-gzip", "kB", one.packed / 1000, f"<= {GZ_KB}"),
    )
    for name, unit, value, target in figures:
        report.add("pages", f"{path} {name}", unit, [value], target)


def percentile(values: list[float], percent: int) -> float:
    """Return the smallest value that `percent` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
