"""Names that no index of PostgreSQL can hold: they are left out, and stop nothing else."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import sqlalchemy as sa

from jobs.reading import is_found_by
from jobs.workspace import Workspace
from storage import migrate, schema
from storage.database import Database
from storage.schema import INDEXED_BYTES
from tests.jobs.apt_workspace import scan
from tests.jobs.conftest import NOW

MADE = random.Random(1)  # what repeats is packed by PostgreSQL, and fits


def part(length: int, *, wide: bool) -> str:
    first, last = (0x4E00, 0x9F00) if wide else (ord("a"), ord("z") + 1)
    return "".join(chr(MADE.randrange(first, last)) for _ in range(length))


def scanned(folder: Path, url: str) -> tuple[str, list[tuple[str, str]], list[str]]:
    """Scan the folder `r`; return how it ended, the errors and the names kept."""
    source = {"id": "files", "kind": "file_tree", "path": "r"}
    path = folder / "countersign.yaml"
    path.write_text(json.dumps({"database": url, "sources": [source]}))
    database = Database.open(url)
    migrate.upgrade(database)
    database.close()
    workspace = Workspace.open(path, lambda: NOW)
    report = scan(workspace, "files").scan
    with workspace.database.reading() as connection:
        names = list(connection.execute(sa.select(schema.location.c.name)).scalars())
    workspace.close()
    return report.state, [(one.unit, one.reason) for one in report.counts.errors], sorted(names)


def put(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.name[:20].encode())
    return path.name


def test_folder_with_a_name_too_long_stops_nothing_else(tmp_path: Path, database_url: str) -> None:
    top = tmp_path / "r"
    put(top / "plain")
    deep = top.joinpath(*(part(80, wide=True) for _ in range(11)))
    assert not is_found_by(str(deep.relative_to(top)))
    put(deep / "file")
    state, errors, names = scanned(tmp_path, database_url)
    assert (state, errors, names) == ("partial", [("", "TOO_LARGE")], ["plain"])


def test_names_as_long_as_the_limit_of_characters_allows_are_kept(
    tmp_path: Path, database_url: str
) -> None:
    folder = tmp_path.joinpath("r", *(part(100, wide=False) for _ in range(8)))
    longest = 1024 - len(str(folder.relative_to(tmp_path / "r"))) - 1
    put(folder / part(longest, wide=False))
    state, errors, names = scanned(tmp_path, database_url)
    assert (state, errors, [len(one) for one in names]) == ("complete", [], [1024])


def test_one_name_too_long_leaves_its_folder_incomplete_and_the_rest_of_it_read(
    tmp_path: Path, database_url: str
) -> None:
    folder = tmp_path.joinpath("r", *(part(80, wide=True) for _ in range(5)))
    unit = str(folder.relative_to(tmp_path / "r"))
    assert is_found_by(unit)
    assert is_found_by(unit, f"{unit}/a")
    put(folder / "a")
    long = part(80, wide=True)
    assert not is_found_by(unit, f"{unit}/{long}")
    put(folder / long)
    put(folder / "龥z")  # sorted after it
    state, errors, names = scanned(tmp_path, database_url)
    assert (state, errors) == ("failed", [(unit, "TOO_LARGE")])
    assert names == [f"{unit}/a", f"{unit}/龥z"]


def test_many_lists_of_long_names_hide_no_file_that_they_name(
    tmp_path: Path, database_url: str
) -> None:
    put(tmp_path / "r" / "plain")
    line = f"{hashlib.sha256(b'plain').hexdigest()}  plain\n"
    for _ in range(12):
        name = f"{part(230, wide=False)}.checksums.txt"
        (tmp_path / "r" / name).write_text(line)
        put(tmp_path / "r" / f"{name}.asc")
    assert scanned(tmp_path, database_url) == ("complete", [], ["plain"])


def test_bytes_are_counted_not_characters() -> None:
    assert is_found_by("a" * INDEXED_BYTES)
    assert not is_found_by("a" * INDEXED_BYTES, "b")
    assert not is_found_by("龥" * (INDEXED_BYTES // 3 + 1))
