"""OpenPGP keys and signatures, made once per test run by gpg with its clock set."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TEXT = b"Origin: Acme\n- dashed\n-----BEGIN nothing\nlast\n"
MADE, SIGNED, WITHDRAWN, LATER = "20240101", "20240601", "20250101", "20250601"


@dataclass(frozen=True)
class Material:
    """Public certificates and signatures over TEXT, by name."""

    certificates: Mapping[str, bytes]
    signatures: Mapping[str, bytes]
    armored: bytes  # certificate of `ed`
    private: bytes  # of `ed`

    def keyring(self, *names: str) -> bytes:
        return b"".join(self.certificates[name] for name in names or self.certificates)


class Gnupg:
    """gpg in a home of its own; paths are short because its agent listens on a socket there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "text").write_bytes(TEXT)

    def run(self, *arguments: str, at: str = "", answers: str = "") -> bytes:
        command = [
            "gpg",
            "--homedir",
            str(self.home),
            "--no-tty",
            "--yes",
            "--quiet",
            "--pinentry-mode=loopback",
            "--passphrase=",
            *(["--command-fd=0"] if answers else ["--batch"]),
            *([f"--faked-system-time={at}T000000!"] if at else []),
            *arguments,
        ]
        ran = subprocess.run(
            command, input=answers.encode(), capture_output=True, check=False, cwd=self.home
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout

    def key(self, name: str, kind: str = "ed25519", usage: str = "sign", end: str = "never") -> str:
        self.run("--quick-gen-key", f"{name} <{name}@acme.test>", kind, usage, end, at=MADE)
        return self.fingerprints(name)[0]

    def fingerprints(self, name: str) -> list[str]:
        listing = self.run("--with-colons", "--list-keys", f"{name}@acme.test").decode()
        return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]

    def sign(
        self, name: str, *options: str, at: str = SIGNED, mode: str = "--detach-sign"
    ) -> bytes:
        return self.run("--local-user", f"{name}@acme.test", *options, "-o-", mode, "text", at=at)

    def revoke(self, name: str, code: str) -> None:
        answers = f"y\n{code}\n\ny\n"
        written = self.run(
            "-o-", "--gen-revoke", f"{name}@acme.test", at=WITHDRAWN, answers=answers
        )
        (self.home / "revocation").write_bytes(written)
        self.run("--import", "revocation")

    def export(self, name: str) -> bytes:
        return self.run("--export", f"{name}@acme.test")


@contextmanager
def gnupg() -> Iterator[Gnupg]:
    if shutil.which("gpg") is None:
        if os.environ.get("CI"):
            pytest.fail("gpg not found, install the package gnupg")
        pytest.skip("gpg not found, install the package gnupg")
    home = Path(tempfile.mkdtemp(prefix="cs-gpg-", dir="/tmp"))
    try:
        yield Gnupg(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


@cache
def material() -> Material:
    with gnupg() as gpg:
        certificates, signatures = _make(gpg)
        armored = gpg.run("--armor", "--export", "ed@acme.test")
        private = gpg.run("--export-secret-keys", "ed@acme.test")
        return Material(certificates, signatures, armored, private)


def _make(gpg: Gnupg) -> tuple[dict[str, bytes], dict[str, bytes]]:
    for name in ("ed", "comp", "sup", "unk"):
        gpg.key(name)
    gpg.key("rsa", "rsa2048")
    gpg.key("weak", "rsa1024")
    gpg.key("exp", end="365d")
    late = gpg.key("late")
    long = gpg.key("long", end="2y")
    for name in ("sub", "lost"):
        primary = gpg.key(name, usage="cert")
        gpg.run("--quick-add-key", primary, "ed25519", "sign", "never", at=MADE)
        gpg.run("--quick-add-key", primary, "cv25519", "encr", "never", at=MADE)
    signatures = {name: gpg.sign(name) for name in ("ed", "rsa", "comp", "sup", "unk", "weak")}
    signatures |= {
        "sub": gpg.sign("sub"),
        "lost": gpg.sign("lost"),
        "before": gpg.sign("exp"),
        "long": gpg.sign("long"),
        "after": gpg.sign("late", at=LATER),
        "sha1": gpg.sign("ed", "--digest-algo=SHA1"),
        "future": gpg.sign("ed", at="20300101"),
        "brief": gpg.sign("ed", "--default-sig-expire=30d"),
        "armored": gpg.sign("ed", "--armor"),
        "textmode": gpg.sign("ed", "--textmode"),
        "clear": gpg.sign("ed", mode="--clearsign"),
        "clear-two": gpg.sign("ed", "--local-user=rsa@acme.test", mode="--clearsign"),
    }
    # gpg does not sign with a key that has expired: the end comes after the signature.
    gpg.run("--quick-set-expire", late, "365d", at="20240102")
    # It puts the new self-signature in place of the old.
    gpg.run("--quick-set-expire", long, "4y", at=WITHDRAWN)
    gpg.run("--edit-key", "long@acme.test", "clean", "save", at=WITHDRAWN)
    gpg.revoke("comp", "1")
    gpg.revoke("sup", "2")
    answers = "key 1\nrevkey\ny\n1\n\ny\nsave\n"
    gpg.run("--edit-key", "lost@acme.test", at=WITHDRAWN, answers=answers)
    names = ("ed", "rsa", "comp", "sup", "weak", "exp", "late", "long", "sub", "lost", "unk")
    return {name: gpg.export(name) for name in names}, signatures
