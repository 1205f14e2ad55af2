"""What a page costs: few statements, whatever the size, and no pass over a big table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.model import Digest, FindingOutcome, PolicyStatus, Status
from storage import (
    artifact_detail,
    artifact_list,
    changes,
    coverage,
    exclusions,
    failures,
    schema,
    signers,
    sources,
    trust,
    unit_findings,
    verification_list,
)
from storage.database import Database
from storage.filters import ArtifactFilter, Change, Exclusion, SignerFilter, VerificationFilter
from storage.in_force import in_force
from tests.fakes import seed

BIG = (
    "location", "artifact", "verification", "verdict", "finding", "evidence_item", "evidence_set",
    "status_change", "location_past", "verification_anchor", "set_signer", "blob",
)  # fmt: skip
MOST_STATEMENTS = 8
A, V = ArtifactFilter, VerificationFilter
KEY = seed.anchor(1, 1)
HOT = [
    A(),
    A(status=Status.FAILED),
    A(status=Status.VERIFIED, source="debian"),
    A(status=Status.FAILED, reason="KEY_EXPIRED"),
    A(policy_status=PolicyStatus.FAILED),
    A(policy_status=PolicyStatus.UNGOVERNED, owner="web"),
    A(contested=True),
    A(unconstrained=True),
    A(exclusion=Exclusion.ONLY),
    A(exclusion_rule=1),
    A(policy="signed"),
    A(policy="signed", requirement="signature", finding=FindingOutcome.FAILED),
    A(signer=3),
    A(signer=3, status=Status.VERIFIED),
    A(trust=1),
    A(evidence_set=2),
    A(text="tool"),
    A(text="tool", status=Status.FAILED),
    *(A(change=change, since=seed.NOW - seed.DAY) for change in Change),
]


def _findings(connection: sa.Connection, chosen: ArtifactFilter) -> None:
    assert unit_findings.page(connection, chosen, limit=3).rows
    assert unit_findings.count(connection, chosen)


def _verifications(connection: sa.Connection, chosen: VerificationFilter) -> None:
    assert verification_list.page(connection, chosen, limit=3).rows
    assert verification_list.count(connection, chosen)


PAGES: dict[str, Callable[[sa.Connection], object]] = {
    "coverage": coverage.coverage,
    "trend": lambda connection: coverage.trend(connection, seed.NOW.date()),
    "failures": failures.failures,
    "signers": lambda connection: signers.page(connection, SignerFilter()),
    "signer": lambda connection: signers.detail(connection, 3),
    "sources": lambda connection: sources.health(connection, seed.NOW),
    "source": lambda connection: sources.detail(connection, "registry", seed.NOW),
    "trust": trust.page,
    "changes": lambda connection: changes.changes(connection, seed.NOW - seed.DAY),
    "exclusions": exclusions.rules,
    "units": lambda connection: sources.unit_page(connection, "registry", limit=1),
    "troubled units": lambda connection: sources.unit_page(connection, "registry", troubled=True),
    "findings": lambda connection: _findings(connection, A()),
    "findings of a source": lambda connection: _findings(connection, A(source="debian")),
    "kinds of findings": unit_findings.groups,
    "verifications of a signer": lambda connection: _verifications(connection, V(signer=3)),
    "verifications by an entry": lambda connection: _verifications(connection, V(trust=1)),
    "verifications by a key": lambda connection: _verifications(connection, V(anchor=KEY)),
    "artifact": lambda connection: artifact_detail.detail(
        connection, Digest("sha256", seed.digest_of("artifact", "apt", 20).hex())
    ),
}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path: Path = tmp_path_factory.mktemp("large") / "large.db"
    database = Database.open(f"sqlite:///{path}")
    with database.writing() as connection:
        seed.fill(connection, 5000)
    yield database
    database.close()


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is sent to the database, BEGIN apart."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, text: str, values: Any, _context: Any, _many: Any) -> None:
        if not text.startswith("BEGIN"):
            sent.append((text, values))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)


def passes(connection: sa.Connection, sent: list[tuple[str, Any]]) -> list[str]:
    """Return the plan lines that read a big table row by row without an index."""
    found = []
    for text, values in sent:
        plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {text}", values)
        lines = [str(row[3]) for row in plan.fetchall()]
        found += [line for line in lines if line in {f"SCAN {table}" for table in BIG}]
        found += [line for line in lines if "AUTOMATIC" in line and "excluded" not in line]
    return found


@pytest.mark.parametrize("chosen", HOT, ids=lambda one: str(one.to_parameters()))
def test_lists_and_counts_use_an_index(large: Database, chosen: ArtifactFilter) -> None:
    with large.reading() as connection:
        with statements(large) as sent:
            page = artifact_list.page(connection, chosen, limit=10)
            if page.next_after:
                artifact_list.page(connection, chosen, after=page.next_after, limit=10)
            artifact_list.count(connection, chosen)
        assert len(sent) <= 2 * MOST_STATEMENTS
        assert passes(connection, sent) == []


@pytest.mark.parametrize("name", PAGES)
def test_pages_need_few_statements_whatever_the_size(
    large: Database, estate: Database, name: str
) -> None:
    numbers = []
    for database in (large, estate):
        with database.reading() as connection, statements(database) as sent:
            PAGES[name](connection)
            numbers.append(len(sent))
    assert numbers[0] == numbers[1] <= MOST_STATEMENTS


@pytest.mark.parametrize("name", PAGES)
def test_pages_pass_over_no_big_table(large: Database, name: str) -> None:
    with large.reading() as connection:
        with statements(large) as sent:
            PAGES[name](connection)
        assert [one for one in passes(connection, sent) if "AUTOMATIC" not in one] == []


@contextmanager
def counted_steps(connection: sa.Connection) -> Iterator[list[int]]:
    """Count SQLite's own steps, in hundreds."""
    driver = connection.connection.driver_connection
    assert driver is not None
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    driver.set_progress_handler(step, 100)
    try:
        yield steps
    finally:
        driver.set_progress_handler(None, 0)


def test_a_deep_page_reads_no_more_than_the_first(large: Database) -> None:
    """Keyset paging does not grow with the depth."""
    chosen = A(status=Status.VERIFIED)
    after, costs = "", []
    with large.reading() as connection, counted_steps(connection) as steps:
        while True:
            steps[0] = 0
            page = artifact_list.page(connection, chosen, after=after, limit=50)
            costs.append(steps[0])
            after = page.next_after
            if not after:
                break
    assert len(costs) > 30
    assert max(costs) <= 3 * min(costs[:-1])


def test_all_verifications_are_listed_without_reading_them_all(
    large: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No index counts all of them: of many, it is told that there are more than so many."""
    with large.reading() as connection:
        everything = sa.select(sa.func.count()).select_from(schema.verification)
        total = connection.execute(everything).scalar_one()
        assert verification_list.count(connection, V()) == total
    assert total > 500
    monkeypatch.setattr(verification_list, "COUNTED", 100)
    with large.reading() as connection, counted_steps(connection) as steps:
        page = verification_list.page(connection, V(), limit=5)
        assert verification_list.count(connection, V()) is None
        for_few = steps[0]
    assert len(page.rows) == 5
    assert for_few < 30


@pytest.mark.parametrize("chosen", [V(), V(signer=3)], ids=["all", "of a signer"])
def test_whether_a_verification_counts_is_not_asked_of_each(
    large: Database, chosen: VerificationFilter, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []
    for asked in (in_force, lambda _connection: sa.true()):
        monkeypatch.setattr(verification_list, "in_force", asked)
        with large.reading() as connection, counted_steps(connection) as steps:
            assert verification_list.count(connection, chosen)
            costs.append(steps[0])
    assert costs[0] <= 2 * costs[1] + 2


def test_beginnings_of_lists_are_read_together(large: Database) -> None:
    since = seed.NOW - 90 * seed.DAY
    filters = [ArtifactFilter(change=change, since=since) for change in Change]
    with large.reading() as connection:
        wanted = [artifact_list.page(connection, one, limit=7).rows for one in filters]
        with statements(large) as sent:
            found = artifact_list.beginnings(connection, filters, limit=7)
        assert artifact_list.beginnings(connection, [], limit=7) == ()
    assert [*found] == wanted
    assert {len(rows) for rows in found} == {7}
    assert len(sent) == 1 + len(filters) + 1  # the sources, each list's order, all the rows
