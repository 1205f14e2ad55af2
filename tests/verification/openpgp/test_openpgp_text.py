"""Line ends are found alike however the text is cut."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from verification.openpgp.text import LineEnds, line_ends


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a"])).map(b"".join)))
def test_line_ends_do_not_depend_on_where_the_text_is_cut(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    is_loose = re.search(rb"\r(?!\n)", whole) is not None
    found = line_ends(iter(chunks))
    assert found.is_loose is is_loose
    if not is_loose:
        assert found == LineEnds(has_crlf=b"\r\n" in whole)


def test_text_without_carriage_returns_has_nothing_to_say() -> None:
    assert line_ends([b"a\n", b"", b"b"]) == LineEnds()
