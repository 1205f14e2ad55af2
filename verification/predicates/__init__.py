"""Predicates of in-toto statements as typed views: what each one claims, under stable names.

A view is one function in a module of this package and one line below for each type it reads. It
takes the predicate and returns flat claims, or raises MalformedError where the predicate breaks
its own specification. Claims are the signer's word: that the signature holds says who made them,
not that they are true. Versions of one type that only add fields are read by one view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pkgutil import resolve_name
from typing import cast

View = Callable[[Mapping[str, object]], dict[str, str]]

VIEWS = {
    "https://slsa.dev/provenance/v0.1": "verification.predicates.slsa_provenance_v0:claims_v0_1",
    "https://slsa.dev/provenance/v0.2": "verification.predicates.slsa_provenance_v0:claims_v0_2",
    "https://slsa.dev/provenance/v1": "verification.predicates.slsa_provenance:claims",
    "https://slsa.dev/verification_summary/v0.2": "verification.predicates.slsa_summary:claims",
    "https://slsa.dev/verification_summary/v1": "verification.predicates.slsa_summary:claims",
    "https://spdx.dev/Document": "verification.predicates.spdx:claims",
    "https://cyclonedx.org/bom": "verification.predicates.cyclonedx:claims",
    "https://github.com/npm/attestation/tree/main/specs/publish/v0.1": (
        "verification.predicates.npm_publish:claims"
    ),
}
_VERSIONED = ("https://spdx.dev/Document", "https://cyclonedx.org/bom")
PROVENANCE_TYPES = frozenset(
    {
        "https://slsa.dev/provenance/v0.1",
        "https://slsa.dev/provenance/v0.2",
        "https://slsa.dev/provenance/v1",
    }
)


def view_of(predicate_type: str) -> View | None:
    """Return the view that reads predicates of this type, None where there is none."""
    # A minor version is never written into SLSA's types; SBOM types carry that of their format.
    for prefix in _VERSIONED:
        if predicate_type.startswith(f"{prefix}/v"):
            return _resolved(prefix)
    return _resolved(predicate_type) if predicate_type in VIEWS else None


@cache
def _resolved(predicate_type: str) -> View:
    return cast("View", resolve_name(VIEWS[predicate_type]))
