"""A signal stops work whatever the main thread held when it came."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.jobs.scheduling import PATIENCE

ROOT = Path(__file__).parent.parent.parent
# In the middle of what `Event.set` and `Event.wait` do with the event's own lock, twice over.
STOPPED_WHERE_IT_HOLDS_THE_LOCK = f"""
import signal, sys
sys.path.insert(0, {str(ROOT)!r})
from jobs.pipeline import Stop
from jobs.signals import stop_at
stop = Stop()
stop_at(stop, signal.SIGTERM, signal.SIGINT)
with stop.event._cond:
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
assert stop.event.wait({PATIENCE})
"""


def test_signal_that_comes_upon_the_lock_of_what_it_sets_does_not_wait_for_it() -> None:
    command = [sys.executable, "-c", STOPPED_WHERE_IT_HOLDS_THE_LOCK]
    done = subprocess.run(command, capture_output=True, timeout=2 * PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
