"""Judge signatures of version 3 (RFC 9580 section 5.2.2), which the engine refuses by policy.

Most rpm packages of the last twenty years carry them. They may be accepted (section 5.2), and say
less: neither their key nor an end is signed. Their hash ends in type and time alone, which
nothing else that a key signs does for the two types over documents (section 5.2.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from verification.openpgp.candidate import Candidate
from verification.openpgp.diagnosis import cause_of
from verification.openpgp.keyring import key_packet
from verification.openpgp.mathematics import holds, is_carried_out, new_hash
from verification.openpgp.packets import TEXT, SignaturePacket
from verification.openpgp.self_signatures import is_vouched_for

_CHUNK_BYTES = 1024 * 1024
_KEY_VERSION = 4  # version 6 keys make version 6 signatures alone (section 5.2)


def signer_of(
    signature: SignaturePacket, content: bytes | Path, eligible: Sequence[Candidate]
) -> Candidate | None:
    """Return the candidate that made the signature and whose key counted then, or None."""
    hashed = new_hash(signature)
    if hashed is None:
        return None
    try:
        chunks = _chunks(content)
        for chunk in _lines(chunks) if signature.type == TEXT else chunks:
            hashed.update(chunk)
    except OSError:
        return None
    hashed.update(signature.head)
    digest = hashed.digest()
    return next((one for one in eligible if _is_by(one, signature, digest)), None)


def _is_by(candidate: Candidate, signature: SignaturePacket, digest: bytes) -> bool:
    certificate = candidate.certificate
    packet, primary = (key_packet(certificate, one) for one in (candidate.key, certificate.primary))
    return (
        packet.body[0] == primary.body[0] == _KEY_VERSION
        and is_carried_out(primary.body)  # else nobody here can say what it vouches for
        and holds(packet.body, signature, digest)
        and cause_of(signature, certificate, candidate.key) is None
        and is_vouched_for(certificate, candidate.key, signature.created_at)
    )


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
