"""How the lines of a signed text end, which a text signature does not fix (RFC 9580 5.2.4).

It is over the text with each line end as CR LF: the same signature holds over LF and CR LF.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class LineEnds:
    """What was seen of carriage returns."""

    has_crlf: bool = False  # lines that end in CR LF
    is_loose: bool = False  # one that stands before no LF: readers differ over what it is


def line_ends(chunks: Iterable[bytes]) -> LineEnds:
    """Look through a text chunk by chunk, up to the first carriage return that ends no line."""
    has_crlf, kept = False, b""
    for chunk in chunks:
        text = kept + chunk
        kept = b"\r" if text.endswith(b"\r") else b""
        ends = text.count(b"\r\n")
        has_crlf = has_crlf or ends > 0
        if text.count(b"\r") - len(kept) != ends:
            return LineEnds(has_crlf, is_loose=True)
    return LineEnds(has_crlf, is_loose=bool(kept))
