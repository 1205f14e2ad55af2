"""Packages made by rpmbuild and signed by rpmsign, once per test run, and rpmkeys to ask."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import pytest

from tests.verification.openpgp.openpgp_material import Gnupg, gnupg
from verification.archives.rpm_header import HEADER_MAGIC, Header

TOOLS = ("rpmbuild", "rpmsign", "rpmkeys")
_STACK = ExitStack()
_SPEC = """Name: acme
Version: 1.2
Release: 3
Epoch: 4
Summary: A package
License: MIT
Vendor: Acme
BuildArch: noarch
%description
Nothing of worth.
%install
mkdir -p %{buildroot}/usr/share/acme
echo hello > %{buildroot}/usr/share/acme/file
%files
/usr/share/acme/file
"""
_MADE, SIGNED = "20260101", "20260601"


@dataclass(frozen=True)
class Row:
    """One entry of a header, to be written anew."""

    tag: int
    type: int
    count: int
    value: bytes


def rows(header: Header) -> list[Row]:
    return [Row(one.tag, one.type, one.count, one.value) for one in header.entries.values()]


def written(region: int, entries: Sequence[Row]) -> bytes:
    """Write a header of one region, as rpm does."""
    store, index = b"", b""
    for row in entries:
        store += b"\0" * (-len(store) % {3: 2, 4: 4, 5: 8}.get(row.type, 1))
        index += b"".join(
            part.to_bytes(4, "big") for part in (row.tag, row.type, len(store), row.count)
        )
        store += row.value
    count = len(entries) + 1
    first = b"".join(part.to_bytes(4, "big") for part in (region, 7, len(store), 16))
    trailer = b"".join(part.to_bytes(4, "big") for part in (region, 7))
    trailer += (-16 * count).to_bytes(4, "big", signed=True) + (16).to_bytes(4, "big")
    store += trailer
    sizes = count.to_bytes(4, "big") + len(store).to_bytes(4, "big")
    return HEADER_MAGIC + sizes + first + index + store


def assembled(lead: bytes, signatures: bytes, rest: bytes) -> bytes:
    start = lead + signatures
    return start + b"\0" * (-len(start) % 8) + rest


@dataclass
class Packages:
    """Signed copies of one package by name, the certificates by name, and a database for each."""

    home: Path
    gpg: Gnupg
    plain: bytes
    signed: dict[str, bytes] = field(default_factory=dict)
    certificates: dict[str, bytes] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)

    def keyring(self, *names: str) -> bytes:
        return b"".join(self.certificates[name] for name in names or self.certificates)

    @cached_property
    def database(self) -> Path:
        """A database of rpm's own that holds the certificates and nothing else."""
        folder = self.home / "database"
        folder.mkdir()
        for name in self.certificates:
            path = folder / f"{name}.asc"
            path.write_bytes(self.gpg.run("--armor", "--export", self.fingerprints[name]))
            run("rpmkeys", "--dbpath", str(folder), "--import", str(path))
        return folder

    def accepts(self, package: bytes) -> bool:
        """Ask rpmkeys, which then demands a signature that holds and every digest."""
        path = self.home / "asked.rpm"
        path.write_bytes(package)
        level = ("--define", "_pkgverify_level all")
        words = ("rpmkeys", *level, "--dbpath", str(self.database), "--checksig", str(path))
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def sign(self, name: str, *options: str, package: bytes = b"") -> bytes:
        path = self.home / "signing.rpm"
        path.write_bytes(package or self.plain)
        macros = {"_gpg_name": self.fingerprints[name], "_gpg_path": str(self.gpg.home)}
        macros["__gpg"] = str(shutil.which("gpg"))
        defines = [word for key, value in macros.items() for word in ("-D", f"{key} {value}")]
        words = ("rpmsign", "--addsign", *defines, *options, str(path))
        run(*words, environment={"GNUPGHOME": str(self.gpg.home)})
        return path.read_bytes()


def run(*words: str, environment: Mapping[str, str] | None = None) -> bytes:
    done = subprocess.run(
        words, capture_output=True, check=False, env={**os.environ, **(environment or {})}
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@cache
def packages() -> Packages:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        words = f"{', '.join(missing)} not found, install the package rpm"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    atexit.register(_STACK.close)
    gpg = _STACK.enter_context(gnupg())
    home = Path(tempfile.mkdtemp(prefix="cs-rpm-", dir="/tmp"))
    _STACK.callback(shutil.rmtree, home, ignore_errors=True)
    (home / "acme.spec").write_text(_SPEC)
    run(
        "rpmbuild", "-bb", "-D", f"_topdir {home}/top", "-D", f"_rpmdir {home}", f"{home}/acme.spec"
    )
    made = Packages(home, gpg, next(home.rglob("*.rpm")).read_bytes())
    _keys(made)
    (gpg.home / "gpg.conf").write_text(f"faked-system-time {SIGNED}T000000!\n")
    for name in ("rsa", "ed", "sub", "other"):
        made.signed[name] = made.sign(name)
    made.signed["both"] = made.sign("rsa", "--rpmv3")
    made.signed["sha1"] = made.sign("rsa", "-D", "_gpg_digest_algo sha1")
    return made


def _keys(made: Packages) -> None:
    kinds = {"rsa": "rsa2048", "ed": "ed25519", "other": "rsa2048"}
    for name, kind in kinds.items():
        made.gpg.run("--quick-gen-key", f"{name}@acme.test", kind, "sign", "never", at=_MADE)
    made.gpg.run("--quick-gen-key", "sub@acme.test", "rsa2048", "cert", "never", at=_MADE)
    for name in (*kinds, "sub"):
        made.fingerprints[name] = _fingerprints(made.gpg, name)[0]
    made.gpg.run("--quick-add-key", made.fingerprints["sub"], "rsa2048", "sign", "never", at=_MADE)
    for name in (*kinds, "sub"):
        if name != "other":
            made.certificates[name] = made.gpg.run("--export", made.fingerprints[name])


def _fingerprints(gpg: Gnupg, name: str) -> list[str]:
    listing = gpg.run("--with-colons", "--list-keys", f"{name}@acme.test").decode()
    return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]
