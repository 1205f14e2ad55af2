"""Running the programs that are asked, in one folder that goes with the process."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from core.model import TrustEntry, TrustKind
from tests.oracles.oracle import Ask, Case

MOST_SECONDS = 60


@cache
def folder() -> Path:
    """Return the folder in which the programs run."""
    made = Path(tempfile.mkdtemp(prefix="cs-oracle-", dir="/tmp"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def run(*words: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        words, cwd=folder(), input=content, capture_output=True, check=False, timeout=MOST_SECONDS
    )


def write(case: Case) -> None:
    """Write the parts of a case into files of their names."""
    (folder() / "signature").write_bytes(case.signature)
    (folder() / "artifact").write_bytes(case.artifact)
    (folder() / "trust").write_bytes(case.trust)


def each_asked(accepts: Callable[[Case], bool | None]) -> Ask:
    """Return a question about many cases, for programs that answer one at a time."""

    def all_asked(asked: Sequence[Case]) -> list[bool | None]:
        answers = []
        for case in asked:
            write(case)
            answers.append(accepts(case))
        return answers

    return all_asked


def seconds(at: datetime) -> str:
    return str(int(at.timestamp()))


def entry(kind: TrustKind, case: Case) -> TrustEntry:
    return TrustEntry("trust", kind, case.trust, "test")
