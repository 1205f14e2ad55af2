"""SPDX documents as predicates: 2.x as the JSON of its specification, 3.x as a JSON-LD graph."""

from __future__ import annotations

from collections.abc import Mapping

from core import wire
from verification.predicates import fields


def claims(predicate: Mapping[str, object]) -> dict[str, str]:
    """Return what the document says of itself; the packages in it are counted, not judged."""
    if "@graph" in predicate:
        return _claims_v3(predicate)
    creation = fields.mapping(predicate, "creationInfo")  # SPDX 2.3 section 6: mandatory
    return fields.stated(
        sbom_format="SPDX",
        sbom_version=fields.text(predicate, "spdxVersion"),
        sbom_name=fields.text(predicate, "name"),
        sbom_namespace=fields.text(predicate, "documentNamespace"),
        sbom_created_at=fields.timestamp(creation, "created"),
        sbom_components=str(len(fields.optional_items(predicate, "packages"))),
    )


def _claims_v3(predicate: Mapping[str, object]) -> dict[str, str]:
    graph = [wire.as_mapping(x, "an element") for x in fields.optional_items(predicate, "@graph")]
    creation = next((each for each in graph if each.get("type") == "CreationInfo"), {})
    document = next((each for each in graph if each.get("type") == "SpdxDocument"), {})
    return fields.stated(
        sbom_format="SPDX",
        sbom_version=fields.text(creation, "specVersion"),
        sbom_name=fields.optional_text(document, "name"),
        sbom_namespace=fields.optional_text(document, "spdxId"),
        sbom_created_at=fields.timestamp(creation, "created"),
        sbom_components=str(sum(each.get("type") == "software_Package" for each in graph)),
    )
