"""Files that hold one JSON document on each line."""

from __future__ import annotations


def json_lines(content: bytes, most: int) -> list[bytes]:
    """Return the documents of a JSON-lines file, or all the content where it is one document.

    One more than `most` says that there are more; the last then holds all that is left.
    """
    lines = [line for line in content.split(b"\n", most) if line.strip()]
    several = len(lines) > 1 and all(line.lstrip()[:1] == b"{" for line in lines)
    return lines if several else [content]
