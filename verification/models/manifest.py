"""What an OpenSSF model signature lists: every file or shard of a model with its digest.

Types read, all as in-toto statements of version 1:

- `https://model_signing/signature/v1.0` (OpenSSF Model Signing 1.0, "Payload"): one subject, whose
  SHA-256 is over the digests of all resources in the order listed; the resources and how they
  were made stand in the predicate.
- of releases before 1.0: `.../Digests/v0.1` and `.../ShardDigests/v0.1` (the subjects are the
  files or shards), `.../DigestOfDigests/v0.1` and `.../DigestOfShardDigests/v0.1` (they stand in
  the predicate, as `files` or `shards`).

Digests that older releases wrote as `sha256` may be of another algorithm, named beside them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from core import wire
from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from verification.predicates import fields
from verification.readers.json_document import read_payload
from verification.statements import MODEL_TYPES, STATEMENT_V1

V1 = f"{MODEL_TYPES}signature/v1.0"
KNOWN_HASHES = {"sha256": 64, "sha384": 96, "sha512": 128, "blake2b": 128}  # name: hex digits
# Left out by default, listed in the signature or not (OpenSSF Model Signing 1.0, 6.2).
GIT_PATHS = frozenset({".git", ".gitattributes", ".github", ".gitignore"})
_ALGORITHM = re.compile(
    r"(?:file-)?(?P<name>[a-z][a-z0-9]{0,15})(?:-sharded)?(?:-(?P<size>[1-9][0-9]{0,18}))?"
)
_SPELLINGS = {"blake2": "blake2b"}
_METHOD = re.compile(r"files|shards|file-shard-(?P<size>[1-9][0-9]{0,18})")
_NUMBER = r"(?:0|[1-9][0-9]{0,18})"
# By its bytes, as the signing tool writes it, or by its place (OpenSSF Model Signing 1.0, 6.3.2).
_SHARD = re.compile(
    rf"(?P<path>.*):(?:(?P<start>{_NUMBER}):(?P<end>{_NUMBER})|shard-(?P<place>{_NUMBER}))",
    re.DOTALL,
)
_HEX = re.compile(r"[0-9a-f]+")
_MAX_IGNORED = 1024
_NO_NAMES = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Resource:
    """A file of the model, or the part of it from `start` up to `end`; digest in lower-case hex.

    Without an `end` a part is as long as a shard, or reaches to the end of the file.
    """

    path: str
    digest: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All resources of a model, and how they were hashed."""

    name: str
    digest: str  # over all digests, sha256:<hex>
    algorithm: str
    resources: tuple[Resource, ...]
    shard_size: int = 0  # 0: whole files
    allows_links: bool = False
    ignored: frozenset[str] = frozenset()

    def left_out(self, paths: Iterable[str]) -> set[str]:
        """Return the paths that are left out, by themselves or with a folder above."""
        below = tuple(f"{each}/" for each in self.ignored)
        return {path for path in paths if path in self.ignored or path.startswith(below)}


class UnknownPredicateError(MalformedError):
    """The statement is of a type of which nothing is known."""


def read_manifest(payload: bytes, limits: Limits) -> Manifest:
    """Read the manifest in a signed statement; MalformedError, or UnknownPredicateError."""
    statement = dict(read_payload(payload, limits))
    if wire.text(statement, "_type") != STATEMENT_V1:
        raise MalformedError(f"a statement of another version than {STATEMENT_V1}")
    predicate_type = wire.text(statement, "predicateType")
    reader = _READERS.get(predicate_type)
    if reader is None:
        raise UnknownPredicateError(f"a predicate of the type {predicate_type[:200]!r}")
    manifest = reader(statement)
    if not manifest.resources:
        raise MalformedError("a model without any file: nothing is signed")
    places = [(each.path, each.start) for each in manifest.resources]
    if len(set(places)) != len(places):
        raise MalformedError("a file or shard is listed twice")
    return manifest


def _read_v1(statement: dict[str, object]) -> Manifest:
    name, root = _subject(statement)
    predicate = wire.mapping(statement, "predicate")
    serialization = wire.mapping(predicate, "serialization")
    method = fields.text(serialization, "method")
    found = _METHOD.fullmatch(method)
    if found is None:
        raise MalformedError(f"an unknown method of serialization: {method[:80]!r}")
    algorithm, _size = _algorithm(fields.text(serialization, "hash_type"))
    shard_size = _shard_size(serialization) if method == "shards" else int(found["size"] or 0)
    items = wire.items(predicate, "resources")
    resources = _resources(items, algorithm, shard_size)
    _demand_root(resources, root)
    return Manifest(
        name,
        f"sha256:{root}",
        algorithm,
        resources,
        shard_size,
        _flag(serialization, "allow_symlinks"),
        _ignored(serialization, resources),
    )


def _read_listed(key: str) -> Callable[[dict[str, object]], Manifest]:
    def read(statement: dict[str, object]) -> Manifest:
        name, root = _subject(statement)
        items = wire.items(wire.mapping(statement, "predicate"), key)
        return _old(name, items, root, is_sharded=key == "shards")

    return read


def _read_subjects(kind: str) -> Callable[[dict[str, object]], Manifest]:
    def read(statement: dict[str, object]) -> Manifest:
        items = [_described(item) for item in wire.items(statement, "subject")]
        return _old("", items, "", is_sharded=kind == "shards")

    return read


def _described(item: object) -> dict[str, object]:
    """Return a subject in the form that resources have."""
    subject = wire.as_mapping(item, "a subject")
    digest = wire.mapping(subject, "digest")
    notes = fields.optional_mapping(subject, "annotations")
    actual = fields.optional_text(notes, "actual_hash_algorithm") or "sha256"
    return {
        "name": wire.text(subject, "name"),
        "digest": wire.text(digest, "sha256"),
        "algorithm": actual,
    }


def _old(name: str, items: Sequence[object], root: str, *, is_sharded: bool) -> Manifest:
    """Read the lists of releases before 1.0, which state the algorithm of each resource only."""
    if not items:
        raise MalformedError("a model without any file: nothing is signed")
    first = wire.as_mapping(items[0], "a resource")
    algorithm, size = _algorithm(fields.text(first, "algorithm"))
    if is_sharded and not size:
        raise MalformedError("a list of shards that does not state their size")
    resources = _resources(items, algorithm, size if is_sharded else 0)
    if root:
        _demand_root(resources, root)
    stated = root or _root(resources)
    ignored = _unlisted(resources)
    return Manifest(
        name, f"sha256:{stated}", algorithm, resources, size if is_sharded else 0, False, ignored
    )


def _subject(statement: dict[str, object]) -> tuple[str, str]:
    subjects = wire.items(statement, "subject")
    if len(subjects) != 1:
        raise MalformedError(f"a model is one subject, found {len(subjects)}")
    subject = wire.as_mapping(subjects[0], "a subject")
    root = wire.text(wire.mapping(subject, "digest"), "sha256")
    _demand_hex(root, "sha256")
    return fields.optional_text(subject, "name"), root


def _resources(items: Sequence[object], algorithm: str, shard_size: int) -> tuple[Resource, ...]:
    return tuple(_resource(item, algorithm, shard_size) for item in items)


def _resource(item: object, algorithm: str, shard_size: int) -> Resource:
    document = wire.as_mapping(item, "a resource")
    stated, size = _algorithm(wire.text(document, "algorithm"))
    if stated != algorithm or (shard_size and size not in (0, shard_size)):
        raise MalformedError("a resource is hashed in another way than the model")
    digest = wire.text(document, "digest")
    if algorithm in KNOWN_HASHES:
        _demand_hex(digest, algorithm)
    name = wire.text(document, "name")
    if not shard_size:
        return Resource(_path(name), digest)
    shard = _SHARD.fullmatch(name)
    if shard is None:
        raise MalformedError(f"no name of a shard (path:start:end, path:shard-N): {name[:200]!r}")
    if shard["place"]:
        return Resource(_path(shard["path"]), digest, int(shard["place"]) * shard_size)
    return Resource(_path(shard["path"]), digest, int(shard["start"]), int(shard["end"]))


def _path(name: str) -> str:
    """Return a path below the model, `.` for a model that is one file; it has one spelling."""
    if not _is_below(name) and name != ".":
        raise MalformedError(f"no path below a model: {name[:200]!r}")
    return name


def _is_below(name: str) -> bool:
    """Say whether this is a path of names alone: no root, no `.` or `..`, no empty one."""
    return "\0" not in name and _NO_NAMES.isdisjoint(name.split("/"))


@lru_cache(maxsize=64)
def _algorithm(written: str) -> tuple[str, int]:
    """Return a hash and the size of shards it was used with, 0 where none is stated."""
    found = _ALGORITHM.fullmatch(written)
    if found is None:
        raise MalformedError(f"no name of a hash: {written[:80]!r}")
    return _SPELLINGS.get(found["name"], found["name"]), int(found["size"] or 0)


def _shard_size(serialization: dict[str, object]) -> int:
    # JSON made by protobuf writes every number as a fraction.
    value = serialization.get("shard_size")
    size = int(value) if isinstance(value, float) and value.is_integer() else value
    number = wire.as_integer(size, "the field 'shard_size'")
    if number < 1:
        raise MalformedError("the field 'shard_size' must be 1 at least")
    return number


def _flag(serialization: Mapping[str, object], key: str) -> bool:
    value = serialization.get(key, False)
    if not isinstance(value, bool):
        raise MalformedError(f"the field {key!r} must be true or false")
    return value


def _unlisted(resources: Sequence[Resource]) -> frozenset[str]:
    """Return what is left out without being listed: what belongs to Git, or nothing at all.

    A signer signs either all of it that is there or none (`--no-ignore-git-paths`).
    """
    signed = {each.path.partition("/")[0] for each in resources}
    return frozenset() if signed & GIT_PATHS else GIT_PATHS


def _ignored(serialization: Mapping[str, object], resources: Sequence[Resource]) -> frozenset[str]:
    """Return the paths left out, those that the signature lists and those that need no list."""
    items = fields.optional_items(serialization, "ignore_paths")
    if len(items) > _MAX_IGNORED:
        raise TooLargeError(f"{len(items)} ignored paths, more than {_MAX_IGNORED}")
    written = [wire.as_text(item, "an ignored path").rstrip("/") for item in items]
    # What lies outside the model, or is the model itself, is no part of it that could be left out.
    return _unlisted(resources) | {name for name in written if _is_below(name)}


def _demand_hex(digest: str, algorithm: str) -> None:
    if len(digest) != KNOWN_HASHES[algorithm] or not _HEX.fullmatch(digest):
        raise MalformedError(f"no digest of {algorithm} in lower-case hex: {digest[:80]!r}")


def _root(resources: Iterable[Resource]) -> str:
    hashed = hashlib.sha256()
    for resource in resources:
        try:
            hashed.update(bytes.fromhex(resource.digest))
        except ValueError:
            raise MalformedError(f"no digest in hex: {resource.digest[:80]!r}") from None
    return hashed.hexdigest()


def _demand_root(resources: Iterable[Resource], stated: str) -> None:
    computed = _root(resources)
    if computed != stated:
        raise MalformedError(f"the resources hash to {computed}, the subject states {stated}")


_READERS = {
    V1: _read_v1,
    f"{MODEL_TYPES}Digests/v0.1": _read_subjects("files"),
    f"{MODEL_TYPES}ShardDigests/v0.1": _read_subjects("shards"),
    f"{MODEL_TYPES}DigestOfDigests/v0.1": _read_listed("files"),
    f"{MODEL_TYPES}DigestOfShardDigests/v0.1": _read_listed("shards"),
}
