"""One artifact before its policies: the facts, and what several requirements ask of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from core.model import (
    NOT_SIGNED,
    Facts,
    Outcome,
    Role,
    Signer,
    SignerKind,
    Status,
    Verification,
)
from core.text import one_line

SIGNING_ROLES = frozenset({Role.SIGNATURE, Role.PROVENANCE})
SHOWN_SIGNERS = 5
_CERTIFIED = frozenset({SignerKind.CERTIFICATE, SignerKind.KEYLESS})
_REFUSAL_ORDER = {Outcome.INVALID: 0, Outcome.UNTRUSTED: 1, Outcome.UNVERIFIABLE: 2}


class Case:
    """Facts with the views that requirements share, each worked out once, on first use.

    The artifact's status outranks a single piece of evidence: where it is not `verified`, no
    signature counts as verified, whatever the piece itself says (a list may be signed well and
    still not cover this artifact).
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.activation: object = None  # the facts as policy/cel.py converted them, once

    @cached_property
    def signatures(self) -> tuple[Verification, ...]:
        """The pieces of evidence that can prove a signature at all."""
        return tuple(
            piece
            for piece in self.facts.verifications
            if piece.role in SIGNING_ROLES and piece.reason != NOT_SIGNED
        )

    @cached_property
    def verified(self) -> tuple[Verification, ...]:
        """The signatures that hold."""
        if self.facts.status is not Status.VERIFIED:
            return ()
        return tuple(piece for piece in self.signatures if piece.outcome is Outcome.VERIFIED)

    @cached_property
    def unjudged(self) -> int:
        """How many signatures we could not judge: each might yet turn out to hold."""
        return sum(piece.outcome is Outcome.UNVERIFIABLE for piece in self.signatures)

    @cached_property
    def signers(self) -> tuple[Signer, ...]:
        """The distinct signers whose signatures hold, in the order they were found."""
        return distinct(piece.signer for piece in self.verified if piece.signer is not None)

    @cached_property
    def refusal(self) -> Verification | None:
        """The piece that says best why nothing verified: the one whose reason the status bears."""
        refused = [piece for piece in self.signatures if piece.outcome in _REFUSAL_ORDER]
        return min(
            refused,
            key=lambda piece: (piece.reason != self.facts.reason, _REFUSAL_ORDER[piece.outcome]),
            default=None,
        )


def distinct(signers: Iterable[Signer]) -> tuple[Signer, ...]:
    """Return one signer for each group that may be the same one, in order.

    Two are the same if they share a key, or if both are certificates of one issuer for one
    identity (a renewed certificate is no second signer). An OpenPGP user id is a claim and joins
    nothing.
    """
    signers = tuple(signers)
    if len(signers) < 2:  # noqa: PLR2004 - one alone is like no other
        return signers
    groups: list[tuple[Signer, set[tuple[str, ...]]]] = []
    for signer in signers:
        marks = _marks(signer)
        first = signer
        for group in [group for group in groups if group[1] & marks]:
            first = group[0] if first is signer else first
            marks |= group[1]
            groups.remove(group)
        groups.append((first, marks))
    return tuple(first for first, _ in groups)


def _marks(signer: Signer) -> set[tuple[str, ...]]:
    marks: set[tuple[str, ...]] = set()
    if signer.key_fingerprint and signer.kind is not SignerKind.KEYLESS:  # its key is of one use
        marks.add(("key", signer.key_fingerprint.lower()))
    if signer.kind in _CERTIFIED and signer.identity:
        marks.add(("identity", signer.issuer, signer.identity))
    return marks or {("nameless",)}


def describe(signers: Iterable[Signer]) -> str:
    """Name signers for a finding, a few at most, every name made safe to show."""
    named = [_describe_one(signer) for signer in signers]
    more = len(named) - SHOWN_SIGNERS
    return "; ".join(named[:SHOWN_SIGNERS]) + (f"; and {more} more" if more > 0 else "")


def _describe_one(signer: Signer) -> str:
    identity = one_line(signer.identity, 120)
    fingerprint = one_line(signer.key_fingerprint, 140)
    return f"{signer.kind.value} {fingerprint}" + (f" ({identity})" if identity else "")
