"""`verify` counts before it parses: what is too large, endless or too deep is refused at once."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

import app
from core.limits import MIB, Limits
from jobs.verify_inputs import MAX_TRUST_BYTES, memory_bytes, read_file
from tests.verification.specimens import key_entry, private_key

LIMITS = Limits()
HUNDRED = 100 * MIB
LEFT = 100  # bytes more than may be read, offered by a pipe
DEPTH = LIMITS.json_depth + 1
EVIDENCE = ("--bundle", "--signature")
TRUST = ("--key", "--keyring", "--ca", "--trusted-root", "--crl", "--ocsp")


@dataclass(frozen=True)
class Given:
    """A small artifact and a key, so that nothing but the one file under test can be refused."""

    folder: Path
    artifact: Path
    key: Path

    def file(self, content: bytes = b"", size: int = 0) -> Path:
        path = self.folder / "given"
        path.write_bytes(content)
        if size:
            os.truncate(path, size)
        return path


@pytest.fixture
def given(tmp_path: Path) -> Given:
    artifact, key = tmp_path / "artifact", tmp_path / "key.pem"
    artifact.write_bytes(b"content")
    key.write_bytes(key_entry(private_key("p256")).content)
    return Given(tmp_path, artifact, key)


@dataclass(frozen=True)
class Ran:
    """What a call of the command came to."""

    exit_code: int
    stdout: str
    stderr: str


def verify(*words: str | Path) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = app.main(["verify", *map(str, words), "--json"])
        except SystemExit as ended:
            code = int(ended.code or 0)
    structlog.reset_defaults()  # it would hold on to that standard error
    return Ran(code, out.getvalue(), err.getvalue())


def reasons(ran: Ran) -> set[str]:
    document: dict[str, Any] = json.loads(ran.stdout)
    said = {document["reason"]}
    for each in (document, *document.get("evidence", ())):
        said |= {check["reason"] for check in each["checks"]}
    return said


@contextmanager
def pipe(path: Path, limit: int, start: bytes = b"") -> Iterator[Callable[[], int]]:
    """Offer `limit` + 1 + LEFT bytes by a pipe, and tell how many of them were not read."""
    os.mkfifo(path)
    held = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # what is left over stays in it

    def write() -> None:
        with path.open("wb", buffering=0) as opened:
            left = limit + 1 + LEFT - opened.write(start)
            while left:
                left -= opened.write(b"A" * min(left, MIB))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()

    def left_over() -> int:
        writer.join(30)
        assert not writer.is_alive(), "less was read than the limit and one byte"
        return len(os.read(held, 1 << 20))

    try:
        yield left_over
    finally:
        os.close(held)


@pytest.mark.parametrize("option", EVIDENCE)
@pytest.mark.parametrize("source", ["hundred megabytes", "endless", "terabyte"])
def test_attack_16_evidence_without_end_is_too_large(
    source: str, option: str, given: Given
) -> None:
    sizes = {"hundred megabytes": HUNDRED, "terabyte": 1 << 40}
    path = given.file(size=sizes[source]) if source in sizes else Path("/dev/zero")
    ran = verify(given.artifact, option, path, "--key", given.key)
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["reason"] == "TOO_LARGE"


@pytest.mark.parametrize("start", [b"", b'{"a": 1}\n{"b": "'], ids=["one", "several"])
@pytest.mark.parametrize("artifact", [["artifact"], []], ids=["named", "alone"])
@pytest.mark.parametrize("option", EVIDENCE)
def test_of_a_pipe_no_more_is_read_than_the_limit_and_one_byte(
    option: str, artifact: list[str], start: bytes, given: Given
) -> None:
    path = given.folder / "pipe"
    with pipe(path, LIMITS.evidence_bytes, start) as left_over:
        named = [given.folder / name for name in artifact]
        ran = verify(*named, option, path, "--key", given.key)
        assert left_over() == LEFT
    assert json.loads(ran.stdout)["reason"] == "TOO_LARGE"


@pytest.mark.parametrize("option", EVIDENCE)
def test_signed_text_is_read_to_the_limit_of_a_release_and_one_byte(
    option: str, given: Given
) -> None:
    path = given.folder / "pipe"
    with pipe(path, memory_bytes(LIMITS), b"-----BEGIN PGP SIGNED MESSAGE-----\n\n") as left_over:
        ran = verify(option, path, "--key", given.key)
        assert left_over() == LEFT
    assert json.loads(ran.stdout)["reason"] == "TOO_LARGE"


@pytest.mark.parametrize("option", EVIDENCE)
def test_signature_beside_a_release_is_read_to_the_limit_of_one_and_one_byte(
    option: str, given: Given
) -> None:
    given.artifact.write_bytes(b"Origin: x\nSuite: y\nSHA256:\n 00 1 main/binary-amd64/Packages\n")
    path = given.folder / "pipe"
    with pipe(path, memory_bytes(LIMITS)) as left_over:
        ran = verify(given.artifact, option, path, "--key", given.key)
        assert left_over() == LEFT
    assert json.loads(ran.stdout)["reason"] == "TOO_LARGE"


def test_nothing_is_judged_by_half_where_another_file_turns_out_to_be_the_artifact(
    given: Given,
) -> None:
    text = given.file(b"-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: x\nSuite: y\n")
    path = given.folder / "pipe"
    with pipe(path, memory_bytes(LIMITS)) as left_over:
        ran = verify("--bundle", path, "--signature", text, "--key", given.key)
        assert left_over() == LEFT
    assert "TOO_LARGE" in reasons(ran)


@pytest.mark.parametrize("source", ["hundred megabytes", "endless"])
def test_certificate_beside_a_signature_is_counted(source: str, given: Given) -> None:
    huge = given.file(size=HUNDRED) if source == "hundred megabytes" else Path("/dev/zero")
    signature = given.folder / "signature"
    signature.write_bytes(b"\x30\x44" + bytes(68))
    words = ("--signature", signature, "--certificate", huge, "--key", given.key)
    assert "TOO_LARGE" in reasons(verify(given.artifact, *words))


def test_of_a_certificate_no_more_is_read_than_the_limit_and_one_byte(given: Given) -> None:
    path, signature = given.folder / "pipe", given.folder / "signature"
    signature.write_bytes(b"\x30\x44" + bytes(68))
    with pipe(path, LIMITS.evidence_bytes) as left_over:
        words = ("--signature", signature, "--certificate", path, "--key", given.key)
        ran = verify(given.artifact, *words)
        assert left_over() == LEFT
    assert "TOO_LARGE" in reasons(ran)


@pytest.mark.parametrize("option", TRUST)
@pytest.mark.parametrize("source", ["hundred megabytes", "endless"])
def test_trust_without_end_is_a_usage_error_that_names_the_limit(
    source: str, option: str, given: Given
) -> None:
    huge = given.file(size=HUNDRED) if source == "hundred megabytes" else Path("/dev/zero")
    ran = verify(given.artifact, "--signature", given.artifact, option, huge)
    assert ran.exit_code == 2
    assert f"more than {MAX_TRUST_BYTES} bytes of trust" in ran.stderr


@pytest.mark.parametrize("option", TRUST)
def test_of_trust_no_more_is_read_than_the_limit_and_one_byte(option: str, given: Given) -> None:
    path = given.folder / "pipe"
    with pipe(path, MAX_TRUST_BYTES) as left_over:
        ran = verify(given.artifact, "--signature", given.artifact, option, path)
        assert left_over() == LEFT
    assert ran.exit_code == 2


def test_list_in_a_chain_that_is_no_file_is_read_to_the_limit_and_one_byte(given: Given) -> None:
    path = given.folder / "pipe"
    with pipe(path, memory_bytes(LIMITS)) as left_over:
        ran = verify(given.artifact, "--through", path, "--key", given.key)
        assert left_over() == LEFT
    assert ran.exit_code == 2
    assert "no regular file that could be read twice" in ran.stderr


def test_artifact_that_is_no_file_is_read_to_the_limit_and_one_byte(given: Given) -> None:
    path = given.folder / "pipe"
    with pipe(path, memory_bytes(LIMITS)) as left_over:
        ran = verify(path, "--signature", given.key, "--key", given.key)
        assert left_over() == LEFT
    assert ran.exit_code == 2


def deep_der(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        size = len(content)
        content = (b"\x30" + bytes([size]) if size < 128 else
                   b"\x30\x82" + size.to_bytes(2)) + content  # fmt: skip
    return content


CMS_OID = bytes.fromhex("06092a864886f70d010702")
BUNDLE = b'{"verificationMaterial": {}, "x": '
DEEP = {
    "bundle": BUNDLE + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "envelope": b'{"payload": "", "payloadType": "x", "signatures": '
    + b'[{"a": ' * DEPTH + b"1" + b"}]" * DEPTH + b"}",
    "cut off": BUNDLE + b"[" * 100_000,
    "npm": b'{"attestations": [{"predicateType": "", "bundle": {"x": '
    + b"[" * DEPTH + b"]" * DEPTH + b"}}]}",
    "CBOR": b"\xd2\x84" + b"\x81" * 100 + b"io.cncf.notary.",
    "streamed": b"\x30\x80" + CMS_OID + b"\xa0\x80" + b"\x30\x80" * DEPTH,
}  # fmt: skip


@pytest.mark.parametrize("option", EVIDENCE)
@pytest.mark.parametrize("form", DEEP)
def test_attack_16_evidence_nested_too_deep_is_too_large(
    form: str, option: str, given: Given
) -> None:
    path = given.file(DEEP[form])
    ran = verify(given.artifact, option, path, "--key", given.key)
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["reason"] == "TOO_LARGE"


@pytest.mark.parametrize("option", EVIDENCE)
def test_one_level_less_is_read(option: str, given: Given) -> None:
    depth = LIMITS.json_depth - 1
    path = given.file(BUNDLE + b"[" * depth + b"]" * depth + b"}")
    ran = verify(given.artifact, option, path, "--key", given.key)
    assert json.loads(ran.stdout)["reason"] not in ("", "TOO_LARGE")


DEEP_TRUST = {
    "--key": b'{"keys": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "--ca": b'{"mediaType": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "--trusted-root": b'{"mediaType": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "--crl": deep_der(DEPTH + 10),
    "--ocsp": deep_der(DEPTH + 10),
    "--keyring": deep_der(DEPTH + 10),
}


@pytest.mark.parametrize("option", TRUST)
def test_trust_nested_too_deep_is_a_usage_error(option: str, given: Given) -> None:
    ran = verify(
        given.artifact, "--signature", given.artifact, option, given.file(DEEP_TRUST[option])
    )
    assert ran.exit_code == 2
    assert "nested deeper" in ran.stderr or "nothing --" in ran.stderr


@pytest.mark.parametrize("size", [0, 1, 4096, 4097, 3 * MIB])
def test_what_is_read_is_what_the_file_holds(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert read_file(tmp_path / "file", 3 * MIB) == content
    assert read_file(tmp_path / "file", 4096) == content[:4097]
