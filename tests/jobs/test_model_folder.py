"""Model folders on disk, and the command that verifies them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from collectors.file_content import FileContent
from core.errors import CollectionError, TooLargeError, UsageError
from core.folder import FolderContent, MemberKind
from core.limits import Limits
from jobs.commands.verify import verify_command
from jobs.model_folder import read_model_folder
from tests.verification.models.model_specimens import FILES, KEY, bundle, resources, statement
from tests.verification.specimens import public_pem


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for path, content in FILES.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (folder / "empty").mkdir()
    (folder / "model.sig").write_text(json.dumps(bundle(statement(resources()))))
    (tmp_path / "key.pub").write_bytes(public_pem(KEY))
    return folder


def said(folder: Path, *words: object) -> tuple[int, str]:
    key = folder.parent / "key.pub"
    arguments = [str(word) for word in (folder, "--key", key, *words, "--json")]
    ran = CliRunner().invoke(verify_command, arguments)
    document = json.loads(ran.stdout)
    return ran.exit_code, document["reason"] or document["outcome"]


def test_members_are_all_files_but_the_signature(model: Path, tmp_path: Path) -> None:
    content = read_model_folder(model, [model / "model.sig"], tmp_path, Limits())
    assert [each.path for each in content.members] == sorted(FILES)
    assert {each.kind for each in content.members} == {MemberKind.FILE}
    whole = read_model_folder(model, [], tmp_path, Limits())
    assert len(whole.members) == len(FILES) + 1


def test_links_and_special_files_are_listed_as_what_they_are(model: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"x")
    (model / "in").symlink_to("config.json")
    (model / "out").symlink_to(tmp_path / "outside")
    (model / "up").symlink_to("../outside")
    (model / "folder").symlink_to("weights")
    (model / "nowhere").symlink_to("gone")
    (model / "circle").symlink_to("circle")
    os.mkfifo(model / "pipe")
    content = read_model_folder(model, [model / "model.sig"], tmp_path, Limits())
    kinds = {each.path: each.kind for each in content.members if each.path not in FILES}
    assert kinds.pop("in") is MemberKind.LINK
    assert kinds.pop("pipe") is MemberKind.SPECIAL
    assert set(kinds.values()) == {MemberKind.LINK_AWAY}
    assert set(kinds) == {"out", "up", "folder", "nowhere", "circle"}


def test_a_file_is_read_once_however_many_links_lead_to_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (model / "weights" / f"link-{number}").symlink_to("../config.json")
    (model / "through").symlink_to("weights/link-0")
    content = read_model_folder(model, [], tmp_path, Limits())
    read: list[Path] = []
    real = FileContent.chunks

    def chunks(self: FileContent) -> Iterator[bytes]:
        read.append(self.file)
        return real(self)

    monkeypatch.setattr(FileContent, "chunks", chunks)
    digests = {each.path: each.content.digest("sha256") for each in content.members if each.content}
    assert digests["through"] == digests["weights/link-4"] == digests["config.json"]
    assert sorted(read) == sorted(set(read))


def test_counts_and_sizes_are_bounded(model: Path, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="files"):
        read_model_folder(model, [], tmp_path, Limits(files=2))
    (model / "large").write_bytes(b"x" * 2000)
    with pytest.raises(TooLargeError, match="artifact_bytes"):
        read_model_folder(model, [], tmp_path, Limits(artifact_bytes=1024))


def test_a_file_that_changed_after_it_was_listed_is_not_read(model: Path, tmp_path: Path) -> None:
    content = read_model_folder(model, [], tmp_path, Limits())
    (model / "config.json").write_bytes(b"other")
    member = next(each for each in content.members if each.path == "config.json")
    assert member.content is not None
    with pytest.raises(CollectionError, match="changed"):
        member.content.digest("sha256")


def test_names_that_are_not_utf8_are_another_file(model: Path) -> None:
    assert said(model) == (0, "verified")
    place = os.fsencode(model) + b"/\xff.bin"
    Path(os.fsdecode(place)).write_bytes(b"")
    assert said(model) == (1, "SUBJECT_MISMATCH")


def test_folder_is_verified_by_the_signature_in_it_or_beside_it(model: Path) -> None:
    assert said(model) == (0, "verified")
    assert said(model, "--bundle", model / "model.sig") == (0, "verified")
    moved = model.parent / "moved.sig"
    (model / "model.sig").rename(moved)
    assert said(model, "--bundle", moved) == (0, "verified")
    assert said(model) == (3, "FORMAT_UNSUPPORTED")
    (model / "other.sig").write_bytes(moved.read_bytes())
    assert said(model, "--bundle", moved) == (1, "SUBJECT_MISMATCH")
    assert said(model, "--bundle", model / "other.sig") == (0, "verified")


def test_a_link_to_the_folder_is_the_folder(model: Path) -> None:
    link = model.parent / "link"
    link.symlink_to(model)
    assert said(link, "--bundle", link / "model.sig") == (0, "verified")


def test_a_signature_that_is_a_circle_of_links_is_a_wrong_call(model: Path) -> None:
    (model / "circle").symlink_to("circle")
    ran = CliRunner().invoke(verify_command, [str(model), "--bundle", str(model / "circle")])
    assert isinstance(ran.exception, UsageError)
    assert "symbolic links" in str(ran.exception)


def test_a_signature_may_be_a_link(model: Path) -> None:
    (model / "model.sig").rename(model.parent / "kept.sig")
    (model / "model.sig").symlink_to("../kept.sig")
    assert said(model) == (0, "verified")


def test_a_file_that_goes_away_meanwhile_is_told_and_not_verified(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*words: object) -> FolderContent:
        content = read_model_folder(*words)  # type: ignore[arg-type]  # passed on as they came
        (model / "config.json").unlink()
        return content

    monkeypatch.setattr("jobs.verify_case.read_model_folder", read)
    code, reason = said(model)
    assert (code, reason) == (3, "SOURCE_UNREACHABLE")


@pytest.mark.parametrize("place", ["config.json", "weights/a.bin", "weights/b.bin"])
def test_an_altered_file_is_refused(model: Path, place: str) -> None:
    with (model / place).open("ab") as opened:
        opened.write(b"x")
    assert said(model) == (1, "DIGEST_MISMATCH")


def test_added_and_removed_files_are_refused(model: Path) -> None:
    (model / "weights" / "c.bin").write_bytes(b"")
    assert said(model) == (1, "SUBJECT_MISMATCH")
    (model / "weights" / "c.bin").rename(model / "weights" / "a.bin")
    assert said(model) == (1, "DIGEST_MISMATCH")
    (model / "weights" / "a.bin").unlink()
    assert said(model) == (1, "SUBJECT_MISMATCH")
