"""Run all workloads, write one JSON file and print a table; `make bench` calls this.

usage: run.py [--small] [--json FILE] [--only WORKLOAD]... [--rounds N] [--packages N]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from core.limits import MIB
from tests.bench import (
    evidence_cost,
    footprint,
    ingest,
    memory,
    pages,
    rescan,
    verify_key,
    verify_keyless,
)
from tests.bench.measure import Figure, Report, load, machine

ROOT = Path(__file__).parent.parent.parent


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """How much each workload does."""

    packages: int
    on_postgres: int
    other: int  # the smaller archive that row counts are compared with
    footprint: tuple[int, int]
    signatures: int
    signed_by_gpg: int
    visits: int
    evidence: int  # bytes of it: the limit, or less
    verifications: int  # in one process, of which the memory is read
    rounds: int


FULL = Sizes(60_000, 20_000, 2_000, (2_000, 20_000), 500, 200, 40, 8 * MIB, 100_000, 5)
SMALL = Sizes(2_000, 2_000, 200, (500, 2_000), 50, 20, 5, MIB, 5_000, 2)

WORKLOADS: dict[str, Callable[[Report, Sizes], None]] = {
    "ingest": lambda report, s: ingest.run(report, s.packages, s.on_postgres, s.rounds),
    "rescan": lambda report, s: rescan.run(report, s.packages, s.other, s.rounds),
    "verify-key": lambda report, s: verify_key.run(
        report, s.signatures, s.signed_by_gpg, s.rounds * 3
    ),
    "verify-keyless": lambda report, s: verify_keyless.run(report, s.signatures, s.rounds * 2),
    "pages": lambda report, s: pages.run(report, s.packages, s.visits),
    "evidence": lambda report, s: evidence_cost.run(report, s.evidence, s.rounds),
    "memory": lambda report, s: memory.run(report, s.verifications),
    "footprint": lambda report, s: footprint.run(report, s.footprint, max(5, s.rounds)),
}


def main() -> None:
    """Parse the options, measure, write and print."""
    options = _options()
    sizes = SMALL if options.small else FULL
    if options.rounds:
        sizes = dataclasses.replace(sizes, rounds=options.rounds)
    if options.packages:
        sizes = dataclasses.replace(sizes, packages=options.packages)
    report, loads = Report(), [load()]
    began = time.monotonic()
    for name in options.only or WORKLOADS:
        sys.stderr.write(f"{name} ...\n")
        WORKLOADS[name](report, sizes)
        loads.append(load())
    document = {
        "machine": machine(),
        "load": loads,
        "seconds": round(time.monotonic() - began, 1),
        "sizes": dataclasses.asdict(sizes),
        "figures": [dataclasses.asdict(figure) for figure in report.figures],
        "notes": report.notes,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(document, indent=1) + "\n")
    sys.stdout.write("\n".join(table(report)) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Countersign against its floors.")
    parser.add_argument("--small", action="store_true", help="a size for continuous integration")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json", metavar="FILE")
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), default=[])
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--packages", type=int, default=0)
    return parser.parse_args()


def table(report: Report) -> list[str]:
    """Return the figures as Markdown tables, ratios first within each workload."""
    lines = [
        "| workload | figure | median | least - most | unit | target |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for workload in dict.fromkeys(figure.workload for figure in report.figures):
        own = [figure for figure in report.figures if figure.workload == workload]
        if workload != "pages":
            lines += [_line(figure) for figure in sorted(own, key=lambda one: one.unit != "x")]
    return lines + _pages(report) + [f"\n{note}" for note in report.notes]


def _pages(report: Report) -> list[str]:
    """Return one line per page: its figures side by side."""
    rows: dict[str, dict[str, str]] = {}
    for figure in report.figures:
        if figure.workload == "pages":
            path, _, what = figure.name.rpartition(" ")
            rows.setdefault(path, {})[what] = _n(figure.spread.median)
    if not rows:
        return []
    heads = list(next(iter(rows.values())))
    lines = ["", f"| page | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    return lines + [f"| {path} | {' | '.join(row.values())} |" for path, row in rows.items()]


def _line(figure: Figure) -> str:
    spread = figure.spread
    between = "" if spread.least == spread.most else f"{_n(spread.least)} - {_n(spread.most)}"
    name = figure.name.replace("|", "\\|")
    return (
        f"| {figure.workload} | {name} | {_n(spread.median)} | {between} | {figure.unit} "
        f"| {figure.target} |"
    )


def _n(value: float) -> str:
    if value == int(value) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


if __name__ == "__main__":
    main()
