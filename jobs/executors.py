"""The executor seam: units of work go through `concurrent.futures.Executor`, wherever they run."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

from core.errors import ConfigurationError

READERS = 4  # units of one source read side by side; each may open connections of its own


def open_executor(setting: str) -> Executor:
    """Return the executor that the settings ask for; ConfigurationError for one not built yet."""
    if setting == "threads":
        return ThreadPoolExecutor(READERS, thread_name_prefix="reader")
    raise ConfigurationError(
        f"executor: {setting!r} is not supported yet; write `executor: threads`"
    )
