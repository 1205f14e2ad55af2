"""kill -9 anywhere in a scan loses nothing and leaves nothing: a repeated scan ends the same."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from core.settings import load
from storage import canonical, migrate, rollups
from storage.database import Database
from tests.jobs.conftest import Make

DRIVER = Path(__file__).parent / "scan_driver.py"
MANY = 60
KILLS = 8


def drive(settings: Path, die_at: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DRIVER), str(settings), str(die_at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def dump(settings: Path) -> list[str]:
    database = Database.open(load(settings).settings.database)
    with database.reading() as connection:
        assert rollups.differences(connection) == []
        lines = list(canonical.lines(connection))
    database.close()
    return lines


def test_scan_killed_anywhere_ends_as_an_undisturbed_one(
    make_workspace: Make, database_url: str
) -> None:
    settings = make_workspace(database_url, many=MANY)
    undisturbed = settings.parent / "undisturbed.yaml"
    other = f"sqlite:///{settings.parent / 'undisturbed.db'}"
    undisturbed.write_text(
        settings.read_text().replace(f"database: {database_url}", f"database: {other}")
    )
    fresh = Database.open(other)
    migrate.upgrade(fresh)
    fresh.close()
    whole = drive(undisturbed)
    state, statements = whole.stdout.split()
    assert state == "complete", whole.stderr
    points = sorted(random.Random(7).sample(range(1, int(statements)), KILLS))
    for point in points:
        killed = drive(settings, point)
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
    assert drive(settings).returncode == 0
    assert dump(settings) == dump(undisturbed)
