"""SLSA provenance 1.x: one predicate type for all, as minor versions only add fields."""

from __future__ import annotations

from collections.abc import Mapping

from core import wire
from verification.predicates import fields
from verification.predicates.source import Source, source_of


def claims(predicate: Mapping[str, object]) -> dict[str, str]:
    """Return the claims of a provenance 1.x (slsa.dev/spec/v1.1/provenance, "Schema").

    Required: buildDefinition.buildType and .externalParameters, runDetails.builder.id.
    """
    definition = fields.mapping(predicate, "buildDefinition")
    details = fields.mapping(predicate, "runDetails")
    builder = fields.mapping(details, "builder")
    metadata = fields.optional_mapping(details, "metadata")
    parameters = fields.mapping(definition, "externalParameters")
    fields.optional_mapping(definition, "internalParameters")
    dependencies = _dependencies(definition, "resolvedDependencies")
    _dependencies(builder, "builderDependencies")
    _dependencies(details, "byproducts")
    source = next((each for each in dependencies if each.repository), None) or Source("")
    workflow = _workflow(parameters)
    is_of_workflow = source.repository in ("", workflow.get("repository", ""))
    versions = fields.optional_mapping(builder, "version")
    return fields.stated(
        slsa_version="1",
        builder_id=fields.text(builder, "id"),
        builder_version=fields.compact(versions) if versions else "",
        build_type=fields.text(definition, "buildType"),
        external_parameters=fields.compact(parameters),
        resolved_dependencies=str(len(dependencies)),
        source_repository=source.repository or workflow.get("repository", ""),
        source_ref=source.ref or (workflow.get("ref", "") if is_of_workflow else ""),
        source_digest=source.commit,
        entry_point=workflow.get("path", ""),
        invocation_id=fields.optional_text(metadata, "invocationId"),
        build_started_at=fields.optional_timestamp(metadata, "startedOn"),
        build_finished_at=fields.optional_timestamp(metadata, "finishedOn"),
    )


def _dependencies(document: Mapping[str, object], key: str) -> list[Source]:
    items = fields.optional_items(document, key)
    return [source_of(wire.as_mapping(item, f"an item of {key!r}")) for item in items]


def _workflow(parameters: Mapping[str, object]) -> dict[str, str]:
    """Return what the build types of GitHub's workflows say; other build types say it elsewhere."""
    workflow = parameters.get("workflow")
    if not isinstance(workflow, dict):
        return {}
    return {key: fields.optional_text(workflow, key) for key in ("repository", "ref", "path")}
