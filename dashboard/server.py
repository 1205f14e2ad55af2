"""Serve the dashboard with gunicorn: one process beside ours, many threads, prompt to stop."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from core.errors import ConfigurationError
from dashboard.site import EXTENSION

TRIED_PORTS = 50
GRACE_SECONDS = 1  # for answers under way when SIGTERM comes; Ctrl-C cuts them off
PATIENCE_SECONDS = 10  # the parent's: the process that serves ends long before


def free_port(host: str, preferred: int) -> int:
    """Return the preferred port or the next free one after it; 0 lets the system choose.

    Raises ConfigurationError when none can be had. Another program may still take it before us.
    """
    last = min(65535, preferred + TRIED_PORTS)
    for port in range(preferred, last + 1):
        found = _bindable(host, port)
        if found:
            return found
    raise ConfigurationError(f"serve.port: no free port from {preferred} to {last} on {host}")


def serve(
    application: Flask,
    host: str,
    port: int,
    threads: int,
    announce: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; ends by SystemExit. `announce` is called once it listens."""
    # A database connection does not survive the fork: SQLite's locks belong to a process.
    application.extensions[EXTENSION].database.close()
    name = f"[{host}]" if ":" in host else host
    options = {"bind": f"{name}:{port}", "threads": threads, "when_ready": lambda _: announce()}
    _Server(application, options).run()


def _bindable(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return 0
            raise ConfigurationError(f"serve.host: {host} cannot be listened on: {error}") from None
        return int(probe.getsockname()[1])


class _Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Ends at once when it shall.

    Python would wait for every thread of the pool first, and one of them may wait for a browser
    that opened a connection and says nothing: the parent would lose patience and kill.
    """

    def run(self) -> None:
        self.cfg.set("graceful_timeout", GRACE_SECONDS)
        super().run()
        os._exit(0)

    def handle_quit(self, _signal: int, _frame: object) -> None:
        os._exit(0)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, application: Flask, options: dict[str, Any]) -> None:
        self._application = application
        self._options = {
            "worker_class": _Worker,
            "workers": 1,
            "graceful_timeout": PATIENCE_SECONDS,
            "loglevel": "warning",
            "control_socket_disable": True,
            "limit_request_line": 8190,
            **options,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, chosen in self._options.items():
            self.cfg.set(name, chosen)

    def load(self) -> Flask:
        return self._application
