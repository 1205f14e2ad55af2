"""Keep-alive connections, by origin. Safe to use from several threads."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from core.limits import Limits
from core.text import display
from net.address import Origin, Resolve, Target, addresses
from net.connection import Connection, PassingFaultError, Patience

IDLE_PER_ORIGIN = 64  # connections kept open while nobody asks


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: Target
    headers: Mapping[str, str]
    most: int


class Pool:
    """Connections to every origin one source's requests lead to."""

    def __init__(
        self,
        limits: Limits,
        allowed: frozenset[Origin],
        cancelled: Callable[[], bool],
        resolve: Resolve,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.allowed = allowed  # origins the user configured: they may be private
        self._limits, self._cancelled, self._resolve, self._tls = limits, cancelled, resolve, tls
        self._idle: dict[Origin, list[Connection]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def asked(
        self, method: str, target: Target, headers: Mapping[str, str], most: int
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request and lend the answer; FaultError when none, or a broken one, comes.

        The answer's body may have `most` bytes. The connection is kept for the next request if the
        answer was read to its end.
        """
        request = _Request(method, target, headers, most)
        connection, received = self._send(request)
        kept = False
        try:
            yield received
            kept = received.isclosed() and connection.sock is not None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PassingFaultError(_words(error)) from None
        finally:
            if kept:
                self._keep(connection)
            else:
                received.close()
                connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _send(self, request: _Request) -> tuple[Connection, http.client.HTTPResponse]:
        idle = self._take(request.target.origin)
        if idle is not None:
            try:
                return idle, _asked(idle, request)
            except (OSError, http.client.HTTPException):
                idle.close()  # it was closed while it lay idle: the request was not served
            except BaseException:
                idle.close()
                raise
        fresh = self._connect(request.target.origin)
        try:
            return fresh, _asked(fresh, request)
        except (OSError, http.client.HTTPException, ValueError) as error:
            fresh.close()
            raise PassingFaultError(_words(error)) from None
        except BaseException:
            fresh.close()
            raise

    def _take(self, origin: Origin) -> Connection | None:
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                connection = idle.pop() if idle else None
            if connection is None or connection.is_usable:
                return connection
            connection.close()

    def _keep(self, connection: Connection) -> None:
        with self._lock:
            idle = self._idle.setdefault(connection.origin, [])
            if len(idle) < IDLE_PER_ORIGIN:
                idle.append(connection)
                return
        connection.close()

    def _connect(self, origin: Origin) -> Connection:
        found = addresses(origin, self.allowed, self._resolve)
        patience = Patience(self._limits, self._cancelled)
        connection = Connection(origin, found, patience, self._context(origin))
        connection.connect()
        return connection

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        if origin.scheme != "https":
            return None
        with self._lock:
            if self._tls is None:
                self._tls = ssl.create_default_context()
            return self._tls


def _asked(connection: Connection, request: _Request) -> http.client.HTTPResponse:
    connection.patience.begin(request.most)
    connection.request(request.method, request.target.path, headers=request.headers)
    return connection.getresponse()


def _words(error: Exception) -> str:
    match error:
        case http.client.IncompleteRead():
            return "the answer broke off"
        case http.client.RemoteDisconnected():
            return "the server closed the connection without an answer"
        case http.client.HTTPException():
            return f"not HTTP: {display(str(error) or type(error).__name__, 100)}"
        case ValueError():
            return "not HTTP: a number that is none"
        case OSError():
            return f"the connection broke: {display(error.strerror or str(error), 100)}"
    return type(error).__name__
