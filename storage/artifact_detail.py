"""One artifact with everything known of it."""

from __future__ import annotations

from sqlalchemy import Connection

from core.model import Digest
from storage.views import ArtifactDetail


def detail(connection: Connection, digest: Digest, kind: str = "") -> ArtifactDetail:
    """Return the artifact; NotFoundError when there is none of that digest (and kind)."""
    raise NotImplementedError
