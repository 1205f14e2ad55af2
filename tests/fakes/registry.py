"""A real container registry (Debian's docker-registry) on a free loopback port, and a tiny pusher.

    with running_registry() as registry:
        image = registry.push_image("acme/app", "v1")
        registry.sign("acme/app", image.digest, key)

Signatures are made by hand, in the form that cosign pushes. `RecordingHttp` is the HTTP of the
product that also writes down what it was asked.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from core.limits import Limits
from net.http import Http, Response

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
PORT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Pushed:
    """A manifest as it was pushed."""

    digest: str
    content: bytes
    media_type: str

    def descriptor(self, **more: object) -> dict[str, object]:
        """Return how an index names it."""
        return {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.content),
            **more,
        }


class RecordingHttp(Http):
    """The product's HTTP; `asked` lists `METHOD path` in the order of asking."""

    asked: list[str]

    def __init__(
        self, limits: Limits, *, home: str, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        super().__init__(limits, home=home, pause=lambda _seconds: None, cancelled=cancelled)
        self.asked = []

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, limit: int | None = None
    ) -> Response:
        self.asked.append(f"GET {urlsplit(url).path}")
        return super().get(url, headers=headers, limit=limit)

    def head(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        self.asked.append(f"HEAD {urlsplit(url).path}")
        return super().head(url, headers=headers)


@dataclass
class Registry:
    """A running registry, and what a test pushes to it."""

    port: int
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    @property
    def host(self) -> str:
        """`host:port`, as it stands in image references."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The URL for a source's settings."""
        return f"http://{self.host}"

    def push_blob(self, repository: str, content: bytes) -> dict[str, object]:
        """Push a blob; return the start of a descriptor."""
        digest = digest_of(content)
        _, headers, _ = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        there = urlsplit(headers["location"])
        path = f"{there.path}?{there.query}&digest={digest}"
        status, _, body = self._ask("PUT", path, content, "application/octet-stream")
        assert status == 201, body
        return {"digest": digest, "size": len(content)}

    def push_manifest(
        self, repository: str, reference: str, document: object, media_type: str = IMAGE
    ) -> Pushed:
        """Push a manifest or index under a tag, or by digest where `reference` is empty."""
        return self.push_bytes(repository, reference, json.dumps(document).encode(), media_type)

    def push_bytes(
        self, repository: str, reference: str, content: bytes, media_type: str = IMAGE
    ) -> Pushed:
        """Push a manifest or index as it is; references as of `push_manifest`."""
        digest = digest_of(content)
        path = f"/v2/{repository}/manifests/{reference or digest}"
        status, _, body = self._ask("PUT", path, content, media_type)
        assert status == 201, body
        return Pushed(digest, content, media_type)

    def push_image(self, repository: str, tag: str, content: bytes | None = None) -> Pushed:
        """Push an image whose one layer is `content` (default: the names)."""
        layer = content if content is not None else f"{repository}:{tag}".encode()
        config = self.push_blob(repository, b"{}")
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    **self.push_blob(repository, layer),
                }
            ],
        }
        return self.push_manifest(repository, tag, document)

    def push_index(self, repository: str, tag: str, platforms: Mapping[str, Pushed]) -> Pushed:
        """Push an index of children that were pushed before, by `os/architecture[/variant]`."""
        listed = []
        for platform, child in platforms.items():
            names = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
            listed.append(child.descriptor(platform=names))
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
        return self.push_manifest(repository, tag, document, INDEX)

    def push_layers(
        self, repository: str, tag: str, layers: Sequence[tuple[str, bytes, Mapping[str, str]]]
    ) -> Pushed:
        """Push a manifest of (media type, bytes, annotations), as signing tools do."""
        config = self.push_blob(repository, b"{}")
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [
                {
                    "mediaType": kind,
                    **self.push_blob(repository, content),
                    "annotations": dict(annotations),
                }
                for kind, content, annotations in layers
            ],
        }
        return self.push_manifest(repository, tag, document)

    def sign(
        self,
        repository: str,
        digest: str,
        *keys: ec.EllipticCurvePrivateKey,
        optional: Mapping[str, str] | None = None,
        named: str = "",
    ) -> Pushed:
        """Push one signature per key for `digest`; the payload may name another digest."""
        payload = payload_for(f"{self.host}/{repository}", named or digest, optional)
        layers = [(SIMPLE, payload, {SIGNATURE: signature_over(payload, key)}) for key in keys]
        return self.push_layers(repository, signature_tag(digest), layers)

    def delete(self, repository: str, digest: str) -> None:
        """Delete a manifest and all its tags."""
        status, _, body = self._ask("DELETE", f"/v2/{repository}/manifests/{digest}")
        assert status == 202, body

    def close(self) -> None:
        """Close the pusher's connection."""
        self._connection.close()

    def _ask(
        self, method: str, path: str, body: bytes = b"", content_type: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"Content-Type": content_type} if content_type else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return response.status, fields, response.read()


def digest_of(content: bytes) -> str:
    """Return `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def signature_tag(digest: str, suffix: str = ".sig") -> str:
    """Return the tag of what cosign attaches to a digest."""
    return digest.replace(":", "-") + suffix


def payload_for(reference: str, digest: str, optional: Mapping[str, str] | None = None) -> bytes:
    """Return a simple-signing payload in cosign's spelling."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    written = {"critical": critical, "optional": dict(optional) if optional else None}
    return json.dumps(written, separators=(",", ":")).encode()


def signature_over(payload: bytes, key: ec.EllipticCurvePrivateKey) -> str:
    """Return the base64 of an ECDSA signature over a payload."""
    return base64.b64encode(key.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()


@contextmanager
def running_registry() -> Iterator[Registry]:
    """Start a registry with empty storage; skips the test where the program is absent."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (apt install docker-registry)")
    # A push writes dozens of tiny files: in memory where there is such a folder.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        "-registry", dir=memory if memory.is_dir() else None
    ) as folder:
        process, port = _start(program, Path(folder))
        registry = Registry(port)
        try:
            yield registry
        finally:
            registry.close()
            process.kill()
            process.wait(20)


def _start(program: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(PORT_TRIES):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        config = folder / "config.yml"
        config.write_text(
            json.dumps(
                {
                    "version": 0.1,
                    "log": {"level": "info", "accesslog": {"disabled": True}},
                    "storage": {
                        "filesystem": {"rootdirectory": str(folder / "storage")},
                        "delete": {"enabled": True},
                    },
                    "http": {"addr": f"127.0.0.1:{port}"},
                }
            )
        )
        process = subprocess.Popen(
            [program, "serve", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        if _is_listening(process):
            return process, port
        process.wait(20)
    pytest.fail("docker-registry did not start")


def _is_listening(process: subprocess.Popen[bytes]) -> bool:
    """Wait for the line that says so; then keep its log from filling the pipe."""
    log = process.stderr
    assert log is not None
    for line in log:
        if b"listening on" in line:
            threading.Thread(target=_drain, args=(log,), daemon=True).start()
            return True
    log.close()
    return False


def _drain(log: object) -> None:
    with log:  # type: ignore[attr-defined]
        for _ in log:  # type: ignore[attr-defined]
            pass
