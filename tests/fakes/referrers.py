"""What signing tools attach to an image in a registry without the referrers API.

    signature = attach(registry, "acme/app", image, [(BUNDLE, content, {})])
    refer(registry, "acme/app", image.digest, signature)

`push_layout` brings an OCI layout that such a tool has written into the registry, as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fakes.registry import INDEX, Pushed, Registry, signature_tag

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
JWS = "application/jose+json"
EMPTY = "application/vnd.oci.empty.v1+json"
Layer = tuple[str, bytes, Mapping[str, str]]


def attach(
    registry: Registry,
    repository: str,
    subject: Pushed | dict[str, object] | None,
    layers: Sequence[Layer],
    media_type: str = "",
) -> Pushed:
    """Push a document that refers to `subject` and is listed nowhere."""
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": media_type or layers[0][0],
        "config": {"mediaType": EMPTY, **registry.push_blob(repository, b"{}")},
        "layers": [
            {
                "mediaType": kind,
                **registry.push_blob(repository, content),
                "annotations": dict(annotations),
            }
            for kind, content, annotations in layers
        ],
    }
    if subject is not None:
        document["subject"] = _descriptor(subject)
    return registry.push_manifest(repository, "", document)


def refer(
    registry: Registry, repository: str, digest: str, *documents: Pushed | dict[str, object]
) -> Pushed:
    """List documents under the tag of what refers to a digest."""
    listed = [_descriptor(each) for each in documents]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    return registry.push_manifest(repository, signature_tag(digest, ""), index, INDEX)


def push_layout(registry: Registry, repository: str, folder: Path, tag: str) -> str:
    """Push a layout of one image and what refers to it, byte for byte; return its digest."""
    listed = json.loads((folder / "index.json").read_bytes())["manifests"]
    manifests = {each["digest"].partition(":")[2] for each in listed}
    for blob in (folder / "blobs" / "sha256").iterdir():
        if blob.name not in manifests:
            registry.push_blob(repository, blob.read_bytes())
    image, *attached = (_push(registry, repository, folder, each) for each in listed)
    registry.push_bytes(repository, tag, image.content, image.media_type)
    refer(registry, repository, image.digest, *attached)
    return image.digest


def _push(registry: Registry, repository: str, folder: Path, listed: dict[str, str]) -> Pushed:
    content = (folder / "blobs" / listed["digest"].replace(":", "/")).read_bytes()
    return registry.push_bytes(repository, "", content, listed["mediaType"])


def _descriptor(document: Pushed | dict[str, object]) -> dict[str, object]:
    return document.descriptor() if isinstance(document, Pushed) else document
