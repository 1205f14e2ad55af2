"""The publisher a Python index names beside an attestation, against the signer's certificate.

Nobody signs that object: it is the index's word about whose upload token was used. It must agree
with what the certificate states of the same upload; it proves nothing by itself.

References: PEP 740, "Provenance objects" (publisher); Fulcio's oid-info, 1.3.6.1.4.1.57264.1.8 to
.18; the publishers an index knows: GitHub, GitLab, Google Cloud, CircleCI; those of Chainguard
Libraries for Python, which are named by identity and issuer (kind URL).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.errors import MalformedError
from core.model import Signer, Verification
from verification.predicates import fields
from verification.trail import Trail

_Publisher = Mapping[str, object]
_Claims = Mapping[str, str]
_Difference = tuple[str, str, str]  # what, as the index says it, as the certificate does


def refuse_publisher(trail: Trail, publisher: _Publisher, signer: Signer) -> Verification | None:
    """Return a refusal where the publisher is another one than the certificate states."""
    step, reference = "publisher", "PEP 740, Provenance objects"
    try:
        kind = fields.text(publisher, "kind")
        compare = _KINDS.get(kind)
        if compare is None:
            return trail.refuse(
                step,
                "FORMAT_UNSUPPORTED",
                "a publisher of a kind that cannot be compared with a certificate",
                expected=f"one of {', '.join(_KINDS)}",
                found=kind[:200],
                reference=reference,
            )
        difference = next(iter(compare(publisher, trail.claims, signer)), None)
    except MalformedError as error:
        expected = "a publisher with the fields of its kind"
        return trail.refuse(
            step, "MALFORMED", str(error), expected=expected, found=str(error), reference=reference
        )
    if difference is None:
        trail.passed(step, kind, reference=reference)
        trail.claims["publisher_kind"] = kind
        return None
    what, named, certified = difference
    reason = "ISSUER_MISMATCH" if what == "issuer" else "IDENTITY_MISMATCH"
    return trail.refuse(
        step,
        reason,
        f"the index names another publisher than the certificate: the {what} differs",
        expected=f"{what} {named[:200]}, as the index says",
        found=certified[:200] or "none in the certificate",
        reference=reference,
    )


def _workflow_run(
    host: str,
    path: str,
    publisher: _Publisher,
    claims: _Claims,
    issuer: _Difference,
    spelled: Callable[[str], str] = str,
) -> list[_Difference]:
    """Compare a repository and a workflow that ran at some reference or commit in it.

    `spelled` brings the names of environments into the spelling in which they compare.
    """
    repository = f"https://{host}/{fields.text(publisher, 'repository')}"
    stated = claims.get("source_repository_uri", "")
    ran = claims.get("build_config_uri", "")
    places = [claims.get("source_repository_ref", ""), claims.get("source_repository_digest", "")]
    workflows = [f"{repository}{path}@{place}" for place in places if place]
    pairs = [issuer, ("repository", repository, stated)]
    differences = [each for each in pairs if each[1] != each[2]]
    if ran not in workflows:
        differences.append(("workflow", f"{repository}{path}", ran))
    environment = fields.optional_text(publisher, "environment")
    certified = claims.get("deployment_environment", "")
    # Certificates from before that claim existed, and runs without one, say nothing of it.
    if environment and certified and spelled(environment) != spelled(certified):
        differences.append(("environment", environment, certified))
    return differences


def _github(publisher: _Publisher, claims: _Claims, signer: Signer) -> list[_Difference]:
    issuer = ("issuer", "https://token.actions.githubusercontent.com", signer.issuer)
    path = f"/.github/workflows/{fields.text(publisher, 'workflow')}"
    # Names of GitHub's environments know no case: the index lowers them, the certificate does not.
    return _workflow_run("github.com", path, publisher, claims, issuer, str.lower)


def _gitlab(publisher: _Publisher, claims: _Claims, signer: Signer) -> list[_Difference]:
    issuer = ("issuer", "https://gitlab.com", signer.issuer)
    path = f"//{fields.text(publisher, 'workflow_filepath')}"
    return _workflow_run("gitlab.com", path, publisher, claims, issuer)


def _google(publisher: _Publisher, _claims: _Claims, signer: Signer) -> list[_Difference]:
    pairs = [
        ("issuer", "https://accounts.google.com", signer.issuer),
        ("identity", fields.text(publisher, "email"), signer.identity),
    ]
    return [each for each in pairs if each[1] != each[2]]


def _url(publisher: _Publisher, _claims: _Claims, signer: Signer) -> list[_Difference]:
    pairs = [
        ("issuer", fields.text(publisher, "issuer"), signer.issuer),
        ("identity", fields.text(publisher, "identity"), signer.identity),
    ]
    return [each for each in pairs if each[1] != each[2]]


def _circleci(publisher: _Publisher, claims: _Claims, signer: Signer) -> list[_Difference]:
    project = fields.text(publisher, "project_id")
    pipeline = fields.text(publisher, "pipeline_definition_id")
    root = "https://circleci.com/api/v2/projects"
    builder = f"{root}/{project}/pipeline-definitions/{pipeline}"
    pairs = [
        ("issuer", "https://oidc.circleci.com", signer.issuer),
        ("pipeline", builder, claims.get("build_signer_uri", "")),
    ]
    optional = {"vcs_origin": "source_repository_uri", "vcs_ref": "source_repository_ref"}
    for key, claim in optional.items():
        named = fields.optional_text(publisher, key)
        if named:
            pairs.append((key, named, claims.get(claim, "")))
    return [each for each in pairs if each[1] != each[2]]


_KINDS: dict[str, Callable[[_Publisher, _Claims, Signer], list[_Difference]]] = {
    "GitHub": _github,
    "GitLab": _gitlab,
    "Google": _google,
    "CircleCI": _circleci,
    "URL": _url,
}
