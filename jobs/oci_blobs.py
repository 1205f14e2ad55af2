"""The blobs of an OCI layout, each read and hashed once, however often the layout names it.

Every blob must have the digest and the length it is named by. Documents are counted together, so
that no index makes us keep more than a few of the greatest size; so are the bytes that are hashed.

References: image-spec, image-layout.md ("Blobs") and descriptor.md.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from collectors.oci_manifest import Descriptor, Manifest, read_manifest
from core.errors import CollectionError, MalformedError, TooLargeError
from core.limits import Limits
from core.model import Digest, digest_of
from jobs.verify_inputs import read_file

TOGETHER = 4  # manifests of the greatest size
_CHUNK = 1024 * 1024


class Blobs:
    """Reads blobs by their digests."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder / "blobs", limits
        self._manifests: dict[tuple[Digest, str], Manifest | None] = {}
        self._whole: dict[Digest, int] = {}  # what was hashed and found as named → its bytes
        self._documents = self._hashed = 0  # bytes

    def read(self, digest: Digest, most: int) -> bytes | None:
        """Return a blob of at most `most` bytes, None where it is not here.

        TooLargeError past that; CollectionError (DIGEST_MISMATCH) for one that was exchanged.
        """
        path = self._path(digest)
        if not path.is_file():
            return None
        content = read_file(path, most)
        if len(content) > most:
            raise TooLargeError(f"{digest} has more than {most} bytes")
        if digest_of(content, digest.algorithm) != digest:
            raise _exchanged(digest)
        return content

    def manifest(self, descriptor: Descriptor) -> Manifest | None:
        """Return the manifest a descriptor names, None where it is not here, or is no manifest.

        MalformedError for one that is none, or not as the descriptor says; TooLargeError past
        `document_bytes`, or where all that were read are too long together.
        """
        if not descriptor.is_manifest:
            return None
        key = (descriptor.digest, descriptor.media_type)
        if key not in self._manifests:
            self._manifests[key] = self._read_manifest(descriptor)
        manifest = self._manifests[key]
        if manifest is not None and manifest.size != descriptor.size:
            raise MalformedError(f"{descriptor.digest} is not as long as its descriptor says")
        return manifest

    def is_whole(self, descriptor: Descriptor) -> bool:
        """Say whether a blob is here; it must be what the descriptor names.

        TooLargeError where all that were hashed are longer together than `artifact_bytes`.
        """
        digest = descriptor.digest
        if digest not in self._whole:
            path = self._path(digest)
            if not path.is_file():
                return False
            self._whole[digest] = self._hash(path, descriptor)
        if self._whole[digest] != descriptor.size:
            raise _exchanged(digest)
        return True

    def _path(self, digest: Digest) -> Path:
        return self._folder / digest.algorithm / digest.value

    def _read_manifest(self, descriptor: Descriptor) -> Manifest | None:
        digest, limits = descriptor.digest, self._limits
        content = self.read(digest, limits.document_bytes)
        if content is None:
            return None
        self._documents += len(content)
        most = TOGETHER * limits.document_bytes
        if self._documents > most:
            raise TooLargeError(
                f"the manifests of the layout have more than {most} bytes together"
                f" ({TOGETHER} x document_bytes)"
            )
        return read_manifest(content, descriptor.media_type, digest, limits)

    def _hash(self, path: Path, descriptor: Descriptor) -> int:
        """Return how many bytes a blob has that is what the descriptor names."""
        digest, most = descriptor.digest, self._limits.artifact_bytes
        hashed, size = hashlib.new(digest.algorithm), 0
        with path.open("rb") as opened:
            while piece := opened.read(_CHUNK):
                size += len(piece)
                self._hashed += len(piece)
                if self._hashed > most:
                    raise TooLargeError(
                        f"{digest}: the layers of the layout have more than {most} bytes together"
                        " (artifact_bytes)"
                    )
                if size > descriptor.size:
                    raise _exchanged(digest)
                hashed.update(piece)
        if hashed.hexdigest() != digest.value:
            raise _exchanged(digest)
        return size


def _exchanged(digest: Digest) -> CollectionError:
    words = f"the blob {digest} does not have the digest it is named by"
    return CollectionError(words, reason="DIGEST_MISMATCH")
