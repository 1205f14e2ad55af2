"""Credentials: Basic, and the token exchange of container registries.

A registry answers 401 and names a token service (the *realm*); we fetch a token there, with the
user's name and password if there are any, and offer it to the registry (distribution's token
authentication specification). The realm is a word of whoever answered: credentials go there only
if it is the configured origin itself or a host the settings list, and never over a plain
connection that the user did not configure.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlencode

from core import wire
from core.errors import DeniedError, MalformedError, RefusedError
from core.limits import Limits
from core.text import display
from net.address import Origin, Target, read_url

MAX_TOKEN = 64 * 1024
MAX_TOKENS = 10_000
LEAST_SECONDS = 60  # what the specification lets a client assume where `expires_in` is missing
MOST_SECONDS = 3600
SHARE = 0.9  # of its life in which a token is used: the rest is for the way
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/=]+\Z")
_SCHEME = re.compile(r"[ \t,]*([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:[ \t]+|\Z)")
_PARAMETER = re.compile(
    r"[ \t,]*([A-Za-z0-9_-]+)[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]+))[ \t]*(?=,|\Z)"
)
_REPOSITORY = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/")
_SCOPED = re.compile(r"repository:([^:]+):")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password (or token) for one origin."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617, UTF-8)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the monotonic second after which it is not used any more."""

    header: str = field(repr=False)
    until: float


def read_challenges(header: str) -> dict[str, dict[str, str]]:
    """Return scheme → parameters (names lower case) of a WWW-Authenticate header (RFC 9110, 11.6).

    Reading stops at the first part that is neither; what was read until then counts.
    """
    found: dict[str, dict[str, str]] = {}
    place = 0
    current: dict[str, str] = {}
    while place < len(header):
        parameter = _PARAMETER.match(header, place)
        if parameter is not None:
            quoted = parameter[2]
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else parameter[3]
            current.setdefault(parameter[1].lower(), value)
            place = parameter.end()
            continue
        scheme = _SCHEME.match(header, place)
        if scheme is None:
            break
        current = found.setdefault(scheme[1].lower(), {})
        place = scheme.end()
    return found


class Authority:
    """What is offered to the home origin. Safe to use from several threads."""

    def __init__(
        self,
        home: Origin,
        fetch: Callable[[str, Mapping[str, str]], bytes],
        limits: Limits,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._home, self._fetch, self._limits, self._clock = home, fetch, limits, clock
        self._credentials: Credentials | None = None
        self._token_origins: frozenset[Origin] = frozenset()
        self._is_basic = False
        self._tokens: dict[str, Token] = {}
        self._lock = threading.Lock()

    def use(self, credentials: Credentials | None, token_origins: frozenset[Origin]) -> None:
        """Take credentials, and the origins beside home that may be given them."""
        self._credentials, self._token_origins = credentials, token_origins

    def header(self, path: str) -> str:
        """Return what to send with the first try, or ''."""
        if self._is_basic and self._credentials is not None:
            return self._credentials.basic
        token = self._tokens.get(_space(path))
        return token.header if token is not None and self._clock() < token.until else ""

    def answer(self, path: str, challenge: str, sent: str) -> str:
        """Return what to send after a 401, or '' when there is nothing else to offer."""
        offered = read_challenges(challenge)
        if "bearer" in offered:
            return self._bearer(path, offered["bearer"], sent)
        if "basic" in offered and self._credentials is not None:
            self._is_basic = True
            basic = self._credentials.basic
            return basic if basic != sent else ""
        return ""

    def _bearer(self, path: str, challenge: Mapping[str, str], sent: str) -> str:
        scope = challenge.get("scope", "")
        scoped = _SCOPED.match(scope)
        space = f"/v2/{scoped[1]}/" if scoped is not None else path.partition("?")[0]
        with self._lock:
            known = self._tokens.get(space)
            if known is not None and known.header != sent and self._clock() < known.until:
                return known.header  # another thread was here first
            if len(self._tokens) >= MAX_TOKENS:
                self._tokens.clear()
            token = self._tokens[space] = self._fetch_token(challenge)
            return token.header

    def _fetch_token(self, challenge: Mapping[str, str]) -> Token:
        realm = self._realm(challenge.get("realm", ""))
        asked = {key: challenge[key] for key in ("service", "scope") if challenge.get(key)}
        joiner = "&" if "?" in realm.path else "?"
        url = f"{realm.url}{joiner}{urlencode(asked)}" if asked else realm.url
        headers = {} if self._credentials is None else {"Authorization": self._credentials.basic}
        body = self._fetch(url, headers)
        try:
            return self._read_token(body)
        except MalformedError as error:
            raise DeniedError(f"{realm.origin}: no token in the answer: {error}") from None

    def _realm(self, written: str) -> Target:
        try:
            realm = read_url(written)
        except (MalformedError, RefusedError) as error:
            raise type(error)(f"{self._home} names no usable token service: {error}") from None
        known = realm.origin == self._home or realm.origin in self._token_origins
        if realm.origin.scheme != "https" and not known:
            raise RefusedError(f"{self._home} names a token service without TLS: {realm.origin}")
        if self._credentials is not None and not known:
            raise RefusedError(
                f"{self._home} wants the credentials sent to another host, {realm.origin};"
                f" if that is right, add {display(realm.origin.authority)} to `token_hosts`"
            )
        return realm

    def _read_token(self, body: bytes) -> Token:
        document = wire.as_mapping(wire.read_json(body, limits=self._limits), "a token answer")
        text = wire.optional_text(document, "token") or wire.text(document, "access_token")
        if len(text) > MAX_TOKEN or not _TOKEN.match(text):
            raise MalformedError("the token is not one word of the token alphabet")
        seconds = LEAST_SECONDS
        if document.get("expires_in") is not None:
            seconds = wire.integer(document, "expires_in")
        life = min(max(seconds, LEAST_SECONDS), MOST_SECONDS) * SHARE
        return Token(f"Bearer {text}", self._clock() + life)


def _space(path: str) -> str:
    """Return under which key a token for this path is kept: one per repository, else per path."""
    match = _REPOSITORY.match(path)
    return f"/v2/{match[1]}/" if match is not None else path.partition("?")[0]
