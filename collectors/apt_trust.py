"""What one apt source accepts: its Signed-By, or else every key the machine trusts.

Reference: sources.list(5), "Signed-By". A fingerprint narrows keyrings, it is none itself; a key
block stands in the entry; a source without Signed-By gets /etc/apt/trusted.gpg and trusted.gpg.d,
which is said aloud.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from collectors.apt_sources import APT, config_files, read_file
from core.errors import CollectionError
from core.limits import Limits
from core.model import Trust, TrustEntry, TrustKind, digest_of
from core.text import display

NO_SIGNED_BY = "no Signed-By: every key this machine trusts may sign"
NOT_READ = "keyring not read"
ODD_SIGNED_BY = "Signed-By is neither path nor fingerprint"
BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})!?\Z")


def trust_of(
    signed_by: str, *, place: str, root: Path, limits: Limits, flags: tuple[str, ...] = ()
) -> Trust:
    """Return exactly what `Signed-By` names; what cannot be read is a flag and vouches for nothing.

    `place` is the file and line of the entry, `flags` the entry's own weakening options.
    """
    if BEGIN in signed_by:
        entry = TrustEntry(f"{place} Signed-By", TrustKind.KEYRING, _unescape(signed_by), place)
        return Trust((entry,), flags)
    words = signed_by.replace(",", " ").split()
    paths = [word for word in words if word.startswith("/")]
    only = tuple(word.upper() for word in words if _FINGERPRINT.match(word))
    odd = [w for w in words if not w.startswith("/") and not _FINGERPRINT.match(w)]
    if odd:
        # Whatever was meant, accepting less than everything is the only safe reading.
        return Trust((), (*flags, f"{ODD_SIGNED_BY}: {display(odd[0])}"))
    if not words:
        flags = (*flags, NO_SIGNED_BY)
    files = [root / path.lstrip("/") for path in paths] if paths else machine_keyrings(root)
    named = [(path, f"/{path.relative_to(root)}") for path in files]
    return read_keyrings(named, limits, only=only, flags=flags)


def machine_keyrings(root: Path) -> list[Path]:
    """Return the keyrings apt uses where a source names none."""
    machine_wide = root / APT / "trusted.gpg"
    first = [machine_wide] if machine_wide.is_file() else []
    return first + config_files(root / APT / "trusted.gpg.d", (".gpg", ".asc"))


def read_keyrings(
    files: list[tuple[Path, str]],
    limits: Limits,
    *,
    only: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
) -> Trust:
    """Return the keyrings in these files, each with the name to show; unreadable ones as flags."""
    entries, seen = [], list(flags)
    for path, shown in files:
        try:
            content = read_file(path, shown, limit=limits.evidence_bytes)
        except CollectionError as error:
            seen.append(f"{NOT_READ}: {error}")
            continue
        if content:
            entries.append(TrustEntry(shown, TrustKind.KEYRING, content, shown, only))
    return Trust(tuple(entries), tuple(seen))


def trust_digest(trust: Trust | None) -> str:
    """Return a digest of everything in it: while it stays, so does what the trust accepts."""
    if trust is None:
        return ""
    parts = [[entry.name, digest_of(entry.content).value, *entry.only] for entry in trust.entries]
    return digest_of(json.dumps([parts, trust.flags]).encode()).value


def _unescape(block: str) -> bytes:
    """Return a key block as it was before deb822 took it in: no indent, " ." an empty line."""
    lines = [line.strip() for line in block.strip().split("\n")]
    return ("\n".join("" if line == "." else line for line in lines) + "\n").encode()
