"""The collector written down in docs/extending.md, run as it stands there."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import ClassVar, cast

import pytest

from collectors.collector import Collector, Memory, Surroundings
from core.errors import UnreachableError
from core.limits import Limits
from core.model import Discovery, EvidenceSet, Sighting, UnitEnd
from net.http import Http

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


class Served(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {"/a.bin": b"a", "/a.bin.sig": b"signature", "/b.bin": b"b"}

    def do_GET(self) -> None:
        body = self.files.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        del format, args


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    module = ModuleType("web_files")
    monkeypatch.setitem(sys.modules, "web_files", module)  # pydantic looks names up there
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    return module


def collect(written: ModuleType, address: str, spool: Path, files: list[str]) -> list[Discovery]:
    limits = Limits(attempts=1)
    http = Http(limits, home=address)
    options = written.WebFilesOptions.model_validate({"url": address, "files": files})
    surroundings = Surroundings(http, limits, {}, base=spool, spool=spool)
    collector: Collector = written.WebFilesCollector("web", options, surroundings)
    try:
        (unit,) = collector.units()
        return list(collector.collect(unit, cast("Memory", None)))
    finally:
        http.close()


def test_it_finds_artifacts_and_their_signatures(
    written: ModuleType, address: str, tmp_path: Path
) -> None:
    signed, of_a, unsigned, of_b, end = collect(written, address, tmp_path, ["a.bin", "b.bin"])
    assert isinstance(signed, EvidenceSet)
    assert [piece.content for piece in signed.evidence] == [b"signature"]
    assert isinstance(of_a, Sighting)
    assert of_a.artifact.digest.value == hashlib.sha256(b"a").hexdigest()
    assert of_a.evidence_set == signed.key
    assert isinstance(unsigned, EvidenceSet)
    assert unsigned.evidence == ()
    assert unsigned.looked == (f"{address}/b.bin.sig",)
    assert isinstance(of_b, Sighting)
    assert end == UnitEnd()


def test_a_missing_artifact_leaves_the_unit_incomplete(
    written: ModuleType, address: str, tmp_path: Path
) -> None:
    with pytest.raises(UnreachableError, match="answered 404"):
        collect(written, address, tmp_path, ["gone.bin"])
