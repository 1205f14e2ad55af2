"""Every number on every page is what plain SQL counts and what its list, paged out, holds."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pkgutil import iter_modules, resolve_name
from typing import get_args, get_type_hints

import pytest
import sqlalchemy as sa

import storage
from core.model import Digest, PolicyStatus, Status
from storage import artifact_list, changes, coverage, failures, rollups, signers
from storage.filters import ArtifactFilter, Count, SignerFilter
from tests.fakes import seed
from tests.storage.plain_sql import matching_ids

WEB = ArtifactFilter(owner="web")
# What a storage function that counts is called with, by the name of the parameter.
ARGUMENTS: dict[str, object] = {
    "chosen": SignerFilter(),
    "digest": Digest("sha256", seed.digest_of("artifact", "apt", 20).hex()),
    "entry_id": 1,
    "name": "registry",
    "now": seed.NOW,
    "signer_id": 3,
    "since": seed.NOW - seed.DAY,
}
Asked = Callable[[sa.Connection], object]
FURTHER: dict[str, Asked] = {
    "coverage of an owner": partial(coverage.coverage, chosen=WEB),
    "coverage of nothing": partial(coverage.coverage, chosen=ArtifactFilter(source="never-read")),
    "failures of an owner": partial(failures.failures, chosen=WEB),
    "changes of a month": partial(changes.changes, since=seed.NOW - 30 * seed.DAY),
}


def parts_of(hint: object, seen: set[object]) -> Iterator[object]:
    """Yield a type and all that it is made of, each once."""
    if hint not in seen:
        seen.add(hint)
        yield hint
        inner = list(get_args(hint))
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            inner += get_type_hints(hint).values()
        for one in inner:
            yield from parts_of(one, seen)


def counting() -> Iterator[tuple[str, Asked]]:
    """Yield every function of storage that reads numbers with a list, ready to be asked."""
    for module in iter_modules(storage.__path__, "storage."):
        for name, function in inspect.getmembers(resolve_name(module.name), inspect.isfunction):
            parameters = inspect.signature(function).parameters
            own = function.__module__ == module.name and not name.startswith("_")
            if not own or "connection" not in parameters:
                continue
            if Count in parts_of(get_type_hints(function)["return"], set()):
                wanted = [n for n, p in parameters.items() if p.default is p.empty]
                missing = {*wanted} - {"connection", *ARGUMENTS}
                assert not missing, f"{module.name}.{name}: say in ARGUMENTS what {missing} is"
                given = {each: ARGUMENTS[each] for each in wanted if each != "connection"}
                yield f"{module.name}.{name}", partial(function, **given)


PAGES: dict[str, Asked] = {**dict(counting()), **FURTHER}


def counts_in(answer: object) -> Iterator[Count]:
    """Yield every number with a list, wherever in the answer it stands."""
    if isinstance(answer, Count):
        yield answer
    elif dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        for part in dataclasses.fields(answer):
            yield from counts_in(getattr(answer, part.name))
    elif isinstance(answer, tuple):
        for one in answer:
            yield from counts_in(one)
    elif isinstance(answer, Mapping):
        yield from counts_in(tuple(answer.values()))


@pytest.mark.parametrize("name", PAGES)
def test_every_number_equals_plain_sql_and_its_list(connection: sa.Connection, name: str) -> None:
    found = list(counts_in(PAGES[name](connection)))
    assert found
    for one in found:
        wanted = matching_ids(connection, one.filter)
        assert one.number == len(wanted), one.filter
        assert artifact_list.count(connection, one.filter) == one.number, one.filter
        listed = [row.location_id for row in artifact_list.stream(connection, one.filter)]
        assert sorted(listed) == sorted(wanted), one.filter


def test_what_counts_is_found_by_what_it_returns() -> None:
    assert {"storage.coverage.coverage", "storage.signers.page", "storage.trust.entry"} <= {*PAGES}
    assert "storage.coverage.trend" not in PAGES  # its numbers open no list


def test_filters_of_numbers_survive_the_url(connection: sa.Connection) -> None:
    for page in PAGES.values():
        for one in counts_in(page(connection)):
            assert ArtifactFilter.from_parameters(one.filter.to_parameters()) == one.filter


def test_bars_of_coverage_add_up(connection: sa.Connection) -> None:
    seen = coverage.coverage(connection)
    for line in (seen.overall, *seen.by_source, *seen.by_owner, *seen.by_kind):
        assert sum(one.number for one in line.statuses.values()) == line.total.number
        assert sum(one.number for one in line.policies.values()) == line.total.number
    for lines in (seen.by_source, seen.by_owner, seen.by_kind):
        assert sum(line.total.number for line in lines) == seen.overall.total.number
        assert sum(line.excluded.number for line in lines) == seen.overall.excluded.number
    assert seen.overall.share is not None
    assert 0 < seen.overall.share < 1
    assert seen.by_source[-1].label == "registry"
    assert seen.sources_never_read == ("never-read",)
    assert seen.sources == 4


def test_last_day_of_the_trend_is_what_stands_now(connection: sa.Connection) -> None:
    days = coverage.trend(connection, seed.NOW.date())
    overall = coverage.coverage(connection).overall
    assert len(days) == coverage.TREND_DAYS
    assert [one.day for one in days] == sorted({one.day for one in days})
    assert days[-1].statuses == {key: one.number for key, one in overall.statuses.items()}
    assert days[-1].policies == {key: one.number for key, one in overall.policies.items()}


def test_trend_carries_the_last_known_value_over_days_without_a_scan(
    connection: sa.Connection,
) -> None:
    rows = connection.execute(
        sa.text("SELECT day, source_id, status, locations FROM standing_day")
    ).all()
    for window in (1, 10, 91, 200):
        until = seed.NOW.date() - timedelta(days=3)
        days = coverage.trend(connection, until, days=window)
        assert days[-1].day == until
        for one in days:
            number = (one.day - coverage.EPOCH_DAY).days
            wanted = dict.fromkeys(Status, 0)
            for source_id in {row.source_id for row in rows}:
                before = [r for r in rows if r.source_id == source_id and r.day <= number]
                last = max((row.day for row in before), default=0)
                for row in before:
                    if row.day == last:
                        wanted[Status(row.status)] += row.locations
            assert one.statuses == wanted
            assert one.total == sum(wanted.values()) == sum(one.policies.values())


def test_trend_of_a_source_never_read_is_empty(connection: sa.Connection) -> None:
    chosen = ArtifactFilter(source="never-read")
    assert coverage.trend(connection, seed.NOW.date(), chosen=chosen) == ()


def test_groups_of_failures_cover_all_that_is_not_verified(connection: sa.Connection) -> None:
    seen = failures.failures(connection)
    overall = coverage.coverage(connection).overall
    for status in failures.NOT_VERIFIED:
        groups = [one.count.number for one in seen.reasons if one.status is status]
        assert sum(groups) == seen.statuses[status].number == overall.statuses[status].number
    assert [one.count.number for one in seen.reasons] == sorted(
        (one.count.number for one in seen.reasons), reverse=True
    )
    stored = connection.execute(
        sa.text(
            "SELECT count(*) FROM finding f JOIN location l ON l.id = f.location_id "
            "WHERE l.exclusion_id IS NULL AND l.gone_at IS NULL"
        )
    ).scalar_one()
    assert sum(one.count.number for one in seen.requirements) == stored
    assert {(one.policy, one.mode) for one in seen.requirements} == set(seed.POLICIES)
    assert all(one.title == f"Requirement {one.requirement}" for one in seen.requirements)


def test_new_signers_are_counted_and_listed(connection: sa.Connection) -> None:
    since = seed.NOW - 10 * seed.DAY
    counted = changes.changes(connection, since).new_signers
    stored = connection.execute(
        sa.text("SELECT id FROM signer WHERE first_seen_at >= :since"),
        {"since": int(since.timestamp() * 1e6)},
    ).scalars()
    wanted = set(stored)
    listed = []
    after = ""
    while True:
        page = signers.page(connection, counted.filter, after=after, limit=2)
        listed += [one.id for one in page.rows]
        after = page.next_after
        if not after:
            break
    assert set(listed) == wanted
    assert len(listed) == counted.number == len(wanted) == 3
    assert SignerFilter.from_parameters(counted.filter.to_parameters()) == counted.filter


def test_ungoverned_and_never_green(connection: sa.Connection) -> None:
    overall = coverage.coverage(connection).overall
    assert overall.policies[PolicyStatus.UNGOVERNED].number > 0
    assert overall.unconstrained.number > 0
    assert overall.contested.number > 0


def test_seeded_counts_equal_a_rebuild(connection: sa.Connection) -> None:
    assert rollups.differences(connection) == []
