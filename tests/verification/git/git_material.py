"""A repository whose commits and tags gpg and ssh-keygen sign, made once per test run by git."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.verification.openpgp.openpgp_material import Gnupg, gnupg
from tests.verification.ssh.ssh_material import PRINCIPAL, keys

_STACK = ExitStack()
WHEN = 1_782_000_000  # 2026-06-21, in the past of the tests' NOW
MADE, SIGNED = "20260101", "20260601"


@dataclass(frozen=True)
class Objects:
    """Raw objects by name, and what verifies them."""

    raw: Mapping[str, bytes]
    identifiers: Mapping[str, str]
    keyring: bytes
    fingerprint: str


class Repository:
    """git in a folder of its own, with every setting given here and none of the user's."""

    def __init__(self, home: Path, gpg: Gnupg, fingerprint: str, *options: str) -> None:
        self.home, self.gpg, self.fingerprint = home, gpg, fingerprint
        self.tick = WHEN
        self.run("init", "-q", "-b", "main", *options)

    def run(self, *words: str, content: bytes = b"") -> bytes:
        ran = self._ran(*words, content=content)
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout

    def _ran(self, *words: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        self.tick += 60
        when = f"{self.tick} +0200"
        settings = {
            "user.name": "Alice",
            "user.email": PRINCIPAL,
            "user.signingkey": self.fingerprint,
            "gpg.ssh.allowedSignersFile": str(keys().home / "git-signers"),
        }
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return subprocess.run(
            ["git", *flags, *words],
            cwd=self.home,
            input=content,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "GNUPGHOME": str(self.gpg.home),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_AUTHOR_DATE": when,
                "GIT_COMMITTER_DATE": when,
                "TZ": "UTC",
            },
        )

    def ssh(self, name: str = "ed25519") -> tuple[str, ...]:
        return "-c", "gpg.format=ssh", "-c", f"user.signingkey={keys().home / name}"

    def commit(self, *options: str, message: str = "A change", before: tuple[str, ...] = ()) -> str:
        self.run(*before, "commit", "-q", "--allow-empty", "-m", message, *options)
        return self.head()

    def head(self, name: str = "HEAD") -> str:
        return self.run("rev-parse", name).decode().strip()

    def raw(self, name: str) -> bytes:
        kind = self.run("cat-file", "-t", name).decode().strip()
        return self.run("cat-file", kind, name)

    def store(self, kind: str, content: bytes) -> str:
        """Write an object as it is, whatever git thinks of it, and return its id."""
        words = ("hash-object", "-w", "--literally", "--stdin", "-t", kind)
        return self.run(*words, content=content).decode().strip()

    def accepts(self, kind: str, content: bytes) -> bool:
        """Ask git whether it verifies the object."""
        return self._ran(f"verify-{kind}", self.store(kind, content)).returncode == 0


def repository(*options: str) -> Repository:
    """Return a new repository with a signing key, which goes with the test process."""
    if shutil.which("git") is None:
        if os.environ.get("CI"):
            pytest.fail("git not found, install the package git")
        pytest.skip("git not found, install the package git")
    gpg = _STACK.enter_context(gnupg())
    gpg.run("--quick-gen-key", f"Alice <{PRINCIPAL}>", "ed25519", "sign", "never", at=MADE)
    (gpg.home / "gpg.conf").write_text(f"faked-system-time {SIGNED}T000000!\n")
    home = Path(tempfile.mkdtemp(prefix="cs-git-", dir="/tmp"))
    _STACK.callback(shutil.rmtree, home, ignore_errors=True)
    listing = gpg.run("--with-colons", "--list-keys", PRINCIPAL).decode()
    prints = [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]
    lines = [f"{PRINCIPAL} {keys().public(name)}" for name in ("ed25519", "p256", "rsa")]
    (keys().home / "git-signers").write_text("".join(f"{line}\n" for line in lines))
    return Repository(home, gpg, prints[0], *options)


@cache
def kept() -> Repository:
    atexit.register(_STACK.close)
    return repository()


@cache
def objects() -> Objects:
    """Return one object of each kind; `merge` brings a signed tag with it."""
    made = kept()
    names = {
        "plain": made.commit(),
        "openpgp": made.commit("-S"),
        "ssh": made.commit("-S", before=made.ssh()),
        "rsa": made.commit("-S", before=made.ssh("rsa")),
        "unlisted": made.commit("-S", before=made.ssh("other")),
        "encoded": made.commit("-S", before=("-c", "i18n.commitEncoding=ISO-8859-1")),
    }
    made.run("tag", "-s", "-m", "A release", "v1")
    made.run(*made.ssh(), "tag", "-s", "-m", "A release", "v2")
    made.run("tag", "-a", "-m", "Not signed", "v3")
    names |= {f"tag-{name}": made.head(name) for name in ("v1", "v2", "v3")}
    made.run("checkout", "-q", "-b", "side", "HEAD~1")
    made.commit("-S", message="On the side")
    made.run("tag", "-s", "-m", "On the side", "side-1")
    made.run("checkout", "-q", "main")
    made.run("merge", "-q", "-S", "--no-edit", "--no-ff", "side-1")
    names["merge"] = made.head()
    exported = made.gpg.run("--export", made.fingerprint)
    raw = {name: made.raw(one) for name, one in names.items()}
    return Objects(raw, names, exported, made.fingerprint)
