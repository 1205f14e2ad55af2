"""Checkpoints: a log's signed word for its size and root (C2SP tlog-checkpoint, signed-note).

Lines of witnesses and of keys that the root does not name are read and passed over: they prove
nothing to us, and are no fault either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from core import wire
from core.errors import MalformedError, TooLargeError
from core.frozen import dataclass
from core.naming import numbered
from verification.sigstore.log_keys import HINT_SIZE, LogKey
from verification.sigstore.merkle import HASH_SIZE

MAX_BYTES = 64 * 1024
MAX_LINES = 64
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE = re.compile("\u2014 ([^ +\\s]+) ([A-Za-z0-9+/]+={0,2})")
_KEPT = 2048


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line under a note: who says to have signed, the key's hint, the signature."""

    name: str
    hint: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint, and the exact bytes that are signed."""

    origin: str
    size: int
    root_hash: bytes
    signed: bytes
    signatures: tuple[NoteSignature, ...]


def read_checkpoint(envelope: str) -> Checkpoint:
    """Read a signed checkpoint strictly; raise MalformedError."""
    if len(envelope) > MAX_BYTES:
        raise TooLargeError(f"{len(envelope)} characters of checkpoint, more than {MAX_BYTES}")
    text, blank, below = envelope.partition("\n\n")
    if not blank or not below.endswith("\n"):
        raise MalformedError("a checkpoint ends in a blank line and at least one signature line")
    lines = text.split("\n")
    origin, size, root = [*lines, "", "", ""][:3]
    if not origin.strip() or not _SIZE.fullmatch(size):
        raise MalformedError("a checkpoint begins with an origin and a size in lines of their own")
    root_hash = wire.decode_base64(root, what="the root hash of the checkpoint")
    if len(root_hash) != HASH_SIZE:
        raise MalformedError(
            f"the root hash of the checkpoint has {numbered(len(root_hash), 'byte')}"
        )
    listed = below[:-1].split("\n")
    if len(listed) > MAX_LINES:
        raise TooLargeError(f"{len(listed)} signatures under a checkpoint, more than {MAX_LINES}")
    signed = f"{text}\n".encode()
    return Checkpoint(origin, int(size), root_hash, signed, tuple(map(_signature, listed)))


def _signature(line: str) -> NoteSignature:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise MalformedError("a line under the checkpoint is no signature line")
    decoded = wire.decode_base64(found[2], what="a signature under the checkpoint")
    if len(decoded) <= HINT_SIZE:
        raise MalformedError("a signature under the checkpoint is too short")
    return NoteSignature(found[1], decoded[:HINT_SIZE], decoded[HINT_SIZE:])


def signer_of(checkpoint: Checkpoint, logs: Sequence[LogKey]) -> LogKey | None:
    """Return the log that signed the checkpoint under its own name; None where none of these did.

    The origin in the signed text is the name, or for Rekor's first version begins with it.
    """
    for line in checkpoint.signatures:
        if not _is_name_of(line.name, checkpoint.origin):
            continue
        for log in logs:
            if line.hint in log.hints and _holds(log, line.signature, checkpoint.signed):
                return log
    return None


def _is_name_of(name: str, origin: str) -> bool:
    return origin == name or origin.startswith(f"{name} - ")


@lru_cache(maxsize=_KEPT)
def _holds(log: LogKey, signature: bytes, signed: bytes) -> bool:
    """Check a signature once: many entries come with the same checkpoint."""
    return log.holds(signature, signed)
