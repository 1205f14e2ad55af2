"""SLSA provenance 0.1 and 0.2, as slsa.dev/provenance lays them down."""

from __future__ import annotations

from collections.abc import Mapping

from core import wire
from core.errors import MalformedError
from verification.predicates import fields
from verification.predicates.source import Source, source_of


def claims_v0_2(predicate: Mapping[str, object]) -> dict[str, str]:
    """Return the claims of a provenance 0.2; builder.id and buildType are required."""
    invocation = fields.optional_mapping(predicate, "invocation")
    config = fields.optional_mapping(invocation, "configSource")
    materials = _materials(predicate)
    source = _config_source(config) or next((each for each in materials if each.repository), None)
    parameters = invocation.get("parameters")
    return _common(predicate, materials, "buildInvocationId") | fields.stated(
        slsa_version="0.2",
        build_type=fields.text(predicate, "buildType"),
        entry_point=fields.optional_text(config, "entryPoint"),
        external_parameters=fields.compact(parameters) if parameters else "",
        **(source.claims() if source else {}),
    )


def claims_v0_1(predicate: Mapping[str, object]) -> dict[str, str]:
    """Return the claims of a provenance 0.1; builder.id and recipe.type are required."""
    recipe = fields.mapping(predicate, "recipe")
    materials = _materials(predicate)
    source = _defining(recipe, materials)
    arguments = recipe.get("arguments")
    return _common(predicate, materials, "buildInvocationId") | fields.stated(
        slsa_version="0.1",
        build_type=fields.text(recipe, "type"),
        entry_point=fields.optional_text(recipe, "entryPoint"),
        external_parameters=fields.compact(arguments) if arguments else "",
        **(source.claims() if source else {}),
    )


def _common(
    predicate: Mapping[str, object], materials: list[Source], invocation: str
) -> dict[str, str]:
    metadata = fields.optional_mapping(predicate, "metadata")
    return fields.stated(
        builder_id=fields.text(fields.mapping(predicate, "builder"), "id"),
        invocation_id=fields.optional_text(metadata, invocation),
        build_started_at=fields.optional_timestamp(metadata, "buildStartedOn"),
        build_finished_at=fields.optional_timestamp(metadata, "buildFinishedOn"),
        resolved_dependencies=str(len(materials)),
    )


def _materials(predicate: Mapping[str, object]) -> list[Source]:
    items = fields.optional_items(predicate, "materials")
    return [source_of(wire.as_mapping(item, "a material")) for item in items]


def _config_source(config: Mapping[str, object]) -> Source | None:
    source = source_of(config)
    return source if source.repository else None


def _defining(recipe: Mapping[str, object], materials: list[Source]) -> Source | None:
    """Return the material that holds the recipe (provenance 0.1, recipe.definedInMaterial)."""
    index = recipe.get("definedInMaterial")
    if index is None:
        return next((each for each in materials if each.repository), None)
    place = wire.as_integer(index, "the field 'definedInMaterial'")
    if not 0 <= place < len(materials):
        raise MalformedError("the field 'definedInMaterial' names no material")
    return materials[place]
