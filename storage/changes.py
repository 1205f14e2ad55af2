"""What became different since an instant."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from storage import signers
from storage.artifact_list import count_changes
from storage.filters import ArtifactFilter, Change, Count, SignerFilter
from storage.scope import SourceNames
from storage.views.changes import Changes, SignerCount


def changes(
    connection: Connection,
    since: datetime,
    *,
    names: SourceNames | None = None,
) -> Changes:
    """Return all numbers."""
    filters = {change: ArtifactFilter(change=change, since=since) for change in Change}
    numbers = count_changes(connection, tuple(filters.values()), names=names)
    new_signers = SignerFilter(since=since)
    return Changes(
        since=since,
        counts={
            change: Count(number, filters[change])
            for change, number in zip(filters, numbers, strict=True)
        },
        new_signers=SignerCount(signers.count(connection, new_signers), new_signers),
    )
