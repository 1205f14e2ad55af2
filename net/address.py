"""Where a request may go: URLs read strictly, host names resolved once, addresses judged.

A registry, a mirror or an index may name any URL as the next step (a redirect, a token service, a
further page). Unless the user configured that very host and port, it must not lead into the
machine or the network the scanner runs in. The address that was judged is the address that is
connected to: a name that resolves to something else a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from core.errors import MalformedError, RefusedError, UnreachableError
from core.text import display

PORTS = {"http": 80, "https": 443}
MAX_URL = 8192
# RFC 3986, section 2: every character a URL may consist of; CR, LF, blanks and non-ASCII are none.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+\Z")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?\Z")
_MALFORMED = "is not a URL that can be asked for"
# RFC 6052: an IPv4 address hides in the last four bytes. RFC 8215: the local-use sibling.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_PROTOCOLS = ipaddress.IPv4Network("192.0.0.0/24")  # RFC 6890, 2.1: of which Python knows a part

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is asked; credentials belong to exactly one of these."""

    scheme: str
    host: str  # lower case, without brackets
    port: int

    @property
    def authority(self) -> str:
        """`host`, or `host:port` where the port is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Target:
    """One URL to ask for: an origin and what stands in the request line (path and query)."""

    origin: Origin
    path: str

    @property
    def url(self) -> str:
        """The URL, without fragment or credentials."""
        return f"{self.origin}{self.path}"


def read_url(url: str) -> Target:
    """Read an absolute http or https URL; raise MalformedError or RefusedError (user:password)."""
    if len(url) > MAX_URL:
        raise MalformedError(f"{shown(url)} is longer than {MAX_URL} characters")
    if not _URL.match(url):
        raise MalformedError(f"{shown(url)} {_MALFORMED}: it holds a blank, a control or non-ASCII")
    try:
        parts = urlsplit(url)
        origin = _origin(parts)
    except ValueError as error:
        raise MalformedError(f"{shown(url)} {_MALFORMED}: {display(str(error), 100)}") from None
    if "@" in parts.netloc:
        raise RefusedError(f"{shown(url)} carries credentials; they never stand in a URL")
    query = f"?{parts.query}" if parts.query else ""
    return Target(origin, f"{parts.path or '/'}{query}")


def _origin(parts: SplitResult) -> Origin:
    if parts.scheme not in PORTS:
        raise ValueError("it must start with https:// or http://")
    host = parts.hostname or ""
    if ":" in host:
        host = str(ipaddress.IPv6Address(host))  # no zone: it would name an interface of ours
        if "%" in host:
            raise ValueError("an address with a zone")
    elif not _HOST.match(host):
        raise ValueError("no valid host name")
    return Origin(parts.scheme, host, PORTS[parts.scheme] if parts.port is None else parts.port)


def follow(target: Target, reference: str) -> Target:
    """Return where `reference`, as told by `target`, leads; it may be relative."""
    try:
        joined = urljoin(target.url, reference)
    except ValueError:
        raise MalformedError(f"{shown(target.url)} sends us to something that is no URL") from None
    try:
        return read_url(joined)
    except (MalformedError, RefusedError) as error:
        raise type(error)(f"{shown(target.url)} sends us elsewhere: {error}") from None


def shown(url: str) -> str:
    """Return a URL fit for a message: no credentials, no query (it may hold a token), printable."""
    bare = url.partition("#")[0]
    bare, question, _ = bare.partition("?")
    scheme, separator, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    bare = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}" if separator else bare
    return display(bare + ("?…" if question else ""))


def is_public(address: IpAddress) -> bool:
    """Say whether an address lies in the open network, unwrapping IPv4 inside IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        if address in _NAT64_LOCAL or address.is_site_local:
            return False
    elif address in _PROTOCOLS:
        return False
    return address.is_global and not (
        address.is_multicast or address.is_unspecified or address.is_reserved
    )


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def resolve_host(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def addresses(origin: Origin, allowed: Collection[Origin], resolve: Resolve) -> list[str]:
    """Return the addresses to connect to; RefusedError if one of them is not public.

    `allowed` are the origins the user configured: only they may be private or loopback.
    """
    try:
        found = resolve(origin.host, origin.port)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise UnreachableError(
            f"{origin}: no address for this host; check the name and this machine's name server"
        )
    if origin not in allowed:
        for text in found:
            _refuse_private(origin, text)
    return found


def _refuse_private(origin: Origin, text: str) -> None:
    try:
        public = "%" not in text and is_public(ipaddress.ip_address(text))
    except ValueError:
        public = False
    if not public:
        raise RefusedError(
            f"{origin} leads to {display(text, 60)}, an address that is not public; only hosts"
            " that the source's settings name may be private"
        )
