"""Where the next page is, in every spelling of RFC 8288."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import MalformedError
from net.link import next_page


@pytest.mark.parametrize(
    "header",
    [
        '</n>; rel="next"',
        "</n>;rel=next",
        '</n>; REL="Next"',
        '</n> ; rel = "next"',
        '</n>; title="a, <b>; rel=prev"; rel="next"',
        '</n>; rel="last next"',
        r'</n>; rel="\next"',
        "</n>; type=x; rel=next; y",
        '</p>; rel="prev", </n>; rel="next"',
        "</p>; rel=prev; rel=next, </n>; rel=next",
        '</p>; title="</q>; rel=next", </n>; rel=next',
        ', </n>; rel="next",, </m>; rel="next"',
        "</n>;; rel=next;",
    ],
)
def test_next_page_is_found_however_it_is_written(header: str) -> None:
    assert next_page(header) == "/n"


@pytest.mark.parametrize(
    "header",
    [
        "",
        " , ",
        "</n>",
        '</n>; rel="prev"',
        "</n>; rel=prev; rel=next",
        '</n>; title="rel=next"',
        "</n>; rel",
        "</n>; rel=nextage",
    ],
)
def test_no_next_page_is_none(header: str) -> None:
    assert next_page(header) is None


@pytest.mark.parametrize(
    "header",
    [
        "/n; rel=next",
        '</n>; rel="next',
        "</n; rel=next",
        "</n> rel=next",
        "</p>; rel=prev </n>; rel=next",
        '</n>; rel=prev, more; rel="next"',
    ],
)
def test_header_that_cannot_be_read_is_never_the_end(header: str) -> None:
    with pytest.raises(MalformedError, match="Link header"):
        next_page(header)


@given(st.text(alphabet='<>/n;, ="\\relxtRN\t', max_size=60))
def test_any_header_is_read_or_malformed(header: str) -> None:
    try:
        found = next_page(header)
    except MalformedError:
        return
    assert found is None or f"<{found}>" in header
