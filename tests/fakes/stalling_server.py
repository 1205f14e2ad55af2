"""A server on loopback that takes every request and never answers one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class StallingServer:
    """Where it listens, and what was asked of it."""

    listener: socket.socket
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))  # requests
    _held: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def hang_up(self) -> None:
        """Close what is held: whoever waits for an answer gets none."""
        for one in self._held:
            one.close()

    def hold(self) -> None:
        """Take requests until the listener is closed."""
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self._held.append(taken)
            if taken.recv(65536):
                self.asked.release()


@contextmanager
def stalling_server() -> Iterator[StallingServer]:
    """Listen until the block is left."""
    server = StallingServer(socket.create_server(("127.0.0.1", 0)))
    holding = threading.Thread(target=server.hold)
    holding.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        holding.join()
        server.hang_up()
