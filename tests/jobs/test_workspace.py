"""A workspace lets go of its database, also where it never came to be."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import sqlalchemy as sa

import app
from core.errors import ConfigurationError
from jobs.workspace import Workspace
from tests.fakes import postgres
from tests.jobs.conftest import NOW, Make


@pytest.fixture
def watched(postgres_server: sa.URL) -> tuple[str, Callable[[], int]]:
    """An empty PostgreSQL database, and how many connections to it are open."""
    url = postgres.new_database(postgres_server)
    seen = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name")
    engine = sa.create_engine(postgres_server, poolclass=sa.NullPool)

    def count() -> int:
        with engine.connect() as connection:
            return int(connection.execute(seen, {"name": url.database}).scalar_one())

    return url.render_as_string(hide_password=False), count


def until_none(count: Callable[[], int]) -> None:
    """The server takes a moment to notice that a connection was closed."""
    for _ in range(500):
        if count() == 0:
            return
    raise AssertionError("a connection was left open")


def test_workspace_that_cannot_be_opened_leaves_no_connection(
    make_workspace: Make, watched: tuple[str, Callable[[], int]]
) -> None:
    url, count = watched
    settings = make_workspace(url)
    settings.parent.joinpath("policies", "broken.yaml").write_text("metadata: {nam: x}\n")
    with pytest.raises(ConfigurationError) as refused:
        Workspace.open(settings, lambda: NOW)
    until_none(count)  # while what was refused is still at hand, as it is where it is shown
    assert "broken.yaml" in str(refused.value)


@pytest.mark.parametrize(
    "command",
    [["db", "upgrade"], ["db", "check"], ["db", "rebuild"], ["scan"], ["sources", "list"],
     ["sources", "check"]],
    ids="-".join,
)  # fmt: skip
def test_command_leaves_no_connection(
    command: list[str], make_workspace: Make, watched: tuple[str, Callable[[], int]]
) -> None:
    url, count = watched
    settings = make_workspace(url)
    try:
        app.main([*command, "--config", str(settings)])
    except SystemExit:
        left = sys.exc_info()[2]  # with every frame, and what their names hold
        assert left is not None
        until_none(count)
    until_none(count)
