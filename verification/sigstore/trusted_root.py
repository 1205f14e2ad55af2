"""Sigstore trusted roots: authorities and logs that vouch for one another, and no others.

Reference: protobuf-specs, sigstore_trustroot.proto. A part that cannot be used (a key of an unknown
kind, a window without its start, an empty chain) is set aside with its error and vouches for
nothing; that the root names such a log still says that a log is demanded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from core import wire
from core.errors import MalformedError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Trust, TrustEntry, TrustKind, digest_of
from verification.cms.timestamps import TimestampAuthority, chain_authority
from verification.sigstore import fields
from verification.sigstore.log_keys import HINT_SIZE, LogKey, read_log_key
from verification.x509.anchors import Anchors
from verification.x509.certificates import (
    certificate_digest,
    certificate_key_algorithm,
    load_der,
)

V02 = "application/vnd.dev.sigstore.trustedroot.v0.2+json"
MEDIA_TYPES = frozenset(
    {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        V02,
    }
)
# How `cosign trusted-root create` of version 2.4 wrote that a window has no end: Go's zero time.
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)
_TREE_HASH = "SHA2_256"
_CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
MAX_MEMBERS = 256
MAX_CHAIN = 10
MAX_BYTES = 4 * 1024 * 1024
_LIMITS = Limits(document_bytes=MAX_BYTES, evidence_bytes=MAX_BYTES)
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Window:
    """A closed span of time; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Say whether a time lies in it."""
        return not (self.start and at < self.start) and not (self.end and at > self.end)

    def within(self, other: Window) -> Window:
        """Return what both cover."""
        starts = [start for start in (self.start, other.start) if start is not None]
        ends = [end for end in (self.end, other.end) if end is not None]
        return Window(max(starts, default=None), min(ends, default=None))


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """One chain that issues signers' certificates, the root last; each of it may issue them.

    Its own signatures were checked when it was read, so that paths may end at `anchors`, any
    certificate of it, as soon as `window` says that all of the chain counts.
    """

    chain: tuple[x509.Certificate, ...]
    anchors: Anchors
    others: tuple[x509.Certificate, ...]
    window: Window


@dataclass(frozen=True, slots=True)
class Part:
    """One certificate or key of a root, as the page that shows trust lists it."""

    fingerprint: str
    identity: str
    algorithm: str
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """One root: a world of its own. Equal and hashed by name and digest alone."""

    name: str
    digest: str  # sha256:<hex> of the file
    authorities: tuple[CertificateAuthority, ...] = field(compare=False)
    logs: Mapping[bytes, tuple[LogKey, ...]] = field(compare=False)
    certificate_logs: Mapping[bytes, tuple[LogKey, ...]] = field(compare=False)
    timestamp_authorities: tuple[TimestampAuthority, ...] = field(compare=False)
    demands_log: bool = field(compare=False)
    demands_promise: bool = field(compare=False)  # a certificate must carry a CT log's promise
    judges_timestamps: bool = field(compare=False)  # it names authorities of them, usable or not
    fresh_until: datetime | None = field(default=None, compare=False)  # as in the trust entry
    broken: tuple[str, ...] = field(default=(), compare=False)

    def logs_named(self, log_id: bytes) -> tuple[LogKey, ...]:
        """Return the logs of an id; a root may name one by the four bytes it signs under."""
        return self.logs.get(log_id) or self.logs.get(log_id[:HINT_SIZE], ())

    def parts(self) -> tuple[Part, ...]:
        """Return every certificate and key that may vouch, each once, with its window."""
        found: list[Part] = []
        for authority in self.authorities:
            found += [_certificate_part(each, authority.window, "CA") for each in authority.chain]
        for role, known in (("log", self.logs), ("certificate log", self.certificate_logs)):
            found += [_log_part(log, role) for logs in known.values() for log in logs]
        for stamping in self.timestamp_authorities:
            window = Window(stamping.valid_from, stamping.valid_until)
            found += [_certificate_part(each, window, "TSA") for each in stamping.certificates()]
        return tuple(dict.fromkeys(found))


def _certificate_part(certificate: x509.Certificate, window: Window, role: str) -> Part:
    return Part(
        certificate_digest(certificate),
        certificate.subject.rfc4514_string(),
        f"{certificate_key_algorithm(certificate)}, {role}",
        window.start,
        window.end,
    )


def _log_part(log: LogKey, role: str) -> Part:
    algorithm = f"{log.key.algorithm}, {role}"
    return Part(log.key.fingerprint, log.url, algorithm, log.valid_from, log.valid_until)


@dataclass(frozen=True, slots=True)
class GivenRoots:
    """The trusted roots among the trust given, and what is wrong with entries that hold none."""

    roots: tuple[TrustedRoot, ...]
    broken: tuple[str, ...] = ()


def given_roots(trust: Trust) -> GivenRoots:
    """Read every entry of kind ROOT; a broken one is set aside with its error."""
    roots: list[TrustedRoot] = []
    broken: list[str] = []
    for entry in trust.entries:
        if entry.kind is not TrustKind.ROOT:
            continue
        try:
            roots.append(load_root(entry))
        except MalformedError as error:
            broken.append(f"{entry.name}: {error}")
    return GivenRoots(tuple(roots), tuple(broken))


@lru_cache(maxsize=32)
def load_root(entry: TrustEntry) -> TrustedRoot:
    """Read a trust entry of kind ROOT, inside the entry's own window; raise MalformedError."""
    if len(entry.content) > MAX_BYTES:
        raise MalformedError(f"{len(entry.content)} bytes of trusted root, more than {MAX_BYTES}")
    if entry.only:
        raise MalformedError("`only` cannot narrow a trusted root: it counts as a whole")
    document = wire.as_mapping(wire.read_json(entry.content, limits=_LIMITS), "the trusted root")
    inside = fields.document(document, "trustedRoot")
    if inside is not None:  # a client trust configuration holds the root inside
        document = inside
    media_type = fields.text(document, "mediaType")
    if media_type not in MEDIA_TYPES:
        raise MalformedError(f"a trusted root of an unknown version: {media_type[:80]!r}")
    return _root(document, entry)


def _root(document: fields.Document, entry: TrustEntry) -> TrustedRoot:
    bounds = Window(entry.valid_from, entry.valid_until)
    broken: list[str] = []

    def read(key: str, part: Callable[[fields.Document, Window], _Part]) -> list[_Part]:
        found = []
        for number, item in enumerate(fields.items(document, key, MAX_MEMBERS)):
            try:
                found.append(part(item, _window(item).within(bounds)))
            except MalformedError as error:
                broken.append(f"{key}[{number}]: {error}")
        return found

    log = partial(_log, is_signing_id_alone=fields.text(document, "mediaType") == V02)
    logs, certificate_logs = read("tlogs", log), read("ctlogs", log)
    return TrustedRoot(
        entry.name,
        str(digest_of(entry.content)),
        tuple(read("certificateAuthorities", _authority)),
        _by_id(logs),
        _by_id(certificate_logs),
        tuple(read("timestampAuthorities", _timestamp_authority)),
        demands_log=bool(document.get("tlogs")),
        demands_promise=bool(document.get("ctlogs")),
        judges_timestamps=bool(fields.value(document, "timestampAuthorities")),
        fresh_until=entry.fresh_until,
        broken=tuple(broken),
    )


def _by_id(logs: list[LogKey]) -> dict[bytes, tuple[LogKey, ...]]:
    found: dict[bytes, tuple[LogKey, ...]] = {}
    for log in logs:
        found[log.key_id] = (*found.get(log.key_id, ()), log)
    return found


def _window(part: fields.Document) -> Window:
    """Read the window of a log's key, which has to begin, or of an authority.

    An authority without one counts as long as its certificates do.
    """
    holder = fields.document(part, "publicKey") or part
    stated = fields.document(holder, "validFor") or {}
    start = fields.moment(stated, "start")
    if start is None and holder is not part:
        raise MalformedError("the field 'start' of its window is missing")
    end = fields.moment(stated, "end")
    return Window(start, None if end == _NO_TIME else end)


def _log(part: fields.Document, window: Window, *, is_signing_id_alone: bool) -> LogKey:
    """Read a log, which goes by its log id or else by the one it signs checkpoints under.

    Since version 0.2 of the format the second is the first by default.
    """
    stated = fields.needed(part, "publicKey")
    url = fields.text(part, "baseUrl")
    name = url or "a log"
    encoded, details = fields.needed_octets(stated, "rawBytes"), fields.text(stated, "keyDetails")
    key, check = read_log_key(encoded, details, name)
    hashed = fields.text(part, "hashAlgorithm") or _TREE_HASH
    if hashed != _TREE_HASH:
        raise MalformedError(f"{name}: a tree of {hashed[:40]!r}, where {_TREE_HASH} is known")
    signing = fields.octets(fields.document(part, "checkpointKeyId") or {}, "keyId")
    key_id = fields.octets(fields.document(part, "logId") or {}, "keyId") or signing
    if not key_id:
        raise MalformedError(f"{name}: neither a log id nor one for checkpoints")
    signs_as = (signing,) if signing and is_signing_id_alone else (key_id, signing)
    hints = frozenset(each[:HINT_SIZE] for each in signs_as if each)
    if window.start is None:
        raise MalformedError("the field 'start' of its window is missing")
    return LogKey(key_id, hints, url, key, check, window.start, window.end)


def _chain(part: fields.Document) -> tuple[x509.Certificate, ...]:
    listed = fields.items(fields.needed(part, "certChain"), "certificates", MAX_CHAIN)
    if not listed:
        raise MalformedError("the certificate chain is empty")
    return tuple(load_der(fields.needed_octets(one, "rawBytes")) for one in listed)


def _timestamp_authority(part: fields.Document, window: Window) -> TimestampAuthority:
    return chain_authority(_chain(part), window.start, window.end)


def _authority(part: fields.Document, window: Window) -> CertificateAuthority:
    chain = _chain(part)
    _check_links(chain)
    whole = Window(
        max(each.not_valid_before_utc for each in chain),
        min(each.not_valid_after_utc for each in chain),
    ).within(window)
    if any(_limits_signers(each) for each in chain):
        anchors, others = Anchors.of([chain[-1]]), chain[:-1]
    else:
        anchors, others = Anchors.of(chain), ()
    return CertificateAuthority(chain, anchors, others, whole)


def _check_links(chain: tuple[x509.Certificate, ...]) -> None:
    """Check once what need not be checked for every signer: that the chain is one."""
    for below, (link, issuer) in enumerate(pairwise(chain)):
        try:
            link.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise MalformedError("a certificate of its chain was not issued by the next") from None
        allowed = _basic(issuer).path_length
        if allowed is not None and below + 1 > allowed:
            raise MalformedError("its chain is longer than a certificate in it allows")
    for link in chain:
        if not _basic(link).ca:
            raise MalformedError("its chain has a certificate that is no authority")


def _basic(certificate: x509.Certificate) -> x509.BasicConstraints:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return x509.BasicConstraints(ca=False, path_length=None)


def _limits_signers(certificate: x509.Certificate) -> bool:
    """Say whether some of those below it may be none of ours: paths then have to go through it."""
    for extension in certificate.extensions:
        stated = extension.value
        if isinstance(stated, x509.NameConstraints):
            return True
        if isinstance(stated, x509.ExtendedKeyUsage) and _CODE_SIGNING not in stated:
            return True
    return False
