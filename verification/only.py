"""What `only` keeps of a trust entry: the keys and certificates that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from core.errors import MalformedError
from core.model import TrustEntry

_T = TypeVar("_T")
_HEX = re.compile(r"[0-9a-f]+")
_SHOWN = 4


def kept_by_only(entry: TrustEntry, members: Iterable[tuple[tuple[str, ...], _T]]) -> list[_T]:
    """Return the members, each given with what it goes by, that the entry's `only` lets count.

    All of them where `only` is empty. Raises MalformedError where it names none of them: that is
    a slip, and must not widen what is trusted.
    """
    listed = list(members)
    if not entry.only:
        return [member for _, member in listed]
    named = {_plain(each) for each in entry.only}
    kept = [member for names, member in listed if not named.isdisjoint(map(_plain, names))]
    if not kept:
        held = ", ".join(names[0] for names, _ in listed[:_SHOWN])
        raise MalformedError(f"`only` names nothing of what is in it: {held or 'it is empty'}")
    return kept


def _plain(name: str) -> str:
    """Return a fingerprint without what tools put around its digits; another name as it is."""
    plain = "".join(name.split()).lower().removeprefix("sha256:").replace(":", "")
    return plain if _HEX.fullmatch(plain) else name
