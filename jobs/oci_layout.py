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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from collectors.oci_layers import companion, is_companion
from collectors.oci_manifest import (
    Descriptor,
    Manifest,
    children,
    descriptors,
    layers,
    read_digest,
    read_manifest,
    subject_of,
)
from core import wire
from core.cosign_container import layer_evidence
from core.errors import CollectionError, MalformedError, UsageError
from core.limits import Limits
from core.model import Digest, Evidence, MemoryContent, Subject, Unread
from core.naming import numbered
from core.signature_layers import is_signature, room_refused
from core.text import display
from jobs.oci_blobs import Blobs
from jobs.verify_inputs import read_file

LAYOUT, INDEX = "oci-layout", "index.json"
_VERSION = "1.0.0"
_TAG = "org.opencontainers.image.ref.name"
_KIND = "kind"  # what `cosign save` writes into index.json
_KINDS = {"dev.cosignproject.cosign/sigs": ".sig", "dev.cosignproject.cosign/atts": ".att"}
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
        words = f"the layout cannot be read: {error}"
        raise CollectionError(words, reason=error.reason) from None


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
        return (
            self.descriptor.is_manifest
            and not attached
            and self.descriptor.annotations.get(_KIND, "") not in _KINDS
        )


class _Reader:
    """Reads one layout."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits, self._blobs = folder, limits, Blobs(folder, limits)
        written = wire.as_mapping(self._json(LAYOUT), LAYOUT)
        if wire.text(written, "imageLayoutVersion") != _VERSION:
            raise MalformedError(f"{LAYOUT} is not of version {_VERSION}")
        document = wire.as_mapping(self._json(INDEX), INDEX)
        self._listed = [self._entry(each) for each in descriptors(document)]

    def read(self, wanted: str, name: str) -> Layout:
        """Return the image with all that is attached to it."""
        digest = self._chosen(wanted)
        content = self._blobs.read(digest, self._limits.document_bytes)
        if content is None:
            raise UsageError(f"{display(str(self._folder))}: the layout does not hold {digest}")
        found = Layout(Subject(name, (digest,), MemoryContent(content)))
        found.unread += self._not_read(digest)
        for place, manifest in self._attached(digest).values():
            for layer in layers(manifest):
                if not self._has_room(found):
                    break
                self._take(found, place, layer)
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
        manifest = self._blobs.manifest(descriptor)
        subject = None if manifest is None else subject_of(manifest)
        return _Listed(descriptor, manifest, subject)

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

    def _attached(self, digest: Digest) -> dict[Digest, tuple[str, Manifest]]:
        """Return each document that vouches for the image once, with the first place it lies at."""
        attached: dict[Digest, tuple[str, Manifest]] = {}
        for suffix in (".sig", ".att"):
            for place, manifest in self._tagged(digest, suffix):
                attached.setdefault(manifest.digest, (place, manifest))
        for place, manifest in self._referring(digest):
            attached.setdefault(manifest.digest, (place, manifest))
        return attached

    def _tagged(self, digest: Digest, suffix: str) -> Iterator[tuple[str, Manifest]]:
        """Yield the documents under cosign's tag, or marked as signatures by `cosign save`."""
        tag = companion(digest, suffix)
        images = {each.descriptor.digest for each in self._listed if each.is_image}
        for each in self._listed:
            kind = _KINDS.get(each.descriptor.annotations.get(_KIND, ""))
            saved = kind == suffix and images == {digest}
            if each.manifest is not None and (each.tag == tag or saved):
                yield tag, each.manifest

    def _referring(self, digest: Digest) -> Iterator[tuple[str, Manifest]]:
        tag = companion(digest, "")
        for child in self._under(tag):
            manifest = self._blobs.manifest(child)
            if manifest is not None and subject_of(manifest) == digest:
                yield f"{tag} {child.digest}", manifest
        for each in self._listed:
            if each.manifest is not None and each.subject == digest:
                yield str(each.manifest.digest), each.manifest

    def _under(self, tag: str) -> Iterator[Descriptor]:
        """Yield what the indexes under a tag list."""
        tagged = {
            each.manifest.digest: each.manifest
            for each in self._listed
            if each.tag == tag and each.manifest is not None
        }
        return chain.from_iterable(map(children, tagged.values()))

    def _not_read(self, digest: Digest) -> list[Unread]:
        """Name what is listed, may refer to the image, and is not read."""
        found = [self._why_unread(each.descriptor, digest) for each in self._may_refer(digest)]
        found += [self._why_unread(each, digest) for each in self._under(companion(digest, ""))]
        return list(dict.fromkeys(each for each in found if each is not None))

    def _may_refer(self, digest: Digest) -> Iterator[_Listed]:
        """Yield what index.json lists, is not here to be asked, and is no image for its name."""
        own = {"", *(companion(digest, suffix) for suffix in ("", ".sig", ".att"))}
        for each in self._listed:
            named = each.tag in own or each.descriptor.annotations.get(_KIND, "") in _KINDS
            is_absent = each.manifest is None and named and each.descriptor.digest != digest
            if is_absent or not each.descriptor.is_manifest:
                yield each

    def _why_unread(self, listed: Descriptor, digest: Digest) -> Unread | None:
        """Say why what is listed for an image is not read; None for what is."""
        if not listed.is_manifest:
            return _unread(str(listed.digest), listed)
        manifest = self._blobs.manifest(listed)
        if manifest is None:
            return Unread("REFERRERS_NOT_READ", f"{listed.digest}: listed, but not here")
        named = subject_of(manifest)
        if named != digest:
            words = f"{listed.digest}: listed, but it refers to {named or 'nothing'}"
            return Unread("REFERRERS_NOT_READ", words)
        return None

    def _has_room(self, found: Layout) -> bool:
        """Say whether more evidence is taken; where it is not, that is noted once."""
        size = sum(len(each.content) for each in found.evidence)
        words = room_refused(len(found.evidence), size, self._limits)
        refused = Unread("TOO_LARGE", words)
        if words and refused not in found.unread[-1:]:
            found.unread.append(refused)
        return not words

    def _take(self, found: Layout, place: str, layer: Descriptor) -> None:
        """Take a layer of an attached document as evidence."""
        if not is_signature(layer.media_type):
            found.unread.append(_unread(place, layer))
            return
        payload = self._blobs.read(layer.digest, self._limits.evidence_bytes)
        if payload is None:
            words = f"{place}: its layer {layer.digest} is not here"
            found.unread.append(Unread("REFERRERS_NOT_READ", words))
            return
        content = layer_evidence(layer.media_type, payload, layer.annotations)
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
        here = [
            child for child in (self._blobs.manifest(each) for each in listed) if child is not None
        ]
        found.notes.append(
            f"signatures are over the index, which names {numbered(len(listed), 'manifest')}"
            f" ({len(here)} here, as named): whoever pulls one by its own digest finds no signature"
            " there"
        )
        images = {child.digest: child for child in here if not child.is_index}
        found.notes += map(self._covered_image, images.values())

    def _covered_image(self, manifest: Manifest) -> str:
        named = [*_config(manifest), *layers(manifest)]
        here = sum(self._blobs.is_whole(each) for each in named)
        return (
            f"{manifest.digest} covers {numbered(len(named), 'blob')} by digest"
            f" ({here} here, as named)"
        )


def _unread(place: str, document: Descriptor) -> Unread:
    kind = display(document.media_type, 100)
    return Unread("REFERRERS_NOT_READ", f"{place}: a document of the type {kind} is not read")


def _config(manifest: Manifest) -> Sequence[Descriptor]:
    """Return the image's configuration, as the one descriptor it is."""
    if manifest.document.get("config") is None:
        return ()
    held: dict[str, object] = {"layers": [manifest.document["config"]]}
    return layers(Manifest(manifest.digest, 0, "", is_index=False, document=held))
