"""Authorities that came along and vouch for one another cost nothing but being read."""

from __future__ import annotations

import pytest
from cryptography import x509

from tests.bench.evidence_case import Worst
from tests.bench.evidence_signed import kinds
from verification.verifier import verify
from verification.x509 import diagnosis, path
from verification.x509.certificates import is_issued_by

COUNTS = {  # the evidence → paths searched for, and signatures of certificates checked
    "16 timestamps of strangers": ("verified", 1, 16),
    "16 signers under strangers": ("untrusted", 0, 1),
    "2 times 16 timestamps of strangers": ("verified", 1, 2 * 16),
    "32 timestamps of strangers": ("verified", 1, 32),
}
CASES = {worst.kind: worst for worst in kinds() if worst.kind in COUNTS}


@pytest.mark.parametrize("worst", CASES.values(), ids=CASES)
def test_attack_16_strangers_that_came_along_are_not_searched_among(
    worst: Worst, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[object] = []
    checked: list[int] = []
    search = path._search

    def counted(*given: object) -> object:
        searched.append(given)
        return search(*given)  # type: ignore[arg-type]

    def looked(one: x509.Certificate, above: x509.Certificate) -> bool:
        checked.append(one.serial_number)
        return is_issued_by(one, above)

    monkeypatch.setattr(path, "_search", counted)
    for module in (path, diagnosis):
        monkeypatch.setattr(module, "is_issued_by", looked)
    for kept in (path._found, path._led):
        kept.cache_clear()
    outcome, searches, checks = COUNTS[worst.kind]
    offered, setting = worst.make(0)
    found = verify(offered, setting)
    assert (found.format, found.outcome.value) == (worst.format, outcome)
    assert (len(searched), len(checked)) == (searches, checks)


def test_every_count_has_its_evidence() -> None:
    assert CASES.keys() == COUNTS.keys()
