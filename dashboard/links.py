"""Addresses of lists: what a number opens, what a chip takes away, where a page goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import url_for

from core.model import Digest
from dashboard.wording import words
from storage.filters import ArtifactFilter, Count
from storage.search import TRIGRAM
from storage.views.changes import SignerCount

FILTER_WORDS = {
    "text": "name has",
    "policy_status": "policy verdict",
    "finding_reason": "because of",
    "signer": "signer no.",
    "trust": "trust entry no.",
    "evidence_set": "evidence set no.",
    "exclusion": "excluded",
    "exclusion_rule": "excluded by rule no.",
    "unconstrained": "signer unconstrained",
}
NEEDED_BY = {  # taking the first away takes the others with it
    "policy": ("requirement", "verdict", "finding", "finding_reason"),
    "requirement": ("finding", "finding_reason"),
    "change": ("since",),
    "since": ("change",),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of a filter, and the address of the list without it."""

    words: str
    value: str
    without: str


def list_url(chosen: ArtifactFilter, **more: str) -> str:
    """Return the address of the list that a filter selects."""
    return with_parameters("artifacts.show", {**chosen.to_parameters(), **more})


def count_url(count: Count | SignerCount) -> str:
    """Return the address of exactly the list that a number counts."""
    if isinstance(count, SignerCount):
        return with_parameters("signers.show", count.filter.to_parameters())
    return list_url(count.filter)


def artifact_url(digest: Digest, kind: str = "") -> str:
    """Return the permalink of an artifact."""
    return url_for("artifact.show", digest=str(digest), kind=kind or None)


def with_parameters(endpoint: str, parameters: Mapping[str, str]) -> str:
    """Return an address with parameters in a fixed order; an empty reason is a reason too."""
    path = url_for(endpoint)
    return f"{path}?{urlencode(parameters)}" if parameters else path


def chips(chosen: ArtifactFilter) -> tuple[Chip, ...]:
    """Return the parts of a filter, each removable on its own."""
    parameters = chosen.to_parameters()
    found = []
    for name, value in parameters.items():
        away = {name, *NEEDED_BY.get(name, ())}
        rest = {key: text for key, text in parameters.items() if key not in away}
        shown = value or "none"
        found.append(Chip(_words(name, value), shown, with_parameters("artifacts.show", rest)))
    return tuple(found)


def _words(name: str, value: str) -> str:
    if name == "text" and len(value) < TRIGRAM:
        return "name begins with"
    return FILTER_WORDS.get(name, words(name))
