"""Every number on every page opens a list of exactly that length."""

from __future__ import annotations

import csv
import io
import json

from storage import artifact_list, schema
from storage.filters import ArtifactFilter
from tests.dashboard.conftest import BASE, Page, Site, addresses


def test_every_number_opens_a_list_of_that_length(much: Site) -> None:
    site = much
    lengths: dict[str, int] = {}
    numbers = [
        (address, *one) for address in addresses(site) for one in Page(site.text(address)).numbers
    ]
    for page, address, number, _ in numbers:
        if address not in lengths:
            lengths[address] = _length(site, address)
        assert lengths[address] == number, (page, address)
    assert len(lengths) > 100


def _length(site: Site, address: str) -> int:
    """Return how long the list is that an address opens, counted row by row."""
    text = site.text(address)
    shown = Page(text).totals
    path, _, query = address.partition("?")
    if path == "/artifacts":
        listed = len(json.loads(site.text(f"/artifacts.json?{query}"))["artifacts"])
    elif path == "/signers":
        listed = _paged(site, address, 'href="/signers/')
    else:
        listed = _paged(site, address, "data-row")
    assert shown == [listed], address
    return listed


def _paged(site: Site, address: str, mark: str) -> int:
    count = 0
    while address:
        text = site.text(address)
        count += text.count(mark)
        address = next((one for one in Page(text).links if "after=" in one), "")
    return count


def test_paging_shows_every_row_once(much: Site) -> None:
    address, seen = "/artifacts?source=registry", list[str]()
    while address:
        text = much.text(address)
        seen += [line for line in text.splitlines() if line.startswith('<th scope="row"><a')]
        after = [one for one in Page(text).links if "after=" in one]
        address = after[0] if after else ""
    with much.database.reading() as connection:
        expected = artifact_list.count(connection, ArtifactFilter(source="registry"))
    assert len(seen) == expected > 100


def test_the_csv_is_the_whole_list_and_equals_the_json(much: Site) -> None:
    for query in ("", "status=failed", "policy=signed&requirement=signature", "exclusion=only"):
        rows = list(csv.DictReader(io.StringIO(much.text(f"/artifacts.csv?{query}"))))
        objects = json.loads(much.text(f"/artifacts.json?{query}"))["artifacts"]
        assert len(rows) == len(objects) == Page(much.text(f"/artifacts?{query}")).totals[0]
        for row, item in zip(rows, objects, strict=True):
            assert row["digest"] == item["digest"]
            assert row["status"] == item["status"]


def test_a_download_says_what_it_is(little: Site) -> None:
    answer = little.client().get("/artifacts.csv", base_url=BASE)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="artifacts-')
    answer = little.client().get("/artifacts.json?status=failed", base_url=BASE)
    assert answer.get_json()["filter"] == {"status": "failed"}


def test_csv_cells_are_never_formulas(fresh: Site) -> None:
    with fresh.database.writing() as connection:
        connection.exec_driver_sql("UPDATE location SET name = '=cmd|calc!A' || id")
    names = {row["name"] for row in csv.DictReader(io.StringIO(fresh.text("/artifacts.csv")))}
    assert names
    assert all(name.startswith("'=") for name in names)


def test_attack_20_csv_shows_what_steers_and_json_stays_exact(fresh: Site) -> None:
    name = "a\x1b[31m\r\n\u202eb"
    with fresh.database.writing() as connection:
        connection.execute(schema.location.update().values(name=schema.location.c.id.concat(name)))
    text = fresh.text("/artifacts.csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.count("\r\n") == len(rows) + 1
    assert all(line.isprintable() for line in text.splitlines())
    assert all(row["name"].endswith(r"a\u{1b}[31m\u{d}\u{a}\u{202e}b") for row in rows)
    exact = json.loads(fresh.text("/artifacts.json"))["artifacts"]
    assert len(exact) == len(rows) > 0
    assert all(one["name"].endswith(name) for one in exact)


def test_findings_download_whole(much: Site) -> None:
    for query in ("", "reason=SIGNED_BY_MISSING", "source=registry", "owner=platform"):
        rows = list(csv.DictReader(io.StringIO(much.text(f"/findings.csv?{query}"))))
        document = json.loads(much.text(f"/findings.json?{query}"))
        assert len(rows) == len(document["findings"])
        assert Page(much.text(f"/findings?{query}")).totals == [len(rows)]
        assert bool(rows) == (query != "source=registry")
        assert all(row["detail"] and row["expected"] and row["found"] for row in rows)


def test_kept_bytes_come_back_as_an_attachment(little: Site) -> None:
    links = [
        one
        for address in addresses(little)
        for one in Page(little.text(address)).links
        if one.startswith("/evidence/")
    ]
    assert links
    for link in dict.fromkeys(links):
        answer = little.client().get(link, base_url=BASE)
        assert answer.mimetype == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_a_chip_takes_its_part_away_and_what_hangs_on_it(little: Site) -> None:
    text = little.text(
        "/artifacts?status=failed&policy=signed&requirement=signature&finding=failed"
    )
    removals = [one for one in Page(text).links if one.startswith("/artifacts?")]
    assert "/artifacts?status=failed" in removals
    assert "/artifacts?status=failed&policy=signed" in removals
    assert "/artifacts?policy=signed&requirement=signature&finding=failed" in removals
    for one in removals:
        little.text(one)
