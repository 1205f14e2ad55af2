"""One good predicate of every type that has a view, as its specification writes it."""

from __future__ import annotations

from typing import Any

SLSA_1: dict[str, Any] = {
    "buildDefinition": {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {
            "workflow": {
                "ref": "refs/tags/v1",
                "repository": "https://github.com/acme/app",
                "path": ".github/workflows/release.yml",
            }
        },
        "internalParameters": {"github": {"event_name": "push"}},
        "resolvedDependencies": [
            {
                "uri": "git+https://github.com/acme/app@refs/tags/v1",
                "digest": {"gitCommit": "a" * 40},
            },
            {"uri": "pkg:npm/left-pad@1.0.0"},
        ],
    },
    "runDetails": {
        "builder": {
            "id": "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1",
            "version": {"runner": "2.1"},
        },
        "metadata": {
            "invocationId": "https://github.com/acme/app/actions/runs/1/attempts/1",
            "startedOn": "2026-11-01T10:00:00+01:00",
            "finishedOn": "2026-11-01T10:05:00.5Z",
        },
    },
}
SLSA_0_2: dict[str, Any] = {
    "builder": {"id": "https://builder.example/v1"},
    "buildType": "https://builder.example/make",
    "invocation": {
        "configSource": {
            "uri": "git+https://github.com/acme/app.git@refs/heads/main",
            "digest": {"sha1": "b" * 40},
            "entryPoint": "build.yaml",
        },
        "parameters": {"target": "all"},
        "environment": {"os": "linux"},
    },
    "metadata": {
        "buildInvocationId": "7",
        "buildStartedOn": "2026-11-01T10:00:00Z",
        "buildFinishedOn": "2026-11-01T10:05:00Z",
        "completeness": {"parameters": True},
        "reproducible": False,
    },
    "materials": [{"uri": "git+https://github.com/acme/app.git", "digest": {"sha1": "b" * 40}}],
}
SLSA_0_1: dict[str, Any] = {
    "builder": {"id": "https://builder.example/v0"},
    "recipe": {
        "type": "https://builder.example/recipe",
        "definedInMaterial": 1,
        "entryPoint": "all",
        "arguments": {"fast": True},
    },
    "metadata": {"buildInvocationId": "8", "buildStartedOn": "2026-11-01T10:00:00Z"},
    "materials": [
        {"uri": "https://example.org/tool.tgz", "digest": {"sha256": "c" * 64}},
        {"uri": "git+https://example.org/app@v1", "digest": {"sha1": "d" * 40}},
    ],
}
SUMMARY_1: dict[str, Any] = {
    "verifier": {"id": "https://verifier.example", "version": {"v": "1"}},
    "timeVerified": "2026-11-02T00:00:00Z",
    "resourceUri": "https://example.org/app.tgz",
    "policy": {"uri": "https://example.org/policy", "digest": {"sha256": "e" * 64}},
    "inputAttestations": [{"uri": "x", "digest": {"sha256": "f" * 64}}],
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_1", "ACME"],
    "dependencyLevels": {"SLSA_BUILD_LEVEL_1": 4},
    "slsaVersion": "1.1",
}
SUMMARY_0_2: dict[str, Any] = {
    "verifier": {"id": "https://verifier.example"},
    "timeVerified": "2026-11-02T00:00:00Z",
    "resourceUri": "https://example.org/app.tgz",
    "policy": {"uri": "https://example.org/policy"},
    "verificationResult": "FAILED",
    "policyLevel": "SLSA_LEVEL_3",
}
SPDX_2: dict[str, Any] = {
    "spdxVersion": "SPDX-2.3",
    "name": "app",
    "documentNamespace": "https://example.org/spdx/1",
    "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Tool: x"]},
    "packages": [{"name": "a"}, {"name": "b"}],
}
SPDX_3: dict[str, Any] = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "CreationInfo", "specVersion": "3.0.1", "created": "2026-11-01T00:00:00Z"},
        {"type": "SpdxDocument", "spdxId": "https://example.org/doc", "name": "app"},
        {"type": "software_Package", "name": "a"},
    ],
}
CYCLONEDX: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
    "metadata": {"timestamp": "2026-11-01T00:00:00Z", "component": {"name": "app"}},
    "components": [{"name": "a"}],
}
PUBLISH: dict[str, Any] = {
    "name": "@acme/app",
    "version": "1.0.0",
    "registry": "https://registry.example",
}
ALL = {
    "https://slsa.dev/provenance/v0.1": SLSA_0_1,
    "https://slsa.dev/provenance/v0.2": SLSA_0_2,
    "https://slsa.dev/provenance/v1": SLSA_1,
    "https://slsa.dev/verification_summary/v0.2": SUMMARY_0_2,
    "https://slsa.dev/verification_summary/v1": SUMMARY_1,
    "https://spdx.dev/Document": SPDX_2,
    "https://spdx.dev/Document/v2.3": SPDX_2,
    "https://spdx.dev/Document/v3.0": SPDX_3,
    "https://cyclonedx.org/bom": CYCLONEDX,
    "https://cyclonedx.org/bom/v1.6": CYCLONEDX,
    "https://github.com/npm/attestation/tree/main/specs/publish/v0.1": PUBLISH,
}
