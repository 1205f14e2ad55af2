"""The YAML people write: places to the column, one meaning, no bombs, never a bare traceback."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigurationError
from core.yaml_places import MAX_YAML_BYTES, place_of, read_yaml

_alphabet = st.text("ab:-[]{}&*!|>%@`'\"#,? \n\t\\u0x1~\x00\ud800é=<", max_size=40)
_PIECES = [
    *("a: ", "- ", "\n", "  ", "[", "]", "{", "}", '"', "'", "|\n", ">-\n", "&a ", "*a", "!!int "),
    *("? ", ": ", "---\n", "...\n", "%YAML 1.1\n", "<<: ", "# x\n", "0x1F", "\\U00110000", "x"),
]
_fragments = st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)
# YAML does not join two escaped halves to one character, as JSON does.
_words = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**31), 10**31) | _words,
    lambda inner: st.lists(inner) | st.dictionaries(_words, inner),
    max_leaves=15,
)


def _error_of(text: str) -> ConfigurationError | None:
    try:
        read_yaml(text, "x.yaml")
    except ConfigurationError as error:
        return error
    return None


@settings(max_examples=300)
@given(_alphabet | _fragments | st.text())
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    error = _error_of(text)
    if error is not None:
        assert error.path == "x.yaml"
        assert 1 <= error.line <= len(text) + 2
        assert 1 <= error.column <= len(text) + 2


@given(st.dictionaries(_words, _values, max_size=5))
def test_json_is_yaml_too(document: dict[str, object]) -> None:
    assert read_yaml(json.dumps(document), "x.yaml")[0] == document


def test_every_entry_keeps_its_place() -> None:
    text = "a: 1\nsources:\n  - id: x\n    url: y\n  - {id: z, url: [1, 2]}\n"
    value, places = read_yaml(text, "x.yaml")
    assert value == {"a": 1, "sources": [{"id": "x", "url": "y"}, {"id": "z", "url": [1, 2]}]}
    assert places == {
        (): (1, 1),
        ("a",): (1, 1),
        ("sources",): (2, 1),
        ("sources", 0): (3, 5),
        ("sources", 0, "id"): (3, 5),
        ("sources", 0, "url"): (4, 5),
        ("sources", 1): (5, 5),
        ("sources", 1, "id"): (5, 6),
        ("sources", 1, "url"): (5, 13),
        ("sources", 1, "url", 0): (5, 19),
        ("sources", 1, "url", 1): (5, 22),
    }
    assert place_of(places, ("sources", 1, "missing", 3)) == (5, 5)
    assert place_of({}, ("a",)) == (1, 1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("no", "no"),
        ("0", 0),
        ("-12", -12),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        (".", "."),
        ("1e999", "1e999"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("9" * 33, "9" * 33),
        ("2026-01-31", "2026-01-31"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  12\n", "12\n"),
        ("=", "="),
    ],
)
def test_a_plain_word_has_one_meaning(written: str, meant: object) -> None:
    value, _ = read_yaml(f"a: {written}", "x.yaml")
    assert value == {"a": meant}
    assert isinstance(value, dict)
    assert type(value["a"]) is type(meant)


def test_an_empty_document_is_none() -> None:
    assert read_yaml("", "x.yaml")[0] is None
    assert read_yaml("# nothing\n", "x.yaml")[0] is None


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", (4, 3), "`c` appears twice, first at line 3, column 3"),
        ('a: 1\n"a": 2\n', (2, 1), "appears twice"),
        ("a: &x 1\n", (1, 4), "anchors"),
        ("&x a: 1\n", (1, 1), "anchors"),
        ("a: [1, *x]\n", (1, 8), "aliases"),
        ("*x : 1\n", (1, 1), "aliases"),
        ("a: !!str 1\n", (1, 4), "tags"),
        ("a: !!python/object/apply:os.system [ls]\n", (1, 4), "tags"),
        ("!x {}\n", (1, 1), "tags"),
        ("! a: 1\n", (1, 1), "tags"),
        ("a: !!set {x}\n", (1, 4), "tags"),
        ("1: x\n", (1, 1), "a key must be text"),
        ("true: x\n", (1, 1), "a key must be text"),
        ("? [a]\n: b\n", (1, 3), "a key must be text"),
        ("a: 1\n---\nb: 1\n", (2, 1), "second document"),
        ("%YAML 1.1\n---\na: yes\n", (2, 1), "directives"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", (2, 1), "directives"),
        ("a:\n\tb: 1\n", (2, 1), "not with tabs"),
        ("a: b: c\n", (1, 5), "in quotes"),
        ("a: [1, 2\nb: 3\n", (2, 2), "not YAML"),
        ("a: 'x\n", (2, 1), "close the quotes"),
        ("a: x\ny: \x07\n", (2, 4), "does not allow"),
        ("a: x\nb: \ud800\n", (2, 4), "does not allow"),
        ('a: x\nb: "\\ud800"\n', (2, 4), "surrogate"),
        ('a: "\\U00110000"\n', (1, 1), "escape"),
        ("[" * 65 + "]" * 65, (1, 65), "deeper than 64"),
        ("[" * 5000, (1, 65), "deeper than 64"),
    ],
)
def test_a_refusal_names_line_column_and_fix(text: str, place: tuple[int, int], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        read_yaml(text, "x.yaml")
    assert (raised.value.line, raised.value.column) == place
    assert raised.value.path == "x.yaml"


def test_nesting_to_the_limit_is_read() -> None:
    value, places = read_yaml("[" * 64 + "]" * 64, "x.yaml")
    assert isinstance(value, list)
    assert len(max(places, key=len)) == 63


@pytest.mark.parametrize("character", ["a", "é"])
def test_a_file_over_the_limit_is_refused_unread(character: str) -> None:
    text = character * (MAX_YAML_BYTES // len(character.encode()) + 1)
    with pytest.raises(ConfigurationError, match="split the file"):
        read_yaml(text, "x.yaml")
