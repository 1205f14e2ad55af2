"""What an oracle is: another program that judges the same bytes, and how cases for it are made.

A recipe makes one case as it ought to be (valid, or refused for a reason of its own); the changes
make thousands of it. The choices follow from the seed; keys are new in every run.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache

from core.model import Evidence, Outcome, Verification
from tests.oracles.changes import Change
from tests.verification.specimens import NOW
from verification.format import Setting
from verification.verifier import IdentityDemand, IdentityScope, demand_identity, verify

BATCH = 100
TRIES = 20  # until a change changes something
FAULT = "reading it failed with "  # what verification.verifier.verify says of one
ANYBODY = IdentityDemand(scope=IdentityScope.ANY)


class Part(StrEnum):
    """What of a case can be changed."""

    SIGNATURE = "signature"
    ARTIFACT = "artifact"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes to be judged. Where the signature lies within the artifact, it is empty."""

    signature: bytes
    artifact: bytes
    trust: bytes
    at: datetime = NOW
    about: str = ""  # what only its own oracle reads: a namespace, a media type
    recipe: str = ""
    changed: str = ""  # the part that was changed, if any


# None where it cannot judge, because it cannot read the trust it is given.
Ask = Callable[[Sequence[Case]], Sequence[bool | None]]


@dataclass(frozen=True, slots=True)
class Oracle:
    """Another program, asked what we are asked."""

    name: str
    tools: tuple[str, ...]  # commands it needs
    recipes: Mapping[str, Callable[[], Case]]
    changes: Mapping[Part, Sequence[Change]]
    offered: Callable[[Case], tuple[Evidence, Setting]]
    accepts: Ask
    demand: IdentityDemand = ANYBODY

    @property
    def missing(self) -> list[str]:
        """The commands that are not installed."""
        return [tool for tool in self.tools if shutil.which(tool) is None]


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one case: what we say, and whether the oracle accepts."""

    case: Case
    verification: Verification
    accepted: bool | None

    @property
    def reason(self) -> str:
        """Our reason; none where we verify."""
        is_verified = self.verification.outcome is Outcome.VERIFIED
        return "" if is_verified else self.verification.reason

    @property
    def agreed(self) -> bool:
        """Whether both verify or both refuse."""
        return self.accepted is None or (not self.reason) == self.accepted


def cases(oracle: Oracle, count: int, seed: int) -> Iterator[Case]:
    """Yield that many cases: every recipe as it is, by turns with changed ones."""
    chance = random.Random(f"{seed} {oracle.name}")
    made = {name: cache(make) for name, make in oracle.recipes.items()}
    names = list(made)
    for number in range(count):
        turn, is_changed = divmod(number, 2)
        if not is_changed and turn < len(names):
            yield replace(made[names[turn]](), recipe=names[turn])
        else:
            # of few cases, change what has been made already
            known = names[: min(turn + 1, len(names))]
            name = chance.choice(known)
            others = [made[each]() for each in chance.sample(known, min(3, len(known)))]
            yield changed(oracle, replace(made[name](), recipe=name), others, chance)


def changed(oracle: Oracle, case: Case, others: Sequence[Case], chance: random.Random) -> Case:
    """Return the case with one part changed."""
    part = chance.choice(list(oracle.changes))
    content: bytes = getattr(case, part.value)
    pool: list[bytes] = [getattr(each, part.value) for each in others]
    for _ in range(TRIES):
        change = chance.choice(oracle.changes[part])
        mutant = change(content, pool, chance)
        if mutant != content:
            break
    given = {part.value: mutant}
    return replace(case, changed=f"{part.value} by {change.__name__}", **given)  # type: ignore[arg-type]


def judged(oracle: Oracle, asked: Sequence[Case]) -> Iterator[Ending]:
    """Ask both about every case."""
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        for case, accepted in zip(batch, oracle.accepts(batch), strict=True):
            verification = ours(oracle, case)
            # a fault of ours is caught at the edge, and no answer
            assert not verification.detail.startswith(FAULT), (case.recipe, verification.detail)
            yield Ending(case, verification, accepted)


def ours(oracle: Oracle, case: Case) -> Verification:
    """Ask ourselves."""
    return demand_identity(verify(*oracle.offered(case)), oracle.demand)
