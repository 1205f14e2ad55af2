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
A384 = digest_of(b"a", "sha384")

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
    "tagged sha384": (f"SHA384 (app) = {A384.value}\n", {"app": A384}),
    "sha384": (f"{A384.value} *app\n", {"app": A384}),
    "tagged blake2b": (
        f"BLAKE2b (app) = {digest_of(b'a', 'blake2b512').value}\n",
        {"app": digest_of(b"a", "blake2b512")},
    ),
    "openssl 1": (f"SHA256(app)= {A.value}\n", {"app": A}),
    "openssl 3": (f"SHA2-256(app)= {A.value}\n", {"app": A}),
    "openssl 3, sha512": (f"SHA2-512(a)= x)= {A512.value}\n", {"a)= x": A512}),
    "tagged, other blanks": (f"SHA256 (app)\t=  {A.value}\n", {"app": A}),
    "weaker ones beside it": (
        f"{'0' * 32} *app\n{'0' * 40} *app\n{A.value} *app\n{A512.value} *app\n",
        {"app": A},
    ),
    "weaker ones with tags": (
        f"MD5 (app) = {'0' * 32}\nRMD160 (app) = {'0' * 40}\nSHA512 (app) = {A512.value}\n",
        {"app": A512},
    ),
    "both algorithms": (f"{A512.value}  app\n{A.value}  app\n", {"app": A}),
    "empty": ("", {}),
}


@pytest.mark.parametrize(("content", "expected"), READ.values(), ids=READ.keys())
def test_list_is_read(content: str, expected: dict[str, Digest]) -> None:
    listed = read_checksums(content.encode(), LIMITS)
    assert listed == {name: (digest,) for name, digest in expected.items()}


@pytest.mark.parametrize("option", ["-sha256", "-sha384", "-sha512", "-blake2b512"])
def test_list_by_openssl_is_read(option: str, tmp_path: Path) -> None:
    (tmp_path / "app").write_bytes(b"a")
    words = ("openssl", "dgst", option, "app")
    written = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout
    assert is_checksum_list(written)
    assert read_checksums(written, LIMITS) == {"app": (digest_of(b"a", option[1:]),)}


REFUSED = {
    "three blanks before the bracket": f"SHA256   (app) = {A.value}",
    "a digest of another length": f"SHA2-512(app)= {A.value}",
    "prose": "hello world",
    "digest alone": A.value,
    "no name": f"{A.value}  ",
    "weaker tag and length differ": f"MD5 (app) = {A.value}",
    "weaker one of a name out of the folder": f"{'0' * 32}  ../app",
    "size": "Size (app) = 6",
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
    "tagged short blake2b": f"BLAKE2b-256 (app) = {A.value}",
    "two digests of 128 digits": f"{A512.value}  app\n{'0' * 128}  app",
    "two digests of 128 digits under one heading": (
        f"# SHA512 HASH\n{A512.value}  app\n{'0' * 128}  app"
    ),
    "two digests, one under a heading of another hash": (
        f"{A.value}  app\n# WHIRLPOOL HASH\n{B.value}  app"
    ),
    "two digests, one with a tag": f"SHA512 (app) = {A512.value}\n{'0' * 128}  app",
    "two digests": f"{A.value}  app\n{B.value}  app",
    "two digests under one name": f"{A.value}  app\n{B.value}  ./app",
    "two digests, two spellings": f"{A.value}  app\nSHA256 (app) = {B.value}",
    "blank in front": f" {A.value}  app",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_attack_17_line_is_refused_by_number(content: str) -> None:
    with pytest.raises(MalformedError, match=r"^line [123]"):
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
@pytest.mark.parametrize("tool", ["sha256sum", "sha384sum", "sha512sum", "b2sum"])
def test_lists_of_coreutils_are_read(tool: str, words: list[str], tmp_path: Path) -> None:
    names = ["plain", "with blank", "new\nline", "back\\slash", "(round)", "*star"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    run = subprocess.run(
        [tool, *words, "--", *names], cwd=tmp_path, check=True, capture_output=True
    )
    algorithm = "blake2b512" if tool == "b2sum" else tool.removesuffix("sum")
    assert is_checksum_list(run.stdout)
    listed = read_checksums(run.stdout, LIMITS)
    assert list(listed) == names
    for name, readings in listed.items():
        assert digest_of(name.encode(), algorithm) in readings
        is_open = algorithm in ("sha512", "blake2b512") and "--tag" not in words
        assert [one.algorithm for one in readings] == (TWO if is_open else [algorithm])


TWO = ["sha512", "blake2b512"]
B2 = digest_of(b"a", "blake2b512")


def test_digits_without_a_tag_are_of_either_algorithm_of_their_length() -> None:
    for digest in (A512, B2):
        (readings,) = read_checksums(f"{digest.value}  app".encode(), LIMITS).values()
        assert readings == tuple(Digest(each, digest.value) for each in TWO)


def test_tag_says_which_of_two_algorithms_it_is() -> None:
    for tag, algorithm in (("SHA512", "sha512"), ("BLAKE2b", "blake2b512")):
        wanted = {"app": (Digest(algorithm, B2.value),)}
        tagged = f"{tag} (app) = {B2.value}\n"
        assert read_checksums(tagged.encode(), LIMITS) == wanted
    for lines in ((f"SHA512 (app) = {A512.value}", f"{A512.value}  app"),) * 2:
        for content in ("\n".join(lines), "\n".join(reversed(lines))):
            assert read_checksums(content.encode(), LIMITS) == {"app": (A512,)}


def test_name_with_weaker_hashes_alone_has_no_reading() -> None:
    for content in (f"{'0' * 32}  app\n{'1' * 32}  app\n", f"SHA1(app)= {'0' * 40}\n"):
        assert is_checksum_list(content.encode())
        assert read_checksums(content.encode(), LIMITS) == {"app": ()}


GENTOO = f"""# BLAKE2B HASH
{B2.value}  app
# SHA512 HASH
{A512.value}  app
"""


def test_heading_says_which_of_two_algorithms_it_is() -> None:
    assert read_checksums(GENTOO.encode(), LIMITS) == {"app": (B2,)}
    swapped = GENTOO.replace(B2.value, A512.value, 1)
    assert read_checksums(swapped.encode(), LIMITS) == {"app": (Digest("blake2b512", A512.value),)}
    unread = GENTOO.replace("BLAKE2B", "WHIRLPOOL")
    assert read_checksums(unread.encode(), LIMITS) == {"app": (A512,)}


def test_list_of_lines_ended_by_nul_is_told_by_that() -> None:
    with pytest.raises(MalformedError, match=r"line 1: .*--zero"):
        read_checksums(f"{A.value}  app\0{B.value}  b\0".encode(), LIMITS)


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
    listed = read_checksums("".join(lines).encode(), LIMITS)
    assert listed == {name: (digest,) for name, digest in expected.items()}
