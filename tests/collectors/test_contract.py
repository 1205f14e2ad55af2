"""What every collector must be, held over the table, with the examples of docs/collectors.md."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from pkgutil import resolve_name
from textwrap import dedent

import pytest
from pydantic import BaseModel, ValidationError

from collectors import COLLECTORS
from collectors.collector import Surroundings
from core.limits import Limits
from core.settings import Secret, Source
from core.yaml_places import read_yaml
from net.http import Http

DOCUMENTED = Path(__file__).parents[2] / "docs" / "collectors.md"


def examples_of(kind: str) -> list[dict[str, object]]:
    """Return the options of each example that docs/collectors.md gives of a kind."""
    section = DOCUMENTED.read_text().partition(f"## `{kind}`\n")[2].partition("\n## ")[0]
    indented = [line for line in section.splitlines() if line.startswith("    ")]
    assert indented, f"docs/collectors.md has no section `{kind}` with an example"
    entries, _ = read_yaml(dedent("\n".join(indented)), DOCUMENTED)
    assert isinstance(entries, list)
    sources = [Source.model_validate(entry) for entry in entries]
    assert {source.kind for source in sources} == {kind}
    return [source.options for source in sources]


def options_of(kind: str) -> type[BaseModel]:
    model: type[BaseModel] = resolve_name(COLLECTORS[kind]).Options
    assert issubclass(model, BaseModel)
    return model


@pytest.mark.parametrize("kind", COLLECTORS)
def test_options_refuse_what_they_do_not_know(kind: str) -> None:
    model = options_of(kind)
    assert model.model_config.get("extra") == "forbid"
    assert model.model_config.get("frozen")
    for example in examples_of(kind):
        model.model_validate(example)
        with pytest.raises(ValidationError):
            model.model_validate({**example, "no_such_option": 1})


@pytest.mark.parametrize("kind", COLLECTORS)
def test_options_give_a_schema(kind: str) -> None:
    schema = options_of(kind).model_json_schema()
    assert schema["additionalProperties"] is False


REACHING_OUT = ("open", "os.listdir", "os.scandir", "os.walk", "socket.", "subprocess.")
_watching: list[list[str]] = []


def _note(event: str, _arguments: object) -> None:
    if _watching and event.startswith(REACHING_OUT):
        _watching[-1].append(event)


sys.addaudithook(_note)  # for the life of the process; silent unless a test is watching


@pytest.mark.parametrize("kind", COLLECTORS)
def test_making_one_asks_nothing(kind: str, tmp_path: Path) -> None:
    options = options_of(kind).model_validate(examples_of(kind)[-1])
    http = Http(Limits(), home=str(getattr(options, "url", "") or ""))
    secrets = {name: "value" for name, given in options if isinstance(given, Secret)}
    surroundings = Surroundings(http, Limits(), secrets, tmp_path, tmp_path)
    events: list[str] = []
    _watching.append(events)
    try:
        made = resolve_name(COLLECTORS[kind])("source", options, surroundings)
    finally:
        _watching.pop()
    assert events == []
    assert callable(made.units)
    assert callable(made.collect)
    assert http.traffic.requests == 0
    http.close()


def test_watching_sees_what_reaches_out(tmp_path: Path) -> None:
    events: list[str] = []
    _watching.append(events)
    try:
        list(tmp_path.iterdir())
        socket.getaddrinfo("127.0.0.1", 1)
    finally:
        _watching.pop()
    assert len(events) >= 2
