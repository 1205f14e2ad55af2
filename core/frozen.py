"""Frozen dataclasses that cost no more than open ones: the type checker freezes them.

The standard library's set every field of every object with a call of `object.__setattr__`. A
verification makes dozens of small values, and that was five to ten percent of its time. Whoever
assigns to a field of a frozen one fails `make types`; at run time its fields are plain slots.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, eq: bool = True, **words: bool) -> object:
        """Make a dataclass that is hashed as the standard library's frozen one is."""
        return dataclasses.dataclass(eq=eq, unsafe_hash=frozen and eq, **words)
