"""The layout holds: names, tables, the library behind the folder of its name."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
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
