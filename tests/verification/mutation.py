"""Changing one thing in a JSON document: every text, every character of it, every field."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Place = tuple[Any, ...]


def leaves(value: object, path: Place = ()) -> Iterator[tuple[Place, object]]:
    """Yield every value that holds no other, with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def fields(value: object, path: Place = ()) -> Iterator[Place]:
    """Yield the place of every field of every object."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from fields(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from fields(item, (*path, index))


def _inner(document: Any, path: Place) -> tuple[Any, Any]:
    copied = deepcopy(document)
    place = copied
    for key in path[:-1]:
        place = place[key]
    return copied, place


def put(document: Any, path: Place, value: object) -> Any:
    """Return the document with another value at a place."""
    copied, place = _inner(document, path)
    place[path[-1]] = value
    return copied


def without(document: Any, path: Place) -> Any:
    """Return the document without a field."""
    copied, place = _inner(document, path)
    del place[path[-1]]
    return copied


def at(document: Any, path: Place) -> Any:
    """Return what stands at a place."""
    for key in path:
        document = document[key]
    return document


def spellings(value: object, most: int) -> Iterator[object]:
    """Yield the value with one character changed, for every one or for `most` spread evenly."""
    if isinstance(value, str):
        for index in range(0, len(value), max(1, len(value) // most)):
            yield value[:index] + chr(ord(value[index]) ^ 1) + value[index + 1 :]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif value is None:
        yield "x"


def shown(path: Place) -> str:
    """Return a place without the numbers of lists."""
    return ".".join(str(key) for key in path if not isinstance(key, int))
