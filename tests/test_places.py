"""A place that cannot be used is the caller's to mend: exit 2 and one clear sentence, never 70."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).parent.parent
APP = str(ROOT / "app.py")
PATIENCE = 60
SETTINGS = "sources: [{id: a, kind: file_tree, path: tree}]\n"
WITH_SETTINGS = (
    ("scan",),
    ("serve", "--port", "0"),
    ("work",),
    ("sources", "list"),
    ("sources", "check"),
    ("db", "upgrade"),
    ("db", "check"),
    ("db", "rebuild"),
    ("db", "backup", "copy.db"),
)
Prepare = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Case:
    """What stands in a folder before a command is called there, and what is said of it."""

    name: str
    words: tuple[str, ...]
    said: str
    prepare: Prepare


def _file(name: str) -> Prepare:
    return lambda folder: (folder / name).write_text("words of some length\n" * 40)


def _folder(name: str) -> Prepare:
    return lambda folder: (folder / name).mkdir()


def _settings(text: str = SETTINGS, *others: Prepare) -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / "countersign.yaml").write_text(text)
        (folder / "tree").mkdir()
        for other in others:
            other(folder)

    return prepare


def _upgraded(*others: Prepare) -> Prepare:
    def prepare(folder: Path) -> None:
        _settings()(folder)
        app.main(["db", "upgrade"])
        for other in others:
            other(folder)

    return prepare


def _policies_file(folder: Path) -> None:
    (folder / "a.yaml").touch()
    (folder / "countersign.yaml").write_text("policies: a.yaml\n")


FOREIGN = "file is not a database"
CLOSED = "unable to open database file; its folder must be there"
CASES = [
    Case("init at a file", ("init", "f"), "f", _file("f")),
    Case("init below a file", ("init", "f/x"), "f/x: Not a directory; a folder", _file("f")),
    Case("policies is a file", ("init",), "policies: File exists; a file", _file("policies")),
    Case("example is a file", ("init", "--example"), "example", _file("example")),
    Case("database is a folder, init", ("init",), CLOSED, _folder("countersign.db")),
    Case("settings are a folder", ("scan",), "countersign.yaml", _folder("countersign.yaml")),
    Case("database is text", ("scan",), FOREIGN, _settings(SETTINGS, _file("countersign.db"))),
    Case("database is a folder", ("scan",), CLOSED, _settings(SETTINGS, _folder("countersign.db"))),
    Case("no folder for the database", ("db", "upgrade"), CLOSED,
         _settings("database: sqlite:///nope/x.db\n")),
    Case("database is elsewhere", ("db", "upgrade"), "postgresql+psycopg://u:***@127.0.0.1:9/x",
         _settings("database: postgresql+psycopg://u:secret@127.0.0.1:9/x\n")),
    Case("no database yet", ("scan",), "countersign db upgrade", _settings()),
    Case("policies named are a file", ("scan",), "a.yaml is a file; name a folder",
         _upgraded(_policies_file)),
    Case("lock is a folder", ("scan", "--json"), "a.lock: Is a directory; a file is needed",
         _upgraded(_folder("countersign.db.scan-a.lock"))),
    Case("backup into nowhere", ("db", "backup", "nope/x.db"), "nope/", _upgraded()),
    Case("backup below a file", ("db", "backup", "f/x.db"), "Not a dir", _upgraded(_file("f"))),
    Case("verify a folder as key", ("verify", "f", "--key", "k", "--signature", "f"),
         "k: Is a directory", lambda folder: (_file("f")(folder), _folder("k")(folder))),
]  # fmt: skip


def _called(words: tuple[str, ...]) -> int:
    try:
        return app.main(list(words))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _demand_sentence(code: int, out: str, err: str) -> None:
    assert (code, out) == (2, "")
    assert "unexpected" not in err
    assert "Traceback" not in err
    assert [line for line in err.splitlines() if line.startswith(("countersign: ", "Error: "))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_unusable_place_is_named(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    case.prepare(tmp_path)
    capfd.readouterr()
    code = _called(case.words)
    out, err = capfd.readouterr()
    _demand_sentence(code, out, err)
    assert case.said in err
    assert "secret" not in err


@pytest.mark.parametrize("words", WITH_SETTINGS, ids=" ".join)
def test_a_missing_workspace_is_named_by_every_command(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = _called((*words, "--config", "nope/countersign.yaml"))
    out, err = capfd.readouterr()
    _demand_sentence(code, out, err)
    assert "nope/countersign.yaml: cannot be read" in err


@pytest.mark.parametrize("words", [("scan",), ("sources", "check"), ("verify", "tree")], ids=" ".join)  # noqa: E501  # fmt: skip
def test_no_place_for_temporary_files_is_named(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    _upgraded()(tmp_path)
    capfd.readouterr()
    with monkeypatch.context() as nowhere:  # what captures the output wants such files, too
        nowhere.setattr(tempfile, "tempdir", str(tmp_path / "nope"))
        code = _called(words)
    _, err = capfd.readouterr()
    assert code == 2
    assert "nope/countersign-" in err


def test_an_init_that_failed_leaves_nothing_in_the_way_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "countersign.db").mkdir()
    assert _called(("init",)) == 2
    (tmp_path / "countersign.db").rmdir()
    assert _called(("init",)) == 0


def test_a_backup_that_failed_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _settings(SETTINGS, _file("countersign.db"))(tmp_path)
    before = {*tmp_path.iterdir()}
    assert _called(("db", "backup", "copy.db")) == 2
    assert {*tmp_path.iterdir()} == before


# --- in a process of its own ----------------------------------------------------------------------


def _spawn(*words: str, cwd: Path, stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, APP, *words],
        cwd=cwd, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def test_output_that_cannot_be_written_is_no_outcome(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with Path("/dev/full").open("wb") as full:
        said = _spawn("verify", "f", cwd=tmp_path, stdout=full.fileno())
    assert said.returncode == 2
    assert said.stderr.startswith("countersign: the output, or a temporary file, cannot be written")
    assert said.stderr.endswith(": No space left on device\n")


def test_a_reader_that_has_gone_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    reading, writing = os.pipe()
    os.close(reading)
    said = _spawn("verify", "f", cwd=tmp_path, stdout=writing)
    os.close(writing)
    assert (said.returncode, said.stderr) == (130, "")


ALL_COMMANDS = """
import sys
sys.path.insert(0, sys.argv[1])
import app
for words in sys.argv[2:]:
    try:
        code = app.main(words.split())
    except SystemExit as end:
        code = end.code
    print(f"[{words}] {code}", file=sys.stderr, flush=True)
"""


def _alone(mount: str, folder: Path, commands: list[str]) -> list[str]:
    """Run commands where `mount` has changed the folder, for nobody else; return what is said."""
    probe = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", str(folder)],
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if probe.returncode:
        pytest.skip("this account may not mount")
    program = [sys.executable, "-c", ALL_COMMANDS, str(ROOT), *commands]
    said = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{mount} && cd "$1" && shift && exec "$@"', "sh",
         str(folder), *program],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert "Traceback" not in said.stderr
    return said.stderr.splitlines()


def _endings(said: list[str]) -> dict[str, str]:
    return dict(line[1:].split("] ") for line in said if line.startswith("["))


def test_a_folder_that_may_only_be_read_is_named_by_every_command(tmp_path: Path) -> None:
    _settings()(tmp_path)
    assert _spawn("db", "upgrade", cwd=tmp_path, stdout=subprocess.DEVNULL).returncode == 0
    mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
    commands = [" ".join(words) for words in WITH_SETTINGS] + ["init x"]
    said = _alone(mount, tmp_path, commands)
    assert _endings(said) == dict.fromkeys(commands, "2")
    assert len([line for line in said if line.startswith("countersign: ")]) == len(commands)


def test_a_database_in_use_that_may_only_be_read_is_read_or_named(tmp_path: Path) -> None:
    _settings()(tmp_path)
    assert _spawn("db", "upgrade", cwd=tmp_path, stdout=subprocess.DEVNULL).returncode == 0
    mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
    copy = tempfile.mkdtemp(dir=tmp_path.parent)
    reads, writes = ["db check", f"db backup {copy}/copy.db"], ["sources list", "scan", "work"]
    with closing(sqlite3.connect(tmp_path / "countersign.db")) as other:
        other.execute("PRAGMA user_version = 7")  # stands in the write-ahead log alone
        assert (tmp_path / "countersign.db-wal").stat().st_size > 0
        said = _alone(mount, tmp_path, [*reads, *writes])
        (tmp_path / "countersign.db-shm").unlink()
        lost = _alone(mount, tmp_path, [*reads[:1], *writes])
    assert _endings(said) == dict.fromkeys(reads, "0") | dict.fromkeys(writes, "2")
    assert _endings(lost) == dict.fromkeys([*reads[:1], *writes], "2")
    named = [line for line in (*said, *lost) if line.startswith("countersign: ")]
    assert len(named) == len(writes) + len(lost) // 2
    assert all("countersign.db cannot be used: " in line for line in named)
    assert all("this account must be allowed to write there" in line for line in named)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    said = _alone('mount -t tmpfs -o size=40k tmpfs "$1"', tmp_path, ["init", "init again"])
    assert _endings(said) == {"init": "2", "init again": "2"}
    first, second = (line for line in said if line.startswith("countersign: "))
    assert "the disk may be full" in first
    assert ".yaml: No space left on device; make room there" in second
