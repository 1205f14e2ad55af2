"""Scan on order, each time in a process of its own that may be killed at any write.

One line of JSON asks, one answers:

    {"settings": FILE, "source": NAME, "at": ISO TIME, "die_at": 3, "slot": null}
    {"state": "killed", "gaps": []}

A write is an INSERT, UPDATE or DELETE of anything but scan rows, whose number the clock decides.
`gaps` numbers the writes that each begin a transaction (to die at one is to die between two
commits), each with the tables of BELIEFS that the transaction before it wrote. One reader at a
time makes the numbers the same in every run. Starting Python once and forking it costs a tenth of
starting it anew.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import jobs.reading
import jobs.rejudging
import storage.standings
from jobs.pipeline import Stop
from jobs.scanning import scan_source
from jobs.workspace import Workspace

WRITE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (?!scan\b)(\w+)")
BELIEFS = frozenset({"evidence_set", "location", "verdict", "finding"})
SMALL = 4  # rows in a batch: many transactions to die between


class Writes:
    """Counts writes, notes between which transactions one can die, and kills where asked to."""

    def __init__(self, die_at: int) -> None:
        self.die_at, self.made = die_at, 0
        self.gaps: list[tuple[int, list[str]]] = []
        self._tables: set[str] = set()
        self._before: list[str] = []

    def see(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Look at a statement before it is executed."""
        write = WRITE.match(statement)
        if write is None:
            return
        self.made += 1
        if self.made == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if not self._tables:
            self.gaps.append((self.made, self._before))
        self._tables.add(write[1])

    def end(self, _connection: Any) -> None:
        """Note that a transaction ended."""
        if self._tables:
            self._before = sorted(self._tables & BELIEFS)
            self._tables = set()


def scan(order: dict[str, Any]) -> dict[str, Any]:
    """Scan as ordered; return how it ended and where one can die in it."""
    jobs.reading.BATCH = jobs.rejudging.BATCH = storage.standings.BATCH = SMALL
    writes, now = Writes(order["die_at"]), datetime.fromisoformat(order["at"])
    event.listen(sa.Engine, "before_cursor_execute", writes.see)
    event.listen(sa.Engine, "commit", writes.end)
    event.listen(sa.Engine, "rollback", writes.end)
    workspace = Workspace.open(Path(order["settings"]), lambda: now)
    with ThreadPoolExecutor(1) as reader:
        report = scan_source(workspace, order["source"], reader, Stop(), slot=order["slot"])
    workspace.close()
    return {"state": report.scan.state, "gaps": writes.gaps}


def follow(order: dict[str, Any]) -> dict[str, Any]:
    """Carry out an order in a child; return what it told, or that it was killed."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(sink, json.dumps(scan(order)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(sink)
    with os.fdopen(source, "rb") as told:
        answer = told.read()
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        return {"state": "killed", "gaps": []}
    found: dict[str, Any] = json.loads(answer or b'{"state": "crashed", "gaps": []}')
    return found


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(follow(json.loads(line))) + "\n")
        sys.stdout.flush()
