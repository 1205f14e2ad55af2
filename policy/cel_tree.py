"""Misspelt fields in a checked CEL expression.

Verifications and signers are maps for the engine, so `s.isuer` would only fail at run time, on
every artifact at once. The engine hands out the expression's checked tree (cel.expr.CheckedExpr
in protobuf's wire format) with a type for every node; this walks it and looks at each field that
is read from one of our two map types. What it cannot read it leaves to run time, which says
`unknown`, never yes.

Field numbers are those of cel/expr/checked.proto and syntax.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.complaints import suggestion
from core.text import one_line

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {_FIXED64: 8, _FIXED32: 4}
# Type { map_type = 7 { key_type = 1 { primitive = 5: STRING = 5 }, value_type = 2 } }
_RECORDS = {
    bytes.fromhex("3a080a0218051202" + "0a00"): "verification",  # map(string, dyn)
    bytes.fromhex("3a080a0218051202" + "1805"): "signer",  # map(string, string)
}
_ANY_VALUE = 2
_TYPE_MAP, _EXPR, _SOURCE_INFO = 3, 4, 5
_POSITIONS = 4
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_ID, _CONSTANT, _SELECT, _CALL = 2, 3, 5, 6
_SELECT_OPERAND, _SELECT_FIELD = 1, 2
_CALL_FUNCTION, _CALL_ARGUMENT = 2, 3
_CONSTANT_TEXT = 6
# Which fields of each kind of node hold further nodes: select, call, list, comprehension.
_CHILDREN = {5: {1}, 6: {1, 3}, 7: {1}, 9: {2, 4, 5, 6, 7}}
_STRUCT, _STRUCT_ENTRY, _STRUCT_ENTRY_NODES = 8, 2, {3, 4}

Message = list[tuple[int, int | bytes]]


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A field that no such record has; line and column from 1."""

    message: str
    line: int
    column: int


def misspelt_fields(
    checked: bytes, text: str, fields: Mapping[str, Sequence[str]]
) -> Iterator[Misspelt]:
    """Yield the fields the expression reads that `fields` does not list for that record."""
    try:
        root = _fields(_one(_fields(checked), _ANY_VALUE))
        kinds = _record_kinds(root)
        positions = dict(_numbers(_fields(_one(root, _SOURCE_INFO)), _POSITIONS))
        reads = list(_reads(_one(root, _EXPR), kinds))
    except ValueError:
        return  # another version of the format: run time still refuses what is misspelt
    for node, kind, name in reads:
        if name not in fields[kind]:
            before = text[: positions.get(node, 0)]
            yield Misspelt(
                f"a {kind} has no field `{one_line(name, 80)}`; {suggestion(name, fields[kind])}",
                before.count("\n") + 1,
                len(before) - (before.rfind("\n") + 1) + 1,
            )


def _record_kinds(root: Message) -> dict[int, str]:
    kinds: dict[int, str] = {}
    for number, value in root:
        if number == _TYPE_MAP and isinstance(value, bytes):
            entry = _fields(value)
            kind = _RECORDS.get(_one(entry, _ENTRY_VALUE))
            if kind is not None:
                kinds[_number(entry, _ENTRY_KEY)] = kind
    return kinds


def _reads(node: bytes, kinds: Mapping[int, str]) -> Iterator[tuple[int, str, str]]:
    """Yield (node, record kind, field name) for every field read below this node."""
    parts = _fields(node)
    for number, value in parts:
        if not isinstance(value, bytes) or number not in {*_CHILDREN, _STRUCT}:
            continue
        inner = _fields(value)
        operand, name = _field_read(number, inner)
        if operand in kinds:
            yield _number(parts, _ID), kinds[operand], name
        for child in _children(number, inner):
            yield from _reads(child, kinds)


def _children(number: int, inner: Message) -> Iterator[bytes]:
    if number == _STRUCT:
        for entry in _parts(inner, {_STRUCT_ENTRY}):
            yield from _parts(_fields(entry), _STRUCT_ENTRY_NODES)
    else:
        yield from _parts(inner, _CHILDREN[number])


def _parts(message: Message, wanted: set[int]) -> Iterator[bytes]:
    return (value for number, value in message if number in wanted and isinstance(value, bytes))


def _field_read(number: int, inner: Message) -> tuple[int, str]:
    if number == _SELECT:
        operand = _fields(_one(inner, _SELECT_OPERAND))
        return _record(operand), _one(inner, _SELECT_FIELD).decode()
    arguments = [_fields(part) for part in _parts(inner, {_CALL_ARGUMENT})]
    if number == _CALL and b"_[_]" in _parts(inner, {_CALL_FUNCTION}) and arguments:
        for constant in _parts(arguments[-1], {_CONSTANT}):
            for name in _parts(_fields(constant), {_CONSTANT_TEXT}):
                return _record(arguments[0]), name.decode()
    return -1, ""


def _record(operand: Message) -> int:
    # A map written out in the expression may have the type of ours, and has keys of its own.
    written_out = any(number == _STRUCT for number, _ in operand)
    return -1 if written_out else _number(operand, _ID)


def _numbers(message: Message, wanted: int) -> Iterator[tuple[int, int]]:
    for number, value in message:
        if number == wanted and isinstance(value, bytes):
            entry = _fields(value)
            yield _number(entry, _ENTRY_KEY), _number(entry, _ENTRY_VALUE)


def _one(message: Message, wanted: int) -> bytes:
    for number, value in message:
        if number == wanted and isinstance(value, bytes):
            return value
    raise ValueError("field not there")


def _number(message: Message, wanted: int) -> int:
    # A zero is left out on the wire.
    return next((v for n, v in message if n == wanted and isinstance(v, int)), 0)


def _fields(message: bytes) -> Message:
    """Return (number, value) of every field; ValueError for what is no message."""
    found: Message = []
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        value: int | bytes
        if wire == _VARINT:
            value, at = _varint(message, at)
        elif wire == _BYTES or wire in _FIXED_SIZE:
            size, at = _varint(message, at) if wire == _BYTES else (_FIXED_SIZE[wire], at)
            value, at = message[at : at + size], at + size
        else:
            raise ValueError("no such wire type")
        if number == 0 or at > len(message):
            raise ValueError("cut off")
        found.append((number, value))
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the high bit says that more follows
            return value, at
    raise ValueError("too long")
