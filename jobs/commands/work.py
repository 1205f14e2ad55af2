"""`countersign work`: the scheduler alone; `serve` starts it beside the dashboard."""

from __future__ import annotations

import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from pathlib import Path

import click

from jobs import logs
from jobs.clock import utc_now
from jobs.commands.context import config_option
from jobs.opening import open_when_mended
from jobs.pipeline import Stop
from jobs.scheduler import Scheduler
from jobs.signals import stop_at
from jobs.workspace import Workspace

SECONDS_TO_A_SIGNAL = 0.5


@click.command()
@config_option
@click.option("--verbose", is_flag=True, help="Log every scan, not only what went wrong.")
@click.option("--wait", is_flag=True, help="Wait where a mistake in the settings ends it else.")
def work(config: Path, *, verbose: bool, wait: bool) -> None:
    """Run due and asked-for scans until stopped.

    Any number of these may run on one database: one leads, the others wait to take over.
    """
    logs.configure(logging.INFO if verbose else logging.WARNING)
    workspace = None if wait else Workspace.open(config, utc_now)
    stop = Stop()
    stop_at(stop, signal.SIGTERM, signal.SIGINT)
    # Beside this thread, which is left to take signals whatever the work is waiting for.
    with ThreadPoolExecutor(1) as beside:
        scheduling = beside.submit(_schedule, config, workspace, stop)
        # A signal that arrives just before a wait begins does not end that wait: none is endless.
        while not wait_for([scheduling], timeout=SECONDS_TO_A_SIGNAL).done:
            pass
        scheduling.result()


def _schedule(config: Path, workspace: Workspace | None, stop: Stop) -> None:
    opened = workspace or open_when_mended(config, utc_now, stop)
    if opened is not None:
        Scheduler(opened, stop).run()
