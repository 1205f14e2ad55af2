"""The command by which anybody can repeat a verification, and the files it needs.

Built from what was really used: the kept evidence, the lists between it and the artifact, and the
trust entries of the source. Nothing is made up: what we do not keep is said to be yours to bring.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from core.model import Digest, TrustKind
from dashboard.downloads import file_name
from storage.views import ArtifactDetail, EvidenceItem, EvidenceSetDetail, TrustUse

BRINGS_ITS_OWN_PROOF = frozenset({"dsse", "cosign-simple-signing"})
SIGNED_TEXT = frozenset({"openpgp-cleartext"})
TRUST_OPTIONS = {
    TrustKind.KEY: "--key",
    TrustKind.KEYRING: "--keyring",
    TrustKind.AUTHORITY: "--ca",
}


@dataclass(frozen=True, slots=True)
class NeededFile:
    """A file the command reads; `digest` is of bytes to download here, None for yours to bring."""

    name: str
    purpose: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One command line and what must lie beside it."""

    command: str
    files: tuple[NeededFile, ...]


def reproduction(
    artifact: ArtifactDetail, group: EvidenceSetDetail, item: EvidenceItem
) -> Reproduction:
    """Return the command that repeats the verification of one piece of evidence."""
    trust = _trust_files(item.trust or group.trust)
    name = _artifact_name(artifact)
    words = ["countersign", "verify", name]
    files = [NeededFile(name, "the artifact itself, from where it is offered", None)]
    for link in _lists(item):
        words += ["--through", link.name]
        files.append(link)
    evidence = NeededFile(file_name(item.evidence), "the evidence", item.evidence)
    words += [_evidence_option(item), evidence.name]
    for kind, one in trust:
        words += [TRUST_OPTIONS[kind], one.name]
    if any(kind is TrustKind.AUTHORITY for kind, _ in trust):
        words.append("--any-identity")
    words += ["--at", _instant(item.verified_at), "--json"]
    files += [evidence, *(one for _, one in trust)]
    return Reproduction(shlex.join(words), tuple(files))


def _artifact_name(artifact: ArtifactDetail) -> str:
    """Return a file name for files and packages, the digest for what is known by it."""
    if artifact.kind.startswith("oci") or not artifact.locations:
        return str(artifact.digest)
    row = artifact.locations[0].row
    base = row.name.replace("\\", "/").rpartition("/")[2].lstrip("-") or "artifact"
    return f"{base}_{row.version}_{row.variant}.deb" if artifact.kind == "deb" else base


def _lists(item: EvidenceItem) -> Iterator[NeededFile]:
    """Yield the lists between the evidence and the artifact, except the signed text itself."""
    signed_inside = item.verification.format in SIGNED_TEXT
    for place, link in enumerate(item.through):
        if not (place == 0 and signed_inside):
            name = link.list_name.replace("\\", "/").rpartition("/")[2].lstrip("-") or "list"
            yield NeededFile(name, f"the list {link.list_name}", None)


def _evidence_option(item: EvidenceItem) -> str:
    if item.verification.format in SIGNED_TEXT:
        return "--through"
    return "--bundle" if item.verification.format in BRINGS_ITS_OWN_PROOF else "--signature"


def _trust_files(uses: tuple[TrustUse, ...]) -> list[tuple[TrustKind, NeededFile]]:
    """Return each trusted file once, however many names it goes by."""
    seen: dict[Digest, tuple[TrustKind, NeededFile]] = {}
    for use in uses:
        purpose = f"trust {use.name}, from {use.origin}"
        file = NeededFile(file_name(use.content), purpose, use.content)
        seen.setdefault(use.content, (use.kind, file))
    return list(seen.values())


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
