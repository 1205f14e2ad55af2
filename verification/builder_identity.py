"""Who built it: the builder a provenance names, against the certificate that signed it.

Anybody may write any builder into a statement. What a builder cannot forge is the certificate that
its own identity was issued: Fulcio writes into it which workflow ran (Build Signer URI, and the
SAN), on whose machines, from which repository. So a builder id counts as certified only where the
certificate says the same, and nothing here refuses: which builders are accepted is policy.

References: SLSA v1.1 "Verifying artifacts", step 1; Fulcio's oid-info, 1.3.6.1.4.1.57264.1.9,
.11, .12 and .13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.frozen import dataclass
from core.model import Signer, SignerKind

SLSA_LEVEL_NOT_STATED = "not stated"
_RUNNER = re.compile(r"https://github\.com/actions/runner(?:/(?P<environment>[a-z-]{1,40}))?")
# How GitLab's runner and npm name a builder there: by a number that no certificate states.
_PROJECT_RUNNER = re.compile(r"(?P<project>.+)/-/runners/[0-9]+")
_GITHUB = "https://token.actions.githubusercontent.com"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class BuilderComparison:
    """Claims to add, and in words what contradicts the certificate, or an empty text."""

    claims: Mapping[str, str]
    contradiction: str = ""


def builder_claims(claims: Mapping[str, str], signer: Signer | None) -> BuilderComparison:
    """Compare a provenance's builder and source with the claims of the signer's certificate.

    `builder_id_certified` is "true" where the certificate states the very builder id, "false"
    where it states another one, "not stated" where it says nothing that could be compared (a key,
    the certificate of a person). The same of `source_repository_certified`. `slsa_level` is
    never read out of a statement: a level belongs to a builder, in a map that people configured.
    """
    builder, contradiction = _builder(claims, signer)
    source = _source(claims)
    added = {"builder_id_certified": builder, "slsa_level": SLSA_LEVEL_NOT_STATED}
    if claims.get("source_repository"):
        added["source_repository_certified"] = source
    return BuilderComparison(added, contradiction)


def _builder(claims: Mapping[str, str], signer: Signer | None) -> tuple[str, str]:
    builder = claims.get("builder_id", "")
    if not builder or signer is None or signer.kind is not SignerKind.KEYLESS:
        return "not stated", ""
    runner = _RUNNER.fullmatch(builder)
    if runner is not None:
        return _runner(runner["environment"] or "", claims, signer)
    certified = [name for name in (claims.get("build_signer_uri", ""), signer.identity) if name]
    if builder in certified:
        return "true", ""
    if not claims.get("build_signer_uri"):
        return "not stated", ""  # a certificate of a person: it says nothing of builders
    numbered = _PROJECT_RUNNER.fullmatch(builder)
    if numbered is not None and numbered["project"] == claims.get("source_repository_uri"):
        return "not stated", ""
    found = ", ".join(dict.fromkeys(certified))
    words = f"the statement names {builder[:_SHOWN]}, the certificate {found[: 2 * _SHOWN]}"
    return "false", words


def _runner(environment: str, claims: Mapping[str, str], signer: Signer) -> tuple[str, str]:
    """Compare the id of GitHub's runner, which names whose machine it was and no workflow."""
    stated = claims.get("runner_environment", "")
    if signer.issuer != _GITHUB:
        return "false", "the statement names GitHub's runner, the certificate another issuer"
    if not environment:
        return "true", ""
    if not stated:
        return "not stated", ""
    if environment == stated:
        return "true", ""
    return "false", f"the statement names a {environment} runner, the certificate a {stated} one"


def _source(claims: Mapping[str, str]) -> str:
    stated = claims.get("source_repository_uri", "")
    if not stated:
        return "not stated"
    return str(claims.get("source_repository", "").removesuffix(".git") == stated).lower()
