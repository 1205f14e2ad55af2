"""The container of a cosign signature: one spelling, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cosign_container import (
    CERTIFICATE_ANNOTATION,
    ENVELOPE,
    MAGIC,
    SIMPLE_SIGNING,
    container,
    layer_evidence,
    read_container,
)
from core.errors import MalformedError
from core.limits import Limits

LIMITS = Limits()
SCALARS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(SCALARS, st.binary(max_size=200), st.dictionaries(SCALARS, SCALARS, max_size=5))
def test_what_was_put_in_is_read(
    mime_type: str, payload: bytes, annotations: dict[str, str]
) -> None:
    read = read_container(container(mime_type, payload, annotations), LIMITS)
    assert (read.mime_type, read.payload, read.annotations) == (mime_type, payload, annotations)


def test_same_parts_have_one_spelling() -> None:
    one = container("m", b"p", {"a": "1", "b": "2"})
    assert one == container("m", b"p", {"b": "2", "a": "1"})
    assert one == MAGIC + b'{"annotations":{"a":"1","b":"2"},"mimeType":"m","payload":"cA=="}'


def test_containers_of_containers_image_are_read(vectors: Path) -> None:
    paths = sorted((vectors / "cosign-oci").glob("dir-img-cosign-*/signature-*"))
    assert len(paths) == 13
    kinds = [read_container(path.read_bytes(), LIMITS).mime_type for path in paths]
    assert kinds.count(SIMPLE_SIGNING) == 12


REFUSED = {
    "empty": b"",
    "no name": b"{}",
    "name alone": MAGIC,
    "no object": MAGIC + b"[]",
    "missing": MAGIC + b'{"mimeType":"m","payload":""}',
    "foreign field": MAGIC + b'{"mimeType":"m","payload":"","annotations":{},"x":1}',
    "twice": MAGIC + b'{"mimeType":"m","payload":"","annotations":{},"payload":""}',
    "lenient base64": MAGIC + b'{"mimeType":"m","payload":"c A==","annotations":{}}',
    "number": MAGIC + b'{"mimeType":"m","payload":"","annotations":{"a":1}}',
    "trailing": MAGIC + b'{"mimeType":"m","payload":"","annotations":{}}{}',
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read_container(content, LIMITS)


CERTIFIED = {CERTIFICATE_ANNOTATION: "pem"}
AS_EVIDENCE = [
    (SIMPLE_SIGNING, {}, True),
    (SIMPLE_SIGNING, CERTIFIED, True),
    (ENVELOPE, {}, False),
    (ENVELOPE, {CERTIFICATE_ANNOTATION: ""}, False),
    (ENVELOPE, CERTIFIED, True),
    ("application/vnd.dev.sigstore.bundle.v0.3+json", CERTIFIED, False),
    ("application/jose+json", CERTIFIED, False),
]


@pytest.mark.parametrize(("media_type", "annotations", "is_held"), AS_EVIDENCE)
def test_a_layer_is_evidence_with_what_it_needs(
    media_type: str, annotations: dict[str, str], *, is_held: bool
) -> None:
    found = layer_evidence(media_type, b"payload", annotations)
    held = container(media_type, b"payload", annotations)
    assert found == (held if is_held else b"payload")
