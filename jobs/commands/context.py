"""What every command starts from: where the settings are, how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

DONE, REFUSED, USAGE, UNDECIDED, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 70, 130


def config_option(command: Any) -> Any:
    """Add `--config`, which falls back to COUNTERSIGN_CONFIG and then ./countersign.yaml."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("countersign.yaml"),
        envvar="COUNTERSIGN_CONFIG",
        show_envvar=True,
        show_default=True,
        help="The settings file.",
    )(command)
