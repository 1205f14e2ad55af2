"""Let nothing stand verified by trust that is not what it was, until it was read again.

What was anchored in what came or went is withdrawn: another entry may hold the same key, but with
another window, another narrowing, or in a copy that says otherwise. And some kinds reach further:
they decide how what others vouch for is judged. `REACH` says which, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from core.model import REVOCATION_ALONE, Outcome, Status, TrustKind
from storage.schema import (
    credential,
    evidence_item,
    evidence_set,
    location,
    set_signer,
    trust_entry,
    unit,
    verification,
    verification_anchor,
)

WITHDRAWN = "TRUST_CHANGED"  # the reason of what waits to be read again
NOTHING = bytes(32)  # a digest that no facts have
NONE: frozenset[TrustKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Reach:
    """Kinds of trust under which signatures may stop to verify when one of a kind came or went."""

    came: frozenset[TrustKind] = NONE
    went: frozenset[TrustKind] = NONE
    narrowed_only: bool = False  # what came only where it has a window, is narrowed, or revokes


_K = TrustKind
REACH: Mapping[TrustKind, Reach] = {
    # It may speak of any certificate and any SSH key.
    _K.REVOCATION: Reach(came=frozenset({_K.AUTHORITY, _K.ROOT, _K.SSH_SIGNERS})),
    # Its logs are demanded of every bundle signed with a key; an entry of a log that it knows has
    # to hold under an authority, too, unless another root that knows the log says it does; and a
    # commit with a log entry is judged by it instead of by keys and authorities.
    _K.ROOT: Reach(
        came=frozenset({_K.KEY, _K.REGISTRY_KEYS, _K.AUTHORITY}), went=frozenset({_K.AUTHORITY})
    ),
    # A broken timestamp by an authority that is known refuses what it came with, whether a key or
    # another authority vouches for that; and a path may end at another anchor.
    _K.AUTHORITY: Reach(came=frozenset({_K.KEY, _K.AUTHORITY})),
    # A given key goes before the certificate that certifies it, outside its window too.
    _K.KEY: Reach(came=frozenset({_K.AUTHORITY, _K.ROOT}), narrowed_only=True),
    # All copies of a certificate are merged, also those that the ring is narrowed not to accept
    # (and which are therefore not among its credentials). A revocation without its key may name it
    # by its key id alone, or be by another key that the owner named; and it may be that key, now
    # gone, that told a forged one apart.
    _K.KEYRING: Reach(frozenset({_K.KEYRING}), frozenset({_K.KEYRING}), narrowed_only=True),
    # One that fits is enough, whatever others stand beside it.
    _K.SSH_SIGNERS: Reach(),
    _K.REGISTRY_KEYS: Reach(),
    _K.MINISIGN: Reach(),
}


def withdraw(
    connection: sa.Connection, source_id: int, unit_name: str, before: set[int], after: set[int]
) -> None:
    """Withdraw what verified by trust entries that came or went, or by what those reach."""
    came, went = after - before, before - after
    if not came and not went:
        return
    changed = came | went | _reached(connection, came, went, before & after)
    held = sa.select(credential.c.fingerprint).where(credential.c.entry_id.in_(changed))
    used = (
        sa.select(evidence_item.c.set_id)
        .join(
            verification_anchor,
            verification_anchor.c.verification_id == evidence_item.c.verification_id,
        )
        .where(verification_anchor.c.anchor.in_(held))
    )
    # An attestation or a timestamp holds by itself, where nobody signed the artifact, too.
    holding = used.join(verification, verification.c.id == evidence_item.c.verification_id).where(
        verification.c.outcome == Outcome.VERIFIED
    )
    e = evidence_set.c
    holds = sa.or_(e.status == Status.VERIFIED, e.id.in_(holding))
    chosen = [e.source_id == source_id, e.id.in_(used), holds]
    units = [unit.c.source_id == source_id]
    if unit_name:
        units.append(unit.c.name == unit_name)
        there = sa.select(unit.c.id).where(*units).scalar_subquery()
        chosen.append(e.id.in_(sa.select(location.c.set_id).where(location.c.unit_id == there)))
    if _end(connection, chosen) or went:
        connection.execute(unit.update().where(*units).values(state=""))  # to be read again, whole


def _reached(
    connection: sa.Connection, came: set[int], went: set[int], stayed: set[int]
) -> set[int]:
    """Return which of the entries that stayed are of a kind that the others reach."""
    c = trust_entry.c
    alone = sa.select(credential.c.entry_id).where(credential.c.algorithm == REVOCATION_ALONE)
    columns = (c.id, c.kind, c.only, c.valid_from, c.valid_until, c.id.in_(alone).label("revokes"))
    rows = connection.execute(sa.select(*columns).where(c.id.in_(came | went | stayed))).all()
    reached: set[TrustKind] = set()
    for row in rows:
        reach = REACH[TrustKind(row.kind)]
        is_narrowed = row.only != "[]" or row.valid_from or row.valid_until or row.revokes
        if row.id in came and (is_narrowed or not reach.narrowed_only):
            reached |= reach.came
        if row.id in went:
            reached |= reach.went
    return {row.id for row in rows if row.id in stayed and row.kind in reached}


def _end(connection: sa.Connection, chosen: list[sa.ColumnElement[bool]]) -> int:
    # A verification itself stays as it is: another source may hold the same trust still.
    mark = sa.case((evidence_set.c.locations > 0, 0))  # nothing to judge again where nothing is
    values = {"status": Status.UNKNOWN, "reason": WITHDRAWN, "facts_digest": NOTHING,
              "verdicts_digest": NOTHING, "contested": False, "restate_after": mark}  # fmt: skip
    ended = sa.select(evidence_set.c.id).where(*chosen)
    connection.execute(set_signer.delete().where(set_signer.c.set_id.in_(ended)))
    return connection.execute(evidence_set.update().where(*chosen).values(**values)).rowcount
