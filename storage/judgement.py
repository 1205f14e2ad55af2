"""What storage asks of policy, without importing it: jobs hand a `Judge` in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.model import Facts, PolicyStatus, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """All verdicts on one artifact at one location, and what they add up to."""

    policy_status: PolicyStatus
    unconstrained: bool  # governed, while no policy says who may sign
    verdicts: tuple[Verdict, ...]


class Judge(Protocol):
    """Turns facts into verdicts, the same facts always into the same ones."""

    @property
    def digest(self) -> str:
        """Name everything the judgements rest on besides the facts: policies, exclusions."""

    def judge(self, facts: Facts) -> Judgement:
        """Judge one artifact at one location."""

    def shared(self, facts: Facts) -> str:
        """Return a digest of all verdicts these facts lead to, whatever the location.

        Two sets of facts with equal digests judge every location alike; where a policy looks at
        the artifact's own fields the digest is of the facts themselves.
        """

    def exclusion(self, facts: Facts) -> int | None:
        """Return the id of the first exclusion rule that matches, or None."""
