"""What refers to an image: read from both lists, believed by its own subject, within bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from collectors.collector import Surroundings
from collectors.oci import OciCollector, OciOptions
from core.cosign_container import MAGIC
from core.limits import Limits
from core.model import Discovery, EvidenceSet, Sighting, UnitEnd
from tests.fakes.referrers import BUNDLE, JWS, Layer, attach, push_layout, refer
from tests.fakes.registry import (
    DSSE,
    SIGNATURE,
    SIMPLE,
    Pushed,
    RecordingHttp,
    Registry,
    payload_for,
    running_registry,
    signature_tag,
)
from tests.fakes.unit_memory import UnitMemory

LIMITS = Limits(connect_seconds=20, read_seconds=20)
LAYOUTS = Path(__file__).parent.parent / "specimens" / "interop"
SBOM = "application/spdx+json"
NAMES = count()
Scan = Callable[..., tuple[dict[str, EvidenceSet], list[str]]]


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with running_registry() as running:
        yield running


@pytest.fixture
def repository() -> str:
    """A repository that no other test has touched."""
    return f"acme/referred-{next(NAMES)}"


@pytest.fixture
def image(registry: Registry, repository: str) -> Pushed:
    return registry.push_image(repository, "v1")


@pytest.fixture
def scan(registry: Registry, repository: str, tmp_path: Path) -> Scan:
    """Scan this test's repository; return its sets by digest, and what was asked for."""

    def scan_once(
        memory: UnitMemory | None = None, limits: Limits = LIMITS
    ) -> tuple[dict[str, EvidenceSet], list[str]]:
        http = RecordingHttp(limits, home=registry.url)
        options = OciOptions.model_validate({"url": registry.url, "repositories": [repository]})
        surroundings = Surroundings(http, limits, {}, tmp_path, tmp_path)
        memory = memory or UnitMemory()
        try:
            collector = OciCollector("prod", options, surroundings)
            found = memory.keep(collector.collect(repository, memory))
        finally:
            http.close()
        assert isinstance(found[-1], UnitEnd)
        start = f"/v2/{repository}/"
        return by_digest(found), sorted(line.replace(start, "") for line in http.asked)

    return scan_once


def by_digest(found: list[Discovery]) -> dict[str, EvidenceSet]:
    return {one.key.partition("@")[2]: one for one in found if isinstance(one, EvidenceSet)}


def details(one: EvidenceSet) -> list[str]:
    assert {each.reason for each in one.unread} <= {"REFERRERS_NOT_READ"}
    return [each.detail for each in one.unread]


@pytest.mark.parametrize("kind", [BUNDLE, BUNDLE.replace("v0.3+json", "v0.9+json"), JWS, DSSE])
def test_layer_that_signs_is_evidence_for_the_image(
    registry: Registry, repository: str, image: Pushed, scan: Scan, kind: str
) -> None:
    attached = attach(registry, repository, image, [(kind, b"signed", {})])
    refer(registry, repository, image.digest, attached)
    found, asked = scan()
    [evidence] = found[image.digest].evidence
    assert (evidence.content, evidence.media_type) == (b"signed", kind)
    assert [str(digest) for digest in evidence.subject.digests] == [image.digest]
    assert evidence.origin.startswith(f"{registry.host}/{repository}@{attached.digest} layer sha")
    assert found[image.digest].unread == ()
    # tags, whether there is an API, the image; the list, the document, its layer
    assert len(asked) == len(set(asked)) == 3 + 3


def test_simple_signing_layer_takes_its_annotations_along(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    payload = payload_for(f"{registry.host}/{repository}", image.digest)
    layer = (SIMPLE, payload, {SIGNATURE: "c2lnbmVk"})
    refer(registry, repository, image.digest, attach(registry, repository, image, [layer]))
    found, asked = scan()
    [evidence] = found[image.digest].evidence
    assert evidence.content.startswith(MAGIC)
    assert b"c2lnbmVk" in evidence.content
    assert not [line for line in asked if line.startswith("GET blobs")]  # it was built


@pytest.mark.parametrize("name", ["cosign", "notation", "c2-older", "c3-older"])
def test_layout_of_a_real_tool_is_read_from_a_registry_too(
    registry: Registry, repository: str, scan: Scan, name: str
) -> None:
    digest = push_layout(registry, repository, LAYOUTS / f"layout-{name}", "v1")
    found, _ = scan()
    assert len(found[digest].evidence) == 1
    assert found[digest].unread == ()


# --- re-scans ------------------------------------------------------------------------------------


def test_unchanged_image_costs_one_head_per_list_and_signature(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    signed = attach(registry, repository, image, [(BUNDLE, b"1", {})])
    sbom = attach(registry, repository, image, [(SBOM, b"{}", {})])
    refer(registry, repository, image.digest, signed, sbom)
    memory = UnitMemory()
    scan(memory)
    found, asked = scan(memory)
    assert found == {}
    assert asked == [
        "GET referrers/" + image.digest,  # once per repository
        "GET tags/list",
        "HEAD manifests/" + signature_tag(image.digest, ""),
        "HEAD manifests/" + signed.digest,
        "HEAD manifests/v1",
    ]


def test_signature_deleted_by_its_digest_and_still_listed_is_unread(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    documents = [
        attach(registry, repository, image, [(BUNDLE, content, {})]) for content in (b"1", b"2")
    ]
    refer(registry, repository, image.digest, *documents)
    memory = UnitMemory()
    scan(memory)
    registry.delete(repository, documents[0].digest)
    left = scan(memory)[0][image.digest]
    assert [each.content for each in left.evidence] == [b"2"]
    assert details(left) == [f"{repository}@{documents[0].digest}: listed, but not there"]


def test_list_that_changes_is_read_again(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    memory = UnitMemory()
    assert scan(memory)[0][image.digest].evidence == ()
    first = attach(registry, repository, image, [(BUNDLE, b"1", {})])
    refer(registry, repository, image.digest, first)
    assert len(scan(memory)[0][image.digest].evidence) == 1
    second = attach(registry, repository, image, [(BUNDLE, b"2", {})])
    refer(registry, repository, image.digest, first, second)
    assert len(scan(memory)[0][image.digest].evidence) == 2
    refer(registry, repository, image.digest)
    assert scan(memory)[0][image.digest].evidence == ()


@pytest.mark.parametrize("kept", ["listed", "sha256:" + "0" * 64])
def test_state_of_before_means_looking_again(
    registry: Registry, repository: str, image: Pushed, scan: Scan, kept: str
) -> None:
    refer(registry, repository, image.digest, attach(registry, repository, image, [(JWS, b"", {})]))
    memory = UnitMemory()
    scan(memory)
    [key] = memory.states
    signed = {"tag": kept, "referrers": "none"}
    memory.states[key] = json.dumps({"children": {}, "signed": signed})
    assert len(scan(memory)[0][image.digest].evidence) == 1


# --- what is listed and not read -----------------------------------------------------------------


def test_document_about_another_image_is_not_read(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    other = registry.push_image(repository, "other")
    lies = [
        attach(registry, repository, other, [(BUNDLE, b"of another", {})]),
        attach(registry, repository, None, [(BUNDLE, b"of none", {})]),
    ]
    refer(registry, repository, image.digest, *lies, image)
    found, asked = scan()
    assert found[image.digest].evidence == ()
    assert not [line for line in asked if line.startswith("GET blobs")]
    by_other, by_none, by_itself = sorted(details(found[image.digest]), key=len, reverse=True)
    assert by_other.endswith(f"refers to {other.digest}")
    assert lies[1].digest in by_none
    assert image.digest in by_itself
    assert found[other.digest].evidence == ()


def test_document_under_two_names_is_read_once(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    attached = attach(registry, repository, image, [(BUNDLE, b"1", {})])
    for suffix in (".sig", ".att"):
        registry.push_bytes(repository, signature_tag(image.digest, suffix), attached.content)
    refer(registry, repository, image.digest, attached, attached)
    found, asked = scan()
    assert len(found[image.digest].evidence) == 1
    assert f"GET manifests/{attached.digest}" not in asked
    assert len(asked) == len(set(asked))


def test_documents_that_hold_nothing_are_bounded_too(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    documents = [
        attach(registry, repository, image, [], f"application/x-{number}") for number in range(5)
    ]
    refer(registry, repository, image.digest, *documents)
    found, asked = scan(limits=Limits(signatures=3))
    assert "limits.signatures" in details(found[image.digest])[0]
    assert len([line for line in asked if line.startswith("GET manifests/sha256:")]) == 3


def test_bare_sbom_leaves_an_image_unread_and_a_signature_beside_it_counts(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    sbom = attach(registry, repository, image, [(SBOM, b"{}", {})])
    refer(registry, repository, image.digest, sbom)
    memory = UnitMemory()
    found, asked = scan(memory)
    [detail] = details(found[image.digest])
    assert SBOM in detail
    assert not [line for line in asked if line.startswith("GET blobs")]
    assert scan(memory)[0] == {}  # a type that is not read will not be read next time
    signed = attach(registry, repository, image, [(BUNDLE, b"1", {})])
    refer(registry, repository, image.digest, sbom, signed)
    [evidence] = scan(memory)[0][image.digest].evidence
    assert evidence.content == b"1"


def test_documents_of_other_types_are_named_and_not_asked_for(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    foreign = {"mediaType": "application/x-new<b>\u202e", "digest": image.digest, "size": 1}
    inner = registry.push_index(repository, "", {"linux/amd64": image})
    refer(registry, repository, image.digest, inner, foreign)
    found, asked = scan()
    of_index, of_foreign = sorted(details(found[image.digest]), key=lambda text: "x-new" in text)
    assert "image.index" in of_index
    assert of_foreign.isprintable()
    assert f"GET manifests/{inner.digest}" not in asked
    assert found[image.digest].state


def test_image_under_the_tag_of_a_list_is_trouble(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    registry.push_bytes(repository, signature_tag(image.digest, ""), image.content)
    found, _ = scan()
    assert found[image.digest].state == ""
    assert len(details(found[image.digest])) == 1


def test_limit_of_signatures_counts_tags_and_referrers_together(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    layers: list[Layer] = [(SIMPLE, f"{number}".encode(), {}) for number in range(2)]
    registry.push_layers(repository, signature_tag(image.digest), layers)
    documents = [
        attach(registry, repository, image, [(BUNDLE, f"{number}".encode(), {})])
        for number in range(3)
    ]
    refer(registry, repository, image.digest, *documents)
    found, asked = scan(limits=Limits(signatures=4))
    assert len(found[image.digest].evidence) == 4
    assert ["limits.signatures" in detail for detail in details(found[image.digest])] == [True]
    assert len([line for line in asked if line.startswith("GET manifests/sha256:")]) == 2
    assert len(scan()[0][image.digest].evidence) == 5


def test_signatures_are_read_before_what_promises_none(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    reports = [
        attach(registry, repository, image, [(SBOM, f"{number}".encode(), {})])
        for number in range(4)
    ]
    signed = attach(registry, repository, image, [(BUNDLE, b"1", {})])
    named = signed.descriptor(artifactType=BUNDLE)
    refer(registry, repository, image.digest, *reports, named)
    found, _ = scan(limits=Limits(signatures=2))
    assert [each.content for each in found[image.digest].evidence] == [b"1"]
    assert "limits.signatures" in details(found[image.digest])[-1]


def test_evidence_is_bounded_in_bytes_one_by_one_and_together(
    registry: Registry, repository: str, image: Pushed, scan: Scan
) -> None:
    large = attach(registry, repository, image, [(BUNDLE, b"x" * 2000, {})])
    refer(registry, repository, image.digest, large)
    [only] = scan(limits=Limits(evidence_bytes=1024))[0].values()
    assert [each.reason for each in only.unread] == ["TOO_LARGE"]
    many: list[Layer] = [(BUNDLE, bytes([number]) * 1000, {}) for number in range(9)]
    refer(registry, repository, image.digest, attach(registry, repository, image, many))
    [only] = scan(limits=Limits(evidence_bytes=1024))[0].values()
    assert 0 < len(only.evidence) < 9
    assert "bytes together" in details(only)[-1]


# --- indexes -------------------------------------------------------------------------------------


def test_index_and_child_are_each_vouched_for_alone(
    registry: Registry, repository: str, scan: Scan
) -> None:
    amd = registry.push_image(repository, "", b"amd")
    arm = registry.push_image(repository, "", b"arm")
    index = registry.push_index(repository, "v1", {"linux/amd64": amd, "linux/arm64": arm})
    for subject, content in ((index, b"index"), (amd, b"amd")):
        attached = attach(registry, repository, subject, [(BUNDLE, content, {})])
        refer(registry, repository, subject.digest, attached)
    memory = UnitMemory()
    found, _ = scan(memory)
    held = {digest: [each.content for each in one.evidence] for digest, one in found.items()}
    assert held == {index.digest: [b"index"], amd.digest: [b"amd"], arm.digest: []}
    for child in (amd, arm):
        assert f"the index {index.digest} is signed" in found[child.digest].looked[-1]
    again, asked = scan(memory)
    assert again == {}
    # tags, whether there is an API, the tag itself, the two lists, and what each lists
    assert len(asked) == 1 + 1 + 1 + 2 + 2


def test_tags_of_lists_are_no_artifacts(
    registry: Registry, repository: str, image: Pushed, tmp_path: Path
) -> None:
    refer(registry, repository, image.digest, attach(registry, repository, image, [(JWS, b"", {})]))
    http = RecordingHttp(LIMITS, home=registry.url)
    options = OciOptions.model_validate({"url": registry.url, "repositories": [repository]})
    collector = OciCollector("prod", options, Surroundings(http, LIMITS, {}, tmp_path, tmp_path))
    found = list(collector.collect(repository, UnitMemory()))
    http.close()
    assert [one.location.version for one in found if isinstance(one, Sighting)] == ["v1"]
