"""`countersign verify` as a process whose input is a pipe, or whose output is closed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from core.limits import Limits
from jobs.verify_inputs import memory_bytes
from tests.verification.specimens import CONTENT, private_key, public_pem, sign

ROOT = Path(__file__).parent.parent.parent
KEY = private_key("p256")


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Return the command over standard input, up to where it may be redirected."""
    (tmp_path / "sig").write_bytes(sign(KEY, CONTENT))
    (tmp_path / "key.pem").write_bytes(public_pem(KEY))
    words = [sys.executable, ROOT / "app.py", "verify", "/dev/stdin", "--signature",
             tmp_path / "sig", "--key", tmp_path / "key.pem"]  # fmt: skip
    return shlex.join(map(str, words))


def shell(command: str, content: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, shell=True, input=content, capture_output=True, check=False)


def test_artifact_may_come_through_a_pipe(command: str) -> None:
    done = shell(f"cat | {command}", CONTENT)
    assert (done.returncode, done.stdout.split(b"\n")[0]) == (0, b"VERIFIED: stdin")
    assert shell(f"cat | {command}", CONTENT + b"x").returncode == 1


def test_more_than_is_held_in_memory_has_to_be_a_file_and_that_is_said(command: str) -> None:
    done = shell(f"head -c {memory_bytes(Limits()) + 1} /dev/zero | {command}", b"")
    assert done.returncode == 2
    assert b"no regular file that could be read twice" in done.stderr


def test_outcome_that_nobody_can_be_told_is_none(command: str) -> None:
    done = shell(f"cat | {command} >&-", CONTENT)
    assert done.returncode == 2
    assert b"no output to print the outcome to" in done.stderr


@pytest.mark.parametrize("wrong", ["--nope", "--key ''", "--key /nothing", "--at never"])
def test_complaint_that_nobody_reads_is_still_no_refusal(command: str, wrong: str) -> None:
    for away in ("", " 2>/dev/full", " 2>&-"):
        assert shell(f"{command} {wrong}{away}", CONTENT).returncode == 2, away
