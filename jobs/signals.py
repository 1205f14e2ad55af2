"""End work when the machine says so: signals, made into a `Stop`."""

from __future__ import annotations

import signal
import threading
from queue import SimpleQueue

from jobs.pipeline import Stop


def stop_at(stop: Stop, *signals: signal.Signals) -> None:
    """Let each of these signals set `stop`; call from the main thread.

    A handler runs in the middle of whatever the main thread does, also of another handler, and so
    may come upon a lock that its own thread holds: it must not ask for any. `SimpleQueue.put` is
    made to be interrupted by itself; a thread beside it does what takes locks.
    """
    came: SimpleQueue[None] = SimpleQueue()

    def pass_on() -> None:
        came.get()
        stop.event.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    for number in signals:
        signal.signal(number, lambda *_: came.put(None))
