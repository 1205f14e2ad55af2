"""A provenance's builder against the certificate that signed it."""

from __future__ import annotations

import pytest

from core.model import Signer, SignerKind
from verification.builder_identity import builder_claims

ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/build/.github/workflows/slsa.yml@refs/tags/v1"
RUNNER = "https://github.com/actions/runner"
BUILD = {
    "build_signer_uri": WORKFLOW,
    "runner_environment": "github-hosted",
    "source_repository_uri": "https://github.com/acme/app",
}

GITLAB = {
    "build_signer_uri": "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main",
    "runner_environment": "gitlab-hosted",
    "source_repository_uri": "https://gitlab.com/acme/app",
}


def keyless(identity: str = WORKFLOW, issuer: str = ISSUER) -> Signer:
    return Signer(SignerKind.KEYLESS, "sha256:00", "ECDSA-P256", identity, issuer)


KEY = Signer(SignerKind.KEY, "sha256:00", "ECDSA-P256")
BUILDERS = {
    "the workflow itself": (WORKFLOW, BUILD, keyless(), "true"),
    "the name in the SAN": (WORKFLOW, {}, keyless(), "true"),
    "another workflow": (WORKFLOW.replace("v1", "v2"), BUILD, keyless(), "false"),
    "a longer one": (WORKFLOW + "0", BUILD, keyless(), "false"),
    "a shorter one": (WORKFLOW[:-1], BUILD, keyless(), "false"),
    "another case": (WORKFLOW.upper(), BUILD, keyless(), "false"),
    "hosted runner": (f"{RUNNER}/github-hosted", BUILD, keyless(), "true"),
    "any runner": (RUNNER, BUILD, keyless(), "true"),
    "other machine": (f"{RUNNER}/self-hosted", BUILD, keyless(), "false"),
    "runner of another issuer": (RUNNER, BUILD, keyless(issuer="https://gitlab.com"), "false"),
    "runner, nothing said of it": (f"{RUNNER}/github-hosted", {}, keyless(), "not stated"),
    "a runner of the same project": (
        "https://gitlab.com/acme/app/-/runners/12270845",
        GITLAB,
        keyless(GITLAB["build_signer_uri"], "https://gitlab.com"),
        "not stated",
    ),
    "a runner of another project": (
        "https://gitlab.com/acme/other/-/runners/12270845",
        GITLAB,
        keyless(GITLAB["build_signer_uri"], "https://gitlab.com"),
        "false",
    ),
    "a project of GitLab, no runner": (
        "https://gitlab.com/acme/app/-/runners/x",
        GITLAB,
        keyless(GITLAB["build_signer_uri"], "https://gitlab.com"),
        "false",
    ),
    "no runner at all": (f"{RUNNER}/github-hosted/x", BUILD, keyless(), "false"),
    "signed with a key": (WORKFLOW, BUILD, KEY, "not stated"),
    "signed by a person": (WORKFLOW, {}, keyless("a@acme.example"), "not stated"),
    "no signer": (WORKFLOW, BUILD, None, "not stated"),
    "no builder": ("", BUILD, keyless(), "not stated"),
}


@pytest.mark.parametrize(
    ("builder", "certificate", "signer", "certified"), BUILDERS.values(), ids=BUILDERS.keys()
)
def test_attack_06_builder_counts_as_certified_only_where_the_certificate_says_the_same(
    builder: str, certificate: dict[str, str], signer: Signer | None, certified: str
) -> None:
    found = builder_claims(certificate | {"builder_id": builder}, signer)
    assert found.claims["builder_id_certified"] == certified
    assert bool(found.contradiction) == (certified == "false")


@pytest.mark.parametrize(
    ("source", "certified"),
    [
        ("https://github.com/acme/app", "true"),
        ("https://github.com/acme/app.git", "true"),
        ("https://github.com/acme/app-evil", "false"),
        ("https://github.com/evil/app", "false"),
    ],
)
def test_source_repository_is_compared_too(source: str, certified: str) -> None:
    found = builder_claims(BUILD | {"source_repository": source}, keyless())
    assert found.claims["source_repository_certified"] == certified
    unknown = builder_claims({"source_repository": source}, keyless())
    assert unknown.claims["source_repository_certified"] == "not stated"


def test_level_is_never_read_out_of_a_statement() -> None:
    found = builder_claims(BUILD | {"builder_id": WORKFLOW, "slsa_level": "4"}, keyless())
    assert found.claims["slsa_level"] == "not stated"
