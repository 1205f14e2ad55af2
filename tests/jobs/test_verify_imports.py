"""`verify` starts fast: it loads what judging one piece of evidence needs, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from verification import FORMATS, INSIDE

ROOT = Path(__file__).parent.parent.parent
OURS = {"app", "collectors", "core", "jobs", "verification"}
OTHERS = {"_cffi_backend", "_openssl", "click", "cryptography", "pysequoia"}
PROGRAM = """
import json, sys
before = set(sys.modules)
from app import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted(set(sys.modules) - before)]))
"""
COLLECTORS = {"collectors", "collectors.file_content"}


def _loaded(*arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60, check=True,
    )  # fmt: skip
    code, names = json.loads(done.stdout.splitlines()[-1])
    return code, set(names)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, set[str]]:
    folder = tmp_path_factory.mktemp("verify")
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "key.pem").write_bytes(public)
    (folder / "a.txt").write_bytes(b"content\n")
    (folder / "a.sig").write_bytes(key.sign(b"content\n"))
    named = {"--signature": "a.sig", "--key": "key.pem"}
    options = [word for name, file in named.items() for word in (name, str(folder / file))]
    return _loaded("verify", str(folder / "a.txt"), "--json", *options)


def test_verify_loads_neither_the_database_nor_the_settings(
    signed: tuple[int, set[str]],
) -> None:
    code, names = signed
    assert code == 0
    foreign = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert foreign - (OURS | OTHERS) == set()


def test_verify_loads_no_collector_but_the_reader_of_files(signed: tuple[int, set[str]]) -> None:
    _, names = signed
    assert {name for name in names if name.startswith("collectors")} == COLLECTORS


def test_formats_of_what_is_inside_an_artifact_are_not_loaded_for_evidence_beside_it(
    signed: tuple[int, set[str]],
) -> None:
    _, names = signed
    places = {FORMATS[name].partition(":")[0] for name in INSIDE}
    assert places & names == set()


def test_all_others_were_asked(signed: tuple[int, set[str]]) -> None:
    _, names = signed
    # the last one recognises it, so what is not loaded here is loaded where a format verifies
    assert {"verification.formats.dsse", "verification.formats.raw_signature"} <= names


def test_the_list_of_commands_loads_no_command() -> None:
    _, names = _loaded("--version")
    assert not {name for name in names if name.startswith("jobs.commands.")} - {
        "jobs.commands.context"
    }


FAULTY = """
import sys
from app import main
from verification.verifier import formats
def torn(*_):
    raise NameError("a fault\\x1b[31m of ours")
for each in formats():
    type(each).recognises = torn
sys.exit(main(sys.argv[1:]))
"""


def test_fault_of_ours_is_told_on_standard_error_and_never_inside_the_answer(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_bytes(b"content\n")
    words = ("verify", str(tmp_path / "a.txt"), "--json", "--signature", str(tmp_path / "a.txt"))
    done = subprocess.run(
        [sys.executable, "-c", FAULTY, *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["reason"] == "FORMAT_UNSUPPORTED"
    line = json.loads(done.stderr.splitlines()[0])
    assert (line["event"], line["error"], line["level"]) == (
        "verification_failed", "NameError", "error",
    )  # fmt: skip
    assert "Traceback" in line["exception"]
    assert "\x1b" not in done.stderr
