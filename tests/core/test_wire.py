"""Untrusted JSON and base64: everything ambiguous or unbounded is refused, everything else read."""

from __future__ import annotations

import base64
import gc
import json
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import wire
from core.errors import MalformedError, TooLargeError
from core.limits import Limits

LIMITS = Limits()
SMALL = Limits(json_items=100, json_depth=4)
NAMED = {"name": "x", "size": 3, "inner": {}, "list": [], "null": None, "yes": True}

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**31), 10**31)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_documents = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


@given(document=_documents, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_what_python_writes_is_read_back(
    document: object, *, ascii_only: bool, indent: int | None
) -> None:
    written = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    assert wire.read_json(written, limits=LIMITS) == document


@given(st.binary() | st.text().map(str.encode) | st.text('[]{}",:\\u0d8c19.eE- ').map(str.encode))
def test_any_bytes_are_read_as_json_reads_them_or_refused(content: bytes) -> None:
    try:
        read = wire.read_json(content, limits=SMALL)
    except MalformedError:
        return
    assert read == json.loads(content)


@given(_documents)
def test_the_values_are_counted_exactly(document: object) -> None:
    def count(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value
        nested = sum(map(count, inner)) if isinstance(inner, (list, type({}.values()))) else 0
        return 1 + nested

    values = count([document] * 100)
    written = json.dumps([document] * 100).encode()
    assert wire.read_json(written, limits=Limits(json_items=values)) == [document] * 100
    with pytest.raises(TooLargeError, match="json_items"):
        wire.read_json(written, limits=Limits(json_items=values - 1))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "byte 0"),
        (b"{", "byte 1"),
        (b"[1,]", "not JSON"),
        (b"[] []", "byte 3"),
        (b"[]\x00", "byte 2"),
        (b"\xef\xbb\xbf[]", "byte-order mark"),
        (b'["\xff"]', "not UTF-8 at byte 2"),
        (b'["\xed\xa0\x80"]', "not UTF-8 at byte 2"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "too large"),
        (b"[" + b"1" * 33 + b"]", "32 digits"),
        (b"[-" + b"1" * 33 + b"]", "32 digits"),
        (b"[0." + b"1" * 33 + b"]", "32 digits"),
        (b'{"a":1,"a":1}', "'a' appears twice"),
        (b'{"a":1,"\\u0061":1}', "'a' appears twice"),
        (b'[{"b":{"a":1,"c":2,"a":3}}]', "'a' appears twice"),
        (b'["\\ud800"]', "surrogate pair at byte 2"),
        (b'["\\udc00\\ud800"]', "surrogate pair at byte 2"),
        (b'["\\ud800\\u0041"]', "surrogate pair at byte 2"),
        (b'{"\\uD8ab":1}', "surrogate pair at byte 2"),
        (b'["a\nb"]', "not JSON at byte 3"),
        (b"['a']", "not JSON"),
        (b'["\xc3\xa4" x]', "byte 6"),
    ],
)
def test_attack_18_what_readers_disagree_about_is_refused_with_its_place(
    content: bytes, said: str
) -> None:
    with pytest.raises(MalformedError, match=said):
        wire.read_json(content, limits=LIMITS)


def test_digits_up_to_the_limit_pairs_and_escaped_escapes_are_read() -> None:
    content = b'["\\ud83d\\ude00", "\\\\ud800", ' + b"9" * 32 + b"]"
    assert wire.read_json(content, limits=LIMITS) == ["😀", "\\ud800", int("9" * 32)]


@pytest.mark.parametrize(
    ("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}"), (b'["]]]]\\"", [', b"]]")]
)
def test_attack_18_depth_is_counted_to_the_level(opened: bytes, closed: bytes) -> None:
    levels = opened.count(b"[") + opened.count(b"{")
    times = SMALL.json_depth // levels
    wire.read_json(opened * times + b"1" + closed * times, limits=SMALL)
    with pytest.raises(TooLargeError, match="json_depth"):
        wire.read_json(opened * (times + 1) + b"1" + closed * (times + 1), limits=SMALL)


def test_a_bracket_that_closes_nothing_ends_the_count() -> None:
    with pytest.raises(MalformedError, match="byte 1: a bracket closes nothing"):
        wire.read_json(b" ]" + b"[" * 9, limits=SMALL)


def _place_of_depth(content: bytes, most: int) -> tuple[int, int]:
    """Return the same as `_out_of_bounds`, by a walk over the bytes."""
    depth, inside, escaped = 0, False, False
    for at, byte in enumerate(content):
        if escaped:
            escaped = False
        elif content[at : at + 2] in (b"\\\\", b'\\"'):
            escaped = True
        elif byte == ord('"'):
            inside = not inside
        elif not inside and byte in b"[{]}":
            depth += 1 if byte in b"[{" else -1
            if not 0 <= depth <= most:
                return at, depth
    return len(content), 0


@given(st.text('[{]}"\\ x', max_size=60).map(str.encode), st.integers(0, 3))
def test_the_place_of_a_bracket_too_deep_is_found_to_the_byte(content: bytes, before: int) -> None:
    whole = b"[ ]" * before * 2000 + content  # over several pieces
    assert wire._out_of_bounds(whole, 4) == _place_of_depth(whole, 4)


def test_brackets_inside_strings_are_no_depth() -> None:
    written = json.dumps(["[{" * 50 + '\\"[' * 50]).encode()
    assert wire.read_json(written, limits=SMALL) == ["[{" * 50 + '\\"[' * 50]


def test_more_bytes_than_the_limit_are_refused_unread() -> None:
    with pytest.raises(TooLargeError, match="evidence_bytes"):
        wire.read_json(
            b'"' + b"a" * 2000 + b'"', limits=Limits(evidence_bytes=1024, document_bytes=1024)
        )


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 4_000_000,
        b"{" * 4_000_000,
        b'"' * 4_000_000,
        b'"' + b'\\"' * 2_000_000,
        b'""' * 900_000 + b"," * 300_000,
        b'["' + b"\\ud83d\\ude00" * 300_000,
        b"[" * 65 + b'"' * 700_000,
        b"[" * 65 + b'"' + b'\\"' * 2_000_000,
        b"[]" * 2_000_000,
        b"[]" * 4_000_000 + b"[" * 65,
        b"[]" * 4_000_000 + b"]",
        b"[" + b'{"":[' * 65,
        b"]" * 4_000_000,
        b"," * 4_000_000,
        b"\\" * 4_000_000,
        b"1" * 4_000_000,
    ],
    ids=lambda content: content[:6].decode(),
)
def test_hostile_shapes_cost_no_more_than_a_pass(content: bytes) -> None:
    started = time.process_time()
    with pytest.raises(MalformedError):
        wire.read_json(content, limits=LIMITS)
    assert time.process_time() - started < 3


def test_every_field_is_read_by_its_type() -> None:
    assert wire.text(NAMED, "name") == "x"
    assert wire.optional_text(NAMED, "name") == "x"
    assert wire.optional_text(NAMED, "absent", "none") == "none"
    assert wire.optional_text(NAMED, "null") == ""
    assert wire.integer(NAMED, "size") == 3
    assert wire.mapping(NAMED, "inner") == {}
    assert wire.items(NAMED, "list") == []


@pytest.mark.parametrize(
    ("read", "key", "said"),
    [
        (wire.text, "absent", "field 'absent' is missing"),
        (wire.text, "size", "field 'size' must be text, found a whole number"),
        (wire.text, "null", "field 'null' must be text, found null"),
        (wire.optional_text, "list", "field 'list' must be text, found a list"),
        (wire.integer, "absent", "field 'absent' is missing"),
        (wire.integer, "yes", "field 'yes' must be a whole number, found true or false"),
        (wire.integer, "name", "field 'name' must be a whole number, found text"),
        (wire.mapping, "list", "field 'list' must be an object, found a list"),
        (wire.mapping, "absent", "field 'absent' is missing"),
        (wire.items, "inner", "field 'inner' must be a list, found an object"),
        (wire.items, "absent", "field 'absent' is missing"),
    ],
)
def test_a_field_of_another_type_is_named(
    read: Callable[[dict[str, object], str], object], key: str, said: str
) -> None:
    with pytest.raises(MalformedError, match=said):
        read(NAMED, key)


def test_loose_values_are_named_by_what_they_are() -> None:
    assert wire.as_mapping({}, "the envelope") == {}
    assert wire.as_text("x", "the payload") == "x"
    with pytest.raises(MalformedError, match="the envelope must be an object, found a list"):
        wire.as_mapping([], "the envelope")
    with pytest.raises(MalformedError, match="the payload must be text, found a fraction"):
        wire.as_text(1.5, "the payload")


@given(st.binary())
def test_base64_comes_back_in_either_alphabet(content: bytes) -> None:
    standard = base64.b64encode(content)
    assert wire.decode_base64(standard, what="x") == content
    assert wire.decode_base64(standard.decode(), what="x") == content
    for spelled in (standard, base64.urlsafe_b64encode(content)):
        assert wire.decode_base64_either(spelled, what="x") == content
        assert wire.decode_base64_either(spelled.rstrip(b"=").decode(), what="x") == content


@settings(max_examples=300)
@given(st.text("AQgw+/-_= \n") | st.text() | st.binary())
def test_base64_has_exactly_one_spelling(encoded: str | bytes) -> None:
    try:
        decoded = wire.decode_base64(encoded, what="x")
    except MalformedError:
        return
    given_bytes = encoded.encode() if isinstance(encoded, str) else encoded
    assert base64.b64encode(decoded) == given_bytes


@pytest.mark.parametrize(
    "encoded",
    ["QQ", "QQ=", "QQ===", "QR==", "QUJ=", "QQ==\n", " QQ==", "Q Q==", "Q", "ä", "QQ==QQ=="],
)
def test_attack_18_loose_base64_is_refused_by_name(encoded: str) -> None:
    with pytest.raises(MalformedError, match="the payload"):
        wire.decode_base64(encoded, what="the payload")


@pytest.mark.parametrize(
    "encoded", ["+_8=", "-/8", "QR", "QR==", "QQ=", "QUI=\n", "Q", "ä", "QQ=Q"]
)
def test_loose_base64_of_either_alphabet_is_refused_by_name(encoded: str) -> None:
    with pytest.raises(MalformedError, match="the payload"):
        wire.decode_base64_either(encoded, what="the payload")


def test_collection_goes_on_as_soon_as_whoever_stopped_it_is_done() -> None:
    first, second = wire.without_collection(1 << 20), wire.without_collection(1 << 20)
    with ExitStack() as inside:
        with first:
            assert not gc.isenabled()
            inside.enter_context(second)
        assert gc.isenabled(), "the other, still inside, did not stop it"
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), wire.without_collection(1 << 20):
        raise ZeroDivisionError
    assert gc.isenabled()


def test_what_was_made_meanwhile_is_old_at_once_and_still_collected() -> None:
    with wire.without_collection(1 << 20):
        made: list[object] = []
        made.append(made)
    assert any(each is made for each in gc.get_objects(generation=2)), "searched, or young"
    assert gc.get_freeze_count() == 0
    cycle = Cycle()
    with wire.without_collection(1 << 20):
        cycle.own = cycle
        gone = weakref.finalize(cycle, list)
        del cycle
    gc.collect()
    assert not gone.alive


def test_what_somebody_else_froze_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with wire.without_collection(1 << 20):
            pass
        assert gc.get_freeze_count() == frozen > 0
    finally:
        gc.unfreeze()


class Cycle:
    """Something that only a search for cycles finds."""

    own: object = None


def test_collection_goes_on_after_large_documents_in_threads() -> None:
    good = b"[" + b"[]," * 40_000 + b"1]"
    together = threading.Barrier(8)

    def read(number: int) -> str:
        together.wait(30)
        said = ""
        for content in (good, good + b"x") * 4:
            with suppress(MalformedError):
                wire.read_json(content, limits=Limits())
                said += str(number)
        return said

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(read, range(8)))
    assert said == [str(number) * 4 for number in range(8)]
    assert gc.isenabled()


def test_collection_goes_on_after_a_large_document() -> None:
    large = b"[" + b"[]," * 40_000 + b"1]"
    assert gc.isenabled()
    wire.read_json(large, limits=Limits())
    assert gc.isenabled()
    with pytest.raises(MalformedError):
        wire.read_json(large + b"x", limits=Limits())
    assert gc.isenabled()
    gc.disable()
    try:
        wire.read_json(large, limits=Limits())
        assert not gc.isenabled(), "only who stopped it starts it again"
    finally:
        gc.enable()
