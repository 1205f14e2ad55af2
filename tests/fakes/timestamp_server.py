"""A timestamp authority on loopback (RFC 3161 section 3.4), at a time that is set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from asn1crypto import tsp

from tests.verification.cms.timestamp_specimens import STAMPER, Stamper, response, token


def answer(request: bytes, at: datetime, made: Stamper = STAMPER) -> bytes:
    """Return a TimeStampResp to a TimeStampReq."""
    asked = tsp.TimeStampReq.load(request)
    imprint = asked["message_imprint"]
    held = token(
        made,
        hashed=imprint["hashed_message"].native,
        imprint=imprint["hash_algorithm"]["algorithm"].native,
        nonce=asked["nonce"].native,
        made_at=at,
    )
    return response(held)


@contextmanager
def timestamp_server(at: datetime) -> Iterator[str]:
    """Serve until the block ends, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = answer(self.rfile.read(int(self.headers["Content-Length"])), at)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            serving.join()
