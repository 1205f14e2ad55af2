"""Debian's control format (deb822), read strictly and within bounds.

`rows` streams a Packages file, `read_stanzas` reads the small documents (Release, *.sources) whole,
`listed_files` and `parse_date` read what a Release says in its fields, `source_files` what a source
package does.

References: Debian Policy 5.1 (syntax), 5.4 and 5.5 (.dsc, .changes), the Debian repository format
(Release, Packages, Sources).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter

from core.errors import MalformedError, TooLargeError
from core.model import HEX_LENGTH, Digest
from core.text import display

STRONG = ("sha256", "sha512")  # the only sections of a Release that count
_NAME = re.compile(r"(?![#-])[!-9;-~]+\Z")  # Policy 5.1: no "#" or "-" first, no ":"
_DATE = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), +)?(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov"
    r"|Dec) (\d{4}) +(\d{1,2}):(\d{2}):(\d{2}) (?:UTC|GMT|Z|[+-]0000)\Z",
    re.ASCII,
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DIGITS = re.compile(r"[0-9]{1,18}\Z")
_LISTED_WORDS = 3  # digest, size, name
_HEX = re.compile(r"[0-9a-fA-F]+\Z")


@dataclass(frozen=True, slots=True)
class Stanza:
    """One paragraph: lower-case field names → values, continuation lines less their first blank."""

    fields: Mapping[str, str]
    line: int  # where it starts, from 1


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What a Release says of one file."""

    digest: Digest
    size: int


def read_stanza(content: bytes) -> dict[str, str]:
    """Return the fields of a document that is exactly one stanza, names in lower case.

    Raises MalformedError on anything else: a second stanza, a field twice, NUL, broken UTF-8.
    """
    found = read_stanzas(content)
    if len(found) != 1:
        raise MalformedError(f"one deb822 stanza expected, found {len(found)}")
    return dict(found[0].fields)


def read_stanzas(content: bytes, *, comment: str = "") -> tuple[Stanza, ...]:
    """Return all stanzas of a small document; lines that start with `comment` are passed over."""
    stanzas: list[Stanza] = []
    for first, lines in _paragraphs(_decode(content), comment):
        stanzas.append(Stanza(_fields(lines), first))
    return tuple(stanzas)


def rows(
    chunks: Iterable[bytes], names: Sequence[str], *, substitutes: Sequence[str] = (), limit: int
) -> Iterator[tuple[str, ...]]:
    """Yield the values of `names`, then of `substitutes`, for every stanza of a long list.

    Only a stanza that lacks one of `names` is read in full, and only then are `substitutes` looked
    up and names compared without regard to case; what is absent is "". A stanza over `limit` bytes
    raises TooLargeError. UTF-8 is demanded of the values asked for, not of the rest.
    """
    wanted = [name.encode() for name in names]
    # Possessive blanks: a line of a million of them must not be tried from each one anew.
    pattern = re.compile(rb"\n(" + b"|".join(wanted) + rb"):[ \t]*+([^\n]*[^ \t\n])")
    pick, blank = itemgetter(*wanted), ("",) * len(substitutes)
    for stanza in _blocks(chunks, limit):
        found = pattern.findall(stanza)
        values = dict(found)
        if len(values) != len(wanted) or len(found) != len(wanted):
            yield _row_in_full(stanza, [*names, *substitutes])
            continue
        try:
            row = tuple(b"\0".join(pick(values)).decode().split("\0"))
        except UnicodeDecodeError:
            raise MalformedError(f"a stanza is not UTF-8: {_beginning(stanza)}") from None
        if len(row) != len(wanted):
            raise MalformedError(f"NUL in a stanza: {_beginning(stanza)}")
        yield row + blank


def listed_files(fields: Mapping[str, str]) -> dict[str, ListedFile]:
    """Return every file a Release names, with the first digest of STRONG that it gives.

    Raises MalformedError on a line that is not `digest size name`, or one name with two digests.
    """
    files: dict[str, ListedFile] = {}
    for algorithm in STRONG:
        section = _section(fields.get(algorithm, ""), algorithm)
        for name, listed in section.items():
            known = files.setdefault(name, listed)
            if known.size != listed.size:
                raise MalformedError(f"a Release gives two sizes for {display(name)}")
    return files


def source_files(checksums: str, files: str) -> dict[str, Digest | None]:
    """Return every file that `Checksums-Sha256` and `Files` name; None where by MD5 alone.

    Raises MalformedError on a line of the first that is not `digest size name`.
    """
    weak = [line.split()[-1] for line in files.split("\n") if line.strip()]
    strong = _section(checksums, "sha256")
    return {**dict.fromkeys(weak), **{name: listed.digest for name, listed in strong.items()}}


def parse_date(text: str) -> datetime:
    """Read `Sat, 10 Jun 2023 08:55:45 UTC`; raise MalformedError on any other form or zone."""
    match = _DATE.match(text.strip())
    if match is None:
        raise MalformedError(f"not a date in UTC (RFC 2822): {display(text, 60)}")
    day, month, year, hour, minute, second = match.groups()
    try:
        return datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second),
            tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        raise MalformedError(f"no such date: {display(text, 60)}") from None


def _section(value: str, algorithm: str) -> dict[str, ListedFile]:
    files: dict[str, ListedFile] = {}
    for line in value.split("\n"):
        words = line.split()
        if not words:
            continue
        if len(words) != _LISTED_WORDS:
            raise MalformedError(f"not `digest size name` in {algorithm}: {display(line, 120)}")
        hexadecimal, size, name = words
        if not _DIGITS.match(size):
            raise MalformedError(f"no size of {display(name)} in {algorithm}: {display(size, 40)}")
        listed = ListedFile(digest_from(algorithm, hexadecimal), int(size))
        if files.setdefault(name, listed) != listed:
            raise MalformedError(f"{algorithm} names {display(name)} twice and differs")
    return files


def digest_from(algorithm: str, hexadecimal: str) -> Digest:
    """Return the digest a control file writes as bare hex, in either case."""
    if len(hexadecimal) != HEX_LENGTH[algorithm] or not _HEX.match(hexadecimal):
        raise MalformedError(f"not a {algorithm} digest: {display(hexadecimal, 140)}")
    return Digest(algorithm, hexadecimal.lower())


def _blocks(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield stanzas, each with a line break before it; hold one chunk and one stanza at most."""
    rest = b""
    for chunk in chunks:
        stanzas = (rest + chunk).split(b"\n\n")
        rest = stanzas.pop()
        for stanza in stanzas:
            if len(stanza) > limit:
                raise _too_large(stanza, limit)
            if stanza and stanza != b"\n":
                yield b"\n" + stanza
        if len(rest) > limit:
            raise _too_large(rest, limit)
    if rest.strip(b"\n"):
        yield b"\n" + rest


def _too_large(stanza: bytes, limit: int) -> TooLargeError:
    return TooLargeError(f"a stanza exceeds {limit} bytes (stanza_bytes): {_beginning(stanza)}")


def _row_in_full(stanza: bytes, names: Sequence[str]) -> tuple[str, ...]:
    found = read_stanzas(stanza)
    if len(found) != 1:
        raise MalformedError(f"blank lines inside a stanza: {_beginning(stanza)}")
    return tuple(found[0].fields.get(name.lower(), "") for name in names)


def _decode(content: bytes) -> str:
    if b"\0" in content:
        raise MalformedError("NUL in a deb822 document")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"not UTF-8 at byte {error.start} of a deb822 document") from None


def _paragraphs(text: str, comment: str) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if comment and line.startswith(comment):
            continue
        if line.strip(" \t\r"):
            lines.append((number, line.removesuffix("\r")))
        elif lines:
            yield lines[0][0], lines
            lines = []
    if lines:
        yield lines[0][0], lines


def _fields(lines: list[tuple[int, str]]) -> dict[str, str]:
    gathered: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in lines:
        if line[0] in " \t":
            if current is None:
                raise MalformedError(f"line {number}: a continuation line without a field")
            current.append(line[1:].rstrip())
            continue
        name, colon, value = line.partition(":")
        if not colon or not _NAME.match(name):
            raise MalformedError(f"line {number}: not `Field: value`: {display(line, 80)}")
        if name.lower() in gathered:
            raise MalformedError(f"line {number}: the field {display(name, 80)} stands twice")
        current = gathered[name.lower()] = [value.strip()]
    return {name: "\n".join(values) for name, values in gathered.items()}


def _beginning(stanza: bytes) -> str:
    return display(stanza[:80].decode("utf-8", "replace").strip(), 80)
