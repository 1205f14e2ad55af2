"""A synthetic signed apt archive of any size, and a workspace that scans it."""

from __future__ import annotations

import hashlib
import lzma
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs.executors import open_executor
from jobs.pipeline import Stop
from jobs.scanning import SourceReport, scan_source
from jobs.workspace import Workspace
from storage import migrate
from storage.database import Database
from tests.fakes.apt_archive import AptArchive, SigningKey, signing_key

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIRST = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
LIST = "main/binary-amd64/Packages"
LIBRARY = Path(__file__).parent.parent.parent / "policy" / "library"
SOURCE = "bench"
_WORDS = ("lib", "python3-", "golang-", "", "node-", "fonts-", "r-cran-", "linux-image-")
_PIECE = 2000  # stanzas per compressed stream


def stanzas(count: int, *, first: int = 0, seed: int = 7) -> Iterator[bytes]:
    """Yield entries of a Packages list as long as Debian's are, the same ones every time."""
    for number in range(first, first + count):
        yield stanza(number, seed=seed)


def stanza(number: int, version: str = "1.0-1", *, seed: int = 7) -> bytes:
    """Return one entry; its digest is made up from the number and the version."""
    dice = random.Random(seed * 1_000_003 + number)
    name = f"{dice.choice(_WORDS)}package-{number:06}"
    digest = hashlib.sha256(f"{number} {version}".encode()).hexdigest()
    needs = ", ".join(f"libneeded{dice.randrange(999)} (>= 2.{dice.randrange(40)})" for _ in "1234")
    return (
        f"Package: {name}\nVersion: {version}\nInstalled-Size: {dice.randrange(10**5)}\n"
        f"Maintainer: Some Team <team-{dice.randrange(50)}@lists.example.org>\n"
        f"Architecture: amd64\nDepends: {needs}\nDescription: does thing number {number}\n"
        f"Homepage: https://example.org/{name}\n"
        f"Description-md5: {hashlib.md5(name.encode()).hexdigest()}\n"
        "Tag: role::program, uitoolkit::none, implemented-in::c\nSection: misc\n"
        f"Priority: optional\nFilename: pool/main/p/{name}/{name}_{version}_amd64.deb\n"
        f"Size: {dice.randrange(10**7)}\nSHA256: {digest}\n\n"
    ).encode()


def compressed(count: int, *, first: int = 0) -> bytes:
    """Return a list as xz, in streams of a bounded number of entries."""
    streams = []
    for start in range(first, first + count, _PIECE):
        some = min(_PIECE, first + count - start)
        streams.append(lzma.compress(b"".join(stanzas(some, first=start)), preset=1))
    return b"".join(streams)


@dataclass(slots=True)
class BenchArchive:
    """An archive whose suites are published and changed without compressing everything anew."""

    archive: AptArchive
    other_key: SigningKey
    releases: int = 0

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.archive.folder

    def publish(self, packed: bytes, *, suite: str = "stable", signed: str = "inline") -> None:
        """Lay down a suite of one list, with a Release newer than every one before."""
        entry = f"{LIST}.xz"
        path = self.archive.suite_folder(suite) / entry
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed)
        moment = FIRST + timedelta(minutes=self.releases)
        self.releases += 1
        date = moment.strftime("%a, %d %b %Y %H:%M:%S UTC")
        release = self.archive.release(suite, {entry: packed}, date=date)
        self.archive.sign(suite, release, signed)

    def publish_by_other_key(self, packed: bytes, suite: str) -> None:
        """Lay down a suite that the archive's own key did not sign."""
        own, self.archive.key = self.archive.key, self.other_key
        try:
            self.publish(packed, suite=suite)
        finally:
            self.archive.key = own


@contextmanager
def bench_archive(base: Path) -> Iterator[BenchArchive]:
    """Make an empty archive in `base/archive` with two keys."""
    folder = base / "archive"
    folder.mkdir(parents=True)
    with signing_key(base / "k1") as good, signing_key(base / "k2", "Other <o@x.org>") as other:
        yield BenchArchive(AptArchive(folder, good), other)


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder with settings over one source; `open` reads them at a fixed time."""

    folder: Path
    url: str  # of the database

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "countersign.yaml"

    @property
    def keyring(self) -> Path:
        """What the source trusts."""
        return self.folder / "archive.gpg"

    @contextmanager
    def open(self, now: datetime = NOW) -> Iterator[Workspace]:
        """Open the workspace, and close it in the end."""
        workspace = Workspace.open(self.settings, lambda: now)
        try:
            yield workspace
        finally:
            workspace.close()

    def scan(self, now: datetime = NOW) -> SourceReport:
        """Scan the source once."""
        with self.open(now) as workspace:
            return scan(workspace)


def scan(workspace: Workspace) -> SourceReport:
    """Scan the source once, with the executor of the settings."""
    with open_executor("threads") as executor:
        return scan_source(workspace, SOURCE, executor, Stop())


def make_bench(
    folder: Path, archive_url: str, key: SigningKey, url: str, suites: tuple[str, ...] = ("stable",)
) -> Bench:
    """Write settings as `init` would, with both starter policies, over an archive."""
    bench = write_settings(
        folder,
        f"kind: apt, url: '{archive_url}', suites: [{', '.join(suites)}], components: [main], "
        "architectures: [amd64], keyring: archive.gpg",
        url,
    )
    bench.keyring.write_bytes(key.export())
    return bench


def write_settings(folder: Path, source: str, url: str) -> Bench:
    """Write settings with one source; the database is not made yet."""
    shutil.copytree(LIBRARY, folder / "policies")
    bench = Bench(folder, url)
    bench.settings.write_text(
        f"database: {url}\n"
        "limits: {attempts: 1}\n"
        f"sources: [{{id: {SOURCE}, every: 1h, owner: platform, {source}}}]\n"
    )
    return bench


def sqlite_url(folder: Path) -> str:
    """Return the address of the database in a folder."""
    return f"sqlite:///{folder / 'countersign.db'}"


def migrated(url: str) -> None:
    """Bring an empty database to the current schema."""
    database = Database.open(url)
    migrate.upgrade(database)
    database.close()


@contextmanager
def fresh_sqlite(template: Path, target: Path) -> Iterator[Path]:
    """Put a copy of a closed database file in place, and take it away again."""
    drop_sqlite(target)
    shutil.copyfile(template, target)
    try:
        yield target
    finally:
        drop_sqlite(target)


def drop_sqlite(file: Path) -> None:
    """Remove a database file and what lies beside it."""
    for beside in file.parent.glob(f"{file.name}*"):
        beside.unlink()
