"""The reader of ZIP archives, against zipfile, hostile archives and arbitrary bytes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import MalformedError, TooLargeError
from core.limits import Limits
from core.model import MemoryContent
from tests.verification.x509.x509_material import plain_archive, with_entry
from verification.archives import zip_directory
from verification.archives.zip_archive import ZipArchive

LIMITS = Limits()
FILES = {"a.txt": b"alpha " * 50, "dir/b.bin": bytes(range(256)), "c": b""}
PLAIN = plain_archive(FILES)
STORED = plain_archive(FILES, zipfile.ZIP_STORED)
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def read(content: bytes, limits: Limits = LIMITS) -> dict[str, bytes]:
    archive = ZipArchive(MemoryContent(content), limits)
    return {entry.name: b"".join(archive.chunks(entry)) for entry in archive.entries}


class _Pipe(io.BytesIO):
    """A file that cannot be rewound, so that zipfile writes data descriptors."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def described() -> bytes:
    made = _Pipe()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return made.getvalue()


def wide() -> bytes:
    """Return an archive with Zip64 fields in the local headers."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as opened:
                opened.write(content)
    return made.getvalue()


@pytest.mark.parametrize("content", [PLAIN, STORED, described(), wide()])
def test_archive_of_zipfile(content: bytes) -> None:
    assert read(content) == FILES


def test_folders_and_comments_are_read() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.mkdir("folder")
        archive.writestr("folder/a", b"x")
        archive.comment = b"hello"
    archive_read = ZipArchive(MemoryContent(made.getvalue()), LIMITS)
    assert [entry.is_folder for entry in archive_read.entries] == [True, False]
    assert archive_read.comment_bytes == 5


def zip64_end(content: bytes) -> bytes:
    """Return the archive with a Zip64 end record and locator before its end."""
    at = content.rindex(b"PK\x05\x06")
    entries, length, offset = struct.unpack_from("<HLL", content, at + 10)
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, length, offset
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return content[:at] + record + locator + end


def test_zip64_end() -> None:
    content = zip64_end(PLAIN)
    assert read(content) == FILES
    assert ZipArchive(MemoryContent(content), LIMITS).is_zip64
    at = content.index(b"PK\x06\x06")
    for place in (4, 16, 20, 24, 32, 40, 48):
        changed = bytearray(content)
        changed[at + place] ^= 1
        with pytest.raises(MalformedError):
            read(bytes(changed))


# --- archives that two readers read differently ---------------------------------------------------


def patched(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


def central(content: bytes, number: int = 0) -> int:
    """Return where the record of an entry begins in the list at the end."""
    at = -1
    for _ in range(number + 1):
        at = content.index(b"PK\x01\x02", at + 1)
    return at


def overlapping() -> bytes:
    """Return an archive in which two records lead to one entry."""
    content = STORED
    second = central(content, 1)
    return patched(content, second + 42, struct.pack("<L", 0))


def doubled() -> bytes:
    made = io.BytesIO(PLAIN)
    with zipfile.ZipFile(made, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.txt", b"evil")
    return made.getvalue()


def renamed(name: bytes) -> bytes:
    return STORED.replace(b"a.txt", name.ljust(5, b"_")[:5])


HOSTILE: dict[str, Callable[[], bytes]] = {
    "bytes before": lambda: b"#!/bin/sh\n" + PLAIN,
    "bytes after": lambda: PLAIN + b"evil",
    "bytes before the list": lambda: _inserted(PLAIN, central(PLAIN)),
    "bytes between two entries": lambda: _parted(PLAIN),
    "two entries of one name": doubled,
    "entries overlap": overlapping,
    "another name in the header": lambda: patched(PLAIN, 30, b"b.txt"),
    "another method in the header": lambda: patched(PLAIN, 8, b"\0\0"),
    "another length in the header": lambda: patched(PLAIN, 22, b"\x01\0\0\0"),
    "another checksum in the header": lambda: patched(PLAIN, 14, b"\0\0\0\1"),
    "encrypted": lambda: patched(patched(PLAIN, 6, b"\1\0"), central(PLAIN) + 8, b"\1\0"),
    "unknown packing": lambda: patched(patched(PLAIN, 8, b"\x0c"), central(PLAIN) + 10, b"\x0c"),
    "one of several parts": lambda: patched(PLAIN, PLAIN.rindex(b"PK\x05\x06") + 4, b"\1\0"),
    "more entries than there are": lambda: _counted(PLAIN, 4),
    "fewer entries than there are": lambda: _counted(PLAIN, 2),
    "list cut off": lambda: PLAIN[:-40],
    "no archive": lambda: b"PK\x03\x04 nothing",
    "empty": lambda: b"",
    "a name that leads out": lambda: renamed(b"../ab"),
    "an absolute name": lambda: renamed(b"/abcd"),
    "a drive": lambda: renamed(b"C:abc"),
    "a zero byte in a name": lambda: renamed(b"a\0.tx"),
    "a backslash in a name": lambda: renamed(b"..\\ab"),
    "stored with two lengths": lambda: patched(STORED, central(STORED) + 24, b"\x01\0\0\0"),
}  # fmt: skip


def _inserted(content: bytes, at: int) -> bytes:
    end = content.rindex(b"PK\x05\x06")
    offset = struct.unpack_from("<L", content, end + 16)[0]
    moved = patched(content, end + 16, struct.pack("<L", offset + 4))
    return moved[:at] + b"evil" + moved[at:]


def _parted(content: bytes) -> bytes:
    """Return the archive with four bytes before its second entry, and all offsets right."""
    second = content.index(b"PK\x03\x04", 4)
    moved = content
    for number in (1, 2):
        at = central(content, number) + 42
        offset = struct.unpack_from("<L", content, at)[0]
        moved = patched(moved, at, struct.pack("<L", offset + 4))
    return _inserted(moved, second)


def _counted(content: bytes, number: int) -> bytes:
    return patched(content, content.rindex(b"PK\x05\x06") + 8, struct.pack("<2H", number, number))


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_attack_17_what_can_be_read_in_two_ways_is_refused(make: Callable[[], bytes]) -> None:
    content = make()
    assert content not in (PLAIN, STORED)
    with pytest.raises(MalformedError):
        read(content)


def archive_of(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return made.getvalue()


def test_names_of_other_packers_are_read_as_they_stand() -> None:
    """Backslashes, as on Windows, and two strokes for one, as of `dotnet pack`."""
    names = ("lib\\net8.0\\a.dll", "analyzers/cs//b.dll", "c", "d\\")
    assert list(read(archive_of(*names))) == list(names)


@pytest.mark.parametrize("other", ["a\\b", "a//b", "a\\/b"])
def test_attack_17_two_spellings_of_one_place_are_refused(other: str) -> None:
    with pytest.raises(MalformedError, match="twice"):
        read(archive_of("a/b", other))


def test_second_name_in_an_extra_field_is_refused() -> None:
    made = io.BytesIO()
    info = zipfile.ZipInfo("a.txt")
    info.extra = struct.pack("<2HBL", 0x7075, 9, 1, 0) + b"evil"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(info, b"x")
    with pytest.raises(MalformedError, match="second name"):
        read(made.getvalue())


def test_data_that_is_not_what_the_list_states() -> None:
    place = STORED.index(b"alpha")
    with pytest.raises(MalformedError, match="CRC"):
        read(patched(STORED, place, b"omega"))
    longer = zlib.compress(b"x" * 100)[2:-4]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"x" * 100)
    content = made.getvalue()
    assert longer in content
    for length in (99, 101):
        lengths = struct.pack("<L", length)
        changed = patched(patched(content, 22, lengths), central(content) + 24, lengths)
        with pytest.raises(MalformedError):
            read(changed)


# --- limits ---------------------------------------------------------------------------------------


def test_attack_16_bombs_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = plain_archive({f"{number}": bytes(20_000_000) for number in range(4)})
    assert len(bomb) < 100_000
    with pytest.raises(TooLargeError):
        read(bomb)
    monkeypatch.setattr(zip_directory, "MAX_ENTRIES", 2)
    with pytest.raises(TooLargeError):
        read(PLAIN)
    monkeypatch.setattr(zip_directory, "MAX_ENTRIES", 200)
    monkeypatch.setattr(zip_directory, "MAX_DIRECTORY_BYTES", 100)
    with pytest.raises(TooLargeError):
        read(PLAIN)


def test_entry_that_lies_about_its_length_is_unpacked_no_further() -> None:
    content = plain_archive({"a": bytes(50_000_000)})
    lengths = struct.pack("<L", 10)
    lying = patched(patched(content, 22, lengths), central(content) + 24, lengths)
    archive = ZipArchive(MemoryContent(lying), LIMITS)
    pieces: list[bytes] = []
    with pytest.raises(MalformedError, match="more than it states"):
        pieces.extend(archive.chunks(archive.entries[0]))
    assert sum(map(len, pieces)) < 1_000_000


# --- properties -----------------------------------------------------------------------------------

NAMES = st.text("abcdé", min_size=1, max_size=8)


@QUICK
@given(
    files=st.dictionaries(NAMES, st.binary(max_size=300), max_size=5),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_whatever_zipfile_writes_is_read_back(files: dict[str, bytes], method: int) -> None:
    assert read(plain_archive(files, method)) == files


@QUICK
@given(place=st.integers(0, len(PLAIN) - 1), value=st.integers(0, 255))
def test_changed_archive_is_refused_or_reads_the_same(place: int, value: int) -> None:
    changed = patched(PLAIN, place, bytes([value]))
    try:
        found = read(changed)
    except MalformedError:
        return
    assert found == FILES


@QUICK
@given(content=st.binary(max_size=200), cut=st.integers(0, len(PLAIN)))
def test_no_bytes_make_the_reader_raise_anything_else(content: bytes, cut: int) -> None:
    for offered in (content, PLAIN[:cut] + content, content + PLAIN[cut:]):
        try:
            found = read(offered)
        except MalformedError:
            continue
        assert isinstance(found, dict)


def test_one_more_entry_is_read() -> None:
    assert read(with_entry(PLAIN, "d", b"more")) == FILES | {"d": b"more"}
