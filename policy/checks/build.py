"""From the keys of a requirement to its checks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from core.complaints import suggestion
from core.text import one_line
from policy.checks import ALTERNATIVES, CHECKS
from policy.checks.check import Check, Scope
from policy.keys import NOT_YET, NOT_YET_CHECKS


def build_checks(
    entry: Mapping[str, Any], scope: Scope, beside: tuple[str, ...] = ()
) -> tuple[Check, ...]:
    """Make one check per key, all of which must hold.

    `beside` are keys that may stand there too and are no checks. Raises ConfigurationError for
    an unknown key, for options that do not fit, and where there is no check at all.
    """
    checks = tuple(_build(key, entry[key], scope.below(key), beside) for key in entry)
    if not checks:
        raise scope.error(f"it demands nothing; {suggestion('', CHECKS)}")
    return checks


def canonical_checks(entry: Mapping[str, Any]) -> dict[str, object]:
    """Return the options with every default filled in, for the digest; keys must be known."""
    return {key: _canonical(key, value) for key, value in entry.items()}


def _canonical(key: str, value: Any) -> object:
    if key == ALTERNATIVES:  # the one check that holds others
        return [canonical_checks(entry) for entry in value]
    adapter = _kind(key)[1]
    return adapter.dump_python(adapter.validate_python(value), mode="json")


def _build(key: str, value: object, scope: Scope, beside: tuple[str, ...]) -> Check:
    if key in NOT_YET_CHECKS:
        raise scope.error(f"`{key}` {NOT_YET}")
    if key not in CHECKS:
        hint = suggestion(key, [*CHECKS, *NOT_YET_CHECKS, *beside])
        raise scope.error(f"unknown key `{one_line(key, 80)}`; {hint}")
    kind, adapter = _kind(key)
    try:
        options = adapter.validate_python(value)
    except ValidationError as error:
        model = kind.Options
        scope.document.refuse(
            error,
            scope.where,
            model if isinstance(model, type) and issubclass(model, BaseModel) else None,
        )
    return kind(options, scope)


@cache
def _kind(key: str) -> tuple[type[Check], TypeAdapter[Any]]:
    kind: type[Check] = resolve_name(CHECKS[key])
    return kind, TypeAdapter(kind.Options)
