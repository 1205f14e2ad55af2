"""Every page answers, whatever there is to show, and says nothing that was not meant."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.model import SignerKind
from core.reasons import REASONS
from storage import schema
from storage.database import Database
from storage.documents import dump_verification, load_verification
from tests.dashboard.conftest import BASE, Page, Site, addresses
from tests.fakes import seed
from verification.format import VERIFIER_VERSION


@pytest.mark.parametrize("name", ["empty", "little", "much", "hostile"])
def test_every_page_answers(name: str, request: pytest.FixtureRequest) -> None:
    site: Site = request.getfixturevalue(name)
    for address in addresses(site):
        text = site.text(address)
        assert text.count("<h1") == 1, address
        assert "</html>" in text, address


def test_every_inner_link_leads_somewhere(hostile: Site) -> None:
    site = hostile
    seen: set[str] = set()
    for address in addresses(site):
        for link in Page(site.text(address)).links:
            path = link.partition("#")[0]
            if path and path not in seen:
                seen.add(path)
                answer = site.client().get(path, base_url=BASE)
                assert answer.status_code in {200, 302}, (address, path)
    assert len(seen) > 60


def test_attack_20_hostile_text_is_shown_and_never_obeyed(hostile: Site) -> None:
    shown = 0
    for address in addresses(hostile):
        text = hostile.text(address)
        assert "<script>alert" not in text, address
        assert "\u202e" not in text, address
        assert "\x1b" not in text, address
        shown += text.count("&lt;script&gt;alert") > 1  # beside the mistake that every page tells
    assert shown > 10


@pytest.mark.parametrize("address", ["/", "/artifacts", "/sources", "/trust", "/signers"])
def test_without_data_a_page_says_what_to_do(empty: Site, address: str) -> None:
    assert 'class="empty"' in empty.text(address)


def test_a_source_never_read_says_so(little: Site) -> None:
    assert "Never read" in little.text("/sources/never-read")


def test_what_another_verifier_judged_says_so(little: Site) -> None:
    assert "1 of 4 sources judged by another version of the verifier" in little.text("/")
    listed = Page(little.text("/sources?state=other_verifier")).links
    assert "/sources/registry" in listed
    assert "/sources/debian" not in listed
    assert "Verifier earlier" in little.text("/sources/registry")
    assert f"Verifier {VERIFIER_VERSION}, this program" in little.text("/sources/debian")
    for source, told in (("registry", True), ("debian", False)):
        links = Page(little.text(f"/artifacts?source={source}")).links
        first = next(one for one in links if one.startswith("/artifacts/"))
        assert ("Verifier earlier" in little.text(first)) == told


def test_trust_of_a_source_never_read_is_not_known_rather_than_none(fresh: Site) -> None:
    with fresh.database.writing() as connection:
        connection.execute(schema.source_trust.delete())
    text = fresh.text("/trust?source=never-read")
    assert "Nothing is known to be trusted yet" in text
    assert "Nothing is trusted" not in text
    assert 'known: <a href="/sources/never-read">' in text
    with fresh.database.writing() as connection:
        connection.execute(schema.source.update().values(read_at=seed.NOW))
    assert "Nothing is trusted by this source" in fresh.text("/trust?source=never-read")


def test_a_source_never_read_is_not_called_stale(little: Site) -> None:
    assert "/sources/never-read" in little.text("/sources?state=never_read")
    listed = [one for one in Page(little.text("/sources?state=stale")).links if "/sources/" in one]
    assert listed == ["/sources/registry"]


def test_filters_that_match_nothing_say_so(little: Site) -> None:
    assert "Nothing fits" in little.text("/artifacts?text=zzzzzz")
    assert "Nothing fits" in little.text("/search?q=zzzzzz")


def test_a_short_text_is_said_to_begin_names(little: Site) -> None:
    for text, words in {"li": "name begins with", "lib": "name has"}.items():
        assert f'<span class="chip">{words}: <strong>{text}</strong>' in little.text(
            f"/artifacts?text={text}"
        )


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nope", 404),
        ("/artifacts/sha256:" + "0" * 64, 404),
        ("/artifacts/sha256:12", 400),
        ("/artifacts?colour=red", 400),
        ("/artifacts?after=garbage", 400),
        ("/artifacts?status=green", 400),
        ("/artifacts.csv?status=green", 400),
        ("/signers/999999", 404),
        ("/signers/" + "9" * 20, 404),
        ("/signers?since=soon", 400),
        ("/sources/%00", 400),
        ("/trust?source=%00", 400),
        ("/sources/none", 404),
        ("/sources?state=odd", 400),
        ("/changes?since=tomorrow", 400),
        ("/reasons/NOT_A_CODE", 404),
        ("/evidence/sha256:" + "0" * 64, 404),
        ("/search?q=" + "a" * 300, 400),
        ("/sources/debian/scan", 405),
        ("/assets/0000/app.css", 404),
        ("/assets/0000/../app.py", 404),
    ],
)
def test_what_cannot_be_answered_has_a_page_of_its_own(
    little: Site, address: str, status: int
) -> None:
    text = little.text(address, status)
    assert "<h1" in text
    assert "Traceback" not in text


def test_a_database_that_does_not_answer_is_503(fresh: Site) -> None:
    with fresh.database.writing() as connection:
        schema.scan_request.drop(connection)
        schema.scan.drop(connection)
    assert "database" in fresh.text("/", 503)
    assert fresh.client().get("/readyz", base_url=BASE).status_code == 503
    assert fresh.text("/healthz") == "ok\n"


def test_our_own_mistake_is_500_without_its_details(
    little: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_database: Database) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Database, "reading", broken)
    assert "secret detail" not in little.text("/", 500)


def test_a_ready_dashboard_says_so(little: Site) -> None:
    assert little.text("/readyz") == "ready\n"


def test_the_strip_is_on_every_page_when_a_source_is_in_trouble(little: Site) -> None:
    for address in addresses(little):
        assert "never read" in little.text(address)


def test_every_reason_has_a_page(little: Site) -> None:
    for code, reason in REASONS.items():
        assert reason.title.split("'")[0] in little.text(f"/reasons/{code}")


def test_a_whole_digest_leads_to_its_artifact(little: Site) -> None:
    link = next(
        one for one in Page(little.text("/artifacts")).links if one.startswith("/artifacts/sha256")
    )
    digest = link.removeprefix("/artifacts/").partition("?")[0]
    for typed in (digest, digest.upper().replace("SHA256", "sha256"), digest[7:]):
        answer = little.client().get("/search", query_string={"q": typed}, base_url=BASE)
        assert answer.status_code == 302
        assert answer.location.startswith(f"/artifacts/{digest}")
    assert f"/artifacts/{digest}" in little.text(f"/search?q={digest[7:15]}")


def test_a_fingerprint_finds_its_signer_with_blanks_too(little: Site) -> None:
    assert "/signers/5" in little.text("/search?q=" + "0" * 39 + "5")
    assert "/signers/5" in little.text("/search?q=" + "0000 " * 9 + "0005")


def test_pages_are_small(much: Site) -> None:
    for address in addresses(much):
        answer = much.client().get(address, base_url=BASE, headers={"Accept-Encoding": "gzip"})
        assert answer.headers.get("Content-Encoding") == "gzip", address
        assert len(answer.data) < 16_000, (address, len(answer.data))


def test_bounds_within_one_minute_are_told_apart(fresh: Site) -> None:
    at = datetime(2026, 11, 20, 8, 30, 17, tzinfo=UTC)
    c = schema.verification.c
    with fresh.database.writing() as connection:
        for row in connection.execute(sa.select(c.id, c.document)).all():
            stored = load_verification(row.document)
            after = at - timedelta(seconds=17)
            bounded = replace(stored, signed_at=at, signed_after=after, signed_before=None)
            document = dump_verification(bounded)
            connection.execute(
                schema.verification.update().where(c.id == row.id).values(document=document)
            )
    artifact = next(one for one in addresses(fresh) if one.startswith("/artifacts/"))
    shown = re.sub(r"<[^>]+>", "", fresh.text(artifact))
    assert "2026-11-20 08:30:17, not before 2026-11-20 08:30:00 " in shown


def test_an_ephemeral_key_is_not_said_to_last_for_ever(fresh: Site) -> None:
    lasting = {"kind": SignerKind.KEYLESS, "valid_from": None, "valid_until": None}
    with fresh.database.writing() as connection:
        connection.execute(schema.signer.update().values(lasting))
    assert ">never<" not in fresh.text("/signers")
    one = next(one for one in addresses(fresh) if one.startswith("/signers/"))
    assert "as long as each of its certificates" in fresh.text(one)
