"""Only our own pages may ask for anything to be done, and answers say what they may load."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.model import Digest
from dashboard import security
from storage import sources
from tests.dashboard.conftest import BASE, Site, addresses
from tests.fakes import seed

OURS = {"Origin": BASE, "Sec-Fetch-Site": "same-origin"}


def _token(client: FlaskClient) -> str:
    text = client.get("/sources", base_url=BASE).text
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def _ask(client: FlaskClient, token: str, headers: dict[str, str]) -> TestResponse:
    return client.post(
        "/sources/debian/scan", base_url=BASE, data={"token": token}, headers=headers
    )


def _asked(site: Site, name: str) -> bool:
    with site.database.reading() as connection:
        return sources.detail(connection, name, seed.NOW).health.requested_at is not None


def test_our_own_form_asks_for_a_scan_and_cancels_it(fresh: Site) -> None:
    client = fresh.client()
    answer = _ask(client, _token(client), OURS)
    assert (answer.status_code, answer.location) == (303, "/sources/debian")
    assert _asked(fresh, "debian")
    answer = client.post(
        "/sources/debian/cancel", base_url=BASE, data={"token": _token(client)}, headers=OURS
    )
    assert answer.status_code == 303
    assert not _asked(fresh, "debian")


def test_a_running_scan_is_told_to_stop(fresh: Site) -> None:
    client = fresh.client()
    client.post(
        "/sources/downloads/cancel", base_url=BASE, data={"token": _token(client)}, headers=OURS
    )
    with fresh.database.reading() as connection:
        (scan,) = sources.running(connection)
    assert scan.cancel_at == seed.NOW


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": BASE, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_post_from_elsewhere_is_refused_even_with_the_token(
    fresh: Site, headers: dict[str, str]
) -> None:
    client = fresh.client()
    assert _ask(client, _token(client), headers).status_code == 403
    assert not _asked(fresh, "debian")


def test_a_post_without_our_token_is_refused(fresh: Site) -> None:
    client = fresh.client()
    good = _token(client)
    salt, _, proof = good.partition(".")
    for token in ("", ".", salt, f".{proof}", f"{salt}.", f"{salt}.{'0' * 64}", good + "é"):
        assert _ask(client, token, OURS).status_code == 403, token
    assert _ask(fresh.client(), good, OURS).status_code == 403  # another browser
    assert _ask(client, good, OURS).status_code == 303


def test_a_token_dies_with_its_process(fresh: Site, little: Site) -> None:
    client = fresh.client()
    token = _token(client)
    cookie = client.get_cookie(security.COOKIE, domain="127.0.0.1")
    assert cookie is not None
    other = little.client()
    other.set_cookie(security.COOKIE, cookie.value, domain="127.0.0.1")
    assert _ask(other, token, OURS).status_code == 403


def test_the_cookie_is_for_forms_only_and_closed(little: Site) -> None:
    assert "Set-Cookie" not in little.client().get("/", base_url=BASE).headers
    cookie = little.client().get("/sources", base_url=BASE).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_form_too_large_is_refused(fresh: Site) -> None:
    client = fresh.client()
    answer = _ask(client, "a" * 20_000, OURS)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "localhost:x",
     "[::1", "10.0.0.1:8600", "127.0.0.1:8600, evil.example"],
)  # fmt: skip
def test_a_foreign_host_is_refused_everywhere(little: Site, host: str) -> None:
    for address in ("/", "/healthz", "/artifacts.json", "/sources/progress.json"):
        answer = little.client().get(address, base_url=BASE, headers={"Host": host})
        assert answer.status_code == 400, address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost:8600", "[::1]:8600"])
def test_our_own_hosts_are_answered_at_any_port(little: Site, host: str) -> None:
    assert little.client().get("/", base_url=BASE, headers={"Host": host}).status_code == 200


def test_every_answer_carries_the_policy(little: Site) -> None:
    others = ["/nope", "/healthz", "/artifacts.csv", "/sources/progress.json"]
    for address in addresses(little) + others:
        headers = little.client().get(address, base_url=BASE).headers
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_no_page_has_inline_script_or_style(hostile: Site) -> None:
    for address in addresses(hostile):
        text = hostile.text(address)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", text), address
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes


def test_an_unchanged_page_is_not_sent_twice(little: Site) -> None:
    client = little.client()
    first = client.get("/failures", base_url=BASE)
    again = client.get("/failures", base_url=BASE, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "Content-Security-Policy" in again.headers


def test_a_digest_is_read_strictly(little: Site) -> None:
    digest = str(Digest("sha256", "a" * 64))
    little.text(f"/evidence/{digest.upper()}", 400)
    little.text(f"/evidence/{digest}", 404)
