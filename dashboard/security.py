"""Who may ask, and what an answer may do in a browser.

Without a login the loopback address is the only fence, and a browser is inside it. So: the Host
must be one of ours (against DNS rebinding), a POST must come from our own pages (Origin and
Sec-Fetch-Site) and carry a token that only our pages hold, and every answer says what it may load.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from flask import Flask, Response, abort, g, request

from dashboard.site import site

COOKIE = "countersign_token"
FIELD = "token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_FORM_BYTES = 16 * 1024
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?\Z")
_COOKIE = re.compile(r"[0-9a-f]{64}\Z")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `no-referrer` would turn the Origin of our own forms into `null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def install(application: Flask) -> None:
    """Put the checks before every request and the headers on every answer."""
    application.config["MAX_CONTENT_LENGTH"] = MAX_FORM_BYTES
    application.before_request(_check_host)
    application.before_request(_check_origin)
    application.before_request(_check_text)
    application.after_request(_finish)


def form_token() -> str:
    """Return the token for a form on this page.

    It differs each time, so that it cannot be guessed from the size of compressed answers.
    """
    if "cookie" not in g:
        given = request.cookies.get(COOKIE, "")
        g.cookie = given if _COOKIE.match(given) else secrets.token_hex(32)
    salt = secrets.token_hex(16)
    return f"{salt}.{_proof(g.cookie, salt)}"


def _proof(cookie: str, salt: str) -> str:
    return hmac.new(site().secret, f"{cookie}.{salt}".encode(), hashlib.sha256).hexdigest()


def _check_host() -> None:
    found = _HOST.match(request.headers.get("Host", ""))
    if found is None or found[1].lower() not in site().settings.serve.allowed_hosts:
        abort(400, "This name is not one the dashboard answers to (serve.allowed_hosts).")


def _check_origin() -> None:
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    fetched = request.headers.get("Sec-Fetch-Site")
    ours = f"{request.scheme}://{request.headers['Host']}"
    if (origin, fetched) == (None, None) or origin not in (None, ours):
        abort(403, "The request does not come from a page of this dashboard.")
    if fetched not in (None, "same-origin"):
        abort(403, "The request does not come from a page of this dashboard.")
    salt, _, proof = request.form.get(FIELD, "").partition(".")
    cookie = request.cookies.get(COOKIE, "")
    expected = _proof(cookie, salt).encode()
    if not _COOKIE.match(cookie) or not hmac.compare_digest(proof.encode(), expected):
        abort(403, "The form is too old: load its page again and repeat what you asked for.")


def _check_text() -> None:
    # No name holds a NUL, and PostgreSQL takes none: not even to say that it knows no such name.
    if any("\0" in text for text in (request.path, *request.args.values())):
        abort(400, "The address holds a NUL, and no name does.")


def _finish(response: Response) -> Response:
    for name, text in HEADERS.items():
        response.headers[name] = text
    response.headers.setdefault("Cache-Control", "no-cache")
    if "cookie" in g:
        response.set_cookie(COOKIE, g.cookie, httponly=True, samesite="Strict", path="/")
    return response
