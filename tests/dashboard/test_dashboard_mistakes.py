"""A mistake in what people write stands on every page until it is mended."""

from __future__ import annotations

import html

import pytest

from storage import mistakes
from tests.dashboard.conftest import BASE, HARM, Site
from tests.fakes import seed

SENTENCE = "/etc/acme/countersign.yaml:12:5: unknown key `sources[0].pth`; did you mean `path`?"
PAGES = ("/", "/sources", "/artifacts", "/trust", "/reasons", "/search?q=x")


def note(site: Site, sentence: str = SENTENCE, *, halts: bool = True) -> None:
    with site.database.writing() as connection:
        mistakes.note(connection, sentence, halts=halts, now=seed.NOW)


def ready(site: Site) -> str:
    return site.text("/readyz")


@pytest.mark.parametrize("address", PAGES)
def test_every_page_says_file_place_fix_and_since_when(fresh: Site, address: str) -> None:
    assert "strip-mistake" not in fresh.text(address)
    note(fresh)
    text = fresh.text(address)
    assert html.escape(SENTENCE) in text
    assert "Mistake in the settings" in text
    assert "Nothing is scanned until it is mended" in text
    assert f"{seed.NOW:%Y-%m-%d %H:%M}</time>" in text.partition("strip-mistake")[2]


def test_a_mistake_in_a_policy_says_that_the_old_ones_stay(fresh: Site) -> None:
    note(fresh, halts=False)
    text = fresh.text("/")
    assert "Mistake in a policy" in text
    assert "Nothing is scanned" not in text


def test_it_goes_away_when_it_is_mended(fresh: Site) -> None:
    note(fresh)
    with fresh.database.writing() as connection:
        mistakes.clear(connection)
    assert "strip-mistake" not in fresh.text("/")
    assert ready(fresh) == "ready\n"


def test_readyz_is_ready_and_says_what_is_wrong(fresh: Site) -> None:
    assert ready(fresh) == "ready\n"
    note(fresh)
    said = ready(fresh)
    assert said.startswith("ready\nmistake since ")
    assert SENTENCE in said
    assert "nothing is scanned" in said
    note(fresh, halts=False)
    assert "nothing is scanned" not in ready(fresh)


def test_what_it_quotes_does_no_harm(fresh: Site) -> None:
    note(fresh, HARM)
    text = fresh.text("/")
    assert "<script>alert" not in text
    answer = fresh.client().get("/readyz", base_url=BASE)
    assert "\x1b" not in text + answer.text
    assert "\u202e" not in text + answer.text
    assert answer.mimetype == "text/plain"
