"""Strict, bounded readers of untrusted JSON and base64.

Size, nesting and the number of values are measured over the bytes before anything is parsed, so
that a hostile document costs no more than one pass. What readers disagree about (duplicate keys,
NaN, a byte-order mark, lone surrogates, endless digits, bytes after the end) is refused: a
signature over bytes says nothing when two readers see two documents in them.

Everything here raises MalformedError, or its child TooLargeError, naming the byte or the field.
"""

from __future__ import annotations

import binascii
import gc
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import accumulate
from typing import NoReturn

from core.errors import MalformedError, TooLargeError
from core.limits import Limits

MAX_DIGITS = 32
_BOM = b"\xef\xbb\xbf"
_BLANK = " \t\r\n"  # RFC 8259 section 2
_OPENING = frozenset("{[")
_SHOWN_KEY = 80
_LARGE = 64 * 1024

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: 1 and -1
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_PIECE = 16 * 1024
# No repeated groups: Python before 3.11.5, Debian 12's own, matches possessive ones wrongly, and
# others hold memory for every turn.
_SURROGATE = re.compile(rb"\\u[dD]")  # every one begins so
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>\\u[dD][89a-fA-F])|\\.",
    re.DOTALL,
)
_KINDS = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a fraction",
    type(None): "null",
}


def read_json(content: bytes, *, limits: Limits) -> object:
    """Return the one JSON value in `content`; raise TooLargeError or MalformedError."""
    size = len(content)
    if size > limits.evidence_bytes:
        _refuse_size(content, limits)
    if size > limits.json_items:  # each value takes a byte at least
        _refuse_values(content, limits.json_items)
    _refuse_depth(content, limits.json_depth)
    document = _decode(content)
    try:
        with without_collection(size):
            value = _parsed(document)
    except json.JSONDecodeError as error:
        offset = len(document[: error.pos].encode())
        raise MalformedError(f"not JSON at byte {offset}: {error.msg}") from None
    _refuse_lone_surrogates(content)
    return value


def _parsed(document: str) -> object:
    """Do what the decoder's own `decode` does, without its two searches for blanks."""
    start = 0 if document[:1] in _OPENING else len(document) - len(document.lstrip(_BLANK))
    value, end = _DECODER.raw_decode(document, start)
    rest = document[end:].lstrip(_BLANK) if end < len(document) else ""
    if rest:
        raise json.JSONDecodeError("Extra data", document, len(document) - len(rest))
    return value


def without_collection(size: int) -> AbstractContextManager[None]:
    """Hold off the search for cycles while a document of many bytes is parsed: it makes none.

    Searching again for every few hundred new lists takes several times as long as parsing, and
    searching once when it is done half as long. So what was made meanwhile goes among the old
    objects unsearched (`freeze` and `unfreeze` do no more than that, at no cost): the next search
    of those finds it. Threads may do this side by side: only who stopped it starts it again, and
    does so though another is still inside, which costs that one time. It is never off for longer
    than one document takes.
    """
    return _held_off() if size > _LARGE and gc.isenabled() else _AS_IT_IS


_AS_IT_IS = nullcontext()


@contextmanager
def _held_off() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else somebody else's would be let go
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def _refuse_size(content: bytes, limits: Limits) -> None:
    most = max(limits.document_bytes, limits.evidence_bytes)
    if len(content) > most:
        raise TooLargeError(f"{len(content)} bytes of JSON, more than {most} (evidence_bytes)")


def _refuse_values(content: bytes, most: int) -> None:
    if 1 + content.count(b",") + content.count(b"[") + content.count(b"{") <= most:
        return  # even if none of them stood inside a string
    # Each value has one string at most and one key: more quotes are refused before they cost time.
    if content.count(b'"') - content.count(b'\\"') > 4 * most:
        raise TooLargeError(f"more strings in a JSON document than {most} values have (json_items)")
    # Strings become x and blanks go; what is left tells full from empty brackets.
    bare = b"x".join(_unescaped(content).split(b'"')[::2]).translate(None, b" \t\r\n")
    opened = bare.count(b"[") + bare.count(b"{") - bare.count(b"[]") - bare.count(b"{}")
    values = 1 + bare.count(b",") + opened
    if values > most:
        raise TooLargeError(f"{values} values in a JSON document, more than {most} (json_items)")


def _refuse_depth(content: bytes, most: int) -> None:
    if content.count(b"[") + content.count(b"{") <= most:
        return
    if _is_shallow(content, most):
        return
    where, depth = _out_of_bounds(content, most)
    if depth > most:
        raise TooLargeError(f"nested deeper than {most} at byte {where} (json_depth)")
    if depth < 0:
        raise MalformedError(f"not JSON at byte {where}: a bracket closes nothing")


def _is_shallow(content: bytes, most: int) -> bool:
    """Say at once that brackets close in order and no deeper than `most`; False is no finding."""
    bare = b"".join(_unescaped(content).split(b'"')[::2]).translate(_STEPS, _NO_BRACKETS)
    try:
        levels = bytes(accumulate(memoryview(bare).cast("b")))
    except ValueError:  # below 0 or above 255
        return False
    return not levels.translate(None, bytes(range(most + 1)))


def _out_of_bounds(content: bytes, most: int) -> tuple[int, int]:
    """Return the first byte at which the depth is below 0 or above `most`, and the depth there."""
    # Each byte keeps its place: strings, as long as they are, become what is no bracket.
    pieces = _unescaped(content).split(b'"')
    pieces[1::2] = [b" " * len(text) for text in pieces[1::2]]
    blank = b'"'.join(pieces)
    depth = 0
    for start in range(0, len(blank), _PIECE):
        steps = blank[start : start + _PIECE].translate(_STEPS, _NO_BRACKETS)
        levels = list(accumulate(memoryview(steps).cast("b"), initial=depth))
        if max(levels) > most or min(levels) < 0:
            return _bracket_out_of_bounds(blank, start, depth, most)
        depth = levels[-1]
    return len(blank), 0


def _bracket_out_of_bounds(blank: bytes, start: int, depth: int, most: int) -> tuple[int, int]:
    for at in range(start, len(blank)):
        depth += (blank[at] in b"[{") - (blank[at] in b"]}")
        if not 0 <= depth <= most:
            return at, depth
    return len(blank), 0


def _unescaped(content: bytes) -> bytes:
    return content.replace(b"\\\\", b"__").replace(b'\\"', b"__")


def _decode(content: bytes) -> str:
    if content.startswith(_BOM):
        raise MalformedError("not JSON at byte 0: a byte-order mark is not allowed")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"not UTF-8 at byte {error.start}: {error.reason}") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) == 1:
        ((key, value),) = pairs  # the most of them in a byte, and this is twice as fast
        return {key: value}
    read = dict(pairs)
    if len(read) != len(pairs):
        key = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise MalformedError(f"the key {key[:_SHOWN_KEY]!r} appears twice in one object")
    return read


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS and len(digits.lstrip("-")) > MAX_DIGITS:
        raise MalformedError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    if len(digits) > MAX_DIGITS and sum(map(str.isdigit, digits)) > MAX_DIGITS:
        raise MalformedError(f"a number has more than {MAX_DIGITS} digits")
    read = float(digits)
    if not math.isfinite(read):
        raise MalformedError(f"the number {digits} is too large for any reader")
    return read


def _constant(word: str) -> NoReturn:
    raise MalformedError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)


def _refuse_lone_surrogates(content: bytes) -> None:
    if _SURROGATE.search(content) is None:
        return
    for found in _ESCAPE.finditer(content):
        if found["half"]:
            raise MalformedError(f"half of a surrogate pair at byte {found.start()}")


def _kind(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)


def _field(document: dict[str, object], key: str) -> object:
    if key not in document:
        raise MalformedError(f"the field {key!r} is missing")
    return document[key]


def as_mapping(value: object, what: str) -> dict[str, object]:
    """Return `value` if it is an object; `what` names it in the MalformedError."""
    if not isinstance(value, dict):
        raise MalformedError(f"{what} must be an object, found {_kind(value)}")
    return value


def as_items(value: object, what: str) -> list[object]:
    """Return `value` if it is a list; `what` names it in the MalformedError."""
    if not isinstance(value, list):
        raise MalformedError(f"{what} must be a list, found {_kind(value)}")
    return value


def as_text(value: object, what: str) -> str:
    """Return `value` if it is text; `what` names it in the MalformedError."""
    if not isinstance(value, str):
        raise MalformedError(f"{what} must be text, found {_kind(value)}")
    return value


def as_integer(value: object, what: str) -> int:
    """Return `value` if it is a whole number; true, false and 1.0 are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError(f"{what} must be a whole number, found {_kind(value)}")
    return value


def text(document: dict[str, object], key: str) -> str:
    """Return the text under `key`; raise MalformedError if missing or anything else."""
    value = document.get(key)
    if isinstance(value, str):  # the words for an error cost more than the look
        return value
    return as_text(_field(document, key), f"the field {key!r}")


def optional_text(document: dict[str, object], key: str, default: str = "") -> str:
    """Return the text under `key`, or `default` where it is missing or null."""
    value = document.get(key)
    if isinstance(value, str):
        return value
    return default if value is None else as_text(value, f"the field {key!r}")


def integer(document: dict[str, object], key: str) -> int:
    """Return the whole number under `key`; raise MalformedError if missing or anything else."""
    return as_integer(_field(document, key), f"the field {key!r}")


def mapping(document: dict[str, object], key: str) -> dict[str, object]:
    """Return the object under `key`; raise MalformedError if missing or anything else."""
    value = document.get(key)
    if isinstance(value, dict):
        return value
    return as_mapping(_field(document, key), f"the field {key!r}")


def items(document: dict[str, object], key: str) -> list[object]:
    """Return the list under `key`; raise MalformedError if missing or anything else."""
    value = document.get(key)
    if isinstance(value, list):
        return value
    return as_items(_field(document, key), f"the field {key!r}")


def decode_base64(encoded: str | bytes, *, what: str) -> bytes:
    """Decode standard base64 that has exactly one spelling; `what` names it in the error.

    Foreign characters, line breaks, wrong padding and bits set past the end raise MalformedError.
    """
    try:
        given = encoded.encode("ascii") if isinstance(encoded, str) else bytes(encoded)
        decoded = binascii.a2b_base64(given)
    except ValueError:
        raise MalformedError(f"{what} is not base64") from None
    if binascii.b2a_base64(decoded, newline=False) != given:
        raise MalformedError(f"{what} is not canonical base64")
    return decoded


def decode_base64_either(encoded: str | bytes, *, what: str) -> bytes:
    """Decode base64 in the standard or the URL-safe alphabet, padded or not, never mixed."""
    try:
        return decode_base64(encoded, what=what)  # as nearly everybody writes it
    except MalformedError:
        return decode_base64(_standard_base64(encoded, what), what=what)


def _standard_base64(encoded: str | bytes, what: str) -> bytes:
    try:
        given = encoded.encode("ascii") if isinstance(encoded, str) else bytes(encoded)
    except ValueError:
        raise MalformedError(f"{what} is not base64") from None
    if b"-" in given or b"_" in given:
        if b"+" in given or b"/" in given:
            raise MalformedError(f"{what} mixes two base64 alphabets")
        given = given.translate(bytes.maketrans(b"-_", b"+/"))
    return given if given.endswith(b"=") else given + b"=" * (-len(given) % 4)
