"""What makes a request conditional, against a server that honours it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from core.limits import Limits
from net.answer import Response
from net.conditions import Conditions
from net.http import Http
from tests.fakes.static_server import StaticServer, static_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StaticServer]:
    (tmp_path / "list").write_text("one")
    with static_server(tmp_path) as served:
        yield served


def asked(server: StaticServer, known: Conditions) -> Response:
    url = f"{server.url}/list"
    http = Http(Limits(attempts=1), home=server.url)
    try:
        return http.get(url, headers=known.headers(url))
    finally:
        http.close()


@pytest.mark.parametrize("validators", [{"etag"}, {"last-modified"}, {"etag", "last-modified"}])
def test_what_is_unchanged_is_not_sent_again(server: StaticServer, validators: set[str]) -> None:
    server.validators = frozenset(validators)
    first = asked(server, Conditions())
    known = Conditions.of(f"{server.url}/list", first)
    assert (first.status, asked(server, known).status) == (200, 304)
    (server.folder / "list").write_text("two")
    if "etag" in validators:
        assert asked(server, known).body == b"two"


def test_a_server_without_validators_is_asked_plainly(server: StaticServer) -> None:
    server.validators = frozenset()
    known = Conditions.of(f"{server.url}/list", asked(server, Conditions()))
    assert known.headers(f"{server.url}/list") == {}


def test_validators_never_go_to_another_document() -> None:
    known = Conditions("https://a.example/list", '"1"', "Mon, 23 Nov 2026 06:00:00 GMT")
    assert known.headers("https://a.example/list") == {
        "If-None-Match": '"1"',
        "If-Modified-Since": "Mon, 23 Nov 2026 06:00:00 GMT",
    }
    assert known.headers("https://a.example/other") == {}
    assert known.headers("") == {}
    assert Conditions(**asdict(known)) == known
