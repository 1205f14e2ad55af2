"""What a guard is: a text of the source without which a named test fails."""

from __future__ import annotations

import re
from dataclasses import dataclass

ATTACK = re.compile(r"(?:test_attack_|TestAttack)([0-9]{2})")
_CONDITION = re.compile(r"((?:el)?if )(.+?):(?=\n|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Guard:
    """A text that stands once in a file, what takes its place, and the tests that then fail.

    Where nothing is given to take its place, the text is an `if` with its condition, which is never
    true any more.
    """

    file: str
    old: str
    tests: tuple[str, ...]
    new: str = ""

    def without(self, source: str) -> str:
        """Return the source of the file with the guard deleted; ValueError where it cannot be."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.file} has {source.count(self.old)} times: {self.old!r}")
        replaced = self.new or _CONDITION.sub(r"\1False and (\2):", self.old, count=1)
        if replaced == self.old:
            raise ValueError(f"{self.file}: no condition to delete in {self.old!r}")
        return source.replace(self.old, replaced)

    def line(self, source: str) -> int:
        """Return the line at which the guard begins."""
        return source[: source.index(self.old)].count("\n") + 1

    @property
    def attacks(self) -> tuple[int, ...]:
        """The attack classes that its tests stand for."""
        found = {int(number) for test in self.tests for number in ATTACK.findall(test)}
        return tuple(sorted(found))


def guard(file: str, old: str, *tests: str, new: str = "") -> Guard:
    """Return a guard; its tests are named from the folder `tests` on."""
    return Guard(file, old, tests, new)
