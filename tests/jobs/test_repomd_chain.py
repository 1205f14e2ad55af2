"""A repository of rpm packages: repomd.xml is signed, names a list, and that names the package."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.model import digest_of
from jobs.commands.verify import verify_command
from tests.verification.openpgp.openpgp_material import gnupg

PACKAGE = b"\xed\xab\xee\xdb a package"
PRIMARY = f"""<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" packages="1">
<package type="rpm"><name>acme</name><arch>noarch</arch><version epoch="0" ver="1.2" rel="3"/>
<checksum type="sha256" pkgid="YES">{digest_of(PACKAGE).value}</checksum>
<location href="Packages/acme-1.2-3.noarch.rpm"/></package></metadata>
""".encode()


def repomd(packed: bytes, suffix: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>
<data type="primary"><checksum type="sha256">{digest_of(packed).value}</checksum>
<open-checksum type="sha256">{digest_of(PRIMARY).value}</open-checksum>
<location href="repodata/primary.xml{suffix}"/></data></repomd>
""".encode()


@cache
def signed(content: bytes) -> tuple[bytes, bytes]:
    with gnupg() as gpg:
        gpg.key("repo")
        (gpg.home / "text").write_bytes(content)
        return gpg.sign("repo", "--armor"), gpg.export("repo")


def asked(folder: Path, *, suffix: str = ".gz", package: bytes = PACKAGE) -> dict[str, Any]:
    packed = {
        ".gz": gzip.compress(PRIMARY, mtime=0),
        ".xz": lzma.compress(PRIMARY),
        ".bz2": bz2.compress(PRIMARY),
        "": PRIMARY,
    }
    metadata = repomd(packed[suffix], suffix)
    signature, key = signed(metadata)
    files = {
        "repomd.xml": metadata,
        "repomd.xml.asc": signature,
        f"primary.xml{suffix}": packed[suffix],
        "acme-1.2-3.noarch.rpm": package,
        "key.gpg": key,
    }
    for name, content in files.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(content)
    named = [
        ("--signature", "repomd.xml.asc"),
        ("--through", "repomd.xml"),
        ("--through", f"primary.xml{suffix}"),
        ("--keyring", "key.gpg"),
    ]
    words = [word for option, name in named for word in (option, str(folder / name))]
    artifact = str(folder / "acme-1.2-3.noarch.rpm")
    ran = CliRunner().invoke(verify_command, [artifact, *words, "--json"])
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ""])
def test_package_stands_in_the_signed_metadata(tmp_path: Path, suffix: str) -> None:
    said = asked(tmp_path, suffix=suffix)
    assert said["outcome"] == "verified", said["detail"]
    assert str(digest_of(PACKAGE)) in json.dumps(said)


def test_another_package_under_the_name_is_refused(tmp_path: Path) -> None:
    said = asked(tmp_path, package=PACKAGE + b"x")
    assert (said["outcome"], said["reason"]) == ("invalid", "DIGEST_MISMATCH")


def test_attack_12_list_that_the_signed_metadata_do_not_name(tmp_path: Path) -> None:
    """Attack class 12: the signature is over repomd.xml alone."""
    other = PRIMARY.replace(digest_of(PACKAGE).value.encode(), digest_of(b"evil").value.encode())
    (tmp_path / "primary.xml.gz").write_bytes(gzip.compress(other, mtime=0))
    said = asked(tmp_path, package=b"evil")
    assert (said["outcome"], said["reason"]) == ("invalid", "DIGEST_MISMATCH")


def test_altered_metadata_are_refused(tmp_path: Path) -> None:
    packed = gzip.compress(PRIMARY, mtime=0)
    (tmp_path / "repomd.xml").write_bytes(repomd(packed, ".gz") + b"\n")
    said = asked(tmp_path)
    assert (said["outcome"], said["reason"]) == ("invalid", "SIGNATURE_INVALID")


def test_list_packed_with_zstd_is_not_read_and_never_passed(tmp_path: Path) -> None:
    packed = b"\x28\xb5\x2f\xfd" + bytes(20)
    metadata = repomd(packed, ".gz")
    (tmp_path / "primary.xml.gz").write_bytes(packed)
    (tmp_path / "repomd.xml").write_bytes(metadata)
    signature, key = signed(metadata)
    (tmp_path / "repomd.xml.asc").write_bytes(signature)
    (tmp_path / "key.gpg").write_bytes(key)
    said = asked(tmp_path)
    assert (said["outcome"], said["reason"]) == ("unverifiable", "FORMAT_UNSUPPORTED")
