"""What every collector must be, held over the table."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest
from pydantic import BaseModel, ValidationError

from collectors import COLLECTORS
from collectors.collector import Surroundings
from core.limits import Limits
from net.http import Http

# The least that a source of each kind must say.
LEAST: dict[str, dict[str, object]] = {
    "apt": {"url": "https://deb.example/debian", "suites": ["stable"], "components": ["main"]},
    "file_tree": {"path": "releases"},
    "oci": {"url": "https://registry.example"},
}


def options_of(kind: str) -> type[BaseModel]:
    model: type[BaseModel] = resolve_name(COLLECTORS[kind]).Options
    assert issubclass(model, BaseModel)
    return model


def test_every_kind_is_tried_here() -> None:
    assert LEAST.keys() == COLLECTORS.keys()


@pytest.mark.parametrize("kind", COLLECTORS)
def test_options_refuse_what_they_do_not_know(kind: str) -> None:
    model = options_of(kind)
    assert model.model_config.get("extra") == "forbid"
    assert model.model_config.get("frozen")
    model.model_validate(LEAST[kind])
    with pytest.raises(ValidationError):
        model.model_validate({**LEAST[kind], "no_such_option": 1})


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
    options = options_of(kind).model_validate(LEAST[kind])
    http = Http(Limits(), home=str(getattr(options, "url", "") or ""))
    surroundings = Surroundings(http, Limits(), {}, tmp_path, tmp_path)
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
