"""Every filter's list, paged to the end, is the set of rows that plain SQL finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import MalformedError
from core.model import FindingOutcome, PolicyStatus, Status, VerdictOutcome
from storage import artifact_list
from storage.filters import ArtifactFilter, Change, Exclusion
from storage.views.artifacts import ArtifactRow
from tests.fakes import seed
from tests.storage.plain_sql import matching_ids

A_WEEK_AGO = seed.NOW - timedelta(days=7)
A = ArtifactFilter
FILTERS = [
    A(),
    A(status=Status.VERIFIED),
    A(status=Status.FAILED),
    A(status=Status.FAILED, reason="KEY_EXPIRED", source="registry"),
    A(reason=""),
    A(status=Status.UNKNOWN, owner="web"),
    A(kind="apt", policy_status=PolicyStatus.FAILED),
    A(policy_status=PolicyStatus.UNGOVERNED),
    A(policy_status=PolicyStatus.WARNED),
    A(policy_status=PolicyStatus.PASSED, status=Status.VERIFIED, source="debian"),
    A(contested=True),
    A(contested=False, status=Status.VERIFIED),
    A(unconstrained=True),
    A(source="never-read"),
    A(source="no such source"),
    A(exclusion=Exclusion.ONLY),
    A(exclusion=Exclusion.ONLY, status=Status.FAILED),
    A(exclusion_rule=1),
    A(exclusion_rule=3),
    A(policy="signed"),
    A(policy="signed", verdict=VerdictOutcome.FAILED),
    A(policy="trial", owner="web"),
    A(policy="no such policy"),
    A(policy="signed", requirement="signature"),
    A(policy="signed", requirement="known-signer", finding=FindingOutcome.FAILED),
    A(policy="signed", requirement="signature", finding_reason="RULE_FALSE", owner="web"),
    A(policy="signed", requirement="signature", exclusion=Exclusion.ONLY),
    A(policy="release", requirement="fresh-key", status=Status.VERIFIED),
    A(policy="signed", requirement="signature", verdict=VerdictOutcome.UNKNOWN),
    A(signer=3),
    A(signer=5, status=Status.VERIFIED, exclusion=Exclusion.ONLY),
    A(signer=999),
    A(trust=1),
    A(trust=2),
    A(trust=4),
    A(anchor=seed.anchor(1, 1), source="downloads"),
    A(trust=2, signer=4),
    A(evidence_set=2),
    A(evidence_set=9, policy="signed"),
    A(text="tool"),
    A(text="SERVER-1"),
    A(text="100%_d"),
    A(text="10__do"),
    A(text="b\\c"),
    A(text='o"t'),
    A(text="naïve"),
    A(text="li"),
    A(text="%"),
    A(text="tool", status=Status.FAILED, source="debian"),
    A(text="tool", signer=2),
    A(text="tool", policy="signed", requirement="signature"),
    *(A(change=change, since=A_WEEK_AGO) for change in Change),
    A(change=Change.NEW, since=seed.NOW - timedelta(days=60), source="registry"),
    A(change=Change.GONE, since=seed.NOW - timedelta(days=60), exclusion=Exclusion.ONLY),
    A(change=Change.NEWLY_FAILED, since=seed.NOW - timedelta(days=90), signer=3),
    A(change=Change.NEWLY_VERIFIED, since=seed.NOW + timedelta(days=1)),
    A(change=Change.NEWLY_VERIFIED, since=A_WEEK_AGO, trust=1, text="tool"),
]


def named(chosen: ArtifactFilter) -> str:
    return "&".join(f"{key}={value}" for key, value in chosen.to_parameters().items()) or "all"


def paged(connection: sa.Connection, chosen: ArtifactFilter, limit: int) -> Iterator[ArtifactRow]:
    after = ""
    while True:
        page = artifact_list.page(connection, chosen, after=after, limit=limit)
        assert len(page.rows) <= limit
        yield from page.rows
        after = page.next_after
        if not after:
            return
        assert len(page.rows) == limit


@pytest.mark.parametrize("chosen", FILTERS, ids=named)
def test_list_count_stream_and_plain_sql_agree(
    connection: sa.Connection, chosen: ArtifactFilter
) -> None:
    wanted = matching_ids(connection, chosen)
    listed = [row.location_id for row in paged(connection, chosen, 7)]
    assert len(listed) == len(set(listed))
    assert set(listed) == wanted
    assert artifact_list.count(connection, chosen) == len(wanted)
    assert [row.location_id for row in artifact_list.stream(connection, chosen)] == listed


def test_most_filters_choose_something(connection: sa.Connection) -> None:
    empty = [named(one) for one in FILTERS if not matching_ids(connection, one)]
    assert len(empty) <= 11, empty


@pytest.mark.parametrize("chosen", FILTERS, ids=named)
def test_filter_survives_the_url(chosen: ArtifactFilter) -> None:
    assert ArtifactFilter.from_parameters(chosen.to_parameters()) == chosen


FIELDS = {
    "status": st.sampled_from([*Status]),
    "source": st.sampled_from(["debian", "downloads", "registry"]),
    "owner": st.sampled_from(["web", "platform"]),
    "policy_status": st.sampled_from([*PolicyStatus]),
    "contested": st.booleans(),
    "unconstrained": st.booleans(),
    "exclusion": st.sampled_from([*Exclusion]),
    "exclusion_rule": st.integers(1, 3),
    "signer": st.integers(1, 12),
    "trust": st.integers(1, 4),
    "evidence_set": st.integers(1, 60),
    "text": st.sampled_from(["tool", "li", "-1", "rver"]),
    "policy": st.sampled_from(["signed", "release"]),
}


@given(parts=st.fixed_dictionaries({}, optional=FIELDS))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_combination_agrees_with_plain_sql(
    connection: sa.Connection, parts: dict[str, object]
) -> None:
    chosen = dataclasses.replace(ArtifactFilter(), **parts)  # type: ignore[arg-type]
    wanted = matching_ids(connection, chosen)
    assert [*sorted(row.location_id for row in paged(connection, chosen, 41))] == sorted(wanted)
    assert artifact_list.count(connection, chosen) == len(wanted)


@pytest.mark.parametrize(
    "parameters",
    [
        {"status": "green"},
        {"colour": "red"},
        {"since": "yesterday", "change": "new"},
        {"since": "2026-01-01"},
        {"change": "new"},
        {"signer": "-1"},
        {"signer": "99999999999999999999"},
        {"contested": "1"},
        {"requirement": "signature"},
        {"finding": "failed", "policy": "signed"},
        {"verdict": "failed"},
        {"text": "x" * 201},
        {"text": "a\0b"},
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, str]) -> None:
    with pytest.raises(MalformedError, match="filter"):
        ArtifactFilter.from_parameters(parameters)


@pytest.mark.parametrize(
    "cursor", ["x", "!!!!", "W10", "A" * 2000, "é", "WzEsMiwzXQ", "W1tdLDAsMTBd" * 90]
)
def test_strange_cursor_is_refused(connection: sa.Connection, cursor: str) -> None:
    with pytest.raises(MalformedError, match="cursor"):
        artifact_list.page(connection, ArtifactFilter(), after=cursor)


def test_cursor_of_another_list_shows_nothing_outside_the_filter(
    connection: sa.Connection,
) -> None:
    foreign = artifact_list.page(connection, A(signer=3), limit=1).next_after
    for chosen in (A(status=Status.FAILED), A(evidence_set=2), A(signer=5), A(text="tool")):
        try:
            rows = artifact_list.page(connection, chosen, after=foreign).rows
        except MalformedError:
            continue
        assert {row.location_id for row in rows} <= matching_ids(connection, chosen)


def test_rows_are_complete(connection: sa.Connection) -> None:
    row = artifact_list.page(connection, A(source="debian"), limit=1).rows[0]
    stored = connection.execute(
        sa.text(
            "SELECT l.*, a.digest, a.kind AS artifact_kind FROM location l "
            "JOIN artifact a ON a.id = l.artifact_id WHERE l.id = :id"
        ),
        {"id": row.location_id},
    ).one()
    assert row.digest.raw == bytes(stored.digest)
    assert (row.name, row.version) == (stored.name, stored.version)
    assert row.repository == stored.repository
    assert (row.source, row.kind, row.owner) == ("debian", "apt", "platform")
    assert row.artifact_kind == stored.artifact_kind == "deb"
    assert row.status == stored.status
