"""What is demanded of a Release once its signature holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import CheckOutcome, ReleaseExpectation
from core.reasons import REASONS
from verification.openpgp.apt_release import AHEAD, ReleaseJudgement, judge_release, matches_suite

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
MADE = datetime(2026, 11, 23, 6, tzinfo=UTC)
UNTIL = datetime(2026, 11, 30, 6, tzinfo=UTC)
FIELDS = {
    "Origin": "Example",
    "Label": "Main",
    "Suite": "stable",
    "Codename": "bookworm",
    "Date": "Mon, 23 Nov 2026 06:00:00 UTC",
    "Valid-Until": "Mon, 30 Nov 2026 06:00:00 UTC",
    "Acquire-By-Hash": "yes",
    "SHA256": f"\n {'a' * 64} 10 main/binary-amd64/Packages",
}


NAMELESS: dict[str, str | None] = {"Suite": None, "Codename": None}


def judge(
    suite: str = "bookworm",
    changed: Mapping[str, str | None] | None = None,
    *,
    now: datetime = NOW,
    not_before: datetime | None = None,
    flags: tuple[str, ...] = (),
    most_age: timedelta | None = None,
) -> ReleaseJudgement:
    fields = {**FIELDS, **(changed or {})}
    lines = [f"{name}: {value}\n" for name, value in fields.items() if value is not None]
    asked = ReleaseExpectation(suite, not_before, flags, most_age)
    return judge_release("".join(lines).encode(), asked, now)


def failed_reasons(judgement: ReleaseJudgement) -> list[str]:
    return [check.reason for check in judgement.checks if check.outcome is CheckOutcome.FAILED]


@pytest.mark.parametrize("suite", ["stable", "bookworm"])
def test_suite_or_codename_is_what_was_asked_for(suite: str) -> None:
    judgement = judge(suite)
    assert (judgement.reason, failed_reasons(judgement)) == ("", [])
    assert judgement.claims == {
        "origin": "Example",
        "label": "Main",
        "suite": "stable",
        "codename": "bookworm",
        "date": MADE.isoformat(),
        "valid_until": UNTIL.isoformat(),
        "acquire_by_hash": "yes",
    }
    assert (judgement.due_at, judgement.due_reason) == (UNTIL, "METADATA_EXPIRED")


def test_without_valid_until_time_alone_changes_nothing() -> None:
    judgement = judge(changed={"Valid-Until": None})
    assert (judgement.reason, judgement.due_at, judgement.due_reason) == ("", None, "")


@pytest.mark.parametrize(
    ("asked", "stated", "matches"),
    [
        ("bookworm/updates", ("bookworm",), True),
        ("bookworm/updates", ("bookworm/updates",), True),
        ("bookworm", ("bookworm/updates",), False),
        ("bookworm", ("Bookworm",), False),
        ("bookworm", ("bookworm-updates",), False),
        ("bookworm", (), False),
        ("./", (), True),
        ("/", ("anything",), True),
        ("deb/", ("deb",), True),
        ("deb/", ("other",), False),
    ],
)
def test_suites_are_compared_by_apts_rule(
    asked: str,
    stated: tuple[str, ...],
    matches: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert matches_suite(asked, stated) is matches


def test_attack_19_another_suite_of_the_same_signer_is_refused() -> None:
    judgement = judge("bookworm-security")
    assert failed_reasons(judgement) == ["SUBJECT_MISMATCH"]
    assert judgement.reason == "SUBJECT_MISMATCH"
    assert (judgement.expected, judgement.found) == ("bookworm-security", "stable / bookworm")


def test_a_flat_path_may_name_no_suite_but_not_another_one() -> None:
    assert judge("deb/", NAMELESS).reason == ""
    assert judge("deb/").reason == "SUBJECT_MISMATCH"
    assert judge("deb", NAMELESS).reason == "SUBJECT_MISMATCH"


@pytest.mark.parametrize(("before", "reason"), [(1, ""), (0, "METADATA_EXPIRED")])
def test_attack_19_valid_until_is_the_first_instant_it_is_expired(before: int, reason: str) -> None:
    judgement = judge(now=UNTIL - timedelta(seconds=before))
    assert judgement.reason == reason
    assert bool(judgement.due_at) is not bool(reason)


@pytest.mark.parametrize("stated", [None, FIELDS["Valid-Until"]])
def test_attack_19_the_source_may_end_a_release_earlier_than_it_says(stated: str | None) -> None:
    def judged(seconds: int, days: int = 1) -> ReleaseJudgement:
        now = MADE + timedelta(seconds=seconds)
        return judge(changed={"Valid-Until": stated}, now=now, most_age=timedelta(days=days))

    day = 24 * 60 * 60
    last = judged(day - 1)
    assert (last.reason, last.due_reason) == ("", "METADATA_EXPIRED")
    assert last.due_at == MADE + timedelta(days=1)
    assert judged(day).reason == "METADATA_EXPIRED"
    # It never ends it later.
    assert judged(8 * day, days=99).reason == ("METADATA_EXPIRED" if stated else "")
    end_of_time = {"Date": "Fri, 31 Dec 9999 23:59:59 UTC", "Valid-Until": stated}
    assert judge(changed=end_of_time, most_age=timedelta(days=1)).reason == "TIME_IN_FUTURE"


@pytest.mark.parametrize(("later", "reason"), [(0, ""), (1, "METADATA_ROLLBACK")])
def test_attack_19_an_older_release_than_the_last_accepted_is_a_rollback(
    later: int, reason: str
) -> None:
    assert judge(not_before=MADE + timedelta(seconds=later)).reason == reason


@pytest.mark.parametrize(("beyond", "reason"), [(0, ""), (1, "TIME_IN_FUTURE")])
def test_a_release_from_the_future_is_refused(beyond: int, reason: str) -> None:
    assert judge(now=MADE - AHEAD - timedelta(seconds=beyond)).reason == reason


@pytest.mark.parametrize("weak", [{}, {"MD5Sum": "\n 0 1 a"}, {"SHA1": "\n 0 1 a"}])
def test_only_strong_digests_count(weak: dict[str, str]) -> None:
    assert judge(changed={"SHA256": None, **weak}).reason == "ALGORITHM_WEAK"
    assert judge(changed={"SHA256": None, "SHA512": f"\n {'b' * 128} 1 a"}).reason == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"Date": None},
        {"Date": "yesterday"},
        {"Date": "Mon, 23 Nov 2026 06:00:00 +0100"},
        {"Valid-Until": "soon"},
        {"SHA256": "\n xyz 1 a"},
        {"suite": "twice"},
        {"X": "y\n\nSuite: smuggled"},
    ],
)
def test_a_release_that_cannot_be_read_is_malformed(changed: dict[str, str | None]) -> None:
    judgement = judge(changed=changed)
    assert judgement.reason == "MALFORMED"
    assert failed_reasons(judgement) == ["MALFORMED"]
    assert not judgement.claims


def test_flags_are_noted_and_change_nothing() -> None:
    flags = ("trusted=yes", "check-valid-until=no", "allow-weak=yes")
    judgement = judge(now=UNTIL, flags=flags)
    assert judgement.reason == "METADATA_EXPIRED"
    noted = [check for check in judgement.checks if check.outcome is CheckOutcome.NOTED]
    assert [check.step for check in noted] == [f"release: {flag}" for flag in flags]
    assert {check.detail for check in noted} == {"asked for by the source entry, not honoured"}


def test_every_failure_is_listed_and_the_first_decides() -> None:
    judgement = judge("sid", now=UNTIL, not_before=UNTIL)
    assert failed_reasons(judgement) == [
        "SUBJECT_MISMATCH",
        "METADATA_EXPIRED",
        "METADATA_ROLLBACK",
    ]
    assert judgement.reason == "SUBJECT_MISMATCH"
    assert all(reason in REASONS for reason in failed_reasons(judgement))


def test_attack_20_hostile_names_are_spelled_out() -> None:
    judgement = judge(changed={**NAMELESS, "Suite": "\x1b[31m\u202e<b>"})
    assert judgement.found == "\\u{1b}[31m\\u{202e}<b>"


@given(st.binary(max_size=200), st.text(max_size=20))
def test_no_bytes_raise_and_none_but_a_sound_release_pass(content: bytes, suite: str) -> None:
    assert judge_release(content, ReleaseExpectation(suite), NOW).reason == "MALFORMED"
