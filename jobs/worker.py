"""The scheduler as a child process of `serve`: it dies with its parent, and is started again."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

ROOT = Path(__file__).parent.parent
PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 15
RESTART_SECONDS = 5.0
log = structlog.get_logger(__name__)


class Worker:
    """Keeps one `countersign work` running until told to stop."""

    def __init__(self, config: Path) -> None:
        work = [str(ROOT / "app.py"), "work", "--wait", "--config", str(config)]
        self._command = [sys.executable, *work]
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._process = self._start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, preexec_fn=_die_with_parent)  # noqa: S603, PLW1509 - our own program; one prctl call

    def _watch(self) -> None:
        while True:
            code = self._process.wait()
            if self._ended.wait(RESTART_SECONDS):
                return
            log.warning("the scheduler died and is started again", code=code)
            with self._lock:
                if not self._ended.is_set():
                    self._process = self._start()

    def stop(self) -> None:
        """End it, first kindly."""
        with self._lock:
            self._ended.set()
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def worker_process(config: Path) -> Iterator[None]:
    """Run the scheduler for the length of the block."""
    worker = Worker(config.absolute())
    try:
        yield
    finally:
        worker.stop()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
