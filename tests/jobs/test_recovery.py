"""kill -9 in the scan that follows a change: the next scan ends as if nothing had happened."""

from __future__ import annotations

import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.settings import load
from storage import canonical, rollups
from storage.database import Database
from tests.fakes.apt_archive import stanza
from tests.jobs.apt_workspace import (
    CONTRIB,
    LATER,
    LIST,
    AptScene,
    Keys,
    apt_scene,
    packages,
    two_keys,
)
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.driving import Driver, Ended, driving

NEXT = NOW + timedelta(hours=1)
EXPIRED = NOW + timedelta(days=8)
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    with driving() as made:
        yield made


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    with two_keys(tmp_path_factory.mktemp("k")) as made:
        yield made


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'countersign.db'}"


@pytest.fixture
def apt(tmp_path: Path, keys: Keys, url: str, reopen: Reopen) -> Iterator[AptScene]:
    with apt_scene(tmp_path, keys, url, reopen) as scene:
        yield scene


def dump(settings: Path) -> list[str]:
    database = Database.open(load(settings).settings.database)
    with database.reading() as connection:
        assert rollups.differences(connection) == []
        lines = list(canonical.lines(connection))
    database.close()
    return lines


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A SQLite database as it was, to begin from again and again."""

    file: Path
    kept: Path

    @classmethod
    def of(cls, url: str) -> Snapshot:
        """Keep a copy of the database, its log included."""
        file = Path(url.removeprefix("sqlite:///"))
        taken = cls(file, file.with_suffix(".kept"))
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(taken.kept)) as to:
            source.backup(to)
        return taken

    def restore(self) -> None:
        """Put the copy back."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.file}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.kept, self.file)


def deaths(scan: Ended) -> list[int]:
    """Choose where to die: after each kind of transaction that changed what is believed.

    Where only evidence sets were written their locations still wait to be judged anew: there
    twice, the first time being when the settings were opened.
    """
    kinds: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for write, tables in scan.gaps:
        if tables:
            kinds[tables].append(write)
    chosen = {writes[len(writes) // 2] for writes in kinds.values()}
    return sorted(chosen | set(kinds[("evidence_set",)][:1]))


def hold_that_it_recovers(
    driver: Driver, settings: Path, source: str, change: Change, at: datetime = NEXT
) -> None:
    assert driver.scan(settings, source, NOW).state == "complete"
    snapshot, before = Snapshot.of(load(settings).settings.database), dump(settings)
    change(settings)
    whole, after = driver.scan(settings, source, at), dump(settings)
    assert (whole.state, after == before) == ("complete", False)
    points = deaths(whole)
    assert points
    for point in points:
        snapshot.restore()
        assert driver.scan(settings, source, at, die_at=point).state == "killed"
        assert dump(settings) != after
        assert driver.scan(settings, source, at).state == "complete"
        assert dump(settings) == after, f"killed before write {point}"


# --- a folder of files -------------------------------------------------------------------------


def releases(settings: Path) -> Path:
    return settings.parent / "example" / "releases"


def alter_file(settings: Path) -> None:
    (releases(settings) / "keys" / "beacon-ec.tar.gz").write_bytes(b"altered after signing")


def remove_folder(settings: Path) -> None:
    shutil.rmtree(releases(settings) / "openpgp")


def remove_key(settings: Path) -> None:
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if line.strip() != "- example-ec"))


def edit_policy(settings: Path) -> None:
    policy = settings.parent / "policies" / "everything-is-signed.yaml"
    text = policy.read_text()
    policy.write_text(text.replace("id: signed", "id: signed-by-somebody"))
    assert policy.read_text() != text


CHANGES = [alter_file, remove_folder, remove_key, edit_policy]


@pytest.mark.parametrize("change", CHANGES)
def test_scan_killed_after_files_or_settings_changed_ends_as_an_undisturbed_one(
    driver: Driver, make_workspace: Make, url: str, change: Change
) -> None:
    hold_that_it_recovers(driver, make_workspace(url), "example", change)


# --- a signed list -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "now_listed",
    [packages(9) + b"\n" + stanza("z"), packages(8)],
    ids=["one_package_more", "one_package_less"],
)
def test_scan_killed_at_a_new_release_ends_as_an_undisturbed_one(
    driver: Driver, apt: AptScene, now_listed: bytes
) -> None:
    apt.publish(packages(9))
    hold_that_it_recovers(driver, apt.settings, "apt", lambda _: apt.publish(now_listed, LATER))


def test_scan_killed_while_time_alone_ends_two_lists_ends_as_an_undisturbed_one(
    driver: Driver, apt: AptScene
) -> None:
    apt.edit("components: [main]", "components: [main, contrib]")
    apt.archive.fields["Valid-Until"] = "Mon, 30 Nov 2026 06:00:00 UTC"
    lists = {LIST: packages(9), CONTRIB: stanza("c1") + b"\n" + stanza("c2")}
    apt.archive.write("stable", lists, suffixes=(".xz",))
    hold_that_it_recovers(driver, apt.settings, "apt", lambda _: None, EXPIRED)
