"""OCI layouts on disk: which image, what signs it, and how far that reaches."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from collectors.oci_manifest import MAX_LAYERS, Descriptor
from core.cosign_container import SIGNATURE_ANNOTATION, SIMPLE_SIGNING
from core.errors import CollectionError, UsageError
from core.limits import Limits
from core.model import Digest, Outcome, Trust, digest_of
from jobs import oci_blobs
from jobs.oci_blobs import Blobs
from jobs.oci_layout import read_layout
from jobs.verify_case import Question
from jobs.verify_inputs import read_file
from jobs.verifying import Answer, answer
from tests.verification.specimens import (
    AUTHORITY,
    DAY,
    NOW,
    authority_entry,
    certificate,
    envelope,
    key_entry,
    pem,
    private_key,
    sign,
    statement,
)
from verification.verifier import IdentityDemand, IdentityScope

KEY = private_key("p256", "layout")
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TAG = "org.opencontainers.image.ref.name"
LIMITS = Limits()


@dataclass
class Made:
    """A layout that is being put together."""

    folder: Path
    listed: list[dict[str, object]] = field(default_factory=list)

    def blob(self, content: bytes) -> Digest:
        digest = digest_of(content)
        place = self.folder / "blobs" / "sha256"
        place.mkdir(parents=True, exist_ok=True)
        (place / digest.value).write_bytes(content)
        return digest

    def descriptor(self, content: bytes, media_type: str, **annotations: str) -> dict[str, object]:
        written: dict[str, object] = {
            "mediaType": media_type,
            "digest": str(self.blob(content)),
            "size": len(content),
        }
        return written | ({"annotations": annotations} if annotations else {})

    def document(
        self, document: dict[str, object], tag: str = "", *, listed: bool = True
    ) -> Digest:
        kind = INDEX if "manifests" in document else MANIFEST
        content = json.dumps({"schemaVersion": 2, "mediaType": kind, **document}).encode()
        descriptor = self.descriptor(content, kind, **({TAG: tag} if tag else {}))
        if listed:
            self.listed.append(descriptor)
        return digest_of(content)

    def image(self, layer: bytes = b"layer", tag: str = "v1", *, listed: bool = True) -> Digest:
        layers = [self.descriptor(layer, "application/vnd.oci.image.layer.v1.tar")]
        config = self.descriptor(b"{}", "application/vnd.oci.image.config.v1+json")
        return self.document({"config": config, "layers": layers}, tag, listed=listed)

    def write(self) -> Path:
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.listed}
        (self.folder / "index.json").write_text(json.dumps(index))
        return self.folder


def payload(image: Digest) -> bytes:
    critical = {
        "identity": {"docker-reference": "registry.acme.example/app"},
        "image": {"docker-manifest-digest": str(image)},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def signature_layer(made: Made, image: Digest, **annotations: str) -> dict[str, object]:
    content = payload(image)
    encoded = base64.b64encode(sign(KEY, content)).decode()
    return made.descriptor(
        content, SIMPLE_SIGNING, **({SIGNATURE_ANNOTATION: encoded} | annotations)
    )


def asked(place: str, folder: Path, *entries: object, any_identity: bool = False) -> Answer:
    scope = IdentityScope.ANY if any_identity else IdentityScope.NAMED
    question = Question(
        artifact=place,
        trust=Trust(entries or (key_entry(KEY),)),  # type: ignore[arg-type]
        demand=IdentityDemand("", "", scope),
        limits=LIMITS,
        spool=folder,
    )
    return answer(question, NOW)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    folder = tmp_path / "layout"
    folder.mkdir()
    return Made(folder)


def tag_of(image: Digest, suffix: str = "") -> str:
    return f"{image.algorithm}-{image.value}{suffix}"


def signed_layout(made: Made) -> Digest:
    image = made.image()
    made.document({"layers": [signature_layer(made, image)]}, tag_of(image, ".sig"))
    made.write()
    return image


def test_signature_under_cosigns_tag(made: Made, tmp_path: Path) -> None:
    image = signed_layout(made)
    for place in (str(made.folder), f"oci:{made.folder}", f"oci:{made.folder}@{image}"):
        found = asked(place, tmp_path)
        assert found.verification.reason == ""
        assert found.verification.outcome is Outcome.VERIFIED
        assert found.digest == image
    notes = [check.detail for check in found.verification.checks if check.step == "coverage"]
    assert notes == [f"{image} covers 2 blobs by digest (2 here, as named)"]
    other = asked(str(made.folder), tmp_path, key_entry(private_key("p384")))
    assert other.verification.reason == "SIGNATURE_INVALID"


def test_tag_may_be_a_whole_reference(made: Made, tmp_path: Path) -> None:
    image = made.image(tag="registry.acme.example:5000/app:v1")
    tag = f"registry.acme.example:5000/app:{tag_of(image, '.sig')}"
    made.document({"layers": [signature_layer(made, image)]}, tag)
    assert asked(str(made.write()), tmp_path).verification.outcome is Outcome.VERIFIED


def test_layout_of_cosign_save(made: Made, tmp_path: Path) -> None:
    image = made.image(tag="")
    made.document({"layers": [signature_layer(made, image)]})
    kinds = ("dev.cosignproject.cosign/image", "dev.cosignproject.cosign/sigs")
    for entry, kind in zip(made.listed, kinds, strict=True):
        entry["annotations"] = {"kind": kind}
    assert asked(str(made.write()), tmp_path).verification.outcome is Outcome.VERIFIED


def attested(image: Digest) -> bytes:
    made = statement(image, predicate_type="https://slsa.dev/provenance/v1")
    return json.dumps(envelope(made, KEY)).encode()


def test_attestation_under_cosigns_tag(made: Made, tmp_path: Path) -> None:
    image = made.image()
    layer = made.descriptor(attested(image), ENVELOPE)
    made.document({"layers": [layer]}, tag_of(image, ".att"))
    found = asked(str(made.write()), tmp_path)
    assert found.verification.outcome is Outcome.VERIFIED
    assert found.verification.statement is not None


def referrer(made: Made, image: Digest, *, listed: bool) -> Digest:
    subject = {"mediaType": MANIFEST, "digest": str(image), "size": 1}
    layer = made.descriptor(attested(image), ENVELOPE)
    return made.document({"subject": subject, "layers": [layer]}, listed=listed)


def test_documents_that_refer_to_the_image(made: Made, tmp_path: Path) -> None:
    image = made.image()
    referrer(made, image, listed=True)
    assert asked(str(made.write()), tmp_path).verification.outcome is Outcome.VERIFIED


def test_documents_under_the_fallback_tag(made: Made, tmp_path: Path) -> None:
    image = made.image()
    attached = referrer(made, image, listed=False)
    blob = (made.folder / "blobs" / "sha256" / attached.value).read_bytes()
    listed = [made.descriptor(blob, MANIFEST)]
    made.document({"manifests": listed}, tag_of(image))
    assert asked(str(made.write()), tmp_path).verification.outcome is Outcome.VERIFIED


def certified(made: Made, image: Digest) -> tuple[dict[str, object], x509.Certificate]:
    """Return a layer with an envelope by a certificate of an authority, and the authority."""
    root_key = private_key("p256", "layout root")
    root = certificate("root", "root", root_key, root_key, AUTHORITY)
    usage = ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),)
    leaf = certificate("leaf", "root", KEY, root_key, usage)
    annotation = {"dev.sigstore.cosign/certificate": pem(leaf).decode()}
    return made.descriptor(attested(image), ENVELOPE, **annotation), root


def test_attestation_by_certificate(made: Made, tmp_path: Path) -> None:
    image = made.image()
    layer, root = certified(made, image)
    made.document({"layers": [layer]}, tag_of(image, ".att"))
    made.write()
    found = asked(str(made.folder), tmp_path, authority_entry(root), any_identity=True)
    assert found.verification.reason == ""
    assert found.verification.format == "cosign-attestation"
    assert asked(str(made.folder), tmp_path).verification.outcome is Outcome.VERIFIED
    late = authority_entry(root, until=NOW - DAY)
    refused = asked(str(made.folder), tmp_path, late, any_identity=True)
    assert refused.verification.outcome is Outcome.UNTRUSTED


# --- attack class 12: how far a signature reaches -------------------------------------------------


def test_attack_12_exchanged_layer_is_noticed(made: Made, tmp_path: Path) -> None:
    image = signed_layout(made)
    layer = digest_of(b"layer")
    (made.folder / "blobs" / "sha256" / layer.value).write_bytes(b"other")
    found = asked(str(made.folder), tmp_path)
    assert found.verification.reason == "DIGEST_MISMATCH"
    (made.folder / "blobs" / "sha256" / layer.value).unlink()
    sparse = asked(str(made.folder), tmp_path).verification
    assert sparse.outcome is Outcome.VERIFIED
    assert any("(1 here, as named)" in check.detail for check in sparse.checks)
    manifest = made.folder / "blobs" / "sha256" / image.value
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert asked(str(made.folder), tmp_path).verification.reason == "DIGEST_MISMATCH"


def test_attack_12_signed_index_says_what_it_covers(made: Made, tmp_path: Path) -> None:
    child = made.image(listed=False)
    blob = (made.folder / "blobs" / "sha256" / child.value).read_bytes()
    index = made.document({"manifests": [made.descriptor(blob, MANIFEST)]}, "v1")
    made.document({"layers": [signature_layer(made, index)]}, tag_of(index, ".sig"))
    made.write()
    found = asked(str(made.folder), tmp_path).verification
    assert found.outcome is Outcome.VERIFIED
    assert any("1 manifest (1 here, as named)" in check.detail for check in found.checks)
    below = asked(f"oci:{made.folder}@{child}", tmp_path).verification
    assert below.reason == "NOT_SIGNED"


def test_signature_of_another_image(made: Made, tmp_path: Path) -> None:
    image = made.image()
    layer = signature_layer(made, digest_of(b"other"))
    made.document({"layers": [layer]}, tag_of(image, ".sig"))
    assert asked(str(made.write()), tmp_path).verification.reason == "SUBJECT_MISMATCH"


# --- layouts that cannot be read, or mean nothing -------------------------------------------------


def test_image_without_signature(made: Made, tmp_path: Path) -> None:
    made.image()
    assert asked(str(made.write()), tmp_path).verification.reason == "NOT_SIGNED"


def test_what_is_not_read_is_told(made: Made, tmp_path: Path) -> None:
    image = made.image()
    layer = made.descriptor(b"{}", "text/spdx+json")
    made.document({"layers": [layer]}, tag_of(image, ".sig"))
    found = asked(str(made.write()), tmp_path).verification
    assert found.reason == "REFERRERS_NOT_READ"
    assert "text/spdx+json" in found.detail


@pytest.mark.parametrize("tag", ["", "fallback"])
def test_a_document_of_an_unknown_type_is_no_error(made: Made, tmp_path: Path, tag: str) -> None:
    # image-spec, image-index.md: an unknown type must not generate an error.
    image = made.image()
    other = made.descriptor(b"<component/>", "application/xml")
    if tag:
        made.document({"manifests": [other]}, tag_of(image))
    else:
        made.listed.append(other)
    unsigned = asked(str(made.write()), tmp_path).verification
    assert (unsigned.outcome, unsigned.reason) == (Outcome.UNVERIFIABLE, "REFERRERS_NOT_READ")
    assert "application/xml" in unsigned.detail
    made.document({"layers": [signature_layer(made, image)]}, tag_of(image, ".sig"))
    assert asked(str(made.write()), tmp_path).verification.outcome is Outcome.VERIFIED


def without(made: Made, *digests: Digest) -> None:
    for digest in digests:
        (made.folder / "blobs" / "sha256" / digest.value).unlink()


def under_the_tag(made: Made, image: Digest, about: Digest) -> tuple[Digest, Digest]:
    """List a document about an image under the tag of what refers to another."""
    signed = referrer(made, about, listed=False)
    child = made.descriptor((made.folder / "blobs/sha256" / signed.value).read_bytes(), MANIFEST)
    return signed, made.document({"manifests": [child]}, tag_of(image))


ABSENT: dict[str, Callable[[Made, Digest], None]] = {
    "document under a tag": lambda made, image: without(
        made, made.document({"layers": [signature_layer(made, image)]}, tag_of(image, ".sig"))
    ),
    "list": lambda made, image: without(made, under_the_tag(made, image, image)[1]),
    "document in a list": lambda made, image: without(made, under_the_tag(made, image, image)[0]),
    "document without a tag": lambda made, image: without(made, referrer(made, image, listed=True)),
}


@pytest.mark.parametrize("what", ABSENT)
def test_what_is_listed_and_cannot_be_read_is_told(made: Made, what: str) -> None:
    image = made.image()
    ABSENT[what](made, image)
    found = read_layout(made.write(), str(image), "x", LIMITS)
    assert found.evidence == []
    assert [each.reason for each in found.unread] == ["REFERRERS_NOT_READ"]


def test_a_document_about_another_image_in_a_list_is_told(made: Made) -> None:
    image = made.image()
    under_the_tag(made, image, digest_of(b"another"))
    found = read_layout(made.write(), str(image), "x", LIMITS)
    [unread] = found.unread
    assert unread.reason == "REFERRERS_NOT_READ"
    assert str(digest_of(b"another")) in unread.detail


def test_other_images_of_a_layout_may_lie_elsewhere(made: Made) -> None:
    image = made.image()
    without(made, made.image(b"another", "v2"))
    found = read_layout(made.write(), str(image), "x", LIMITS)
    assert [each.reason for each in found.unread] == ["NOT_SIGNED"]


def test_an_image_under_an_unknown_type_is_none(made: Made) -> None:
    made.image()
    made.listed[0]["mediaType"] = "application/vnd.oci.artifact.manifest.v1+json"
    made.write()
    with pytest.raises(UsageError, match="holds 0 images"):
        read_layout(made.folder, "", "x", LIMITS)


def test_several_images_want_a_name(made: Made) -> None:
    images = {made.image(b"a", "a"), made.image(b"b", "b")}
    made.write()
    with pytest.raises(UsageError, match="holds 2 images"):
        read_layout(made.folder, "", "x", LIMITS)
    for image in images:
        assert read_layout(made.folder, str(image), "x", LIMITS).subject.digests == (image,)
    with pytest.raises(UsageError, match="does not hold"):
        read_layout(made.folder, str(digest_of(b"nothing")), "x", LIMITS)
    with pytest.raises(UsageError):
        read_layout(made.folder, "latest", "x", LIMITS)


BROKEN = {
    "another version": ("oci-layout", b'{"imageLayoutVersion": "2.0.0"}'),
    "no version": ("oci-layout", b"{}"),
    "no JSON": ("index.json", b"hello"),
    "no list": ("index.json", b'{"schemaVersion": 2}'),
    "a digest that leads out": (
        "index.json",
        b'{"manifests": [{"mediaType": "a", "digest": "sha256:../../../x", "size": 1}]}',
    ),
    "a list of another kind": ("index.json", b'{"manifests": {}}'),
}


@pytest.mark.parametrize(("name", "content"), BROKEN.values(), ids=BROKEN.keys())
def test_attack_17_broken_layout(made: Made, name: str, content: bytes) -> None:
    signed_layout(made)
    (made.folder / name).write_bytes(content)
    with pytest.raises(CollectionError) as caught:
        read_layout(made.folder, "", "x", LIMITS)
    assert caught.value.reason == "MALFORMED"


def test_attack_16_layout_is_read_within_the_limits(made: Made) -> None:
    image = made.image()
    layers = [signature_layer(made, image) for _ in range(5)]
    made.document({"layers": layers}, tag_of(image, ".sig"))
    made.write()
    few = read_layout(made.folder, "", "x", Limits(signatures=2))
    assert len(few.evidence) == 2
    assert [each.reason for each in few.unread] == ["TOO_LARGE"]
    large = made.folder / "index.json"
    large.write_bytes(large.read_bytes() + b" " * 2048)
    with pytest.raises(CollectionError) as caught:
        read_layout(made.folder, "", "x", Limits(document_bytes=1024, evidence_bytes=1024))
    assert caught.value.reason == "TOO_LARGE"


# --- how often something is named ----------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each blob is read or hashed."""
    counted: Counter[str] = Counter()
    really_hash = Blobs._hash

    def read(path: Path, limit: int) -> bytes:
        counted[path.name] += 1
        return read_file(path, limit)

    def hashing(self: Blobs, path: Path, descriptor: Descriptor) -> int:
        counted[path.name] += 1
        return really_hash(self, path, descriptor)

    monkeypatch.setattr(oci_blobs, "read_file", read)
    monkeypatch.setattr(Blobs, "_hash", hashing)
    return counted


def test_what_is_named_often_is_read_once(made: Made, reads: Counter[str]) -> None:
    layer = made.descriptor(b"layer", "application/vnd.oci.image.layer.v1.tar")
    image = made.document({"layers": [layer] * 50}, "v1")
    made.document({"layers": [signature_layer(made, image)]}, tag_of(image, ".sig"))
    made.listed *= 50
    found = read_layout(made.write(), "", "x", LIMITS)
    assert len(found.evidence) == 1
    assert found.notes == [f"{image} covers 50 blobs by digest (50 here, as named)"]
    assert reads.pop(image.value) == 2  # as the image, and as what the index lists
    assert set(reads.values()) == {1}


def test_children_of_an_index_are_read_once(made: Made, reads: Counter[str]) -> None:
    child = made.image(listed=False)
    blob = (made.folder / "blobs" / "sha256" / child.value).read_bytes()
    index = made.document({"manifests": [made.descriptor(blob, MANIFEST)] * 30}, "v1")
    attached = referrer(made, index, listed=False)
    blob = (made.folder / "blobs" / "sha256" / attached.value).read_bytes()
    made.document({"manifests": [made.descriptor(blob, MANIFEST)] * 30}, tag_of(index))
    made.listed += made.listed[-1:] * 30
    found = read_layout(made.write(), str(index), "x", LIMITS)
    assert len(found.evidence) == 1
    assert [note[:40] for note in found.notes[1:]] == [str(child)[:40]]
    assert "30 manifests (30 here, as named)" in found.notes[0]
    assert max(reads[child.value], reads[attached.value]) == 1


def test_layout_of_cosign_save_whose_image_has_two_tags(made: Made, tmp_path: Path) -> None:
    image = made.image(tag="v1")
    made.image(tag="latest")
    made.document({"layers": [signature_layer(made, image)]})
    made.listed[-1]["annotations"] = {"kind": "dev.cosignproject.cosign/sigs"}
    assert asked(str(made.write()), tmp_path).verification.outcome is Outcome.VERIFIED


@pytest.mark.parametrize("place", ["index", "layer"])
def test_one_blob_has_one_length(made: Made, place: str) -> None:
    layer = made.descriptor(b"layer", "application/vnd.oci.image.layer.v1.tar")
    longer = {**layer, "size": 6}
    made.document({"layers": [layer, longer if place == "layer" else layer]}, "v1")
    if place == "index":
        made.listed.append({**made.listed[0], "size": 1})
    with pytest.raises(CollectionError) as caught:
        read_layout(made.write(), "", "x", LIMITS)
    assert caught.value.reason == ("DIGEST_MISMATCH" if place == "layer" else "MALFORMED")


def many_manifests(made: Made) -> Limits:
    for number in range(14):
        layer = made.descriptor(b"layer", "application/vnd.oci.image.layer.v1.tar")
        made.document({"layers": [layer], "annotations": {"n": "x" * 900 + str(number)}})
    return Limits(document_bytes=1024 * 3)


def many_layers(made: Made) -> Limits:
    layer = made.descriptor(b"layer", "application/vnd.oci.image.layer.v1.tar")
    made.document({"layers": [layer] * (MAX_LAYERS + 1)}, "v1")
    return LIMITS


def large_layers(made: Made) -> Limits:
    kind = "application/vnd.oci.image.layer.v1.tar"
    layers = [made.descriptor(bytes([number]) * 700, kind) for number in range(2)]
    made.document({"layers": layers}, "v1")
    return Limits(artifact_bytes=1024)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (many_manifests, "more than 12288 bytes together (4 x document_bytes)"),
        (many_layers, f"more than {MAX_LAYERS}"),
        (large_layers, "more than 1024 bytes together (artifact_bytes)"),
    ],
)
def test_attack_16_the_sum_of_what_a_layout_names_is_bounded(
    made: Made, write: Callable[[Made], Limits], words: str
) -> None:
    limits = write(made)
    made.write()
    with pytest.raises(CollectionError) as caught:
        read_layout(made.folder, "", "x", limits)
    assert caught.value.reason == "TOO_LARGE"
    assert words in str(caught.value)


def test_attack_16_the_sum_of_signatures_is_bounded(made: Made) -> None:
    image = made.image()
    layers = [signature_layer(made, image, number=f"{number}" * 900) for number in range(9)]
    made.document({"layers": layers}, tag_of(image, ".sig"))
    found = read_layout(made.write(), "", "x", Limits(evidence_bytes=1024))
    assert 0 < len(found.evidence) < 9
    (refused,) = found.unread
    assert refused.reason == "TOO_LARGE"
    assert refused.detail == "signatures of more than 4096 bytes together (4 x evidence_bytes)"


def test_a_blob_longer_than_named_is_not_hashed_to_its_end(made: Made) -> None:
    layer = made.descriptor(b"layer", "application/vnd.oci.image.layer.v1.tar")
    made.document({"layers": [layer]}, "v1")
    place = made.folder / "blobs" / str(layer["digest"]).replace(":", "/")
    with place.open("r+b") as opened:
        opened.truncate(2048)
    with pytest.raises(CollectionError) as caught:
        read_layout(made.write(), "", "x", LIMITS)
    assert caught.value.reason == "DIGEST_MISMATCH"
