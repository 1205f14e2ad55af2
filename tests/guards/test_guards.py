"""The table of guards keeps up with the source, and every class of attack has its tests."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.guards import deletion
from tests.guards.attack_classes import CLASSES, FAMILIES, FORMATS_FOLDER
from tests.guards.guard import ATTACK, Guard, guard
from tests.guards.table import GUARDS

ROOT = Path(__file__).parent.parent.parent
TESTS = ROOT / "tests"


@cache
def names(file: str) -> frozenset[str]:
    """Return the tests of a file, `Class::test` for those in a class."""
    return frozenset(_names(ast.parse((TESTS / file).read_bytes())))


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (
                f"{node.name}::{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
            )


@pytest.mark.parametrize("one", GUARDS, ids=lambda one: f"{one.file} {one.old[:60]}")
def test_a_guard_stands_in_the_source_once_and_its_tests_exist(one: Guard) -> None:
    source = (ROOT / one.file).read_text()
    without = one.without(source)
    ast.parse(without)
    assert without != source
    assert one.tests
    for test in one.tests:
        file, _, name = test.partition("::")
        assert name in names(file), f"{file} has no test {name}"


def test_no_guard_is_listed_twice() -> None:
    assert len({(one.file, one.old) for one in GUARDS}) == len(GUARDS)


def test_every_class_of_attack_has_a_guard_and_its_families() -> None:
    found: dict[int, set[str]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        file = path.relative_to(TESTS).as_posix()
        for name in names(file):
            for number in ATTACK.findall(name):
                found[int(number)].add(file.removesuffix(".py").replace(FORMATS_FOLDER, "~"))
    assert list(CLASSES) == list(FAMILIES) == list(range(1, 21))
    assert found.keys() == CLASSES.keys(), "a test is named after no class there is"
    for number, files in FAMILIES.items():
        assert set(files) <= found[number], f"a family has lost its test of class {number}"
    assert {number for one in GUARDS for number in one.attacks} == set(CLASSES)


def test_a_guard_is_deleted() -> None:
    source = "if a or b:\n    raise\nx = 1\n"
    assert guard("f", "if a or b:").without(source) == source.replace(
        "a or b", "False and (a or b)"
    )
    assert guard("f", "x = 1", new="x = 2").without(source) == source.replace("1", "2")
    for old in ("if c:", "x = 1", "\n"):
        with pytest.raises(ValueError, match="f"):
            guard("f", old).without(source)


def test_a_text_that_no_guard_holds_is_an_error_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["deletion", "of no guard"])
    monkeypatch.setattr(deletion, "code_of", lambda _: pytest.fail("tests were run"))
    with pytest.raises(SystemExit, match="of no guard"):
        deletion.main()
