"""The fuzzing corpus is replayed, with some hundred mutants of it, the same ones every time."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from core.errors import MalformedError
from tests.fuzz.mutation import mutant
from tests.fuzz.readers import READERS
from tests.fuzz.run import Session
from tests.fuzz.targets import CORPUS, SlowError, Target, attempt, load, target_names
from verification import FORMATS

MUTANTS = 400
MOST_CORPUS_BYTES = 200 * 1024
NEVER_VERIFIED = {"checksum-list": "LIST_UNSIGNED"}  # it bears no signature, and says so


@pytest.mark.parametrize("name", target_names())
def test_corpus_and_mutants_of_it_end_well(name: str) -> None:
    target = load(name)
    assert target.inputs
    chance = random.Random(zlib.crc32(name.encode()))
    seeds = list(target.inputs.values())
    endings = {attempt(target, content) for content in seeds}
    for _ in range(MUTANTS):
        content = mutant(chance.choice(seeds), seeds, chance)
        try:
            endings.add(attempt(target, content))
        except BaseException as error:
            error.add_note(f"target {name}, input {content.hex()[:20000]}")
            raise
    assert len(endings) > 1, "no mutant ended in another way than the corpus: nothing was tried"


@pytest.mark.parametrize("name", FORMATS)
def test_the_corpus_of_a_format_verifies_before_it_is_changed(name: str) -> None:
    target = load(f"format-{name}")
    endings = {attempt(target, content) for content in target.inputs.values()}
    assert NEVER_VERIFIED.get(name, "verified") in endings


def test_every_target_has_a_corpus_and_all_of_it_is_small() -> None:
    assert {path.stem for path in CORPUS.iterdir()} == set(target_names())
    assert len(target_names()) == len(READERS) + len(FORMATS)
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < MOST_CORPUS_BYTES


def test_what_is_no_error_of_ours_comes_through() -> None:
    def broken(content: bytes) -> None:
        if content == b"own":
            raise MalformedError("ours")
        raise IndexError(content)

    target = Target("broken", broken, {})
    assert attempt(target, b"own") == "MalformedError"
    with pytest.raises(IndexError):
        attempt(target, b"x")


def test_small_input_that_takes_long_is_a_find(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 3.0, 0.0, 3.0])
    monkeypatch.setattr("tests.fuzz.targets.time.thread_time", lambda: next(ticks))
    target = Target("slow", len, {})
    with pytest.raises(SlowError):
        attempt(target, b"x")
    assert attempt(target, bytes(1 << 20)) == "read"


def test_mutants_are_the_same_every_time() -> None:
    seeds = [Path(__file__).read_bytes(), b'{"a": "aGVsbG8gd29ybGQh", "b": [1, true]}']
    first, again = (
        [mutant(seeds[turn % 2], seeds, random.Random(turn)) for turn in range(100)]
        for _ in range(2)
    )
    assert first == again
    assert sum(one not in seeds for one in first) > 90


class PanicException(BaseException):
    """As a library written in Rust raises it: no Exception."""


@pytest.mark.parametrize("kind", [KeyError, PanicException])
def test_a_find_is_written_down_once_and_the_run_goes_on(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    def broken(content: bytes) -> None:
        raise kind(content)

    session = Session("json", tmp_path)
    session.target = Target("json", broken, {})
    endings = {session.once(b"one"), session.once(b"two")}
    assert len(endings) == 1
    assert endings.pop().startswith(f"FOUND {kind.__name__}-test_fuzz_corpus-")
    (kept,) = (path for path in (tmp_path / "finds").iterdir() if path.suffix != ".txt")
    assert kept.read_bytes() == b"one"
    assert session.runs == 2
