"""An image in an OCI layout on disk, and what signs it there.

A layout is a folder with `oci-layout`, `index.json` and blobs under their digests. What vouches for
an image lies in it as it would in a registry: under cosign's tags (`sha256-<hex>.sig`, `.att`), as
documents whose `subject` is the image, or listed by an index under the tag `sha256-<hex>`; `cosign
save` marks signatures by an annotation. Every blob that is read must have the digest it is named
by, down to the layers: a layout with one blob that was exchanged is not the one that was signed.

References: image-spec, image-layout.md and manifest.md; distribution-spec, "Referrers Tag Schema";
cosign, SIGNATURE_SPEC.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collectors.oci_evidence import ENVELOPE, companion, is_companion
from collectors.oci_manifest import (
    Descriptor,
    Manifest,
    children,
    layers,
    read_digest,
    read_manifest,
)
from core import wire
from core.cosign_container import CERTIFICATE_ANNOTATION, SIMPLE_SIGNING, container
from core.errors import CollectionError, MalformedError, TooLargeError, UsageError
from core.limits import Limits
from core.model import Digest, Evidence, MemoryContent, Subject, Unread, digest_of
from core.text import display
from jobs.verify_inputs import read_file

LAYOUT, INDEX = "oci-layout", "index.json"
_VERSION = "1.0.0"
_TAG = "org.opencontainers.image.ref.name"
_KIND = "kind"  # what `cosign save` writes into index.json
_KINDS = {"dev.cosignproject.cosign/sigs": ".sig", "dev.cosignproject.cosign/atts": ".att"}
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_WHOLE = ("application/jose+json", "application/cose", ENVELOPE)
_CHUNK = 1024 * 1024
_SHOWN = 4


@dataclass(slots=True)
class Layout:
    """What a layout holds of one image; `notes` say what its signatures cover."""

    subject: Subject
    evidence: list[Evidence] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_layout(folder: Path, wanted: str, name: str, limits: Limits) -> Layout:
    """Read the image of that digest (or the only one) with all that is attached to it.

    UsageError where the layout holds several and none was named; CollectionError, with the reason
    code, for a layout that is broken.
    """
    try:
        return _Reader(folder, limits).read(wanted, name)
    except MalformedError as error:
        reason = "TOO_LARGE" if isinstance(error, TooLargeError) else "MALFORMED"
        raise CollectionError(f"the layout cannot be read: {error}", reason=reason) from None


@dataclass(frozen=True, slots=True)
class _Listed:
    """One entry of index.json, with what it says it refers to."""

    descriptor: Descriptor
    manifest: Manifest | None
    subject: Digest | None

    @property
    def tag(self) -> str:
        reference = self.descriptor.annotations.get(_TAG, "")
        return reference.rpartition(":")[2]

    @property
    def is_image(self) -> bool:
        attached = self.subject is not None or is_companion(self.tag)
        return not attached and self.descriptor.annotations.get(_KIND, "") not in _KINDS


class _Reader:
    """Reads one layout."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        written = wire.as_mapping(self._json(LAYOUT), LAYOUT)
        if wire.text(written, "imageLayoutVersion") != _VERSION:
            raise MalformedError(f"{LAYOUT} is not of version {_VERSION}")
        document = wire.as_mapping(self._json(INDEX), INDEX)
        index = Manifest(digest_of(b""), 0, "", is_index=True, document=document)
        self._listed = [self._entry(each) for each in children(index)]

    def read(self, wanted: str, name: str) -> Layout:
        """Return the image with all that is attached to it."""
        digest = self._chosen(wanted)
        content = self._blob(digest, self._limits.document_bytes)
        if content is None:
            raise UsageError(f"{display(str(self._folder))}: the layout does not hold {digest}")
        found = Layout(Subject(name, (digest,), MemoryContent(content)))
        for suffix in (".sig", ".att"):
            for place, manifest in self._tagged(digest, suffix):
                self._attached(found, place, manifest)
        for place, manifest in self._referring(digest):
            self._attached(found, place, manifest)
        self._note_coverage(found, content, digest)
        if not found.evidence and not found.unread:
            words = f"nothing in the layout signs {digest}"
            found.unread.append(Unread("NOT_SIGNED", words))
        return found

    # --- what is in the layout -------------------------------------------------------------------

    def _json(self, name: str) -> object:
        content = read_file(self._folder / name, self._limits.document_bytes)
        return wire.read_json(content, limits=self._limits)

    def _entry(self, descriptor: Descriptor) -> _Listed:
        manifest = self._manifest(descriptor)
        return _Listed(descriptor, manifest, _subject(manifest))

    def _manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return the manifest a descriptor names; None where it is not here, or is none."""
        content = self._blob(descriptor.digest, self._limits.document_bytes)
        if content is None:
            return None
        if len(content) != descriptor.size:
            raise MalformedError(f"{descriptor.digest} is not as long as its descriptor says")
        return read_manifest(content, descriptor.media_type, descriptor.digest, self._limits)

    def _blob(self, digest: Digest, most: int) -> bytes | None:
        path = self._path(digest)
        if not path.is_file():
            return None
        content = read_file(path, most)
        if len(content) > most:
            raise TooLargeError(f"{digest} has more than {most} bytes")
        if digest_of(content, digest.algorithm) != digest:
            raise self._exchanged(digest)
        return content

    def _path(self, digest: Digest) -> Path:
        return self._folder / "blobs" / digest.algorithm / digest.value

    def _exchanged(self, digest: Digest) -> CollectionError:
        words = f"the blob {digest} does not have the digest it is named by"
        return CollectionError(words, reason="DIGEST_MISMATCH")

    def _chosen(self, wanted: str) -> Digest:
        if wanted:
            try:
                return read_digest(wanted)
            except MalformedError as error:
                raise UsageError(f"oci: {error}") from None
        images = {each.descriptor.digest for each in self._listed if each.is_image}
        if len(images) == 1:
            return images.pop()
        shown = ", ".join(sorted(map(str, images))[:_SHOWN]) or "none"
        raise UsageError(
            f"{display(str(self._folder))}: the layout holds {len(images)} images ({shown}); name"
            " one as oci:DIR@digest"
        )

    # --- what is attached ------------------------------------------------------------------------

    def _tagged(self, digest: Digest, suffix: str) -> Iterator[tuple[str, Manifest]]:
        """Yield the documents under cosign's tag, or marked as signatures by `cosign save`."""
        tag = companion(digest, suffix)
        images = [each.descriptor.digest for each in self._listed if each.is_image]
        for each in self._listed:
            kind = _KINDS.get(each.descriptor.annotations.get(_KIND, ""))
            saved = kind == suffix and images == [digest]
            if each.manifest is not None and (each.tag == tag or saved):
                yield tag, each.manifest

    def _referring(self, digest: Digest) -> Iterator[tuple[str, Manifest]]:
        seen: set[Digest] = set()
        for each in self._listed:
            if each.tag == companion(digest, "") and each.manifest is not None:
                for child in children(each.manifest):
                    manifest = self._manifest(child)
                    if manifest is not None and _subject(manifest) == digest:
                        seen.add(manifest.digest)
                        yield f"{each.tag} {child.digest}", manifest
        for each in self._listed:
            fresh = each.manifest is not None and each.manifest.digest not in seen
            if each.manifest is not None and fresh and each.subject == digest:
                yield str(each.manifest.digest), each.manifest

    def _attached(self, found: Layout, place: str, manifest: Manifest) -> None:
        """Take the layers of an attached document as evidence."""
        for layer in layers(manifest):
            if len(found.evidence) == self._limits.signatures:
                words = f"more than {self._limits.signatures} signatures (signatures)"
                found.unread.append(Unread("TOO_LARGE", words))
                return
            if not _is_read(layer.media_type):
                kind = display(layer.media_type, 100)
                words = f"{place}: a document of the type {kind} is not read"
                found.unread.append(Unread("REFERRERS_NOT_READ", words))
                continue
            payload = self._blob(layer.digest, self._limits.evidence_bytes)
            if payload is None:
                words = f"{place}: its layer {layer.digest} is not here"
                found.unread.append(Unread("REFERRERS_NOT_READ", words))
                continue
            content = _content(layer, payload)
            origin = f"{place} layer {layer.digest}"
            found.evidence.append(Evidence(content, layer.media_type, origin, found.subject))

    # --- what a signature over it covers ---------------------------------------------------------

    def _note_coverage(self, found: Layout, content: bytes, digest: Digest) -> None:
        """Compare all blobs below with their digests, and say how far signatures reach."""
        stated = next(
            (each.descriptor for each in self._listed if each.descriptor.digest == digest), None
        )
        manifest = read_manifest(content, stated.media_type if stated else "", digest, self._limits)
        if not manifest.is_index:
            found.notes.append(self._covered_image(manifest))
            return
        listed = children(manifest)
        here = [child for child in (self._manifest(each) for each in listed) if child is not None]
        found.notes.append(
            f"signatures are over the index; {len(here)} of the {len(listed)} manifests it names"
            " are here, as named: whoever pulls one by its own digest finds no signature there"
        )
        found.notes += [self._covered_image(child) for child in here if not child.is_index]

    def _covered_image(self, manifest: Manifest) -> str:
        named = [*_config(manifest), *layers(manifest)]
        here = sum(self._is_whole(each) for each in named)
        return (
            f"{manifest.digest} covers {len(named)} blobs by their digests; {here} are here, and"
            " are what it names"
        )

    def _is_whole(self, descriptor: Descriptor) -> bool:
        """Say whether a blob is here; it must be what the manifest names."""
        path = self._path(descriptor.digest)
        if not path.is_file():
            return False
        hashed, size = hashlib.new(descriptor.digest.algorithm), 0
        with path.open("rb") as opened:
            while piece := opened.read(_CHUNK):
                size += len(piece)
                if size > self._limits.artifact_bytes:
                    raise TooLargeError(f"{descriptor.digest}: artifact_bytes")
                hashed.update(piece)
        if hashed.hexdigest() != descriptor.digest.value or size != descriptor.size:
            raise self._exchanged(descriptor.digest)
        return True


def _subject(manifest: Manifest | None) -> Digest | None:
    """Return what a document says it refers to (image-spec, manifest.md, `subject`)."""
    if manifest is None or manifest.document.get("subject") is None:
        return None
    subject = wire.mapping(manifest.document, "subject")
    return read_digest(wire.text(subject, "digest"))


def _is_read(media_type: str) -> bool:
    return media_type in (SIMPLE_SIGNING, *_WHOLE) or media_type.startswith(_BUNDLE)


def _content(layer: Descriptor, payload: bytes) -> bytes:
    """Return a layer as the evidence it is: with its annotations where they belong to it."""
    keyless = layer.media_type == ENVELOPE and layer.annotations.get(CERTIFICATE_ANNOTATION)
    if layer.media_type == SIMPLE_SIGNING or keyless:
        return container(layer.media_type, payload, layer.annotations)
    return payload


def _config(manifest: Manifest) -> Sequence[Descriptor]:
    """Return the image's configuration, as the one descriptor it is."""
    if manifest.document.get("config") is None:
        return ()
    held: dict[str, object] = {"layers": [manifest.document["config"]]}
    return layers(Manifest(manifest.digest, 0, "", is_index=False, document=held))
