"""Judge the signatures that the engine has no word on (verification/openpgp/reach.py).

Those of version 3 (RFC 9580 section 5.2.2), which most rpm packages of the last twenty years carry,
may be accepted (section 5.2), and say less: neither their key nor an end is signed. Their hash ends
in type and time alone, which nothing else that a key signs does for the two types over documents
(section 5.2.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from verification.openpgp.candidate import Candidate
from verification.openpgp.certificate import key_packet
from verification.openpgp.diagnosis import Cause, cause_of
from verification.openpgp.mathematics import holds, new_hash
from verification.openpgp.reach import is_within_reach
from verification.openpgp.signature import TEXT, VERSION_3, SignaturePacket
from verification.openpgp.tidying import with_trailer
from verification.openpgp.validity import is_vouched_for, standpoint

_CHUNK_BYTES = 1024 * 1024
CHECKED = 6  # version of the signatures whose statement of how the hash begins has to be true


def judge_ourselves(
    signature: SignaturePacket, content: bytes | Path, eligible: Sequence[Candidate], now: datetime
) -> Candidate | Cause | None:
    """Return the candidate that made the signature and whose key counted then.

    A cause where one made it and does not count; None where none did.
    """
    makers = _makers(signature, content, eligible)
    return _first_that_counts([(one, _against(one, signature, now)) for one in makers])


def judge_again(
    signature: SignaturePacket, content: bytes | Path, eligible: Sequence[Candidate], now: datetime
) -> Candidate | Cause | None:
    """Return the candidate that vouches for what the engine refuses by its own idea of time.

    Else the cause that it may have to refuse what one of them did make; None where none did.
    """
    makers = _makers(signature, content, eligible)
    return _first_that_counts(
        [(one, _against(one, signature, now) or _unasked(one, signature)) for one in makers]
    )


def likely_makers(
    signature: SignaturePacket, content: bytes | Path, eligible: Sequence[Candidate]
) -> list[Candidate]:
    """Leave out those who did not make a signature that names nobody: the engine takes long."""
    digest = digest_over(signature, content)
    return [
        one
        for one in eligible
        if not is_within_reach(signature, one.certificate, one.key)
        or holds(_body(one), signature, digest)
    ]


def _first_that_counts(
    judged: Sequence[tuple[Candidate, Cause | None]],
) -> Candidate | Cause | None:
    good = (maker for maker, cause in judged if cause is None)
    return next(good, None) or next((cause for _, cause in judged), None)


def _makers(
    signature: SignaturePacket, content: bytes | Path, eligible: Sequence[Candidate]
) -> list[Candidate]:
    digest = digest_over(signature, content) if eligible else b""
    if signature.version == CHECKED and not digest.startswith(signature.hash_start):
        return []
    return [one for one in eligible if digest and holds(_body(one), signature, digest)]


def _body(candidate: Candidate) -> bytes:
    return key_packet(candidate.certificate, candidate.key).body


def digest_over(signature: SignaturePacket, content: bytes | Path) -> bytes:
    """Return the digest that the signature is over; nothing where it cannot be made."""
    hashed = new_hash(signature)
    if hashed is None:
        return b""
    hashed.update(signature.salt)
    try:
        chunks = _chunks(content)
        for chunk in _lines(chunks) if signature.type == TEXT else chunks:
            hashed.update(chunk)
    except OSError:
        return b""
    is_old = signature.version == VERSION_3
    hashed.update(signature.head if is_old else with_trailer(signature.head))
    return hashed.digest()


def _against(candidate: Candidate, signature: SignaturePacket, now: datetime) -> Cause | None:
    """Say why what this key signed does not count, or None."""
    certificate, key = candidate.certificate, candidate.key
    cause = cause_of(signature, certificate, key)
    moment = standpoint(certificate, key, signature.created_at)
    if cause is None and (moment > now or not is_vouched_for(certificate, key, moment)):
        return _unclear(candidate)
    return cause


def _unasked(candidate: Candidate, signature: SignaturePacket) -> Cause | None:
    """Say that what the engine refuses stays refused, but where its no may be one of time alone.

    It lacks the key's beginning, or holds the signature's own end against the machine's clock.
    """
    is_ours = is_within_reach(signature, candidate.certificate, candidate.key)
    is_of_time = begins_later(candidate, signature) or signature.expires_at is not None
    return None if is_ours and is_of_time else _unclear(candidate)


def begins_later(candidate: Candidate, signature: SignaturePacket) -> bool:
    """Say whether the copy of the key begins later than what it signed, and speaks for it."""
    made = signature.created_at
    return standpoint(candidate.certificate, candidate.key, made) > made


def _unclear(candidate: Candidate) -> Cause:
    detail = "the key made this signature, and its certificate does not say plainly that it could"
    expected = "a certificate that all readers understand alike"
    return Cause("KEY_UNKNOWN", detail, expected, candidate.certificate.fingerprint)


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a text with each line ended by CR LF (section 5.2.4); no CR stands alone in it."""
    kept = b""
    for chunk in chunks:
        text = kept + chunk
        kept = b"\r" if text.endswith(b"\r") else b""
        bare = text.removesuffix(b"\r") if kept else text
        yield bare.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield kept
