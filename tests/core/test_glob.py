"""Globs: anchored, literal but for three wildcards, linear on hostile patterns."""

from __future__ import annotations

import pickle
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError
from core.glob import Glob

_patterns = st.text("ab/*?", min_size=1, max_size=12)
_texts = st.text("ab/\n", max_size=12)


def _expression(pattern: str) -> str:
    """Spell the pattern as a regular expression: slow on hostile ones, and obviously right."""
    spelled = {"?": "[^/]", "*": "[^/]*"}
    tokens = re.findall(r"\*+|.", pattern, re.DOTALL)
    return "".join(
        "(?s:.*)" if token.startswith("**") else spelled.get(token, re.escape(token))
        for token in tokens
    )


@settings(max_examples=500)
@given(_patterns, _texts)
def test_it_matches_what_the_plain_expression_matches(pattern: str, text: str) -> None:
    expected = re.fullmatch(_expression(pattern), text) is not None
    assert Glob.parse(pattern).matches(text) is expected


@given(st.text(min_size=1, max_size=512).filter(lambda text: not set(text) & set("*?")))
def test_attack_06_text_without_wildcards_matches_itself_alone(text: str) -> None:
    glob = Glob.parse(text)
    assert glob.matches(text)
    assert not glob.matches(text + text)
    assert not glob.matches("")


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("acme/**", "acme/app/web", True),
        ("acme/**", "acme/", True),
        ("acme/**", "acme", False),
        ("acme/**", "acme-evil/app", False),
        ("acme/*", "acme/app", True),
        ("acme/*", "acme/app/web", False),
        ("*", "", True),
        ("*", "a/b", False),
        ("**", "a/b\n", True),
        ("?", "/", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("*.tar.gz", "app.tar.gz", True),
        ("*.tar.gz", "appxtar.gz", False),
        ("**/web", "acme/app/web", True),
        ("**/web", "web", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("v1", "v1\n", False),
        ("V1", "v1", False),
    ],
)
def test_each_wildcard_keeps_to_its_meaning(pattern: str, text: str, *, expected: bool) -> None:
    assert Glob.parse(pattern).matches(text) is expected


@pytest.mark.parametrize("pattern", ["", "a" * 513])
def test_a_pattern_of_no_or_too_many_characters_is_refused(pattern: str) -> None:
    with pytest.raises(MalformedError, match="pattern"):
        Glob.parse(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "**a*" * 127 + "b",
        "*a" * 255 + "b",
        "?*" * 255,
        "a**" * 170 + "b",
        "*" * 511 + "b",
        "**?" * 170,
    ],
    ids=lambda pattern: pattern[:5],
)
def test_attack_06_hostile_patterns_take_linear_time(pattern: str) -> None:
    glob = Glob.parse(pattern)
    started = time.process_time()
    assert not glob.matches("a" * 100_000 + "/c/")
    assert time.process_time() - started < 3


def test_equal_patterns_are_equal_and_travel() -> None:
    glob = Glob.parse("acme/**")
    assert glob == Glob.parse("acme/**")
    assert len({glob, Glob.parse("acme/**"), Glob.parse("acme/*")}) == 2
    again = pickle.loads(pickle.dumps(glob))
    assert again == glob
    assert again.matches("acme/x")
    assert glob.pattern == "acme/**"
