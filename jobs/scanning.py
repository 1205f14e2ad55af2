"""Scan one source by name: prepare, read, write, report."""

from __future__ import annotations

import tempfile
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from jobs.pipeline import Progress, ScanReport, SourceScan, Stop
from jobs.rejudging import follow_everything
from jobs.workspace import Workspace
from storage import reports
from storage.reports import StandingNumbers
from storage.scans import ScanCounts, ScanError
from verification.format import VERIFIER_VERSION


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one scan of one source came to."""

    name: str
    kind: str
    scan: ScanReport
    numbers: StandingNumbers
    verifier: str  # the oldest version that anything counted was judged by

    @property
    def errors(self) -> tuple[ScanError, ...]:
        """What fell short in the scan, and what that leaves of an earlier verifier's word."""
        found = tuple(self.scan.counts.errors)
        if self.verifier == VERIFIER_VERSION:
            return found
        words = f"what could not be read again was judged by {self.verifier or 'an earlier one'}"
        detail = f"{words}, this program's verifier is {VERIFIER_VERSION}"
        return (*found, ScanError("", "VERIFIER_CHANGED", detail))


def _silent(_counts: ScanCounts) -> None:
    return None


def scan_source(
    workspace: Workspace,
    name: str,
    executor: Executor,
    stop: Stop,
    *,
    progress: Progress = _silent,
    slot: str | None = None,
    follow: bool = True,
) -> SourceReport:
    """Scan; ConflictError when the slot was answered, LockedError when the source is held.

    First every stored verdict is brought up to now, unless the caller sees to that (`follow`).
    """
    if follow:
        follow_everything(workspace)
    with tempfile.TemporaryDirectory(prefix="countersign-") as spool:
        prepared = workspace.prepare(name, stop, Path(spool))
        try:
            scan = SourceScan(
                workspace.database, prepared, executor, workspace.clock, stop, progress
            ).run(slot)
        finally:
            prepared.close()
    source = workspace.sources[name]
    with workspace.database.reading() as connection:
        numbers = reports.numbers_of(connection, source.id)
        verifier = reports.verifier_of(connection, source.id)
    return SourceReport(name, source.kind, scan, numbers, verifier)
