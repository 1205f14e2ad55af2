"""The table of requirement checks: the key in a policy file → the class that judges it."""

from __future__ import annotations

from collections.abc import Mapping

ALTERNATIVES = "any"
CHECKS: Mapping[str, str] = {
    "verified": "policy.checks.verified:Verified",
    "signed_by": "policy.checks.signed_by:SignedBy",
    "cel": "policy.checks.expression:Expression",
    ALTERNATIVES: "policy.checks.alternatives:Alternatives",
}
