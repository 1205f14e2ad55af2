"""Images signed by what refers to them, as real tools have signed them, judged in a scan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.workspace import Workspace
from storage import migrate
from storage.database import Database
from tests.fakes.referrers import BUNDLE, JWS, Layer, attach, push_layout, refer
from tests.fakes.registry import Registry, running_registry
from tests.jobs.conftest import LIBRARY, NOW, Reopen
from tests.jobs.test_oci_scan import scan, standings

SPECIMENS = Path(__file__).parent.parent / "specimens" / "interop"
APP = "acme/app"
# Each layout is an image, and one document that refers to it.
LAYOUTS = {"cosign-3": "cosign", "notation": "notation", "cosign-older": "c3-older"}


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry() as running:
        for tag, layout in LAYOUTS.items():
            push_layout(running, APP, SPECIMENS / f"layout-{layout}", tag)
        yield running


@pytest.fixture
def workspace(tmp_path: Path, registry: Registry, database_url: str, reopen: Reopen) -> Workspace:
    (tmp_path / "policies").mkdir()
    everything = LIBRARY / "everything-is-signed.yaml"
    (tmp_path / "policies" / everything.name).write_bytes(everything.read_bytes())
    for name in ("p256.pub", "root.pem"):
        (tmp_path / name).write_bytes((SPECIMENS / name).read_bytes())
    settings = tmp_path / "countersign.yaml"
    settings.write_text(
        f"database: {database_url}\n"
        "trust: {keys: {release: {file: p256.pub}}, authorities: {acme: {file: root.pem}}}\n"
        f"sources: [{{id: prod, kind: oci, url: '{registry.url}', repositories: ['acme/**'], "
        "trust: [release, acme]}]\n"
    )
    database = Database.open(database_url)
    migrate.upgrade(database)
    database.close()
    return reopen(settings, NOW)


def signature(layout: str, media_type: str) -> bytes:
    """Return the one layer of that type in a layout."""
    folder = SPECIMENS / f"layout-{layout}"
    for listed in json.loads((folder / "index.json").read_bytes())["manifests"]:
        blobs = folder / "blobs" / "sha256"
        document = json.loads((blobs / listed["digest"].partition(":")[2]).read_bytes())
        for each in document["layers"]:
            if each["mediaType"] == media_type:
                found: str = each["digest"].partition(":")[2]
                return (blobs / found).read_bytes()
    raise AssertionError(f"{layout} holds no {media_type}")


def altered(layout: str, media_type: str, *keys: str) -> bytes:
    """Return a signature of which one character, far from the end of its base64, is another."""
    document = json.loads(signature(layout, media_type))
    place = document
    for key in keys[:-1]:
        place = place[int(key) if isinstance(place, list) else key]
    written = place[keys[-1]]
    place[keys[-1]] = written[:20] + ("A" if written[20] != "A" else "B") + written[21:]
    return json.dumps(document).encode()


def test_images_of_real_tools_are_verified(workspace: Workspace) -> None:
    report = scan(workspace)
    assert report.scan.state == "complete"
    assert standings(workspace) == dict.fromkeys(((tag, "") for tag in LAYOUTS), ("verified", ""))


def test_unchanged_rescan_is_one_head_for_each_tag_and_signature(workspace: Workspace) -> None:
    first = scan(workspace)
    again = scan(workspace)
    # catalog, tags, whether there is an API; then an image each, its list, a document, a layer
    assert first.scan.counts.requests == 3 + 4 * len(LAYOUTS)
    assert again.scan.counts.requests == 3 + 3 * len(LAYOUTS)
    assert again.scan.counts.rows_written == 0


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        (BUNDLE, altered("cosign", BUNDLE, "dsseEnvelope", "signatures", "0", "sig")),
        (JWS, altered("notation", JWS, "signature")),
    ],
)
def test_attack_05_altered_signature_fails(
    workspace: Workspace, registry: Registry, media_type: str, content: bytes
) -> None:
    layout = "cosign" if media_type == BUNDLE else "notation"
    digest = push_layout(registry, APP, SPECIMENS / f"layout-{layout}", "v1")
    listed = json.loads((SPECIMENS / f"layout-{layout}" / "index.json").read_bytes())["manifests"]
    subject = {key: listed[0][key] for key in ("mediaType", "digest", "size")}
    signed = attach(registry, APP, subject, [(media_type, content, {})])
    refer(registry, APP, digest, signed)
    scan(workspace)
    assert standings(workspace)["v1", ""] == ("failed", "SIGNATURE_INVALID")


@pytest.mark.parametrize(("layout", "media_type"), [("cosign", BUNDLE), ("notation", JWS)])
def test_attack_05_signature_of_another_image_does_not_count(
    workspace: Workspace, registry: Registry, layout: str, media_type: str
) -> None:
    image = registry.push_image(APP, "v1")
    layers: list[Layer] = [(media_type, signature(layout, media_type), {})]
    refer(registry, APP, image.digest, attach(registry, APP, image, layers))
    scan(workspace)
    assert standings(workspace)["v1", ""] == ("failed", "SUBJECT_MISMATCH")


def test_attack_05_document_about_another_image_is_not_even_read(
    workspace: Workspace, registry: Registry
) -> None:
    image = registry.push_image(APP, "v1")
    listed = json.loads((SPECIMENS / "layout-cosign" / "index.json").read_bytes())["manifests"]
    refer(registry, APP, image.digest, listed[1])
    scan(workspace)
    assert standings(workspace)["v1", ""] == ("unknown", "REFERRERS_NOT_READ")


def test_signature_that_is_attached_or_taken_away_later_is_noticed(
    workspace: Workspace, registry: Registry
) -> None:
    scan(workspace)
    listed = json.loads((SPECIMENS / "layout-cosign" / "index.json").read_bytes())["manifests"]
    refer(registry, APP, listed[0]["digest"])
    scan(workspace)
    assert standings(workspace)["cosign-3", ""] == ("unsigned", "NO_SIGNATURE")
    refer(registry, APP, listed[0]["digest"], listed[1])
    scan(workspace)
    assert standings(workspace)["cosign-3", ""] == ("verified", "")
    registry.delete(APP, listed[1]["digest"])
    scan(workspace)
    assert standings(workspace)["cosign-3", ""] == ("unknown", "REFERRERS_NOT_READ")


def test_sbom_that_nobody_signed_leaves_an_image_unknown(
    workspace: Workspace, registry: Registry
) -> None:
    image = registry.push_image(APP, "v1")
    sbom = attach(registry, APP, image, [("application/spdx+json", b"{}", {})])
    refer(registry, APP, image.digest, sbom)
    scan(workspace)
    assert standings(workspace)["v1", ""] == ("unknown", "REFERRERS_NOT_READ")
