"""The control format: what is read, what is refused, and how much memory it takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.deb822 import (
    listed_files,
    parse_date,
    read_stanza,
    read_stanzas,
    rows,
    source_files,
)
from core.errors import MalformedError, TooLargeError
from core.model import Digest

NAMES = ("Package", "Version", "SHA256")
SHA256, SHA512 = "a" * 64, "b" * 128


def read_rows(content: bytes, *, piece: int = 7, limit: int = 1000) -> list[tuple[str, ...]]:
    pieces = [content[start : start + piece] for start in range(0, len(content), piece)]
    return list(rows(pieces, NAMES, substitutes=("SHA512",), limit=limit))


def test_fields_are_read_in_any_order_and_continuation_lines_are_none() -> None:
    content = (
        b"Version: 1\nDescription: x\n Package: no\n .\nSHA256:ab\nPackage:  a \n\nPackage: b\n"
    )
    assert read_rows(content + b"SHA256: cd\nVersion: 2\n") == [
        ("a", "1", "ab", ""),
        ("b", "2", "cd", ""),
    ]


@given(st.integers(1, 60), st.integers(0, 3))
def test_rows_do_not_depend_on_where_the_pieces_are_cut(piece: int, blanks: int) -> None:
    stanza = "Package: ä{0}\nVersion: {0}\nSHA256: f{0}\n"
    content = ("\n" * blanks + "\n".join(stanza.format(n) for n in range(5))).encode()
    assert read_rows(content, piece=piece) == [(f"ä{n}", f"{n}", f"f{n}", "") for n in range(5)]


def test_substitutes_are_read_where_a_field_is_absent() -> None:
    assert read_rows(b"package: a\nVERSION: 1\nSha512: ef\n") == [("a", "1", "", "ef")]


@pytest.mark.parametrize(
    "content",
    [
        b"Package: a\nVersion: 1\nSHA256: x\nPackage: b\n",
        b"Package: a\nVersion: 1\nSHA256: x\nversion: 2\nSHA256: y\n",
        b"Package: a\xff\nVersion: 1\nSHA256: x\n",
        b"Package: a\0b\nVersion: 1\nSHA256: x\n",
        b"Package: a\nVersion 1\n",
        b" Package: a\n",
        b"Package: a\nVersion: 1\n \t\nSHA512: x\n",
    ],
    ids=["twice", "twice, other case", "no UTF-8", "NUL", "no colon", "no field", "blank line"],
)
def test_a_broken_stanza_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read_rows(content)


@pytest.mark.parametrize("end", [b"", b"\n\nPackage: b\n"])
def test_a_stanza_over_the_limit_names_the_limit(end: bytes) -> None:
    with pytest.raises(TooLargeError, match="stanza_bytes"):
        read_rows(b"Package: a\nX: " + b"x" * 1000 + end)


def test_a_line_of_blanks_takes_no_quadratic_time() -> None:
    # A million blanks tried from each one anew would be 10^12 steps.
    content = b"Package: " + b" " * 1_000_000 + b"\nVersion: 1\nSHA256: x\n"
    assert read_rows(content, piece=1 << 20, limit=1 << 21) == [("", "1", "x", "")]


def test_memory_does_not_grow_with_the_list() -> None:
    def stanzas(count: int) -> Iterator[bytes]:
        block = (b"Package: a\nVersion: 1\nSHA256: x\nX: " + b"x" * 200 + b"\n\n") * 50
        return (block for _ in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in rows(stanzas(count), NAMES, limit=1000)) == 50 * count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(200) <= 1.1 * peak(20)


def test_a_document_has_lower_case_names_and_joined_lines() -> None:
    assert read_stanza(b"Suite: x\r\nSHA256:\n a 1 b\n\tc 2 d\n\n") == {
        "suite": "x",
        "sha256": "\na 1 b\nc 2 d",
    }


@pytest.mark.parametrize(
    "content",
    [b"", b"A: 1\n\nB: 2\n", b"A: 1\na: 2\n", b"A: \xff\n", b"A: \0\n", b"#A: 1\n", b"-A: 1\n"],
)
def test_a_document_that_is_not_one_sound_stanza_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read_stanza(content)


def test_stanzas_know_their_line_and_comments_end_no_field() -> None:
    found = read_stanzas(b"# one\n\nA: 1\n# inside\n 2\n\n\nB: 3\n", comment="#")
    assert [(stanza.line, dict(stanza.fields)) for stanza in found] == [
        (3, {"a": "1\n2"}),
        (8, {"b": "3"}),
    ]


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_the_answer_is_stanzas_or_one_error(content: bytes) -> None:
    try:
        found = read_stanzas(content)
    except MalformedError:
        return
    assert all(stanza.fields and stanza.line > 0 for stanza in found)


def test_files_are_listed_by_sha256_or_else_sha512() -> None:
    fields = {
        "md5sum": "\n0 1 weak",
        "sha256": f"\n{SHA256} 10 a",
        "sha512": f"\n{SHA512.upper()} 10 a\n{SHA512} 20 b",
    }
    files = listed_files(fields)
    assert {name: (file.digest, file.size) for name, file in files.items()} == {
        "a": (Digest("sha256", SHA256), 10),
        "b": (Digest("sha512", SHA512), 20),
    }


@pytest.mark.parametrize(
    "section",
    [
        f"{SHA256} 1",
        f"{SHA256} 1 a b",
        f"{SHA256[1:]} 1 a",
        f"{SHA256[1:]}g 1 a",
        f"{SHA256} -1 a",
        f"{SHA256} \u0661 a",
        f"{SHA256} 1 a\n{SHA256} 2 a",
        f"{SHA256} 1 a\n{'c' * 64} 1 a",
    ],
)
def test_a_broken_section_is_refused(section: str) -> None:
    with pytest.raises(MalformedError):
        listed_files({"sha256": section})


def test_two_sections_that_differ_in_size_are_refused() -> None:
    with pytest.raises(MalformedError, match="two sizes"):
        listed_files({"sha256": f"{SHA256} 1 a", "sha512": f"{SHA512} 2 a"})


@pytest.mark.parametrize(
    "text",
    [
        "Sat, 10 Jun 2023 08:55:45 UTC",
        "10 Jun 2023 8:55:45 GMT",
        "Sat, 10 Jun 2023 08:55:45 +0000",
        "Sat, 10 Jun 2023 08:55:45 Z",
    ],
)
def test_dates_in_utc_are_read(text: str) -> None:
    assert parse_date(text) == datetime(2023, 6, 10, 8, 55, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-06-10T08:55:45Z",
        "Sat, 10 Jun 2023 08:55:45",
        "Sat, 10 Jun 2023 08:55:45 +0200",
        "Sat, 10 Jun 2023 08:55:45 CEST",
        "Fri, 31 Feb 2023 08:55:45 UTC",
        "Sat, 10 Jun 2023 25:55:45 UTC",
        "Sat, \u0661\u0660 Jun 2023 08:55:45 UTC",
        "Sat, 10 Jun 2023 08:55:45 UTC\nX: y",
    ],
)
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_date(text)


def test_files_of_a_source_package_are_named_by_sha256_or_by_nothing_that_counts() -> None:
    strong, weak = f"\n{'a' * 64} 1 a.dsc", "\n0 1 a.dsc\n0 1 devel optional b.deb"
    digest = Digest("sha256", "a" * 64)
    assert source_files(strong, weak) == {"a.dsc": digest, "b.deb": None}
    assert source_files(strong, "") == {"a.dsc": digest}
    assert source_files("", "") == {}
    for broken in ("x 1 a", f"{'a' * 64} a", f"{strong}\n{'b' * 64} 1 a.dsc"):
        with pytest.raises(MalformedError):
            source_files(broken, "")
