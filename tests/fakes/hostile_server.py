"""An HTTP server that answers exactly what a test wrote, byte for byte.

    with HostileServer({"/v2/": answer(200, b"{}")}) as server:
        server.url, server.asked

A script maps a path (with query) to one `Step` or a list of them, taken in turn, the last one for
good. An unknown path is a 404. After its bytes a step keeps the connection, closes it, resets it,
says nothing more until the server is closed, or (`stray`) once `go` is set sends what nobody asked
for and sets `sent`.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

After = Literal["keep", "close", "reset", "stall", "stray"]


STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """What is sent, and what happens then."""

    head: bytes
    body: bytes = b""
    after: After = "keep"


Answer = Step | Callable[[Asked], Step]
Script = dict[str, Answer | Sequence[Answer]]


def answer(
    status: int,
    body: bytes = b"",
    *,
    after: After = "keep",
    length: int | None = None,
    fields: Mapping[str, str] | None = None,
    **more: str,
) -> Step:
    """Return a step with the right Content-Length (or the one given), `a_b` becoming `a-b`."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {size}"]
    named = {**(fields or {}), **more}
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    return Step(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body, after)


def raw(content: bytes, *, after: After = "close") -> Step:
    """Return a step of exactly these bytes."""
    return Step(content, after=after)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while (asked := self._read()) is not None:
            step = self.server.owner.step_for(asked)
            try:
                body = step.body if asked.method != "HEAD" else b""
                self.request.sendall(step.head + body)
            except OSError:
                return
            if step.after == "stall":
                self.server.owner.closing.wait()
            if step.after == "stray":
                self.server.owner.go.wait()
                self.request.sendall(STRAY)
                self.server.owner.sent.set()
                continue
            if step.after == "reset":
                linger = struct.pack("ii", 1, 0)
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if step.after != "keep":
                return

    def _read(self) -> Asked | None:
        try:
            line = self.rfile.readline(65536).decode("latin-1").split()
            headers: dict[str, str] = {}
            while field_line := self.rfile.readline(65536).decode("latin-1").strip():
                name, _, value = field_line.partition(":")
                headers[name.lower()] = value.strip()
        except OSError:
            return None
        return Asked(line[0], line[1], headers) if len(line) == 3 else None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    owner: HostileServer

    def get_request(self) -> tuple[socket.socket, object]:
        connection, client = super().get_request()
        tls = self.owner.tls
        if tls is None:
            return connection, client
        return tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), client

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients of these tests hang up in the middle."""

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        request.close()  # no orderly shutdown, so that a reset is a reset


@dataclass
class HostileServer:
    """The server; a context manager. `asked` lists requests in the order they came."""

    script: Script
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    sent: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._turns: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def port(self) -> int:
        """The port that was free."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The server's own URL, without a path."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """Return `METHOD path` of every request so far."""
        return [f"{one.method} {one.path}" for one in self.asked]

    def step_for(self, asked: Asked) -> Step:
        """Return what the script says to a request, and count it."""
        with self._lock:
            self.asked.append(asked)
            found = self.script.get(f"{asked.method} {asked.path}", self.script.get(asked.path))
            if found is None:
                return answer(404, b"no such path")
            if isinstance(found, Step) or callable(found):
                chosen = found
            else:
                turn = self._turns.get(asked.path, 0)
                self._turns[asked.path] = turn + 1
                chosen = found[min(turn, len(found) - 1)]
        return chosen if isinstance(chosen, Step) else chosen(asked)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
