"""Artifacts are found by their digest or its beginning."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.model import Digest
from storage import lookup, schema


def _digests(connection: sa.Connection) -> list[str]:
    return sorted(row.digest.hex() for row in connection.execute(sa.select(schema.artifact)))


@pytest.mark.parametrize("length", [6, 7, 12, 63, 64])
def test_a_beginning_finds_exactly_what_begins_so(connection: sa.Connection, length: int) -> None:
    everything = _digests(connection)
    for one in (everything[0], everything[-1], everything[len(everything) // 2]):
        found = lookup.by_digest(connection, one[:length])
        assert [m.digest.value for m in found] == [
            other for other in everything if other.startswith(one[:length])
        ]
        assert found[0].name


def test_the_algorithm_and_case_do_not_matter_unless_wrong(connection: sa.Connection) -> None:
    one = _digests(connection)[3]
    expected = lookup.by_digest(connection, one)
    assert expected[0].digest == Digest("sha256", one)
    assert lookup.by_digest(connection, f" SHA256:{one.upper()} ") == expected
    assert lookup.by_digest(connection, f"sha512:{one}") == ()
    assert lookup.by_digest(connection, f"rot13:{one}") == ()


@pytest.mark.parametrize("typed", ["", "abc", "xyzxyz", "sha256:", "a" * 129, "ab cdef0", "%" * 8])
def test_what_is_no_digest_finds_nothing(connection: sa.Connection, typed: str) -> None:
    assert lookup.by_digest(connection, typed) == ()


def test_no_more_than_the_limit(connection: sa.Connection) -> None:
    one = _digests(connection)[0]
    assert len(lookup.by_digest(connection, one[:6], limit=0)) == 1
