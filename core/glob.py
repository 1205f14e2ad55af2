"""Anchored globs for names that contain slashes.

`*` stands for any characters but `/`, `**` for any characters, `?` for one character that is not
`/`; everything else stands for itself, and the whole text must match. Patterns and texts may both
be hostile: matching keeps all open positions of the pattern as bits of one number and looks at
each character of the text once, so nothing ever backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.errors import MalformedError

MAX_PATTERN = 512
_TOKENS = re.compile(r"\*+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Glob:
    """One pattern, ready to match. Made by `parse` only; equal where the patterns are equal.

    Bit i of a mask speaks of token i. `_advance` says which tokens one character satisfies;
    `_any` is its value for characters that the pattern does not name.
    """

    pattern: str
    _prefix: str = field(compare=False, repr=False)
    _advance: Mapping[str, int] = field(compare=False, repr=False)
    _any: int = field(compare=False, repr=False)
    _stars: int = field(compare=False, repr=False)
    _double_stars: int = field(compare=False, repr=False)
    _end: int = field(compare=False, repr=False)

    @classmethod
    def parse(cls, pattern: str) -> Glob:
        """Read a pattern of 1 to 512 characters; raise MalformedError on any other length."""
        if not pattern:
            raise MalformedError("an empty pattern matches nothing; write ** for everything")
        if len(pattern) > MAX_PATTERN:
            raise MalformedError(f"a pattern of {len(pattern)} characters, more than {MAX_PATTERN}")
        tokens = _TOKENS.findall(pattern)
        single = _mask(tokens, "?".__eq__)
        literals = set(pattern) - set("*?")
        advance = {
            character: _mask(tokens, character.__eq__) | (0 if character == "/" else single)
            for character in literals | {"/"}
        }
        return cls(
            pattern,
            _prefix=re.split(r"[*?]", pattern, maxsplit=1)[0],
            _advance=advance,
            _any=single,
            _stars=_mask(tokens, lambda token: token[0] == "*"),
            _double_stars=_mask(tokens, lambda token: token.startswith("**")),
            _end=1 << len(tokens),
        )

    def matches(self, text: str) -> bool:
        """Say whether the whole text fits; takes time linear in its length."""
        if not text.startswith(self._prefix):
            return False
        if len(self._prefix) == len(self.pattern):
            return text == self.pattern
        open_at = self._skip_stars(1 << len(self._prefix))
        for character in text[len(self._prefix) :]:
            stay = self._double_stars if character == "/" else self._stars
            stepped = (open_at & self._advance.get(character, self._any)) << 1
            open_at = self._skip_stars(stepped | (open_at & stay))
            if not open_at:
                return False
        return bool(open_at & self._end)

    def _skip_stars(self, open_at: int) -> int:
        # Runs of stars are one token, so one step over them is enough.
        return open_at | ((open_at & self._stars) << 1)


def _mask(tokens: list[str], chosen: Callable[[str], bool]) -> int:
    return sum(1 << place for place, token in enumerate(tokens) if chosen(token))
