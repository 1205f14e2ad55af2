"""Files that hold several things: lines of attestations, lists, a message with its signature."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import app

TYPE = "application/vnd.in-toto+json"
KEY = Ed25519PrivateKey.generate()
CONTENT, OTHER = b"content\n", b"other\n"
Answer = dict[str, object]
Verify = Callable[..., Answer]


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Verify]:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(public)
    (tmp_path / "f").write_bytes(CONTENT)

    def call(*words: str | Path) -> Answer:
        capsys.readouterr()
        with contextlib.suppress(SystemExit):
            app.main(["verify", *map(str, words), "--json"])
        answer: Answer = json.loads(capsys.readouterr().out)
        return answer

    yield call
    structlog.reset_defaults()


# --- JSON lines -----------------------------------------------------------------------------------


def line(content: bytes, *, predicate: str = "https://acme.test/p", key: object = KEY) -> bytes:
    """Return one attestation over the content as a line."""
    assert isinstance(key, Ed25519PrivateKey)
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": hashlib.sha256(content).hexdigest()}}],
        "predicateType": predicate,
        "predicate": {},
    }
    payload = json.dumps(statement).encode()
    encoded = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": TYPE,
        "signatures": [{"keyid": "", "sig": base64.b64encode(key.sign(encoded)).decode()}],
    }
    return json.dumps(envelope).encode() + b"\n"


def told(verify: Verify, folder: Path, *lines: bytes) -> tuple[object, object]:
    (folder / "lines.jsonl").write_bytes(b"".join(lines))
    answer = verify(folder / "f", "--bundle", folder / "lines.jsonl", "--key", folder / "key.pem")
    return answer["outcome"], answer["reason"]


@pytest.mark.parametrize("predicate", ["https://acme.test/p", "https://slsa.dev/provenance/v1"])
def test_verdict_is_of_the_lines_that_are_about_the_artifact(
    predicate: str, verify: Verify, tmp_path: Path
) -> None:
    ours, others = line(CONTENT, predicate=predicate), line(OTHER, predicate=predicate)
    verified, elsewhere = ("verified", ""), ("invalid", "SUBJECT_MISMATCH")
    for lines in ((others, ours), (ours, others), (others, others, ours), (ours, ours)):
        assert told(verify, tmp_path, *lines) == verified
    for number in (1, 2):
        assert told(verify, tmp_path, *[others] * number) == elsewhere


def test_other_lines_are_noted_and_no_contradiction(verify: Verify, tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(line(OTHER) + line(CONTENT))
    answer = verify(tmp_path / "f", "--bundle", tmp_path / "l", "--key", tmp_path / "key.pem")
    assert json.dumps(answer["checks"]).count("about other artifacts") == 1
    assert "contested" not in json.dumps(answer["checks"])
    assert isinstance(answer["evidence"], list)
    assert [piece["outcome"] for piece in answer["evidence"]] == ["invalid", "verified"]


def test_line_that_fails_is_never_hidden_by_one_that_holds(verify: Verify, tmp_path: Path) -> None:
    good = line(CONTENT)
    forged = good.replace(b'"sig": "', b'"sig": "AAAA')
    unknown = line(OTHER, key=Ed25519PrivateKey.generate())
    for broken in (forged, unknown):
        for lines in ((good, broken), (broken, good), (line(OTHER), broken, good)):
            assert told(verify, tmp_path, *lines)[0] == "invalid"
    assert told(verify, tmp_path, good, b'{"payloadType": 1}\n')[0] == "unverifiable"
    # A file of its own about another artifact was given for this one, and counts.
    (tmp_path / "good").write_bytes(good)
    (tmp_path / "other").write_bytes(line(OTHER))
    files = ("--bundle", tmp_path / "good", "--signature", tmp_path / "other")
    answer = verify(tmp_path / "f", *files, "--key", tmp_path / "key.pem")
    assert (answer["outcome"], answer["reason"]) == ("invalid", "SUBJECT_MISMATCH")


# --- lists of checksums ---------------------------------------------------------------------------


def through(verify: Verify, folder: Path, listed: bytes, *words: str | Path) -> Answer:
    (folder / "SUMS").write_bytes(listed)
    (folder / "SUMS.sig").write_bytes(KEY.sign(listed))
    signature = ("--signature", folder / "SUMS.sig", "--key", folder / "key.pem")
    return verify(*(words or (folder / "f",)), "--through", folder / "SUMS", *signature)


@pytest.mark.parametrize("tool", ["b2sum", "sha384sum", "sha512sum", "sha256sum"])
@pytest.mark.parametrize("words", [(), ("--tag",)], ids=["plain", "tagged"])
def test_signed_list_of_coreutils_leads_to_the_file(
    tool: str, words: tuple[str, ...], verify: Verify, tmp_path: Path
) -> None:
    (tmp_path / "g").write_bytes(OTHER)
    made = subprocess.run([tool, *words, "g", "f"], cwd=tmp_path, capture_output=True, check=True)
    assert through(verify, tmp_path, made.stdout)["outcome"] == "verified"
    algorithm = "blake2b512" if tool == "b2sum" else tool.removesuffix("sum")
    new = hashlib.blake2b(CONTENT) if tool == "b2sum" else hashlib.new(algorithm, CONTENT)
    known = f"{algorithm}:{new.hexdigest()}"
    assert through(verify, tmp_path, made.stdout, known)["outcome"] == "verified"
    altered = tmp_path / "f"
    altered.write_bytes(b"altered")
    answer = through(verify, tmp_path, made.stdout)
    assert (answer["outcome"], answer["reason"]) == ("invalid", "DIGEST_MISMATCH")


def test_digits_that_may_be_of_two_algorithms_need_both_digests_to_be_refuted(
    verify: Verify, tmp_path: Path
) -> None:
    listed = hashlib.blake2b(CONTENT).hexdigest().encode() + b"  f\n"
    answer = through(verify, tmp_path, listed, f"sha512:{hashlib.sha512(CONTENT).hexdigest()}")
    assert answer["reason"] == "CONTENT_NEEDED"
    tagged = b"SHA512 (f) = " + hashlib.blake2b(CONTENT).hexdigest().encode() + b"\n"
    assert through(verify, tmp_path, tagged)["reason"] == "DIGEST_MISMATCH"
    tagged = b"BLAKE2b (f) = " + hashlib.sha512(CONTENT).hexdigest().encode() + b"\n"
    assert through(verify, tmp_path, tagged)["reason"] == "DIGEST_MISMATCH"
    misnamed = hashlib.blake2b(CONTENT).hexdigest().encode() + b"  g\n"
    assert through(verify, tmp_path, misnamed)["reason"] == "SUBJECT_MISMATCH"


# --- signify -e -----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--name", "f")], ids=["unnamed", "named"])
@pytest.mark.parametrize("order", [("f", "old/f"), ("old/f", "f")])
def test_file_of_another_folder_is_not_the_one_of_that_name(
    verify: Verify, tmp_path: Path, order: tuple[str, str], words: tuple[str, ...]
) -> None:
    of = {"f": OTHER, "old/f": CONTENT}
    listed = b"".join(
        b"%s  %s\n" % (hashlib.sha256(of[name]).hexdigest().encode(), name.encode())
        for name in order
    )
    file = tmp_path / "f"
    assert through(verify, tmp_path, listed, file, *words)["reason"] == "DIGEST_MISMATCH"
    assert through(verify, tmp_path, listed, file, "--name", "old/f")["outcome"] == "verified"
    alone = listed.replace(b"  f\n", b"  g/f\n")
    assert through(verify, tmp_path, alone)["outcome"] == "verified"


@pytest.fixture
def signified(tmp_path: Path) -> Path:
    """Return a folder with `SHA256.sig` as OpenBSD writes it."""
    if shutil.which("signify-openbsd") is None:
        pytest.skip("signify-openbsd not found, install the package signify-openbsd")
    for words in (
        ("-G", "-n", "-p", "k.pub", "-s", "k.sec"),
        ("-S", "-e", "-s", "k.sec", "-m", "SHA256", "-x", "SHA256.sig"),
    ):
        digest = hashlib.sha256(CONTENT).hexdigest()
        (tmp_path / "SHA256").write_text(f"SHA256 (f) = {digest}\n")
        subprocess.run(["signify-openbsd", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_message_with_its_signature_before_it_is_its_own_artifact(
    verify: Verify, signified: Path
) -> None:
    signed, key = signified / "SHA256.sig", ("--key", signified / "k.pub")
    for words in ((signed,), ("--signature", signed), ("--through", signed)):
        answer = verify(*words, *key)
        assert (answer["outcome"], answer["format"]) == ("verified", "minisign")
        digest = hashlib.sha256((signified / "SHA256").read_bytes()).hexdigest()
        assert answer["artifact"] == {"name": "SHA256.sig", "digest": f"sha256:{digest}"}
    assert verify(signified / "SHA256", "--signature", signed, *key)["outcome"] == "verified"
    assert verify(signified / "f", "--signature", signed, *key)["reason"] == "SUBJECT_MISMATCH"
    assert verify(signed, "--key", signified / "key.pem")["reason"] == "TRUST_ROOT_MISSING"


def test_signed_list_of_openbsd_leads_to_the_file(verify: Verify, signified: Path) -> None:
    signed, key = signified / "SHA256.sig", ("--key", signified / "k.pub")
    assert verify(signified / "f", "--through", signed, *key)["outcome"] == "verified"
    (signified / "f").write_bytes(OTHER)
    assert verify(signified / "f", "--through", signed, *key)["reason"] == "DIGEST_MISMATCH"
    ours, theirs = (hashlib.sha256(each).hexdigest().encode() for each in (CONTENT, OTHER))
    forged = signed.read_bytes().replace(ours, theirs)
    signed.write_bytes(forged)
    assert verify(signified / "f", "--through", signed, *key)["reason"] == "SIGNATURE_INVALID"
