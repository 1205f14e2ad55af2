"""What shall be scanned next: each source at most once, in the order it was wished for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """A source to be scanned; `slot` names the due run that the scan answers."""

    name: str
    slot: str | None
    not_before: float = 0.0  # on the monotonic clock, seconds


class Wishes:
    """Any thread may add; `changed` is set whenever there may be something to take."""

    def __init__(self, changed: threading.Event) -> None:
        self._changed, self._lock = changed, threading.Lock()
        self._waiting: OrderedDict[str, Wish] = OrderedDict()

    def add(self, name: str, slot: str | None, *, pause: float = 0.0) -> None:
        """Wish for a scan, after `pause` seconds; a due run joins one that waits already."""
        with self._lock:
            known = self._waiting.get(name)
            if known is not None and known.slot is None:
                slot = None  # what was asked for runs, even if the slot was answered
            due = time.monotonic() + pause if pause else 0.0
            self._waiting[name] = Wish(name, slot, due)
        self._changed.set()

    def drop(self, name: str) -> None:
        """Forget a wish: a scan that somebody asked for takes its place."""
        with self._lock:
            self._waiting.pop(name, None)

    def take(self, busy: Collection[str]) -> Wish | None:
        """Take the first wish whose source is not busy and whose pause is over, if any."""
        now = time.monotonic()
        with self._lock:
            for wish in self._waiting.values():
                if wish.name not in busy and wish.not_before <= now:
                    del self._waiting[wish.name]
                    return wish
        return None
