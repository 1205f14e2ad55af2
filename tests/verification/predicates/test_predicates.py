"""Typed views: what each predicate claims, and what is refused of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError
from core.model import Role, Statement
from tests.verification.predicates.predicate_specimens import (
    ALL,
    SLSA_0_1,
    SLSA_0_2,
    SLSA_1,
    SUMMARY_0_2,
    SUMMARY_1,
)
from verification.predicates import PROVENANCE_TYPES, VIEWS, View, view_of
from verification.predicates.source import source_of
from verification.statements import record_claims
from verification.trail import Trail

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
SLSA_TYPE = "https://slsa.dev/provenance/v1"


def view(predicate_type: str) -> View:
    found = view_of(predicate_type)
    assert found is not None
    return found


def test_every_view_has_a_specimen() -> None:
    assert ALL.keys() >= VIEWS.keys()
    assert VIEWS.keys() >= PROVENANCE_TYPES


@pytest.mark.parametrize("predicate_type", ["", "x", "https://slsa.dev/provenance/v1.0",
    "https://slsa.dev/provenance/v2", "https://spdx.dev/Documentx", "https://cyclonedx.org/bomb/v1",
])  # fmt: skip
def test_types_of_which_nothing_is_known_have_no_view(predicate_type: str) -> None:
    assert view_of(predicate_type) is None


def test_slsa_1_claims() -> None:
    claims = view(SLSA_TYPE)(SLSA_1)
    assert claims.pop("external_parameters").startswith('{"workflow":{"path"')
    assert claims == {
        "slsa_version": "1",
        "builder_id": "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1",
        "builder_version": '{"runner":"2.1"}',
        "build_type": "https://actions.github.io/buildtypes/workflow/v1",
        "resolved_dependencies": "2",
        "source_repository": "https://github.com/acme/app",
        "source_ref": "refs/tags/v1",
        "source_digest": f"gitCommit:{'a' * 40}",
        "entry_point": ".github/workflows/release.yml",
        "invocation_id": "https://github.com/acme/app/actions/runs/1/attempts/1",
        "build_started_at": "2026-11-01T09:00:00+00:00",
        "build_finished_at": "2026-11-01T10:05:00.500000+00:00",
    }


@pytest.mark.parametrize(
    ("source", "repository", "ref"),
    [
        ("git+https://github.com/acme/app", "https://github.com/acme/app", "refs/tags/v1"),
        ("git+https://github.com/other/lib", "https://github.com/other/lib", None),
        ("git+https://github.com/other/lib@main", "https://github.com/other/lib", "main"),
        ("pkg:npm/left-pad@1.0.0", "https://github.com/acme/app", "refs/tags/v1"),
    ],
)
def test_slsa_1_reference_is_of_the_source_repository(
    source: str, repository: str, ref: str | None
) -> None:
    predicate = deepcopy(SLSA_1)
    predicate["buildDefinition"]["resolvedDependencies"] = [{"uri": source}]
    claims = view(SLSA_TYPE)(predicate)
    assert (claims["source_repository"], claims.get("source_ref")) == (repository, ref)


def test_slsa_0_2_claims() -> None:
    claims = view("https://slsa.dev/provenance/v0.2")(SLSA_0_2)
    assert claims["source_repository"] == "https://github.com/acme/app.git"
    assert claims["source_ref"] == "refs/heads/main"
    assert claims["source_digest"] == f"sha1:{'b' * 40}"
    assert (claims["builder_id"], claims["entry_point"], claims["external_parameters"]) == (
        "https://builder.example/v1",
        "build.yaml",
        '{"target":"all"}',
    )
    bare = {key: SLSA_0_2[key] for key in ("builder", "buildType", "materials")}
    found = view("https://slsa.dev/provenance/v0.2")(bare)
    assert found["source_repository"] == "https://github.com/acme/app.git"
    assert "source_ref" not in found


def test_slsa_0_1_source_is_the_material_that_defines_the_recipe() -> None:
    claims = view("https://slsa.dev/provenance/v0.1")(SLSA_0_1)
    assert (claims["source_repository"], claims["source_ref"]) == ("https://example.org/app", "v1")
    for index in (2, -1):
        broken = SLSA_0_1 | {"recipe": SLSA_0_1["recipe"] | {"definedInMaterial": index}}
        with pytest.raises(MalformedError, match="definedInMaterial"):
            view("https://slsa.dev/provenance/v0.1")(broken)


def test_summary_claims_levels_as_its_verifiers_word() -> None:
    claims = view("https://slsa.dev/verification_summary/v1")(SUMMARY_1)
    assert claims["verification_result"] == "PASSED"
    assert json.loads(claims["verified_levels"]) == SUMMARY_1["verifiedLevels"]
    assert (claims["build_level_claimed"], claims["source_level_claimed"]) == ("3", "1")
    assert claims["time_verified"] == "2026-11-02T00:00:00+00:00"
    assert claims["policy_digest"] == json.dumps({"sha256": "e" * 64}, separators=(",", ":"))
    assert "slsa_level" not in claims
    older = view("https://slsa.dev/verification_summary/v0.2")(SUMMARY_0_2)
    assert older["verification_result"] == "FAILED"
    assert older["verified_levels"] == '["SLSA_LEVEL_3"]'
    assert "build_level_claimed" not in older


def test_bills_of_materials_claim_what_they_are() -> None:
    spdx = view("https://spdx.dev/Document/v2.3")(ALL["https://spdx.dev/Document"])
    newer = view("https://spdx.dev/Document/v3.0")(ALL["https://spdx.dev/Document/v3.0"])
    cyclone = view("https://cyclonedx.org/bom")(ALL["https://cyclonedx.org/bom"])
    names = ("sbom_format", "sbom_version", "sbom_name", "sbom_components")
    assert [spdx[name] for name in names] == ["SPDX", "SPDX-2.3", "app", "2"]
    assert [newer[name] for name in names] == ["SPDX", "3.0.1", "app", "1"]
    assert [cyclone[name] for name in names] == ["CycloneDX", "1.6", "app", "1"]
    with pytest.raises(MalformedError, match="bomFormat"):
        view("https://cyclonedx.org/bom")({"bomFormat": "SPDX", "specVersion": "1"})


REQUIRED = [
    (SLSA_TYPE, ("buildDefinition",)),
    (SLSA_TYPE, ("buildDefinition", "buildType")),
    (SLSA_TYPE, ("buildDefinition", "externalParameters")),
    (SLSA_TYPE, ("runDetails",)),
    (SLSA_TYPE, ("runDetails", "builder")),
    (SLSA_TYPE, ("runDetails", "builder", "id")),
    ("https://slsa.dev/provenance/v0.2", ("builder",)),
    ("https://slsa.dev/provenance/v0.2", ("builder", "id")),
    ("https://slsa.dev/provenance/v0.2", ("buildType",)),
    ("https://slsa.dev/provenance/v0.1", ("builder", "id")),
    ("https://slsa.dev/provenance/v0.1", ("recipe",)),
    ("https://slsa.dev/provenance/v0.1", ("recipe", "type")),
    ("https://slsa.dev/verification_summary/v1", ("verifier",)),
    ("https://slsa.dev/verification_summary/v1", ("verifier", "id")),
    ("https://slsa.dev/verification_summary/v1", ("resourceUri",)),
    ("https://slsa.dev/verification_summary/v1", ("policy",)),
    ("https://slsa.dev/verification_summary/v1", ("verificationResult",)),
    ("https://slsa.dev/verification_summary/v1", ("verifiedLevels",)),
    ("https://spdx.dev/Document", ("spdxVersion",)),
    ("https://spdx.dev/Document", ("creationInfo", "created")),
    ("https://cyclonedx.org/bom", ("specVersion",)),
    ("https://github.com/npm/attestation/tree/main/specs/publish/v0.1", ("registry",)),
]


@pytest.mark.parametrize(("predicate_type", "path"), REQUIRED)
@pytest.mark.parametrize("value", ["missing", None, "", 7, True])
def test_required_fields_are_required(
    predicate_type: str, path: tuple[str, ...], value: object
) -> None:
    predicate = deepcopy(ALL[predicate_type])
    place: Any = predicate
    for key in path[:-1]:
        place = place[key]
    assert view(predicate_type)(predicate)
    if value == "missing":
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(MalformedError):
        view(predicate_type)(predicate)


def leaves(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Yield the place of everything in a document but its top."""
    pairs: Iterator[tuple[object, object]] = iter(())
    if isinstance(value, dict):
        pairs = iter(value.items())
    elif isinstance(value, list):
        pairs = iter(enumerate(value))
    for key, item in pairs:
        yield (*path, key)
        yield from leaves(item, (*path, key))


@settings(max_examples=30)
@given(data=st.data(), other=JSON)
@pytest.mark.parametrize("predicate_type", ALL)
def test_no_predicate_gives_anything_but_bounded_text_or_an_error(
    data: st.DataObject, predicate_type: str, other: object
) -> None:
    predicate = deepcopy(ALL[predicate_type])
    path = data.draw(st.sampled_from(list(leaves(predicate))))
    place: Any = predicate
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = other
    try:
        claims = view(predicate_type)(predicate)
    except MalformedError:
        return
    assert {type(value) for value in claims.values()} == {str}
    assert all(claims.values())
    assert all(len(value) <= 300_000 for value in claims.values())


@pytest.mark.parametrize("written", ["2026-11-01", "2026-W44-7T00:00:00Z", "yesterday",
    "2026-11-01T00:00:00", "2026-13-01T00:00:00Z", "2026-11-01T00:00:00+25:00",
    "\u0662026-11-01T00:00:00Z",
])  # fmt: skip
def test_times_are_those_of_rfc_3339(written: str) -> None:
    predicate = SUMMARY_1 | {"timeVerified": written}
    with pytest.raises(MalformedError, match="timeVerified"):
        view("https://slsa.dev/verification_summary/v1")(predicate)


def test_long_texts_are_refused_and_long_parameters_are_named_by_digest() -> None:
    long = deepcopy(SLSA_1)
    long["buildDefinition"]["externalParameters"]["payload"] = "x" * 5000
    assert view(SLSA_TYPE)(long)["external_parameters"].startswith("sha256:")
    long["runDetails"]["builder"]["id"] = "x" * 5000
    with pytest.raises(MalformedError, match="characters"):
        view(SLSA_TYPE)(long)


@pytest.mark.parametrize(
    ("uri", "repository", "ref"),
    [
        ("git+https://github.com/a/b@refs/tags/v1", "https://github.com/a/b", "refs/tags/v1"),
        ("git+https://github.com/a/b", "https://github.com/a/b", ""),
        ("git+ssh://git@github.com/a/b", "ssh://git@github.com/a/b", ""),
        ("git+ssh://git@github.com/a/b@v1", "ssh://git@github.com/a/b", "v1"),
        ("git+https://github.com/a/b@v1#sub", "https://github.com/a/b", "v1"),
        ("https://github.com/a/b", "", ""),
        ("", "", ""),
    ],
)
def test_source_repositories_are_what_stands_under_git(uri: str, repository: str, ref: str) -> None:
    found = source_of({"uri": uri, "digest": {"gitCommit": "a" * 40}})
    assert (found.repository, found.ref) == (repository, ref)
    assert found.commit == (f"gitCommit:{'a' * 40}" if repository else "")


def trail_with(role: Role, **claims: str) -> Trail:
    return Trail("test", role, claims=dict(claims))


def test_broken_provenance_claims_nothing_and_proves_no_provenance() -> None:
    trail = trail_with(Role.PROVENANCE)
    record_claims(trail, Statement(SLSA_TYPE, (), {"buildDefinition": 7}))
    assert (trail.role, trail.claims) == (Role.ATTESTATION, {})
    assert [check.reason for check in trail.checks] == ["MALFORMED"]
    whole = trail_with(Role.PROVENANCE)
    record_claims(whole, Statement(SLSA_TYPE, (), SLSA_1))
    assert whole.role is Role.PROVENANCE
    assert whole.claims["slsa_level"] == "not stated"


def test_predicate_never_overwrites_what_a_certificate_states() -> None:
    trail = trail_with(Role.PROVENANCE, source_repository="certified")
    record_claims(trail, Statement(SLSA_TYPE, (), SLSA_1))
    assert trail.claims["source_repository"] == "certified"


def test_statement_without_a_view_claims_nothing() -> None:
    trail = trail_with(Role.ATTESTATION)
    record_claims(trail, Statement("https://example.org/any", (), {"builder_id": "x"}))
    assert (trail.claims, trail.checks) == ({}, [])
