"""One document is parsed once, however many formats ask for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core import wire
from core.errors import MalformedError
from core.limits import Limits
from core.model import Outcome, digest_of
from tests.verification.specimens import (
    CONTENT,
    envelope,
    evidence,
    key_entry,
    private_key,
    setting,
    statement,
)
from verification.readers.json_document import looked_at, may_be_object, read_document
from verification.verifier import verify

LIMITS = Limits()


def test_envelope_is_parsed_once_though_it_is_recognised_and_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = private_key("p256")
    content = json.dumps(envelope(statement(digest_of(CONTENT)), key)).encode()
    parsed: list[bytes] = []
    plain = wire.read_json

    def counted(content: bytes, *, limits: Limits) -> object:
        parsed.append(content)
        return plain(content, limits=limits)

    monkeypatch.setattr(wire, "read_json", counted)
    assert verify(evidence(content), setting(key_entry(key))).outcome is Outcome.VERIFIED
    assert parsed.count(content) == 1


def test_document_is_shared_for_the_same_bytes_under_the_same_limits_alone() -> None:
    content = json.dumps({"a": 1, "b": [1, 2, 3, 4]}).encode()
    first = read_document(content, LIMITS)
    assert read_document(content, LIMITS) is first
    assert read_document(bytes(bytearray(content)), LIMITS) == first
    with pytest.raises(MalformedError, match="json_items"):
        read_document(b" " * 100 + b"[" + b"1," * 150 + b"1]", replace(LIMITS, json_items=100))
    with pytest.raises(MalformedError, match="the envelope must be an object"):
        read_document(b"[]", LIMITS, "the envelope")


@pytest.mark.parametrize(
    ("content", "marks", "is_one"),
    [
        (b'{"a": 1}', (), True),
        (b' \t\r\n{"a": 1}', (b'"a"',), True),
        (b"{", (), True),  # broken, which is for its reader to say
        (b'{"a": "\\"b\\""}', (b'"a"', b'"b'), True),  # at whatever place
        (b'{"a": 1}', (b'"a"', b'"b"'), False),
        (b'\x0b{"a": 1}', (), False),  # a blank of Python, not of JSON
        (b'[{"a": 1}]', (b'"a"',), False),
        (b"", (), False),
        (b" \n", (), False),
    ],
)
def test_object_is_told_by_its_bracket_and_marks(
    content: bytes, marks: tuple[bytes, ...], *, is_one: bool
) -> None:
    assert may_be_object(content, *marks) is is_one


def test_document_that_was_looked_at_is_not_read_again() -> None:
    content = b'{"a": 1}'
    assert looked_at(content) is read_document(content, LIMITS)
