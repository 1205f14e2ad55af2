"""Manifests read strictly: any bytes give a manifest or one error of ours."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.oci_layers import companion, is_companion, predicted_payload, simple_payload
from collectors.oci_manifest import (
    IMAGE_TYPES,
    INDEX_TYPES,
    Descriptor,
    children,
    layers,
    read_manifest,
    variants,
)
from collectors.oci_registry import is_name, is_tag
from core.errors import MalformedError
from core.limits import Limits
from core.model import Digest, digest_of

LIMITS = Limits()
IMAGE, INDEX = min(IMAGE_TYPES), min(INDEX_TYPES)
FIELDS = [
    "schemaVersion",
    "mediaType",
    "manifests",
    "layers",
    "config",
    "digest",
    "size",
    "platform",
]
VALUES = st.recursive(
    st.sampled_from([None, True, 2, -1, 1.5, "", "linux", IMAGE, INDEX, "sha256:" + "a" * 64]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_manifest_or_malformed(content: bytes) -> None:
    try:
        manifest = read_manifest(content, IMAGE, digest_of(content), LIMITS)
        listed = children(manifest) if manifest.is_index else layers(manifest)
    except MalformedError:
        return
    assert all(child.size >= 0 for child in listed)
    assert manifest.size == len(content)


@given(st.lists(st.tuples(st.sampled_from(["", "linux/amd64", "linux/arm64"]), st.integers(0, 3))))
def test_every_child_has_one_name_whatever_the_order(pairs: list[tuple[str, int]]) -> None:
    by_number = dict((number, platform) for platform, number in pairs)  # noqa: C402 - last wins
    listed = [
        Descriptor(IMAGE, digest_of(str(number).encode()), 1, platform)
        for number, platform in by_number.items()
    ]
    named = variants(listed)
    assert named == variants(list(reversed(listed)))
    assert {child.digest for child in named.values()} == {child.digest for child in listed}
    assert "" not in named


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("a", True), ("acme/app", True), ("a/b-c/d__e.f_g", True), ("a--b", True),
        ("", False), ("A", False), ("/a", False), ("a/", False), ("a//b", False), ("../a", False),
        ("a/../b", False), ("a\n", False), ("a%2f", False), ("a?b", False), ("a" * 256, False),
        ("a___b", False), ("-a", False), ("ü", False),
    ],
)  # fmt: skip
def test_repository_names_follow_the_grammar(name: str, good: bool) -> None:  # noqa: FBT001 - a table
    assert is_name(name) is good


@given(st.text(alphabet="a-._/", max_size=255))
def test_any_name_is_judged_at_once(name: str) -> None:
    assert is_name(name) in (True, False)


@pytest.mark.parametrize(
    ("tag", "good"),
    [
        ("v1", True), ("_x.y-Z", True), ("", False), (".a", False), ("a b", False),
        ("a" * 129, False), ("a\n", False),
    ],
)  # fmt: skip
def test_tags_follow_the_grammar(tag: str, good: bool) -> None:  # noqa: FBT001 - a table
    assert is_tag(tag) is good


def test_companions_are_told_from_artifacts() -> None:
    digest = digest_of(b"x")
    for suffix in ("", ".sig", ".att", ".sbom"):
        assert is_companion(companion(digest, suffix))
        assert is_companion(companion(digest_of(b"x", "sha512"), suffix))
    # distribution-spec, "Referrers Tag Schema": no tag is longer than 128 characters.
    assert (
        companion(digest_of(b"x", "sha512"), "") == f"sha512-{digest_of(b'x', 'sha512').value[:64]}"
    )
    for tag in ("v1", "sha256-abc.sig", companion(digest, ".exe"), companion(digest, ".sig") + "x"):
        assert not is_companion(tag)


def test_payload_is_predicted_only_where_its_digest_is_the_one_named() -> None:
    image = digest_of(b"image")
    for kind in ("cosign container image signature", "https://sigstore.dev/cosign/sign/v1"):
        payload = simple_payload("registry.example/acme/app", image, kind)
        layer = Descriptor("x", digest_of(payload), len(payload))
        assert predicted_payload(layer, image, "registry.example/acme/app") == payload
        for wrong in (
            Descriptor("x", Digest("sha256", "0" * 64), len(payload)),
            Descriptor("x", digest_of(payload), len(payload) + 1),
        ):
            assert predicted_payload(wrong, image, "registry.example/acme/app") is None
        assert predicted_payload(layer, digest_of(b"other"), "registry.example/acme/app") is None
        assert predicted_payload(layer, image, "registry.example/acme/apq") is None
