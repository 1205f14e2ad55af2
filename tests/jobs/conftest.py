"""A workspace on disk: settings, policies, an estate signed by the real tools, a database."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.estate import Estate, build_estate, settings_yaml
from jobs.workspace import Workspace
from storage import migrate
from storage.database import Database

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIBRARY = Path(__file__).parent.parent.parent / "policy" / "library"
Make = Callable[..., Path]
Reopen = Callable[[Path, datetime], Workspace]


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """The example estate, built once by gpg and openssl."""
    return build_estate(tmp_path_factory.mktemp("estate") / "example")


@pytest.fixture
def make_workspace(tmp_path: Path, estate: Estate) -> Make:
    """Write settings over a copy of the estate and return the settings file."""

    def make(url: str, *, many: int = 0) -> Path:
        folder = tmp_path / "workspace"
        shutil.copytree(estate.folder, folder / "example")
        copied = Estate(folder / "example", estate.cases, estate.trust)
        shutil.copytree(LIBRARY, folder / "policies")
        for number in range(many):
            place = folder / "example" / "releases" / "many" / f"file-{number:04}.bin"
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(str(number).encode())
        path = folder / "countersign.yaml"
        path.write_text(f"database: {url}\n{settings_yaml(copied, folder)}")
        database = Database.open(url)
        migrate.upgrade(database)
        database.close()
        return path

    return make


@pytest.fixture
def reopen() -> Iterator[Callable[[Path, datetime], Workspace]]:
    """Open settings at a fixed time; everything opened is closed in the end."""
    opened: list[Workspace] = []

    def open_at(path: Path, now: datetime) -> Workspace:
        opened.append(Workspace.open(path, lambda: now))
        return opened[-1]

    yield open_at
    for one in opened:
        one.close()


@pytest.fixture
def workspace(make_workspace: Make, database_url: str, reopen: Reopen) -> Workspace:
    """An open workspace at a fixed time."""
    return reopen(make_workspace(database_url), NOW)
