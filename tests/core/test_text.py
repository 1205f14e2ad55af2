"""Attacker text: nothing invisible, nothing that steers a terminal, a page or a spreadsheet."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text import csv_cell, display, one_line

_any_text = st.text(st.characters(codec=None, exclude_categories=[]))
_STEERING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@given(_any_text, st.integers(0, 40))
def test_whatever_comes_in_nothing_steering_comes_out(text: str, limit: int) -> None:
    for shown in (display(text, limit), one_line(text, limit)):
        assert len(shown) <= limit
        assert not [c for c in shown if unicodedata.category(c) in _STEERING]
        shown.encode()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert display(text) == text


@pytest.mark.parametrize(
    "code",
    [
        *(0x00, 0x07, 0x08, 0x09, 0x0A, 0x0D, 0x1B, 0x7F, 0x85, 0x9B),
        *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
        *(0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x2028, 0x2029, 0x00A0),
        *(0xD800, 0xDFFF, 0xE0001, 0xE0041, 0xE0100, 0xFE0F, 0x3164, 0x2800, 0x034F, 0xE000),
    ],
)
def test_attack_20_the_invisible_becomes_visible(code: int) -> None:
    assert display(f"a{chr(code)}b") == f"a\\u{{{code:x}}}b"


def test_letters_of_every_script_stay() -> None:
    assert display("Grüße 日本語 עברית 🔏") == "Grüße 日本語 עברית 🔏"


def test_what_is_cut_off_is_marked_and_no_escape_is_cut() -> None:
    assert display("x" * 300) == "x" * 300
    assert display("x" * 301) == "x" * 299 + "…"
    assert display("ab\x1b", 8) == "ab\\u{1b}"
    assert display("ab\x1b", 7) == "ab…"
    assert display("ab\x1bc", 8) == "ab…"
    assert display("abc", 0) == ""


def test_one_line_joins_lines_by_single_blanks() -> None:
    assert one_line(" a\r\n\tb\u2028c  d\x85") == "a b c d"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\uff1d1", "=", "  @x"])
def test_attack_20_a_cell_never_starts_a_formula(text: str) -> None:
    assert csv_cell(text) == "'" + text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred", r"a\u{1b}[31mred"),
        ("a\r\n=1", r"a\u{d}\u{a}=1"),
        ("\t=1", r"\u{9}=1"),
        ("\r=1", r"\u{d}=1"),
        ("\u00a0@x", r"\u{a0}@x"),
        ("=1\x1b", r"'=1\u{1b}"),
        ("invoice\u202efdp.exe", r"invoice\u{202e}fdp.exe"),
        ("\udc80" * 3, r"\u{dc80}" * 3),
        ("na\u00efve \u540d\u524d", "na\u00efve \u540d\u524d"),
    ],
)
def test_a_cell_shows_what_would_steer_a_terminal_or_a_line(text: str, shown: str) -> None:
    assert csv_cell(text) == shown


@pytest.mark.parametrize("text", ["", "a=1", "registry/app", "'=1", "1-2"])
def test_an_ordinary_cell_stays(text: str) -> None:
    assert csv_cell(text) == text


@given(_any_text)
def test_no_cell_starts_with_a_formula_sign(text: str) -> None:
    cell = csv_cell(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell.isprintable()
