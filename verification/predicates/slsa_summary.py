"""SLSA verification summaries (VSA), of the build and of the source track, 0.2 and 1.x.

What a summary says is its verifier's word: a level in it is a claim, and an accepted signature
says only whose claim it is. A summary may say FAILED; its signature holds all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from core import wire
from core.errors import MalformedError, TooLargeError
from verification.predicates import fields

_OUTCOMES = frozenset({"PASSED", "FAILED"})
_MAX_LEVELS = 64
_TRACK = re.compile(r"SLSA_(BUILD|SOURCE)_LEVEL_(\d{1,3})")


def claims(predicate: Mapping[str, object]) -> dict[str, str]:
    """Return the claims of a summary (slsa.dev/spec/v1.1/verification_summary, "Schema").

    Required: verifier.id, resourceUri, policy, verificationResult, and the levels, which 0.2 calls
    policyLevel. timeVerified is required by 0.2 and optional in 1.x.
    """
    outcome = fields.text(predicate, "verificationResult")
    if outcome not in _OUTCOMES:
        raise MalformedError(
            f"the field 'verificationResult' is neither PASSED nor FAILED: {outcome[:80]!r}"
        )
    policy = fields.mapping(predicate, "policy")
    levels = _levels(predicate)
    return fields.stated(
        verifier_id=fields.text(fields.mapping(predicate, "verifier"), "id"),
        time_verified=fields.optional_timestamp(predicate, "timeVerified"),
        resource_uri=fields.text(predicate, "resourceUri"),
        policy_uri=fields.optional_text(policy, "uri"),
        policy_digest=fields.compact(stated) if (stated := fields.digests(policy)) else "",
        verification_result=outcome,
        verified_levels=json.dumps(levels),
        build_level_claimed=_highest(levels, "BUILD"),
        source_level_claimed=_highest(levels, "SOURCE"),
        dependency_levels=_dependency_levels(predicate),
        input_attestations=str(len(fields.optional_items(predicate, "inputAttestations"))),
        slsa_version=fields.optional_text(predicate, "slsaVersion"),
    )


def _levels(predicate: Mapping[str, object]) -> list[str]:
    if "verifiedLevels" not in predicate and "policyLevel" in predicate:
        return [fields.text(predicate, "policyLevel")]
    items = wire.items(dict(predicate), "verifiedLevels")
    if len(items) > _MAX_LEVELS:
        raise TooLargeError(f"{len(items)} verified levels, more than {_MAX_LEVELS}")
    return [wire.as_text(item, "a verified level")[: fields.MAX_TEXT] for item in items]


def _highest(levels: list[str], track: str) -> str:
    """Return the highest level of a track that the summary states as a number, else nothing."""
    found = [_TRACK.fullmatch(level) for level in levels]
    return str(max((int(one[2]) for one in found if one and one[1] == track), default=""))


def _dependency_levels(predicate: Mapping[str, object]) -> str:
    counts = fields.optional_mapping(predicate, "dependencyLevels")
    for level, count in counts.items():
        if wire.as_integer(count, f"the count of {level[:80]!r}") < 0:
            raise MalformedError("a count in 'dependencyLevels' is negative")
    return fields.compact(counts) if counts else ""
