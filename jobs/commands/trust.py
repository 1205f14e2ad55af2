"""`countersign trust`: the Sigstore trusted roots that come with us, fetched anew on request."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from core.errors import CollectionError, MalformedError, UsageError
from core.text import display
from jobs.commands.context import DONE, UNDECIDED, config_option


@click.group()
def trust() -> None:
    """Refresh trusted roots."""


@trust.command("refresh")
@config_option
@click.argument("names", nargs=-1, metavar="[ROOT...]")
def refresh_roots(config: Path, names: tuple[str, ...]) -> None:
    """Fetch `builtin` roots of the settings through TUF; exits 3 when one is out of reach.

    Without names: all of them. They are written to trust/refreshed/ beside the settings, and used
    from then on; without this command nothing is ever fetched.
    """
    from core.settings import load
    from jobs.trust_refresh import builtin_refresh, refresh

    file = load(config)
    known = [name for name, root in file.settings.trust.roots.items() if root == "builtin"]
    unknown = [name for name in names if name not in known]
    if unknown:
        words = f"the settings have no `builtin` root `{display(unknown[0])}`"
        raise UsageError(f"{words}; they have {', '.join(known) or 'none'}")
    if not known:
        click.echo(f"no builtin root in the settings: {display(str(config), 1000)}")
    reached = True
    for name in dict.fromkeys(names or known):
        try:
            done = refresh(name, builtin_refresh(name, file.folder), file.settings.limits)
        except (CollectionError, MalformedError) as error:
            click.echo(f"{name}: {display(str(error), 1000)}")
            reached = False
        else:
            click.echo(f"{name}: {'new' if done.is_new else 'unchanged'}, {done.digest}")
    sys.exit(DONE if reached else UNDECIDED)
