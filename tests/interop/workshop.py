"""What the ways of signing share: bench, keys, and the folder in which specimens are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.cosign_container import container
from tests.interop.case_judging import Case
from tests.interop.material import CODE, IDENTITY, Authority, Stamping, authority, issue
from tests.interop.toolbox import Bench
from tests.verification.specimens import PrivateKey, pem, private_key, private_pem, public_pem

ARTIFACT = "artifact.txt"
KINDS = {"p256": "p256", "p384": "p384", "rsa": "rsa-2048", "ed25519": "ed25519"}


@dataclass
class Workshop:
    """Everything a way of signing works with; `kept` is the folder of the specimens."""

    bench: Bench
    kept: Path
    timestamps: str  # URL of the timestamp authority
    stamping: Stamping
    cases: list[Case] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    root: Authority = field(init=False)
    keys: dict[str, PrivateKey] = field(init=False)

    def __post_init__(self) -> None:
        """Make keys and certificates: in the bench what is secret, in `kept` what is not."""
        self.root = authority("acme root", private_key("p256", "interop root"))
        self.root.write(self.kept / "root.pem")
        self.root.write(self.bench.folder / "root.pem")
        self.stamping.root.write(self.kept / "tsa-root.pem")
        self.stamping.root.write(self.bench.folder / "tsa-root.pem")
        (self.bench.folder / "tsa.chain").write_bytes(self.stamping.chain)
        other = authority("other root", private_key("p256", "interop other root"))
        other.write(self.kept / "other-root.pem")
        other.write(self.bench.folder / "other-root.pem")
        (self.kept / "other.pub").write_bytes(public_pem(private_key("p256", "interop other")))
        self.keys = {name: private_key(kind, f"interop {name}") for name, kind in KINDS.items()}
        for name, key in self.keys.items():
            (self.bench.folder / f"{name}.pem").write_bytes(private_pem(key))
            (self.kept / f"{name}.pub").write_bytes(public_pem(key))
            leaf = pem(issue(self.root, f"acme {name}", key, CODE))
            (self.bench.folder / f"{name}.crt").write_bytes(leaf)
            (self.bench.folder / f"{name}.chain").write_bytes(leaf + pem(self.root.certificate))
        for folder in (self.bench.folder, self.kept):
            (folder / ARTIFACT).write_text("hello, real tools\n")

    def keep(self, name: str, content: bytes) -> str:
        """Keep a file under a name; return the name."""
        (self.kept / name).write_bytes(content)
        return name

    def keep_image(self, name: str, reference: str, suffix: str = ".sig") -> str:
        """Keep an image with the signatures under its tag as a folder; return its name."""
        folder = self.kept / name
        folder.mkdir()
        (folder / "manifest.json").write_bytes(self.bench.manifest(reference))
        for number, layer in enumerate(self.bench.attached(reference, suffix), start=1):
            (folder / f"signature-{number}").write_bytes(container(*layer))
        return name

    def add(
        self,
        tool: str,
        way: str,
        name: str,
        artifact: str,
        *options: tuple[str, str],
        expect: str = "verified",
        why: str = "",
    ) -> None:
        """Add a case."""
        case = Case(name, tool, way, artifact, list(options), expect=expect, why=why)
        self.cases.append(case)

    def attempt(self, tool: str, way: str, make: Callable[[], None]) -> None:
        """Sign in one way; a tool that fails at it is a line of the table, no end of the run."""
        try:
            make()
        except RuntimeError as error:
            lines = [line for line in str(error).splitlines()[1:] if line.strip()]
            telling = [line for line in lines if line.startswith(("Error: ", "panic: "))]
            self.failures.append((tool, way, (telling or lines)[0]))


def keyed(name: str) -> tuple[str, str]:
    """Return the option that trusts one of the workshop's keys."""
    return ("--key", f"{name}.pub")


CERTIFIED = (("--ca", "root.pem"), ("--certificate-identity", IDENTITY))
ROOTED = (("--trusted-root", "root.json"), ("--certificate-identity", IDENTITY))


def digest(reference: str) -> str:
    """Return the digest of a reference."""
    return reference.partition("@")[2]


def document(path: Path) -> dict[str, object]:
    """Return a JSON object from a file."""
    read: dict[str, object] = json.loads(path.read_bytes())
    return read
