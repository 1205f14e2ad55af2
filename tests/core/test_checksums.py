"""Checksum lists: two spellings, and what is refused."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.checksums import is_checksum_list, read_checksums
from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import Digest, digest_of

LIMITS = Limits()
A, B = digest_of(b"a"), digest_of(b"b")
A512 = digest_of(b"a", "sha512")

READ: dict[str, tuple[str, dict[str, Digest]]] = {
    "text": (f"{A.value}  app\n", {"app": A}),
    "binary": (f"{A.value} *app\n", {"app": A}),
    "one blank": (f"{A.value} app\n", {"app": A}),
    "tagged": (f"SHA256 (app) = {A.value}\n", {"app": A}),
    "tagged sha512": (f"SHA512 (app) = {A512.value}\n", {"app": A512}),
    "name with brackets": (f"SHA256 (a (1) = b) = {A.value}\n", {"a (1) = b": A}),
    "no line feed at the end": (f"{A.value}  app", {"app": A}),
    "windows": (f"{A.value}  app\r\n{B.value}  b\r\n", {"app": A, "b": B}),
    "capitals": (f"{A.value.upper()}  app\n", {"app": A}),
    "comment and blank": (f"# list\n\n{A.value}  app\n \n", {"app": A}),
    "dot slash": (f"{A.value}  ./sub/app\n", {"sub/app": A}),
    "name with blanks": (f"{A.value}  my app \n", {"my app ": A}),
    "escaped": (f"\\{A.value}  a\\nb\\\\c\n", {"a\nb\\c": A}),
    "backslash, not escaped": (f"{A.value}  a\\nb\n", {"a\\nb": A}),
    "the same twice": (f"{A.value}  app\n{A.value} *app\n", {"app": A}),
    "both algorithms": (f"{A512.value}  app\n{A.value}  app\n", {"app": A}),
    "empty": ("", {}),
}


@pytest.mark.parametrize(("content", "expected"), READ.values(), ids=READ.keys())
def test_list_is_read(content: str, expected: dict[str, Digest]) -> None:
    assert read_checksums(content.encode(), LIMITS) == expected


REFUSED = {
    "prose": "hello world",
    "digest alone": A.value,
    "no name": f"{A.value}  ",
    "md5": "d41d8cd98f00b204e9800998ecf8427e  app",
    "tagged sha1": f"SHA1 (app) = {digest_of(b'a', 'sha1').value}",
    "tag and length differ": f"SHA512 (app) = {A.value}",
    "absolute": f"{A.value}  /etc/passwd",
    "parent": f"{A.value}  ../app",
    "parent inside": f"{A.value}  a/../../app",
    "parent, escaped line": f"\\{A.value}  a\\\\/../b",
    "dot inside": f"{A.value}  a/./b",
    "empty part": f"{A.value}  a//b",
    "zero byte": f"{A.value}  a\0b",
    "unknown escape": f"\\{A.value}  a\\tb",
    "escape at the end": f"\\{A.value}  a\\",
    "two digests": f"{A.value}  app\n{B.value}  app",
    "two digests under one name": f"{A.value}  app\n{B.value}  ./app",
    "two digests, two spellings": f"{A.value}  app\nSHA256 (app) = {B.value}",
    "blank in front": f" {A.value}  app",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_attack_17_line_is_refused_by_number(content: str) -> None:
    with pytest.raises(MalformedError, match=r"^line [12]"):
        read_checksums(content.encode(), LIMITS)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(MalformedError, match="byte 66"):
        read_checksums(A.value.encode() + b"  \xff", LIMITS)


def test_size_number_and_names_are_bounded() -> None:
    two = f"{A.value}  a\n{B.value}  b\n".encode()
    for small in (Limits(files=1), Limits(index_bytes=1024)):
        content = two if small.files == 1 else two + b"#" * 2000
        with pytest.raises(TooLargeError):
            read_checksums(content, small)
    with pytest.raises(TooLargeError, match="name_characters"):
        read_checksums(f"{A.value}  {'n' * 1025}".encode(), LIMITS)


@pytest.mark.parametrize("words", [[], ["--binary"], ["--tag"]], ids="".join)
@pytest.mark.parametrize("tool", ["sha256sum", "sha512sum"])
def test_lists_of_coreutils_are_read(tool: str, words: list[str], tmp_path: Path) -> None:
    names = ["plain", "with blank", "new\nline", "back\\slash", "(round)", "*star"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    run = subprocess.run(
        [tool, *words, "--", *names], cwd=tmp_path, check=True, capture_output=True
    )
    algorithm = tool.removesuffix("sum")
    expected = {name: digest_of(name.encode(), algorithm) for name in names}
    assert is_checksum_list(run.stdout)
    assert read_checksums(run.stdout, LIMITS) == expected


@given(st.binary())
def test_no_bytes_make_the_reader_fail_otherwise(content: bytes) -> None:
    is_checksum_list(content)
    try:
        listed = read_checksums(content, LIMITS)
    except MalformedError:
        return
    assert all(".." not in name.split("/") for name in listed)


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.binary()
    )
)
def test_what_was_written_is_read(files: dict[str, bytes]) -> None:
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    expected = {name: digest_of(content) for name, content in files.items()}
    assert read_checksums("".join(lines).encode(), LIMITS) == expected
