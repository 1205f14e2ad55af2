"""docs/policies.md tells the truth: its examples run, its tables are complete."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from core.model import FindingOutcome
from policy.cel import ARTIFACT_FIELDS, SIGNER_FIELDS, VERIFICATION_FIELDS
from policy.checks import CHECKS
from policy.checks.check import Answer
from policy.document import PolicyDocument
from policy.engine import compile_policies
from policy.keys import NOT_YET_CHECKS
from policy.logic import all_of, any_of
from policy.selector import FIELDS

PAGE = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
KEY = frozenset({"sha256:" + "1" * 64})
NAMES = {
    "release-2026": KEY,
    "acme-ca": KEY,
    "maintainers": frozenset({"A" * 40}),
    "allowed-signers": frozenset({"SHA256:" + "A" * 43}),
}
HEAD = "apiVersion: countersign/v1\nkind: Policy\nmetadata: {name: x}\napplies_to: everything\n"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split(":")[0])
def test_every_example_compiles(block: str) -> None:
    whole = block
    if "apiVersion" not in block:
        whole = HEAD + "require:\n- id: x\n" + "".join(f"  {row}\n" for row in block.splitlines())
    assert compile_policies({"p.yaml": whole}, NAMES)


def test_every_word_of_the_language_is_documented() -> None:
    words = {*CHECKS, *FIELDS, *NOT_YET_CHECKS, *SIGNER_FIELDS, *VERIFICATION_FIELDS}
    words |= {*PolicyDocument.model_fields} - {"tests"} | {"entries\nof `waivers` and `tests`"}
    words |= {f".{field}" for field in ARTIFACT_FIELDS[1:]} | {"artifact.kind"}
    missing = {word for word in words if f"`{word}`" not in PAGE and word not in PAGE}
    assert not missing
    assert all(f"\n### {key}\n" in PAGE for key in CHECKS)


@pytest.mark.parametrize(("name", "together"), [("all of", all_of), ("any of", any_of)])
def test_the_tables_of_three_valued_logic_are_the_engine_s(
    name: str, together: Callable[[list[Answer]], Answer]
) -> None:
    rows = PAGE[PAGE.index(f"| {name} |") :].split("\n\n")[0].splitlines()
    columns = [cell.strip() for cell in rows[0].strip("| ").split("|")][1:]
    seen = 0
    for row in rows[2:]:
        left, *cells = [cell.strip(" *") for cell in row.strip("|").split("|")]
        for column, cell in zip(columns, cells, strict=True):
            pair = [Answer(FindingOutcome(left)), Answer(FindingOutcome(column))]
            assert together(pair).outcome.value == cell, (left, column)
            seen += 1
    assert seen == 25
