"""File names of Python distributions, with the packaging library as second opinion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from core.errors import MalformedError
from verification.python_names import PythonFile, read_python_name

SAME = [
    ("acme-1.0.tar.gz", "Acme-1.0.0.tar.gz"),
    ("a.b_c-1.tar.gz", "a-b-c-1.tar.gz"),
    ("acme-1.0a1.zip", "acme-1.0.alpha_1.zip"),
    ("acme-1.0.post1.tar.gz", "acme-1.0.r1.tar.gz"),
    ("acme-1.0+local.1.tar.gz", "acme-1.0+LOCAL_1.tar.gz"),
    ("acme-1.0-py2.py3-none-any.whl", "acme-1.0-py3.py2-none-any.whl"),
    ("acme-1.0-1a-py3-none-any.whl", "acme-1.0-01a-py3-none-any.whl"),
    ("spt3g-1.0-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
     "spt3g-1.0-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"),
]  # fmt: skip
OTHER = [
    ("acme-1.0.tar.gz", "acme-1.1.tar.gz"),
    ("acme-1.0.tar.gz", "acme2-1.0.tar.gz"),
    ("acme-1.0.tar.gz", "acme-1.0.post0.tar.gz"),
    ("acme-1.0.tar.gz", "acme-1.0.dev0.tar.gz"),
    ("acme-1.0.tar.gz", "acme-1!1.0.tar.gz"),
    ("acme-1.0.tar.gz", "acme-1.0+a.tar.gz"),
    ("acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"),
    ("acme-1.0-py3-none-any.whl", "acme-1.0-py2-none-any.whl"),
    ("acme-1.0-py3-none-any.whl", "acme-1.0-py3-abi3-any.whl"),
    ("acme-1.0-py3-none-any.whl", "acme-1.0-1-py3-none-any.whl"),
    ("acme-1.0-py2.py3-none-any.whl", "acme-1.0-py3-none-any.whl"),
]
FOREIGN = [
    "", "x", ".tar.gz", "acme.tar.gz", "-1.0.tar.gz", "acme-.tar.gz", "acme-x.tar.gz",
    "acme-1.0.tgz", "acme-1.0.TAR.GZ", "../acme-1.0.tar.gz", "a/b-1.0.tar.gz",
    "acme-1.0.tar.gz\n", "acme-1.0\0.zip", "acme-1.0-py3-none.whl", "acme-1.0-x-py3-none-any.whl",
    "acme-1.0-py3--any.whl", "a__b-1.0-py3-none-any.whl", "acme-1.0-py3.-none-any.whl",
    "acme-1.0-1-2-py3-none-any.whl", "acme-\u0661.0.tar.gz", "a\u017fme-1.0.tar.gz",
    "acme-1.0-py3-none-any.whl" + "x" * 1024,
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_file_are_equal(one: str, other: str) -> None:
    assert read_python_name(one) == read_python_name(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_files_are_not(one: str, other: str) -> None:
    assert read_python_name(one) != read_python_name(other)


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_names_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        read_python_name(name)


def test_compressed_tags_make_no_product() -> None:
    tags = ".".join(f"t{number}" for number in range(80))
    read = read_python_name(f"a-1-{tags}-{tags}-{tags}.whl")
    assert sum(map(len, read.tags)) == 240


PARTS = st.text("aZ0._-", min_size=1, max_size=6)
VERSIONS = st.from_regex(
    r"\Av?([0-9]!)?[0-2](\.[01]){0,2}([-_.]?(a|beta|c|rc|pre)[-_.]?[0-2]?)?"
    r"((-[0-9])|([._]?(post|rev|r)[._]?[01]?))?([._]?dev[._]?[01]?)?(\+[a1]([._][b0])?)?\Z"
)
TAGS = st.lists(st.sampled_from(["py2", "py3", "any"]), min_size=1, max_size=2).map(".".join)
SOURCES = st.builds(lambda name, version: f"{name}-{version}.tar.gz", PARTS, VERSIONS)
WHEELS = st.builds(
    lambda name, version, tag: f"{name}-{version}-{tag}-none-any.whl", PARTS, VERSIONS, TAGS
)


def theirs(name: str) -> object:
    parse = parse_wheel_filename if name.endswith(".whl") else parse_sdist_filename
    try:
        return parse(name)
    except ValueError:
        return None


def ours(name: str) -> PythonFile | None:
    try:
        return read_python_name(name)
    except MalformedError:
        return None


@given(one=SOURCES | WHEELS, other=SOURCES | WHEELS)
def test_packaging_finds_equal_what_we_do(one: str, other: str) -> None:
    if ours(one) is not None and theirs(one) is not None:
        assert read_python_name(one) == ours(one)
        for end in (other, one.swapcase().replace(".TAR.GZ", ".tar.gz").replace(".WHL", ".whl")):
            if ours(end) is not None and theirs(end) is not None:
                assert (ours(one) == ours(end)) == (theirs(one) == theirs(end))


@given(name=SOURCES | WHEELS)
def test_we_read_no_version_that_packaging_refuses(name: str) -> None:
    if ours(name) is not None:
        assert theirs(name) is not None
