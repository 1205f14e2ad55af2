"""`scan` as people read it: nothing before an error, nothing twice, nothing cut off."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import app

LONG = "the-platform-teams-own-mirror-of-the-archive-for-all-its-builds"
HEADINGS = ("source", "state", "artifacts", "verified", "failed", "unsigned", "unknown", "requests")
PATIENCE = 60
Scan = Callable[..., tuple[int, str, str]]


@pytest.fixture
def scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Scan:
    """Scan a workspace of two sources; return the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("tree").mkdir()
    tmp_path.joinpath("tree", "a.txt").write_text("content")
    sources = ", ".join(f"{{id: {name}, kind: file_tree, path: tree}}" for name in ("a", LONG))
    tmp_path.joinpath("countersign.yaml").write_text(f"sources: [{sources}]\n")
    assert app.main(["db", "upgrade"]) == 0

    def scanned(*words: str, command: tuple[str, ...] = ("scan",)) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            code: object = app.main([*command, *words])
        except SystemExit as end:
            code = end.code
        assert isinstance(code, int)
        return (code, *capfd.readouterr())

    return scanned


@pytest.mark.parametrize("command", [("scan",), ("sources", "check")], ids=" ".join)
def test_an_unknown_source_is_refused_before_anything_is_drawn_or_read(
    scan: Scan, command: tuple[str, ...]
) -> None:
    code, out, err = scan("a", "nope", command=command)
    assert (code, out) == (2, "")
    assert err.startswith("countersign: no source `nope` in ")


def test_a_source_named_twice_is_scanned_once(scan: Scan) -> None:
    code, out, _ = scan("a", LONG, "a", "--json")
    assert code == 0
    assert [one["id"] for one in json.loads(out)["sources"]] == ["a", LONG]


def test_a_source_named_twice_is_checked_once(scan: Scan) -> None:
    code, out, _ = scan("a", "a", command=("sources", "check"))
    assert code == 0
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(("names", "said"), [(("a",), "1 source in "), ((), "2 sources in ")])
def test_the_last_line_counts_in_plain_words(scan: Scan, names: tuple[str, ...], said: str) -> None:
    assert scan(*names)[1].splitlines()[-1].startswith(said)


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_headings_and_names_are_whole_on_every_terminal(
    scan: Scan, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    _, out, _ = scan(LONG)
    table = out[out.index("source ") :].splitlines()[:-1]
    assert tuple(table[0].split())[: len(HEADINGS)] == HEADINGS
    assert "complete" in table[1]
    assert "".join(line.split()[0] for line in table[1:]) == LONG
    assert "…" not in out[out.index("source ") :]


def test_ctrl_c_does_not_wait_for_a_source_that_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        tmp_path.joinpath("countersign.yaml").write_text(
            "limits: {attempts: 1, read_seconds: 600}\n"
            f"sources: [{{id: r, kind: oci, url: '{url}', repositories: [a]}}]\n"
        )
        program = [sys.executable, app.__file__]
        subprocess.run([*program, "db", "upgrade"], cwd=tmp_path, check=True, capture_output=True)
        scanning = subprocess.Popen(
            [*program, "scan", "--json"], cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # a shell that runs the tests in its background has them ignore it
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - nothing else is run before the program
        )  # fmt: skip
        silent.settimeout(PATIENCE)
        with scanning, silent.accept()[0] as asked:
            assert asked.recv(4)  # the request is under way
            scanning.send_signal(signal.SIGINT)
            try:
                scanning.communicate(timeout=PATIENCE)
            finally:
                scanning.kill()
    assert scanning.returncode == 130
