"""Two archives of one machine: what the one signed never stands for packages of the other."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from storage import migrate, schema
from storage.database import Database
from tests.fakes.apt_archive import AptArchive, stanza
from tests.jobs import one_database
from tests.jobs.apt_workspace import Keys, scan
from tests.jobs.conftest import NOW, Reopen

database_url, keys = one_database.database_url, one_database.keys


def lay_out(folder: Path, keys: Keys) -> Path:
    """Write a machine that trusts each archive by its own key; the first is signed by neither."""
    trusted = folder / "usr/share/keyrings"
    trusted.mkdir(parents=True)
    apt = folder / "etc/apt"
    apt.mkdir(parents=True)
    lines = ""
    for name, suite, component, key in (
        ("first", "s/u", "main", keys.good), ("second", "s", "u/main", keys.other),
    ):  # fmt: skip
        (trusted / f"{name}.gpg").write_bytes(key.export())
        archive = AptArchive(folder / "srv" / name, keys.other)
        listed = {f"{component}/binary-amd64/Packages": stanza(f"of-{name}")}
        archive.write(suite, listed)
        signed_by = f"signed-by=/usr/share/keyrings/{name}.gpg arch=amd64"
        lines += f"deb [{signed_by}] file:{archive.folder} {suite} {component}\n"
    (apt / "sources.list").write_text(lines)
    return folder


def test_what_one_archive_signed_vouches_for_no_package_of_another(
    tmp_path: Path, keys: Keys, database_url: str, reopen: Reopen
) -> None:
    machine = lay_out(tmp_path / "machine", keys)
    (tmp_path / "policies").mkdir()
    settings = tmp_path / "countersign.yaml"
    settings.write_text(
        f"database: {database_url}\npolicies: policies/\n"
        f"sources: [{{id: apt, kind: apt, from: machine, root: {machine}}}]\n"
    )
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    workspace = reopen(settings, NOW)
    scan(workspace)
    c = schema.location.c
    with workspace.database.reading() as connection:
        rows = connection.execute(sa.select(c.name, c.status)).all()
    assert dict(tuple(row) for row in rows) == {"of-first": "failed", "of-second": "verified"}
