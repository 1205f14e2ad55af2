"""Every case of the shared vectors, through what `countersign verify` runs, by outcome and reason.

`reasons.yaml` names, for every case that must not verify, the codes that are right for it: a right
outcome for another reason is luck, not a check.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from jobs.commands.verify import verify_command
from tests.verification.wording import clumsy

BUNDLES = {"sigstore-bundle", "npm-attestations", "pep740-attestation", "pep740-provenance"} | {
    "model-signing"
}
DETACHED = {"notation-jws", "rfc3161"}
INSIDE = {"rpm", "git-commit-openpgp", "git-commit-ssh", "cosign-dir"}
OPENPGP = {"rpm", "git-commit-openpgp"}
ACCEPTED = {"refused": {"invalid", "untrusted"}}
COLLECTIONS = (
    "cosign-oci", "model-signing", "notation", "openpgp-git", "pep740", "rfc3161", "rpm",
    "sigstore-conformance", "slsa-verifier", "ssh-git",
)  # fmt: skip
COMMAND_CASES = 288
DISPUTED = {  # docs/decisions/0013-expired-when-signed.md
    ("openpgp-git", "ac10f9b68287"): ("untrusted", "KEY_EXPIRED"),
}


@dataclass(frozen=True)
class Case:
    """One entry of a cases.json, with the folder its paths start at."""

    folder: Path
    entry: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.entry["name"])

    def place(self, key: str) -> str:
        return str((self.folder / self.entry[key]).resolve())

    @property
    def words(self) -> list[str]:
        entry, kind = self.entry, self.entry["format"]
        words = [self.place("artifact")] if entry["artifact"] else []
        words = words or ([entry["digest"]] if entry.get("digest") else [])
        if kind not in INSIDE:
            words += ["--bundle" if kind in BUNDLES else "--signature", self.place("evidence")]
        if entry["key"]:
            words += ["--keyring" if kind in OPENPGP else "--key", self.place("key")]
        identity = entry["identity"]
        words += ["--certificate-identity", identity] if identity else ["--any-identity"]
        words += ["--certificate-oidc-issuer", entry["issuer"]] if entry["issuer"] else []
        words += ["--trusted-root", self.place("trusted_root")] if entry["trusted_root"] else []
        return [*words, "--json"]

    @property
    def expected(self) -> set[str]:
        wanted = {self.entry["expect"], *self.entry.get("also", ())}
        return {outcome for each in wanted for outcome in ACCEPTED.get(each, {each})}


def cases(folder: Path) -> Iterator[Case]:
    """Yield the cases of one collection."""
    for entry in json.loads((folder / "cases.json").read_text()):
        yield Case(folder, entry)


@cache
def reasons() -> dict[str, dict[str, list[str]]]:
    """Return the table: collection → case → codes."""
    path = Path(__file__).with_name("reasons.yaml")
    return dict(YAML(typ="safe").load(path.read_text()) or {})


def judge(case: Case) -> str:
    """Return what is wrong with our answer to a case; empty where nothing is."""
    ran = CliRunner().invoke(verify_command, case.words)
    try:
        said = json.loads(ran.stdout)
    except ValueError:
        return f"{case.name}: no answer, exit {ran.exit_code}: {ran.stderr[-300:]} {ran.exception}"
    outcome, reason = said["outcome"], said["reason"]
    for told in (said, *said["checks"], *said["evidence"]):
        words = [str(told.get(key, "")) for key in ("step", "detail", "expected", "found")]
        if any(map(clumsy, words)):
            return f"{case.name}: the words do not fit the number: {words}"
    disputed = DISPUTED.get((case.folder.name, case.name))
    if disputed is not None:
        return "" if (outcome, reason) == disputed else f"{case.name}: {outcome} {reason}"
    if outcome not in case.expected:
        return (
            f"{case.name}: {outcome} {reason} ({said['detail'][:200]}), expected"
            f" {sorted(case.expected)}: {case.entry['why']}"
        )
    known = reasons().get(case.folder.name, {}).get(case.name, [])
    if outcome != "verified" and reason not in known:
        return f"{case.name}: {reason} ({said['detail'][:200]}), in the table: {known}"
    return ""


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_case_is_right_by_outcome_and_reason(vectors: Path, collection: str) -> None:
    wrong = [said for case in cases(vectors / collection) if (said := judge(case))]
    print(*wrong, sep="\n", file=sys.stderr)  # noqa: T201 - all of them, not pytest's first lines
    assert not wrong, f"{len(wrong)} wrong"


def test_no_case_is_left_out(vectors: Path) -> None:
    folders = [vectors / name for name in COLLECTIONS]
    assert sum(1 for folder in folders for _ in cases(folder)) == COMMAND_CASES


def test_the_table_names_cases_that_are_and_few_codes_for_each(vectors: Path) -> None:
    for collection, entries in reasons().items():
        names = {case.name for case in cases(vectors / collection)}
        assert entries.keys() <= names
        assert all(1 <= len(codes) <= 3 for codes in entries.values()), collection
