"""Changes of bytes that readers trip over, aware of JSON and of base64 within it."""

from __future__ import annotations

import base64
import binascii
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.verification.mutation import leaves, put, without

TELLING = (0x00, 0x01, 0x1F, 0x20, 0x30, 0x7F, 0x80, 0x81, 0x84, 0xA0, 0xBF, 0xC2, 0xFE, 0xFF)
WORDS = (
    b"", b"\0", b"\n", b"\r\n", b" ", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\x7f\xff\xff\xff",
    b"[" * 70, b'{"a":' * 70, b"\x30\x80" * 70, b"\x81" * 70, b"9" * 40, b"-1", b"1e999", b"NaN",
    b'"', b"\\ud800", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"null", b"true", b"{}",
    b"..", b"/", b"-----BEGIN ", b"-----END ", b"=", b": ", b"99991231235959Z", b"0" * 64,
)  # fmt: skip
VALUES: tuple[object, ...] = (
    None, True, 0, -1, 1.5, 2**63, 10**31, "", "0", "-1", "\0", "\u202e", "x" * 5000, [], {}, [[]],
    "9" * 31, "=", "../x", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-13-41T99:99:99Z",
)  # fmt: skip


def mutant(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Return a changed copy; half of the changes to JSON keep it JSON."""
    document = _document(content) if chance.random() < 0.7 else None
    if document is not None:
        return _changed_document(document, others, chance)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        content = chance.choice(_CHANGES)(content, others, chance)
    return content


def _document(content: bytes) -> Any:
    if content[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _changed_document(document: Any, others: Sequence[bytes], chance: random.Random) -> bytes:
    places = [(path, value) for path, value in leaves(document) if path]
    if not places:
        return _splice(json.dumps(document).encode(), others, chance)
    path, value = chance.choice(places)
    kind = chance.randrange(8)
    if kind == 0:
        document = without(document, path)
    elif kind == 1:
        document = put(document, path[: chance.randint(1, len(path))], chance.choice(VALUES))
    elif isinstance(value, str):
        document = put(document, path, _changed_text(value, others, chance))
    else:
        document = put(document, path, chance.choice(VALUES))
    return json.dumps(document).encode()


def _changed_text(text: str, others: Sequence[bytes], chance: random.Random) -> str:
    """Change what a text of base64 holds, else the text."""
    try:
        held = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        held = b""
    if len(held) > 8 and chance.random() < 0.85:
        return base64.b64encode(mutant(held, others, chance)).decode()
    changed = chance.choice(_CHANGES)(text.encode("utf-8", "surrogatepass"), others, chance)
    return changed.decode("utf-8", "replace")


def _flip(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    if not content:
        return b"\0"
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]


def _telling(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + bytes([chance.choice(TELLING)]) + content[at + 1 :]


def _cut(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    return content[:start] + content[end:] if chance.random() < 0.6 else content[start:end]


def _repeat(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    times = chance.choice((2, 2, 3, 70))
    return content[:start] + content[start : min(end, start + 600)] * times + content[end:]


def _word(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    word = chance.choice(WORDS)
    return content[:at] + word + content[at + chance.choice((0, len(word))) :]


def _splice(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others) if others else content
    at, start = chance.randrange(len(content) + 1), chance.randrange(len(other) + 1)
    return content[:at] + other[start : start + chance.choice((4, 64, 4096))] + content[at:]


_CHANGES: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _flip, _flip, _telling, _telling, _cut, _repeat, _word, _word, _splice,
)  # fmt: skip
