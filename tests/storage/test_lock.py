"""A named lock is anybody's again as soon as the block that held it ends."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa

from storage.database import Database
from tests.fakes import postgres


def test_lock_on_postgresql_is_given_back_before_its_connection_is_closed(
    postgres_server: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server notices a closed connection only a moment later."""
    url = postgres.new_database(postgres_server).render_as_string(hide_password=False)
    held = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    left, close = [], psycopg.Connection.close
    with Database.open(url) as database, database.reading() as watching:

        def looking(self: psycopg.Connection) -> None:
            left.append(watching.execute(held).scalar_one())
            close(self)

        with monkeypatch.context() as patched, database.lock("scan-one"):
            assert watching.execute(held).scalar_one() == 1
            patched.setattr(psycopg.Connection, "close", looking)
        assert watching.execute(held).scalar_one() == 0
    assert left == [0]


def test_lock_on_postgresql_whose_connection_was_lost_ends_without_complaint(
    postgres_server: sa.URL,
) -> None:
    url = postgres.new_database(postgres_server).render_as_string(hide_password=False)
    lost = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with Database.open(url) as database:
        with database.lock("scan-one") as lock:
            assert lock.held()
            with database.reading() as killing:
                killing.execute(lost)
            assert not lock.held()
        with database.lock("scan-one") as again:
            assert again.held()
