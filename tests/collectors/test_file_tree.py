"""The folder collector, over folders made on the spot."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collectors import file_evidence
from collectors.collector import Surroundings
from collectors.file_content import FileContent, Stamp, raw, shown
from collectors.file_tree import FileTreeCollector, FileTreeOptions
from core.errors import CollectionError, DeniedError, RefusedError, UnreachableError
from core.limits import Limits
from core.model import (
    Digest,
    DigestOrigin,
    Discovery,
    EvidenceSet,
    IndexKept,
    Location,
    Sighting,
    Subject,
    UnitEnd,
    digest_of,
)
from net.http import Http

NOBODY = 65534
SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
ARMOR = b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"


@dataclass(frozen=True)
class Remembered:
    """The memory of one earlier complete scan."""

    state: str = ""

    def unit_state(self) -> str:
        return self.state

    def accepted(self) -> str:
        return ""

    def digest_at(self, location: Location) -> Digest | None:
        del location
        return None

    def set_at(self, location: Location) -> str:
        del location
        return ""

    def state_of(self, key: str) -> str:
        del key
        return ""


NOTHING = Remembered()


@dataclass
class CountedPattern:
    """A pattern, and how often something was put in the place of what it matches."""

    pattern: re.Pattern[str]
    asked: int = 0

    def sub(self, new: str, text: str) -> str:
        self.asked += 1
        return self.pattern.sub(new, text)


def collector_of(
    folder: Path, limits: Limits | None = None, **options: object
) -> FileTreeCollector:
    spool = folder.parent / "spool"
    spool.mkdir(exist_ok=True)
    surroundings = Surroundings(
        cast("Http", None), limits or Limits(), {}, base=folder.parent, spool=spool
    )
    parsed = FileTreeOptions.model_validate({"path": folder.name, **options})
    return FileTreeCollector("downloads", parsed, surroundings)


@dataclass(frozen=True)
class Found:
    """What one unit gave, sorted by kind."""

    sets: dict[str, EvidenceSet]
    sightings: list[Sighting]
    end: UnitEnd | None
    error: CollectionError | None
    lists: dict[str, bytes]  # kept, by path

    def set_of(self, name: str) -> EvidenceSet:
        return self.sets[next(s.evidence_set for s in self.sightings if s.location.name == name)]

    @property
    def names(self) -> list[str]:
        return [sighting.location.name for sighting in self.sightings]


def read(
    folder: Path,
    unit: str = ".",
    limits: Limits | None = None,
    memory: Remembered = NOTHING,
    **options: object,
) -> Found:
    return sort_out(collector_of(folder, limits, **options).collect(unit, memory))


def sort_out(stream: Iterator[Discovery]) -> Found:
    sets: dict[str, EvidenceSet] = {}
    sightings: list[Sighting] = []
    lists: dict[str, bytes] = {}
    end, error = None, None
    try:
        for item in stream:
            assert end is None, "nothing may follow the end"
            if isinstance(item, EvidenceSet):
                assert item.key not in sets, "a set is said once"
                sets[item.key] = item
            elif isinstance(item, Sighting):
                assert item.evidence_set in sets, "a set comes before its sightings"
                sightings.append(item)
            elif isinstance(item, IndexKept):
                assert item.name not in lists, "a list is kept once"
                lists[item.name] = b"".join(item.content.chunks())
                assert item.digest == digest_of(lists[item.name])
            else:
                assert isinstance(item, UnitEnd)
                end = item
    except CollectionError as raised:
        error = raised
    return Found(sets, sightings, end, error, lists)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "downloads"
    made.mkdir()
    return made


def write(folder: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def put(folder: Path, name: str, content: bytes = b"content\n") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def checksums(folder: Path, names: Sequence[str], algorithm: str = "sha256") -> bytes:
    lines = [
        f"{hashlib.new(algorithm, (folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
    ]
    return "".join(lines).encode()


class TestArtifacts:
    def test_a_file_is_hashed_by_us_and_located_by_its_path(self, folder: Path) -> None:
        put(folder, "linux/app.bin", b"bytes")
        found = read(folder, "linux")
        (sighting,) = found.sightings
        assert sighting.location == Location("linux", "linux/app.bin")
        assert sighting.artifact.kind == "file"
        assert sighting.artifact.digest == Digest("sha256", hashlib.sha256(b"bytes").hexdigest())
        assert sighting.artifact.origin is DigestOrigin.COMPUTED
        assert sighting.artifact.size == 5

    def test_a_file_with_nothing_beside_it_is_unsigned_and_says_where_we_looked(
        self, folder: Path
    ) -> None:
        put(folder, "app.bin")
        evidence_set = read(folder).set_of("app.bin")
        assert evidence_set.key == "file:app.bin"
        assert (evidence_set.evidence, evidence_set.unread) == ((), ())
        assert {"app.bin.asc", "app.bin.sig", "app.bin.sigstore.json"} <= set(evidence_set.looked)

    def test_an_empty_file_is_an_artifact(self, folder: Path) -> None:
        put(folder, "empty", b"")
        (sighting,) = read(folder).sightings
        assert sighting.artifact.digest.value == hashlib.sha256(b"").hexdigest()

    @pytest.mark.parametrize("name", ["key.asc", "lonely.sig", "server.pem", "x.sigstore.json"])
    def test_evidence_of_nothing_is_an_artifact_itself(self, folder: Path, name: str) -> None:
        put(folder, name)
        assert read(folder).names == [name]

    def test_artifacts_come_in_order_of_name(self, folder: Path) -> None:
        for name in ("c", "a", "b"):
            put(folder, name)
        assert read(folder).names == ["a", "b", "c"]

    def test_include_and_exclude_choose_artifacts_and_never_hide_evidence(
        self, folder: Path
    ) -> None:
        for name in ("app.tar", "app.tar.asc", "notes.txt", "old.tar"):
            put(folder, name, ARMOR)
        found = read(folder, include=["*.tar"], exclude=["old*"])
        assert found.names == ["app.tar"]
        assert len(found.set_of("app.tar").evidence) == 1


class TestEvidenceBesideAFile:
    @pytest.mark.parametrize(
        ("suffix", "content", "media_type"),
        [
            (".asc", ARMOR, "application/pgp-signature"),
            (".sig", ARMOR, "application/pgp-signature"),
            (".sig", b"0E\x02\x01", "application/octet-stream"),
            (".minisig", b"untrusted comment: x\nRUQ\n", "application/x-minisign"),
            (".sigstore.json", b'{"mediaType":"x"}', "application/json"),
            (".sigstore", b' {"mediaType":"x"}', "application/json"),
            (".att", b'{"payload":""}', "application/json"),
            (".provenance", b'{"version":1}', "application/json"),
            (".publish.attestation", b'{"version":1}', "application/json"),
            (".prov", b"-----BEGIN PGP SIGNED MESSAGE-----\n", "application/octet-stream"),
            (".tsr", b"0\x82", "application/octet-stream"),
            (".p7s", b"0\x82", "application/octet-stream"),
            (".bundle", b'{\n"a": {\n}\n}', "application/json"),
            (".asc", b"", "application/octet-stream"),
        ],
    )
    def test_it_is_read_whole_and_named_by_what_its_bytes_claim(
        self, folder: Path, suffix: str, content: bytes, media_type: str
    ) -> None:
        put(folder, "sub/app", b"app")
        put(folder, f"sub/app{suffix}", content)
        found = read(folder, "sub")
        assert found.names == ["sub/app"]
        (evidence,) = found.set_of("sub/app").evidence
        assert (evidence.content, evidence.media_type) == (content, media_type)
        assert evidence.origin == f"sub/app{suffix}"
        assert evidence.subject.name == "app"
        assert evidence.subject.digest("sha256") == found.sightings[0].artifact.digest
        assert evidence.subject.content is not None
        assert b"".join(evidence.subject.content.chunks()) == b"app"
        assert evidence.through == ()

    @pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
    def test_what_signatures_are_made_over_is_kept_for_keys_of_later(
        self, folder: Path, algorithm: str
    ) -> None:
        put(folder, "app", b"app")
        put(folder, "app.sig", b"x")
        (evidence,) = read(folder).set_of("app").evidence
        assert algorithm in {digest.algorithm for digest in evidence.subject.digests}

    @pytest.mark.parametrize("suffix", [".pem", ".crt", ".cert"])
    def test_a_certificate_beside_a_bare_signature_is_a_hint(
        self, folder: Path, suffix: str
    ) -> None:
        put(folder, "app")
        put(folder, "app.sig", b"signature")
        put(folder, f"app{suffix}", b"certificate")
        found = read(folder)
        assert found.names == ["app"]
        (evidence,) = found.set_of("app").evidence
        assert (evidence.content, evidence.hint) == (b"signature", b"certificate")

    def test_a_certificate_without_a_signature_is_an_artifact(self, folder: Path) -> None:
        put(folder, "app")
        put(folder, "app.pem")
        found = read(folder)
        assert found.names == ["app", "app.pem"]
        assert found.set_of("app").evidence == ()

    def test_each_line_of_json_lines_is_a_piece(self, folder: Path) -> None:
        put(folder, "app")
        put(folder, "app.intoto.jsonl", b'{"a":1}\n\n{"b":2}\n')
        pieces = read(folder).set_of("app").evidence
        assert [piece.content for piece in pieces] == [b'{"a":1}', b'{"b":2}']

    @pytest.mark.parametrize("mark", [":", "-"])
    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_a_file_named_by_the_digest_of_another_is_evidence_for_it(
        self, folder: Path, algorithm: str, mark: str
    ) -> None:
        put(folder, "app")
        put(folder, "other", b"other\n")
        digest = digest_of((folder / "app").read_bytes(), algorithm)
        origin = f"{algorithm}{mark}{digest.value}.jsonl"
        put(folder, origin, b'{"a":1}\n{"b":2}\n')
        found = read(folder)
        assert found.names == ["app", "other"]
        pieces = found.set_of("app").evidence
        assert [(piece.origin, piece.content) for piece in pieces] == [
            (origin, b'{"a":1}'),
            (origin, b'{"b":2}'),
        ]
        assert found.set_of("other").evidence == ()

    @pytest.mark.parametrize(
        "name",
        [
            f"sha256:{'0' * 64}.jsonl",
            f"sha512:{digest_of(b'content').value}.jsonl",
            "sha256:0.jsonl",
        ],
    )
    def test_a_file_named_by_the_digest_of_none_is_an_artifact(
        self, folder: Path, name: str
    ) -> None:
        put(folder, "app")
        put(folder, name, b"{}\n")
        found = read(folder)
        assert sorted(found.names) == ["app", name]
        assert found.set_of("app").evidence == ()

    def test_attack_06_many_files_named_by_digests_take_linear_time(self, folder: Path) -> None:
        for number in range(2000):
            put(folder, f"app{number}", b"")
            name = digest_of(str(number).encode()).value
            put(folder, f"sha256:{name}.jsonl", b"")
        started = time.process_time()
        assert len(read(folder).names) == 4000
        assert time.process_time() - started < 2  # measured: 0.4 s; 3.3 s where each asks all

    def test_what_github_answers_holds_a_piece_under_each_bundle(self, folder: Path) -> None:
        put(folder, "app")
        listed = [{"bundle": {"a": 1}, "repository_id": 7}, {"bundle": {"b": 2}}]
        put(folder, "app.sigstore.json", json.dumps({"attestations": listed}, indent=1).encode())
        pieces = read(folder).set_of("app").evidence
        assert [json.loads(piece.content) for piece in pieces] == [{"a": 1}, {"b": 2}]

    @pytest.mark.parametrize(
        "suffix", [".bundle", ".sigstore.json", ".sigstore.jsonl", ".att", ".sig"]
    )
    def test_lines_of_json_are_pieces_whatever_the_file_is_called(
        self, folder: Path, suffix: str
    ) -> None:
        put(folder, "app")
        put(folder, f"app{suffix}", b'{"a":1}\n{"b":2}\n')
        pieces = read(folder).set_of("app").evidence
        assert [piece.content for piece in pieces] == [b'{"a":1}', b'{"b":2}']

    def test_pieces_beyond_the_limit_are_unread_and_said_so(self, folder: Path) -> None:
        put(folder, "app")
        put(folder, "app.intoto.jsonl", b"{}\n" * 50_000)
        found = read(folder, limits=Limits(signatures=3))
        evidence_set = found.set_of("app")
        assert len(evidence_set.evidence) == 3
        assert [unread.reason for unread in evidence_set.unread] == ["TOO_LARGE"]
        assert found.end == UnitEnd(state="")

    def test_oversized_evidence_is_unread_never_unsigned(self, folder: Path) -> None:
        put(folder, "app")
        put(folder, "app.asc", b"x" * 2000)
        put(folder, "other")
        found = read(folder, limits=Limits(evidence_bytes=1024))
        (unread,) = found.set_of("app").unread
        assert unread.reason == "TOO_LARGE"
        assert "limits.evidence_bytes" in unread.detail
        assert found.set_of("other").unread == ()
        assert found.end == UnitEnd(state="")  # so that the next scan looks again


class TestEvidenceInsideAFile:
    @pytest.mark.parametrize(
        "start", [b"\xed\xab\xee\xdb", b"PK\x03\x04", b"MZ", b"tree 0", b"object 0"]
    )
    def test_file_that_may_bear_a_signature_speaks_for_itself(
        self, folder: Path, start: bytes
    ) -> None:
        content = start + b"rest" * 5000
        put(folder, "sub/app", content)
        found = read(folder, "sub").set_of("sub/app")
        (within,) = found.evidence
        assert within.is_inside
        assert within.content == content[:4096]
        assert within.origin == "sub/app"
        assert within.subject.content is not None
        assert b"".join(within.subject.content.chunks()) == content
        assert "app.asc" in found.looked  # for it may bear none

    @pytest.mark.parametrize("start", [b"", b"M", b" MZ", b"PK\x01\x02", b"tree\n", b"\x7fELF"])
    def test_other_files_do_not(self, folder: Path, start: bytes) -> None:
        put(folder, "app", start)
        assert read(folder).set_of("app").evidence == ()

    def test_what_lies_beside_comes_first_and_is_never_crowded_out(self, folder: Path) -> None:
        put(folder, "app.jar", b"PK\x03\x04")
        put(folder, "app.jar.asc", ARMOR)
        first, second = read(folder).set_of("app.jar").evidence
        assert (first.content, second.is_inside) == (ARMOR, True)
        found = read(folder, limits=Limits(signatures=1)).set_of("app.jar")
        assert [one.content for one in found.evidence] == [ARMOR]
        assert [one.reason for one in found.unread] == ["TOO_LARGE"]

    def test_file_named_by_a_signed_list_keeps_what_is_inside_to_itself(self, folder: Path) -> None:
        put(folder, "a.jar", b"PK\x03\x04 a")
        put(folder, "b.txt", b"b")
        put(folder, "c.txt", b"c")
        put(folder, "SHA256SUMS", checksums(folder, ["a.jar", "b.txt", "c.txt"]))
        put(folder, "SHA256SUMS.asc", ARMOR)
        found = read(folder)
        assert found.set_of("a.jar").key == "file:a.jar"
        assert [one.is_inside for one in found.set_of("a.jar").evidence] == [False, True]
        assert found.set_of("b.txt").key == found.set_of("c.txt").key == "list:./SHA256SUMS"
        assert len(found.set_of("b.txt").evidence) == 1

    def test_heads_are_not_kept_in_memory(self, folder: Path) -> None:
        for number in range(300):
            put(folder, f"{number}.jar", b"PK\x03\x04" + bytes(8000))
        collector = collector_of(folder)
        tracemalloc.start()
        held = [
            tracemalloc.get_traced_memory()[0]
            for discovery in collector.collect(".", NOTHING)
            if isinstance(discovery, Sighting)
        ]
        tracemalloc.stop()
        assert held[-1] - held[10] < 290 * 2048


class TestChecksumLists:
    @pytest.mark.parametrize(
        ("list_name", "algorithm"),
        [
            ("SHA256SUMS", "sha256"),
            ("SHA384SUMS", "sha384"),
            ("SHA512SUMS", "sha512"),
            ("B2SUMS", "blake2b"),
            ("sha256sums.txt", "sha256"),
            ("app_1.0_checksums.txt", "sha256"),
            ("release.sha512", "sha512"),
            ("app_1.0_SHA256SUMS", "sha256"),
            ("SHASUMS256.txt", "sha256"),
            ("SHA256", "sha256"),
            ("CHECKSUM", "sha512"),
        ],
    )
    @pytest.mark.parametrize("suffix", [".asc", ".sig", ".gpg"])
    def test_files_of_one_signed_list_share_one_set(
        self, folder: Path, list_name: str, algorithm: str, suffix: str
    ) -> None:
        put(folder, "a", b"a")
        put(folder, "b", b"b")
        listing = put(folder, list_name, checksums(folder, ["a", "b"], algorithm))
        put(folder, list_name + suffix, ARMOR)
        found = read(folder)
        assert found.names == ["a", "b"]
        (evidence_set,) = found.sets.values()
        assert evidence_set.key == f"list:./{list_name}"
        (evidence,) = evidence_set.evidence
        assert (evidence.content, evidence.origin) == (ARMOR, list_name + suffix)
        assert evidence.subject.name == list_name
        of_list = Digest("sha256", hashlib.sha256(listing.read_bytes()).hexdigest())
        assert evidence.subject.digest("sha256") == of_list
        assert evidence.through == ()
        assert found.lists == {list_name: listing.read_bytes()}

    def test_a_file_with_its_own_signature_has_its_own_set_with_both(self, folder: Path) -> None:
        put(folder, "a", b"a")
        put(folder, "b", b"b")
        put(folder, "a.asc", b"own")
        put(folder, "SHA256SUMS", checksums(folder, ["a", "b"]))
        put(folder, "SHA256SUMS.asc", b"of list")
        found = read(folder)
        own = found.set_of("a")
        assert own.key == "file:a"
        assert [piece.content for piece in own.evidence] == [b"own", b"of list"]
        assert [piece.subject.name for piece in own.evidence] == ["a", "SHA256SUMS"]
        assert found.set_of("b").key == "list:./SHA256SUMS"

    def test_a_list_that_says_something_else_is_evidence_against_only(self, folder: Path) -> None:
        put(folder, "a", b"a")
        put(folder, "b", b"b")
        listing = put(folder, "SHA256SUMS", checksums(folder, ["a", "b"]))
        put(folder, "SHA256SUMS.asc", ARMOR)
        put(folder, "a", b"A")
        found = read(folder)
        (evidence,) = found.set_of("a").evidence
        assert found.set_of("a").key == "file:a"
        assert (evidence.content, evidence.media_type) == (listing.read_bytes(), "text/x-checksums")
        assert evidence.subject.name == "a"
        assert evidence.subject.digest("sha256") == found.sightings[0].artifact.digest
        assert found.set_of("b").key == "list:./SHA256SUMS"

    def test_an_unsigned_list_proves_nothing(self, folder: Path) -> None:
        put(folder, "a", b"a")
        put(folder, "SHA256SUMS", checksums(folder, ["a"]))
        found = read(folder)
        assert found.names == ["a"]
        assert found.set_of("a").evidence == ()
        assert "SHA256SUMS (has no signature beside it)" in found.set_of("a").looked

    @pytest.mark.parametrize("name", ["Fedora-39-CHECKSUM", "sha256sums.asc", "SHA256SUMS"])
    def test_a_list_inside_a_signed_message_vouches_for_what_it_names(
        self, folder: Path, name: str
    ) -> None:
        for each in ("a", "b", "c"):
            put(folder, each, each.encode())
        text = checksums(folder, ["a", "b"])
        listing = put(folder, name, SIGNED + text + ARMOR)
        found = read(folder)
        assert found.names == ["a", "b", "c"]
        (evidence,) = found.set_of("a").evidence
        assert evidence.content == listing.read_bytes()
        assert evidence.subject == Subject(name, (digest_of(text),))
        assert found.set_of("a") is found.set_of("b")
        assert found.set_of("a").key == f"list:./{name}"
        assert found.lists == {}, "the evidence holds it"
        assert f"{name} (does not name it)" in found.set_of("c").looked
        put(folder, "a", b"A")
        (evidence,) = read(folder).set_of("a").evidence
        assert (evidence.content, evidence.subject.name) == (text, "a")

    def test_a_broken_signed_message_is_unread_and_a_lone_signature_an_artifact(
        self, folder: Path
    ) -> None:
        put(folder, "a", b"a")
        put(folder, "sha256sums.asc", ARMOR)
        assert read(folder).names == ["a", "sha256sums.asc"]
        put(folder, "sha256sums.asc", SIGNED + checksums(folder, ["a"]))
        found = read(folder)
        assert found.names == ["a"]
        assert [each.reason for each in found.set_of("a").unread] == ["MALFORMED"]

    @pytest.mark.parametrize("signed", [False, True])
    def test_a_list_beside_each_file_is_looked_at_once(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, signed: bool
    ) -> None:
        names = [f"f{number}" for number in range(30)]
        for name in names:
            put(folder, name, name.encode())
            put(folder, f"{name}.sha256", b"no list")
            if signed:
                put(folder, f"{name}.sha256.asc", ARMOR)
        lists = CountedPattern(file_evidence.CHECKSUM_SUFFIX)
        monkeypatch.setattr(file_evidence, "CHECKSUM_SUFFIX", lists)
        found = read(folder)
        assert found.names == sorted(names)
        assert lists.asked <= 2 * len(names)
        for name in names:
            unread, looked = found.set_of(name).unread, found.set_of(name).looked
            assert len(unread) == int(signed)
            about = [each for each in looked if ".sha256" in each]
            assert about == ([] if signed else [f"{name}.sha256 (has no signature beside it)"])

    def test_a_file_that_the_signed_list_leaves_out_is_unsigned(self, folder: Path) -> None:
        put(folder, "a", b"a")
        put(folder, "b", b"b")
        put(folder, "SHA256SUMS", checksums(folder, ["a"]))
        put(folder, "SHA256SUMS.asc", ARMOR)
        evidence_set = read(folder).set_of("b")
        assert (evidence_set.key, evidence_set.evidence) == ("file:b", ())
        assert "SHA256SUMS (does not name it)" in evidence_set.looked

    def test_a_listed_file_that_does_not_exist_is_passed_over(self, folder: Path) -> None:
        put(folder, "a", b"a")
        put(folder, "b", b"b")
        put(folder, "SHA256SUMS", checksums(folder, ["a", "b"]))
        put(folder, "SHA256SUMS.asc", ARMOR)
        (folder / "b").unlink()
        assert read(folder).names == ["a"]

    def test_files_of_the_same_two_lists_share_a_set_of_both(self, folder: Path) -> None:
        for name in ("a", "b", "c"):
            put(folder, name, name.encode())
        put(folder, "SHA256SUMS", checksums(folder, ["a", "b", "c"]))
        put(folder, "SHA512SUMS", checksums(folder, ["a", "b"], "sha512"))
        for name in ("SHA256SUMS", "SHA512SUMS"):
            put(folder, f"{name}.asc", name.encode())
        found = read(folder)
        both = found.set_of("a")
        assert both is found.set_of("b")
        assert [piece.content for piece in both.evidence] == [b"SHA256SUMS", b"SHA512SUMS"]
        assert found.set_of("c").key == "list:./SHA256SUMS"
        assert len({evidence_set.key for evidence_set in found.sets.values()}) == 2

    def test_the_same_list_name_in_two_folders_is_two_sets(self, folder: Path) -> None:
        for unit in ("x", "x/y"):
            put(folder, f"{unit}/a", b"a")
            put(folder, f"{unit}/SHA256SUMS", checksums(folder / unit, ["a"]))
            put(folder, f"{unit}/SHA256SUMS.asc", ARMOR)
        keys = {key for unit in ("x", "x/y") for key in read(folder, unit).sets}
        assert keys == {"list:x/SHA256SUMS", "list:x/y/SHA256SUMS"}

    def test_a_signed_list_that_cannot_be_read_leaves_what_it_may_name_unknown(
        self, folder: Path
    ) -> None:
        put(folder, "a", b"a")
        put(folder, "SHA256SUMS", b"\xff\xfe not a list")
        put(folder, "SHA256SUMS.asc", ARMOR)
        found = read(folder)
        (unread,) = found.set_of("a").unread
        assert unread.reason == "MALFORMED"
        assert found.set_of("a").looked == ()
        assert found.end == UnitEnd(state="")

    def test_a_broken_list_named_after_one_file_touches_no_other(self, folder: Path) -> None:
        put(folder, "a", b"a")
        put(folder, "b", b"b")
        put(folder, "a.sha256", b"\xff not a list")
        put(folder, "a.sha256.asc", ARMOR)
        found = read(folder)
        assert [unread.reason for unread in found.set_of("a").unread] == ["MALFORMED"]
        assert found.set_of("b").unread == ()

    def test_an_oversized_list_leaves_its_files_unknown(self, folder: Path) -> None:
        put(folder, "a", b"a")
        put(folder, "SHA256SUMS", checksums(folder, ["a"]) + b"#" * 2000)
        put(folder, "SHA256SUMS.asc", ARMOR)
        found = read(folder, limits=Limits(evidence_bytes=1024))
        assert [unread.reason for unread in found.set_of("a").unread] == ["TOO_LARGE"]

    def test_a_list_never_reaches_into_another_folder(self, folder: Path) -> None:
        put(folder, "sub/a", b"a")
        put(folder, "top", b"top")
        put(folder, "SHA256SUMS", checksums(folder, ["top"]))
        put(folder, "SHA256SUMS.asc", ARMOR)
        assert read(folder, "sub").set_of("sub/a").evidence == ()


class TestUnits:
    def test_folders_that_hold_files_sorted_top_down(self, folder: Path) -> None:
        for name in ("b/x", "a/deep/er/x", "a/x", "a.txt"):
            put(folder, name)
        (folder / "void").mkdir()
        assert list(collector_of(folder).units()) == [".", "a", "a/deep/er", "b"]

    def test_units_are_yielded_before_everything_is_walked(self, folder: Path) -> None:
        put(folder, "a/x")
        units = collector_of(folder).units()
        assert next(units) == "a"
        put(folder, "a/later/x")
        put(folder, "a/x")
        assert list(units) == []

    def test_an_excluded_folder_is_not_entered(self, folder: Path) -> None:
        for name in ("old/a/x", "old/x", "new/x"):
            put(folder, name)
        assert list(collector_of(folder, exclude=["old/**"]).units()) == ["new"]

    def test_too_many_files_end_the_list_with_one_clear_error(self, folder: Path) -> None:
        for number in range(12):
            put(folder, f"{number % 3}/{number}")
        with pytest.raises(CollectionError, match="limits\\.files") as raised:
            list(collector_of(folder, Limits(files=10)).units())
        assert raised.value.reason == "TOO_LARGE"

    def test_a_missing_folder_names_the_source_and_the_fix(self, tmp_path: Path) -> None:
        with pytest.raises(UnreachableError, match="`path` of source downloads"):
            list(collector_of(tmp_path / "gone").units())

    def test_a_file_in_place_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        put(tmp_path, "gone")
        with pytest.raises(UnreachableError, match="no such folder"):
            list(collector_of(tmp_path / "gone").units())

    @pytest.mark.parametrize(
        "options",
        [{"follow_links": True}, {"include": [""]}, {"exclude": ["x" * 600]}, {"path": "a\0b"}],
    )
    def test_options_that_mean_nothing_are_refused(self, options: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            FileTreeOptions.model_validate({"path": "x", **options})


class TestHostileFolders:
    def test_links_and_special_files_are_passed_over(self, folder: Path, tmp_path: Path) -> None:
        put(tmp_path, "outside/secret", b"secret")
        put(folder, "app")
        (folder / "link").symlink_to(tmp_path / "outside" / "secret")
        (folder / "app.asc").symlink_to(tmp_path / "outside" / "secret")
        (folder / "tree").symlink_to(tmp_path / "outside")
        (folder / "loop").symlink_to(folder)
        os.mkfifo(folder / "fifo")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(folder / "s"))
            found = read(folder)
            assert list(collector_of(folder).units()) == ["."]
        assert found.names == ["app"]
        assert found.set_of("app").evidence == ()

    @pytest.mark.parametrize("unit", ["../outside", "tree", "..", "a/../../outside", "/etc"])
    def test_no_unit_leads_out_of_the_folder(self, folder: Path, tmp_path: Path, unit: str) -> None:
        put(tmp_path, "outside/secret")
        put(folder, "a/x")
        (folder / "tree").symlink_to(tmp_path / "outside")
        found = read(folder, unit)
        assert isinstance(found.error, RefusedError)
        assert found.sightings == []

    def test_a_file_exchanged_for_a_link_after_listing_is_not_followed(
        self, folder: Path, tmp_path: Path
    ) -> None:
        put(tmp_path, "secret", b"secret")
        put(folder, "a")
        put(folder, "b")
        stream = collector_of(folder).collect(".", NOTHING)
        first = next(stream)
        (folder / "b").unlink()
        (folder / "b").symlink_to(tmp_path / "secret")
        found = sort_out(_chain(first, stream))
        assert found.names == ["a"]
        assert found.end is None
        assert found.error is not None
        assert found.error.reason == "SOURCE_UNREACHABLE"

    def test_a_file_that_changes_during_the_scan_leaves_the_unit_incomplete(
        self, folder: Path
    ) -> None:
        for name in ("a", "b", "c"):
            put(folder, name)
        stream = collector_of(folder).collect(".", NOTHING)
        first = next(stream)
        put(folder, "b", b"CONTENT\n")
        found = sort_out(_chain(first, stream))
        assert found.names == ["a", "c"]
        assert found.end is None
        assert found.error is not None
        assert found.error.reason == "CONTENT_CHANGED"
        assert "b" in str(found.error)

    def test_a_file_exchanged_after_hashing_is_never_verified_in_its_place(
        self, folder: Path
    ) -> None:
        put(folder, "app", b"first")
        put(folder, "app.sig", b"x")
        (evidence,) = read(folder).set_of("app").evidence
        put(folder, "other", b"other")
        (folder / "other").rename(folder / "app")
        content = evidence.subject.content
        assert content is not None
        with pytest.raises(UnreachableError):
            list(content.chunks())

    def test_bytes_changed_under_an_unchanged_stamp_are_not_taken_for_those_hashed(
        self, folder: Path
    ) -> None:
        # As a writer with the file mapped can do it: the stamp of now, the digest of before.
        old = FileContent(put(folder, "app", b"good"), stamp_of(folder / "app"), folder)
        digest = old.digest("sha256")
        put(folder, "app", b"evil")
        new = FileContent(folder / "app", stamp_of(folder / "app"), folder, {"sha256": digest})
        assert list(FileContent(new.file, new.stamp, folder).chunks()) == [b"evil"]
        for reading in (
            lambda: list(new.chunks()),
            lambda: new.digest("sha512"),
            lambda: new.read(100, "limit"),
            lambda: new.path,
        ):
            with pytest.raises(UnreachableError) as raised:
                reading()
            assert raised.value.reason == "CONTENT_CHANGED"

    def test_readers_that_open_files_get_a_copy_nobody_can_exchange(self, folder: Path) -> None:
        put(folder, "app", b"app")
        put(folder, "app.asc", ARMOR)
        spool = folder.parent / "spool"
        stream = collector_of(folder).collect(".", NOTHING)
        found = next(stream)
        assert isinstance(found, EvidenceSet)
        content = found.evidence[0].subject.content
        assert isinstance(content, FileContent)
        copy = content.path
        put(folder, "app", b"exchanged")
        assert copy.parent == spool
        assert copy.read_bytes() == b"app"
        assert isinstance(next(stream), Sighting)
        assert list(spool.iterdir()) == []

    def test_names_are_kept_as_they_are(self, folder: Path) -> None:
        names = ["<script>alert(1)", "\u202egnp.exe", "\x1b[31mred"]
        names += ["=cmd|x", "new\nline", "ünï", " "]
        for name in names:
            put(folder, name)
        assert sorted(read(folder).names) == sorted(names)

    def test_names_that_are_not_text_are_escaped_and_hashed_all_the_same(
        self, folder: Path
    ) -> None:
        below = os.fsencode(folder) + b"/d\xfe"
        os.mkdir(below)  # noqa: PTH102 - pathlib cannot say this in bytes
        for name in (b"a\xff", b"a\\xff"):
            Path(os.fsdecode(below + b"/" + name)).write_bytes(name)
        (unit,) = collector_of(folder).units()
        assert unit == "d\\xfe"
        found = read(folder, unit)
        digests = {s.location.name: s.artifact.digest.value for s in found.sightings}
        assert digests == {
            "d\\xfe/a\\xff": hashlib.sha256(b"a\xff").hexdigest(),
            "d\\xfe/a\\\\xff": hashlib.sha256(b"a\\xff").hexdigest(),
        }

    @given(st.binary())
    def test_what_is_shown_leads_back_to_the_same_file(self, name: bytes) -> None:
        path = os.fsdecode(name)
        assert raw(shown(path)) == path
        assert shown(path).encode("utf-8").decode("utf-8") == shown(path)

    def test_a_huge_file_is_refused_unread_and_the_others_are_scanned(self, folder: Path) -> None:
        put(folder, "app")
        with (folder / "huge").open("wb") as huge:
            huge.truncate(1 << 42)
        found = read(folder)
        assert found.names == ["app"]
        assert found.end is None
        assert found.error is not None
        assert found.error.reason == "TOO_LARGE"
        assert "limits.artifact_bytes" in str(found.error)

    def test_a_name_beyond_the_limit_is_refused_and_the_others_are_scanned(
        self, folder: Path
    ) -> None:
        put(folder, "app")
        put(folder, "x" * 100)
        found = read(folder, limits=Limits(name_characters=64))
        assert found.names == ["app"]
        assert found.error is not None
        assert found.error.reason == "TOO_LARGE"

    def test_a_folder_name_beyond_the_limit_ends_its_unit_only(self, folder: Path) -> None:
        put(folder, "x" * 100 + "/app")
        found = read(folder, "x" * 100, limits=Limits(name_characters=64))
        assert found.error is not None
        assert found.error.reason == "TOO_LARGE"


def stamp_of(file: Path) -> Stamp:
    return Stamp.of(file.stat())


def _chain(first: Discovery, rest: Iterator[Discovery]) -> Iterator[Discovery]:
    yield first
    yield from rest


class TestRescan:
    def test_an_unchanged_folder_is_not_read_again(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(folder, "a")
        put(folder, "a.asc", ARMOR)
        first = read(folder)
        assert first.end is not None
        assert first.end.state
        monkeypatch.setattr(FileContent, "chunks", _never_read)
        again = read(folder, memory=Remembered(first.end.state))
        assert (again.sets, again.sightings) == ({}, [])
        assert again.end == UnitEnd(first.end.state, unchanged=True)

    @pytest.mark.parametrize("change", ["content", "touched", "added", "removed", "evidence"])
    def test_any_change_makes_the_folder_read_again(self, folder: Path, change: str) -> None:
        file = put(folder, "a", b"before")
        put(folder, "b")
        put(folder, "a.asc", ARMOR)
        end = read(folder).end
        assert end is not None
        facts = file.stat()
        if change == "content":  # same length, and the modification time set back
            file.write_bytes(b"behind")
            os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            assert file.stat().st_mtime_ns == facts.st_mtime_ns
        elif change == "touched":
            os.utime(file, ns=(0, 0))
        elif change == "added":
            put(folder, "c")
        elif change == "removed":
            (folder / "b").unlink()
        else:
            put(folder, "a.asc", ARMOR + b"\n")
        again = read(folder, memory=Remembered(end.state))
        assert again.sightings
        assert again.end is not None
        assert not again.end.unchanged
        assert again.end.state != end.state

    def test_other_options_make_the_folder_read_again(self, folder: Path) -> None:
        put(folder, "a")
        end = read(folder, exclude=["a"]).end
        assert end is not None
        assert read(folder, memory=Remembered(end.state)).names == ["a"]

    def test_rehash_always_trusts_no_stamp(self, folder: Path) -> None:
        put(folder, "a")
        end = read(folder).end
        assert end is not None
        again = read(folder, memory=Remembered(end.state), rehash="always")
        assert again.names == ["a"]
        assert again.end == end


class TestUnreadable:
    """What the system does not let us read. As root that takes another user's eyes."""

    @pytest.fixture
    def someone(self) -> Iterator[Path]:
        # pytest's own folders are closed to everybody else.
        with tempfile.TemporaryDirectory() as base:
            Path(base).chmod(0o755)
            made, spool = Path(base) / "downloads", Path(base) / "spool"
            made.mkdir()
            spool.mkdir()
            yield made
            for path in made.rglob("*"):
                path.chmod(0o755)
            made.chmod(0o755)

    def test_a_file_leaves_the_unit_incomplete_and_the_others_are_seen(self, someone: Path) -> None:
        put(someone, "a")
        put(someone, "b").chmod(0)
        put(someone, "c")
        with seen_by_nobody(someone):
            found = read(someone)
        assert found.names == ["a", "c"]
        assert found.end is None
        assert found.error is not None
        assert found.error.reason == "SOURCE_DENIED"
        assert "let the user that Countersign runs as read it" in str(found.error)

    def test_evidence_makes_the_artifact_unknown_never_unsigned(self, someone: Path) -> None:
        put(someone, "a")
        put(someone, "a.asc", ARMOR).chmod(0)
        with seen_by_nobody(someone):
            found = read(someone)
        assert [unread.reason for unread in found.set_of("a").unread] == ["SOURCE_DENIED"]
        assert found.set_of("a").looked == ()
        assert found.end == UnitEnd(state="")

    def test_a_folder_is_a_unit_that_says_why(self, someone: Path) -> None:
        put(someone, "a/x")
        put(someone, "b/x")
        (someone / "a").chmod(0)
        with seen_by_nobody(someone):
            assert list(collector_of(someone).units()) == ["a", "b"]
            assert isinstance(read(someone, "a").error, DeniedError)
            assert read(someone, "b").names == ["b/x"]

    def test_a_folder_that_could_not_be_listed_stays_incomplete(self, someone: Path) -> None:
        put(someone, "a/below/x")
        (someone / "a").chmod(0)
        with seen_by_nobody(someone):
            collector = collector_of(someone)
            assert list(collector.units()) == ["a"]
        (someone / "a").chmod(0o755)
        # Nobody saw what is below it, so it must not end well even though it could be read now.
        assert isinstance(sort_out(collector.collect("a", NOTHING)).error, DeniedError)

    def test_the_whole_source_is_one_clear_error(self, someone: Path) -> None:
        someone.chmod(0)
        with seen_by_nobody(someone), pytest.raises(DeniedError, match="Permission denied"):
            list(collector_of(someone).units())


class TestMemory:
    def test_it_is_flat_in_the_size_of_a_file(self, folder: Path) -> None:
        put(folder, "small/x", b"\0" * (4 << 20))
        put(folder, "large/x", b"\0" * (40 << 20))
        read(folder, "small")
        small, large = peak(folder, ["small"]), peak(folder, ["large"])
        assert large <= 1.1 * small

    def test_it_is_flat_in_the_number_of_folders(self, folder: Path) -> None:
        put(folder, "000/app.tar.gz", b"\0" * (1 << 20))  # as much as is ever held of a file
        for number in range(1, 400):
            put(folder, f"{number:03}/app.tar.gz")
        units = list(collector_of(folder).units())
        peak(folder, units)  # fills the interpreter's own stocks of small objects
        assert peak(folder, units) <= 1.1 * peak(folder, units[:40])


def peak(folder: Path, units: Sequence[str]) -> int:
    """Return the most bytes held at once while the units are read and forgotten."""
    collector = collector_of(folder)
    tracemalloc.start()
    for unit in units:
        for _ in collector.collect(unit, NOTHING):
            pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@contextmanager
def seen_by_nobody(folder: Path) -> Iterator[None]:
    """Read as a user that file modes bind, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _never_read(self: FileContent) -> Iterator[bytes]:
    raise AssertionError(f"read again: {self.file}")
