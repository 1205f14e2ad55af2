"""The table of reason codes: complete, consistent, and the source of docs/reasons.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import CollectionError, DeniedError, RefusedError, ThrottledError
from core.model import Outcome
from core.reasons import REASONS, Reason, outcome_of, page
from core.reasons_configuration import CONFIGURATION
from core.reasons_invalid import INVALID
from core.reasons_policy import POLICY
from core.reasons_untrusted import UNTRUSTED
from core.reasons_unverifiable import UNVERIFIABLE

ROOT = Path(__file__).parent.parent.parent
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\Z")


def test_the_page_is_the_table() -> None:
    assert (ROOT / "docs" / "reasons.md").read_text() == page()


def test_every_code_stands_in_one_table_under_one_outcome() -> None:
    tables = {
        Outcome.INVALID: INVALID,
        Outcome.UNTRUSTED: UNTRUSTED,
        Outcome.UNVERIFIABLE: UNVERIFIABLE,
        None: (*POLICY, *CONFIGURATION),
    }
    assert sum(map(len, tables.values())) == len(REASONS)
    for outcome, table in tables.items():
        assert {reason.outcome for reason in table} == {outcome}


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS)
def test_every_code_helps(reason: Reason) -> None:
    assert REASONS[reason.code] is reason
    assert _CODE.match(reason.code)
    assert reason.outcome is not Outcome.VERIFIED
    assert (reason.outcome is None) == (reason.category in {"policy", "configuration"})
    assert not reason.title.endswith(".")
    assert reason.meaning.endswith(".")
    assert reason.fix.endswith(".")
    assert len(reason.causes) >= 2
    texts = (reason.title, reason.meaning, reason.fix, *reason.causes)
    assert not [text for text in texts if "  " in text or text != text.strip()]


def test_reserved_are_the_codes_that_nothing_says() -> None:
    rings = ("net", "collectors", "verification", "identity", "policy", "storage", "jobs", "core")
    texts = [
        path.read_text()
        for ring in rings
        for path in (ROOT / ring).rglob("*.py")
        if not path.name.startswith("reasons")
    ]
    said = {code for code in REASONS if any(f'"{code}"' in text for text in texts)}
    assert {code for code, reason in REASONS.items() if reason.command} == said


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("SIGNATURE_INVALID", Outcome.INVALID),
        ("MALFORMED", Outcome.INVALID),
        ("KEY_UNKNOWN", Outcome.UNTRUSTED),
        ("METADATA_ROLLBACK", Outcome.UNTRUSTED),
        ("FORMAT_UNSUPPORTED", Outcome.UNVERIFIABLE),
        ("SOURCE_DENIED", Outcome.UNVERIFIABLE),
        ("DEVICE_STALE", None),
    ],
)
def test_a_code_has_its_outcome(code: str, outcome: Outcome | None) -> None:
    assert outcome_of(code) is outcome


def test_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        outcome_of("NO_SUCH_CODE")


@pytest.mark.parametrize("error", [CollectionError, DeniedError, ThrottledError, RefusedError])
def test_every_error_of_a_source_has_a_code_of_sources(error: type[CollectionError]) -> None:
    assert REASONS[error.reason].category == "source"
    assert REASONS[error.reason].outcome is Outcome.UNVERIFIABLE
