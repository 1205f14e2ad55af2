"""Write evidence sets: what vouches for artifacts, and what checking it gave.

A set whose facts did not change writes nothing. A set whose facts changed in a way that could
change any verdict is marked for restatement in the same transaction, so that a process that dies
between the facts and the locations leaves a mark that the next one follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from core.model import (
    ListLink,
    Outcome,
    Role,
    Signer,
    SignerKind,
    Status,
    Unread,
    Verification,
    digest_of,
)
from storage import blobs
from storage.bulk import AnyRow, insert_rows, take_ids, upsert_rows
from storage.documents import dump, dump_verification
from storage.schema import (
    INDEXED_BYTES,
    evidence_item,
    evidence_set,
    set_signer,
    signer,
    verification,
    verification_anchor,
)
from storage.withdrawal import WITHDRAWN

EPHEMERAL = "ephemeral"  # the algorithm of a signer whose every signature has a new key
WAITS = -1  # a mark: restate when the unit was read to its end
COUNTED_ROLES = (Role.SIGNATURE, Role.PROVENANCE)
RENEWED = ("issuer", "identity", "algorithm", "valid_from", "valid_until")  # what a signer may gain


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """One piece of evidence in a set, and what checking it gave."""

    content: bytes  # empty when read back: the blob store has it
    media_type: str
    origin: str
    subject: str  # name of what it was checked against
    subject_digest: str
    through: tuple[ListLink, ...]
    hint: bytes
    key: bytes  # 32 bytes: what was checked with what (verifier.verification_key)
    trust_digest: bytes
    verification: Verification


@dataclass(frozen=True, slots=True)
class SetFacts:
    """One evidence set as judged."""

    key: str
    state: str
    looked: tuple[str, ...]
    unread: tuple[Unread, ...]
    items: tuple[ItemFacts, ...]
    status: Status
    reason: str
    contested: bool
    verdicts_digest: str

    def digest(self) -> bytes:
        """Return the digest of all facts, the collector's own state apart."""
        parts = [
            self.status, self.reason, self.contested, list(self.looked), str(self.due_at),
            [[u.reason, u.detail] for u in self.unread],
            [[i.key.hex(), i.verification.outcome, i.verification.reason, i.media_type, i.origin,
              i.subject, dump_through(i.through)] for i in self.items],
        ]  # fmt: skip
        return hashlib.sha256(dump(parts).encode()).digest()

    @property
    def due_at(self) -> datetime | None:
        """The first instant at which time alone changes any of the verifications."""
        moments = (item.verification.due_at for item in self.items)
        return min((moment for moment in moments if moment is not None), default=None)


@dataclass(frozen=True, slots=True)
class RecordedSet:
    """Where a set stands in the database, and the mark it carries.

    A mark means that its locations must be judged again: from the location after it on, at once,
    or, where it is WAITS, when its unit was read to the end.
    """

    id: int
    written: int
    mark: int | None

    @property
    def waits(self) -> bool:
        """Say whether only what is seen again may follow."""
        return self.mark == WAITS

    @property
    def restates(self) -> bool:
        """Say whether every location shall be judged again now."""
        return self.mark is not None and self.mark != WAITS


def dump_through(through: Sequence[ListLink]) -> str:
    """Return the links as JSON."""
    return dump([[link.list_name, link.entry, str(link.digest)] for link in through])


def record_set(
    connection: sa.Connection, source_id: int, facts: SetFacts, now: datetime
) -> RecordedSet:
    """Write what changed of one evidence set."""
    digest, verdicts = facts.digest(), bytes.fromhex(facts.verdicts_digest)
    table = evidence_set
    row = connection.execute(
        sa.select(table).where(table.c.source_id == source_id, table.c.key == facts.key)
    ).first()
    if row is not None and row.facts_digest == digest and row.verdicts_digest == verdicts:
        written = _record_state(connection, row.id, row.state, facts.state)
        return RecordedSet(row.id, written, row.restate_after)
    mark = _mark(row, facts, verdicts) if row is not None else None
    values = {
        "state": facts.state, "status": facts.status, "reason": facts.reason,
        "contested": facts.contested, "looked": dump(list(facts.looked)),
        "unread": dump([[u.reason, u.detail] for u in facts.unread]), "facts_digest": digest,
        "verdicts_digest": verdicts, "due_at": facts.due_at, "changed_at": now,
    }  # fmt: skip
    if row is None:
        set_id = take_ids(connection, table, 1)[0]
        key = {"id": set_id, "source_id": source_id, "key": facts.key}
        insert_rows(connection, table, [key | values])
    else:
        set_id = row.id
        values["restate_after"] = mark
        connection.execute(table.update().where(table.c.id == set_id).values(**values))
    if row is not None and row.facts_digest == digest:
        return RecordedSet(set_id, 1, mark)
    named = _take_items(connection, set_id) if row is not None else set()
    written = 1 + _record_items(connection, set_id, facts, now)
    _forget_unnamed(connection, named)
    return RecordedSet(set_id, written, mark)


def _mark(row: AnyRow, facts: SetFacts, verdicts: bytes) -> int | None:
    # Bad news holds for everything the set vouched for, and so does a new judgement of the same
    # news. Good news only for what is seen again: what else hangs on the set may be what the
    # evidence no longer names.
    old = (row.status, row.reason, row.contested)
    if facts.status is Status.VERIFIED and (
        row.status != facts.status or row.restate_after == WAITS
    ):
        return WAITS
    if row.verdicts_digest != verdicts or old != (facts.status, facts.reason, facts.contested):
        return 0
    kept: int | None = row.restate_after
    return kept


def _record_state(connection: sa.Connection, set_id: int, old: str, new: str) -> int:
    if old == new:
        return 0
    connection.execute(evidence_set.update().where(evidence_set.c.id == set_id).values(state=new))
    return 1


def _take_items(connection: sa.Connection, set_id: int) -> set[int]:
    """Delete what the set names; return the verifications among it."""
    mine = evidence_item.c.set_id == set_id
    named = connection.execute(sa.select(evidence_item.c.verification_id).where(mine))
    found = set(named.scalars())
    connection.execute(evidence_item.delete().where(mine))
    connection.execute(set_signer.delete().where(set_signer.c.set_id == set_id))
    return found


def _record_items(connection: sa.Connection, set_id: int, facts: SetFacts, now: datetime) -> int:
    written, rows, signers = 0, [], set()
    for position, item in enumerate(facts.items):
        verification_id, signer_id, new = _record_verification(connection, item, now)
        written += new
        if signer_id is not None and facts.reason != WITHDRAWN and _counts(item.verification):
            signers.add(signer_id)
        hint = blobs.keep(connection, item.hint, "application/x-hint", now) if item.hint else None
        rows.append(
            {
                "set_id": set_id, "position": position, "verification_id": verification_id,
                "media_type": item.media_type, "origin": item.origin, "subject": item.subject,
                "hint_digest": hint, "through": dump_through(item.through),
            }
        )  # fmt: skip
    insert_rows(connection, evidence_item, rows)
    pairs = [{"signer_id": one, "set_id": set_id} for one in sorted(signers)]
    insert_rows(connection, set_signer, pairs)
    return written + len(rows) + len(pairs)


def _forget_unnamed(connection: sa.Connection, ids: set[int]) -> None:
    """Delete verifications that no set names any more, whose place others took.

    Nobody can come to name one meanwhile: the write transaction is alone.
    """
    if not ids:
        return
    item = evidence_item.c.verification_id
    gone = ids - set(connection.execute(sa.select(item).where(item.in_(ids))).scalars())
    if gone:
        anchored = verification_anchor.c.verification_id.in_(gone)
        connection.execute(verification_anchor.delete().where(anchored))
        connection.execute(verification.delete().where(verification.c.id.in_(gone)))


def _counts(facts: Verification) -> bool:
    return facts.outcome is Outcome.VERIFIED and facts.role in COUNTED_ROLES


def _record_verification(
    connection: sa.Connection, item: ItemFacts, now: datetime
) -> tuple[int, int | None, int]:
    table, v = verification, item.verification
    row = connection.execute(
        sa.select(table.c.id, table.c.signer_id, table.c.document).where(table.c.key == item.key)
    ).first()
    document = dump_verification(v)
    # Not by its outcome alone: with time another anchor vouches, and until another moment.
    if row is not None and row.document == document:
        return row.id, row.signer_id, 0
    proved = v.signer if v.outcome is Outcome.VERIFIED else None  # others are only claimed
    signer_id = _record_signer(connection, proved, now) if proved is not None else None
    values = {
        "format": v.format, "role": v.role, "outcome": v.outcome, "reason": v.reason,
        "signer_id": signer_id, "signed_at": v.signed_at, "document": document,
        "due_at": v.due_at, "verified_at": now,
    }  # fmt: skip
    if row is None:
        verification_id: int = take_ids(connection, table, 1)[0]
        key = {
            "id": verification_id, "key": item.key,
            "evidence_digest": blobs.keep(connection, item.content, item.media_type, now),
            "subject_digest": item.subject_digest, "trust_digest": item.trust_digest,
        }  # fmt: skip
        insert_rows(connection, table, [key | values])
    else:  # the same evidence under the same trust: time or a fault that passed changed what came
        verification_id = row.id
        connection.execute(table.update().where(table.c.id == row.id).values(**values))
    return verification_id, signer_id, 1 + _record_anchors(connection, verification_id, v.anchors)


def _record_anchors(connection: sa.Connection, verification_id: int, anchors: Sequence[str]) -> int:
    c = verification_anchor.c
    connection.execute(verification_anchor.delete().where(c.verification_id == verification_id))
    rows = [{"verification_id": verification_id, "anchor": one} for one in sorted(set(anchors))]
    return insert_rows(connection, verification_anchor, rows)


def _record_signer(connection: sa.Connection, who: Signer, now: datetime) -> int:
    table, found_by = signer, who.recognised_by
    if len(found_by.encode()) > INDEXED_BYTES or "\0" in found_by:  # no index holds it as it is
        found_by = str(digest_of(found_by.encode()))
    if who.kind is SignerKind.KEYLESS:  # its certificate belongs to the verification alone
        who = replace(who, key_algorithm=EPHEMERAL, valid_from=None, valid_until=None)
    row = {
        "kind": who.kind, "fingerprint": found_by, "issuer": who.issuer,
        "identity": who.identity, "algorithm": who.key_algorithm, "valid_from": who.valid_from,
        "valid_until": who.valid_until, "first_seen_at": now,
    }  # fmt: skip
    keys = ["kind", "fingerprint"]
    upsert_rows(connection, table, [row], replace=RENEWED, keys=keys)
    found: int = connection.execute(
        sa.select(table.c.id).where(table.c.kind == who.kind, table.c.fingerprint == found_by)
    ).scalar_one()
    return found
