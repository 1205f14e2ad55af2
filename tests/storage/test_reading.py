"""Signers, sources, trust, raw bytes and requests, as pages read and write them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from core.errors import MalformedError, NotFoundError
from core.model import Digest, ScanState
from storage import evidence, requests, schema, signers, sources, trust
from storage.database import Database
from storage.filters import SignerFilter
from storage.views.signers import SignerRow
from tests.fakes import seed
from verification.format import VERIFIER_VERSION


def test_signers_are_paged_newest_first_without_gap(connection: sa.Connection) -> None:
    listed: list[SignerRow] = []
    after = ""
    while True:
        page = signers.page(connection, SignerFilter(), after=after, limit=5)
        listed += page.rows
        after = page.next_after
        if not after:
            break
    assert [one.id for one in listed] == list(range(1, seed.SIGNERS + 1))
    assert signers.count(connection, SignerFilter()) == len(listed)
    for one in listed:
        stored = connection.execute(
            sa.text(
                "SELECT count(*) AS n, min(signed_at) AS first, max(signed_at) AS last "
                "FROM verification WHERE signer_id = :id"
            ),
            {"id": one.id},
        ).one()
        dates = (one.first_signed_at, one.last_signed_at)
        micros = tuple(None if d is None else schema.to_microseconds(d) for d in dates)
        assert (one.verifications, *micros) == tuple(stored)
    assert listed[2].sources == ("downloads", "registry")


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        (SignerFilter(kind="key"), {2, 4, 6, 8, 10, 12}),
        (SignerFilter(text="s1@"), {1}),
        (SignerFilter(text="example ca", kind="openpgp"), {3, 9}),
        (SignerFilter(text="%"), set()),
        (SignerFilter(text="000C"), {12}),
    ],
)
def test_signers_are_found(
    connection: sa.Connection, chosen: SignerFilter, wanted: set[int]
) -> None:
    rows = signers.page(connection, chosen).rows
    assert {one.id for one in rows} == wanted
    assert signers.count(connection, chosen) == len(wanted)


def test_signatures_without_a_time_are_counted_apart(connection: sa.Connection) -> None:
    undated = sum(signers.detail(connection, one).undated for one in range(1, seed.SIGNERS + 1))
    assert (
        undated
        == connection.execute(
            sa.text(
                "SELECT count(*) FROM verification "
                "WHERE signer_id IS NOT NULL AND signed_at IS NULL"
            )
        ).scalar_one()
    )
    assert undated


def test_use_over_time_adds_up(connection: sa.Connection) -> None:
    found = signers.detail(connection, 3)
    dated = sum(one.verifications for one in found.months)
    assert dated + found.undated == found.signer.verifications
    assert len(found.months) > 1
    for month in found.months:
        following = (month.month.replace(day=28) + 10 * seed.DAY).replace(day=1)
        bounds = [
            schema.to_microseconds(datetime(day.year, day.month, 1, tzinfo=UTC))
            for day in (month.month, following)
        ]
        stored = connection.execute(
            sa.text(
                "SELECT count(*) FROM location l WHERE gone_at IS NULL AND exclusion_id IS NULL "
                "AND set_id IN (SELECT i.set_id FROM evidence_item i JOIN verification v "
                "ON v.id = i.verification_id WHERE v.signer_id = 3 AND v.signed_at >= :since "
                "AND v.signed_at < :until)"
            ),
            {"since": bounds[0], "until": bounds[1]},
        ).scalar_one()
        assert month.artifacts == stored


def test_strange_signers_are_refused(connection: sa.Connection) -> None:
    with pytest.raises(NotFoundError):
        signers.detail(connection, 999)
    with pytest.raises(MalformedError, match="filter"):
        SignerFilter.from_parameters({"colour": "red"})
    with pytest.raises(MalformedError, match="filter"):
        SignerFilter.from_parameters({"since": "soon"})


def test_health_of_each_source(connection: sa.Connection) -> None:
    found = {one.name: one for one in sources.health(connection, seed.NOW)}
    assert list(found) == sorted(found)
    assert not found["debian"].stale
    assert found["debian"].read_age_seconds == 1800
    denied = found["registry"]
    assert (denied.stale, denied.reason, denied.troubled_units) == (True, "SOURCE_DENIED", 1)
    assert denied.troubles[0].unit == "unit-1"
    assert denied.requested_at is not None
    assert denied.last_scan is not None
    assert denied.last_scan.state is ScanState.PARTIAL
    assert denied.last_scan.errors[0].reason == "SOURCE_DENIED"
    assert found["downloads"].running is not None
    assert found["downloads"].requested_at is None
    never = found["never-read"]
    assert (never.stale, never.read_age_seconds, never.last_scan) == (False, None, None)
    assert never.line.share is None


def test_one_source_shows_what_the_overview_shows(connection: sa.Connection) -> None:
    for one in sources.health(connection, seed.NOW):
        found = sources.detail(connection, one.name, seed.NOW)
        assert found.health == one
        assert len(found.unit_rows) == one.units == 2
        started = [scan.started_at for scan in found.scans]
        assert started == sorted(started, reverse=True)
    with pytest.raises(NotFoundError):
        sources.detail(connection, "no such source", seed.NOW)


def test_strip_and_progress(connection: sa.Connection) -> None:
    strip = sources.summary(connection, seed.NOW)
    assert (strip.sources, strip.never_read, strip.stale) == (4, 1, 1)
    assert (strip.troubled, strip.running) == (1, 1)
    assert sorted(strip.verifiers) == sorted([VERIFIER_VERSION] * 2 + ["earlier"])
    (scan,) = sources.running(connection)
    assert (scan.source, scan.units_done, scan.units_total) == ("downloads", 1, 2)


def test_source_that_left_the_settings_accepts_nothing(database_url: str) -> None:
    database = Database.open(database_url)
    with database.writing() as opened:
        seed.fill(opened, 40)
    before = _uses_by_source(database)
    assert before["debian"] == {2, 4}
    with database.writing() as opened:
        left = schema.source.c.name == "debian"
        opened.execute(schema.source.update().where(left).values(configured=False))
    after = _uses_by_source(database)
    assert after == {name: ids for name, ids in before.items() if name != "debian"}
    with database.reading() as opened:
        assert trust.page(opened, source="debian").rows == ()
        assert trust.entry(opened, 4).id == 4  # still there to be looked at
    database.close()


def _uses_by_source(database: Database) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    with database.reading() as opened:
        for one in trust.page(opened, limit=200).rows:
            for use in one.uses:
                found.setdefault(use.source, set()).add(one.id)
    return found


def test_trust_entries_with_uses_and_credentials(connection: sa.Connection) -> None:
    first = trust.page(connection, limit=3)
    rest = trust.page(connection, after=first.next_after, limit=3)
    rows = (*first.rows, *rest.rows)
    assert [one.id for one in rows] == [1, 2, 3, 4]
    assert rest.next_after == ""
    assert [use.source for use in rows[0].uses] == ["downloads", "never-read"]
    assert rows[0].uses[0].flags == ("machine-wide keyring",)
    assert [one.revoked for one in rows[0].credentials] == [False, False, True]
    assert rows[3].verifications == 0
    for one in rows:
        stored = connection.execute(
            sa.text(
                "SELECT count(DISTINCT v.id) FROM verification v JOIN verification_anchor a "
                "ON a.verification_id = v.id JOIN credential c ON c.fingerprint = a.anchor "
                "WHERE c.entry_id = :id AND v.outcome = 'verified'"
            ),
            {"id": one.id},
        ).scalar_one()
        assert one.verifications == stored
        assert trust.entry(connection, one.id) == one
    assert [one.id for one in trust.page(connection, source="debian").rows] == [2, 4]
    with pytest.raises(NotFoundError):
        trust.entry(connection, 99)


def test_raw_bytes_come_back_whole(connection: sa.Connection) -> None:
    rows = connection.execute(
        sa.select(schema.blob.c.digest, schema.blob.c.size).join(
            schema.kept_index, schema.kept_index.c.digest == schema.blob.c.digest
        )
    ).all()
    assert len(rows) == 3
    for row in rows:
        digest = Digest("sha256", row.digest.hex())
        found = evidence.raw(connection, digest)
        content = b"".join(found.chunks)
        assert evidence.is_kept(connection, digest)
        assert hashlib.sha256(content).hexdigest() == digest.value
        assert (len(content), found.media_type) == (row.size, "text/plain")
    for missing in (Digest("sha256", "0" * 64), Digest("sha512", "0" * 128)):
        assert not evidence.is_kept(connection, missing)
        with pytest.raises(NotFoundError):
            evidence.raw(connection, missing)


def test_requests_are_asked_once_and_cancelled(database_url: str) -> None:
    database = Database.open(database_url)
    with database.writing() as connection:
        seed.fill(connection, 60)
    with database.writing() as connection:
        assert requests.request_scan(connection, "debian", seed.NOW)
        assert not requests.request_scan(connection, "debian", seed.NOW)
        assert not requests.request_scan(connection, "registry", seed.NOW)
        assert requests.request_cancel(connection, "registry", seed.NOW)
        assert not requests.request_cancel(connection, "registry", seed.NOW)
        assert requests.request_cancel(connection, "downloads", seed.NOW)
        assert not requests.request_cancel(connection, "downloads", seed.NOW)
        for ask in (requests.request_scan, requests.request_cancel):
            with pytest.raises(NotFoundError):
                ask(connection, "no such source", seed.NOW)
    with database.reading() as connection:
        found = {one.name: one for one in sources.health(connection, seed.NOW)}
        assert found["debian"].requested_at == seed.NOW
        assert found["registry"].requested_at is None
        assert found["downloads"].running is not None
        assert found["downloads"].running.cancel_at == seed.NOW
    database.close()
