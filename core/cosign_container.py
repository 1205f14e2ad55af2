"""The container in which a cosign signature travels as one piece of evidence.

The form is the one that containers/image writes beside an image folder: a zero byte, the name
`sigstore-json`, a line feed, and a JSON object with the media type of the signed payload, the
payload in base64, and the annotations of the layer that held it. In a registry these are three
places; collectors put them together, the verifier takes them apart, and here is the one spelling.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import field

from core import wire
from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits

MAGIC = b"\x00sigstore-json\n"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"
CHAIN_ANNOTATION = "dev.sigstore.cosign/chain"
BUNDLE_ANNOTATION = "dev.sigstore.cosign/bundle"
_FIELDS = frozenset({"mimeType", "payload", "annotations"})


@dataclass(frozen=True, slots=True)
class Container:
    """What one container holds; annotations are the word of whoever could write to the registry."""

    mime_type: str
    payload: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)


def container(mime_type: str, payload: bytes, annotations: Mapping[str, str]) -> bytes:
    """Return the container in its one canonical spelling: same parts, same bytes."""
    document = {
        "annotations": dict(annotations),
        "mimeType": mime_type,
        "payload": base64.b64encode(payload).decode("ascii"),
    }
    return MAGIC + json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def layer_evidence(media_type: str, payload: bytes, annotations: Mapping[str, str]) -> bytes:
    """Return a layer that vouches for an image as the one piece of evidence it is.

    A simple signing payload is nothing without its annotations; an envelope needs them where they
    hold the certificate. All else brings along what it needs, and stays as it is.
    """
    is_certified = media_type == ENVELOPE and annotations.get(CERTIFICATE_ANNOTATION)
    if media_type == SIMPLE_SIGNING or is_certified:
        return container(media_type, payload, annotations)
    return payload


def read_container(content: bytes, limits: Limits) -> Container:
    """Read a container strictly; raise MalformedError on anything that is not exactly one."""
    if not content.startswith(MAGIC):
        raise MalformedError("not a signature container: it does not start with sigstore-json")
    document = wire.as_mapping(wire.read_json(content[len(MAGIC) :], limits=limits), "container")
    foreign = document.keys() - _FIELDS
    if foreign:
        raise MalformedError(f"a signature container has no field {min(foreign)[:80]!r}")
    annotations = wire.mapping(document, "annotations")
    return Container(
        wire.text(document, "mimeType"),
        wire.decode_base64(wire.text(document, "payload"), what="the payload"),
        {
            key: wire.as_text(value, f"annotation {key[:80]!r}")
            for key, value in annotations.items()
        },
    )
