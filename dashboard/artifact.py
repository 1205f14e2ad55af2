"""One artifact, by its digest: what vouches for it, step by step, and what policies say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Blueprint, request

from core.model import Digest
from dashboard.page import Page
from dashboard.reproduction import reproduction
from dashboard.site import reading, render
from storage import artifact_detail, evidence
from storage.database import Connection

PAGE = Page("Artifact", Blueprint("artifact", __name__))


@PAGE.blueprint.get("/artifacts/<digest>")
def show(digest: str) -> str:
    """Show everything known of the artifact; `kind` chooses where a digest has several."""
    with reading() as connection:
        found = artifact_detail.detail(
            connection, Digest.parse(digest), request.args.get("kind", "")
        )
        commands = {
            (group.id, item.position): reproduction(found, group, item, _is_kept(connection))
            for group in found.evidence
            for item in group.items
        }
        return render(connection, "artifact.html", found=found, commands=commands)


def _is_kept(connection: Connection) -> Callable[[Digest], bool]:
    return partial(evidence.is_kept, connection)
