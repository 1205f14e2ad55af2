"""What things are called wherever they are shown: on a page, in a terminal, in a report."""

from __future__ import annotations

KEY_ID_CHARACTERS = 16  # of OpenPGP's fingerprints: what other tools print, too


def plural(count: int, noun: str) -> str:
    """Return the noun as it stands beside a number."""
    return noun if count == 1 else f"{noun}s"


def numbered(count: int, noun: str, many: str = "") -> str:
    """Return a number with its noun: `1 key`, `2 keys`; `many` where more take no plain s."""
    return f"{count} {many}" if many and count != 1 else f"{count} {plural(count, noun)}"


def key_id(fingerprint: str) -> str:
    """Return the end of a fingerprint, enough to tell keys apart by eye."""
    return fingerprint[-KEY_ID_CHARACTERS:]


def signer_name(identity: str, algorithm: str, fingerprint: str) -> str:
    """Return what a signer is called: by its identity, or by its key where it states none."""
    return identity or f"{algorithm} key {key_id(fingerprint)}"
