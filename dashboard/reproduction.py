"""The command by which anybody can repeat a verification, and the files it needs.

Built from what was really used: the kept evidence, the lists between it and the artifact, and the
trust entries of the source. Nothing is made up: what we do not keep is said to be yours to bring.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.model import TRUST_OPTIONS, Digest, SignerKind, TrustKind
from dashboard.downloads import file_name
from storage.views.artifact_detail import ArtifactDetail, EvidenceItem, EvidenceSetDetail
from storage.views.trust import TrustUse

SIGNED_TEXT = frozenset({"openpgp-cleartext"})
_CERTIFIES = frozenset({TrustKind.AUTHORITY, TrustKind.ROOT})
_CERTIFIED = frozenset({SignerKind.CERTIFICATE, SignerKind.KEYLESS})
# Each of these vouches alone; certificates work together: with timestamps, logs, registry keys.
_ALONE = frozenset({TrustKind.KEY, TrustKind.KEYRING, TrustKind.MINISIGN, TrustKind.SSH_SIGNERS})
_BUNDLED = ("json", "+cbor")  # media types end so of evidence that brings its own proof


@dataclass(frozen=True, slots=True)
class NeededFile:
    """A file the command reads; `digest` is of bytes to download here, None for yours to bring."""

    name: str
    purpose: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One command line and what must lie beside it.

    `last_list` is the list that names the artifact itself; empty where the evidence does.
    `signed_list` is what the signature is over where that is a list of its own.
    """

    command: str
    files: tuple[NeededFile, ...]
    last_list: str
    signed_list: NeededFile | None = None


def reproduction(
    artifact: ArtifactDetail,
    group: EvidenceSetDetail,
    item: EvidenceItem,
    is_kept: Callable[[Digest], bool],
) -> Reproduction:
    """Return the command that repeats the verification of one piece of evidence."""
    trust = _trust_files(_needed_trust(group, item))
    name = _artifact_name(artifact, item)
    files, words = [], ["countersign", "verify", name]
    if name != str(artifact.digest):
        files.append(NeededFile(name, "the artifact itself, from where it is offered", None))
    lists = list(_lists(artifact, item, is_kept))
    said, given = _evidence(item, lists)
    words += said
    files += lists + given
    for kind, one in trust:
        words += [TRUST_OPTIONS[kind], one.name]
    signer = item.verification.signer
    certified = signer is not None and signer.kind in _CERTIFIED
    if certified or any(kind in _CERTIFIES for kind, _ in trust):
        words.append("--any-identity")
    words += ["--at", _instant(item.verified_at), "--json"]
    files += [one for _, one in trust]
    signed_inside = item.verification.format in SIGNED_TEXT
    signed_list = None if signed_inside else next(iter(lists), None)
    return Reproduction(shlex.join(words), tuple(files), _last_list(artifact, item), signed_list)


def _evidence(
    item: EvidenceItem, lists: Sequence[NeededFile]
) -> tuple[list[str], list[NeededFile]]:
    """Return the options that name the evidence and the lists it leads through, and its files."""
    if item.is_inside:  # the artifact brings it along
        return [], []
    evidence = NeededFile(file_name(item.evidence), "the evidence", item.evidence)
    through = [word for one in lists for word in ("--through", one.name)]
    if item.verification.format in SIGNED_TEXT:
        return ["--through", evidence.name, *through], [evidence]
    if item.hint is None:
        option = "--bundle" if item.media_type.endswith(_BUNDLED) else "--signature"
        return [*through, option, evidence.name], [evidence]
    hint = NeededFile(file_name(item.hint), "what lies beside the signature", item.hint)
    words = [*through, "--signature", evidence.name, "--certificate", hint.name]
    return words, [hint, evidence]


def _needed_trust(group: EvidenceSetDetail, item: EvidenceItem) -> tuple[TrustUse, ...]:
    """Return the entries that decided, and those that had a say; all, where none is known."""
    if not item.trust:
        return group.trust
    alone = all(use.kind in _ALONE for use in item.trust)
    heard = {TrustKind.REVOCATION} if alone else set(TrustKind) - _ALONE
    others = (use for use in group.trust if use.kind in heard and use not in item.trust)
    return (*item.trust, *others)


def _artifact_name(artifact: ArtifactDetail, item: EvidenceItem) -> str:
    """Return a file name for files, and for what lists and registries name by digest, that.

    Of several names the one that the evidence was found beside: some formats go by it.
    """
    if artifact.kind != "file" or not artifact.locations:
        return str(artifact.digest)
    names = [_base(place.row.name) for place in artifact.locations]
    subject = _base(item.subject)
    return (subject if subject in names else names[0]) or "artifact"


def _last_list(artifact: ArtifactDetail, item: EvidenceItem) -> str:
    if item.through:
        last = item.through[-1]
        return last.entry if last.digest != artifact.digest else ""
    names = {_base(place.row.name) for place in artifact.locations}
    is_list = artifact.kind == "file" and names and _base(item.subject) not in names
    return item.subject if is_list else ""


def _lists(
    artifact: ArtifactDetail, item: EvidenceItem, is_kept: Callable[[Digest], bool]
) -> Iterator[NeededFile]:
    """Yield the lists between signature and artifact, except one that is the evidence itself."""
    signed_inside = item.verification.format in SIGNED_TEXT
    if not signed_inside and (item.through or _last_list(artifact, item)):
        name = item.through[0].list_name if item.through else item.subject
        purpose = f"the signed list {item.subject}"
        yield _list_file(_base(name) or "list", purpose, item.subject_digest, is_kept)
    for link in item.through:
        if link.digest != artifact.digest:
            name, purpose = _base(link.entry) or "list", f"the list {link.entry}"
            yield _list_file(name, purpose, link.digest, is_kept)


def _list_file(
    name: str, purpose: str, digest: Digest | None, is_kept: Callable[[Digest], bool]
) -> NeededFile:
    """Return a list as the file we keep of it, or, under its own name, as yours to bring."""
    if digest is None or not is_kept(digest):
        return NeededFile(name, purpose, None)
    return NeededFile(file_name(digest), purpose, digest)


def _base(path: str) -> str:
    """Return the last part of a path, so that it cannot be an option or lead elsewhere."""
    return path.replace("\\", "/").rpartition("/")[2].lstrip("-.")


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
