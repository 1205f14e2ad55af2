"""A named lock is anybody's again as soon as the block that held it ends."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import Database
from tests.fakes import postgres


def test_lock_on_postgresql_is_free_when_the_block_ends(postgres_server: sa.URL) -> None:
    url = postgres.new_database(postgres_server).render_as_string(hide_password=False)
    held = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    left = 0
    with Database.open(url) as database, database.reading() as watching:
        for _ in range(200):
            with database.lock("scan-one"):
                assert watching.execute(held).scalar_one() == 1
            left += watching.execute(held).scalar_one()
    assert left == 0


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
