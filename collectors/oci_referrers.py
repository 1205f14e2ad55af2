"""What refers to an image: Sigstore bundles, Notation signatures, and whatever else is attached.

Two lists say what does: the referrers API, and an index under the tag `sha256-<hex>`, in which
tools keep the list where a registry has no such API, or had none. Both are read, each document
once. A list is a hint: a document belongs to the image that its own `subject` names.

References: distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema"; image-spec,
manifest.md, `subject`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from collectors.oci_layers import Gathered, LayerReader, companion
from collectors.oci_manifest import IMAGE_TYPES, Descriptor, children, subject_of
from collectors.oci_registry import Registry
from core.errors import MalformedError
from core.limits import Limits
from core.model import Digest, Subject, digest_of
from core.signature_layers import promises_signature
from core.text import display

API, TAG = "referrers", "fallback"  # the two lists, in the state of a set
HELD = "held"  # what gave evidence and stands in the list under the tag alone


class ReferrerReader:
    """Reads what refers to one repository's images. Safe to use from several threads."""

    def __init__(
        self, registry: Registry, repository: str, tags: Collection[str], limits: Limits
    ) -> None:
        self._registry, self._repository, self._tags = registry, repository, tags
        self._limits, self._layers = limits, LayerReader(registry, repository, limits)
        self._probe = threading.Lock()
        self._has_api: bool | None = None  # of this repository: behind one name lie several kinds

    def state(self, image: Digest, known: Mapping[str, str]) -> dict[str, str]:
        """Return what the API lists now, as `list_state` says it, and what is held: one GET.

        A broken list is "broken", which no look has left behind. Nobody takes out of the list under
        the tag what is deleted by its digest: one HEAD for each document that was believed.
        """
        try:
            listed = list_state(self._listed(image))
        except MalformedError:
            listed = "broken"
        state = {API: listed}
        if HELD in known:
            held = [Digest.parse(each) for each in known[HELD].split()]
            here = (each for each in held if self._registry.has_manifest(self._repository, each))
            state[HELD] = _joined(here)
        return state

    def read(self, subject: Subject, found: Gathered) -> None:
        """Read what the two lists name, each document once."""
        image = subject.digests[0]
        by_api = {each.digest: each for each in self._by_api(image, found)}
        listed = dict(by_api)
        for each in self._by_tag(image, found):
            listed.setdefault(each.digest, each)
        new = [each for each in listed.values() if each.digest not in found.documents]
        held = self._read_documents(subject, new, found) - by_api.keys()
        if held:
            found.state[HELD] = _joined(held)

    # --- the two lists ---------------------------------------------------------------------------

    def _by_api(self, image: Digest, found: Gathered) -> Sequence[Descriptor]:
        listed: Sequence[Descriptor] | None = ()
        with found.noting(f"the referrers of {self._repository}@{image}"):
            listed = self._listed(image)
            found.state[API] = list_state(listed)
            found.looked.append(f"referrers API: {_said(listed)}")
        return listed or ()

    def _listed(self, image: Digest) -> Sequence[Descriptor] | None:
        """Return what the API lists, None if it is not offered, which one answer decides."""
        if self._has_api is None:
            with self._probe:
                if self._has_api is None:
                    found = self._registry.referrers(self._repository, image)
                    self._has_api = found is not None
                    return found
        if not self._has_api:
            return None
        found = self._registry.referrers(self._repository, image)
        if found is None:
            raise MalformedError("its referrers are not listed though those of others are")
        return found

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

    def _read_documents(
        self, subject: Subject, new: Iterable[Descriptor], found: Gathered
    ) -> set[Digest]:
        """Read what may be a signature by its type first; return what gave evidence."""
        held: set[Digest] = set()
        for each in sorted(new, key=lambda one: not promises_signature(one.artifact_type)):
            if len(found.documents) >= self._limits.signatures:
                most = self._limits.signatures
                found.leave(f"more than {most} documents refer to it (limits.signatures)")
                break
            if not found.has_room(self._limits):
                break
            before = len(found.evidence)
            with found.noting():
                self._read(subject, each, found)
            if len(found.evidence) > before:
                held.add(each.digest)
        return held

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


def _joined(digests: Iterable[Digest]) -> str:
    return " ".join(sorted(map(str, digests)))


def list_state(listed: Iterable[Descriptor] | None) -> str:
    """Return a digest that changes when the list does: "" for an empty one, "none" for none.

    What a list says of a document's types counts: they decide whether it is read, and which first.
    """
    if listed is None:
        return "none"
    named = sorted([str(one.digest), one.media_type, one.artifact_type] for one in listed)
    return str(digest_of(json.dumps(named).encode())) if named else ""
