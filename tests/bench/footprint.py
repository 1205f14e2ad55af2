"""Footprint: what starting costs, and whether memory grows with the input."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from jobs.commands import COMMANDS
from tests.bench.archive import drop_sqlite
from tests.bench.ingest import ground, scan_in_child
from tests.bench.measure import Report, interleave, ratios, seconds
from tests.verification import specimens

PROGRAM = Path(sys.executable).parent / "countersign"
BARE = [sys.executable, "-c", "pass"]


def started(command: list[str], folder: Path) -> Callable[[], float]:
    """Return what runs a command that must succeed and measures it."""

    def run_it() -> float:
        return seconds(
            lambda: subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=60)
        )

    return run_it


def run(report: Report, sizes: tuple[int, int], rounds: int) -> None:
    """Measure the start of the program, one verification, and memory at two sizes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        _start(report, Path(name), rounds)
    peaks = {size: peak_of(size) for size in sizes}
    for size, peak in peaks.items():
        report.add("footprint", f"scanner peak, {size} packages", "MiB", [peak], "<= 96")
    small, large = (peaks[size] for size in sizes)
    name = f"scanner peak, {sizes[1]} / {sizes[0]} packages"
    report.add("footprint", name, "x", [large / small], "<= 1.1")


def peak_of(packages: int) -> float:
    """Return the peak memory of a scan in a process of its own, in MiB."""
    with ground(packages) as made:
        bench = made.bench("memory")
        peak = scan_in_child(bench)["peak_mib"]
        drop_sqlite(bench.folder / "countersign.db")
        return float(peak)


def _start(report: Report, folder: Path, rounds: int) -> None:
    commands = {"bare": BARE, "version": [str(PROGRAM), "--version"]}
    if _has_verify():
        commands["verify"] = _verify_one(folder)
    else:
        report.notes.append("footprint: `countersign verify` skipped, the command is not there yet")
    timings = interleave({k: started(v, folder) for k, v in commands.items()}, rounds)
    targets = {"version": "<= 0.15", "verify": "<= 0.35"}
    for name in list(commands)[1:]:
        found = ratios(timings, name, "bare")
        report.add("footprint", f"countersign {name} / bare interpreter", "x", found)
        report.add("footprint", f"countersign {name}", "s", timings[name], targets[name])
    report.add("footprint", "bare interpreter", "s", timings["bare"])


def _has_verify() -> bool:
    module = COMMANDS["verify"].partition(":")[0].replace(".", "/")
    return (Path(__file__).parent.parent.parent / f"{module}.py").is_file()


def _verify_one(folder: Path) -> list[str]:
    """Lay down a file, its signature and the key; return the command that verifies it."""
    private = specimens.private_key("p256")
    (folder / "app").write_bytes(specimens.CONTENT)
    (folder / "app.sig").write_bytes(specimens.sign(private, specimens.CONTENT))
    (folder / "key.pem").write_bytes(specimens.public_pem(private))
    return [str(PROGRAM), "verify", "app", "--signature", "app.sig", "--key", "key.pem"]
