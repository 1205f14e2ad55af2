"""What shall be scanned next: each source at most once, in the order it was wished for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """A source to be scanned; `slot` names the due run that the scan answers.

    `request` is the last thing people asked for that it answers; it stands in the database.
    """

    name: str
    slot: str | None
    request: int = 0


class Wishes:
    """Any thread may add; `changed` is set whenever there may be something to take."""

    def __init__(self, changed: threading.Event) -> None:
        self._changed, self._lock = changed, threading.Lock()
        self._waiting: OrderedDict[str, Wish] = OrderedDict()
        self._resting: dict[str, float] = {}  # until when, on the monotonic clock

    def add(self, name: str, slot: str | None) -> None:
        """Wish for a scan; a due run joins one that waits already."""
        with self._lock:
            known = self._waiting.get(name)
            if known is not None and known.slot is None:
                slot = None  # what was asked for runs, even if the slot was answered
            self._waiting[name] = Wish(name, slot)
        self._changed.set()

    def again(self, wish: Wish, pause: float) -> None:
        """Leave its source alone for `pause` seconds; then it shall be scanned."""
        with self._lock:
            self._resting[wish.name] = time.monotonic() + pause
        if not wish.request:  # that still stands where it was asked for
            self.add(wish.name, wish.slot)

    def resting(self) -> frozenset[str]:
        """Return the sources to be left alone now."""
        now = time.monotonic()
        with self._lock:
            self._resting = {name: end for name, end in self._resting.items() if end > now}
            return frozenset(self._resting)

    def drop(self, name: str) -> None:
        """Forget a wish: a scan that somebody asked for takes its place."""
        with self._lock:
            self._waiting.pop(name, None)

    def take(self, busy: Collection[str]) -> Wish | None:
        """Take the first wish whose source is not busy, if any."""
        with self._lock:
            for wish in self._waiting.values():
                if wish.name not in busy:
                    del self._waiting[wish.name]
                    return wish
        return None
