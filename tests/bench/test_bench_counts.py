"""The small size of the benchmarks: exact counts only, which no busy machine can change."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from jobs.reading import BATCH
from jobs.rejudging import follow_policies
from tests.bench import evidence_cost, pages, rescan, verify_key, verify_keyless
from tests.bench.archive import LIST, NOW, Bench, compressed, scan, stanza
from tests.bench.ingest import Ground, ground, raw_sqlite, stored_tables
from tests.bench.measure import Report, counted_statements
from tests.bench.rescan import Counts, scanned
from tests.bench.run import table
from verification import FORMATS

SIZES = (200, 2_000)
HEARTBEAT = re.compile(r"\bscan\b")  # of the table that the time alone writes to
ROWS_OF_A_SUITE = 6  # index, verification and its anchor, set, item, signer
ROWS_OF_A_PACKAGE = 3  # artifact, location, verdict
ROWS_OF_AN_UPDATE = 10  # those six, the new package's three, the old one's end


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size} packages")
def scene(request: pytest.FixtureRequest) -> Iterator[tuple[int, Ground, Bench, Counts]]:
    """An archive that was scanned once, and what that took."""
    with ground(request.param) as made:
        bench, counts = made.bench("w"), Counts()
        scanned(bench, 0, counts)
        yield request.param, made, bench, counts


Scene = tuple[int, Ground, Bench, Counts]


def test_first_scan_asks_twice_and_writes_three_rows_per_package(scene: Scene) -> None:
    packages, _, _, counts = scene
    assert counts.requests == [2]
    assert counts.rows == [ROWS_OF_A_SUITE + ROWS_OF_A_PACKAGE * packages]


def test_unchanged_suite_costs_one_request_and_no_row(scene: Scene) -> None:
    counts = Counts()
    scanned(scene[2], 1, counts)
    assert (counts.requests, counts.rows) == ([1], [0])


def test_one_package_changed_costs_the_same_rows_at_every_size(scene: Scene) -> None:
    packages, made, bench, _ = scene
    counts = Counts()
    changed = lzma.compress(stanza(packages - 1, "2.0-1"), preset=1)
    made.archive.publish(compressed(packages - 1) + changed)
    scanned(bench, 2, counts)
    assert (counts.requests, counts.rows) == ([2], [ROWS_OF_AN_UPDATE])


def test_policy_edited_rewrites_verdicts_and_asks_nobody(scene: Scene) -> None:
    packages, made, bench, _ = scene
    policy = bench.folder / rescan.POLICY
    policy.write_text(policy.read_text().replace(rescan.TITLE, f"{rescan.TITLE} now"))
    made.url = ""
    with bench.open(NOW + timedelta(hours=1)) as workspace:
        assert follow_policies(workspace) == packages + 1  # and the set's digest of verdicts


def test_key_gone_costs_eight_rows_per_package(scene: Scene) -> None:
    packages, made, bench, _ = scene
    counts = Counts()
    bench.keyring.write_bytes(made.archive.other_key.export())
    scanned(bench, 120, counts)
    # of each package: location, verdict, finding, change; of the suite: its verification, item, set
    # four when the trust that is gone is withdrawn, four when the list then fails
    assert counts.rows == [8 * packages + 3]
    assert (made.archive.folder / "dists" / "stable" / f"{LIST}.xz").is_file()


def test_statements_grow_with_batches_and_not_with_packages() -> None:
    seen = []
    for packages in (BATCH // 10, BATCH - 2):
        with ground(packages) as made:
            bench = made.bench("w")
            with bench.open() as workspace, counted_statements() as sent:
                scan(workspace)
            seen.append([one for one in sent if not HEARTBEAT.search(one)])
    assert len(seen[0]) == len(seen[1])


def test_floor_writes_the_rows_that_a_scan_writes() -> None:
    with ground(SIZES[0]) as made:
        floor, real = made.bench("floor"), made.bench("real")
        real.scan()
        tables = stored_tables(real.folder / "countersign.db")
        raw_sqlite(floor.folder / "countersign.db", tables)
        assert stored_tables(floor.folder / "countersign.db") == tables


def test_every_signature_of_the_benchmark_verifies_both_ways() -> None:
    for series in verify_key.all_series(3, 3):
        assert series.subject() > 0
        assert all(one() is not False for one in series.bare)


@pytest.fixture(scope="module")
def visits() -> list[list[pages.Visit]]:
    return [pages.visits(packages, 1) for packages in SIZES]


def test_every_bundle_of_the_benchmark_is_judged_as_it_was_made() -> None:
    for series in verify_keyless.all_series(11):
        assert series.good.count(False) == 1
        assert series.subject() > 0
        assert series.floor() > 0
        if series.peer is not None:
            assert series.theirs() > 0


def test_every_page_answers(visits: list[list[pages.Visit]]) -> None:
    assert {one.path: one.status for one in visits[1] if one.status != 200} == {}


def test_table_says_every_figure() -> None:
    report = Report()
    report.add("w", "some / floor", "x", [1.0, 2.0, 3.0], "1.5")
    report.add("pages", "/ p50", "ms", [4.0])
    report.notes.append("nothing was skipped")
    text = "\n".join(table(report))
    assert "| w | some / floor | 2 | 1 - 3 | x | 1.5 |" in text
    assert "| / | 4 |" in text
    assert text.endswith("nothing was skipped")


def test_every_format_has_evidence_of_the_worst_kind() -> None:
    assert {worst.format for worst in evidence_cost.KINDS} == set(FORMATS)
