"""An apt archive on loopback and a workspace whose only source it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.scanning import SourceReport, scan_source
from jobs.workspace import Workspace
from storage import canonical, migrate, rollups, schema
from storage.database import Database
from tests.fakes.apt_archive import AptArchive, SigningKey, signing_key, stanza
from tests.fakes.static_server import StaticServer, static_server
from tests.jobs.conftest import LIBRARY, NOW, Reopen

LIST = "main/binary-amd64/Packages"
CONTRIB = "contrib/binary-amd64/Packages"
EARLIER = "Mon, 23 Nov 2026 05:00:00 UTC"
FIRST = "Mon, 23 Nov 2026 06:00:00 UTC"
LATER = "Mon, 23 Nov 2026 07:00:00 UTC"


@dataclass(frozen=True, slots=True)
class Keys:
    """The key that the workspace trusts, and one that it does not."""

    good: SigningKey
    other: SigningKey


@contextmanager
def two_keys(base: Path) -> Iterator[Keys]:
    """Make both keys; their agents end with the block."""
    with signing_key(base / "a") as good, signing_key(base / "b", "Other <o@example.org>") as other:
        yield Keys(good, other)


@dataclass(slots=True)
class AptScene:
    """The archive, its server, and the settings that name it."""

    archive: AptArchive
    server: StaticServer
    keys: Keys
    workspace: Workspace
    reopen: Reopen

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.workspace.file.path

    def edit(self, old: str, new: str, now: datetime = NOW) -> None:
        """Change the settings and open them again at `now`."""
        text = self.settings.read_text()
        assert old in text
        self.settings.write_text(text.replace(old, new))
        self.open(now)

    def open(self, now: datetime) -> None:
        """Open the settings again at `now`."""
        self.workspace = self.reopen(self.settings, now)

    def forge(self, content: bytes, date: str = LATER) -> None:
        """Publish a list under the key that is not trusted."""
        self.archive.key = self.keys.other
        publish(self.archive, content, date)
        self.archive.key = self.keys.good

    def publish(self, content: bytes, date: str = FIRST) -> None:
        """Publish a list under the trusted key."""
        publish(self.archive, content, date)

    def scan(self) -> SourceReport:
        """Scan once."""
        return scan(self.workspace)

    def standings(self) -> dict[tuple[str, str], int]:
        """Count the current locations by status and reason."""
        return standings(self.workspace)

    def verified(self) -> list[str]:
        """Return the names of the packages that stand verified."""
        return names(self.workspace, "verified")


@contextmanager
def apt_scene(base: Path, keys: Keys, url: str, reopen: Reopen) -> Iterator[AptScene]:
    """Lay out an empty archive, serve it, and open a workspace over it."""
    folder = base / "archive"
    folder.mkdir()
    archive = AptArchive(folder, keys.good)
    with static_server(folder) as server:
        settings = write_settings(base / "w", archive, server.url, url)
        yield AptScene(archive, server, keys, reopen(settings, NOW), reopen)


def write_settings(folder: Path, archive: AptArchive, server: str, database: str) -> Path:
    """Write settings that name the archive, one policy and a fresh database; return their file."""
    (folder / "policies").mkdir(parents=True)
    everything = LIBRARY / "everything-is-signed.yaml"
    (folder / "policies" / everything.name).write_bytes(everything.read_bytes())
    (folder / "archive.gpg").write_bytes(archive.key.export())
    settings = folder / "countersign.yaml"
    settings.write_text(
        f"database: {database}\n"
        "limits: {attempts: 1, connect_seconds: 2, read_seconds: 2}\n"
        f"sources: [{{id: apt, kind: apt, url: '{server}', suites: [stable], "
        "components: [main], architectures: [amd64], keyring: archive.gpg}]\n"
    )
    made = Database.open(database)
    migrate.upgrade(made)
    made.close()
    return settings


def packages(count: int, version: str = "1.0") -> bytes:
    """Return a list of that many packages."""
    return b"\n".join(stanza(f"package-{n:05}", version) for n in range(count))


def publish(archive: AptArchive, content: bytes, date: str = FIRST) -> None:
    """Publish one list under the archive's key."""
    archive.write("stable", {LIST: content}, suffixes=(".xz",), date=date)


def scan(workspace: Workspace, name: str = "apt") -> SourceReport:
    """Scan one source once."""
    with open_executor("threads") as executor:
        return scan_source(workspace, name, executor, Stop())


def standings(workspace: Workspace) -> dict[tuple[str, str], int]:
    """Count the current locations by status and reason, and hold the rollups to them."""
    c = schema.location.c
    statement = (
        sa.select(c.status, c.reason, sa.func.count())
        .where(c.gone_at.is_(None))
        .group_by(c.status, c.reason)
    )
    with workspace.database.reading() as connection:
        assert rollups.differences(connection) == []
        return {(row[0], row[1]): row[2] for row in connection.execute(statement)}


def names(workspace: Workspace, status: str) -> list[str]:
    """Return the names of the current locations with this status, sorted."""
    c = schema.location.c
    statement = sa.select(c.name).where(c.gone_at.is_(None), c.status == status).order_by(c.name)
    with workspace.database.reading() as connection:
        return list(connection.execute(statement).scalars())


def dump(workspace: Workspace) -> list[str]:
    """Return the database as text."""
    with workspace.database.reading() as connection:
        return list(canonical.lines(connection))
