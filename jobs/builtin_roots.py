"""The Sigstore trusted roots that come with us: those pinned in the sigstore package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import unquote

_STORES = {  # the name under `trust.roots` → the TUF repository it was pinned from
    "public-good": "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev",
    "staging": "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev",
}
BUILTIN_ROOTS = tuple(_STORES)
REFRESHED = Path("trust") / "refreshed"  # beside the settings: what `trust refresh` fetched


def builtin_root(name: str) -> bytes:
    """Return the trusted root, JSON, that was pinned under this name."""
    return (_store(name) / "trusted_root.json").read_bytes()


def builtin_repository(name: str) -> tuple[str, bytes]:
    """Return the TUF repository that a root is refreshed from, and its pinned root metadata."""
    return unquote(_STORES[name]), (_store(name) / "root.json").read_bytes()


def _store(name: str) -> Traversable:
    return files("sigstore._store") / _STORES[name]
