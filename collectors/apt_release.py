"""Fetch a suite's Release with its signature: InRelease, or Release and Release.gpg.

Whoever reads it sees only what the signature is over. What the signature is worth, verification
says; here nothing is believed beyond which lists to fetch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from collectors.apt_archive import Archive
from collectors.apt_suite import Suite
from core.cleartext import read_cleartext
from core.deb822 import ListedFile, listed_files, parse_date, read_stanza
from core.errors import DeniedError, MalformedError, UnreachableError
from core.limits import Limits
from core.model import digest_of
from core.text import display
from net.conditions import Conditions
from net.http import Response

CLEARTEXT = "text/plain; openpgp-cleartext"
DETACHED = "application/pgp-signature"
_FOUND, _NOT_MODIFIED, _ABSENT = 200, 304, 404


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """A Release and what was found to sign it; `signature` is empty where nothing was."""

    text: bytes
    signature: bytes
    media_type: str
    origin: str
    conditions: Conditions
    looked: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A digest of text and signature together."""
        return digest_of(digest_of(self.text).raw + self.signature).value


@dataclass(frozen=True, slots=True)
class AptState:
    """What one scan of a suite leaves to the next, as JSON; an unreadable one is empty."""

    layout: str = ""
    trust: str = ""
    digest: str = ""
    conditions: Conditions = field(default_factory=Conditions)
    lists: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # key → (entry, digest)

    @classmethod
    def parse(cls, text: str) -> AptState:
        """Read what `text` wrote."""
        try:
            fields = json.loads(text or "{}")
            lists = {key: (entry, digest) for key, (entry, digest) in fields.pop("lists").items()}
            conditions = Conditions(**fields.pop("conditions"))
            return cls(**fields, conditions=conditions, lists=lists)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def text(self) -> str:
        """Write it down."""
        plain = {name: getattr(self, name) for name in ("layout", "trust", "digest")}
        whole = {**plain, "conditions": asdict(self.conditions), "lists": dict(self.lists)}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"))

    def forgetting_document(self) -> AptState:
        """Return it without what would let the next scan say "unchanged"."""
        return replace(self, digest="", conditions=Conditions())


def not_before(accepted: str) -> datetime | None:
    """Return the oldest Date that is no rollback, given that of the last accepted Release."""
    return datetime.fromisoformat(accepted).astimezone(UTC) if accepted else None


@dataclass(frozen=True, slots=True)
class ReleaseFields:
    """What the collector needs of a Release."""

    date: datetime | None
    files: Mapping[str, ListedFile]
    by_hash: bool
    architectures: tuple[str, ...]

    def is_before(self, date: datetime | None) -> bool:
        """Say whether its Date is known to be older."""
        return date is not None and self.date is not None and self.date < date

    @classmethod
    def parse(cls, text: bytes) -> ReleaseFields:
        """Read a Release; a Date that is none is left to verification."""
        fields = read_stanza(text)
        named = fields.get("architectures", "").split()
        if "Packages" in fields.get("no-support-for-architecture-all", "").split():
            named = [name for name in named if name != "all"]
        by_hash = fields.get("acquire-by-hash", "").lower() == "yes"
        return cls(_date(fields), listed_files(fields), by_hash, tuple(named))


def fetch_release(
    archive: Archive, suite: Suite, conditions: Conditions, limits: Limits
) -> SignedRelease | None:
    """Return the suite's Release, or None when it is what it was (one request).

    Raises UnreachableError when there is no Release, MalformedError when it cannot be read.
    """
    inline = suite.folder + (suite.inrelease_path or "InRelease")
    detached = f"{suite.folder}Release.gpg"
    if conditions.url == detached:
        # The signature is renewed with every Release, so it alone says whether anything is new.
        signature = _get(archive, detached, conditions, limits.evidence_bytes)
        if signature.status == _NOT_MODIFIED:
            return None
    answer = _get(archive, inline, conditions, limits.release_bytes, may_be_denied=True)
    if answer.status == _NOT_MODIFIED:
        return None
    if answer.status == _FOUND:
        text = _cleartext(answer, limits)
        return SignedRelease(text, answer.body, CLEARTEXT, inline, Conditions.of(inline, answer))
    return _fetch_detached(archive, suite, inline, limits)


def _fetch_detached(archive: Archive, suite: Suite, inline: str, limits: Limits) -> SignedRelease:
    nothing = Conditions()
    url, signed = f"{suite.folder}Release", f"{suite.folder}Release.gpg"
    release = _get(archive, url, nothing, limits.release_bytes)
    if release.status != _FOUND:
        raise UnreachableError(
            f"neither InRelease nor Release under {display(suite.folder)}: check URL and suite"
        )
    signature = _get(archive, signed, nothing, limits.evidence_bytes, may_be_denied=True)
    if signature.status != _FOUND:
        return SignedRelease(release.body, b"", "", url, nothing, (inline, signed))
    conditions = Conditions.of(signed, signature)
    return SignedRelease(release.body, signature.body, DETACHED, signed, conditions)


def _get(
    archive: Archive, url: str, conditions: Conditions, limit: int, *, may_be_denied: bool = False
) -> Response:
    headers = conditions.headers(url)
    try:
        answer = archive.get(url, headers=headers, limit=limit)
    except DeniedError:
        if may_be_denied:  # storage buckets say "denied" of files that are not there
            return Response(_ABSENT, {}, b"", url)
        raise
    expected = (_FOUND, _ABSENT, _NOT_MODIFIED) if headers else (_FOUND, _ABSENT)
    if answer.status not in expected:
        raise UnreachableError(f"{display(url)} answered {answer.status}")
    return answer


def _cleartext(answer: Response, limits: Limits) -> bytes:
    try:
        return read_cleartext(answer.body, limit=limits.release_bytes).text
    except MalformedError as error:
        raise type(error)(f"{display(answer.url)}: {error}") from None


def _date(fields: Mapping[str, str]) -> datetime | None:
    try:
        return parse_date(fields.get("date", ""))
    except MalformedError:
        return None
