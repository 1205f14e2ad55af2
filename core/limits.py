"""Every bound on what comes from outside, in one place. Sizes in bytes, times in seconds.

A plain dataclass, so that a command without settings need not load pydantic: `core.settings` reads
it through pydantic, which checks what people write by the metadata of each field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

MIB = 1024 * 1024


def _bound(default: float, words: str, **bounds: int) -> Any:
    """Return a field whose metadata are arguments of pydantic's `Field`."""
    return field(default=default, metadata={"description": words, **bounds})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on input. Each may be set under `limits:` in the settings; none can be taken away."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    connect_seconds: float = _bound(10, "Time to open a connection.", gt=0, le=300)
    read_seconds: float = _bound(30, "Longest silence between two reads.", gt=0, le=600)
    total_seconds: float = _bound(900, "One answer, first byte to last.", gt=0, le=7200)
    redirects: int = _bound(5, "Redirects followed for one request.", ge=0, le=20)
    attempts: int = _bound(3, "Tries of one request on a passing fault.", ge=1, le=10)
    document_bytes: int = _bound(4 * MIB, "A manifest, tag list or token.", ge=1024)
    evidence_bytes: int = _bound(8 * MIB, "One piece of evidence.", ge=1024)
    release_bytes: int = _bound(16 * MIB, "A Release or InRelease file.", ge=1024)
    index_bytes: int = _bound(512 * MIB, "A list as fetched (Packages).", ge=1024)
    index_unpacked_bytes: int = _bound(4096 * MIB, "A list, decompressed.", ge=1024)
    stanza_bytes: int = _bound(1 * MIB, "One entry of a list.", ge=1024)
    artifact_bytes: int = _bound(64 * 1024 * MIB, "An artifact that is hashed.", ge=1024)
    json_depth: int = _bound(64, "Nesting of a JSON document.", ge=4, le=256)
    json_items: int = _bound(200_000, "Values in a JSON document.", ge=100)
    pages: int = _bound(10_000, "Pages of one paged list.", ge=1)
    tags: int = _bound(200_000, "Tags of one repository.", ge=1)
    repositories: int = _bound(100_000, "Repositories of one registry.", ge=1)
    files: int = _bound(2_000_000, "Files of one folder tree.", ge=1)
    signatures: int = _bound(64, "Pieces of evidence for one artifact.", ge=1, le=1024)
    name_characters: int = _bound(1024, "A name, version or tag.", ge=64, le=4096)
