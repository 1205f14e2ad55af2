"""The registry collector against Debian's docker-registry: what it finds, and what it asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from collectors.collector import Surroundings
from collectors.oci import OciCollector, OciOptions
from core import wire
from core.cosign_container import read_container
from core.errors import CollectionError, UnreachableError
from core.limits import Limits
from core.model import (
    DigestOrigin,
    Discovery,
    Evidence,
    EvidenceSet,
    Sighting,
    Unchanged,
    UnitEnd,
)
from tests.fakes.registry import (
    DSSE,
    SIGNATURE,
    SIMPLE,
    RecordingHttp,
    Registry,
    payload_for,
    running_registry,
    signature_over,
    signature_tag,
)
from tests.fakes.unit_memory import UnitMemory

LIMITS = Limits(connect_seconds=20, read_seconds=20)
KEY = ec.derive_private_key(11, ec.SECP256R1())
OTHER_KEY = ec.derive_private_key(12, ec.SECP256R1())
NAMES = count()


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with running_registry() as running:
        yield running


@pytest.fixture
def repository() -> str:
    """A repository that no other test has touched."""
    return f"acme/app-{next(NAMES)}"


Scan = Callable[..., tuple[list[Discovery], list[str]]]


@pytest.fixture
def scan(registry: Registry, repository: str, tmp_path: Path) -> Scan:
    """Scan this test's repository; return what was found and what was asked for."""

    def scan_once(
        memory: UnitMemory, limits: Limits = LIMITS, **options: object
    ) -> tuple[list[Discovery], list[str]]:
        http = RecordingHttp(limits, home=registry.url)
        collector = collector_for(
            registry, http, tmp_path, limits, repositories=[repository], **options
        )
        assert list(collector.units()) == [repository]
        try:
            found = memory.keep(collector.collect(repository, memory))
        finally:
            http.close()
        assert http.traffic.requests == len(http.asked)
        start = f"/v2/{repository}/"
        return found, sorted(line.replace(start, "") for line in http.asked)

    return scan_once


def collector_for(
    registry: Registry,
    http: RecordingHttp,
    folder: Path,
    limits: Limits = LIMITS,
    **options: object,
) -> OciCollector:
    chosen = OciOptions.model_validate({"url": registry.url, **options})
    return OciCollector("prod", chosen, Surroundings(http, limits, {}, folder, folder))


def sets(found: list[Discovery]) -> dict[str, EvidenceSet]:
    return {one.key: one for one in found if isinstance(one, EvidenceSet)}


def sightings(found: list[Discovery]) -> dict[tuple[str, str], Sighting]:
    return {
        (one.location.version, one.location.variant): one
        for one in found
        if isinstance(one, Sighting)
    }


def holds(evidence: Evidence, key: ec.EllipticCurvePrivateKey) -> bool:
    """Say whether the signature in a container verifies over the payload in it."""
    held = read_container(evidence.content, LIMITS)
    signature = wire.decode_base64(held.annotations[SIGNATURE], what="signature")
    try:
        key.public_key().verify(signature, held.payload, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def test_signed_image_comes_with_its_signature_and_nothing_is_fetched_twice(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    registry.sign(repository, image.digest, KEY)
    memory = UnitMemory()
    found, asked = scan(memory)

    [evidence_set, sighting, end] = found
    assert isinstance(evidence_set, EvidenceSet)
    assert isinstance(sighting, Sighting)
    assert isinstance(end, UnitEnd)
    assert (str(sighting.artifact.digest), sighting.artifact.kind) == (image.digest, "oci-image")
    assert sighting.artifact.origin is DigestOrigin.COMPUTED
    assert sighting.artifact.size == len(image.content)
    assert (sighting.location.repository, sighting.location.name) == (repository, repository)
    [evidence] = evidence_set.evidence
    assert holds(evidence, KEY)
    assert evidence.media_type == SIMPLE
    assert [str(digest) for digest in evidence.subject.digests] == [image.digest]
    # The payload is cosign's default one: it was built, not fetched.
    assert asked == [
        "GET manifests/" + signature_tag(image.digest),
        "GET manifests/v1",
        "GET referrers/" + image.digest,
        "GET tags/list",
    ]

    again, asked = scan(memory)
    assert [type(one) for one in again] == [Unchanged, UnitEnd]
    assert asked == [
        "GET referrers/" + image.digest,  # once per repository: it may have learnt to
        "GET tags/list",
        "HEAD manifests/" + signature_tag(image.digest),
        "HEAD manifests/v1",
    ]


def test_unsigned_image_costs_one_request_and_says_where_we_looked(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    memory = UnitMemory()
    found, asked = scan(memory)
    [only] = sets(found).values()
    assert (only.evidence, only.unread) == ((), ())
    assert f"{repository}:{signature_tag(image.digest)} (not there)" in only.looked
    assert "referrers API: not offered" in only.looked
    assert len(asked) == 3
    _, asked = scan(memory)
    assert asked == ["GET referrers/" + image.digest, "GET tags/list", "HEAD manifests/v1"]


def test_requests_of_a_larger_repository_are_exact(
    registry: Registry, repository: str, scan: Scan
) -> None:
    for number in range(20):
        image = registry.push_image(repository, f"v{number:02}")
        if number % 2:
            registry.sign(repository, image.digest, KEY)
    memory = UnitMemory()
    found, asked = scan(memory, connections=4)
    # tags + referrers once + a manifest per image + a signature manifest per signed image
    assert len(asked) == len(set(asked)) == 1 + 1 + 20 + 10
    versions = [one.location.version for one in found if isinstance(one, Sighting)]
    assert versions == sorted(versions)
    again, asked = scan(memory)
    assert len(asked) == len(set(asked)) == 1 + 1 + 20 + 10
    assert not [line for line in asked if line.startswith("GET manifests")]
    assert len([one for one in again if isinstance(one, Unchanged)]) == 20
    assert scan(UnitMemory(), connections=1)[0] == found


def test_annotated_payload_is_fetched_and_kept_byte_for_byte(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    registry.sign(repository, image.digest, KEY, optional={"build": "17"})
    found, asked = scan(UnitMemory())
    [evidence] = next(iter(sets(found).values())).evidence
    expected = payload_for(f"{registry.host}/{repository}", image.digest, {"build": "17"})
    assert read_container(evidence.content, LIMITS).payload == expected
    assert holds(evidence, KEY)
    assert len([line for line in asked if line.startswith("GET blobs")]) == 1


def test_attack_05_altered_payload_comes_as_it_is_for_verification_to_refuse(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    signed = payload_for(f"{registry.host}/{repository}", image.digest)
    altered = signed.replace(b"acme", b"evil")
    annotations = {SIGNATURE: signature_over(signed, KEY)}
    registry.push_layers(repository, signature_tag(image.digest), [(SIMPLE, altered, annotations)])
    found, _ = scan(UnitMemory())
    [evidence] = next(iter(sets(found).values())).evidence
    assert read_container(evidence.content, LIMITS).payload == altered
    assert not holds(evidence, KEY)


def test_attack_05_signature_for_another_digest_keeps_saying_so(
    registry: Registry, repository: str, scan: Scan
) -> None:
    other = registry.push_image(repository, "other")
    image = registry.push_image(repository, "v1")
    registry.sign(repository, image.digest, KEY, named=other.digest)
    found, _ = scan(UnitMemory())
    [evidence] = sets(found)[f"{repository}@{image.digest}"].evidence
    assert other.digest.encode() in read_container(evidence.content, LIMITS).payload
    assert [str(digest) for digest in evidence.subject.digests] == [image.digest]
    assert sets(found)[f"{repository}@{other.digest}"].evidence == ()


def test_every_signature_is_a_piece_of_evidence_up_to_the_limit(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    registry.sign(repository, image.digest, KEY, OTHER_KEY, KEY)
    [whole] = sets(scan(UnitMemory())[0]).values()
    assert [holds(one, KEY) for one in whole.evidence] == [True, False, True]
    assert whole.unread == ()
    [cut] = sets(scan(UnitMemory(), Limits(signatures=2))[0]).values()
    assert len(cut.evidence) == 2
    assert [one.reason for one in cut.unread] == ["REFERRERS_NOT_READ"]
    assert "limits.signatures" in cut.unread[0].detail


def test_attestation_comes_as_its_envelope(registry: Registry, repository: str, scan: Scan) -> None:
    image = registry.push_image(repository, "v1")
    envelope = b'{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}'
    registry.push_layers(repository, signature_tag(image.digest, ".att"), [(DSSE, envelope, {})])
    [only] = sets(scan(UnitMemory())[0]).values()
    assert [(one.content, one.media_type) for one in only.evidence] == [(envelope, DSSE)]


def test_layer_of_unknown_type_is_unread_not_unsigned(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    tag = signature_tag(image.digest)
    registry.push_layers(repository, tag, [("application/x-new<b>\u202e", b"?", {})])
    [only] = sets(scan(UnitMemory())[0]).values()
    assert only.evidence == ()
    assert only.unread[0].reason == "REFERRERS_NOT_READ"
    assert "\u202e" not in only.unread[0].detail


def test_fallback_tag_is_unread_not_unsigned(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    memory = UnitMemory()
    scan(memory)
    registry.push_index(repository, signature_tag(image.digest, ""), {"linux/amd64": image})
    found, _ = scan(memory)
    assert list(sightings(found)) == [("v1", "")]
    [only] = sets(found).values()
    assert only.unread[0].reason == "REFERRERS_NOT_READ"
    again, _ = scan(memory)
    assert [type(one) for one in again] == [Unchanged, UnitEnd]


def test_index_and_its_platforms_are_artifacts_of_their_own(
    registry: Registry, repository: str, scan: Scan
) -> None:
    children = {
        "linux/amd64": registry.push_image(repository, "", b"amd"),
        "linux/arm64/v8": registry.push_image(repository, "", b"arm"),
    }
    index = registry.push_index(repository, "v1", children)
    registry.sign(repository, index.digest, KEY)
    memory = UnitMemory()
    found, asked = scan(memory)
    seen = sightings(found)
    assert list(seen) == [("v1", ""), ("v1", "linux/amd64"), ("v1", "linux/arm64/v8")]
    assert seen["v1", ""].artifact.kind == "oci-index"
    assert str(seen["v1", "linux/amd64"].artifact.digest) == children["linux/amd64"].digest
    by_key = sets(found)
    assert len(by_key[f"{repository}@{index.digest}"].evidence) == 1
    child = by_key[f"{repository}@{children['linux/amd64'].digest}"]
    assert child.evidence == ()
    assert f"the index {index.digest} is signed" in child.looked[-1]
    assert len(asked) == len(set(asked)) == 1 + 1 + 1 + 2 + 1

    again, asked = scan(memory)
    assert [type(one) for one in again] == [Unchanged, Unchanged, Unchanged, UnitEnd]
    kinds = [line.split("/")[0] for line in asked]
    assert kinds == ["GET referrers", "GET tags", "HEAD manifests", "HEAD manifests"]


def test_platform_that_is_signed_later_is_read_again_and_only_it(
    registry: Registry, repository: str, scan: Scan
) -> None:
    children = {
        "linux/amd64": registry.push_image(repository, "", b"one"),
        "linux/arm64": registry.push_image(repository, "", b"two"),
    }
    registry.push_index(repository, "v1", children)
    memory = UnitMemory()
    scan(memory)
    registry.sign(repository, children["linux/arm64"].digest, KEY)
    found, asked = scan(memory)
    key = f"{repository}@{children['linux/arm64'].digest}"
    assert holds(sets(found)[key].evidence[0], KEY)
    assert [one.location.variant for one in found if isinstance(one, Unchanged)] == ["linux/amd64"]
    assert f"GET manifests/{children['linux/amd64'].digest}" not in asked


def test_platforms_are_left_alone_where_the_index_is_what_counts(
    registry: Registry, repository: str, scan: Scan
) -> None:
    child = registry.push_image(repository, "", b"child")
    registry.push_index(repository, "v1", {"linux/amd64": child})
    found, asked = scan(UnitMemory(), platforms="index")
    assert list(sightings(found)) == [("v1", "")]
    [only] = sets(found).values()
    assert "its platforms are not looked at (platforms: index)" in only.looked
    assert len(asked) == 3


def test_same_digest_under_many_tags_is_one_set_read_once(
    registry: Registry, repository: str, scan: Scan
) -> None:
    tags = ["latest", "v1", "v1.2"]
    for tag in tags:
        image = registry.push_image(repository, tag, b"same")
    registry.sign(repository, image.digest, KEY)
    found, asked = scan(UnitMemory())
    assert [version for version, _ in sightings(found)] == tags
    assert len(sets(found)) == 1
    assert len([line for line in asked if line.endswith(".sig")]) == 1


def test_signature_that_is_added_changed_or_removed_is_noticed(
    registry: Registry, repository: str, scan: Scan
) -> None:
    image = registry.push_image(repository, "v1")
    memory = UnitMemory()
    scan(memory)
    pushed = registry.sign(repository, image.digest, OTHER_KEY)
    [added] = sets(scan(memory)[0]).values()
    assert not holds(added.evidence[0], KEY)
    registry.delete(repository, pushed.digest)
    [removed] = sets(scan(memory)[0]).values()
    assert removed.evidence == ()
    registry.sign(repository, image.digest, KEY)
    [changed] = sets(scan(memory)[0]).values()
    assert holds(changed.evidence[0], KEY)


def test_attack_05_moved_tag_is_read_again_and_a_deleted_one_is_gone(
    registry: Registry, repository: str, scan: Scan
) -> None:
    registry.push_image(repository, "latest", b"first")
    doomed = registry.push_image(repository, "old", b"old")
    memory = UnitMemory()
    scan(memory)
    moved = registry.push_image(repository, "latest", b"second")
    registry.delete(repository, doomed.digest)
    found, _ = scan(memory)
    [(place, sighting)] = sightings(found).items()
    assert (place, str(sighting.artifact.digest)) == (("latest", ""), moved.digest)
    assert [one for one in found if isinstance(one, Unchanged)] == []


def test_only_tags_that_are_wanted_are_looked_at(
    registry: Registry, repository: str, scan: Scan
) -> None:
    for tag in ("v1", "v2", "dev-1"):
        registry.push_image(repository, tag)
    found, asked = scan(UnitMemory(), tags=["v*"])
    assert [version for version, _ in sightings(found)] == ["v1", "v2"]
    assert "GET manifests/dev-1" not in asked


def test_catalog_is_paged_and_filtered_and_literal_names_need_none(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.oci_registry.PAGE", 2)
    names = [f"paged/{name}" for name in ("a", "b", "c", "d", "e")]
    for name in names:
        registry.push_image(name, "v1")
    http = RecordingHttp(LIMITS, home=registry.url)
    collector = collector_for(registry, http, tmp_path, repositories=["paged/*", "other/x"])
    assert list(collector.units()) == ["other/x", *names]
    assert len(http.asked) >= 3
    before = len(http.asked)
    literal = collector_for(registry, http, tmp_path, repositories=["b/c", "a"], catalog="never")
    assert list(literal.units()) == ["a", "b/c"]
    assert len(http.asked) == before
    http.close()


def test_literal_repository_that_is_not_there_is_an_error(
    registry: Registry, tmp_path: Path
) -> None:
    http = RecordingHttp(LIMITS, home=registry.url)
    collector = collector_for(registry, http, tmp_path, repositories=["no/such"])
    with pytest.raises(UnreachableError, match="no/such"):
        list(collector.collect("no/such", UnitMemory()))
    http.close()


def test_pages_beyond_the_limit_are_an_error_that_names_it(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.oci_registry.PAGE", 1)
    for name in ("limit/a", "limit/b", "limit/c"):
        registry.push_image(name, "v1")
    http = RecordingHttp(LIMITS, home=registry.url)
    for limits, named in ((Limits(pages=1), "pages"), (Limits(repositories=1), "repositories")):
        collector = collector_for(registry, http, tmp_path, limits)
        with pytest.raises(Exception, match=f"limits.{named}"):
            list(collector.units())
    http.close()


def test_leaving_in_the_middle_stops_asking(
    registry: Registry, repository: str, tmp_path: Path
) -> None:
    for number in range(12):
        registry.push_image(repository, f"v{number}")
    http = RecordingHttp(LIMITS, home=registry.url)
    collector = collector_for(registry, http, tmp_path, connections=1)
    looking = collector.collect(repository, UnitMemory())
    next(looking)
    looking.close()  # type: ignore[attr-defined]
    assert len(http.asked) < 3 + 12
    http.close()


def test_scan_that_is_stopped_ends_at_once(
    registry: Registry, repository: str, tmp_path: Path
) -> None:
    registry.push_image(repository, "v1")
    asked: list[str] = []
    http = RecordingHttp(LIMITS, home=registry.url, cancelled=lambda: len(asked) > 1)
    http.asked = asked
    collector = collector_for(registry, http, tmp_path, connections=1)
    with pytest.raises(CollectionError) as caught:
        list(collector.collect(repository, UnitMemory()))
    assert caught.value.reason == "SCAN_INCOMPLETE"
    http.close()


def test_state_is_small_and_plain(registry: Registry, repository: str, scan: Scan) -> None:
    image = registry.push_image(repository, "v1")
    pushed = registry.sign(repository, image.digest, KEY)
    memory = UnitMemory()
    scan(memory)
    [state] = memory.states.values()
    signed = {".sig": pushed.digest, "referrers": "none"}
    assert json.loads(state) == {"children": {}, "signed": signed}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "url"),
        ({"url": "https://user:secret@a"}, "credentials"),
        ({"url": "https://a/v2/"}, "no path"),
        ({"url": "ftp://a"}, "https://"),
        ({"url": "https://a", "repositories": ["Upper"]}, "no repository"),
        ({"url": "https://a", "repositories": ["../a"]}, "no repository"),
        ({"url": "https://a", "repositories": []}, "at least 1"),
        ({"url": "https://a", "tags": [""]}, "empty pattern"),
        ({"url": "https://a", "catalog": "never"}, "needs the catalog"),
        ({"url": "https://a", "username": "x"}, "stand together"),
        ({"url": "https://a", "password": "plain"}, "secret"),
        ({"url": "https://a", "token_hosts": ["a b"]}, "URL"),
        ({"url": "https://a", "connections": 0}, "greater"),
        ({"url": "https://a", "repos": []}, "Extra"),
    ],
)
def test_options_that_cannot_mean_anything_are_refused(
    options: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        OciOptions.model_validate(options)
    assert words in str(caught.value)
