"""Of evidence without end no collector reads more than its limit and one byte."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.apt import AptCollector, AptOptions
from collectors.collector import Collector, Surroundings
from collectors.file_tree import FileTreeCollector, FileTreeOptions
from collectors.oci import OciCollector, OciOptions
from core.errors import TooLargeError
from core.limits import MIB, Limits
from core.model import EvidenceSet
from net.http import Http
from tests.fakes.hostile_server import HostileServer, Script, Step, answer, raw
from tests.fakes.registry import IMAGE, SIMPLE, signature_tag
from tests.fakes.unit_memory import UnitMemory

LIMITS = Limits(
    connect_seconds=20, read_seconds=20, total_seconds=40, attempts=1,
    evidence_bytes=4096, release_bytes=8192, document_bytes=4096,
)  # fmt: skip
FLOOD = 64 * 1024
HUNDRED = 100 * MIB
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BASE = "/v2/acme/app"
WITHOUT_END = {
    "declared": raw(OK + b"Content-Length: %d\r\n\r\n" % HUNDRED + b" " * FLOOD),
    "undeclared": raw(OK + b"\r\n" + b" " * FLOOD),
    "chunks": raw(CHUNKED + (b"400\r\n" + b" " * 1024 + b"\r\n") * (FLOOD // 1024)),
    "one chunk": raw(CHUNKED + b"%x\r\n" % HUNDRED + b" " * FLOOD),
}


def test_of_the_files_of_a_folder_none_that_is_too_large_is_read(tmp_path: Path) -> None:
    folder, spool = tmp_path / "files", tmp_path / "spool"
    spool.mkdir()
    folder.mkdir()
    (folder / "app").write_bytes(b"content")
    names = ["app.asc", "app.sigstore.json", "app.sig", "app.intoto.jsonl", "app.p7s"]
    for name in names:
        (folder / name).touch()
        os.truncate(folder / name, HUNDRED)
    options = FileTreeOptions.model_validate({"path": str(folder)})
    http = Http(LIMITS, home="http://127.0.0.1:9")
    reader = FileTreeCollector("files", options, Surroundings(http, Limits(), {}, tmp_path, spool))
    before = bytes_read()
    found = [one for one in reader.collect(".", UnitMemory()) if isinstance(one, EvidenceSet)]
    assert bytes_read() - before < MIB
    unread = [one.reason for each in found for one in each.unread]
    assert unread == ["TOO_LARGE"] * len(names)


def bytes_read() -> int:
    """Return how many bytes this process has read from anywhere."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


Make = Callable[[str, Surroundings], Collector]


def image_reader(url: str, around: Surroundings) -> Collector:
    options = OciOptions.model_validate({"url": url, "repositories": ["acme/app"]})
    return OciCollector("prod", options, around)


def archive_reader(url: str, around: Surroundings) -> Collector:
    asked = {"url": url, "suites": ["s"], "components": ["main"], "architectures": ["amd64"]}
    return AptCollector("archive", AptOptions.model_validate(asked), around)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def image(*layers: object) -> bytes:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"x")}
    document = {"schemaVersion": 2, "mediaType": IMAGE, "config": config | {"size": 2}}
    return json.dumps(document | {"layers": layers}).encode()


def served(content: bytes) -> Step:
    fields = {"Docker_Content_Digest": digest(content), "Content_Type": IMAGE}
    return answer(200, content, fields=fields)


def signed_image(layer: Step, size: int) -> Script:
    image_bytes = image()
    tag = signature_tag(digest(image_bytes))
    held = {"mediaType": SIMPLE, "digest": digest(b"l"), "size": size, "annotations": {}}
    listed = json.dumps({"name": "acme/app", "tags": ["v1", tag]}).encode()
    return {
        f"{BASE}/tags/list?n=1000": answer(200, listed),
        f"{BASE}/manifests/v1": served(image_bytes),
        f"{BASE}/referrers/{digest(image_bytes)}": answer(404),
        f"{BASE}/manifests/{tag}": served(image(held)),
        f"{BASE}/blobs/{digest(b'l')}": layer,
    }


@pytest.mark.parametrize("name", WITHOUT_END)
def test_attack_16_signature_in_a_registry_is_read_to_the_limit_and_one_byte(
    name: str, tmp_path: Path
) -> None:
    most = LIMITS.evidence_bytes
    script = signed_image(WITHOUT_END[name], most)
    with HostileServer(script) as server:
        http = Http(LIMITS, home=server.url, pause=lambda _seconds: None)
        around = Surroundings(http, LIMITS, {}, tmp_path, tmp_path)
        found = list(image_reader(server.url, around).collect("acme/app", UnitMemory()))
        http.close()
    del script[f"{BASE}/blobs/{digest(b'l')}"]
    small = sum(len(step.body) for step in script.values() if isinstance(step, Step))
    (held,) = [one for one in found if isinstance(one, EvidenceSet)]
    assert [one.reason for one in held.unread] == ["TOO_LARGE"]
    assert http.traffic.bytes <= small + most + 1


def test_signature_that_says_it_is_too_large_is_not_asked_for(tmp_path: Path) -> None:
    script = signed_image(answer(200, b"l"), LIMITS.evidence_bytes + 1)
    with HostileServer(script) as server:
        http = Http(LIMITS, home=server.url, pause=lambda _seconds: None)
        around = Surroundings(http, LIMITS, {}, tmp_path, tmp_path)
        found = list(image_reader(server.url, around).collect("acme/app", UnitMemory()))
        http.close()
        assert not [asked for asked in server.asked if "/blobs/" in asked.path]
    (held,) = [one for one in found if isinstance(one, EvidenceSet)]
    assert [one.reason for one in held.unread] == ["TOO_LARGE"]


RELEASES = {
    "InRelease": ("/dists/s/InRelease", LIMITS.release_bytes),
    "Release": ("/dists/s/Release", LIMITS.release_bytes),
    "Release.gpg": ("/dists/s/Release.gpg", LIMITS.evidence_bytes),
}


@pytest.mark.parametrize("name", WITHOUT_END)
@pytest.mark.parametrize("file", RELEASES)
def test_attack_16_signed_list_of_an_archive_is_read_to_the_limit_and_one_byte(
    file: str, name: str, tmp_path: Path
) -> None:
    target, most = RELEASES[file]
    release = b"Suite: s\n"
    script: Script = {
        "/dists/s/InRelease": answer(404),
        "/dists/s/Release": answer(200, release),
        "/dists/s/Release.gpg": answer(200, b""),
    }
    script = {**script, target: WITHOUT_END[name]}
    with HostileServer(script) as server:
        http = Http(LIMITS, home=server.url, pause=lambda _seconds: None)
        around = Surroundings(http, LIMITS, {}, tmp_path, tmp_path)
        reader = archive_reader(server.url, around)
        (unit,) = reader.units()
        with pytest.raises(TooLargeError):
            list(reader.collect(unit, UnitMemory()))
        http.close()
    assert http.traffic.bytes <= len(release) + most + 1
