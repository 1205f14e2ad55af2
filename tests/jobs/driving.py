"""The test's end of `recovery_driver.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).parent / "recovery_driver.py"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a scan ended, and where one could have died in it."""

    state: str  # of the scan, or "killed", or "crashed"
    gaps: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Driver:
    """The process that forks scans."""

    process: subprocess.Popen[str]

    def scan(
        self, settings: Path, source: str, at: datetime, *, die_at: int = 0, slot: str | None = None
    ) -> Ended:
        """Scan in a new process; it dies before its write number `die_at`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"settings": str(settings), "source": source, "at": at.isoformat(),
                 "die_at": die_at, "slot": slot}  # fmt: skip
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        gaps = tuple((write, tuple(tables)) for write, tables in answer["gaps"])
        return Ended(answer["state"], gaps)


@contextmanager
def driving() -> Iterator[Driver]:
    """Keep one such process for the length of the block."""
    with subprocess.Popen(
        [sys.executable, str(DRIVER)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield Driver(process)
        assert process.stdin is not None
        process.stdin.close()
