"""Signatures of minisign and signify: what the tools accept and what they refuse."""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError
from core.limits import Limits
from core.model import (
    MemoryContent,
    SignerKind,
    Subject,
    Trust,
    TrustEntry,
    TrustKind,
    Verification,
    digest_of,
)
from core.signify import embedded_message
from tests.verification.specimens import CONTENT, NOW, evidence, flipped, is_verified
from verification.format import Setting
from verification.formats.minisign import Minisign
from verification.minisign import read_key, read_signature, shown_id
from verification.trust import describe, kind_of

_STACK = ExitStack()
KINDS = ("minisign", "legacy", "signify")
COMMENT = "timestamp:1782000000\tfile:app.tar.gz\thashed"


class Tools:
    """minisign and signify in a folder of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "file").write_bytes(CONTENT)
        for name in ("one", "two"):
            self.run("minisign", "-G", "-W", "-p", f"{name}.pub", "-s", f"{name}.key")
            self.run("signify-openbsd", "-G", "-n", "-p", f"s{name}.pub", "-s", f"s{name}.sec")

    def run(self, *words: str) -> None:
        assert self.accepts(*words), words

    def accepts(self, *words: str) -> bool:
        done = subprocess.run(words, cwd=self.home, input=b"", capture_output=True, check=False)
        return done.returncode == 0

    def sign(self, kind: str, name: str = "one", comment: str = COMMENT) -> bytes:
        (self.home / "made").unlink(missing_ok=True)
        words: tuple[str, ...]
        if kind == "signify":
            words = ("signify-openbsd", "-S", "-s", f"s{name}.sec", "-m", "file", "-x", "made")
        else:
            old = ("-l",) if kind == "legacy" else ()
            key = ("-s", f"{name}.key", "-t", comment)
            words = ("minisign", "-S", *old, *key, "-m", "file", "-x", "made")
        self.run(*words)
        return (self.home / "made").read_bytes()

    def key(self, kind: str, name: str = "one") -> TrustEntry:
        path = self.home / (f"s{name}.pub" if kind == "signify" else f"{name}.pub")
        return TrustEntry(f"{kind} {name}", TrustKind.MINISIGN, path.read_bytes(), "test")

    def verifies(self, kind: str, signature: bytes, content: bytes = CONTENT) -> bool:
        (self.home / "asked.sig").write_bytes(signature)
        (self.home / "asked").write_bytes(content)
        if kind == "signify":
            words = ("signify-openbsd", "-V", "-p", "sone.pub", "-m", "asked", "-x", "asked.sig")
        else:
            words = ("minisign", "-V", "-p", "one.pub", "-m", "asked", "-x", "asked.sig")
        return self.accepts(*words)


@cache
def tools() -> Tools:
    missing = [one for one in ("minisign", "signify-openbsd") if shutil.which(one) is None]
    if missing:
        words = f"{', '.join(missing)} not found, install the packages minisign, signify-openbsd"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    atexit.register(_STACK.close)
    home = Path(tempfile.mkdtemp(prefix="cs-mini-", dir="/tmp"))
    _STACK.callback(shutil.rmtree, home, ignore_errors=True)
    return Tools(home)


@cache
def made(kind: str, name: str = "one") -> bytes:
    return tools().sign(kind, name)


def judged(
    signature: bytes,
    *entries: TrustEntry,
    content: bytes = CONTENT,
    subject: Subject | None = None,
    now: datetime = NOW,
) -> Verification:
    subject = subject or Subject("app.tar.gz", (digest_of(content),), MemoryContent(content))
    setting = Setting(Trust(entries), now, Limits())
    return Minisign().verify(evidence(signature, subject), setting)


@pytest.mark.parametrize("kind", KINDS)
def test_signature_verifies_and_the_tool_agrees(kind: str) -> None:
    verification = judged(made(kind), tools().key(kind))
    assert is_verified(verification), verification.detail
    assert tools().verifies(kind, made(kind))
    assert verification.signer is not None
    assert verification.signer.kind is SignerKind.KEY
    assert verification.signer.key_algorithm == "Ed25519"
    (described,) = describe(tools().key(kind), Limits())
    assert verification.anchors == (described.fingerprint,)
    if kind != "signify":
        assert verification.claims["trusted_comment"] == COMMENT
        assert verification.claims["signed_file_name"] == "app.tar.gz"
        assert verification.signed_at == datetime.fromtimestamp(1_782_000_000, UTC)
        assert not verification.time_trusted


def test_key_id_is_shown_as_minisign_shows_it() -> None:
    entry = tools().key("minisign")
    assert shown_id(read_key(entry).key_id) in entry.content.decode().split("\n")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_altered_content_is_refused(kind: str) -> None:
    altered = CONTENT + b"x"
    verification = judged(made(kind), tools().key(kind), content=altered)
    assert verification.reason == "SIGNATURE_INVALID"
    assert not tools().verifies(kind, made(kind), altered)


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_is_unknown_and_none_is_missing(kind: str) -> None:
    assert judged(made(kind), tools().key(kind, "two")).reason == "KEY_UNKNOWN"
    assert judged(made(kind)).reason == "TRUST_ROOT_MISSING"
    broken = TrustEntry("x", TrustKind.MINISIGN, b"untrusted comment: x\nRWQ\n", "test")
    assert judged(made(kind), broken).reason == "KEYRING_UNUSABLE"
    assert is_verified(judged(made(kind), broken, tools().key(kind)))


def test_attack_01_key_of_another_under_the_same_id_is_not_enough() -> None:
    """Attack class 7: the id chooses which key is tried, and proves nothing."""
    one, two = (
        base64.b64decode(tools().key("minisign", n).content.split(b"\n")[1]) for n in ("one", "two")
    )
    mixed = base64.b64encode(two[:2] + one[2:10] + two[10:])
    entry = TrustEntry("mixed", TrustKind.MINISIGN, mixed + b"\n", "test")
    assert judged(made("minisign"), entry).reason == "SIGNATURE_INVALID"
    assert is_verified(judged(made("minisign"), entry, tools().key("minisign")))


@pytest.mark.parametrize("kind", ["minisign", "legacy"])
def test_attack_11_trusted_comment_is_not_anybodys_to_write(kind: str) -> None:
    """Attack class 7: the global signature is what makes the comment worth anything."""
    signature = made(kind)
    forged = signature.replace(b"timestamp:1782000000", b"timestamp:1792000000")
    verification = judged(forged, tools().key(kind))
    assert verification.reason == "SIGNATURE_INVALID"
    assert verification.checks[-1].step == "signature over the trusted comment"
    assert not tools().verifies(kind, forged)
    other = tools().sign(kind, comment="timestamp:1\tfile:other").split(b"\n")
    mixed = b"\n".join([*signature.split(b"\n")[:3], other[3], b""])
    # Ed25519 signs the same file alike, so the other comment's signature is over the same value.
    assert judged(mixed, tools().key(kind)).reason == "SIGNATURE_INVALID"


def test_prehashed_signature_without_its_comment_is_malformed() -> None:
    short = b"\n".join(made("minisign").split(b"\n")[:2]) + b"\n"
    assert judged(short, tools().key("minisign")).reason == "MALFORMED"
    assert not tools().verifies("minisign", short)


def test_what_was_hashed_before_signing_needs_its_digest_alone() -> None:
    known = Subject("app.tar.gz", (digest_of(CONTENT, "blake2b512"),))
    assert is_verified(judged(made("minisign"), tools().key("minisign"), subject=known))
    other = Subject("app.tar.gz", (digest_of(CONTENT),))
    for kind in KINDS:
        assert judged(made(kind), tools().key(kind), subject=other).reason == "CONTENT_NEEDED"


def test_content_is_the_subject() -> None:
    subject = Subject("app.tar.gz", (digest_of(b"other"),), MemoryContent(CONTENT))
    verification = judged(made("minisign"), tools().key("minisign"), subject=subject)
    assert verification.reason == "DIGEST_MISMATCH"


def test_attack_02_key_counts_only_in_its_window_now_and_when_it_was_used() -> None:
    """Attack class 2."""
    signed = datetime.fromtimestamp(1_782_000_000, UTC)
    entry = tools().key("minisign")
    for since, until, good in (
        (None, NOW, True),
        (signed, None, True),
        (None, NOW - timedelta(seconds=1), False),
        (signed + timedelta(seconds=1), None, False),
    ):
        narrow = replace(entry, valid_from=since, valid_until=until)
        verification = judged(made("minisign"), narrow)
        assert is_verified(verification) is good
        assert good or verification.reason == "KEY_EXPIRED"
        if good and until:
            assert verification.due_at == until + timedelta.resolution


def test_bare_key_and_other_line_ends_are_read() -> None:
    entry = tools().key("minisign")
    bare = replace(entry, content=entry.content.split(b"\n")[1])
    assert is_verified(judged(made("minisign"), bare))
    returns = made("minisign").replace(b"\n", b"\r\n")
    assert is_verified(judged(returns, entry))


@pytest.mark.parametrize("kind", KINDS)
def test_blank_lines_at_the_end_are_none(kind: str) -> None:
    signature, entry = made(kind), tools().key(kind)
    assert is_verified(judged(signature, replace(entry, content=entry.content + b"\n\r\n")))
    is_message = kind == "signify"  # whatever is behind its two lines is what they should be over
    assert is_verified(judged(signature + b"\n\n", entry)) is not is_message
    assert judged(signature + b" \n", entry).reason == (
        "SIGNATURE_INVALID" if is_message else "MALFORMED"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("begins", [b"untrusted comment:", b"untrusted comment: \0"])
def test_comment_that_the_tools_read_as_none_is_malformed(kind: str, begins: bytes) -> None:
    altered = made(kind).replace(b"untrusted comment: ", begins, 1)
    assert judged(altered, tools().key(kind)).reason == "MALFORMED"


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_signature_is_refused_but_for_the_untrusted_comment(kind: str) -> None:
    signature, entry = made(kind), tools().key(kind)
    assert is_verified(judged(signature, entry))
    passed = {place for place, altered in flipped(signature) if is_verified(judged(altered, entry))}
    start, end = len(b"untrusted comment: "), signature.index(b"\n")
    assert passed <= set(range(start, end))
    grown = "SIGNATURE_INVALID" if kind == "signify" else "MALFORMED"  # as a message inside
    for altered in (signature + b"x", signature + signature):
        assert judged(altered, entry).reason == grown
    for altered in (b"x" + signature, signature[:-3]):
        assert judged(altered, entry).reason == "MALFORMED"


@settings(max_examples=200, deadline=None, database=None)
@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_make_the_readers_raise_anything_else(content: bytes, begins: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    whole = (b"untrusted comment: x\n" if begins else b"") + content
    with pytest.raises(MalformedError):
        read_signature(whole)
    with pytest.raises(MalformedError):
        read_key(TrustEntry("x", TrustKind.MINISIGN, whole, "test"))


def test_key_whose_window_opens_later_is_looked_at_then() -> None:
    opens = NOW + timedelta(days=2)
    entry = replace(tools().key("signify"), valid_from=opens)
    early = judged(made("signify"), entry)
    assert (early.reason, early.due_at) == ("KEY_EXPIRED", opens)
    assert is_verified(judged(made("signify"), entry, now=opens))


def test_of_entries_with_one_key_any_that_accepts_it_now_will_do() -> None:
    entry, signed = tools().key("minisign"), datetime.fromtimestamp(1_782_000_000, UTC)
    ended = replace(entry, name="ended", valid_until=NOW - timedelta(days=1))
    later = replace(entry, name="later", valid_from=NOW + timedelta(days=2))
    sooner = replace(entry, name="sooner", valid_from=NOW + timedelta(days=1))
    begun = replace(entry, name="begun", valid_from=signed + timedelta(seconds=1))
    for entries in permutations((ended, later, begun, entry)):
        verification = judged(made("minisign"), *entries)
        assert (verification.reason, verification.due_at) == ("", None)
    for entries in permutations((ended, later, sooner)):
        assert judged(made("minisign"), *entries).reason == "KEY_EXPIRED"
    signature, unopened = made("signify"), tools().key("signify")
    opens = [replace(unopened, valid_from=one.valid_from) for one in (later, sooner)]
    closed = replace(unopened, valid_until=ended.valid_until)
    for entries in permutations((closed, *opens)):
        assert judged(signature, *entries).due_at == sooner.valid_from


# --- signify -e: the message behind its signature -------------------------------------------------


MESSAGE = b"SHA256 (app.tar.gz) = " + digest_of(CONTENT).value.encode() + b"\n"


@cache
def embedded(name: str = "one") -> bytes:
    home = tools().home
    (home / "SHA256").write_bytes(MESSAGE)
    words = ("-S", "-e", "-s", f"s{name}.sec", "-m", "SHA256", "-x", "SHA256.sig")
    tools().run("signify-openbsd", *words)
    return (home / "SHA256.sig").read_bytes()


def accepts_embedded(signature: bytes) -> bool:
    (tools().home / "asked.sig").write_bytes(signature)
    words = ("-V", "-q", "-e", "-p", "sone.pub", "-x", "asked.sig", "-m", "asked.out")
    return tools().accepts("signify-openbsd", *words)


def of(message: bytes) -> Subject:
    return Subject("SHA256", (digest_of(message),), MemoryContent(message))


def test_message_inside_is_what_was_signed_and_the_tool_agrees() -> None:
    assert embedded_message(embedded()) == MESSAGE
    assert accepts_embedded(embedded())
    for subject in (of(MESSAGE), Subject("x", (digest_of(MESSAGE, "sha512"),))):
        verification = judged(embedded(), tools().key("signify"), subject=subject)
        assert is_verified(verification), verification.detail
    verification = judged(embedded("two"), tools().key("signify"), subject=of(MESSAGE))
    assert verification.reason == "KEY_UNKNOWN"


def test_message_inside_proves_nothing_of_another_artifact() -> None:
    entry = tools().key("signify")
    others = [
        of(CONTENT),
        Subject("x", (digest_of(MESSAGE),), MemoryContent(CONTENT)),
        Subject("x", (digest_of(CONTENT),), MemoryContent(MESSAGE)),
        Subject("x", (digest_of(MESSAGE), digest_of(CONTENT, "sha512"))),
    ]
    for subject in others:
        assert judged(embedded(), entry, subject=subject).reason == "SUBJECT_MISMATCH"
    for subject in (Subject("x", ()), Subject("x", (digest_of(MESSAGE, "sha1"),))):
        assert judged(embedded(), entry, subject=subject).reason == "CONTENT_NEEDED"
    # The same bytes beside the list, not inside it.
    assert is_verified(judged(embedded()[: -len(MESSAGE)], entry, content=MESSAGE))


def test_flipped_message_inside_is_refused() -> None:
    entry, head = tools().key("signify"), embedded().index(b"\n")
    for place, altered in flipped(embedded()):
        message = embedded_message(altered)
        subject = of(MESSAGE if message is None else message)
        if place > head:
            assert not is_verified(judged(altered, entry, subject=subject)), place
    for altered in (embedded() + b"\n", embedded()[:-1], embedded().replace(b"\n", b"\n\n", 2)):
        subject = of(embedded_message(altered) or MESSAGE)
        assert not is_verified(judged(altered, entry, subject=subject))
        assert not accepts_embedded(altered)


# --- Tauri ----------------------------------------------------------------------------------------


def wrapped(content: bytes) -> bytes:
    """Return what Tauri's updater keeps in place of a file of minisign."""
    return base64.b64encode(content)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_base64_around_signature_and_key_is_taken_off(kind: str, end: bytes) -> None:
    plain, signature = tools().key(kind), wrapped(made(kind)) + end
    assert Minisign().recognises(evidence(signature, of(CONTENT)))
    key = replace(plain, content=wrapped(plain.content) + end)
    assert kind_of(TrustKind.KEY, key.content) is TrustKind.MINISIGN
    for entry in (plain, key):
        assert is_verified(judged(signature, entry))
    assert is_verified(judged(made(kind), key))
    assert judged(signature, key, content=CONTENT + b"x").reason == "SIGNATURE_INVALID"
    assert judged(signature, tools().key(kind, "two")).reason == "KEY_UNKNOWN"


def test_nothing_stands_around_the_base64_nor_twice_and_no_message_in_it() -> None:
    entry, signature = tools().key("minisign"), wrapped(made("minisign"))
    for altered in (signature + b"x", signature + b"\n\n" + signature, wrapped(signature)):
        assert not is_verified(judged(altered, entry))
    for altered in (signature[:76] + b"\n" + signature[76:], wrapped(made("minisign") + b"more")):
        assert judged(altered, entry).reason == "MALFORMED"
    message = judged(wrapped(embedded()), tools().key("signify"), subject=of(MESSAGE))
    assert message.reason == "MALFORMED"


def test_signature_of_minisign_is_never_one_with_a_message_inside() -> None:
    for kind in ("minisign", "legacy"):
        assert embedded_message(made(kind)) is None
        assert embedded_message(made(kind) + b"more\n") is None
    assert embedded_message(made("signify")) is None
    assert embedded_message(tools().key("signify").content + b"x") is None
    assert embedded_message(b"") is None
