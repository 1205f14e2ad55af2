"""`countersign scan`: one pass now, with progress bars and a closing table."""

from __future__ import annotations

import json
import logging
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from core.errors import ConflictError
from core.model import ScanState
from core.naming import plural
from jobs import logs
from jobs.clock import utc_now
from jobs.commands.context import DONE, UNDECIDED, config_option
from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.scanning import SourceReport, scan_source
from jobs.signals import stop_at
from jobs.workspace import Workspace
from storage.scans import ScanCounts

READ = (ScanState.COMPLETE,)
LEAST_COLUMNS = 80  # what the table needs


@click.command()
@config_option
@click.argument("names", nargs=-1, metavar="[SOURCE...]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, no bars.")
def scan(config: Path, names: tuple[str, ...], *, as_json: bool) -> None:
    """Scan sources now, all of them when none is named.

    Exits 0 when everything was read, 3 when some source could not be read whole.
    """
    logs.configure(logging.WARNING)
    with Workspace.open(config, utc_now) as workspace:
        began = utc_now()
        reports, busy = _scan(workspace, names, nullcontext(None) if as_json else _bars())
    for words in busy:
        click.echo(words, err=True)
    seconds = (utc_now() - began).total_seconds()
    if as_json:
        click.echo(json.dumps(_document(reports, seconds)))
    else:
        _table(reports, seconds)
    whole = not busy and all(one.scan.state in READ for one in reports)
    sys.exit(DONE if whole else UNDECIDED)


def _scan(
    workspace: Workspace, names: tuple[str, ...], shown: AbstractContextManager[Any]
) -> tuple[list[SourceReport], list[str]]:
    """Return how each scan went, and in words which source somebody else scans now."""
    stop, wanted = Stop(), workspace.chosen(names)
    stop_at(stop, signal.SIGTERM)
    reports: list[SourceReport] = []
    busy: list[str] = []
    with open_executor(workspace.file.settings.executor) as executor, shown as bars:
        for name in wanted:
            try:
                follow = _follow(bars, name)
                reports.append(scan_source(workspace, name, executor, stop, progress=follow))
            except ConflictError as error:
                busy.append(f"{name}: not scanned: {error}")
            except KeyboardInterrupt:
                stop.event.set()
                raise
    return reports, busy


def _bars() -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[seen]:>9,} artifacts"), TimeElapsedColumn(),
    )  # fmt: skip


def _follow(bars: Any, name: str) -> Any:
    if bars is None:
        return lambda _counts: None
    task = bars.add_task(name, total=None, seen=0)

    def follow(counts: ScanCounts) -> None:
        bars.update(
            task,
            total=counts.units_total or None,
            completed=counts.units_done + len(counts.errors),
            seen=counts.sightings,
        )

    return follow


def _document(reports: list[SourceReport], seconds: float) -> dict[str, Any]:
    return {
        "sources": [_source(one) for one in reports],
        "seconds": round(seconds, 3),
        "peak_rss_mib": round(_peak_mib(), 1),
    }


def _peak_mib() -> float:
    # not getrusage: what it tells is inherited from whoever started this process
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _source(one: SourceReport) -> dict[str, Any]:
    counts, numbers = one.scan.counts, one.numbers
    return {
        "id": one.name, "kind": one.kind, "state": one.scan.state,
        "artifacts": numbers.artifacts, "verified": numbers.verified, "failed": numbers.failed,
        "unsigned": numbers.unsigned, "unknown": numbers.unknown, "requests": counts.requests,
        "bytes": counts.bytes, "rows_written": counts.rows_written,
        "seconds": round(one.scan.seconds, 3),
        "errors": [
            {"unit": e.unit, "reason": e.reason, "detail": e.detail} for e in one.errors
        ],
    }  # fmt: skip


def _table(reports: list[SourceReport], seconds: float) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from core.text import display

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("source", overflow="fold")  # a long name goes on below; nothing is cut
    table.add_column("state", no_wrap=True)
    for heading in ("artifacts", "verified", "failed", "unsigned", "unknown", "requests", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in reports:
        n = one.numbers
        cells = (n.artifacts, n.verified, n.failed, n.unsigned, n.unknown, one.scan.counts.requests)
        table.add_row(
            one.name, one.scan.state, *(f"{cell:,}" for cell in cells), f"{one.scan.seconds:.1f}"
        )
    console = Console()
    console.width = max(console.width, LEAST_COLUMNS)
    console.print(table)
    for one in reports:
        for error in one.errors:
            place = f"{one.name}: {display(error.unit)}" if error.unit else one.name
            words = f"{place}: {error.reason}: {display(error.detail)}"
            console.print(escape(words), style="yellow", soft_wrap=True)
    console.print(f"{len(reports)} {plural(len(reports), 'source')} in {seconds:.1f} s")
