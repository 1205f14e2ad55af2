"""`countersign init`: a first settings file, starter policies, an empty database."""

from __future__ import annotations

import io
from pathlib import Path

import click
from ruamel.yaml import YAML

from core.errors import UsageError
from core.settings import load
from core.text import display
from jobs.commands.faults import naming
from jobs.discovery import Found, discover
from jobs.estate import Estate, build_estate, settings_entries
from storage import migrate
from storage.database import Database

LIBRARY = Path(__file__).parent.parent.parent / "policy" / "library"
HEAD = """\
# Countersign settings. docs/settings.md lists every option; a mistake here is reported with
# its line and column. Secrets stand only as {env: NAME} or {file: PATH}.

database: sqlite:///countersign.db   # or postgresql+psycopg://user@host/name
policies: policies/                  # every *.yaml in it; docs/policies.md

"""
NOTHING_FOUND = """\
# Name the places to scan, for example:
# sources:
#   - {id: prod, kind: oci, url: "https://registry.acme.example", repositories: ["acme/**"],
#      trust: [release], every: 15m, owner: platform}
sources: []
"""


@click.command()
@click.option("--discover", "discovering", is_flag=True, help="Find sources on this machine.")
@click.option("--example", is_flag=True, help="Build a small signed example estate to scan.")
@click.argument(
    "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), metavar="[DIR]"
)
def init(folder: Path, *, discovering: bool, example: bool) -> None:
    """Write countersign.yaml and starter policies into DIR and create the database."""
    target = folder / "countersign.yaml"
    if target.exists():
        raise UsageError(f"{target} exists; remove it, or name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    estate = build_estate(folder / "example") if example else None
    found = discover() if discovering else []
    _write_policies(folder / "policies")
    try:
        with naming(target):
            target.write_text(HEAD + _body(estate, found, folder), encoding="utf-8")
        file = load(target)
        with Database.open(file.settings.database, base=file.folder) as database:
            migrate.upgrade(database)
    except BaseException:
        target.unlink(missing_ok=True)  # half a beginning must not stand in the next one's way
        raise
    click.echo(f"wrote {display(str(target), 1000)}")
    for one in found:
        click.echo(f"found {one.summary}")


def _body(estate: Estate | None, found: list[Found], folder: Path) -> str:
    if estate is None and not found:
        return NOTHING_FOUND
    entries = settings_entries(estate, folder) if estate is not None else {}
    sources = [entries["source"]] if entries else []
    body: dict[str, object] = {"trust": entries["trust"]} if entries else {}
    return _yaml(body | {"sources": sources + [one.entry for one in found]})


def _yaml(body: dict[str, object]) -> str:
    written = io.StringIO()
    yaml = YAML(typ="rt")
    yaml.default_flow_style = None
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(body, written)
    return written.getvalue()


def _write_policies(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for source in sorted(LIBRARY.glob("*.yaml")):
        target = folder / source.name
        if not target.exists():
            with naming(target):
                target.write_bytes(source.read_bytes())
