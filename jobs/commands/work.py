"""`countersign work`: the scheduler alone; `serve` starts it beside the dashboard."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import click

from jobs import logs
from jobs.clock import utc_now
from jobs.commands.context import config_option
from jobs.pipeline import Stop
from jobs.scheduler import Scheduler
from jobs.workspace import Workspace


@click.command()
@config_option
@click.option("--verbose", is_flag=True, help="Log every scan, not only what went wrong.")
def work(config: Path, *, verbose: bool) -> None:
    """Run due and asked-for scans until stopped.

    Any number of these may run on one database: one leads, the others wait to take over.
    """
    logs.configure(logging.INFO if verbose else logging.WARNING)
    workspace = Workspace.open(config, utc_now)
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.event.set())
    Scheduler(workspace, stop).run()
