"""CycloneDX bills of materials as predicates, in their JSON form (ECMA-424)."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import MalformedError
from verification.predicates import fields


def claims(predicate: Mapping[str, object]) -> dict[str, str]:
    """Return what the document says of itself; bomFormat and specVersion are required."""
    if fields.text(predicate, "bomFormat") != "CycloneDX":
        raise MalformedError("the field 'bomFormat' is not CycloneDX")
    metadata = fields.optional_mapping(predicate, "metadata")
    subject = fields.optional_mapping(metadata, "component")
    return fields.stated(
        sbom_format="CycloneDX",
        sbom_version=fields.text(predicate, "specVersion"),
        sbom_name=fields.optional_text(subject, "name"),
        sbom_namespace=fields.optional_text(predicate, "serialNumber"),
        sbom_created_at=fields.optional_timestamp(metadata, "timestamp"),
        sbom_components=str(len(fields.optional_items(predicate, "components"))),
    )
