"""The last touch on an answer: a tag by which a browser knows it has it already, and gzip."""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

MIN_BYTES = 1024
LEVEL = 6
PACKED = frozenset({"text/html", "application/json", "text/csv", "text/plain"})


def install(application: Flask) -> None:
    """Tag and compress what is not streamed."""
    application.after_request(_finish)


def _finish(response: Response) -> Response:
    if response.is_streamed or response.direct_passthrough or response.status_code != 200:  # noqa: PLR2004 - HTTP
        return response
    if response.mimetype not in PACKED or "Content-Encoding" in response.headers:
        return response
    if request.method in {"GET", "HEAD"}:
        response.add_etag(weak=True)
        response.make_conditional(request)
    response.vary.add("Accept-Encoding")
    if response.status_code == 200:  # noqa: PLR2004 - not become a 304
        _pack(response)
    return response


def _pack(response: Response) -> None:
    body = response.get_data()
    if len(body) < MIN_BYTES or not request.accept_encodings["gzip"] > 0:
        return
    response.set_data(gzip.compress(body, LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
