"""What vouches for an image: cosign's signature tags, and what refers to it.

Cosign pushes the signatures of `sha256:<hex>` as a manifest under the tag `sha256-<hex>.sig`, one
layer for each, the signature itself in the layer's annotations; attestations lie under `.att`. The
tag list shows them, so an unsigned image costs no request. What newer tools attach refers to the
image instead (`oci_referrers`).

Requests: one GET for each list of referrers, each document, and each layer that is a signature and
cannot be predicted (`oci_layers`). On a re-scan one GET of what the referrers API lists, one HEAD
for each tag, and one for each signature that a tag alone lists, tell whether anything changed. What
is not read makes an image's set `unread`, never unsigned.
"""

from __future__ import annotations

from collections.abc import Collection

from collectors.oci_layers import Gathered, LayerReader, companion
from collectors.oci_referrers import TAG, ReferrerReader
from collectors.oci_registry import Registry
from core.limits import Limits
from core.model import Digest, EvidenceSet, Subject

SUFFIXES = (".sig", ".att")
_TAGS = {**{suffix: suffix for suffix in SUFFIXES}, TAG: ""}  # name in the state → suffix


class SignatureReader:
    """Reads the evidence of one repository's images. Safe to use from several threads."""

    def __init__(
        self, registry: Registry, repository: str, tags: Collection[str], limits: Limits
    ) -> None:
        self._registry, self._repository, self._tags = registry, repository, tags
        self._layers = LayerReader(registry, repository, limits)
        self._referrers = ReferrerReader(registry, repository, tags, limits)

    def key(self, digest: Digest) -> str:
        """Return the lasting key of the set for a digest."""
        return f"{self._repository}@{digest}"

    def state(self, digest: Digest, known: dict[str, str]) -> dict[str, str]:
        """Return the state of a digest's evidence as it is now: one HEAD per tag, and the lists."""
        state = {}
        for name, suffix in _TAGS.items():
            tag = companion(digest, suffix)
            if tag in self._tags:
                before = known.get(name, "")
                now = self._registry.digest_of_tag(
                    self._repository, tag, Digest.parse(before) if before else None
                )
                state[name] = str(now) if now is not None else ""
        return state | self._referrers.state(digest, known)

    def read(self, digest: Digest) -> tuple[EvidenceSet, dict[str, str]]:
        """Return everything that vouches for a digest, and its state ({} to look again)."""
        found, subject = Gathered(), Subject(self.key(digest), (digest,))
        for suffix in SUFFIXES:
            self._read_tag(subject, suffix, found)
        self._referrers.read(subject, found)
        read = EvidenceSet(
            self.key(digest), tuple(found.evidence), tuple(found.looked), tuple(found.unread)
        )
        return read, found.state if found.is_settled else {}

    def _read_tag(self, subject: Subject, suffix: str, found: Gathered) -> None:
        tag = companion(subject.digests[0], suffix)
        place = f"{self._repository}:{tag}"
        if tag not in self._tags:
            found.looked.append(f"{place} (not there)")
            return
        found.looked.append(place)
        with found.noting():
            manifest = self._registry.manifest(self._repository, tag)
            if manifest is None:
                found.trouble(f"{place}: listed, but not there")
                return
            found.state[suffix] = str(manifest.digest)
            self._layers.take(subject, place, manifest, found)
