"""The Sigstore trusted roots that come with us: those pinned in the sigstore package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import unquote

from core import wire
from core.errors import MalformedError
from core.limits import Limits

_STORES = {  # the name under `trust.roots` → the TUF repository it was pinned from
    "public-good": "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev",
    "staging": "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev",
}
BUILTIN_ROOTS = tuple(_STORES)
_TUF_TIME = "%Y-%m-%dT%H:%M:%SZ"
REFRESHED = Path("trust") / "refreshed"  # beside the settings: what `trust refresh` fetched


def builtin_root(name: str) -> bytes:
    """Return the trusted root, JSON, that was pinned under this name."""
    return (_store(name) / "trusted_root.json").read_bytes()


def builtin_repository(name: str) -> tuple[str, bytes]:
    """Return the TUF repository that a root is refreshed from, and its pinned root metadata."""
    return unquote(_STORES[name]), (_store(name) / "root.json").read_bytes()


def refreshed_places(name: str, folder: Path) -> tuple[Path, Path]:
    """Return where a refreshed root lies, and the TUF root metadata it was fetched under."""
    return folder / REFRESHED / f"{name}.json", folder / REFRESHED / f"{name}.tuf-root.json"


def is_outdated(name: str, fetched_under: bytes) -> bool:
    """Say whether ours was pinned after a root was fetched under this TUF root metadata.

    A fetch ends with the newest TUF root there is, so a later one was published after it. Where
    both are of one version nobody can tell, and what was asked for counts. MalformedError for
    metadata that cannot be read.
    """
    _, pinned_under = builtin_repository(name)
    return _version(pinned_under) > _version(fetched_under)


def fresh_until(fetched_under: bytes) -> datetime | None:
    """Return until when a root fetched under this TUF root metadata is its publisher's newest.

    It is renewed before that instant: clients refuse it later (TUF specification, 5.3.10). None
    where the metadata states none; MalformedError for metadata that cannot be read.
    """
    expires = _signed(fetched_under).get("expires")
    if expires is None:
        return None
    try:
        return datetime.strptime(str(expires), _TUF_TIME).replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError("not TUF root metadata: its `expires` is no date and time") from None


def _signed(metadata: bytes) -> Mapping[str, object]:
    document = wire.as_mapping(wire.read_json(metadata, limits=Limits()), "TUF root")
    return wire.mapping(document, "signed")


def _version(metadata: bytes) -> int:
    """Return the version of a TUF root (TUF specification, 4.3)."""
    version = _signed(metadata).get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise MalformedError("not TUF root metadata: it has no version")
    return version


def _store(name: str) -> Traversable:
    return files("sigstore._store") / _STORES[name]
