"""The layout holds: names, tables, the library behind the folder of its name."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

from collectors import COLLECTORS
from dashboard import PAGES
from jobs.commands import COMMANDS
from policy.checks import CHECKS
from verification import FORMATS

ROOT = Path(__file__).parent.parent
TABLES = [*COLLECTORS.values(), *FORMATS.values(), *CHECKS.values(), *COMMANDS.values()]


def test_alembic_is_the_library_not_the_folder() -> None:
    found = importlib.util.find_spec("alembic.command")
    assert found is not None
    assert found.origin is not None
    assert not Path(found.origin).is_relative_to(ROOT / "alembic")
    assert not (ROOT / "alembic" / "__init__.py").exists()


@pytest.mark.parametrize("entry", TABLES)
def test_every_table_entry_resolves(entry: str) -> None:
    assert resolve_name(entry) is not None


def test_pages_resolve() -> None:
    assert all(resolve_name(entry) for entry in PAGES)


@pytest.mark.parametrize("heavy", ["flask", "sqlalchemy", "cryptography", "pydantic", "rich"])
def test_the_command_line_starts_without(heavy: str) -> None:
    script = f"import sys, app; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


# Debian 12's Python 3.11.2 matches possessive repeats of groups wrongly: never write one.
POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")
ESCAPE_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def repeats_a_group_possessively(pattern: str) -> bool:
    return bool(POSSESSIVE_GROUP.search(ESCAPE_OR_CLASS.sub("x", pattern)))


def patterns(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every text of a file, with its line, that stands in a call of the module re."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
                    text = part.value if isinstance(part.value, str) else part.value.decode("latin")
                    yield part.lineno, text


def test_no_pattern_repeats_a_group_possessively() -> None:
    ours = [
        path
        for path in sorted(ROOT.rglob("*.py"))
        if not path.relative_to(ROOT).parts[0].startswith(".")
    ]
    found = [(path, line, text) for path in ours for line, text in patterns(path)]
    assert len(found) > 100
    for path, line, text in found:
        assert not repeats_a_group_possessively(text), f"{path.relative_to(ROOT)}:{line}: {text}"


@pytest.mark.parametrize("repeat", ["*", "+", "?", "{2,3}"])
def test_possessive_groups_are_told_from_the_rest(repeat: str, tmp_path: Path) -> None:
    source = tmp_path / "one.py"
    source.write_text(f"import re\nre.compile(rb'(?:ab){repeat}+c')\n")
    ((line, text),) = patterns(source)
    assert line == 2
    assert repeats_a_group_possessively(text)
    classes = (f"[^x]{repeat}+", f"[()]{repeat}+", rf"[\])]{repeat}+")
    for harmless in (*classes, f"(a){repeat}", r"\)" + repeat + "+", "(a)b++"):
        assert not repeats_a_group_possessively(harmless)
