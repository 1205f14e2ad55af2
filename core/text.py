"""Make text from outside safe to show.

Names, identities and messages are attacker text wherever they land: a page, a terminal, a log, a
spreadsheet. Escaping for HTML is the template's work; here goes what would not be seen at all, or
would change what is seen around it.
"""

from __future__ import annotations

ELLIPSIS = "…"
_LONGEST_ESCAPE = len(r"\u{10ffff}")
# Printable by category, yet drawn as nothing: fillers, joiners, variation selectors, blank braille.
_BLANK = frozenset(
    map(
        chr,
        [
            0x034F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            *range(0x180B, 0x1810),
            0x2800,
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ],
    )
)
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets read the wide forms as formulas too


def display(text: str, limit: int = 300) -> str:
    r"""Return the text with everything invisible or steering spelled out, at most `limit` long.

    Controls, bidi marks, zero-width and tag characters, separators, private and unassigned code
    points and lone surrogates become `\u{202e}`. What is cut off shows as an ellipsis.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    room = limit
    for place, character in enumerate(text):
        piece = _visible(character)
        # The last piece may fill the line; any other leaves room for the ellipsis.
        if len(piece) > room - (place + 1 < len(text)):
            return "".join(shown) + ELLIPSIS[:room]
        shown.append(piece)
        room -= len(piece)
    return "".join(shown)


def one_line(text: str, limit: int = 300) -> str:
    """Return `display` of the text with every run of blanks and line breaks as one space."""
    return display(" ".join(text.split()), limit)


def csv_cell(text: str) -> str:
    r"""Return the text so that no spreadsheet takes it for a formula: a quote goes before it.

    Blanks in front do not hide a formula, since some programs trim them. What is invisible or
    steers (escapes of terminals, line ends, bidi marks) is spelled out as `display` does.
    """
    shown = display(text, limit=len(text) * _LONGEST_ESCAPE)
    if shown.startswith(_FORMULA_STARTS) or shown.lstrip().startswith(_FORMULA_STARTS):
        return "'" + shown
    return shown


def _visible(character: str) -> str:
    if character.isprintable() and character not in _BLANK:
        return character
    return f"\\u{{{ord(character):x}}}"
