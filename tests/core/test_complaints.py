"""What pydantic says becomes one sentence: the field, what it must be, what was found, never it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.complaints import _BOUNDS, _EXPECTED, field_name, raise_validation, suggestion
from core.errors import ConfigurationError
from core.yaml_places import read_yaml


class _Colour(StrEnum):
    RED = "red"


def _refuse(value: int) -> int:
    assert value < 0, "only debts"
    return value


def _dislike(value: int) -> int:
    raise ValueError(f"no {value}\u202e")


class _Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    depth: int = 0


class _Other(BaseModel):
    model_config = ConfigDict(extra="forbid")

    height: int


@dataclass(frozen=True)
class _Plain:
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    width: int = field(default=1, metadata={"ge": 1})


class _Kinds(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = ""
    whole: int = 0
    number: float = 0
    flag: bool = False
    entries: list[int] = []
    pair: tuple[int, int] = (0, 0)
    several: set[int] = set()
    fixed: frozenset[int] = frozenset()
    free: dict[str, int] = {}
    view: Mapping[str, int] = {}
    inner: _Inner = _Inner()
    plain: _Plain = _Plain()
    above: int = Field(default=1, gt=0)
    least: int = Field(default=1, ge=1)
    below: int = Field(default=1, lt=9)
    most: int = Field(default=1, le=9)
    word: str = Field(default="aa", min_length=2, max_length=3, pattern="^a")
    few: list[int] = Field(default=[1], min_length=1, max_length=1)
    choice: Literal["a", "b"] = "a"
    colour: _Colour = _Colour.RED
    disliked: Annotated[int, AfterValidator(_dislike)] = 0
    refused: Annotated[int, AfterValidator(_refuse)] = 0
    share: Decimal = Decimal(1)
    either: _Inner | _Other | list[_Inner] = _Inner()


CASES = [
    ("string_type", "text: 5", "`text` must be text, found a whole number; put it in quotes"),
    ("string_type", "text: true", "`text` must be text, found true or false; put it in quotes"),
    ("string_type", "text: [hunter2]", "`text` must be text, found a list"),
    ("int_type", "whole: []", "`whole` must be a whole number, found a list"),
    ("int_type", "whole:", "`whole` must be a whole number, found nothing; give it a value, or"),
    ("int_parsing", "whole: hunter2", "`whole` must be a whole number, found text"),
    ("int_from_float", "whole: 1.5", "`whole` must be a whole number, found a fraction"),
    ("float_type", "number: {}", "`number` must be a number, found a mapping"),
    ("float_parsing", "number: hunter2", "`number` must be a number, found text"),
    ("bool_type", "flag: []", "`flag` must be true or false, found a list"),
    ("bool_parsing", "flag: hunter2", "`flag` must be true or false, found text"),
    ("list_type", "entries: {}", "`entries` must be a list, found a mapping"),
    ("tuple_type", "pair: x", "`pair` must be a list, found text"),
    ("set_type", "several: x", "`several` must be a list, found text"),
    ("frozen_set_type", "fixed: x", "`fixed` must be a list, found text"),
    ("dict_type", "free: []", "`free` must be a mapping (key: value), found a list"),
    ("dict_type", "view: []", "`view` must be a mapping (key: value), found a list"),
    ("model_type", "inner: hunter2", "`inner` must be a mapping (key: value), found text"),
    ("dataclass_type", "plain: hunter2", "`plain` must be a mapping (key: value), found text"),
    ("greater_than_equal", "plain: {width: 0}", "`plain.width`: must be at least 1"),
    (
        "unexpected_keyword_argument",
        "plain: {widht: 1}",
        "unknown key `plain.widht`; did you mean `width`?",
    ),
    ("greater_than", "above: 0", "`above`: must be more than 0"),
    ("greater_than_equal", "least: 0", "`least`: must be at least 1"),
    ("less_than", "below: 9", "`below`: must be less than 9"),
    ("less_than_equal", "most: 10", "`most`: must be at most 9"),
    ("string_too_short", "word: a", "`word`: must be at least 2 characters long"),
    ("string_too_long", "word: aaaa", "`word`: must be at most 3 characters long"),
    ("string_pattern_mismatch", "word: bb", "`word`: must have the form ^a"),
    ("too_short", "few: []", "`few`: must have at least 1 entries"),
    ("too_long", "few: [1, 2]", "`few`: must have at most 1 entries"),
    ("literal_error", "choice: hunter2", "`choice`: must be one of 'a' or 'b'"),
    ("enum", "colour: hunter2", "`colour`: must be one of 'red'"),
    ("value_error", "disliked: 5", "`disliked`: no 5\\u{202e}"),
    ("assertion_error", "refused: 5", "`refused`: only debts"),
    ("decimal_parsing", "share: hunter2", "`share`: Input should be a valid decimal"),
    ("extra_forbidden", "inner: {dept: 1}", "unknown key `inner.dept`; did you mean `depth`?"),
    ("extra_forbidden", "entres: []", "unknown key `entres`; did you mean `entries`?"),
]


def _complaint(text: str, model: type[BaseModel] | None = _Kinds) -> ConfigurationError:
    value, places = read_yaml(text, "x.yaml")
    with pytest.raises(ValidationError) as refused:
        _Kinds.model_validate(value)
    with pytest.raises(ConfigurationError) as raised:
        raise_validation(refused.value, places, "x.yaml", model=model)
    return raised.value


@pytest.mark.parametrize(("kind", "text", "said"), CASES)
def test_every_fault_is_said_in_one_sentence(kind: str, text: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Kinds.model_validate(read_yaml(text, "x.yaml")[0])
    assert kind in {fault["type"] for fault in raised.value.errors()}
    message = _complaint(text).message
    assert message.startswith(said)
    assert "hunter2" not in message


def test_every_sentence_of_the_tables_is_tried() -> None:
    assert {*_EXPECTED, *_BOUNDS} <= {kind for kind, _, _ in CASES}


def test_the_first_fault_in_the_file_is_shown_with_the_number_of_others() -> None:
    error = _complaint("most: 10\n\nabove: 0\nbelow: 9\n")
    assert str(error) == "x.yaml:1:1: `most`: must be at most 9 (and 2 more)"


def test_the_labels_of_a_union_are_no_part_of_the_place() -> None:
    error = _complaint("least: 1\neither: {dept: 1}\n")
    assert (error.line, error.column) == (2, 10)
    assert error.message.startswith("unknown key `either.dept`; did you mean `depth`?")


def test_an_unknown_key_without_a_model_or_a_neighbour_is_still_named() -> None:
    assert _complaint("x: 1", model=None).message == "unknown key `x`; remove it"
    assert suggestion("zzz", ["b", "a"]) == "known are `a`, `b`"


def test_a_field_is_written_as_people_write_it() -> None:
    assert field_name(("sources", 2, "url")) == "sources[2].url"
    assert field_name(("x\u202e",)) == "x\\u{202e}"
