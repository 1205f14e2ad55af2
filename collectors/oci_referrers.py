"""What refers to an image: Sigstore bundles, Notation signatures, and whatever else is attached.

Two lists say what does: the referrers API, and an index under the tag `sha256-<hex>`, in which
tools keep the list where a registry has no such API, or had none. Both are read, each document
once. A list is a hint: a document belongs to the image that its own `subject` names.

References: distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema"; image-spec,
manifest.md, `subject`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from collectors.oci_layers import Gathered, LayerReader, companion
from collectors.oci_manifest import IMAGE_TYPES, Descriptor, children, subject_of
from collectors.oci_registry import Registry
from core.errors import MalformedError
from core.limits import Limits
from core.model import Digest, Subject, digest_of
from core.signature_layers import promises_signature
from core.text import display

API, TAG = "referrers", "fallback"  # the two lists, in the state of a set


class ReferrerReader:
    """Reads what refers to one repository's images. Safe to use from several threads."""

    def __init__(
        self, registry: Registry, repository: str, tags: Collection[str], limits: Limits
    ) -> None:
        self._registry, self._repository, self._tags = registry, repository, tags
        self._limits, self._layers = limits, LayerReader(registry, repository, limits)

    def state(self, image: Digest) -> str:
        """Return what the API lists now, as `list_state` says it: one request.

        A broken list is "broken", which no look has left behind.
        """
        try:
            return list_state(self._registry.referrers(self._repository, image))
        except MalformedError:
            return "broken"

    def read(self, subject: Subject, found: Gathered) -> None:
        """Read what the two lists name, what may be a signature by its type first."""
        image = subject.digests[0]
        listed: dict[Digest, Descriptor] = {}
        for each in (*self._by_api(image, found), *self._by_tag(image, found)):
            listed.setdefault(each.digest, each)
        new = [each for each in listed.values() if each.digest not in found.documents]
        for each in sorted(new, key=lambda one: not promises_signature(one.artifact_type)):
            if len(found.documents) >= self._limits.signatures:
                most = self._limits.signatures
                found.leave(f"more than {most} documents refer to it (limits.signatures)")
                return
            if not found.has_room(self._limits):
                return
            with found.noting():
                self._read(subject, each, found)

    # --- the two lists ---------------------------------------------------------------------------

    def _by_api(self, image: Digest, found: Gathered) -> Sequence[Descriptor]:
        listed: Sequence[Descriptor] | None = ()
        with found.noting(f"the referrers of {self._repository}@{image}"):
            listed = self._registry.referrers(self._repository, image)
            found.state[API] = list_state(listed)
            found.looked.append(f"referrers API: {_said(listed)}")
        return listed or ()

    def _by_tag(self, image: Digest, found: Gathered) -> Sequence[Descriptor]:
        tag = companion(image, "")
        place = f"{self._repository}:{tag}"
        if tag not in self._tags:
            found.looked.append(f"{place} (not there)")
            return ()
        found.looked.append(place)
        with found.noting():
            index = self._registry.manifest(self._repository, tag)
            if index is None:
                found.trouble(f"{place}: listed, but not there")
                return ()
            found.state[TAG] = str(index.digest)
            with found.noting(place):
                return children(index)
        return ()

    # --- what they name --------------------------------------------------------------------------

    def _read(self, subject: Subject, listed: Descriptor, found: Gathered) -> None:
        place = f"{self._repository}@{listed.digest}"
        if listed.media_type not in IMAGE_TYPES:
            kind = display(listed.media_type, 100)
            found.leave(f"{place}: a document of the type {kind} is not read")
            return
        manifest = self._registry.manifest(self._repository, listed.digest)
        if manifest is None:
            found.trouble(f"{place}: listed, but not there")
            return
        named = subject_of(manifest)
        if named not in subject.digests:
            found.leave(f"{place}: listed, but it refers to {named or 'nothing'}")
            return
        self._layers.take(subject, place, manifest, found)


def _said(listed: Sequence[Descriptor] | None) -> str:
    if listed is None:
        return "not offered"
    return f"{len(listed)} listed" if listed else "an empty list"


def list_state(listed: Iterable[Descriptor] | None) -> str:
    """Return a digest that changes when the list does: "" for an empty one, "none" for none."""
    if listed is None:
        return "none"
    named = "\n".join(sorted(str(each.digest) for each in listed))
    return str(digest_of(named.encode())) if named else ""
