"""The table of fuzz targets: every reader, and every format under trust that its seeds verify by.

A corpus is one JSON file per target: its inputs by name, and for a format the trust and the
artifact they belong to. All of it is made by `make_corpus.py` or was found by fuzzing.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CountersignError
from core.folder import FolderContent, Member, MemberKind
from core.limits import Limits
from core.model import (
    ARTIFACT_HEAD,
    Evidence,
    MemoryContent,
    Outcome,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from core.reasons import outcome_of
from tests.fuzz.readers import READERS, SHARED
from tests.verification.specimens import NOW
from verification import FORMATS, INSIDE
from verification.format import Setting
from verification.verifier import format_named

CORPUS = Path(__file__).parent / "corpus"
HEAD_BYTES = 64 * 1024
MOST_SECONDS = 2.0  # of processor time for one input of at most SMALL_BYTES
SMALL_BYTES = 64 * 1024
Document = dict[str, Any]


class SlowError(AssertionError):
    """A small input took longer than any may."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is fuzzed; `run` may only return or raise an error of ours."""

    name: str
    run: Callable[[bytes], object]
    inputs: dict[str, bytes]
    is_shared: bool = False


def packed(content: bytes) -> str:
    """Return bytes as they stand in a corpus: deflated, in base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def unpacked(text: str) -> bytes:
    """Return the bytes that stand in a corpus as this text."""
    return zlib.decompress(base64.b64decode(text))


def attempt(target: Target, content: bytes) -> str:
    """Run one input and return how it ended; raise whatever is a find."""
    began = time.thread_time()
    try:
        said = target.run(content)
    except CountersignError as error:
        said = type(error).__name__
    taken = time.thread_time() - began
    if taken > MOST_SECONDS and len(content) <= SMALL_BYTES:
        raise SlowError(f"{len(content)} bytes took {taken:.1f} s")
    return said if isinstance(said, str) else "read"


def target_names() -> tuple[str, ...]:
    """Return the names of all targets, shared readers first."""
    return (*READERS, *(f"format-{name}" for name in FORMATS))


def load(name: str) -> Target:
    """Return one target with its corpus."""
    document = json.loads((CORPUS / f"{name}.json").read_text())
    inputs = {key: unpacked(text) for key, text in document["inputs"].items()}
    if name in READERS:
        return Target(name, READERS[name], inputs, name in SHARED)
    return Target(name, _format_target(name.removeprefix("format-"), document), inputs)


def _format_target(name: str, document: Document) -> Callable[[bytes], str]:
    setting = Setting(Trust(tuple(map(_entry, document["trust"]))), NOW, Limits())
    beside = _subject(document)

    def run(content: bytes) -> str:
        evidence = Evidence(content, "", "fuzz", beside)
        if name in INSIDE:
            subject = Subject("fuzz", (digest_of(content),), MemoryContent(content))
            evidence = Evidence(content[:HEAD_BYTES], ARTIFACT_HEAD, "fuzz", subject)
        if not format_named(name).recognises(evidence):
            return "foreign"
        return _judged(format_named(name).verify(evidence, setting))

    return run


def _judged(verification: object) -> str:
    assert isinstance(verification, Verification)
    if verification.outcome is Outcome.VERIFIED:
        return "verified"
    assert verification.outcome is outcome_of(verification.reason)
    assert verification.expected
    assert verification.found
    return verification.reason


def _entry(document: Document) -> TrustEntry:
    content = unpacked(document["content"])
    return TrustEntry(document["name"], TrustKind(document["kind"]), content, "fuzz")


def _subject(document: Document) -> Subject:
    named = document["subject"]
    if "files" in named:
        members = [
            Member(path, MemberKind.FILE, MemoryContent(unpacked(text)))
            for path, text in named["files"].items()
        ]
        return Subject(named["name"], (), FolderContent(tuple(members)))
    content = unpacked(named["content"])
    return Subject(named["name"], (digest_of(content),), MemoryContent(content))
