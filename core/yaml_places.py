"""Read the YAML that people write, and keep where everything stood.

One reader for settings and policies: YAML 1.2 without anchors, aliases, tags, directives of other
versions or a second document; nested 64 deep at most; keys are text and appear once. Only plain
null, true, false and decimal, octal or hexadecimal numbers are more than text; a date stays text
for its field to read. Every refusal is a ConfigurationError with path, line and column from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.reader import ReaderError

from core.errors import ConfigurationError
from core.text import one_line

MAX_DEPTH = 64
MAX_YAML_BYTES = 4 * 1024 * 1024

Place = tuple[int, int]
Where = tuple[str | int, ...]
Places = Mapping[Where, Place]

_START: Place = (1, 1)
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,32}\Z")
_PREFIXED = re.compile(r"0o[0-7]{1,32}\Z|0x[0-9a-fA-F]{1,32}\Z")
_FRACTION = re.compile(
    r"[-+]?(?:\.[0-9]{1,32}|[0-9]{1,32}(?:\.[0-9]{0,32})?)(?:[eE][-+]?[0-9]{1,2})?\Z"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_FIXES = {
    "\\t": "indent with blanks, not with tabs",
    "mapping values are not allowed": "put text that holds ': ' in quotes",
    "cannot start any token": "put text that starts with a special character in quotes",
    "expected <block end>": "entries of one list or mapping start in the same column",
    "could not find expected ':'": "write `key: value`, and quote text over several lines",
    "while scanning a quoted scalar": "close the quotes",
    "expected ',' or": "separate entries by commas and close the bracket",
}


def read_yaml(text: str, path: Path | str) -> tuple[object, Places]:
    """Return the one document in `text` and the place of every entry in it.

    A place is that of the key, or of the start of a list's item; the whole document is at ().
    `path` is only for messages. An empty document is None. Raises ConfigurationError.
    """
    if len(text) > MAX_YAML_BYTES or len(text.encode(errors="replace")) > MAX_YAML_BYTES:
        raise ConfigurationError(
            f"more than {MAX_YAML_BYTES} bytes; split the file", path=str(path)
        )
    return _Reader(text, str(path)).document()


def place_of(places: Places, where: Sequence[str | int]) -> Place:
    """Return line and column (from 1) of the entry, or of the nearest one around it."""
    for length in range(len(where), -1, -1):
        found = places.get(tuple(where[:length]))
        if found is not None:
            return found
    return _START


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self._text, self._path = text, path
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self._last: Place = _START
        self.places: dict[Where, Place] = {(): _START}

    def document(self) -> tuple[object, Places]:
        event = self._next()
        while isinstance(event, StreamStartEvent):
            event = self._next()
        if isinstance(event, StreamEndEvent):
            return None, self.places
        if isinstance(event, DocumentStartEvent) and (event.tags or event.version not in _VERSIONS):
            raise self._error("YAML directives are not allowed; remove the line that starts with %")
        value = self._node(self._next(), ())
        end = self._next()
        if not isinstance(end, DocumentEndEvent) or not isinstance(self._next(), StreamEndEvent):
            raise self._error("a second document starts here; one file holds one document")
        return value, self.places

    def _next(self) -> Event:
        try:
            event = next(self._events)
        except MarkedYAMLError as error:
            raise self._syntax(error) from None
        except ReaderError as error:
            raise self._unreadable(error) from None
        except (YAMLError, ValueError, OverflowError, StopIteration):
            message = "not YAML from here on: perhaps an escape that stands for no character"
            raise self._error(message) from None
        self._last = (event.start_mark.line + 1, event.start_mark.column + 1)
        return event

    def _node(self, event: Event, where: Where) -> object:
        self._refuse_indirection(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if len(where) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH}")
        if isinstance(event, SequenceStartEvent):
            return self._sequence(where)
        return self._mapping(where)

    def _sequence(self, where: Where) -> list[object]:
        entries: list[object] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            inner = (*where, len(entries))
            self.places[inner] = self._last
            entries.append(self._node(event, inner))
        return entries

    def _mapping(self, where: Where) -> dict[str, object]:
        entries: dict[str, object] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event)
            inner = (*where, key)
            if key in entries:
                line, column = self.places[inner]
                raise self._error(
                    f"`{one_line(key, 80)}` appears twice, first at line {line}, column {column};"
                    " keep one"
                )
            self.places[inner] = self._last
            entries[key] = self._node(self._next(), inner)
        return entries

    def _key(self, event: Event) -> str:
        self._refuse_indirection(event)
        key = self._scalar(event) if isinstance(event, ScalarEvent) else None
        if not isinstance(key, str):
            raise self._error("a key must be text; put it in quotes")
        return key

    def _refuse_indirection(self, event: Event) -> None:
        if isinstance(event, AliasEvent):
            raise self._error("aliases (*name) are not allowed; write the value out")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            raise self._error("anchors (&name) are not allowed; write the value out")
        if getattr(event, "ctag", None) is not None:
            raise self._error("tags (!name) are not allowed; remove it")

    def _scalar(self, event: ScalarEvent) -> object:
        text: str = event.value
        if _SURROGATE.search(text):
            raise self._error("half of a surrogate pair is no character; write the character")
        if not event.implicit[0]:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.match(text):
            return int(text)
        if _PREFIXED.match(text):
            return int(text[2:], 8 if text[1] == "o" else 16)
        return float(text) if _FRACTION.match(text) else text

    def _syntax(self, error: MarkedYAMLError) -> ConfigurationError:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else self._last
        said = one_line(": ".join(part for part in (error.context, error.problem) if part))
        fix = next((fix for sign, fix in _FIXES.items() if sign in said), "")
        return self._error(f"not YAML: {said}" + (f"; {fix}" if fix else ""), place)

    def _unreadable(self, error: ReaderError) -> ConfigurationError:
        before = self._text[: error.position]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        return self._error("a character that YAML does not allow; remove it", place)

    def _error(self, message: str, place: Place | None = None) -> ConfigurationError:
        line, column = place or self._last
        return ConfigurationError(message, path=self._path, line=line, column=column)


_VERSIONS = (None, (1, 2))
