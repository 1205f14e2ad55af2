"""A small real apt archive: packages by dpkg-deb, lists by apt-ftparchive, signatures by gpg."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MADE = "20261101T000000!"  # keys and signatures: before any `now` of the tests
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".bz2": bz2.compress,
    ".gz": lambda raw: gzip.compress(raw, mtime=0),
    ".xz": lzma.compress,
}


def run(*command: str, given: bytes = b"", folder: Path | None = None) -> bytes:
    """Run a tool on `given` and return what it printed; its failure is the test's."""
    return subprocess.run(command, check=True, capture_output=True, input=given, cwd=folder).stdout


@dataclass(frozen=True)
class SigningKey:
    """A gpg key in a home of its own."""

    home: Path
    fingerprint: str

    def export(self, *, armored: bool = False) -> bytes:
        """Return the public key."""
        armor = ["--armor"] if armored else []
        return self._gpg("--export", *armor, self.fingerprint)

    def clearsign(self, text: bytes) -> bytes:
        """Return the text with its signature, as InRelease is."""
        return self._gpg("--clearsign", "--local-user", self.fingerprint, given=text)

    def detach(self, text: bytes) -> bytes:
        """Return an armored signature, as Release.gpg is."""
        return self._gpg("--armor", "--detach-sign", "--local-user", self.fingerprint, given=text)

    def _gpg(self, *words: str, given: bytes = b"") -> bytes:
        base = (
            "gpg",
            "--homedir",
            str(self.home),
            "--batch",
            "--quiet",
            "--faked-system-time",
            MADE,
        )
        return run(*base, *words, given=given)


@contextmanager
def signing_key(home: Path, name: str = "Archive <archive@example.org>") -> Iterator[SigningKey]:
    """Make an Ed25519 key; its agent ends with the block."""
    home.mkdir(mode=0o700, parents=True)
    base = ("gpg", "--homedir", str(home), "--batch", "--quiet", "--faked-system-time", MADE)
    make = ("--passphrase", "", "--quick-generate-key", name, "ed25519", "sign", "never")
    run(*base, *make)
    listed = run(*base, "--with-colons", "--list-keys").decode()
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line[:4] == "fpr:")
    try:
        yield SigningKey(home, fingerprint)
    finally:
        run("gpgconf", "--homedir", str(home), "--kill", "all")
        shutil.rmtree(home, ignore_errors=True)


def build_package(folder: Path, name: str, version: str = "1.0", arch: str = "amd64") -> Path:
    """Build a package with nothing in it."""
    tree = folder / f"tree-{name}-{version}-{arch}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\n"
        "Maintainer: Somebody <somebody@example.org>\nDescription: a test\n"
    )
    built = folder / f"{name}_{version}_{arch}.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(built))
    shutil.rmtree(tree)
    return built


def scan_packages(folder: Path) -> bytes:
    """Return the Packages list of the packages in a folder, as apt-ftparchive writes it."""
    return run("apt-ftparchive", "packages", ".", folder=folder)


def stanza(name: str, version: str = "1.0", arch: str = "amd64", **fields: str) -> bytes:
    """Return one entry of a Packages list, its digest made up from name, version and arch."""
    digest = hashlib.sha256(f"{name} {version} {arch}".encode()).hexdigest()
    given = {
        "Package": name, "Version": version, "Architecture": arch,
        "Filename": f"pool/{name}.deb", "Size": "1000", "SHA256": digest, **fields,
    }  # fmt: skip
    return "".join(f"{key}: {value}\n" for key, value in given.items() if value).encode()


@dataclass
class AptArchive:
    """One archive in a folder; `write` lays down a suite anew."""

    folder: Path
    key: SigningKey
    fields: dict[str, str] = field(default_factory=dict)  # of the Release, on top of the usual

    def suite_folder(self, suite: str) -> Path:
        """Return where a suite's Release lies."""
        path = suite.strip("/") if suite.endswith("/") else f"dists/{suite}"
        return self.folder if path in ("", ".") else self.folder / path

    def write(
        self,
        suite: str,
        lists: Mapping[str, bytes],
        *,
        suffixes: tuple[str, ...] = ("", ".gz", ".xz"),
        signed: str = "inline",
        by_hash: bool = False,
        date: str = "Mon, 23 Nov 2026 06:00:00 UTC",
    ) -> Path:
        """Write lists by path (`main/binary-amd64/Packages`) and a Release that names them.

        `signed` is "inline", "detached" or "not". Returns the suite's folder.
        """
        folder = self.suite_folder(suite)
        named: dict[str, bytes] = {}
        for path, raw in lists.items():
            for suffix in suffixes:
                named[path + suffix] = COMPRESSORS[suffix](raw)
        for path, content in named.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if by_hash:
                hashed = target.parent / "by-hash" / "SHA256"
                hashed.mkdir(parents=True, exist_ok=True)
                (hashed / hashlib.sha256(content).hexdigest()).write_bytes(content)
            else:
                target.write_bytes(content)
        self.sign(suite, self.release(suite, named, by_hash=by_hash, date=date), signed)
        return folder

    def release(
        self, suite: str, named: Mapping[str, bytes], *, by_hash: bool = False, date: str
    ) -> bytes:
        """Return a Release that names these files."""
        fields = {
            "Origin": "Example", "Suite": suite, "Codename": suite, "Date": date,
            "Architectures": "amd64 i386", "Acquire-By-Hash": "yes" if by_hash else "no",
            **self.fields,
        }  # fmt: skip
        lines = [f"{name}: {value}" for name, value in fields.items() if value]
        lines.append("SHA256:")
        for path, content in named.items():
            lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content):>8} {path}")
        return ("\n".join(lines) + "\n").encode()

    def sign(self, suite: str, release: bytes, signed: str = "inline") -> None:
        """Lay down a Release, signed in the way named."""
        folder = self.suite_folder(suite)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("InRelease", "Release", "Release.gpg"):
            (folder / name).unlink(missing_ok=True)
        if signed == "inline":
            (folder / "InRelease").write_bytes(self.key.clearsign(release))
            return
        (folder / "Release").write_bytes(release)
        if signed == "detached":
            (folder / "Release.gpg").write_bytes(self.key.detach(release))
