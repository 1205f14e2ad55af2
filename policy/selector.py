"""`applies_to`: which artifacts a policy governs.

A block names a kind of source. The names of the fields stand in the table below, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

from core.complaints import suggestion
from core.errors import MalformedError
from core.glob import Glob
from core.model import Facts
from core.text import one_line
from policy.checks.check import Document
from policy.document import ANY_KIND, AppliesTo

Read = Callable[[Facts], str]


def _suite(facts: Facts) -> str:
    # apt calls a repository by suite and component: bookworm/main, stable/updates/main.
    return facts.location.repository.rpartition("/")[0] or facts.location.repository


def _component(facts: Facts) -> str:
    return facts.location.repository.rpartition("/")[2]


_NAME: Read = attrgetter("location.name")
_VERSION: Read = attrgetter("location.version")
_VARIANT: Read = attrgetter("location.variant")
FIELDS: Mapping[str, Read] = {
    "repository": attrgetter("location.repository"),
    "name": _NAME,
    "version": _VERSION,
    "variant": _VARIANT,
    "source": attrgetter("source"),
    "owner": attrgetter("owner"),
    "tier": attrgetter("tier"),
    # What the trades call them:
    "suite": _suite,
    "component": _component,
    "package": _NAME,
    "project": _NAME,
    "path": _NAME,
    "tag": _VERSION,
    "tags": _VERSION,
    "platform": _VARIANT,
    "platforms": _VARIANT,
    "architecture": _VARIANT,
}
# Every platform of an index is judged on its own anyway; the word may say so.
_EACH = {"platforms": ["each"]}
_ALL = "**"
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Block:
    kind: str  # ANY_KIND for all
    fields: tuple[tuple[Read, Callable[[str], bool]], ...]

    def describes(self, facts: Facts) -> bool:
        if self.kind not in (facts.kind, ANY_KIND):
            return False
        return all(fits(read(facts)) for read, fits in self.fields)


@dataclass(frozen=True, slots=True)
class Selector:
    """`applies_to`, ready to ask."""

    blocks: tuple[_Block, ...]

    def selects(self, facts: Facts) -> bool:
        """Say whether one of the blocks describes the artifact."""
        return any(block.describes(facts) for block in self.blocks)


def build_selector(
    applies_to: AppliesTo, document: Document, kinds: Iterable[str] | None
) -> Selector:
    """Read the blocks; ConfigurationError for an unknown field or kind, or a broken pattern.

    `kinds` are the kinds of sources there are; None leaves them unchecked.
    """
    known = None if kinds is None else frozenset(kinds)
    return Selector(
        tuple(
            _block(kind, fields, place, document, known)
            for place, block in enumerate(applies_to.any)
            for kind, fields in block.items()
        )
    )


def _block(
    kind: str,
    fields: Mapping[str, list[str]],
    place: int,
    document: Document,
    known: frozenset[str] | None,
) -> _Block:
    where = ("applies_to", "any", place, kind)
    if known is not None and kind != ANY_KIND and kind not in known:
        hint = suggestion(kind, {*known, ANY_KIND})
        raise document.error(f"no source is of the kind `{one_line(kind, 80)}`; {hint}", where)
    conditions = []
    for name, patterns in fields.items():
        inner = (*where, name)
        if name not in FIELDS:
            hint = suggestion(name, FIELDS)
            raise document.error(f"unknown field `{one_line(name, 80)}`; {hint}", inner)
        if _ALL not in patterns and _EACH.get(name) != patterns:
            conditions.append((FIELDS[name], _matcher(patterns, document, inner)))
    return _Block(kind, tuple(conditions))


def _matcher(
    patterns: list[str], document: Document, where: tuple[str | int, ...]
) -> Callable[[str], bool]:
    try:
        globs = [Glob.parse(pattern) for pattern in patterns]
    except MalformedError as error:
        raise document.error(str(error), where) from error

    # Few repositories and owners stand beside many artifacts: most answers are repeats.
    @lru_cache(maxsize=_REMEMBERED)
    def fits(text: str) -> bool:
        return any(glob.matches(text) for glob in globs)

    return fits
