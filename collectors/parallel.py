"""Several requests at a time, yet the same order every time and nothing asked twice."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from core.errors import CountersignError

K = TypeVar("K")
V = TypeVar("V")


def in_order(
    look: Callable[[K], V], items: Sequence[K], *, at_once: int, ahead: int
) -> Iterator[V | CountersignError]:
    """Yield `look(item)` for each item in order, or the error of ours that it raised.

    At most `at_once` threads work, at most `ahead` outcomes wait. Leaving early cancels the rest.
    """
    waiting: deque[Future[V]] = deque()
    with ThreadPoolExecutor(max(1, min(at_once, len(items)))) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(look, item))
                if len(waiting) >= ahead:
                    yield from _outcome(waiting.popleft())
            while waiting:
                yield from _outcome(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[V]) -> Iterator[V | CountersignError]:
    error = future.exception()
    yield error if isinstance(error, CountersignError) else future.result()


class Once(Generic[K, V]):
    """What was made under a key: the first to ask makes it, the others wait for the same."""

    def __init__(self) -> None:
        self._kept: dict[K, Future[V]] = {}
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return what `key` stands for, making it if nobody has; an error is kept as well."""
        with self._lock:
            kept = self._kept.get(key)
            future = self._kept.setdefault(key, Future())
        if kept is None:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def put(self, key: K, value: V) -> None:
        """Let `key` stand for a value from now on."""
        future: Future[V] = Future()
        future.set_result(value)
        with self._lock:
            self._kept[key] = future
