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
    return content.lstrip(_BLANK)[:1] == b"{" and all(map(content.__contains__, marks))


def top_fields(content: bytes) -> AbstractSet[str] | None:
    """Return the fields at the top of a JSON object, none of other bytes, None of a broken one."""
    if not may_be_object(content):
        return _NONE
    try:
        return looked_at(content).keys()
    except MalformedError:
        return None


def looked_at(content: bytes) -> Mapping[str, object]:
    """Read a JSON object to recognise it; whoever then reads it within the same limits has it."""
    return read_document(content, _ORDINARY)


def read_document(content: bytes, limits: Limits, what: str = "the bundle") -> Mapping[str, object]:
    """Read a JSON object, never to be changed: formats that ask for the same bytes share it."""
    bounds = (limits.document_bytes, limits.evidence_bytes, limits.json_depth, limits.json_items)
    kept = _LAST.read
    if kept is not None and kept[0] is content and kept[1] == bounds:
        return kept[2]
    document = wire.as_mapping(wire.read_json(content, limits=limits), what)
    _LAST.read = content, bounds, document
    return document


def forget_large() -> None:
    """Let go of the document read last where it is so large that holding it is a burden."""
    kept = _LAST.read
    if kept is not None and len(kept[0]) > _LARGE:
        _LAST.read = None


class _Last:
    """The document that was read last: one format recognises it, then the same one reads it."""

    __slots__ = ("read",)

    def __init__(self) -> None:
        self.read: tuple[bytes, tuple[int, ...], Mapping[str, object]] | None = None


_LAST = _Last()
