"""Delete one guard after the other, here and now: each time its tests must fail.

Meant for a copy of the tree: see `run.py`. Every test runs in a process of its own, forked from
this one, which holds the libraries and nothing of ours that a deletion could change.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.guards.guard import Guard
from tests.guards.table import GUARDS

PASSED, FAILED = 0, 1
MOST_SECONDS = 600
CANNOT_RUN = 3  # pytest's own number for it
_LIBRARIES = ("cryptography.x509", "pydantic", "pysequoia", "rfc3161_client", "sqlalchemy")
_FORK = multiprocessing.get_context("fork")


def _pytest(tests: Sequence[str]) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    options = ("-q", "-x", "-p", "no:cacheprovider")
    code = CANNOT_RUN
    try:
        code = int(pytest.main([*options, *(f"tests/{test}" for test in tests)]))
    finally:
        os._exit(code)


def code_of(tests: Sequence[str]) -> int | None:
    """Return what pytest returns: 0 where all pass, 1 where one fails, more where it cannot run."""
    process = _FORK.Process(target=_pytest, args=(tests,))
    process.start()
    process.join(MOST_SECONDS)
    if process.is_alive():
        process.kill()
    return process.exitcode


def unnoticed(one: Guard) -> list[str]:
    """Return the tests of a guard that do not fail without it, with what they came to."""
    path = Path(one.file)
    source = path.read_text()
    path.write_text(one.without(source))
    try:
        codes = {test: code_of([test]) for test in one.tests}
    finally:
        path.write_text(source)
    return [f"{test} gave {code}" for test, code in codes.items() if code != FAILED]


def line_of(one: Guard, survivors: Sequence[str]) -> str:
    """Return a line of the table: class of attack, place, tests, outcome."""
    classes = ",".join(map(str, one.attacks)) or "-"
    place = f"{one.file}:{one.line(Path(one.file).read_text())}"
    names = ", ".join(test.rpartition("::")[2] for test in one.tests)
    return f"{classes}\t{place}\t{names}\t{'; '.join(survivors) or 'fails without it'}\n"


def main() -> None:
    """Print the table; exit with 1 where a test survives the loss of its guard."""
    text = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [one for one in GUARDS if text in " ".join((one.file, *one.tests))]
    if not chosen:  # pytest takes no name for every test there is
        sys.exit(f"no guard's file or tests hold {text!r}")
    for library in _LIBRARIES:
        importlib.import_module(library)
    if code_of(list(dict.fromkeys(test for one in chosen for test in one.tests))) != PASSED:
        sys.exit("the tests do not pass with all guards in place")
    survived = 0
    for one in chosen:
        survivors = unnoticed(one)
        survived += bool(survivors)
        sys.stdout.write(line_of(one, survivors))
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen)} guards, {survived} survived\n")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
