"""One artifact: all its places, verdicts and evidence, bounded."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.errors import NotFoundError
from core.model import CheckOutcome, Digest, Outcome
from storage import artifact_detail
from storage.views.artifact_detail import ArtifactDetail, EvidenceItem
from tests.fakes import seed


def digest_at(connection: sa.Connection, where: str) -> Digest:
    row = connection.execute(
        sa.text(
            "SELECT a.algorithm, a.digest FROM artifact a JOIN location l ON l.artifact_id = a.id "
            f"WHERE {where} ORDER BY l.id LIMIT 1"
        )
    ).one()
    return Digest(row.algorithm, bytes(row.digest).hex())


def seen(connection: sa.Connection, where: str) -> ArtifactDetail:
    return artifact_detail.detail(connection, digest_at(connection, where))


def test_every_place_is_shown_with_verdicts_and_findings(connection: sa.Connection) -> None:
    found = seen(connection, "l.policy_status = 'failed' AND l.gone_at IS NULL")
    stored = connection.execute(
        sa.text(
            "SELECT l.id FROM location l JOIN artifact a ON a.id = l.artifact_id "
            "WHERE a.digest = :digest"
        ),
        {"digest": found.digest.raw},
    ).scalars()
    assert {one.row.location_id for one in found.locations} == set(stored)
    for place in found.locations:
        rows = connection.execute(
            sa.text(
                "SELECT p.name, d.outcome, (SELECT count(*) FROM finding f JOIN requirement r "
                "ON r.id = f.requirement_id WHERE f.location_id = d.location_id "
                "AND r.policy_id = p.id) AS findings "
                "FROM verdict d JOIN policy p ON p.id = d.policy_id WHERE d.location_id = :id "
                "ORDER BY p.name"
            ),
            {"id": place.row.location_id},
        )
        said = [(one.policy, str(one.outcome), len(one.findings)) for one in place.verdicts]
        assert said == [tuple(row) for row in rows]
    findings = [one for p in found.locations for v in p.verdicts for one in v.findings]
    assert any(one.expected == "a good key" and one.found == "<b>another</b>" for one in findings)


def test_evidence_has_its_steps_its_trust_and_its_chain(connection: sa.Connection) -> None:
    found = seen(connection, "l.contested = true AND l.gone_at IS NULL")
    items = found.evidence[0].items
    assert {one.verification.outcome for one in items} == {Outcome.VERIFIED, Outcome.INVALID}
    good = next(one for one in items if one.verification.outcome is Outcome.VERIFIED)
    bad = next(one for one in items if one.verification.outcome is Outcome.INVALID)
    assert [one.outcome for one in good.verification.checks] == [CheckOutcome.PASSED] * 2
    assert bad.verification.checks[1].outcome is CheckOutcome.FAILED
    assert (bad.verification.expected, bad.verification.found) == ("this digest", "another digest")
    assert good.signer_id is not None
    assert good.through[0].entry == "main/Packages"
    assert good.size > 0
    assert found.evidence[0].looked == ("beside the file",)


def test_trust_of_an_item_is_what_its_source_accepts_and_it_was_anchored_on(
    connection: sa.Connection,
) -> None:
    anchored = 0
    for number in range(40):
        where = f"l.id % 40 = {number} AND l.status = 'verified'"
        for one in seen(connection, where).evidence:
            accepted = {use.entry_id for use in one.trust}
            assert accepted == ({2, 4} if one.source in ("debian", "registry") else {1, 3})
            for item in one.items:
                anchored += _is_anchored(item, accepted)
    assert anchored


def _is_anchored(item: EvidenceItem, accepted: set[int]) -> bool:
    named = {entry for entry in accepted if seed.anchor(entry, 0) in item.verification.anchors}
    if seed.anchor(1, 1) in item.verification.anchors and 1 in accepted:
        named.add(1)
    assert {use.entry_id for use in item.trust} == named
    return bool(named)


def test_unsigned_shows_where_we_looked_and_unknown_what_was_unread(
    connection: sa.Connection,
) -> None:
    unsigned = seen(connection, "l.status = 'unsigned' AND l.gone_at IS NULL").evidence[0]
    assert (unsigned.items, unsigned.looked) == ((), ("beside the file",))
    unknown = seen(connection, "l.status = 'unknown' AND l.gone_at IS NULL").evidence[0]
    assert unknown.unread[0].reason == "CONTENT_NEEDED"


def test_gone_and_excluded_places_say_so(connection: sa.Connection) -> None:
    gone = seen(connection, "l.gone_at IS NOT NULL").locations
    assert any(one.row.gone_at for one in gone)
    excluded = seen(connection, "l.exclusion_id IS NOT NULL AND l.gone_at IS NULL").locations
    ruled = next(one for one in excluded if one.row.exclusion_rule)
    assert (ruled.exclusion_reason, ruled.exclusion_owner) == ("throw-away builds", "platform")


def test_history_is_newest_first(connection: sa.Connection) -> None:
    found = seen(connection, "l.id % 50 = 0 AND l.status_since_at > l.first_seen_at")
    assert found.changes
    instants = [one.changed_at for one in found.changes]
    assert instants == sorted(instants, reverse=True)
    assert found.past
    first = artifact_detail.detail(connection, digest_at(connection, "a.id = 1"))
    assert (
        len(first.past)
        == connection.execute(
            sa.text("SELECT count(*) FROM location_past WHERE artifact_id = 1")
        ).scalar_one()
    )


def test_places_beyond_the_bound_are_counted(connection: sa.Connection) -> None:
    twice = digest_at(
        connection,
        "a.id IN (SELECT artifact_id FROM location GROUP BY artifact_id HAVING count(*) = 2)",
    )
    found = artifact_detail.detail(connection, twice, locations=1)
    assert (len(found.locations), found.more_locations) == (1, 1)


def test_unknown_digest_or_kind_is_not_found(connection: sa.Connection) -> None:
    known = digest_at(connection, "l.source_id = 1")
    assert artifact_detail.detail(connection, known, "deb").kind == "deb"
    for digest, kind in ((Digest("sha256", "0" * 64), ""), (known, "file")):
        with pytest.raises(NotFoundError, match="no artifact"):
            artifact_detail.detail(connection, digest, kind)
