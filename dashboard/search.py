"""Search: a part of a name, a digest or its beginning, a key or an identity."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request

from core.errors import MalformedError
from core.model import Digest
from dashboard import links
from dashboard.page import Page
from dashboard.site import reading, render
from storage import artifact_list, lookup, signers
from storage.filters import TEXT_CHARACTERS, ArtifactFilter, SignerFilter
from storage.scope import source_names

ROWS = 20
SIGNERS = 10

PAGE = Page("Search", Blueprint("search", __name__))


@PAGE.blueprint.get("/search")
def show() -> Any:
    """Show what fits; a whole digest of one artifact leads straight to it."""
    typed = request.args.get("q", "").strip()
    if len(typed) > TEXT_CHARACTERS or "\0" in typed:
        raise MalformedError(f"a search has at most {TEXT_CHARACTERS} characters, none NUL")
    chosen = ArtifactFilter(text=typed)
    with reading() as connection:
        matches, names = lookup.by_digest(connection, typed), source_names(connection)
        if len(matches) == 1 and _is_whole(typed, matches[0].digest):
            return redirect(links.artifact_url(matches[0].digest), 302)
        return render(
            connection,
            "search.html",
            typed=typed,
            matches=matches,
            page=artifact_list.page(connection, chosen, limit=ROWS, names=names) if typed else None,
            total=artifact_list.count(connection, chosen, names=names) if typed else 0,
            names=links.list_url(chosen),
            signers=signers.page(connection, SignerFilter(text=_key(typed)), limit=SIGNERS).rows
            if typed
            else (),
        )


def _is_whole(typed: str, digest: Digest) -> bool:
    return typed.lower() in {str(digest), digest.value}


def _key(typed: str) -> str:
    """Return a fingerprint without the blanks that people and tools write into it."""
    packed = typed.replace(" ", "")
    is_fingerprint = len(packed) >= 16 and all(one in "0123456789abcdefABCDEF" for one in packed)  # noqa: PLR2004 - the length of a long key id
    return packed if is_fingerprint else typed
