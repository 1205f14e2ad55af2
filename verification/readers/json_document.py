"""JSON evidence, parsed once: one format recognises it by its fields, and then reads it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from core import wire
from core.errors import MalformedError
from core.limits import Limits

_LARGE = 64 * 1024
_BLANK = b" \t\r\n"  # RFC 8259 section 2
_ORDINARY = Limits()
_NONE: AbstractSet[str] = frozenset()


def may_be_object(content: bytes, *marks: bytes) -> bool:
    """Say whether this begins like a JSON object and bears all these marks, at whatever place."""
    return _begins(content) and all(map(content.__contains__, marks))


def top_fields(content: bytes) -> AbstractSet[str] | None:
    """Return the fields at the top of a JSON object, none of other bytes, None of a broken one."""
    if not _begins(content):
        return _NONE
    try:
        return read_document(content, _ORDINARY).keys()
    except MalformedError:
        return None


def looked_at(content: bytes) -> Mapping[str, object]:
    """Read a JSON object to recognise it; whoever then reads it within the same limits has it."""
    return read_document(content, _ORDINARY)


def forget_large() -> None:
    """Let go of the documents read last that are so large that holding them is a burden."""
    for each in (_EVIDENCE, _STATEMENT):
        each.forget_large()


def _begins(content: bytes) -> bool:
    return content.lstrip(_BLANK)[:1] == b"{"


class _Last:
    """Reads objects and keeps the last, never to be changed, or why it is none.

    It is asked for again and again: one format after the other asks what it is, and one reads it.
    """

    __slots__ = ("_kept", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._kept: tuple[bytes, Limits, dict[str, object] | MalformedError] | None = None

    def read(self, content: bytes, limits: Limits, what: str = "") -> Mapping[str, object]:
        """Return the object in these bytes; raise MalformedError or TooLargeError."""
        kept = self._kept
        if kept is None or kept[0] != content or not _are_alike(kept[1], limits):
            kept = self._kept = content, limits, _read(content, limits, what or self._what)
        if isinstance(kept[2], dict):
            return kept[2]
        raise kept[2].with_traceback(None)

    def forget_large(self) -> None:
        """Let go of what was read last where it was large."""
        if self._kept is not None and len(self._kept[0]) > _LARGE:
            self._kept = None


def _are_alike(one: Limits, other: Limits) -> bool:
    """Say whether two limits are the same for a document."""
    return one is other or _bounds(one) == _bounds(other)


def _bounds(limits: Limits) -> tuple[int, ...]:
    return limits.document_bytes, limits.evidence_bytes, limits.json_depth, limits.json_items


def _read(content: bytes, limits: Limits, what: str) -> dict[str, object] | MalformedError:
    try:
        return wire.as_mapping(wire.read_json(content, limits=limits), what)
    except MalformedError as error:
        return error


_EVIDENCE, _STATEMENT = _Last("the bundle"), _Last("the statement")
read_document = _EVIDENCE.read
read_payload = _STATEMENT.read  # of a statement in evidence
