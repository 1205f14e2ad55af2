"""Follow a chain of lists from the one that is signed down to the artifact.

InRelease names Packages.xz, which names a package; SHA256SUMS names a file. Every link is a digest
compared with bytes we hashed, and no list is unpacked or read before its own link held.

References: the Debian repository format (Release, Packages, Sources); GNU coreutils, sha256sum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from collectors.file_content import shown
from core.checksums import is_checksum_list, read_checksums
from core.cleartext import MESSAGE_BEGIN, read_cleartext
from core.deb822 import digest_from, listed_files, read_stanza, rows, source_files
from core.errors import CollectionError, MalformedError, TooLargeError
from core.limits import Limits
from core.model import (
    Check,
    CheckOutcome,
    Content,
    Digest,
    Outcome,
    ReleaseExpectation,
    Subject,
    Verification,
)
from core.reasons import outcome_of
from core.repodata import is_primary, is_repomd, read_primary, read_repomd

SNIFFED_BYTES = 64 * 1024
ANY_SUITE = "./"  # a path, which no Suite or Codename can contradict
_SHOWN_CANDIDATES = 3
_READABLE = "a list that can be read, within the limits"
_PACKED = ((b"\xfd7zXZ\x00", ".xz"), (b"\x1f\x8b", ".gz"), (b"BZh", ".bz2"))
_ZSTD = b"\x28\xb5\x2f\xfd"
_FIELD = re.compile(rb"\n*[!-9;-~]+:")
_RELEASE_SECTION = re.compile(rb"(?mi)^(?:MD5Sum|SHA1|SHA256|SHA512):[ \t]*\r?\n ")
_PACKAGE = re.compile(rb"(?mi)^Package:[ \t]*[^ \t\n]")
_SOURCE_SECTION = re.compile(rb"(?mi)^(?:Files|Checksums-Sha256):[ \t]*\r?\n[ \t]")
_SOURCE_FIELDS = ("Checksums-Sha256", "Files", "Directory")
_PACKAGE_FIELDS = ("Package", "Version", "Architecture", "Filename", "SHA256")


@dataclass(frozen=True, slots=True)
class Member:
    """One document of a chain, or the artifact at its end.

    `name` is what the list before should call it; where it is empty, the digest alone finds it.
    With `is_demanded` no other name will do: somebody said so.
    """

    subject: Subject
    name: str = ""
    is_demanded: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """What following a chain gave: one check for each link tried; the last may have failed."""

    checks: tuple[Check, ...]
    expected: str = ""
    found: str = ""

    @property
    def broken(self) -> Check | None:
        """The link that does not hold, if one does not."""
        last = self.checks[-1] if self.checks else None
        return last if last is not None and last.outcome is CheckOutcome.FAILED else None


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of a list; `digest` is None where the list gives only weak ones.

    `other` is what the digits mean, too, where nothing says which of two algorithms made them.
    """

    name: str
    aliases: tuple[str, ...]
    digest: Digest | None
    other: Digest | None = None

    @property
    def readings(self) -> tuple[Digest, ...]:
        """The strong digests, each of which binds the bytes."""
        return tuple(one for one in (self.digest, self.other) if one is not None)


@dataclass(frozen=True, slots=True)
class _Listing:
    """A list taken apart. Where its names are what people rely on, they are binding."""

    kind: str
    entries: Iterator[_Entry]
    has_binding_names: bool


class _RefusedError(Exception):
    """A link that does not hold; never leaves this module."""

    def __init__(self, reason: str, detail: str, expected: str, found: str) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.expected, self.found = reason, detail, expected, found


def release_expectation(start: bytes) -> ReleaseExpectation | None:
    """Return what must hold of a text that begins like a Release: any suite, but in its time."""
    return ReleaseExpectation(ANY_SUITE) if _is_release(start) else None


def walk(members: Sequence[Member], limits: Limits) -> Walk:
    """Follow the chain from its first member, which something else vouches for; never raise."""
    checks: list[Check] = []
    for upper, lower in pairwise(members):
        step = f"{_called(lower)} stands in {shown(upper.name or upper.subject.name)}"
        try:
            detail = _link(upper, lower, limits)
        except (_RefusedError, MalformedError, CollectionError) as error:
            refused = _as_refusal(error)
            failed = Check(step, CheckOutcome.FAILED, refused.detail, refused.reason)
            return Walk((*checks, failed), refused.expected, refused.found)
        checks.append(Check(step, CheckOutcome.PASSED, detail))
    return Walk(tuple(checks))


def extend(verification: Verification, members: Sequence[Member], walked: Walk) -> Verification:
    """Return the verification of the first list as one of the chain's last member.

    A link counts only where something vouches for the list it starts from.
    """
    if verification.outcome is not Outcome.VERIFIED:
        why = "not followed: nothing vouches for the first list"
        skipped = tuple(
            Check(f"{_called(lower)} stands in the list before", CheckOutcome.SKIPPED, why)
            for lower in members[1:]
        )
        return replace(verification, checks=(*verification.checks, *skipped))
    linked = replace(verification, checks=(*verification.checks, *walked.checks))
    broken = walked.broken
    if broken is None:
        return linked
    outcome = outcome_of(broken.reason)
    if outcome in (None, Outcome.VERIFIED):
        raise KeyError(f"{broken.reason} is no reason of a verification")
    return replace(
        linked,
        outcome=outcome,
        reason=broken.reason,
        detail=broken.detail,
        expected=walked.expected,
        found=walked.found,
        due_at=None,
        due_reason="",
    )


def _called(member: Member) -> str:
    return shown(member.name or member.subject.name)


def _as_refusal(error: _RefusedError | MalformedError | CollectionError) -> _RefusedError:
    if isinstance(error, _RefusedError):
        return error
    cause = "" if isinstance(error, CollectionError) else "the list cannot be read: "
    return _RefusedError(error.reason, f"{cause}{error}", _READABLE, str(error))


def _link(upper: Member, lower: Member, limits: Limits) -> str:
    """Find the lower member in the list; return the entry that names it, raise otherwise."""
    if upper.subject.content is None:
        detail = "the list itself is not at hand"
        raise _RefusedError("CONTENT_NEEDED", detail, "the bytes of the list", "its digests alone")
    listing = _read_list(upper.subject.content, limits)
    entry = _find(listing, lower)
    return f"{listing.kind}: {entry.name}: {entry.digest}"


def _find(listing: _Listing, wanted: Member) -> _Entry:
    """Return the entry for the member; every entry is read, so that the whole list was."""
    known: dict[str, Digest | None] = {}
    equal: _Entry | None = None  # the first with this digest, under whatever name
    held: _Entry | None = None  # the first with this digest and this name
    named: list[_Entry] = []  # the first few with this name, of `count`
    count = 0
    for listed in listing.entries:
        is_named = bool(wanted.name) and wanted.name in listed.aliases
        entry = listed
        is_equal = entry.digest is not None and _digest(wanted, entry.digest, known) == entry.digest
        # The second reading costs another hash of the bytes: only where it could decide.
        if not is_equal and entry.other is not None and (is_named or not wanted.name):
            is_equal = _digest(wanted, entry.other, known) == entry.other
            entry = replace(entry, digest=entry.other) if is_equal else entry
        if is_equal and equal is None:
            equal = entry
        if is_named:
            held = entry if is_equal and held is None else held
            count += 1
            named += [entry] if len(named) < _SHOWN_CANDIDATES else []
    if held is not None:
        return held
    if named:
        raise _differs(wanted, named, count, known)
    binding = wanted.is_demanded or (listing.has_binding_names and bool(wanted.name))
    if equal is None or binding:
        raise _unlisted(listing, wanted, equal, known)
    return equal


def _digest(wanted: Member, listed: Digest, known: dict[str, Digest | None]) -> Digest | None:
    if listed.algorithm not in known:
        known[listed.algorithm] = wanted.subject.digest(listed.algorithm)
    return known[listed.algorithm]


def _differs(
    wanted: Member, named: Sequence[_Entry], count: int, known: dict[str, Digest | None]
) -> _RefusedError:
    strong = [one for entry in named for one in entry.readings]
    if not strong:
        detail = f"the list names {shown(wanted.name)} by no digest that still means something"
        return _RefusedError("ALGORITHM_WEAK", detail, "SHA256 or SHA512", "weaker digests alone")
    expected = " or ".join(dict.fromkeys(map(str, strong)))
    lacking = next((one.algorithm for one in strong if known.get(one.algorithm) is None), None)
    if lacking is not None:
        detail = f"the {lacking} digest of {shown(wanted.name)} is not at hand"
        return _RefusedError("CONTENT_NEEDED", detail, expected, _digests_of(wanted))
    ours = ", ".join(dict.fromkeys(str(known[one.algorithm]) for one in strong))
    detail = f"the list gives another digest for {shown(wanted.name)}"
    if count > 1:
        detail = f"the list has {count} entries for {shown(wanted.name)}, none with this digest"
    return _RefusedError("DIGEST_MISMATCH", detail, expected, ours)


def _digests_of(wanted: Member) -> str:
    return ", ".join(map(str, wanted.subject.digests)) or "no digest"


def _unlisted(
    listing: _Listing, wanted: Member, equal: _Entry | None, known: dict[str, Digest | None]
) -> _RefusedError:
    name = _called(wanted)
    if equal is not None:
        detail = f"the {listing.kind} names this content, but not as {name}"
        found = shown(equal.name)
        return _RefusedError("SUBJECT_MISMATCH", detail, f"an entry for {name}", found)
    if known and None in known.values() and not wanted.name:
        algorithms = ", ".join(sorted(algorithm for algorithm, ours in known.items() if not ours))
        detail = f"the list gives {algorithms} digests, and that of {name} is not at hand"
        return _RefusedError("CONTENT_NEEDED", detail, f"{algorithms} digests", _digests_of(wanted))
    detail = f"the {listing.kind} does not name {name}"
    return _RefusedError("SUBJECT_MISMATCH", detail, f"an entry for {name}", "none")


# --- the kinds of lists ---------------------------------------------------------------------------


def _read_list(content: Content, limits: Limits) -> _Listing:
    from collectors.apt_index import unpack  # noqa: PLC0415 - costs time that most calls save

    suffix = _packing(content)
    pieces = unpack(content, f"the list{suffix}", limit=limits.index_unpacked_bytes)
    start, whole = _peek(pieces)
    if start.startswith(MESSAGE_BEGIN):
        # What signs it does not count here: the list before vouches for all of its bytes.
        text = read_cleartext(_whole(whole, limits), limit=limits.release_bytes).text
        start, whole = text[:SNIFFED_BYTES], iter((text,))
    for kind, recognises, read, has_binding_names in _KINDS:
        if recognises(start):
            return _Listing(kind, read(whole, limits), has_binding_names)
    expected = "a Release, a package list, a repomd.xml or a list of checksums"
    if start.startswith(_ZSTD):
        detail = "the list is packed with zstd, which is not read; give it unpacked"
        raise _RefusedError("FORMAT_UNSUPPORTED", detail, expected, "a list packed with zstd")
    detail = "no reader recognises this list (Release, Packages, .dsc, SHA256SUMS, repomd.xml are)"
    raise _RefusedError("FORMAT_UNSUPPORTED", detail, expected, "a text of another kind")


def _packing(content: Content) -> str:
    start = next(iter(content.chunks()), b"")
    return next((suffix for magic, suffix in _PACKED if start.startswith(magic)), "")


def _peek(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= SNIFFED_BYTES:
            break
    return start[:SNIFFED_BYTES], chain((start,), pieces)


def _is_release(start: bytes) -> bool:
    return bool(_FIELD.match(start) and _RELEASE_SECTION.search(start))


def _is_sources(start: bytes) -> bool:
    return bool(_FIELD.match(start) and _SOURCE_SECTION.search(start))


def _is_packages(start: bytes) -> bool:
    return bool(_FIELD.match(start) and _PACKAGE.search(start))


def _whole(pieces: Iterable[bytes], limits: Limits) -> bytes:
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limits.release_bytes:
            raise TooLargeError(f"more than {limits.release_bytes} bytes (release_bytes)")
        kept.append(piece)
    return b"".join(kept)


def _release_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[_Entry]:
    for name, listed in listed_files(read_stanza(_whole(pieces, limits))).items():
        yield _Entry(name, (name, _last(name)), listed.digest)


def _checksum_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[_Entry]:
    for name, readings in read_checksums(_whole(pieces, limits), limits).items():
        yield _Entry(name, (name, _last(name)), *(readings or (None,)))


def _package_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[_Entry]:
    limit = limits.stanza_bytes
    for row in rows(pieces, _PACKAGE_FIELDS, substitutes=("SHA512",), limit=limit):
        package, version, architecture, path, sha256, sha512 = row
        yield _Entry(
            f"{package} {version} {architecture}",
            _package_names(package, version, architecture, path),
            _package_digest(sha256, sha512),
        )


def _source_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[_Entry]:
    for checksums, files, folder in rows(pieces, _SOURCE_FIELDS, limit=limits.stanza_bytes):
        for name, digest in source_files(checksums, files).items():
            path = f"{folder}/{name}" if folder else name
            yield _Entry(path, (path, name), digest)


def _repomd_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[_Entry]:
    return (_Entry(one.name, one.aliases, one.digest) for one in read_repomd(pieces, limits))


def _primary_entries(pieces: Iterator[bytes], limits: Limits) -> Iterator[_Entry]:
    return (_Entry(one.name, one.aliases, one.digest) for one in read_primary(pieces, limits))


def _package_names(package: str, version: str, architecture: str, path: str) -> tuple[str, ...]:
    """Return what a package's file is called: as listed, with its epoch, quoted, or without it."""
    plain = version.partition(":")[2] or version
    versions = dict.fromkeys((version, version.replace(":", "%3a"), plain))
    files = [f"{package}_{each}_{architecture}.deb" for each in versions]
    return (package, path, _last(path), *files)


def _package_digest(sha256: str, sha512: str) -> Digest | None:
    if sha256:
        return digest_from("sha256", sha256)
    return digest_from("sha512", sha512) if sha512 else None


def _last(path: str) -> str:
    return path.rpartition("/")[2]


_Reader = Callable[[Iterator[bytes], Limits], Iterator[_Entry]]
_KINDS: tuple[tuple[str, Callable[[bytes], bool], _Reader, bool], ...] = (
    ("Release", _is_release, _release_entries, False),
    ("checksum list", is_checksum_list, _checksum_entries, True),
    ("list of source files", _is_sources, _source_entries, True),
    ("package list", _is_packages, _package_entries, False),
    ("repomd.xml", is_repomd, _repomd_entries, False),
    ("list of rpm packages", is_primary, _primary_entries, False),
)
