"""PEP 740 attestations and provenance objects: which file, by whom, and what breaks them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.model import (
    Digest,
    Outcome,
    Role,
    Subject,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from tests.verification.index_specimens import (
    GITHUB,
    MAKING,
    NAME,
    PUBLISHER,
    SLSA,
    WORKFLOW,
    attestation,
    file,
    provenance,
    statement,
)
from tests.verification.mutation import at, fields, leaves, put, shown, spellings, without
from tests.verification.predicates.predicate_specimens import SLSA_1
from tests.verification.sigstore.sigstore_world import ACME, DSSE2, World
from tests.verification.specimens import CONTENT, evidence, judge_document, reason_of, setting
from verification.formats.pep740 import Pep740Attestation, Pep740Provenance
from verification.verifier import IdentityDemand, demand_identity, verification_key

ROOT = ACME.entry()
GOOD = attestation()
SERVED = provenance(GOOD)


def judged(document: object, *entries: TrustEntry, of: Subject | None = None) -> Verification:
    formats = (Pep740Attestation(), Pep740Provenance())
    return judge_document(formats, document, of or file(), *(entries or (ROOT,)))


def said(document: object, *entries: TrustEntry, of: Subject | None = None) -> str:
    return reason_of(judged(document, *entries, of=of))


def test_attestation_verifies_and_says_who_published_what() -> None:
    found = judged(GOOD)
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.SIGNATURE)
    assert found.signer is not None
    assert found.signer.identity == WORKFLOW
    assert found.claims["source_repository_uri"] == "https://github.com/acme/app"
    assert found.statement is not None
    assert found.time_trusted


def test_slsa_provenance_in_it_is_provenance_with_a_certified_builder() -> None:
    found = judged(attestation(statement(predicateType=SLSA, predicate=SLSA_1)))
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.PROVENANCE)
    assert found.claims["builder_id"] == WORKFLOW
    assert found.claims["builder_id_certified"] == "true"
    assert found.claims["source_repository_certified"] == "true"
    assert found.claims["slsa_level"] == "not stated"


def test_builder_that_the_certificate_contradicts_is_told_and_not_believed() -> None:
    other = deepcopy(SLSA_1)
    other["runDetails"]["builder"]["id"] = "https://github.com/evil/x/.github/workflows/y@z"
    found = judged(attestation(statement(predicateType=SLSA, predicate=other)))
    assert (found.outcome, found.claims["builder_id_certified"]) == (Outcome.VERIFIED, "false")
    assert any(check.step == "builder" for check in found.checks)


NAMES = [
    (NAME, "verified"),
    ("Acme.App-1.0.0.tar.gz", "verified"),
    ("acme-app-1.0.tar.gz", "verified"),
    ("acme_app-1.1.tar.gz", "SUBJECT_MISMATCH"),
    ("acme_app-1.0.zip", "verified"),
    ("other-1.0.tar.gz", "SUBJECT_MISMATCH"),
    ("acme_app-1.0-py3-none-any.whl", "SUBJECT_MISMATCH"),
    ("notes.txt", "SUBJECT_MISMATCH"),
]


@pytest.mark.parametrize(("name", "reason"), NAMES)
def test_name_of_the_file_counts_as_normalised(name: str, reason: str) -> None:
    assert said(GOOD, of=file(name=name)) == reason


def test_file_known_by_digest_has_no_name_to_compare() -> None:
    digest = digest_of(CONTENT)
    for name in ("", str(digest)):
        found = judged(GOOD, of=Subject(name, (digest,)))
        assert found.outcome is Outcome.VERIFIED
        assert any(
            check.step == "file name" and check.outcome == "skipped" for check in found.checks
        )
    assert said(GOOD, of=Subject(NAME, (digest_of(CONTENT, "sha512"),))) == "CONTENT_NEEDED"
    assert said(GOOD, of=Subject(NAME, ())) == "CONTENT_NEEDED"


def test_outcome_is_kept_under_the_name_too() -> None:
    content = json.dumps(GOOD).encode()
    keys = {
        verification_key(evidence(content, file(name=name)), setting(ROOT))
        for name in (NAME, "other-1.0.tar.gz")
    }
    assert len(keys) == 2


def test_other_bytes_are_refused() -> None:
    assert said(GOOD, of=file(b"other")) == "SUBJECT_MISMATCH"
    assert said(SERVED, of=file(b"other")) == "SUBJECT_MISMATCH"


OURS = {"name": NAME, "digest": {"sha256": digest_of(CONTENT).value}}
STATEMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "two subjects": ({"subject": [OURS, OURS]}, "SUBJECT_MISMATCH"),
    "ours second": (
        {"subject": [OURS | {"digest": {"sha256": "0" * 64}}, OURS]},
        "SUBJECT_MISMATCH",
    ),
    "no subject": ({"subject": []}, "MALFORMED"),
    "no name": ({"subject": [{"digest": OURS["digest"]}]}, "SUBJECT_MISMATCH"),
    "sha512 only": (
        {"subject": [OURS | {"digest": {"sha512": digest_of(CONTENT, "sha512").value}}]},
        "SUBJECT_MISMATCH",
    ),
    "sha512 disagrees": (
        {"subject": [OURS | {"digest": {**OURS["digest"], "sha512": "0" * 128}}]},  # type: ignore[dict-item]
        "SUBJECT_MISMATCH",
    ),
    "name of no distribution": ({"subject": [OURS | {"name": "x"}]}, "SUBJECT_MISMATCH"),
    "statement 0.1": ({"_type": "https://in-toto.io/Statement/v0.1"}, "MALFORMED"),
    "SBOM": ({"predicateType": "https://spdx.dev/Document"}, "PREDICATE_TYPE"),
    "older provenance": ({"predicateType": "https://slsa.dev/provenance/v0.2"}, "PREDICATE_TYPE"),
    "empty predicate": ({"predicate": {}}, "verified"),
}


@pytest.mark.parametrize(("changed", "reason"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_attack_04_statement_is_of_a_known_type_about_exactly_this_file(
    changed: dict[str, Any], reason: str
) -> None:
    assert said(attestation(statement(**changed))) == reason


def test_trust_decides() -> None:
    assert said(GOOD, World("other").entry()) != "verified"
    key = TrustEntry("k", TrustKind.KEY, b"x", "test")
    assert said(GOOD, key) in ("TRUST_ROOT_MISSING", "KEYRING_UNUSABLE")


# --- provenance objects ---------------------------------------------------------------------------


def test_provenance_object_verifies_as_the_whole_of_its_attestations() -> None:
    built = attestation(statement(predicateType=SLSA, predicate=SLSA_1))
    found = judged(provenance(GOOD, built))
    assert (found.outcome, found.role) == (Outcome.VERIFIED, Role.PROVENANCE)
    assert found.claims["attestations"] == "2"
    assert json.loads(found.claims["signers"]) == [WORKFLOW]
    assert len(json.loads(found.claims["predicate_types"])) == 2
    assert found.claims["publisher_kind"] == "GitHub"


def test_attack_13_one_broken_attestation_breaks_all() -> None:
    broken = put(GOOD, ("envelope", "signature"), base64.b64encode(b"0" * 70).decode())
    foreign = attestation(world=World("other"))
    about_other = attestation(statement(subject=[OURS | {"digest": {"sha256": "0" * 64}}]))
    for bad in (broken, foreign, about_other):
        for order in ((GOOD, bad), (bad, GOOD)):
            found = judged(provenance(*order))
            assert found.outcome is not Outcome.VERIFIED
            assert f"attestation {order.index(bad) + 1} of 2" in found.detail
    split = provenance(GOOD)
    split["attestation_bundles"] += provenance(broken)["attestation_bundles"]
    assert said(split) != "verified"


def test_gravest_attestation_is_the_one_told() -> None:
    foreign = attestation(world=World("other"))
    about_other = attestation(statement(subject=[OURS | {"digest": {"sha256": "0" * 64}}]))
    assert judged(provenance(foreign, about_other)).outcome is Outcome.INVALID
    assert judged(provenance(about_other, foreign)).reason == "SUBJECT_MISMATCH"


PUBLISHERS: dict[str, tuple[dict[str, Any], str]] = {
    "ours": (PUBLISHER, "verified"),
    "environment the certificate does not state": (PUBLISHER | {"environment": "x"}, "verified"),
    "other repository": (PUBLISHER | {"repository": "acme/app2"}, "IDENTITY_MISMATCH"),
    "other owner": (PUBLISHER | {"repository": "acme-evil/app"}, "IDENTITY_MISMATCH"),
    "other case": (PUBLISHER | {"repository": "Acme/app"}, "IDENTITY_MISMATCH"),
    "other workflow": (PUBLISHER | {"workflow": "other.yml"}, "IDENTITY_MISMATCH"),
    "longer workflow": (PUBLISHER | {"workflow": "x/release.yml"}, "IDENTITY_MISMATCH"),
    "with the reference": (
        PUBLISHER | {"workflow": "release.yml@refs/tags/v1"},
        "IDENTITY_MISMATCH",
    ),
    "other forge": (
        {"kind": "GitLab", "repository": "acme/app", "workflow_filepath": "x"},
        "ISSUER_MISMATCH",
    ),
    "a person": ({"kind": "Google", "email": WORKFLOW}, "ISSUER_MISMATCH"),
    "CircleCI": (
        {"kind": "CircleCI", "project_id": "x", "pipeline_definition_id": "y"},
        "ISSUER_MISMATCH",
    ),
    "identity and issuer": ({"kind": "URL", "issuer": GITHUB, "identity": WORKFLOW}, "verified"),
    "other identity": (
        {"kind": "URL", "issuer": GITHUB, "identity": f"{WORKFLOW}0"},
        "IDENTITY_MISMATCH",
    ),
    "other issuer": (
        {"kind": "URL", "issuer": "https://issuer.example", "identity": WORKFLOW},
        "ISSUER_MISMATCH",
    ),
    "identity alone": ({"kind": "URL", "identity": WORKFLOW}, "MALFORMED"),
    "unknown kind": ({"kind": "Forge"}, "FORMAT_UNSUPPORTED"),
    "no kind": ({"repository": "acme/app"}, "MALFORMED"),
    "no repository": ({"kind": "GitHub", "workflow": "release.yml"}, "MALFORMED"),
    "empty workflow": (PUBLISHER | {"workflow": ""}, "MALFORMED"),
}


@pytest.mark.parametrize(("publisher", "reason"), PUBLISHERS.values(), ids=PUBLISHERS.keys())
def test_attack_07_publisher_is_the_indexs_word_and_must_agree_with_the_certificate(
    publisher: dict[str, Any], reason: str
) -> None:
    assert said(provenance(GOOD, publisher=publisher)) == reason


def made_with(identity: str, **claims: str) -> dict[str, Any]:
    numbers = {"issuer": 8, "signer": 9, "repository": 12, "digest": 13, "ref": 14, "config": 18}
    numbers["environment"] = 23
    listed = tuple((numbers[name], text) for name, text in claims.items())
    return attestation(making=replace(MAKING, identity=identity, claims=listed))


def test_publishers_of_the_other_forges() -> None:
    repository, path = "https://gitlab.com/acme/app", "//.gitlab-ci.yml"
    run = f"{repository}{path}@{'a' * 40}"
    gitlab = made_with(
        run, issuer="https://gitlab.com", repository=repository, digest="a" * 40, config=run
    )
    named = {"kind": "GitLab", "repository": "acme/app", "workflow_filepath": ".gitlab-ci.yml"}
    assert said(provenance(gitlab, publisher=named)) == "verified"
    other = named | {"workflow_filepath": "x.yml"}
    assert said(provenance(gitlab, publisher=other)) == "IDENTITY_MISMATCH"
    google = made_with("bot@acme.example", issuer="https://accounts.google.com")
    mailed = {"kind": "Google", "email": "bot@acme.example"}
    assert said(provenance(google, publisher=mailed)) == "verified"
    mailed = {"kind": "Google", "email": "bot@acme.exampl"}
    assert said(provenance(google, publisher=mailed)) == "IDENTITY_MISMATCH"
    builder = "https://circleci.com/api/v2/projects/p/pipeline-definitions/d"
    circle = made_with(
        "https://circleci.com/x",
        issuer="https://oidc.circleci.com",
        signer=builder,
        repository="github.com/acme/app",
    )
    defined = {"kind": "CircleCI", "project_id": "p", "pipeline_definition_id": "d"}
    assert said(provenance(circle, publisher=defined)) == "verified"
    wrong = defined | {"vcs_origin": "github.com/acme/other"}
    assert said(provenance(circle, publisher=wrong)) == "IDENTITY_MISMATCH"


def test_environment_is_compared_where_the_certificate_states_one() -> None:
    claims = {
        "issuer": "https://token.actions.githubusercontent.com",
        "repository": "https://github.com/acme/app",
        "ref": "refs/tags/v1",
        "config": WORKFLOW,
        "environment": "Release",
    }
    made = made_with(WORKFLOW, **claims)
    for environment, reason in (
        ("Release", "verified"),
        ("release", "verified"),  # as an index keeps them: GitHub's names know no case
        (None, "verified"),
        ("test", "IDENTITY_MISMATCH"),
    ):
        publisher = PUBLISHER | {"environment": environment}
        assert said(provenance(made, publisher=publisher)) == reason


def test_environments_of_gitlab_are_compared_exactly() -> None:
    path = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main"
    claims = {
        "issuer": "https://gitlab.com",
        "repository": "https://gitlab.com/acme/app",
        "ref": "refs/heads/main",
        "config": path,
        "environment": "Release",
    }
    made = made_with(path, **claims)
    defined = {"kind": "GitLab", "repository": "acme/app", "workflow_filepath": ".gitlab-ci.yml"}
    for environment, reason in (("Release", "verified"), ("release", "IDENTITY_MISMATCH")):
        assert said(provenance(made, publisher=defined | {"environment": environment})) == reason


def test_attack_06_identity_is_compared_exactly() -> None:
    found = judged(GOOD)
    for identity in (WORKFLOW[:-1], WORKFLOW + "0", WORKFLOW.upper(), "acme/app", ""):
        demand = IdentityDemand(identity, "https://token.actions.githubusercontent.com")
        assert demand_identity(found, demand).outcome is Outcome.UNTRUSTED
    exact = IdentityDemand(WORKFLOW, "https://token.actions.githubusercontent.com")
    assert demand_identity(found, exact).outcome is Outcome.VERIFIED


# --- form -----------------------------------------------------------------------------------------


def test_base64_broken_into_lines_is_read_and_no_other_blank() -> None:
    certificate = GOOD["verification_material"]["certificate"]
    place = ("verification_material", "certificate")
    lines = base64.encodebytes(base64.b64decode(certificate)).decode()
    assert "\n" in lines[:-1]
    assert said(put(GOOD, place, lines)) == "verified"
    for broken in (certificate[:10] + "\n" + certificate[10:], f" {certificate}", lines + "\n",
                   lines.replace("\n", "\r\n"), lines.replace("\n", "\n\n"), "\n"):  # fmt: skip
        assert said(put(GOOD, place, broken)) == "MALFORMED"


STAMPED = attestation(making=replace(MAKING, kind_version="0.0.2", promised=False,
                                     stamped_at=DSSE2.stamped_at))  # fmt: skip
STAMPS = ("verification_material", "timestamps")


def test_timestamps_beside_the_entry_prove_the_time_that_rekor_2_does_not() -> None:
    stamp = STAMPED["verification_material"]["timestamps"][0]
    lines = base64.encodebytes(base64.b64decode(stamp)).decode()
    assert said(STAMPED) == said(put(STAMPED, (*STAMPS, 0), lines)) == "verified"
    for nothing in (without(STAMPED, STAMPS), put(STAMPED, STAMPS, []), put(STAMPED, STAMPS, None)):
        assert said(nothing) == "TIMESTAMP_MISSING"
    for broken in (stamp, [1], [{"signedTimestamp": stamp}], [stamp[:-8]]):
        assert said(put(STAMPED, STAMPS, broken)) == "MALFORMED"
    other = World("other").statement(b"{}", DSSE2)["verificationMaterial"]
    foreign = other["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"]
    assert said(put(STAMPED, STAMPS, [foreign])) == "TIMESTAMP_INVALID"


BROKEN: dict[str, Callable[[], Any]] = {
    "version 2": lambda: GOOD | {"version": 2},
    "version as text": lambda: GOOD | {"version": "1"},
    "no version": lambda: without(GOOD, ("version",)),
    "no entries": lambda: put(GOOD, ("verification_material", "transparency_entries"), []),
    "entries missing": lambda: without(GOOD, ("verification_material", "transparency_entries")),
    "envelope is a list": lambda: GOOD | {"envelope": []},
    "cut off": json.dumps(GOOD)[:-1].encode,
    "object version 2": lambda: SERVED | {"version": 2},
    "no bundles": lambda: SERVED | {"attestation_bundles": []},
    "no attestations": provenance,
    "no publisher": lambda: without(SERVED, ("attestation_bundles", 0, "publisher")),
    "bundles are an object": lambda: SERVED | {"attestation_bundles": {}},
    "attestation is text": lambda: provenance("x"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_objects_that_break_their_form_are_malformed(make: Callable[[], Any]) -> None:
    assert said(make()) == "MALFORMED"


def test_counts_and_depth_are_bounded() -> None:
    assert said(provenance(*[GOOD] * 65)) == "TOO_LARGE"
    for whole in (GOOD, SERVED):
        content = json.dumps(whole).encode()
        assert said(content[:-1] + b', "x": ' + b"[" * 70 + b"]" * 70 + b"}") == "TOO_LARGE"


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"envelope": {}}',
    b'"attestation_bundles"',
    b'[{"envelope": 1, "verification_material": 2}]',
])  # fmt: skip
def test_other_documents_are_left_alone(content: bytes) -> None:
    for each in (Pep740Attestation(), Pep740Provenance()):
        assert not each.recognises(evidence(content))


# --- changes --------------------------------------------------------------------------------------


def verifies(document: object) -> bool:
    offered = evidence(json.dumps(document).encode(), file())
    formats = (Pep740Attestation(), Pep740Provenance())
    held = [each.verify(offered, setting(ROOT)).outcome for each in formats]
    return Outcome.VERIFIED in held


# The environment a publisher names is in no certificate of ours (Fulcio's claim .23 is newer).
UNAUTHENTICATED = {"attestation_bundles.publisher.environment"}


@pytest.mark.parametrize("document", [GOOD, SERVED], ids=["attestation", "provenance"])
def test_no_changed_character_of_any_field_verifies(document: dict[str, Any]) -> None:
    assert verifies(document)
    verified, places = set(), 0
    for path, value in leaves(document):
        places += 1
        for spelled in spellings(value, 40):
            changed = put(document, path, spelled)
            assert changed != document
            if verifies(changed):
                verified.add(shown(path))
    expected = UNAUTHENTICATED if document is SERVED else set()
    assert (verified, places) == (expected, 23 if document is SERVED else 18)


@pytest.mark.parametrize("document", [GOOD, SERVED], ids=["attestation", "provenance"])
def test_no_removed_field_verifies(document: dict[str, Any]) -> None:
    verified = {shown(path) for path in fields(document) if verifies(without(document, path))}
    entry = "verification_material.transparency_entries"
    held = {f"{entry}.inclusionPromise"}  # the proof and checkpoint stand, but nothing dates them
    prefix = "attestation_bundles.attestations."
    if document is SERVED:
        assert verified <= UNAUTHENTICATED | {prefix + each for each in held}
    else:
        assert verified <= held


def test_attack_01_swapped_parts_of_two_good_attestations_do_not_verify() -> None:
    other = attestation(making=replace(MAKING, name="another", place=2))
    assert verifies(other)
    parts = [
        ("verification_material", "certificate"),
        ("verification_material", "transparency_entries"),
        ("envelope", "signature"),
        ("verification_material",),
        ("envelope",),
    ]
    for part in parts:
        assert not verifies(put(GOOD, part, at(other, part))), part


# --- real ones ------------------------------------------------------------------------------------


def oracle_agrees(folder: Path, name: str, artifact: str) -> None:
    from pypi_attestations import Attestation, AttestationError, Distribution
    from sigstore.verify.policy import UnsafeNoOp

    content = (folder / name).read_bytes()
    root = (folder.parent / "trust-roots" / "public-good.json").read_bytes()
    entry = TrustEntry("root", TrustKind.ROOT, root, "test")
    for held in (artifact, f"made/{artifact}"):
        distribution = Distribution.from_file(folder / held)
        digest = Digest("sha256", distribution.digest)
        ours = judged(content, entry, of=Subject(distribution.name, (digest,)))
        try:
            Attestation.model_validate_json(content).verify(
                UnsafeNoOp(), distribution, offline=True
            )
        except AttestationError:
            assert ours.outcome is Outcome.INVALID
        else:
            assert ours.outcome is Outcome.VERIFIED


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "artifact"),
    [
        ("pypi_attestations-0.0.19.tar.gz.publish.attestation", "pypi_attestations-0.0.19.tar.gz"),
        ("pypi_attestations-0.0.19.tar.gz.slsa.attestation", "pypi_attestations-0.0.19.tar.gz"),
        (
            "gitlab_oidc_project-0.0.3.tar.gz.publish.attestation",
            "gitlab_oidc_project-0.0.3.tar.gz",
        ),
    ],
)
def test_pypi_attestations_agrees_on_real_ones(vectors: Path, name: str, artifact: str) -> None:
    oracle_agrees(vectors / "pep740", name, artifact)
