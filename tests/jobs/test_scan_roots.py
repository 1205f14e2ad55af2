"""Sigstore trusted roots as the settings name them: builtin, refreshed, several in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.errors import ConfigurationError
from jobs.builtin_roots import BUILTIN_ROOTS, REFRESHED, builtin_repository, refreshed_places
from jobs.trust_files import trust_names
from jobs.workspace import Workspace
from storage import migrate, schema
from storage.database import Database
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW
from tests.verification.sigstore.sigstore_world import ACME, World
from tests.verification.specimens import CONTENT


def write(folder: Path, roots: Mapping[str, object]) -> Path:
    """Write settings of one folder of releases, which trusts all the roots."""
    source = {"id": "files", "kind": "file_tree", "path": "releases", "trust": list(roots)}
    url = f"sqlite:///{folder}/countersign.db"
    written = {"database": url, "trust": {"roots": roots}, "sources": [source]}
    path = folder / "countersign.yaml"
    path.write_text(json.dumps(written))
    database = Database.open(url)
    migrate.upgrade(database)
    database.close()
    return path


def put(folder: Path, name: str, bundle: bytes, content: bytes = CONTENT) -> None:
    releases = folder / "releases"
    releases.mkdir(exist_ok=True)
    (releases / name).write_bytes(content)
    (releases / f"{name}.sigstore.json").write_bytes(bundle)


def signed(world: World) -> bytes:
    return json.dumps(world.message(CONTENT)).encode()


def standings(settings: Path) -> dict[str, tuple[str, str]]:
    """Scan; return status and reason of each file."""
    workspace, c = Workspace.open(settings, lambda: NOW), schema.location.c
    assert scan(workspace, "files").scan.state == "complete"
    with workspace.database.reading() as connection:
        rows = connection.execute(sa.select(c.name, c.status, c.reason)).all()
    workspace.close()
    return {row.name: (row.status, row.reason) for row in rows}


# --- several roots in one file -------------------------------------------------------------------


def test_each_root_of_a_file_of_lines_vouches_for_its_own(tmp_path: Path) -> None:
    worlds = {"acme": ACME, "other": World("other"), "stranger": World("stranger")}
    for name, world in worlds.items():
        put(tmp_path, name, signed(world))
    lines = [json.dumps(worlds[name].root()) for name in ("other", "acme")]
    (tmp_path / "roots.jsonl").write_text("".join(f"{line}\n" for line in lines))
    found = standings(write(tmp_path, {"several": {"file": "roots.jsonl"}}))
    assert (found["acme"], found["other"]) == (("verified", ""), ("verified", ""))
    assert found["stranger"][0] == "failed"


def test_name_of_several_roots_stands_for_what_is_in_each_of_them(tmp_path: Path) -> None:
    roots = {"one": ACME, "other": World("other")}
    for name, world in roots.items():
        (tmp_path / name).write_text(f"{json.dumps(world.root())}\n")
    lines = [(tmp_path / name).read_text() for name in roots]
    (tmp_path / "both").write_text("".join(lines))
    named = {name: {"file": name} for name in (*roots, "both")}
    workspace = Workspace.open(write(tmp_path, named), lambda: NOW)
    names = trust_names(workspace.trust, workspace.file.settings.limits)
    assert names["one"].isdisjoint(names["other"])
    assert names["both"] == names["one"] | names["other"]
    with workspace.database.reading() as connection:
        used = connection.execute(sa.select(schema.source_trust.c.name)).scalars().all()
    workspace.close()
    assert sorted(used) == ["both (1)", "both (2)", "one", "other"]


def test_one_root_over_many_lines_is_one_root(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text(json.dumps(ACME.root(), indent=2))
    put(tmp_path, "acme", signed(ACME))
    settings = write(tmp_path, {"acme": {"file": "root.json"}})
    assert standings(settings) == {"acme": ("verified", "")}


@pytest.mark.parametrize("broken", ["{}", '{"mediaType": 1', "[]", "words"])
def test_a_broken_line_among_roots_is_an_error_that_names_the_file(
    tmp_path: Path, broken: str
) -> None:
    (tmp_path / "roots.jsonl").write_text(f"{json.dumps(ACME.root())}\n{broken}\n")
    settings = write(tmp_path, {"several": {"file": "roots.jsonl"}})
    with pytest.raises(ConfigurationError, match=r"roots\.jsonl: ") as raised:
        Workspace.open(settings, lambda: NOW)
    assert raised.value.line > 0


def test_more_roots_in_a_file_than_the_limit_are_refused(tmp_path: Path) -> None:
    line = json.dumps(ACME.root())
    (tmp_path / "roots.jsonl").write_text(f"{line}\n" * 65)
    settings = write(tmp_path, {"several": {"file": "roots.jsonl"}})
    with pytest.raises(ConfigurationError, match="more than 64 roots"):
        Workspace.open(settings, lambda: NOW)


# --- those that come with us ---------------------------------------------------------------------


def test_scan_under_the_builtin_roots_refuses_what_another_instance_signed(tmp_path: Path) -> None:
    put(tmp_path, "acme", signed(ACME))
    found = standings(write(tmp_path, dict.fromkeys(BUILTIN_ROOTS, "builtin")))
    assert found == {"acme": ("failed", "LOG_UNKNOWN")}


def test_scan_under_a_builtin_root_verifies_what_the_public_instance_signed(
    tmp_path: Path, vectors: Path
) -> None:
    suite = vectors / "sigstore-conformance"
    bundle = suite / "bundle-verify" / "happy-path-v0.3" / "bundle.sigstore.json"
    content = (suite / "a.txt").read_bytes()
    put(tmp_path, "a.txt", bundle.read_bytes(), content)
    put(tmp_path, "altered.txt", bundle.read_bytes(), content + b"x")
    found = standings(write(tmp_path, {"public-good": "builtin"}))
    assert found["a.txt"] == ("verified", "")
    assert found["altered.txt"][0] == "failed"
    assert standings(write(tmp_path, {"staging": "builtin"}))["a.txt"][0] == "failed"


def test_refreshed_root_takes_the_place_of_the_builtin_one(tmp_path: Path) -> None:
    put(tmp_path, "acme", signed(ACME))
    settings = write(tmp_path, {"public-good": "builtin"})
    assert standings(settings)["acme"][0] == "failed"
    refreshed = tmp_path / REFRESHED / "public-good.json"
    refreshed.parent.mkdir(parents=True)
    refreshed.write_text(json.dumps(ACME.root()))
    assert standings(settings) == {"acme": ("verified", "")}


# --- a root that is too old to know --------------------------------------------------------------


def refresh_by_hand(folder: Path, root: object, expires: str) -> None:
    """Put a root where `trust refresh` puts it, with the TUF metadata it was fetched under."""
    refreshed, fetched_under = refreshed_places("public-good", folder)
    refreshed.parent.mkdir(parents=True, exist_ok=True)
    refreshed.write_text(json.dumps(root))
    fetched_under.write_text(json.dumps({"signed": {"version": 99, "expires": expires}}))


def test_root_that_was_not_refreshed_for_long_leaves_open_what_a_newer_log_took(
    tmp_path: Path,
) -> None:
    put(tmp_path, "acme", signed(ACME))
    before = ACME.root(tlogs=World("before").root()["tlogs"])
    settings = write(tmp_path, {"public-good": "builtin"})
    refresh_by_hand(tmp_path, before, "2026-11-01T00:00:00Z")
    assert standings(settings) == {"acme": ("unknown", "TRUST_ROOT_STALE")}
    # the same root, and its publisher says that it is the newest: the log is nobody's
    refresh_by_hand(tmp_path, before, "2027-05-01T00:00:00Z")
    assert standings(settings) == {"acme": ("failed", "LOG_UNKNOWN")}
    refresh_by_hand(tmp_path, ACME.root(), "2027-05-01T00:00:00Z")
    assert standings(settings) == {"acme": ("verified", "")}


def test_builtin_root_is_as_old_as_the_metadata_it_was_pinned_under(tmp_path: Path) -> None:
    names = dict.fromkeys(BUILTIN_ROOTS, "builtin")
    workspace = Workspace.open(write(tmp_path, names), lambda: NOW)
    for name in BUILTIN_ROOTS:
        stated = json.loads(builtin_repository(name)[1])["signed"]["expires"]
        (entry,) = workspace.trust[name]
        assert entry.fresh_until == datetime.fromisoformat(stated)
    workspace.close()


def test_metadata_with_a_date_that_is_none_is_an_error_with_its_fix(tmp_path: Path) -> None:
    settings = write(tmp_path, {"public-good": "builtin"})
    refresh_by_hand(tmp_path, ACME.root(), "soon")
    with pytest.raises(ConfigurationError, match=r"expires.*run `countersign trust refresh"):
        Workspace.open(settings, lambda: NOW)
