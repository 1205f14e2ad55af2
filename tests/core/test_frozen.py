"""Frozen dataclasses: as the standard library's, but for who refuses an assignment."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from core.frozen import dataclass

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ours:
    number: int
    aside: list[int] = dataclasses.field(default_factory=list, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    number: int
    aside: list[int] = dataclasses.field(default_factory=list, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Itself:
    number: int


def test_equality_and_hash_are_those_of_the_standard_library() -> None:
    assert Ours(1, [2]) == Ours(1, [3]) != Ours(2, [2])
    assert hash(Ours(1, [2])) == hash(Theirs(1, [3]))
    assert Itself(1) != Itself(1)
    assert len({Itself(1), Itself(1)}) == 2


def test_the_type_checker_refuses_an_assignment(tmp_path: Path) -> None:
    assignment = (
        "from core.frozen import dataclass\n"
        "@dataclass(frozen=True, slots=True)\n"
        "class One:\n"
        "    number: int\n"
        "One(1).number = 2\n"
    )
    command = [sys.executable, "-m", "mypy", f"--cache-dir={tmp_path}", "-c", assignment]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'Property "number" defined in "One" is read-only' in checked.stdout, checked.stderr
    assert "Found 1 error" in checked.stdout


def test_other_fields_than_the_declared_ones_are_refused_at_run_time_too() -> None:
    with pytest.raises(AttributeError):
        Ours(1).other = 2  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        dataclass(kind=True)  # type: ignore[call-overload]
