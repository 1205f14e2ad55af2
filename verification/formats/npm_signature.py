"""npm registry signatures: the registry signs name, version and integrity of what it serves.

The evidence is what the registry answers for one version of a package, as it is: a JSON object
with `name`, `version` and `dist` (`integrity` and `signatures[]{keyid, sig}`), perhaps with `time`,
when it was published; or the whole packument (`versions` and `time` of all), of which the version
counts whose integrity is the artifact's. Signed is the text `name@version:integrity`, ECDSA P-256
with SHA-256. A key is chosen by its id, and must have been in use at the time of publication; that
time is the registry's word, which nobody signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from core import wire
from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.model import Digest, Evidence, Role, Statement, Subject, Trust, TrustKind, Verification
from core.naming import numbered
from verification.fault import refuse_malformed
from verification.format import Setting
from verification.keys.keyed import (
    GivenKeys,
    Standing,
    Trial,
    given_keys,
    key_signer,
    refuse,
    refuse_keyless,
    signed_bytes,
    try_keys,
    verified,
)
from verification.keys.public_key import Terms
from verification.keys.registry_keys import SIGNATURES, keys_for, keys_named
from verification.npm_names import demand_package, is_served
from verification.predicates import fields
from verification.readers.json_document import read_document
from verification.statements import SubjectMatch, match, shown_digests
from verification.trail import Trail

_REFERENCE = "npm, ECDSA registry signatures"
_TERMS = Terms(hashes=("sha256",))
_INTEGRITY = re.compile(r"(sha256|sha384|sha512|sha1)-([A-Za-z0-9+/]+={0,2})")
_MARKS = (b'"dist"', b'"signatures"', b'"keyid"')
_MAX_HASHES = 8


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a package as the registry lists it; `published_at` is its unsigned word."""

    name: str
    version: str
    integrity: str
    digests: tuple[Digest, ...]
    signatures: tuple[tuple[str, bytes], ...]  # key id and signature
    published_at: datetime | None

    @property
    def signed_text(self) -> bytes:
        """What the registry signs."""
        return f"{self.name}@{self.version}:{self.integrity}".encode()


class NpmSignature:
    """A registry's signature over one version of a package."""

    name = "npm-signature"
    role = Role.SIGNATURE
    inside = False

    def recognises(self, evidence: Evidence) -> bool:
        """Say whether this is a registry's document on a package, with signatures in it."""
        return is_served(evidence.content, _MARKS, _is_of_package)

    def verify(self, evidence: Evidence, setting: Setting) -> Verification:
        """Check that the document is about this package, then every signature over it."""
        trail = Trail(self.name, self.role)
        # 1. The document, and the version in it that is this package.
        try:
            releases = list(_releases(evidence.content, setting.limits))
        except MalformedError as error:
            return _refuse_malformed(trail, error)
        release = _meant(trail, releases, evidence.subject)
        if isinstance(release, Verification):
            return release
        trail.claims |= _claims(release)
        # 2. Somebody must be trusted.
        given = given_keys(setting.trust)
        listed = keys_for(setting.trust, SIGNATURES)
        if given.none_given and listed.none_given:
            return refuse_keyless(trail, setting.trust, "public key or list of registry keys")
        # 3. Every signature, under the key it names, at the time of publication.
        at = release.published_at
        if at is not None and at > setting.now:
            refusal = trail.refuse(
                "publication time",
                "TIME_IN_FUTURE",
                "the registry says it was published later than now",
                expected=f"at {setting.now.isoformat()} or before",
                found=at.isoformat(),
            )
            return replace(refusal, due_at=at)
        dated = setting if at is None else replace(setting, now=at)
        trials: list[Trial] = []
        for key_id, signature in release.signatures:
            trial = _try(trail, release, key_id, signature, dated)
            if isinstance(trial, Verification):
                return trial
            trials.append(trial)
        return _verified(trail, trials, release)


def _is_of_package(document: Mapping[str, object]) -> bool:
    if not isinstance(document.get("name"), str):
        return False
    return isinstance(document.get("dist"), dict) or isinstance(document.get("versions"), dict)


def _releases(content: bytes, limits: Limits) -> Iterator[Release]:
    """Yield the signed versions a document lists; those without signatures are passed over."""
    document = read_document(content, limits)
    if "dist" in document:
        time = document.get("time", document.get("_time"))
        yield _release(document, limits, time)
        return
    times = fields.optional_mapping(document, "time")
    for version, item in fields.mapping(document, "versions").items():
        listed = wire.as_mapping(item, f"the version {version[:80]!r}")
        if wire.mapping(listed, "dist").get("signatures"):
            if wire.text(listed, "version") != version:
                raise MalformedError(f"the version {version[:80]!r} is listed under another one")
            yield _release(listed, limits, times.get(version))


def _release(document: Mapping[str, object], limits: Limits, time: object) -> Release:
    name, version = fields.text(document, "name"), fields.text(document, "version")
    demand_package(name, version)
    dist = fields.mapping(document, "dist")
    items = wire.items(dist, "signatures")
    if not items:
        raise MalformedError("a version without any signature")
    if len(items) > limits.signatures:
        raise TooLargeError(f"{len(items)} signatures, more than {limits.signatures} (signatures)")
    integrity = fields.text(dist, "integrity")
    published = fields.optional_timestamp({"time": time}, "time")
    return Release(
        name,
        version,
        integrity,
        _digests(integrity),
        tuple(map(_signature, items)),
        datetime.fromisoformat(published) if published else None,
    )


def _signature(item: object) -> tuple[str, bytes]:
    document = wire.as_mapping(item, "a signature")
    signature = wire.decode_base64(fields.text(document, "sig"), what="a signature")
    return fields.text(document, "keyid"), signature


def _digests(integrity: str) -> tuple[Digest, ...]:
    """Read Subresource Integrity metadata: hashes of the same content, blanks between them."""
    parts = [_INTEGRITY.fullmatch(part) for part in integrity.split(" ")]
    if len(parts) > _MAX_HASHES or None in parts:
        raise MalformedError(f"the field 'integrity' is no list of hashes: {integrity[:80]!r}")
    return tuple(
        Digest.parse(f"{part[1]}:{wire.decode_base64(part[2], what='a hash').hex()}")
        for part in parts
        if part is not None
    )


def _meant(trail: Trail, releases: list[Release], package: Subject) -> Release | Verification:
    """Return the one version whose integrity is the package's."""
    needed = False
    known = _hashed(package, releases)
    for release in releases:
        statement = Statement("", (Subject(release.name, release.digests),))
        found = match(statement, known)
        if found is SubjectMatch.MATCHED:
            trail.passed("package", f"{release.name}@{release.version}", reference=_REFERENCE)
            return release
        needed = needed or found is SubjectMatch.DIGEST_NEEDED
    listed = ", ".join(release.integrity[:120] for release in releases[:3])
    words = "the package's own hash is not at hand" if needed else "no version listed is this one"
    return trail.refuse(
        "package",
        "CONTENT_NEEDED" if needed else "DIGEST_MISMATCH",
        words,
        expected=listed or "a version with signatures",
        found=shown_digests(known) if known.digests else shown_digests(package),
        reference=_REFERENCE,
    )


def _hashed(package: Subject, releases: list[Release]) -> Subject:
    """Return the package with every digest that some version states, each computed once."""
    algorithms = {digest.algorithm for release in releases for digest in release.digests}
    found = [package.digest(algorithm) for algorithm in sorted(algorithms)]
    return Subject(package.name, tuple(digest for digest in found if digest is not None))


def _try(
    trail: Trail, release: Release, key_id: str, signature: bytes, dated: Setting
) -> Trial | Verification:
    keys = _keys(dated.trust, key_id)
    if not keys.keys and not keys.broken:
        return trail.refuse(
            "registry key",
            "KEY_UNKNOWN",
            "the signature names a key that is on no list given",
            expected=_known(dated.trust),
            found=key_id[:200],
            reference=_REFERENCE,
        )
    signed = signed_bytes(release.signed_text)
    trial = try_keys(keys.keys, signature, signed, dated, _TERMS)
    if trial.standing is not Standing.VERIFIED or trial.key is None:
        return refuse(trail, trial, keys, dated)
    trail.passed("signature of the registry", f"{trial.scheme}, {key_id[:200]}")
    return trial


def _keys(trust: Trust, key_id: str) -> GivenKeys:
    """Return the registry's keys of that id, and keys given one by one, which go by no id."""
    named, single = keys_named(trust, key_id, SIGNATURES), given_keys(trust)
    return GivenKeys((*named.keys, *single.keys), (*named.broken, *single.broken))


def _known(trust: Trust) -> str:
    names = [key.name for key in keys_for(trust, SIGNATURES).keys]
    lists = [entry for entry in trust.entries if entry.kind is TrustKind.REGISTRY_KEYS]
    return (
        "one of the keys " + "; ".join(names[:4])
        if names
        else f"a key of {numbered(len(lists), 'list')}"
    )


def _claims(release: Release) -> dict[str, str]:
    return fields.stated(
        package=release.name,
        package_version=release.version,
        integrity=release.integrity,
        published_at=release.published_at.isoformat() if release.published_at else "",
    )


def _verified(trail: Trail, trials: list[Trial], release: Release) -> Verification:
    """Conclude; where publication has a date, what the keys do later changes nothing."""
    distinct = list({trial.key.fingerprint: trial for trial in trials if trial.key}.values())
    ended = verified(trail, distinct)
    key = next(trial.key for trial in distinct if trial.key is not None)
    if release.published_at is None:
        ends = [t.key.due_at for t in distinct if t.key is not None and t.key.due_at is not None]
        return replace(
            ended, due_at=min(ends, default=None), due_reason="KEY_EXPIRED" if ends else ""
        )
    return replace(
        ended,
        signer=key_signer(key),
        signed_at=release.published_at,
        time_source="registry",
        time_trusted=False,
        due_at=None,
        due_reason="",
    )


def _refuse_malformed(trail: Trail, error: MalformedError) -> Verification:
    expected = "what a registry answers for a version of a package, with dist.signatures"
    return refuse_malformed(trail, "document", error, expected)
