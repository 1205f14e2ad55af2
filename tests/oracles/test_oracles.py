"""Other programs judge the same cases: what we verify they verify, and what differs is explained.

Here each is asked about a few; `make oracles CASES=2000` asks about thousands.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.model import Outcome
from core.reasons import outcome_of
from tests.oracles.changes import (
    Change,
    archive_changed,
    bit_flipped,
    bytes_changed,
    der_changed,
    lines_changed,
    packets_changed,
    read_values,
    within_base64,
)
from tests.oracles.disagreements import DISAGREEMENTS, VERIFIED, Disagreement, explaining
from tests.oracles.oracle import Case, Ending, Oracle, cases, judged, ours
from tests.oracles.rpm import header_changed
from tests.oracles.run import tallied
from tests.oracles.table import ORACLES
from tests.verification.archives.rpm_material import packages
from tests.verification.cms.timestamp_specimens import response, token
from tests.verification.openpgp.openpgp_material import material
from tests.verification.specimens import CONTENT, pem
from tests.verification.x509.x509_material import ROOT, plain_archive

CASES, SEED = 24, 3
DOCUMENTED = Path(__file__).parent.parent.parent / "docs" / "formats.md"


def installed(name: str) -> Oracle:
    oracle = ORACLES[name]
    if oracle.missing:
        words = f"{', '.join(oracle.missing)} not found"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return oracle


@pytest.mark.parametrize("name", ORACLES)
def test_it_verifies_what_we_verify_and_the_rest_is_explained(name: str) -> None:
    tally = tallied(installed(name), CASES, SEED)
    # keys are new in every run, so what a change hits is not always the same: among changed cases
    # the run of thousands alone knows every reason for which we may refuse what it accepts
    unexplained = [
        (each.case.recipe, each.case.changed, each.reason)
        for each in tally.unexplained
        if each.reason == VERIFIED or not each.case.changed
    ]
    assert unexplained == []
    assert tally.endings == CASES
    assert tally.both_verify
    assert tally.both_refuse


def test_the_same_seed_asks_the_same() -> None:
    oracle = ORACLES["openssl-ts"]
    first, again, other = (
        [(case.recipe, case.changed) for case in cases(oracle, 60, seed)] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert sum(not changed for _, changed in first) == min(30, len(oracle.recipes))


def test_every_case_is_changed_or_as_it_was_made() -> None:
    oracle = ORACLES["openssl-ts"]
    made = {name: make() for name, make in oracle.recipes.items()}
    held = {name: partial(made.__getitem__, name) for name in made}
    for case in cases(replace(oracle, recipes=held), 80, 1):
        good = made[case.recipe]
        parts = (case.signature, case.artifact, case.trust)
        is_same = parts == (good.signature, good.artifact, good.trust)
        assert is_same == (not case.changed)


# --- the table of disagreements -------------------------------------------------------------------


def ending(reason: str) -> Ending:
    case = Case(response(token(signed=CONTENT)), CONTENT, b"", recipe="none of them")
    found = ours(ORACLES["openssl-ts"], case)
    outcome = (reason and outcome_of(reason)) or Outcome.VERIFIED
    return Ending(case, replace(found, outcome=outcome, reason=reason), accepted=bool(reason))


@pytest.mark.parametrize("name", ORACLES)
def test_a_disagreement_in_no_row_is_not_explained(name: str) -> None:
    assert explaining(name, ending("LOG_MISSING")) is None
    if name not in ("sigstore-python", "pypi-attestations"):
        assert explaining(name, ending(VERIFIED)) is None


@pytest.mark.parametrize("row", DISAGREEMENTS, ids=lambda row: f"{row.oracles[0]}-{row.reason}")
def test_every_row_says_why_and_stands_in_the_documentation(row: Disagreement) -> None:
    assert set(row.oracles) <= set(ORACLES)
    assert row.why
    assert bool(row.section) == (row.reason == VERIFIED)
    assert row.reason == VERIFIED or outcome_of(row.reason) is not Outcome.VERIFIED
    assert row.why in DOCUMENTED.read_text()
    assert row.section in DOCUMENTED.read_text()


def test_a_fault_of_ours_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = ORACLES["openssl-ts"]
    monkeypatch.setattr("verification.formats.rfc3161.Rfc3161.verify", lambda *_: 1 / 0)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        list(judged(oracle, [oracle.recipes["p256"]()]))


# --- the changes ----------------------------------------------------------------------------------


def changes() -> dict[str, tuple[Change, bytes]]:
    return {
        "bit": (bit_flipped, CONTENT),
        "bytes": (bytes_changed, CONTENT),
        "lines": (lines_changed, CONTENT),
        "base64": (within_base64(bit_flipped), pem(ROOT)),
        "DER": (der_changed, token(signed=CONTENT)),
        "packets": (packets_changed, material().keyring()),
        "entries": (archive_changed(bytes_changed), plain_archive({"a": b"1", "b": b"2"})),
        "header": (header_changed, packages().plain),
    }


@pytest.mark.parametrize("name", changes())
def test_a_change_follows_from_its_seed_and_changes_something(name: str) -> None:
    change, content = changes()[name]
    made = [[change(content, [content], random.Random(seed)) for seed in range(40)] for _ in "ab"]
    assert made[0] == made[1]
    assert sum(each != content for each in made[0]) > 20


def test_what_is_empty_can_be_changed_too() -> None:
    for change, _ in changes().values():
        for seed in range(20):
            assert isinstance(change(b"", [b""], random.Random(seed)), bytes)
    entries = archive_changed(bytes_changed)
    assert entries(plain_archive({}), [], random.Random(1)) != plain_archive({})


def test_values_are_written_as_they_were_read() -> None:
    for content in (token(signed=CONTENT), response(token(signed=CONTENT))):
        assert b"".join(each.written() for each in read_values(content)) == content
