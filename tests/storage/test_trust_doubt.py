"""What trust that came or went puts in doubt among what verified by the trust that stayed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from core.model import (
    Outcome,
    Role,
    Signer,
    SignerKind,
    Status,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
)
from storage import configuration, migrate, schema, source_trust
from storage.configuration import SourceEntry
from storage.database import Connection, Database
from storage.facts import ItemFacts, SetFacts, record_set
from storage.in_force import in_force
from storage.source_trust import CredentialEntry, entry_digest
from storage.withdrawal import WITHDRAWN
from tests.bench.archive import NOW
from tests.jobs import one_database

database_url = one_database.database_url
both = one_database.both
KEPT, OTHER = "kept", "other"
VERIFIED, DOUBTED = (Status.VERIFIED, ""), (Status.UNKNOWN, WITHDRAWN)
NARROW = NOW - timedelta(days=900)
K = TrustKind
# What came or went, whether narrowed → what else may stop to verify. All other pairs: nothing.
REACHED = {
    ("came", K.REVOCATION, False): {K.AUTHORITY, K.ROOT, K.SSH_SIGNERS},
    ("came", K.ROOT, False): {K.KEY, K.REGISTRY_KEYS, K.AUTHORITY},
    ("went", K.ROOT, False): {K.AUTHORITY},
    ("came", K.AUTHORITY, False): {K.KEY, K.AUTHORITY},
    ("came", K.KEY, True): {K.AUTHORITY, K.ROOT},
    ("came", K.KEYRING, True): {K.KEYRING},
    ("went", K.KEYRING, False): {K.KEYRING},
}


class Scene:
    """A source, the trust it names, and a set that stands verified by some key."""

    def __init__(self, connection: Connection, name: str = "one") -> None:
        self.connection = connection
        entry = SourceEntry(name, "file_tree", "", "", "", 60)
        found = configuration.sync_sources(connection, [entry], NOW, "1")
        self.source_id = found[name].id

    def trust(self, *held: tuple[TrustEntry, str]) -> None:
        """Let the source name these entries, each with one credential inside."""
        described = {entry_digest(one): (_inside(print_),) for one, print_ in held}
        trusts = [Trust(tuple(one for one, _ in held))]
        source_trust.sync_trust(self.connection, self.source_id, "", trusts, described, NOW)

    def verify(self, anchor: str, key: str = "set") -> SetFacts:
        """Record a set that verified by the anchor."""
        facts = _facts(anchor, f"{self.source_id} {key}")
        record_set(self.connection, self.source_id, facts, NOW)
        return facts

    def standings(self) -> list[tuple[str, str]]:
        """Return how the sets stand, in the order of their names."""
        c = schema.evidence_set.c
        mine = schema.evidence_set.select().where(c.source_id == self.source_id).order_by(c.key)
        return [(row.status, row.reason) for row in self.connection.execute(mine)]


def _entry(kind: TrustKind, content: str, *, narrowed: bool = False) -> TrustEntry:
    entry = TrustEntry(content, kind, content.encode(), content)
    return replace(entry, valid_from=NARROW) if narrowed else entry


def _inside(fingerprint: str) -> CredentialEntry:
    return CredentialEntry("x", fingerprint, "x", "ed25519", None, None, revoked=False)


def _facts(anchor: str, key: str) -> SetFacts:
    signer = Signer(SignerKind.KEY, anchor, "ed25519")
    found = Verification(
        Outcome.VERIFIED, "raw-signature", Role.SIGNATURE, signer=signer, anchors=(anchor,)
    )
    name = hashlib.sha256(f"{anchor} {key}".encode()).digest()
    item = ItemFacts(b"x", "text/plain", "o", "s", "", (), b"", name, bytes(32), found)
    return SetFacts(
        key, "", (), (), (item,), Status.VERIFIED, "", contested=False, verdicts_digest="00" * 32
    )


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    database = Database.open(database_url)
    migrate.upgrade(database)
    with database.writing() as opened:
        yield opened
    database.close()


@both
def test_of_all_pairs_of_kinds_those_that_reach_each_other_are_in_doubt(
    connection: Connection,
) -> None:
    for way, kind, narrowed in product(("came", "went"), K, (False, True)):
        always = REACHED.get((way, kind, False), set())
        expected = always | (REACHED.get((way, kind, True), set()) if narrowed else set())
        assert _doubted(connection, way, kind, narrowed) == expected, (way, kind, narrowed)


def _doubted(
    connection: Connection,
    way: str,
    kind: TrustKind,
    narrowed: bool,  # noqa: FBT001 - one of a product
) -> set[TrustKind]:
    """Return the kinds of what stayed whose signatures are in doubt after one came or went."""
    scene = Scene(connection, f"{way} {kind} {narrowed}")
    kept = [(_entry(stayed, f"kept {stayed}"), f"{KEPT} {stayed}") for stayed in K]
    more = [*kept, (_entry(kind, f"other {kind}", narrowed=narrowed), OTHER)]
    before, after = (kept, more) if way == "came" else (more, kept)
    scene.trust(*before)
    for stayed in K:
        scene.verify(f"{KEPT} {stayed}", stayed)
    scene.trust(*after)
    found = dict(zip(sorted(K), scene.standings(), strict=True))
    assert set(found.values()) <= {VERIFIED, DOUBTED}
    return {stayed for stayed, standing in found.items() if standing == DOUBTED}


@both
@pytest.mark.parametrize("status", [Status.UNSIGNED, Status.FAILED, Status.UNKNOWN], ids=str)
def test_attestation_holds_no_longer_than_its_trust_whatever_its_artifacts_stand_at(
    connection: Connection, status: Status
) -> None:
    scene = Scene(connection)
    scene.trust((_entry(K.KEY, "key"), KEPT))
    facts = _facts(KEPT, "attested")
    held = replace(facts.items[0].verification, role=Role.ATTESTATION)
    items = (replace(facts.items[0], verification=held),)
    attested = replace(facts, status=status, reason="NO_SIGNATURE", items=items)
    record_set(connection, scene.source_id, attested, NOW)
    assert _in_force(connection) == 1
    scene.trust()
    assert (scene.standings(), _in_force(connection)) == ([DOUBTED], 0)


def _in_force(connection: Connection) -> int:
    return len(connection.execute(schema.verification.select().where(in_force(connection))).all())


@both
@pytest.mark.parametrize("way", ["came", "went"])
@pytest.mark.parametrize("kind", [K.KEY, K.KEYRING])
def test_another_entry_with_the_same_key_puts_in_doubt_what_it_vouched_for(
    connection: Connection, kind: TrustKind, way: str
) -> None:
    """One of the two may have a window, be narrowed, or be a copy that says revoked."""
    scene = Scene(connection)
    one = (_entry(kind, "wide"), KEPT)
    two = (one, (_entry(kind, "narrow", narrowed=True), KEPT))
    before, after = ((one,), two) if way == "came" else (two, two[1:])
    scene.trust(*before)
    scene.verify(KEPT)
    scene.trust(*after)
    assert scene.standings() == [DOUBTED]


@both
def test_renamed_entry_puts_nothing_in_doubt(connection: Connection) -> None:
    scene = Scene(connection)
    entry = _entry(K.KEY, "key")
    scene.trust((entry, KEPT))
    scene.verify(KEPT)
    scene.trust((replace(entry, name="another name"), KEPT))
    assert scene.standings() == [VERIFIED]


@both
def test_signer_stands_behind_nothing_withdrawn_until_it_was_read_again(
    connection: Connection,
) -> None:
    scene = Scene(connection)
    scene.trust((_entry(K.KEY, "key"), KEPT))
    facts = scene.verify(KEPT)
    assert _pairs(connection) == 1
    scene.trust()
    assert _pairs(connection) == 0
    # what judges it again from what is stored does not bring it back
    judged_again = replace(facts, status=Status.UNKNOWN, reason=WITHDRAWN)
    record_set(connection, scene.source_id, judged_again, NOW)
    assert _pairs(connection) == 0
    scene.trust((_entry(K.KEY, "key"), KEPT))
    scene.verify(KEPT)
    assert _pairs(connection) == 1


def _pairs(connection: Connection) -> int:
    rows: Sequence[object] = connection.execute(schema.set_signer.select()).all()
    return len(rows)


@both
def test_verification_goes_with_the_last_set_that_names_it(connection: Connection) -> None:
    scene = Scene(connection)
    old, new = (_facts(anchor, "shared").items for anchor in ("old", "new"))
    for key, items in (("one", old), ("two", old), ("one", new)):
        facts = replace(_facts("", key), items=items)
        record_set(connection, scene.source_id, facts, NOW)
    assert _anchors(connection) == ["new", "old"]
    record_set(connection, scene.source_id, replace(_facts("", "two"), items=new), NOW)
    assert _anchors(connection) == ["new"]
    assert len(connection.execute(schema.verification.select()).all()) == 1


def _anchors(connection: Connection) -> list[str]:
    rows = connection.execute(schema.verification_anchor.select())
    return sorted(row.anchor for row in rows)


@both
def test_signer_whose_key_was_renewed_is_shown_as_it_is_now(connection: Connection) -> None:
    scene = Scene(connection)
    old = Signer(SignerKind.OPENPGP, "AB" * 20, "RSA-4096", "Old", "", NARROW, NARROW)
    new = replace(old, identity="New", valid_until=NOW + timedelta(days=900))
    for number, signer in enumerate((old, new)):
        facts = _facts("AB" * 20, f"set {number}")
        item = facts.items[0]
        found = replace(item.verification, signer=signer)
        record_set(
            connection, scene.source_id,
            replace(facts, items=(replace(item, verification=found),)),
            NOW + timedelta(days=number),
        )  # fmt: skip
    (row,) = connection.execute(schema.signer.select()).all()
    assert (row.identity, row.valid_until) == ("New", new.valid_until)
    assert row.first_seen_at == NOW
