"""What cosign, notation and oras made (`make interop`) verifies; altered copies are refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core.model import Outcome
from core.reasons import outcome_of
from tests.interop.case_judging import Case, altered, judge, read_cases

FOLDER = Path(__file__).parent.parent / "specimens/interop"
CASES = read_cases(FOLDER)
CERTIFIED = [
    case
    for case in CASES
    if case.expect == "verified" and {"--ca", "--trusted-root"} & dict(case.options).keys()
]
MOST_BYTES = 200 * 1024


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tool}: {case.way}")
def test_case_is_judged_right(case: Case, tmp_path: Path) -> None:
    assert judge(case.words(FOLDER)) == case.expect
    if case.expect == "verified":
        found = {label: judge(words) for label, words in altered(case, FOLDER, tmp_path)}
        assert found == case.altered
        assert "verified" not in found.values()
    else:
        assert case.why, "says what the tool itself makes of it"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tool}: {case.way}")
def test_case_without_trust_is_never_verified(case: Case) -> None:
    words = case.words(FOLDER)
    kept = words[:4]
    for option, value in zip(words[4::2], words[5::2], strict=False):
        if option in {"--bundle", "--signature"}:
            kept += [option, value]
    assert outcome_of(judge(kept)) is not Outcome.VERIFIED


@pytest.mark.parametrize("case", CERTIFIED, ids=lambda case: f"{case.tool}: {case.way}")
def test_only_a_timestamp_outlives_the_certificate(case: Case) -> None:
    later = replace(case, at="2126-06-01")  # certificates and authorities end with 2125
    expected = "verified" if "stamped" in case.name else "CERT_EXPIRED_AT_SIGNING"
    assert judge(later.words(FOLDER)) == expected


def test_every_altered_copy_is_refused_for_a_reason() -> None:
    reasons = Counter(reason for case in CASES for reason in case.altered.values())
    assert sum(reasons.values()) > 3 * len(CASES)
    assert {outcome_of(reason) for reason in reasons} <= {Outcome.INVALID, Outcome.UNTRUSTED}


def test_every_tool_has_its_cases() -> None:
    tools = Counter(case.tool.partition(" ")[0] for case in CASES)
    assert tools.keys() == {"cosign", "notation", "oras"}
    versions = {case.tool for case in CASES if case.tool.startswith("cosign")}
    assert len(versions) == 2


def test_specimens_are_few_and_hold_no_secret() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    contents = [path.read_bytes() for path in files]
    assert sum(map(len, contents)) <= MOST_BYTES
    assert not any(b"PRIVATE KEY" in content for content in contents)
