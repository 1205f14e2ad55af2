"""What real tools signed, judged by the command's own code; and copies of it that must be refused.

A case names files of one folder. `altered` says for each altered copy which reason refuses it.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from core.cosign_container import MAGIC
from jobs.commands.verify import verify_command

TABLE = "cases.json"
LAYOUT = "oci:"
ANSWERED = (0, 1, 3)  # verified, refused, unverifiable
_OTHERS = {  # option → what of the same kind has nothing to do with any case
    "--key": "other.pub",
    "--ca": "other-root.pem",
    "--trusted-root": "other-root.json",
    "--certificate-identity": "somebody@else.example",
}
_EVIDENCE = ("--bundle", "--signature")
_PATHS: tuple[tuple[str | int, ...], ...] = (
    ("payload",),
    ("annotations", "dev.cosignproject.cosign/signature"),
    ("signatures", 0, "sig"),
    ("protected",),
    ("signature",),
    ("base64Signature",),
    ("messageSignature", "messageDigest", "digest"),
    ("messageSignature", "signature"),
    ("dsseEnvelope", "payload"),
    ("dsseEnvelope", "signatures", 0, "sig"),
)


@dataclass
class Case:
    """One thing that a tool signed in one way, and how it is verified."""

    name: str
    tool: str
    way: str
    artifact: str
    options: list[tuple[str, str]]
    at: str = ""
    expect: str = "verified"
    why: str = ""  # where the tool itself does not accept what it made
    altered: dict[str, str] = field(default_factory=dict)

    def words(self, folder: Path) -> list[str]:
        """Return the words of the command line."""
        words = [_place(self.artifact, folder), "--at", self.at, "--json"]
        for option, value in self.options:
            words += [option, str(folder / value) if _is_path(option) else value][: 1 + bool(value)]
        return words


def read_cases(folder: Path) -> list[Case]:
    """Return the cases of a folder."""
    return [Case(**each) for each in json.loads((folder / TABLE).read_text())]


def write_cases(folder: Path, cases: list[Case]) -> None:
    """Write the table of cases."""
    text = json.dumps([asdict(each) for each in cases], indent=1)
    (folder / TABLE).write_text(text + "\n")


def judge(words: list[str]) -> str:
    """Return `verified`, or the reason why not."""
    ran = CliRunner().invoke(verify_command, words)
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    if ran.exit_code not in ANSWERED:
        raise ValueError(f"{' '.join(words)}: {ran.output}")
    document = json.loads(ran.stdout)
    assert (document["outcome"] == "verified") == (ran.exit_code == 0)
    return str(document["reason"] or document["outcome"])


def altered(case: Case, folder: Path, spool: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (what was altered, command line) for copies that must not be verified."""
    given = dict(case.options)
    # Under a key that holds, a trusted root only vouches for the time.
    kept = {"--trusted-root"} if "--key" in given else set()
    for option in sorted((given.keys() & _OTHERS.keys()) - kept):
        options = [each for each in case.options if each[0] != option]
        other = replace(case, options=[*options, (option, _OTHERS[option])])
        yield f"another {option}", other.words(folder)
    for place, (option, name) in enumerate(case.options):
        if option in _EVIDENCE:
            for label, content in _mutants((folder / name).read_bytes()):
                mutant = _write(spool / f"{place} {_file_name(label)}", content)
                yield label, _with(case, place, str(mutant)).words(folder)
    words = case.words(folder)
    if case.artifact.startswith(LAYOUT):
        yield from _altered_layout(case, folder, spool)
        return
    yield "another artifact", [_another(case.artifact, folder, spool), *words[1:]]
    if (folder / case.artifact).is_dir():
        yield from _altered_folder(folder / case.artifact, words, spool)


def _with(case: Case, place: int, value: str) -> Case:
    options = list(case.options)
    options[place] = (options[place][0], value)
    return replace(case, options=options)


def _altered_layout(case: Case, folder: Path, spool: Path) -> Iterator[tuple[str, list[str]]]:
    """Flip one bit of each blob: the image, what signs it, and the way from one to the other."""
    name, _, digest = case.artifact.removeprefix(LAYOUT).partition("@")
    for number, blob in enumerate(sorted((folder / name / "blobs/sha256").iterdir())):
        content = bytearray(blob.read_bytes())
        if b'"rootfs"' in content:
            continue  # the config of the signature's own manifest says nothing
        copy = shutil.copytree(folder / name, spool / f"layout {number}")
        content[len(content) // 2] ^= 1
        (copy / "blobs/sha256" / blob.name).write_bytes(content)
        words = replace(case, artifact=f"{LAYOUT}{copy}@{digest}").words(folder)
        yield f"blob {blob.name[:8]}", words


def _altered_folder(image: Path, words: list[str], spool: Path) -> Iterator[tuple[str, list[str]]]:
    for label, content in _mutants((image / "signature-1").read_bytes()):
        copy = shutil.copytree(image, spool / _file_name(label))
        (copy / "signature-1").write_bytes(content)
        yield label, [str(copy), *words[1:]]


def _another(artifact: str, folder: Path, spool: Path) -> str:
    if artifact.startswith("sha256:"):
        return artifact[:-1] + ("1" if artifact.endswith("0") else "0")
    there = folder / artifact
    if there.is_dir():
        copy = shutil.copytree(there, spool / "another")
        manifest = (copy / "manifest.json").read_bytes()
        (copy / "manifest.json").write_bytes(manifest + b"\n")
        return str(copy)
    return str(_write(spool / there.name, there.read_bytes() + b"\n"))


def _mutants(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield copies of evidence, each with one character of what counts replaced by another."""
    head = MAGIC if content.startswith(MAGIC) else b""
    try:
        document = json.loads(content[len(head) :])
    except ValueError:
        yield from _opaque_mutants(content)
        return
    for path in _PATHS:
        text = _at(document, path)
        if isinstance(text, str):
            fresh = json.loads(content[len(head) :])
            _at(fresh, path[:-1])[path[-1]] = _swapped(text)
            yield ".".join(map(str, path)), head + json.dumps(fresh).encode()


def _opaque_mutants(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Flip what a bare signature (in base64) or a COSE envelope signs and is signed with."""
    if content.isascii():
        yield "signature", _swapped(content.decode()).encode()
        return
    payload = content.index(b'"sha256:') + 12
    for label, place in (("payload", payload), ("signature", len(content) - 9)):
        yield label, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _swapped(text: str) -> str:
    """Replace a character of some base64; the rest stays decodable."""
    place = len(text) // 4
    other = "A" if text[place] != "A" else "B"
    return text[:place] + other + text[place + 1 :]


def _at(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, int) or (isinstance(document, dict) and step in document):
            document = document[step]
        else:
            return None
    return document


def _place(artifact: str, folder: Path) -> str:
    if artifact.startswith("sha256:"):
        return artifact
    if artifact.startswith(LAYOUT):
        return f"{LAYOUT}{folder / artifact.removeprefix(LAYOUT)}"
    return str(folder / artifact)


def _is_path(option: str) -> bool:
    return option in (*_EVIDENCE, "--key", "--ca", "--trusted-root", "--certificate")


def _file_name(label: str) -> str:
    return base64.b32encode(label.encode()).decode().rstrip("=")[-40:]


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
