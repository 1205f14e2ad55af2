"""Trusted roots fetched through TUF, from a repository made and signed on the spot."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from core.errors import (
    ConfigurationError,
    CountersignError,
    MalformedError,
    UnreachableError,
)
from core.limits import Limits
from core.settings import load
from jobs import trust_refresh
from jobs.builtin_roots import (
    BUILTIN_ROOTS,
    builtin_repository,
    builtin_root,
    refreshed_places,
)
from jobs.commands.trust import trust
from jobs.trust_files import read_trust, trust_files
from jobs.trust_refresh import Repository, refresh
from tests.fakes.static_server import StaticServer, static_server

FAR = datetime(2200, 1, 1, tzinfo=UTC)
LIMITS = Limits(attempts=1)


class TufRepository:
    """A TUF repository in a folder, signed anew with every publication."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.signer = folder, CryptoSigner.generate_ed25519()
        (folder / "targets").mkdir(parents=True)
        root = Root(expires=FAR, consistent_snapshot=True)
        for role in ("root", "timestamp", "snapshot", "targets"):
            root.add_key(self.signer.public_key, role)
        self.root = Metadata(root)
        self.root.sign(self.signer)
        self._write("1.root.json", self.root.to_bytes())

    def publish(self, content: bytes, version: int, *, expires: datetime = FAR) -> None:
        """Publish a trusted root as this version of everything."""
        found = TargetFile.from_data(trust_refresh.TARGET, content, ["sha256"])
        targets = Metadata(Targets(version, expires=FAR, targets={trust_refresh.TARGET: found}))
        self._sign(f"{version}.targets.json", targets)
        snapshot = Metadata(
            Snapshot(version, expires=FAR, meta={"targets.json": MetaFile(version)})
        )
        self._sign(f"{version}.snapshot.json", snapshot)
        timestamp = Metadata(Timestamp(version, expires=expires, snapshot_meta=MetaFile(version)))
        self._sign("timestamp.json", timestamp)
        name = f"{found.hashes['sha256']}.{trust_refresh.TARGET}"
        self._write(f"targets/{name}", content)

    def _sign(
        self, name: str, metadata: Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]
    ) -> None:
        metadata.sign(self.signer)
        self._write(name, metadata.to_bytes())

    def _write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)


@pytest.fixture
def published(tmp_path: Path) -> TufRepository:
    made = TufRepository(tmp_path / "repository")
    made.publish(builtin_root("staging"), 1)
    return made


@pytest.fixture
def server(published: TufRepository) -> Iterator[StaticServer]:
    with static_server(published.folder) as running:
        yield running


@pytest.fixture
def repository(published: TufRepository, server: StaticServer, tmp_path: Path) -> Repository:
    return Repository(
        server.url,
        published.root.to_bytes(),
        tmp_path / "tuf",
        tmp_path / "trust" / "acme.json",
        tmp_path / "trust" / "acme.tuf-root.json",
    )


def test_refreshed_root_is_written_and_the_same_one_is_not_written_again(
    repository: Repository, published: TufRepository
) -> None:
    first = refresh("acme", repository, LIMITS)
    assert (first.is_new, first.path.read_bytes()) == (True, builtin_root("staging"))
    assert not refresh("acme", repository, LIMITS).is_new
    published.publish(builtin_root("public-good"), 2)
    assert refresh("acme", repository, LIMITS).is_new
    assert first.path.read_bytes() == builtin_root("public-good")


def test_attack_19_older_metadata_than_accepted_before_is_a_rollback(
    repository: Repository, published: TufRepository
) -> None:
    published.publish(builtin_root("public-good"), 2)
    refresh("acme", repository, LIMITS)
    published.publish(builtin_root("staging"), 1)
    with pytest.raises(CountersignError):
        refresh("acme", repository, LIMITS)
    assert repository.destination.read_bytes() == builtin_root("public-good")


@pytest.mark.parametrize("file", ["timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_metadata_under_another_key_changes_nothing(
    repository: Repository, published: TufRepository, file: str
) -> None:
    path = published.folder / file
    document = json.loads(path.read_bytes())
    document["signed"]["x-changed"] = True
    path.write_text(json.dumps(document))
    with pytest.raises(MalformedError, match="TUF metadata is refused"):
        refresh("acme", repository, LIMITS)
    assert not repository.destination.exists()


def test_expired_metadata_and_an_altered_target_change_nothing(
    repository: Repository, published: TufRepository
) -> None:
    published.publish(builtin_root("staging"), 2, expires=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(MalformedError, match="TUF metadata is refused"):
        refresh("acme", repository, LIMITS)
    published.publish(builtin_root("staging"), 3)
    [target] = (published.folder / "targets").iterdir()
    target.write_bytes(target.read_bytes().replace(b"sigstage", b"sigstake"))
    with pytest.raises(CountersignError):
        refresh("acme", repository, LIMITS)
    assert not repository.destination.exists()


def test_signed_nonsense_is_no_trusted_root(
    repository: Repository, published: TufRepository
) -> None:
    published.publish(b'{"no": "root"}', 2)
    with pytest.raises(MalformedError, match=trust_refresh.TARGET):
        refresh("acme", repository, LIMITS)
    assert not repository.destination.exists()


def test_repository_out_of_reach_says_so(repository: Repository, server: StaticServer) -> None:
    gone = Repository(
        f"{server.url}/elsewhere",
        repository.first_root,
        repository.metadata,
        repository.destination,
        repository.fetched_under,
    )
    with pytest.raises(UnreachableError):
        refresh("acme", gone, LIMITS)


def test_command_refreshes_builtin_roots_only(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "countersign.yaml"
    settings.write_text("trust: {roots: {public-good: builtin}}\n")
    monkeypatch.setattr(trust_refresh, "builtin_refresh", lambda _name, _folder: repository)
    told = CliRunner().invoke(trust, ["refresh", "--config", str(settings)])
    assert (told.exit_code, told.output.startswith("public-good: new, sha256:")) == (0, True)
    told = CliRunner().invoke(trust, ["refresh", "nope", "--config", str(settings)])
    assert "nope" in str(told.exception)


def test_command_says_that_there_is_nothing_to_refresh(tmp_path: Path) -> None:
    settings = tmp_path / "countersign.yaml"
    settings.write_text("trust: {roots: {acme: {file: acme.json}}}\n")
    told = CliRunner().invoke(trust, ["refresh", "--config", str(settings)])
    assert told.exit_code == 0
    assert told.output == f"no builtin root in the settings: {settings}\n"


# --- what lies on disk ---------------------------------------------------------------------------


def test_what_was_fetched_can_be_read_by_every_account(repository: Repository) -> None:
    fetched = refresh("acme", repository, LIMITS).path
    places = (fetched, repository.fetched_under)
    assert [place.stat().st_mode & 0o777 for place in places] == [0o644] * 2
    fetched.chmod(0o600)  # as it was written before
    refresh("acme", repository, LIMITS)
    assert fetched.stat().st_mode & 0o777 == 0o644


def test_full_disk_leaves_the_old_root_and_no_litter(
    repository: Repository, published: TufRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh("acme", repository, LIMITS)
    published.publish(builtin_root("public-good"), 2)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        refresh("acme", repository, LIMITS)
    assert repository.destination.read_bytes() == builtin_root("staging")
    kept = {repository.destination, repository.fetched_under}
    assert set(repository.destination.parent.iterdir()) == kept


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_a_root_fetched_before_ours_was_pinned_counts_no_more(tmp_path: Path, ahead: int) -> None:
    _, pinned_under = builtin_repository("staging")
    metadata = json.loads(pinned_under)
    metadata["signed"]["version"] += ahead
    refreshed, fetched_under = refreshed_places("staging", tmp_path)
    refreshed.parent.mkdir(parents=True)
    refreshed.write_bytes(builtin_root("public-good"))  # another one, to tell them apart
    fetched_under.write_text(json.dumps(metadata))
    settings = tmp_path / "countersign.yaml"
    settings.write_text("trust: {roots: {staging: builtin}}\n")
    (entry,) = read_trust(load(settings))["staging"]
    assert entry.origin == ("builtin" if ahead < 0 else str(refreshed))
    assert entry.content == builtin_root("staging" if ahead < 0 else "public-good")
    assert fetched_under in trust_files(load(settings))


@pytest.mark.parametrize(
    "metadata", ["", "{}", '{"signed": {}}', '{"signed": {"version": true}}', "[]"]
)
def test_broken_metadata_beside_a_refreshed_root_is_named_with_its_fix(
    tmp_path: Path, metadata: str
) -> None:
    refreshed, fetched_under = refreshed_places("staging", tmp_path)
    refreshed.parent.mkdir(parents=True)
    refreshed.write_bytes(builtin_root("staging"))
    fetched_under.write_text(metadata)
    settings = tmp_path / "countersign.yaml"
    settings.write_text("trust: {roots: {staging: builtin}}\n")
    with pytest.raises(ConfigurationError, match="countersign trust refresh staging") as raised:
        read_trust(load(settings))
    assert str(fetched_under) in str(raised.value)


@pytest.mark.parametrize("name", BUILTIN_ROOTS)
def test_builtin_roots_come_with_the_start_of_their_repository(name: str) -> None:
    url, first = builtin_repository(name)
    assert url.startswith("https://")
    assert json.loads(first)["signed"]["_type"] == "root"
    assert json.loads(builtin_root(name))["mediaType"]
