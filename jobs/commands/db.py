"""`countersign db`: schema, rollups and backup."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from core.naming import plural
from core.settings import load
from jobs.clock import utc_now
from jobs.commands.context import DONE, REFUSED, config_option
from storage import backup, migrate, rollups
from storage.database import Database


@click.group()
def db() -> None:
    """Look after the database."""


def _open(config: Path) -> Database:
    file = load(config)
    return Database.open(file.settings.database, base=file.folder)


@db.command()
@config_option
def upgrade(config: Path) -> None:
    """Bring the schema up to this program's version."""
    with _open(config) as database:
        migrate.upgrade(database)
        click.echo(f"schema {migrate.current(database)}")


@db.command()
@config_option
def check(config: Path) -> None:
    """Compare schema, rollups and rows; exits 1 and lists what differs."""
    with _open(config) as database:
        migrate.demand_current(database)
        with database.reading() as connection:
            found = migrate.drift(database) + rollups.differences(connection)
    for line in found:
        click.echo(line)
    click.echo(f"{len(found)} {plural(len(found), 'difference')}")
    sys.exit(REFUSED if found else DONE)


@db.command()
@config_option
def rebuild(config: Path) -> None:
    """Count all rollups anew from the rows."""
    with _open(config) as database:
        migrate.demand_current(database)
        with database.writing() as connection:
            rollups.rebuild(connection, utc_now())
    click.echo("rollups rebuilt")


@db.command("backup")
@config_option
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def backup_command(config: Path, target: Path) -> None:
    """Write a consistent copy of an SQLite database; use pg_dump for PostgreSQL."""
    with _open(config) as database:
        backup.write(database, target)
    click.echo(str(target))
