"""What `verify` reads from disk, bounded: the artifact, evidence, lists and trust files.

What was named on the command line and cannot be read is a UsageError; what it says is judged
elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path

from collectors.file_content import FileContent, Stamp, shown
from core.cleartext import MESSAGE_BEGIN
from core.errors import MalformedError, UsageError
from core.json_lines import json_lines
from core.limits import MIB, Limits
from core.model import (
    TRUST_OPTIONS,
    Content,
    Digest,
    MemoryContent,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
)
from core.signify import embedded_message
from core.text import display
from verification.keys.registry_keys import read_registry_keys
from verification.openpgp.keyring import read_keyring
from verification.trust import describe, kind_of

MAX_TRUST_BYTES = 64 * MIB  # the keyring of all Debian developers has 31
_PIECE = MIB
MAX_ROOTS = 64  # Sigstore roots in one file of JSON lines
_DIGEST_LIKE = re.compile(r"[a-z0-9]{1,20}:[0-9A-Fa-f]{16,}\Z")
_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?(?:-----END \1-----|(?=-----BEGIN )|\Z)", re.DOTALL
)
_IN_BLOCKS = frozenset({TrustKind.KEY, TrustKind.AUTHORITY, TrustKind.REVOCATION})
_FITTING = {  # what a PEM block is → the option it belongs to
    b"CERTIFICATE": TrustKind.AUTHORITY,
    b"PUBLIC KEY": TrustKind.KEY,
    b"RSA PUBLIC KEY": TrustKind.KEY,
    b"PGP PUBLIC KEY BLOCK": TrustKind.KEYRING,
    b"X509 CRL": TrustKind.REVOCATION,
}
_FITTING_JSON = {b"trustedroot": TrustKind.ROOT, b'"keys"': TrustKind.REGISTRY_KEYS}


@dataclass(frozen=True, slots=True)
class GivenTrust:
    """What the trust options add up to, and what in their files had to be left out."""

    trust: Trust
    warnings: tuple[str, ...]


def memory_bytes(limits: Limits) -> int:
    """Return up to how many bytes a file is read into memory; a longer one stays on disk."""
    return max(limits.evidence_bytes, limits.release_bytes)


def read_file(path: Path, limit: int, *, text_limit: int = 0) -> bytes:
    """Read at most `limit` + 1 bytes, so that whoever judges them sees that they are too many.

    What turns out to be a signed text by then is read on to `text_limit` + 1.
    """
    content = bytearray()
    try:
        # Unbuffered: a buffer would take more from a pipe than was asked for.
        with path.open("rb", buffering=0) as opened:
            _fill(content, opened, limit + 1)
            if limit < len(content) <= text_limit and is_signed_text(content):
                _fill(content, opened, text_limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    return bytes(content)


def _fill(content: bytearray, opened: RawIOBase, size: int) -> None:
    while piece := opened.read(min(size - len(content), _PIECE)):
        content += piece


def is_signed_text(content: bytes | bytearray) -> bool:
    """Say whether a signed message begins on any line of a text: one before it is an attack."""
    begins = content.startswith(MESSAGE_BEGIN) or b"\n" + MESSAGE_BEGIN in content
    return begins and b"\0" not in content


def holds_what_it_signs(content: bytes) -> bool:
    """Say whether the content is a message with its signature around or before it."""
    return is_signed_text(content) or embedded_message(content) is not None


def open_content(path: Path, spool: Path, limits: Limits) -> Content:
    """Return a file's content: in memory where it is small, else read from disk as it is needed.

    Raises TooLargeError past `artifact_bytes`.
    """
    most = memory_bytes(limits)
    content = read_file(path, most)
    if len(content) <= most:
        return MemoryContent(content)
    if not path.is_file():  # asked first: a pipe has a name that leads nowhere
        raise UsageError(
            f"{_place(path)}: more than {most} bytes, and no regular file that could be read twice"
        )
    try:
        resolved = path.resolve(strict=True)
        stamp = Stamp.of(resolved.stat())
    except OSError as error:
        raise _unreadable(path, error) from None
    found = FileContent(resolved, stamp, spool)
    found.refuse_over(limits.artifact_bytes, "artifact_bytes")
    return found


def file_subject(path: Path, spool: Path, limits: Limits, *, name: str = "") -> Subject:
    """Return a file as a subject; CollectionError when it changes while it is being hashed."""
    content = open_content(path, spool, limits)
    return Subject(name or path.name, (content.digest("sha256"),), content)


def read_digest(text: str) -> Digest | None:
    """Return the digest an argument states, None where it is something else."""
    try:
        return Digest.parse(text)
    except MalformedError:
        if _DIGEST_LIKE.match(text) and not os.path.lexists(text):
            raise UsageError(
                f"{display(text, 160)}: no digest; write algorithm:hex, such as sha256: and 64"
                " lower-case hex digits"
            ) from None
        return None


# --- trust ----------------------------------------------------------------------------------------


def read_trust(files: Iterable[tuple[TrustKind, Path]], limits: Limits) -> GivenTrust:
    """Read every trust file; what is broken inside one is left out and warned of.

    UsageError where a file cannot be read at all, or holds nothing that even claims to be of its
    kind: that is another file than was meant, not one with a broken entry.
    """
    entries: list[TrustEntry] = []
    warnings: list[str] = []
    for given, path in files:
        content = read_file(path, MAX_TRUST_BYTES)
        if len(content) > MAX_TRUST_BYTES:
            raise UsageError(f"{_place(path)}: more than {MAX_TRUST_BYTES} bytes of trust")
        kind = kind_of(given, content)
        good, broken = _sift(_entries(kind, path, content), limits)
        fitting = fitting_kinds(content)
        if not good and (kind not in fitting or kind in _FITTING_JSON.values()):
            raise UsageError(_no_trust(kind, path, fitting - {kind}, broken))
        entries += good
        warnings += [f"{_place(path)}: left out: {display(words)}" for words in broken]
    return GivenTrust(Trust(tuple(entries)), tuple(warnings))


def fitting_kinds(content: bytes) -> set[TrustKind]:
    """Return what a trust file looks like, for advice on where it belongs."""
    labels = {found[1] for found in _BLOCK.finditer(content)}
    kinds = {_FITTING[label] for label in labels & _FITTING.keys()}
    if content.lstrip().startswith(b"{"):
        kinds |= {kind for sign, kind in _FITTING_JSON.items() if sign in content}
    return kinds


def _entries(kind: TrustKind, path: Path, content: bytes) -> Iterator[TrustEntry]:
    """Yield one entry for each part of a file, so that a broken one takes no other with it."""
    parts = _parts(kind, content)
    if len(parts) < 2:  # noqa: PLR2004 - one part is the whole
        yield TrustEntry(shown(path), kind, content, shown(path))
        return
    for number, part in enumerate(parts, start=1):
        yield TrustEntry(f"{shown(path)} ({number})", kind, part + b"\n", shown(path))


def _parts(kind: TrustKind, content: bytes) -> list[bytes]:
    """Return the PEM blocks, or the lines of several roots as GitHub's command writes them."""
    if kind is TrustKind.ROOT:
        return json_lines(content, MAX_ROOTS)
    return [found[0] for found in _BLOCK.finditer(content)] if kind in _IN_BLOCKS else []


def _sift(entries: Iterable[TrustEntry], limits: Limits) -> tuple[list[TrustEntry], Sequence[str]]:
    good: list[TrustEntry] = []
    broken: list[str] = []
    for entry in entries:
        try:
            if entry.kind is TrustKind.KEYRING:
                broken += read_keyring(entry, limits).notes
            elif entry.kind is TrustKind.REGISTRY_KEYS:
                broken += read_registry_keys(entry).broken
            else:
                describe(entry, limits)
        except MalformedError as error:
            broken.append(str(error).removeprefix(f"{entry.name} ({entry.origin}): "))
        else:
            good.append(entry)
    return good, broken


def _no_trust(
    kind: TrustKind, path: Path, fitting: Collection[TrustKind], broken: Sequence[str]
) -> str:
    advice = f"; give it with {TRUST_OPTIONS[min(fitting)]}" if fitting else ""
    why = broken[0] if broken else "it is empty"
    return f"{_place(path)}: nothing {TRUST_OPTIONS[kind]} could trust: {display(why)}{advice}"


def _place(path: Path) -> str:
    return display(shown(path))


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{_place(path)}: {error.strerror or 'cannot be read'}")
