"""Who may sign with which SSH key: OpenSSH's allowed signers (ssh-keygen(1), ALLOWED SIGNERS).

A line that cannot be read is left out with a note. One difference on purpose: a time without `Z`
is UTC here, since an answer must not depend on the machine that gives it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.limits import Limits
from core.model import TrustEntry
from core.wire import decode_base64
from verification.ssh.certificate import is_certificate
from verification.ssh.key import KEY_TYPES, SshKey, read_key

MAX_LINES = 100_000
_KEPT_LISTS = 64
_MAX_PATTERN = 1024
_OPTION = re.compile(r'([A-Za-z-]{1,32})(?:="([^"]*)")?(?:,(?!\Z)|\Z)')
_TIME = re.compile(r"(\d{8})(\d{4}(?:\d{2})?)?(?:Z|UTC)?\Z", re.IGNORECASE)
_BLANKS = " \t"  # what OpenSSH splits at; other white space is part of a word
# OpenSSH ends the principals at the first closing quote, and the options at a blank outside quotes.
_PRINCIPALS = re.compile(rf'([^{_BLANKS}"]*)(?:"([^"]*)")?[{_BLANKS}]+')
_OPTIONS = re.compile(rf'([^{_BLANKS}"]*(?:"[^"]*"[^{_BLANKS}"]*)*)[{_BLANKS}]+')
_KEY = re.compile(rf"([^{_BLANKS}]+)[{_BLANKS}]+([^{_BLANKS}]+)")
_FLAGS, _VALUED = (
    frozenset({"cert-authority"}),
    frozenset({"namespaces", "valid-after", "valid-before"}),
)


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """One line: these principals may sign with this key. Bounds are closed; None is open.

    `principals` are patterns, empty for a bare public key, which vouches for nobody's name.
    """

    principals: tuple[str, ...]
    key: SshKey
    line: int
    is_authority: bool = False
    namespaces: tuple[str, ...] = ()  # patterns; empty: any
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    entry: str = ""

    def allows(self, namespace: str) -> bool:
        """Say whether it may sign under this namespace."""
        return not self.namespaces or matches(self.namespaces, namespace)


@dataclass(frozen=True, slots=True)
class SignerList:
    """The readable lines of one trust entry, and what is wrong with the others."""

    signers: tuple[AllowedSigner, ...]
    notes: tuple[str, ...] = ()


def matches(patterns: tuple[str, ...], text: str) -> bool:
    """Say whether a pattern list matches (ssh_config(5), PATTERNS): a negated match decides."""
    negated = [one[1:] for one in patterns if one.startswith("!")]
    if any(_like(one, text) for one in negated):
        return False
    return any(_like(one, text) for one in patterns if not one.startswith("!"))


def answers_to(claims: Mapping[str, str], identity: str) -> bool:
    """Say whether a verified signer goes by this name: one certified, or one its line matches."""
    if "certified_principals" in claims:
        return identity in json.loads(claims["certified_principals"])
    lines = json.loads(claims.get("principals", "[]"))
    return any(matches(tuple(line.split(",")), identity) for line in lines)


def _like(pattern: str, text: str) -> bool:
    """Match `*` and `?` in time linear in both, times the number of stars: no backtracking."""
    at = place = mark = 0
    star = -1
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at, place = at + 1, place + 1
        elif star >= 0:
            mark += 1
            at, place = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def read_signers(entry: TrustEntry, limits: Limits) -> SignerList:
    """Read a trust entry of kind SSH_SIGNERS; raise MalformedError where no line can be read."""
    if len(entry.content) > limits.evidence_bytes:
        raise TooLargeError(f"{entry.name}: {len(entry.content)} bytes of allowed signers")
    try:
        return _read(entry)
    except MalformedError as error:
        raise MalformedError(f"{entry.name} ({entry.origin}): {error}") from None


@lru_cache(maxsize=_KEPT_LISTS)
def _read(entry: TrustEntry) -> SignerList:
    try:
        text = entry.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"a list of allowed signers is UTF-8; byte {error.start} is not"
        ) from (None)
    lines = text.split("\n", MAX_LINES)
    if len(lines) > MAX_LINES:
        raise TooLargeError(f"more than {MAX_LINES} lines of allowed signers")
    signers: list[AllowedSigner] = []
    notes: list[str] = []
    for number, line in enumerate(lines, start=1):
        bare = line.strip(" \t\r")
        if bare and not bare.startswith("#"):
            try:
                signers.append(_signer(bare, number, entry))
            except MalformedError as error:
                notes.append(f"line {number}: {error}")
    if not signers:
        raise MalformedError(notes[0] if notes else "a list of allowed signers without any")
    only = {"".join(one.split()) for one in entry.only}
    kept = tuple(one for one in signers if not only or one.key.fingerprint in only)
    return SignerList(kept, tuple(notes))


def _signer(line: str, number: int, entry: TrustEntry) -> AllowedSigner:
    if "\r" in line:  # a blank to OpenSSH, but in options and keys: no two readers would agree
        raise MalformedError("a carriage return inside the line")
    bare = _key_at(line, 0)
    if bare is not None:
        begins, ends = _window(entry, {})
        return AllowedSigner(
            (), _key(bare), number, valid_from=begins, valid_until=ends, entry=entry.name
        )
    named = _PRINCIPALS.match(line)
    stated = _OPTIONS.match(line, named.end()) if named is not None else None
    key, options = _key_at(line, named.end()) if named is not None else None, {}
    if key is None and stated is not None:
        key, options = _key_at(line, stated.end()), _options(stated[1])
    if key is None or named is None:
        raise MalformedError("no SSH key of a known type after the principals and their options")
    begins, ends = _window(entry, options)
    return AllowedSigner(
        _patterns(named[1] + (named[2] or "")),
        _key(key),
        number,
        is_authority="cert-authority" in options,
        namespaces=_patterns(options["namespaces"]) if "namespaces" in options else (),
        valid_from=begins,
        valid_until=ends,
        entry=entry.name,
    )


def _key_at(line: str, at: int) -> re.Match[str] | None:
    """Return type and base64 of the key that stands there; what follows it is a note."""
    found = _KEY.match(line, at)
    return found if found is not None and found[1] in KEY_TYPES else None


def _key(found: re.Match[str]) -> SshKey:
    blob = decode_base64(found[2], what="the SSH key")
    if is_certificate(blob):
        raise MalformedError("a certificate stands where a key belongs")
    key = read_key(blob)
    if key.type != found[1]:
        raise MalformedError(f"the key is of the type {key.type}, not {found[1]}")
    return key


def _patterns(text: str) -> tuple[str, ...]:
    """Return the names of a list; one that is empty fits nobody, so it goes. Some must stay."""
    patterns = tuple(one for one in text.split(",") if one)
    if not patterns or any(len(one) > _MAX_PATTERN for one in patterns):
        raise MalformedError("a list of names without any, or with an endless one")
    return patterns


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        option = _OPTION.match(text, at)
        name = option[1].lower() if option is not None else ""
        is_known = option is not None and name in (_FLAGS if option[2] is None else _VALUED)
        if option is None or not is_known or name in found:
            raise MalformedError(
                f"an option that is unknown or stands twice: {text[at : at + 40]!r}"
            )
        found[name] = option[2] or ""
        at = option.end()
    return found


def _window(entry: TrustEntry, options: dict[str, str]) -> tuple[datetime | None, datetime | None]:
    begins = _time(options["valid-after"]) if "valid-after" in options else None
    ends = _time(options["valid-before"]) if "valid-before" in options else None
    if begins is not None and ends is not None and begins >= ends:
        raise MalformedError("valid-after is not before valid-before")
    starts = [one for one in (begins, entry.valid_from) if one is not None]
    closes = [one for one in (ends, entry.valid_until) if one is not None]
    return max(starts, default=None), min(closes, default=None)


def _time(text: str) -> datetime:
    found = _TIME.match(text)
    if found is None:
        raise MalformedError(f"no time of the form YYYYMMDD[HHMM[SS]][Z]: {text[:40]!r}")
    digits = found[1] + (found[2] or "").ljust(6, "0")
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(f"no such time: {text[:40]!r}") from None
