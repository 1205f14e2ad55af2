"""What an npm registry serves and signs: its documents, and the names in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from core.errors import MalformedError
from verification.readers.json_document import looked_at, may_be_object

MAX_NAME = 214  # the registry's own bound; older packages keep to it too
MAX_VERSION = 256
# Older names have capitals and a few more marks; none has what separates the signed parts (@ :).
_PART = r"[A-Za-z0-9._~!*'()-]+"
_NAME = re.compile(rf"(?:@{_PART}/)?{_PART}")
_VERSION = re.compile(r"[0-9A-Za-z.+-]+")
_SHOWN = 80


def demand_package(name: str, version: str) -> None:
    """Raise MalformedError where a name or version could be read as another in a signed text."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise MalformedError(f"no name of a package: {name[:_SHOWN]!r}")
    if len(version) > MAX_VERSION or not _VERSION.fullmatch(version):
        raise MalformedError(f"no version of a package: {version[:_SHOWN]!r}")


def package_url(name: str, version: str) -> str:
    """Return the package URL (purl) of a version, a scope's `@` escaped as the purl type says."""
    return f"pkg:npm/{name.replace('@', '%40', 1)}@{version}"


def is_served(
    content: bytes, marks: Sequence[bytes], fits: Callable[[Mapping[str, object]], bool]
) -> bool:
    """Say whether this is a JSON object with these marks that fits.

    A broken one is, too: nothing else bears all the marks of a document of a registry.
    """
    if not may_be_object(content, *marks):
        return False
    try:
        return fits(looked_at(content))
    except MalformedError:
        return True
