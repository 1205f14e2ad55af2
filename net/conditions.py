"""Conditional requests: ask for a document only if it is not what it was.

known = Conditions(**kept)                             of the last scan
answer = http.get(url, headers=known.headers(url))     304: it is what it was
kept = asdict(Conditions.of(url, answer))              for the next one
"""

from __future__ import annotations

from dataclasses import dataclass

from net.answer import Response, Spooled


@dataclass(frozen=True, slots=True)
class Conditions:
    """What makes a request conditional: the document of the last scan and its validators."""

    url: str = ""
    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, url: str, answer: Response | Spooled) -> Conditions:
        """Return what the next request for the document at `url`, as it was asked for, may say."""
        headers = answer.headers
        return cls(url, headers.get("etag", ""), headers.get("last-modified", ""))

    def headers(self, url: str) -> dict[str, str]:
        """Return the header fields to send; none for another document or without a validator.

        Only an answer to such fields may be 304: to a plain request it is no answer.
        """
        if url != self.url:
            return {}
        pairs = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in pairs.items() if value}
