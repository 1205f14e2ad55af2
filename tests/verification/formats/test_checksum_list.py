"""Unsigned checksum lists: they can refute, never prove."""

from __future__ import annotations

import pytest

from core.model import Outcome, Subject, Verification, digest_of
from tests.verification.specimens import CONTENT, artifact, evidence, flipped, setting
from verification.formats.checksum_list import ChecksumList

FORMAT = ChecksumList()
OURS = digest_of(CONTENT).value
OTHER = digest_of(b"other").value


def judged(content: bytes | str, subject: Subject | None = None) -> Verification:
    encoded = content.encode() if isinstance(content, str) else content
    return FORMAT.verify(evidence(encoded, subject), setting())


LISTS = {
    "match": (f"{OURS}  app.tar.gz\n", "LIST_UNSIGNED", Outcome.UNVERIFIABLE),
    "match among others": (
        f"{OTHER}  a\n{OURS} *app.tar.gz\n",
        "LIST_UNSIGNED",
        Outcome.UNVERIFIABLE,
    ),
    "sha512": (
        f"SHA512 (app.tar.gz) = {digest_of(CONTENT, 'sha512').value}\n",
        "LIST_UNSIGNED",
        Outcome.UNVERIFIABLE,
    ),
    "weaker hash beside it": (
        f"{'0' * 32}  app.tar.gz\n{OURS}  app.tar.gz\n",
        "LIST_UNSIGNED",
        Outcome.UNVERIFIABLE,
    ),
    "weaker hash alone": (f"{'0' * 40}  app.tar.gz\n", "ALGORITHM_WEAK", Outcome.INVALID),
    "other digest": (f"{OTHER}  app.tar.gz\n", "DIGEST_MISMATCH", Outcome.INVALID),
    "no line": (f"{OURS}  other.tar.gz\n", "SUBJECT_MISMATCH", Outcome.INVALID),
    "two digests": (
        f"{OURS}  app.tar.gz\n{OTHER}  app.tar.gz\n",
        "MALFORMED",
        Outcome.INVALID,
    ),
    "path out of the folder": (f"{OURS}  ../app.tar.gz\n", "MALFORMED", Outcome.INVALID),
    "empty": ("", "SUBJECT_MISMATCH", Outcome.INVALID),
}


@pytest.mark.parametrize(("content", "reason", "outcome"), LISTS.values(), ids=LISTS.keys())
def test_list(content: str, reason: str, outcome: Outcome) -> None:
    verification = judged(content)
    assert (verification.reason, verification.outcome) == (reason, outcome)


def test_attack_04_mismatch_shows_both_digests() -> None:
    verification = judged(f"{OTHER}  app.tar.gz\n")
    assert (verification.expected, verification.found) == (f"sha256:{OTHER}", f"sha256:{OURS}")


def test_name_is_found_whole_or_by_its_last_part() -> None:
    subject = artifact(name="downloads/app.tar.gz")
    whole = f"{OURS}  downloads/app.tar.gz\n{OTHER}  app.tar.gz\n"
    assert judged(whole, subject).reason == "LIST_UNSIGNED"
    assert judged(f"{OURS}  app.tar.gz\n", subject).reason == "LIST_UNSIGNED"
    assert judged(f"{OURS}  elsewhere/app.tar.gz\n", subject).reason == "SUBJECT_MISMATCH"


def test_digest_that_is_not_at_hand_is_asked_for() -> None:
    known = Subject("app.tar.gz", (digest_of(CONTENT),))
    listed = f"{digest_of(CONTENT, 'sha512').value}  app.tar.gz\n"
    assert judged(listed, known).reason == "CONTENT_NEEDED"


def test_nothing_verifies_whatever_is_changed() -> None:
    content = f"{OURS}  app.tar.gz\n".encode()
    outcomes = {judged(changed).outcome for _, changed in flipped(content)}
    assert outcomes <= {Outcome.INVALID, Outcome.UNVERIFIABLE}


def test_only_lists_are_recognised() -> None:
    recognised = {
        f"{OURS}  app\n".encode(): True,
        f"# comment\n\n{OURS} *app\n".encode(): True,
        f"SHA256 (app) = {OURS}".encode(): True,
        OURS.encode(): False,
        b"d41d8cd98f00b204e9800998ecf8427e  app\n": True,
        b"": False,
        b"\xff\xfe": False,
    }
    assert {content: FORMAT.recognises(evidence(content)) for content in recognised} == recognised
