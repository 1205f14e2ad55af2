"""Turn what pydantic found wrong with a file into one error with a place, a field and a fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import NoReturn, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.errors import ConfigurationError
from core.text import one_line
from core.yaml_places import Places, Where, place_of

_KINDS = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a fraction",
    type(None): "nothing",
}
# Error types of pydantic → what the field must be; what was found is named by kind, never by
# value: somebody may have put a secret there.
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "dataclass_type": "a mapping (key: value)",
}
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must be at least {min_length} characters long",
    "string_too_long": "must be at most {max_length} characters long",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "string_pattern_mismatch": "must have the form {pattern}",
    "value_error": "{error}",
    "assertion_error": "{error}",
}


def raise_validation(
    error: ValidationError,
    places: Places,
    path: Path | str,
    prefix: Where = (),
    *,
    model: type[BaseModel] | None = None,
    beside: Iterable[str] = (),
) -> NoReturn:
    """Raise the ConfigurationError for the first fault in the file.

    `prefix` is where the validated entry stands in the file; `model` is what it was read into,
    for the suggestion beside an unknown key; keys `beside` may stand there too.
    """
    found = [(_where(fault, places, prefix), fault) for fault in error.errors(include_url=False)]
    # A fault around another one is a union's other member, which was not meant.
    around = {where[:length] for where, _ in found for length in range(len(where))}
    faults = [(where, fault) for where, fault in found if where not in around]
    # A misspelt key also makes the right one missing: the spelling is the fault to show.
    where, first = min(
        faults, key=lambda pair: (pair[1]["type"] == "missing", place_of(places, pair[0]))
    )
    message = _sentence(first, where, _known_keys(model, first["loc"], beside))
    line, column = place_of(places, where)
    if len(faults) > 1:
        message += f" (and {len(faults) - 1} more)"
    raise ConfigurationError(message, path=str(path), line=line, column=column) from None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `did you mean ...` for the nearest known word, or the list of all of them."""
    names = sorted(set(known))
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean `{near[0]}`?"
    return "known are " + ", ".join(f"`{name}`" for name in names) if names else "remove it"


def field_name(where: Where) -> str:
    """Return `sources[2].url` for ("sources", 2, "url")."""
    shown = ""
    for part in where:
        shown += f"[{part}]" if isinstance(part, int) else f".{part}" if shown else part
    return one_line(shown)


def _where(fault: ErrorDetails, places: Places, prefix: Where) -> Where:
    """Return the fault's place without the labels pydantic adds for members of a union."""
    where = prefix
    for part in fault["loc"]:
        if (*where, part) in places:
            where = (*where, part)
    if fault["type"] == "missing":
        where = (*where, fault["loc"][-1])
    return where


def _sentence(fault: ErrorDetails, where: Where, known: list[str]) -> str:
    kind = fault["type"]
    name = field_name(where) or "the file"
    if kind == "missing":
        return f"`{name}` is missing; add it"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):  # of a model, of a dataclass
        return f"unknown key `{name}`; {suggestion(str(fault['loc'][-1]), known)}"
    if kind in _EXPECTED:
        found = _KINDS.get(type(fault["input"]), "something else")
        fix = _FIXES.get(found if kind == "string_type" or found == "nothing" else "", "")
        return f"`{name}` must be {_EXPECTED[kind]}, found {found}{fix}"
    if kind in _BOUNDS:
        return f"`{name}`: {one_line(_BOUNDS[kind].format_map(fault.get('ctx', {})))}"
    return f"`{name}`: {one_line(fault['msg'])}"


_QUOTE = "; put it in quotes"
_FIXES = {
    "true or false": _QUOTE,
    "a whole number": _QUOTE,
    "a fraction": _QUOTE,
    "nothing": "; give it a value, or take the key out",
}


def _known_keys(
    model: type[BaseModel] | None, loc: tuple[int | str, ...], beside: Iterable[str]
) -> list[str]:
    """Return the keys that may stand where the last part of `loc` stands."""
    models: list[type] = [] if model is None else [model]
    for part in loc[:-1]:
        stepped = [
            inner
            for one in models
            for names, annotation in _fields(one)
            if part in names
            for inner in _models_in(annotation)
        ]
        # A list position, a key of a free mapping or the label of a union: no step of the model.
        models = stepped or [one for one in models if all(part not in n for n, _ in _fields(one))]
    known = [names[-1] for one in models for names, _ in _fields(one)]
    return known if len(loc) > 1 else [*known, *beside]


def _fields(model: type) -> list[tuple[tuple[str, ...], object]]:
    """Return of each field its names, the one that is written last, and its annotation."""
    if is_dataclass(model):
        return [((each.name,), each.type) for each in fields(model)]
    return [
        ((name, each.alias) if each.alias else (name,), each.annotation)
        for name, each in cast("type[BaseModel]", model).model_fields.items()
    ]


def _models_in(annotation: object) -> list[type]:
    if isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or is_dataclass(annotation)
    ):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
