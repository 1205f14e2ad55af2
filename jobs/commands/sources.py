"""`countersign sources`: what is configured, and whether it can be read."""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path

import click

from core.errors import CollectionError, MalformedError
from core.model import Accepts
from core.text import display
from jobs.clock import utc_now
from jobs.commands.context import DONE, UNDECIDED, config_option
from jobs.pipeline import Prepared, Stop
from jobs.workspace import Workspace
from storage.memory import UnitMemory

SHOWN = 3
LOCAL = "file_tree"


@click.group()
def sources() -> None:
    """Show the configured sources."""


@sources.command("list")
@config_option
def list_sources(config: Path) -> None:
    """Print each source: id, kind, owner, interval and what it trusts."""
    with Workspace.open(config, utc_now) as workspace:
        listed = workspace.file.settings.sources
    for source in listed:
        trust = ", ".join(source.trust) or "its own"
        words = f"{source.id}\t{source.kind}\t{source.owner}\tevery {source.every}\ttrust: {trust}"
        click.echo(display(words, 1000).replace("\\u{9}", "\t"))


@sources.command("check")
@config_option
@click.argument("names", nargs=-1, metavar="[SOURCE...]")
def check_sources(config: Path, names: tuple[str, ...]) -> None:
    """List the first units of each source, and begin with one; exits 3 when it is out of reach.

    Nothing is kept. Where the settings alone name the units, the first one is asked for.
    """
    with Workspace.open(config, utc_now) as workspace:
        reached = [_check(workspace, name) for name in workspace.chosen(names)]
    sys.exit(DONE if all(reached) else UNDECIDED)


def _check(workspace: Workspace, name: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="countersign-") as spool:
        prepared = workspace.prepare(name, Stop(), Path(spool))
        try:
            units = list(islice(prepared.plan.reading.collector.units(), SHOWN + 1))
            _reach(workspace, prepared, units)
        except (CollectionError, MalformedError) as error:
            click.echo(f"{name}: {display(str(error), 1000)}")
            return False
        finally:
            prepared.close()
    named = ", ".join(display(unit) for unit in units[:SHOWN])
    more = ", ..." if len(units) > SHOWN else ""
    click.echo(f"{name}: {named or 'no units'}{more}")
    return True


def _reach(workspace: Workspace, prepared: Prepared, units: list[str]) -> None:
    """Begin to read the first unit, unless the list of units has already come from the source.

    A folder has no host that could be out of reach: its units are what was found in it.
    """
    plan, reading = prepared.plan, prepared.plan.reading
    if not units or prepared.traffic.requests or reading.source.kind == LOCAL:
        return
    memory = UnitMemory(workspace.database, reading.source.id, units[0], plan.seal, reading.now)
    found = reading.collector.collect(units[0], memory)
    next((one for one in found if not isinstance(one, Accepts)), None)
