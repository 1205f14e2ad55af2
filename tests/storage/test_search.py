"""Names are found by a part of them, on both databases alike."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from storage import artifact_list, schema, search
from storage.database import Database
from storage.filters import ArtifactFilter
from tests.fakes import seed


@pytest.fixture
def database(database_url: str) -> Database:
    opened = Database.open(database_url)
    with opened.writing() as connection:
        seed.fill(connection, 30)
    return opened


def names(connection: sa.Connection, text: str) -> set[str]:
    page = artifact_list.page(connection, ArtifactFilter(text=text), limit=500)
    return {row.name for row in page.rows}


def rename_new(connection: sa.Connection, *given: str) -> tuple[int, int]:
    """Insert copies of a location under other names; return the first and last id."""
    row = dict(connection.execute(sa.select(schema.location)).mappings().first() or {})
    top = connection.execute(sa.select(sa.func.max(schema.location.c.id))).scalar_one()
    rows = [
        {**row, "id": top + number, "name": name, "gone_at": None, "exclusion_id": None}
        for number, name in enumerate(given, start=1)
    ]
    connection.execute(schema.location.insert(), rows)
    return top + 1, top + len(given)


HOSTILE = ("a%b_c", "a-b-c", 'say "AND" now', "back\\slash", "x' OR 1=1", "<script>", "\u202eevil")


def test_rows_just_inserted_are_found(database: Database) -> None:
    with database.writing() as connection:
        search.add(connection, *rename_new(connection, *HOSTILE, "Größe", "日本語の名前"))
        for name in (*HOSTILE, "Größe", "日本語の名前"):
            assert name in names(connection, name), name
            assert name in names(connection, name[1:]), name
        assert names(connection, "a%b") == {"a%b_c"}
        assert names(connection, "b_c") == {"a%b_c"}
        assert names(connection, "A-B-C") == {"a-b-c"}
        assert names(connection, "本語の") == {"日本語の名前"}
        assert names(connection, "x' OR 1=1 --") == set()
    database.close()


def test_a_short_text_matches_the_start_of_a_name(database: Database) -> None:
    with database.writing() as connection:
        search.add(connection, *rename_new(connection, "zz-top", "azz", "%z"))
        assert names(connection, "Zz") == {"zz-top"}
        assert names(connection, "%") == {"%z"}
    database.close()


def test_a_long_text_is_found_and_one_letter_more_is_not(database: Database) -> None:
    long = "ab" * 99
    with database.writing() as connection:
        search.add(connection, *rename_new(connection, long))
        assert names(connection, long) == {long}
        assert names(connection, f"{long}a") == set()
        assert names(connection, f"{long[:-1]}x") == set()
    database.close()


def test_search_objects_can_be_dropped_and_made_again(database: Database) -> None:
    with database.writing() as connection:
        before = names(connection, "tool")
        search.drop(connection)
        search.create(connection)
        assert names(connection, "tool") == before != set()
    database.close()
