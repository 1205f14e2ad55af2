"""What vouches for an image: cosign's signature tags, and what refers to it.

Cosign pushes the signatures of `sha256:<hex>` as a manifest under the tag `sha256-<hex>.sig`, one
layer for each, the signature itself in the layer's annotations; attestations lie under `.att`. The
tag list shows them, so an unsigned image costs no request. What newer tools attach through the
referrers API, or under the tag `sha256-<hex>`, is seen and counted, not read yet: it makes an
image's set `unread`, never unsigned.

Requests: one GET for each signature manifest and one for each payload, unless the payload is the
one that cosign writes by default: then it is built here, and used because its digest and size are
those the layer names. On a re-scan one HEAD for each signature tag tells whether anything changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from collectors.oci_manifest import Descriptor, Manifest, layers
from collectors.oci_registry import Referrers, Registry
from core.cosign_container import ENVELOPE, SIMPLE_SIGNING, layer_evidence
from core.errors import CollectionError, MalformedError, TooLargeError
from core.limits import Limits
from core.model import Digest, Evidence, EvidenceSet, Subject, Unread, digest_of
from core.text import display

SUFFIXES = {".sig": SIMPLE_SIGNING, ".att": ENVELOPE}
# containers-signature(5) leaves the type to the maker: the ones that cosign has written.
PAYLOAD_TYPES = ("cosign container image signature", "https://sigstore.dev/cosign/sign/v1")
_SHOWN_TYPES = 5
_COMPANION = re.compile(r"(?:sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})(?:\.(?:sig|att|sbom))?\Z")


def companion(digest: Digest, suffix: str) -> str:
    """Return the tag under which tools put what belongs to a digest."""
    return f"{digest.algorithm}-{digest.value}{suffix}"


def is_companion(tag: str) -> bool:
    """Say whether a tag holds what belongs to another document rather than an artifact."""
    return _COMPANION.match(tag) is not None


@dataclass(slots=True)
class _Look:
    """What one look at the evidence of one digest brings together."""

    evidence: list[Evidence] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)
    is_settled: bool = True  # nothing failed that may go better next time

    def trouble(self, detail: str, reason: str = "REFERRERS_NOT_READ") -> None:
        """Note evidence that is there and could not be read."""
        self.unread.append(Unread(reason, detail))
        self.is_settled = False


class SignatureReader:
    """Reads the evidence of one repository's images. Safe to use from several threads."""

    def __init__(
        self, registry: Registry, repository: str, tags: Collection[str], limits: Limits
    ) -> None:
        self._registry, self._repository, self._tags = registry, repository, tags
        self._limits = limits
        self._reference = f"{registry.host}/{repository}"

    def key(self, digest: Digest) -> str:
        """Return the lasting key of the set for a digest."""
        return f"{self._repository}@{digest}"

    def is_signed(self, digest: Digest) -> bool:
        """Say whether a signature tag stands in the tag list."""
        return companion(digest, ".sig") in self._tags

    def state(self, digest: Digest, known: dict[str, str]) -> dict[str, str]:
        """Return the state of a digest's evidence as it is now: one HEAD per signature tag."""
        state = {}
        for suffix in SUFFIXES:
            tag = companion(digest, suffix)
            if tag in self._tags:
                before = known.get(suffix, "")
                now = self._registry.digest_of_tag(
                    self._repository, tag, Digest.parse(before) if before else None
                )
                state[suffix] = str(now) if now is not None else ""
        if companion(digest, "") in self._tags:
            state["tag"] = "listed"
        referrers = self._registry.referrers(self._repository, digest)
        state["referrers"] = "none" if referrers is None else referrers.state
        return state

    def read(
        self, digest: Digest, notes: tuple[str, ...] = ()
    ) -> tuple[EvidenceSet, dict[str, str]]:
        """Return everything that vouches for a digest, and its state ({} to look again)."""
        look = _Look()
        for suffix in SUFFIXES:
            self._read_tag(digest, suffix, look)
        self._note_fallback(digest, look)
        self._note_referrers(digest, look)
        found = EvidenceSet(
            self.key(digest),
            tuple(look.evidence),
            (*look.looked, *notes),
            tuple(look.unread),
        )
        return found, look.state if look.is_settled else {}

    # --- signature tags --------------------------------------------------------------------------

    def _read_tag(self, digest: Digest, suffix: str, look: _Look) -> None:
        tag = companion(digest, suffix)
        if tag not in self._tags:
            look.looked.append(f"{self._repository}:{tag} (not there)")
            return
        place = f"{self._repository}:{tag}"
        look.looked.append(place)
        try:
            manifest = self._registry.manifest(self._repository, tag)
            if manifest is None:
                look.trouble(f"{place}: listed, but not there")
                return
            look.state[suffix] = str(manifest.digest)
            self._read_layers(digest, suffix, manifest, look)
        except MalformedError as error:
            look.trouble(str(error))
        except CollectionError as error:
            if error.reason != "DIGEST_MISMATCH":
                raise  # the source's trouble, not the evidence's: the image keeps its last look
            look.trouble(str(error))

    def _read_layers(self, digest: Digest, suffix: str, manifest: Manifest, look: _Look) -> None:
        place = f"{self._repository}:{companion(digest, suffix)}"
        if manifest.is_index:
            raise MalformedError(f"{place}: an index where signatures are expected")
        listed = layers(manifest)
        room = self._limits.signatures - len(look.evidence)
        if len(listed) > room:
            look.unread.append(
                Unread(
                    "REFERRERS_NOT_READ",
                    f"{place}: {len(listed) - room} of {len(listed)} are more than"
                    f" {self._limits.signatures} (limits.signatures)",
                )
            )
        for descriptor in listed[:room]:
            self._read_layer(digest, suffix, descriptor, look)

    def _read_layer(self, digest: Digest, suffix: str, descriptor: Descriptor, look: _Look) -> None:
        place = f"{self._repository}:{companion(digest, suffix)}"
        if descriptor.media_type != SUFFIXES[suffix]:
            kind = display(descriptor.media_type, 100)
            look.unread.append(
                Unread("REFERRERS_NOT_READ", f"{place}: a layer of type {kind} is not read")
            )
            return
        try:
            payload = self._payload(digest, suffix, descriptor)
        except TooLargeError as error:
            look.trouble(f"{place}: {error}", error.reason)
            return
        except MalformedError as error:
            look.trouble(f"{place}: {error}")
            return
        if payload is None:
            look.trouble(f"{place}: its layer {descriptor.digest} is not there")
            return
        look.evidence.append(self._evidence(digest, suffix, descriptor, payload))

    def _payload(self, digest: Digest, suffix: str, descriptor: Descriptor) -> bytes | None:
        if suffix == ".sig":
            built = predicted_payload(descriptor, digest, self._reference)
            if built is not None:
                return built
        return self._registry.blob(self._repository, descriptor)

    def _evidence(
        self, digest: Digest, suffix: str, descriptor: Descriptor, payload: bytes
    ) -> Evidence:
        tag = companion(digest, suffix)
        return Evidence(
            layer_evidence(descriptor.media_type, payload, descriptor.annotations),
            descriptor.media_type,
            f"{self._registry.host}/{self._repository}:{tag} layer {descriptor.digest}",
            Subject(self.key(digest), (digest,)),
        )

    # --- what is seen, not read ------------------------------------------------------------------

    def _note_fallback(self, digest: Digest, look: _Look) -> None:
        tag = companion(digest, "")
        if tag not in self._tags:
            look.looked.append(f"{self._repository}:{tag} (not there)")
            return
        look.state["tag"] = "listed"
        detail = f"{self._repository}:{tag} lists documents that refer to it; they are not read yet"
        look.unread.append(Unread("REFERRERS_NOT_READ", detail))

    def _note_referrers(self, digest: Digest, look: _Look) -> None:
        try:
            referrers = self._registry.referrers(self._repository, digest)
        except MalformedError as error:
            look.trouble(f"the referrers of {self.key(digest)}: {error}")
            return
        look.state["referrers"] = "none" if referrers is None else referrers.state
        if referrers is None:
            look.looked.append("referrers API: not offered")
        elif not referrers.digests:
            look.looked.append("referrers API: an empty list")
        else:
            look.unread.append(Unread("REFERRERS_NOT_READ", _listed(self.key(digest), referrers)))


def predicted_payload(descriptor: Descriptor, image: Digest, reference: str) -> bytes | None:
    """Return the payload that this layer must be, if it is one without anything optional.

    Sound because the digest decides: bytes with the digest that the layer names are its bytes.
    """
    for kind in PAYLOAD_TYPES:
        payload = simple_payload(reference, image, kind)
        if len(payload) == descriptor.size:
            built = digest_of(payload, descriptor.digest.algorithm)
            if built == descriptor.digest:
                return payload
    return None


def simple_payload(reference: str, image: Digest, kind: str = PAYLOAD_TYPES[0]) -> bytes:
    """Return the payload that cosign signs where nobody annotates anything."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": str(image)},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": None}, separators=(",", ":")).encode()


def _listed(what: str, referrers: Referrers) -> str:
    kinds = ", ".join(referrers.types[:_SHOWN_TYPES])
    more = ", …" if len(referrers.types) > _SHOWN_TYPES else ""
    return f"{len(referrers.digests)} documents refer to {what} and are not read yet: {kinds}{more}"
