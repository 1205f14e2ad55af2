"""A folder over HTTP on loopback, with conditional requests and a log of what was asked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

Validators = frozenset({"etag", "last-modified"})


@dataclass
class StaticServer:
    """What is served and what was asked. `answers` overrides a path: (status, body).

    `clients` are closed before the server is.
    """

    folder: Path
    url: str = ""
    validators: frozenset[str] = Validators
    requests: list[tuple[str, int]] = field(default_factory=list)  # path, status
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    clients: ExitStack = field(default_factory=ExitStack)

    def asked(self) -> list[tuple[str, int]]:
        """Return the log and begin a new one."""
        asked, self.requests[:] = list(self.requests), []
        return asked


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        served = cast("Any", self.server).served
        path = self.path.partition("?")[0]
        status, headers, body = _answer(served, path, self.headers.get)
        served.requests.append((path, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent: the log is `StaticServer.requests`."""


def _answer(
    served: StaticServer, path: str, header: Callable[[str], str | None]
) -> tuple[int, dict[str, str], bytes]:
    if path in served.answers:
        status, body = served.answers[path]
        return status, {}, body
    file = served.folder / path.lstrip("/")
    if not file.is_file():
        return 404, {}, b"no such file"
    body = file.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    modified = formatdate(file.stat().st_mtime, usegmt=True)
    headers = {"ETag": etag, "Last-Modified": modified}
    headers = {name: value for name, value in headers.items() if name.lower() in served.validators}
    asked = header("If-None-Match")
    same = asked == etag if asked is not None else header("If-Modified-Since") == modified
    return (304, headers, b"") if same and headers else (200, headers, body)


@contextmanager
def static_server(folder: Path) -> Iterator[StaticServer]:
    """Serve a folder until the block is left."""
    served = StaticServer(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    cast("Any", server).served = served
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with served.clients:
            yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
