"""Source packages of Debian: a signed .dsc or .changes names files, and so does Sources."""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.model import digest_of
from jobs.commands.verify import verify_command
from tests.verification.openpgp.openpgp_material import gnupg

TARBALL, NAME = b"\xfd7zXZ a tarball", "acme_1.2.orig.tar.xz"
STRONG = f"Checksums-Sha256:\n {digest_of(TARBALL).value} {len(TARBALL)} {NAME}\n"
WEAK = f"Files:\n {hashlib.md5(TARBALL, usedforsecurity=False).hexdigest()} {len(TARBALL)} {NAME}\n"
CONTROL = f"Format: 3.0 (quilt)\nSource: acme\nBinary: acme\nVersion: 1.2-1\n{STRONG}{WEAK}"
CHANGES = CONTROL.replace(f" {NAME}\n", f" devel optional {NAME}\n").replace(
    f"{len(TARBALL)} devel optional", f"{len(TARBALL)}", 1
)


@cache
def signed(text: str) -> tuple[bytes, bytes]:
    with gnupg() as gpg:
        gpg.key("uploader")
        (gpg.home / "text").write_text(text)
        return gpg.sign("uploader", mode="--clearsign"), gpg.export("uploader")


def asked(
    folder: Path, first: str, lists: Mapping[str, bytes], files: Mapping[str, bytes]
) -> dict[str, Any]:
    """Ask about the last of the files, through the first list, which is signed, and the others."""
    message, key = signed(first)
    for name, content in {"first": message, "key.gpg": key, **lists, **files}.items():
        (folder / name).write_bytes(content)
    through = [word for name in ("first", *lists) for word in ("--through", str(folder / name))]
    words = [str(folder / list(files)[-1]), *through, "--keyring", str(folder / "key.gpg")]
    said: dict[str, Any] = json.loads(CliRunner().invoke(verify_command, [*words, "--json"]).stdout)
    return said


@pytest.mark.parametrize("control", [CONTROL, CHANGES, CONTROL.replace("\n ", "\n\t")])
def test_file_stands_in_the_signed_control_file(tmp_path: Path, control: str) -> None:
    said = asked(tmp_path, control, {}, {NAME: TARBALL})
    assert said["outcome"] == "verified", said["detail"]
    assert f"list of source files: {NAME}: {digest_of(TARBALL)}" in json.dumps(said)


@pytest.mark.parametrize(
    ("control", "files", "reason"),
    [
        (CONTROL, {NAME: TARBALL + b"x"}, "DIGEST_MISMATCH"),
        (CONTROL, {"acme_1.3.orig.tar.xz": TARBALL}, "SUBJECT_MISMATCH"),
        (CONTROL.replace(STRONG, ""), {NAME: TARBALL}, "ALGORITHM_WEAK"),
        (CONTROL.replace(f" {len(TARBALL)} ", " ", 1), {NAME: TARBALL}, "MALFORMED"),
        (CONTROL.replace(STRONG, STRONG + STRONG), {NAME: TARBALL}, "MALFORMED"),
        (
            CONTROL.replace(STRONG, f"{STRONG} {'0' * 64} {len(TARBALL)} {NAME}\n"),
            {NAME: TARBALL},
            "MALFORMED",
        ),
        (CONTROL + "\nSource: evil\n", {NAME: TARBALL + b"x"}, "DIGEST_MISMATCH"),
    ],
)
def test_attack_04_other_file_than_the_control_file_names_is_refused(
    tmp_path: Path, control: str, files: Mapping[str, bytes], reason: str
) -> None:
    assert asked(tmp_path, control, {}, files)["reason"] == reason


def sources(control: bytes) -> bytes:
    line = f"{digest_of(control).value} {len(control)} acme_1.2-1.dsc"
    entry = f"Package: acme\nDirectory: pool/a/acme\n{STRONG} {line}\n{WEAK}"
    return f"Package: other\nDirectory: pool/o\n{WEAK.replace(NAME, 'o')}\n{entry}".encode()


@pytest.mark.parametrize("name", [NAME, "acme_1.2-1.dsc"])
def test_release_leads_through_sources_to_each_file(tmp_path: Path, name: str) -> None:
    control = signed(CONTROL)[0]
    packed = lzma.compress(sources(control))
    release = (
        "Suite: stable\nDate: Sun, 01 Nov 2026 00:00:00 UTC\n"
        f"SHA256:\n {digest_of(packed).value} {len(packed)} main/source/Sources.xz\n"
    )
    files = {NAME: TARBALL, "acme_1.2-1.dsc": control}
    lists = {"Sources.xz": packed}
    asked_for = {name: files[name]}
    said = asked(tmp_path, release, lists, asked_for)
    assert said["outcome"] == "verified", said["detail"]
    if name == NAME:
        said = asked(tmp_path, release, {**lists, "acme_1.2-1.dsc": control}, asked_for)
        assert said["outcome"] == "verified", said["detail"]
    altered = {name: files[name] + b"x"}
    assert asked(tmp_path, release, lists, altered)["reason"] == "DIGEST_MISMATCH"


FORGED, WANTED, PADDING = b"another thing", "wanted.deb", f"X: {'x' * 100_000}\n"
OF_SOURCE = f"Checksums-Sha256:\n {digest_of(FORGED).value} {len(FORGED)} {WANTED}\n"
OF_RELEASE = f"SHA512:\n {'2' * 128} {len(FORGED)} {WANTED}\n"
OF_PACKAGE = f"Filename: pool/{WANTED}\nSHA256: {digest_of(FORGED).value}\n"
OTHER = f"Filename: pool/o.deb\nSHA256: {'0' * 64}\n"
OTHER_SOURCE = f"Directory: pool\nChecksums-Sha256:\n {'0' * 64} 1 o.dsc\n"
PLAIN = f"\nPackage: w\nFilename: pool/{WANTED}\nSHA256: {digest_of(TARBALL).value}\n"


@pytest.mark.parametrize(
    ("listed", "genuine"),
    [
        (f"Package: o\n{OF_SOURCE}{OTHER}{PLAIN}", "FORMAT_UNSUPPORTED"),
        (f"Package: o\n{OF_SOURCE}{PADDING}{OTHER}{PLAIN}", "FORMAT_UNSUPPORTED"),
        (f"Package: o\n{OF_PACKAGE}{PADDING}{OTHER_SOURCE}{PLAIN}", "FORMAT_UNSUPPORTED"),
        (f"{PLAIN}\nPackage: o\n{OF_SOURCE}{OTHER}", ""),
        (f"Package: o\n{OTHER}{OF_RELEASE}{PLAIN}", ""),
    ],
    ids=["package", "long-package", "source", "later-package", "release"],
)
def test_attack_04_field_of_an_uploader_makes_no_list_one_of_another_kind(
    tmp_path: Path, listed: str, genuine: str
) -> None:
    """Archives copy what fields they do not know (apt-ftparchive and dpkg-scanpackages both do)."""
    content = listed.encode()
    release = (
        "Suite: stable\nDate: Sun, 01 Nov 2026 00:00:00 UTC\n"
        f"SHA256:\n {digest_of(content).value} {len(content)} main/list\n"
    )
    said = [
        asked(tmp_path, release, {"list": content}, {WANTED: each}) for each in (FORGED, TARBALL)
    ]
    assert said[0]["outcome"] != "verified"
    assert (said[1]["reason"] or "") == genuine


def test_control_file_of_many_packages_is_read(tmp_path: Path) -> None:
    """That of Debian's kernel has 290 KB, most of them before its checksums."""
    many = "".join(f"\n linux-image-{each} deb kernel optional" for each in range(4000))
    control = CONTROL.replace("Version:", f"Package-List:{many}\nVersion:")
    assert asked(tmp_path, control, {}, {NAME: TARBALL})["outcome"] == "verified"
