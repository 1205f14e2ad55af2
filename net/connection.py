"""One connection: to an address that was judged, with a deadline over everything it receives.

`http.client` speaks the protocol. What it reads from is ours: before every read the silence
allowed, the deadline of the whole answer and the wish to stop are looked at, so that neither a
stalled server nor one that drips a byte at a time (in a header, a chunk size, a body) holds a scan.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from core.errors import CollectionError
from core.limits import Limits
from net.address import Origin

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GLANCE_SECONDS = 1.0  # how long a wish to stop may go unnoticed
BUFFER_BYTES = 64 * 1024
WIRE_BYTES = 1024 * 1024  # heads, and what a refusal says


class FaultError(Exception):
    """No usable answer; `str()` says why, without the URL."""


class PassingFaultError(FaultError):
    """The same, in a way that another try may mend."""


@dataclass(slots=True)
class Patience:
    """How long one answer may take."""

    limits: Limits
    cancelled: Callable[[], bool]
    deadline: float = 0.0
    room: int = 0

    def begin(self, most: int) -> None:
        """Start the clock for one answer with a body of at most `most` bytes.

        The bytes of the wire are bounded as well: http.client takes a chunk of negative size for
        "everything", and would read answers that are only interim (100) for ever.
        """
        self.deadline = monotonic() + self.limits.total_seconds
        self.room = WIRE_BYTES + 2 * most

    def receive(self, sock: socket.socket, buffer: WriteableBuffer) -> int:
        """Read once; raise FaultError on silence or excess, CollectionError when asked to stop."""
        if self.room <= 0:
            raise FaultError("an answer far larger than what it says or may be")
        size = self._received(sock, buffer)
        self.room -= size
        return size

    def _received(self, sock: socket.socket, buffer: WriteableBuffer) -> int:
        silence = monotonic() + self.limits.read_seconds
        while True:
            if self.cancelled():
                raise CollectionError("the scan was stopped", reason="SCAN_INCOMPLETE")
            now = monotonic()
            if now >= self.deadline:
                seconds = self.limits.total_seconds
                raise FaultError(f"no whole answer within {seconds:g} s (total_seconds)")
            if now >= silence:
                seconds = self.limits.read_seconds
                raise PassingFaultError(f"no byte for {seconds:g} s (read_seconds)")
            sock.settimeout(min(silence - now, self.deadline - now, GLANCE_SECONDS))
            try:
                return sock.recv_into(buffer)
            except TimeoutError:
                continue


class _Reader(io.RawIOBase):
    def __init__(self, guarded: GuardedSocket) -> None:
        self._guarded = guarded

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._guarded.patience.receive(self._guarded.sock, buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._guarded.release()


class GuardedSocket:
    """What `http.client` takes for a socket; closed when it and all its readers are."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self.sock, self.patience = sock, patience
        self._holders = 1

    def sendall(self, content: bytes) -> None:
        """Send everything."""
        self.sock.settimeout(self.patience.limits.read_seconds)
        self.sock.sendall(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader of one answer."""
        self._holders += 1
        return io.BufferedReader(_Reader(self), BUFFER_BYTES)

    def is_quiet(self) -> bool:
        """Say whether nothing has arrived since the last answer: no farewell, no stray bytes."""
        try:
            poll = select.poll()
            poll.register(self.sock, select.POLLIN)
            return not poll.poll(0)
        except (OSError, ValueError):
            return False

    def release(self) -> None:
        """Let go for one holder."""
        self._holders -= 1
        if self._holders == 0:
            self.sock.close()

    def close(self) -> None:
        """Let go for the connection; a reader that is still open keeps the socket."""
        self.release()


class Connection(http.client.HTTPConnection):
    """A connection to one of the addresses that were judged for this origin."""

    def __init__(
        self, origin: Origin, addresses: list[str], patience: Patience, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(origin.host, origin.port)
        self.origin, self.patience = origin, patience
        self.default_port = 443 if tls is not None else 80
        self._addresses, self._tls = addresses, tls

    def connect(self) -> None:
        """Open the connection; FaultError, a passing one unless TLS is not trusted."""
        opened = self._open()
        # http.client asks of a socket only what GuardedSocket has.
        self.sock = GuardedSocket(opened, self.patience)

    def _open(self) -> socket.socket:
        latest = monotonic() + self.patience.limits.connect_seconds
        fault = "no address"
        for address in self._addresses:
            left = latest - monotonic()
            if left <= 0:
                break
            try:
                return self._open_at(address, left)
            except ssl.SSLCertVerificationError as error:
                raise FaultError(
                    f"its TLS certificate is not accepted: {error.verify_message}; add its"
                    " authority to this machine's certificates, or correct the host name"
                ) from None
            except OSError as error:
                fault = f"no connection: {error.strerror or error}"
        raise PassingFaultError(fault)

    def _open_at(self, address: str, seconds: float) -> socket.socket:
        opened = socket.create_connection((address, self.origin.port), seconds)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return opened
            return self._tls.wrap_socket(opened, server_hostname=self.origin.host)
        except BaseException:
            opened.close()
            raise

    @property
    def is_usable(self) -> bool:
        """Say whether another request may go over this connection."""
        return isinstance(self.sock, GuardedSocket) and self.sock.is_quiet()
