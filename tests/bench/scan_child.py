"""Scan once in a process of its own and print seconds, peak memory and counts as JSON.

usage: scan_child.py SETTINGS

`peak_mib` is the peak of this process's own memory; `getrusage` would report the parent's where
that was larger, because a new process inherits the figure. `anonymous_mib` leaves out mapped files.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.bench.archive import NOW, Bench


def main(settings: Path) -> None:
    """Scan."""
    before = memory("VmHWM")
    report = Bench(settings.parent, "").scan(NOW)
    counts = report.scan.counts
    usage = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(
        json.dumps(
            {
                "state": report.scan.state,
                "sightings": counts.sightings,
                "rows": counts.rows_written,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "imported_mib": before,
                "peak_mib": memory("VmHWM"),
                "anonymous_mib": memory("RssAnon"),
                "mapped_mib": memory("RssFile"),
                "rusage_mib": usage.ru_maxrss / 1024,
            }
        )
    )


def memory(field: str) -> float:
    """Return one line of this process's memory account, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
