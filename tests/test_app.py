"""The command line as people and pipelines meet it: exit codes, words, one JSON object."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

import app
from core.errors import ConfigurationError, StorageError, UnavailableError, UsageError
from jobs.estate import build_estate

ROOT = Path(__file__).parent.parent
PATIENCE = 60


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "app.py"), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, cwd=cwd, check=False
    )


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (ConfigurationError("x", path="f", line=1, column=2), 2),
        (click.UsageError("x"), 2),
        (StorageError("x"), 70),
        (UnavailableError("x"), 2),
        (PermissionError(errno.EACCES, "no", "f"), 2),
        (OSError(errno.EMFILE, "too many open files"), 70),
        (ConnectionResetError(errno.ECONNRESET, "reset"), 70),
        (BrokenPipeError(errno.EPIPE, "gone"), 130),
        (RuntimeError("x"), 70),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_error_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = click.Command("fail", callback=failing(error))
    monkeypatch.setitem(app.countersign.commands, "fail", command)
    assert app.main(["fail"]) == code


def test_unknown_command_is_usage() -> None:
    assert run("nonsense").returncode == 2


def test_settings_that_are_not_there_say_how_to_get_them(tmp_path: Path) -> None:
    said = run("scan", cwd=tmp_path)
    assert said.returncode == 2
    assert "countersign init" in said.stderr


def test_a_mistake_in_the_settings_has_line_column_and_fix(tmp_path: Path) -> None:
    (tmp_path / "countersign.yaml").write_text("sources:\n  - {id: a, kind: file_tre, path: .}\n")
    run("db", "upgrade", cwd=tmp_path)
    said = run("scan", cwd=tmp_path)
    assert said.returncode == 2
    assert "countersign.yaml:2:" in said.stderr
    assert "file_tree" in said.stderr


def test_init_scan_and_check_go_through_and_init_twice_is_refused(tmp_path: Path) -> None:
    assert run("init", "--example", cwd=tmp_path).returncode == 0
    said = run("scan", "--json", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    document = json.loads(said.stdout)
    assert set(document) == {"sources", "seconds", "peak_rss_mib"}
    (source,) = document["sources"]
    planted = build_estate(tmp_path / "example").cases
    assert source["artifacts"] == len(planted)
    assert source["verified"] == sum(case.status == "verified" for case in planted)
    assert set(source) == {
        "id", "kind", "state", "artifacts", "verified", "failed", "unsigned", "unknown",
        "requests", "bytes", "rows_written", "seconds", "errors",
    }  # fmt: skip
    assert run("db", "check", cwd=tmp_path).stdout == "0 differences\n"
    assert run("db", "backup", "copy.db", cwd=tmp_path).returncode == 0
    assert run("db", "backup", "copy.db", cwd=tmp_path).returncode == 2
    assert run("sources", "list", cwd=tmp_path).stdout.startswith("example\t")
    assert run("sources", "check", cwd=tmp_path).returncode == 0
    assert run("init", cwd=tmp_path).returncode == 2


def test_scan_of_a_source_out_of_reach_exits_3(tmp_path: Path) -> None:
    (tmp_path / "countersign.yaml").write_text(
        "limits: {attempts: 1, connect_seconds: 1}\n"
        "sources: [{id: r, kind: oci, url: 'http://127.0.0.1:9', repositories: [a]}]\n"
    )
    assert run("db", "upgrade", cwd=tmp_path).returncode == 0
    said = run("scan", cwd=tmp_path)
    assert said.returncode == 3
    assert "SOURCE_UNREACHABLE" in said.stdout
    checked = run("sources", "check", cwd=tmp_path)
    assert checked.returncode == 3
    assert checked.stdout.startswith("r: ")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_serve_answers_scans_beside_and_ctrl_c_stops_everything(
    tmp_path: Path, taken_port: int
) -> None:
    assert run("init", "--example", cwd=tmp_path).returncode == 0
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "serve", "--port", str(taken_port)], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Countersign is at " in line:
                break
        address = said[-1].split("Countersign is at ")[1].split()[0]
        try:
            answer = answer_of(address + "readyz")  # what is announced listens already
            os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE)
        finally:
            process.kill()
    assert answer == b"ready\n"
    assert any(line.startswith(f"Port {taken_port} is taken") for line in said), said
    left = subprocess.run(
        ["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert left.stdout == ""


def answer_of(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        return bytes(answer.read())
