"""What a Notary Project signature states, whichever envelope it travels in.

References: Notary Project "Signature Specification" (attributes, payload) and "Signing Scheme".
Everything here is read and not yet believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from core import wire
from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Digest

PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
X509, AUTHORITY = "notary.x509", "notary.x509.signingAuthority"
PREFIX = "io.cncf.notary."
SCHEME = PREFIX + "signingScheme"
SIGNING_TIME = PREFIX + "signingTime"
AUTHENTIC_TIME = PREFIX + "authenticSigningTime"
EXPIRY = PREFIX + "expiry"
PLUGIN = PREFIX + "verificationPlugin"
PLUGIN_VERSION = PREFIX + "verificationPluginMinVersion"
TIMESTAMP = PREFIX + "timestampSignature"
AGENT = PREFIX + "signingAgent"

_KNOWN = frozenset({SCHEME, SIGNING_TIME, AUTHENTIC_TIME, EXPIRY, PLUGIN, PLUGIN_VERSION})
_MAX_CLAIMS = 64
_CLAIM_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Attributes:
    """The signed attributes of a signature."""

    scheme: str
    signing_time: datetime | None  # the signer's word
    authentic_time: datetime | None  # the signing authority's word
    expiry: datetime | None
    demands: tuple[str, ...]  # critical attributes, or a plugin, that nobody here can honour
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NotationEnvelope:
    """One envelope; `signed` are the very bytes that the signature is over."""

    signed: bytes
    signature: bytes
    payload: bytes
    content_type: str
    algorithm: str  # as JWS names it: "PS256", "ES384", ...
    attributes: Attributes
    certificates: tuple[bytes, ...]  # DER, the signer's first
    timestamp: bytes | None
    agent: str
    hashed: str = ""  # set where the payload is no document, but this digest of what was signed
    hashed_type: str = ""  # the media type of what was signed, where it is stated then


@dataclass(frozen=True, slots=True)
class Target:
    """The descriptor of what was signed."""

    media_type: str
    digest: Digest
    size: int | None  # None where it is not stated
    annotations: Mapping[str, str]


def read_attributes(
    protected: Mapping[str, object],
    critical: tuple[str, ...],
    read_time: Callable[[object, str], datetime],
) -> Attributes:
    """Read the signed attributes; raise MalformedError where the scheme's rules are broken."""
    scheme = wire.text(dict(protected), SCHEME)
    if scheme not in (X509, AUTHORITY):
        raise MalformedError(f"the signing scheme {scheme[:80]!r} is unknown")
    times = {
        name: read_time(protected[name], name)
        for name in (SIGNING_TIME, AUTHENTIC_TIME, EXPIRY)
        if name in protected
    }
    wanted, foreign = SIGNING_TIME, AUTHENTIC_TIME
    if scheme == AUTHORITY:
        wanted, foreign = foreign, wanted
    if wanted not in times or foreign in times:
        raise MalformedError(f"the signing scheme {scheme} goes with {wanted} and not {foreign}")
    must = {SCHEME} | ({AUTHENTIC_TIME, EXPIRY} & times.keys())
    _check_critical(critical, must, protected)
    unknown = [name for name in critical if name not in _KNOWN]
    plugin = [PLUGIN] if PLUGIN in protected or PLUGIN_VERSION in protected else []
    others = {
        name: str(value)[:_CLAIM_CHARACTERS]
        for name, value in list(protected.items())[:_MAX_CLAIMS]
        if name not in times and isinstance(value, str | int)
    }
    return Attributes(
        scheme,
        times.get(SIGNING_TIME),
        times.get(AUTHENTIC_TIME),
        times.get(EXPIRY),
        (*plugin, *unknown),
        others,
    )


def _check_critical(
    critical: tuple[str, ...], must: set[str], protected: Mapping[str, object]
) -> None:
    """Check RFC 7515 section 4.1.11 and what the specification adds to it."""
    if len(set(critical)) != len(critical):
        raise MalformedError("an attribute is marked critical twice")
    absent = set(critical) - protected.keys()
    if absent:
        raise MalformedError(f"{min(absent)[:80]!r} is marked critical and missing")
    unmarked = must - set(critical)
    if unmarked:
        raise MalformedError(f"{min(unmarked)} is not marked critical")


def read_target(payload: bytes, limits: Limits) -> Target:
    """Read the payload's one descriptor; raise MalformedError."""
    document = wire.as_mapping(wire.read_json(payload, limits=limits), "the payload")
    target = wire.mapping(document, "targetArtifact")
    size = wire.integer(target, "size")
    if size < 0:
        raise MalformedError("the payload states a size below zero")
    stated = target.get("annotations")
    annotations = wire.as_mapping(stated, "the annotations") if stated is not None else {}
    return Target(
        wire.text(target, "mediaType"),
        Digest.parse(wire.text(target, "digest")),
        size,
        {key: wire.as_text(value, "an annotation") for key, value in annotations.items()},
    )


def target_claims(target: Target) -> dict[str, str]:
    """Return what the payload states, for people and policies."""
    stated = {"target_media_type": target.media_type[:_CLAIM_CHARACTERS]}
    if target.size is not None:
        stated["target_size"] = str(target.size)
    for key, value in list(target.annotations.items())[:_MAX_CLAIMS]:
        stated[f"annotation.{key[:_CLAIM_CHARACTERS]}"] = value[:_CLAIM_CHARACTERS]
    return stated
