"""The collectors written down in docs/extending.md, run as they stand there."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from collectors.collector import Collector, Surroundings
from core.errors import CollectionError, DeniedError, MalformedError, UnreachableError
from core.limits import Limits
from core.model import (
    Accepts,
    Discovery,
    EvidenceSet,
    IndexKept,
    Outcome,
    Sighting,
    Trust,
    UnitEnd,
)
from net.http import Http
from tests.fakes.static_server import StaticServer, static_server
from tests.fakes.unit_memory import UnitMemory
from tests.verification.specimens import NOW, PrivateKey, key_entry, private_key, sign
from verification.format import Setting
from verification.verifier import verify

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


LIMITS = Limits(attempts=1)
KEY = private_key("p256")
SUMS = f"{hashlib.sha256(b'a').hexdigest()}  a.bin\n".encode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StaticServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    files = {"a.bin": b"a", "a.bin.sig": sign(KEY, b"a"), "b.bin": b"b", "SUMS": SUMS}
    for name, content in {**files, "SUMS.sig": sign(KEY, SUMS)}.items():
        (folder / name).write_bytes(content)
    with static_server(folder) as served:
        yield served


def written(monkeypatch: pytest.MonkeyPatch, kind: str) -> tuple[type[BaseModel], type[Collector]]:
    """Return options and collector of the block on the page that defines them."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if f"class {kind}Collector" in block]
    module = ModuleType(kind)
    name = {"WebFiles": "collectors.web_files"}.get(kind, kind)  # as the page says
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, kind, module)  # pydantic looks names up there
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    return getattr(module, f"{kind}Options"), getattr(module, f"{kind}Collector")


class Reader:
    """One collector of the page at work, with a memory from scan to scan."""

    def __init__(self, made: tuple[type[BaseModel], type[Collector]], spool: Path) -> None:
        (self.options, self.collector), self.spool = made, spool
        self.memory = UnitMemory()
        self.judged: list[Outcome] = []

    def scan(self, server: StaticServer, path: str = "", **options: object) -> list[Discovery]:
        url = server.url + path
        http = Http(LIMITS, home=url)
        around = Surroundings(http, LIMITS, {}, base=self.spool, spool=self.spool)
        chosen = self.options.model_validate({"url": url, **options})
        collector = self.collector("web", chosen, around)
        try:
            (unit,) = collector.units()
            return self.memory.keep(self._judging(collector.collect(unit, self.memory)))
        finally:
            http.close()

    def _judging(self, found: Iterator[Discovery]) -> Iterator[Discovery]:
        """Verify evidence when it comes, as a scan does: its file may be gone afterwards."""
        setting = Setting(Trust((key_entry(KEY),)), NOW, LIMITS)
        self.judged = []
        for one in found:
            if isinstance(one, EvidenceSet):
                by = setting if one.trust is None else replace(setting, trust=one.trust)
                self.judged += [verify(piece, by).outcome for piece in one.evidence]
            yield one


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reader:
    return Reader(written(monkeypatch, "WebFiles"), tmp_path)


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reader:
    return Reader(written(monkeypatch, "WebSums"), tmp_path)


# --- files, each with its signature --------------------------------------------------------------


def test_it_finds_artifacts_and_their_signatures(files: Reader, server: StaticServer) -> None:
    found = files.scan(server, files=["a.bin", "b.bin", "a.bin"])
    signed, of_a, unsigned, of_b, end = found
    assert isinstance(signed, EvidenceSet)
    assert files.judged == [Outcome.VERIFIED]
    assert isinstance(of_a, Sighting)
    assert of_a.artifact.digest.value == hashlib.sha256(b"a").hexdigest()
    assert of_a.evidence_set == signed.key
    assert isinstance(unsigned, EvidenceSet)
    assert (unsigned.evidence, unsigned.unread) == ((), ())
    assert unsigned.looked == (f"{server.url}/b.bin.sig",)
    assert isinstance(of_b, Sighting)
    assert end == UnitEnd()
    assert not [file for file in files.spool.iterdir() if file.is_file()]


def test_a_missing_artifact_leaves_the_unit_incomplete(files: Reader, server: StaticServer) -> None:
    with pytest.raises(UnreachableError, match=r"gone\.bin: answered 404; correct `files` of web"):
        files.scan(server, files=["gone.bin", "a.bin"])
    assert files.judged == [Outcome.VERIFIED]  # the others were read


@pytest.mark.parametrize(
    ("answer", "reason"),
    [((200, b"x" * (LIMITS.evidence_bytes + 1)), "TOO_LARGE"), ((418, b""), "SOURCE_UNREACHABLE")],
)
def test_attack_13_a_signature_that_cannot_be_read_is_never_an_absent_one(
    files: Reader, server: StaticServer, answer: tuple[int, bytes], reason: str
) -> None:
    server.answers["/a.bin.sig"] = answer
    told = files.scan(server, files=["a.bin"])[0]
    assert isinstance(told, EvidenceSet)
    assert [one.reason for one in told.unread] == [reason]


def test_a_server_that_refuses_leaves_the_last_look(files: Reader, server: StaticServer) -> None:
    server.answers["/a.bin.sig"] = (403, b"")
    with pytest.raises(DeniedError):
        files.scan(server, files=["a.bin"])


# --- files, by a key of the collector's own finding -----------------------------------------------


def keyed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Reader:
    written(monkeypatch, "WebFiles")  # what it builds on
    return Reader(written(monkeypatch, "WebKeyed"), folder)


@pytest.mark.parametrize(
    ("key", "outcome"),
    [(KEY, Outcome.VERIFIED), (private_key("p384"), Outcome.INVALID)],
    ids=["the one", "another"],
)
def test_a_collector_of_own_trust_tells_of_it_first(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    server: StaticServer,
    key: PrivateKey,
    outcome: Outcome,
) -> None:
    (tmp_path / "key.pem").write_bytes(key_entry(key).content)
    reader = keyed(monkeypatch, tmp_path)
    first, *others = reader.scan(server, files=["a.bin", "b.bin"], key="key.pem")
    assert isinstance(first, Accepts)
    sets = [one for one in others if isinstance(one, EvidenceSet)]
    assert [one.trust for one in sets] == [first.trust] * 2
    assert reader.judged == [outcome]
    assert others[-1] == UnitEnd()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "SOURCE_UNREACHABLE"), (b"x" * (LIMITS.evidence_bytes + 1), "TOO_LARGE")],
)
def test_a_key_that_cannot_be_read_ends_the_unit_before_the_source_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    server: StaticServer,
    content: bytes | None,
    reason: str,
) -> None:
    if content is not None:
        (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(CollectionError) as raised:
        keyed(monkeypatch, tmp_path).scan(server, files=["a.bin"], key="key.pem")
    assert raised.value.reason == reason
    assert server.requests == []


# --- a list that names its files -----------------------------------------------------------------


def test_a_signed_list_vouches_for_what_it_names(sums: Reader, server: StaticServer) -> None:
    told, kept, of_a, end = sums.scan(server, "/SUMS")
    assert isinstance(told, EvidenceSet)
    assert told.is_list
    assert sums.judged == [Outcome.VERIFIED]
    assert isinstance(kept, IndexKept)
    assert b"".join(kept.content.chunks()) == SUMS  # still there after the end
    assert isinstance(of_a, Sighting)
    assert of_a.artifact.digest.value == hashlib.sha256(b"a").hexdigest()
    assert isinstance(end, UnitEnd)
    assert sums.memory.accepted() == end.accepted == f"sha256:{hashlib.sha256(SUMS).hexdigest()}"


def test_a_line_that_may_be_of_two_algorithms_names_nothing(
    sums: Reader, server: StaticServer
) -> None:
    (server.folder / "SUMS").write_text(f"{hashlib.sha512(b'a').hexdigest()}  a.bin\n")
    with pytest.raises(MalformedError, match=r"a\.bin: SHA-512 or BLAKE2b"):
        sums.scan(server, "/SUMS")


def test_an_unchanged_list_is_said_to_be_so(sums: Reader, server: StaticServer) -> None:
    sums.scan(server, "/SUMS")
    accepted = sums.memory.accepted()
    (end,) = sums.scan(server, "/SUMS")
    assert isinstance(end, UnitEnd)
    assert end.unchanged
    assert sums.memory.accepted() == accepted


@pytest.mark.parametrize("signature", [None, b""])
def test_a_list_without_its_signature_is_another_one(
    sums: Reader, server: StaticServer, signature: bytes | None
) -> None:
    sums.scan(server, "/SUMS")
    (server.folder / "SUMS.sig").unlink()
    if signature is not None:
        (server.folder / "SUMS.sig").write_bytes(signature)
    told, *_ = sums.scan(server, "/SUMS")
    assert isinstance(told, EvidenceSet)
    assert len(told.evidence) == (signature is not None)
    assert Outcome.VERIFIED not in sums.judged


def test_a_list_whose_signature_is_out_of_reach_ends_the_unit(
    sums: Reader, server: StaticServer
) -> None:
    server.answers["/SUMS.sig"] = (500, b"")
    with pytest.raises(UnreachableError):
        sums.scan(server, "/SUMS")
    assert sums.judged == []
