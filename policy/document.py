"""The policy file: what may stand in it, and how it is read.

Only the shape is checked here: the checks of `policy/checks` read what stands under their own
keys, and `policy/selector.py` the fields of `applies_to`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from core.complaints import raise_validation
from core.errors import ConfigurationError
from core.settings import Duration
from core.yaml_places import Place, Places, Where, place_of, read_yaml
from policy.keys import NotYet, NotYetList

EVERYTHING = "everything"
ANY_KIND = "*"
_NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
_CONTROL = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}/[^\s/][^\n]{0,62}$"
_KEY = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s:'"]+)[ \t]*:[ \t]+""")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _spelled_out(value: object) -> object:
    return {"any": [{ANY_KIND: {}}]} if value == EVERYTHING else value


Patterns = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=512)]],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=256),
]
Block = Annotated[dict[str, dict[str, Patterns]], Field(min_length=1, max_length=1)]


class Metadata(_Strict):
    """Whose policy it is and what it is for."""

    name: str = Field(pattern=_NAME)
    title: str = Field("", max_length=200)
    owner: str = Field("nobody", min_length=1, max_length=200)
    controls: list[Annotated[str, Field(pattern=_CONTROL)]] = Field([], max_length=100)


class AppliesTo(_Strict):
    """Which artifacts it governs: those that one of the blocks describes."""

    any: list[Block] = Field(min_length=1, max_length=256)


class OnError(_Strict):
    """How long the last verdict stands in when a source cannot be read."""

    keep_last_for: Duration = timedelta(0)
    then: Literal["unknown"] = "unknown"


class Requirement(BaseModel):
    """One rule. Keys that are not listed here name its checks."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    id: str = Field(pattern=_NAME)
    title: str = Field("", max_length=200)
    solution: str = Field("", max_length=2000)
    message: str = Field("", max_length=2000)
    when: NotYet = None

    @property
    def checks(self) -> dict[str, Any]:
        """What stands under the names of checks."""
        return dict(self.__pydantic_extra__ or {})


class PolicyDocument(_Strict):
    """The whole file."""

    apiVersion: Literal["countersign/v1"]  # noqa: N815 - the key as it stands in the file
    kind: Literal["Policy"]
    metadata: Metadata
    mode: Literal["observe", "warn", "enforce"] = "observe"
    applies_to: Annotated[AppliesTo, BeforeValidator(_spelled_out)]
    require: list[Requirement] = Field(min_length=1, max_length=256)
    on_error: OnError = OnError()
    waivers: NotYetList = []
    tests: NotYetList = []


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy file with the places of everything in it, for errors that point into it."""

    path: str
    text: str
    places: Places
    document: PolicyDocument

    def error(self, message: str, where: Where) -> ConfigurationError:
        """Return the error for the entry at `where`, or for the nearest one around it."""
        return _error(message, self.path, place_of(self.places, where))

    def error_inside(
        self, message: str, where: Where, line: int, column: int
    ) -> ConfigurationError:
        """Return the error for a place inside the text that stands at `where`."""
        key = place_of(self.places, where)
        place = _inside(self.text.split("\n"), key, line, column)
        if place is not None:
            return _error(message, self.path, place)
        return _error(f"{message} (line {line}, column {column} of the text)", self.path, key)

    def refuse(
        self, error: ValidationError, where: Where, model: type[BaseModel] | None
    ) -> NoReturn:
        """Raise the error for what pydantic found wrong with the entry at `where`."""
        raise_validation(error, self.places, self.path, where, model=model)


def read_policy(text: str, path: str) -> PolicyFile:
    """Read one policy file; ConfigurationError with path, line and column."""
    value, places = read_yaml(text, path)
    if value is None:
        raise _error("the file is empty; a policy starts with apiVersion: countersign/v1", path)
    try:
        document = PolicyDocument.model_validate(value)
    except ValidationError as error:
        raise_validation(error, places, path, model=PolicyDocument)
    file = PolicyFile(path, text, places, document)
    _refuse_twins(file)
    return file


def _refuse_twins(file: PolicyFile) -> None:
    seen: set[str] = set()
    for position, requirement in enumerate(file.document.require):
        if requirement.id in seen:
            message = f"two requirements have the id `{requirement.id}`; an id is unique"
            raise file.error(message, ("require", position, "id"))
        seen.add(requirement.id)


def _inside(lines: list[str], key: Place, line: int, column: int) -> Place | None:
    """Return where line and column of a value stand in the file, or None where it is folded."""
    row = lines[key[0] - 1][key[1] - 1 :]
    name = _KEY.match(row)
    if name is None:
        return None
    value = row[name.end() :]
    if value.startswith("|"):
        block = lines[key[0] :]
        first = next((text for text in block if text.strip()), "")
        return (key[0] + line, len(first) - len(first.lstrip(" ")) + column)
    if value.startswith(">") or line > 1 or column > len(value) or "\\" in value:
        return None
    quote = 1 if value[:1] in ("'", '"') else 0
    return (key[0], key[1] + name.end() + quote + column - 1)


def _error(message: str, path: str, place: Place = (1, 1)) -> ConfigurationError:
    return ConfigurationError(message, path=path, line=place[0], column=place[1])
