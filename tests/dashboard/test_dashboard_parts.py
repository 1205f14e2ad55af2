"""Words, charts and commands, apart from any page."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import (
    ARTIFACT_HEAD,
    TRUST_OPTIONS,
    Digest,
    ListLink,
    PolicyStatus,
    Status,
    TrustKind,
)
from dashboard import charts, wording
from dashboard.reproduction import reproduction
from storage import artifact_detail, sources
from storage.filters import ArtifactFilter, Count
from storage.views.artifact_detail import ArtifactDetail
from storage.views.coverage import TrendDay
from storage.views.signers import SignerMonth
from storage.views.trust import TrustUse
from tests.dashboard.conftest import Page, Site
from tests.fakes import seed

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "–"), (0, "0%"), (1, "100%"), (0.5, "50.0%"), (0.99999, ">99.9%"), (1e-7, "<0.1%")],  # noqa: RUF001 - the dash that is shown
)
def test_a_percentage_never_rounds_to_all_or_nothing(share: float | None, shown: str) -> None:
    assert wording.percent(share) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "moments"), (1, "1 second"), (59, "59 seconds"), (3600, "1 hour"), (200_000, "2 days")],
)
def test_a_duration_is_in_its_largest_unit(seconds: int, shown: str) -> None:
    assert wording.duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, "not known"), (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"),
     (5 << 20, "5.0 MiB"), (3 << 40, "3072.0 GiB")],
)  # fmt: skip
def test_a_size_is_in_binary_units(count: int | None, shown: str) -> None:
    assert wording.size(count) == shown


def test_the_end_of_a_validity_is_said_a_month_ahead() -> None:
    day = timedelta(days=1)
    assert wording.validity(None, NOW) == ""
    assert wording.validity(NOW + 31 * day, NOW) == ""
    assert wording.validity(NOW + 30 * day, NOW) == "soon"
    assert wording.validity(NOW, NOW) == "ended"


def test_health_is_the_worst_word_that_holds(little: Site) -> None:
    with little.database.reading() as connection:
        found = {one.name: one for one in sources.health(connection, seed.NOW)}
    assert wording.health_word(found["debian"]) == "current"
    assert wording.health_word(found["registry"]) == "fell short"
    assert wording.health_word(found["never-read"]) == "never read"
    assert wording.health_word(replace(found["debian"], stale=True)) == "stale"
    assert wording.health_word(replace(found["never-read"], configured=False)) == "retired"


@given(st.dictionaries(st.sampled_from(list(Status)), st.integers(0, 10**9)))
def test_a_bar_is_filled_and_shows_every_number_that_is_not_zero(numbers: dict[str, int]) -> None:
    counts = {key: Count(number, ArtifactFilter()) for key, number in numbers.items()}
    segments = charts.bar(counts)
    assert [one.name for one in segments] == [str(key) for key, n in numbers.items() if n]
    assert all(one.width >= charts.LEAST_WIDTH for one in segments)
    for before, after in pairwise(segments):
        assert after.start >= before.start + before.width
    if segments:
        assert segments[-1].start + segments[-1].width == pytest.approx(charts.BAR_WIDTH, abs=1)


@given(st.text())
def test_chart_json_cannot_leave_its_element(text: str) -> None:
    packed = str(charts.as_json({"name": text + "</script><!--"}))
    assert not set("<>&") & set(packed)
    assert json.loads(packed)["name"] == text + "</script><!--"


def _day(back: int, verified: int) -> TrendDay:
    statuses = dict.fromkeys(Status, 0) | {Status.VERIFIED: verified, Status.FAILED: 5}
    policies = dict.fromkeys(PolicyStatus, 0)
    return TrendDay(NOW.date() - timedelta(days=back), statuses, policies, verified + 5)


def test_the_trend_is_percent_by_day() -> None:
    spec = charts.trend([_day(1, 5), _day(0, 15)])
    verified, accepted = spec["data"]
    assert verified["x"] == ["2026-11-22", "2026-11-23"]
    assert verified["y"] == [50.0, 75.0]
    assert accepted["y"] == [0.0, 0.0]
    assert spec["layout"]["yaxis"]["range"] == [0, 103]


def test_a_day_without_artifacts_is_a_gap() -> None:
    nothing = replace(_day(0, 0), total=0)
    assert charts.trend([nothing])["data"][0]["y"] == [None]


def test_the_table_beside_the_trend_has_a_day_a_week() -> None:
    days = [_day(back, back) for back in reversed(range(91))]
    assert [day.day for day in charts.weekly(days)] == [
        NOW.date() - timedelta(days=7 * week) for week in range(13)
    ]


def test_use_over_time_counts_signatures() -> None:
    spec = charts.use_over_time([SignerMonth(date(2026, 10, 1), 7, 3)])
    assert (spec["data"][0]["x"], spec["data"][0]["y"]) == (["2026-10"], [7])


def _detail(site: Site, query: str) -> ArtifactDetail:
    links = Page(site.text(f"/artifacts?{query}")).links
    link = next(one for one in links if one.startswith("/artifacts/sha256"))
    digest = Digest.parse(link.removeprefix("/artifacts/").partition("?")[0])
    with site.database.reading() as connection:
        return artifact_detail.detail(connection, digest)


USE = TrustUse(
    1, "debian", "", "ring", TrustKind.KEYRING, "/etc/ring.asc", (), Digest("sha256", "c" * 64)
)


def _never(_digest: Digest) -> bool:
    return False


def test_the_command_names_every_file_it_reads(little: Site) -> None:
    found = _detail(little, "source=debian&status=verified")
    group = found.evidence[0]
    item = replace(group.items[0], trust=(USE, replace(USE, name="again")))
    told = reproduction(found, group, item, _never)
    words = shlex.split(told.command)
    assert words[:2] == ["countersign", "verify"]
    assert [one.name for one in told.files if one.name not in words] == []
    assert words.count("--keyring") == 1  # the same bytes under two names are one file
    assert words[words.index("--at") + 1] == item.verified_at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_command_says_how_each_kind_of_trust_is_given(little: Site) -> None:
    found = _detail(little, "source=debian&status=verified")
    group = found.evidence[0]
    for kind, option in (
        (TrustKind.KEY, "--key"),
        (TrustKind.KEYRING, "--keyring"),
        (TrustKind.AUTHORITY, "--ca"),
    ):
        item = replace(group.items[0], trust=(replace(USE, kind=kind),))
        words = shlex.split(reproduction(found, group, item, _never).command)
        assert option in words
        assert ("--any-identity" in words) == (kind is TrustKind.AUTHORITY)


def test_the_command_knows_every_kind_of_trust() -> None:
    assert TRUST_OPTIONS.keys() == set(TrustKind)


def test_the_command_brings_what_had_a_say_beside_what_decided(little: Site) -> None:
    found = _detail(little, "source=debian&status=verified")
    uses = {
        kind: replace(USE, entry_id=number, kind=kind, content=Digest("sha256", f"{number:064x}"))
        for number, kind in enumerate(TrustKind)
    }
    group = replace(found.evidence[0], trust=tuple(uses.values()))
    told: dict[TrustKind, set[str]] = {}
    for kind in (TrustKind.KEYRING, TrustKind.AUTHORITY):
        item = replace(group.items[0], trust=(uses[kind],))
        needed = {one.digest for one in reproduction(found, group, item, _never).files}
        told[kind] = {one.name for one, use in uses.items() if use.content in needed}
    assert told[TrustKind.KEYRING] == {"KEYRING", "REVOCATION"}
    assert told[TrustKind.AUTHORITY] == {"AUTHORITY", "ROOT", "REGISTRY_KEYS", "REVOCATION"}


def test_evidence_inside_needs_no_file_but_the_artifact(little: Site) -> None:
    found = _detail(little, "source=downloads&status=verified")
    group = found.evidence[0]
    item = replace(group.items[0], media_type=ARTIFACT_HEAD, hint=None)
    told = reproduction(found, group, item, _never)
    assert item.evidence not in [one.digest for one in told.files]
    assert not {"--signature", "--bundle", "--certificate"} & set(shlex.split(told.command))


def test_what_lies_beside_a_signature_is_given_as_a_claim(little: Site) -> None:
    found = _detail(little, "source=downloads&status=verified")
    group, hint = found.evidence[0], Digest("sha256", "d" * 64)
    told = reproduction(found, group, replace(group.items[0], hint=hint), _never)
    words = shlex.split(told.command)
    assert words[words.index("--certificate") + 1] == f"sha256-{hint.value[:16]}.bin"
    assert hint in [one.digest for one in told.files]


def test_a_package_is_named_by_its_digest(little: Site) -> None:
    found = _detail(little, "source=debian&status=verified")
    group = found.evidence[0]
    told = reproduction(found, group, group.items[0], _never)
    assert shlex.split(told.command)[2] == str(found.digest)


def test_attack_20_a_hostile_name_stays_one_word_of_the_command(little: Site) -> None:
    found = _detail(little, "source=downloads&status=verified")
    place = found.locations[0]
    for name in ("a; rm -rf ~", "$(id)", "-o/etc/passwd", "../../x'y", "--key"):
        row = replace(place.row, name=f"folder/{name}")
        named = replace(found, locations=(replace(place, row=row),))
        group = found.evidence[0]
        words = shlex.split(reproduction(named, group, group.items[0], _never).command)
        assert words[:2] == ["countersign", "verify"]
        assert not words[2].startswith("-")
        assert words[3].startswith("--")


LINKS = (
    ListLink("InRelease", "main/binary-amd64/Packages", Digest("sha256", "a" * 64)),
    ListLink("main/binary-amd64/Packages", "pool/a.deb", Digest("sha256", "b" * 64)),
)


def test_every_list_of_a_chain_is_given_once_and_the_signed_one_is_the_evidence(
    little: Site,
) -> None:
    found = replace(_detail(little, "source=debian&status=verified"), digest=LINKS[1].digest)
    group = found.evidence[0]
    proof = replace(group.items[0].verification, format="openpgp-cleartext")
    item = replace(group.items[0], through=LINKS, verification=proof)
    told = reproduction(found, group, item, _never)
    words = shlex.split(told.command)
    assert [words[i + 1] for i, word in enumerate(words) if word == "--through"] == [
        f"sha256-{item.evidence.value[:16]}.bin",
        "Packages",
    ]
    assert told.last_list == ""  # the last link names the artifact's own digest


def test_a_kept_list_can_be_downloaded(little: Site) -> None:
    found = _detail(little, "source=debian&status=verified")
    group = found.evidence[0]
    item = replace(group.items[0], through=LINKS[:1])
    told = reproduction(found, group, item, lambda digest: digest == LINKS[0].digest)
    assert told.last_list == "main/binary-amd64/Packages"
    assert LINKS[0].digest in [one.digest for one in told.files]
    # the signature is detached: the signed list is a file of its own
    assert "InRelease" in [one.name for one in told.files]


def test_a_signed_checksum_file_stands_between_signature_and_artifact(little: Site) -> None:
    found = _detail(little, "source=downloads&status=verified")
    group = found.evidence[0]
    item = replace(group.items[0], through=(), subject="SHA256SUMS")
    told = reproduction(found, group, item, _never)
    assert told.last_list == "SHA256SUMS"
    words = shlex.split(told.command)
    assert words[words.index("--through") + 1] == "SHA256SUMS"
    own = replace(item, subject=found.locations[0].row.name)
    assert "--through" not in shlex.split(reproduction(found, group, own, _never).command)
