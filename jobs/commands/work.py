"""`countersign work`: the scheduler alone; `serve` starts it beside the dashboard."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from jobs.clock import utc_now
from jobs.commands.context import config_option
from jobs.pipeline import Stop
from jobs.scheduler import Scheduler
from jobs.workspace import Workspace


@click.command()
@config_option
def work(config: Path) -> None:
    """Run due and asked-for scans until stopped.

    Any number of these may run on one database: one leads, the others wait to take over.
    """
    workspace = Workspace.open(config, utc_now)
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.event.set())
    Scheduler(workspace, stop).run()
