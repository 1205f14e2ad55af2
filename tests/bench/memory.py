"""Whether memory stays flat, however many signatures are verified in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Report

CHILD = Path(__file__).parent / "memory_child.py"
WARM = 1  # the tenth after which everything is loaded and all caches are full is the second
WORKLOAD = "memory"


def run(report: Report, count: int) -> None:
    """Measure the growth from a fifth of the verifications to their end."""
    ran = subprocess.run(
        [sys.executable, str(CHILD), str(count)], check=True, capture_output=True, text=True
    )
    said = json.loads(ran.stdout)
    sizes: list[float] = said["sizes"]
    name = f"resident after {count} / after {count // 5} verifications"
    report.add(WORKLOAD, name, "x", [sizes[-1] / sizes[WARM]], "<= 1.02")
    for tenth, size in enumerate(sizes, start=1):
        report.add(WORKLOAD, f"resident after {count // 10 * tenth}", "MiB", [size])
    words = f"memory: {said['verified']} of {count} verified, of {said['pieces']} pieces"
    report.notes.append(f"{words}, one in ten altered")
