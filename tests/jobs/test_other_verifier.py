"""Another verifier, other trust or limits: what stands is read again at once, and says who judged.

A verifier may be mended of a false "verified" while a source is out of reach.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

import app
from jobs import pipeline
from jobs.scheduler import slot_of
from jobs.workspace import Workspace
from storage import schema
from storage.database import Database
from storage.memory import is_sealed_so
from tests.jobs.conftest import NOW, Make, Reopen
from tests.jobs.scheduling import scheduling, until
from tests.jobs.test_scheduler import ended, slots
from verification import verifier
from verification.format import VERIFIER_VERSION

Change = Callable[[Path, Workspace, pytest.MonkeyPatch], None]


def lead(workspace: Workspace, wanted: int) -> None:
    """Lead until that many scans have ended."""
    with scheduling(workspace):
        until(lambda: ended(workspace) >= wanted)


def rests_on_now(workspace: Workspace) -> bool:
    with workspace.database.reading() as connection:
        source = workspace.sources["example"]
        return is_sealed_so(connection, source.id, workspace.seal("example"))


def other_verifier(_settings: Path, _workspace: Workspace, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verifier, "VERIFIER_VERSION", "another")


def other_trust(settings: Path, _workspace: Workspace, _patch: pytest.MonkeyPatch) -> None:
    text = settings.read_text()
    named = "file: example/trust/ec.pem\n"
    changed = text.replace(named, f"{named}      valid: {{until: 2020-01-01}}\n")
    assert changed != text
    settings.write_text(changed)


def other_limits(settings: Path, _workspace: Workspace, _patch: pytest.MonkeyPatch) -> None:
    settings.write_text(settings.read_text() + "\nlimits: {evidence_bytes: 16777216}\n")


def half_read(_settings: Path, workspace: Workspace, _patch: pytest.MonkeyPatch) -> None:
    with workspace.database.writing() as connection:
        first = sa.select(sa.func.min(schema.unit.c.id)).scalar_subquery()
        connection.execute(schema.unit.update().where(schema.unit.c.id == first).values(state=""))


@pytest.mark.parametrize("change", [other_verifier, other_trust, other_limits, half_read])
def test_what_changed_while_nobody_led_is_read_at_once(
    change: Change, make_workspace: Make, database_url: str, reopen: Reopen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings = make_workspace(database_url)
    before = reopen(settings, NOW)
    lead(before, 1)
    assert slots(before) == [slot_of(3600, NOW)]
    assert rests_on_now(before)
    change(settings, before, monkeypatch)
    after = reopen(settings, NOW)
    assert not rests_on_now(after)
    lead(after, 2)
    assert sorted(slots(after), key=str) == [slot_of(3600, NOW), None]
    assert rests_on_now(after)


def test_a_source_that_offers_nothing_is_read_by_the_new_verifier_at_once(
    make_workspace: Make, database_url: str, reopen: Reopen
) -> None:
    settings = make_workspace(database_url)
    (settings.parent / "nothing").mkdir()
    settings.write_text(settings.read_text().replace("path: example/releases", "path: nothing"))
    before = reopen(settings, NOW)
    lead(before, 1)
    with before.database.writing() as connection:
        connection.execute(schema.source.update().values(verifier="earlier"))
    after = reopen(settings, NOW)
    lead(after, 2)
    with after.database.reading() as connection:
        judged = connection.execute(sa.select(schema.source.c.verifier)).scalars().all()
    assert judged == [VERIFIER_VERSION]


@pytest.fixture
def scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders, scanned by an earlier version."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        tmp_path.joinpath(name).mkdir()
        tmp_path.joinpath(name, "file").write_text(name)
    sources = ", ".join(f"{{id: {name}, kind: file_tree, path: {name}}}" for name in ("a", "b"))
    tmp_path.joinpath("countersign.yaml").write_text(f"sources: [{sources}]\n")
    assert app.main(["db", "upgrade"]) == 0
    with pytest.raises(SystemExit):
        app.main(["scan"])
    database = Database.open("sqlite:///countersign.db", base=tmp_path)
    with database.writing() as connection:
        assert {one.verifier for one in connection.execute(sa.select(schema.source))} == {
            VERIFIER_VERSION
        }
        connection.execute(schema.source.update().values(verifier="earlier"))
    database.close()
    return tmp_path


def test_what_cannot_be_read_again_says_that_another_verifier_judged_it(
    scanned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(scanned / "a")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        app.main(["scan", "--json"])
    assert ended.value.code == 3
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)["sources"]}
    assert (found["a"]["state"], found["a"]["artifacts"]) == ("failed", 1)
    assert found["a"]["errors"][-1]["reason"] == "VERIFIER_CHANGED"
    assert "judged by earlier" in found["a"]["errors"][-1]["detail"]
    assert found["b"]["errors"] == []
    with pytest.raises(SystemExit):
        app.main(["scan"])
    out = capsys.readouterr().out
    assert "a: VERIFIER_CHANGED: what could not be read again was judged by earlier" in out
    assert "b: " not in out


def test_an_older_version_that_reads_only_a_part_is_told_of(
    scanned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that left a scheduler of the old version running, say."""
    with pytest.raises(SystemExit):
        app.main(["scan"])
    deep = scanned.joinpath("a", *["龥" * 80] * 11)  # longer than a name may be
    deep.mkdir(parents=True)
    deep.joinpath("file").write_text("deep")
    with monkeypatch.context() as older:
        older.setattr(pipeline, "VERIFIER_VERSION", "1")
        with pytest.raises(SystemExit):
            app.main(["scan"])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        app.main(["scan", "--json"])
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out)["sources"]}
    assert found["a"]["state"] == "partial"
    assert found["a"]["errors"][-1]["reason"] == "VERIFIER_CHANGED"
    assert "judged by 1," in found["a"]["errors"][-1]["detail"]
    assert found["b"]["errors"] == []
