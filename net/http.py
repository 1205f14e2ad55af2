"""Bounded HTTP for one source: what collectors and identity speak with.

    Http(limits, home=url).get(url) → Response        .head(url)        .spool(url, path, limit=…)

Every request is bounded in time, bytes, tries and redirects. Nothing is decompressed, proxies from
the environment are not used, cookies are not kept, and no credential leaves the configured origin
(`net/bearer.py`). Where a redirect leads is judged before it is followed (`net/address.py`).
"""

from __future__ import annotations

import hashlib
import http.client
import re
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from core.errors import (
    DeniedError,
    MalformedError,
    RefusedError,
    ThrottledError,
    TooLargeError,
    UnreachableError,
)
from core.limits import Limits
from core.model import Digest
from core.text import display
from net.address import Origin, Resolve, Target, follow, read_url, resolve_host, shown
from net.answer import Response, Spooled, Traffic
from net.bearer import Authority, Credentials
from net.connection import GLANCE_SECONDS, FaultError, PassingFaultError
from net.pool import Pool

CHUNK = 64 * 1024
MAX_COMPLAINT = 64 * 1024  # of the body of a refusal: the rest is not read
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 60.0
_FOUND = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({500, 502, 503, 504})
_PACKED = re.compile(r"\.(?:gz|tgz|xz|bz2|zst|lz4|lzma)\Z")
_PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_FIELD = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")
T = TypeVar("T")
__all__ = ["Http", "Response", "Spooled", "Traffic"]


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request as the caller meant it."""

    method: str
    url: str
    headers: Mapping[str, str]
    limit: int
    for_token: bool = False  # a request for a token never asks for another token


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    size: int
    url: str


Sink = Callable[[bytes], object]


class Http:
    """One source's HTTP: keep-alive, limits, redirects by hand, addresses checked. Thread-safe.

    Raises UnreachableError, DeniedError (401, 403), ThrottledError (429, 503 with Retry-After),
    RefusedError, TooLargeError and MalformedError (an encoded answer, a broken URL); other
    statuses are returned. Passing faults are retried up to `limits.attempts` times with a growing,
    bounded pause (`pause` is injected). A stop asked for through `cancelled` ends a request within
    a second (CollectionError, SCAN_INCOMPLETE), except while a connection is being opened.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        home: str,  # the URL configured for the source: its host may be private or loopback
        user_agent: str = "countersign",
        pause: Callable[[float], None] | None = None,  # default: sleep, unless cancelled
        cancelled: Callable[[], bool] = lambda: False,
        resolve: Resolve = resolve_host,
        tls: ssl.SSLContext | None = None,  # default: the system's authorities
    ) -> None:
        self.limits, self.home, self.user_agent = limits, home, user_agent
        self.traffic = Traffic()
        self._pause, self._cancelled = pause or self._sleep, cancelled
        self._home = read_url(home).origin if home else None
        allowed = frozenset({self._home}) if self._home is not None else frozenset()
        self._pool = Pool(limits, allowed, cancelled, resolve, tls)
        self._authority = (
            Authority(self._home, self._fetch_token, limits) if self._home is not None else None
        )

    def authenticate(
        self, credentials: Credentials | None, *, token_hosts: Collection[str] = ()
    ) -> None:
        """Use these credentials for home, and for the token services at `token_hosts`.

        A host is `name`, `name:port` or an URL up to the path; such a host may be private.
        """
        if self._authority is None:
            raise RefusedError("credentials need a home: the source has no URL")
        origins = self._configured(token_hosts)
        self._authority.use(credentials, origins)
        self._pool.allowed |= origins

    def allow(self, hosts: Collection[str]) -> None:
        """Let requests lead to these hosts (as in `authenticate`) though they be private.

        A URL stands for exactly its scheme, host and port.
        """
        self._pool.allowed |= self._configured(hosts)

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, limit: int | None = None
    ) -> Response:
        """GET and read at most `limit` bytes (default: `limits.document_bytes`)."""
        most = self.limits.document_bytes if limit is None else limit
        return self._whole(_Ask("GET", url, headers or {}, most))

    def head(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """HEAD."""
        return self._whole(_Ask("HEAD", url, headers or {}, 0))

    def spool(self, url: str, to: Path, *, limit: int) -> Spooled:
        """GET into the file `to`, at most `limit` bytes."""
        ask = _Ask("GET", url, {}, limit)

        def once() -> Spooled:
            hashed = hashlib.sha256()
            with to.open("wb") as opened:

                def write(chunk: bytes) -> None:
                    hashed.update(chunk)
                    opened.write(chunk)

                answer = self._exchange(ask, write)
                size = answer.size if answer.status == _FOUND else opened.truncate(0)
            known = Digest("sha256", (hashed if size else hashlib.sha256()).hexdigest())
            return Spooled(answer.status, answer.headers, to, size, answer.url, {"sha256": known})

        return self._patiently(ask, once)

    def close(self) -> None:
        """Close all idle connections."""
        self._pool.close()

    # --- tries -----------------------------------------------------------------------------------

    def _whole(self, ask: _Ask) -> Response:
        def once() -> Response:
            chunks: list[bytes] = []
            answer = self._exchange(ask, chunks.append)
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            return Response(answer.status, answer.headers, body, answer.url)

        return self._patiently(ask, once)

    def _patiently(self, ask: _Ask, once: Callable[[], T]) -> T:
        last = self.limits.attempts
        for attempt in range(1, last + 1):
            wait = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), MAX_PAUSE_SECONDS)
            try:
                return once()
            except PassingFaultError as fault:
                if attempt == last:
                    tries = f" (tried {last} times)" if last > 1 else ""
                    raise UnreachableError(f"{shown(ask.url)}: {fault}{tries}") from None
            except FaultError as fault:
                raise UnreachableError(f"{shown(ask.url)}: {fault}") from None
            except ThrottledError as error:
                if attempt == last or error.retry_after > MAX_PAUSE_SECONDS:
                    raise
                wait = max(wait, error.retry_after)
            self._pause(wait)
        raise AssertionError("the last attempt returns or raises")

    # --- one try: redirects and credentials ------------------------------------------------------

    def _exchange(self, ask: _Ask, sink: Sink) -> _Answer:
        asked = target = read_url(ask.url)
        headers = {**ask.headers, "User-Agent": self.user_agent}
        for _ in range(self.limits.redirects + 1):
            try:
                answer = self._authorised(ask, target, headers, sink)
            except RefusedError as error:
                if target == asked:
                    raise
                raise RefusedError(f"{shown(ask.url)} redirects: {error}") from None
            location = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            there = follow(target, location)
            if target.origin.scheme == "https" and there.origin.scheme == "http":
                raise RefusedError(
                    f"{shown(target.url)} redirects to a plain connection, {there.origin}"
                )
            if there.origin != target.origin:
                headers = {k: v for k, v in headers.items() if k.lower() not in _PRIVATE_HEADERS}
            target = there
        raise RefusedError(
            f"{shown(ask.url)} redirects more than {self.limits.redirects} times"
            " (limits.redirects); put the final address into the settings"
        )

    def _authorised(
        self, ask: _Ask, target: Target, headers: Mapping[str, str], sink: Sink
    ) -> _Answer:
        authority = self._authority
        if authority is None or ask.for_token or target.origin != self._home:
            return self._judged(target, self._once(ask, target, headers, sink))
        offered = authority.header(target.path)
        answer = self._once(ask, target, _with(headers, offered), sink)
        if answer.status == http.client.UNAUTHORIZED:
            challenge = answer.headers.get("www-authenticate", "")
            offered = authority.answer(target.path, challenge, offered)
            if offered:
                answer = self._once(ask, target, _with(headers, offered), sink)
        return self._judged(target, answer)

    def _judged(self, target: Target, answer: _Answer) -> _Answer:
        place = shown(target.url)
        if answer.status == http.client.UNAUTHORIZED:
            raise DeniedError(
                f"{place} wants credentials, or other ones; set `username` and `password` of the"
                " source, or renew them (401)"
            )
        if answer.status == http.client.FORBIDDEN:
            raise DeniedError(f"{place} may not be read; give the account read access (403)")
        retry_after = answer.headers.get("retry-after", "")
        if answer.status == http.client.TOO_MANY_REQUESTS or (
            answer.status == http.client.SERVICE_UNAVAILABLE and retry_after
        ):
            raise ThrottledError(
                f"{place} asks us to slow down ({answer.status}); scan less often, or use an"
                " account with a higher limit",
                retry_after=_seconds(retry_after, answer.headers.get("date", "")),
            )
        if answer.status in _PASSING:
            raise PassingFaultError(f"the server failed ({answer.status})")
        return answer

    def _fetch_token(self, url: str, headers: Mapping[str, str]) -> bytes:
        ask = _Ask("GET", url, headers, self.limits.document_bytes, for_token=True)
        response = self._whole(ask)
        if response.status != _FOUND:
            raise DeniedError(f"{shown(url)} gives no token (answer {response.status})")
        return response.body

    # --- one request -----------------------------------------------------------------------------

    def _once(self, ask: _Ask, target: Target, headers: Mapping[str, str], sink: Sink) -> _Answer:
        for name, value in headers.items():
            if not (_FIELD.match(name) and _FIELD.match(value)):
                raise MalformedError(f"a header for {shown(target.url)} holds a control character")
        self.traffic.count(requests=1)
        with self._pool.asked(ask.method, target, headers, ask.limit) as received:
            fields = _fields(received)
            answer_is_wanted = received.status == _FOUND
            if answer_is_wanted and ask.method == "GET":
                _refuse_encoding(target, fields)
                size = self._read(received, target, ask.limit, sink)
            else:
                size = self._skim(received, sink if ask.method == "GET" else None)
            return _Answer(received.status, fields, size, target.url)

    def _read(
        self, received: http.client.HTTPResponse, target: Target, limit: int, sink: Sink
    ) -> int:
        declared = received.length
        if declared is not None and declared > limit:
            raise TooLargeError(f"{shown(target.url)}: {declared} bytes, more than {limit}")
        size = 0
        while chunk := received.read(min(CHUNK, limit + 1 - size)):
            size += len(chunk)
            self.traffic.count(size=len(chunk))
            if size > limit:
                raise TooLargeError(f"{shown(target.url)}: more than {limit} bytes")
            sink(chunk)
        if declared is not None and size != declared:
            raise PassingFaultError(f"the answer broke off after {size} of {declared} bytes")
        return size

    def _skim(self, received: http.client.HTTPResponse, sink: Sink | None) -> int:
        """Read what a refusal says, as far as it is worth it; a longer one costs its connection."""
        body = received.read(MAX_COMPLAINT)
        self.traffic.count(size=len(body))
        if sink is not None and body and received.status not in _REDIRECTS:
            sink(body)
        return len(body)

    def _configured(self, hosts: Collection[str]) -> frozenset[Origin]:
        home = self._home.scheme if self._home is not None else "https"
        urls = [
            url
            for host in hosts
            for url in ([host] if "://" in host else [f"https://{host}", f"{home}://{host}"])
        ]
        return frozenset(read_url(url).origin for url in urls)

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._cancelled() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, GLANCE_SECONDS))


def _with(headers: Mapping[str, str], authorization: str) -> Mapping[str, str]:
    return {**headers, "Authorization": authorization} if authorization else headers


def _fields(received: http.client.HTTPResponse) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in received.headers.raw_items():
        key = name.lower()
        fields[key] = f"{fields[key]}, {value.strip()}" if key in fields else value.strip()
    return fields


def _refuse_encoding(target: Target, fields: Mapping[str, str]) -> None:
    encoding = fields.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity") or _PACKED.search(target.path.partition("?")[0]):
        return  # a packed file that a static server labels so: its bytes are what was asked for
    raise MalformedError(
        f"{shown(target.url)} is encoded ({display(encoding, 40)}) though we asked for plain bytes"
    )


def _seconds(retry_after: str, date: str) -> float:
    """Read Retry-After: seconds, or a date, which the answer's own Date is taken from."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        gap = parsedate_to_datetime(retry_after) - parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return max(gap.total_seconds(), 0.0)
