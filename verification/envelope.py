"""DSSE envelopes, read and not yet believed (DSSE v1)."""

from __future__ import annotations

from core import wire
from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from verification.readers.json_document import read_document


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """One signature of an envelope; `key_id` is a hint of whoever wrote the envelope."""

    signature: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope, its payload decoded."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...]

    def pre_authentication_encoding(self) -> bytes:
        """Return the bytes that are signed (DSSE protocol, section Signature Definition)."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


def read_envelope(content: bytes, limits: Limits) -> Envelope:
    """Read one envelope strictly; unknown fields are ignored, as the protocol demands."""
    document = dict(read_document(content, limits, "the envelope"))
    items = wire.items(document, "signatures")
    if not items:
        raise MalformedError("an envelope has at least one signature")
    if len(items) > limits.signatures:
        raise TooLargeError(f"{len(items)} signatures in one envelope, more than signatures allows")
    return Envelope(
        wire.text(document, "payloadType"),
        wire.decode_base64_either(wire.text(document, "payload"), what="the payload"),
        tuple(_signature(item) for item in items),
    )


def _signature(item: object) -> EnvelopeSignature:
    document = wire.as_mapping(item, "a signature")
    encoded = wire.text(document, "sig")
    return EnvelopeSignature(
        wire.decode_base64_either(encoded, what="a signature"),
        wire.optional_text(document, "keyid"),
    )
