"""Manifests and indexes of a container registry, read strictly.

One document must be one thing to every reader: whoever finds both layers and children in it, or
another media type inside than outside, is looking at an attack (CVE-2021-41190) or at a mistake.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core import wire
from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Digest, digest_of

INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
IMAGE_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    }
)
ACCEPT = ", ".join(sorted(INDEX_TYPES | IMAGE_TYPES))
MAX_CHILDREN = 1024
MAX_LAYERS = 4096
ALGORITHMS = ("sha256", "sha512")  # image-spec, descriptor.md: the registered ones
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")
_SHORT = 12
# What builders put beside the platforms of an index: no runtime ever pulls it as an image.
_BUILD_RECORD = ("vnd.docker.reference.type", "attestation-manifest")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of another document: nothing of it is proved but by its digest."""

    media_type: str
    digest: Digest
    size: int
    platform: str = ""  # "linux/arm64/v8", empty where it is not stated
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""  # of the document, as whoever lists it says

    @property
    def is_manifest(self) -> bool:
        """Say whether it is an image or an index; other types are no error (image-index.md)."""
        return self.media_type in INDEX_TYPES | IMAGE_TYPES

    @property
    def is_build_record(self) -> bool:
        """Say whether this child of an index is a builder's record, not an image."""
        key, value = _BUILD_RECORD
        return self.platform == "unknown/unknown" and self.annotations.get(key) == value


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index, with the digest that we computed over its bytes."""

    digest: Digest
    size: int
    media_type: str
    is_index: bool
    document: dict[str, object] = field(repr=False)


def read_manifest(content: bytes, content_type: str, digest: Digest, limits: Limits) -> Manifest:
    """Read the bytes whose digest is `digest`; raise MalformedError on anything ambiguous."""
    document = wire.as_mapping(wire.read_json(content, limits=limits), "a manifest")
    version = wire.integer(document, "schemaVersion")
    if version != 2:  # noqa: PLR2004 - the one version there is
        raise MalformedError(f"a manifest of schema version {version}; push the image again")
    outside = content_type.partition(";")[0].strip().lower()
    inside = wire.optional_text(document, "mediaType")
    if inside and outside in INDEX_TYPES | IMAGE_TYPES and inside != outside:
        raise MalformedError(f"served as {outside}, but says it is {inside[:100]!r}")
    is_index = "manifests" in document
    if is_index and document.keys() & {"layers", "config", "fsLayers"}:
        raise MalformedError("both an image and an index")
    if not is_index and "layers" not in document:
        raise MalformedError("neither an image (no layers) nor an index (no manifests)")
    media_type = inside or outside
    if media_type not in (INDEX_TYPES if is_index else IMAGE_TYPES):
        kind = "an index" if is_index else "an image"
        raise MalformedError(f"{kind} by its content, but of media type {media_type[:100]!r}")
    return Manifest(digest, len(content), media_type, is_index, document)


def layers(manifest: Manifest) -> list[Descriptor]:
    """Return the layers of an image manifest; TooLargeError beyond MAX_LAYERS."""
    written = wire.items(manifest.document, "layers")
    if len(written) > MAX_LAYERS:
        raise TooLargeError(f"an image of {len(written)} layers, more than {MAX_LAYERS}")
    return [_descriptor(entry, f"layer {place}") for place, entry in enumerate(written)]


def children(manifest: Manifest) -> list[Descriptor]:
    """Return what an index lists; TooLargeError beyond MAX_CHILDREN."""
    return descriptors(manifest.document)


def descriptors(document: dict[str, object]) -> list[Descriptor]:
    """Return what any document lists as an index does; TooLargeError beyond MAX_CHILDREN."""
    written = wire.items(document, "manifests")
    if len(written) > MAX_CHILDREN:
        raise TooLargeError(f"an index of {len(written)} manifests, more than {MAX_CHILDREN}")
    return [_descriptor(entry, f"child {place}") for place, entry in enumerate(written)]


def subject_of(manifest: Manifest) -> Digest | None:
    """Return what a document says it refers to (manifest.md, `subject`)."""
    if manifest.document.get("subject") is None:
        return None
    return read_digest(wire.text(wire.mapping(manifest.document, "subject"), "digest"))


def variants(listed: Sequence[Descriptor]) -> dict[str, Descriptor]:
    """Return a name for each different child: its platform, with a digest where that is shared.

    The same index always gives the same names.
    """
    different = {child.digest: child for child in reversed(listed)}
    shared = Counter(child.platform for child in different.values())
    named: dict[str, Descriptor] = {}
    for child in listed:
        short = f"{child.digest.algorithm}:{child.digest.value[:_SHORT]}"
        is_alone = child.platform and shared[child.platform] == 1
        name = child.platform if is_alone else f"{child.platform}@{short}"
        named.setdefault(name, child)
    return named


def digest_over(content: bytes, stated: Digest | None) -> Digest:
    """Return our digest of the bytes, by the algorithm that was stated (default sha256)."""
    return digest_of(content, stated.algorithm if stated is not None else "sha256")


def read_digest(text: str) -> Digest:
    """Read a digest of a registered algorithm; raise MalformedError."""
    digest = Digest.parse(text)
    if digest.algorithm not in ALGORITHMS:
        raise MalformedError(f"a digest by {digest.algorithm}, which registries do not use")
    return digest


def _descriptor(entry: object, what: str) -> Descriptor:
    document = wire.as_mapping(entry, what)
    size = wire.integer(document, "size")
    if size < 0:
        raise MalformedError(f"{what} has the size {size}")
    return Descriptor(
        wire.text(document, "mediaType"),
        read_digest(wire.text(document, "digest")),
        size,
        _platform(document, what),
        _annotations(document, what),
        wire.optional_text(document, "artifactType"),
    )


def _annotations(document: dict[str, object], what: str) -> dict[str, str]:
    written = document.get("annotations")
    if written is None:
        return {}
    return {
        key: wire.as_text(value, f"annotation {key[:80]!r} of {what}")
        for key, value in wire.as_mapping(written, f"the annotations of {what}").items()
    }


def _platform(document: dict[str, object], what: str) -> str:
    written = document.get("platform")
    if written is None:
        return ""
    platform = wire.as_mapping(written, f"the platform of {what}")
    words = [wire.text(platform, "os"), wire.text(platform, "architecture")]
    if words == ["", ""]:  # how some tools write what has none, such as an artifact
        return ""
    variant = wire.optional_text(platform, "variant")
    words += [variant] if variant else []
    for word in words:
        if not _WORD.match(word):
            raise MalformedError(f"the platform of {what} has an impossible word: {word[:80]!a}")
    return "/".join(words)
