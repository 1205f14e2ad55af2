"""The real signing tools: found in a folder, or installed from their Go modules.

`COUNTERSIGN_INTEROP_TOOLS` names a folder that holds `c3/cosign`, `c2/cosign`, `notation` and
`oras`. Without it each is installed, once, below `~/.cache/countersign-interop`; that needs Go and
the module proxy. Nothing else here speaks to any other machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "COUNTERSIGN_INTEROP_TOOLS"
MODULES = {  # place in the folder → what `go install` is asked for
    "c3/cosign": "github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3",
    "c2/cosign": "github.com/sigstore/cosign/v2/cmd/cosign@v2.6.5",
    "notation": "github.com/notaryproject/notation/cmd/notation@v1.3.2",
    "oras": "oras.land/oras/cmd/oras@v1.3.6",
}
INSTALL_SECONDS = 3600
RUN_SECONDS = 120


@dataclass(frozen=True)
class Tools:
    """Where each tool is."""

    folder: Path

    @property
    def cosign3(self) -> str:
        return str(self.folder / "c3/cosign")

    @property
    def cosign2(self) -> str:
        return str(self.folder / "c2/cosign")

    @property
    def notation(self) -> str:
        return str(self.folder / "notation")

    @property
    def oras(self) -> str:
        return str(self.folder / "oras")


def find_tools() -> Tools:
    """Return the tools, installing those that are missing; SystemExit where that cannot be."""
    given = os.environ.get(FOLDER)
    folder = Path(given) if given else Path.home() / ".cache/countersign-interop"
    for place, module in MODULES.items():
        if (folder / place).is_file():
            continue
        if given:
            raise SystemExit(f"{FOLDER}: {folder} has no {place}")
        if shutil.which("go") is None:
            raise SystemExit(f"{module} cannot be installed: there is no Go on this machine")
        goal = (folder / place).parent
        goal.mkdir(parents=True, exist_ok=True)
        ran = subprocess.run(
            ["go", "install", module],
            env={**os.environ, "GOBIN": str(goal)},
            check=False,
            timeout=INSTALL_SECONDS,
        )
        if ran.returncode != 0:
            raise SystemExit(f"{module} cannot be installed; put it into a folder and set {FOLDER}")
    return Tools(folder)


@dataclass(frozen=True)
class Bench:
    """A folder to work in, with tools that keep what is theirs inside it."""

    tools: Tools
    folder: Path
    host: str

    def run(self, *words: str, also: Mapping[str, str] | None = None) -> str:
        """Run a tool; return what it prints; RuntimeError with its complaint where it fails."""
        home = self.folder / "home"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "COSIGN_PASSWORD": "interop",
            "COSIGN_YES": "true",
            **(also or {}),
        }
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise RuntimeError(f"{' '.join(words)}\n{said[-2000:]}")
        return done.stdout.decode()

    def oras(self, *words: str) -> str:
        """Run oras against the registry, which speaks plain HTTP."""
        return self.run(self.tools.oras, *words, "--plain-http")

    def push(self, repository: str, content: str) -> str:
        """Push an image of one small file; return `host/repository@digest`."""
        (self.folder / "layer.txt").write_text(content)
        name = f"{self.host}/{repository}"
        self.oras("push", f"{name}:v1", "layer.txt:text/plain")
        return f"{name}@{self.oras('resolve', f'{name}:v1').strip()}"

    def manifest(self, reference: str) -> bytes:
        """Return the bytes of a manifest."""
        return self.oras("manifest", "fetch", reference).encode()

    def blob(self, repository: str, digest: str) -> bytes:
        """Return the bytes of a blob."""
        place = self.folder / "blob"
        self.oras("blob", "fetch", f"{repository}@{digest}", "--output", str(place))
        return place.read_bytes()

    def referring(self, reference: str) -> list[bytes]:
        """Return the first layers of all that refers to an image."""
        repository = reference.partition("@")[0]
        found = json.loads(self.oras("discover", reference, "--format", "json"))
        layers = []
        for each in found.get("referrers") or found.get("manifests") or ():
            manifest = json.loads(self.manifest(f"{repository}@{each['digest']}"))
            layers.append(self.blob(repository, manifest["layers"][0]["digest"]))
        return layers

    def attached(self, reference: str, suffix: str) -> list[tuple[str, bytes, dict[str, str]]]:
        """Return (media type, bytes, annotations) of the layers under an image's signature tag."""
        repository, _, digest = reference.partition("@")
        manifest = json.loads(self.manifest(f"{repository}:{digest.replace(':', '-')}{suffix}"))
        return [
            (each["mediaType"], self.blob(repository, each["digest"]), each.get("annotations", {}))
            for each in manifest["layers"]
        ]
