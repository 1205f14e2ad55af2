"""Flip every byte of a signature and of what it is over: nothing may verify.

What may: bytes that RFC 9580 leaves outside the signature. Each such place is listed with its
reason, and every other place must be refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.cleartext import read_cleartext
from core.errors import MalformedError
from core.model import Outcome, Verification
from tests.verification.openpgp.openpgp_material import TEXT, material
from tests.verification.openpgp.test_openpgp import cleartext, detached, trusting
from verification.openpgp.packets import split_packets

FLIPS = (0x01, 0x02, 0x20, 0x80)


def flipped(content: bytes) -> Iterator[tuple[int, bytes]]:
    for at in range(len(content)):
        for bit in FLIPS:
            yield at, content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]


def is_verified(verification: Verification) -> bool:
    return verification.outcome is Outcome.VERIFIED


def unauthenticated(signature: bytes) -> set[int]:
    """Places of a version 4 packet that are not signed, and that change nothing when read."""
    (packet,) = split_packets(signature, most=1)
    body = packet.body
    start = len(signature) - len(body)
    hashed_end = 6 + int.from_bytes(body[4:6], "big")
    unhashed_end = hashed_end + 2 + int.from_bytes(body[hashed_end : hashed_end + 2], "big")
    # The unhashed area (5.2.3): anybody may write it; its length is not in here, it must fit.
    free = set(range(start + hashed_end + 2, start + unhashed_end))
    # The first 16 bits of the hash (5.2.4): a shortcut to refuse early, never a proof.
    free |= {start + unhashed_end, start + unhashed_end + 1}
    at = unhashed_end + 2
    while at < len(body):
        # A number that claims more bits than it has (3.2): the same number, read leniently
        # because a large forge writes RSA signatures so.
        free.add(start + at + 1)
        at += 2 + (int.from_bytes(body[at : at + 2], "big") + 7) // 8
    return free


@pytest.mark.parametrize("name", ["ed", "rsa", "sub"])
def test_flipped_signature_is_refused(name: str) -> None:
    signature = material().signatures[name]
    ring = trusting("ed", "rsa", "sub")
    assert is_verified(detached(signature, *ring))
    passed = {at for at, altered in flipped(signature) if is_verified(detached(altered, *ring))}
    assert passed <= unauthenticated(signature)


def test_flipped_content_is_refused() -> None:
    ring = trusting("ed")
    for name in ("ed", "textmode"):
        signature = material().signatures[name]
        altered = [content for _, content in flipped(TEXT)]
        assert not [one for one in altered if is_verified(detached(signature, *ring, content=one))]


@pytest.mark.parametrize("name", ["ed", "armored"])
def test_signature_cut_short_or_grown_is_refused(name: str) -> None:
    signature, ring = material().signatures[name], trusting("ed")
    end = len(signature.rstrip())
    assert not [n for n in range(end) if is_verified(detached(signature[:n], *ring))]
    assert not is_verified(detached(signature + b"\x01", *ring))


def test_flipped_cleartext_message_is_refused() -> None:
    """The subject stays what was signed: an altered message may only say the same thing."""
    message, ring = material().signatures["clear"], trusting("ed")
    assert is_verified(cleartext(message, *ring))
    end = message.index(b"-----BEGIN PGP SIGNATURE-----")
    passed = {
        at
        for at, altered in flipped(message[:end])
        if is_verified(cleartext(altered + message[end:], *ring))
    }
    assert passed == set()


def test_flipped_armor_is_refused_but_for_checksum_and_unhashed_area() -> None:
    signature, ring = material().signatures["armored"], trusting("ed")
    passed = {at for at, altered in flipped(signature) if is_verified(detached(altered, *ring))}
    lines = signature.split(b"\n")
    checksum = next(line for line in lines if line.startswith(b"=") and len(line) == 5)
    at = signature.index(checksum)
    # Section 6.1 forbids to refuse a wrong checksum.
    allowed = set(range(at + 1, at + 5))
    body_at = signature.index(b"\n\n") + 2
    (packet,) = split_packets(material().signatures["ed"], most=1)
    free = unauthenticated(material().signatures["ed"])
    characters = [n for n in range(body_at, at) if signature[n : n + 1] != b"\n"]
    # Each character carries six bits: those that touch only unsigned bytes.
    allowed |= {
        place
        for index, place in enumerate(characters)
        if {index * 6 // 8, (index * 6 + 5) // 8} & free
    }
    assert packet.raw == material().signatures["ed"]
    assert passed <= allowed


def test_replaced_text_is_refused_whatever_the_subject_says() -> None:
    """An attacker alters the message and the index that names it alike."""
    message, ring = material().signatures["clear"], trusting("ed")
    start = message.index(b"Origin")
    end = message.index(b"-----BEGIN PGP SIGNATURE-----")
    accepted = []
    for at, altered in flipped(message[start:end]):
        whole = message[:start] + altered + message[end:]
        try:
            text = read_cleartext(whole, limit=10_000).text
        except MalformedError:
            continue
        if text != TEXT and is_verified(cleartext(whole, *ring, text=text)):
            accepted.append(at)
    assert accepted == []
