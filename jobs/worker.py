"""The scheduler as a child process of `serve`: it dies with its parent, whatever kills that."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 15


@contextmanager
def worker_process(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `countersign work` for the length of the block."""
    command = [sys.executable, str(ROOT / "app.py"), "work", "--config", str(config.absolute())]
    process = subprocess.Popen(command, preexec_fn=_die_with_parent)  # noqa: S603, PLW1509 - our own program; one prctl call
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
