"""The Link header (RFC 8288, section 3): where the next page of a list is."""

from __future__ import annotations

import re

from core.errors import MalformedError
from core.text import display

_TARGET = re.compile(r"[ \t,]*<([^<>]*)>[ \t]*")
_PARAMETER = re.compile(
    r";[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*"
    r"(?:=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*))[ \t]*)?)?"
)
_ESCAPED = re.compile(r"\\(.)")
_END = re.compile(r"[ \t]*(?:,|\Z)")
_REST = re.compile(r"[ \t,]*\Z")


def next_page(header: str) -> str | None:
    """Return the first target whose relation is `next`, None if there is none.

    Raises MalformedError for a header that cannot be read: taken for "no more", it would cut the
    list short, and what stands on the other pages would be gone.
    """
    following: str | None = None
    place = 0
    while _REST.match(header, place) is None:
        target = _TARGET.match(header, place)
        if target is None:
            raise _unreadable(header)
        relation, place = _relation(header, target.end())
        if following is None and "next" in relation.lower().split():
            following = target[1]
        end = _END.match(header, place)
        if end is None:
            raise _unreadable(header)
        place = end.end()
    return following


def _relation(header: str, place: int) -> tuple[str, int]:
    """Return the first `rel` from here on (others do not count, section 3.3), and where it ends."""
    relation: str | None = None
    while parameter := _PARAMETER.match(header, place):
        name, quoted, plain = parameter.groups()
        if relation is None and name is not None and name.lower() == "rel":
            relation = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain or ""
        place = parameter.end()
    return relation or "", place


def _unreadable(header: str) -> MalformedError:
    return MalformedError(f"a Link header that cannot be read: {display(header, 120)}")
