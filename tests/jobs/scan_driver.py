"""Scan the example once at a fixed time, dying by SIGKILL at the n-th statement when asked to.

usage: scan_driver.py SETTINGS [STATEMENT]
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import jobs.reading
import storage.standings
from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.scanning import scan_source
from jobs.workspace import Workspace

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def main(settings: str, die_at: int) -> None:
    """Scan; print how many statements it took."""
    jobs.reading.BATCH = storage.standings.BATCH = 16  # many small transactions to die between
    counter = itertools.count(1)

    @event.listens_for(sa.Engine, "before_cursor_execute")
    def _count(*_: object) -> None:
        if next(counter) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    workspace = Workspace.open(Path(settings), lambda: NOW)
    with open_executor("threads") as executor:
        report = scan_source(workspace, "example", executor, Stop())
    sys.stdout.write(f"{report.scan.state} {next(counter)}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
