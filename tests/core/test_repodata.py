"""The metadata of rpm repositories: read strictly, and never larger than it is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import digest_of
from core.repodata import Listed, is_primary, is_repomd, read_primary, read_repomd

REPO = 'xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm"'
COMMON = 'xmlns="http://linux.duke.edu/metadata/common" packages="1"'
DIGEST, OPENED = digest_of(b"packed"), digest_of(b"opened")
DATA = f"""<data type="primary">
  <checksum type="sha256">{DIGEST.value}</checksum>
  <open-checksum type="sha256">{OPENED.value}</open-checksum>
  <location href="repodata/x-primary.xml.gz"/>
  <timestamp>1</timestamp>
</data>"""
AGAIN = f'<checksum type="sha256">{OPENED.value}</checksum>'
PACKAGE = f"""<package type="rpm"><name>acme</name><arch>noarch</arch>
  <version epoch="4" ver="1.2" rel="3"/>
  <checksum type="sha256" pkgid="YES">{DIGEST.value}</checksum>
  <format><rpm:entry xmlns:rpm="http://linux.duke.edu/metadata/rpm" name="x"/></format>
  <location href="Packages/acme-1.2-3.noarch.rpm"/></package>"""


def repomd(body: str = DATA, before: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> bytes:
    return f"{before}<repomd {REPO}><revision>1</revision>{body}</repomd>\n".encode()


def primary(body: str = PACKAGE) -> bytes:
    return f'<?xml version="1.0"?>\n<metadata {COMMON}>{body}</metadata>'.encode()


def read(content: bytes | Iterable[bytes], limits: Limits | None = None) -> list[Listed]:
    pieces = [content] if isinstance(content, bytes) else list(content)
    whole = b"".join(pieces)
    reader = read_repomd if b"<repomd" in whole else read_primary
    return list(reader(pieces, limits or Limits()))


def test_lists_are_named_packed_and_unpacked() -> None:
    packed, opened = read(repomd())
    assert (packed.name, packed.digest) == ("repodata/x-primary.xml.gz", DIGEST)
    assert (opened.name, opened.digest) == ("repodata/x-primary.xml", OPENED)
    assert "x-primary.xml" in opened.aliases
    assert "primary" in packed.aliases


def test_packages_are_named_by_path_and_by_what_they_are() -> None:
    (package,) = read(primary())
    assert (package.name, package.digest) == ("acme-1.2-3.noarch", DIGEST)
    assert {"Packages/acme-1.2-3.noarch.rpm", "acme-1.2-3.noarch.rpm", "acme"} <= set(
        package.aliases
    )


def test_a_document_is_recognised_by_its_root_and_namespace() -> None:
    assert is_repomd(repomd())
    assert is_primary(primary())
    assert not is_repomd(primary())
    assert not is_primary(repomd())
    assert not is_repomd(b"<repomd>")
    assert not is_primary(b'<!DOCTYPE x><metadata xmlns="http://linux.duke.edu/metadata/common">')


def test_weak_checksums_are_none() -> None:
    (packed, _) = read(repomd(DATA.replace('<checksum type="sha256"', '<checksum type="sha1"')))
    assert packed.digest is None


@pytest.mark.parametrize(
    "content",
    [
        repomd(before='<!DOCTYPE repomd [<!ENTITY a "b">]>'),
        repomd(before="<!DOCTYPE repomd>"),
        repomd("<?php x?>" + DATA),
        repomd(DATA.replace(DIGEST.value, "&a;")),
        repomd(DATA.replace("</data>", "")),
        repomd(DATA.replace("<location", "<locatio")),
        repomd(DATA.replace(DIGEST.value, DIGEST.value[1:])),
        repomd(DATA.replace(DIGEST.value, "g" * 64)),
        repomd(DATA.replace("<timestamp>", AGAIN + "<timestamp>")),
        repomd(DATA.replace("<timestamp>", "<location href='other'/><timestamp>")),
        repomd() + b"x",
        repomd()[:-4],
        repomd().replace(b"metadata/repo", b"metadata/other"),
        primary(PACKAGE.replace("<version", "<versio")),
        b"<metadata>\xff",
    ],
)  # fmt: skip
def test_attack_18_what_two_readers_may_read_differently_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError):
        read(content)


def test_attack_16_entities_nesting_and_endless_tags_are_bounded() -> None:
    """Attack class 16."""
    small = Limits(stanza_bytes=2048)
    with pytest.raises(TooLargeError, match="nested"):
        read(repomd("<a>" * 100))
    with pytest.raises(TooLargeError, match="an entry"):
        read(repomd(DATA.replace("<timestamp>1", "<timestamp>" + "1" * 3000)), small)
    with pytest.raises(TooLargeError, match="an entry"):
        read(repomd(DATA.replace("<timestamp>1", "<a b='1'/>" * 3000 + "<timestamp>")), small)
    with pytest.raises(TooLargeError, match="a tag"):
        read([repomd("<data x='")[:-10], *[b"x" * 60_000] * 3], small)


def test_many_packages_are_read_one_after_the_other() -> None:
    pieces = [primary(PACKAGE * 500)[at : at + 777] for at in range(0, 500 * 600, 777)]
    assert len(read(pieces)) == 500


@settings(max_examples=150, deadline=None, database=None)
@given(st.binary(max_size=200), st.integers(0, len(repomd())))
def test_no_bytes_raise_anything_but_malformed(inserted: bytes, place: int) -> None:
    for whole in (repomd(), primary()):
        try:
            read(whole[:place] + inserted + whole[place:])
        except MalformedError:
            continue
