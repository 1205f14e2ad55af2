"""What trust that was added puts in doubt among the trust that stays."""

from __future__ import annotations

import pytest

from core.model import Trust, TrustEntry, TrustKind
from storage import configuration, migrate, schema
from storage.bulk import AnyRow
from storage.configuration import CredentialEntry, SourceEntry, entry_digest
from storage.database import Connection, Database
from tests.bench.archive import NOW
from tests.jobs import one_database

database_url = one_database.database_url
both = one_database.both
KEPT = TrustEntry("kept", TrustKind.KEYRING, b"a good copy", "kept.gpg")
OTHER = TrustEntry("other", TrustKind.KEYRING, b"another key", "other.gpg")
COPY = TrustEntry("copy", TrustKind.KEYRING, b"a later copy", "copy.gpg")


def _inside(fingerprint: str, *, revoked: bool = False) -> tuple[CredentialEntry, ...]:
    return (CredentialEntry("keyring", fingerprint, "x", "ed25519", None, None, revoked),)


@both
@pytest.mark.parametrize(("revoked", "doubted"), [(True, {"kept", "copy"}), (False, set())])
def test_copy_of_a_key_that_says_revoked_puts_the_other_copies_in_doubt(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    revoked: bool,  # noqa: FBT001 - given by name
    doubted: set[str],
) -> None:
    described = {
        entry_digest(KEPT): _inside("aa"),
        entry_digest(OTHER): _inside("bb"),
        entry_digest(COPY): _inside("aa", revoked=revoked),
    }
    found: set[int] = set()
    monkeypatch.setattr(
        configuration, "_withdraw", lambda _c, _s, _u, lost, _kept: found.update(lost)
    )
    database = Database.open(database_url)
    migrate.upgrade(database)
    with database.writing() as connection:
        entry = SourceEntry("one", "file_tree", "", "", "", 60)
        source_id = configuration.sync_sources(connection, [entry], NOW)["one"].id
        for entries in ((KEPT, OTHER), (KEPT, OTHER, COPY)):
            trusts = [Trust(entries)]
            configuration.sync_trust(connection, source_id, "", trusts, described, NOW)
        names = {row.entry_id: row.name for row in _uses(connection)}
    database.close()
    assert {names[each] for each in found} == doubted


def _uses(connection: Connection) -> list[AnyRow]:
    return list(connection.execute(schema.source_trust.select()))
