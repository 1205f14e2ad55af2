"""Memory: ten times the input needs at most a tenth more, measured in processes of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench.archive import (
    Bench,
    bench_archive,
    compressed,
    make_bench,
    migrated,
    sqlite_url,
    write_settings,
)
from tests.bench.ingest import scan_in_child
from tests.fakes.static_server import static_server

MIB = 1024 * 1024
MOST = 1.1


def peak(bench: Bench, sightings: int) -> float:
    migrated(bench.url)
    told = scan_in_child(bench)
    assert told["sightings"] == sightings
    return float(told["peak_mib"])


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """Peak memory by the number of packages that a list names."""
    base = tmp_path_factory.mktemp("m")
    peaks: dict[int, float] = {}
    with bench_archive(base / "a") as archive, static_server(archive.folder) as server:
        for packages in (3_000, 30_000):
            archive.publish(compressed(packages))
            folder = base / str(packages)
            folder.mkdir()
            bench = make_bench(folder, server.url, archive.archive.key, sqlite_url(folder))
            peaks[packages] = peak(bench, packages)
    return peaks


def test_list_ten_times_as_long_needs_no_more_memory(listed: dict[int, float]) -> None:
    assert listed[30_000] <= MOST * listed[3_000], listed


def file_peak(base: Path, size: int) -> float:
    folder = base / str(size)
    files = folder / "files"
    files.mkdir(parents=True)
    with (files / "release.bin").open("wb") as sparse:
        os.truncate(sparse.fileno(), size)
    bench = write_settings(folder, "kind: file_tree, path: files", sqlite_url(folder))
    return peak(bench, 1)


def test_file_ten_times_as_large_needs_no_more_memory(tmp_path: Path) -> None:
    small, large = (file_peak(tmp_path, size * MIB) for size in (20, 200))
    assert large <= MOST * small, (small, large)
