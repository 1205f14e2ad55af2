"""Entries of transparency logs: that a log we trust holds one, and since when.

References: Rekor's API (signed entry timestamp), RFC 6962 section 2.1.1 (inclusion),
C2SP tlog-checkpoint. Which proofs must be there is the bundle version's: the promise alone for 0.1,
proof and checkpoint from 0.2 on (sigstore_bundle.proto).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from core.errors import MalformedError
from core.frozen import dataclass
from verification.fault import Fault
from verification.sigstore.bundle import V01, InclusionProof, LogEntry
from verification.sigstore.checkpoint import Checkpoint, read_checkpoint, signer_of
from verification.sigstore.log_keys import LogKey
from verification.sigstore.merkle import leaf_hash, root_from_inclusion
from verification.sigstore.trusted_root import TrustedRoot

PROMISE_STEP, PROOF_STEP, CHECKPOINT_STEP = "log promise", "log inclusion", "log checkpoint"
LOG_STEP = "log"
# Only Rekor's first version promises times; of its kinds these are read.
PROMISING = frozenset(
    {("hashedrekord", "0.0.1"), ("dsse", "0.0.1"), ("intoto", "0.0.1"), ("intoto", "0.0.2")}
)
KINDS = PROMISING | {("hashedrekord", "0.0.2"), ("dsse", "0.0.2")}
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry that a log holds; `at` is when it came, in a promise that the log signed."""

    entry: LogEntry
    log: LogKey
    at: datetime | None
    tree_size: int  # as the log signed it; 0 where it signed the promise alone

    @property
    def index(self) -> int | None:
        """The entry's index, None where nothing proves it.

        The promise signs it; without one, Rekor's second version alone has the proof state it.
        """
        is_proved = self.at is not None or (self.entry.kind, self.entry.version) not in PROMISING
        return self.entry.log_index if is_proved else None


def check_entry(entry: LogEntry, version: str, root: TrustedRoot) -> Logged | Fault:
    """Check one entry against the logs of a root; windows are judged when all times are known."""
    # 1. A log that this root names.
    logs = root.logs_named(entry.log_id)
    if not logs:
        return _unknown(entry, root)
    # 2. A kind of entry that is read, with what the bundle's version demands.
    fault = _unread(entry) or _missing(entry, version)
    if fault is not None:
        return fault
    # 3. The log's promise, the one thing that signs the time.
    log, at = logs[0], None
    if entry.promise:
        promised = _promise(entry, logs)
        if isinstance(promised, Fault):
            return promised
        log, at = promised
        logs = tuple(each for each in logs if each.key.fingerprint == log.key.fingerprint)
    # 4. The way up to the root, and the log's word for that root: by the key that promised.
    proof = entry.proof
    if proof is None:
        return Logged(entry, log, at, 0)
    included = _included(entry, proof, logs)
    if isinstance(included, Fault):
        return included
    signer, size = included
    return Logged(entry, signer or log, at, size)


def _unknown(entry: LogEntry, root: TrustedRoot) -> Fault:
    detail = "the entry is of a log whose key the trusted root does not have, or cannot use"
    known = ", ".join(each[0].url for each in root.logs.values()) or "no log that can be used"
    if root.broken:
        detail += f" ({root.broken[0]})"
    found = f"the log {b64encode(entry.log_id[:32]).decode()}"
    return Fault(LOG_STEP, "LOG_UNKNOWN", detail, known, found)


def _unread(entry: LogEntry) -> Fault | None:
    if (entry.kind, entry.version) in KINDS:
        return None
    detail = "the entry is of a kind that is not read"
    known = ", ".join(sorted(" ".join(kind) for kind in KINDS))
    found = f"{entry.kind[:40]} {entry.version[:20]}"
    return Fault(LOG_STEP, "FORMAT_UNSUPPORTED", detail, known, found)


def _missing(entry: LogEntry, version: str) -> Fault | None:
    if version == V01 and not entry.promise:
        detail = "a bundle of version 0.1 comes with the log's promise, and there is none"
        return Fault(LOG_STEP, "LOG_MISSING", detail, "a signed entry timestamp", "none")
    if version != V01 and (entry.proof is None or not entry.proof.checkpoint):
        lacking = "inclusion proof" if entry.proof is None else "checkpoint"
        detail = f"a bundle of version {version} comes with proof and checkpoint; one is missing"
        return Fault(LOG_STEP, "LOG_MISSING", detail, f"an {lacking}", "none")
    return None


def _promise(entry: LogEntry, logs: Sequence[LogKey]) -> tuple[LogKey, datetime] | Fault:
    if (entry.kind, entry.version) not in PROMISING:
        detail = "a promise is none of this kind of entry's proofs"
        found = f"a promise for {entry.kind[:40]} {entry.version[:20]}"
        return Fault(PROMISE_STEP, "LOG_CHECKPOINT_INVALID", detail, "no promise", found)
    signed = _promised(entry)
    for log in logs:
        if log.holds(entry.promise, signed):
            try:
                return log, datetime.fromtimestamp(entry.integrated_time, UTC)
            except (ValueError, OverflowError, OSError):
                break
    detail = "the log did not sign this entry with this index and time"
    expected = f"a signature by {logs[0].url}"
    return Fault(PROMISE_STEP, "LOG_CHECKPOINT_INVALID", detail, expected, "one that does not hold")


def _promised(entry: LogEntry) -> bytes:
    """Return what a signed entry timestamp is over: canonical JSON (RFC 8785) of the entry."""
    return b'{"body":"%s","integratedTime":%d,"logID":"%s","logIndex":%d}' % (
        b64encode(entry.body),
        entry.integrated_time,
        entry.log_id.hex().encode(),
        entry.log_index,
    )


def _included(
    entry: LogEntry, proof: InclusionProof, logs: Sequence[LogKey]
) -> tuple[LogKey | None, int] | Fault:
    """Return the log that signed the root the entry is under, and the size of the tree.

    There is neither where the proof came without a checkpoint, which only version 0.1 allows.
    """
    reference = "RFC 6962 2.1.1"
    checkpoint = _read_checkpoint(proof)
    if isinstance(checkpoint, Fault):
        return checkpoint
    proof = _completed(entry, proof, checkpoint)
    if (entry.kind, entry.version) not in PROMISING and entry.log_index != proof.log_index:
        detail = "the entry and its proof state different places in the log"
        expected, found = f"index {proof.log_index}", f"index {entry.log_index}"
        return Fault(PROOF_STEP, "LOG_INCLUSION_INVALID", detail, expected, found, reference)
    leaf = leaf_hash(entry.body)
    root = root_from_inclusion(leaf, proof.log_index, proof.tree_size, proof.hashes)
    if root is None or root != proof.root_hash:
        detail = "hashing from the entry upwards does not give the root that the proof states"
        expected, found = proof.root_hash.hex()[:64], root.hex() if root else "no root at all"
        return Fault(PROOF_STEP, "LOG_INCLUSION_INVALID", detail, expected, found, reference)
    return (None, 0) if checkpoint is None else _signed_root(checkpoint, proof, logs)


def _read_checkpoint(proof: InclusionProof) -> Checkpoint | Fault | None:
    if not proof.checkpoint:
        return None
    try:
        return read_checkpoint(proof.checkpoint)
    except MalformedError as error:
        expected, words = "a checkpoint that keeps its format", str(error)
        reference = "C2SP tlog-checkpoint"
        return Fault(CHECKPOINT_STEP, "LOG_CHECKPOINT_INVALID", words, expected, words, reference)


def _completed(
    entry: LogEntry, proof: InclusionProof, checkpoint: Checkpoint | None
) -> InclusionProof:
    """Return the proof with what it may leave out in Rekor's second version.

    There the entry's index and the checkpoint's root and size are those that count (rekor-tiles,
    CLIENTS.md); a proof that repeats them has to say the same.
    """
    if (entry.kind, entry.version) in PROMISING or checkpoint is None:
        return proof
    return replace(
        proof,
        log_index=proof.log_index or entry.log_index,
        root_hash=proof.root_hash or checkpoint.root_hash,
        tree_size=proof.tree_size or checkpoint.size,
    )


def _signed_root(
    checkpoint: Checkpoint, proof: InclusionProof, logs: Sequence[LogKey]
) -> tuple[LogKey, int] | Fault:
    reference = "C2SP tlog-checkpoint"
    if (checkpoint.root_hash, checkpoint.size) != (proof.root_hash, proof.tree_size):
        detail = "the checkpoint speaks of another root or size than the proof"
        expected = f"{proof.root_hash.hex()[:64]} of {proof.tree_size}"
        found = f"{checkpoint.root_hash.hex()} of {checkpoint.size}"
        return Fault(CHECKPOINT_STEP, "LOG_CHECKPOINT_INVALID", detail, expected, found, reference)
    signer = signer_of(checkpoint, logs)
    if signer is None:
        detail = "none of the signatures under the checkpoint is the log's"
        names = ", ".join(line.name[:80] for line in checkpoint.signatures[:_SHOWN])
        expected = f"a signature by {logs[0].url}, with its key's hint"
        return Fault(CHECKPOINT_STEP, "LOG_CHECKPOINT_INVALID", detail, expected, names, reference)
    return signer, checkpoint.size
