"""The central types. Frozen and slotted; no database row and no library object travels further.

Words (docs/vocabulary.md has them all): an *artifact* is content that ought to be signed; a
*location* is where a source offers it; *evidence* is bytes that claim something about a *subject*;
an *evidence set* is everything that vouches for one or many artifacts, under a lasting key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from core.errors import MalformedError
from core.frozen import dataclass

HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128, "sha1": 40, "blake2b512": 128}
STRONG_DIGESTS = frozenset(HEX_LENGTH) - {"sha1"}  # equal ones mean equal bytes
_HASHERS = {
    name: getattr(hashlib, {"blake2b512": "blake2b"}.get(name, name)) for name in HEX_LENGTH
}
_HEX = re.compile(r"[0-9a-f]+\Z")


class Outcome(StrEnum):
    """What checking one piece of evidence gave (design: "Outcomes")."""

    VERIFIED = "verified"
    INVALID = "invalid"
    UNTRUSTED = "untrusted"
    UNVERIFIABLE = "unverifiable"


class CheckOutcome(StrEnum):
    """What one numbered step of a verification gave."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOTED = (
        "noted"  # a flag that does not decide: a weak option that was ignored, a claim not proved
    )


class Status(StrEnum):
    """Where an artifact at a location stands; the basis of coverage."""

    VERIFIED = "verified"
    FAILED = "failed"
    UNSIGNED = "unsigned"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What a format can prove; only the first two make an artifact verified."""

    SIGNATURE = "signature"
    PROVENANCE = "provenance"
    ATTESTATION = "attestation"
    TIMESTAMP = "timestamp"


class DigestOrigin(StrEnum):
    """Whether we hashed the bytes ourselves or believe a signed index."""

    COMPUTED = "computed"
    INDEX = "index"


class TrustKind(StrEnum):
    """What a trust entry holds."""

    KEY = "key"  # one PEM or DER public key
    KEYRING = "keyring"  # OpenPGP certificates, armored or binary
    AUTHORITY = "ca"  # X.509 certificates, PEM or DER
    ROOT = "root"  # a Sigstore trusted root, JSON
    SSH_SIGNERS = "allowed-signers"  # a list of OpenSSH's ALLOWED SIGNERS format
    REGISTRY_KEYS = "npm-keys"  # the signing keys of an npm registry, JSON
    MINISIGN = "minisign"  # one public key of minisign or signify
    REVOCATION = "revocation"  # one CRL or OCSP response: it can refute, never vouch


REVOCATION_ALONE = "revocation"  # stands as the algorithm of a key that only a revocation names

TRUST_OPTIONS = {  # by which option of `verify` each is given
    TrustKind.KEY: "--key",
    TrustKind.KEYRING: "--keyring",
    TrustKind.AUTHORITY: "--ca",
    TrustKind.ROOT: "--trusted-root",
    TrustKind.SSH_SIGNERS: "--key",
    TrustKind.REGISTRY_KEYS: "--key",
    TrustKind.MINISIGN: "--key",
    TrustKind.REVOCATION: "--crl",
}


class SignerKind(StrEnum):
    """What a signer is recognised by."""

    KEY = "key"
    OPENPGP = "openpgp"
    CERTIFICATE = "certificate"
    KEYLESS = "keyless"  # a Fulcio certificate: who signed is (issuer, identity), never the key
    SSH = "ssh"


class ScanState(StrEnum):
    """Life of a scan; `partial` read some units and not others, `abandoned` lost its process."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class FindingOutcome(StrEnum):
    """What one requirement of a policy said of one artifact."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class VerdictOutcome(StrEnum):
    """What one policy said of one artifact."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    WARNED = "warned"
    PASSED = "passed"
    NOT_APPLICABLE = "not_applicable"


class PolicyStatus(StrEnum):
    """The worst verdict over an artifact's policies in mode warn or enforce."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    WARNED = "warned"
    PASSED = "passed"
    UNGOVERNED = "ungoverned"


class PolicyMode(StrEnum):
    """How much a policy's verdict counts: `observe` is shown and never counted."""

    OBSERVE = "observe"
    WARN = "warn"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest; its text form is always `algorithm:hex`, lower case."""

    algorithm: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `algorithm:hex`; raise MalformedError on anything else."""
        algorithm, _, value = text.partition(":")
        if len(value) != HEX_LENGTH.get(algorithm, -1) or not _HEX.match(value):
            raise MalformedError(f"not a digest (algorithm:hex): {text[:80]!r}")
        return cls(algorithm, value)

    @property
    def raw(self) -> bytes:
        """The digest's bytes."""
        return bytes.fromhex(self.value)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


class Content(Protocol):
    """Bytes that may be too many for memory. Implemented by whoever holds them."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes in order, from the start, each call anew."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes from `offset` on, fewer than `length` only at the end."""

    def digest(self, algorithm: str) -> Digest:
        """Return the digest of all bytes, hashing each byte once per algorithm at most."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a piece of evidence is supposed to cover: a name, digests of ours, perhaps the bytes."""

    name: str
    digests: tuple[Digest, ...]
    content: Content | None = field(default=None, compare=False)

    def digest(self, algorithm: str) -> Digest | None:
        """Return the digest of that algorithm, computing it from the content when it is at hand."""
        for known in self.digests:
            if known.algorithm == algorithm:
                return known
        return self.content.digest(algorithm) if self.content is not None else None

    def strong_digests(self) -> tuple[Digest, ...]:
        """Return the digests stated that bind bytes, else the content's; none where neither is."""
        stated = tuple(one for one in self.digests if one.algorithm in STRONG_DIGESTS)
        if stated or self.content is None:
            return stated
        return (self.content.digest("sha256"),)


@dataclass(frozen=True, slots=True)
class ListLink:
    """One link of a chain from a signed list down to an artifact: this list names that content.

    `list_name` is the signed or already linked document, `entry` the line in it that names the
    next one (a Packages file, a checksum line), `digest` what the list says and we compared.
    """

    list_name: str
    entry: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class ReleaseExpectation:
    """What an apt source demands of a Release beyond its signature.

    `suite` is what was asked for (it must equal the Suite or Codename the Release states);
    `not_before` is the date of the last Release accepted from the same place; `flags` are options
    of the source entry that weaken it (`trusted=yes`, `allow-weak=yes`, ...): never honoured,
    always shown. After `most_age` it is no longer believed, whatever it says itself.
    """

    suite: str
    not_before: datetime | None = None
    flags: tuple[str, ...] = ()
    most_age: timedelta | None = None


ARTIFACT_HEAD = "application/vnd.countersign.artifact-head"
NOT_SIGNED = "NOT_SIGNED"  # the reason where we looked inside and found none: known, not unknown


@dataclass(frozen=True, slots=True)
class Evidence:
    """Raw bytes that claim something about a subject, and where they were found.

    Where the evidence lies within the artifact (a package, a commit), `content` is only the
    artifact's first bytes, by which its format is recognised, and `media_type` is ARTIFACT_HEAD.
    """

    content: bytes
    media_type: str
    origin: str  # path or URL for people: where it was found
    subject: Subject
    through: tuple[ListLink, ...] = ()  # from the subject (a list) down to the artifact
    expectation: ReleaseExpectation | None = None
    hint: bytes = b""  # a certificate or key laid beside it (.pem): a claim, never trust

    @property
    def is_inside(self) -> bool:
        """Whether it lies within the artifact itself."""
        return self.media_type == ARTIFACT_HEAD


@dataclass(frozen=True, slots=True)
class Unread:
    """A place where evidence may lie that we could not look at, or cannot read yet."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """One named thing that may vouch: a key, OpenPGP certificates, X.509 authorities.

    `only` narrows it to what it names: of a keyring certificates or subkeys by upper-case
    fingerprint (a trailing `!` means exactly that subkey), of authorities and keys those with that
    fingerprint, or the id by which signatures name them. Validity bounds are closed; None is open.
    """

    name: str
    kind: TrustKind
    content: bytes = field(repr=False)
    origin: str  # where it came from: a path, a settings entry
    only: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    fresh_until: datetime | None = None  # whoever published it has a newer one after this


@dataclass(frozen=True, slots=True)
class Trust:
    """Exactly what a source accepts; an empty one accepts nothing (TRUST_ROOT_MISSING)."""

    entries: tuple[TrustEntry, ...] = ()
    flags: tuple[str, ...] = ()  # what is weak about it: "machine-wide keyring, no Signed-By"


@dataclass(frozen=True, slots=True)
class EvidenceSet:
    """Everything that vouches for one or many artifacts, under a key that lasts across scans.

    `key` is unique within its source. No evidence and nothing unread means *unsigned*: `looked`
    then lists the places where we looked. `state` is the collector's own memory (an ETag, the
    digest of a signature manifest), given back by `Memory.state_of`. `is_list` says that its
    artifacts are known only from a list this evidence vouches for: once such a list was accepted,
    only one that verifies is believed. `fellows` are the keys of lists that the same evidence
    vouches for: where it fails, so do they.
    """

    key: str
    evidence: tuple[Evidence, ...] = ()
    looked: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()
    trust: Trust | None = None  # None: what the source's settings name
    state: str = ""
    is_list: bool = False
    fellows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifact:
    """Content that ought to be signed, identified by (kind, digest)."""

    kind: str  # "deb", "file", "oci-image", ...
    digest: Digest
    origin: DigestOrigin
    size: int | None = None
    media_type: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """Where a source offers an artifact. Unused parts are empty, never None.

    apt: ("bookworm/main", "bash", "5.2.15-2+b7", "amd64"); oci: ("acme/app", "acme/app", "v1",
    "linux/arm64"); file_tree: ("downloads", "downloads/app.tar.gz", "", "").
    """

    repository: str
    name: str
    version: str = ""
    variant: str = ""


@dataclass(frozen=True, slots=True)
class UnitFinding:
    """What is weak in how a unit is configured, or left unseen: said, and never honoured.

    `detail` names the place to mend; `reason` has a category "configuration".
    """

    reason: str
    detail: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a unit accepts now, told before its source is asked anything.

    Only for a collector that finds its trust by itself: what rested on trust that is gone stands
    no more, even where the source does not answer. `findings` are all there are of the unit now.
    """

    trust: Trust
    findings: tuple[UnitFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A collector saw this artifact at this location; the named evidence set vouches for it."""

    location: Location
    artifact: Artifact
    evidence_set: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A collector knows, without reading, that this location holds what it held before."""

    location: Location


@dataclass(frozen=True, slots=True)
class UnchangedSet:
    """A collector knows that every location this set vouches for is what it was."""

    key: str


@dataclass(frozen=True, slots=True)
class IndexKept:
    """A list's own bytes, to be kept by digest under the retention rule. Chunks are read once."""

    name: str
    digest: Digest
    media_type: str
    content: Content = field(compare=False)


@dataclass(frozen=True, slots=True)
class UnitEnd:
    """The last thing a collector says of a unit it read to its end.

    `unchanged` means the whole unit is what it was (a 304): nothing in it is gone. `state` comes
    back through `Memory.unit_state` on the next scan, unless trust, options or verifier changed
    since. `accepted` is what only verified evidence may teach (the date of a Release): it is kept
    when every evidence set of the unit verified, and comes back whatever changed.
    """

    state: str = ""
    unchanged: bool = False
    accepted: str = ""
    remarks: tuple[str, ...] = ()  # what people must know of the unit


Discovery = Accepts | EvidenceSet | Sighting | Unchanged | UnchangedSet | IndexKept | UnitEnd


@dataclass(frozen=True, slots=True)
class Check:
    """One numbered step of a verification, the passed ones too, in order."""

    step: str
    outcome: CheckOutcome
    detail: str = ""
    reason: str = ""
    reference: str = ""  # section of the specification


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed: for keyed signatures the primary key's fingerprint decides who it is."""

    kind: SignerKind
    # OpenPGP: upper-case hex of the primary key; OpenSSH: its own SHA256:<base64>; else
    # sha256:<hex> of the SPKI.
    key_fingerprint: str
    key_algorithm: str  # "RSA-4096", "ECDSA-P256", "Ed25519", ...
    identity: str = ""  # user id, certificate subject or SAN, as claimed and vouched for
    issuer: str = ""  # who vouches: a CA's subject; empty for bare keys
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @property
    def recognised_by(self) -> str:
        """What makes two signers of a kind the same one: the key, for keyless ones the identity."""
        if self.kind is SignerKind.KEYLESS:
            return f"{self.identity} {self.issuer}"
        return self.key_fingerprint


@dataclass(frozen=True, slots=True)
class Statement:
    """The in-toto statement inside an attestation."""

    predicate_type: str
    subjects: tuple[Subject, ...]
    predicate: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking one piece of evidence gave. Facts only: no policy looks in here.

    `anchors` are `sha256:` digests or fingerprints of the trust entries actually used, or, when
    nothing matched, empty. `due_at` is the first instant at which time alone changes the outcome.
    Times have bounds: `signed_after` and `signed_before` are what is proved or claimed, per
    `time_source`; `time_trusted` says which of the two.
    """

    outcome: Outcome
    format: str
    role: Role
    reason: str = ""  # empty only when verified
    detail: str = ""
    expected: str = ""
    found: str = ""
    signer: Signer | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    signed_after: datetime | None = None
    signed_before: datetime | None = None
    signed_at: datetime | None = None
    time_source: str = ""
    time_trusted: bool = False
    statement: Statement | None = None
    checks: tuple[Check, ...] = ()
    anchors: tuple[str, ...] = ()
    due_at: datetime | None = None
    due_reason: str = ""  # the reason code it will carry from `due_at` on, outcome untrusted


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a policy may see of one artifact at one location, nothing else."""

    kind: str
    location: Location
    digest: Digest
    source: str
    owner: str
    tier: str
    status: Status
    contested: bool
    reason: str
    verifications: tuple[Verification, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one requirement said, with what to do about it."""

    requirement: str
    outcome: FindingOutcome
    reason: str = ""
    detail: str = ""
    expected: str = ""
    found: str = ""
    solution: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy said of one artifact; `policy_digest` names the exact version."""

    policy: str
    policy_digest: str
    mode: PolicyMode
    outcome: VerdictOutcome
    findings: tuple[Finding, ...]
    names_signers: bool = False  # the policy says who may sign; else the artifact is unconstrained


@dataclass(frozen=True, slots=True)
class MemoryContent:
    """Content that is already in memory."""

    content: bytes

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes as one chunk."""
        yield self.content

    def read_at(self, offset: int, length: int) -> bytes:
        """Return a part of the bytes."""
        return self.content[offset : offset + length]

    def digest(self, algorithm: str) -> Digest:
        """Return the digest of the bytes."""
        return digest_of(self.content, algorithm)


def digest_of(content: bytes, algorithm: str = "sha256") -> Digest:
    """Return the digest of bytes; `algorithm` is one of HEX_LENGTH."""
    return Digest(algorithm, _HASHERS[algorithm](content).hexdigest())
