"""Set up what commands that run for long write to their log (core/logs.py)."""

from __future__ import annotations

import logging

from core import logs


def configure(level: int = logging.INFO) -> None:
    """Set up structlog; called once by `main`."""
    logs.configure(level)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
