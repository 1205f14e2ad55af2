"""A model's manifest against the folder at hand: the same files, no more, no fewer, no other.

Names are compared, never opened: a path in a signature selects nothing on any disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from core.folder import FolderContent, Member, MemberKind
from core.model import Content, Subject
from core.naming import numbered
from core.text import display
from verification.models.manifest import KNOWN_HASHES, Manifest, Resource

WHOLE = "."  # how a manifest names a model that is one file
_ALGORITHMS = {"blake2b": "blake2b512"}
_WEAK = frozenset({"md5", "sha1"})
_SHOWN = 3


class Difference(NamedTuple):
    """Why the model at hand is not, or cannot be shown to be, the one that was signed."""

    reason: str
    detail: str
    expected: str
    found: str


def compare(manifest: Manifest, model: Subject) -> Difference | None:
    """Return the first difference, None where there is none; names before any byte is read."""
    content = model.content
    if content is None:
        expected, found = "the model's files", "its digest alone" if model.digests else "no model"
        detail = "a model signature lists files, and no file is at hand"
        return Difference("CONTENT_NEEDED", detail, expected, found)
    if manifest.algorithm not in KNOWN_HASHES:
        return _unknown_hash(manifest.algorithm)
    members = _members(manifest, model.name, content)
    left_out = manifest.left_out(each.path for each in members)
    actual = {each.path: each for each in members if each.path not in left_out}
    difference = _names(manifest, actual) or _links(manifest, actual.values())
    if difference is not None:
        return difference
    shards = _by_path(manifest.resources)
    for path in sorted(shards):
        difference = _bytes(manifest, shards[path], actual[path])
        if difference is not None:
            return difference
    return None


def _members(manifest: Manifest, name: str, content: Content) -> Sequence[Member]:
    if isinstance(content, FolderContent):
        return content.members
    # One file is listed by its own name (OpenSSF Model Signing 1.0, 6.1.2), or as the whole.
    is_named = any(each.path == name for each in manifest.resources)
    return (Member(name if is_named else WHOLE, MemberKind.FILE, content),)


def _unknown_hash(algorithm: str) -> Difference:
    reason = "ALGORITHM_WEAK" if algorithm in _WEAK else "FORMAT_UNSUPPORTED"
    detail = f"the files are listed by a hash that is not read here: {algorithm}"
    return Difference(reason, detail, f"one of {', '.join(KNOWN_HASHES)}", algorithm)


def _by_path(resources: Sequence[Resource]) -> dict[str, list[Resource]]:
    grouped: dict[str, list[Resource]] = {}
    for resource in resources:
        grouped.setdefault(resource.path, []).append(resource)
    return grouped


def _names(manifest: Manifest, actual: dict[str, Member]) -> Difference | None:
    signed = {each.path for each in manifest.resources}
    missing, extra = sorted(signed - actual.keys()), sorted(actual.keys() - signed)
    if not missing and not extra:
        return None
    words = []
    if missing:
        words.append(f"missing: {_listed(missing)}")
    if extra:
        words.append(f"not signed: {_listed(extra)}")
    expected = f"exactly the {numbered(len(signed), 'file')} that were signed"
    detail = "the model at hand does not consist of the files that were signed"
    return Difference("SUBJECT_MISMATCH", detail, expected, "; ".join(words))


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(display(path, 120) for path in paths[:_SHOWN]) + more


def _links(manifest: Manifest, members: Iterable[Member]) -> Difference | None:
    for member in members:
        found = f"{display(member.path, 120)}: {member.kind.value}"
        if member.kind is MemberKind.SPECIAL:
            detail = "a model consists of files"
            return Difference("SUBJECT_MISMATCH", detail, "regular files only", found)
        if member.kind is not MemberKind.FILE and not manifest.allows_links:
            detail = "a symbolic link where the signer allowed none"
            return Difference("SUBJECT_MISMATCH", detail, "no symbolic links", found)
        if member.content is None:
            detail = "a symbolic link that is not followed: it leads out of the model, or nowhere"
            return Difference("CONTENT_NEEDED", detail, "a link to a file of the model", found)
    return None


def _bytes(manifest: Manifest, shards: list[Resource], member: Member) -> Difference | None:
    content = member.content
    if content is None:
        raise ValueError("what has no content is refused by its kind")
    name = display(member.path, 120)
    if not manifest.shard_size:
        algorithm = _ALGORITHMS.get(manifest.algorithm, manifest.algorithm)
        found = content.digest(algorithm).value
        return None if found == shards[0].digest else _altered(name, shards[0].digest, found)
    ordered = sorted(shards, key=lambda each: each.start)
    if not _are_all_of(ordered, content.size, manifest.shard_size):
        detail = f"{name} has another size than the file that was signed"
        ends = [each.end for each in ordered if each.end is not None]
        shown = (
            f"{numbered(len(ordered), 'shard')} of {numbered(manifest.shard_size, 'byte')} at most"
        )
        signed = numbered(max(ends), "byte") if ends else shown
        return Difference("DIGEST_MISMATCH", detail, signed, numbered(content.size, "byte"))
    digests = _shard_digests(content, manifest)
    for shard, digest in zip(ordered, digests, strict=True):
        if digest != shard.digest:
            return _altered(f"{name}, from byte {shard.start}", shard.digest, digest)
    return None


def _altered(place: str, signed: str, found: str) -> Difference:
    return Difference("DIGEST_MISMATCH", f"{place}: altered after it was signed", signed, found)


def _are_all_of(shards: Sequence[Resource], size: int, shard_size: int) -> bool:
    """Say whether shards, in order, are those of a file of that size; an empty one has one."""
    if len(shards) != max(1, -(-size // shard_size)):
        return False
    return all(
        each.start == place * shard_size and each.end in (None, min((place + 1) * shard_size, size))
        for place, each in enumerate(shards)
    )


def _shard_digests(content: Content, manifest: Manifest) -> Iterator[str]:
    """Yield the digest of each shard in order, reading the file once."""
    hashed, left = hashlib.new(manifest.algorithm), manifest.shard_size
    ended = False  # a shard that is full is given out with the next byte, or at the end
    for chunk in content.chunks():
        rest = memoryview(chunk)
        while rest:
            if ended:
                yield hashed.hexdigest()
                hashed, left, ended = hashlib.new(manifest.algorithm), manifest.shard_size, False
            hashed.update(rest[:left])
            taken = min(left, len(rest))
            rest, left = rest[taken:], left - taken
            ended = left == 0
    yield hashed.hexdigest()
