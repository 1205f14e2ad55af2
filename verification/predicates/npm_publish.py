"""npm's publish attestation 0.1: a registry says that it accepted this version of a package."""

from __future__ import annotations

from collections.abc import Mapping

from verification.predicates import fields


def claims(predicate: Mapping[str, object]) -> dict[str, str]:
    """Return the package, version and registry, all of them required."""
    return {
        "package": fields.text(predicate, "name"),
        "package_version": fields.text(predicate, "version"),
        "registry": fields.text(predicate, "registry"),
    }
