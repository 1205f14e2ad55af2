"""What vouches for an image, gathered: layers become evidence, faults become what is not read.

A payload that cosign writes by default is not fetched: it is built here, and used because its
digest and size are those the layer names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from collectors.oci_manifest import Descriptor, Manifest, layers
from collectors.oci_registry import Registry
from core.cosign_container import SIMPLE_SIGNING, layer_evidence
from core.errors import CollectionError, MalformedError, TooLargeError
from core.limits import Limits
from core.model import Digest, Evidence, Subject, Unread, digest_of
from core.signature_layers import is_signature, room_refused
from core.text import display

# containers-signature(5) leaves the type to the maker: the ones that cosign has written.
PAYLOAD_TYPES = ("cosign container image signature", "https://sigstore.dev/cosign/sign/v1")
_HEX = 64  # distribution-spec, "Referrers Tag Schema": a longer digest is cut
_COMPANION = re.compile(
    r"(?:sha256-[0-9a-f]{64}|sha512-(?:[0-9a-f]{64}){1,2})(?:\.(?:sig|att|sbom))?\Z"
)


def companion(digest: Digest, suffix: str) -> str:
    """Return the tag under which tools put what belongs to a digest; "": what refers to it."""
    value = digest.value if suffix else digest.value[:_HEX]
    return f"{digest.algorithm}-{value}{suffix}"


def is_companion(tag: str) -> bool:
    """Say whether a tag holds what belongs to another document rather than an artifact."""
    return _COMPANION.match(tag) is not None


@dataclass(slots=True)
class Gathered:
    """What one look at the evidence of one digest brings together."""

    evidence: list[Evidence] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)
    documents: set[Digest] = field(default_factory=set)  # that were read
    tried: int = 0  # layers, whether or not they became evidence
    is_settled: bool = True  # nothing failed that may go better next time

    def leave(self, detail: str, reason: str = "REFERRERS_NOT_READ") -> None:
        """Note what may be evidence and is not read; twice the same is one note."""
        unread = Unread(reason, detail)
        if unread not in self.unread:
            self.unread.append(unread)

    def trouble(self, detail: str, reason: str = "REFERRERS_NOT_READ") -> None:
        """Note evidence that is there and could not be read."""
        self.leave(detail, reason)
        self.is_settled = False

    @contextmanager
    def noting(self, place: str = "") -> Iterator[None]:
        """Note what is wrong with a document; raise what is the source's trouble.

        Then the image keeps its last look: an evidence set is read to its end or not at all.
        """
        start = f"{place}: " if place else ""
        try:
            yield
        except TooLargeError as error:
            self.trouble(f"{start}{error}", error.reason)
        except MalformedError as error:
            self.trouble(f"{start}{error}")
        except CollectionError as error:
            if error.reason != "DIGEST_MISMATCH":
                raise
            self.trouble(f"{start}{error}")

    def has_room(self, limits: Limits) -> bool:
        """Say whether more is read; note once where it is not."""
        size = sum(len(each.content) for each in self.evidence)
        pieces = max(self.tried, len(self.evidence) + len(self.unread))
        refused = room_refused(pieces, size, limits)
        if refused:
            self.leave(refused)
        return not refused


class LayerReader:
    """Reads the layers of what is attached to one repository's images."""

    def __init__(self, registry: Registry, repository: str, limits: Limits) -> None:
        self._registry, self._repository, self._limits = registry, repository, limits
        self._reference = f"{registry.host}/{repository}"

    def take(self, subject: Subject, place: str, manifest: Manifest, found: Gathered) -> None:
        """Take the layers of a document for `subject`, unless it was read at another place."""
        if manifest.digest in found.documents:
            return
        found.documents.add(manifest.digest)
        with found.noting(place):
            if manifest.is_index:
                raise MalformedError("an index where signatures are expected")
            for layer in layers(manifest):
                if not found.has_room(self._limits):
                    return
                self._take_layer(subject, place, layer, found)

    def _take_layer(self, subject: Subject, place: str, layer: Descriptor, found: Gathered) -> None:
        if not is_signature(layer.media_type):
            kind = display(layer.media_type, 100)
            found.leave(f"{place}: a layer of type {kind} is not read")
            return
        found.tried += 1  # one that fails costs a request too, however often it is listed
        with found.noting(place):
            payload = self._payload(subject.digests[0], layer)
            if payload is None:
                found.trouble(f"{place}: its layer {layer.digest} is not there")
                return
            content = layer_evidence(layer.media_type, payload, layer.annotations)
            origin = f"{self._registry.host}/{place} layer {layer.digest}"
            found.evidence.append(Evidence(content, layer.media_type, origin, subject))

    def _payload(self, image: Digest, layer: Descriptor) -> bytes | None:
        if layer.media_type == SIMPLE_SIGNING:
            built = predicted_payload(layer, image, self._reference)
            if built is not None:
                return built
        return self._registry.blob(self._repository, layer)


def predicted_payload(descriptor: Descriptor, image: Digest, reference: str) -> bytes | None:
    """Return the payload that this layer must be, if it is one without anything optional.

    Sound because the digest decides: bytes with the digest that the layer names are its bytes.
    """
    for kind in PAYLOAD_TYPES:
        payload = simple_payload(reference, image, kind)
        if len(payload) == descriptor.size:
            built = digest_of(payload, descriptor.digest.algorithm)
            if built == descriptor.digest:
                return payload
    return None


def simple_payload(reference: str, image: Digest, kind: str = PAYLOAD_TYPES[0]) -> bytes:
    """Return the payload that cosign signs where nobody annotates anything."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": str(image)},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()
