"""What the settings name under `trust`: files read, bounded, and what each name stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from core.complaints import suggestion
from core.errors import ConfigurationError, MalformedError
from core.json_lines import json_lines
from core.limits import Limits
from core.model import REVOCATION_ALONE, Trust, TrustEntry, TrustKind
from core.settings import RevocationFile, SettingsFile, Source, TrustFile, TrustRoot, Validity
from jobs.builtin_roots import (
    BUILTIN_ROOTS,
    builtin_repository,
    builtin_root,
    fresh_until,
    is_outdated,
    refreshed_places,
)
from jobs.verify_inputs import MAX_ROOTS, MAX_TRUST_BYTES, fitting_kinds
from verification.trust import describe, kind_of

GROUPS = (
    ("roots", TrustKind.ROOT),
    ("keys", TrustKind.KEY),
    ("keyrings", TrustKind.KEYRING),
    ("authorities", TrustKind.AUTHORITY),
    ("revocations", TrustKind.REVOCATION),
)

NamedTrust = dict[str, tuple[TrustEntry, ...]]  # the name in the settings → what is in its file


def read_trust(file: SettingsFile) -> NamedTrust:
    """Read every file under `trust`, bounded; an unreadable one is an error with its place."""
    return {
        name: _trust_entries(file, group, kind, name, entry)
        for group, kind in GROUPS
        for name, entry in getattr(file.settings.trust, group).items()
    }


def _trust_entries(
    file: SettingsFile,
    group: str,
    kind: TrustKind,
    name: str,
    entry: TrustFile | TrustRoot | RevocationFile | Literal["builtin"],
) -> tuple[TrustEntry, ...]:
    where, fresh = ("trust", group, name), None
    if entry == "builtin":
        if name not in BUILTIN_ROOTS:
            raise file.error(
                f"no root `{name}` comes with us; {suggestion(name, BUILTIN_ROOTS)}", *where
            )
        refreshed, fresh = _refreshed(file, name)
        if refreshed is None:
            return (TrustEntry(name, kind, builtin_root(name), "builtin", fresh_until=fresh),)
        entry = TrustRoot(file=str(refreshed))
    path = file.folder / entry.file
    content = read_bounded(path, MAX_TRUST_BYTES, lambda words: file.error(words, *where, "file"))
    made = TrustEntry(name, kind_of(kind, content), content, str(path), fresh_until=fresh)
    if isinstance(entry, TrustFile):
        valid = entry.valid or Validity()
        made = replace(
            made, only=tuple(entry.only), valid_from=valid.from_, valid_until=valid.until
        )
    parts = _parts(made)
    if len(parts) > MAX_ROOTS:
        raise file.error(f"{path}: more than {MAX_ROOTS} roots; use several files", *where, "file")
    try:
        held = [one for part in parts for one in describe(part, file.settings.limits)]
    except MalformedError as error:
        raise file.error(f"{path}: {error}{_advice(made)}", *where, "file") from error
    if made.only and all(one.algorithm == REVOCATION_ALONE for one in held):
        raise file.error(f"{path}: `only` names nothing that it holds", *where, "only")
    return parts


def _advice(entry: TrustEntry) -> str:
    """Say under which key of `trust` a file belongs that is not of its entry's kind."""
    fitting = fitting_kinds(entry.content) - {entry.kind}
    groups = [group for group, kind in GROUPS if kind in fitting]
    if TrustKind.REGISTRY_KEYS in fitting:
        groups.append("keys")
    return f"; it belongs under `{groups[0]}`" if groups else ""


def _refreshed(file: SettingsFile, name: str) -> tuple[Path | None, datetime | None]:
    """Return the refreshed root that counts instead of ours: none, or one that is no older.

    And until when the one that counts is its publisher's newest, where that is known.
    """
    _, pinned_under = builtin_repository(name)
    refreshed, fetched_under = refreshed_places(name, file.folder)
    if not refreshed.is_file():
        return None, fresh_until(pinned_under)
    if not fetched_under.is_file():  # put there by hand: nothing to compare
        return refreshed, None

    def complain(words: str) -> ConfigurationError:
        words = f"{words}; run `countersign trust refresh {name}`"
        return file.error(words, "trust", "roots", name)

    content = read_bounded(fetched_under, MAX_TRUST_BYTES, complain)
    try:
        if is_outdated(name, content):
            return None, fresh_until(pinned_under)
        return refreshed, fresh_until(content)
    except MalformedError as error:
        raise complain(f"{fetched_under}: {error}") from error


def _parts(entry: TrustEntry) -> tuple[TrustEntry, ...]:
    """Return one entry for each of several roots, one to a line, as GitHub's command prints them.

    One that cannot be read is an error: nothing that is written under `trust` is left out.
    """
    lines = json_lines(entry.content, MAX_ROOTS) if entry.kind is TrustKind.ROOT else []
    if len(lines) < 2:  # noqa: PLR2004 - one line is the whole
        return (entry,)
    return tuple(
        replace(entry, name=f"{entry.name} ({number})", content=line + b"\n")
        for number, line in enumerate(lines, start=1)
    )


def read_bounded(path: Path, limit: int, complain: Callable[[str], ConfigurationError]) -> bytes:
    """Read a file of at most `limit` bytes; `complain` makes the error."""
    try:
        with path.open("rb") as handle:
            content = handle.read(limit + 1)
    except OSError as error:
        raise complain(f"{path}: {error.strerror}") from error
    if len(content) > limit:
        raise complain(f"{path}: larger than {limit} bytes")
    return content


def trust_of(trust: NamedTrust, source: Source) -> Trust:
    """Return exactly what a source accepts."""
    return Trust(tuple(entry for name in source.trust for entry in trust[name]))


def trust_names(trust: NamedTrust, limits: Limits) -> dict[str, frozenset[str]]:
    """Return what each name under `trust` stands for: fingerprints of what is inside."""
    return {
        name: frozenset(one.fingerprint for entry in entries for one in describe(entry, limits))
        for name, entries in trust.items()
    }


def trust_files(file: SettingsFile) -> list[Path]:
    """Return every file that may hold something that is trusted, whether it is there or not."""
    named: list[Path] = []
    for group, _ in GROUPS:
        entries = getattr(file.settings.trust, group).values()
        named += [file.folder / entry.file for entry in entries if entry != "builtin"]
    refreshed = (*file.settings.trust.roots, *BUILTIN_ROOTS)
    return named + [place for name in refreshed for place in refreshed_places(name, file.folder)]
