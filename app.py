"""The composition root: the one file that knows everyone; nobody imports it.

`main` is the `countersign` command; `create_app` is the dashboard, for a WSGI server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import click

from core.errors import ConfigurationError, CountersignError, UnavailableError, UsageError
from jobs.commands import COMMANDS
from jobs.commands.context import INTERNAL, INTERRUPTED, USAGE, config_option

if TYPE_CHECKING:
    from flask import Flask

VERSION = "0.1.0"


class _ReaderGoneError(Exception):
    """Whoever read what we print has seen enough."""


class Commands(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Resolve one command."""
        if cmd_name in COMMANDS:
            command: click.Command = resolve_name(COMMANDS[cmd_name])
            return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader that has gone would else be exit 1, which means "refused"."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error


@click.group(cls=Commands)
@click.version_option(VERSION, prog_name="countersign")
def countersign() -> None:
    """Keep watch over what is signed, by whom, and whether it really verifies."""


@countersign.command()
@config_option
@click.option("--port", type=click.IntRange(0, 65535), help="Default: serve.port in the settings.")
def serve(config: Path, port: int | None) -> None:
    """Serve the dashboard and run the scheduler; Ctrl-C stops both."""
    from core.settings import load
    from dashboard.server import free_port
    from dashboard.server import serve as serve_http
    from jobs import logs
    from jobs.worker import worker_process

    logs.configure()
    application, settings = create_app(config), load(config).settings.serve
    wanted = settings.port if port is None else port
    chosen = free_port(settings.host, wanted)

    def announce() -> None:
        click.echo("Listening on loopback only: there is no login yet.")
        if wanted not in (0, chosen):
            click.echo(f"Port {wanted} is taken or not ours to take: listening on {chosen}.")
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        click.echo(f"Countersign is at http://{host}:{chosen}/ (Ctrl-C stops it)")

    with worker_process(config):
        serve_http(application, settings.host, chosen, settings.threads, announce)


def create_app(config: Path) -> Flask:
    """Return the dashboard over the database that the settings name."""
    from core.settings import load
    from dashboard.application import create_dashboard
    from jobs.clock import utc_now
    from storage import migrate
    from storage.database import Database

    file = load(config)
    database = Database.open(file.settings.database, base=file.folder)
    migrate.demand_current(database)
    return create_dashboard(database, file.settings, utc_now)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 2 usage, settings or place, 70 ours, 130 interrupted."""
    try:
        outcome = countersign.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="countersign",
            standalone_mode=False,
        )
    except (UsageError, ConfigurationError, UnavailableError) as error:
        return _complain(str(error), USAGE)
    except click.ClickException as error:
        with suppress(OSError):  # as below
            error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except _ReaderGoneError:
        return _end_output(INTERRUPTED)
    except CountersignError as error:
        return _complain(str(error), INTERNAL)
    except OSError as error:
        return _refused_by_machine(error)
    except Exception as error:  # noqa: BLE001 - the last resort: exit 1 would mean "refused"
        return _unexpected(error)
    return outcome if isinstance(outcome, int) else 0


def _refused_by_machine(error: OSError) -> int:
    from jobs.commands import faults

    if faults.is_nameless(error):
        words = f"the output, or a temporary file, cannot be written: {error.strerror}"
        return _complain(words, _end_output(USAGE))
    sentence = faults.sentence(error)
    return _complain(sentence, USAGE) if sentence else _unexpected(error)


def _end_output(code: int) -> int:
    """Let nothing more be printed: what is left in memory must not fail at the very end."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
    return code


def _unexpected(error: Exception) -> int:
    import structlog

    from jobs import logs

    logs.configure()
    structlog.get_logger(__name__).error("unexpected error", exc_info=error)
    return _complain(f"unexpected error: {error!r}", INTERNAL)


def _complain(sentence: str, code: int) -> int:
    from core.text import display

    with suppress(OSError):  # where nobody can be told, the code still says it
        click.echo(f"countersign: {display(sentence, 2000)}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
