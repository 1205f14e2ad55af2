"""Changes of a part of a case: of any byte, and of the structure that a format is made of.

Each takes the bytes, the same part of other cases to take pieces from, and the source of chance.
What the structure does not fit is changed as bytes.
"""

from __future__ import annotations

import base64
import binascii
import io
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from core.errors import MalformedError, TooLargeError
from tests.fuzz.mutation import mutant
from tests.verification.x509.x509_material import plain_archive, tlv
from verification.openpgp.packets import Packet, split_packets

Change = Callable[[bytes, Sequence[bytes], random.Random], bytes]


def bytes_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Change bytes as the fuzzers do."""
    return mutant(content, others, chance)


def bit_flipped(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    """Flip one bit."""
    if not content:
        return b"\0"
    place = chance.randrange(len(content))
    return (
        content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
    )


def lines_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Leave out, repeat, exchange, respell or end otherwise one line of a text."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return mutant(content, others, chance)
    place = chance.randrange(len(lines))
    strange = chance.choice(others).splitlines(keepends=True) if others else lines
    line = lines[place]
    new: tuple[list[bytes], ...] = (
        [],
        [line, line],
        [chance.choice(strange or lines)],
        [line.rstrip(b"\n") + chance.choice((b" \n", b"\t\n", b"\r\n", b"\r", b"", b"\n\n"))],
        [chance.choice((b" ", b"\t", b"- ", b"#", b"\n")) + line],
        [mutant(line, others, chance)],
        [line.swapcase()],
    )
    lines[place : place + 1] = chance.choice(new)
    return b"".join(lines)


# Armour: base64 between two lines.

_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{20,}={0,2}\r?\n)+")


def within_base64(change: Change) -> Change:
    """Return a change of what the base64 lines of a text hold."""

    def base64_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
        blocks = list(_BASE64.finditer(content))
        if not blocks:
            return mutant(content, others, chance)
        block = chance.choice(blocks)
        try:
            held = base64.b64decode(block[0])
        except binascii.Error:
            return mutant(content, others, chance)
        again = change(held, [_held(each) for each in others], chance)
        text = base64.b64encode(again)
        lines = b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
        return content[: block.start()] + lines + content[block.end() :]

    base64_changed.__name__ = f"{change.__name__} in base64"
    return base64_changed


def _held(content: bytes) -> bytes:
    block = _BASE64.search(content)
    try:
        return base64.b64decode(block[0]) if block else content
    except binascii.Error:
        return content


# DER: a tree of values, written again with the right lengths.


@dataclass
class Value:
    """One value; `inner` are those within it, if it holds any, `lead` what stands before them."""

    tag: int
    body: bytes
    inner: list[Value]
    lead: bytes = b""

    def written(self) -> bytes:
        if self.inner:
            return tlv(self.tag, self.lead, *(each.written() for each in self.inner))
        return tlv(self.tag, self.body)


def read_values(content: bytes) -> list[Value]:
    """Read values one after the other; ValueError if they do not fill the bytes."""
    found, at = [], 0
    while at < len(content):
        tag, length, start = _head(content, at)
        at = start + length
        if tag & 0x1F == 0x1F or at > len(content):
            raise ValueError("not DER")
        body = content[start:at]
        found.append(Value(tag, body, *_inner(tag, body)))
    return found


def _head(content: bytes, at: int) -> tuple[int, int, int]:
    if at + 2 > len(content):
        raise ValueError("cut")
    tag, length, start = content[at], content[at + 1], at + 2
    if length >= 0x80:
        more = length - 0x80
        length, start = int.from_bytes(content[start : start + more]), start + more
    return tag, length, start


def _inner(tag: int, body: bytes) -> tuple[list[Value], bytes]:
    """Look into constructed values, and into strings that hold a sequence."""
    lead = b"\0" if tag == 0x03 and body[:2] == b"\0\x30" else b""
    if tag & 0x20 or lead or (tag == 0x04 and body[:1] == b"\x30"):
        try:
            return read_values(body[len(lead) :]), lead
        except ValueError:
            if tag & 0x20:
                raise
    return [], b""


def der_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Leave out, repeat, exchange or alter one value at any depth."""
    try:
        tree = read_values(content)
    except ValueError:
        return mutant(content, others, chance)
    if not tree:
        return mutant(content, others, chance)
    siblings = chance.choice(families(tree))
    place = chance.randrange(len(siblings))
    value = siblings[place]
    pool = _pool(others)
    kind = chance.randrange(7)
    if kind == 0:
        del siblings[place]
    elif kind == 1:
        siblings.insert(place, deepcopy(value))
    elif kind == 2 and pool:
        siblings[place] = deepcopy(chance.choice(pool))
    elif kind == 3:
        other = chance.randrange(len(siblings))
        siblings[place], siblings[other] = siblings[other], siblings[place]
    elif kind == 4:
        value.tag ^= 1 << chance.randrange(8)
    elif value.inner:
        value.inner = value.inner[::-1]
    else:
        small = bit_flipped if chance.random() < 0.6 else mutant
        value.body = small(value.body, others, chance)
    return b"".join(each.written() for each in tree)


def families(tree: list[Value]) -> list[list[Value]]:
    """Return the values that stand side by side, at every depth."""
    found = [tree]
    for value in tree:
        if value.inner:
            found += families(value.inner)
    return found


def _pool(others: Sequence[bytes]) -> list[Value]:
    for other in others[:1]:
        try:
            tree = read_values(other)
        except ValueError:
            continue
        held = [value for family in families(tree) for value in family]
        return [value for value in held if len(value.body) < 3000]
    return []


# OpenPGP: packets one after the other.


def packets_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Leave out, repeat, exchange, take from another or alter one packet."""
    pieces, strange = _packets(content), [one for each in others for one in _packets(each)]
    if not pieces:
        return mutant(content, others, chance)
    place = chance.randrange(len(pieces))
    packet = pieces[place]
    kind = chance.randrange(7)
    if kind == 0:
        del pieces[place]
    elif kind == 1:
        pieces.insert(place, pieces[place])
    elif kind == 2 and strange:
        pieces.insert(place, chance.choice(strange))
    elif kind == 3:
        chance.shuffle(pieces)
    elif kind == 4:
        pieces[place] = _with_body(packet, mutant(packet.body, others, chance))
    else:
        pieces[place] = _with_body(packet, bit_flipped(packet.body, others, chance))
    return b"".join(each.raw for each in pieces)


def _packets(content: bytes) -> list[Packet]:
    try:
        return list(split_packets(content, most=100))
    except (MalformedError, TooLargeError):
        return []


def _with_body(packet: Packet, body: bytes) -> Packet:
    raw = bytes([0xC0 | packet.tag, 0xFF]) + len(body).to_bytes(4, "big") + body
    return Packet(packet.tag, body, raw)


# ZIP: entries by name.


def archive_changed(*inner: Change) -> Change:
    """Return a change of one entry of an archive: its bytes, its name, that it is there."""

    def entries_changed(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as opened:
                files = [(name, opened.read(name)) for name in opened.namelist()]
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            return mutant(content, others, chance)
        if not files:
            return mutant(content, others, chance)
        place = chance.randrange(len(files))
        name, held = files[place]
        kind = chance.randrange(8)
        if kind == 0:
            del files[place]
        elif kind == 1:
            files.insert(place, (f"{name}.more", held))
        elif kind == 2:
            files[place] = (mutant(name.encode(), (), chance).decode("utf-8", "replace"), held)
        elif kind == 3:
            chance.shuffle(files)
        else:
            files[place] = (name, chance.choice(inner)(held, others[:0], chance))
        return plain_archive(dict(files))

    return entries_changed
